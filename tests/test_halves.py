"""float16 and bfloat16: computed in float32, rounded once."""

import cases
import numpy as np
import pytest
import reference

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")

each_half = pytest.mark.parametrize("dtype", cases.HALVES, ids=str)
each_layout = pytest.mark.parametrize("layout", cases.LAYOUTS)
SPECS = (cases.ALEXNET, cases.STRONG, LRNSpec(9, 14, 0.2, 0.6, 2.0))
each_spec = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"n{spec.size}_beta{spec.beta}")


def halves(shape, dtype, seed=0):
    """Return numbers of many magnitudes."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * 10 ** rng.uniform(-3, 2, shape)).astype(dtype)


def same_bits(a, b):
    return np.array_equal(cases.bits(a), cases.bits(b))


@each_half
@each_layout
@each_spec
def test_forward_is_the_rounded_float32(spec, layout, dtype):
    case = cases.LAYOUTS[layout]
    x = halves(case.shape, dtype)
    wide = lrncore.lrn(x.astype(np.float32), spec, case.axis)
    assert same_bits(lrncore.lrn(x, spec, case.axis), wide.astype(dtype))


@each_half
@each_layout
@each_spec
def test_gradient_is_the_rounded_float32(spec, layout, dtype):
    case = cases.LAYOUTS[layout]
    x, g = halves(case.shape, dtype), halves(case.shape, dtype, 1)
    wide = lrncore.lrn_backward(g.astype(np.float32), x.astype(np.float32), spec, case.axis)
    assert same_bits(lrncore.lrn_backward(g, x, spec, case.axis), wide.astype(dtype))


@each_half
def test_far_arrays_are_the_rounded_float32(dtype):
    x = halves((2, 300, 90, 90), dtype)
    wide = lrncore.lrn(x.astype(np.float32), cases.ALEXNET)
    assert same_bits(lrncore.lrn(x, cases.ALEXNET), wide.astype(dtype))


@each_half
def test_every_number_passes_through(dtype):
    x = np.arange(2**16, dtype=np.uint16).view(dtype)[None]
    y = lrncore.lrn(x, LRNSpec(0, 0, 0.0, 1.0, 1.0))
    with np.errstate(invalid="ignore"):  # signalling ones
        numbers = ~np.isnan(x)
        assert np.isnan(y[~numbers]).all()
    assert np.array_equal(cases.bits(y)[numbers], cases.bits(x)[numbers])


@each_half
def test_results_are_rounded_to_nearest_even(dtype):
    """Half of every number, and of those next to them, subnormal ones too."""
    x = np.arange(2**16, dtype=np.uint16).view(dtype)
    with np.errstate(invalid="ignore"):
        x = x[np.isfinite(x)][None]
    for k in (4.0, 0.25, 3.0):
        exact = x.astype(np.float64) / np.sqrt(k)
        with np.errstate(over="ignore"):
            expected = exact.astype(np.float32).astype(dtype)
        assert same_bits(lrncore.lrn(x, LRNSpec(0, 0, 0.0, 0.5, k)), expected)


def test_float16_whose_square_is_beyond_its_range():
    x = np.full((1, 5, 3), 300, np.float16)
    exact = reference.forward(x, *cases.parameters(cases.ALEXNET), 1)
    assert np.array_equal(lrncore.lrn(x, cases.ALEXNET), exact.astype(np.float16))


@each_half
@each_layout
def test_in_place(layout, dtype):
    case = cases.LAYOUTS[layout]
    x = halves(case.shape, dtype)
    expected = lrncore.lrn(x, cases.STRONG, case.axis)
    assert lrncore.lrn(x, cases.STRONG, case.axis, out=x) is x
    assert same_bits(x, expected)


@each_half
@each_layout
def test_strides(layout, dtype):
    case = cases.LAYOUTS[layout]
    memory = halves((*case.shape, 3), dtype)
    x = memory[..., 1]
    assert same_bits(lrncore.lrn(x, cases.STRONG, case.axis), lrncore.lrn(x.copy(), cases.STRONG, case.axis))


def test_other_byte_order():
    x = halves((2, 40, 67), np.dtype(np.float16))
    y = lrncore.lrn(x.astype(">f2"), cases.STRONG)
    assert y.dtype == np.float16
    assert same_bits(y, lrncore.lrn(x, cases.STRONG))


@each_half
def test_jvp_is_the_rounded_float32(dtype):
    x, dx = halves((2, 40, 67), dtype), halves((2, 40, 67), dtype, 1)
    wide = lrncore.lrn_jvp(dx.astype(np.float32), x.astype(np.float32), cases.STRONG)
    assert same_bits(lrncore.lrn_jvp(dx, x, cases.STRONG), wide.astype(dtype))


@each_half
def test_param_grads_are_those_of_float32(dtype):
    x, g = halves((2, 40, 67), dtype), halves((2, 40, 67), dtype, 1)
    wide = lrncore.lrn_param_grads(g.astype(np.float32), x.astype(np.float32), cases.STRONG)
    assert lrncore.lrn_param_grads(g, x, cases.STRONG) == wide


def test_nothing_imports_ml_dtypes(python):
    program = "import sys, numpy, lrncore; lrncore.local_response_norm(numpy.ones((1, 2), numpy.float16), 5)"
    assert python(program + "; print('ml_dtypes' in sys.modules)") == "False"
