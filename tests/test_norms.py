"""The moment norms are their formulas, at any mean, in every layout and range."""

import cases
import norm_reference as reference
import numpy as np
import pytest
from norm_reference import NEAR, assert_near
from placement import Placement, contiguous, place

import lrncore

MEANS = (0, 1, 100, 1e4, 1e6)
# shape, axes: rows shorter and longer than a tile, sets of several rows, sets side by side
SHAPES = {
    "rows": ((37, 96), (1,)),
    "row_of_a_tile_and_more": ((3, 9001), (1,)),
    "short_rows": ((70, 3), (1,)),
    "rows_along_two_axes": ((3, 17, 24), (2,)),
    "images": ((2, 6, 5, 7), (1, 2, 3)),
    "channels_of_images": ((2, 100, 3, 17), (1,)),
    "side_by_side": ((130, 300), (0,)),
    "outer_axes": ((4, 30, 33), (0, 1)),
    "apart": ((5, 3, 20), (0, 2)),
    "one_set": ((7, 11), (0, 1)),
}


@pytest.fixture(params=[True, False], ids=["layer", "rms"])
def centred(request):
    return request.param


def forward(centred, x, axes, weight, bias, **more):
    if centred:
        return lrncore.layer_norm(x, axes, weight, bias, **more)
    return lrncore.rms_norm(x, axes, weight, **{"eps": 1e-5} | more)


def backward(centred, g, x, axes, weight, **more):
    if centred:
        return lrncore.layer_norm_backward(g, x, axes, weight, **more)
    return lrncore.rms_norm_backward(g, x, axes, weight, **{"eps": 1e-5} | more)


def operands(shape, axes, dtype, mean=0.0):
    rng = np.random.default_rng(len(shape))
    x, g = rng.standard_normal((2, *shape))
    lengths = tuple(shape[axis] for axis in axes)
    weight, bias = rng.uniform(0.5, 2, lengths), rng.standard_normal(lengths)
    return [each.astype(dtype) for each in (g, x + mean, weight, bias)]


def ends(axes, ndim, end):
    """Return the index of the first or last element of every set."""
    return tuple(end if axis in axes else slice(None) for axis in range(ndim))


@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.usefixtures("isa")
def test_forward_is_the_formula_at_any_mean(name, dtype, mean, centred):
    shape, axes = SHAPES[name]
    _, x, weight, bias = operands(shape, axes, dtype, mean)
    y = forward(centred, x, axes, weight, bias if centred else None)
    expected = reference.forward(x, axes, axes, weight, bias if centred else None, 1e-5, centred)
    assert_near(y, expected, NEAR[dtype])


# of the elements that x is taken less of in the sums, all may be far from the mean: one set in some hundreds
@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.usefixtures("isa")
def test_none_of_many_sets_is_less_exact(axis, mean):
    shape = (64, 20000) if axis == 0 else (20000, 64)
    x = (np.random.default_rng(7).standard_normal(shape) + mean).astype(np.float32)
    expected = reference.forward(x, (axis,), (axis,), None, None, 1e-5, True)
    assert abs(lrncore.layer_norm(x, axis) - expected).max() < 2e-6


@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.usefixtures("isa")
def test_backward_is_the_formula_at_any_mean(name, dtype, mean, centred):
    shape, axes = SHAPES[name]
    g, x, weight, _ = operands(shape, axes, dtype, mean)
    found = backward(centred, g, x, axes, weight)
    expected = reference.backward(g, x, axes, axes, weight, 1e-5, centred)
    for each, exact in zip(found, expected, strict=False):
        assert_near(each, exact, 20 * NEAR[dtype])


@pytest.mark.usefixtures("isa")
def test_gradient_with_a_large_mean_is_the_formula():
    g, x, _weight, _ = operands((37, 96), (1,), np.float32, 1e4)
    g += np.float32(1e4)
    found = lrncore.layer_norm_backward(g, x).dx
    assert_near(found, reference.backward(g, x, (1,), (1,), None, 1e-5, True)[0], 1e-5)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.usefixtures("isa")
def test_no_parameters_are_one_and_zero(name, centred):
    shape, axes = SHAPES[name]
    g, x, weight, bias = operands(shape, axes, np.float32)
    one, zero = np.ones_like(weight), np.zeros_like(bias)
    assert np.array_equal(forward(centred, x, axes, None, None), forward(centred, x, axes, one, zero))
    found, expected = backward(centred, g, x, axes, None), backward(centred, g, x, axes, one)
    for each, other in zip(found, expected, strict=True):
        assert np.array_equal(each, other)


@pytest.mark.parametrize("dtype", cases.HALVES, ids=str)
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.usefixtures("isa")
def test_halves_are_float32_rounded_once(name, dtype, centred):
    shape, axes = SHAPES[name]
    g, x, weight, bias = operands(shape, axes, dtype, 3.0)
    wide = [each.astype(np.float32) for each in (g, x, weight, bias)]
    y = forward(centred, x, axes, weight, bias)
    assert np.array_equal(cases.bits(y), cases.bits(forward(centred, wide[1], axes, *wide[2:]).astype(dtype)))
    # float64: the gradients of weights come unrounded
    found = backward(centred, g, x, axes, weight)
    expected = backward(centred, *wide[:2], axes, wide[2].astype(np.float64))
    for each, other in zip(found, expected, strict=True):
        assert np.array_equal(cases.bits(each), cases.bits(other.astype(dtype)))


PLACES = {
    "gaps": lambda ndim: contiguous(ndim)._replace(gaps=(4,) + (8,) * (ndim - 1)),
    "rows_apart": lambda ndim: contiguous(ndim)._replace(gaps=(0,) + (12,) * (ndim - 1)),
    "reversed": lambda ndim: contiguous(ndim)._replace(reversed_axes=(True,) * ndim),
    "misaligned": lambda ndim: contiguous(ndim)._replace(offset=1),
    "swapped": lambda ndim: contiguous(ndim)._replace(swapped=True),
    "read_only": lambda ndim: contiguous(ndim)._replace(read_only=True),
}


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.usefixtures("isa")
def test_bits_do_not_depend_on_place_and_threads(name, where, centred):
    shape, axes = SHAPES[name]
    placement: Placement = PLACES[where](len(shape))
    g, x, weight, bias = operands(shape, axes, np.float32, 5.0)
    expected = forward(centred, x, axes, weight, bias, num_threads=1)
    out = place(np.zeros_like(x), placement._replace(read_only=False))
    assert forward(centred, place(x, placement), axes, weight, bias, out=out, num_threads=3) is out
    assert np.array_equal(out, expected)
    expected = backward(centred, g, x, axes, weight, num_threads=1)
    found = backward(centred, place(g, placement), place(x, placement), axes, weight, out=out, num_threads=3)
    assert found.dx is out
    for each, other in zip(found, expected, strict=True):
        assert np.array_equal(each, other)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.usefixtures("isa")
def test_memory_order_does_not_change_the_results_beyond_rounding(name, centred):
    shape, axes = SHAPES[name]
    g, x, weight, bias = operands(shape, axes, np.float32, 1e4)
    y = forward(centred, np.asfortranarray(x), axes, weight, bias)
    assert y.flags.f_contiguous
    assert_near(y, forward(centred, x, axes, weight, bias).astype(np.float64), 5e-7)
    found = backward(centred, np.asfortranarray(g), x, axes, weight)
    for each, other in zip(found, backward(centred, g, x, axes, weight), strict=True):
        assert np.array_equal(each, other)


@pytest.mark.parametrize("over", ["x", "g"])
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.usefixtures("isa")
def test_in_place(name, over, centred):
    shape, axes = SHAPES[name]
    g, x, weight, bias = operands(shape, axes, np.float32)
    y, expected = forward(centred, x, axes, weight, bias), backward(centred, g, x, axes, weight)
    found = backward(centred, g, x, axes, weight, out=(own := {"x": x, "g": g}[over]))
    assert found.dx is own
    for each, other in zip(found, expected, strict=True):
        assert np.array_equal(each, other)
    _, x, *_ = operands(shape, axes, np.float32)
    assert np.array_equal(forward(centred, x, axes, weight, bias, out=x), y)


def test_overlapping_out(centred):
    memory = np.random.default_rng(0).standard_normal(400).astype(np.float32)
    x, out = memory[:390].reshape(10, 39), memory[5:395].reshape(10, 39)
    expected = forward(centred, x.copy(), (1,), None, None)
    assert np.array_equal(forward(centred, x, (1,), None, None, out=out), expected)


@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("share", [0.99, 0.8, -0.8, -0.99])
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.usefixtures("isa")
def test_numbers_of_any_magnitude(name, share, dtype, centred):
    shape, axes = SHAPES[name]
    g, x, *_ = operands(shape, axes, dtype)
    # two bits for the largest of N(0, 1)
    factor = dtype.type(2.0 ** (share * (np.finfo(dtype).maxexp - 3)))
    y = forward(centred, x * factor, axes, None, None, eps=0)
    assert_near(y, reference.forward(x * factor, axes, axes, None, None, 0, centred), 2 * NEAR[dtype])
    # one of the two: their quotient has to be representable
    found = backward(centred, g * factor, x * factor, axes, None, eps=0).dx
    assert_near(
        found, reference.backward(g * factor, x * factor, axes, axes, None, 0, centred)[0], 20 * NEAR[dtype]
    )
    found = backward(centred, g * factor, x, axes, None, eps=0).dx
    assert_near(found / factor, reference.backward(g, x, axes, axes, None, 0, centred)[0], 20 * NEAR[dtype])


# differences of such elements, and sums of two, overflow
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("least", [-1, 0.5])
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.usefixtures("isa")
def test_the_largest_numbers(name, least, dtype, centred):
    shape, axes = SHAPES[name]
    g, x, *_ = operands(shape, axes, dtype)
    most = dtype.type(np.finfo(dtype).max)
    x = np.where(x < 0, dtype.type(least) * most, most)
    x[ends(axes, x.ndim, 0)] = most
    x[ends(axes, x.ndim, -1)] = dtype.type(least) * most
    y = forward(centred, x, axes, None, None)
    assert_near(y, reference.forward(x, axes, axes, None, None, 0, centred), 2 * NEAR[dtype])
    g = g * (most / dtype.type(16))
    found = backward(centred, g, x, axes, None).dx
    assert_near(found, reference.backward(g, x, axes, axes, None, 0, centred)[0], 20 * NEAR[dtype])


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.usefixtures("isa")
def test_constant_sets_give_the_bias(name):
    shape, axes = SHAPES[name]
    g, _, weight, bias = operands(shape, axes, np.float32)
    for value in (0, 0.1, -1e6, 1e-30):
        x = np.full(shape, value, np.float32)
        y = lrncore.layer_norm(x, axes, weight, bias)
        assert np.array_equal(y, np.broadcast_to(reference.spread(bias, x.ndim, axes), shape).astype(np.float32))
        assert not lrncore.layer_norm_backward(g, x, axes, weight).dweight.any()


@pytest.mark.parametrize("shape", [(40,), (5, 30), (2, 3, 4)])
@pytest.mark.usefixtures("isa")
def test_sets_of_one_element_give_the_bias_and_no_gradient(shape):
    g, x, weight, bias = operands((*shape, 1), (len(shape),), np.float32, 100.0)
    assert np.array_equal(lrncore.layer_norm(x, -1, weight, bias), np.broadcast_to(bias, x.shape))
    grads = lrncore.layer_norm_backward(g, x, -1, weight)
    assert not grads.dx.any()
    assert not grads.dweight.any()
    assert np.array_equal(lrncore.layer_norm(x, ()), np.zeros_like(x))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, 1e-30])
@pytest.mark.parametrize("name", ["rows", "channels_of_images", "side_by_side", "apart", "row_of_a_tile_and_more"])
@pytest.mark.usefixtures("isa")
def test_a_set_does_not_change_the_bits_of_others(name, value, centred):
    shape, axes = SHAPES[name]
    g, x, weight, bias = operands(shape, axes, np.float32)
    kept = tuple(0 if axis in axes else 1 for axis in range(x.ndim))
    at = tuple(slice(None) if axis in axes else 1 for axis in range(x.ndim))
    other = x.copy()
    other[kept] = value
    y, changed = (forward(centred, each, axes, weight, bias) for each in (x, other))
    dx, dx_changed = (backward(centred, g, each, axes, weight).dx for each in (x, other))
    for before, after in ((y, changed), (dx, dx_changed)):
        assert np.isfinite(after[at]).all() if np.isfinite(value) else np.isnan(after[at]).any()
        before[at] = after[at] = 0
        assert np.array_equal(before, after)


# beyond the caches (30000 rows), and through scratch (a reversed axis), results leave a bundle of rows at once
@pytest.mark.parametrize("rows", [40, 30000])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.usefixtures("isa")
def test_sets_out_of_range_in_place(rows, reverse, centred):
    x = np.random.default_rng(0).standard_normal((rows, 96)).astype(np.float32)
    x[3], x[7, 0], x[8, 0] = x[3] * np.float32(1e-30), 1e30, np.inf
    expected = np.concatenate([forward(centred, x[i : i + 1], (1,), None, None, eps=0) for i in range(20)])
    place = x[:, ::-1].copy()[:, ::-1] if reverse else x
    forward(centred, place, (1,), None, None, eps=0, out=place)
    assert np.array_equal(place[:20], expected, equal_nan=True)


@pytest.mark.parametrize("dtype", cases.DTYPES + cases.HALVES[:1], ids=str)
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.usefixtures("isa")
def test_a_nan_in_place_with_swapped_bytes(name, dtype, centred):
    shape, axes = SHAPES[name]
    x = operands(shape, axes, dtype)[1].astype(dtype.newbyteorder("S"))
    x[(1,) * x.ndim] = np.nan
    expected = forward(centred, x, axes, None, None)
    spoilt = np.isnan(x).any(axes, keepdims=True)
    assert np.array_equal(np.isnan(expected), np.broadcast_to(spoilt, shape))
    assert np.array_equal(forward(centred, x, axes, None, None, out=x), expected, equal_nan=True)


@pytest.mark.usefixtures("isa")
def test_threads_do_not_change_the_parameters_gradients(centred):
    g, x, weight, _ = operands((5000, 40), (1,), np.float32)
    expected = backward(centred, g, x, -1, weight, num_threads=1)
    for threads in (2, 3, 7):
        found = backward(centred, g, x, -1, weight, num_threads=threads)
        for each, other in zip(found, expected, strict=True):
            assert np.array_equal(each, other)


def test_empty_arrays(centred):
    x = np.zeros((0, 4), np.float32)
    assert forward(centred, x, -1, None, None).shape == (0, 4)
    assert not backward(centred, x, x, -1, None).dweight.any()
    assert forward(centred, x, 0, None, None).shape == (0, 4)


def test_gradients_have_the_dtype_of_the_weight():
    g, x, weight, _ = operands((6, 10), (1,), np.float16)
    assert lrncore.layer_norm_backward(g, x, -1, weight.astype(np.float32)).dweight.dtype == np.float32
    assert lrncore.layer_norm_backward(g, x, -1).dweight.dtype == np.float16
    assert lrncore.layer_norm_backward(g, x, -1, [1] * 10).dweight.dtype == np.float16


def test_eps_of_rms_norm_is_that_of_what_x_is_computed_in():
    for dtype, eps in ((np.float32, 2.0**-23), (np.float64, 2.0**-52), (np.float16, 2.0**-23)):
        x = np.full((1, 4), 1e-4, dtype)
        assert np.array_equal(lrncore.rms_norm(x), lrncore.rms_norm(x, eps=eps))


ERRORS = {
    "weight_shape": ({"weight": np.ones(3)}, ValueError, "weight must have the shape (4,), got (3,)"),
    "bias_shape": ({"bias": np.ones((1, 4))}, ValueError, "bias must have the shape (4,), got (1, 4)"),
    "weight_dtype": ({"weight": [1j] * 4}, TypeError, "weight must hold real numbers, got complex128"),
    "eps": ({"eps": -1}, ValueError, "eps must be >= 0, got -1"),
    "eps_type": ({"eps": "1"}, TypeError, "eps must be a real number, got '1' (str)"),
    "axis": ({"axis": 2}, np.exceptions.AxisError, "axis must be in [-2, 2) for an array of 2 dimensions, got 2"),
    "out": ({"out": np.ones(4)}, ValueError, "out must have the shape of x, (2, 4), got (4,)"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    arguments, kind, message = ERRORS[name]
    with pytest.raises(kind) as caught:
        lrncore.layer_norm(np.ones((2, 4)), **arguments)
    assert str(caught.value) == message
