"""The same numbers as onnxruntime's LRN on the CPU, but for what it refuses and what is known to be wrong in it."""

import cases
import comparison
import numpy as np
import pytest
from comparison import peer
from networks import one_node, session

import lrncore.onnx

onnxruntime = peer("onnxruntime", "onnxruntime")

EVEN_SIZES = sorted({case.size for case in comparison.EVEN_CASES})
NETWORK_SHAPES = {name: shape for name, (shape, axis) in cases.TOPOLOGIES.items() if axis == 1}

# Values of one channel that onnxruntime lets into channels whose window does not hold it. It goes from the sum of a
# channel to that of the next by adding a square and subtracting another, which does not take an infinite or a large
# one out again: onnxruntime/core/providers/cpu/nn/lrn.cc, seen in 1.31.1.
SPOILERS = {"nan": np.nan, "inf": np.inf, "large": 1e8}


def theirs(x, **attributes):
    (y,) = session(one_node(x.dtype, **attributes)).run(None, {"x": x})
    return y


@pytest.mark.parametrize("case", comparison.ODD_CASES)
def test_same_numbers(case):
    x = comparison.values(case.shape)
    y = lrncore.lrn(x, lrncore.LRNSpec.onnx(case.size, case.alpha, case.beta, case.k))
    comparison.assert_close(y, theirs(x, size=case.size, alpha=case.alpha, beta=case.beta, bias=case.k))


@pytest.mark.parametrize("shape", NETWORK_SHAPES.values(), ids=NETWORK_SHAPES)
def test_same_numbers_in_the_shapes_of_networks(shape):
    x = 100 * comparison.values(shape)
    y = lrncore.lrn(x, lrncore.LRNSpec.onnx(5, 1e-4, 0.75, 2.0))
    comparison.assert_close(y, theirs(x, size=5, alpha=1e-4, beta=0.75, bias=2.0))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 16, 31])
@pytest.mark.parametrize("images", [1, 4])
def test_same_numbers_for_few_and_many_channels(images, channels):
    x = comparison.values((images, channels, 3, 2))
    y = lrncore.lrn(x, lrncore.LRNSpec.onnx(5, 1.0, 0.75, 0.5))
    comparison.assert_close(y, theirs(x, size=5, alpha=1.0, beta=0.75, bias=0.5))


def test_same_defaults():
    x = 100 * comparison.values((2, 9, 4, 3))
    comparison.assert_close(lrncore.lrn(x, lrncore.LRNSpec.onnx(5)), theirs(x, size=5))


def test_same_rounding_of_float16():
    x = comparison.values((3, 17, 5, 3), np.float16)
    (y,) = lrncore.onnx.run(one_node(np.float16, size=5, alpha=1.0), {"x": x})
    expected = theirs(x, size=5, alpha=1.0)
    assert y.dtype == expected.dtype
    assert (abs(y - expected) <= np.spacing(abs(expected))).all()


@pytest.mark.parametrize("size", EVEN_SIZES)
def test_even_sizes_are_refused_by_onnxruntime(size):
    with pytest.raises(Exception, match=r"size_ % 2 == 1 was false"):
        session(one_node(size=size))


@pytest.mark.parametrize("value", SPOILERS.values(), ids=SPOILERS)
def test_a_value_changes_no_channel_whose_window_does_not_hold_it(value):
    x = comparison.values((2, 12, 3, 2))
    spec = lrncore.LRNSpec.onnx(3, 1.0)
    expected = lrncore.lrn(x, spec)[:, 6:]
    x[:, 4] = value
    assert np.array_equal(lrncore.lrn(x, spec)[:, 6:], expected)
    if np.allclose(theirs(x, size=3, alpha=1.0)[:, 6:], expected, rtol=1e-5):
        pytest.skip(f"fixed in onnxruntime {onnxruntime.__version__}: the value may leave SPOILERS")
