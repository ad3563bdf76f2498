"""Arguments as MATLAB saves them and as they are typed for other libraries: what can only mean one thing does."""

from fractions import Fraction

import cases
import numpy as np
import pytest

import lrncore
from lrncore import LRNSpec, lrn

SPEC = cases.STRONG
X = cases.normal((4, 20))


class Tensor:
    """An array of another library: a shape, and `item` or `numpy`."""

    def __init__(self, value, name):
        self.shape = (1,)
        setattr(self, name, lambda: value)


FIVE = {
    "float": 5.0,
    "float32": np.float32(5),
    "float16": np.float16(5),
    "longdouble": np.longdouble(5),
    "uint8": np.uint8(5),
    "fraction": Fraction(5),
    "no_dimension": np.array(5),
    "one_dimension": np.array([5.0]),
    "of_loadmat": np.array([[5]], np.uint8),
    "within_another": np.array([[np.array([[5.0]])]], object),
    "matrix": np.array([[5.0]]).view(np.matrix),
    "nothing_masked": np.ma.masked_array([5.0]),
    "item": Tensor(5.0, "item"),
    "numpy": Tensor(np.array([5], np.int32), "numpy"),
}


@pytest.mark.parametrize("five", FIVE.values(), ids=FIVE)
def test_whole_number_is_an_int(five):
    assert LRNSpec.torch(five) == LRNSpec.torch(5)
    assert type(LRNSpec(five, five, 1.0, 0.5, 1.0).before) is int
    assert LRNSpec.onednn(5, 1.0, 0.75, 1.0, "lrn_within_channel", ndims=five).scale == 1 / 125
    assert np.array_equal(lrn(X, SPEC, num_threads=five), lrn(X, SPEC))


@pytest.mark.parametrize("five", FIVE.values(), ids=FIVE)
def test_number_is_a_float(five):
    spec = LRNSpec.torch(3, five, five, five)
    assert spec == LRNSpec.torch(3, 5.0, 5.0, 5.0)
    assert {type(value) for value in (spec.scale, spec.beta, spec.k)} == {float}


@pytest.mark.parametrize(
    "axis", [1.0, np.array([1]), np.array(1.0), np.float32(1), (1.0,), (np.array([1]),)], ids=repr
)
def test_axis(axis):
    assert np.array_equal(lrn(X, SPEC, axis), lrn(X, SPEC, 1))
    assert LRNSpec.alexnet().to("openvino", axis) == LRNSpec.alexnet().to("openvino", 1)
    assert LRNSpec.openvino(axis) == LRNSpec.openvino(1)


def test_axes_of_a_box():
    assert np.array_equal(lrn(X, SPEC, (0.0, np.array([1]))), lrn(X, SPEC, (0, 1)))


def test_row_of_a_matrix_that_matlab_saved():
    saved = {"param": np.array([[5.0, 2.0, 1e-4, 0.75]])}
    assert LRNSpec.matconvnet(*saved["param"][0]) == LRNSpec.matconvnet(5, 2.0, 1e-4, 0.75)


@pytest.mark.parametrize("region_type", [1.0, np.array([1]), np.uint8(1)], ids=repr)
def test_region(region_type):
    assert LRNSpec.ncnn(region_type=region_type) == LRNSpec.ncnn(region_type=1)


def test_region_that_is_none():
    with pytest.raises(ValueError) as refused:
        LRNSpec.ncnn(region_type=np.array([1, 1]))
    assert str(refused.value) == "region_type must be 0 or 1, got array([1, 1])"


def test_layer_keeps_plain_numbers():
    layer = lrncore.LocalResponseNorm(np.array([[5.0]]), np.array([1e-4]), k=2, axis=np.array([1]))
    assert repr(layer) == "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0)"
    assert (type(layer.size), type(layer.k), layer.axis) == (int, float, 1)
    assert lrncore.LocalResponseNorm(3, axis=(2.0, 3)).axis == (2, 3)


def test_lines_for_torch():
    expected = lrncore.local_response_norm(X, 5, 1.0)
    assert np.array_equal(lrncore.local_response_norm(input=X, size=5, alpha=1.0), expected)
    assert np.array_equal(lrncore.local_response_norm(x=X, size=5, alpha=1.0), expected)
    layer = lrncore.LocalResponseNorm(5, 1.0)
    assert np.array_equal(layer(input=X), expected)
    assert np.array_equal(layer(x=X), expected)
    assert np.array_equal(layer.forward(input=X), expected)


def test_lines_for_tensorflow():
    call = lrncore.local_response_normalization
    expected = call(X, 2, 1.0, 1e-4, 0.75)
    assert np.array_equal(call(input=X, depth_radius=2, bias=1.0, alpha=1e-4, beta=0.75, name="norm1"), expected)
    assert np.array_equal(call(X, 2, 1.0, 1e-4, 0.75, "norm1"), expected)
    assert np.array_equal(call(x=X, depth_radius=2, alpha=1e-4, beta=0.75), expected)


def test_both_names_at_once():
    with pytest.raises(TypeError, match="x"):
        lrncore.local_response_norm(input=X, x=X, size=5)
    with pytest.raises(TypeError, match="input"):
        lrncore.local_response_norm(X, x=X, size=5)
