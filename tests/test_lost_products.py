"""Products that leave the range of a type on the way, though the sum under the power and the result do not.

The oracle is the formula in long double, whose exponents reach far enough for every product here.
"""

import cases
import numpy as np
import pytest
import reference

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")

SPECS = (
    LRNSpec(1, 1, 1e-4, 0.75, 2.0),
    LRNSpec(2, 2, 1.0, 0.5, 1.0),
    LRNSpec(2, 1, 1.0, 1.0, 1e-3),
    LRNSpec(1, 2, 0.01, 0.6, 0.0),
    LRNSpec(5, 6, 1e-20, 2.0, 1e-10),
    LRNSpec(1, 1, 3.0, -1.0, 1.0),
    LRNSpec(1, 1, 0.5, 12.0, 1.0),
)
# What float64 has, float32 has with exponents an eighth as large.
WIDEST = {np.dtype(np.float32): 38.0, np.dtype(np.float64): 300.0}

each_dtype = pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
each_spec = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"beta{spec.beta}")


def of_all_magnitudes(shape, dtype, seed):
    """Return numbers whose logarithms are uniform, with some zeros."""
    rng = np.random.default_rng(seed)
    values = rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(-WIDEST[dtype], WIDEST[dtype], shape)
    values[rng.random(shape) < 0.2] = 0
    return values.astype(dtype)


def rounded(spec, dtype):
    """Return a spec whose parameters the type has, as the kernels round them."""
    return LRNSpec(spec.before, spec.after, float(dtype.type(spec.scale)), spec.beta, float(dtype.type(spec.k)))


def oracle(formula, *arguments):
    with np.errstate(divide="ignore", invalid="ignore"):  # windows of zeros
        return reference.once(formula, *arguments)


def assert_close(found, exact, terms, spec, channels, dtype):
    """Compare what is a finite number of the type; the smallest ones are off by a few of themselves."""
    info = np.finfo(dtype)
    counted = np.isfinite(exact) & np.isfinite(terms) & (terms < float(info.max))
    smallest = spec.size * max(1.0, abs(spec.beta)) * np.longdouble(info.smallest_subnormal)
    allowed = cases.gradient_eps(dtype, spec, channels) * np.longdouble(info.eps) * terms + smallest
    wrong = counted & ~(abs(np.asarray(found).astype(np.longdouble) - exact) <= allowed)
    assert not wrong.any(), (np.argwhere(wrong)[0], np.asarray(found)[wrong][0], exact[wrong][0])


@pytest.mark.parametrize(
    ("compute", "formula", "seeds"),
    [(lrncore.lrn_backward, reference.backward, (1, 2)), (lrncore.lrn_jvp, reference.jvp, (3, 4))],
    ids=["gradients", "tangents"],
)
@each_spec
@each_dtype
def test_numbers_of_all_magnitudes(dtype, spec, compute, formula, seeds):
    spec = rounded(spec, dtype)
    x, other = (of_all_magnitudes((1, 7, 600), dtype, seed) for seed in seeds)
    exact, terms = oracle(formula, other, x, *cases.parameters(spec), 1)
    assert_close(compute(other, x, spec), exact, terms, spec, 7, dtype)


@pytest.mark.parametrize(
    ("compute", "formula"),
    [(lrncore.lrn_backward, reference.backward), (lrncore.lrn_jvp, reference.jvp)],
    ids=["gradients", "tangents"],
)
@pytest.mark.parametrize("beta", [0.75, 3.1])
@pytest.mark.parametrize("k", [0.0, 1.0])
@each_dtype
def test_windows_that_hold_every_channel(dtype, k, beta, compute, formula):
    """A few numbers of any magnitude among ordinary ones; columns of one magnitude; tiny and ordinary ones."""
    rng, shape, spec = np.random.default_rng(5), (3, 90, 400), rounded(LRNSpec(89, 89, 0.1, beta, k), dtype)
    widest = WIDEST[dtype] - 1
    for exponents in (
        np.where(rng.random(shape) < 0.01, rng.uniform(-widest, widest, shape), 0),
        rng.uniform(-widest, widest, (3, 1, 400)),
        rng.uniform(-widest / 3, 0, shape),
    ):
        x, other = ((rng.standard_normal(shape) * 10**exponents).astype(dtype) for _ in range(2))
        other[rng.random(shape) < 0.5] = 0
        exact, terms = oracle(formula, other, x, *cases.parameters(spec), 1)
        assert_close(compute(other, x, spec), exact, terms, spec, 90, dtype)


@each_spec
@each_dtype
def test_parameters_of_numbers_of_all_magnitudes(dtype, spec):
    """Of one pixel at a time: in a sum, the largest term would hide the others."""
    spec = rounded(spec, dtype)
    for seed in range(100):
        x, g = (of_all_magnitudes((1, 3), dtype, 2 * seed + i) for i in range(2))
        exact, terms = oracle(reference.param_grads, g, x, *cases.parameters(spec), 1)
        assert_close(lrncore.lrn_param_grads(g, x, spec), exact, terms, spec, 3, dtype)


def single(values):
    return np.float32([values])


def test_a_quotient_that_vanishes_in_a_tangent():
    dy = lrncore.lrn_jvp(single([0, 1e15]), single([1e-18, 1e12]), LRNSpec(1, 1, 1e-4, 0.75, 2.0))
    assert np.isclose(dy[0, 0], -1.5e-30, rtol=1e-5)


def test_a_quotient_that_vanishes_in_a_gradient():
    spec = LRNSpec(1, 1, 1e-4, 0.75, 2.0)
    dx = lrncore.lrn_backward(np.array([[0, 1e153]]), np.array([[1e67, 1e-277]]), spec)
    assert np.isclose(dx[0, 0], -4.743416490252569e-289, rtol=1e-12, atol=0)


def test_products_that_vanish_under_a_negative_exponent():
    x, dx = single([2.0**25, 1.37 * 2.0**-60]), single([0, 1.23 * 2.0**-110])
    spec = LRNSpec(1, 1, 1.0, -2.0, 1.0)
    exact, _ = oracle(reference.jvp, dx, x, *cases.parameters(spec), 1)
    assert np.isclose(lrncore.lrn_jvp(dx, x, spec)[0, 0], float(exact[0, 0]), rtol=1e-6, atol=0)


def test_a_gain_that_vanishes_beside_a_large_exponent():
    dx = lrncore.lrn_backward(single([1e-37]), single([1.21]), LRNSpec(0, 0, 1.0, 50.0, 0.0))
    assert abs(dx[0, 0] + 5.2e-44) <= 2**-149


def test_squares_that_vanish_beside_a_constant():
    grads = lrncore.lrn_param_grads(single([1e38]), single([1e-24]), LRNSpec(0, 0, 1.0, 0.75, 1.0))
    assert np.isclose(grads.scale, -7.5e-35, rtol=1e-6, atol=0)
    assert np.isclose(grads.k, -7.5e13, rtol=1e-6)


@each_dtype
def test_an_exponent_of_zero_has_no_derivative_by_scale_and_k(dtype):
    ones = np.ones((1, 3), dtype)
    grads = lrncore.lrn_param_grads(ones, ones, LRNSpec(1, 1, 1e-310, 0.0, 1e-310))
    assert (grads.scale, grads.k) == (0, 0)
    assert np.isclose(grads.beta, -np.log([3e-310, 4e-310, 3e-310]).sum(), rtol=1e-6)


def test_totals_beyond_double_are_infinite():
    grads = lrncore.lrn_param_grads(np.full((1, 3), 1e300), np.full((1, 3), 1e5), LRNSpec(0, 0, 0.0, 1.0, 1e-3))
    assert grads.k == -np.inf
    assert grads.scale == -np.inf


@each_dtype
@pytest.mark.parametrize("beta", [4001.0, 1e5, 1e30, 1e300, -4001.0])
def test_zeros_under_huge_exponents(beta, dtype):
    zeros, ones = np.zeros((1, 5), dtype), np.ones((1, 5), dtype)
    for k in (0.25, 4.0):
        spec = LRNSpec(1, 1, 1.0, beta, k)
        assert np.array_equal(lrncore.lrn(zeros, spec), zeros)
        assert np.array_equal(lrncore.lrn_backward(zeros, ones, spec), zeros)
        assert np.array_equal(lrncore.lrn_jvp(zeros, ones, spec), zeros)


@pytest.mark.parametrize("beta", [4001.0, 5000.0, -4001.0])
def test_huge_exponents_with_results_in_range(beta):
    scale = np.array([1.42, 0.71, 1.0001, 0.9999])
    g = np.array([1e300, 1e-300, 1e10, 1.0])
    for k, own in zip(scale, g, strict=True):
        dx = lrncore.lrn_backward(np.array([[own]]), np.zeros((1, 1)), LRNSpec(0, 0, 1.0, beta, k))
        exact = np.longdouble(own) * np.longdouble(k) ** np.longdouble(-beta)
        if abs(exact) < np.finfo(float).max:
            assert abs(dx[0, 0] - exact) <= 1e-11 * exact + 5e-324
