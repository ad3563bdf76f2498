"""LRNSpec: which channels, which factor and which defaults each framework means."""

import copy
import dataclasses
import inspect
import pickle
from fractions import Fraction

import numpy as np
import pytest

import lrncore
from lrncore import LRNSpec

# constructor: window of size n, divisor of alpha, and the defaults of its documents
WINDOWS = {
    "torch": (lambda n: (n // 2, (n - 1) // 2), lambda n: n),
    "onnx": (lambda n: ((n - 1) // 2, n // 2), lambda n: n),
    "caffe": (lambda n: ((n - 1) // 2, (n - 1) // 2), lambda n: n),
    "paper": (lambda n: (n // 2, n // 2), lambda _: 1),
}
DEFAULTS = {
    "torch": {"size": inspect.Parameter.empty, "alpha": 1e-4, "beta": 0.75, "k": 1.0},
    "tensorflow": {"depth_radius": 5, "bias": 1.0, "alpha": 1.0, "beta": 0.5},
    "onnx": {"size": inspect.Parameter.empty, "alpha": 1e-4, "beta": 0.75, "bias": 1.0},
    "caffe": {"local_size": 5, "alpha": 1.0, "beta": 0.75, "k": 1.0},
    "paper": {"n": 5, "alpha": 1e-4, "beta": 0.75, "k": 2.0},
}
SIZES = [(name, n) for name in WINDOWS for n in range(1, 17) if name != "caffe" or n % 2]


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_window(name, size):
    window, _ = WINDOWS[name]
    spec = getattr(LRNSpec, name)(size)
    assert (spec.before, spec.after) == window(size)


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_scale(name, size):
    _, divisor = WINDOWS[name]
    assert getattr(LRNSpec, name)(size, alpha=0.3).scale == 0.3 / divisor(size)


@pytest.mark.parametrize("radius", range(8))
def test_tensorflow_window_is_a_radius(radius):
    spec = LRNSpec.tensorflow(radius)
    assert (spec.before, spec.after) == (radius, radius)


@pytest.mark.parametrize("radius", range(8))
def test_tensorflow_does_not_divide_alpha(radius):
    assert LRNSpec.tensorflow(radius, alpha=0.3).scale == 0.3


@pytest.mark.parametrize("name", DEFAULTS)
def test_names_order_and_defaults(name):
    parameters = inspect.signature(getattr(LRNSpec, name)).parameters
    assert list({n: p.default for n, p in parameters.items()}.items()) == list(DEFAULTS[name].items())


@pytest.mark.parametrize("name", DEFAULTS)
def test_beta_and_k_are_passed_on(name):
    constant = "bias" if name in ("tensorflow", "onnx") else "k"
    spec = getattr(LRNSpec, name)(3, **{"alpha": 0.3, "beta": 0.6, constant: 1.25})
    assert (spec.beta, spec.k) == (0.6, 1.25)


@pytest.mark.parametrize(
    ("function", "name"), [("local_response_norm", "torch"), ("local_response_normalization", "tensorflow")]
)
def test_twin_has_the_names_and_defaults_of_its_constructor(function, name):
    parameters = list(inspect.signature(getattr(lrncore, function)).parameters.values())
    positional = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "x"}
    assert list(positional.items()) == list(DEFAULTS[name].items())


def test_layer_has_the_names_and_defaults_of_torch():
    parameters = list(inspect.signature(lrncore.LocalResponseNorm).parameters.values())
    positional = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
    assert list(positional.items()) == list(DEFAULTS["torch"].items())


# y[2] of x = [1..6] with alpha = n = 4, k = 0, beta = 1: no two rules for even sizes give the same.
FINGERPRINT = {
    "torch": (LRNSpec.torch(4, 4.0, 1.0, 0.0), Fraction(3, 30)),
    "onnx": (LRNSpec.onnx(4, 4.0, 1.0, 0.0), Fraction(3, 54)),
    "paper": (LRNSpec.paper(4, 4.0, 1.0, 0.0), Fraction(3, 55) / 4),
    "n_minus_one": (LRNSpec(1, 1, 1.0, 1.0, 0.0), Fraction(3, 29)),
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


SPEC = LRNSpec(before=2, after=1, scale=0.25, beta=0.75, k=1.0)


def test_size_is_the_number_of_channels_in_a_window():
    assert SPEC.size == 4


def test_repr_is_the_call_that_makes_it():
    assert repr(SPEC) == "LRNSpec(before=2, after=1, scale=0.25, beta=0.75, k=1.0)"


@pytest.mark.parametrize("field", ["before", "after", "scale", "beta", "k"])
def test_fields_cannot_be_changed(field):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(SPEC, field, 1)


@pytest.mark.parametrize("field", ["before", "after", "scale", "beta", "k"])
def test_each_field_counts_for_equality(field):
    assert dataclasses.replace(SPEC, **{field: 3}) != SPEC


def test_equal_specs_are_one_key():
    assert {SPEC: "found"}[LRNSpec(2, 1, 0.25, 0.75, 1)] == "found"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    assert pickle.loads(pickle.dumps(SPEC, protocol)) == SPEC  # noqa: S301


@pytest.mark.parametrize(
    "twin",
    [copy.copy, copy.deepcopy, dataclasses.replace, lambda spec: pickle.loads(pickle.dumps(spec))],  # noqa: S301
)
def test_copy_computes_the_same(twin):
    x = np.arange(1.0, 9.0)
    assert np.array_equal(lrncore.lrn(x, twin(SPEC), 0), lrncore.lrn(x, SPEC, 0))


def test_replaced_field_is_what_is_computed():
    x = np.arange(1.0, 9.0)
    changed = dataclasses.replace(SPEC, beta=2.0)
    assert np.array_equal(lrncore.lrn(x, changed, 0), lrncore.lrn(x, LRNSpec(2, 1, 0.25, 2.0, 1.0), 0))


@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5), np.int64(2), 2, Fraction(1, 2)])
def test_any_real_number_becomes_a_float(number):
    spec = LRNSpec(1, 1, number, number, number)
    assert [type(value) for value in (spec.scale, spec.beta, spec.k)] == [float] * 3


@pytest.mark.parametrize("number", [np.int8(2), np.uint64(2), 2])
def test_any_whole_number_becomes_an_int(number):
    spec = LRNSpec(number, number, 1.0, 1.0, 1.0)
    assert [type(value) for value in (spec.before, spec.after)] == [int] * 2


@pytest.mark.parametrize("size", [10**30, 10**308, 10**400])
def test_size_without_bound(size):
    assert LRNSpec.torch(size, alpha=1.0).scale == pytest.approx(float(Fraction(1, size)), rel=1e-15, abs=0)
