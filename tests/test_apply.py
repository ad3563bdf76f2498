"""`lrncore apply`: the same file as NumPy and lrncore would make, whatever the order, the dtype and the blocks."""

import io
import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrncore import LRNSpec, lrn, lrn_backward
from lrncore.commands._blocks import blocks

SHAPE = (3, 20, 6, 5)
SPEC = LRNSpec(2, 3, 0.5, 0.75, 1.5)
WORDS = ["--before", "2", "--after", "3", "--scale", "0.5", "--beta", "0.75", "--k", "1.5", "--quiet"]
# 3x20x6x5 in blocks of a few rows, of whole images, and at once
MEMORIES = ["1", "700", "2K", "1G"]


def array(shape=SHAPE, dtype="<f4", order="C", seed=0):
    return np.asarray(np.random.default_rng(seed).standard_normal(shape), dtype, order=order)


def saved(x):
    """Return the bytes of the file that NumPy writes."""
    stream = io.BytesIO()
    np.save(stream, x)
    return stream.getvalue()


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


def of(x):
    return lambda path: np.save(path, x)


def bytes_of(data):
    return lambda path: path.write_bytes(data)


def header(shape, descr="<f4"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


CAST = "x must be float32, float64, float16 or bfloat16, got {}; cast it first, e.g. x.astype(np.float32)"
WHOLE = saved(array())
INPUTS = {
    "absent": (lambda _: None, "No such file or directory"),
    "folder": (lambda path: path.mkdir(), "is a directory"),
    "pipe": (
        os.mkfifo,
        "must be a file, for it is read in parts; save what comes through a pipe first",
    ),
    "empty": (
        bytes_of(b""),
        "not a .npy file, or a damaged one: EOF: reading magic string, expected 8 bytes got 0",
    ),
    "text": (
        bytes_of(b"1.0, 2.0, 3.0\n"),
        "not a .npy file, or a damaged one: the magic string is not correct; expected b'\\x93NUMPY', got b'1.0, 2'",
    ),
    "pickle": (bytes_of(pickle.dumps(array())), "a pickle, which is never loaded; numpy.save writes .npy"),
    "npz": (bytes_of(b"PK\3\4" + bytes(99)), "a .npz archive; save the array that you mean as .npy"),
    "truncated": (
        bytes_of(WHOLE[:-1]),
        "truncated, its header says 7200 bytes of data, there are 7199",
    ),
    "header_only": (bytes_of(WHOLE[:128]), "truncated, its header says 7200 bytes of data, there are 0"),
    "future": (
        bytes_of(WHOLE[:6] + b"\4\0" + WHOLE[8:]),
        "not a .npy file, or a damaged one: version 4.0 of the format is not known",
    ),
    "huge": (
        bytes_of(header((10**12, 10**12))),
        f"truncated, its header says {4 * 10**24} bytes of data, there are 0",
    ),
    "endless": (
        bytes_of(header((0, 10**30))),
        f"a damaged .npy file: shape (0, {10**30}), dtype float32",
    ),
    "negative": (bytes_of(header((2, -3))), "a damaged .npy file: shape (2, -3), dtype float32"),
    "objects": (
        lambda path: np.save(path, np.array([[None, 1]]), allow_pickle=True),
        "holds pickled Python objects, which are never loaded",
    ),
    "structured": (of(np.zeros(3, [("a", "<f4")])), CAST.format("[('a', '<f4')]")),
    "string": (of(np.array([["a"]])), CAST.format("<U1")),
    "int": (of(np.ones((2, 3), "i8")), CAST.format("int64")),
    "bool": (of(np.ones((2, 3), bool)), CAST.format("bool")),
    "complex": (of(np.ones((2, 3), "c8")), CAST.format("complex64")),
    "number": (of(np.float32(1)), "x must have at least 1 dimension, got 0"),
    "of_one_axis": (
        of(np.ones(3, np.float32)),
        "axis must be in [-1, 1) for an array of 1 dimensions, got 1",
    ),
}


@pytest.mark.parametrize("name", INPUTS)
def test_bad_input_is_one_line(name, folder, command_here):
    make, line = INPUTS[name]
    make(folder / "x.npy")
    done = command_here("apply", "x.npy", "y.npy", *WORDS)
    assert done == (2, "", f"lrncore apply: x.npy: {line}\n")
    assert not (folder / "y.npy").exists()


@pytest.mark.parametrize("length", range(0, 130, 7))
def test_file_cut_in_its_header_is_one_line(length, folder, command_here):
    (folder / "x.npy").write_bytes(WHOLE[:length])
    done = command_here("apply", "x.npy", "y.npy", *WORDS)
    assert (done.status, done.printed, done.said.count("\n")) == (2, "", 1)


def test_standard_input_is_refused(command_here):
    line = "-: No such file or directory; what comes through a pipe has to be saved first"
    assert command_here("apply", "-", "y.npy", *WORDS) == (2, "", f"lrncore apply: {line}\n")


TORCH = ["--convention", "torch", "--size", "5"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([*WORDS, "--axis", "4"], "x.npy: axis must be in [-4, 4) for an array of 4 dimensions, got 4"),
        ([*WORDS, "--axis", "one"], "x.npy: axis must be an int or a tuple of ints, got 'one' (str)"),
        ([*WORDS, "--threads", "0"], "threads must be an int >= 1, got 0"),
        ([*WORDS, "--threads", "all"], "threads must be an int, got 'all' (str)"),
        ([*WORDS, "--memory", "lots"], "memory must be a size like 512K, 32M or 1G, got 'lots'"),
        (
            [*WORDS, "--size", "5"],
            "without a convention, lrncore takes --before, --after, --scale, --beta, --k; got --size",
        ),
        (TORCH[:2], "torch takes --size, --alpha, --beta, --k; --size is missing"),
        ([*TORCH, "--depth-radius", "2"], "torch takes --size, --alpha, --beta, --k; got --depth-radius"),
        ([*TORCH, "--k", "nan"], "k must be finite, got nan"),
        ([*TORCH[:3], "0"], "size must be an int >= 1, got 0"),
        ([*WORDS, "--backward", "wide.npy"], "wide.npy: g must have the dtype of x, float32, got float64"),
        (
            [*WORDS, "--backward", "short.npy"],
            "short.npy: g must have the shape of x, (3, 20, 6, 5), got (3, 20, 6)",
        ),
        ([*WORDS, "--backward", "fortran.npy"], "fortran.npy: g must have the memory order of x, C, got Fortran"),
        ([*WORDS, "--backward", "none.npy"], "none.npy: No such file or directory"),
    ],
)
def test_bad_argument_is_one_line(words, line, folder, command_here):
    np.save("x.npy", array())
    np.save("wide.npy", array(dtype="f8"))
    np.save("short.npy", array(SHAPE[:-1]))
    np.save("fortran.npy", array(order="F"))
    assert command_here("apply", "x.npy", "y.npy", *words) == (2, "", f"lrncore apply: {line}\n")
    assert not (folder / "y.npy").exists()


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


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (f"{' '.join(WORDS)} --axis 2,2", "axis must not repeat an axis, got (2, 2)"),
        (
            f"{' '.join(WORDS)} --axis 3,-1",
            "axis must not repeat an axis, got (3, -1) for an array of 4 dimensions",
        ),
        (f"{' '.join(WORDS)} --axis 2,4", "axis must be in [-4, 4) for an array of 4 dimensions, got 4"),
        (
            f"{' '.join(WORDS)} --axis 2,x",
            "axis must be an int or a tuple of ints, got (2, 'x') (tuple)",
        ),
        (
            "--convention caffe --norm-region WITHIN_CHANNEL",
            "axis must be 2 axes for these arguments of caffe, got 1",
        ),
        ("--convention torch --size 5 --axis 2,3", "axis must be one axis for these arguments of torch, got 2,3"),
        ("--convention openvino --axes 2,3", "axis must be 2 axes for these arguments of openvino, got 1"),
    ],
)
def test_axes_that_cannot_be_meant(words, line, command_here):
    np.save("x.npy", array())
    found = command_here("apply", "x.npy", "y.npy", *words.split())
    assert found == (2, "", f"lrncore apply: x.npy: {line}\n")


@given(SHAPES, st.integers(0, 3), st.integers(0, 3), st.integers(0, 200), st.integers(1, 5))
def test_blocks_of_boxes_cut_nothing_apart(shape, behind, ahead, most, unit):
    shape = (shape[0], shape[1] * unit, shape[2])
    covered = np.zeros(shape, int)
    for read, written in blocks(shape, behind * unit, ahead * unit, most, unit):
        covered[tuple(slice(part.start, part.stop) for part in written)] += 1
        for part in (read, written):
            assert part.channels.start % unit == part.channels.stop % unit == 0
    assert (covered == 1).all()
