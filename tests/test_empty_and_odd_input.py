"""Empty arrays, array-likes, subclasses and the other things that are passed for an array."""

import cases
import numpy as np
import pytest

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")

SPEC = cases.STRONG
EMPTY = [((0,), 0), ((0, 5), 1), ((5, 0), 1), ((2, 0, 3), 1), ((2, 3, 0), 1), ((0, 3, 4), 1), ((4, 5, 0, 6), -1)]


@pytest.mark.parametrize(("shape", "axis"), EMPTY)
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
def test_empty_forward(dtype, shape, axis):
    y = lrncore.lrn(np.empty(shape, dtype), SPEC, axis)
    assert (y.shape, y.dtype) == (shape, dtype)


@pytest.mark.parametrize(("shape", "axis"), EMPTY)
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
def test_empty_backward(dtype, shape, axis):
    x = np.empty(shape, dtype)
    dx = lrncore.lrn_backward(x, x, SPEC, axis)
    assert (dx.shape, dx.dtype) == (shape, dtype)


def test_empty_out():
    out = np.empty((3, 0), np.float32)
    assert lrncore.lrn(np.empty((3, 0), np.float32), SPEC, out=out) is out


def test_list():
    y = lrncore.lrn([[0.5, 1.0, 2.0]], SPEC)
    assert np.array_equal(y, lrncore.lrn(np.array([[0.5, 1.0, 2.0]]), SPEC))


def test_array_interface():
    class Wrapped:
        def __array__(self, dtype=None, copy=None):
            return np.array([[0.5, 1.0, 2.0]], np.float32)

    assert np.array_equal(lrncore.lrn(Wrapped(), SPEC), lrncore.lrn(np.float32([[0.5, 1.0, 2.0]]), SPEC))


def test_memory_of_bytes():
    x = cases.normal((4, 20))
    frozen = np.frombuffer(x.tobytes(), np.float32).reshape(x.shape)
    assert np.array_equal(lrncore.lrn(frozen, SPEC), lrncore.lrn(x, SPEC))


def test_dtype_with_metadata():
    x = cases.normal((4, 20)).astype(np.dtype(np.float32, metadata={"unit": "volt"}))
    assert np.array_equal(lrncore.lrn(x, SPEC), lrncore.lrn(cases.normal((4, 20)), SPEC))


def test_most_dimensions_numpy_has():
    shape = (1,) * 29 + (3, 5, 2)
    x = cases.normal(shape)
    y = lrncore.lrn(x, SPEC, axis=30)
    assert np.array_equal(y.reshape(3, 5, 2), lrncore.lrn(x.reshape(3, 5, 2), SPEC))


def test_outer_axes_that_do_not_join():
    x = cases.normal((4,) * 8)[::2, ::-1, 1:3, ::3, :, ::2, 1:, ::2]
    y = lrncore.lrn(x, LRNSpec.torch(3, 1.0), axis=4)
    assert np.array_equal(y, lrncore.lrn(x.copy(), LRNSpec.torch(3, 1.0), axis=4))


def test_g_and_x_in_other_byte_orders():
    x = cases.normal((4, 20))
    g = cases.normal((4, 20), seed=1)
    swapped = x.dtype.newbyteorder("S")
    expected = lrncore.lrn_backward(g, x, SPEC)
    assert np.array_equal(lrncore.lrn_backward(g.astype(swapped), x, SPEC), expected)
    assert np.array_equal(lrncore.lrn_backward(g, x.astype(swapped), SPEC), expected)
