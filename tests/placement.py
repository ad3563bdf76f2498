"""The same values in every kind of memory: permuted, gapped, reversed, misaligned, byte-swapped, read-only."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

#: bytes on both sides of an array that nothing may write to
GUARD = 256


class Placement(NamedTuple):
    """How an array of some shape lies in memory."""

    order: tuple[int, ...]  # its axes from the farthest strides to the nearest
    gaps: tuple[int, ...]  # bytes left free after each step of an axis, from the nearest to the farthest
    reversed_axes: tuple[bool, ...]
    offset: int  # of its memory, in bytes
    swapped: bool
    read_only: bool = False


def contiguous(ndim):
    """Return the placement of a new array, to be changed with `_replace`."""
    return Placement(tuple(range(ndim)), (0,) * ndim, (False,) * ndim, 0, swapped=False)


def other_order(dtype):
    """Return a dtype in the other byte order; the types of ml_dtypes, of kind V to NumPy, have only one."""
    return dtype if dtype.kind == "V" else dtype.newbyteorder("S")


def place(values, placement):
    """Return an array that equals `values`, placed so."""
    dtype = other_order(values.dtype) if placement.swapped else values.dtype
    strides = [0] * values.ndim
    extent = dtype.itemsize
    for axis, gap in zip(reversed(placement.order), placement.gaps, strict=True):
        strides[axis] = extent + gap
        extent = strides[axis] * max(values.shape[axis], 1)  # an empty array begins inside its memory too
    memory = np.full(GUARD + placement.offset + extent + GUARD, 0xFF, np.uint8)  # NaN, if it were read
    array = np.ndarray(values.shape, dtype, memory, GUARD + placement.offset, tuple(strides))
    array = array[tuple(slice(None, None, -1 if back else 1) for back in placement.reversed_axes)]
    array[...] = values
    array.flags.writeable = not placement.read_only
    return array


LENGTHS = (1, 2, 3, 5, 7, 15, 16, 17, 31, 33, 64, 65, 70, 300)
#: bytes: nothing, one element of float32 and more, and what breaks the alignment
GAPS = (0, 0, 0, 4, 8, 24, 1, 3)


@st.composite
def shapes(draw, limit=8000):
    """Draw the shape of an array of one to five dimensions."""
    lengths = []
    for length in draw(st.lists(st.sampled_from(LENGTHS), min_size=1, max_size=5)):
        limit //= length
        lengths.append(length if limit else 1)
    return tuple(draw(st.permutations(lengths)))


def placements(ndim, *, read_only=False):
    """Draw where an array lies."""
    return st.builds(
        Placement,
        order=st.permutations(range(ndim)).map(tuple),
        gaps=st.tuples(*[st.sampled_from(GAPS)] * ndim),
        reversed_axes=st.tuples(*[st.booleans()] * ndim),
        offset=st.integers(0, 9),
        swapped=st.booleans(),
        read_only=st.booleans() if read_only else st.just(value=False),
    )
