"""The forward against the formula, for every instruction set."""

from functools import cache

import cases
import numpy as np
import pytest
import reference

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")


@cache
def exact(case, dtype, spec):
    """Compute the same for every instruction set once."""
    x = cases.normal(case.shape, dtype)
    return x, reference.forward(x, *cases.parameters(spec), case.axis, cases.ORACLE[np.dtype(dtype)])


def check(case, dtype, spec):
    x, expected = exact(case, dtype, spec)
    y = lrncore.lrn(x, spec, case.axis)
    assert reference.ulps(y, expected).max() <= cases.forward_ulp(dtype, spec, case.channels)


@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("name", cases.SHAPES)
def test_shape(name, dtype):
    check(cases.SHAPES[name], dtype, cases.STRONG)


@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("layout", cases.LAYOUTS)
@pytest.mark.parametrize("size", cases.SIZES)
@pytest.mark.parametrize("convention", [LRNSpec.torch, LRNSpec.onnx], ids=["torch", "onnx"])
def test_size(convention, size, layout, dtype):
    check(cases.LAYOUTS[layout], dtype, convention(size, 3.0, 0.75, 1e-3))


@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("layout", ["planar", "packed"])
@pytest.mark.parametrize("k", cases.KS)
@pytest.mark.parametrize("beta", cases.BETAS)
@pytest.mark.parametrize("alpha", cases.ALPHAS)
def test_parameters(alpha, beta, k, layout, dtype):
    check(cases.LAYOUTS[layout], dtype, LRNSpec.torch(5, alpha, beta, k))


@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("layout", cases.LAYOUTS)
@pytest.mark.parametrize("window", [name for name in cases.WINDOWS if name not in cases.UNBOUNDED])
def test_window(window, layout, dtype):
    check(cases.LAYOUTS[layout], dtype, LRNSpec(*cases.WINDOWS[window], scale=0.7, beta=0.75, k=0.3))


@pytest.mark.parametrize("channels", [1, 2, 15, 16, 17, 63, 65])
@pytest.mark.parametrize("window", cases.UNBOUNDED)
@pytest.mark.parametrize("layout", ["planar", "packed"])
def test_window_longer_than_the_channels(layout, window, channels):
    case = cases.Shape((3, channels, 70), 1) if layout == "planar" else cases.Shape((70, channels), 1)
    check(case, np.float32, LRNSpec(*cases.WINDOWS[window], scale=0.7, beta=0.75, k=0.3))


@pytest.mark.parametrize("axis", range(-4, 4))
def test_every_axis(axis):
    check(cases.Shape((7, 18, 6, 21), axis), np.float32, cases.STRONG)


def test_default_axis_is_1():
    x = cases.normal((3, 12, 5, 2))
    expected = lrncore.lrn(x, cases.STRONG, axis=1)
    assert np.array_equal(lrncore.lrn(x, cases.STRONG), expected)


@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
def test_result_has_the_dtype_of_x(dtype):
    assert lrncore.lrn(cases.normal((2, 8), dtype), cases.STRONG).dtype == dtype


@pytest.mark.parametrize("layout", cases.LAYOUTS)
def test_zero_exponent_gives_x_itself(layout):
    case = cases.LAYOUTS[layout]
    x = cases.normal(case.shape)
    assert np.array_equal(lrncore.lrn(x, LRNSpec(2, 2, 1.0, 0.0, 1.0), case.axis), x)


@pytest.mark.parametrize("beta", cases.BETAS)
@pytest.mark.parametrize("layout", cases.LAYOUTS)
def test_sign_of_x_is_kept_and_nothing_else_depends_on_it(layout, beta):
    case = cases.LAYOUTS[layout]
    x = cases.normal(case.shape)
    spec = LRNSpec(3, 1, 1.0, beta, 0.5)
    mirrored = lrncore.lrn(-x, spec, case.axis)
    assert np.array_equal(cases.bits(mirrored), cases.bits(-lrncore.lrn(x, spec, case.axis)))
