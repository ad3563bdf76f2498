"""Finite input of any magnitude gives the finite, correctly scaled result, forward and backward."""

from functools import lru_cache

import cases
import ml_dtypes
import numpy as np
import pytest
import reference

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
LAYOUTS = cases.LAYOUTS | {"far": cases.Shape((2, 40, 30000), 1)}
BETAS = (0.25, 0.5, 0.6, 0.75, 1.0, 1.5, 2.0)
LARGE = {"float32": (1e15, 1e20, 1e30, 3e38), "float64": (1e150, 1e160, 1e300), "bfloat16": (1e20, 3e38)}
SMALL = {"float32": (1e-15, 1e-20, 1e-30, 1e-37), "float64": (1e-150, 1e-200, 1e-300), "bfloat16": (1e-20, 1e-37)}

each_layout = pytest.mark.parametrize("layout", LAYOUTS)
each_small_layout = pytest.mark.parametrize("layout", cases.LAYOUTS)
each_beta = pytest.mark.parametrize("beta", BETAS)
each_dtype = pytest.mark.parametrize("dtype", [*cases.DTYPES, BFLOAT16], ids=str)


def assert_close(found, exact, allowed):
    """Check errors, of which a smallest subnormal is nobody's fault; what exceeds the type is infinite."""
    info = ml_dtypes.finfo(found.dtype)
    wide = found.astype(np.longdouble)
    right = abs(wide - exact) <= allowed + float(info.smallest_subnormal)
    right |= (abs(exact) > float(info.max)) & (wide == np.copysign(np.inf, exact))
    assert right.all(), (found[~right][0], exact[~right][0])


def assert_forward(x, spec, axis, every=1):
    y = lrncore.lrn(x, spec, axis)[..., ::every]
    exact = reference.once(reference.forward, x[..., ::every], *cases.parameters(spec), axis)
    eps = float(ml_dtypes.finfo(x.dtype).eps)
    assert_close(y, exact, cases.forward_ulp(x.dtype, spec, cases.lengths(x.shape, axis)) * eps * abs(exact))


def assert_backward(g, x, spec, axis):
    dx = lrncore.lrn_backward(g, x, spec, axis)
    exact, terms = reference.once(reference.backward, g, x, *cases.parameters(spec), axis)
    eps = float(ml_dtypes.finfo(x.dtype).eps)
    assert_close(dx, exact, cases.gradient_eps(x.dtype, spec, cases.lengths(x.shape, axis)) * eps * terms)


@lru_cache(4)
def sprinkled(case, dtype, magnitudes):
    """Return N(0, 1), three numbers of it multiplied by each magnitude; not to be written to."""
    x = cases.normal(case.shape, np.float64)
    places = np.random.default_rng(1).choice(x.size, 3 * len(magnitudes), replace=False)
    x.ravel()[places] *= np.repeat(magnitudes, 3)
    most = float(ml_dtypes.finfo(dtype).max)
    x = x.clip(-most, most).astype(dtype)
    x.flags.writeable = False
    return x


@lru_cache(4)
def ordinary(case, dtype):
    x = cases.normal(case.shape, np.float64, 2).astype(dtype)
    x.flags.writeable = False
    return x


@each_layout
@each_dtype
def test_large_numbers_among_ordinary_ones(dtype, layout):
    case = LAYOUTS[layout]
    x = sprinkled(case, dtype, LARGE[dtype.name])
    for beta in BETAS:
        assert_forward(x, LRNSpec(2, 2, 0.25, beta, 2.0), case.axis, every=97 if layout == "far" else 1)


@each_layout
@each_dtype
def test_small_numbers_without_a_constant(dtype, layout):
    case = LAYOUTS[layout]
    x = sprinkled(case, dtype, SMALL[dtype.name])
    for beta in BETAS:
        assert_forward(x, LRNSpec(1, 0, 0.25, beta, 0.0), case.axis, every=97 if layout == "far" else 1)


@each_small_layout
@each_dtype
def test_gradients_of_large_numbers(dtype, layout):
    case = LAYOUTS[layout]
    x = sprinkled(case, dtype, LARGE[dtype.name])
    for beta in BETAS:
        assert_backward(ordinary(case, dtype), x, LRNSpec(2, 1, 0.25, beta, 2.0), case.axis)


@each_small_layout
@each_dtype
def test_gradients_of_small_numbers_without_a_constant(dtype, layout):
    case = LAYOUTS[layout]
    x = sprinkled(case, dtype, SMALL[dtype.name])
    for beta in BETAS:
        assert_backward(ordinary(case, dtype), x, LRNSpec(2, 1, 0.25, beta, 0.0), case.axis)


@each_small_layout
@each_dtype
@pytest.mark.parametrize("magnitude", [1e-38, 1e-20, 1e18, 1e30])
def test_everything_of_one_magnitude(magnitude, dtype, layout):
    case = LAYOUTS[layout]
    x = (cases.normal(case.shape, np.float64) * magnitude).astype(dtype)
    spec = LRNSpec(2, 2, 1.0, 0.75, 0.0)
    assert_forward(x, spec, case.axis)
    assert_backward(np.ones_like(x), x, spec, case.axis)


@each_layout
@each_dtype
def test_in_place_has_the_same_bits(dtype, layout):
    case = LAYOUTS[layout]
    x = sprinkled(case, dtype, LARGE[dtype.name]).copy()
    y = lrncore.lrn(x, cases.STRONG, case.axis)
    lrncore.lrn(x, cases.STRONG, case.axis, out=x)
    assert np.array_equal(cases.bits(x), cases.bits(y))


@each_layout
@each_dtype
@pytest.mark.parametrize("target", ["g", "x"])
def test_gradient_in_place_has_the_same_bits(target, dtype, layout):
    case = LAYOUTS[layout]
    operands = {"g": ordinary(case, dtype).copy(), "x": sprinkled(case, dtype, LARGE[dtype.name]).copy()}
    dx = lrncore.lrn_backward(*operands.values(), cases.STRONG, case.axis)
    lrncore.lrn_backward(*operands.values(), cases.STRONG, case.axis, out=operands[target])
    assert np.array_equal(cases.bits(operands[target]), cases.bits(dx))


@pytest.mark.parametrize("size", [31, 63, 79])
@pytest.mark.parametrize("layout", ["planar", "packed", "short_inner"])
def test_long_windows(layout, size):
    case = LAYOUTS[layout]
    x = sprinkled(case, np.dtype(np.float32), LARGE["float32"])
    spec = LRNSpec(size // 2, size // 2, 1 / size, 0.75, 1.0)
    assert_forward(x, spec, case.axis)
    assert_backward(cases.normal(case.shape, seed=2), x, spec, case.axis)


@each_dtype
@pytest.mark.parametrize("scale", [1e-37, 1e-30, 1e30, 1e38])
def test_extreme_scales(scale, dtype):
    spec = LRNSpec(2, 2, float(np.float32(scale)), 0.75, 1.0)
    case = LAYOUTS["planar"]
    x = ordinary(case, dtype)
    assert_forward(x, spec, case.axis)
    assert_backward(np.ones_like(x), x, spec, case.axis)


@pytest.mark.parametrize(
    "spec", [LRNSpec(2, 2, 1e60, 0.75, 1.0), LRNSpec(2, 2, 1.0, 0.75, 1e60), LRNSpec(2, 2, 1e-60, 0.5, 0.0)]
)
def test_parameters_beyond_float32_are_taken_as_they_are(spec):
    assert_forward(cases.normal((2, 40, 67)), spec, 1)


@each_small_layout
def test_others_keep_their_bits(layout):
    case = LAYOUTS[layout]
    x = cases.normal(case.shape)
    spoilt = x.copy()
    pixel = tuple(slice(None) if i == case.axis else 0 for i in range(len(case.shape)))
    spoilt[pixel][case.channels // 2] = 1e30
    y, other = (lrncore.lrn(a, cases.STRONG, case.axis) for a in (x, spoilt))
    assert (cases.bits(y) != cases.bits(other)).sum() == cases.STRONG.size


@each_beta
@pytest.mark.parametrize("k", [1 / 16, 0.3, 1.0, 2.0])
def test_the_largest_numbers_without_a_sum(beta, k):
    x = np.finfo(np.float32).max * np.float32([1, -1, 0.3])
    assert_forward(x, LRNSpec(0, 0, 0.0, beta, k), 0)


# ---- found by make fuzz -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("beta", "k"), [(1.0, 7.446e-22), (0.75, 1.0587e-28), (2.0, 1e-12)])
def test_an_overflow_has_the_sign_of_x(beta, k):
    x = np.float32([3.128e18, -3.128e18])
    assert np.array_equal(lrncore.lrn(x, LRNSpec(0, 0, 0.0, beta, k), 0), np.copysign(np.float32(np.inf), x))


def test_a_subnormal_number_over_a_small_square():
    assert_forward(np.float32([3 * 2**-149]), LRNSpec(0, 0, 0.0, 2.0, float(np.float32(0.0187))), 0)


@pytest.mark.parametrize(
    ("x", "spec"),
    [
        (1.0, LRNSpec(0, 0, float(np.float32(1e30)), 0.75, 1.0)),
        (1e9, LRNSpec(0, 0, 1.0, 2.0, 1.0)),
        (1e18, LRNSpec(0, 0, 1.0, 0.75, 1.0)),
    ],
)
def test_a_gradient_whose_second_term_vanishes_in_float32(x, spec):
    assert_backward(np.float32([1]), np.float32([x]), spec, 0)


def test_a_slope_that_vanishes_in_float32():
    x = cases.normal((1, 40, 9)) * np.float32(1e18)
    g = cases.normal(x.shape, seed=1) * np.float32(1e-15)
    assert_backward(g, x, LRNSpec(2, 2, float(np.float32(1e-37)), 0.75, 1.0), 1)


def test_a_power_beyond_double():
    assert_forward(np.array([4.4e44]), LRNSpec(0, 0, 1.0, 3.9, 1.0), 0)


@pytest.mark.parametrize("shape", [(100,), (300,), (3000,), (100, 100)], ids=str)
def test_sums_of_many_equal_numbers_out_of_range(shape):
    """Which a plain sum rounds all the same way."""
    axes, spec = tuple(range(len(shape))), LRNSpec(0, shape[0], 1.0, 0.75, 1.0)
    assert_forward(np.full(shape, 1e300), spec, axes)
    x, ones = np.full(shape, 1e160), np.ones(shape)
    assert_backward(ones, x, spec, axes)
    dy = lrncore.lrn_jvp(ones, x, spec, axes)
    exact, terms = reference.jvp(ones, x, *cases.parameters(spec), axes)
    assert_close(dy, exact, cases.gradient_eps(x.dtype, spec, shape) * np.finfo(x.dtype).eps * terms)


@pytest.mark.parametrize(("shape", "axis"), [((5,), 0), ((5, 1), (0, 1)), ((1, 5), (0, 1))], ids=str)
def test_tangents_of_large_numbers_among_zeros(shape, axis):
    """Zeros come first in a sum whose terms have exponents of their own, and have none."""
    x, dx, spec = np.zeros(shape), np.full(shape, 1e100), LRNSpec(2, 2, 1.0, 0.75, 1.0)
    x.flat[2:4] = 1e160
    exact, terms = reference.jvp(dx, x, *cases.parameters(spec), axis)
    found = lrncore.lrn_jvp(dx, x, spec, axis)
    assert_close(found, exact, cases.gradient_eps(x.dtype, spec, shape) * np.finfo(x.dtype).eps * terms)
