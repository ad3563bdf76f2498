"""Tracks calls on NaN, infinities and extreme numbers beside ordinary calls of the same shape and parameters."""

import numpy as np

from . import bandwidth, cases

SHAPE = (1, 96, 28, 28)
#: What the element types hold that squares leave the range of, and what they are far below
EXTREMES = {"float32": (1e30, 1e-30), "float64": (1e200, 1e-200), "float16": (6e4, 6e-8)}


def spoil(array, kind, extremes):
    """Put the hard input into an array of ordinary numbers."""
    flat = array.reshape(-1)
    values = {"NaN": np.nan, "Inf": np.inf, "huge": extremes[0], "tiny": extremes[1]}
    what, _, how = kind.partition(", ")
    places = {"all": slice(None), "a third": slice(None, None, 3), "one": slice(flat.size // 2, flat.size // 2 + 1)}
    flat[places[how]] = values[what]


class HardInputs:
    params = (
        ("forward", "backward", "jvp", "param_grads"),
        ("x", "g"),
        ("NaN, all", "NaN, a third", "NaN, one", "Inf, all", "huge, all", "huge, one", "tiny, all"),
        cases.DTYPES,
    )
    param_names = ("pass", "operand", "input", "dtype")

    def setup(self, direction, operand, kind, dtype):
        if direction == "forward" and operand == "g":
            raise NotImplementedError("the forward has no g")
        layer = cases.Layer(SHAPE, cases.ALEXNET)
        self.ordinary, self.hard = cases.Call(layer, dtype), cases.Call(layer, dtype)
        spoilt = getattr(self.hard, operand).copy()
        spoil(spoilt, kind, EXTREMES[dtype])
        setattr(self.hard, operand, spoilt)

    def track_ratio(self, direction, *_):
        hard, ordinary = bandwidth.medians(getattr(self.hard, direction), getattr(self.ordinary, direction))
        return hard / ordinary

    track_ratio.unit = "ordinary calls"
