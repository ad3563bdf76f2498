"""Named shapes, parameters and tolerances."""

import math
from typing import NamedTuple

import ml_dtypes
import numpy as np

from lrncore import LRNSpec


class Shape(NamedTuple):
    """An array's shape and its channel axis, or the axes of a box."""

    shape: tuple[int, ...]
    axis: int | tuple[int, ...]

    @property
    def channels(self):
        return self.shape[self.axis]


# What networks with LRN feed to it, with fewer images and, where the oracle would be slow, fewer rows.
TOPOLOGIES = {
    "alexnet_1": Shape((1, 96, 7, 55), 1),
    "alexnet_2": Shape((1, 256, 3, 27), 1),
    "googlenet_1": Shape((1, 64, 6, 56), 1),
    "googlenet_2": Shape((1, 192, 2, 56), 1),
    "caffenet_1": Shape((2, 96, 4, 27), 1),
    "caffenet_2": Shape((1, 256, 13, 13), 1),
    "vgg_m": Shape((1, 96, 3, 109), 1),
    "cifar": Shape((4, 12, 12, 64), -1),
}

TAILS = (1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 65, 100, 384, 385, 513)

ADVERSARIAL = (
    {f"packed_{channels}_channels": Shape((3, channels), 1) for channels in TAILS}
    | {f"planar_{channels}_channels": Shape((2, channels, 67), 1) for channels in TAILS}
    | {f"inner_{inner}": Shape((2, 19, inner), 1) for inner in range(1, 18)}
    | {
        "one_element": Shape((1,), 0),
        "one_dimension": Shape((40,), 0),
        "one_long_dimension": Shape((5000,), 0),
        "channels_first": Shape((33, 70), 0),
        "five_dimensions": Shape((2, 9, 3, 4, 5), 1),
        "five_dimensions_packed": Shape((2, 3, 2, 2, 21), -1),
        "channels_in_the_middle": Shape((2, 3, 18, 4, 5), 2),
        "unit_widths": Shape((1, 24, 1, 1), 1),
        "many_chunks_short_inner": Shape((2, 513, 9), 1),
        "few_packed_channels": Shape((2, 70, 3), -1),
        "several_slabs_in_a_chunk": Shape((150, 35), 1),
    }
)

SHAPES = TOPOLOGIES | ADVERSARIAL

# One for each way the kernels may walk an array.
LAYOUTS = {
    "planar": Shape((2, 40, 67), 1),
    "short_inner": Shape((3, 40, 7), 1),
    "packed": Shape((9, 40), 1),
    "few_channels": Shape((70, 11), 1),
    "long_packed": Shape((2, 2500), 1),
}

# The planes of images, and of images with their channels last
PLANES = {"planar": Shape((2, 3, 9, 21), (2, 3)), "packed": Shape((2, 9, 10, 19), (1, 2))}
BOXES = PLANES | {
    "few_channels": Shape((2, 9, 21, 3), (1, 2)),
    "long_rows": Shape((2, 5, 300), (1, 2)),
    "long_columns": Shape((2, 300, 5), (1, 2)),
    "channels_and_width": Shape((2, 9, 4, 17), (1, 3)),
    "images_and_height": Shape((6, 3, 11, 5), (0, 2)),
    "first_two": Shape((6, 7, 35), (0, 1)),
    "three": Shape((2, 7, 6, 19), (1, 2, 3)),
    "three_packed": Shape((2, 5, 6, 7, 9), (1, 2, 3)),
    "three_apart": Shape((4, 2, 5, 3, 18), (0, 2, 4)),
    "all": Shape((6, 4, 18), (0, 1, 2)),
    "none": Shape((3, 4, 19), ()),
    "one_in_a_tuple": Shape((3, 20, 5), (1,)),
    "unit_axes": Shape((2, 1, 18, 1), (1, 2, 3)),
    "one_place": Shape((2, 19, 1, 1), (2, 3)),
}

# Alpha and k large enough, respectively small enough, for every square to be seen in the result.
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16, 26, 27, 31)
ALPHAS = (1.0, 3.0)
BETAS = (0.0, 0.5, 0.6, 0.75, 1.0, 2.0, -0.75)
KS = (1e-3, 0.5, 1.25, 2.0)

# (before, after): windows summed directly, even and odd, and from trailing sums of 3, 9, 27 and 81 channels
SUMS = ((0, 0), (1, 0), (1, 1), (0, 3), (3, 3), (4, 3), (4, 4), (5, 4), (13, 12), (13, 13), (60, 39))
# what the kernels take for an array beyond the caches
FAR_BYTES = 1 << 23

ALEXNET = LRNSpec.torch(5, 1e-4, 0.75, 2.0)
STRONG = LRNSpec.torch(5, 1.0, 0.75, 0.5)

# (before, after) beyond what a framework's window can be
WINDOWS = {
    "centre_only": (0, 0),
    "behind_only": (4, 0),
    "ahead_only": (0, 4),
    "lopsided": (1, 6),
    "long_behind": (30, 2),
    "long_ahead": (3, 20),
    "beyond_both_ends": (1000, 1000),
    "without_bound": (10**30, 10**30),
}
# of these, the ones for which the slow oracle needs an array with few channels
UNBOUNDED = ("beyond_both_ends", "without_bound")


class Tolerance(NamedTuple):
    """What is promised for an element type."""

    power: float  # ulp of y, for windows up to 9 and exponents up to 1
    gradient: float  # in machine epsilons of the sum of the magnitudes of the gradient's terms


TOLERANCES = {
    np.dtype(np.float32): Tolerance(power=6, gradient=8),
    np.dtype(np.float64): Tolerance(power=6, gradient=8),
}
DTYPES = tuple(TOLERANCES)

# Rounded once from float32, whose own error hardly shows.
HALVES = (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))
TOLERANCES |= dict.fromkeys(HALVES, Tolerance(power=1, gradient=1))

# The oracle is computed in a wider type than what it judges.
ORACLE = {np.dtype(np.float32): np.float64, np.dtype(np.float64): np.longdouble}


def lengths(shape, axis):
    """Return the lengths of the axes of a window."""
    return tuple(shape[each] for each in (axis if isinstance(axis, tuple) else (axis,)))


def extra_roundings(spec, lengths):
    """Return by how much a window of more than 9 elements may add: twice as many, one more rounding at most."""
    lengths = lengths if isinstance(lengths, tuple) else (lengths,)
    size = math.prod(min(spec.before, length) + min(spec.after, length) + 1 for length in lengths)
    return max(0.0, math.log2(size / 9))


def forward_ulp(dtype, spec, lengths):
    """Return the ulp allowed of y."""
    promised = TOLERANCES[np.dtype(dtype)].power * max(1.0, abs(spec.beta))
    return promised + extra_roundings(spec, lengths) * abs(spec.beta)


def gradient_eps(dtype, spec, lengths):
    """Return the machine epsilons of the magnitude of its terms allowed of a gradient."""
    promised = TOLERANCES[np.dtype(dtype)].gradient + extra_roundings(spec, lengths)
    return promised * max(1.0, abs(spec.beta))


def parameters(spec):
    """Return what the oracle takes."""
    return spec.before, spec.after, spec.scale, spec.beta, spec.k


def normal(shape, dtype=np.float32, seed=0):
    """Return numbers from N(0, 1), the same for each call."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def bits(array):
    """Return the bits of native, contiguous floats as integers: NaNs compare too, and so do the two zeros."""
    native = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return native.view(f"u{native.itemsize}")
