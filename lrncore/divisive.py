"""Divisive normalization with pools over channels and space: divisive_norm and its gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lrncore import _divisive_gradients as gradients
from lrncore._arrays import returned
from lrncore._checks import check_array, check_pair
from lrncore._divisive_call import compute
from lrncore._divisive_job import Job
from lrncore._divisive_pools import compute_both, place_of, prepare
from lrncore.divisive_spec import DivisiveSpec, check_divisive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lrncore._arrays import Array


class DivisiveGrads(NamedTuple):
    """The derivatives of a loss with respect to the parameters of a `DivisiveSpec`.

    Parameters
    ----------
    sigma : float or ndarray
        The derivative dL/dsigma, for one number or for each channel.
    channels, space : ndarray, tuple of ndarray or None
        The derivatives with respect to the weights, in the spec's shapes; None where it has none.
    p, q : float
        The derivatives with respect to the exponents.

    See Also
    --------
    divisive_norm_param_grads : Returns them.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> x = np.array([[2.0]])  # y = x / (sigma + x**2)
    >>> lrncore.divisive_norm_param_grads(np.ones_like(x), x, lrncore.DivisiveSpec(q=1.0)).sigma  # -2 / 5**2
    -0.08
    """

    sigma: float | Array
    channels: Array | None
    space: Array | tuple[Array, ...] | None
    p: float
    q: float


def divisive_norm(
    x: ArrayLike,
    spec: DivisiveSpec,
    *,
    axis: int = 1,
    space_axes: tuple[int, ...] | None = None,
    out: Array | None = None,
    num_threads: int | None = None,
) -> Array:
    """Divide each element by a power of the weighted sum of its neighbours' powers.

    Parameters
    ----------
    x : array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension, any strides, any byte order.
    spec : DivisiveSpec
        The pool, the constant and the exponents.
    axis : int, optional
        The channel axis; negative counts from the end.
    space_axes : tuple of int, optional
        The axes of space. By default all but the first and the channel axis, or none where the spec has no weights
        over space.
    out : ndarray, optional
        Where to put the result: an array of x's shape and dtype, strided or not; `x` itself is allowed.
    num_threads : int, optional
        Threads to use, at least 1. By default what OpenMP allows, and 1 for a small array.

    Returns
    -------
    ndarray
        `out`, or a new array of x's shape, dtype (in native byte order) and memory order.

    Raises
    ------
    TypeError
        If `x` has another dtype, or an argument has the wrong type.
    ValueError
        If an axis, `out`, `num_threads` or a shape in the spec does not fit.

    See Also
    --------
    gdn : With a matrix over channels alone, in the words of image codecs.
    divisive_norm_backward, divisive_norm_param_grads : The gradients.

    Notes
    -----
    ::

        D[i] = sigma[i] + sum(w[i, j] * abs(x[j]) ** p)
        y[i] = sign(x[i]) * abs(x[i]) ** n * D[i] ** -q

    the normalization model of [1]_. A NaN or an Inf changes the outputs whose pool holds it with a weight that is
    not 0, and no other bit; a matrix of channels mixes all of a place. A matrix of channels together with weights
    over space is computed in steps, with some arrays of doubles of x's size; everything else in blocks.

    References
    ----------
    .. [1] M. Carandini and D. J. Heeger, "Normalization as a canonical neural computation", Nature Reviews
       Neuroscience 13, 2012.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> spec = lrncore.DivisiveSpec(channels=[1, 0, 1], sigma=1.0, q=1.0)  # the neighbours, without itself
    >>> lrncore.divisive_norm(np.array([[1.0, 2.0, 3.0]]), spec)
    array([[0.2       , 0.18181818, 0.6       ]])
    """
    array, element = check_array(x, "x")
    place, pool, formula = prepare(array.shape, check_divisive(spec), axis, space_axes)
    if pool is None:
        return returned(compute_both((array,), spec, place, out), out, x)
    return returned(compute(Job((array,), (element,), pool, formula, place.axis, num_threads), out), out, x)


def divisive_norm_backward(
    g: ArrayLike,
    x: ArrayLike,
    spec: DivisiveSpec,
    *,
    axis: int = 1,
    space_axes: tuple[int, ...] | None = None,
    out: Array | None = None,
    num_threads: int | None = None,
) -> Array:
    """Turn the gradient with respect to the output of `divisive_norm` into the one with respect to its input.

    Parameters
    ----------
    g : array_like
        The incoming gradient dL/dy, of x's shape and dtype.
    x : array_like, float32, float64, float16 or bfloat16
        The input of the forward; nothing else of it is needed.
    spec : DivisiveSpec
        The parameters of the forward.
    axis : int, optional
        The channel axis, as in `divisive_norm`.
    space_axes : tuple of int, optional
        The axes of space, as in `divisive_norm`.
    out : ndarray, optional
        Where to put the result, as in `divisive_norm`; `g` or `x` itself is allowed.
    num_threads : int, optional
        Threads to use, as in `divisive_norm`.

    Returns
    -------
    ndarray
        The gradient dL/dx: `out`, or a new array of x's shape, dtype (in native byte order) and memory order.

    Raises
    ------
    TypeError
        If `x` has another dtype, `g` differs from it, or an argument has the wrong type.
    ValueError
        If the shape of `g`, or what is a ValueError in `divisive_norm`, does not fit.

    Notes
    -----
    With D of the forward, and ``N(x) = sign(x) * abs(x) ** n``::

        t     = g * N(x) * D ** (-q - 1)
        dx[j] = g[j] * N'(x[j]) * D[j] ** -q - p * q * abs(x[j]) ** (p - 1) * sign(x[j]) * sum(w[i, j] * t[i])

    At 0, where the derivative of ``abs(x)`` jumps, it is taken as 0.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> x = np.array([[0.0, 2.0]])
    >>> spec = lrncore.DivisiveSpec(q=1.0)  # y = x / (1 + x**2)
    >>> lrncore.divisive_norm_backward(np.ones_like(x), x, spec)  # (1 - x**2) / (1 + x**2)**2
    array([[ 1.  , -0.12]])
    """
    along, array, elements = check_pair(g, x)
    place, pool, formula = prepare(array.shape, check_divisive(spec), axis, space_axes)
    if pool is None:
        return returned(compute_both((along, array), spec, place, out), out, x, g)
    return returned(compute(Job((along, array), elements, pool, formula, place.axis, num_threads), out), out, x, g)


def divisive_norm_param_grads(
    g: ArrayLike,
    x: ArrayLike,
    spec: DivisiveSpec,
    *,
    axis: int = 1,
    space_axes: tuple[int, ...] | None = None,
) -> DivisiveGrads:
    """Return the derivatives of a loss with respect to the parameters of a spec, so that they can be learned.

    Parameters
    ----------
    g : array_like
        The incoming gradient dL/dy, of x's shape and dtype.
    x : array_like, float32, float64, float16 or bfloat16
        The input of the forward.
    spec : DivisiveSpec
        The parameters of the forward.
    axis : int, optional
        The channel axis, as in `divisive_norm`.
    space_axes : tuple of int, optional
        The axes of space, as in `divisive_norm`.

    Returns
    -------
    DivisiveGrads
        ``(sigma, channels, space, p, q)``, doubles in the shapes of the spec. Weights over space that are one array
        for all axes have the sum of the axes' derivatives.

    Raises
    ------
    TypeError
        If `x` has another dtype, `g` differs from it, or an argument has the wrong type.
    ValueError
        If the shape of `g`, or what is a ValueError in `divisive_norm`, does not fit.

    Notes
    -----
    With t and D of `divisive_norm_backward`::

        dL/dsigma   = -q * sum(t)
        dL/dw[i, j] = -q * sum(t[i] * abs(x[j]) ** p)
        dL/dq       = -sum(g * y * log(D))
        dL/dp       = -q * sum(t[i] * sum(w[i, j] * abs(x[j]) ** p * log(abs(x[j]))))

    computed in doubles, an index of the first axis at a time where that is neither of channels nor of space.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> x = np.array([[1.0, 2.0]])
    >>> spec = lrncore.DivisiveSpec(channels=[[1, 1], [1, 1]], sigma=0.0, q=1.0)
    >>> lrncore.divisive_norm_param_grads(np.ones_like(x), x, spec).channels
    array([[-0.04, -0.16],
           [-0.08, -0.32]])
    """
    g, x, _ = check_pair(g, x)
    place = place_of(x.shape, axis, space_axes, check_divisive(spec))
    found = gradients.total(g, x, spec, place)
    sigma = float(found.sigma.sum()) if isinstance(spec.sigma, float) else found.sigma
    space: Any = tuple(found.space) if spec.space is not None else None
    if isinstance(spec.space, np.ndarray):
        space = np.sum(space, axis=0) if space else np.zeros_like(spec.space)
    return DivisiveGrads(sigma, found.channels, space, found.p, found.q)
