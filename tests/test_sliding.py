"""Windows of many channels where elements are out of range: their sums slide along, whatever their length.

Each element enters the sums once for each set of windows, not once for each window that holds it.
"""

import cases
import numpy as np
import pytest
from cases import Shape
from operators import OPERATORS, counted, places

from lrncore import LRNSpec, kernels

pytestmark = pytest.mark.usefixtures("isa")

SHAPES = {
    "one packed line": Shape((1, 3000), -1),
    "packed": Shape((3, 700), -1),
    "planar": Shape((2, 300, 5, 30), 1),
    "tiles": Shape((1, 950, 66), 1),
    "three inner elements": Shape((2, 900, 3), 1),
    "short": Shape((5, 17, 4), 1),
}
#: before, after
WINDOWS = {
    "16": (7, 8),
    "behind": (40, 2),
    "hundreds": (300, 211),
    "ahead": (0, 1500),
    "all but one": (2998, 2997),
}
WRITERS = [name for name, operator in OPERATORS.items() if operator.takes_out]
EXPONENTS = {"float32": 37, "float64": 300}
HUGE = {"float32": 1e25, "float64": 1e200}

each_dtype = pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
each_writer = pytest.mark.parametrize("name", WRITERS)


def of_any_magnitude(shape, dtype, seed):
    rng = np.random.default_rng(seed)
    exponents = rng.uniform(-1, 1, shape) * EXPONENTS[dtype.name]
    return (rng.standard_normal(shape) * 10.0**exponents).astype(dtype)


# ---- values -----------------------------------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("beta", [0.75, -0.3])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("shape", SHAPES)
@each_writer
def test_is_the_formula_of_any_magnitude(name, shape, window, beta, dtype):
    operator, case = OPERATORS[name], SHAPES[shape]
    arrays = [of_any_magnitude(case.shape, dtype, seed) for seed in range(operator.arrays)]
    spec = LRNSpec(*WINDOWS[window], 0.125, beta, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        exact, allowed = operator.exact(dtype, spec, case.axis, *arrays)
        terms = (allowed / np.finfo(dtype).eps).astype(dtype)
        told = np.isfinite(exact.astype(dtype)) & np.isfinite(terms)
    found = operator.compute(*arrays, spec, case.axis)
    assert told.any()
    error = abs(found[told].astype(exact.dtype) - exact[told])
    assert (error <= 2 * allowed[told] + np.finfo(dtype).smallest_subnormal).all()


@each_dtype
@pytest.mark.parametrize("bad", [np.nan, np.inf, None], ids=["NaN", "infinite", "huge"])
@pytest.mark.parametrize("beta", [0.75, 0.6])
@each_writer
def test_one_element_changes_no_bit_beyond_its_windows(name, beta, bad, dtype):
    operator, spec, place = OPERATORS[name], LRNSpec(300, 701, 1e-3, beta, 1.0), 3001
    arrays = [cases.normal((6000,), dtype, seed) for seed in range(operator.arrays)]
    before = operator.compute(*arrays, spec, 0)
    arrays[-1][place] = HUGE[dtype.name] if bad is None else bad
    after = operator.compute(*arrays, spec, 0, num_threads=2)
    reach = (spec.before + spec.after,) * 2 if name == "lrn_backward" else (spec.after, spec.before)
    same = cases.bits(after) == cases.bits(before)
    assert same[: place - reach[0]].all()
    assert same[place + reach[1] + 1 :].all()
    assert not same[place - spec.after : place + spec.before + 1].any()


# ---- work -------------------------------------------------------------------------------------------------


def vectors_summed(name, case, arrays, spec, over=None):
    """Make a call, whose result takes the place of the operand `over`; return how many vectors entered sums."""
    return counted("summed", name, case.axis, arrays, spec, over)


def sets(name):
    """Return how many sums each element enters: that of the squares, and one of products or terms."""
    return 2 if name in ("lrn_backward", "lrn_jvp") else 1


def vectors(case, isa):
    """Return how many vectors of doubles all elements are; none is of two channels."""
    inner = int(np.prod(case.shape[case.axis % len(case.shape) + 1 :]))
    return np.prod(case.shape) // inner * -(-inner // kernels.load(isa)["float64"].lanes)


@each_dtype
@pytest.mark.parametrize("size", [101, 1001, 4001])
@pytest.mark.parametrize("bad", [np.nan, np.inf, None], ids=["NaN", "infinite", "huge"])
@pytest.mark.parametrize("name", OPERATORS)
def test_one_element_costs_what_its_windows_reach(name, bad, size, dtype):
    case, reach = Shape((40000,), 0), 7 if name == "lrn_backward" else 2 * sets(name)
    arrays = [cases.normal(case.shape, dtype, seed) for seed in (1, 0)]
    arrays[-1][20000] = HUGE[dtype.name] if bad is None else bad
    for over in places(name):
        spec = LRNSpec(size // 2, size // 2, 1e-4, 0.75, 1.0)
        assert vectors_summed(name, case, arrays, spec, over) <= reach * size + 2000


@each_dtype
@pytest.mark.parametrize("window", ["16", "hundreds", "ahead"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", OPERATORS)
def test_every_element_enters_its_sums_once(name, shape, window, dtype, isa):
    case = SHAPES[shape]
    arrays = [cases.normal(case.shape, dtype, seed) for seed in (1, 0)]
    arrays[-1] *= dtype.type(HUGE[dtype.name])
    for over in places(name):
        found = vectors_summed(name, case, arrays, LRNSpec(*WINDOWS[window], 1e-4, 0.75, 1.0), over)
        # again where a tile ends within a vector, and before a total's elements that are done together
        assert 0 < found <= 1.3 * sets(name) * vectors(case, isa), f"over {over}"


def test_nothing_enters_for_ordinary_numbers():
    for name in OPERATORS:
        for shape in SHAPES.values():
            arrays = [cases.normal(shape.shape, np.float32, seed) for seed in (1, 0)]
            assert vectors_summed(name, shape, arrays, LRNSpec(20, 20, 1e-4, 0.75, 1.0)) == 0
