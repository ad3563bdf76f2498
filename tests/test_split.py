"""How the threads of a call share its work, and that the bits do not show where their shares meet."""

import cases
import numpy as np
import pytest
from cases import Shape
from hypothesis import given
from hypothesis import strategies as st
from operators import OPERATORS, assert_same

from lrncore import LRNSpec, _checks

pytestmark = pytest.mark.usefixtures("isa")

#: one image at each LRN layer of AlexNet, CaffeNet and GoogLeNet: channels, height and width
IMAGES = ((96, 55), (256, 27), (96, 27), (256, 13), (64, 56), (192, 56))
#: as the kernels call them
PASSES = {"forward": "lrn", "backward": "lrn_backward", "tangent": "lrn_jvp"}

each_pass = pytest.mark.parametrize("name", PASSES)
each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])


def shares(name, x, axis, threads, in_place=False, spec=cases.ALEXNET):
    """Return how many results each thread of a call has."""
    y = x if in_place else np.empty_like(x)
    return _checks.KERNELS[x.dtype.name].shares(name, x, y, (axis,), spec._arguments, threads, 0)


def check_equal(found, x, threads):
    assert sum(found) == x.size
    assert len(found) == threads
    assert max(found) <= 1.2 * min(found)


# ---- the plan ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [1, 3], ids=["planar", "packed"])
@pytest.mark.parametrize("image", IMAGES, ids=str)
@each_dtype
@each_pass
def test_one_image_keeps_all_threads_equally_busy(name, dtype, image, axis):
    channels, side = image
    x = np.empty((1, channels, side, side) if axis == 1 else (1, side, side, channels), dtype)
    for threads in range(2, 33):
        check_equal(shares(name, x, axis, threads), x, threads)


@pytest.mark.parametrize("image", [image for image in IMAGES if image[1] > 13], ids=str)
@each_dtype
@each_pass
def test_so_does_one_image_in_place(name, dtype, image):
    channels, side = image
    x = np.empty((1, channels, side, side), dtype)
    for threads in range(2, 33):
        check_equal(shares(name, x, 1, threads, in_place=True), x, threads)


@pytest.mark.parametrize("side", [13, 27])
@pytest.mark.parametrize("images", [2, 3, 5, 7, 17, 33])
@each_pass
def test_no_thread_has_much_more_of_some_images_than_others(name, images, side):
    x = np.empty((images, 96, side, side), np.float32)
    for threads in range(2, 32):
        assert max(shares(name, x, 1, threads)) * threads <= 1.2 * x.size


@each_pass
def test_images_are_whole_where_each_thread_has_as_many(name):
    x = np.empty((32, 96, 13, 13), np.float32)
    assert shares(name, x, 1, 16) == [2 * 96 * 13 * 13] * 16


def test_one_thread_has_everything():
    x = np.empty((2, 96, 13, 13), np.float32)
    assert shares("forward", x, 1, 1) == [x.size]


def test_few_elements_take_fewer_threads():
    x = np.empty((1, 64, 13, 13), np.float32)
    assert len(shares("forward", x, 1, 32)) == x.size // 1024


# ---- the bits ---------------------------------------------------------------------------------------------

DTYPES = (*cases.DTYPES, *cases.HALVES)


@st.composite
def slabs(draw):
    """Draw a few slabs of short inner axes, planar or packed, with something to do for several threads."""
    inner, outer = draw(st.integers(1, 400)), draw(st.integers(1, 3))
    channels = draw(st.integers(5, 60)) + 10_000 // (inner * outer)
    return Shape((outer, channels, inner), 1) if draw(st.booleans()) else Shape((outer, inner, channels), 2)


@st.composite
def windows(draw):
    before, after = draw(st.integers(0, 40)), draw(st.integers(0, 40))
    return LRNSpec(before, after, draw(st.sampled_from([1e-4, 0.5])), draw(st.sampled_from([0.75, 0.6, 2.0])), 1.0)


@given(
    name=st.sampled_from(sorted(PASSES.values())),
    case=slabs(),
    spec=st.one_of(st.just(cases.STRONG), windows()),
    dtype=st.sampled_from(DTYPES),
    threads=st.integers(2, 20),
    over=st.sampled_from([None, 0, -1]),
    beyond=st.booleans(),
    seed=st.integers(0, 100),
)
def test_bits_of_any_number_of_threads(name, case, spec, dtype, threads, over, beyond, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(case.shape).astype(dtype) for _ in range(OPERATORS[name].arrays)]
    if beyond:  # the fast loops' range
        for array in arrays:
            array.flat[rng.integers(array.size, size=9)] = rng.choice([np.nan, np.inf, 6e4, 0, 1e-7], 9)
    expected = OPERATORS[name].compute(*arrays, spec, case.axis, num_threads=1)
    out = None if over is None else arrays[over]
    assert_same(OPERATORS[name].compute(*arrays, spec, case.axis, out=out, num_threads=threads), expected)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("image", IMAGES, ids=str)
@each_pass
def test_bits_of_one_image(name, image, dtype):
    operator = OPERATORS[PASSES[name]]
    channels, side = image
    arrays = [cases.normal((1, channels, side, side), seed=i).astype(dtype) for i in range(operator.arrays)]
    expected = operator.compute(*arrays, cases.STRONG, num_threads=1)
    for threads in (2, 3, 16):
        assert_same(operator.compute(*arrays, cases.STRONG, num_threads=threads), expected)
