"""Running statistics and defaults of the moment norms are those of the frameworks, asked themselves."""

import os

import numpy as np
import pytest
from comparison import assert_close, peer, values

import lrncore

CHANNELS = 5
BATCHES = [values((n, CHANNELS, 3), seed=n) * np.float32(n) + np.float32(n) for n in (2, 7, 4)]
WEIGHT, BIAS = values(CHANNELS, seed=1), values(CHANNELS, seed=2)


def averaged(stats, batches=BATCHES):
    """Return the mean and the variance after some batches, in float32."""
    for batch in batches:
        stats.update(lrncore.moments(batch, (0, 2)))
    return stats.mean.astype(np.float32), stats.var.astype(np.float32)


def channels_last(batch):
    return np.ascontiguousarray(np.moveaxis(batch, 1, -1))


@pytest.mark.parametrize("momentum", [0.1, 0.7, None])
def test_torch(momentum):
    torch = peer("torch", "torch")
    layer = torch.nn.BatchNorm1d(CHANNELS, momentum=momentum)
    for batch in BATCHES:
        layer(torch.from_numpy(batch))
    stats = lrncore.RunningStats.torch(CHANNELS, momentum)
    mean, var = averaged(stats)
    assert_close(layer.running_mean.numpy(), mean)
    assert_close(layer.running_var.numpy(), var)
    y = layer.eval()(torch.from_numpy(BATCHES[0])).detach().numpy()
    assert_close(lrncore.batch_norm(BATCHES[0], mean, var, eps=stats.eps), y)


@pytest.mark.parametrize("momentum", [0.99, 0.3])
def test_flax(momentum):
    linen, jax = peer("flax.linen", "flax"), peer("jax", "jax")
    layer = linen.BatchNorm(momentum=momentum, use_running_average=False)
    variables = layer.init(jax.random.PRNGKey(0), channels_last(BATCHES[0]))
    stats = variables["batch_stats"]
    for batch in BATCHES:
        _, updated = layer.apply(
            {"params": variables["params"], "batch_stats": stats}, channels_last(batch), mutable=["batch_stats"]
        )
        stats = updated["batch_stats"]
    own = lrncore.RunningStats.flax(CHANNELS, momentum)
    mean, var = averaged(own)
    assert_close(np.asarray(stats["mean"]), mean)
    assert_close(np.asarray(stats["var"]), var)
    assert own.eps == layer.epsilon


@pytest.mark.parametrize("momentum", [0.99, 0.3])
def test_keras(momentum):
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = peer("keras", "keras")
    layer = keras.layers.BatchNormalization(momentum=momentum)
    for batch in BATCHES:
        layer(channels_last(batch), training=True)
    own = lrncore.RunningStats.keras(CHANNELS, momentum)
    mean, var = averaged(own)
    assert_close(keras.ops.convert_to_numpy(layer.moving_mean), mean)
    assert_close(keras.ops.convert_to_numpy(layer.moving_variance), var)
    assert own.eps == layer.epsilon
    assert keras.layers.BatchNormalization().momentum == lrncore.RunningStats.keras(1).rate


def test_onnx():
    onnx = peer("onnx", "onnx")
    from onnx.reference.ops.op_batch_normalization import BatchNormalization_14  # noqa: PLC0415

    assert onnx
    mean, var = np.zeros(CHANNELS, np.float32), np.ones(CHANNELS, np.float32)
    for batch in BATCHES:
        node = onnx.helper.make_node("BatchNormalization", list("xsbmv"), list("yuw"), training_mode=1)
        operator = BatchNormalization_14(node, {"opsets": {"": 14}, "new_ops": None, "log": lambda *_: None})
        _, mean, var = operator.run(batch, WEIGHT, BIAS, mean, var)
    own = averaged(lrncore.RunningStats.onnx(CHANNELS))
    assert_close(mean, own[0])
    assert_close(var, own[1])


def test_defaults_of_other_norms():
    linen, jax = peer("flax.linen", "flax"), peer("jax", "jax")
    x = channels_last(values((2, 8, 3, 5)))
    for layer, own in (
        (linen.LayerNorm(), lambda x: lrncore.layer_norm(x, eps=1e-6)),
        (linen.RMSNorm(), lambda x: lrncore.rms_norm(x, eps=1e-6)),
        (linen.GroupNorm(4), lambda x: lrncore.group_norm(x, 4, axis=-1, eps=1e-6)),
        (linen.InstanceNorm(), lambda x: lrncore.instance_norm(x, axis=-1, eps=1e-6)),
    ):
        # small enough for eps to be seen
        small = x * np.float32(1e-3)
        y, _ = layer.init_with_output(jax.random.PRNGKey(0), small)
        np.testing.assert_allclose(np.asarray(y), own(small), rtol=2e-3, atol=2e-3)
