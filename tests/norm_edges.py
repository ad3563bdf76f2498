"""The moment norms on operands, parameters and statistics in memory that holds no byte more than they need.

A program like edges.py, with its words: `calls`, every so manieth, or `strays`.
"""

import sys
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import edges
import numpy as np

import lrncore

#: Elements on the heap that stray
STRAY = edges.MEMORIES["heap"].length
#: shapes by the axis of channels: rows and columns, of a vector and less, of tiles and more
SHAPES = {
    "planar": ((2, 6, 5, 7), 1),
    "packed": ((2, 5, 7, 6), 3),
    "packed_wide": ((3, 11, 70), 2),
    "packed_groups": ((2, 40, 130), 2),
    "lines": ((2, 2, 4500), 1),
    "many_lines": ((90, 2, 3), 1),
    "vectors": ((67, 33), 1),
    "channels_first": ((6, 9, 17), 0),
    "one_axis": ((40,), 0),
    "one_place": ((33, 18, 1), 1),
}


class Function(NamedTuple):
    """A norm: ``call(*operands, *parameters, axis=..., **more)``, and how many of both it takes."""

    call: Callable
    operands: int
    parameters: int
    fills: bool = True


def grouped(function, **options):
    """Return a norm by groups with the operands first."""

    def call(*arrays, axis, **more):
        channels = arrays[0].shape[axis]
        # pairs; but of what strays whole vectors, since a sanitizer does not see how parts are stored
        whole = channels == STRAY and not options
        groups = 1 if channels % 2 else 2 if whole else channels // 2
        operands = 2 if function is lrncore.group_norm_backward else 1
        return function(*arrays[:operands], groups, *arrays[operands:], axis=axis, **options, **more)

    return call


def along(function):
    """Return a norm over an axis, which it takes before its parameters."""

    def call(*arrays, axis, **more):
        operands = 2 if "backward" in function.__name__ else 1
        return function(*arrays[:operands], axis, *arrays[operands:], **more)

    return call


def thresholded(g, x, weight, bias, tau, **more):
    return lrncore.filter_response_norm_backward(g, x, weight, bias, tau=tau, **more)


FUNCTIONS = {
    "layer": Function(along(lrncore.layer_norm), 1, 2),
    "layer_backward": Function(along(lrncore.layer_norm_backward), 2, 1),
    "rms": Function(along(lrncore.rms_norm), 1, 1),
    "rms_backward": Function(along(lrncore.rms_norm_backward), 2, 1),
    "group": Function(grouped(lrncore.group_norm), 1, 2),
    "group_backward": Function(grouped(lrncore.group_norm_backward), 2, 1),
    "interleaved": Function(grouped(lrncore.group_norm, interleaved=True), 1, 2),
    "interleaved_backward": Function(grouped(lrncore.group_norm_backward, interleaved=True), 2, 1),
    "instance": Function(lrncore.instance_norm, 1, 2),
    "instance_backward": Function(lrncore.instance_norm_backward, 2, 1),
    "batch": Function(lambda x, m, v, w, b, **more: lrncore.batch_norm(x, m, abs(v), w, b, **more), 1, 4),
    "batch_backward": Function(
        lambda g, x, m, v, w, **more: lrncore.batch_norm_backward(g, x, m, abs(v), w, **more), 2, 3
    ),
    "batch_train": Function(lrncore.batch_norm_train, 1, 2),
    "batch_train_backward": Function(lrncore.batch_norm_train_backward, 2, 1),
    "filter_response": Function(lrncore.filter_response_norm, 1, 3),
    "filter_response_backward": Function(thresholded, 2, 3),
    "moments": Function(lrncore.moments, 1, 0, fills=False),
}


class Call(NamedTuple):
    """A call, but for the values."""

    function: str
    shape: str
    layouts: tuple[str, ...]  # of each operand, and of the result
    over: int | None  # the operand whose place the result takes
    threads: int


def calls(chance):
    """Give every function each shape in every layout: all operands in it, and one alone."""
    for name, shape, layout in product(FUNCTIONS, SHAPES, edges.LAYOUTS):
        function = FUNCTIONS[name]
        for layouts in edges.all_and_one(layout, function.operands + function.fills, chance):
            over = chance.choice([None, *range(function.operands)]) if function.fills else None
            yield Call(name, shape, layouts, over, chance.choice([1, 2]))


def make(call, dtype, memory, chance):
    """Make a call in `memory` and again on memory of NumPy's own that lies alike, and compare."""
    function, (shape, axis) = FUNCTIONS[call.function], SHAPES[call.shape]
    values = [edges.spiked(edges.normal(shape, dtype, seed), chance) for seed in range(function.operands)]
    operands = edges.laid_out(call.layouts, values, memory)
    real = np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    given = [edges.normal(shape[axis : axis + 1], real, 9 + i) for i in range(function.parameters)]
    parameters = edges.placed(given, given, memory)
    inputs = [operand.array for operand in operands[: function.operands]]
    # the order of the axes in memory decides which sums are made
    copies = [each.copy(order="K") for each in inputs]
    arrays = [each.array for each in parameters]
    with np.errstate(all="ignore"):
        if not function.fills:
            function.call(*inputs, axis=axis, num_threads=call.threads)
            return
        out = operands[-1 if call.over is None else call.over]
        # as many threads: they decide which of two NaNs it is
        expected = edges.first(function.call(*copies, *given, axis=axis, num_threads=call.threads))
        function.call(*inputs, *arrays, axis=axis, out=out.array, num_threads=call.threads)
    if not out.holds(expected):
        sys.exit("the result has other bits here, or bytes beside it changed")
    if not all(parameter.holds(value) for parameter, value in zip(parameters, given, strict=True)):
        sys.exit("a parameter changed")


def with_ones(function):
    """Return a norm of operands as long as those that stray, all of whose parameters are ones."""

    def call(*operands, **out):
        ones = np.ones(operands[0].shape, np.float32)
        return function.call(*operands, *[ones] * function.parameters, axis=0, **out)

    return function._replace(call=call)


if __name__ == "__main__":
    edges.main(sys.argv[1:], calls, make, {name: with_ones(each) for name, each in FUNCTIONS.items()})
