"""Batch normalization with given statistics, absorbed by the layer before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lrncore._checks import check_array, check_axis
from lrncore._norm_call import check_eps, check_numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def fold_batch_norm(
    conv_weight: ArrayLike,
    conv_bias: ArrayLike | None,
    mean: ArrayLike,
    var: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
    axis: int = 0,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Absorb the `batch_norm` that follows a convolution, or a dense layer, into its weights.

    Parameters
    ----------
    conv_weight : array_like, float32, float64, float16 or bfloat16
        The weights of the layer before.
    conv_bias : array_like or None
        Its biases, a number for each output channel; None if it has none.
    mean, var : array_like
        The statistics, a number for each channel.
    weight, bias : array_like, optional
        The parameters of the normalization. Without them, 1 and 0.
    eps : float, optional
        Added to the variance, under the root; at least 0.
    axis : int, optional
        The axis of `conv_weight` that counts output channels: 0 as in PyTorch and ONNX, -1 in TensorFlow's
        convolutions and dense layers. In a transposed convolution of PyTorch it is 1.

    Returns
    -------
    conv_weight : ndarray
        The weights that the layer has to have so that its output is that of both, in their dtype.
    conv_bias : ndarray
        The biases, in the same dtype.

    Raises
    ------
    TypeError
        If `conv_weight` has another dtype, or an argument has the wrong type.
    ValueError
        If an argument does not fit.

    See Also
    --------
    batch_norm : What is absorbed.

    Notes
    -----
    ::

        scale       = weight / sqrt(var + eps)
        conv_weight = conv_weight * scale
        conv_bias   = (conv_bias - mean) * scale + bias

    in double precision, rounded once. With padding, the layer must add its bias after it, as all frameworks do.

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> w, b = lrncore.fold_batch_norm(np.array([[3.0]]), np.array([1.0]), mean=[2.0], var=[4.0], eps=0)
    >>> w, b
    (array([[1.5]]), array([-0.5]))
    """
    kernel, _ = check_array(conv_weight, "conv_weight")
    channel = check_axis(axis, kernel.ndim)
    shape = (kernel.shape[channel],)

    def double(value: ArrayLike, name: str) -> NDArray[np.float64]:
        return check_numbers(value, name, shape).astype(np.float64)

    centre, spread = double(mean, "mean"), double(var, "var") + check_eps(eps)
    with np.errstate(divide="ignore", invalid="ignore"):  # a variance of 0, or below, without eps
        scale = (1.0 if weight is None else double(weight, "weight")) / np.sqrt(spread)
    shift = -centre if conv_bias is None else double(conv_bias, "conv_bias") - centre
    shift = shift * scale + (0.0 if bias is None else double(bias, "bias"))
    along = scale.reshape([-1 if each == channel else 1 for each in range(kernel.ndim)])
    dtype = kernel.dtype.type
    return (kernel.astype(np.float64) * along).astype(dtype), shift.astype(dtype)
