"""Lengths, strides and windows at the ends of the integers: no product of them may overflow into a crash."""

import sys

import cases
import numpy as np
import pytest

import lrncore
from lrncore import LRNSpec

EVERYTHING = LRNSpec(10**30, 10**30, 0.5, 0.75, 1.0)


def gradient(x, spec, axis, **keywords):
    return lrncore.lrn_backward(x, x, spec, axis, **keywords)


each_function = pytest.mark.parametrize("function", [lrncore.lrn, gradient])
each_dtype = pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)


def each_call(shapes):
    return pytest.mark.parametrize(("shape", "axis"), [(shape, i) for shape in shapes for i in range(len(shape))])


# NumPy has no array of 2^63 bytes or more, but where a length is 0. These are half of that in float64.
HUGE = [(2**59,), (2**31, 2**28), (2**20, 2**19, 2**20), (1, 2**59, 1)]


@each_function
@each_dtype
@each_call(HUGE)
def test_result_beyond_all_memory(shape, axis, dtype, function):
    x = np.broadcast_to(np.ones((), dtype), shape)
    with pytest.raises(MemoryError):
        function(x, EVERYTHING, axis)


@each_function
@each_dtype
@each_call(HUGE)
def test_out_with_all_its_elements_in_one_place(shape, axis, dtype, function):
    x = np.broadcast_to(np.ones((), dtype), shape)
    memory = np.full(1, 7, dtype)
    out = np.lib.stride_tricks.as_strided(memory, shape, (0,) * len(shape))
    with pytest.raises(MemoryError):  # for want of a temporary
        function(x, EVERYTHING, axis, out=out)
    assert memory[0] == 7


@each_function
@each_dtype
@each_call([(0, 2**59), (2**59, 0), (0, 2**59, 0), (2**20, 0, 2**19, 2**20)])
def test_empty_but_huge(shape, axis, dtype, function):
    assert function(np.empty(shape, dtype), EVERYTHING, axis, num_threads=9).shape == shape


# The sum of the two, and one more for the channel itself, is beyond 64 bits where neither of them is.
WINDOWS = [(2**31 - 1, 2**31 - 1), (2**62, 2**62), (2**63 - 1, 1), (0, 2**63 - 1), (2**64, 2**64)]


@pytest.mark.usefixtures("isa")
@each_function
@pytest.mark.parametrize("layout", cases.LAYOUTS)
@pytest.mark.parametrize(("before", "after"), WINDOWS)
def test_window_at_the_end_of_the_integers(before, after, layout, function):
    case = cases.LAYOUTS[layout]
    x = cases.normal(case.shape)
    most = case.channels - 1
    found = function(x, LRNSpec(before, after, 0.5, 0.75, 1.0), case.axis)
    expected = function(x, LRNSpec(min(before, most), min(after, most), 0.5, 0.75, 1.0), case.axis)
    assert np.array_equal(cases.bits(found), cases.bits(expected))


def with_a_meaningless_stride(values, stride):
    """Return `values` with `stride` on each axis of one element, and a gap after each row.

    NumPy lends the memory of an array without gaps under the usual strides, whatever its own are.
    """
    rows = np.empty((*values.shape[:-1], values.shape[-1] + 3), values.dtype)[..., : values.shape[-1]]
    rows[...] = values
    strides = [stride if n == 1 else own for n, own in zip(values.shape, rows.strides, strict=True)]
    return np.lib.stride_tricks.as_strided(rows, values.shape, strides)


def check_with_a_meaningless_stride(stride, shape, axis, dtype):
    x, g = cases.normal(shape, dtype), cases.normal(shape, dtype, seed=1)
    odd_x, odd_g, y, dx = (with_a_meaningless_stride(values, stride) for values in (x, g, x, x))
    lrncore.lrn(odd_x, cases.STRONG, axis, out=y)
    lrncore.lrn_backward(odd_g, odd_x, cases.STRONG, axis, out=dx)
    assert np.array_equal(cases.bits(y), cases.bits(lrncore.lrn(x, cases.STRONG, axis)))
    assert np.array_equal(cases.bits(dx), cases.bits(lrncore.lrn_backward(g, x, cases.STRONG, axis)))


SINGLE = [((3, 1, 40), 1), ((3, 1, 40), 2), ((40, 3, 1), 0), ((1, 40, 1, 3, 1), 1)]


@pytest.mark.usefixtures("isa")
@each_dtype
@pytest.mark.parametrize("stride", [2**62, -(2**62), 2**63 - 1, -(2**63), 3])
@pytest.mark.parametrize(("shape", "axis"), SINGLE)
def test_stride_of_an_axis_of_one_element(shape, axis, stride, dtype):
    check_with_a_meaningless_stride(stride, shape, axis, dtype)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("stride", [2**63 - 1, -(2**63)])
def test_stride_of_a_single_channel_beyond_the_caches(stride):
    """There the next channel is asked for early."""
    check_with_a_meaningless_stride(stride, (3, 1, 2**20), 1, np.float32)


# A file of zeros that takes no memory stands for an array larger than any machine's, normalized in place. Its
# scratch would not fit into the addresses that a process has, whatever memory the system promises.
WINDOWS_OF_HUGE_ARRAYS = """
import mmap, os, sys
import numpy as np
import lrncore

direction, dtype, neighbours = sys.argv[1:]
for logarithm in (43, 44, 46):
    file = os.memfd_create("zeros")
    os.ftruncate(file, 1 << logarithm)
    try:
        x = np.frombuffer(mmap.mmap(file, 1 << logarithm), dtype)
    except OSError:
        print("too many addresses")
        continue
    # neighbouring columns share all of their elements but one, so that a long array has work for all threads
    rows = x.size - int(neighbours) + 1
    x = np.lib.stride_tricks.as_strided(x, (rows, int(neighbours)), x.strides * 2)
    spec = lrncore.LRNSpec(rows, rows, 0.5, 0.75, 1.0)
    try:
        if direction == "forward":
            lrncore.lrn(x, spec, 0, out=x, num_threads=64)
        else:
            lrncore.lrn_backward(x, x, spec, 0, out=x, num_threads=64)
    except MemoryError:
        print("MemoryError")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files in memory that take none")
@each_dtype
@pytest.mark.parametrize("neighbours", ["1", "4096"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_window_as_long_as_a_huge_array(direction, neighbours, dtype, python):
    said = python(WINDOWS_OF_HUGE_ARRAYS, direction, dtype.char, neighbours).splitlines()
    if "too many addresses" in said:
        pytest.skip("this system does not lend a process so many addresses")
    assert said == ["MemoryError"] * 3
