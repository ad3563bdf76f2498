"""The layer of Keras: what a layer has to bear, and what lrncore.tensorflow takes and refuses."""

import json

import numpy as np
import pytest
from comparison import peer, values

import lrncore

tf = peer("tensorflow", "tensorflow")
from lrncore import tensorflow as ours  # noqa: E402  (after the skip)

PARAMETERS = {"depth_radius": 2, "bias": 0.5, "alpha": 1.0, "beta": 0.75}
SHAPE = (3, 4, 5, 9)


def expected_of(x):
    return lrncore.local_response_normalization(x, **PARAMETERS)


@pytest.fixture
def model():
    tf.keras.utils.set_random_seed(0)
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            tf.keras.Input((8, 8, 3)),
            layers.Conv2D(9, 3, activation="relu"),
            ours.LocalResponseNormalization(**PARAMETERS, name="norm1"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )


def test_numbers_of_the_function():
    x = values(SHAPE)
    y = ours.LocalResponseNormalization(**PARAMETERS)(x)
    assert np.array_equal(y, expected_of(x))
    assert np.array_equal(ours.LocalResponseNormalization()(x), lrncore.local_response_normalization(x))


def test_shape_and_name(model):
    layer = model.get_layer("norm1")
    assert layer.output.shape == (None, 6, 6, 9)
    assert layer.compute_output_shape((None, 6, 6, 9)) == (None, 6, 6, 9)


def test_config_is_plain_and_makes_the_layer_again():
    layer = ours.LocalResponseNormalization(np.array([2.0]), 1, alpha=np.float32(1), name="norm1", dtype="float64")
    config = json.loads(json.dumps(layer.get_config()))
    assert {name: config[name] for name in PARAMETERS} == PARAMETERS | {"bias": 1.0, "beta": 0.5}
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_saved_and_loaded(suffix, model, tmp_path):
    x = values((2, 8, 8, 3))
    model.save(tmp_path / f"model.{suffix}")
    loaded = tf.keras.models.load_model(tmp_path / f"model.{suffix}")
    assert type(loaded.get_layer("norm1")) is ours.LocalResponseNormalization
    assert np.array_equal(loaded(x), model(x))


def test_loaded_in_another_process(model, tmp_path, python):
    model.save(tmp_path / "model.keras")
    program = f"""
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf, lrncore.tensorflow
model = tf.keras.models.load_model({str(tmp_path / "model.keras")!r})
print(model.get_layer("norm1").depth_radius)
"""
    assert python(program) == "2"


def test_training_follows_that_of_tensorflow(model):
    x, y = values((8, 8, 8, 3)), values((8, 2), seed=1)
    theirs = tf.keras.Sequential(
        [
            tf.keras.Input((8, 8, 3)),
            tf.keras.layers.Conv2D(9, 3, activation="relu"),
            tf.keras.layers.Lambda(lambda x: tf.nn.local_response_normalization(x, **PARAMETERS)),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(2),
        ]
    )
    theirs.set_weights(model.get_weights())
    losses = []
    for each in (model, theirs):
        each.compile("sgd", "mse")
        losses.append(each.fit(x, y, epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_half_precision_policy():
    layer = ours.LocalResponseNormalization(**PARAMETERS, dtype="mixed_bfloat16")
    assert layer(values(SHAPE)).dtype == tf.bfloat16


def test_mask_of_time_steps_passes():
    layers = tf.keras.layers
    steps = tf.keras.Sequential([layers.Masking(), ours.LocalResponseNormalization(**PARAMETERS), layers.LSTM(3)])
    x = values((2, 5, 9))
    x[:, 3:] = 0
    np.testing.assert_allclose(steps(x), steps(x[:, :3]), rtol=1e-5)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match=r"^depth_radius must be an int >= 0, got -1$"):
        ours.LocalResponseNormalization(-1)


# ---- what the function takes and refuses -------------------------------------------------------------------

OF_DTYPE = "input must be float32, float64, float16 or bfloat16, got "
REFUSED = {
    "complex64": (
        lambda: tf.ones((2, 3), tf.complex64),
        OF_DTYPE + "complex64; take its real part or magnitude first, e.g. abs(input)",
    ),
    "quantized": (
        lambda: tf.quantization.quantize(values((2, 3)), -1.0, 1.0, tf.qint8)[0],
        OF_DTYPE + "qint8; dequantize it first: see tf.quantization.dequantize",
    ),
    "string": (
        lambda: tf.constant(["one"]),
        OF_DTYPE + "string; convert it first, e.g. tf.strings.to_number(input)",
    ),
    "sparse": (
        lambda: tf.sparse.from_dense(values((2, 3))),
        "input must be a dense tensor, got SparseTensor; convert it first, e.g. tf.sparse.to_dense(input)",
    ),
    "ragged": (
        lambda: tf.ragged.constant([[1.0], [2.0, 3.0]]),
        "input must be a dense tensor, got RaggedTensor; convert it first, e.g. input.to_tensor()",
    ),
    "none": (lambda: None, "input must be an array, got None"),
    "masked": (
        lambda: np.ma.masked_array(values((2, 3)), values((2, 3)) > 0),
        "input must not be masked, got MaskedArray with masked elements; fill them first, e.g. input.filled(0)",
    ),
    "list_of_masked": (
        lambda: [np.ma.masked_array([1.0, 2.0], [True, False])],
        (
            "input must not be masked, got list with masked elements; fill them first, "
            "e.g. np.ma.array(input).filled(0)"
        ),
    ),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_in_one_line(make, message):
    with pytest.raises(TypeError) as refused:
        ours.local_response_normalization(make())
    assert str(refused.value) == message


@pytest.mark.parametrize("dtype", [">f4", ">f2"])
def test_big_endian(dtype):
    x = values(SHAPE).astype(dtype)
    assert np.array_equal(ours.local_response_normalization(x, **PARAMETERS), expected_of(x))


def test_masked_array_of_which_nothing_is_masked():
    x = values(SHAPE)
    assert np.array_equal(ours.local_response_normalization(np.ma.masked_array(x), **PARAMETERS), expected_of(x))


def test_parameters_that_are_tensors():
    x = values(SHAPE)
    y = ours.local_response_normalization(x, tf.constant(2), tf.constant([0.5]), np.array([1.0]), 0.75)
    assert np.array_equal(y, expected_of(x))


def test_exports_nothing_but_its_own():
    assert sorted(name for name in vars(ours) if not name.startswith("_")) == sorted(ours.__all__)
    assert {getattr(ours, name).__module__ for name in ours.__all__} == {"lrncore.tensorflow"}
