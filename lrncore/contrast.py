"""Local contrast normalization: local_contrast_norm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lrncore._arrays import returned
from lrncore._call import output
from lrncore._checks import check_array, check_axis, check_real
from lrncore._divisive_job import Pool, Window
from lrncore._divisive_pools import ZERO, space_of, sums_of, window_of
from lrncore.divisive_spec import check_kernel, check_positive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lrncore._arrays import Array


def local_contrast_norm(
    x: ArrayLike,
    kernel: ArrayLike | tuple[ArrayLike, ...],
    *,
    c: float | str = "mean",
    threshold: tuple[float, float] | None = None,
    axis: int = 1,
    space_axes: tuple[int, ...] | None = None,
    out: Array | None = None,
) -> Array:
    """Subtract the local mean over all channels, and divide by the local standard deviation.

    Parameters
    ----------
    x : array_like, float32, float64, float16 or bfloat16
        Any shape of at least two dimensions, any strides, any byte order.
    kernel : array_like or tuple of array_like
        Weights of odd length and positive sum along every axis of space, or for each axis its own.
    c : float or "mean", optional
        The least divisor, positive: a number, or "mean" for the mean of the deviations of an image, each index of
        the axes that are neither of channels nor of space.
    threshold : tuple of float, optional
        ``(threshold, value)`` as in torch7's layers, in place of `c`: a deviation that is not above the threshold
        is replaced by the value. torch7's defaults are 1e-4 and 1e-4.
    axis : int, optional
        The channel axis; negative counts from the end.
    space_axes : tuple of int, optional
        The axes of space. By default all but the first and the channel axis.
    out : ndarray, optional
        Where to put the result: an array of x's shape and dtype; `x` itself is allowed.

    Returns
    -------
    ndarray
        `out`, or a new array of x's shape, dtype (in native byte order) and memory order.

    Raises
    ------
    TypeError
        If `x` has another dtype, or an argument has the wrong type.
    ValueError
        If `kernel`, `c`, `threshold`, an axis or `out` does not fit.

    Notes
    -----
    ::

        v = x - mean(x)                        over all channels and, weighted, the kernel's places
        y = v / max(c, sqrt(mean(v ** 2)))

    Both means are divided by the sum of the weights that lie inside the image: a constant image gives 0 up to its
    border. It is that of [1]_, whose c is the mean of the deviations; computed in doubles, an image at a time.

    References
    ----------
    .. [1] K. Jarrett, K. Kavukcuoglu, M. Ranzato and Y. LeCun, "What is the best multi-stage architecture for
       object recognition?", ICCV 2009, section 2.1.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> x = np.array([[[0.0, 0.0, 1.0, 1.0]]])
    >>> lrncore.local_contrast_norm(x, [1, 1, 1], c=0.1).round(2)
    array([[[ 0.  , -1.22,  1.22,  0.  ]]])
    """
    array, _ = check_array(x, "x")
    channel = check_axis(axis, array.ndim)
    space = space_of(array.ndim, channel, space_axes)
    if channel in space:
        raise ValueError(f"space_axes must not hold the channel axis, {channel}, got {space}")
    windows = _windows(array, kernel, space)
    least = _check_least(c, threshold)
    y, _ = output(array, out)
    outer = [i for i in range(array.ndim) if i != channel and i not in space]
    order = [*outer, *space, channel]
    walked, target = array.transpose(order), y.transpose(order)
    moved = {1 + i: windows[axis_] for i, axis_ in enumerate(space)}
    for index in np.ndindex(walked.shape[: len(outer)]):
        if array.size:
            with np.errstate(all="ignore"):
                target[index] = _normalized(walked[index].astype(np.float64), moved, least)
    return returned(y, out, x)


def _windows(x: Array, kernel: Any, space: tuple[int, ...]) -> dict[int, Window]:
    kernels = kernel if isinstance(kernel, tuple) else (kernel,) * len(space)
    if len(kernels) != len(space):
        raise ValueError(f"kernel must have weights for {len(space)} axes, got {len(kernels)}")
    checked = [check_kernel(each, "kernel") for each in kernels]
    for each in checked:
        if each.sum() <= 0:
            raise ValueError(f"kernel must have a positive sum, got {each.sum()}")
    return {i: window_of(each, x.shape[i], "mass") for i, each in zip(space, checked, strict=True)}


Least = tuple[float | None, tuple[float, float] | None]


def _check_least(c: object, threshold: object) -> Least:
    if threshold is not None:
        if c != "mean":
            raise ValueError(f"c and threshold must not both be given, got {c!r} and {threshold!r}")
        if not isinstance(threshold, tuple) or len(threshold) != 2:
            raise TypeError(f"threshold must be a tuple of two numbers, got {threshold!r}")
        return None, (check_real(threshold[0], "threshold"), check_real(threshold[1], "threshold"))
    if isinstance(c, str):
        if c != "mean":
            raise ValueError(f"c must be a number or 'mean', got {c!r}")
        return None, None
    return check_positive(check_real(c, "c"), "c"), None


def _normalized(image: Array, windows: dict[int, Window], least: Least) -> Array:
    """Return one image, its channels last and an axis of one before its space."""
    v = image - _mean(image, windows)[..., None]
    deviation = np.sqrt(_mean(v * v, windows))
    c, threshold = least
    if threshold is not None:
        deviation = np.where(deviation > threshold[0], deviation, threshold[1])
    else:
        deviation = np.maximum(deviation, deviation.mean() if c is None else c)
    # a constant image is 0 also where its deviation is
    divided = (v != 0) | (deviation[..., None] != 0)
    result: Array = np.divide(v, deviation[..., None], out=np.zeros_like(v), where=divided)
    return result


def _mean(image: Array, windows: dict[int, Window]) -> Array:
    """Return the mean over channels and the kernel's places, divided by the mass inside."""
    mean: Array = sums_of(image.mean(axis=-1)[None], Pool(ZERO, None, windows), 0)[0]
    return mean
