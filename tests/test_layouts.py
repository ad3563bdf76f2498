"""The same values give the same bits, wherever they lie."""

import cases
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from placement import place, placements, shapes

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")

SPECS = (
    LRNSpec.torch(5, 1.0, 0.75, 0.5),
    LRNSpec.onnx(4, 3.0, 0.6, 1e-3),
    LRNSpec(0, 0, 1.0, 0.5, 1.25),
    LRNSpec(9, 14, 0.2, 1.0, 2.0),
)


@st.composite
def calls(draw):
    """Draw a shape, a channel axis, a spec, and the placements of two operands."""
    shape = draw(shapes())
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    where = placements(len(shape), read_only=True)
    return shape, axis, draw(st.sampled_from(SPECS)), draw(where), draw(where)


@given(call=calls(), dtype=st.sampled_from(cases.DTYPES))
def test_forward_of_any_placement(call, dtype):
    shape, axis, spec, where, _ = call
    values = cases.normal(shape, dtype)
    x = place(values, where)
    y = lrncore.lrn(x, spec, axis)
    assert np.array_equal(cases.bits(y), cases.bits(lrncore.lrn(values, spec, axis)))


@given(call=calls(), dtype=st.sampled_from(cases.DTYPES))
def test_backward_of_any_placement(call, dtype):
    shape, axis, spec, x_where, g_where = call
    x_values = cases.normal(shape, dtype)
    g_values = cases.normal(shape, dtype, seed=1)
    dx = lrncore.lrn_backward(place(g_values, g_where), place(x_values, x_where), spec, axis)
    assert np.array_equal(cases.bits(dx), cases.bits(lrncore.lrn_backward(g_values, x_values, spec, axis)))


@given(call=calls())
def test_operands_are_not_changed(call):
    shape, axis, spec, x_where, g_where = call
    x_values = cases.normal(shape)
    g_values = cases.normal(shape, seed=1)
    x, g = place(x_values, x_where), place(g_values, g_where)
    lrncore.lrn(x, spec, axis)
    lrncore.lrn_backward(g, x, spec, axis)
    assert np.array_equal(cases.bits(x), cases.bits(x_values))
    assert np.array_equal(cases.bits(g), cases.bits(g_values))


@given(call=calls())
def test_result_shares_no_memory_with_x(call):
    shape, axis, spec, where, _ = call
    x = place(cases.normal(shape), where)
    assert not np.shares_memory(lrncore.lrn(x, spec, axis), x)
    assert not np.shares_memory(lrncore.lrn_backward(x, x, spec, axis), x)


@given(call=calls())
def test_result_is_in_native_byte_order(call):
    shape, axis, spec, where, _ = call
    assert lrncore.lrn(place(cases.normal(shape), where), spec, axis).dtype.isnative


@given(shape=shapes(limit=3000), data=st.data())
def test_broadcast_operands(shape, data):
    axis = data.draw(st.integers(0, len(shape) - 1))
    short = tuple(1 if data.draw(st.booleans()) else length for length in shape)
    x = np.broadcast_to(cases.normal(short), shape)
    g = np.broadcast_to(np.float32(1.5), shape)
    y = lrncore.lrn(x, SPECS[0], axis)
    dx = lrncore.lrn_backward(g, x, SPECS[0], axis)
    assert np.array_equal(cases.bits(y), cases.bits(lrncore.lrn(x.copy(), SPECS[0], axis)))
    assert np.array_equal(cases.bits(dx), cases.bits(lrncore.lrn_backward(g.copy(), x.copy(), SPECS[0], axis)))


@pytest.mark.parametrize("axis", [0, 1])
def test_windows_sliding_over_one_array(axis):
    x = np.lib.stride_tricks.sliding_window_view(cases.normal(400), 100)
    y = lrncore.lrn(x, SPECS[0], axis)
    dx = lrncore.lrn_backward(x, x, SPECS[0], axis)
    assert np.array_equal(cases.bits(y), cases.bits(lrncore.lrn(x.copy(), SPECS[0], axis)))
    assert np.array_equal(cases.bits(dx), cases.bits(lrncore.lrn_backward(x.copy(), x.copy(), SPECS[0], axis)))


def rows_of_records(values):
    """Return the same as a field of a structured array whose other field takes one byte."""
    records = np.zeros(len(values), [("values", values.dtype, values.shape[1:]), ("flag", np.uint8)])
    records["values"] = values
    return records["values"]


@pytest.mark.parametrize("shape", [(40, 20), (40, 64), (3, 5000), (40, 20, 3), (5, 20, 80)], ids=str)
def test_field_of_a_structured_array(shape):
    values = cases.normal(shape)
    y = lrncore.lrn(rows_of_records(values), SPECS[0])
    assert np.array_equal(cases.bits(y), cases.bits(lrncore.lrn(values, SPECS[0])))


@pytest.mark.parametrize("shape", [(40, 20), (40, 64), (3, 5000), (40, 20, 3), (5, 20, 80)], ids=str)
@pytest.mark.parametrize("which", ["g", "x"])
def test_gradient_of_a_field_of_a_structured_array(which, shape):
    operands = {"g": cases.normal(shape, seed=1), "x": cases.normal(shape)}
    expected = lrncore.lrn_backward(**operands, spec=SPECS[0])
    operands[which] = rows_of_records(operands[which])
    dx = lrncore.lrn_backward(**operands, spec=SPECS[0])
    assert np.array_equal(cases.bits(dx), cases.bits(expected))


# Cut into tiles or chunks, which the small shapes above are not
LARGE = {
    "planar": cases.Shape((2, 40, 3001), 1),
    "short_inner": cases.Shape((3, 600, 9), 1),
    "packed": cases.Shape((3, 5000), 1),
    "few_channels": cases.Shape((3001, 11), 1),
}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"n{spec.size}")
@pytest.mark.parametrize("channels", [1, 3, 15, 16, 17, 100, 2500])
@pytest.mark.parametrize("pixels", [1, 5, 64, 300])
def test_planar_and_packed_agree(pixels, channels, spec):
    planar = cases.normal((2, channels, pixels))
    packed = np.ascontiguousarray(np.moveaxis(planar, 1, -1))
    y = lrncore.lrn(packed, spec, -1)
    assert np.array_equal(cases.bits(y), cases.bits(np.moveaxis(lrncore.lrn(planar, spec, 1), 1, -1)))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"n{spec.size}")
@pytest.mark.parametrize("channels", [1, 3, 15, 16, 17, 100, 2500])
@pytest.mark.parametrize("pixels", [1, 5, 64, 300])
def test_planar_and_packed_gradients_agree(pixels, channels, spec):
    planar = cases.normal((2, channels, pixels))
    g = cases.normal(planar.shape, seed=1)
    dx = lrncore.lrn_backward(*(np.ascontiguousarray(np.moveaxis(a, 1, -1)) for a in (g, planar)), spec, -1)
    expected = np.moveaxis(lrncore.lrn_backward(g, planar, spec, 1), 1, -1)
    assert np.array_equal(cases.bits(dx), cases.bits(expected))


# Pixels of few channels are walked as one line, in chunks; one that leaves the range is done again.
@pytest.mark.parametrize("value", [1e30, np.inf, np.nan])
@pytest.mark.parametrize("channels", [2, 3, 15, 23])
@pytest.mark.parametrize("n", [3, 5])
def test_gradients_of_few_channels_out_of_range(n, channels, value):
    spec = LRNSpec(n // 2, n // 2, 0.1, 0.75, 1.0)
    x, g = cases.normal((channels, 7001)), cases.normal((channels, 7001), seed=1)
    x[1, 3000] = value
    expected = cases.bits(lrncore.lrn_backward(g, x, spec, 0).T)
    x, g = (np.ascontiguousarray(a.T) for a in (x, g))
    for threads in (1, 3):
        assert np.array_equal(cases.bits(lrncore.lrn_backward(g, x, spec, num_threads=threads)), expected)
        for over in (0, 1):
            arrays = [g.copy(), x.copy()]
            out = lrncore.lrn_backward(*arrays, spec, out=arrays[over], num_threads=threads)
            assert np.array_equal(cases.bits(out), expected)


@pytest.mark.parametrize("name", LARGE)
def test_part_of_an_array_gives_that_part_of_the_result(name):
    case = LARGE[name]
    x = cases.normal(case.shape)
    whole = lrncore.lrn(x, SPECS[0], case.axis)
    part = tuple(slice(None) if i == case.axis else slice(1, n - (n > 2)) for i, n in enumerate(case.shape))
    assert np.array_equal(cases.bits(lrncore.lrn(x[part].copy(), SPECS[0], case.axis)), cases.bits(whole[part]))


# Rows of a few elements: all axes but the channels are walked as one
SCATTERED = {
    "stepped": cases.normal((1000, 19, 4))[..., ::2],
    "reversed": cases.normal((1000, 19, 3))[..., ::-1],
    "stepped_channels": cases.normal((500, 38, 2))[:, ::2],
    "stepped_images": cases.normal((1000, 38, 6))[::2, ::2, ::2],
    "one_channel": cases.normal((1000, 1, 2))[..., ::-1],
    "gaps": cases.normal((7, 21, 4, 6, 5))[:, :19, :3, :5, ::-1],
    "shuffled": cases.normal((2,) * 13).transpose(3, 11, 0, 7, 9, 4, 12, 1, 8, 2, 10, 5, 6),
    "shuffled_long": cases.normal((2,) * 6 + (40,) + (3,) * 3).transpose(3, 6, 0, 7, 9, 4, 1, 8, 2, 5),
    "swapped_pairs": cases.normal((10000, 2)).astype(">f4"),
}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"n{spec.size}")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", SCATTERED)
def test_slabs_of_a_few_elements(name, threads, spec):
    x = SCATTERED[name]
    values = np.array(x, dtype=np.float32, order="C")
    for compute, arrays in ((lrncore.lrn, 1), (lrncore.lrn_backward, 2), (lrncore.lrn_jvp, 2)):
        expected = cases.bits(compute(*[values] * arrays, spec))
        assert np.array_equal(cases.bits(compute(*[x] * arrays, spec, num_threads=threads)), expected)
        out = np.empty_like(values)
        assert np.array_equal(cases.bits(compute(*[x] * arrays, spec, out=out, num_threads=threads)), expected)
        out = np.zeros_like(x, subok=False)
        out[...] = x
        compute(*[out] * arrays, spec, out=out, num_threads=threads)
        assert np.array_equal(cases.bits(out), expected)
    grads = lrncore.lrn_param_grads(x, x, spec, num_threads=threads)
    assert np.allclose(grads, lrncore.lrn_param_grads(values, values, spec), rtol=1e-5)


@pytest.mark.parametrize("order", ["C", "F"])
def test_result_has_the_memory_order_of_x(order):
    x = np.asarray(cases.normal((3, 20, 5, 4)), order=order)
    assert lrncore.lrn(x, SPECS[0]).strides == x.strides


def test_a_misaligned_result_beyond_the_caches():
    x = cases.normal((3, 96, 87, 87))
    assert x.nbytes > cases.FAR_BYTES
    out = np.zeros(x.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(x.shape)
    y = lrncore.lrn(x, SPECS[0], out=out).copy()
    assert np.array_equal(cases.bits(y), cases.bits(lrncore.lrn(x, SPECS[0])))
