"""The moment norms of lrncore.torch: PyTorch's own samples, gradients, layers, transforms; right at any mean."""

import copy
import importlib
import io
import pickle
from functools import partial

import norm_reference as reference
import pytest
from comparison import assert_close, peer, values

torch = peer("torch", "torch")
from torch import nn  # noqa: E402  (after the skip)
from torch.nn import functional  # noqa: E402

from lrncore import torch as ours  # noqa: E402

FUNCTIONS = ("batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm")


def normal(*shape, dtype=torch.float32, seed=0):
    return torch.from_numpy(values(shape, "float64", seed)).to(dtype)


def close(found, expected, tolerance=None):
    more = {} if tolerance is None else {"rtol": tolerance, "atol": tolerance}
    torch.testing.assert_close(found, expected, **more)


# ---- PyTorch's own samples ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def op_db():
    pytest.importorskip("expecttest", reason="expecttest is not installed: `pip install expecttest`")
    found = importlib.import_module("torch.testing._internal.common_methods_invocations")
    return {each.name: each for each in found.op_db}


def gradients(function, sample, g):
    """Return the result of a call, and the gradients of all tensors that it takes."""
    arguments = [sample.input, *sample.args]
    leaves = [each.detach().clone().requires_grad_() if differentiable(each) else each for each in arguments]
    keywords = {
        name: each.detach().clone().requires_grad_() if differentiable(each) and "running" not in name else each
        for name, each in copy.deepcopy(sample.kwargs).items()
    }
    y = function(*leaves, **keywords)
    wanted = [
        each for each in [*leaves, *keywords.values()] if isinstance(each, torch.Tensor) and each.requires_grad
    ]
    return y.detach(), torch.autograd.grad(y, wanted, g.to(y.dtype).expand_as(y), allow_unused=True)


def differentiable(value):
    return isinstance(value, torch.Tensor) and value.is_floating_point()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_samples_of_torch(name, dtype, op_db):
    operator = op_db[f"nn.functional.{name}"]
    own, theirs = getattr(ours, name), getattr(functional, name)
    g = normal(1, dtype=torch.float64)
    generators = [operator.sample_inputs]
    if name in ("group_norm", "layer_norm", "rms_norm"):
        generators.append(operator.reference_inputs)
    counted = 0
    for generate in generators:
        for given in generate("cpu", dtype, requires_grad=False):
            # the running statistics among the positional arguments are no parameters
            sample = sample_of_batch_norm(given) if name == "batch_norm" else given
            y, grads = gradients(own, sample, g)
            expected, expected_grads = gradients(theirs, sample, g)
            tolerance = {torch.float64: 1e-10, torch.float32: 2e-4, torch.bfloat16: 0.13}[dtype]
            close(y, expected, tolerance)
            for each, other in zip(grads, expected_grads, strict=True):
                if other is not None:
                    size = float(other.abs().max()) if other.numel() else 1.0
                    close(each, other, tolerance * max(1.0, size))
            counted += 1
    assert counted >= 6


def sample_of_batch_norm(sample):
    """Return a sample with its running statistics as keywords, copied for each call."""
    names = ("running_mean", "running_var", "weight", "bias")
    sample = copy.copy(sample)
    sample.kwargs = dict(zip(names, sample.args, strict=False)) | sample.kwargs
    sample.args = ()
    return sample


@pytest.mark.parametrize("name", ["group_norm", "rms_norm"])
def test_errors_are_those_of_torch(name, op_db):
    for error in op_db[f"nn.functional.{name}"].error_inputs("cpu"):
        sample = error.sample_input
        with pytest.raises(error.error_type, match=error.error_regex):
            getattr(ours, name)(sample.input, *sample.args, **sample.kwargs)


# ---- gradients ---------------------------------------------------------------------------------------------

C = 12
W, B = normal(C, seed=1).double() + 2, normal(C, seed=2).double()
MEAN, VAR = normal(C, seed=3).double(), normal(C, seed=4).double().abs() + 0.5


def statistics(w):
    """Return the mean and the variance in float64, or in float32 for all others."""
    return MEAN.to(dtype := torch.promote_types(w.dtype, torch.float32)), VAR.to(dtype)


#: With an input of N, C, H, W: a call of both, from the name of a function to tensors
CALLS = {
    "batch": lambda f, x, w, b: f.batch_norm(x, *statistics(w), w, b),
    "batch_train": lambda f, x, w, b: f.batch_norm(x, None, None, w, b, training=True),
    "group": lambda f, x, w, b: f.group_norm(x, 4, w, b),
    "instance": lambda f, x, w, b: f.instance_norm(x, weight=w, bias=b),
    "instance_eval": lambda f, x, w, b: f.instance_norm(x, *statistics(w), w, b, use_input_stats=False),
    "layer": lambda f, x, w, b: f.layer_norm(x.movedim(1, -1), (C,), w, b),
    "rms": lambda f, x, w, b: f.rms_norm(x.movedim(1, -1), (C,), w) + b,
}


def layouts(dtype):
    x = normal(3, C, 5, 7, dtype=dtype)
    return {
        "contiguous": x,
        "channels_last": x.to(memory_format=torch.channels_last),
        "sliced": normal(3, 2 * C, 5, 9, dtype=dtype)[:, ::2, :, 1:8],
    }


@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "sliced"])
@pytest.mark.parametrize("name", CALLS)
def test_float64_gradients_of_torch(name, layout):
    x = layouts(torch.float64)[layout]
    g = normal(*x.shape, dtype=torch.float64, seed=5)
    found = []
    for library in (ours, functional):
        leaves = [each.detach().clone().requires_grad_() for each in (x, W, B)]
        y = CALLS[name](library, *leaves)
        found.append((y.detach(), *torch.autograd.grad(y, leaves, g.movedim(1, -1) if y.shape[-1] == C else g)))
    for each, other in zip(*found, strict=True):
        assert_close(each, other)


@pytest.mark.parametrize("name", CALLS)
def test_some_gradients_are_wanted_and_others_not(name):
    x = normal(3, C, 5, 7, dtype=torch.float64)
    for wanted in ((True, False, False), (False, True, False), (False, False, True)):
        leaves = [each.clone().requires_grad_(want) for each, want in zip((x, W, B), wanted, strict=True)]
        CALLS[name](ours, *leaves).sum().backward()
        assert [each.grad is not None for each in leaves] == list(wanted)


@pytest.mark.parametrize("name", CALLS)
def test_second_derivatives(name):
    x = normal(2, C, 2, 3, dtype=torch.float64)
    leaves = [each.clone().requires_grad_() for each in (x, W, B)]
    assert torch.autograd.gradgradcheck(partial(CALLS[name], ours), leaves, atol=1e-4)


@pytest.mark.parametrize("name", CALLS)
def test_transforms_and_forward_mode(name):
    x = normal(2, C, 2, 3, dtype=torch.float64)
    own, theirs = (lambda x, f=f: CALLS[name](f, x, W, B) for f in (ours, functional))
    close(torch.func.jvp(own, (x,), (x,))[1], torch.func.jvp(theirs, (x,), (x,))[1])
    close(torch.func.grad(lambda x: own(x).pow(3).sum())(x), torch.func.grad(lambda x: theirs(x).pow(3).sum())(x))
    if name != "batch_train":
        batch = torch.stack([x, 2 * x])
        close(torch.vmap(own)(batch), torch.vmap(theirs)(batch))


# ---- numbers -----------------------------------------------------------------------------------------------

AXES = {"batch_train": (0, 2, 3), "instance": (2, 3), "layer": (1,)}


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("name", AXES)
def test_right_at_a_mean_of_1e4(name, memory_format):
    x = (normal(4, C, 32, 32) + 1e4).to(memory_format=memory_format)
    one, zero = torch.ones(C), torch.zeros(C)
    y = CALLS[name](ours, x, one, zero)
    y = y.movedim(-1, 1) if name == "layer" else y
    expected = reference.forward(x.numpy(), AXES[name], (), None, None, 1e-5, True)
    reference.assert_near(y.numpy(), expected, 5e-7)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", CALLS)
def test_halves_are_float32_rounded_once(name, dtype):
    x = normal(3, C, 5, 7, dtype=dtype)
    w, b = W.to(dtype), B.to(dtype) * 0 if name == "rms" else B.to(dtype)
    y = CALLS[name](ours, x, w, b)
    wide = CALLS[name](ours, x.float(), w.float(), b.float())
    assert torch.equal(y, wide.to(dtype))


def test_parameters_of_another_dtype():
    x = normal(3, C, 5, dtype=torch.bfloat16).requires_grad_()
    w, b = W.float().requires_grad_(), B.float().requires_grad_()
    y = ours.group_norm(x, 4, w, b)
    y.float().sum().backward()
    assert (y.dtype, x.grad.dtype, w.grad.dtype) == (torch.bfloat16, torch.bfloat16, torch.float32)


def test_bfloat16_needs_no_other_package(python):
    program = """
import sys
sys.modules["ml_dtypes"] = None
import torch, lrncore.torch
x = torch.tensor([[1.0, 3.0]], dtype=torch.bfloat16, requires_grad=True)
y = lrncore.torch.layer_norm(x, (2,), torch.ones(2, dtype=torch.bfloat16), eps=0.0)
y.sum().backward()
print(y.tolist(), x.grad.abs().max().item())
"""
    assert python(program) == "[[-1.0, 1.0]] 0.0"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_eps_of_rms_norm_is_that_of_torch(dtype):
    x = torch.full((1, 8), 1e-4, dtype=dtype)
    close(ours.rms_norm(x, (8,)), functional.rms_norm(x, (8,)), 0.02)


def test_memory_format_is_kept():
    x = normal(3, C, 5, 7).to(memory_format=torch.channels_last).requires_grad_()
    y = ours.instance_norm(x)
    y.backward(torch.randn(3, C, 5, 7))
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert x.grad.is_contiguous(memory_format=torch.channels_last)


# ---- layers ------------------------------------------------------------------------------------------------

LAYERS = {
    "BatchNorm1d": (nn.BatchNorm1d(6), (4, 6)),
    "BatchNorm1d_lines": (nn.BatchNorm1d(6, momentum=None), (4, 6, 5)),
    "BatchNorm2d": (nn.BatchNorm2d(6), (4, 6, 5, 3)),
    "BatchNorm2d_plain": (nn.BatchNorm2d(6, affine=False), (4, 6, 5, 3)),
    "BatchNorm2d_untracked": (nn.BatchNorm2d(6, track_running_stats=False), (4, 6, 5, 3)),
    "BatchNorm3d": (nn.BatchNorm3d(6, eps=0.1, momentum=0.3), (4, 6, 2, 5, 3)),
    "GroupNorm": (nn.GroupNorm(3, 6), (4, 6, 5)),
    "InstanceNorm1d": (nn.InstanceNorm1d(6, affine=True), (4, 6, 5)),
    "InstanceNorm1d_unbatched": (nn.InstanceNorm1d(6), (6, 5)),
    "InstanceNorm2d": (nn.InstanceNorm2d(6), (4, 6, 5, 3)),
    "InstanceNorm2d_tracked": (nn.InstanceNorm2d(6, track_running_stats=True), (4, 6, 5, 3)),
    "InstanceNorm3d": (nn.InstanceNorm3d(6), (4, 6, 2, 5, 3)),
    "LayerNorm": (nn.LayerNorm((5, 3)), (4, 6, 5, 3)),
    "LayerNorm_plain": (nn.LayerNorm(3, elementwise_affine=False), (4, 6, 5, 3)),
    "LayerNorm_no_bias": (nn.LayerNorm(3, bias=False), (4, 6, 3)),
    "RMSNorm": (nn.RMSNorm(3), (4, 6, 3)),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_replaced_layer(name, training):
    layer, shape = LAYERS[name]
    layer = copy.deepcopy(layer).double().train(training)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    twin = ours.replace(layer, norms=True)
    assert type(twin) is getattr(ours, type(layer).__name__)
    assert isinstance(twin, type(layer))
    assert repr(twin) == repr(layer)
    for seed in range(3):
        x = [normal(*shape, dtype=torch.float64, seed=seed).requires_grad_() for _ in range(2)]
        y, expected = twin(x[0]), layer(x[1])
        assert_close(y.detach(), expected.detach())
        y.pow(3).sum().backward()
        expected.pow(3).sum().backward()
        assert_close(x[0].grad, x[1].grad)
    for each, other in zip(twin.parameters(), layer.parameters(), strict=True):
        assert_close(each.grad, other.grad)
    for each, other in zip(twin.buffers(), layer.buffers(), strict=True):
        assert_close(each, other)


def test_own_layers_are_made_like_those_of_torch():
    for name in ("BatchNorm2d", "GroupNorm", "InstanceNorm2d", "LayerNorm", "RMSNorm"):
        of = {"GroupNorm": (3, 6)}.get(name, (6,))
        assert repr(getattr(ours, name)(*of)) == repr(getattr(nn, name)(*of))


def test_norms_stay_unless_they_are_asked_for():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.LocalResponseNorm(3))
    assert [type(each) for each in ours.replace(model)] == [nn.BatchNorm2d, ours.LocalResponseNorm]
    assert [type(each) for each in ours.replace(model, norms=True)] == [ours.BatchNorm2d, ours.LocalResponseNorm]


class Own(nn.LayerNorm):
    """What someone else makes of the layer."""


@pytest.mark.parametrize("layer", [nn.SyncBatchNorm(3), Own(3)], ids=repr)
def test_other_layers_stay(layer):
    assert type(ours.replace(nn.Sequential(layer), norms=True)[0]) is type(layer)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(),
        nn.InstanceNorm2d(8, affine=True), nn.Flatten(), nn.Linear(8 * 36, 16), nn.LayerNorm(16), nn.RMSNorm(16),
        nn.Linear(16, 4),
    ).double()  # fmt: skip


def test_a_network_trains_step_by_step_as_with_torch():
    model = network()
    x, labels = normal(6, 3, 10, 10, dtype=torch.float64), torch.arange(6) % 4
    losses = []
    for each in (model, ours.replace(model, norms=True)):
        optimizer = torch.optim.SGD(each.parameters(), lr=0.05, momentum=0.9)
        found = []
        for _ in range(10):
            optimizer.zero_grad()
            loss = functional.cross_entropy(each(x), labels)
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        losses.append(found + each.eval()(x).flatten().tolist())
    assert losses[1] == pytest.approx(losses[0], rel=1e-8)


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])  # noqa: S301
def test_replaced_model_can_be_copied(twin):
    model, x = ours.replace(network(), norms=True).eval(), normal(6, 3, 10, 10, dtype=torch.float64)
    assert torch.equal(twin(model)(x), model(x))


# ---- in other hands ----------------------------------------------------------------------------------------


def test_compiled_in_one_graph():
    torch.compiler.reset()
    model, x = ours.replace(network(), norms=True), normal(6, 3, 10, 10, dtype=torch.float64)
    other = copy.deepcopy(model)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    for each in (compiled, other):
        each(x).pow(2).sum().backward()
    for each, expected in zip(model.parameters(), other.parameters(), strict=True):
        close(each.grad, expected.grad)
    assert_close(model[1].running_var, other[1].running_var)
    close(compiled(x), other(x))


def test_exported_saved_and_loaded():
    model, file = ours.replace(network(), norms=True).eval(), io.BytesIO()
    x = normal(6, 3, 10, 10, dtype=torch.float64)
    torch.export.save(torch.export.export(model, (x,)), file)
    file.seek(0)
    close(torch.export.load(file).module()(x), model(x))


@pytest.mark.parametrize(
    "trace", [torch.fx.symbolic_trace, lambda model: torch.jit.trace(model, normal(6, 3, 10, 10).double())]
)
def test_traced(trace):
    model, x = ours.replace(network(), norms=True).eval(), normal(6, 3, 10, 10, dtype=torch.float64)
    close(trace(model)(x), model(x))


@pytest.mark.parametrize("name", CALLS)
def test_operators_keep_the_rules_of_torch(name):
    x = normal(2, C, 3, 5, dtype=torch.float64).requires_grad_()
    w, b = W.clone().requires_grad_(), B.clone().requires_grad_()
    if name == "batch_train":
        found = torch.library.opcheck(torch.ops.lrncore.batch_norm_train, (x, w, b, 1e-5))
    else:
        kind, number = {"batch": ("batch", 0), "group": ("group", 4)}.get(name, ("group", C))
        if name in ("layer", "rms"):
            kind, number, x = name, 1, normal(2, 3, 5, C, dtype=torch.float64).requires_grad_()
        given = (MEAN, VAR) if kind == "batch" else (None, None)
        bias = None if name == "rms" else b
        found = torch.library.opcheck(torch.ops.lrncore.norm, (x, w, bias, *given, kind, number, 1e-5))
    assert set(found.values()) == {"SUCCESS"}


def test_other_tensors_go_to_torch():
    x = torch.ones(2, 6, 3, device="meta")
    assert ours.group_norm(x, 3).device.type == "meta"
    with pytest.raises(ValueError, match="Expected more than 1"):
        ours.instance_norm(torch.ones(2, 3, 1))
    with pytest.raises(ValueError, match="Expected more than 1"):
        ours.batch_norm(torch.ones(1, 3), None, None, training=True)
