"""What the backward passes of the moment norms return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray


class NormGrads(NamedTuple):
    """The derivatives of a loss with respect to the input and the parameters of a norm.

    Parameters
    ----------
    dx : ndarray
        The gradient dL/dx, of x's shape and dtype.
    dweight, dbias : ndarray
        The gradients dL/dweight and dL/dbias, of the weight's shape, and of its dtype (of x's where there is none,
        or where it holds integers).

    See Also
    --------
    layer_norm_backward : Returns them.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> grads = lrncore.layer_norm_backward(np.array([[1.0, 2.0]]), np.array([[3.0, 3.0]]))
    >>> grads.dbias
    array([1., 2.])
    """

    dx: NDArray[Any]
    dweight: NDArray[Any]
    dbias: NDArray[Any]


class ScaleGrads(NamedTuple):
    """The derivatives of a loss with respect to the input and the weight of a norm without a bias.

    Parameters
    ----------
    dx : ndarray
        The gradient dL/dx, of x's shape and dtype.
    dweight : ndarray
        The gradient dL/dweight, as in `NormGrads`.

    See Also
    --------
    rms_norm_backward : Returns them.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> grads = lrncore.rms_norm_backward(np.array([[1.0, 2.0]]), np.array([[3.0, 3.0]]), eps=0)
    >>> grads.dweight
    array([1., 2.])
    """

    dx: NDArray[Any]
    dweight: NDArray[Any]


class FilterGrads(NamedTuple):
    """The derivatives of a loss with respect to the input and the parameters of `filter_response_norm`.

    Parameters
    ----------
    dx : ndarray
        The gradient dL/dx, of x's shape and dtype.
    dweight, dbias, dtau : ndarray
        The gradients dL/dweight, dL/dbias and dL/dtau, a number for each channel, as in `NormGrads`.
    deps : float or ndarray
        The gradient dL/deps: an array of float64, a number for each channel, where eps has one for each.

    See Also
    --------
    filter_response_norm_backward : Returns them.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> grads = lrncore.filter_response_norm_backward(np.array([[[1.0]]]), np.array([[[3.0]]]), tau=[9.0])
    >>> grads.dtau
    array([1.])
    """

    dx: NDArray[Any]
    dweight: NDArray[Any]
    dbias: NDArray[Any]
    dtau: NDArray[Any]
    deps: float | NDArray[Any]
