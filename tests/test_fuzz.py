"""A few of the calls that `make fuzz` makes for as long as one likes, the same ones in every run."""

import pytest
from fuzz import oracle
from fuzz.check import check
from fuzz.strategies import calls
from hypothesis import given, settings

pytestmark = [pytest.mark.usefixtures("isa"), oracle.range_proof]


@settings(max_examples=100)
@given(call=calls())
def test_any_call(call):
    check(call)
