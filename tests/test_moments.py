"""Moments are those of their sets at any mean, and merge into those of their union."""

import cases
import norm_reference as reference
import numpy as np
import pytest

import lrncore
from lrncore import Moments

SHAPES = {
    "channels": ((3, 5, 9, 11), (0, 2, 3)),
    "channels_last": ((3, 9, 11, 5), (0, 1, 2)),
    "rows": ((40, 70), 1),
    "columns": ((200, 33), 0),
    "inner_and_outer": ((6, 7, 35), (0, 2)),
    "all": ((4, 3000), (0, 1)),
    "none": ((3, 4), ()),
}


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("mean", [0, 100, 1e6])
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("name", SHAPES)
def test_moments_at_any_mean(name, dtype, mean):
    shape, axes = SHAPES[name]
    x = cases.normal(shape, dtype) + dtype.type(mean)
    for array in (x, np.asfortranarray(x), np.flip(x)):
        found = lrncore.moments(array, axes)
        axis = axes if isinstance(axes, tuple) else (axes,)
        _, var = reference.moments(array, axis, True)
        expected = array.astype(np.longdouble).mean(axis)
        assert found.count == np.prod([shape[each] for each in axis])
        assert found.mean.shape == found.var.shape == expected.shape
        assert found.mean.dtype == found.var.dtype == np.float64
        # of the deviation, which is 1
        allowed = 3e-7 if dtype == np.float32 else 4e-16
        assert (abs(found.mean - expected) <= allowed + 4e-16 * abs(expected)).all()
        assert np.allclose(found.var, var.reshape(expected.shape), rtol=2e-6 if dtype == np.float32 else 1e-13)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", cases.HALVES, ids=str)
def test_moments_of_halves(dtype):
    x = cases.normal((3, 5, 70), dtype)
    found, expected = lrncore.moments(x, (0, 2)), lrncore.moments(x.astype(np.float32), (0, 2))
    assert np.array_equal(found.mean, expected.mean)
    assert np.array_equal(found.var, expected.var)


@pytest.mark.usefixtures("isa")
def test_threads_and_strides_do_not_change_them():
    x = cases.normal((5, 40, 300))
    expected = lrncore.moments(x, (0, 2), num_threads=1)
    for array, threads in ((x, 3), (np.repeat(x, 2, -1)[..., ::2], 2), (x.astype(">f4"), 1)):
        found = lrncore.moments(array, (0, 2), num_threads=threads)
        assert np.array_equal(found.mean, expected.mean)
        assert np.array_equal(found.var, expected.var)


@pytest.mark.usefixtures("isa")
def test_variance_of_numbers_whose_squares_leave_the_range():
    x = cases.normal((4, 3000))
    expected = x.astype(np.float64).var(1)
    for factor in (1e30, 1e-30):
        found = lrncore.moments(x * np.float32(factor), 1)
        assert np.allclose(found.var / factor / factor, expected, rtol=1e-6)
        assert np.allclose(found.mean / factor, x.astype(np.float64).mean(1), rtol=1e-5)


def test_of_nothing_they_are_zero():
    found = lrncore.moments(np.zeros((0, 3)), 0)
    assert (found.count, found.mean.tolist(), found.var.tolist()) == (0, [0] * 3, [0] * 3)


@pytest.mark.parametrize("mean", [0, 1e6])
@pytest.mark.parametrize("at", [0, 1, 17, 99, 100])
def test_parts_merge_into_the_whole(at, mean):
    x = cases.normal((100, 7), np.float64) + mean
    merged = lrncore.moments(x[:at], 0).merge(lrncore.moments(x[at:], 0))
    whole = lrncore.moments(x, 0)
    assert merged.count == whole.count
    assert np.allclose(merged.mean, whole.mean, rtol=1e-15, atol=1e-15)
    assert np.allclose(merged.var, whole.var, rtol=1e-14)


def test_nothing_merges_with_nothing():
    nothing = lrncore.moments(np.zeros((0, 3)), 0)
    assert nothing.merge(nothing).count == 0


@pytest.mark.parametrize(
    ("other", "kind", "message"),
    [
        ((1, 0, 0), TypeError, "other must be Moments, got tuple"),
        (
            Moments(1, np.zeros(2), np.zeros(3)),
            ValueError,
            "other must have a mean and a variance of the shape (3,), got (2,) and (3,)",
        ),
    ],
)
def test_other_moments_are_refused(other, kind, message):
    with pytest.raises(kind) as caught:
        lrncore.moments(np.zeros((2, 3)), 0).merge(other)
    assert str(caught.value) == message
