"""What goes straight from its inputs to its results gives the bits of the other ways, in place too.

Planar operands in the other byte order never go straight, and any layout has a planar one: they go the other ways.
In place, results are written before all sums are known to be in range, and the other way then starts from what they
were written over.
"""

import cases
import numpy as np
import pytest
from cases import Shape
from placement import GUARD, contiguous, other_order, place

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")

LAYOUTS = {
    "columns": Shape((2, 30, 320), 1),
    "a part of a column": Shape((40, 333), 0),
    "more than a vector": Shape((3, 25, 20), 1),
    "one column": Shape((24, 16), 0),
    "small planes": Shape((2, 64, 7, 7), 1),
    "packed": Shape((90, 96), 1),
    "packed, a part of a vector": Shape((50, 41), 1),
    "a long slab": Shape((3, 5000), 1),
    "few channels": Shape((1700, 7), 1),
    "some channels": Shape((400, 20), 1),
}
SPECS = [LRNSpec(2, 2, 2e-5, 0.75, 2.0), LRNSpec(1, 1, 0.3, 0.75, 1e-3), LRNSpec(4, 4, 1e-4, 0.75, 1.0)]
SPECS += [LRNSpec(15, 15, 1e-4, 0.75, 1.0), LRNSpec(3, 20, 1e-4, 0.75, 1.0)]
BAD = {"nan": np.nan, "infinite": -np.inf, "huge": 1e30, "large": 3e18}

each_layout = pytest.mark.parametrize("layout", LAYOUTS)
each_spec = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"n{spec.size}")
each_dtype = pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)


def operands(layout, dtype):
    """Return g and x."""
    return [cases.normal(LAYOUTS[layout].shape, dtype, seed) for seed in (1, 0)]


def step_by_step(arrays, spec, axis):
    """Return the forward of one array, or the gradient of two, made in the other ways."""
    planar = [np.moveaxis(array, axis, 0) for array in arrays]
    swapped = [array.astype(other_order(array.dtype), order="C") for array in planar]
    return np.moveaxis(call(swapped, spec, 0, np.empty_like(swapped[0])), 0, axis)


def call(arrays, spec, axis, out=None, threads=1):
    compute = lrncore.lrn if len(arrays) == 1 else lrncore.lrn_backward
    return compute(*arrays, spec, axis, out=out, num_threads=threads)


def ways(arrays, spec, axis, threads=1):
    """Yield the result beside the operands, and over each of them."""
    yield call(arrays, spec, axis, threads=threads)
    for over in range(len(arrays)):
        copies = [array.copy() for array in arrays]
        yield call(copies, spec, axis, copies[over], threads)
        for i, array in enumerate(copies):
            assert i == over or np.array_equal(cases.bits(array), cases.bits(arrays[i]))


def assert_same_bits(arrays, spec, axis, threads=1):
    expected = step_by_step(arrays, spec, axis)
    for found in ways(arrays, spec, axis, threads):
        assert np.array_equal(cases.bits(found), cases.bits(expected))


def positions(layout):
    """Return indices of elements: of the first and last channels and places, and of some between."""
    case = LAYOUTS[layout]
    inside = tuple(length // 3 for length in case.shape)
    ends = [tuple(0 for _ in case.shape), tuple(length - 1 for length in case.shape)]
    last_column = (*inside[:-1], case.shape[-1] - 1)
    next_to_last_channel = tuple(
        n - 2 if i == case.axis else j for i, (n, j) in enumerate(zip(case.shape, inside, strict=True))
    )
    return [*ends, inside, last_column, next_to_last_channel]


@each_dtype
@each_spec
@each_layout
@pytest.mark.parametrize("operators", [1, 2], ids=["forward", "gradient"])
def test_ordinary_numbers(operators, layout, spec, dtype):
    for threads in (1, 3):
        assert_same_bits(operands(layout, dtype)[-operators:], spec, LAYOUTS[layout].axis, threads)


@each_dtype
@each_spec
@each_layout
@pytest.mark.parametrize("bad", BAD)
def test_one_number_that_is_out_of_range(bad, layout, spec, dtype):
    for at in positions(layout):
        for which in range(2):
            arrays = operands(layout, dtype)
            arrays[which][at] = BAD[bad]
            assert_same_bits(arrays, spec, LAYOUTS[layout].axis)
            if which:
                assert_same_bits(arrays[1:], spec, LAYOUTS[layout].axis)


@each_dtype
@pytest.mark.parametrize("channels", [24, 61, 300])
@pytest.mark.parametrize("before", [0, 1, 2, 3, 4, 5, 8, 13, 31, 60, 130])
@pytest.mark.parametrize("axis", [0, 1], ids=["planar", "packed"])
def test_any_window(axis, before, channels, dtype):
    """Sums of one to five levels, with none to two taps on the squares."""
    x = cases.normal((channels, 37) if axis == 0 else (5, channels), dtype)
    for after in (0, 1, 2, 4, 9, 27, 80, 110):
        assert_same_bits([x], LRNSpec(before, after, 1e-3, 0.75, 1.0), axis)


@each_dtype
@each_layout
def test_numbers_out_of_range_everywhere(layout, dtype):
    g, x = operands(layout, dtype)
    x.reshape(-1)[::7] *= dtype.type(1e25)
    for arrays in [x], [g, x]:
        assert_same_bits(arrays, SPECS[0], LAYOUTS[layout].axis)


@each_dtype
@each_layout
def test_tiny_numbers_beside_large_ones(layout, dtype):
    """Where x / s loses bits although s is in range."""
    g, x = operands(layout, dtype)
    large = {"float32": 1e15, "float64": 1e120}[dtype.name]
    x.reshape(-1)[::5] *= dtype.type(large)
    x.reshape(-1)[1::5] /= dtype.type(large)
    assert_same_bits([g, x], LRNSpec(2, 2, 1.0, 0.75, 1.0), LAYOUTS[layout].axis)


@each_dtype
@each_layout
def test_one_tiny_number_with_a_large_gradient(layout, dtype):
    """Where x / s loses bits, and dx is not tiny."""
    case = LAYOUTS[layout]
    large, tiny, most = {"float32": (1e7, 3e-41, 1e38), "float64": (1e50, 1e-310, 1e300)}[dtype.name]
    for at in positions(layout):
        x, g = np.full(case.shape, large, dtype), np.zeros(case.shape, dtype)
        x[at], g[at] = tiny, most
        assert_same_bits([g, x], LRNSpec(1, 1, 1.0, 0.75, 1.0), case.axis)


@each_layout
@pytest.mark.parametrize("bad", [None, np.nan])
def test_gradient_of_one_array_over_itself(bad, layout):
    x, axis = operands(layout, np.dtype(np.float32))[1], LAYOUTS[layout].axis
    if bad is not None:
        x[tuple(length // 2 for length in x.shape)] = bad
    expected = step_by_step([x, x], SPECS[0], axis)
    lrncore.lrn_backward(x, x, SPECS[0], axis, out=x)
    assert np.array_equal(cases.bits(x), cases.bits(expected))


@each_layout
@pytest.mark.parametrize("bad", [None, np.inf])
def test_nothing_else_is_written(bad, layout):
    """Rows with gaps, and what lies before and behind the array."""
    values, axis = operands(layout, np.dtype(np.float32))[1], LAYOUTS[layout].axis
    if bad is not None:
        values[positions(layout)[2]] = bad
    gaps = (0,) * (values.ndim - 1) + (12,)
    x = place(values, contiguous(values.ndim)._replace(gaps=gaps, offset=4))
    memory = x.base
    ours = np.zeros(memory.size, bool)
    np.ndarray(x.shape, "V4", ours.view("V1"), GUARD + 4, x.strides)[...] = b"\x01" * 4
    expected = step_by_step([values], SPECS[0], axis)
    lrncore.lrn(x, SPECS[0], axis, out=x, num_threads=1)
    assert np.array_equal(cases.bits(x), cases.bits(expected))
    assert (memory[~ours] == 255).all()


@each_layout
def test_over_a_part_of_the_input(layout):
    """Results that lie elsewhere than their operands are not written over those."""
    case = LAYOUTS[layout]
    memory = np.concatenate([cases.normal(case.shape).reshape(-1), np.zeros(64, np.float32)])
    x, out = memory[:-64].reshape(case.shape), memory[64:].reshape(case.shape)
    expected = lrncore.lrn(x.copy(), SPECS[0], case.axis)
    lrncore.lrn(x, SPECS[0], case.axis, out=out)
    assert np.array_equal(cases.bits(out), cases.bits(expected))
