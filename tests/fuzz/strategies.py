"""Draws calls; the first of a list of choices is what a failing call is simplified to.

Every strategy is made once: hypothesis takes longer to look through a new one than to draw from it.
"""

import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from placement import GUARD, LENGTHS, placements

from lrncore import LRNSpec

from .calls import DTYPES, FUNCTIONS, Call, Operand, Values, View

BETAS = (0.75, 0.5, 1.0, 2.0, 0.6, 0.33, 0.0, 1.5, 3.9, -0.75)
SCALES = (1.0, 0.2, 1e-4, 0.0, -0.3, 1e-30, 1e30)
KS = (1.0, 2.0, 0.001, 0.0, -0.5, 1e-30, 1e30)
REACHES = (0, 1, 2, 3, 4, 7, 15, 40, 300, 10**30)
MAGNITUDES = (1.0, 0.001, 100.0, 0.0, 1e-10, 1e10, 1e-30, 1e20, 1e30, 1e-160, 1e160, 1e300)
DECADES = (0, 0, 0, 3, 30)
SPECIALS = ("0.0", "-0.0", "1.0", "1e-30", "1e20", "subnormal", "3e38", "1e-300", "1e300", "nan", "inf", "-inf")

REACH = st.sampled_from(REACHES) | st.integers(0, 70)
SPEC = st.builds(LRNSpec, REACH, REACH, st.sampled_from(SCALES), st.sampled_from(BETAS), st.sampled_from(KS))

KIND = st.sampled_from(("usual",) * 38 + ("empty", "far"))
LENGTH_LIST = st.lists(st.sampled_from((*LENGTHS, 1200)), min_size=1, max_size=6)
#: usually
MOST_ELEMENTS = 8000
#: what the kernels take for an array beyond the caches; where nothing is written it means nothing, but many terms
FAR_BYTES = 1 << 23
MANY_BYTES = 1 << 19

VALUES = st.builds(Values, st.integers(0, 99), st.sampled_from(MAGNITUDES), st.sampled_from(DECADES), st.just(()))
SPECIAL = st.lists(st.tuples(st.integers(0, 9999), st.sampled_from(SPECIALS)), max_size=6)

MEMORY = st.sampled_from(("own", "own", "repeated", "sliding"))
SOME_AXES = st.sets(st.integers(0, 5), min_size=1)
SOME_AXES_OR_NONE = st.lists(st.integers(-6, 5), max_size=1) | st.lists(st.integers(-6, 5), min_size=2, max_size=4)
BOX = st.sampled_from((False, False, True))
PLACEMENT = {ndim: st.none() | placements(ndim, read_only=True) for ndim in range(1, 7)}
WRITEABLE = {ndim: st.none() | placements(ndim) for ndim in range(1, 7)}
OUT = st.sampled_from((None, "own", "x", "g"))
SHIFT = st.just(0) | st.integers(-GUARD // 16, GUARD // 16)


@st.composite
def calls(draw):
    """Draw a call."""
    name, dtype = draw(st.sampled_from(tuple(FUNCTIONS))), draw(st.sampled_from(DTYPES))
    function = FUNCTIONS[name]
    far = FAR_BYTES if function.takes_out else MANY_BYTES
    shape, axis = draw_shape(draw, far // np.dtype(dtype).itemsize)
    spec = draw(SPEC)
    to = draw(OUT) if function.takes_out else None
    x = draw_operand(draw, shape, plain=to in {"x", "g"})
    g = draw_operand(draw, shape, plain=to == "g") if function.takes_g else None
    if g and to != "g" and draw(st.booleans()):
        g = View(flipped=draw(st.booleans()))
    out = None
    if to == "own":
        out = Operand(where=draw(WRITEABLE[len(shape)]))
    elif to:
        out = View(to if g else "x", draw(SHIFT), draw(st.booleans()), draw(st.booleans()))
    return Call(name, dtype, shape, axis, spec, x, g, out, draw(st.integers(1, 4)))


def draw_shape(draw, far):
    """Draw a shape of one to six dimensions, rarely of more than `far` elements, and one of its axes or some."""
    kind = draw(KIND)
    left = 50 if kind == "far" else MOST_ELEMENTS
    lengths = []
    for length in draw(LENGTH_LIST):
        lengths.append(length if length <= left else 1)
        left //= lengths[-1]
    axis = draw(st.integers(0, len(lengths) - 1))
    if kind == "empty":
        lengths[draw(st.integers(0, len(lengths) - 1))] = 0
    elif kind == "far" and len(lengths) > 1:
        lengths[axis - 1] *= 1 + far // math.prod(lengths)
    ndim = len(lengths)
    if draw(BOX):
        # of a far array one axis is long, and no window's
        free = {axis - 1, axis - 1 + ndim} if kind == "far" else set()
        axes = {each % ndim: each % ndim - ndim * (each < 0) for each in draw(SOME_AXES_OR_NONE)}
        return tuple(lengths), tuple(each for place, each in axes.items() if place not in free)
    return tuple(lengths), draw(st.sampled_from((axis, axis - ndim)))


def draw_operand(draw, shape, *, plain):
    """Draw an Operand, plain if every element has a place of its own."""
    memory = "own" if plain or 0 in shape else draw(MEMORY)
    repeated = tuple(sorted(axis for axis in draw(SOME_AXES) if axis < len(shape))) if memory == "repeated" else ()
    operand = Operand(repeated=repeated, sliding=memory == "sliding" and len(shape) > 1)
    stored = operand.stored(shape)
    size = math.prod(stored)
    special = tuple((element % size, name) for element, name in draw(SPECIAL) if size)
    values = replace(draw(VALUES), special=special)
    return replace(operand, values=values, where=draw(PLACEMENT[len(stored)]))
