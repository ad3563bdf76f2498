"""Arguments of the public functions: the only place that raises for users."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lrncore import kernels
from lrncore._arrays import WANTED, advice, as_array, check_whole, is_masked

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lrncore._arrays import Array


class _Unsaid(int):
    """A number that a call has not said, which can be told from the same one said."""


#: The axis of the channels by default, as in (N, C, H, W)
CHANNELS: int = _Unsaid(1)


class Element(NamedTuple):
    """What computes arrays of a dtype, and how these hold their elements."""

    kernels: kernels.Kernels
    #: Whether their bytes are swapped
    swapped: bool
    #: Whether the kernels read them as they are: nothing is swapped, and buffers know the dtype
    plain: bool = False


KERNELS = kernels.load(kernels.isa)
#: By dtype, of those that have come so far; a module is loaded with the first array that it computes
ELEMENTS: dict[np.dtype[Any], Element] = {}


def element_of(dtype: np.dtype[Any]) -> Element | None:
    """Return what computes arrays of `dtype`, if something does."""
    found = ELEMENTS.get(dtype)
    # bfloat16 too: whoever has such an array has imported ml_dtypes, which lrncore need not
    if found is None and dtype.name in KERNELS:
        swapped = not dtype.isnative
        found = ELEMENTS[dtype] = Element(KERNELS[dtype.name], swapped, plain=dtype.kind == "f" and not swapped)
    return found


def single(value: Any) -> Any:
    """Return the element of an array of one, from whatever library, and everything else as it is."""
    if not is_array(value) or is_masked(value):
        return value
    item = getattr(value, "item", None) or getattr(value, "numpy", None)
    if item is None or math.prod(value.shape) != 1:
        return value
    found = item()
    # one may hold another, as what scipy.io.loadmat returns
    return found if type(found) is type(value) else single(found)


def check_int(value: object, name: str, lowest: int) -> int:
    """Return `value` as an int of at least `lowest`: a whole number of whatever type, or an array of one."""
    number = _whole(value)
    if number is None:
        raise TypeError(f"{name} must be an int, got {_shown(value)}")
    if number < lowest:
        raise ValueError(f"{name} must be an int >= {lowest}, got {number}")
    return number


def check_flag(value: object, name: str) -> bool:
    """Return `value` as a bool."""
    if type(value) is not bool and not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a bool, got {value!r} ({type(value).__name__})")
    return bool(value)


def check_real(value: object, name: str) -> float:
    """Return `value`, or the element of an array of one, as a finite float."""
    if type(value) is float and math.isfinite(value):  # most calls, in a tenth of the time
        return value
    found = single(value)
    if isinstance(found, bool | np.bool_) or not isinstance(found, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {_shown(value)}")
    try:
        number = float(found)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return number


def check_array(x: ArrayLike, name: str) -> tuple[Array, Element]:
    """Return `x` as a base-class array, and how it holds its elements."""
    array: Array = x if type(x) is np.ndarray else as_array(x, name)
    element = ELEMENTS.get(array.dtype) or element_of(array.dtype)
    if element is None:
        what = advice(array.dtype, name, f"{name}.astype(np.float32)")
        raise TypeError(f"{name} must be {WANTED}, got {array.dtype}; {what}")
    if array.ndim == 0:
        raise ValueError(f"{name} must have at least 1 dimension, got 0")
    return array, element


def check_pair(along: ArrayLike, x: ArrayLike, name: str = "g") -> tuple[Array, Array, tuple[Element, Element]]:
    """Return a gradient, or a tangent, and the input as arrays, and how they hold their elements."""
    x, element = check_array(x, "x")
    along, along_element = check_array(along, name)
    check_same(along, name, x)
    return along, x, (along_element, element)


def call_axes(axis: object, x: Array, frames: int = 4) -> tuple[int, ...]:
    """Return the axes that `axis` means for `x`, and warn if it was not said where another is as likely.

    Frameworks read three dimensions as (N, C, L), and so does the default; many who have one image, (C, H, W) or
    (H, W, C), would not notice. The warning is the caller's, so many frames up.
    """
    ndim = x.ndim
    if axis is not CHANNELS:
        return check_axes(axis, ndim)
    if ndim == 3 and x.size > x.shape[1]:
        warnings.warn(
            f"x has 3 dimensions, {x.shape}, and axis is not given: axis 1 is taken, as in (N, C, L); "
            "give axis=0 for (C, H, W), axis=-1 for (H, W, C), or axis=1 to say that this is meant",
            stacklevel=frames,
        )
    return (1,) if ndim > 1 else check_axes(1, ndim)


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


def check_axis(axis: object, ndim: int, name: str = "axis") -> int:
    """Return one axis as an index from 0 to ndim - 1."""
    if type(axis) is int and -ndim <= axis < ndim:
        return axis % ndim
    if isinstance(axis, tuple):
        raise TypeError(f"{name} must be an int, got {axis!r} (tuple)")
    return check_axes(axis, ndim, name)[0]


def given_axes(axis: object, name: str = "axis") -> tuple[int, ...]:
    """Return the ints that `axis` is, one or a tuple of them, whatever array they are for."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    given = tuple([index for index in map(_whole, axes) if index is not None])
    if len(given) < len(axes):
        raise TypeError(f"{name} must be an int or a tuple of ints, got {_shown(axis)}")
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
    if type(out) is not np.ndarray:
        check_whole(out, "out")
    if not out.flags.writeable:
        raise ValueError("out must be writeable, got a read-only array")
    return out, not out.dtype.isnative


def _whole(value: object) -> int | None:
    """Return `value` as an int, if it is a whole number or an array of one."""
    if type(value) is int:
        return value
    value = single(value)
    if isinstance(value, bool | np.bool_) or is_array(value):
        return None
    if hasattr(value, "__index__"):
        return int(value.__index__())
    if not isinstance(value, numbers.Real):
        return None
    try:
        number = int(round(value))  # noqa: RUF046  (numbers.Real promises less)
    except (ValueError, OverflowError):  # NaN and infinities
        return None
    return number if number == value else None


def is_array(value: object) -> bool:
    """Return whether `value` is an array, of whatever library, and not a number of NumPy's."""
    return hasattr(value, "shape") and not isinstance(value, np.generic)


def _shown(value: Any) -> str:
    """Return what a message says of a value: an array of several does not fit a line."""
    kind = type(value).__name__
    if is_array(value) and math.prod(value.shape) != 1:
        return f"shape {tuple(value.shape)} ({kind})"
    return f"{value!r} ({kind})"
