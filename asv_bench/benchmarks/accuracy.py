"""Tracks the largest and the mean error of each pass, in units in the last place of the exact result.

The exact result is the formula in long double, which has to be wider than the element type. The terms of a backward
may cancel, so its errors are measured by the sum of their magnitudes.
"""

import numpy as np

import lrncore
from lrncore import LRNSpec

from . import cases

SHAPE = (4, 96, 13, 13)
SPECS = {
    "AlexNet": cases.ALEXNET,
    "strong": LRNSpec.torch(31, alpha=1.0, beta=0.75, k=1e-3),
    "beta 0.6": LRNSpec.torch(5, alpha=1.0, beta=0.6, k=1.0),
}


def window(terms, before, after):
    """Return the sums of `terms` over the channels from `before` before to `after` after each, clipped."""
    padded = np.pad(terms, [(0, 0), (before, after), *[(0, 0)] * (terms.ndim - 2)])
    return sum(padded[:, first : first + terms.shape[1]] for first in range(before + after + 1))


def forward(_, x, spec):
    y = x * (spec.k + spec.scale * window(x * x, spec.before, spec.after)) ** -spec.beta
    return y, abs(y)


def backward(g, x, spec):
    s = spec.k + spec.scale * window(x * x, spec.before, spec.after)
    direct = g * s**-spec.beta
    slopes = 2 * spec.scale * spec.beta * g * x * s ** (-spec.beta - 1)
    # a channel is in the windows of those from `after` before it to `before` after it
    dx = direct - x * window(slopes, spec.after, spec.before)
    return dx, abs(direct) + abs(x) * window(abs(slopes), spec.after, spec.before)


class Ulps:
    params = (("forward", "backward"), ("float32", "float64"), tuple(SPECS))
    param_names = ("pass", "dtype", "parameters")

    def setup(self, direction, dtype, parameters):
        if np.finfo(np.longdouble).eps >= np.finfo(dtype).eps:
            raise NotImplementedError(f"long double is no wider than {dtype} here")
        spec = SPECS[parameters]
        x, g = (cases.normal(SHAPE, np.dtype(dtype), seed) for seed in (1, 2))
        found = lrncore.lrn(x, spec) if direction == "forward" else lrncore.lrn_backward(g, x, spec)
        exact, magnitude = {"forward": forward, "backward": backward}[direction](
            g.astype(np.longdouble), x.astype(np.longdouble), spec
        )
        self.errors = abs(found - exact) / np.spacing(magnitude.astype(dtype))

    def track_largest(self, *_):
        return float(self.errors.max())

    def track_mean(self, *_):
        return float(self.errors.mean())

    track_largest.unit = track_mean.unit = "ulp"
