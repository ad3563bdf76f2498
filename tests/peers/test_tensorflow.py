"""lrncore.tensorflow beside tf.nn: same signature, same numbers and gradients, eager and in graphs."""

import inspect
import itertools

import numpy as np
import pytest
from comparison import BETAS, KS, assert_close, peer, values

import lrncore
from lrncore import LRNSpec

tf = peer("tensorflow", "tensorflow")
from lrncore.tensorflow import local_response_normalization as ours  # noqa: E402  (after the skip)

theirs = tf.nn.local_response_normalization

RADII = (0, 1, 2, 3, 4, 7)
SHAPES = ((2, 3, 4, 1), (3, 4, 4, 5), (1, 5, 3, 17), (2, 2, 3, 33), (5, 3, 3, 64))
# (depth_radius, bias, alpha, beta) and an input's shape
CASES = tuple(
    ((radius, bias, 1.0, beta), shape)
    for (radius, beta), bias, shape in zip(
        itertools.product(RADII, BETAS), itertools.cycle(KS), itertools.cycle(SHAPES), strict=False
    )
)
PARAMETERS = (2, 0.5, 1.0, 0.75)
SPEC = LRNSpec.tensorflow(*PARAMETERS)
SHAPE = (3, 4, 5, 9)

# whole or in part unknown when the graph is made
SIGNATURES = {
    "known": SHAPE,
    "any_batch": (None, 4, 5, 9),
    "any_channels": (3, 4, 5, None),
    "any_size": (None, None, None, None),
    "any_rank": None,
}

REFUSALS = (
    (ours, "^lrncore.tensorflow has neither a second derivative nor forward mode$"),
    (theirs, "LRNGrad"),
)


def both_passes(function, x, g, parameters=PARAMETERS):
    """Return y and the gradient of sum(g * y)."""
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x, *parameters)
    return y, tape.gradient(y, x, g)


def expected_of(x, g, spec=SPEC):
    return lrncore.lrn(x, spec, -1), lrncore.lrn_backward(g, x, spec, -1)


def same_bits(found, expected):
    found = np.asarray(found)
    return found.dtype == expected.dtype and found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("mode", [lambda f: f, tf.function], ids=["eager", "function"])
@pytest.mark.parametrize(("parameters", "shape"), CASES, ids=str)
def test_numbers_of_tensorflow(parameters, shape, mode):
    x, g = values(shape), values(shape, seed=1)
    y, gradient = mode(lambda x, g: both_passes(ours, x, g, parameters))(x, g)
    their_y, their_gradient = both_passes(theirs, x, g, parameters)
    assert_close(y, their_y)
    assert_close(gradient, their_gradient)


def test_signature_of_tensorflow():
    def arguments(function):
        return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]

    assert arguments(ours) == arguments(theirs)


def test_defaults_of_tensorflow():
    x = values(SHAPE)
    assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES)
def test_shapes_that_a_graph_does_not_know(signature):
    x, g = values(SHAPE), values(SHAPE, seed=1)
    tensors = [tf.TensorSpec(signature, tf.float32)] * 2
    graph = tf.function(lambda x, g: both_passes(ours, x, g), input_signature=tensors)
    assert [shape.as_list() if shape.rank else None for shape in graph.get_concrete_function().output_shapes] == [
        list(signature) if signature else None
    ] * 2
    for found, expected in zip(graph(x, g), expected_of(x, g), strict=True):
        assert same_bits(found, expected)


@pytest.mark.parametrize("shape", [(9,), (4, 9), (2, 3, 2, 3, 9), (0, 9), (4, 0)], ids=str)
def test_any_number_of_dimensions(shape):
    x, g = values(shape), values(shape, seed=1)
    for found, expected in zip(both_passes(ours, x, g), expected_of(x, g), strict=True):
        assert same_bits(found, expected)


@pytest.mark.parametrize("mode", [lambda f: f, tf.function], ids=["eager", "function"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_computed_in_float32_and_rounded_once(dtype, mode):
    dtype = tf.as_dtype(dtype).as_numpy_dtype
    # as float16, the squares of the largest would overflow
    x, g = (300 * values(SHAPE)).astype(dtype), values(SHAPE, seed=1).astype(dtype)
    wide = expected_of(x.astype(np.float32), g.astype(np.float32))
    for found, expected in zip(mode(lambda x, g: both_passes(ours, x, g))(x, g), wide, strict=True):
        assert same_bits(found, expected.astype(dtype))


@pytest.mark.parametrize("mode", [lambda f: f, tf.function], ids=["eager", "function"])
def test_float64(mode):
    x, g = values(SHAPE, np.float64), values(SHAPE, np.float64, seed=1)
    for found, expected in zip(mode(lambda x, g: both_passes(ours, x, g))(x, g), expected_of(x, g), strict=True):
        assert same_bits(found, expected)


def test_gradient_of_a_variable_through_layers():
    x = values(SHAPE)
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(ours(ours(variable, *PARAMETERS), *PARAMETERS))
    inner = lrncore.lrn(x, SPEC, -1)
    g = lrncore.lrn_backward(np.ones_like(x), inner, SPEC, -1)
    assert same_bits(tape.gradient(loss, variable), lrncore.lrn_backward(g, x, SPEC, -1))


def test_name_is_that_of_the_operations():
    graph = tf.function(lambda x: ours(x, name="norm1")).get_concrete_function(tf.TensorSpec(SHAPE)).graph
    assert any(operation.name.startswith("norm1/") for operation in graph.get_operations())


# In a graph made with autograph it would be an error of TensorFlow's that quotes it.
@pytest.mark.parametrize("mode", [lambda f: f, tf.function(autograph=False)], ids=["eager", "function"])
@pytest.mark.parametrize(("function", "reason"), REFUSALS, ids=["ours", "theirs"])
def test_no_second_derivative(function, reason, mode):
    def second(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            _, first = both_passes(function, x, tf.ones_like(x))
        return outer.gradient(first, x)

    with pytest.raises(LookupError, match=reason):
        mode(second)(tf.constant(values(SHAPE)))


@pytest.mark.parametrize(("function", "reason"), REFUSALS, ids=["ours", "theirs"])
def test_no_forward_mode(function, reason):
    x = tf.constant(values(SHAPE))
    with pytest.raises(LookupError, match=reason), tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)):
        function(x)


@pytest.mark.parametrize("mode", [lambda f: f, tf.function], ids=["eager", "function"])
@pytest.mark.parametrize("dtype", ["int32", "bool"])
def test_other_dtypes_are_refused(dtype, mode):
    with pytest.raises(TypeError) as caught:
        mode(ours)(tf.ones((2, 3), dtype))
    assert (
        f"input must be float32, float64, float16 or bfloat16, got {dtype}; "
        "cast it first, e.g. tf.cast(input, tf.float32)"
    ) in str(caught.value)


def test_no_dimension_has_no_channels():
    with pytest.raises(ValueError, match=r"^input must have at least 1 dimension, got 0$"):
        ours(tf.constant(1.0))


def test_parameters_are_checked():
    with pytest.raises(ValueError, match=r"^depth_radius must be an int >= 0, got -1$"):
        ours(tf.ones((2, 3)), -1)


def test_without_tensorflow_the_message_says_what_to_install(python):
    program = """
import sys
sys.modules["tensorflow"] = None  # as where it is not installed
try:
    import lrncore.tensorflow
except ImportError as error:
    print(error, "from", type(error.__cause__).__name__)
"""
    expected = "lrncore.tensorflow needs TensorFlow: pip install tensorflow from ModuleNotFoundError"
    assert python(program) == expected
