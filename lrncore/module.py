"""LocalResponseNorm: a layer object in PyTorch's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lrncore._also import also
from lrncore._checks import check_real, given_axes
from lrncore.functional import lrn, lrn_backward
from lrncore.spec import LRNSpec, torch_spec

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class LocalResponseNorm:
    """Local Response Normalization as a layer, with the arguments and defaults of `torch.nn.LocalResponseNorm`.

    Parameters
    ----------
    size : int
        Channels in the window, at least 1.
    alpha, beta, k : float, optional
        As in PyTorch, which divides alpha by `size`.
    axis : int or tuple of int, optional
        The channel axis, or the axes of a box, as in `lrn`. Alpha is divided by the number of elements in a full
        window, ``size ** d`` over d axes.

    Attributes
    ----------
    spec : LRNSpec
        The same parameters, independent of any framework.

    Raises
    ------
    TypeError, ValueError
        As `LRNSpec.torch` does.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> layer = lrncore.LocalResponseNorm(size=5, alpha=1e-4, beta=0.75, k=2.0)
    >>> layer
    LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0)
    >>> x = np.ones((1, 8, 2, 2), dtype=np.float32)
    >>> y = layer(x)
    >>> dx = layer.backward(np.ones_like(y), x)
    """

    def __init__(
        self,
        size: int,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 1.0,
        *,
        axis: int | tuple[int, ...] = 1,
    ) -> None:
        self.spec: LRNSpec = torch_spec(size, alpha, beta, k, axis)
        axes = given_axes(axis)
        self.axis = axes if isinstance(axis, tuple) else axes[0]
        self.size = self.spec.size
        self.alpha, self.beta, self.k = check_real(alpha, "alpha"), self.spec.beta, self.spec.k

    @also("x", "input")
    def forward(
        self,
        input: ArrayLike,  # noqa: A002  (PyTorch's name)
        *,
        out: NDArray[Any] | None = None,
        num_threads: int | None = None,
    ) -> NDArray[Any]:
        """Return the normalized `input`.

        Parameters
        ----------
        input : array_like, float32, float64, float16 or bfloat16
            Any shape that has the layer's axis, or axes. `x` is another name of it.
        out : ndarray, optional
            Where to put the result, as in `lrn`.
        num_threads : int, optional
            Threads to use, as in `lrn`.

        Returns
        -------
        ndarray
            `out`, or a new array of x's shape and dtype.

        Examples
        --------
        >>> import numpy as np, lrncore
        >>> layer = lrncore.LocalResponseNorm(3, alpha=3.0, beta=0.5, k=0.0)
        >>> layer.forward(np.array([[3.0, 4.0, 0.0]]))
        array([[0.6, 0.8, 0. ]])
        """
        return lrn(input, self.spec, self.axis, out, num_threads)

    __call__ = forward

    def backward(
        self, g: ArrayLike, x: ArrayLike, *, out: NDArray[Any] | None = None, num_threads: int | None = None
    ) -> NDArray[Any]:
        """Return the gradient dL/dx, as `lrn_backward` does.

        Parameters
        ----------
        g : array_like
            The incoming gradient dL/dy, of x's shape and dtype.
        x : array_like, float32, float64, float16 or bfloat16
            The input of the forward.
        out : ndarray, optional
            Where to put the result, as in `lrn`; `g` or `x` itself is allowed.
        num_threads : int, optional
            Threads to use, as in `lrn`.

        Returns
        -------
        ndarray
            `out`, or a new array of x's shape and dtype.

        Examples
        --------
        >>> import numpy as np, lrncore
        >>> layer = lrncore.LocalResponseNorm(1, alpha=1.0, beta=1.0)  # y = x / (1 + x**2)
        >>> layer.backward(np.ones((1, 2)), np.array([[0.0, 2.0]]))  # (1 - x**2) / (1 + x**2)**2
        array([[ 1.  , -0.12]])
        """
        return lrn_backward(g, x, self.spec, self.axis, out, num_threads)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k})"
