"""One bad number touches the outputs whose window holds it, and no other bit; extremes are still numbers."""

import itertools

import cases
import ml_dtypes
import numpy as np
import pytest
import reference

import lrncore
from lrncore import LRNSpec
from lrncore.kernels import builds

pytestmark = pytest.mark.usefixtures("isa")

LAYOUTS = {
    "planar": cases.Shape((2, 80, 67), 1),
    "short_inner": cases.Shape((3, 80, 7), 1),
    "packed": cases.Shape((9, 80), 1),
    "several_chunks": cases.Shape((2, 2500), 1),
    "few_channels": cases.Shape((70, 15), 1),
}
BAD = (np.nan, np.inf, -np.inf, 1e18, 1e20)
BETAS = (0.5, 0.6, 0.75, 1.0, 2.0)

both_walks = pytest.mark.parametrize("layout", ["planar", "packed"])
each_layout = pytest.mark.parametrize("layout", LAYOUTS)
each_size = pytest.mark.parametrize("size", [5, 31])
each_beta = pytest.mark.parametrize("beta", BETAS)
each_dtype = pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)


def spoiled(case, value, channel, dtype=np.float32, seed=0):
    """Return an array, the same with `value` in one channel of one pixel, and a view of that pixel's channels."""
    good = cases.normal(case.shape, dtype, seed)
    bad = good.copy()
    pixel = tuple(slice(None) if i == case.axis else n // 2 for i, n in enumerate(case.shape))
    bad[pixel][channel] = value
    return good, bad, pixel


def untouched(shape, pixel, back, ahead, channel):
    """Return where outputs must not change: everywhere but in [channel - back, channel + ahead] of the pixel."""
    same = np.ones(shape, bool)
    same[pixel][max(0, channel - back) : channel + ahead + 1] = False
    return same


def places(channels):
    return [0, channels // 2, channels - 1]


@each_layout
@each_size
@each_beta
def test_forward_outside_the_window(beta, size, layout):
    case = LAYOUTS[layout]
    spec = LRNSpec.torch(size, 1.0, beta, 0.5)
    for channel, bad in itertools.product(places(case.channels), BAD):
        good, spoilt, pixel = spoiled(case, bad, channel)
        y, expected = (lrncore.lrn(x, spec, case.axis) for x in (spoilt, good))
        same = untouched(case.shape, pixel, spec.after, spec.before, channel)
        assert np.array_equal(cases.bits(y)[same], cases.bits(expected)[same])


@each_layout
@each_size
@each_beta
def test_gradient_outside_the_windows_of_a_bad_x(beta, size, layout):
    case = LAYOUTS[layout]
    spec = LRNSpec.torch(size, 1.0, beta, 0.5)
    g = cases.normal(case.shape, seed=1)
    for channel, bad in itertools.product(places(case.channels), BAD):
        good, spoilt, pixel = spoiled(case, bad, channel)
        dx, expected = (lrncore.lrn_backward(g, x, spec, case.axis) for x in (spoilt, good))
        reach = spec.before + spec.after
        same = untouched(case.shape, pixel, reach, reach, channel)
        assert np.array_equal(cases.bits(dx)[same], cases.bits(expected)[same])


@each_layout
@each_size
def test_gradient_outside_the_window_of_a_bad_g(size, layout):
    case = LAYOUTS[layout]
    spec = LRNSpec.torch(size, 1.0, 0.75, 0.5)
    x = cases.normal(case.shape, seed=1)
    for channel, bad in itertools.product(places(case.channels), BAD):
        good, spoilt, pixel = spoiled(case, bad, channel)
        dx, expected = (lrncore.lrn_backward(g, x, spec, case.axis) for g in (spoilt, good))
        same = untouched(case.shape, pixel, spec.before, spec.after, channel)
        assert np.array_equal(cases.bits(dx)[same], cases.bits(expected)[same])


@each_layout
@each_size
@each_beta
def test_nan_fills_its_window(beta, size, layout):
    case = LAYOUTS[layout]
    spec = LRNSpec.torch(size, 1.0, beta, 0.5)
    _, x, pixel = spoiled(case, np.nan, case.channels // 2)
    y = lrncore.lrn(x, spec, case.axis)
    outside = untouched(case.shape, pixel, spec.after, spec.before, case.channels // 2)
    assert np.array_equal(np.isnan(y), ~outside)


@each_layout
@each_size
@each_beta
@pytest.mark.parametrize("sign", [1, -1])
def test_inf_makes_its_neighbours_zero_and_itself_nan(sign, beta, size, layout):
    """As arithmetic on the formula does: the sum is Inf, its power 0, and Inf * 0 is NaN."""
    case = LAYOUTS[layout]
    spec = LRNSpec.torch(size, 1.0, beta, 0.5)
    _, x, pixel = spoiled(case, sign * np.inf, case.channels // 2)
    y = lrncore.lrn(x, spec, case.axis)
    touched = ~untouched(case.shape, pixel, spec.after, spec.before, case.channels // 2)
    expected = np.where(np.isinf(x[touched]), np.nan, np.copysign(0, x[touched]))
    assert np.array_equal(y[touched], expected.astype(np.float32), equal_nan=True)
    numbers = ~np.isnan(expected)
    assert np.array_equal(np.signbit(y[touched])[numbers], np.signbit(expected)[numbers])


@both_walks
@each_dtype
@pytest.mark.parametrize(("beta", "expected"), [(0.0, np.inf), (0.25, np.nan), (0.5, np.nan), (-1.0, np.inf)])
def test_an_infinite_number_gives_what_arithmetic_gives(beta, expected, dtype, layout):
    case = LAYOUTS[layout]
    for neighbour in (1, -np.inf):
        _, x, pixel = spoiled(case, np.inf, 10, dtype)
        x[pixel][11] = neighbour
        y = lrncore.lrn(x, LRNSpec(2, 2, 4.0, beta, 0.5), case.axis)
        assert np.array_equal(y[pixel][10], expected, equal_nan=True)


@each_layout
@pytest.mark.parametrize("dtype", [*cases.DTYPES, *cases.HALVES], ids=str)
def test_no_exponent_no_window(dtype, layout):
    """s^0 is 1 for every s, as IEEE's pow has it: also for NaN, Inf, 0 and negative numbers."""
    case = LAYOUTS[layout]
    for k, scale in itertools.product((0.0, 1.0, -1.0), (0.5, -0.5, 1e-60)):
        x, g = (cases.normal(case.shape, np.float64, seed).astype(dtype) for seed in (1, 2))
        for array, step in (x, 7), (g, 11):
            for i, value in enumerate((np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30)):
                array.reshape(-1)[i * step :: 10 * step] = dtype.type(min(value, float(ml_dtypes.finfo(dtype).max)))
        spec = LRNSpec(2, 2, scale, 0.0, k)
        for result, expected in (
            (lrncore.lrn(x, spec, case.axis), x),
            (lrncore.lrn_backward(g, x, spec, case.axis), g),
            (lrncore.lrn_jvp(g, x, spec, case.axis), g),
        ):
            numbers = ~np.isnan(expected)
            assert np.array_equal(np.isnan(result), ~numbers)
            assert np.array_equal(result[numbers], expected[numbers])


@both_walks
@each_beta
def test_inf_in_x_makes_the_gradients_it_reaches_nan(beta, layout):
    case = LAYOUTS[layout]
    _, x, pixel = spoiled(case, np.inf, 10)
    dx = lrncore.lrn_backward(np.ones_like(x), x, LRNSpec(2, 1, 0.2, beta, 0.5), case.axis)
    assert np.array_equal(np.isnan(dx), ~untouched(case.shape, pixel, 2, 1, 10))
    assert np.isfinite(dx[~np.isnan(dx)]).all()


@each_dtype
@pytest.mark.parametrize("beta", [-0.75, -0.25])
def test_inf_in_x_and_a_negative_exponent_leave_other_windows_finite(beta, dtype):
    """The sum of its neighbour is infinite, whose t = g x s^(-beta - 1) is 0 in the gradients that add it up."""
    x = np.array([np.inf, 0.5, 1, 2, 3], dtype)
    dx = lrncore.lrn_backward(np.ones_like(x), x, LRNSpec(1, 1, 1.0, beta, 1.0), axis=0)
    s = np.array([np.inf, np.inf, 1 + 0.25 + 1 + 4, 1 + 1 + 4 + 9, 1 + 4 + 9])
    t = np.array([np.nan, 0.5, 1, 2, 3]) * s ** (-beta - 1)
    sums = np.array([t[1] + t[2] + t[3], t[2] + t[3] + t[4], t[3] + t[4]])
    expected = s[2:] ** -beta - 2 * beta * x[2:] * sums
    np.testing.assert_allclose(dx[2:], expected, rtol=8 * np.finfo(dtype).eps)


@both_walks
@each_dtype
@each_beta
def test_inf_in_g_gives_what_arithmetic_gives(beta, dtype, layout):
    """One alone, two of the same sign and two of different ones within a window, beside a zero of x."""
    case = LAYOUTS[layout]
    spec = LRNSpec(2, 1, 0.2, beta, 0.5)
    g, x = cases.normal(case.shape, dtype), cases.normal(case.shape, dtype, seed=1)
    channels = np.moveaxis(g, case.axis, 0)
    for channel, value in ((3, np.inf), (10, np.inf), (11, np.inf), (16, -np.inf), (18, np.inf)):
        channels[channel] = value
    np.moveaxis(x, case.axis, 0)[17] = 0
    dx = lrncore.lrn_backward(g, x, spec, case.axis)
    with np.errstate(invalid="ignore"):
        expected, _ = reference.backward(g, x, *spec._arguments, case.axis)
    infinite = ~np.isfinite(expected)
    assert infinite.any()
    assert np.array_equal(dx[infinite], expected[infinite].astype(dtype), equal_nan=True)
    assert np.isfinite(dx[~infinite]).all()


@each_layout
def test_one_large_number_among_ordinary_ones(layout):
    case = LAYOUTS[layout]
    _, x, _ = spoiled(case, 1e18, case.channels // 2)
    exact = reference.once(reference.forward, x, *cases.parameters(cases.STRONG), case.axis)
    errors = reference.ulps(lrncore.lrn(x, cases.STRONG, case.axis), exact)
    assert errors.max() <= cases.forward_ulp(np.float32, cases.STRONG, case.channels)


@both_walks
@each_dtype
@pytest.mark.parametrize("k", [1e-30, 1e-37, 1e-20, 1e20, 1e30, 3e38])
@pytest.mark.parametrize("beta", [0.25, 0.5, 0.6, 0.75, 1.0])
def test_tiny_and_huge_sums(beta, k, dtype, layout):
    case = LAYOUTS[layout]
    spec = LRNSpec(2, 2, 0.0, beta, float(np.float32(k)))
    x = cases.normal(case.shape, dtype)
    exact = reference.once(reference.forward, x, *cases.parameters(spec), case.axis)
    error = abs(lrncore.lrn(x, spec, case.axis) - exact)
    # a result below the normal numbers cannot have all its bits
    assert (error <= cases.forward_ulp(dtype, spec, 5) * np.spacing(abs(exact).astype(dtype))).all()


@each_layout
@each_dtype
@each_beta
def test_no_constant_and_a_window_of_zeros_give_nan(beta, dtype, layout):
    case = LAYOUTS[layout]
    y = lrncore.lrn(np.zeros(case.shape, dtype), LRNSpec(2, 2, 1.0, beta, 0.0), case.axis)
    assert np.isnan(y).all()


@each_layout
@each_dtype
def test_one_nonzero_number_rescues_its_window(dtype, layout):
    case = LAYOUTS[layout]
    channel = case.channels // 2
    x = np.zeros(case.shape, dtype)
    pixel = tuple(slice(None) if i == case.axis else 0 for i in range(len(case.shape)))
    x[pixel][channel] = 2
    y = lrncore.lrn(x, LRNSpec(3, 1, 1.0, 0.5, 0.0), case.axis)
    expected = np.full(case.shape, np.nan)
    expected[pixel][channel - 1 : channel + 4] = 0
    expected[pixel][channel] = 1
    assert np.allclose(y, expected, rtol=1e-6, atol=0, equal_nan=True)


@each_layout
@each_dtype
@each_beta
def test_zeros_keep_their_sign(beta, dtype, layout):
    case = LAYOUTS[layout]
    x = np.copysign(np.zeros(case.shape, dtype), cases.normal(case.shape))
    y = lrncore.lrn(x, LRNSpec(2, 2, 1.0, beta, 0.5), case.axis)
    assert np.array_equal(cases.bits(y), cases.bits(x))


@both_walks
@each_dtype
@pytest.mark.parametrize("beta", [1.0, 2.0, -1.0, 3.0])
def test_negative_sums_have_whole_powers(beta, dtype, layout):
    case = LAYOUTS[layout]
    spec = LRNSpec(2, 2, -0.3, beta, -0.5)
    x = cases.normal(case.shape, dtype)
    exact = reference.once(reference.forward, x, *cases.parameters(spec), case.axis)
    errors = reference.ulps(lrncore.lrn(x, spec, case.axis), exact)
    assert errors.max() <= cases.forward_ulp(dtype, spec, 5)


@both_walks
@each_dtype
@pytest.mark.parametrize("beta", [0.5, 0.6, 0.75, -0.75])
def test_negative_sums_have_no_broken_powers(beta, dtype, layout):
    case = LAYOUTS[layout]
    x = cases.normal(case.shape, dtype)
    assert np.isnan(lrncore.lrn(x, LRNSpec(2, 2, -0.3, beta, -0.5), case.axis)).all()


@each_layout
@each_dtype
@each_beta
def test_negative_scale_with_positive_sums(beta, dtype, layout):
    case = LAYOUTS[layout]
    spec = LRNSpec(2, 2, -0.01, beta, 20.0)
    x = np.clip(cases.normal(case.shape, dtype), -3, 3)
    exact = reference.once(reference.forward, x, *cases.parameters(spec), case.axis)
    errors = reference.ulps(lrncore.lrn(x, spec, case.axis), exact)
    assert errors.max() <= cases.forward_ulp(dtype, spec, 5)


@both_walks
@each_dtype
@pytest.mark.parametrize("beta", [1e-30, 1e-3, 10.0, 40.0, -10.0])
def test_exponents_far_from_one(beta, dtype, layout):
    case = LAYOUTS[layout]
    spec = LRNSpec(1, 1, 0.1, beta, 1.0)
    x = np.clip(abs(cases.normal(case.shape, dtype)), 0.5, 2)
    exact = reference.once(reference.forward, x, *cases.parameters(spec), case.axis)
    error = abs(lrncore.lrn(x, spec, case.axis) - exact)
    assert (error <= cases.forward_ulp(dtype, spec, 3) * np.spacing(abs(exact).astype(dtype))).all()


@both_walks
@each_dtype
@pytest.mark.parametrize("beta", [1e30, 1e39, 1e300])
@pytest.mark.parametrize(("k", "expected"), [(0.5, np.inf), (1.0, 3.0), (2.0, 0.0)])
def test_endless_exponents(k, expected, beta, dtype, layout):
    case = LAYOUTS[layout]
    x = np.full(case.shape, 3, dtype)
    assert (lrncore.lrn(x, LRNSpec(1, 1, 0.0, beta, k), case.axis) == expected).all()


@each_layout
@each_dtype
def test_subnormal_input(dtype, layout, isa):
    # without fused products, the parts of a product are rounded apart
    (flags,) = (each.flags for each in builds.INSTRUCTION_SETS if each.name == isa)
    wrong = 0 if "-mfma" in flags else np.finfo(dtype).smallest_subnormal
    case = LAYOUTS[layout]
    x = (cases.normal(case.shape, np.float64) * 1000).astype(int).astype(dtype) * np.finfo(dtype).smallest_subnormal
    y = lrncore.lrn(x, LRNSpec(2, 2, 1.0, 0.5, 0.25), case.axis)
    assert (abs(y - 2 * x) <= wrong).all()


@each_layout
@each_dtype
@each_beta
def test_zeros_among_others_keep_their_sign(beta, dtype, layout):
    case = LAYOUTS[layout]
    x = cases.normal(case.shape, dtype)
    zeros = cases.normal(case.shape, dtype, 1) > 0
    x[zeros] = np.copysign(0, x[zeros])
    y = lrncore.lrn(x, LRNSpec(2, 2, 0.3, beta, 1.0), case.axis)
    assert np.array_equal(np.signbit(y), np.signbit(x))
    assert (y[zeros] == 0).all()


@each_layout
@each_dtype
@each_beta
def test_no_zero_sum_outside_the_array_reaches_the_gradient(beta, dtype, layout):
    case = LAYOUTS[layout]
    x = abs(cases.normal(case.shape, dtype)) + 1
    x.swapaxes(case.axis, 0)[-1] = 0
    spec = LRNSpec(1, 1, 1.0, beta, 0.0)
    dx = lrncore.lrn_backward(np.ones_like(x), x, spec, case.axis)
    expected, terms = reference.once(reference.backward, np.ones_like(x), x, *cases.parameters(spec), case.axis)
    assert (abs(dx - expected) <= 8 * max(1, beta) * np.finfo(dtype).eps * terms).all()
