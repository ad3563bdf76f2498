"""The gradient against finite differences; that it is its formula is tested in test_operators.py."""

from functools import lru_cache

import cases
import numpy as np
import pytest
import reference

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")

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


@lru_cache
def differences(case, spec):
    """Compute the same for every instruction set once."""
    g, x = cases.normal(case.shape, np.float64, seed=1), cases.normal(case.shape, np.float64)
    return g, x, reference.finite_differences(g, x, *cases.parameters(spec), case.axis).astype(np.float64)


@pytest.mark.parametrize("beta", [0.5, 0.6, 0.75, 1.0, 2.0, -0.75])
@pytest.mark.parametrize("window", FINITE_DIFFERENCES)
@pytest.mark.parametrize("case", [cases.Shape((1, 13), 1), cases.Shape((1, 12, 2), 1)], ids=["packed", "planar"])
def test_finite_differences(case, window, beta):
    spec = LRNSpec(*FINITE_DIFFERENCES[window], scale=0.8, beta=beta, k=0.6)
    g, x, expected = differences(case, spec)
    dx = lrncore.lrn_backward(g, x, spec, case.axis)
    assert np.allclose(dx, expected, rtol=1e-9, atol=1e-11)


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
    expected, terms = reference.once(reference.backward, g, x, *cases.parameters(spec), case.axis)
    info = np.finfo(np.float32)
    assert (abs(dx - expected) <= 8 * max(1, beta) * info.eps * terms + info.smallest_subnormal).all()
