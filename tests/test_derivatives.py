"""Forward mode, and the derivatives with respect to the parameters."""

import cases
import numpy as np
import pytest
import reference
from placement import contiguous, place

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")

LAYOUTS = cases.LAYOUTS | {
    "several_tiles": cases.Shape((1, 12, 3001), 1),
    "channels_first": cases.Shape((33, 70), 0),
}
BETAS = (0.25, 0.5, 0.75, 1.0, 1.7, 2.0, -0.75)
SPECS = (
    *(LRNSpec(2, 2, 0.4, beta, 1.25) for beta in BETAS),
    LRNSpec(1, 2, 0.4, 0.75, 0.0625),
    LRNSpec(0, 0, 1.0, 0.75, 1.0),
    LRNSpec(9, 14, 0.2, 0.6, 2.0),
    LRNSpec(2, 1, 0.0, 0.75, 2.0),
)
each_layout = pytest.mark.parametrize("layout", LAYOUTS)
each_dtype = pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
each_spec = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"n{spec.size}_beta{spec.beta}_{spec.k}")


def operands(case, dtype):
    return cases.normal(case.shape, dtype, 1), cases.normal(case.shape, dtype)


@each_layout
@each_dtype
@each_spec
def test_jvp_is_the_formula(spec, dtype, layout):
    case = LAYOUTS[layout]
    dx, x = operands(case, dtype)
    exact, terms = reference.jvp(dx, x, *cases.parameters(spec), case.axis, cases.ORACLE[x.dtype])
    error = abs(lrncore.lrn_jvp(dx, x, spec, case.axis) - exact)
    assert (error <= cases.gradient_eps(dtype, spec, case.channels) * np.finfo(dtype).eps * terms).all()


@each_layout
@pytest.mark.parametrize("spec", SPECS[:9:2], ids=str)
def test_jvp_is_the_transposed_gradient(spec, layout):
    case = LAYOUTS[layout]
    dx, x = operands(case, np.float64)
    g = cases.normal(case.shape, np.float64, 2)
    forwards = np.sum(g * lrncore.lrn_jvp(dx, x, spec, case.axis))
    backwards = np.sum(lrncore.lrn_backward(g, x, spec, case.axis) * dx)
    assert forwards == pytest.approx(backwards, rel=1e-11)


@pytest.mark.parametrize("target", ["dx", "x", "new", "strided", "overlapping"])
@each_layout
def test_jvp_writes_where_it_is_told(layout, target):
    case = LAYOUTS[layout]
    dx, x = operands(case, np.float32)
    expected = lrncore.lrn_jvp(dx, x, cases.STRONG, case.axis)
    memory = np.zeros((*case.shape, 2), np.float32)
    out = {"dx": dx, "x": x, "new": memory[..., 0].copy(), "strided": memory[..., 1]}.get(target)
    if target == "overlapping":
        x = np.append(np.float32(0), x.ravel())[1:].reshape(case.shape)
        out = x.base[: x.size].reshape(case.shape) if x.base is not None else x
    assert lrncore.lrn_jvp(dx, x, cases.STRONG, case.axis, out=out) is out
    assert np.array_equal(cases.bits(out), cases.bits(expected))


@each_layout
@pytest.mark.parametrize("threads", [2, 3])
def test_jvp_bits_do_not_depend_on_threads(threads, layout):
    case = LAYOUTS[layout]
    dx, x = operands(case, np.float32)
    serial = lrncore.lrn_jvp(dx, x, cases.STRONG, case.axis, num_threads=1)
    parallel = lrncore.lrn_jvp(dx, x, cases.STRONG, case.axis, num_threads=threads)
    assert np.array_equal(cases.bits(parallel), cases.bits(serial))


@each_layout
@each_dtype
@each_spec
def test_param_grads_are_the_formula(spec, dtype, layout):
    case = LAYOUTS[layout]
    g, x = operands(case, dtype)
    found = lrncore.lrn_param_grads(g, x, spec, case.axis)
    for value, exact, terms in zip(
        found, *reference.param_grads(g, x, *cases.parameters(spec), case.axis), strict=True
    ):
        assert abs(value - exact) <= cases.gradient_eps(dtype, spec, case.channels) * np.finfo(dtype).eps * terms


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


@each_layout
def test_param_grads_of_strided_and_swapped_arrays(layout):
    case = LAYOUTS[layout]
    g, x = operands(case, np.float32)
    expected = lrncore.lrn_param_grads(g, x, cases.STRONG, case.axis)
    swapped = place(x, contiguous(x.ndim)._replace(swapped=True))
    assert lrncore.lrn_param_grads(g, swapped, cases.STRONG, case.axis) == pytest.approx(expected, rel=1e-13)
    spread = np.repeat(g, 2, axis=0)[::2]
    assert lrncore.lrn_param_grads(spread, x, cases.STRONG, case.axis) == pytest.approx(expected, rel=1e-6)


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
