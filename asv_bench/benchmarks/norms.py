"""Times the moment norms on one thread: every norm and layout, in cache and out of it, and rows and columns.

A slowdown of one norm alone points at its sets; of all that are channels last, at the walk of columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import lrncore

from . import bandwidth, cases

CHANNELS, SIDE, GROUPS = 96, 55, 32
BATCHES = (1, 16)
ROWS = {
    "1x55x55 of 96": (3025, 96),
    "16x55x55 of 96": (48400, 96),
    "4096 of 1024": (4096, 1024),
    "1024 of 4096": (1024, 4096),
}
COLUMNS = {"4 of 9000": (4, 9000), "32 of 1024": (32, 1024), "128 of 256": (128, 256)}


@dataclass(frozen=True)
class Norm:
    """Both passes of a norm: of x, the parameters and what goes with them."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]


def by_channel(name):
    """Return a norm with parameters for each channel, from the names of its functions."""
    own, back = getattr(lrncore, name), getattr(lrncore, f"{name}_backward")

    def forward(x, weight, bias, axis, **more):
        return own(x, weight, bias, axis=axis, **more)

    def backward(g, x, weight, axis, **more):
        return back(g, x, weight, axis=axis, **more)

    return Norm(forward, backward)


def norms():
    """Return the norms of images by name; asv shows n/a for commits that lack them."""
    if not hasattr(lrncore, "batch_norm_train"):
        raise NotImplementedError("this commit has no moment norms")
    mean, var = np.zeros(CHANNELS), np.ones(CHANNELS)
    return {
        "batch": Norm(
            lambda x, w, b, axis, **more: lrncore.batch_norm(x, mean, var, w, b, axis=axis, **more),
            lambda g, x, w, axis, **more: lrncore.batch_norm_backward(g, x, mean, var, w, axis=axis, **more),
        ),
        "batch_train": by_channel("batch_norm_train"),
        "group": Norm(
            lambda x, w, b, axis, **more: lrncore.group_norm(x, GROUPS, w, b, axis=axis, **more),
            lambda g, x, w, axis, **more: lrncore.group_norm_backward(g, x, GROUPS, w, axis=axis, **more),
        ),
        "instance": by_channel("instance_norm"),
        "filter_response": by_channel("filter_response_norm"),
    }


NAMES = ("batch", "batch_train", "group", "instance", "filter_response")


class Call:
    """Both passes of a norm on an array of images."""

    def __init__(self, name, layout, batch, dtype="float32", threads=1):
        norm, axis = norms()[name], 1 if layout == "planar" else -1
        shape = (batch, CHANNELS, SIDE, SIDE) if axis == 1 else (batch, SIDE, SIDE, CHANNELS)
        self.x, self.g, self.out = cases.arrays(shape, dtype)
        self.weight, self.bias = np.full(CHANNELS, 1.5, np.float32), np.ones(CHANNELS, np.float32)
        self.norm, self.options = norm, {"axis": axis, "out": self.out, "num_threads": threads}

    def forward(self):
        self.norm.forward(self.x, self.weight, self.bias, **self.options)

    def backward(self):
        self.norm.backward(self.g, self.x, self.weight, **self.options)

    def copy(self):
        np.copyto(self.out, self.x)


class Images(cases.Sweep):
    params = (NAMES, cases.LAYOUTS, BATCHES)
    param_names = ("norm", "layout", "batch")

    def setup(self, *which):
        self.call = Call(*which)

    def time_forward(self, *_):
        self.call.forward()

    def time_backward(self, *_):
        self.call.backward()


class Rows(cases.Sweep):
    """Layer and RMS normalization, as transformers have them."""

    params = (("layer", "rms"), tuple(ROWS))
    param_names = ("norm", "rows")

    def setup(self, name, rows):
        self.x, self.g, self.out = cases.arrays(ROWS[rows], "float32")
        weight = np.full(self.x.shape[1], 1.5, np.float32)
        self.given = (-1, weight, weight) if name == "layer" else (-1, weight)
        self.own = getattr(lrncore, f"{name}_norm")
        self.back = getattr(lrncore, f"{name}_norm_backward")

    def time_forward(self, *_):
        self.own(self.x, *self.given, out=self.out, num_threads=1)

    def time_backward(self, *_):
        self.back(self.g, self.x, *self.given[:2], out=self.out, num_threads=1)


class Columns(cases.Sweep):
    """Norms over the first axis, of few rows and many columns: what a column takes by itself counts most."""

    params = (("layer", "batch_train"), tuple(COLUMNS))
    param_names = ("norm", "columns")

    def setup(self, name, columns):
        self.x, self.g, self.out = cases.arrays(COLUMNS[columns], "float32")
        self.options = {"out": self.out, "num_threads": 1}
        weight = np.full(self.x.shape[1], 1.5, np.float32)
        self.given = (0,) if name == "layer" else (weight,)
        self.own = getattr(lrncore, "layer_norm" if name == "layer" else "batch_norm_train")
        self.back = getattr(lrncore, f"{self.own.__name__}_backward")

    def time_forward(self, *_):
        self.own(self.x, *self.given, **self.options)

    def time_backward(self, *_):
        self.back(self.g, self.x, *self.given, **self.options)


class BesideCopy:
    """Beside `np.copyto` of the same arrays: a set in cache can do no better than 1 forward, and 1.5 backward."""

    params = (("forward", "backward"), NAMES, cases.LAYOUTS, BATCHES)
    param_names = ("pass", "norm", "layout", "batch")

    def setup(self, _, *which):
        self.call = Call(*which)

    def track_ratio(self, direction, *_):
        own, copy = bandwidth.medians(getattr(self.call, direction), self.call.copy)
        return own / copy

    track_ratio.unit = "copies"


class Errors:
    """The largest error of y at a mean, relative to its largest element."""

    params = (NAMES[1:4], cases.LAYOUTS, (0.0, 1e4, 1e6))
    param_names = ("norm", "layout", "mean")

    def setup(self, name, layout, mean):
        norm, axis = norms()[name], 1 if layout == "planar" else -1
        x = cases.normal((4, CHANNELS, 13, 13), np.dtype("float32"), 1) + np.float32(mean)
        axes = {"batch_train": (0, 2, 3), "instance": (2, 3)}.get(name, (2, 3, 4))
        split = x.reshape(len(x), GROUPS, -1, 13, 13) if name == "group" else x
        wide = split.astype(np.longdouble)
        wide -= wide.mean(axes, keepdims=True)
        exact = (wide / np.sqrt((wide * wide).mean(axes, keepdims=True) + 1e-5)).reshape(x.shape)
        y = norm.forward(np.ascontiguousarray(np.moveaxis(x, 1, axis)), None, None, axis=axis)
        y = y[0] if isinstance(y, tuple) else y
        self.error = float(abs(np.moveaxis(y, axis, 1) - exact).max() / abs(exact).max())

    def track_largest(self, *_):
        return self.error
