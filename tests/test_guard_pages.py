"""No byte beside an operand is touched, by no vector and under no mask: there lies a page that ends the process."""

import os

import pytest

from lrncore import kernels

if not hasattr(os, "fork"):
    pytest.skip("this system has no fork and no mprotect", allow_module_level=True)

import edges

pytestmark = [pytest.mark.parametrize("dtype", edges.DTYPES), pytest.mark.parametrize("isa", kernels.available())]


def test_nothing_beside_an_operand_is_touched(isa, dtype):
    edges.run("calls", 5, dtype, "end", "begin", LRNCORE_ISA=isa)


def test_a_byte_too_far_would_be_noticed(isa, dtype):
    edges.run("strays", 1, dtype, "end", "begin", LRNCORE_ISA=isa)
