"""A call of a public function as a value, which prints as the Python that makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cases
import numpy as np
from ml_dtypes import finfo  # which knows bfloat16, and NumPy's types too
from placement import Placement, contiguous, other_order, place

import lrncore
from lrncore import LRNSpec

from . import oracle


class Function(NamedTuple):
    """What the public functions differ in."""

    answer: Callable[..., oracle.Answer]
    tolerance: Callable[..., float]  # in the oracle's units
    takes_g: bool  # or another operand before x
    takes_out: bool = True


FUNCTIONS = {
    "lrn": Function(oracle.forward, cases.forward_ulp, takes_g=False),
    "lrn_backward": Function(oracle.backward, cases.gradient_eps, takes_g=True),
    "lrn_jvp": Function(oracle.jvp, cases.gradient_eps, takes_g=True),
    "lrn_param_grads": Function(oracle.param_grads, cases.gradient_eps, takes_g=True, takes_out=False),
}

DTYPES = tuple(dtype.name for dtype in cases.DTYPES + cases.HALVES)


@dataclass(frozen=True)
class Values:
    """Numbers from N(0, 1), times a magnitude, times up to 10^decades more or less; some replaced."""

    seed: int = 0
    magnitude: float = 1.0
    decades: int = 0
    #: elements in C order, and what stands there: as text, because NaN has no other name that is Python
    special: tuple[tuple[int, str], ...] = ()

    def fill(self, shape, dtype):
        info = finfo(dtype)
        rng = np.random.default_rng(self.seed)
        values = rng.standard_normal(shape) * self.magnitude
        values *= 10 ** rng.uniform(-self.decades, self.decades, shape)
        for element, name in self.special:
            values.flat[element] = 3 * float(info.smallest_subnormal) if name == "subnormal" else float(name)
        return np.where(np.isfinite(values), values.clip(float(info.min), float(info.max)), values).astype(dtype)


@dataclass(frozen=True)
class Operand:
    """An array in memory of its own."""

    values: Values = Values()
    where: Placement | None = None  # None: as NumPy makes it
    repeated: tuple[int, ...] = ()  # axes along which it is broadcast
    sliding: bool = False  # the last axis lies over the first, one element further for each step

    def stored(self, shape):
        """Return the shape of what is in memory."""
        if self.sliding:
            return shape[0] + shape[-1] - 1, *shape[1:-1]
        return tuple(1 if axis in self.repeated else length for axis, length in enumerate(shape))

    def make(self, shape, dtype):
        stored = self.stored(shape)
        array = place(self.values.fill(stored, dtype), self.where or contiguous(len(stored)))
        if self.sliding:
            return np.lib.stride_tricks.sliding_window_view(array, shape[-1], axis=0)
        return np.broadcast_to(array, shape) if self.repeated else array


@dataclass(frozen=True)
class View:
    """An array over the memory of another operand."""

    of: str = "x"
    shift: int = 0  # elements
    flipped: bool = False
    swapped: bool = False

    def make(self, base):
        memory = memory_of(base)
        dtype = other_order(base.dtype) if self.swapped else base.dtype
        begin = base.__array_interface__["data"][0] - memory.__array_interface__["data"][0]
        array = np.ndarray(base.shape, dtype, memory, begin + self.shift * dtype.itemsize, base.strides)
        return np.flip(array) if self.flipped else array


def memory_of(array):
    """Return the bytes that `place` made for an array, its guards among them."""
    while array.base is not None:
        array = array.base
    return array


@dataclass(frozen=True)
class Call:
    """The arguments of a call."""

    function: str
    dtype: str
    shape: tuple[int, ...]
    axis: int | tuple[int, ...]
    spec: LRNSpec
    x: Operand = Operand()
    g: Operand | View | None = None
    out: Operand | View | None = None
    threads: int = 1

    def arrays(self):
        """Return new arrays for the operands by name, in the order of the arguments."""
        dtype = np.dtype(self.dtype)
        made = {"x": self.x.make(self.shape, dtype)}
        for name in ("g", "out"):
            operand = getattr(self, name)
            if isinstance(operand, Operand):
                made[name] = operand.make(self.shape, dtype)
            elif operand is not None:
                made[name] = operand.make(made[operand.of])
        return {name: made[name] for name in ("g", "x", "out") if name in made}

    def make(self, arrays):
        """Make the call on such arrays, and return what it returns."""
        operands = [array for name, array in arrays.items() if name != "out"]
        given = {"out": arrays.get("out")} if FUNCTIONS[self.function].takes_out else {}
        function = getattr(lrncore, self.function)
        return function(*operands, self.spec, axis=self.axis, num_threads=self.threads, **given)
