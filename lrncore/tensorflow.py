"""TensorFlow: `tf.nn.local_response_normalization` and its gradient with the arithmetic of lrncore, on the CPU."""

try:
    import tensorflow as tf
except ImportError as error:
    raise ImportError("lrncore.tensorflow needs TensorFlow: pip install tensorflow") from error

from lrncore._tensorflow import LocalResponseNormalization, local_response_normalization

__all__ = ["LocalResponseNormalization", "local_response_normalization"]

del tf
