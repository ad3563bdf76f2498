"""What the forward alone promises; that it is the formula is tested in test_operators.py."""

import cases
import numpy as np
import pytest

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")


def test_default_axis_is_1():
    x = cases.normal((3, 12, 5, 2))
    expected = lrncore.lrn(x, cases.STRONG, axis=1)
    assert np.array_equal(lrncore.lrn(x, cases.STRONG), expected)


@pytest.mark.parametrize("layout", cases.LAYOUTS)
def test_zero_exponent_gives_x_itself(layout):
    case = cases.LAYOUTS[layout]
    x = cases.normal(case.shape)
    assert np.array_equal(lrncore.lrn(x, LRNSpec(2, 2, 1.0, 0.0, 1.0), case.axis), x)


@pytest.mark.parametrize("beta", cases.BETAS)
@pytest.mark.parametrize("layout", cases.LAYOUTS)
def test_sign_of_x_is_kept_and_nothing_else_depends_on_it(layout, beta):
    case = cases.LAYOUTS[layout]
    x = cases.normal(case.shape)
    spec = LRNSpec(3, 1, 1.0, beta, 0.5)
    mirrored = lrncore.lrn(-x, spec, case.axis)
    assert np.array_equal(cases.bits(mirrored), cases.bits(-lrncore.lrn(x, spec, case.axis)))


@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(n, m) for n in range(1, 7) for m in (1, 2, 3, 5)], ids=str)
def test_nothing_beside_lines_shorter_than_a_vector_is_written(shape, dtype):
    for axis in (0, 1):
        for n in (1, 3, 5):
            memory = np.full(96, 7, dtype)
            out = memory[32 : 32 + shape[0] * shape[1]].reshape(shape)
            lrncore.lrn(np.ones(shape, dtype), LRNSpec.torch(n), axis, out)
            assert np.all(np.delete(memory, range(32, 32 + out.size)) == 7)
