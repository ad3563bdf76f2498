"""GDN, the normalization of learned image codecs: gdn, gdn_backward, and how codecs store its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lrncore._arrays import returned
from lrncore._checks import check_array, check_axis, check_flag, check_pair, check_real
from lrncore._divisive_call import compute, kernels_of, sums_for
from lrncore._divisive_job import Formula, Job, Pool
from lrncore.divisive_spec import check_positive, reals_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lrncore._arrays import Array

#: What keeps the gradient of a stored parameter from vanishing at zero
PEDESTAL = 2.0**-36


class GDNGrads(NamedTuple):
    """The gradients of a loss with respect to what `gdn` takes.

    Parameters
    ----------
    x, gamma, beta : ndarray
        The derivatives dL/dx, dL/dgamma and dL/dbeta.

    See Also
    --------
    gdn_backward : Returns them.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> dx, dgamma, dbeta = lrncore.gdn_backward(np.ones((1, 1)), np.zeros((1, 1)), np.ones((1, 1)), np.ones(1))
    >>> dx
    array([[1.]])
    """

    x: Array
    gamma: Array
    beta: Array


def gdn(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    *,
    alpha: float = 2.0,
    epsilon: float = 0.5,
    inverse: bool = False,
    axis: int = 1,
    out: Array | None = None,
    num_threads: int | None = None,
) -> Array:
    """Divide each channel by a power of the weighted sum of all channels: generalized divisive normalization.

    Parameters
    ----------
    x : array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension, any strides, any byte order.
    gamma : array_like
        ``gamma[i, j]`` weighs channel j in the pool of channel i: the weight of a 1 x 1 convolution. TensorFlow
        Compression has it transposed.
    beta : array_like
        A constant for each channel, or one for all.
    alpha, epsilon : float, optional
        The exponents of the pool, positive, and of the quotient. 2 and 1/2 are those of most codecs; TensorFlow
        Compression's layer has 1 and 1.
    inverse : bool, optional
        Whether to multiply by the power and not to divide by it.
    axis : int, optional
        The channel axis; negative counts from the end.
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
        If the shape of `gamma` or `beta`, `alpha`, `axis`, `out` or `num_threads` does not fit.

    See Also
    --------
    gdn_backward : The gradients.
    divisive_norm : With pools over space, bands of channels, and powers of the numerator.

    Notes
    -----
    ::

        D[i] = beta[i] + sum(gamma[i, j] * abs(x[j]) ** alpha)
        y[i] = x[i] * D[i] ** -epsilon

    as in [1]_. `gamma` and `beta` are the effective parameters; `nonnegative` makes them from those that codecs
    store. Sums are of runs of 32 terms, in the same order for every layout and number of threads: the same bits.

    References
    ----------
    .. [1] J. Balle, V. Laparra and E. P. Simoncelli, "Density Modeling of Images Using a Generalized Normalization
       Transformation", ICLR 2016.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> x = np.array([[3.0, 4.0]])
    >>> lrncore.gdn(x, gamma=np.ones((2, 2)), beta=0.0)
    array([[0.6, 0.8]])
    >>> lrncore.gdn(x, np.eye(2), 0.0, inverse=True)
    array([[ 9., 16.]])
    """
    array, element = check_array(x, "x")
    channel, formula = _check(array, axis, alpha, epsilon, inverse)
    pool = _pool(gamma, beta, array.shape[channel])
    return returned(compute(Job((array,), (element,), pool, formula, channel, num_threads), out), out, x)


def gdn_backward(
    g: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    *,
    alpha: float = 2.0,
    epsilon: float = 0.5,
    inverse: bool = False,
    axis: int = 1,
    out: Array | None = None,
    num_threads: int | None = None,
) -> GDNGrads:
    """Turn the gradient with respect to the output of `gdn` into those with respect to its input and parameters.

    Parameters
    ----------
    g : array_like
        The incoming gradient dL/dy, of x's shape and dtype.
    x, gamma, beta : array_like
        The input and the parameters of the forward; nothing else of it is needed.
    alpha, epsilon : float, optional
        The exponents, as in `gdn`.
    inverse : bool, optional
        As in `gdn`.
    axis : int, optional
        The channel axis, as in `gdn`.
    out : ndarray, optional
        Where to put dL/dx, as in `gdn`; `g` or `x` itself is allowed.
    num_threads : int, optional
        Threads to use, as in `gdn`.

    Returns
    -------
    GDNGrads
        The gradients dL/dx, of x's dtype, and dL/dgamma and dL/dbeta, of the dtypes of `gamma` and `beta`, or of
        x's where those are integers.

    Raises
    ------
    TypeError
        If `x` has another dtype, `g` differs from it, or an argument has the wrong type.
    ValueError
        If the shape of `g`, or what is a ValueError in `gdn`, does not fit.

    Notes
    -----
    With D of the forward, derived from its formula::

        t         = g * x * D ** (-epsilon - 1)
        dx[j]     = g[j] * D[j] ** -epsilon
                    - alpha * epsilon * abs(x[j]) ** (alpha - 1) * sign(x[j]) * sum(gamma[i, j] * t[i])
        dgamma    = -epsilon * sum(t[i] * abs(x[j]) ** alpha)
        dbeta     = -epsilon * sum(t[i])

    The sums over positions are of doubles, and do not depend on the number of threads.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> grads = lrncore.gdn_backward(np.ones((1, 1)), np.full((1, 1), 2.0), np.ones((1, 1)), np.zeros(1))
    >>> grads.gamma  # of x / sqrt(gamma * x**2)
    array([[-0.5]])
    """
    along, array, elements = check_pair(g, x)
    channel, formula = _check(array, axis, alpha, epsilon, inverse)
    pool = _pool(gamma, beta, array.shape[channel])
    sums = sums_for(array, channel)
    dx = returned(compute(Job((along, array), elements, pool, formula, channel, num_threads), out, sums), out, x, g)
    dgamma, dbeta = sums.total(formula.q, kernels_of(array).raised)
    beta = np.asarray(beta)
    with np.errstate(over="ignore"):
        return GDNGrads(dx, _as(dgamma, gamma, array), _as(dbeta.sum() if beta.ndim == 0 else dbeta, beta, array))


def nonnegative(r: ArrayLike, minimum: float = 0.0) -> Array:
    """Return the parameter that learned codecs store as `r`: at least `minimum`, and never flat at zero.

    Parameters
    ----------
    r : array_like
        The stored parameter.
    minimum : float, optional
        The least value: 0 for gamma, 1e-6 for beta in CompressAI and TensorFlow Compression.

    Returns
    -------
    ndarray
        ``max(r, sqrt(minimum + o**2))**2 - o**2`` with ``o = 2**-18``, of r's dtype.

    See Also
    --------
    nonnegative_inverse : The way back.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> lrncore.nonnegative(np.array([0.0, 2.0])).round(6)
    array([0., 4.])
    """
    stored = np.asarray(r)
    minimum = check_real(minimum, "minimum")
    bound = np.asarray((minimum + PEDESTAL) ** 0.5, dtype=stored.dtype)
    value: Array = np.maximum(stored, bound) ** 2 - np.asarray(PEDESTAL, dtype=stored.dtype)
    return value


def nonnegative_inverse(value: ArrayLike) -> Array:
    """Return what learned codecs store for a parameter.

    Parameters
    ----------
    value : array_like
        The effective parameter, at least 0.

    Returns
    -------
    ndarray
        ``sqrt(max(value + o**2, o**2))`` with ``o = 2**-18``, of value's dtype.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> lrncore.nonnegative(lrncore.nonnegative_inverse(np.array([0.0, 0.1]))).round(12)
    array([0. , 0.1])
    """
    array = np.asarray(value)
    pedestal = np.asarray(PEDESTAL, dtype=array.dtype)
    stored: Array = np.sqrt(np.maximum(array + pedestal, pedestal))
    return stored


def _check(x: Array, axis: object, alpha: object, epsilon: object, inverse: object) -> tuple[int, Formula]:
    channel = check_axis(axis, x.ndim)
    power = check_positive(check_real(alpha, "alpha"), "alpha")
    q = check_real(epsilon, "epsilon")
    return channel, Formula(power, -q if check_flag(inverse, "inverse") else q)


def _pool(gamma: ArrayLike, beta: ArrayLike, channels: int) -> Pool:
    matrix, sigma = reals_of(gamma, "gamma"), reals_of(beta, "beta")
    if matrix.shape != (channels, channels):
        raise ValueError(f"gamma must have the shape {(channels, channels)}, got {matrix.shape}")
    if sigma.shape not in ((), (channels,)):
        raise ValueError(f"beta must be a number or have the shape {(channels,)}, got {sigma.shape}")
    return Pool(sigma, matrix)


def _as(gradient: Any, like: ArrayLike, x: Array) -> Array:
    dtype = np.asarray(like).dtype
    return np.asarray(gradient, dtype=x.dtype.type if dtype.kind in "iu" else dtype.type)
