"""oneDNN, as a network of its own layers has it: forward for inference; training with the workspace it saves.

Its layouts are NCHW, NHWC, and blocks of channels that lie side by side.
"""

from dataclasses import dataclass

import numpy as np

from . import onednn
from .plan import BOTH, FORWARD


@dataclass
class Blocked:
    """An array in blocks of channels, for which NumPy sees NCHW."""

    array: np.ndarray

    def __array__(self, dtype=None, copy=None):
        images, blocks, height, width, block = self.array.shape
        return self.array.transpose(0, 1, 4, 2, 3).reshape(images, blocks * block, height, width)


def as_given(problem):
    shape = problem.x.shape
    dims = (shape[0], shape[3], *shape[1:3]) if problem.packed else shape
    block = onednn.PACKED if problem.packed else onednn.PLANAR
    return passes(problem, dims, block, (problem.x, problem.g), lambda array: array)


def blocked(problem):
    """The layout that its convolutions leave behind, of vectors' width."""
    images, channels, *area = problem.x.shape
    block = onednn.width()
    if problem.packed or channels % block:
        return {}
    blocks = (images, channels // block, block, *area)
    views = [each.reshape(blocks).transpose(0, 1, 3, 4, 2) for each in (problem.x, problem.g)]
    inputs = [np.ascontiguousarray(view) for view in views]
    return passes(problem, problem.x.shape, block, inputs, Blocked)


def passes(problem, dims, block, inputs, shown):
    x, g = inputs
    y, dx = np.zeros_like(x), np.zeros_like(x)
    forward = onednn.lrn(onednn.INFERENCE, problem.spec, dims, block, x, g, y, dx)
    both = onednn.lrn(onednn.BOTH, problem.spec, dims, block, x, g, y, dx)
    results = {FORWARD: (forward, shown(y)), BOTH: (both, (shown(y), shown(dx)))}

    def timed(call, result):
        call()
        return result

    problem.notes.append(both.implementation)
    return {direction: (lambda pair=pair: timed(*pair)) for direction, pair in results.items()}
