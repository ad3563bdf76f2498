"""Arguments of the public functions: the only place that raises for users."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrncore import kernels

Array = NDArray[Any]


class _Unsaid(int):
    """A number that a call has not said, which can be told from the same one said."""


#: The axis of the channels by default, as in (N, C, H, W)
CHANNELS: int = _Unsaid(1)


class Element(NamedTuple):
    """What computes arrays of a dtype, and whether their bytes are swapped."""

    kernels: kernels.Kernels
    swapped: bool


def elements(found: dict[str, kernels.Kernels]) -> dict[np.dtype[Any], Element]:
    """Return, by dtype, what the kernels of an instruction set take, in both byte orders."""
    table = {}
    for name in ("float32", "float64", "float16"):
        dtype = np.dtype(name)
        table[dtype] = Element(found[name], swapped=False)
        table[dtype.newbyteorder("S")] = Element(found[name], swapped=True)
    return table


KERNELS = kernels.load(kernels.isa)
ELEMENTS = elements(KERNELS)


def element_of(dtype: np.dtype[Any]) -> Element | None:
    """Return what computes arrays of `dtype`, if something does."""
    found = ELEMENTS.get(dtype)
    if found is None and dtype.name == "bfloat16":
        # whoever has such an array has imported ml_dtypes, which lrncore need not
        return Element(KERNELS["bfloat16"], swapped=not dtype.isnative)
    return found


def check_int(value: object, name: str, lowest: int) -> int:
    """Return `value` as an int of at least `lowest`."""
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an int, got {value!r} ({type(value).__name__})")
    number = int(value.__index__())
    if number < lowest:
        raise ValueError(f"{name} must be an int >= {lowest}, got {number}")
    return number


def check_real(value: object, name: str) -> float:
    """Return `value` as a finite float."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {value!r} ({type(value).__name__})")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return number


def check_array(x: ArrayLike, name: str) -> tuple[Array, Element]:
    """Return `x` as a base-class array, and how it holds its elements."""
    if type(x) is np.ndarray:
        array: Array = x
    elif hasattr(x, "__dlpack__") and not hasattr(x, "__array__"):
        try:
            array = np.from_dlpack(x)  # type: ignore[arg-type]  # ArrayLike does not know it
        except (BufferError, RuntimeError) as error:  # NumPy before 2.1 raises the second
            raise TypeError(
                f"{name} must be an array in the CPU's memory of a dtype that NumPy has, "
                f"got {type(x).__name__}: {error}"
            ) from error
    else:
        array = np.asarray(x)
    element = element_of(array.dtype)
    if element is None:
        raise TypeError(
            f"{name} must be float32, float64, float16 or bfloat16, got {array.dtype}; cast it first, "
            f"e.g. {name}.astype(np.float32)"
        )
    if array.ndim == 0:
        raise ValueError(f"{name} must have at least 1 dimension, got 0")
    return array, element


def call_axes(axis: object, x: Array, frames: int = 4) -> tuple[int, ...]:
    """Return the axes that `axis` means for `x`, and warn if it was not said where another is as likely.

    Frameworks read three dimensions as (N, C, L), and so does the default; many who have one image, (C, H, W) or
    (H, W, C), would not notice. The warning is the caller's, so many frames up.
    """
    if axis is not CHANNELS:
        return check_axes(axis, x.ndim)
    if x.ndim == 3 and x.size > x.shape[1]:
        warnings.warn(
            f"x has 3 dimensions, {x.shape}, and axis is not given: axis 1 is taken, as in (N, C, L); "
            "give axis=0 for (C, H, W), axis=-1 for (H, W, C), or axis=1 to say that this is meant",
            stacklevel=frames,
        )
    return check_axes(1, x.ndim)


def check_axes(axis: object, ndim: int, name: str = "axis") -> tuple[int, ...]:
    """Return the axes that `axis` means, an int or a tuple of ints, as ascending indices from 0 to ndim - 1."""
    if type(axis) is int and -ndim <= axis < ndim:  # most calls, in a tenth of the time
        return (axis % ndim,)
    given = given_axes(axis, name)
    for index in given:
        if not -ndim <= index < ndim:
            raise np.exceptions.AxisError(
                f"{name} must be in [{-ndim}, {ndim}) for an array of {ndim} dimensions, got {index}"
            )
    axes = sorted({index % ndim for index in given})
    if len(axes) < len(given):
        raise ValueError(f"{name} must not repeat an axis, got {given} for an array of {ndim} dimensions")
    return tuple(axes)


def given_axes(axis: object, name: str = "axis") -> tuple[int, ...]:
    """Return the ints that `axis` is, one or a tuple of them, whatever array they are for."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    for each in axes:
        if isinstance(each, bool | np.bool_) or not hasattr(each, "__index__"):
            raise TypeError(f"{name} must be an int or a tuple of ints, got {axis!r} ({type(axis).__name__})")
    given = tuple([int(each.__index__()) for each in axes])
    if len(given) > 1 and len(set(given)) < len(given):
        raise ValueError(f"{name} must not repeat an axis, got {given}")
    return given


def check_same(g: Array, name: str, x: Array) -> None:
    """Check that a gradient or a tangent fits the input."""
    if g.shape != x.shape:
        raise ValueError(f"{name} must have the shape of x, {x.shape}, got {g.shape}")
    if g.dtype.type is not x.dtype.type:
        raise TypeError(f"{name} must have the dtype of x, {x.dtype.name}, got {g.dtype.name}")


def check_out(out: object, x: Array) -> tuple[Array, bool]:
    """Return `out` and whether its bytes are swapped."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a numpy.ndarray or None, got {type(out).__name__}")
    if out.shape != x.shape:
        raise ValueError(f"out must have the shape of x, {x.shape}, got {out.shape}")
    if out.dtype.type is not x.dtype.type:
        raise TypeError(f"out must have the dtype of x, {x.dtype.name}, got {out.dtype.name}")
    if not out.flags.writeable:
        raise ValueError("out must be writeable, got a read-only array")
    return out, not out.dtype.isnative
