"""TensorFlow: `tf.nn.local_response_normalization` in a tf.function. The operation takes NHWC only."""

import tensorflow as tf

from .plan import BOTH, FORWARD


def prepare(problem):
    threading = tf.config.threading
    if threading.get_intra_op_parallelism_threads() != problem.threads:
        threading.set_intra_op_parallelism_threads(problem.threads)
        threading.set_inter_op_parallelism_threads(1)
    if not problem.packed:
        problem.notes.append("transposed to NHWC and back")
    spec = problem.spec
    x, g = tf.constant(problem.x), tf.constant(problem.g)

    @tf.function
    def forward(x):
        if problem.packed:
            return tf.nn.local_response_normalization(x, spec.before, spec.k, spec.scale, spec.beta)
        packed = tf.transpose(x, (0, 2, 3, 1))
        y = tf.nn.local_response_normalization(packed, spec.before, spec.k, spec.scale, spec.beta)
        return tf.transpose(y, (0, 3, 1, 2))

    @tf.function
    def both(x, g):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = forward(x)
        return y, tape.gradient(y, x, output_gradients=g)

    return {FORWARD: lambda: forward(x), BOTH: lambda: both(x, g)}
