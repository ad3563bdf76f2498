"""No byte beside an operand is touched, by no vector and under no mask: there lies a page that ends the process."""

import os

import pytest

from lrncore import kernels

if not hasattr(os, "fork"):
    pytest.skip("this system has no fork and no mprotect", allow_module_level=True)

import edges

#: the calls made where nothing may be noticed: every so manieth; and all of those where something has to be
EVERY = {"calls": 5, "strays": 1}

pytestmark = [pytest.mark.parametrize("dtype", edges.DTYPES), pytest.mark.parametrize("isa", kernels.available())]


def start(what, isa, dtype):
    edges.run(what, EVERY[what], dtype, "end", "begin", LRNCORE_ISA=isa)


@pytest.mark.parametrize("what", ["calls"])
def test_nothing_beside_an_operand_is_touched(what, isa, dtype, begun):
    begun(what=what, isa=isa, dtype=dtype)


@pytest.mark.parametrize("what", ["strays"])
def test_a_byte_too_far_would_be_noticed(what, isa, dtype, begun):
    begun(what=what, isa=isa, dtype=dtype)
