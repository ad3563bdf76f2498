"""Moments: what batches have in common, measured and merged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lrncore._checks import check_array, check_axes
from lrncore._norm_call import measure
from lrncore._norm_layout import Sets, lay_out

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Moments:
    """How many numbers there were, their mean, and their variance, for each of some sets.

    Parameters
    ----------
    count : int
        Elements of a set.
    mean, var : ndarray of float64
        Of one shape. The variance divides by the count; times ``count / (count - 1)`` it is the unbiased one.

    See Also
    --------
    moments : Measures them.
    RunningStats : Averages them as frameworks do.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> halves = [lrncore.moments(part, 0) for part in (np.array([1.0, 2.0]), np.array([6.0]))]
    >>> merged = halves[0].merge(halves[1])
    >>> merged.count, float(merged.mean), round(float(merged.var), 3)
    (3, 3.0, 4.667)
    """

    count: int
    mean: NDArray[np.float64]
    var: NDArray[np.float64]

    def merge(self, other: Moments) -> Moments:
        """Return the moments of these numbers and those of `other` together.

        Parameters
        ----------
        other : Moments
            Of other numbers, with mean and variance of the same shape.

        Returns
        -------
        Moments
            New ones, exact but for rounding, whatever the two means.

        Raises
        ------
        TypeError
            If `other` is not `Moments`.
        ValueError
            If the shapes differ.

        Notes
        -----
        The formula of Chan, Golub and LeVeque (1979), with n numbers of which a and b are in the two parts::

            mean = mean_a + (mean_b - mean_a) * b / n
            var  = (var_a * a + var_b * b) / n + (mean_b - mean_a)**2 * a * b / n**2

        Examples
        --------
        >>> import numpy as np, lrncore
        >>> one = lrncore.moments(np.array([[0.0, 2.0]]), 1)
        >>> one.merge(one)
        Moments(count=4, mean=array([1.]), var=array([1.]))
        """
        check_moments(other, "other", np.shape(self.mean))
        count = self.count + other.count
        if not count:
            return self
        share = other.count / count
        apart = other.mean - self.mean
        var = self.var * (1 - share) + other.var * share + apart * apart * (share * (1 - share))
        return Moments(count, np.asarray(self.mean + apart * share), np.asarray(var))


def moments(x: ArrayLike, axis: int | tuple[int, ...], *, num_threads: int | None = None) -> Moments:
    """Measure the mean and the variance along some axes.

    Parameters
    ----------
    x : array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension, any strides, any byte order.
    axis : int or tuple of int
        The axes that go: ``(0, 2, 3)`` of N, C, H, W gives moments by channel.
    num_threads : int, optional
        Threads to use, as in `layer_norm`.

    Returns
    -------
    Moments
        With arrays of float64, whatever x is, that have x's other axes. Of no elements they are all 0.

    Raises
    ------
    TypeError
        If `x` has another dtype, or an argument has the wrong type.
    ValueError
        If `axis` or `num_threads` does not fit.

    See Also
    --------
    batch_norm_train : Normalizes by them, and returns them.

    Notes
    -----
    A tile of elements at a time is measured about its own mean, and tiles are merged in double precision. So the
    variance is right whatever the mean is; the mean of squares less the square of the mean is not.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> x = np.array([[1e8 + 1, 1.0], [1e8 + 3, 5.0]])
    >>> lrncore.moments(x, 0)
    Moments(count=2, mean=array([1.00000002e+08, 3.00000000e+00]), var=array([1., 4.]))
    """
    x, element = check_array(x, "x")
    axes = check_axes(axis, x.ndim)
    layout = lay_out(x.shape, x.strides, _others, axes)
    return Moments(math.prod([x.shape[each] for each in axes]), *measure(x, element, layout, num_threads))


def _others(ndim: int, axes: tuple[int, ...]) -> Sets:
    return Sets(frozenset(range(ndim)) - frozenset(axes), (), centred=True, eps=0.0)


def check_moments(moments: object, name: str, shape: tuple[int, ...]) -> None:
    """Check that `moments` are such, of sets of that shape."""
    if not isinstance(moments, Moments):
        raise TypeError(f"{name} must be Moments, got {type(moments).__name__}")
    if np.shape(moments.mean) != shape or np.shape(moments.var) != shape:
        found = f"{np.shape(moments.mean)} and {np.shape(moments.var)}"
        raise ValueError(f"{name} must have a mean and a variance of the shape {shape}, got {found}")
