"""What is out of range is recomputed, and no more of it than need be: counted in vectors, not in time.

A vector takes one exact power of s. A term that a NaN or an infinite gradient decides takes none.
"""

import cases
import numpy as np
import pytest
from cases import Shape
from operators import OPERATORS, counted, places

from lrncore import LRNSpec, kernels

pytestmark = pytest.mark.usefixtures("isa")

LAYOUTS = {
    "planar": Shape((1, 96, 28, 28), 1),
    "medium inner": Shape((2, 96, 14, 16), 1),
    "packed": Shape((1, 14, 16, 96), 3),
    "short inner": Shape((4, 96, 3, 3), 1),
    "few channels": Shape((14, 16, 12), 2),
}
BOXES = {"planes": Shape((6, 30, 32), (1, 2)), "packed planes": Shape((30, 20, 24), (0, 1))}
WINDOWS = LAYOUTS | BOXES
SPEC = LRNSpec(2, 2, 2e-5, 0.75, 2.0)
HUGE = {"float32": 1e30, "float64": 1e200}

WRITERS = [name for name, operator in OPERATORS.items() if operator.takes_out]

each_operator = pytest.mark.parametrize("name", OPERATORS)
each_writer = pytest.mark.parametrize("name", WRITERS)
each_layout = pytest.mark.parametrize("layout", LAYOUTS)
each_window = pytest.mark.parametrize("layout", WINDOWS)
each_dtype = pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)


def operands(layout, dtype, x=1.0, g=1.0, every=1):
    """Return g and x, N(0, 1); some elements, those in order, are multiplied by a number."""
    arrays = [cases.normal(WINDOWS[layout].shape, dtype, seed) for seed in (1, 0)]
    with np.errstate(over="ignore"):
        for array, factor in zip(arrays, (g, x), strict=True):
            array.reshape(-1)[::every] *= dtype.type(factor)
    return arrays


def recomputed(name, layout, arrays, spec=SPEC, over=None, threads=1):
    """Make a call, whose result takes the place of the operand `over`; return how many vectors were recomputed."""
    return counted("recomputed", name, WINDOWS[layout].axis, arrays, spec, over, threads)


def lanes(isa):
    """Return how many doubles are a vector."""
    return kernels.load(isa)["float64"].lanes


def vectors(layout, isa):
    """Return how many vectors of doubles all elements are."""
    return np.prod(WINDOWS[layout].shape) / lanes(isa)


# ---- nothing ----------------------------------------------------------------------------------------------


@each_dtype
@each_window
@each_operator
def test_nothing_of_ordinary_numbers(name, layout, dtype):
    for over in places(name):
        assert recomputed(name, layout, operands(layout, dtype), over=over) == 0


@each_dtype
@each_window
@each_operator
def test_nothing_of_tiny_numbers_beside_a_constant(name, layout, dtype):
    assert recomputed(name, layout, operands(layout, dtype, x=1 / HUGE[dtype.name])) == 0


@each_dtype
@each_layout
@pytest.mark.parametrize("every", [1, 3, 1000])
@pytest.mark.parametrize("name", [name for name in WRITERS if name != "lrn_backward"])
def test_nothing_of_windows_with_a_nan(name, every, layout, dtype):
    for over in places(name):
        assert recomputed(name, layout, operands(layout, dtype, x=np.nan, every=every), over=over) == 0


@each_dtype
@each_layout
@pytest.mark.parametrize("factors", [{"x": np.nan}, {"g": np.nan}, {"g": np.inf}], ids=str)
def test_nothing_of_gradients_that_are_not_finite(factors, layout, dtype):
    """As in every overflow of mixed-precision training."""
    for over in places("lrn_backward"):
        assert recomputed("lrn_backward", layout, operands(layout, dtype, **factors), over=over) == 0


# ---- one element ------------------------------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("bad", [None, np.inf], ids=["huge", "infinite"])
@each_layout
@each_writer
def test_windows_of_one_element(name, layout, bad, dtype, isa):
    """The outputs whose windows hold it; of a gradient, the terms that those add up."""
    case, arrays = LAYOUTS[layout], operands(layout, dtype)
    arrays[-1][tuple(length // 2 for length in case.shape)] = HUGE[dtype.name] if bad is None else bad
    channels = min(SPEC.size if name != "lrn_backward" else 3 * SPEC.size - 2, case.channels)
    if layout == "planar":
        most = channels
    elif case.axis == len(case.shape) - 1:
        most = 1 + -(-channels // lanes(isa))
    else:  # a vector or two for each channel, or all between the first and the last
        inner = np.prod(case.shape[case.axis + 1 :])
        most = max(2 * channels, 1.5 * channels * inner / lanes(isa))
    for over in places(name):
        assert 0 < recomputed(name, layout, arrays, over=over) <= most


# ---- everything -------------------------------------------------------------------------------------------

EVERYTHING = {
    "huge": (lambda layout, dtype: operands(layout, dtype, x=HUGE[dtype.name]), SPEC),
    "infinite": (lambda layout, dtype: operands(layout, dtype, x=np.inf), SPEC),
    "tiny, no constant": (
        lambda layout, dtype: operands(layout, dtype, x=1 / HUGE[dtype.name]),
        LRNSpec(2, 2, 1.0, 0.75, 0.0),
    ),
}


def most(name, layout):
    """Return how often a vector may take a power where all do: once, and again at the ends of pieces."""
    return 1.6 if (name, layout) == ("lrn_backward", "medium inner") else 1.1


@each_dtype
@each_window
@pytest.mark.parametrize("everything", EVERYTHING)
@each_operator
def test_every_vector_is_raised_once(name, everything, layout, dtype, isa):
    make, spec = EVERYTHING[everything]
    arrays = make(layout, dtype)
    for over in places(name):
        found = recomputed(name, layout, arrays, spec, over) / vectors(layout, isa)
        assert found <= most(name, layout), f"over {over}"
        assert found >= 1 or everything == "infinite", f"over {over}"


@each_dtype
@each_window
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["lrn_jvp", "lrn_param_grads"])
def test_operands_that_are_not_finite_cost_a_power_at_most(name, bad, layout, dtype, isa):
    for arrays in operands(layout, dtype, x=bad), operands(layout, dtype, g=bad):
        assert recomputed(name, layout, arrays) <= most(name, layout) * vectors(layout, isa)


@each_dtype
@each_layout
@pytest.mark.parametrize("every", [3, 1000])
@pytest.mark.parametrize("factors", [{"x": np.nan}, {"g": np.nan}, {"g": np.inf}], ids=str)
def test_terms_beside_those_that_are_not_finite_are_raised_once(factors, every, layout, dtype, isa):
    for over in places("lrn_backward"):
        arrays = operands(layout, dtype, every=every, **factors)
        assert recomputed("lrn_backward", layout, arrays, over=over) <= most("lrn_backward", layout) * vectors(
            layout, isa
        )


# ---- windows that hold every channel, and boxes -----------------------------------------------------------

WHOLE = LRNSpec(95, 95, 2e-5, 0.75, 2.0)


def column_vectors(layout, isa):
    """Return how many vectors the columns of all slabs are, none of two slabs, and at the ends of tiles."""
    case = LAYOUTS[layout]
    inner = int(np.prod(case.shape[case.axis + 1 :]))
    slabs = np.prod(case.shape) // (inner * case.channels)
    return slabs * -(-inner // lanes(isa)) * 1.1


@each_dtype
@each_operator
@pytest.mark.parametrize("layout", ["planar", "medium inner", "packed", "short inner"])
def test_a_column_is_raised_once_for_all_its_channels(name, layout, dtype, isa):
    arrays = operands(layout, dtype, x=HUGE[dtype.name])
    for over in places(name):
        assert 0 < recomputed(name, layout, arrays, WHOLE, over) <= column_vectors(layout, isa), f"over {over}"


@each_dtype
@pytest.mark.parametrize("box", BOXES)
@each_writer
def test_boxes_of_one_element(name, box, dtype):
    """The outputs whose boxes hold it; of a gradient, the terms that those add up."""
    g, x = operands(box, dtype)
    x[tuple(length // 2 for length in x.shape)] = HUGE[dtype.name]
    size = 7 if name == "lrn_backward" else 3
    assert 0 < recomputed(name, box, [g, x], LRNSpec(1, 1, 2e-5, 0.75, 2.0)) <= size**2


# ---- threads ----------------------------------------------------------------------------------------------


@each_window
@each_operator
def test_threads_share_the_count(name, layout):
    arrays = operands(layout, np.dtype(np.float32), x=1e30)
    one, two = (recomputed(name, layout, arrays, threads=threads) for threads in (1, 2))
    assert abs(two - one) <= 0.05 * one
