"""What `lrncore apply` refuses, each in one line that names the file or the option."""

import io
import os
import pickle

import numpy as np
import pytest
from npy_files import SHAPE, SPEC, WORDS, array, saved

from lrncore import lrn


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def of(x):
    return lambda path: np.save(path, x)


def bytes_of(data):
    return lambda path: path.write_bytes(data)


def header(shape, descr="<f4"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


CAST = ' holds {}, not float32, float64 or float16; save it as one: np.save("x.npy", a.astype("f4"))'
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
    "true": (
        bytes_of(header((True, 3))),
        "a damaged .npy file: shape (True, 3), dtype float32",
    ),
    "giant_header": (
        bytes_of(WHOLE[:6] + b"\2\0" + (2**31).to_bytes(4, "little") + WHOLE[10:]),
        "a damaged .npy file: its header would have 2147483648 bytes, where 128 are usual",
    ),
    "objects": (
        lambda path: np.save(path, np.array([[None, 1]]), allow_pickle=True),
        "holds pickled Python objects, which are never loaded",
    ),
    "structured": (of(np.zeros(3, [("a", "<f4")])), CAST.format("[('a', '<f4')]")),
    "string": (of(np.array([["a"]])), CAST.format("<U1")),
    "int": (of(np.ones((2, 3), "i8")), CAST.format("int64")),
    "bool": (of(np.ones((2, 3), bool)), CAST.format("bool")),
    "complex": (of(np.ones((2, 3), "c8")), CAST.format("complex64")),
    "number": (of(np.float32(1)), " holds a single number, which has no axes"),
    "of_one_axis": (
        of(np.ones(3, np.float32)),
        "--axis must be in [-1, 1) for an array of 1 dimensions, got 1",
    ),
}


@pytest.mark.parametrize("name", INPUTS)
def test_bad_input_is_one_line(name, folder, command_here):
    make, line = INPUTS[name]
    make(folder / "x.npy")
    done = command_here("apply", "x.npy", "y.npy", *WORDS)
    between = "" if line.startswith(" ") else ": "
    assert done == (2, "", f"lrncore apply: x.npy{between}{line}\n")
    assert not (folder / "y.npy").exists()


def test_header_of_python_2_is_read(folder, command_here):
    x = array((3, 4))
    data = saved(x)
    (folder / "x.npy").write_bytes(data.replace(b"(3, 4), }  ", b"(3L, 4L), }"))
    assert (folder / "x.npy").read_bytes() != data
    assert command_here("apply", "x.npy", "y.npy", *WORDS) == (0, "", "")
    assert (folder / "y.npy").read_bytes() == saved(lrn(x, SPEC))


@pytest.mark.parametrize("length", range(0, 130, 7))
def test_file_cut_in_its_header_is_one_line(length, folder, command_here):
    (folder / "x.npy").write_bytes(WHOLE[:length])
    done = command_here("apply", "x.npy", "y.npy", *WORDS)
    assert (done.status, done.printed, done.said.count("\n")) == (2, "", 1)


def test_standard_input_is_refused(command_here):
    line = "-: No such file or directory; what comes through a pipe has to be saved first"
    assert command_here("apply", "-", "y.npy", *WORDS) == (2, "", f"lrncore apply: {line}\n")


ALIKE = "they must be alike"
TORCH = ["--convention", "torch", "--size", "5"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([*WORDS, "--axis", "4"], "x.npy: --axis must be in [-4, 4) for an array of 4 dimensions, got 4"),
        ([*WORDS, "--axis", "one"], "--axis must be a whole number, or several like 2,3, got 'one'"),
        ([*WORDS, "--threads", "0"], "--threads must be at least 1, got 0"),
        ([*WORDS, "--threads", "all"], "--threads must be a whole number, got 'all'"),
        (
            [*WORDS, "--threads", "9" * 5000],
            f"--threads must be a whole number, got '{'9' * 40}' and 4960 characters more",
        ),
        ([*WORDS, "--memory", "lots"], "--memory must be a size like 512K, 32M or 1G, got 'lots'"),
        ([*WORDS, "--memory", "0"], "--memory must be a size like 512K, 32M or 1G, got '0'"),
        ([*WORDS, "--memory", "-1M"], "there is no option -1M (see lrncore apply --help)"),
        (
            [*WORDS, "--memory", "9" * 5000],
            f"--memory must be a size like 512K, 32M or 1G, got '{'9' * 40}' and 4960 characters more",
        ),
        (
            [*WORDS, "--size", "5"],
            "without a convention, lrncore takes --before, --after, --scale, --beta, --k; got --size",
        ),
        (TORCH[:2], "torch takes --size, --alpha, --beta, --k; --size is missing"),
        ([*TORCH, "--depth-radius", "2"], "torch takes --size, --alpha, --beta, --k; got --depth-radius"),
        ([*TORCH, "--k", "nan"], "--k must be finite, got nan"),
        ([*TORCH, "--k", "two"], "--k must be a number, got 'two'"),
        ([*TORCH[:3], "0"], "--size must be a whole number >= 1, got 0"),
        ([*TORCH[:3], "five"], "--size must be a whole number, got 'five'"),
        (["--convention", "torhc"], "there is no convention 'torhc'; did you mean torch?"),
        (["--convention", "alexnet", "--k", "1"], "alexnet is a network and takes no arguments; got --k"),
        (
            [*WORDS, "--backward", "int.npy"],
            f"int.npy, given to --backward,{CAST.format('int64').replace('x.npy', 'int.npy')}",
        ),
        (
            [*WORDS, "--backward", "wide.npy"],
            "wide.npy, given to --backward, holds float64, but x.npy holds float32: they must be alike",
        ),
        (
            [*WORDS, "--backward", "short.npy"],
            f"short.npy, given to --backward, has the shape {SHAPE[:-1]}, but x.npy has the shape {SHAPE}: {ALIKE}",
        ),
        (
            [*WORDS, "--backward", "fortran.npy"],
            "fortran.npy, given to --backward, is in Fortran order, but x.npy is in C order: they must be alike",
        ),
        ([*WORDS, "--backward", "none.npy"], "none.npy: No such file or directory"),
    ],
)
def test_bad_argument_is_one_line(words, line, folder, command_here):
    np.save("x.npy", array())
    np.save("wide.npy", array(dtype="f8"))
    np.save("int.npy", array(dtype="i8"))
    np.save("short.npy", array(SHAPE[:-1]))
    np.save("fortran.npy", array(order="F"))
    assert command_here("apply", "x.npy", "y.npy", *words) == (2, "", f"lrncore apply: {line}\n")
    assert not (folder / "y.npy").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (f"{' '.join(WORDS)} --axis 2,2", "x.npy: --axis must not repeat an axis, got (2, 2)"),
        (
            f"{' '.join(WORDS)} --axis 3,-1",
            "x.npy: --axis must not repeat an axis, got (3, -1) for an array of 4 dimensions",
        ),
        (f"{' '.join(WORDS)} --axis 2,4", "x.npy: --axis must be in [-4, 4) for an array of 4 dimensions, got 4"),
        (
            f"{' '.join(WORDS)} --axis 2,x",
            "--axis must be a whole number, or several like 2,3, got '2,x'",
        ),
        (
            "--convention caffe --norm-region WITHIN_CHANNEL",
            "--axis must be 2 axes for these arguments of caffe, got 1",
        ),
        ("--convention torch --size 5 --axis 2,3", "--axis must be one axis for these arguments of torch, got 2,3"),
        ("--convention openvino --axes 2,3", "--axis must be 2 axes for these arguments of openvino, got 1"),
    ],
)
def test_axes_that_cannot_be_meant(words, line, command_here):
    np.save("x.npy", array())
    found = command_here("apply", "x.npy", "y.npy", *words.split())
    assert found == (2, "", f"lrncore apply: {line}\n")
