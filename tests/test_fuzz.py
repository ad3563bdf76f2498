"""A few of the calls that `make fuzz` makes for as long as one likes, the same ones in every run."""

import pytest
from fuzz import oracle
from fuzz.calls import Call, LRNSpec, Operand, Values
from fuzz.check import check
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


@settings(max_examples=300)
@given(call=calls())
def test_any_call(call):
    check(call)
