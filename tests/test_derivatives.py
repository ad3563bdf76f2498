"""Forward mode and the derivatives with respect to the parameters, beside the formulas in test_operators.py."""

import cases
import numpy as np
import pytest
import reference

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")

LAYOUTS = cases.LAYOUTS | {
    "several_tiles": cases.Shape((1, 12, 3001), 1),
    "channels_first": cases.Shape((33, 70), 0),
}
SPECS = (
    *(LRNSpec(2, 2, 0.4, beta, 1.25) for beta in (0.25, 0.75, 1.7, -0.75)),
    LRNSpec(0, 0, 1.0, 0.75, 1.0),
)
each_layout = pytest.mark.parametrize("layout", LAYOUTS)
each_dtype = pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)


def operands(case, dtype):
    return cases.normal(case.shape, dtype, 1), cases.normal(case.shape, dtype)


@each_layout
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_jvp_is_the_transposed_gradient(spec, layout):
    case = LAYOUTS[layout]
    dx, x = operands(case, np.float64)
    g = cases.normal(case.shape, np.float64, 2)
    forwards = np.sum(g * lrncore.lrn_jvp(dx, x, spec, case.axis))
    backwards = np.sum(lrncore.lrn_backward(g, x, spec, case.axis) * dx)
    assert forwards == pytest.approx(backwards, rel=1e-11)


def test_param_grads_are_finite_differences():
    case = cases.LAYOUTS["planar"]
    g, x = operands(case, np.float64)
    at = {"scale": 0.4, "beta": 0.6, "k": 1.25}
    found = lrncore.lrn_param_grads(g, x, LRNSpec(2, 1, **at))
    for name, value in at.items():
        step = 1e-5
        losses = [
            np.sum(g * lrncore.lrn(x, LRNSpec(2, 1, **(at | {name: value + sign * step})))) for sign in (1, -1)
        ]
        assert getattr(found, name) == pytest.approx((losses[0] - losses[1]) / (2 * step), rel=1e-7)


@each_layout
@pytest.mark.parametrize("threads", [2, 3, 5, 40])
def test_param_grads_do_not_depend_on_threads(threads, layout):
    case = LAYOUTS[layout]
    g, x = operands(case, np.float32)
    serial = lrncore.lrn_param_grads(g, x, cases.STRONG, case.axis, num_threads=1)
    assert lrncore.lrn_param_grads(g, x, cases.STRONG, case.axis, num_threads=threads) == serial


def test_sums_that_cancel_keep_their_digits():
    """Ten thousand pairs of large terms, equal and opposite, and one small one."""
    x = np.ones((1, 20001), np.float32)
    g = np.tile(np.float32([3e7, -3e7]), 10001)[None, :20001].copy()
    g[0, -1] = 1
    grads = lrncore.lrn_param_grads(g, x, LRNSpec(0, 0, 1.0, 1.0, 1.0))
    assert grads.k == pytest.approx(-0.25, rel=1e-6)
    assert grads.scale == pytest.approx(-0.25, rel=1e-6)
    assert grads.beta == pytest.approx(-np.log(2) / 2, rel=1e-6)


@each_dtype
def test_extremes(dtype):
    """One number whose square leaves the range, in every window of some channels."""
    x = cases.normal((3, 40), dtype)
    large = dtype.type(1e30 if dtype.itemsize == 4 else 1e300)
    x[1, 20] = large
    dx, g = np.ones_like(x), cases.normal(x.shape, dtype, 2)
    spec = cases.STRONG
    exact, terms = reference.jvp(dx, x, *cases.parameters(spec), 1)
    error = abs(lrncore.lrn_jvp(dx, x, spec) - exact)
    assert (error <= 16 * np.finfo(dtype).eps * terms + np.finfo(dtype).smallest_subnormal).all()
    found = lrncore.lrn_param_grads(g, x, spec)
    for value, exact, terms in zip(found, *reference.param_grads(g, x, *cases.parameters(spec), 1), strict=True):
        assert abs(value - exact) <= 16 * np.finfo(dtype).eps * terms


def test_empty():
    empty = np.ones((0, 5, 3), np.float32)
    assert lrncore.lrn_jvp(empty, empty, cases.STRONG).shape == empty.shape
    assert lrncore.lrn_param_grads(empty, empty, cases.STRONG) == (0, 0, 0)


def test_errors():
    x = np.ones((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"dx must have the shape of x, \(2, 3\), got \(3, 2\)"):
        lrncore.lrn_jvp(x.T, x, cases.STRONG)
    with pytest.raises(TypeError, match="g must have the dtype of x, float32, got float64"):
        lrncore.lrn_param_grads(x.astype(float), x, cases.STRONG)
    with pytest.raises(TypeError, match="spec must be"):
        lrncore.lrn_param_grads(x, x, 5)
    with pytest.raises(ValueError, match="axis must be in"):
        lrncore.lrn_param_grads(x, x, cases.STRONG, axis=2)
    with pytest.raises(ValueError, match="num_threads must be"):
        lrncore.lrn_param_grads(x, x, cases.STRONG, num_threads=0)
