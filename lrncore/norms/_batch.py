"""Batch normalization: with given statistics, as at test time, and with those of the batch, as in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lrncore._arrays import returned
from lrncore._checks import check_array, check_axis, check_pair
from lrncore._norm_call import (
    Statistics,
    blank_statistics,
    check_eps,
    check_numbers,
    check_parameters,
    check_weight,
    differentiate,
    normalize,
)
from lrncore._norm_layout import Layout, Sets, lay_out
from lrncore.norms._grads import NormGrads
from lrncore.norms._moments import Moments, check_moments

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from lrncore._arrays import Array


def batch_norm(
    x: ArrayLike,
    mean: ArrayLike,
    var: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
    axis: int = 1,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Normalize each channel by a given mean and variance, as batch normalization does at test time.

    Parameters
    ----------
    x : array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension, any strides, any byte order.
    mean, var : array_like
        A number for each channel, in any real dtype: of a `RunningStats`, a checkpoint, or `moments`. They are
        taken in double precision.
    weight, bias : array_like, optional
        A number for each channel. Without them, 1 and 0.
    eps : float, optional
        Added to the variance, under the root; at least 0.
    axis : int, optional
        The channel axis; negative counts from the end.
    out : ndarray, optional
        Where to put the result, as in `layer_norm`.
    num_threads : int, optional
        Threads to use, as in `layer_norm`.

    Returns
    -------
    ndarray
        `out`, or a new array of x's shape, dtype (in native byte order) and memory order.

    Raises
    ------
    TypeError
        If `x` has another dtype, or an argument has the wrong type.
    ValueError
        If an argument does not fit.

    See Also
    --------
    batch_norm_backward : The gradients.
    batch_norm_train : With the statistics of the batch itself.
    fold_batch_norm : At no cost, in the layer before.

    Notes
    -----
    ``y = weight * (x - mean) / sqrt(var + eps) + bias``, as in Ioffe and Szegedy (2015), algorithm 2. The mean is
    subtracted with twice the precision of x, and not folded into the bias: y has the same errors at any mean.

    Keras' default eps is 1e-3. Where one is outside the root, as in Darknet, give
    ``(numpy.sqrt(var) + eps) ** 2`` for `var`, and 0 for `eps`.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> lrncore.batch_norm(np.array([[1.0, 30.0], [3.0, 10.0]]), mean=[1.0, 20.0], var=[4.0, 25.0], eps=0)
    array([[ 0.,  2.],
           [ 1., -2.]])
    """
    array, element = check_array(x, "x")
    layout = by_channel(array, axis, eps, True)
    statistics = _given(mean, var, layout.shape)
    norm = layout, check_parameters(array, layout, weight, bias), statistics
    y = normalize(array, element, norm, out, (num_threads, None))
    return returned(y, out, x)


def batch_norm_backward(
    g: ArrayLike,
    x: ArrayLike,
    mean: ArrayLike,
    var: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
    axis: int = 1,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NormGrads:
    """Turn the gradient with respect to the output of `batch_norm` into those of its input and parameters.

    Parameters
    ----------
    g : array_like
        The incoming gradient dL/dy, of x's shape and dtype.
    x : array_like, float32, float64, float16 or bfloat16
        The input of the forward.
    mean, var : array_like
        Those of the forward. They are constants here: no gradient flows into them.
    weight : array_like, optional
        That of the forward.
    eps : float, optional
        That of the forward.
    axis : int, optional
        The channel axis, as in `batch_norm`.
    out : ndarray, optional
        Where to put dL/dx, as in `layer_norm`; `g` or `x` itself is allowed.
    num_threads : int, optional
        Threads to use, as in `layer_norm`.

    Returns
    -------
    NormGrads
        The arrays ``(dx, dweight, dbias)``, of which the first is `out` if there is one.

    Raises
    ------
    TypeError
        If `x` has another dtype, `g` differs from it, or an argument has the wrong type.
    ValueError
        If an argument does not fit.

    See Also
    --------
    batch_norm_train_backward : Where the statistics are those of x.

    Notes
    -----
    With ``r = 1 / sqrt(var + eps)``::

        dx      = weight * r * g
        dweight = sum(g * (x - mean) * r)
        dbias   = sum(g)

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> g, x = np.array([[1.0], [2.0]]), np.array([[3.0], [7.0]])
    >>> grads = lrncore.batch_norm_backward(g, x, mean=[3.0], var=[4.0], weight=[10.0], eps=0)
    >>> grads.dx.ravel(), grads.dweight, grads.dbias
    (array([ 5., 10.]), array([4.]), array([3.]))
    """
    along, at, elements = check_pair(g, x)
    layout = by_channel(at, axis, eps, True)
    statistics = _given(mean, var, layout.shape)
    parameters, dtype = check_weight(at, layout, weight)
    dx, dweight, dbias = differentiate(
        along, at, elements, (layout, parameters, statistics), dtype, out, (num_threads, None)
    )
    return NormGrads(returned(dx, out, x, g), dweight, dbias)


def batch_norm_train(
    x: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
    axis: int = 1,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> tuple[NDArray[Any], Moments]:
    """Normalize each channel by its mean and variance in the batch, as batch normalization does in training.

    Parameters
    ----------
    x : array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension, any strides, any byte order.
    weight, bias : array_like, optional
        A number for each channel. Without them, 1 and 0.
    eps : float, optional
        Added to the variance, under the root; at least 0.
    axis : int, optional
        The channel axis; negative counts from the end.
    out : ndarray, optional
        Where to put the result, as in `layer_norm`.
    num_threads : int, optional
        Threads to use, as in `layer_norm`.

    Returns
    -------
    y : ndarray
        `out`, or a new array of x's shape, dtype (in native byte order) and memory order.
    moments : Moments
        The number of elements of a channel, their means and their variances, in float64: for
        `RunningStats.update`, and for the backward.

    Raises
    ------
    TypeError
        If `x` has another dtype, or an argument has the wrong type.
    ValueError
        If an argument does not fit.

    See Also
    --------
    batch_norm_train_backward : The gradients.
    RunningStats : What `batch_norm` takes later.

    Notes
    -----
    ``y = weight * (x - mean) / sqrt(var + eps) + bias``, as in Ioffe and Szegedy (2015), algorithm 1. Numbers are
    treated as in `layer_norm`. A channel of one element is its bias.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> y, moments = lrncore.batch_norm_train(np.array([[1.0, 10.0], [3.0, 30.0]]), eps=0)
    >>> y
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> moments
    Moments(count=2, mean=array([ 2., 20.]), var=array([  1., 100.]))
    """
    array, element = check_array(x, "x")
    layout = by_channel(array, axis, eps, False)
    norm = layout, check_parameters(array, layout, weight, bias), (measured := blank_statistics(layout))
    y = normalize(array, element, norm, out, (num_threads, None))
    moments = Moments(_count(array, layout), *measured)
    return returned(y, out, x), moments


def batch_norm_train_backward(
    g: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    moments: Moments | None = None,
    eps: float = 1e-5,
    axis: int = 1,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NormGrads:
    """Turn the gradient with respect to the output of `batch_norm_train` into those of its input and parameters.

    Parameters
    ----------
    g : array_like
        The incoming gradient dL/dy, of x's shape and dtype.
    x : array_like, float32, float64, float16 or bfloat16
        The input of the forward.
    weight : array_like, optional
        That of the forward.
    moments : Moments, optional
        Those that the forward returned. They need not be given: the sums over `g` and `x` measure them again at no
        cost, and give the same gradients.
    eps : float, optional
        That of the forward.
    axis : int, optional
        The channel axis, as in `batch_norm_train`.
    out : ndarray, optional
        Where to put dL/dx, as in `layer_norm`; `g` or `x` itself is allowed.
    num_threads : int, optional
        Threads to use, as in `layer_norm`.

    Returns
    -------
    NormGrads
        The arrays ``(dx, dweight, dbias)``, of which the first is `out` if there is one.

    Raises
    ------
    TypeError
        If `x` has another dtype, `g` differs from it, or an argument has the wrong type.
    ValueError
        If an argument does not fit.

    Notes
    -----
    The formulas are those of `layer_norm_backward`, with the means over a channel of the batch. The mean and the
    variance are functions of x here, and the gradient flows through them.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> g, x = np.array([[1.0], [0.0], [0.0]]), np.array([[-1.0], [0.0], [1.0]])
    >>> lrncore.batch_norm_train_backward(g, x, eps=0).dx.ravel().round(3)
    array([ 0.204, -0.408,  0.204])
    """
    along, at, elements = check_pair(g, x)
    layout = by_channel(at, axis, eps, False)
    parameters, dtype = check_weight(at, layout, weight)
    if moments is not None:
        check_moments(moments, "moments", layout.shape)
        if moments.count != (count := _count(at, layout)):
            raise ValueError(f"moments must be of the {count} elements of a channel, got {moments.count}")
    dx, dweight, dbias = differentiate(
        along, at, elements, (layout, parameters, None), dtype, out, (num_threads, None)
    )
    return NormGrads(returned(dx, out, x, g), dweight, dbias)


def by_channel(x: Array, axis: object, eps: object, given: bool) -> Layout:
    """Return the layout of a norm by channel."""
    return lay_out(x.shape, x.strides, _channels, check_axis(axis, x.ndim), check_eps(eps), given)


def _channels(_ndim: int, channel: int, eps: float, given: bool) -> Sets:
    return Sets(frozenset({channel}), (channel,), centred=True, eps=eps, given=given)


def _given(mean: ArrayLike, var: ArrayLike, shape: tuple[int, ...]) -> Statistics:
    return Statistics(check_numbers(mean, "mean", shape), check_numbers(var, "var", shape))


def _count(x: Array, layout: Layout) -> int:
    """Return the elements of a channel."""
    return x.size // layout.size if layout.size else 0
