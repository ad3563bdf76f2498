"""`lrncore apply`: the same file as NumPy and lrncore would make, whatever the order, the dtype and the blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from npy_files import SHAPE, SPEC, WORDS, array, saved

from lrncore import LRNSpec, lrn, lrn_backward
from lrncore.commands._blocks import blocks

# 3x20x6x5 in blocks of a few rows, of whole images, and at once
MEMORIES = ["1", "700", "2K", "1G"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axis", range(-1, len(SHAPE) - 1))
def test_result_is_that_of_lrn(axis, order, memory, folder, command_here):
    x = array(order=order)
    np.save("x.npy", x)
    assert command_here("apply", "x.npy", "y.npy", *WORDS, "--axis", axis, "--memory", memory) == (0, "", "")
    assert (folder / "y.npy").read_bytes() == saved(lrn(x, SPEC, axis))


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axis", range(-1, len(SHAPE) - 1))
def test_gradient_is_that_of_lrn_backward(axis, order, memory, folder, command_here):
    x, g = array(order=order), array(order=order, seed=1)
    np.save("x.npy", x)
    np.save("g.npy", g)
    words = ["x.npy", "dx.npy", "--backward", "g.npy", *WORDS, "--axis", axis, "--memory", memory]
    assert command_here("apply", *words) == (0, "", "")
    assert (folder / "dx.npy").read_bytes() == saved(lrn_backward(g, x, SPEC, axis))


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "<f2", ">f2"])
def test_dtype_and_byte_order_stay(dtype, folder, command_here):
    x = array(dtype=dtype)
    np.save("x.npy", x)
    assert command_here("apply", "x.npy", "y.npy", *WORDS, "--memory", "2K").status == 0
    assert (folder / "y.npy").read_bytes() == saved(lrn(x, SPEC).astype(dtype))


def test_gradient_may_have_another_byte_order(folder, command_here):
    x, g = array(), array(seed=1)
    np.save("x.npy", x)
    np.save("g.npy", g.astype(">f4"))
    assert command_here("apply", "x.npy", "dx.npy", "--backward", "g.npy", *WORDS).status == 0
    assert (folder / "dx.npy").read_bytes() == saved(lrn_backward(g, x, SPEC))


@pytest.mark.parametrize("shape", [(7,), (1, 7), (0, 4), (4, 0), (3, 0, 2), (2, 3, 4, 5, 6)])
@pytest.mark.parametrize("axis", [0, -1])
def test_shape_may_be_any(shape, axis, folder, command_here):
    x = array(shape)
    np.save("x.npy", x)
    assert command_here("apply", "x.npy", "y.npy", *WORDS, "--axis", axis).status == 0
    assert (folder / "y.npy").read_bytes() == saved(lrn(x, SPEC, axis))


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_version_of_the_format_may_be_any(version, folder, command_here):
    x = array()
    with (folder / "x.npy").open("wb") as stream:
        np.lib.format.write_array(stream, x, version)
    assert command_here("apply", "x.npy", "y.npy", *WORDS).status == 0
    assert (folder / "y.npy").read_bytes() == saved(lrn(x, SPEC))


@pytest.mark.parametrize(
    ("words", "spec"),
    [
        ("--convention torch --size 4 --alpha 0.1 --beta 0.6 --k 2", LRNSpec.torch(4, 0.1, 0.6, 2.0)),
        ("--convention tensorflow --depth-radius 2 --bias 2", LRNSpec.tensorflow(2, 2.0)),
        ("--convention tensorflow --depth_radius 2", LRNSpec.tensorflow(2)),
        ("--convention caffe", LRNSpec.caffe()),
        (
            "--convention cuda_convnet --size 5 --scale 0.1 --pow 0.75 --minDiv 2",
            LRNSpec.cuda_convnet(5, 0.1, 0.75, 2.0),
        ),
        ("--convention cudnn --lrnN 4 --lrnAlpha 0.1 --lrnBeta 0.6 --lrnK 1", LRNSpec.cudnn(4, 0.1, 0.6, 1.0)),
        ("--convention matconvnet --N 4 --kappa 2", LRNSpec.matconvnet(4, 2.0)),
        ("--convention paper --n 3", LRNSpec.paper(3)),
        ("--convention Paper --n 3 --beta -1e-3", LRNSpec.paper(3, beta=-1e-3)),
        ("--convention torch --size 3 --axis -3 --k .5", LRNSpec.torch(3, k=0.5)),
        ("--convention GoogLeNet", LRNSpec.googlenet()),
        ("--convention VGG-M", LRNSpec.vgg_m()),
    ],
)
def test_parameters_are_those_of_the_convention(words, spec, folder, command_here):
    x = array()
    np.save("x.npy", x)
    assert command_here("apply", "x.npy", "y.npy", *words.split()).status == 0
    assert (folder / "y.npy").read_bytes() == saved(lrn(x, spec))


def test_input_may_be_replaced(folder, command_here):
    x = array()
    np.save("x.npy", x)
    assert command_here("apply", "x.npy", "x.npy", "--force", *WORDS, "--memory", "2K").status == 0
    assert (folder / "x.npy").read_bytes() == saved(lrn(x, SPEC))
    assert [path.name for path in folder.iterdir()] == ["x.npy"]


def test_gradient_may_be_replaced(folder, command_here):
    x, g = array(), array(seed=1)
    np.save("x.npy", x)
    np.save("g.npy", g)
    assert command_here("apply", "x.npy", "g.npy", "--backward", "g.npy", "--force", *WORDS).status == 0
    assert (folder / "g.npy").read_bytes() == saved(lrn_backward(g, x, SPEC))


def test_what_follows_the_array_is_left_out(folder, command_here):
    x = array()
    (folder / "x.npy").write_bytes(saved(x) + saved(x))
    assert command_here("apply", "x.npy", "y.npy", *WORDS).status == 0
    assert (folder / "y.npy").read_bytes() == saved(lrn(x, SPEC))


def test_rate_is_said(command_here):
    np.save("x.npy", array())
    done = command_here("apply", "x.npy", "y.npy", *(word for word in WORDS if word != "--quiet"))
    assert done.said.startswith("y.npy: (3, 20, 6, 5) float32, 0.0 MB in ")
    assert done.said.endswith(" GB/s\n")


SHAPES = st.tuples(*(st.integers(0, 12) for _ in range(3)))


@given(SHAPES, st.integers(0, 5), st.integers(0, 5), st.integers(0, 200))
def test_blocks_cover_the_array_once_and_bring_their_margins(shape, behind, ahead, most):
    covered = np.zeros(shape, int)
    for read, written in blocks(shape, behind, ahead, most):
        place = tuple(slice(part.start, part.stop) for part in written)
        covered[place] += 1
        first, last = written.channels.start - behind, written.channels.stop + ahead
        assert read == written._replace(channels=range(max(first, 0), min(last, shape[1])))
    assert (covered == 1).all()


@given(SHAPES, st.integers(0, 5), st.integers(0, 5), st.integers(0, 200))
def test_blocks_are_no_larger_than_asked_for_unless_margins_are(shape, behind, ahead, most):
    margins = (2 * (behind + ahead) + 1) * shape[2]
    for read, _ in blocks(shape, behind, ahead, most):
        assert read.size <= max(most, margins)


BOXES = [(2, 3), (1, 3), (1, 2), (0, 2), (0, 1, 2, 3), (1, 2, 3), ()]


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axes", BOXES, ids=str)
def test_boxes_are_those_of_lrn(axes, order, memory, folder, command_here):
    x, g = array(order=order), array(order=order, seed=1)
    np.save("x.npy", x)
    np.save("g.npy", g)
    words = [*WORDS, "--axis", ",".join(map(str, axes)) or ",", "--memory", memory]
    assert command_here("apply", "x.npy", "y.npy", *words) == (0, "", "")
    assert (folder / "y.npy").read_bytes() == saved(lrn(x, SPEC, axes))
    assert command_here("apply", "x.npy", "dx.npy", "--backward", "g.npy", *words) == (0, "", "")
    assert (folder / "dx.npy").read_bytes() == saved(lrn_backward(g, x, SPEC, axes))


@pytest.mark.parametrize(
    ("words", "spec"),
    [
        (
            "--convention caffe --local-size 3 --norm-region WITHIN_CHANNEL --k 2 --axis 2,3",
            LRNSpec.caffe(3, norm_region="WITHIN_CHANNEL"),
        ),
        ("--convention openvino --axes 2,3 --axis=-2,-1", LRNSpec.openvino((2, 3))),
        (
            "--convention acl --type IN_MAP_2D --is-scaled False --axis 3,2",
            LRNSpec.acl("IN_MAP_2D", is_scaled=False),
        ),
        (
            "--convention onednn --local-size 3 --alpha 1 --beta 1 --k 1 --alg-kind lrn_within_channel --axis 2,3",
            LRNSpec.onednn(3, 1.0, 1.0, 1.0, "lrn_within_channel"),
        ),
    ],
)
def test_boxes_of_the_conventions(words, spec, folder, command_here):
    x = array()
    np.save("x.npy", x)
    assert command_here("apply", "x.npy", "y.npy", *words.split(), "--quiet") == (0, "", "")
    assert (folder / "y.npy").read_bytes() == saved(lrn(x, spec, (2, 3)))


@pytest.mark.parametrize("words", [[], ["--axis", "1"]], ids=["not_given", "given"])
def test_axis_of_three_dimensions_is_said_where_it_is_not_given(words, folder, command_here):
    x = array((4, 5, 6))
    np.save("x.npy", x)
    done = command_here("apply", "x.npy", "y.npy", *WORDS, *words)
    line = (
        "lrncore apply: x.npy has 3 dimensions, (4, 5, 6), and --axis is not given: axis 1 is taken, as in "
        "(N, C, L); give --axis 0 for (C, H, W), --axis -1 for (H, W, C), or --axis 1 to say that this is meant\n"
    )
    assert done == (0, "", "" if words else line)
    assert (folder / "y.npy").read_bytes() == saved(lrn(x, SPEC, 1))


@given(SHAPES, st.integers(0, 3), st.integers(0, 3), st.integers(0, 200), st.integers(1, 5))
def test_blocks_of_boxes_cut_nothing_apart(shape, behind, ahead, most, unit):
    shape = (shape[0], shape[1] * unit, shape[2])
    covered = np.zeros(shape, int)
    for read, written in blocks(shape, behind * unit, ahead * unit, most, unit):
        covered[tuple(slice(part.start, part.stop) for part in written)] += 1
        for part in (read, written):
            assert part.channels.start % unit == part.channels.stop % unit == 0
    assert (covered == 1).all()
