"""Windows along several axes: the formula over a box, in any layout, and the same bits."""

import itertools
from dataclasses import replace

import cases
import numpy as np
import pytest
import reference
from cases import Shape
from operators import OPERATORS, assert_same, check, check_far, check_over, check_placed
from placement import contiguous

import lrncore
from lrncore import LRNSpec, _call

DTYPES = cases.DTYPES + cases.HALVES

pytestmark = pytest.mark.usefixtures("isa")
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
each_operator = pytest.mark.parametrize("name", OPERATORS)
each_writer = pytest.mark.parametrize("name", [name for name, operator in OPERATORS.items() if operator.takes_out])

# (before, after): direct and by levels, even and odd, and beyond the axes
WINDOWS = ((0, 0), (1, 1), (1, 0), (0, 2), (2, 2), (4, 3), (4, 4), (5, 4), (13, 13), (2, 40), (10**30, 10**30))


@each_dtype
@each_operator
def test_windows(name, dtype):
    for case, window in itertools.product(
        cases.BOXES.values(), WINDOWS if dtype in cases.DTYPES else WINDOWS[1::4]
    ):
        check(name, case, dtype, LRNSpec(*window, scale=0.3, beta=0.75, k=0.5))


@each_dtype
@each_operator
def test_powers(name, dtype):
    for case, beta in itertools.product(cases.PLANES.values(), (0.0, 0.5, 0.6, 1.0, 1.7, 2.0, -0.75)):
        check(name, case, dtype, LRNSpec(1, 2, scale=0.4, beta=beta, k=0.5))
        check(name, case, dtype, LRNSpec(7, 7, scale=0.1, beta=beta, k=1e-3))


def test_the_oracle_adds_up_boxes():
    x = cases.normal((3, 4, 5, 6), np.float64)
    for axes in ((), (1,), (0, 3), (-1, 1), (2, 1, 0), (0, 1, 2, 3)):
        expected = np.empty_like(x)
        for at in np.ndindex(x.shape):
            box = [slice(i, i + 1) for i in at]
            for axis in axes:
                box[axis] = slice(max(at[axis] - 2, 0), at[axis] + 2)
            expected[at] = (x[tuple(box)] ** 2).sum()
        np.testing.assert_allclose(reference.sums(x, 2, 1, 1.0, 0.0, axes, np.float64), expected, rtol=1e-13)


@pytest.mark.parametrize("window", [(1, 1), (1, 0), (2, 5), (6, 6), (20, 20)], ids=str)
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
def test_a_map_of_ones_shows_how_many_a_box_holds(dtype, window):
    before, after = window
    shape, axes = (2, 7, 12), (1, 2)
    held = [
        [min(i + after, n - 1) - max(i - before, 0) + 1 for i in range(n)] for n in (shape[axis] for axis in axes)
    ]
    counts = np.broadcast_to(np.multiply.outer(*held), shape)
    y = lrncore.lrn(np.ones(shape, dtype), LRNSpec(before, after, scale=1.0, beta=1.0, k=1.0), axes)
    np.testing.assert_allclose(y, 1 / (1.0 + counts), rtol=2 * np.finfo(dtype).eps)


# ---- the same bits ----------------------------------------------------------------------------------------

SPECS = (LRNSpec(1, 1, 0.4, 0.75, 0.5), LRNSpec(1, 2, 0.7, 0.6, 1e-3), LRNSpec(9, 14, 0.2, 1.0, 2.0))
PLACEMENTS = {
    "fortran": lambda ndim, _: {"order": tuple(reversed(range(ndim)))},
    "rotated": lambda ndim, _: {"order": (*range(1, ndim), 0)},
    "every_other": lambda ndim, item: {"gaps": (item,) + (0,) * (ndim - 1)},
    "rows_apart": lambda ndim, item: {"gaps": (0, 3 * item) + (0,) * (ndim - 2)},
    "reversed": lambda ndim, _: {"reversed_axes": (True,) * ndim},
    "misaligned": lambda *_: {"offset": 1},
    "swapped": lambda *_: {"swapped": True},
    "read_only": lambda *_: {"read_only": True},
}
SEVERAL = [case for case in cases.BOXES.values() if len(case.axis) != 1]


@each_dtype
@each_operator
def test_one_axis_is_the_same_as_a_tuple_or_an_int(name, dtype):
    compute, arrays = OPERATORS[name].compute, OPERATORS[name].arrays
    operands = [cases.normal((3, 20, 5), dtype, seed) for seed in range(arrays)]
    for axis, spec in itertools.product((0, 1, -1), SPECS):
        found, expected = (np.asarray(compute(*operands, spec, axes)) for axes in ((axis,), axis))
        assert_same(found, expected)


@each_dtype
@each_operator
def test_the_order_of_the_axes_does_not_matter(name, dtype):
    compute, arrays = OPERATORS[name].compute, OPERATORS[name].arrays
    operands = [cases.normal((3, 8, 5, 9), dtype, seed) for seed in range(arrays)]
    expected = np.asarray(compute(*operands, SPECS[1], (1, 2, 3)))
    for axes in ((3, 1, 2), (-1, -2, -3), (2, -1, 1)):
        assert_same(np.asarray(compute(*operands, SPECS[1], axes)), expected)


@each_dtype
@each_operator
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_placements(placement, name, dtype):
    for case, spec in zip(SEVERAL, itertools.cycle(SPECS), strict=False):
        ndim = len(case.shape)
        where = contiguous(ndim)._replace(**PLACEMENTS[placement](ndim, dtype.itemsize))
        check_placed(name, case, dtype, spec, placement=where)


@each_dtype
@each_writer
def test_channels_last_are_channels_first(name, dtype):
    compute, arrays = OPERATORS[name].compute, OPERATORS[name].arrays
    for shape, spec in itertools.product(((2, 5, 8, 9), (1, 35, 6, 40)), SPECS):
        operands = [cases.normal(shape, dtype, seed) for seed in range(arrays)]
        packed = [np.ascontiguousarray(np.moveaxis(operand, 1, -1)) for operand in operands]
        found = np.moveaxis(compute(*packed, spec, (1, 2)), -1, 1)
        assert_same(found, compute(*operands, spec, (2, 3)))


# so large that each thread takes a part, and two axes of them together
LARGE = {
    "planes": Shape((2, 16, 30, 61), (2, 3)),
    "packed": Shape((40, 41, 35), (0, 1)),
    "one_plane": Shape((210, 301), (0, 1)),
    "cubes": Shape((3, 17, 30, 41), (1, 2, 3)),
}


@each_operator
@pytest.mark.parametrize("case", LARGE.values(), ids=LARGE)
def test_bits_do_not_depend_on_threads(case, name):
    for dtype, spec in zip(cases.DTYPES, SPECS, strict=False):
        for threads in (1, 2, 3, 5):
            check_placed(name, case, dtype, spec, placement=contiguous(len(case.shape)), threads=threads)


@each_dtype
@each_writer
def test_results_over_and_beside_an_operand(name, dtype):
    for case in SEVERAL:
        for over in range(OPERATORS[name].arrays):
            check_over(name, case, dtype, SPECS[0], over=over)
            check_over(name, case, dtype, SPECS[1], over=over, swapped=True)
            for shift in (-21, -1, 1, 70):
                check_over(name, case, dtype, SPECS[0], over=over, shift=shift)


@each_writer
@pytest.mark.parametrize("axes", [(1, 2), (0, 1)], ids=str)
def test_far_arrays(axes, name):
    check_far(name, Shape((60, 61, 640), axes), np.dtype(np.float32), SPECS[0])


# ---- what a bad element reaches ---------------------------------------------------------------------------


def reached(shape, axes, at, back, ahead):
    """Return which places lie in the box around one."""
    inside = np.zeros(shape, bool)
    inside[tuple(slice(max(i - back, 0), i + ahead + 1) if axis in axes else i for axis, i in enumerate(at))] = True
    return inside


@each_writer
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("case", [*cases.PLANES.values(), cases.BOXES["three"], cases.BOXES["first_two"]], ids=str)
def test_a_bad_element_stays_within_its_box(case, dtype, name):
    compute, arrays = OPERATORS[name].compute, OPERATORS[name].arrays
    for (spec, bad), place in itertools.product(
        itertools.product((SPECS[1], replace(SPECS[2], before=3, after=8)), (np.nan, np.inf, 1e18, 1e30)), (0, 2, 1)
    ):
        operands = [cases.normal(case.shape, dtype, seed) for seed in range(arrays)]
        expected = compute(*operands, spec, case.axis)
        at = tuple(min(place * n // 2, n - 1) for n in case.shape)
        operands[-1][at] = bad
        found = compute(*operands, spec, case.axis)
        # y[i] depends on the box of i; a gradient on every y that does
        back, ahead = spec.after, spec.before
        if name == "lrn_backward":
            back = ahead = spec.before + spec.after
        outside = ~reached(case.shape, case.axis, at, back, ahead)
        assert np.array_equal(cases.bits(found)[outside], cases.bits(expected)[outside])
        if np.isnan(bad):
            assert np.isnan(found[~outside]).all()


# ---- derivatives ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [(1, 1), (1, 0), (0, 2), (2, 1), (9, 9)], ids=str)
@pytest.mark.parametrize("axes", [(1, 2), (0, 2), (0, 1, 2), ()], ids=str)
def test_gradients_are_differences(axes, window):
    x, g = cases.normal((3, 5, 4), np.float64), cases.normal((3, 5, 4), np.float64, 1)
    spec = LRNSpec(*window, 0.3, 0.6, 0.5)
    expected = reference.once(reference.finite_differences, g, x, *cases.parameters(spec), axes)
    np.testing.assert_allclose(lrncore.lrn_backward(g, x, spec, axes), expected.astype(float), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("window", [(1, 1), (1, 0), (0, 3), (7, 4)], ids=str)
@pytest.mark.parametrize("case", cases.PLANES.values(), ids=cases.PLANES)
def test_the_tangent_is_the_transpose_of_the_gradient(case, window):
    x, g, dx = (cases.normal(case.shape, np.float64, seed) for seed in range(3))
    spec = LRNSpec(*window, 0.3, 0.75, 0.5)
    forwards = np.sum(g * lrncore.lrn_jvp(dx, x, spec, case.axis))
    backwards = np.sum(lrncore.lrn_backward(g, x, spec, case.axis) * dx)
    assert forwards == pytest.approx(backwards, rel=1e-11)


# ---- the rest ---------------------------------------------------------------------------------------------


@each_operator
@pytest.mark.parametrize("axes", [(0, 1), (1, 2), (0, 1, 2), ()], ids=str)
@pytest.mark.parametrize("shape", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0)], ids=str)
def test_empty_arrays(shape, axes, name):
    x = np.empty(shape, np.float32)
    found = OPERATORS[name].compute(*[x] * OPERATORS[name].arrays, SPECS[0], axes)
    if OPERATORS[name].takes_out:
        assert found.shape == shape
    else:
        assert found == (0.0, 0.0, 0.0)


def test_a_window_of_the_element_alone():
    x = cases.normal((3, 4), np.float64)
    expected = lrncore.lrn(x, replace(SPECS[1], before=0, after=0))
    assert np.array_equal(lrncore.lrn(x, SPECS[1], ()), expected)


def test_the_twins_and_the_layer_take_axes():
    x = cases.normal((2, 5, 6, 7))
    spec = LRNSpec(2, 1, 0.5 / 16, 0.6, 2.0)
    y = lrncore.lrn(x, spec, (2, 3))
    assert np.array_equal(lrncore.local_response_norm(x, 4, 0.5, 0.6, 2.0, axis=(2, 3)), y)
    layer = lrncore.LocalResponseNorm(4, 0.5, 0.6, 2.0, axis=(2, 3))
    assert layer.spec == spec
    assert np.array_equal(layer(x), y)
    assert np.array_equal(layer.backward(y, x), lrncore.lrn_backward(y, x, spec, (2, 3)))
    undivided = lrncore.local_response_normalization(x, 2, 2.0, 0.5, 0.6, axis=(2, 3))
    assert np.array_equal(undivided, lrncore.lrn(x, LRNSpec(2, 2, 0.5, 0.6, 2.0), (2, 3)))


def test_calls_of_boxes_are_another_kind_than_those_of_windows():
    assert _call.work_of(SPECS[0], (2, 3)) != _call.work_of(SPECS[0], (1,))


@pytest.mark.parametrize("shape", [(2,) * 60, (2**30, 2**30)], ids=["axes", "places"])
def test_rows_beyond_any_memory_are_refused(shape):
    """An array that repeats one element may have any number of them."""
    x = np.broadcast_to(np.float32(1), shape)
    with pytest.raises(MemoryError, match="longer than any memory"):
        lrncore.lrn_param_grads(x, x, cases.ALEXNET, tuple(range(len(shape))))
