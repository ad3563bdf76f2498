"""LRNSpec: which channels, which factor, which names and which defaults each framework means."""

import dataclasses
import inspect
import itertools
from fractions import Fraction

import numpy as np
import pytest

import lrncore
from lrncore import LRNSpec

REQUIRED = inspect.Parameter.empty


def earlier(n):
    return n // 2, (n - 1) // 2


def later(n):
    return (n - 1) // 2, n // 2


def shrunk(n):
    return (n - 1) // 2, (n - 1) // 2


def widened(n):
    return n // 2, n // 2


def radius(n):
    return n, n


# constructor: its window, whether alpha is divided, and its arguments in order with their defaults
TABLE = {
    "torch": (earlier, True, {"size": REQUIRED, "alpha": 1e-4, "beta": 0.75, "k": 1.0}),
    "paddle": (earlier, True, {"size": REQUIRED, "alpha": 1e-4, "beta": 0.75, "k": 1.0}),
    "cuda_convnet": (earlier, True, {"size": REQUIRED, "scale": REQUIRED, "pow": REQUIRED, "minDiv": 1.0}),
    "onnx": (later, True, {"size": REQUIRED, "alpha": 1e-4, "beta": 0.75, "bias": 1.0}),
    "cudnn": (later, True, {"lrnN": 5, "lrnAlpha": 1e-4, "lrnBeta": 0.75, "lrnK": 2.0}),
    "matlab": (later, True, {"windowChannelSize": REQUIRED, "Alpha": 1e-4, "Beta": 0.75, "K": 2.0}),
    "caffe": (shrunk, True, {"local_size": 5, "alpha": 1.0, "beta": 0.75, "k": 1.0}),
    "onednn": (shrunk, True, {"local_size": REQUIRED, "alpha": REQUIRED, "beta": REQUIRED, "k": REQUIRED}),
    "openvino": (shrunk, True, {"axes": REQUIRED, "alpha": 1.0, "beta": 0.5, "bias": 1.0, "size": 5}),
    "mxnet": (shrunk, True, {"alpha": 1e-4, "beta": 0.75, "knorm": 2.0, "nsize": REQUIRED}),
    "tensorflow": (radius, False, {"depth_radius": 5, "bias": 1.0, "alpha": 1.0, "beta": 0.5}),
    "chainer": (widened, False, {"n": 5, "k": 2.0, "alpha": 1e-4, "beta": 0.75}),
    "paper": (widened, False, {"n": 5, "alpha": 1e-4, "beta": 0.75, "k": 2.0}),
    "matconvnet": (later, False, {"N": 5, "kappa": 1.0, "alpha": 1e-4 / 5, "beta": 0.75}),
    "lucid": (later, False, {"size": REQUIRED, "alpha": 1e-4, "beta": 0.75, "k": 1.0}),
    "torch_js": (widened, True, {"size": REQUIRED, "alpha": 1e-4, "beta": 0.75, "k": 1.0}),
    "ncnn": (earlier, True, {"local_size": 5, "alpha": 1.0, "beta": 0.75, "bias": 1.0}),
    "acl": (shrunk, True, {"type": REQUIRED, "norm_size": 5, "alpha": 1e-4, "beta": 0.5, "kappa": 1.0}),
    "tflite": (radius, False, dict.fromkeys(("radius", "bias", "alpha", "beta"), REQUIRED)),
    "nnapi": (radius, False, dict.fromkeys(("radius", "bias", "alpha", "beta"), REQUIRED)),
    "opencv": (shrunk, True, {"local_size": 5, "alpha": 1.0, "beta": 0.75, "bias": 1.0}),
    "keras": (shrunk, False, {"alpha": 1e-4, "k": 2.0, "beta": 0.75, "n": 5}),
    "caffe2": (shrunk, True, {"size": REQUIRED, "alpha": REQUIRED, "beta": REQUIRED, "bias": 1.0}),
    "coreml": (shrunk, True, {"size": REQUIRED, "alpha": 1e-4, "beta": 0.75, "k": 1.0}),
    "tensorrt": (shrunk, True, dict.fromkeys(("window", "alpha", "beta", "k"), REQUIRED)),
    "directml": (shrunk, True, {"LocalSize": REQUIRED, "Alpha": 1e-4, "Beta": 0.75, "Bias": 1.0}),
    "darknet": (later, False, {"size": 5, "alpha": 1e-4, "beta": 0.75, "kappa": 1.0}),
    "dl4j": (widened, False, {"k": 2.0, "n": 5, "alpha": 1e-4, "beta": 0.75}),
    "nnef": (later, True, {"size": REQUIRED, "alpha": 1.0, "beta": 0.5, "bias": 1.0}),
}
RADII = {"tensorflow", "tflite", "nnapi"}
# what some take besides: which axes, by default those of the channels
REGION = {
    "cuda_convnet": {"type": "cmrnorm"},
    "caffe": {"norm_region": "ACROSS_CHANNELS"},
    "onednn": {"alg_kind": "lrn_across_channels", "ndims": 4},
    "ncnn": {"region_type": 0},
    "acl": {"is_scaled": True},
    "opencv": {"norm_region": "ACROSS_CHANNELS", "norm_by_size": True},
}
# for channels these need a value
CHANNELS = {"type": "CROSS_MAP", "axes": [1]}
SIZE = {"size", "lrnN", "windowChannelSize", "local_size", "nsize", "depth_radius", "n", "N", "norm_size"}
SIZE |= {"radius", "window", "LocalSize"}
ALPHA = {"alpha", "scale", "lrnAlpha", "Alpha"}
BETA = {"beta", "pow", "lrnBeta", "Beta"}
REFUSES_EVEN = {"caffe", "mxnet", "acl", "opencv", "keras", "caffe2", "coreml", "tensorrt", "directml"}
SIZES = [(name, n) for name in TABLE for n in range(1, 17) if n % 2 or name not in REFUSES_EVEN]


def make(name, size, alpha=0.3, beta=0.6, k=1.25):
    """Call a constructor with its own names."""
    roles = {**dict.fromkeys(SIZE, size), **dict.fromkeys(ALPHA, alpha), **dict.fromkeys(BETA, beta), **CHANNELS}
    return getattr(LRNSpec, name)(**{argument: roles.get(argument, k) for argument in TABLE[name][2]})


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_window(name, size):
    spec = make(name, size)
    assert (spec.before, spec.after) == TABLE[name][0](size)


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_scale(name, size):
    assert make(name, size).scale == (0.3 / size if TABLE[name][1] else 0.3)


@pytest.mark.parametrize("name", TABLE)
def test_beta_and_k_are_passed_on(name):
    spec = make(name, 3)
    assert (spec.beta, spec.k) == (0.6, 1.25)


@pytest.mark.parametrize("name", TABLE)
def test_names_order_and_defaults(name):
    parameters = inspect.signature(getattr(LRNSpec, name)).parameters
    assert [(n, p.default) for n, p in parameters.items()] == list((TABLE[name][2] | REGION.get(name, {})).items())


@pytest.mark.parametrize("name", sorted(REFUSES_EVEN))
def test_even_sizes_are_refused_where_the_framework_refuses_them(name):
    argument = next(iter(SIZE & TABLE[name][2].keys()))
    with pytest.raises(ValueError, match=f"^{argument} must be odd, got 4$"):
        make(name, 4)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("cudnn", {"lrnN": 17}, "lrnN must be at most 16, got 17"),
        ("cudnn", {"lrnBeta": 0.001}, "lrnBeta must be at least 0.01, got 0.001"),
        ("cudnn", {"lrnK": 0.0}, "lrnK must be at least 1e-05, got 0.0"),
        ("matlab", {"windowChannelSize": 5, "Beta": 0.0}, "Beta must be at least 0.01, got 0.0"),
        ("matlab", {"windowChannelSize": 5, "K": 0.0}, "K must be at least 1e-05, got 0.0"),
        ("tensorflow", {"depth_radius": -1}, "depth_radius must be an int >= 0, got -1"),
        ("ncnn", {"local_size": 0}, "local_size must be an int >= 1, got 0"),
        ("mxnet", {"nsize": 3, "knorm": float("nan")}, "knorm must be finite, got nan"),
    ],
)
def test_what_a_framework_refuses(name, arguments, message):
    with pytest.raises(ValueError) as refused:
        getattr(LRNSpec, name)(**arguments)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("function", "name"), [("local_response_norm", "torch"), ("local_response_normalization", "tensorflow")]
)
def test_twin_has_the_names_and_defaults_of_its_constructor(function, name):
    parameters = list(inspect.signature(getattr(lrncore, function)).parameters.values())
    positional = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "input"}
    # TensorFlow's names an operation
    positional.pop("name", None)
    assert list(positional.items()) == list(TABLE[name][2].items())


def test_layer_has_the_names_and_defaults_of_torch():
    parameters = list(inspect.signature(lrncore.LocalResponseNorm).parameters.values())
    positional = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
    assert list(positional.items()) == list(TABLE["torch"][2].items())


# y[2] of x = [1..6] with alpha = n = 4, k = 0, beta = 1: no two rules for even sizes give the same.
FINGERPRINT = {
    "torch": (LRNSpec.torch(4, 4.0, 1.0, 0.0), Fraction(3, 30)),
    "onnx": (LRNSpec.onnx(4, 4.0, 1.0, 0.0), Fraction(3, 54)),
    "chainer": (LRNSpec.chainer(4, 0.0, 4.0, 1.0), Fraction(3, 55) / 4),
    "onednn": (LRNSpec.onednn(4, 4.0, 1.0, 0.0), Fraction(3, 29)),
}


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", FINGERPRINT)
def test_fingerprint_of_an_even_size(name):
    spec, expected = FINGERPRINT[name]
    y = lrncore.lrn(np.arange(1.0, 7.0), spec, axis=0)
    assert y[2] == pytest.approx(float(expected), rel=1e-15)


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_odd_sizes_mean_the_same_to_torch_onnx_and_caffe(size):
    assert LRNSpec.torch(size) == LRNSpec.onnx(size) == LRNSpec.caffe(size, alpha=1e-4)


# These say even sizes as odd ones, with another alpha.
TWO_WAYS = {"onednn", "openvino", "torch_js"}


@pytest.mark.parametrize(("name", "size"), [(name, n) for name, n in SIZES if n % 2 or name not in TWO_WAYS])
def test_a_spec_says_itself_in_its_own_words(name, size):
    spec = make(name, size)
    assert list(spec.to(name)) == list(TABLE[name][2])
    assert spec.to(name, (1,)) == spec.to(name)
    assert getattr(LRNSpec, name)(**spec.to(name)) == spec


@pytest.mark.parametrize("target", TABLE)
def test_odd_windows_can_be_said_in_every_framework(target):
    for origin, size in itertools.product(TABLE, (1, 3, 5, 15)):
        spec = make(origin, size // 2 if origin in RADII else size)
        said = getattr(LRNSpec, target)(**spec.to(target))
        assert said.scale == pytest.approx(spec.scale, rel=3e-16), origin
        assert dataclasses.replace(said, scale=spec.scale) == spec, origin


@pytest.mark.parametrize("name", sorted(TWO_WAYS))
def test_an_even_size_may_be_said_as_an_odd_one(name):
    spec = make(name, 4)
    said = spec.to(name)
    assert said["local_size" if name == "onednn" else "size"] == spec.size
    assert getattr(LRNSpec, name)(**said).scale == pytest.approx(spec.scale, rel=3e-16)


def test_alpha_is_the_shortest_that_gives_the_scale():
    assert LRNSpec(2, 2, 2e-5, 0.75, 1.0).to("torch")["alpha"] == 1e-4


@pytest.mark.parametrize(
    ("spec", "target", "message"),
    [
        (
            LRNSpec.torch(4),
            "onnx",
            "onnx has no window of 2 channels before and 1 after: its even windows reach one further ahead",
        ),
        (
            LRNSpec.onnx(4),
            "ncnn",
            "ncnn has no window of 1 channels before and 2 after: its even windows reach one further back",
        ),
        (
            LRNSpec.torch(4),
            "tensorflow",
            "tensorflow has no window of 2 channels before and 1 after: its windows have as many before as after",
        ),
        (LRNSpec.onnx(4), "caffe", "caffe cannot mean this spec: local_size must be odd, got 4"),
        (LRNSpec.torch(17), "cudnn", "cudnn cannot mean this spec: lrnN must be at most 16, got 17"),
        (LRNSpec.torch(5, k=0.0), "matlab", "matlab cannot mean this spec: K must be at least 1e-05, got 0.0"),
    ],
)
def test_what_cannot_be_said(spec, target, message):
    with pytest.raises(ValueError) as refused:
        spec.to(target)
    assert str(refused.value) == message


def test_unknown_convention():
    with pytest.raises(
        ValueError, match=r"^convention must be one of torch, paddle, .*, dl4j, nnef, got 'theano'$"
    ):
        LRNSpec.alexnet().to("theano")


def test_the_table_has_a_row_for_every_constructor():
    rows = lrncore.conventions()
    assert list(dict.fromkeys(row.name for row in rows)) == list(TABLE)
    # the arguments are below, indented
    lines = [line for line in repr(rows).splitlines() if not line.startswith(" ")]
    assert lines[2].split("  ")[0] == "torch"
    assert len(lines) == len(rows) + 2 == len(TABLE) + len(BOXES) + 2
    assert all(word in repr(rows) for row in rows for word in row.arguments.split())


@pytest.mark.parametrize("row", lrncore.conventions(), ids=lambda row: f"{row.name}, {row.scale}")
def test_the_table_has_the_arguments_of_each_constructor(row):
    parameters = inspect.signature(getattr(LRNSpec, row.name)).parameters.values()
    given = {"type": "CROSS_MAP"} if row.name == "acl" else {}
    left_out = set(REGION.get(row.name, ()))
    if "^" in row.scale and row.name != "openvino":
        given = BOXES[row.name]
        left_out = {"k"} if row.name == "caffe" else {"is_scaled", "norm_by_size", "ndims"}
    shown = [
        p.replace(annotation=REQUIRED, default=given.get(p.name, p.default))
        for p in parameters
        if p.name not in left_out
    ]
    assert row.arguments == str(inspect.Signature(shown))


# the arguments that mean a box along height and width
BOXES = {
    "cuda_convnet": {"type": "rnorm"},
    "caffe": {"norm_region": "WITHIN_CHANNEL"},
    "onednn": {"alg_kind": "lrn_within_channel"},
    "ncnn": {"region_type": 1},
    "acl": {"type": "IN_MAP_2D"},
    "opencv": {"norm_region": "WITHIN_CHANNEL"},
}


@pytest.mark.parametrize("name", TABLE)
def test_the_table_says_what_an_even_window_holds(name):
    row, *others = (row for row in lrncore.conventions() if row.name == name)
    assert all(other.even == row.even for other in others)
    if name in REFUSES_EVEN or name in RADII:
        assert row.even == ("none" if name in RADII else "refused")
    else:
        assert row.even == "{} and {}".format(*TABLE[name][0](4))


NETWORKS = {
    "alexnet": (2, 2, 1e-4 / 5, 0.75, 2.0),
    "caffenet": (2, 2, 1e-4 / 5, 0.75, 1.0),
    "googlenet": (2, 2, 1e-4 / 5, 0.75, 1.0),
    "zfnet512": (2, 2, 5e-4 / 5, 0.75, 2.0),
    "vgg_m": (2, 2, 5e-4 / 5, 0.75, 2.0),
    "cifar10": (4, 4, 0.001 / 9, 0.75, 1.0),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_published_networks(name):
    assert dataclasses.astuple(getattr(LRNSpec, name)()) == NETWORKS[name]


# ---- what further conventions mean ------------------------------------------------------------------------


def test_tensorrt_divides_alpha_as_the_example_of_its_documents():
    """https://docs.nvidia.com/deeplearning/tensorrt/operators/docs/LRN.html, whose formula does not."""
    y = lrncore.lrn(np.arange(5.0), LRNSpec.tensorrt(window=3, alpha=1, beta=1, k=0.1), axis=0)
    assert np.allclose(y, [0.0, 0.56603765, 0.4195804, 0.3071672, 0.47430828], rtol=1e-6)


def test_darknet_is_what_its_code_means_and_not_what_it_does():
    """The loop of its layer, with the first sum whole, and as it is written: one channel short."""
    size, x = 4, np.arange(1.0, 8.0)
    meant, written = (darknet(x**2, size, first) for first in (size // 2 + 1, size // 2))
    y = lrncore.lrn(x, LRNSpec.darknet(size, alpha=1.0, beta=1.0, kappa=1.0), axis=0)
    assert np.allclose(y, x / (1 + meant))
    assert not np.allclose(y, x / (1 + written))


def darknet(squares, size, first):
    sums = [squares[:first].sum()]
    for k in range(1, len(squares)):
        before, after = k - (size - 1) // 2 - 1, k + size // 2
        sums.append(sums[-1] - (squares[before] if before >= 0 else 0))
        sums[-1] += squares[after] if after < len(squares) else 0
    return np.array(sums)


@pytest.mark.parametrize(
    ("size", "axes", "elements"),
    [([1, 5, 1, 1], (1,), 5), ((1, 1, 3, 3), (2, 3), 9), ([1, 1, 1, 4], (3,), 4), ([1, 1], (), 1), (5, (1,), 5)],
    ids=str,
)
def test_size_of_nnef_names_the_axes(size, axes, elements):
    spec = LRNSpec.nnef(size, alpha=1.0)
    assert spec.scale == 1 / elements
    if isinstance(size, list) and len(size) == 4:
        assert spec.to("nnef", axes)["size"] == size


def test_size_of_nnef_in_more_dimensions():
    assert LRNSpec.nnef(3).to("nnef", (2, 3, 4))["size"] == [1, 1, 3, 3, 3]
    assert LRNSpec.nnef(3).to("nnef", -1)["size"] == [1, 1, 1, 3]


def test_size_of_nnef_is_that_of_a_cube():
    with pytest.raises(ValueError) as refused:
        LRNSpec.nnef([1, 1, 3, 5])
    assert str(refused.value) == "size must be the same along every axis of the window, got [1, 1, 3, 5]"
    with pytest.raises(ValueError, match=r"^size must be an int >= 1, got 0$"):
        LRNSpec.nnef([1, 0])


@pytest.mark.parametrize(("alias", "name"), [("pytorch", "torch"), ("tf", "tensorflow")])
def test_other_names(alias, name):
    spec = LRNSpec.alexnet()
    assert spec.to(alias) == spec.to(name)
    assert getattr(LRNSpec, alias)(**spec.to(alias)) == spec
    assert inspect.signature(getattr(LRNSpec, alias)) == inspect.signature(getattr(LRNSpec, name))


def test_norm_by_size_of_opencv():
    assert LRNSpec.opencv(3, alpha=9.0, norm_region="WITHIN_CHANNEL").scale == 1.0
    assert LRNSpec.opencv(3, alpha=9.0, norm_by_size=False).scale == 9.0
    with pytest.raises(TypeError, match=r"^norm_by_size must be a bool, got 1 \(int\)$"):
        LRNSpec.opencv(norm_by_size=1)
