"""No byte beside an operand of divisive normalization is touched: there lies a page that ends the process."""

import os

import pytest

from lrncore import kernels

if not hasattr(os, "fork"):
    pytest.skip("this system has no fork and no mprotect", allow_module_level=True)

import divisive_edges
import edges

#: the calls made where nothing may be noticed: every so manieth
EVERY = 5


def start(dtype, isa="", what="calls"):
    edges.run(what, EVERY, dtype, "end", "begin", program=divisive_edges.__file__, LRNCORE_ISA=isa)


@pytest.mark.parametrize("dtype", edges.DTYPES)
@pytest.mark.parametrize("isa", kernels.available())
def test_nothing_beside_an_operand_is_touched(isa, dtype, begun):
    begun(isa=isa, dtype=dtype)


@pytest.mark.parametrize("what", ["strays"])
@pytest.mark.parametrize("dtype", edges.DTYPES)
def test_a_byte_too_far_would_be_noticed(what, dtype, begun):
    begun(what=what, dtype=dtype)
