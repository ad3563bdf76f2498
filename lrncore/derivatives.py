"""The derivatives beyond the first gradient: lrn_jvp and lrn_param_grads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lrncore._arrays import wrapped
from lrncore._call import apply, exported, swapped_bits, work_of
from lrncore._checks import CHANNELS, call_axes, check_pair
from lrncore._threads import run
from lrncore.spec import LRNSpec, check_spec

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class ParamGrads(NamedTuple):
    """The derivatives of a loss with respect to the parameters of a spec.

    Parameters
    ----------
    scale, beta, k : float
        The derivatives dL/dscale, dL/dbeta and dL/dk.

    See Also
    --------
    lrn_param_grads : Returns them.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> spec = lrncore.LRNSpec(0, 0, scale=1.0, beta=1.0, k=1.0)  # y = x / (k + scale * x**2)**beta
    >>> lrncore.lrn_param_grads(np.array([[1.0]]), np.array([[0.0]]), spec)
    ParamGrads(scale=0.0, beta=0.0, k=0.0)
    """

    scale: float
    beta: float
    k: float


def lrn_jvp(
    dx: ArrayLike,
    x: ArrayLike,
    spec: LRNSpec,
    axis: int | tuple[int, ...] = CHANNELS,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Return the derivative of `lrn` along a direction: the product of its Jacobian and `dx`, in forward mode.

    Parameters
    ----------
    dx : array_like
        The direction, of x's shape and dtype.
    x : array_like, float32, float64, float16 or bfloat16
        The input of the forward.
    spec : LRNSpec
        The window and the parameters of the forward.
    axis : int or tuple of int, optional
        The axes of the window, as in `lrn`.
    out : ndarray, optional
        Where to put the result, as in `lrn`; `dx` or `x` itself is allowed.
    num_threads : int, optional
        Threads to use, as in `lrn`.

    Returns
    -------
    ndarray
        The tangent of y: `out`, or a new array of x's shape, dtype (in native byte order) and memory order, and of
        its class, or else that of `dx`, as in `lrn`.

    Raises
    ------
    TypeError
        If `x` has another dtype, `dx` differs from it, or an argument has the wrong type.
    ValueError
        If the shape of `dx`, `axis`, `out` or `num_threads` does not fit.

    See Also
    --------
    lrn_backward : The transposed product, in reverse mode.

    Notes
    -----
    With ``s`` the sum under the power, derived from the formula of `lrn`::

        z[c]  = sum((x * dx)[c - before : c + after + 1])
        dy[c] = s[c] ** -beta * (dx[c] - 2 * scale * beta * x[c] * z[c] / s[c])

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> spec = lrncore.LRNSpec(before=0, after=0, scale=1.0, beta=1.0, k=1.0)  # y = x / (1 + x**2)
    >>> lrncore.lrn_jvp(np.ones((1, 2)), np.array([[0.0, 2.0]]), spec)  # (1 - x**2) / (1 + x**2)**2
    array([[ 1.  , -0.12]])
    """
    along, at, elements = check_pair(dx, x, "dx")
    dy = apply(elements[1].kernels.tangent, (along, at), elements, spec, axis, out, num_threads)
    return dy if (at is x and along is dx) or out is not None else wrapped(dy, x, dx)


def lrn_param_grads(
    g: ArrayLike,
    x: ArrayLike,
    spec: LRNSpec,
    axis: int | tuple[int, ...] = CHANNELS,
    num_threads: int | None = None,
) -> ParamGrads:
    """Return the derivatives of a loss with respect to scale, beta and k, so that they can be learned.

    Parameters
    ----------
    g : array_like
        The incoming gradient dL/dy, of x's shape and dtype.
    x : array_like, float32, float64, float16 or bfloat16
        The input of the forward.
    spec : LRNSpec
        The window and the parameters of the forward.
    axis : int or tuple of int, optional
        The axes of the window, as in `lrn`.
    num_threads : int, optional
        Threads to use, as in `lrn`.

    Returns
    -------
    ParamGrads
        The floats ``(scale, beta, k)``: dL/dscale, dL/dbeta and dL/dk. Where a convention divides alpha by the
        window's size, dL/dalpha is dL/dscale divided by it too.

    Raises
    ------
    TypeError
        If `x` has another dtype, `g` differs from it, or an argument has the wrong type.
    ValueError
        If the shape of `g`, `axis` or `num_threads` does not fit.

    Notes
    -----
    With ``s`` the sum under the power, and ``S`` that of the squares of its window, derived from the formula of
    `lrn`::

        t         = g * x * s ** (-beta - 1)
        dL/dscale = -beta * sum(t * S)
        dL/dbeta  = -sum(t * s * log(s))
        dL/dk     = -beta * sum(t)

    Each term has the precision of x's dtype (float32 for the halves); the sums are compensated, and do not
    depend on the number of threads.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> spec = lrncore.LRNSpec(0, 0, scale=1.0, beta=1.0, k=1.0)  # y = x / (k + scale * x**2)**beta
    >>> grads = lrncore.lrn_param_grads(np.array([[1.0]]), np.array([[1.0]]), spec)
    >>> print(f"{grads.scale:.3f} {grads.beta:.3f} {grads.k:.3f}")  # -1/4, -log(2)/2, -1/4
    -0.250 -0.347 -0.250
    """
    g, x, elements = check_pair(g, x)
    check_spec(spec)
    axes = call_axes(axis, x, frames=3)
    swapped = swapped_bits(elements)
    arguments, work = (exported(g), exported(x), axes, spec._arguments), (x.dtype.char, work_of(spec, axes))
    return ParamGrads(*run(elements[1].kernels.parameters, arguments, swapped, work, x.size, num_threads))
