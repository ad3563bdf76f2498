"""lrncore.torch along other dimensions than the channels' and along several: `dim`, with every derivative."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
from comparison import assert_close, peer, values

torch = peer("torch", "torch")
from test_torch_derivatives import FIRST, FURTHER  # noqa: E402
from torch.nn import functional  # noqa: E402  (after the skip)

import lrncore  # noqa: E402
from lrncore import torch as ours  # noqa: E402
from lrncore.torch import LearnableLocalResponseNorm, LocalResponseNorm, local_response_norm  # noqa: E402

STRONG = {"size": 4, "alpha": 4.0, "beta": 0.75, "k": 0.5}
PLACES = (2, 3)
strong = partial(local_response_norm, **STRONG, dim=PLACES)


def normal(*shape, dtype=torch.float64, seed=0):
    return torch.from_numpy(values(shape, np.float64, seed)).to(dtype)


def pooled(x, size, alpha, beta, k):
    """Return the LRN within a channel that PyTorch can say: k + alpha times the mean of a box."""
    margins = (size // 2, (size - 1) // 2)
    squares = functional.pad((x * x).flatten(0, 1)[:, None], 2 * margins)
    return x * (k + alpha * functional.avg_pool2d(squares, size, 1)[:, 0].unflatten(0, x.shape[:2])) ** -beta


strong_of_theirs = partial(pooled, **STRONG)


def gradient(function, x, g):
    leaf = x.detach().requires_grad_()
    return torch.autograd.grad(function(leaf), leaf, g)[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 9])
def test_numbers_and_gradients_are_those_of_pooled_squares(size, dtype):
    for memory_format in (torch.contiguous_format, torch.channels_last):
        x, g = (normal(2, 5, 7, 9, dtype=dtype, seed=seed).to(memory_format=memory_format) for seed in range(2))
        parameters = {"alpha": 4.0, "beta": 0.6, "k": 0.5}
        y = local_response_norm(x, size, **parameters, dim=(-1, -2))
        assert_close(y, pooled(x, size, **parameters))
        assert y.is_contiguous(memory_format=memory_format)
        found = gradient(partial(local_response_norm, size=size, **parameters, dim=PLACES), x, g)
        assert_close(found, gradient(partial(pooled, size=size, **parameters), x, g))


@pytest.mark.parametrize("dim", [0, 1, -1, (1,), (2, 3), (1, 2, 3), (0, 2), ()], ids=str)
def test_dim_is_the_axis_of_lrncore(dim):
    for dtype in (torch.float32, torch.float16):
        x = normal(3, 6, 5, 4, dtype=dtype)
        y = local_response_norm(x, **STRONG, dim=dim)
        expected = lrncore.local_response_norm(x.numpy(), **STRONG, axis=dim)
        assert np.array_equal(y.numpy(), expected)
        assert torch.equal(LocalResponseNorm(**STRONG, dim=dim)(x), y)


def test_one_dimension_is_enough_where_dim_says_so():
    x = normal(9)
    assert np.array_equal(local_response_norm(x, 3, dim=0), lrncore.local_response_norm(x.numpy(), 3, axis=0))


@pytest.mark.parametrize("operator", ["lrn", "lrn_backward", "lrn_jvp"])
@pytest.mark.parametrize("dim", [[2, 3], [0, 2], []], ids=str)
def test_operator_keeps_the_rules_of_torch(operator, dim):
    x = normal(2, 3, 5, 4, dtype=torch.float32).requires_grad_()
    tensors = (x,) if operator == "lrn" else (torch.randn_like(x).requires_grad_(), x)
    found = torch.library.opcheck(getattr(torch.ops.lrncore, operator), (*tensors, 2, 1, 0.25, 0.75, 0.5, dim))
    assert set(found.values()) == {"SUCCESS"}


# ---- derivatives ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [(2, 3), (0, 2), 3, ()], ids=str)
def test_derivatives_are_finite_differences(dim):
    x = normal(2, 1, 3, 3).requires_grad_()

    def function(x):
        return local_response_norm(x, 2, 4.0, 0.75, 0.5, dim=dim)

    assert torch.autograd.gradcheck(
        function, x, check_forward_ad=True, check_batched_grad=True, check_batched_forward_grad=True
    )
    assert torch.autograd.gradgradcheck(function, x, check_fwd_over_rev=True)


@pytest.mark.parametrize("transform", [pytest.param(f, id=name) for name, f in (FIRST | FURTHER).items()])
def test_transform(transform):
    x = normal(2, 3, 3, 2)
    assert_close(transform(strong, x), transform(strong_of_theirs, x))


def test_of_samples_the_dimensions_are_counted_without_the_batch():
    x = normal(4, 3, 5, 6)
    batched = torch.func.vmap(partial(local_response_norm, **STRONG, dim=(1, -1)))(x)
    assert torch.equal(batched, strong(x))


def test_compiled():
    x, g = normal(2, 3, 5, 6), normal(2, 3, 5, 6, seed=1)
    compiled = torch.compile(strong, backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(x), strong(x))
    assert torch.equal(gradient(compiled, x, g), gradient(strong, x, g))


def test_compiled_for_other_dimensions():
    compiled = torch.compile(local_response_norm, backend="eager", fullgraph=True)
    x = normal(2, 3, 5, 6)
    for dim in (1, 2, (2, 3), (1, 2), -1):
        assert torch.equal(compiled(x, **STRONG, dim=dim), local_response_norm(x, **STRONG, dim=dim))


# ---- layers -----------------------------------------------------------------------------------------------


def test_layer_is_a_module_like_any_other():
    layer, x = LocalResponseNorm(3, dim=PLACES), normal(2, 3, 4, 5)
    assert repr(layer) == "lrncore.LocalResponseNorm(3, alpha=0.0001, beta=0.75, k=1.0, dim=(2, 3))"
    for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), ours.replace(layer)):  # noqa: S301
        assert copied.dim == PLACES
        assert torch.equal(copied(x), layer(x))


def test_layer_that_is_replaced_takes_the_channels():
    model = ours.replace(torch.nn.LocalResponseNorm(3))
    assert model.dim == 1
    assert repr(model) == "lrncore.LocalResponseNorm(3, alpha=0.0001, beta=0.75, k=1.0)"


def test_traced():
    x = normal(2, 3, 4, 5)
    layer = LocalResponseNorm(3, alpha=9.0, dim=PLACES)
    assert torch.equal(torch.export.export(layer, (x,)).module()(x), layer(x))
    assert torch.equal(torch.jit.trace(layer, x)(x), layer(x))
    assert torch.equal(torch.fx.symbolic_trace(layer)(x), layer(x))


@pytest.mark.parametrize("dim", [(2, 3), 2], ids=str)
def test_learned_parameters(dim):
    layer = LearnableLocalResponseNorm(**STRONG, dim=dim, dtype=torch.float64)
    assert repr(layer).endswith(f", dim={dim})")
    x, g = normal(2, 3, 4, 5), normal(2, 3, 4, 5, seed=1)
    assert torch.equal(layer(x), local_response_norm(x, **STRONG, dim=dim))
    found = torch.autograd.grad(layer(x), (layer.alpha, layer.beta, layer.k), g)
    elements = STRONG["size"] ** np.size(dim)
    spec = lrncore.LRNSpec(2, 1, STRONG["alpha"] / elements, STRONG["beta"], STRONG["k"])
    expected = lrncore.lrn_param_grads(g.numpy(), x.numpy(), spec, dim)
    assert_close(torch.stack(found), [expected.scale / elements, expected.beta, expected.k])


def test_derivatives_of_learned_parameters_are_finite_differences():
    x = normal(1, 2, 3, 3).requires_grad_()
    parameters = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (4.0, 0.75, 0.5)]

    def function(x, *parameters):
        return local_response_norm(x, 2, *parameters, dim=PLACES)

    assert torch.autograd.gradcheck(function, (x, *parameters), check_forward_ad=True, check_batched_grad=False)
    assert torch.autograd.gradgradcheck(function, (x, *parameters))


# ---- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dim", "error", "message"),
    [
        (4, IndexError, "dim must be in [-4, 4) for an array of 4 dimensions, got 4"),
        ((2, -5), IndexError, "dim must be in [-4, 4) for an array of 4 dimensions, got -5"),
        ((2, -2), ValueError, "dim must not repeat an axis, got (2, -2) for an array of 4 dimensions"),
        ([2, 3], TypeError, "dim must be an int or a tuple of ints, got [2, 3] (list)"),
        (1.5, TypeError, "dim must be an int or a tuple of ints, got 1.5 (float)"),
    ],
    ids=str,
)
def test_dim_that_does_not_fit(dim, error, message):
    with pytest.raises(error) as refused:
        local_response_norm(normal(2, 3, 4, 5), 3, dim=dim)
    assert str(refused.value) == message


def test_layer_checks_the_type_of_dim():
    for layer in (LocalResponseNorm, LearnableLocalResponseNorm):
        with pytest.raises(TypeError, match=r"^dim must be an int or a tuple of ints, got \[2, 3\] \(list\)$"):
            layer(3, dim=[2, 3])
