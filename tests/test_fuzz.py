"""A few of the calls that `make fuzz` makes for as long as one likes, the same ones in every run."""

import pytest
from fuzz import norms, oracle
from fuzz.calls import FUNCTIONS, Call, LRNSpec, Operand, Values, View
from fuzz.check import check
from fuzz.slow import Times
from fuzz.strategies import calls
from hypothesis import given, settings

pytestmark = [pytest.mark.usefixtures("isa"), oracle.range_proof]


def test_a_derivative_whose_slope_vanishes_in_float32():
    x, dx = Operand(values=Values(seed=57, magnitude=1e20)), Operand(values=Values(special=((51, "1e-30"),)))
    check(
        Call(
            function="lrn_jvp",
            dtype="float32",
            shape=(64,),
            axis=0,
            spec=LRNSpec(0, 0, 1e-30, 0.75, 1.0),
            x=x,
            g=dx,
        )
    )


def test_zeros_beside_a_slab_change_no_compensated_sum():
    x = Operand(Values(seed=54, magnitude=100.0, special=((334, "1e300"),)))
    spec = LRNSpec(1, 7, 1.0, 0.6, 1.0)
    check(Call("lrn_backward", "float64", (33, 16, 2), 1, spec, x, g=View(flipped=True), out=View()))


@pytest.mark.parametrize(("shape", "axis"), [((1,), ()), ((1, 150, 150), (1, 2)), ((150, 150), (0, 1))], ids=str)
def test_parameters_gradients_of_boxes(shape, axis):
    check(Call("lrn_param_grads", "float32", shape, axis, LRNSpec(1, 1, 1.0, 0.75, 1.0), g=Operand(Values(seed=1))))


@settings(max_examples=300)
@given(call=calls())
def test_any_call(call):
    # that every call has a kind; how long it took is for `make fuzz`, on a quiet machine
    Times(dict.fromkeys(FUNCTIONS, 0.0)).add(call, check(call))


@settings(max_examples=200)
@given(call=norms.calls())
def test_any_norm(call):
    norms.check(call)
