"""Filter response normalization is its formula with its threshold, in every layout, and all five gradients are."""

import cases
import numpy as np
import pytest
from norm_reference import NEAR, assert_near, spread

import lrncore

SHAPES = {
    "planar": ((2, 5, 9, 11), 1),
    "packed": ((2, 9, 11, 5), -1),
    "packed_wide": ((2, 3, 7, 70), -1),
    "lines": ((3, 4, 5000), 1),
    "one_image": ((6, 40), 0),
    "one_place": ((30, 7, 1, 1), 1),
    "vectors": ((8, 33), 1),
}


def operands(name, dtype, mean=0.0):
    shape, axis = SHAPES[name]
    rng = np.random.default_rng(11)
    g, x = rng.standard_normal((2, *shape))
    weight, bias, tau = rng.uniform(0.5, 2, shape[axis]), *rng.standard_normal((2, shape[axis]))
    return [each.astype(dtype) for each in (g, x + mean, weight, bias, tau)]


def axes_of(name):
    """Return the channel axis, the axes of places, and all but the channels."""
    shape, axis = SHAPES[name]
    channel = axis % len(shape)
    others = set(range(len(shape))) - {channel}
    return channel, tuple(others - {0}), tuple(others)


def oracle(name, g, x, weight, bias, tau, eps):
    """Return z and the five gradients, in long double."""
    channel, places, others = axes_of(name)
    if channel == 0:
        places = others
    wide, g = x.astype(np.longdouble), g.astype(np.longdouble)
    w, b, t, e = (
        spread(np.broadcast_to(each, weight.shape), x.ndim, (channel,)) for each in (weight, bias, tau, eps)
    )
    r = 1 / np.sqrt((wide * wide).mean(places, keepdims=True) + e)
    y = wide * r * w + b
    d = np.where(y < t, 0, g)
    h = d * w
    # of one place, x**2 * r**2 is 1 but for eps: the difference would cancel
    n = np.prod([x.shape[axis] for axis in places], dtype=int)
    dx = h * r**3 * e if n == 1 else r * (h - wide * r * (h * wide * r).mean(places, keepdims=True))
    deps = -(h * wide * r**3) / 2
    return np.maximum(y, t), (dx, *(each.sum(others) for each in (d * wide * r, d, g - d, deps)))


def away_from_thresholds(name, x, weight, bias, tau, eps):
    """Move each tau to where no y is near, so that rounding decides nothing."""
    channel, *_ = axes_of(name)
    y = lrncore.filter_response_norm(x, weight, bias, axis=channel, eps=eps)
    for c in range(len(tau)):
        values = np.sort(y.take(c, channel).ravel())
        apart = np.diff(values, prepend=values[0] - 1)
        # below all of them where they are about the same
        at = np.argmin(np.where(apart > 1e-3, abs(values - tau[c]), np.inf))
        tau[c] = values[at] - apart[at] / 2
    return tau


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("mean", [0, 100.0])
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("name", SHAPES)
def test_all_is_the_formula(name, dtype, mean):
    g, x, weight, bias, tau = operands(name, dtype, mean)
    channel, *_ = axes_of(name)
    tau = away_from_thresholds(name, x, weight, bias, tau, 0.3)
    z = lrncore.filter_response_norm(x, weight, bias, tau, eps=0.3, axis=channel)
    found = lrncore.filter_response_norm_backward(g, x, weight, bias, tau=tau, eps=0.3, axis=channel)
    expected, grads = oracle(name, g, x, weight, bias, tau, 0.3)
    assert_near(z, expected, NEAR[dtype])
    for each, exact in zip(found[:4], grads[:4], strict=True):
        assert_near(each, exact, 20 * NEAR[dtype])
    size = float(abs(grads[4]).sum()) + 1e-3 * x.size
    assert abs(found.deps - float(grads[4].sum())) <= 20 * NEAR[dtype] * size


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", SHAPES)
def test_eps_by_channel(name):
    g, x, weight, bias, tau = operands(name, np.float64)
    channel, *_ = axes_of(name)
    eps = np.linspace(0, 2, len(tau))
    z = lrncore.filter_response_norm(x, weight, bias, tau, eps=eps, axis=channel)
    found = lrncore.filter_response_norm_backward(g, x, weight, bias, tau=tau, eps=eps, axis=channel)
    expected, grads = oracle(name, g, x, weight, bias, tau, eps)
    assert_near(z, expected, 1e-15)
    for each, exact in zip(found, grads, strict=True):
        assert_near(each, exact, 1e-13)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", SHAPES)
def test_no_parameters_are_one_zero_and_no_threshold(name):
    g, x, weight, bias, _ = operands(name, np.float32)
    channel, *_ = axes_of(name)
    one, zero, none = np.ones_like(weight), np.zeros_like(bias), np.full_like(bias, -np.inf)
    z = lrncore.filter_response_norm(x, axis=channel)
    assert np.array_equal(z, lrncore.filter_response_norm(x, one, zero, none, axis=channel))
    found = lrncore.filter_response_norm_backward(g, x, axis=channel)
    expected = lrncore.filter_response_norm_backward(g, x, one, zero, tau=none, axis=channel)
    for each, other in zip(found[:3], expected[:3], strict=True):
        assert_near(each, other.astype(np.float64), 1e-5)
    assert not found.dtau.any()
    assert found.deps == pytest.approx(expected.deps, rel=1e-5)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", SHAPES)
def test_bits_do_not_depend_on_strides_threads_and_place(name):
    g, x, weight, bias, tau = operands(name, np.float32)
    channel, *_ = axes_of(name)
    apart = [np.repeat(each, 2, -1)[..., ::2] for each in (g, x, np.zeros_like(x))]

    def forward(x, **more):
        return lrncore.filter_response_norm(x, weight, bias, tau, axis=channel, **more)

    def backward(g, x, **more):
        return lrncore.filter_response_norm_backward(g, x, weight, bias, tau=tau, axis=channel, **more)

    z = forward(x, num_threads=1)
    assert np.array_equal(forward(apart[1], out=apart[2], num_threads=3), z)
    assert np.array_equal(forward(own := x.copy(), out=own), z)
    expected = backward(g, x, num_threads=1)
    for found in (backward(*apart[:2], out=apart[2], num_threads=3), backward(own := g.copy(), x, out=own)):
        for each, other in zip(found, expected, strict=True):
            assert np.array_equal(each, other)


@pytest.mark.parametrize("dtype", cases.HALVES, ids=str)
@pytest.mark.parametrize("name", SHAPES)
def test_halves_are_float32_rounded_once(name, dtype):
    g, x, weight, bias, tau = operands(name, dtype)
    wide = [each.astype(np.float32) for each in (g, x, weight, bias, tau)]
    channel, *_ = axes_of(name)
    z = lrncore.filter_response_norm(x, weight, bias, tau, axis=channel)
    assert np.array_equal(z, lrncore.filter_response_norm(*wide[1:], axis=channel).astype(dtype))
    found = lrncore.filter_response_norm_backward(g, x, weight, bias, tau=tau, axis=channel)
    expected = lrncore.filter_response_norm_backward(*wide[:4], tau=wide[4], axis=channel)
    for each, other in zip(found, expected, strict=True):
        assert np.array_equal(each, other.astype(dtype) if isinstance(other, np.ndarray) else other)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("axis", [1, -1])
def test_nan_and_infinities(axis):
    x = np.random.default_rng(0).standard_normal((2, 4, 6, 4), np.float32)
    x[0, 1, 2, 1] = np.nan
    z = lrncore.filter_response_norm(x, tau=np.zeros(4), axis=axis)
    spoilt = np.moveaxis(np.isnan(z), axis, 1)
    assert spoilt[0, 1].all()
    assert spoilt.sum() == spoilt[0, 1].size


@pytest.mark.usefixtures("isa")
def test_ties_with_the_threshold_belong_to_y():
    x, g = np.zeros((1, 2, 3)), np.ones((1, 2, 3))
    grads = lrncore.filter_response_norm_backward(g, x, bias=[1, 2], tau=[1.0, 3.0])
    assert grads.dbias.tolist() == [3, 0]
    assert grads.dtau.tolist() == [0, 3]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
def test_one_place_does_not_cancel(dtype):
    x = np.array([[3.0, 1e4, -1e4, 0.0]], dtype)
    g = np.ones_like(x)
    found = lrncore.filter_response_norm_backward(g, x, eps=1e-6).dx
    wide = x.astype(np.longdouble)
    expected = 1e-6 * (wide**2 + 1e-6) ** -1.5
    assert (abs(found - expected) <= 4 * np.finfo(dtype).eps * expected).all()


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("share", [0.8, -0.8])
@pytest.mark.parametrize("name", SHAPES)
def test_numbers_of_any_magnitude(name, share):
    g, x, weight, bias, tau = operands(name, np.float32)
    channel, *_ = axes_of(name)
    tau = away_from_thresholds(name, x, weight, bias, tau, 0)
    factor = np.float32(2.0 ** (share * 125))
    z = lrncore.filter_response_norm(x * factor, weight, bias, tau, eps=0, axis=channel)
    expected, grads = oracle(name, g, x, weight, bias, tau, 0)
    assert_near(z, expected, 1e-6)
    if name not in ("one_place", "vectors"):  # there eps is all
        found = lrncore.filter_response_norm_backward(
            g * factor, x * factor, weight, bias, tau=tau, eps=0, axis=channel
        )
        assert_near(found.dx, grads[0], 1e-5)


def test_empty_arrays():
    assert lrncore.filter_response_norm(np.zeros((0, 3, 2)), tau=[1] * 3).shape == (0, 3, 2)
    grads = lrncore.filter_response_norm_backward(np.zeros((2, 3, 0)), np.zeros((2, 3, 0)))
    assert (grads.dx.shape, grads.dbias.tolist(), grads.deps) == ((2, 3, 0), [0, 0, 0], 0)


ERRORS = {
    "tau": ({"tau": [1]}, ValueError, "tau must have the shape (3,), got (1,)"),
    "eps": ({"eps": -1e-6}, ValueError, "eps must be >= 0, got -1e-06"),
    "eps_of_channels": ({"eps": [1, 0, -2]}, ValueError, "eps must be >= 0, got -2.0"),
    "eps_nan": ({"eps": [1, 0, np.nan]}, ValueError, "eps must be >= 0, got nan"),
    "eps_shape": ({"eps": [1]}, ValueError, "eps must have the shape (3,), got (1,)"),
    "axis": ({"axis": (1, 2)}, TypeError, "axis must be an int, got (1, 2) (tuple)"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    arguments, kind, message = ERRORS[name]
    with pytest.raises(kind) as caught:
        lrncore.filter_response_norm(np.ones((2, 3, 4)), **arguments)
    assert str(caught.value) == message
