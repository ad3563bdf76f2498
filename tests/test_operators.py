"""Every operator in every walk, element type and instruction set: it is the formula, wherever its operands lie."""

import cases
import numpy as np
import pytest
from cases import Shape
from operators import OPERATORS, check_each, check_far, check_over, check_placed
from placement import contiguous

from lrncore import LRNSpec

DTYPES = cases.DTYPES + cases.HALVES

pytestmark = [
    pytest.mark.usefixtures("isa"),
    pytest.mark.parametrize("dtype", DTYPES, ids=str),
]
each_operator = pytest.mark.parametrize("name", OPERATORS)
each_writer = pytest.mark.parametrize("name", [name for name, operator in OPERATORS.items() if operator.takes_out])

LAYOUTS = cases.LAYOUTS | {"several_tiles": Shape((1, 12, 3001), 1), "deep": Shape((1, 120, 70), 1)}
each_layout = pytest.mark.parametrize("layout", LAYOUTS)


def group(prefix):
    return [case for name, case in cases.ADVERSARIAL.items() if name.startswith(prefix)]


SHAPES = {
    "topologies": list(cases.TOPOLOGIES.values()),
    "packed": group("packed_"),
    "planar": group("planar_"),
    "inner": group("inner_"),
}
SHAPES["odd"] = [case for case in cases.SHAPES.values() if not any(case in cases_ for cases_ in SHAPES.values())]


@pytest.mark.parametrize("shapes", SHAPES)
def test_shapes(shapes, dtype):
    for case in SHAPES[shapes]:
        check_each(case, dtype, cases.STRONG)


@each_layout
def test_sizes(layout, dtype):
    for size in cases.SIZES:
        check_each(LAYOUTS[layout], dtype, LRNSpec.torch(size, 3.0, 0.75, 1e-3))
        if size % 2 == 0:
            check_each(LAYOUTS[layout], dtype, LRNSpec.onnx(size, 3.0, 0.75, 1e-3))


ALL_BETAS = (0.0, 0.5, 0.6, 0.75, 1.0, 1.7, 2.0, 3.0)
BETAS = dict.fromkeys(LAYOUTS, (0.6, 0.75, 1.7)) | dict.fromkeys(("planar", "packed", "few_channels"), ALL_BETAS)


@pytest.mark.parametrize(("layout", "beta"), [(layout, beta) for layout in BETAS for beta in BETAS[layout]])
def test_every_power_of_every_kind_of_sum(layout, beta, dtype):
    for before, after in cases.SUMS:
        check_each(LAYOUTS[layout], dtype, LRNSpec(before, after, 0.4, beta, 0.5))


@pytest.mark.parametrize("alpha", [*cases.ALPHAS, 0.0])
@pytest.mark.parametrize("layout", ["planar", "packed"])
def test_parameters(layout, alpha, dtype):
    for beta in (*cases.BETAS, 0.25):
        for k in cases.KS:
            check_each(LAYOUTS[layout], dtype, LRNSpec.torch(5, alpha, beta, k))


@each_layout
def test_windows(layout, dtype):
    for window in cases.WINDOWS.values():
        check_each(LAYOUTS[layout], dtype, LRNSpec(*window, scale=0.7, beta=0.75, k=0.3))


@pytest.mark.parametrize("window", cases.UNBOUNDED)
def test_windows_longer_than_the_channels(window, dtype):
    for channels in (1, 2, 15, 16, 17, 63, 65):
        for case in (Shape((3, channels, 70), 1), Shape((70, channels), 1)):
            check_each(case, dtype, LRNSpec(*cases.WINDOWS[window], scale=0.7, beta=0.75, k=0.3))


def test_every_axis(dtype):
    for axis in range(-4, 4):
        check_each(Shape((7, 18, 6, 21), axis), dtype, cases.STRONG)


# ---- beyond the caches ------------------------------------------------------------------------------------

FAR = {
    "rows": lambda size: Shape((13, size // 13 + 1), 0),
    "images": lambda size: Shape((3, 17, size // 51 + 1), 1),
    "short_inner": lambda size: Shape((size // 360 + 1, 40, 9), 1),
    "packed": lambda size: Shape((size // 31 + 1, 31), 1),
    "few_channels": lambda size: Shape((size // 11 + 1, 11), 1),
}


def far(layout, dtype):
    return FAR[layout](cases.FAR_BYTES // dtype.itemsize)


@each_writer
@pytest.mark.parametrize("layout", FAR)
def test_far_arrays(layout, name, dtype):
    check_far(name, far(layout, dtype), dtype, LRNSpec(2, 2, 1.0, 0.75, 1.0))


@each_operator
@pytest.mark.parametrize("layout", ["images", "packed"])
def test_long_windows_of_far_arrays(layout, name, dtype):
    check_far(name, far(layout, dtype), dtype, LRNSpec(9, 4, 0.3, 0.6, 1.0))


@pytest.mark.parametrize("name", ["lrn", "lrn_backward"])
@pytest.mark.parametrize("layout", ["images", "packed"])
def test_every_power_of_far_arrays(layout, name, dtype):
    for beta in (0.5, 0.6, 1.0, 2.0):
        check_far(name, far(layout, dtype), dtype, LRNSpec(2, 2, 0.3, beta, 1.0))


# ---- operands of every kind -------------------------------------------------------------------------------

# Cut into tiles or chunks
LARGE = {
    "planar": Shape((2, 20, 3001), 1),
    "short_inner": Shape((3, 600, 9), 1),
    "packed": Shape((3, 3001), 1),
    "few_channels": Shape((1501, 11), 1),
}
# how an array of so many axes and bytes an element lies
PLACEMENTS = {
    "fortran": lambda ndim, _: {"order": tuple(reversed(range(ndim)))},
    "every_other": lambda ndim, item: {"gaps": (item,) + (0,) * (ndim - 1)},
    "rows_apart": lambda ndim, item: {"gaps": (0, 3 * item) + (0,) * (ndim - 2)},
    "records": lambda ndim, _: {"gaps": (0,) * (ndim - 1) + (1,)},
    "reversed": lambda ndim, _: {"reversed_axes": (True,) * ndim},
    "misaligned": lambda *_: {"offset": 1},
    "swapped": lambda *_: {"swapped": True},
    "read_only": lambda *_: {"read_only": True},
}
# The second has sums that leave the range of the fast powers.
PLACED = (
    cases.STRONG,
    LRNSpec(1, 2, 0.7, 0.6, 1e-3),
    LRNSpec(0, 0, 1.0, 0.5, 1.25),
    LRNSpec(9, 14, 0.2, 1.0, 2.0),
)


@each_operator
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_placements(placement, name, dtype):
    for case in LARGE.values():
        ndim = len(case.shape)
        where = contiguous(ndim)._replace(**PLACEMENTS[placement](ndim, dtype.itemsize))
        for spec in PLACED:
            check_placed(name, case, dtype, spec, placement=where)


@each_writer
def test_results_over_an_operand(name, dtype):
    for case in (*LARGE.values(), *LAYOUTS.values()):
        for over in range(OPERATORS[name].arrays):
            for spec in PLACED:
                check_over(name, case, dtype, spec, over=over)
                check_over(name, case, dtype, spec, over=over, swapped=True)


@each_writer
@each_layout
def test_results_beside_an_operand(layout, name, dtype):
    for over in range(OPERATORS[name].arrays):
        for shift in (-70, -5, -1, 1, 5, 70):
            check_over(name, LAYOUTS[layout], dtype, PLACED[0], over=over, shift=shift)


@each_operator
@each_layout
def test_bits_do_not_depend_on_threads(layout, name, dtype):
    case = LAYOUTS[layout]
    for threads in (1, 2, 3, 5, 40):
        check_placed(name, case, dtype, PLACED[0], placement=contiguous(len(case.shape)), threads=threads)


@each_operator
def test_the_result_has_the_dtype_of_x(name, dtype):
    x = np.ones((2, 8), dtype)
    found = OPERATORS[name].compute(*[x] * OPERATORS[name].arrays, cases.STRONG)
    assert getattr(found, "dtype", dtype) == dtype
