"""Divisive normalization on operands and parameters in memory that holds no byte more than they need.

A program like edges.py, with its words: `calls`, every so manieth, or `strays`.
"""

import sys
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import edges
import numpy as np

import lrncore
from lrncore import DivisiveSpec

#: shapes by the axis of channels: of a vector and less, of tiles and more, of several blocks
SHAPES = {
    "planar": ((2, 6, 5, 7), 1),
    "packed": ((2, 5, 7, 6), 3),
    "packed_wide": ((3, 11, 70), 2),
    "rows": ((2, 5, 9, 67), 1),
    "pixels": ((1, 9, 7, 33), 3),
    "many_places": ((3, 7, 700), 1),
    "many_channels": ((40, 130), 1),
    "channels_first": ((6, 9, 17), 0),
    "one_axis": ((40,), 0),
    "one_place": ((33, 18, 1), 1),
}
BAND, KERNEL = [0.1, 0.5, 0.2, 0.3, 0.7], [0.25, 0.5, 0.25]
SPECS = {
    "own": DivisiveSpec(p=1.0, q=1.0),
    "band": DivisiveSpec(BAND),
    "long_band": DivisiveSpec(np.linspace(0, 1, 41), q=0.75),
    "ahead": DivisiveSpec([0, 0, 0, 0, 0, 1, 2], p=1.5, q=0.8),
    "space": DivisiveSpec(None, KERNEL, n=2.0),
    "mass": DivisiveSpec(BAND, KERNEL, q=-0.5, border="mass"),
    "roots": DivisiveSpec(BAND, p=0.5, q=1.5, n=0.5),
    "both": DivisiveSpec(BAND, np.ones(9), p=3.0, q=-1.0),
}


class Function(NamedTuple):
    """A public function: ``call(*operands, *parameters, spec, axis=..., **more)``, and how many operands."""

    call: Callable
    operands: int
    parameters: int = 0  # a matrix and a number for each channel


def of_matrix(function):
    """Return a function that takes a spec and makes no use but of its exponents."""

    def call(*arrays, spec, **more):
        return function(*arrays, alpha=spec.p, epsilon=abs(spec.q), inverse=spec.q < 0, **more)

    return call


FUNCTIONS = {
    "norm": Function(lrncore.divisive_norm, 1),
    "norm_backward": Function(lrncore.divisive_norm_backward, 2),
    "gdn": Function(of_matrix(lrncore.gdn), 1, 2),
    "gdn_backward": Function(of_matrix(lrncore.gdn_backward), 2, 2),
}


class Call(NamedTuple):
    """A call, but for the values."""

    function: str
    shape: str
    spec: str
    layouts: tuple[str, ...]  # of each operand, and of the result
    over: int | None  # the operand whose place the result takes
    threads: int


def calls(chance):
    """Give every function each shape in every layout: all operands in it, and one alone."""
    for name, shape, layout in product(FUNCTIONS, SHAPES, edges.LAYOUTS):
        count = FUNCTIONS[name].operands
        for layouts in edges.all_and_one(layout, count + 1, chance):
            spec = chance.choice(list(SPECS))
            yield Call(name, shape, spec, layouts, chance.choice([None, *range(count)]), chance.choice([1, 2]))


def parameters_of(function, channels, dtype):
    """Return a matrix and a number for each channel, or none."""
    real = np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    shapes = [(channels, channels), (channels,)][: function.parameters]
    return [np.abs(edges.normal(shape, real, 9)) + real.type(0.1) for shape in shapes]


def make(call, dtype, memory, chance):
    """Make a call in `memory` and again on memory of NumPy's own, and compare."""
    function, (shape, axis) = FUNCTIONS[call.function], SHAPES[call.shape]
    values = [edges.normal(shape, dtype, seed) for seed in range(function.operands)]
    if chance.randrange(2):  # what a block computes a second time, or leaves to wider numbers
        values = [edges.spiked(each, chance) for each in values]
    operands = edges.laid_out(call.layouts, values, memory)
    given = parameters_of(function, shape[axis], dtype)
    parameters = edges.placed(given, given, memory)
    inputs = [operand.array for operand in operands[: function.operands]]
    copies = [each.copy() for each in inputs]
    out = operands[-1 if call.over is None else call.over]
    more = {"axis": axis, "num_threads": call.threads}
    with np.errstate(all="ignore"):
        expected = edges.first(function.call(*copies, *given, spec=SPECS[call.spec], **more))
        arrays = [each.array for each in parameters]
        function.call(*inputs, *arrays, spec=SPECS[call.spec], out=out.array, **more)
    if not holds(out, expected):
        sys.exit("the result has other bits here, or bytes beside it changed")
    if not all(parameter.holds(value) for parameter, value in zip(parameters, given, strict=True)):
        sys.exit("a parameter changed")


def holds(out, expected):
    """Whether `out` is `expected`, and all bytes beside it as before; which NaN it is depends on the layout."""
    nan = np.isnan(expected)
    if not np.array_equal(nan, np.isnan(out.array)):
        return False
    out.array[nan] = expected[nan]
    return out.holds(expected)


def along_operands(function):
    """Return a function of operands alone."""

    def call(*operands, **out):
        channels = len(operands[0])
        ones = [np.ones(shape, np.float32) for shape in [(channels, channels), (channels,)][: function.parameters]]
        return function.call(*operands, *ones, spec=SPECS["band"], axis=0, num_threads=1, **out)

    return edges.Function(call, function.operands)


if __name__ == "__main__":
    edges.main(sys.argv[1:], calls, make, {name: along_operands(each) for name, each in FUNCTIONS.items()})
