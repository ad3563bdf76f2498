"""Learning alpha, beta and k in PyTorch: the kernels' gradients, and what a module has to bear."""

import copy
import io

import numpy as np
import pytest
from comparison import CASES, assert_close, peer, values

torch = peer("torch", "torch")
from torch.func import functional_call, grad, hessian, jvp, stack_module_state, vmap  # noqa: E402  (after the skip)
from torch.nn.functional import local_response_norm as theirs  # noqa: E402

import lrncore  # noqa: E402
from lrncore import _torch as operators  # noqa: E402
from lrncore.torch import LearnableLocalResponseNorm, LocalResponseNorm, local_response_norm  # noqa: E402

NAMES = ("alpha", "beta", "k")
START = {"alpha": 1.0, "beta": 0.75, "k": 0.5}


def normal(*shape, dtype=torch.float64, seed=0):
    return torch.from_numpy(values(shape, np.float64, seed)).to(dtype)


def tensors(size, alpha, beta, k, dtype=torch.float64):
    """Return the parameters as leaves."""
    return size, *(torch.tensor(value, dtype=dtype, requires_grad=True) for value in (alpha, beta, k))


def gradients(function, x, size, *parameters, g):
    """Return the gradients of sum(g * function(...)) with respect to x and the parameters."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(function(x, size, *parameters), (x, *parameters), g)


@pytest.fixture
def layer():
    return LearnableLocalResponseNorm(4, **START, dtype=torch.float64)


@pytest.fixture
def passes(monkeypatch):
    """Note which passes of the kernels run."""
    noted = []
    computed, param_grads = operators._computed, operators._param_grads
    monkeypatch.setattr(operators, "_computed", lambda what, *rest: noted.append(what) or computed(what, *rest))
    monkeypatch.setattr(operators, "_param_grads", lambda *rest: noted.append("parameters") or param_grads(*rest))
    return noted


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradients_of_torch(case):
    x, g = normal(*case.shape), normal(*case.shape, seed=1)
    of = gradients(local_response_norm, x, *tensors(*case[:4]), g=g)
    for found, expected in zip(of, gradients(theirs, x, *tensors(*case[:4]), g=g), strict=True):
        assert_close(found, expected)


@pytest.mark.parametrize("size", [1, 2, 5, 16])
def test_gradients_are_finite_differences(size):
    x = normal(2, 5, 3).requires_grad_()
    _, *parameters = tensors(size, **START)

    def function(x, *parameters):
        return local_response_norm(x, size, *parameters)

    assert torch.autograd.gradcheck(function, (x, *parameters), check_forward_ad=True, check_batched_grad=False)
    assert torch.autograd.gradgradcheck(function, (x, *parameters))


def test_layer_computes_what_the_fixed_layer_does(layer):
    x = normal(3, 8, 5, 4).to(memory_format=torch.channels_last)
    assert torch.equal(layer(x), LocalResponseNorm(4, **START)(x))
    assert layer(x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_halves(dtype, layer):
    """The parameters stay in float64, and get the gradients of the same numbers in float32, but for rounding g."""
    x, g = normal(3, 8, 5, dtype=dtype), normal(3, 8, 5, dtype=dtype, seed=1)
    found = torch.autograd.grad(layer(x), tuple(layer.parameters()), g)
    expected = torch.autograd.grad(layer(x.float()), tuple(layer.parameters()), g.float())
    assert layer(x).dtype == dtype
    assert found == expected


# which of the passes a backward takes, by what wants a gradient
WANTED = {
    "x": (("x",), ["backward"]),
    "parameters": (NAMES, ["parameters"]),
    "one": (("k",), ["parameters"]),
    "all": (("x", *NAMES), ["backward", "parameters"]),
}


@pytest.mark.parametrize(("wanted", "expected"), WANTED.values(), ids=WANTED)
def test_only_what_is_wanted_is_computed(wanted, expected, passes):
    x = normal(2, 8, 3).requires_grad_("x" in wanted)
    learn = tuple(name for name in NAMES if name in wanted)
    layer = LearnableLocalResponseNorm(4, **START, learn=learn)
    y = layer(x)
    assert passes == ["forward"]
    y.sum().backward()
    assert passes == ["forward", *expected]
    assert (x.grad is not None) == ("x" in wanted)
    assert [name for name in NAMES if getattr(layer, name).grad is not None] == list(learn)


def test_number_beside_a_tensor():
    x, k = normal(2, 8, 3), torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    found = torch.autograd.grad(local_response_norm(x, 4, 1.0, 0.75, k).sum(), k)[0]
    assert_close(found, torch.autograd.grad(theirs(x, 4, 1.0, 0.75, k).sum(), k)[0])


OPTIMIZERS = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.1),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=1.0, momentum=0.9),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_learns_what_made_the_data(optimizer):
    true = {"alpha": 2.0, "beta": 0.6, "k": 1.5}
    x = 2 * normal(64, 8)
    y = LocalResponseNorm(4, **true)(x)
    layer = LearnableLocalResponseNorm(4, alpha=1.0, beta=1.0, k=1.0, dtype=torch.float64)
    steps = optimizer(layer.parameters())
    for _ in range(1500):
        steps.zero_grad()
        torch.nn.functional.mse_loss(layer(x), y).backward()
        steps.step()
    found = {name: parameter.item() for name, parameter in layer.named_parameters()}
    assert found == pytest.approx(true, rel=1e-2)


def test_state_survives_a_round_trip(layer):
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other = LearnableLocalResponseNorm(4, learn=("beta",), dtype=torch.float64)
    other.load_state_dict(torch.load(file))
    assert list(layer.state_dict()) == list(NAMES)
    assert torch.equal(other(normal(2, 8, 3)), layer(normal(2, 8, 3)))


def test_copy_learns_alone(layer):
    twin = copy.deepcopy(layer)
    with torch.no_grad():
        twin.k += 1
    assert (layer.k.item(), twin.k.item()) == (0.5, 1.5)


@pytest.mark.parametrize(("learn", "shown"), [(NAMES, "'alpha', 'beta', 'k'"), (("k", "alpha"), "'alpha', 'k'")])
def test_what_is_learned(learn, shown):
    layer = LearnableLocalResponseNorm(5, learn=learn)
    assert repr(layer) == f"LearnableLocalResponseNorm(5, learn=({shown}))"
    assert {name for name, _ in layer.named_parameters()} == set(learn)
    assert {name for name, _ in layer.named_buffers()} == set(NAMES) - set(learn)


def test_dtype_of_the_parameters():
    assert LearnableLocalResponseNorm(5).alpha.dtype == torch.float32
    assert LearnableLocalResponseNorm(5).double().alpha.dtype == torch.float64
    y = LearnableLocalResponseNorm(5, alpha=1.0, dtype=torch.bfloat16)(normal(2, 8, 3))
    assert_close(y.detach(), local_response_norm(normal(2, 8, 3), 5, 1.0))


def test_other_device():
    layer = LearnableLocalResponseNorm(5, device="meta")
    assert layer(torch.empty(2, 8, 3, device="meta")).device.type == "meta"


def saved_and_loaded(traced):
    file = io.BytesIO()
    torch.jit.save(traced, file)
    file.seek(0)
    return torch.jit.load(file)


@pytest.mark.parametrize(
    "record",
    [
        lambda layer, _x: torch.compile(layer, backend="aot_eager", fullgraph=True),
        lambda layer, x: torch.export.export(layer, (x,)).module(),
        lambda layer, x: saved_and_loaded(torch.jit.trace(layer, x)),
        lambda layer, _x: torch.fx.symbolic_trace(layer),
    ],
    ids=["compile", "export", "jit", "fx"],
)
def test_recorded_layer_goes_on_learning(record, layer):
    torch.compiler.reset()
    x = normal(2, 8, 3)
    recorded = record(layer, x)
    with torch.no_grad():
        for parameter in (*layer.parameters(), *recorded.parameters()):
            parameter.fill_(1.25)
    for module in (layer, recorded):
        module.zero_grad()
        module(x).sin().sum().backward()
    assert_close(recorded(x).detach(), layer(x).detach())
    for found, expected in zip(recorded.parameters(), layer.parameters(), strict=True):
        assert_close(found.grad, expected.grad)


def test_compiled_for_changing_sizes():
    torch.compiler.reset()
    compiled = torch.compile(local_response_norm, backend="aot_eager", fullgraph=True)
    for size in (2, 3, 4):
        x, parameters = normal(size, 5 + size, 3), tensors(size, **START)
        assert_close(compiled(x, *parameters).detach(), theirs(x, *parameters).detach())


def test_compiled_backward(layer):
    torch.compiler.reset()
    x = normal(2, 8, 3)
    expected = torch.autograd.grad(layer(x).sum(), tuple(layer.parameters()))
    with torch._dynamo.compiled_autograd._enable(torch.compile(backend="aot_eager", fullgraph=True)):
        layer(x).sum().backward()
    for parameter, gradient in zip(layer.parameters(), expected, strict=True):
        assert_close(parameter.grad, gradient)


TRANSFORMS = {
    "grad": lambda f, at: grad(lambda at: f(at).sin().sum())(at),
    "jvp": lambda f, at: jvp(f, (at,), (at,))[1],
    "hessian": lambda f, at: hessian(lambda at: f(at).sin().sum())(at)["beta"],
    "vmap": lambda f, at: vmap(f)({name: torch.stack((value, 2 * value)) for name, value in at.items()}),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_transform_of_the_parameters(transform):
    x = normal(2, 5, 3)
    at = {name: torch.tensor(value, dtype=torch.float64) for name, value in START.items()}
    found = transform(lambda at: local_response_norm(x, 4, **at), at)
    torch.testing.assert_close(found, transform(lambda at: theirs(x, 4, **at), at), rtol=1e-11, atol=1e-11)


def test_ensemble_of_layers():
    x = normal(2, 5, 3)
    layers = [LearnableLocalResponseNorm(3, alpha=alpha) for alpha in (0.5, 1.0)]
    state = stack_module_state(layers)
    found = vmap(lambda *state: functional_call(layers[0], state, (x,)))(*state)
    assert_close(found.detach(), torch.stack([layer(x) for layer in layers]).detach())


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", NAMES)
def test_value_that_is_not_finite(name, value, layer):
    with torch.no_grad():
        getattr(layer, name).fill_(value)
    with pytest.raises(ValueError, match=f"^{name} must be finite, got {value}$"):
        layer(normal(2, 8, 3))


X = torch.ones(1, 2, 3)
K = torch.tensor(1.0)
ERRORS = {
    "learn": (
        lambda: LearnableLocalResponseNorm(3, learn=("gamma",)),
        ValueError,
        "learn must hold names among alpha, beta and k, got ('gamma',)",
    ),
    "learn_str": (
        lambda: LearnableLocalResponseNorm(3, learn="k"),
        ValueError,
        "learn must hold names among alpha, beta and k, got 'k'",
    ),
    "size": (lambda: LearnableLocalResponseNorm(0), ValueError, "size must be an int >= 1, got 0"),
    "alpha": (lambda: LearnableLocalResponseNorm(3, np.inf), ValueError, "alpha must be finite, got inf"),
    "size_beside_a_tensor": (
        lambda: local_response_norm(X, 0, k=K),
        ValueError,
        "size must be an int >= 1, got 0",
    ),
    "number_beside_a_tensor": (
        lambda: local_response_norm(X, 3, beta=None, k=K),
        TypeError,
        "beta must be a real number, got None (NoneType)",
    ),
    "shape": (
        lambda: local_response_norm(X, 3, alpha=torch.ones(3)),
        ValueError,
        "alpha must be a number or a tensor of one element, got shape (3,)",
    ),
}


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS.values(), ids=ERRORS)
def test_error(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message


def test_gradients_are_those_of_lrn_param_grads(layer):
    x, g = normal(2, 8, 3), normal(2, 8, 3, seed=1)
    layer(x).backward(g)
    expected = lrncore.lrn_param_grads(g.numpy(), x.numpy(), lrncore.LRNSpec.torch(4, **START))
    assert [p.grad.item() for p in layer.parameters()] == [expected.scale / 4, expected.beta, expected.k]
