"""The functions: lrn, lrn_backward, and their twins in PyTorch's and TensorFlow's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lrncore._also import also
from lrncore._arrays import wrapped
from lrncore._call import apply
from lrncore._checks import CHANNELS, check_array, check_pair
from lrncore.spec import LRNSpec, spec_of, torch_spec

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def lrn(
    x: ArrayLike,
    spec: LRNSpec,
    axis: int | tuple[int, ...] = CHANNELS,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Normalize each element by the squares of its neighbours along the channel axis, or along several.

    Parameters
    ----------
    x : array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension, any strides, any byte order.
    spec : LRNSpec
        The window and the parameters.
    axis : int or tuple of int, optional
        The channel axis: 1 by default, as in (N, C, H, W); 0 for (C, H, W), one image; -1 for channels last.
        Negative counts from the end. A tuple of any number of axes, in any order, makes the window a box, which
        reaches as far as the spec says along each; ``()`` is a window of the element alone.
    out : ndarray, optional
        Where to put the result: an array of x's shape and dtype, strided or not. `x` itself is allowed, and
        gives the same bits; an array that overlaps `x` otherwise is handled as NumPy's functions do.
    num_threads : int, optional
        Threads to use, at least 1. By default what OpenMP allows, and 1 for a small array.

    Returns
    -------
    ndarray
        `out`, or a new array of x's shape, dtype (in native byte order) and memory order. Where `x` is of a class
        that NumPy's ufuncs return (a subclass of ndarray, or of pandas or xarray), the result is of that class.

    Raises
    ------
    TypeError
        If `x` has another dtype, masked elements or a unit, or an argument has the wrong type.
    ValueError
        If `axis`, `out` or `num_threads` does not fit.

    Warns
    -----
    UserWarning
        If `x` has three dimensions and `axis` is not given. Three are read as (N, C, L), as PyTorch does, while one
        image has its channels first or last.

    See Also
    --------
    lrn_backward : The gradient with respect to `x`.

    Notes
    -----
    ::

        y[c] = x[c] * (k + scale * sum(x[c - before : c + after + 1] ** 2)) ** -beta

    as in Krizhevsky et al. (2012), section 3.3. Where k is 0 and the whole window is zero, this is 0 / 0: NaN.
    A NaN or an Inf changes the outputs whose window holds it, and no other bit.

    Over several axes the sum is over a box, clipped at every border. Along height and width, ``axis=(2, 3)``, that
    is what Caffe calls within a channel. The sum is multiplied by the spec's scale, however many the axes; the
    frameworks divide their alpha by the number of elements in a full box: see e.g. `LRNSpec.caffe`.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> x = np.array([[3.0, 4.0, 0.0]])
    >>> lrncore.lrn(x, lrncore.LRNSpec(before=1, after=1, scale=1.0, beta=0.5, k=0.0))
    array([[0.6, 0.8, 0. ]])

    Over a box of 3 x 3 places, of which a corner holds 4, an edge 6 and the centre all 9:

    >>> ones = np.ones((1, 1, 3, 3))
    >>> 1 / lrncore.lrn(ones, lrncore.LRNSpec(1, 1, scale=1.0, beta=1.0, k=1.0), axis=(2, 3))[0, 0]
    array([[ 5.,  7.,  5.],
           [ 7., 10.,  7.],
           [ 5.,  7.,  5.]])
    """
    array, element = check_array(x, "x")
    y = apply(element.kernels.forward, (array,), (element,), spec, axis, out, num_threads)
    return y if array is x or out is not None else wrapped(y, x)


def lrn_backward(
    g: ArrayLike,
    x: ArrayLike,
    spec: LRNSpec,
    axis: int | tuple[int, ...] = CHANNELS,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Turn the gradient with respect to the output of `lrn` into the one with respect to its input.

    Parameters
    ----------
    g : array_like
        The incoming gradient dL/dy, of x's shape and dtype.
    x : array_like, float32, float64, float16 or bfloat16
        The input of the forward; nothing else of it is needed.
    spec : LRNSpec
        The window and the parameters of the forward.
    axis : int or tuple of int, optional
        The axes of the window, as in `lrn`.
    out : ndarray, optional
        Where to put the result, as in `lrn`; `g` or `x` itself is allowed.
    num_threads : int, optional
        Threads to use, as in `lrn`.

    Returns
    -------
    ndarray
        The gradient dL/dx: `out`, or a new array of x's shape, dtype (in native byte order) and memory order, and
        of its class, or else that of `g`, as in `lrn`. Labels are not compared.

    Raises
    ------
    TypeError
        If `x` has another dtype, `g` differs from it, or an argument has the wrong type.
    ValueError
        If the shape of `g`, `axis`, `out` or `num_threads` does not fit.

    Notes
    -----
    With ``s`` the sum under the power, derived from the formula of `lrn`::

        t[j]  = g[j] * x[j] * s[j] ** (-beta - 1)
        dx[c] = g[c] * s[c] ** -beta - 2 * scale * beta * x[c] * sum(t[c - after : c + before + 1])

    The last window is the reflected one: every j whose own window holds c. Over several axes it is reflected along
    each of them.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> spec = lrncore.LRNSpec(before=0, after=0, scale=1.0, beta=1.0, k=1.0)  # y = x / (1 + x**2)
    >>> lrncore.lrn_backward(np.ones((1, 2)), np.array([[0.0, 2.0]]), spec)  # (1 - x**2) / (1 + x**2)**2
    array([[ 1.  , -0.12]])
    """
    along, at, elements = check_pair(g, x)
    dx = apply(elements[1].kernels.backward, (along, at), elements, spec, axis, out, num_threads)
    return dx if (at is x and along is g) or out is not None else wrapped(dx, x, g)


@also("x", "input")
def local_response_norm(
    input: ArrayLike,  # noqa: A002  (PyTorch's name)
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    *,
    axis: int | tuple[int, ...] = 1,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Call `lrn` with the arguments and defaults of `torch.nn.functional.local_response_norm`.

    Parameters
    ----------
    input : array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension. `x` is another name of it.
    size : int
        Channels in the window, at least 1. An even window reaches one channel further back than ahead.
    alpha, beta, k : float, optional
        As in PyTorch, which divides alpha by `size`.
    axis : int or tuple of int, optional
        The channel axis, or the axes of a box, as in `lrn`. Alpha is divided by the number of elements in a full
        window, ``size ** d`` over d axes.
    out : ndarray, optional
        Where to put the result, as in `lrn`.

    Returns
    -------
    ndarray
        The normalized array, of x's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        As `lrn` and `LRNSpec.torch` do.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> x = np.array([-0.7747, 0.4657, -0.3479]).reshape(1, 3, 1)
    >>> lrncore.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=2.0).ravel().round(3)
    array([-0.461,  0.277, -0.207])
    """
    return lrn(input, torch_spec(size, alpha, beta, k, axis), axis, out)


@also("x", "input")
def local_response_normalization(
    input: ArrayLike,  # noqa: A002  (TensorFlow's name)
    depth_radius: int = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
    name: str | None = None,  # noqa: ARG001
    *,
    axis: int | tuple[int, ...] = -1,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Call `lrn` with the arguments and defaults of `tf.nn.local_response_normalization`.

    Parameters
    ----------
    input : array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension, channels last. `x` is another name of it.
    depth_radius : int, optional
        Channels on each side of the window, at least 0.
    bias, alpha, beta : float, optional
        As in TensorFlow, which does not divide alpha.
    name : str, optional
        Ignored: it names an operation of a graph.
    axis : int or tuple of int, optional
        The channel axis, or the axes of a box, as in `lrn`.
    out : ndarray, optional
        Where to put the result, as in `lrn`.

    Returns
    -------
    ndarray
        The normalized array, of x's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        As `lrn` and `LRNSpec.tensorflow` do.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> x = np.full((2, 2, 2, 3), 2.0, dtype=np.float32)
    >>> lrncore.local_response_normalization(x, 1, bias=0.0, alpha=1.0, beta=1.0)[0, 0, 0]
    array([0.25      , 0.16666667, 0.25      ], dtype=float32)
    """
    return lrn(input, spec_of("tensorflow", depth_radius, alpha, beta, bias), axis, out)
