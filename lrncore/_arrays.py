"""Arrays as callers bring them: which cannot be normalized and what to do instead, and the class of the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]

WANTED = "float32, float64, float16 or bfloat16"


def as_array(x: ArrayLike, name: str) -> Array:
    """Return what `x` holds as a base-class array, whatever its dtype."""
    check_whole(x, name)
    if hasattr(x, "to_value"):
        return np.asarray(x.to_value(""))
    if hasattr(x, "__dlpack__") and not hasattr(x, "__array__"):
        return _of_dlpack(x, name)
    return np.asarray(x)


def check_whole(x: object, name: str) -> None:
    """Check that `x` means its numbers, and all of them: that none is masked, left out, or of a unit."""
    if x is None:
        raise TypeError(f"{name} must be an array, got None")
    if is_masked(x):
        fill = f"{name}.filled(0)" if hasattr(x, "filled") else f"np.ma.array({name}).filled(0)"
        raise TypeError(
            f"{name} must not be masked, got {type(x).__name__} with masked elements; fill them first, e.g. {fill}"
        )
    for dense in ("toarray", "todense"):
        if hasattr(x, dense):
            raise TypeError(
                f"{name} must be a dense array, got {type(x).__name__}; convert it first, e.g. {name}.{dense}()"
            )
    if hasattr(x, "to_value"):
        try:
            x.to_value("")
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{name} must be dimensionless, got {type(x).__name__} with a unit: {error}; divide by it first"
            ) from error


def is_masked(x: object) -> bool:
    """Return whether `x` has an element that is masked, or is a list of what has."""
    if isinstance(x, list | tuple):
        return any(is_masked(each) for each in x if isinstance(each, list | tuple | np.ndarray))
    if type(x) is np.ndarray or not isinstance(x, np.ndarray):
        return False
    mask = getattr(x, "mask", None)
    return x.dtype.names is None and mask is not None and bool(np.any(mask))


def advice(dtype: Any, name: str, cast: str) -> str:
    """Say how to come from a dtype that cannot be normalized to one that can: where that is a cast, by `cast`."""
    if getattr(dtype, "names", None):
        return f"take a field first, e.g. {name}[{dtype.names[0]!r}]"
    if getattr(dtype, "kind", "") == "c":
        return f"take its real part or magnitude first, e.g. abs({name})"
    return f"cast it first, e.g. {cast}"


def native(array: Array) -> Array:
    """Return an array in native byte order, which is all that the frameworks read."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def returned(y: Array, out: Array | None, *given: Any) -> Array:
    """Return `out`, which holds the result already, or the new array `y` in the class of the first of `given`."""
    result: Array = wrapped(y, *given) if out is None else y
    return result


def wrapped(y: Array, *given: Any) -> Any:
    """Return a new array in the class of the first of `given` that has one of its own, as NumPy's ufuncs do."""
    for x in given:
        if type(x) is not np.ndarray and getattr(type(x), "__array_ufunc__", None) is not None:
            return _like(x, y)
    return y


def _like(x: Any, y: Array) -> Any:
    if hasattr(x, "iloc"):
        # pandas: its rows, columns and name
        labelled = type(x)(y, *x.axes)
        return labelled.rename(x.name) if x.ndim == 1 else labelled
    # percent becomes 1
    like = x.to("") if hasattr(x, "to_value") else x
    return like.__array_wrap__(y) if hasattr(like, "__array_wrap__") else y


def _of_dlpack(x: Any, name: str) -> Array:
    try:
        return np.from_dlpack(x)
    except (BufferError, RuntimeError) as error:  # NumPy before 2.1 raises the second
        raise TypeError(
            f"{name} must be an array in the CPU's memory of a dtype that NumPy has, "
            f"got {type(x).__name__}: {error}"
        ) from error
