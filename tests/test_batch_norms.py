"""Batch normalization is its formula, with given statistics and with the batch's, at any mean, in every layout."""

import cases
import norm_reference as reference
import numpy as np
import pytest
from norm_reference import NEAR, assert_near

import lrncore

MEANS = (0, 1, 100, 1e4, 1e6)
# shape and channel axis
SHAPES = {
    "planar": ((3, 6, 9, 11), 1),
    "packed": ((3, 9, 11, 6), -1),
    "packed_wide": ((2, 3, 5, 70), -1),
    "lines": ((4, 3, 5000), 1),
    "vectors": ((130, 33), 1),
    "channels_first": ((5, 70, 3), 0),
    "one_axis": ((40,), 0),
    "one_place": ((9, 4, 1, 1), 1),
}


def operands(name, dtype, mean=0.0):
    shape, axis = SHAPES[name]
    rng = np.random.default_rng(7)
    g, x = rng.standard_normal((2, *shape))
    weight, bias = rng.uniform(0.5, 2, shape[axis]), rng.standard_normal(shape[axis])
    return [each.astype(dtype) for each in (g, x + mean, weight, bias)]


def axes_of(name):
    shape, axis = SHAPES[name]
    channel = axis % len(shape)
    return channel, tuple(set(range(len(shape))) - {channel})


def given_statistics(name, mean):
    rng = np.random.default_rng(8)
    channels = SHAPES[name][0][SHAPES[name][1]]
    # a mean that float32 does not have
    return mean + rng.standard_normal(channels) / 3, rng.uniform(0.5, 2, channels)


def given(x, channel, mean, var, eps=1e-5):
    """Return x normalized by statistics that are given, in long double, and what it is divided by."""
    mean, root = (
        reference.spread(each, x.ndim, (channel,)) for each in (mean, np.sqrt(var.astype(np.longdouble) + eps))
    )
    return (x.astype(np.longdouble) - mean) / root, root


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("name", SHAPES)
def test_given_statistics_at_any_mean(name, dtype, mean):
    g, x, weight, bias = operands(name, dtype, mean)
    channel, others = axes_of(name)
    centre, var = given_statistics(name, mean)
    xh, root = given(x, channel, centre, var)
    w, b = (reference.spread(each, x.ndim, (channel,)) for each in (weight, bias))
    y = lrncore.batch_norm(x, centre, var, weight, bias, axis=channel)
    assert_near(y, xh * w + b, NEAR[dtype])
    found = lrncore.batch_norm_backward(g, x, centre, var, weight, axis=channel)
    wide = g.astype(np.longdouble)
    expected = wide * w / root, (wide * xh).sum(others), wide.sum(others)
    for each, exact in zip(found, expected, strict=True):
        assert_near(each, exact, 20 * NEAR[dtype])


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("name", SHAPES)
def test_training_at_any_mean(name, dtype, mean):
    g, x, weight, bias = operands(name, dtype, mean)
    channel, others = axes_of(name)
    y, moments = lrncore.batch_norm_train(x, weight, bias, axis=channel)
    assert_near(y, reference.forward(x, others, (channel,), weight, bias, 1e-5, True), NEAR[dtype])
    wide = x.astype(np.longdouble)
    assert moments.count == x.size // x.shape[channel]
    # of the deviation, which is 1
    allowed = 3e-7 if dtype == np.float32 else 4e-16
    assert abs(moments.mean - wide.mean(others)).max() <= allowed + 4e-16 * mean
    assert np.allclose(
        moments.var, wide.var(others).astype(np.float64), rtol=1e-6 if dtype == np.float32 else 1e-13
    )
    found = lrncore.batch_norm_train_backward(g, x, weight, axis=channel)
    expected = reference.backward(g, x, others, (channel,), weight, 1e-5, True)
    for each, exact in zip(found, expected, strict=True):
        assert_near(each, exact, 20 * NEAR[dtype])


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", SHAPES)
def test_bits_do_not_depend_on_strides_threads_and_place(name):
    g, x, weight, bias = operands(name, np.float32, 5.0)
    channel, _ = axes_of(name)
    centre, var = given_statistics(name, 5.0)
    apart = [np.repeat(each, 2, -1)[..., ::2] for each in (g, x, np.zeros_like(x))]
    for forward, backward in (
        (
            lambda x, **more: lrncore.batch_norm(x, centre, var, weight, bias, axis=channel, **more),
            lambda g, x, **more: lrncore.batch_norm_backward(g, x, centre, var, weight, axis=channel, **more),
        ),
        (
            lambda x, **more: lrncore.batch_norm_train(x, weight, bias, axis=channel, **more)[0],
            lambda g, x, **more: lrncore.batch_norm_train_backward(g, x, weight, axis=channel, **more),
        ),
    ):
        y = forward(x, num_threads=1)
        assert np.array_equal(forward(apart[1], out=apart[2], num_threads=3), y)
        assert np.array_equal(forward(own := x.copy(), out=own), y)
        expected = backward(g, x, num_threads=1)
        found = backward(*apart[:2], out=apart[2], num_threads=3)
        assert found.dx is apart[2]
        over = backward(g, own := x.copy(), out=own)
        for each, other, last in zip(found, expected, over, strict=True):
            assert np.array_equal(each, other)
            assert np.array_equal(last, other)


# results beyond the caches are written a cache line at a time, wherever the lines of y begin
@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("channels", [48, 50, 96])
def test_bits_do_not_depend_on_where_a_large_output_begins(channels, dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((9_000_000 // dtype.itemsize // channels, channels)).astype(dtype)
    x[5, 2], x[7, 40] = 1e30, np.nan
    weight, bias, mean, var = (rng.random((4, channels)) + 0.5).astype(dtype)
    expected = lrncore.batch_norm(x, mean, var, weight, bias)
    assert np.array_equal(expected[:50], lrncore.batch_norm(x[:50], mean, var, weight, bias), equal_nan=True)
    dx = lrncore.batch_norm_train_backward(x[::-1].copy(), x, weight).dx
    room = np.empty(x.size + 16, dtype)
    for first in (1, 5, 15):
        out = room[first:][: x.size].reshape(x.shape)
        lrncore.batch_norm(x, mean, var, weight, bias, out=out, num_threads=3)
        assert np.array_equal(out, expected, equal_nan=True)
        lrncore.batch_norm_train_backward(x[::-1].copy(), x, weight, out=out, num_threads=2)
        assert np.array_equal(out, dx, equal_nan=True)


@pytest.mark.parametrize("dtype", cases.HALVES, ids=str)
@pytest.mark.parametrize("name", SHAPES)
def test_halves_are_float32_rounded_once(name, dtype):
    g, x, weight, bias = operands(name, dtype, 3.0)
    wide = [each.astype(np.float32) for each in (g, x, weight, bias)]
    channel, _ = axes_of(name)
    statistics = given_statistics(name, 3.0)
    y, moments = lrncore.batch_norm_train(x, weight, bias, axis=channel)
    expected, of_wide = lrncore.batch_norm_train(wide[1], *wide[2:], axis=channel)
    assert np.array_equal(y, expected.astype(dtype))
    assert np.array_equal(moments.mean, of_wide.mean)
    assert np.array_equal(moments.var, of_wide.var)
    y = lrncore.batch_norm(x, *statistics, weight, bias, axis=channel)
    assert np.array_equal(y, lrncore.batch_norm(wide[1], *statistics, *wide[2:], axis=channel).astype(dtype))
    found = lrncore.batch_norm_backward(g, x, *statistics, weight, axis=channel)
    for each, other in zip(
        found, lrncore.batch_norm_backward(*wide[:2], *statistics, wide[2], axis=channel), strict=True
    ):
        assert np.array_equal(each, other.astype(dtype))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", ["planar", "packed", "lines"])
def test_statistics_of_the_batch_are_given_ones(name):
    _, x, weight, bias = operands(name, np.float32, 1e4)
    channel, _ = axes_of(name)
    y, moments = lrncore.batch_norm_train(x, weight, bias, axis=channel)
    again = lrncore.batch_norm(x, moments.mean, moments.var, weight, bias, axis=channel)
    assert_near(again, y.astype(np.float64), 5e-7)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("axis", [1, -1])
def test_constant_channels_are_their_bias_with_gradients_of_0(axis):
    x = np.full((4, 5, 3, 5), 0.1, np.float32)
    g = np.random.default_rng(0).standard_normal(x.shape, np.float32)
    bias = np.arange(5, dtype=np.float32)
    y, moments = lrncore.batch_norm_train(x, np.full(5, 3.0), bias, axis=axis)
    channels_last = np.moveaxis(y, axis, -1)
    assert np.array_equal(channels_last, np.broadcast_to(bias, channels_last.shape))
    assert not moments.var.any()
    assert (moments.mean == np.float32(0.1)).all()
    assert not lrncore.batch_norm_train_backward(g, x, axis=axis).dweight.any()


@pytest.mark.usefixtures("isa")
def test_one_image_of_one_place():
    x = np.array([[1.0, 2.0, 3.0]], np.float32)
    y, moments = lrncore.batch_norm_train(x, bias=[4, 5, 6])
    assert y.tolist() == [[4, 5, 6]]
    assert (moments.count, moments.mean.tolist(), moments.var.tolist()) == (1, [1, 2, 3], [0, 0, 0])
    grads = lrncore.batch_norm_train_backward(np.ones_like(x), x)
    assert not grads.dx.any()
    assert not grads.dweight.any()


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, 1e-30])
@pytest.mark.parametrize("name", ["planar", "packed", "vectors"])
def test_a_channel_does_not_change_the_bits_of_others(name, value):
    g, x, weight, bias = operands(name, np.float32)
    channel, _ = axes_of(name)
    other = np.moveaxis(x.copy(), channel, 0)
    other[1, 0] = value
    other = np.ascontiguousarray(np.moveaxis(other, 0, channel))
    others = [c for c in range(x.shape[channel]) if c != 1]
    statistics = given_statistics(name, 0)
    for forward in (
        lambda x: lrncore.batch_norm(x, *statistics, weight, bias, axis=channel),
        lambda x: lrncore.batch_norm_train(x, weight, bias, axis=channel)[0],
        lambda x: lrncore.batch_norm_backward(g, x, *statistics, weight, axis=channel).dx,
        lambda x: lrncore.batch_norm_train_backward(g, x, weight, axis=channel).dx,
        lambda x: lrncore.batch_norm_train_backward(g, x, weight, axis=channel).dweight,
    ):
        before, after = (
            np.moveaxis(found, channel if found.ndim > 1 else 0, 0) for found in (forward(x), forward(other))
        )
        assert np.array_equal(before[others], after[others])


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("share", [0.8, -0.8])
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("name", ["planar", "packed", "lines"])
def test_numbers_of_any_magnitude(name, dtype, share):
    g, x, *_ = operands(name, dtype)
    channel, others = axes_of(name)
    factor = dtype.type(2.0 ** (share * (np.finfo(dtype).maxexp - 3)))
    y, moments = lrncore.batch_norm_train(x * factor, axis=channel, eps=0)
    assert_near(y, reference.forward(x, others, (channel,), None, None, 0, True), 2 * NEAR[dtype])
    assert_near(moments.mean / factor, x.astype(np.longdouble).mean(others), 1e-6)
    grads = lrncore.batch_norm_train_backward(g * factor, x * factor, axis=channel, eps=0)
    assert_near(grads.dx, reference.backward(g, x, others, (channel,), None, 0, True)[0], 20 * NEAR[dtype])


def test_empty_arrays():
    y, moments = lrncore.batch_norm_train(np.zeros((0, 3, 2)))
    assert (y.shape, moments.count, moments.mean.tolist()) == ((0, 3, 2), 0, [0, 0, 0])
    assert lrncore.batch_norm(np.zeros((2, 0)), [], []).shape == (2, 0)
    assert not lrncore.batch_norm_train_backward(np.zeros((0, 3)), np.zeros((0, 3))).dbias.any()
    assert lrncore.batch_norm_train(np.zeros((2, 0)))[1].count == 0


def test_eps_outside_the_root():
    _, x, weight, bias = operands("planar", np.float64)
    mean, var = given_statistics("planar", 0)
    y = lrncore.batch_norm(x, mean, (np.sqrt(var) + 0.5) ** 2, weight, bias, eps=0)
    along = [each[:, None, None] for each in (mean, var, weight, bias)]
    assert np.allclose(y, (x - along[0]) / (np.sqrt(along[1]) + 0.5) * along[2] + along[3], rtol=1e-13)


X = np.ones((2, 3, 4), np.float32)
ERRORS = {
    "mean": (lambda: lrncore.batch_norm(X, [1], [1] * 3), ValueError, "mean must have the shape (3,), got (1,)"),
    "var": (lambda: lrncore.batch_norm(X, [1] * 3, [1] * 4), ValueError, "var must have the shape (3,), got (4,)"),
    "complex": (
        lambda: lrncore.batch_norm(X, [1j] * 3, [1] * 3),
        TypeError,
        "mean must hold real numbers, got complex128",
    ),
    "none": (lambda: lrncore.batch_norm(X, None, [1] * 3), TypeError, "mean must be an array, got None"),
    "axis": (
        lambda: lrncore.batch_norm_train(X, axis=3),
        np.exceptions.AxisError,
        "axis must be in [-3, 3) for an array of 3 dimensions, got 3",
    ),
    "eps": (lambda: lrncore.batch_norm_train(X, eps=-1), ValueError, "eps must be >= 0, got -1"),
    "moments": (
        lambda: lrncore.batch_norm_train_backward(X, X, moments=lrncore.Moments(7, np.zeros(3), np.ones(3))),
        ValueError,
        "moments must be of the 8 elements of a channel, got 7",
    ),
    "moments_type": (
        lambda: lrncore.batch_norm_train_backward(X, X, moments=(8, 0, 1)),
        TypeError,
        "moments must be Moments, got tuple",
    ),
    "g": (
        lambda: lrncore.batch_norm_backward(X[0], X, 0, 1),
        ValueError,
        "g must have the shape of x, (2, 3, 4), got (3, 4)",
    ),
}


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS.values(), ids=ERRORS)
def test_errors(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message
