"""GDN: its values and gradients, in every layout, dtype and range."""

import ml_dtypes
import numpy as np
import pytest
from divisive_reference import backward, forward, matrix_gradients, ulps

import lrncore
from lrncore import DivisiveSpec

LAYOUTS = {
    "planar": ((2, 33, 7, 11), 1),
    "packed": ((3, 5, 6, 19), 3),
    "one_channel": ((4, 1, 9), 1),
    "one_position": ((40,), 0),
    "channels_first": ((96, 130), 0),
    "channels_last": ((300, 96), 1),
    "short_inner": ((17, 12, 3), 1),
    "in_the_middle": ((2, 3, 18, 4, 5), 2),
}
EXPONENTS = {"gdn": (2, 0.5, False), "inverse": (2, 0.5, True), "gdn1": (1, 1, False), "inverse_1": (1, 1, True)}
OTHERS = {"three_quarters": (2, 0.75, False), "any": (1.7, 0.33, False), "large": (3, 1.5, True)}
CASES = [(layout, name) for layout in LAYOUTS for name in ("gdn", "inverse_1")]
CASES += [(layout, name) for layout in ("planar", "packed") for name in ("inverse", "gdn1", *OTHERS)]


def case(shape, axis, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    channels = shape[axis]
    gamma = 0.1 * np.eye(channels) + 0.05 * rng.random((channels, channels))
    beta = 0.5 + rng.random(channels)
    x, g = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    return x, g, gamma, beta


def spec_of(gamma, beta, alpha=2, epsilon=0.5, inverse=False):
    return DivisiveSpec(gamma, sigma=beta, p=alpha, q=-epsilon if inverse else epsilon)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(("layout", "exponents"), CASES)
def test_values(layout, exponents):
    shape, axis = LAYOUTS[layout]
    alpha, epsilon, inverse = (EXPONENTS | OTHERS)[exponents]
    for dtype in (np.float32, np.float64):
        x, _, gamma, beta = case(shape, axis, dtype)
        y = lrncore.gdn(x, gamma, beta, alpha=alpha, epsilon=epsilon, inverse=inverse, axis=axis)
        gamma, beta = gamma.astype(dtype), beta.astype(dtype)
        expected = forward(x, spec_of(gamma, beta, alpha, epsilon, inverse), axis)
        assert ulps(y, expected) <= (4 if exponents in EXPONENTS else 8)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(("layout", "exponents"), CASES)
def test_gradients(layout, exponents):
    shape, axis = LAYOUTS[layout]
    alpha, epsilon, inverse = (EXPONENTS | OTHERS)[exponents]
    for dtype in (np.float32, np.float64):
        x, g, gamma, beta = case(shape, axis, dtype)
        grads = lrncore.gdn_backward(g, x, gamma, beta, alpha=alpha, epsilon=epsilon, inverse=inverse, axis=axis)
        spec = spec_of(gamma, beta, alpha, epsilon, inverse)
        expected = backward(g, x, spec, axis), *matrix_gradients(g, x, spec, axis)
        for found, right in zip(grads, expected, strict=True):
            assert np.max(np.abs(found - right)) <= 8 * np.finfo(dtype).eps * np.max(np.abs(right))


def test_gradients_are_those_of_differences():
    x, g, gamma, beta = case((2, 5, 3), 1, np.float64)
    grads = lrncore.gdn_backward(g, x, gamma, beta)
    for name, value in (("x", x), ("gamma", gamma), ("beta", beta)):
        step = np.zeros_like(value)
        step.flat[3] = 1e-6
        at = {"x": x, "gamma": gamma, "beta": beta}
        above, below = (lrncore.gdn(**(at | {name: value + way * step})) for way in (1, -1))
        assert np.sum(g * (above - below)) / 2e-6 == pytest.approx(getattr(grads, name).flat[3], rel=1e-7)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_halves_are_rounded_once(dtype):
    x, g, gamma, beta = case((2, 20, 30), 1, dtype)
    wide = lrncore.gdn(x.astype(np.float32), gamma, beta)
    np.testing.assert_array_equal(lrncore.gdn(x, gamma, beta), wide.astype(dtype))
    dx = lrncore.gdn_backward(g.astype(np.float32), x.astype(np.float32), gamma, beta).x
    np.testing.assert_array_equal(lrncore.gdn_backward(g, x, gamma, beta).x, dx.astype(dtype))


def test_bits_depend_on_neither_layout_strides_byte_order_place_nor_threads():
    x, g, gamma, beta = case((3, 40, 17, 13), 1)
    y, dx = lrncore.gdn(x, gamma, beta), lrncore.gdn_backward(g, x, gamma, beta).x
    last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    g_last = np.ascontiguousarray(np.moveaxis(g, 1, -1))
    same = np.testing.assert_array_equal
    same(np.moveaxis(lrncore.gdn(last, gamma, beta, axis=-1), -1, 1), y)
    same(np.moveaxis(lrncore.gdn_backward(g_last, last, gamma, beta, axis=-1).x, -1, 1), dx)
    same(lrncore.gdn(x.astype(">f4"), gamma, beta), y)
    same(lrncore.gdn(np.repeat(x, 2, axis=3)[..., ::2], gamma, beta), y)
    same(lrncore.gdn(x[::-1, :, ::-1], gamma, beta), y[::-1, :, ::-1])
    same(lrncore.gdn(x, gamma, beta, num_threads=3), y)
    threaded = lrncore.gdn_backward(g, x, gamma, beta, num_threads=3)
    for found, right in zip(threaded, lrncore.gdn_backward(g, x, gamma, beta, num_threads=1), strict=True):
        same(found, right)
    inside = x.copy()
    lrncore.gdn(inside, gamma, beta, out=inside)
    same(inside, y)
    inside = x.copy()
    lrncore.gdn_backward(g, inside, gamma, beta, out=inside)
    same(inside, dx)
    apart = np.empty((3, 40, 17, 26), np.float32)[..., 1::2]
    assert lrncore.gdn(x, gamma, beta, out=apart) is apart
    same(apart, y)


def test_out_may_overlap_x_elsewhere():
    x, _, gamma, beta = case((41, 12), 1)
    y = lrncore.gdn(x[:-1], gamma, beta)
    lrncore.gdn(x[:-1], gamma, beta, out=x[1:])
    np.testing.assert_array_equal(x[1:], y)


@pytest.mark.parametrize("beta", [0.0, 1.0, 1e-30])
@pytest.mark.parametrize("scale", [1e-40, 1e-25, 1e-12, 1e12, 1e19, 1e25, 1e37])
def test_all_magnitudes(scale, beta):
    x, g, gamma, _ = case((2, 6, 7), 1)
    x = (x * np.float64(scale)).astype(np.float32)
    spec = spec_of(gamma, beta)
    assert ulps(lrncore.gdn(x, gamma, beta), forward(x, spec, 1)) <= 4
    dx, expected = lrncore.gdn_backward(g, x, gamma, beta).x, backward(g, x, spec, 1)
    with np.errstate(over="ignore"):
        expected = expected.astype(np.float32)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(dx[~finite], expected[~finite])
    unit = 1e-6 * np.max(np.abs(expected[finite]), initial=0)
    np.testing.assert_allclose(dx[finite], expected[finite], rtol=1e-5, atol=max(unit, 1e-44))


@pytest.mark.skipif(np.finfo(np.longdouble).maxexp < 2000, reason="long doubles are doubles here")
def test_all_magnitudes_of_doubles():
    x, g, gamma, beta = case((2, 6, 7), 1, np.float64)
    for scale in (1e-200, 1e200):
        spec = spec_of(gamma, beta)
        assert ulps(lrncore.gdn(x * scale, gamma, beta), forward(x * scale, spec, 1)) <= 4
        grads = lrncore.gdn_backward(g, x * scale, gamma, beta)
        np.testing.assert_allclose(grads.x, backward(g, x * scale, spec, 1).astype(float), rtol=1e-9, atol=1e-290)


def test_a_nan_stays_in_its_position():
    x, g, gamma, beta = case((2, 30, 70), 1)
    y, dx = lrncore.gdn(x, gamma, beta), lrncore.gdn_backward(g, x, gamma, beta).x
    x[1, 3, 20], x[0, 2, 5] = np.nan, 1e30
    for before, after in ((y, lrncore.gdn(x, gamma, beta)), (dx, lrncore.gdn_backward(g, x, gamma, beta).x)):
        changed = np.argwhere((before != after).any(axis=1)).tolist()
        assert changed == [[0, 5], [1, 20]]
    assert np.isfinite(lrncore.gdn(x, gamma, beta)[0]).all()


def test_one_position_may_be_out_of_range():
    x = np.array([1e30, 1.0], dtype=np.float32)
    np.testing.assert_allclose(lrncore.gdn(x, np.eye(2), 0.0, axis=0), [1, 1])
    np.testing.assert_allclose(lrncore.gdn_backward(x, x, np.eye(2), 1.0, axis=0).x, [0, 2**-1.5], atol=1e-6)


def test_infinite_elements_give_what_the_formula_gives():
    x = np.array([[np.inf, 1.0]], dtype=np.float32)
    y = lrncore.gdn(x, np.ones((2, 2)), 1.0)
    assert np.isnan(y[0, 0])
    assert y[0, 1] == 0


@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 4, 0), (2, 0, 3)])
def test_empty_arrays(shape):
    x = np.empty(shape, np.float32)
    channels = shape[1]
    gamma, beta = np.ones((channels, channels)), np.ones(channels)
    assert lrncore.gdn(x, gamma, beta).shape == shape
    grads = lrncore.gdn_backward(x, x, gamma, beta)
    assert grads.x.shape == shape
    assert not grads.gamma.any()
    assert not grads.beta.any()


def test_gradients_have_the_dtypes_of_what_they_are_of():
    x, g, gamma, beta = case((2, 5, 3), 1, np.float16)
    grads = lrncore.gdn_backward(g, x, gamma.astype(np.float32), beta)
    assert [each.dtype for each in grads] == [np.float16, np.float32, np.float64]
    assert lrncore.gdn_backward(g, x, gamma, 1).beta.shape == ()


def test_stored_parameters_come_back():
    value = np.array([0, 1e-12, 1e-6, 0.1, 2.0])
    np.testing.assert_allclose(lrncore.nonnegative(lrncore.nonnegative_inverse(value)), value, atol=1e-25)
    assert lrncore.nonnegative(np.float32(-3), 1e-6) == pytest.approx(1e-6, rel=1e-5)


ERRORS = {
    "gamma must have the shape (2, 2), got (3, 3)": {"gamma": np.ones((3, 3))},
    "beta must be a number or have the shape (2,), got (3,)": {"beta": np.ones(3)},
    "alpha must be positive, got 0.0": {"alpha": 0},
    "epsilon must be finite, got nan": {"epsilon": np.nan},
    "inverse must be a bool, got 1 (int)": {"inverse": 1},
    "axis must be an int, got (1,) (tuple)": {"axis": (1,)},
    "gamma must be of real numbers, got complex128": {"gamma": 1j * np.ones((2, 2))},
    "out must have the shape of x, (1, 2), got (2, 1)": {"out": np.ones((2, 1))},
}


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message):
    arguments = {"gamma": np.ones((2, 2)), "beta": np.ones(2)} | ERRORS[message]
    with pytest.raises((TypeError, ValueError)) as caught:
        lrncore.gdn(np.ones((1, 2)), **arguments)
    assert str(caught.value) == message
