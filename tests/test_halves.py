"""float16 and bfloat16: computed in float32, rounded once. test_operators.py tests that of each operator."""

import cases
import numpy as np
import pytest
import reference

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")

each_half = pytest.mark.parametrize("dtype", cases.HALVES, ids=str)


def halves(shape, dtype, seed=0):
    """Return numbers of many magnitudes."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * 10 ** rng.uniform(-3, 2, shape)).astype(dtype)


def same_bits(a, b):
    return np.array_equal(cases.bits(a), cases.bits(b))


@each_half
def test_every_number_passes_through(dtype):
    x = np.arange(2**16, dtype=np.uint16).view(dtype)[None]
    y = lrncore.lrn(x, LRNSpec(0, 0, 0.0, 1.0, 1.0))
    with np.errstate(invalid="ignore"):  # signalling ones
        numbers = np.isfinite(x)
        assert np.isnan(y[~numbers]).all()  # 0 * inf is under the power
    assert np.array_equal(cases.bits(y)[numbers], cases.bits(x)[numbers])


def laid_out(x):
    """Return arrays of the same numbers that lie in other ways."""
    wide, memory = np.zeros((*x.shape, 3), x.dtype), np.zeros(x.nbytes + 1, np.uint8)
    wide[..., 1] = x
    odd = memory[1:].view(x.dtype).reshape(x.shape)
    odd[...] = x
    found = {"adjacent": x, "apart": wide[..., 1], "at odd addresses": odd, "backwards": x[:, ::-1].copy()[:, ::-1]}
    if x.dtype == np.float16:
        found["swapped"] = x.byteswap().view(x.dtype.newbyteorder())
    return found


@each_half
@pytest.mark.parametrize("length", [1, 2, 16, 64, 2**16])
def test_every_number_passes_through_however_it_lies(dtype, length):
    x = np.arange(2**16, dtype=np.uint16).view(dtype).reshape(-1, length)
    with np.errstate(invalid="ignore"):  # signalling ones
        numbers = np.isfinite(x)
    for name, placed in laid_out(x).items():
        for axis in (0, 1):
            y = lrncore.lrn(placed, LRNSpec(1, 1, 1.0, 0.0, 1.0), axis=axis)
            assert same_bits(y[numbers], x[numbers]), (name, axis)
            lrncore.lrn(x, LRNSpec(1, 1, 1.0, 0.0, 1.0), axis=axis, out=placed)
            assert same_bits(placed[numbers], x[numbers]), (name, axis)


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


def test_recomputed_results_are_those_of_float32_rounded_once():
    """Squares and sums beyond float32's range: bfloat16 has that range."""
    dtype = cases.HALVES[1]
    x, g = (halves((2, 9, 70), dtype, seed) for seed in (0, 1))
    x[:, 2:7, ::3] *= dtype.type(1e30)
    wide, wide_g = x.astype(np.float32), g.astype(np.float32)
    for axis in (1, (1, 2)):
        with np.errstate(over="ignore"):
            expected = lrncore.lrn(wide, cases.STRONG, axis).astype(dtype)
            assert same_bits(lrncore.lrn(x, cases.STRONG, axis), expected)
            for compute in (lrncore.lrn_backward, lrncore.lrn_jvp):
                expected = compute(wide_g, wide, cases.STRONG, axis).astype(dtype)
                assert same_bits(compute(g, x, cases.STRONG, axis), expected)


def test_float16_whose_square_is_beyond_its_range():
    x = np.full((1, 5, 3), 300, np.float16)
    exact = reference.forward(x, *cases.parameters(cases.ALEXNET), 1)
    assert np.array_equal(lrncore.lrn(x, cases.ALEXNET), exact.astype(np.float16))


@each_half
def test_param_grads_are_those_of_float32(dtype):
    x, g = halves((2, 40, 67), dtype), halves((2, 40, 67), dtype, 1)
    wide = lrncore.lrn_param_grads(g.astype(np.float32), x.astype(np.float32), cases.STRONG)
    assert lrncore.lrn_param_grads(g, x, cases.STRONG) == wide


def test_nothing_imports_ml_dtypes(python):
    program = "import sys, numpy, lrncore; lrncore.local_response_norm(numpy.ones((1, 2), numpy.float16), 5)"
    assert python(program + "; print('ml_dtypes' in sys.modules)") == "False"
