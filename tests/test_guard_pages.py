"""No byte beside an operand is touched, by no vector and under no mask: there lies a page that ends the process."""

import os

import pytest

from lrncore import kernels

if not hasattr(os, "fork"):
    pytest.skip("this system has no fork and no mprotect", allow_module_level=True)

import divisive_edges
import edges
import norm_edges

PROGRAMS = {"lrn": edges, "norms": norm_edges, "divisive": divisive_edges}
#: the calls made where nothing may be noticed: every so manieth; all of those are made where something has to be
EVERY = {"lrn": 5, "norms": 9, "divisive": 5}

pytestmark = [
    pytest.mark.parametrize("program", PROGRAMS),
    pytest.mark.parametrize("dtype", edges.DTYPES),
    pytest.mark.parametrize("isa", kernels.available()),
]


def start(what, program, isa, dtype):
    every = EVERY[program] if what == "calls" else 1
    edges.run(what, every, dtype, "end", "begin", program=PROGRAMS[program].__file__, LRNCORE_ISA=isa)


@pytest.mark.parametrize("what", ["calls"])
def test_nothing_beside_an_operand_is_touched(what, program, isa, dtype, begun):
    begun(what=what, program=program, isa=isa, dtype=dtype)


@pytest.mark.parametrize("what", ["strays"])
def test_a_byte_too_far_would_be_noticed(what, program, isa, dtype, begun):
    begun(what=what, program=program, isa=isa, dtype=dtype)
