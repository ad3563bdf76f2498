"""lrncore.torch: the numbers of PyTorch's own LRN, and a place in everything that PyTorch does with functions.

The first tests are of lrncore beside torch in one process: both bring an OpenMP, and mean the same.
"""

import copy
import io
import pickle
import shutil
from functools import partial

import cases
import numpy as np
import pytest
from comparison import CASES, assert_close, peer, values

import lrncore

torch = peer("torch", "torch")
from torch.nn.functional import local_response_norm as theirs  # noqa: E402  (after the skip)

from lrncore import _threads  # noqa: E402
from lrncore import _torch as operators  # noqa: E402
from lrncore import torch as ours  # noqa: E402

FLOATS = (torch.float32, torch.float64)
HALVES = (torch.float16, torch.bfloat16)
STRONG = {"size": 4, "alpha": 1.0, "beta": 0.75, "k": 0.5}
strong = partial(ours.local_response_norm, **STRONG)

LAYOUTS = {
    "contiguous": lambda **of: normal(3, 8, 5, 4, **of),
    "channels_last": lambda **of: normal(3, 8, 5, 4, **of).to(memory_format=torch.channels_last),
    "channels_last_3d": lambda **of: normal(2, 8, 3, 5, 4, **of).to(memory_format=torch.channels_last_3d),
    "sliced": lambda **of: normal(3, 16, 5, 7, **of)[:, ::2, 1:, :4],
    "transposed": lambda **of: normal(5, 4, 8, 3, **of).permute(3, 2, 0, 1),
    "expanded": lambda **of: normal(1, 8, 1, 4, **of).expand(3, 8, 5, 4),
}


def normal(*shape, dtype=torch.float32, seed=0):
    return torch.from_numpy(values(shape, np.float64, seed)).to(dtype)


def gradient(function, x, g):
    """Return the gradient of sum(g * function(x))."""
    leaf = x.detach().requires_grad_()
    return torch.autograd.grad(function(leaf), leaf, g)[0]


@pytest.fixture
def seen(monkeypatch):
    """Note what the kernels are called with."""
    noted = {}

    def spy(compute, inputs, elements, spec, axis, out, num_threads, most):
        def noting(*arguments):
            noted.update(threads=arguments[-2])
            return compute(*arguments)

        noted.update(x=inputs[-1], out=out)
        return apply(noting, inputs, elements, spec, axis, out, num_threads, most)

    apply = operators.apply
    monkeypatch.setattr(operators, "apply", spy)
    return noted


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 9])
def test_same_numbers(size):
    x = cases.normal((2, 24, 7, 9))
    expected = theirs(torch.from_numpy(x), size, 1.0, 0.75, 0.5).numpy()
    assert np.allclose(lrncore.local_response_norm(x, size, 1.0, 0.75, 0.5), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 9])
def test_same_gradient(size):
    x = cases.normal((2, 24, 7), np.float64)
    g = cases.normal(x.shape, np.float64, seed=1)
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    theirs(leaf, size, 1.0, 0.75, 0.5).backward(torch.from_numpy(g))
    layer = lrncore.LocalResponseNorm(size, 1.0, 0.75, 0.5)
    assert np.allclose(layer.backward(g, x), leaf.grad.numpy(), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("first", ["import torch, lrncore", "import lrncore, torch"], ids=["torch", "lrncore"])
def test_threads_of_both_in_one_process(first, python):
    program = (
        first
        + """
import numpy as np
x = np.random.default_rng(0).standard_normal((16, 64, 400)).astype(np.float32)
spec = lrncore.LRNSpec.torch(5, 1.0)
expected = lrncore.lrn(x, spec, num_threads=1)
product = torch.from_numpy(x).transpose(1, 2) @ torch.from_numpy(x)
for _ in range(5):
    again = torch.from_numpy(x).transpose(1, 2) @ torch.from_numpy(x)
    assert torch.allclose(again, product)
    assert np.array_equal(lrncore.lrn(x, spec, num_threads=2), expected)
print("both")
"""
    )
    assert python(program) == "both"


def test_torch_limits_the_threads_of_openmp(python):
    program = """
import torch, lrncore
torch.set_num_threads(1)
print(torch.get_num_threads(), lrncore.get_num_threads() >= 1)
"""
    assert python(program).split() == ["1", "True"]


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward_of_torch(case, dtype):
    x = normal(*case.shape, dtype=dtype)
    assert_close(ours.local_response_norm(x, *case[:4]), theirs(x, *case[:4]))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradient_of_torch(case, dtype):
    x, g = normal(*case.shape, dtype=dtype), normal(*case.shape, dtype=dtype, seed=1)
    found = gradient(lambda x: ours.local_response_norm(x, *case[:4]), x, g)
    assert_close(found, gradient(lambda x: theirs(x, *case[:4]), x, g))


def test_defaults_of_torch():
    x = 100 * normal(2, 8, 3, dtype=torch.float64)
    assert_close(ours.local_response_norm(x, 5), theirs(x, 5))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("operator", ["lrn", "lrn_backward", "lrn_jvp"])
def test_operator_keeps_the_rules_of_torch(operator, layout):
    x = LAYOUTS[layout]().requires_grad_()
    tensors = (x,) if operator == "lrn" else (torch.randn_like(x).requires_grad_(), x)
    found = torch.library.opcheck(getattr(torch.ops.lrncore, operator), (*tensors, 2, 1, 0.25, 0.75, 0.5, [1]))
    assert set(found.values()) == {"SUCCESS"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_same_bits_in_every_layout(layout):
    x = LAYOUTS[layout]()
    assert torch.equal(strong(x), strong(x.contiguous()))
    assert torch.equal(gradient(strong, x, x), gradient(strong, x.contiguous(), x.contiguous()))


@pytest.mark.parametrize("dtype", FLOATS + HALVES, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_is_read_and_written_in_place(layout, dtype, seen):
    x = LAYOUTS[layout](dtype=dtype)
    y = strong(x)
    assert (seen["x"].ctypes.data, seen["out"].ctypes.data) == (x.data_ptr(), y.data_ptr())
    assert seen["x"].strides == tuple(x.element_size() * stride for stride in x.stride())


@pytest.mark.parametrize("name", ["channels_last", "channels_last_3d"])
def test_memory_format_is_kept(name):
    x, memory_format = LAYOUTS[name](), getattr(torch, name)
    assert strong(x).is_contiguous(memory_format=memory_format)
    assert gradient(strong, x, x.contiguous()).is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_halves_are_rounded_once(dtype, layout):
    x, g = LAYOUTS[layout](dtype=dtype), LAYOUTS[layout](dtype=dtype, seed=1)
    assert torch.equal(strong(x), strong(x.float()).to(dtype))
    assert torch.equal(gradient(strong, x, g), gradient(strong, x.float(), g.float()).to(dtype))


def test_bfloat16_needs_no_other_package(python):
    program = """
import sys
sys.modules["ml_dtypes"] = None
import torch, lrncore.torch
x = torch.ones(1, 2, dtype=torch.bfloat16, requires_grad=True)
lrncore.torch.local_response_norm(x, 1, alpha=1.0, beta=1.0, k=1.0).sum().backward()
print(x.grad.tolist())
"""
    assert python(program) == "[[0.0, 0.0]]"


@pytest.mark.parametrize("dtype", FLOATS + HALVES, ids=str)
def test_negated_view(dtype):
    x = torch._neg_view(normal(2, 8, 3, dtype=dtype))
    assert x.is_neg()
    assert torch.equal(strong(x), -strong(-x))


@pytest.mark.parametrize("shape", [(0, 8, 3), (2, 0, 3), (2, 8, 0)], ids=str)
def test_empty(shape):
    x = torch.empty(shape, requires_grad=True)
    y = strong(x)
    y.sum().backward()
    assert y.shape == x.grad.shape == shape


def test_autocast_leaves_the_dtype():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert strong(normal(2, 8, 3)).dtype == torch.float32
        assert strong(normal(2, 8, 3, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_other_device_gets_the_function_of_torch(monkeypatch):
    x = torch.empty(2, 8, 3, device="meta")
    assert strong(x).shape == x.shape
    monkeypatch.setattr(torch.nn.functional, "local_response_norm", lambda *arguments: arguments)
    assert strong(x) == (x, *STRONG.values())


@pytest.mark.parametrize(("of_lrncore", "of_torch", "taken"), [(7, 3, 3), (2, 3, 2)])
def test_threads_are_at_most_those_of_torch(of_lrncore, of_torch, taken, seen, monkeypatch):
    monkeypatch.setattr(_threads, "resolve", lambda _given, _elements: of_lrncore)
    monkeypatch.setattr(_threads, "_default", of_lrncore)  # whatever other programs do
    monkeypatch.setattr(torch, "get_num_threads", lambda: of_torch)
    strong(normal(2, 8, _threads.TEAM_COST // 16))  # a smaller call takes one, whatever is set
    assert seen["threads"] == taken


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiled_in_one_graph(backend):
    if backend == "inductor" and shutil.which("c++") is None:
        pytest.skip("no C++ compiler is installed")
    torch.compiler.reset()
    x, g = normal(2, 8, 3, 4), normal(2, 8, 3, 4, seed=1)

    def model(x):
        return strong(2 * x) + 1

    compiled = torch.compile(model, backend=backend, fullgraph=True)
    assert_close(compiled(x), model(x))
    assert_close(gradient(compiled, x, g), gradient(model, x, g))


def test_compiled_for_changing_shapes_and_parameters():
    torch.compiler.reset()
    compiled = torch.compile(ours.local_response_norm, backend="aot_eager", fullgraph=True)
    for n in (2, 3, 4):
        x = normal(n, 5 + n, 3)
        assert_close(compiled(x, n, 1.0 / n, 0.5 + n, n / 2.0), theirs(x, n, 1.0 / n, 0.5 + n, n / 2.0))


def test_exported_saved_and_loaded():
    layer, file = ours.LocalResponseNorm(**STRONG), io.BytesIO()
    batch = torch.export.Dim("batch", min=2)
    exported = torch.export.export(layer, (normal(2, 8, 3),), dynamic_shapes=({0: batch},))
    torch.export.save(exported, file)
    file.seek(0)
    x = normal(5, 8, 3)
    assert torch.equal(torch.export.load(file).module()(x), layer(x))


@pytest.mark.parametrize(
    "trace", [torch.fx.symbolic_trace, lambda model: torch.jit.trace(model, normal(1, 8, 2))], ids=["fx", "jit"]
)
def test_traced(trace):
    layer, x = ours.LocalResponseNorm(**STRONG), normal(5, 8, 3)
    assert torch.equal(trace(torch.nn.Sequential(layer))(x), layer(x))


def test_layer_is_one_of_torch():
    layer = ours.LocalResponseNorm(4, 1.0, k=0.5)
    assert isinstance(layer, torch.nn.LocalResponseNorm)
    assert repr(layer) == f"lrncore.{torch.nn.LocalResponseNorm(4, 1.0, k=0.5)}"
    assert torch.equal(layer(LAYOUTS["sliced"]()), strong(LAYOUTS["sliced"]()))


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])  # noqa: S301
def test_copied_layer(twin):
    assert torch.equal(twin(ours.LocalResponseNorm(**STRONG))(normal(2, 8, 3)), strong(normal(2, 8, 3)))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e18])
def test_value_stays_in_its_windows(value):
    x = normal(2, 16, 3)
    spoilt = x.clone()
    spoilt[:, 8] = value
    same = (strong(spoilt) == strong(x)).all(dim=2).all(dim=0)
    assert same.logical_not().nonzero().flatten().tolist() == [7, 8, 9, 10]


# What the older module makes of six channels in windows of five. It goes from the sum of a channel to that of the
# next, but subtracts if `c > pre_pad` where it ought to if `c >= pre_pad`, and the square of channel 0 stays in all
# later sums: torch/nn/modules/_functions.py, seen in 2.13.
SQUARES = (9.0, 1.0, 1.0, 1.0, 1.0, 1.0)
SUMS = (11.0, 12.0, 13.0, 5.0, 4.0, 3.0)
SUMS_OF_CROSS_MAP_LRN = (11.0, 12.0, 13.0, 14.0, 13.0, 12.0)


def test_first_square_leaves_the_windows():
    x = torch.tensor(SQUARES, dtype=torch.float64).sqrt().reshape(1, 6, 1, 1)

    def expected(sums):
        return x / (1 + torch.tensor(sums, dtype=torch.float64).reshape(x.shape) / 5) ** 0.75

    assert_close(ours.local_response_norm(x, 5, 1.0), expected(SUMS))
    if not torch.allclose(torch.nn.CrossMapLRN2d(5, 1.0)(x), expected(SUMS_OF_CROSS_MAP_LRN)):
        pytest.skip(f"fixed in torch {torch.__version__}: CrossMapLRN2d may be replaced like LocalResponseNorm")


# The product of a float16 with itself is a float16, beyond 65504 infinite, and what is divided by that is 0:
# torch/nn/functional.py, seen in 2.13. Four dimensions are an error there: https://github.com/pytorch/pytorch/issues/171948
def test_float16_does_not_overflow():
    x = torch.full((1, 6, 2), 300.0, dtype=torch.float16)
    expected = theirs(x.double(), 5)
    assert torch.equal(ours.local_response_norm(x, 5), expected.half())
    if theirs(x, 5).any():
        pytest.skip(f"fixed in torch {torch.__version__}: the docstring of lrncore.torch may say so")


def test_masked_tensor_of_which_nothing_is_masked():
    x = normal(2, 8, 3)
    y = strong(torch.masked.masked_tensor(x, torch.ones_like(x, dtype=torch.bool)))
    assert torch.equal(y.get_data(), strong(x))
    assert y.get_mask().all()


def test_whole_floats_and_arrays_of_one():
    x = normal(2, 8, 3)
    assert torch.equal(
        ours.local_response_norm(x, 4.0, np.array([1.0]), np.float32(0.75), [0.5][0], 1.0), strong(x)
    )
    layer = ours.LocalResponseNorm(np.array([[4.0]]), np.array(1.0), k=np.array([0.5]), dim=np.array([1]))
    assert repr(layer) == f"lrncore.{torch.nn.LocalResponseNorm(4, 1.0, k=0.5)}"
    assert torch.equal(layer(x), strong(x))
    learned = ours.LearnableLocalResponseNorm(4.0, alpha=np.array([1.0]), k=0.5, dim=1.0)
    assert (learned.size, learned.dim, learned.alpha.shape) == (4, 1, ())


def test_exports_nothing_but_its_own():
    assert sorted(name for name in vars(ours) if not name.startswith("_")) == sorted(ours.__all__)
    assert {getattr(ours, name).__module__ for name in ours.__all__} == {"lrncore.torch"}


def test_size_beyond_all_integers_of_torch():
    x = torch.ones(1, 2, 3)
    assert torch.equal(ours.local_response_norm(x, 10**30), x)
