"""Where the result goes: in place, strided, and over its own input."""

import cases
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from placement import contiguous, place, placements, shapes

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")

SPECS = (LRNSpec.torch(5, 1.0, 0.75, 0.5), LRNSpec.onnx(4, 3.0, 0.6, 1e-3), LRNSpec(9, 14, 0.2, 1.0, 2.0))

LAYOUTS = cases.LAYOUTS | {"wide": cases.Shape((2, 20, 3001), 1), "long_channels": cases.Shape((3, 700, 9), 1)}

each_layout = pytest.mark.parametrize("layout", LAYOUTS)
each_spec = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"n{spec.size}")


@each_layout
def test_out_is_returned(layout):
    case = LAYOUTS[layout]
    x = cases.normal(case.shape)
    out = np.empty_like(x)
    assert lrncore.lrn(x, SPECS[0], case.axis, out=out) is out
    assert lrncore.lrn_backward(x, x, SPECS[0], case.axis, out=out) is out


@each_layout
@each_spec
def test_backward_of_one_array_in_place(spec, layout):
    case = LAYOUTS[layout]
    x = cases.normal(case.shape)
    expected = lrncore.lrn_backward(x, x, spec, case.axis)
    lrncore.lrn_backward(x, x, spec, case.axis, out=x)
    assert np.array_equal(cases.bits(x), cases.bits(expected))


@each_layout
def test_strided_in_place(layout):
    case = LAYOUTS[layout]
    values = cases.normal(case.shape)
    x = place(values, contiguous(values.ndim)._replace(gaps=(4,) * values.ndim, swapped=True))
    lrncore.lrn(x, SPECS[0], case.axis, out=x)
    assert np.array_equal(cases.bits(x), cases.bits(lrncore.lrn(values, SPECS[0], case.axis)))


@st.composite
def calls(draw):
    """Draw a shape, a channel axis, a spec, and the placements of x, g and out."""
    shape = draw(shapes())
    axis = draw(st.integers(0, len(shape) - 1))
    where = placements(len(shape))
    return shape, axis, draw(st.sampled_from(SPECS)), draw(where), draw(where), draw(where)


@given(call=calls())
def test_forward_into_any_placement(call):
    shape, axis, spec, x_where, _, out_where = call
    x = cases.normal(shape)
    out = place(np.zeros(shape, np.float32), out_where)
    lrncore.lrn(place(x, x_where), spec, axis, out=out)
    assert np.array_equal(cases.bits(out), cases.bits(lrncore.lrn(x, spec, axis)))


@given(call=calls())
def test_backward_into_any_placement(call):
    shape, axis, spec, x_where, g_where, out_where = call
    x = cases.normal(shape)
    g = cases.normal(shape, seed=1)
    out = place(np.zeros(shape, np.float32), out_where)
    lrncore.lrn_backward(place(g, g_where), place(x, x_where), spec, axis, out=out)
    assert np.array_equal(cases.bits(out), cases.bits(lrncore.lrn_backward(g, x, spec, axis)))


@pytest.mark.parametrize("channels", [20, 64, 5000])
def test_out_that_is_a_field_of_a_structured_array(channels):
    x = cases.normal((40, channels))
    records = np.zeros(40, [("values", np.float32, channels), ("flag", np.uint8)])
    lrncore.lrn(x, SPECS[0], out=records["values"])
    assert np.array_equal(cases.bits(records["values"]), cases.bits(lrncore.lrn(x, SPECS[0])))


@given(call=calls())
def test_nothing_is_written_between_the_elements_of_out(call):
    shape, axis, spec, _, _, where = call
    out = place(np.zeros(shape, np.float32), where)
    memory = out
    while memory.base is not None:
        memory = memory.base
    memory[...] = 255
    lrncore.lrn(cases.normal(shape), spec, axis, out=out)
    out[...] = np.array(2**32 - 1, np.uint32).view(np.float32)  # the same bytes again
    assert (memory == 255).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_over_the_reversed_input(axis):
    x = cases.normal((24, 20, 22))
    expected = lrncore.lrn(x, SPECS[0], axis)
    out = np.flip(x)
    lrncore.lrn(x, SPECS[0], axis, out=out)
    assert np.array_equal(out, expected)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_over_the_transposed_input(axis):
    x = cases.normal((20, 20, 20))
    expected = lrncore.lrn(x, SPECS[0], axis)
    out = x.T
    lrncore.lrn(x, SPECS[0], axis, out=out)
    assert np.array_equal(out, expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_beside_the_input_in_one_array(axis):
    memory = cases.normal((40, 50))
    x, out = memory[:, ::2], memory[:, 1::2]
    expected = lrncore.lrn(x.copy(), SPECS[0], axis)
    lrncore.lrn(x, SPECS[0], axis, out=out)
    assert np.array_equal(out, expected)


def test_out_that_is_a_subclass():
    x = cases.normal((9, 40))
    out = np.ma.zeros(x.shape, np.float32)
    assert lrncore.lrn(x, SPECS[0], out=out) is out
    assert np.array_equal(out.data, lrncore.lrn(x, SPECS[0]))


def test_twins_and_layer_take_out():
    x = cases.normal((3, 8, 4))
    layer = lrncore.LocalResponseNorm(3)
    out = np.empty_like(x)
    assert lrncore.local_response_norm(x, 3, out=out) is out
    assert lrncore.local_response_normalization(x, 1, out=out) is out
    assert layer(x, out=out) is out
    assert layer.backward(x, x, out=out) is out
