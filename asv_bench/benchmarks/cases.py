"""What is measured on: layers of published networks, calls with their arrays, and the sweeps that two files share.

Only shapes, data and parameters are here; the files beside this one say what is timed.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

import lrncore
from lrncore import LRNSpec


@dataclass(frozen=True)
class Layer:
    """A normalization in a network: the shape of its input, its parameters and its axis, or those of a box."""

    shape: tuple[int, ...]
    spec: LRNSpec
    axis: int | tuple[int, ...] = 1


ALEXNET = LRNSpec.torch(5, alpha=1e-4, beta=0.75, k=2.0)
CAFFE = LRNSpec.caffe(5, alpha=1e-4)

_MAPS = {
    "AlexNet 96x55x55": ((96, 55, 55), ALEXNET),
    "AlexNet 256x27x27": ((256, 27, 27), ALEXNET),
    "GoogLeNet 64x56x56": ((64, 56, 56), CAFFE),
    "GoogLeNet 192x56x56": ((192, 56, 56), CAFFE),
    "CaffeNet 96x27x27": ((96, 27, 27), CAFFE),
    "CaffeNet 256x13x13": ((256, 13, 13), CAFFE),
}

LAYERS = {
    f"{name}, batch {batch}": Layer((batch, *shape), spec)
    for name, (shape, spec) in _MAPS.items()
    for batch in (1, 8, 32)
} | {
    "VGG-A-LRN 64x224x224, batch 1": Layer((1, 64, 224, 224), ALEXNET),
    "CIFAR-10 12x12x64, batch 128": Layer((128, 12, 12, 64), LRNSpec.tensorflow(4, 1.0, 0.001 / 9, 0.75), -1),
    "513 channels, batch 8": Layer((8, 513, 14, 14), ALEXNET),
    "1024 channels, n 63, batch 8": Layer((8, 1024, 14, 14), LRNSpec.torch(63, k=2.0)),
}

LAYOUTS = ("planar", "packed")
DTYPES = ("float32", "float64", "float16")
#: One image of AlexNet's first layer is 1.2 MB in float32, which caches hold; 32 are 37 MB.
BATCHES = (1, 32)


def alexnet(layout="planar", batch=1, n=5, beta=0.75):
    """Return AlexNet's first normalization, or one that differs from it in a parameter."""
    shape, axis = ((batch, 96, 55, 55), 1) if layout == "planar" else ((batch, 55, 55, 96), -1)
    return Layer(shape, LRNSpec.torch(n, alpha=1e-4, beta=beta, k=2.0), axis)


def within(layout="planar", batch=1, n=3):
    """Return a normalization within a channel, of the maps that `alexnet` normalizes across."""
    shape, axes = ((batch, 96, 55, 55), (2, 3)) if layout == "planar" else ((batch, 55, 55, 96), (1, 2))
    return Layer(shape, LRNSpec(n // 2, n // 2, scale=5e-5 / n**2, beta=0.75, k=1.0), axes)


def normal(shape, dtype, seed):
    """Return N(0, 1) data, the same for the same arguments."""
    wide = np.random.default_rng(seed).standard_normal(shape, np.promote_types(dtype, np.float32))
    return wide.astype(dtype, copy=False)


def require(dtype):
    """Let asv report n/a for a commit from before an element type."""
    if dtype in {"float32", "float64"}:
        return  # always there; and `memory` measures a process's first call
    try:
        lrncore.lrn(np.ones((1, 1), dtype), ALEXNET)
    except TypeError as refusal:
        raise NotImplementedError(f"this commit has no {dtype}") from refusal


def require_boxes():
    """Let asv report n/a for a commit from before windows along several axes."""
    try:
        lrncore.lrn(np.ones((1, 1), np.float32), ALEXNET, (0, 1))
    except TypeError as refusal:
        raise NotImplementedError("this commit has no windows along several axes") from refusal


# asv sets up again before every timed call
@lru_cache(maxsize=1)
def arrays(shape, dtype):
    """Return x, g and an output whose pages have been written."""
    require(dtype)
    x = normal(shape, np.dtype(dtype), 1)
    return x, normal(shape, np.dtype(dtype), 2), x.copy()


class Call:
    """Both passes of a layer on arrays of its shape."""

    def __init__(self, layer, dtype="float32", threads=1):
        self.x, self.g, self.out = arrays(layer.shape, dtype)
        self.options = {"spec": layer.spec, "axis": layer.axis, "out": self.out, "num_threads": threads}

    def forward(self):
        lrncore.lrn(self.x, **self.options)

    def backward(self):
        lrncore.lrn_backward(self.g, self.x, **self.options)

    def jvp(self):
        lrncore.lrn_jvp(self.g, self.x, **self.options)

    def param_grads(self):
        options = {name: self.options[name] for name in ("spec", "axis", "num_threads")}
        lrncore.lrn_param_grads(self.g, self.x, **options)

    def nothing(self):
        """Be the reference of a peak of memory: all of a benchmark but its call."""

    def copy(self):
        np.copyto(self.out, self.x)


class Sweep:
    """How asv samples a call: each one timed alone, for at most 0.2 seconds in each of two processes."""

    rounds = 2
    number = 1
    repeat = (10, 300, 0.2)
    warmup_time = 0.05


class Layers(Sweep):
    params = (list(LAYERS),)
    param_names = ("layer",)

    def setup(self, layer):
        self.call = Call(LAYERS[layer])


class Powers(Sweep):
    # the last one has no form of its own
    params = ([0.75, 0.5, 1.0, 2.0, 0.6], LAYOUTS, DTYPES)
    param_names = ("beta", "layout", "dtype")

    def setup(self, beta, layout, dtype):
        self.call = Call(alexnet(layout, beta=beta), dtype)


class Windows(Sweep):
    # direct sums up to 9, blocks from there
    params = ([3, 5, 7, 9, 31, 63], LAYOUTS)
    param_names = ("n", "layout")

    def setup(self, n, layout):
        self.call = Call(alexnet(layout, n=n))


#: Windows of many channels, and of all ("whole"), by the shapes that have them
LONG = {
    "one line": ((1, 262144), -1),
    "packed": ((64, 4096), -1),
    "packed, 512 channels": ((2, 32, 32, 512), -1),
    "planar, 512 channels": ((2, 512, 32, 32), 1),
    "planar, 4096 channels": ((1, 4096, 8, 8), 1),
    "three inner elements": ((1, 20000, 3), 1),
}


class LongWindows(Sweep):
    params = (list(LONG), [5, 511, 2201, "whole"])
    param_names = ("shape", "n")

    def setup(self, shape, n):
        of, axis = LONG[shape]
        if n == "whole":
            n = 2 * of[axis] + 1
        elif n > of[axis]:
            raise NotImplementedError("the window is longer than the channels")
        self.call = Call(Layer(of, LRNSpec(n // 2, n // 2, 1 / n, 0.75, 2.0), axis))


class Boxes(Sweep):
    # of 9, 25 and 961 places, the last in blocks
    params = ([3, 5, 31], LAYOUTS, BATCHES)
    param_names = ("n", "layout", "batch")

    def setup(self, n, layout, batch):
        require_boxes()
        self.call = Call(within(layout, batch, n))


class Dtypes(Sweep):
    params = (DTYPES, LAYOUTS, BATCHES)
    param_names = ("dtype", "layout", "batch")

    def setup(self, dtype, layout, batch):
        self.call = Call(alexnet(layout, batch), dtype)
