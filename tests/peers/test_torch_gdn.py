"""GDN in PyTorch: values and gradients beside its convolution, the layer beside CompressAI's."""

import numpy as np
import pytest
from comparison import peer

import lrncore

torch = peer("torch", "torch")
from torch import nn  # noqa: E402  (after the skip)

import lrncore.torch  # noqa: E402


def convolved(x, gamma, beta, inverse=False):
    """Return what CompressAI's layer computes."""
    norm = nn.functional.conv2d(x**2, gamma.reshape(*gamma.shape, 1, 1), beta)
    return x * torch.sqrt(norm) if inverse else x * torch.rsqrt(norm)


def case(dtype=torch.float64, channels=7):
    torch.manual_seed(0)
    x = torch.randn(2, channels, 5, 6, dtype=dtype, requires_grad=True)
    gamma = torch.rand(channels, channels, dtype=dtype, requires_grad=True)
    beta = (0.5 + torch.rand(channels, dtype=dtype)).requires_grad_()
    return x, gamma, beta


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradients(memory_format, inverse):
    x, gamma, beta = case()
    x = x.detach().to(memory_format=memory_format).requires_grad_()
    y, expected = lrncore.torch.gdn(x, gamma, beta, inverse=inverse), convolved(x, gamma, beta, inverse)
    torch.testing.assert_close(y, expected, rtol=1e-13, atol=1e-13)
    assert y.stride() == x.stride()
    g = torch.randn_like(x)
    found, right = (torch.autograd.grad(each, (x, gamma, beta), g) for each in (y, expected))
    for a, b in zip(found, right, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_gradients_of_both_orders_are_those_of_differences():
    x, gamma, beta = case(channels=3)
    x = x[:1, :, :2, :2].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda *t: lrncore.torch.gdn(*t, 1.5, 0.7), (x, gamma, beta))
    assert torch.autograd.gradgradcheck(lrncore.torch.gdn, (x, gamma, beta))


def test_an_array_and_a_tensor_have_the_same_bits():
    x, gamma, beta = (each.detach() for each in case(torch.float32))
    y = lrncore.torch.gdn(x, gamma, beta)
    np.testing.assert_array_equal(y.numpy(), lrncore.gdn(x.numpy(), gamma.numpy(), beta.numpy()))
    trained = lrncore.torch.gdn(x.requires_grad_(), gamma, beta)
    torch.testing.assert_close(trained, y, rtol=0, atol=0)


def test_numbers_out_of_range_have_gradients_too():
    x, gamma, beta = case(torch.float32)
    with torch.no_grad():
        x[0, :, 0, 0] *= 1e25
    y = lrncore.torch.gdn(x, gamma, beta)
    g = torch.randn_like(x)
    grads = torch.autograd.grad(y, (x, gamma, beta), g)
    right = lrncore.gdn_backward(*(each.detach().numpy() for each in (g, x, gamma, beta)))
    for found, expected in zip(grads, right, strict=True):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-30)


def test_compiled():
    x, gamma, beta = case()
    compiled = torch.compile(lambda x: 2 * lrncore.torch.gdn(x, gamma, beta), backend="aot_eager")
    torch.testing.assert_close(compiled(x), 2 * convolved(x, gamma, beta))
    compiled(x).sum().backward()
    found = x.grad.clone()
    x.grad = None
    (2 * convolved(x, gamma, beta)).sum().backward()
    torch.testing.assert_close(found, x.grad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves(dtype):
    x, gamma, beta = (each.detach() for each in case(torch.float32))
    x = x.to(dtype)
    y = lrncore.torch.gdn(x, gamma, beta)
    torch.testing.assert_close(y, lrncore.torch.gdn(x.float(), gamma, beta).to(dtype), rtol=0, atol=0)


class Parametrizer(nn.Module):
    """What CompressAI stores a parameter by, as a few lines."""

    def __init__(self, minimum=0.0):
        super().__init__()
        self.register_buffer("pedestal", torch.tensor([2.0**-36]))
        self.bound = (minimum + 2.0**-36) ** 0.5

    def forward(self, stored):
        return torch.clamp(stored, min=self.bound) ** 2 - self.pedestal


class Theirs(nn.Module):
    """CompressAI's layer, as a few lines."""

    def __init__(self, channels, inverse=False):
        super().__init__()
        self.inverse = inverse
        self.beta_reparam, self.gamma_reparam = Parametrizer(1e-6), Parametrizer()
        self.beta = nn.Parameter(torch.sqrt(torch.ones(channels) + 2.0**-36))
        self.gamma = nn.Parameter(torch.sqrt(0.1 * torch.eye(channels) + 2.0**-36))

    def forward(self, x):
        return convolved(x, self.gamma_reparam(self.gamma), self.beta_reparam(self.beta), self.inverse)


@pytest.mark.parametrize("inverse", [False, True])
def test_a_layer_takes_the_weights_of_compressai(inverse):
    theirs = Theirs(6, inverse)
    with torch.no_grad():
        theirs.gamma += 0.3 * torch.rand(6, 6)
        theirs.beta -= torch.linspace(0, 2, 6)
    ours = lrncore.torch.GDN(6, inverse)
    model = nn.ModuleList([ours])
    model.load_state_dict(nn.ModuleList([theirs]).state_dict())  # its buffers are constants
    with pytest.raises(RuntimeError, match="Unexpected key"):
        model.load_state_dict(model.state_dict() | {"0.bias": torch.ones(6)})
    x = torch.randn(2, 6, 4, 5)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-6, atol=1e-6)


def test_the_gradient_passes_the_bound_towards_the_inside_only():
    layer = lrncore.torch.GDN(2)
    with torch.no_grad():
        layer.gamma.fill_(-1.0)
    layer(torch.ones(1, 2, 1, 1)).sum().backward()  # a step down raises gamma, back above the bound
    assert (layer.gamma.grad < 0).all()
    layer.gamma.grad = None
    (-layer(torch.ones(1, 2, 1, 1)).sum()).backward()
    assert not layer.gamma.grad.any()


def test_errors():
    x = torch.ones(1, 2, 1, 1)
    with pytest.raises(ValueError, match=r"^gamma must have the shape \(2, 2\), got \(3, 3\)$"):
        lrncore.torch.gdn(x, torch.ones(3, 3), torch.ones(2))
    with pytest.raises(TypeError, match=r"^input must be float32, float64, float16 or bfloat16, got torch\.int64$"):
        lrncore.torch.gdn(x.long(), torch.ones(2, 2), torch.ones(2))
