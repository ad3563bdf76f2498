"""What `lrncore.tensorflow` exports."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf

from lrncore._arrays import WANTED, advice, as_array, check_whole, native
from lrncore._checks import KERNELS
from lrncore._public import public
from lrncore.functional import lrn, lrn_backward
from lrncore.spec import LRNSpec


@public("lrncore.tensorflow")
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
        return normalize(_as_tensor(input))


@public("lrncore.tensorflow")
@tf.keras.utils.register_keras_serializable(package="lrncore")
class LocalResponseNormalization(tf.keras.layers.Layer):
    """`local_response_normalization` as a layer of Keras, along the last axis.

    Parameters
    ----------
    depth_radius : int, optional
        Channels on each side of the window, at least 0.
    bias, alpha, beta : float, optional
        As in TensorFlow, which does not divide alpha.
    **options
        Those of every layer: name, dtype, trainable.

    Raises
    ------
    TypeError, ValueError
        As `lrncore.LRNSpec.tensorflow` does.

    Notes
    -----
    A model that holds it is saved and loaded like others; the program that loads it imports `lrncore.tensorflow`
    first. What is said of SavedModel and ``jit_compile=True`` in `local_response_normalization` holds here too.

    Examples
    --------
    >>> import tensorflow as tf, lrncore.tensorflow
    >>> layer = lrncore.tensorflow.LocalResponseNormalization(1, bias=0.0, alpha=1.0, beta=1.0)
    >>> layer(tf.constant([[2.0, 2.0, 2.0]])).numpy()
    array([[0.25      , 0.16666667, 0.25      ]], dtype=float32)
    """

    def __init__(
        self, depth_radius: int = 5, bias: float = 1, alpha: float = 1, beta: float = 0.5, **options: Any
    ) -> None:
        super().__init__(**options)
        spec = LRNSpec.tensorflow(depth_radius, bias, alpha, beta)
        self.depth_radius, self.bias, self.alpha, self.beta = spec.before, spec.k, spec.scale, spec.beta
        # it calls Python, and changes nothing that a mask of time steps is about
        self.supports_jit = False
        self.supports_masking = True

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the normalized `inputs`."""
        return local_response_normalization(inputs, self.depth_radius, self.bias, self.alpha, self.beta)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what makes the layer again."""
        own = {name: getattr(self, name) for name in ("depth_radius", "bias", "alpha", "beta")}
        return {**super().get_config(), **own}


def _as_tensor(input: Any) -> tf.Tensor:  # noqa: A002
    """Return `input` as a tensor, if that can be normalized, as far as is known before it has values."""
    for kind, dense in ((tf.SparseTensor, "tf.sparse.to_dense(input)"), (tf.RaggedTensor, "input.to_tensor()")):
        if isinstance(input, kind):
            raise TypeError(f"input must be a dense tensor, got {kind.__name__}; convert it first, e.g. {dense}")
    if not tf.is_tensor(input):
        check_whole(input, "input")
        if hasattr(input, "__array__"):
            input = native(as_array(input, "input"))  # noqa: A001
    x = tf.convert_to_tensor(input)
    if x.dtype.name not in KERNELS:
        raise TypeError(f"input must be {WANTED}, got {x.dtype.name}; {_advice(x.dtype)}")
    if x.shape.rank == 0:
        raise ValueError("input must have at least 1 dimension, got 0")
    return x


def _advice(dtype: tf.DType) -> str:
    if dtype.is_quantized:
        return "dequantize it first: see tf.quantization.dequantize"
    if dtype == tf.string:
        return "convert it first, e.g. tf.strings.to_number(input)"
    return advice(np.dtype(dtype.as_numpy_dtype), "input", "tf.cast(input, tf.float32)")


def _apply(function: Callable[..., Any], spec: LRNSpec, *tensors: tf.Tensor) -> tf.Tensor:
    """Call `function` of lrncore; the last of `tensors` is x."""
    x = tensors[-1]
    y = tf.numpy_function(partial(function, spec=spec, axis=-1), tensors, x.dtype, stateful=False)
    y.set_shape(x.shape)  # TensorFlow cannot see it
    return y


def _refuse(*_: tf.Tensor) -> NoReturn:
    """Raise; without it TensorFlow would take the derivative of a numpy_function for zero."""
    raise LookupError("lrncore.tensorflow has neither a second derivative nor forward mode")
