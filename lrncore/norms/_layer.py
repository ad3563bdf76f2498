"""Layer and RMS normalization: sets along any axes, parameters along the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lrncore._arrays import returned
from lrncore._checks import check_array, check_axes, check_flag, check_pair
from lrncore._norm_call import check_eps, check_parameters, check_weight, differentiate, normalize
from lrncore._norm_layout import Layout, Sets, lay_out
from lrncore.norms._grads import NormGrads, ScaleGrads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from lrncore._arrays import Array

EPS_OF_FLOAT, EPS_OF_DOUBLE = (float(np.finfo(each).eps) for each in (np.float32, np.float64))


def layer_norm(
    x: ArrayLike,
    axis: int | tuple[int, ...] = -1,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
    eps_outside: bool = False,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Normalize by the mean and the variance along some axes.

    Parameters
    ----------
    x : array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension, any strides, any byte order.
    axis : int or tuple of int, optional
        The axes normalized over, in any order; negative counts from the end. PyTorch's ``normalized_shape`` of d
        numbers is ``tuple(range(-d, 0))``, and ``axis=(1, 2, 3)`` is a whole image of N, C, H, W.
    weight, bias : array_like, optional
        Of x's lengths along `axis`, in the order of x's axes. Without them, 1 and 0.
    eps : float, optional
        Added to the variance, under the root; at least 0.
    eps_outside : bool, optional
        Add it to the root instead, as ONNX's MeanVarianceNormalization does.
    out : ndarray, optional
        Where to put the result: an array of x's shape and dtype, strided or not. `x` itself is allowed, and
        gives the same bits; an array that overlaps `x` otherwise is handled as NumPy's functions do.
    num_threads : int, optional
        Threads to use, at least 1. By default what OpenMP allows, and 1 for a small array. The result does not
        depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array of x's shape, dtype (in native byte order) and memory order.

    Raises
    ------
    TypeError
        If `x` has another dtype, or an argument has the wrong type.
    ValueError
        If `axis`, `weight`, `bias`, `eps`, `out` or `num_threads` does not fit.

    See Also
    --------
    layer_norm_backward : The gradients.
    rms_norm : Without a mean.

    Notes
    -----
    ::

        y = weight * (x - mean) / sqrt(var + eps) + bias

    with the variance that divides by the number of elements, as in Ba et al. (2016). The mean is computed and
    subtracted with twice the precision of x, so that y has the same errors at any mean. A set whose squares would
    overflow or vanish is computed as if a power of two had been taken out. A NaN changes the outputs of its own
    set, and no other bit. Where the variance and eps are both 0, this is 0 / 0: NaN.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> lrncore.layer_norm(np.array([[1.0, 3.0], [1000.0, 1002.0]]), eps=0)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    array, element = check_array(x, "x")
    layout = over_axes(array, axis, eps, eps_outside, True)
    norm = layout, check_parameters(array, layout, weight, bias), None
    return returned(normalize(array, element, norm, out, (num_threads, None)), out, x)


def layer_norm_backward(
    g: ArrayLike,
    x: ArrayLike,
    axis: int | tuple[int, ...] = -1,
    weight: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
    eps_outside: bool = False,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NormGrads:
    """Turn the gradient with respect to the output of `layer_norm` into those of its input and parameters.

    Parameters
    ----------
    g : array_like
        The incoming gradient dL/dy, of x's shape and dtype.
    x : array_like, float32, float64, float16 or bfloat16
        The input of the forward; nothing else of it is needed.
    axis : int or tuple of int, optional
        The axes normalized over, as in `layer_norm`.
    weight : array_like, optional
        That of the forward.
    eps : float, optional
        That of the forward.
    eps_outside : bool, optional
        That of the forward.
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
        If the shape of `g`, `axis`, `weight`, `eps`, `out` or `num_threads` does not fit.

    Notes
    -----
    With ``r = 1 / sqrt(var + eps)``, ``xh = (x - mean) * r`` and ``h = weight * g``::

        dx      = r * (h - mean(h) - xh * mean(h * xh))
        dweight = sum(g * xh)
        dbias   = sum(g)

    The sums of the parameters are over all other axes, in double precision.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> lrncore.layer_norm_backward(np.array([[1.0, 0.0, 0.0]]), np.array([[-1.0, 0.0, 1.0]]), eps=0).dx.round(3)
    array([[ 0.204, -0.408,  0.204]])
    """
    along, at, elements = check_pair(g, x)
    layout = over_axes(at, axis, eps, eps_outside, True)
    parameters, dtype = check_weight(at, layout, weight)
    dx, dweight, dbias = differentiate(
        along, at, elements, (layout, parameters, None), dtype, out, (num_threads, None)
    )
    return NormGrads(returned(dx, out, x, g), dweight, dbias)


def rms_norm(
    x: ArrayLike,
    axis: int | tuple[int, ...] = -1,
    weight: ArrayLike | None = None,
    *,
    eps: float | None = None,
    eps_outside: bool = False,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Normalize by the root of the mean square along some axes.

    Parameters
    ----------
    x : array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension, any strides, any byte order.
    axis : int or tuple of int, optional
        The axes normalized over, as in `layer_norm`.
    weight : array_like, optional
        Of x's lengths along `axis`, in the order of x's axes. Without it, 1.
    eps : float or None, optional
        Added to the mean square, under the root; at least 0. By default, as in PyTorch, the machine epsilon of what
        x is computed in: float64, or float32 for all others.
    eps_outside : bool, optional
        Add it to the root instead, as the authors' code does.
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
        If `axis`, `weight`, `eps`, `out` or `num_threads` does not fit.

    See Also
    --------
    rms_norm_backward : The gradients.
    layer_norm : Centred.

    Notes
    -----
    ``y = weight * x / sqrt(mean(x**2) + eps)``, as in Zhang and Sennrich (2019); their code has ``weight * x /
    (sqrt(mean(x**2)) + eps)``, which is `eps_outside`. For Gemma's factor of ``1 + w``, give ``1 + w``.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> lrncore.rms_norm(np.array([[1.0, 7.0]]), eps=0)
    array([[0.2, 1.4]])
    """
    array, element = check_array(x, "x")
    layout = over_axes(array, axis, _rms_eps(eps, array), eps_outside, False)
    norm = layout, check_parameters(array, layout, weight), None
    return returned(normalize(array, element, norm, out, (num_threads, None)), out, x)


def rms_norm_backward(
    g: ArrayLike,
    x: ArrayLike,
    axis: int | tuple[int, ...] = -1,
    weight: ArrayLike | None = None,
    *,
    eps: float | None = None,
    eps_outside: bool = False,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> ScaleGrads:
    """Turn the gradient with respect to the output of `rms_norm` into those of its input and weight.

    Parameters
    ----------
    g : array_like
        The incoming gradient dL/dy, of x's shape and dtype.
    x : array_like, float32, float64, float16 or bfloat16
        The input of the forward; nothing else of it is needed.
    axis : int or tuple of int, optional
        The axes normalized over, as in `layer_norm`.
    weight : array_like, optional
        That of the forward.
    eps : float or None, optional
        That of the forward, as in `rms_norm`.
    eps_outside : bool, optional
        That of the forward.
    out : ndarray, optional
        Where to put dL/dx, as in `layer_norm`; `g` or `x` itself is allowed.
    num_threads : int, optional
        Threads to use, as in `layer_norm`.

    Returns
    -------
    ScaleGrads
        The arrays ``(dx, dweight)``, of which the first is `out` if there is one.

    Raises
    ------
    TypeError
        If `x` has another dtype, `g` differs from it, or an argument has the wrong type.
    ValueError
        If the shape of `g`, `axis`, `weight`, `eps`, `out` or `num_threads` does not fit.

    Notes
    -----
    With ``r = 1 / sqrt(mean(x**2) + eps)``, ``xh = x * r`` and ``h = weight * g``::

        dx      = r * (h - xh * mean(h * xh))
        dweight = sum(g * xh)

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> lrncore.rms_norm_backward(np.array([[1.0, 0.0]]), np.array([[1.0, 7.0]]), eps=0).dx
    array([[ 0.196, -0.028]])
    """
    along, at, elements = check_pair(g, x)
    layout = over_axes(at, axis, _rms_eps(eps, at), eps_outside, False)
    parameters, dtype = check_weight(at, layout, weight)
    dx, dweight, *_ = differentiate(
        along, at, elements, (layout, parameters, None), dtype, out, (num_threads, None)
    )
    return ScaleGrads(returned(dx, out, x, g), dweight)


def over_axes(x: Array, axis: object, eps: object, eps_outside: object, centred: bool) -> Layout:
    """Return the layout of a norm over some axes."""
    axes = check_axes(axis, x.ndim)
    return lay_out(
        x.shape, x.strides, _others, axes, check_eps(eps), check_flag(eps_outside, "eps_outside"), centred
    )


def _others(ndim: int, axes: tuple[int, ...], eps: float, outside: bool, centred: bool) -> Sets:
    return Sets(frozenset(range(ndim)) - frozenset(axes), axes, centred, eps, outside=outside)


def _rms_eps(eps: object, x: Array) -> object:
    if eps is not None:
        return eps
    return EPS_OF_DOUBLE if x.dtype.itemsize == 8 else EPS_OF_FLOAT
