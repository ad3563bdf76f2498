"""TensorFlow: `tf.nn.local_response_normalization` and its gradient with the arithmetic of lrncore, on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from lrncore.functional import lrn, lrn_backward
from lrncore.spec import LRNSpec

try:
    import tensorflow as tf
except ImportError as error:
    raise ImportError("lrncore.tensorflow needs TensorFlow: pip install tensorflow") from error

__all__ = ["local_response_normalization"]

_DTYPES = ("float32", "float64", "float16", "bfloat16")


def local_response_normalization(
    input: Any,  # noqa: A002  (TensorFlow's name)
    depth_radius: int = 5,
    bias: float = 1,
    alpha: float = 1,
    beta: float = 0.5,
    name: str | None = None,
) -> tf.Tensor:
    """Normalize each element by the squares of its neighbours along the last axis.

    A `tf.nn.local_response_normalization` for the CPU, eager and inside `tf.function`.

    Parameters
    ----------
    input : tf.Tensor or array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension, channels last. Inside `tf.function` it may be unknown in part or whole.
    depth_radius : int, optional
        Channels on each side of the window, at least 0.
    bias, alpha, beta : float, optional
        As in TensorFlow, which does not divide alpha. They are numbers of Python, not tensors.
    name : str, optional
        A name for the operation.

    Returns
    -------
    tf.Tensor
        Of the input's shape and dtype. float16 and bfloat16 are computed in float32 and rounded once.

    Raises
    ------
    TypeError
        If `input` has another dtype, or a parameter has the wrong type.
    ValueError
        If `input` has no dimension, `depth_radius` is negative, or another parameter is not finite.

    See Also
    --------
    lrncore.local_response_normalization : The same for NumPy arrays.

    Notes
    -----
    The formula is that of `lrncore.lrn` with the parameters of `lrncore.LRNSpec.tensorflow`. The gradient is that
    of `lrncore.lrn_backward`; as with `tf.nn.local_response_normalization`, a second derivative and forward mode
    are a LookupError.

    Both passes are a `tf.numpy_function`: they run in this process, on the CPU, and cannot be compiled with
    ``jit_compile=True``. A graph refers to them by a number that means nothing to another process, so a SavedModel
    can be written, but not run elsewhere: save the model with `tf.nn.local_response_normalization` in its place.

    Inside `tf.function`, TensorFlow lets subnormal numbers be flushed to zero, on the way to a result, too; where
    there are none, the bits are those of `lrncore.local_response_normalization`.

    Examples
    --------
    >>> import tensorflow as tf, lrncore.tensorflow
    >>> x = tf.Variable([[2.0, 2.0, 2.0]])
    >>> with tf.GradientTape() as tape:
    ...     y = lrncore.tensorflow.local_response_normalization(x, 1, bias=0.0, alpha=1.0, beta=1.0)
    >>> y.numpy()
    array([[0.25      , 0.16666667, 0.25      ]], dtype=float32)
    >>> tape.gradient(y, x).numpy().round(4)
    array([[-0.0556, -0.2222, -0.0556]], dtype=float32)
    """
    spec = LRNSpec.tensorflow(depth_radius, bias, alpha, beta)

    @tf.custom_gradient
    def normalize(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        return _apply(lrn, spec, x), lambda g: gradient(g, x)

    @tf.custom_gradient
    def gradient(g: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, Callable[..., NoReturn]]:
        return _apply(lrn_backward, spec, g, x), _refuse

    with tf.name_scope(name or "local_response_normalization"):
        return normalize(_check(tf.convert_to_tensor(input)))


def _check(x: tf.Tensor) -> tf.Tensor:
    """Check that `x` can be normalized, as far as is known before it has values."""
    if x.dtype.name not in _DTYPES:
        raise TypeError(
            f"input must be {', '.join(_DTYPES[:-1])} or {_DTYPES[-1]}, got {x.dtype.name}; cast it first, "
            "e.g. tf.cast(input, tf.float32)"
        )
    if x.shape.rank == 0:
        raise ValueError("input must have at least 1 dimension, got 0")
    return x


def _apply(function: Callable[..., Any], spec: LRNSpec, *tensors: tf.Tensor) -> tf.Tensor:
    """Call `function` of lrncore; the last of `tensors` is x."""
    x = tensors[-1]
    y = tf.numpy_function(partial(function, spec=spec, axis=-1), tensors, x.dtype, stateful=False)
    y.set_shape(x.shape)  # TensorFlow cannot see it
    return y


def _refuse(*_: tf.Tensor) -> NoReturn:
    """Raise; without it TensorFlow would take the derivative of a numpy_function for zero."""
    raise LookupError("lrncore.tensorflow has neither a second derivative nor forward mode")
