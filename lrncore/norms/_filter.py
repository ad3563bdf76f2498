"""Filter response normalization, with its thresholded linear unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lrncore._arrays import returned
from lrncore._checks import check_array, check_axis, check_pair
from lrncore._norm_call import (
    check_eps,
    check_numbers,
    check_parameters,
    check_weight,
    differentiate,
    normalize,
)
from lrncore._norm_layout import Layout, lay_out
from lrncore.norms._grads import FilterGrads
from lrncore.norms._group import places

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from lrncore._arrays import Array


def filter_response_norm(
    x: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    tau: ArrayLike | None = None,
    *,
    eps: ArrayLike = 1e-6,
    axis: int = 1,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Normalize each channel of each image by the root of its mean square, and threshold it.

    Parameters
    ----------
    x : array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension, any strides, any byte order. Axis 0 is that of images, unless it is the
        channel axis: then there is one image.
    weight, bias : array_like, optional
        A number for each channel: gamma and beta of the paper. Without them, 1 and 0.
    tau : array_like, optional
        A number for each channel, the threshold of the paper's TLU. Without it, there is no threshold.
    eps : float or array_like, optional
        Added to the mean square, under the root; at least 0. Or a number for each channel: where channels have few
        places the paper learns it, as ``1e-6 + abs(eps_l)``.
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
    filter_response_norm_backward : The gradients.
    instance_norm : Centred, without a threshold.

    Notes
    -----
    ::

        z = maximum(weight * x / sqrt(mean(x**2) + eps) + bias, tau)

    with the mean over all places of a channel in one image, as in Singh and Krishnan (2020), equations 1 to 4.
    A NaN stays a NaN. Numbers are treated as in `layer_norm`.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> x = np.array([[[1.0, -7.0], [6.0, 8.0]]])
    >>> lrncore.filter_response_norm(x, tau=[-1.0, 1.0], eps=0).round(3)
    array([[[ 0.2  , -1.   ],
            [ 1.   ,  1.131]]])
    """
    array, element = check_array(x, "x")
    layout = _layout(array, axis, eps)
    norm = layout, check_parameters(array, layout, weight, bias, tau), None
    return returned(normalize(array, element, norm, out, (num_threads, None)), out, x)


def filter_response_norm_backward(
    g: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    tau: ArrayLike | None = None,
    eps: ArrayLike = 1e-6,
    axis: int = 1,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> FilterGrads:
    """Turn the gradient with respect to the output of `filter_response_norm` into those of all that it takes.

    Parameters
    ----------
    g : array_like
        The incoming gradient dL/dz, of x's shape and dtype.
    x : array_like, float32, float64, float16 or bfloat16
        The input of the forward; nothing else of it is needed.
    weight, bias, tau : array_like, optional
        Those of the forward. The bias decides, with tau, which elements the threshold cuts.
    eps : float or array_like, optional
        That of the forward.
    axis : int, optional
        The channel axis, as in `filter_response_norm`.
    out : ndarray, optional
        Where to put dL/dx, as in `layer_norm`; `g` or `x` itself is allowed.
    num_threads : int, optional
        Threads to use, as in `layer_norm`.

    Returns
    -------
    FilterGrads
        The gradients ``(dx, dweight, dbias, dtau, deps)``: the first is `out` if there is one, and the last a
        float, or an array if `eps` is one.

    Raises
    ------
    TypeError
        If `x` has another dtype, `g` differs from it, or an argument has the wrong type.
    ValueError
        If an argument does not fit.

    Notes
    -----
    With y as it is before the threshold, ``r = 1 / sqrt(mean(x**2) + eps)``, ``xh = x * r``, ``d = g * (y >= tau)``
    and ``h = weight * d``::

        dx      = r * (h - xh * mean(h * xh))
        dweight = sum(d * xh)
        dbias   = sum(d)
        dtau    = sum(g - d)
        deps    = -sum(h * xh * r**2) / 2

    Where y is tau, the gradient is y's. A channel of one place has ``dx = h * r**3 * eps``, without a difference.
    If the paper's eps_l is learned, its gradient is ``deps * sign(eps_l)``.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> g, x = np.array([[[1.0, 10.0]]]), np.array([[[1.0, -7.0]]])
    >>> grads = lrncore.filter_response_norm_backward(g, x, tau=[-1.0], eps=0)
    >>> grads.dx, grads.dtau, round(grads.deps, 3)
    (array([[[0.196, 0.028]]]), array([10.]), -0.004)
    """
    along, at, elements = check_pair(g, x)
    layout = _layout(at, axis, eps)
    _, dtype = check_weight(at, layout, weight)
    norm, deps = (layout, check_parameters(at, layout, weight, bias, tau), None), layout.blank()
    dx, dweight, dbias, dtau = differentiate(along, at, elements, norm, dtype, out, (num_threads, None), deps)
    of_eps = float(deps.sum()) if np.ndim(eps) == 0 else deps.reshape(-1, *layout.shape).sum(0)
    return FilterGrads(returned(dx, out, x, g), dweight, dbias, dtau, of_eps)


def _layout(x: Array, axis: object, eps: ArrayLike) -> Layout:
    """Return the layout of a norm over places that is not centred."""
    channel = check_axis(axis, x.ndim)
    if np.ndim(eps) == 0:
        return lay_out(x.shape, x.strides, places, channel, check_eps(eps), False)
    layout = lay_out(x.shape, x.strides, places, channel, 0.0, False)
    each = check_numbers(eps, "eps", layout.shape).astype(np.float64)
    if not (each >= 0).all():
        raise ValueError(f"eps must be >= 0, got {each.min()}")
    return layout.with_eps(np.broadcast_to(each, layout.set_lengths))
