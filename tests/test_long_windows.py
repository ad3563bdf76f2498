"""Windows of many channels, and of all: each way through the kernels gives the formula, and the same bits."""

import cases
import numpy as np
import pytest
from operators import OPERATORS, Shape, check_each, comparable

from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")

SHAPES = {
    "one packed line": Shape((1, 3000), -1),
    "packed": Shape((3, 700), -1),
    "short packed": Shape((40, 70), -1),
    "planar": Shape((2, 300, 5, 30), 1),
    "tiles": Shape((1, 700, 130), 1),
    "tiles and a rest of two": Shape((2, 600, 66), 1),
    "tiles and a rest of one": Shape((1, 600, 65), 1),
    "three inner elements": Shape((2, 900, 3), 1),
    "few": Shape((1, 140, 21), 1),
}
#: of the channels: before, after
WINDOWS = {
    "half": lambda channels: (channels // 4, channels // 4),
    "ahead": lambda channels: (2, channels // 2),
    "behind": lambda channels: (2 * channels, 1),
    "all but one": lambda channels: (channels - 1, channels - 2),
    "all": lambda channels: (channels - 1, channels - 1),
    "more than all": lambda channels: (5 * channels, 7 * channels),
}


def spec_of(shape, window, beta=0.75, k=1.0):
    channels = shape.shape[shape.axis]
    return LRNSpec(*WINDOWS[window](channels), 1 / channels, beta, k)


@pytest.mark.parametrize("dtype", cases.DTYPES + cases.HALVES, ids=str)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("shape", SHAPES)
def test_is_the_formula(shape, window, dtype):
    check_each(SHAPES[shape], dtype, spec_of(SHAPES[shape], window))


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0, 0.6, 3.0, -0.5, 0.0])
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
def test_all_channels_and_any_power(dtype, beta):
    check_each(SHAPES["packed"], dtype, spec_of(SHAPES["packed"], "all", beta))
    check_each(SHAPES["planar"], dtype, spec_of(SHAPES["planar"], "all", beta, 0.0))


@pytest.mark.parametrize("window", ["half", "behind", "all"])
@pytest.mark.parametrize("dtype", [*cases.DTYPES, cases.HALVES[0]], ids=str)
@pytest.mark.parametrize("name", [name for name in OPERATORS if OPERATORS[name].takes_out])
def test_layouts_threads_and_places_give_the_same_bits(name, dtype, window):
    compute, shape = OPERATORS[name].compute, SHAPES["tiles and a rest of two"]
    spec = spec_of(shape, window)
    arrays, spec = comparable(name, shape, dtype, spec)
    expected = compute(*arrays, spec, shape.axis, num_threads=1)
    for axis in range(3):
        moved = [np.moveaxis(array, shape.axis, axis).copy() for array in arrays]
        found = np.moveaxis(compute(*moved, spec, axis, num_threads=2), axis, shape.axis)
        np.testing.assert_array_equal(cases.bits(found), cases.bits(expected))
        in_place = compute(*moved, spec, axis, out=moved[-1], num_threads=1)
        np.testing.assert_array_equal(cases.bits(np.moveaxis(in_place, axis, shape.axis)), cases.bits(expected))
    reversed_views = [np.ascontiguousarray(array[..., ::-1])[..., ::-1] for array in arrays]
    found = compute(*reversed_views, spec, shape.axis)
    np.testing.assert_array_equal(cases.bits(found), cases.bits(expected))


@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("window", ["half", "ahead", "behind", "all but one", "all"])
@pytest.mark.parametrize(
    ("shape", "pixels"),
    [("tiles and a rest of two", [0, 5, 31, 64, 65]), ("three inner elements", [0, 2]), ("few", slice(None))],
)
@pytest.mark.parametrize("name", [name for name in OPERATORS if OPERATORS[name].takes_out])
def test_recomputed_elements_have_the_same_bits_in_every_layout(name, shape, pixels, window, dtype):
    """Each of the pixels has elements that are too large, and with them every window."""
    compute, shape = OPERATORS[name].compute, SHAPES[shape]
    spec, rng = spec_of(shape, window), np.random.default_rng(0)
    arrays = [rng.standard_normal(shape.shape).astype(dtype) for _ in range(OPERATORS[name].arrays)]
    arrays[-1][0, ::67, pixels] *= dtype.type(1e25 if dtype == np.float32 else 1e200)
    expected = compute(*arrays, spec, shape.axis, num_threads=1)
    if dtype == np.float32:
        wide = compute(*(array.astype(np.float64) for array in arrays), spec, shape.axis)
    else:
        wide, _ = OPERATORS[name].exact(dtype, spec, shape.axis, *arrays)
    np.testing.assert_allclose(expected, wide, rtol=1e-5, atol=1e-5 * abs(wide).max())
    for axis in range(len(shape.shape)):
        moved = [np.moveaxis(array, shape.axis, axis).copy() for array in arrays]
        found = np.moveaxis(compute(*moved, spec, axis, num_threads=2), axis, shape.axis)
        np.testing.assert_array_equal(cases.bits(found), cases.bits(expected))
        in_place = compute(*moved, spec, axis, out=moved[-1], num_threads=1)
        np.testing.assert_array_equal(cases.bits(np.moveaxis(in_place, axis, shape.axis)), cases.bits(expected))


@pytest.mark.parametrize("special", [np.nan, np.inf, 1e30, 1e-30, 0.0])
@pytest.mark.parametrize("layout", ["planar", "packed"])
@pytest.mark.parametrize("name", [name for name in OPERATORS if OPERATORS[name].takes_out])
def test_a_special_value_stays_in_its_slab(name, layout, special):
    """Where every window holds every channel, other pixels keep their bits, and finite ones their meaning."""
    compute, rng = OPERATORS[name].compute, np.random.default_rng(0)
    arrays = [rng.standard_normal((200, 9)).astype(np.float32) for _ in range(OPERATORS[name].arrays)]
    spec = LRNSpec(199, 199, 1 / 200, 0.75, 1e-3)

    def call():
        moved = arrays if layout == "planar" else [np.ascontiguousarray(array.T) for array in arrays]
        found = compute(*moved, spec, 0 if layout == "planar" else 1)
        return found if layout == "planar" else found.T

    before = call()
    arrays[-1][7, 4] = special
    after = call()
    np.testing.assert_array_equal(cases.bits(np.delete(after, 4, 1)), cases.bits(np.delete(before, 4, 1)))
    if np.isfinite(special):
        with np.errstate(over="ignore", invalid="ignore"):
            wide = compute(*(array.astype(np.float64) for array in arrays), spec, 0)
        np.testing.assert_allclose(after[:, 4], wide[:, 4], rtol=2e-5, atol=1e-5 * abs(wide[:, 4]).max() + 3e-45)


def test_zeros_without_k_are_nan():
    x = np.zeros((100, 3), np.float32)
    x[:, 1] = 1
    y = OPERATORS["lrn"].compute(x, LRNSpec(99, 99, 1.0, 0.5, 0.0), 0)
    assert np.isnan(y[:, [0, 2]]).all()
    np.testing.assert_allclose(y[:, 1], 0.1, rtol=1e-6)
