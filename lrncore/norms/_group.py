"""Group and instance normalization: sets of channels and places of an image, parameters by channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lrncore._arrays import returned
from lrncore._checks import check_array, check_axis, check_flag, check_int, check_pair
from lrncore._norm_call import check_eps, check_parameters, check_weight, differentiate, normalize
from lrncore._norm_layout import Layout, Sets, lay_out
from lrncore.norms._grads import NormGrads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from lrncore._arrays import Array


def group_norm(
    x: ArrayLike,
    num_groups: int,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
    axis: int = 1,
    interleaved: bool = False,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Normalize each image by the mean and the variance of groups of its channels.

    Parameters
    ----------
    x : array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension, any strides, any byte order. Axis 0 is that of images, unless it is the
        channel axis: then there is one image.
    num_groups : int
        Into how many groups the channels are divided; it divides their number.
    weight, bias : array_like, optional
        A number for each channel, or each a number for each group. Without them, 1 and 0.
    eps : float, optional
        Added to the variance, under the root; at least 0.
    axis : int, optional
        The channel axis; negative counts from the end.
    interleaved : bool, optional
        Whether channel c is in group ``c % num_groups``. By default groups are of adjacent channels.
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
    group_norm_backward : The gradients.

    Notes
    -----
    ``y = weight * (x - mean) / sqrt(var + eps) + bias``, with the mean and the variance of all places of a group's
    channels in one image, as in Wu and He (2018). One group is layer normalization over a whole image; as many
    groups as channels is `instance_norm`. Numbers are treated as in `layer_norm`.

    ONNX's opset 18 has a scale and a bias for each group, opset 21, PyTorch, Keras and Flax for each channel. MLX's
    groups are interleaved, unless ``pytorch_compatible``.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> lrncore.group_norm(np.array([[1.0, 3.0, 10.0, 30.0]]), 2, eps=0)
    array([[-1.,  1., -1.,  1.]])
    """
    array, element = check_array(x, "x")
    layout = by_group(array, num_groups, axis, interleaved, eps, weight, bias)
    norm = layout, check_parameters(array, layout, weight, bias), None
    return returned(normalize(array, element, norm, out, (num_threads, None)), out, x)


def group_norm_backward(
    g: ArrayLike,
    x: ArrayLike,
    num_groups: int,
    weight: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
    axis: int = 1,
    interleaved: bool = False,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NormGrads:
    """Turn the gradient with respect to the output of `group_norm` into those of its input and parameters.

    Parameters
    ----------
    g : array_like
        The incoming gradient dL/dy, of x's shape and dtype.
    x : array_like, float32, float64, float16 or bfloat16
        The input of the forward; nothing else of it is needed.
    num_groups : int
        That of the forward.
    weight : array_like, optional
        That of the forward.
    eps : float, optional
        That of the forward.
    axis : int, optional
        The channel axis, as in `group_norm`.
    interleaved : bool, optional
        As in `group_norm`.
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
    The formulas are those of `layer_norm_backward`, with the means over a set of `group_norm`; the sums of a
    channel's parameters are over all its elements.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> g, x = np.array([[1.0, 0.0, 0.0, 0.0]]), np.array([[-1.0, 0.0, 1.0, 5.0]])
    >>> lrncore.group_norm_backward(g, x, 4).dbias
    array([1., 0., 0., 0.])
    """
    along, at, elements = check_pair(g, x)
    layout = by_group(at, num_groups, axis, interleaved, eps, weight)
    parameters, dtype = check_weight(at, layout, weight)
    dx, dweight, dbias = differentiate(
        along, at, elements, (layout, parameters, None), dtype, out, (num_threads, None)
    )
    return NormGrads(returned(dx, out, x, g), dweight, dbias)


def instance_norm(
    x: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
    axis: int = 1,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Normalize each channel of each image by its mean and variance.

    Parameters
    ----------
    x : array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension, any strides, any byte order. Axis 0 is that of images, unless it is the
        channel axis: then there is one image.
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
    instance_norm_backward : The gradients.
    group_norm : With several channels in a set.

    Notes
    -----
    ``y = weight * (x - mean) / sqrt(var + eps) + bias``, with the mean and the variance of all places of a
    channel in one image, as in Ulyanov et al. (2016). Numbers are treated as in `layer_norm`. A channel of one
    place is its bias.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> lrncore.instance_norm(np.array([[[1.0, 3.0], [10.0, 30.0]]]), eps=0)
    array([[[-1.,  1.],
            [-1.,  1.]]])
    """
    array, element = check_array(x, "x")
    layout = by_place(array, axis, eps)
    norm = layout, check_parameters(array, layout, weight, bias), None
    return returned(normalize(array, element, norm, out, (num_threads, None)), out, x)


def instance_norm_backward(
    g: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
    axis: int = 1,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NormGrads:
    """Turn the gradient with respect to the output of `instance_norm` into those of its input and parameters.

    Parameters
    ----------
    g : array_like
        The incoming gradient dL/dy, of x's shape and dtype.
    x : array_like, float32, float64, float16 or bfloat16
        The input of the forward; nothing else of it is needed.
    weight : array_like, optional
        That of the forward.
    eps : float, optional
        That of the forward.
    axis : int, optional
        The channel axis, as in `instance_norm`.
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
    The formulas are those of `layer_norm_backward`, with the means over a set of `instance_norm`; the sums of a
    channel's parameters are over all its elements.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> lrncore.instance_norm_backward(np.array([[[1.0, 2.0]]]), np.array([[[3.0, 5.0]]]), eps=0).dweight
    array([1.])
    """
    along, at, elements = check_pair(g, x)
    layout = by_place(at, axis, eps)
    parameters, dtype = check_weight(at, layout, weight)
    dx, dweight, dbias = differentiate(
        along, at, elements, (layout, parameters, None), dtype, out, (num_threads, None)
    )
    return NormGrads(returned(dx, out, x, g), dweight, dbias)


def by_place(x: Array, axis: object, eps: object) -> Layout:
    """Return the layout of a norm over the places of each channel of each image."""
    return lay_out(x.shape, x.strides, places, check_axis(axis, x.ndim), check_eps(eps), True)


def places(_ndim: int, channel: int, eps: float, centred: bool) -> Sets:
    """Return the sets of a norm over the places of each channel of each image."""
    return Sets(frozenset({0, channel}), (channel,), centred, eps)


def by_group(
    x: Array, num_groups: object, axis: object, interleaved: object, eps: object, *parameters: ArrayLike | None
) -> Layout:
    """Return the layout of a norm over groups, with parameters for each channel, or all of them for each group."""
    channel = check_axis(axis, x.ndim)
    channels = x.shape[channel]
    groups = check_int(num_groups, "num_groups", 1)
    if channels % groups:
        raise ValueError(f"num_groups must divide the number of channels, {channels}, got {groups}")
    apart = check_flag(interleaved, "interleaved")
    shapes = {np.shape(each) for each in parameters if each is not None}
    return lay_out(
        x.shape,
        x.strides,
        _groups,
        channel,
        (groups, channels // groups),
        apart,
        shapes == {(groups,)},
        check_eps(eps),
    )


def _groups(
    _ndim: int, channel: int, lengths: tuple[int, int], interleaved: bool, of_groups: bool, eps: float
) -> Sets:
    """Return the sets where the channel axis is two: groups and the channels of each, or the other way round."""
    group = channel + interleaved
    images = {0} if channel else set()
    weighted = (group,) if of_groups else (channel, channel + 1)
    split = channel, lengths[::-1] if interleaved else lengths
    return Sets(frozenset(images | {group}), weighted, centred=True, eps=eps, split=split)
