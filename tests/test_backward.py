"""The gradient against its formula and against finite differences, for every instruction set."""

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
    g = cases.normal(case.shape, dtype, seed=1)
    dx, terms = reference.backward(g, x, *cases.parameters(spec), case.axis, cases.ORACLE[np.dtype(dtype)])
    return g, x, dx, cases.gradient_eps(dtype, spec, case.channels) * np.finfo(dtype).eps * terms


def check(case, dtype, spec):
    g, x, expected, allowed = exact(case, dtype, spec)
    dx = lrncore.lrn_backward(g, x, spec, case.axis)
    assert (abs(dx - expected) <= allowed).all()


@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("name", cases.SHAPES)
def test_shape(name, dtype):
    check(cases.SHAPES[name], dtype, cases.STRONG)


@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("layout", cases.LAYOUTS)
@pytest.mark.parametrize("size", cases.SIZES)
@pytest.mark.parametrize("convention", [LRNSpec.torch, LRNSpec.onnx], ids=["torch", "onnx"])
def test_size(convention, size, layout, dtype):
    check(cases.LAYOUTS[layout], dtype, convention(size, 3.0, 0.75, 0.5))


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


# (before, after): the gradient's window is the reflected one, which only a lopsided window shows
FINITE_DIFFERENCES = {
    "1": (0, 0),
    "2_torch": (1, 0),
    "2_onnx": (0, 1),
    "3": (1, 1),
    "4_torch": (2, 1),
    "4_onnx": (1, 2),
    "5": (2, 2),
    "behind_only": (3, 0),
    "ahead_only": (0, 3),
    "lopsided": (1, 4),
    "long": (9, 6),
    "longer_than_the_channels": (20, 20),
}


@pytest.mark.parametrize("beta", [0.5, 0.6, 0.75, 1.0, 2.0, -0.75])
@pytest.mark.parametrize("window", FINITE_DIFFERENCES)
@pytest.mark.parametrize("case", [cases.Shape((1, 13), 1), cases.Shape((1, 12, 2), 1)], ids=["packed", "planar"])
def test_finite_differences(case, window, beta):
    spec = LRNSpec(*FINITE_DIFFERENCES[window], scale=0.8, beta=beta, k=0.6)
    x = cases.normal(case.shape, np.float64)
    g = cases.normal(case.shape, np.float64, seed=1)
    dx = lrncore.lrn_backward(g, x, spec, case.axis)
    numeric = reference.finite_differences(g, x, *cases.parameters(spec), case.axis)
    assert np.allclose(dx, numeric.astype(np.float64), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("layout", cases.LAYOUTS)
def test_gradient_is_linear_in_g(layout):
    case = cases.LAYOUTS[layout]
    x = cases.normal(case.shape)
    g = cases.normal(case.shape, seed=1)
    doubled = lrncore.lrn_backward(2 * g, x, cases.STRONG, case.axis)
    assert np.array_equal(doubled, 2 * lrncore.lrn_backward(g, x, cases.STRONG, case.axis))


def test_default_axis_is_1():
    x = cases.normal((3, 12, 5, 2))
    g = cases.normal((3, 12, 5, 2), seed=1)
    expected = lrncore.lrn_backward(g, x, cases.STRONG, axis=1)
    assert np.array_equal(lrncore.lrn_backward(g, x, cases.STRONG), expected)


# Where g * s^-beta / s leaves the range of float32 although the gradient does not.
LARGE_AND_SMALL = {
    "1e12_three_quarters": (1e12, 0.75, 2.0),
    "1e18_half": (1e18, 0.5, 2.0),
    "1e7_two": (1e7, 2.0, 2.0),
    "1e-12_three_quarters": (1e-12, 0.75, 0.0),
    "1e-14_three_quarters": (1e-14, 0.75, 0.0),
}


@pytest.mark.parametrize("layout", ["planar", "packed"])
@pytest.mark.parametrize("name", LARGE_AND_SMALL)
def test_intermediate_results_stay_in_range(name, layout):
    magnitude, beta, k = LARGE_AND_SMALL[name]
    case = cases.LAYOUTS[layout]
    spec = LRNSpec(2, 2, 1.0, beta, k)
    x = (cases.normal(case.shape, np.float64) * magnitude).astype(np.float32)
    g = cases.normal(case.shape, seed=1)
    dx = lrncore.lrn_backward(g, x, spec, case.axis)
    expected, terms = reference.backward(g, x, *cases.parameters(spec), case.axis)
    info = np.finfo(np.float32)
    assert (abs(dx - expected) <= 8 * max(1, beta) * info.eps * terms + info.smallest_subnormal).all()
