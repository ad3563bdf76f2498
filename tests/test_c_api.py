"""The C functions: the bits of the Python ones, errors that name the argument, and modules compiled for them."""

import ctypes
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import c_table
import ml_dtypes
import numpy as np
import pytest
from cases import bits

import lrncore
from lrncore import LRNSpec, kernels

#: Where `import lrncore` finds it
PACKAGE = str(Path(lrncore.__file__).parents[1])
LRN = c_table.table()
SPEC = LRNSpec(2, 1, 0.1, 0.75, 1.0)
DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]


def data(*arrays):
    """Return where arrays begin."""
    return [array.ctypes.data for array in arrays]


def random(shape, dtype, seed=0):
    """Return an array with a row out of the fast range."""
    x = np.random.default_rng(seed).standard_normal(shape)
    x[0, -1:] *= 1e4
    return x.astype(dtype)


@pytest.mark.parametrize("spec", [SPEC, LRNSpec(600, 600, 1e-3, 0.5, 1.0), LRNSpec(0, 0, 1.0, 2.3, 1e-3)])
@pytest.mark.parametrize("shape", [(2, 24, 275), (3, 7, 1), (1, 512, 30), (2, 3, 1000)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dense_calls_give_the_bits_of_python(dtype, shape, spec):
    g, x = random(shape, dtype, 1), random(shape, dtype)
    y, dx = np.empty_like(x), np.empty_like(x)
    short = c_table.SHORTS[np.dtype(dtype).name]
    for threads in (0, 1, 3):
        y.fill(-1)
        dx.fill(-1)
        arguments = *shape, c_table.spec_of(spec), threads
        assert getattr(LRN, f"forward_{short}")(*data(x, y), *arguments) == 0
        assert getattr(LRN, f"backward_{short}")(*data(g, x, dx), *arguments) == 0
        assert (bits(y) == bits(lrncore.lrn(x, spec))).all()
        assert (bits(dx) == bits(lrncore.lrn_backward(g, x, spec))).all()


@pytest.mark.parametrize("axes", [(0,), (2,), (1, 2), (0, 1, 3)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_strided_calls_take_any_axes(dtype, axes):
    x = random((5, 12, 6, 14), dtype).transpose(2, 0, 1, 3)[:, ::-1, ::2]
    g = random(x.shape, dtype, 1)
    y = np.zeros((*x.shape, 2), dtype)[..., 0]
    dx = np.zeros_like(y)
    arguments = c_table.layout_of(x, axes), c_table.spec_of(SPEC), 2
    assert LRN.forward(c_table.strided(x), c_table.strided(y), *arguments) == 0
    assert LRN.backward(*map(c_table.strided, (g, x, dx)), *arguments) == 0
    assert (bits(y) == bits(lrncore.lrn(x, SPEC, axis=axes))).all()
    assert (bits(dx) == bits(lrncore.lrn_backward(g, x, SPEC, axis=axes))).all()


def test_the_output_may_overlap_an_input():
    """In place, one element further, and the other way around."""
    memory = random((1, 4001, 1), np.float32).ravel()
    for begin in (0, 1):
        for offset in (0, 1):
            both = memory.copy()
            x, y = both[begin : begin + 4000], both[offset : offset + 4000]
            right = lrncore.lrn(x.copy().reshape(10, 400, 1), SPEC)
            assert LRN.forward_f32(*data(x, y), 10, 400, 1, c_table.spec_of(SPEC), 1) == 0
            assert (bits(y) == bits(right.ravel())).all()
    turned = memory[:4000].copy().reshape(10, 400)
    right = lrncore.lrn(turned.copy(), SPEC)
    arguments = c_table.layout_of(turned, (1,)), c_table.spec_of(SPEC), 1
    assert LRN.forward(c_table.strided(turned), c_table.strided(turned[:, ::-1]), *arguments) == 0
    assert (bits(turned[:, ::-1]) == bits(right)).all()


def test_windows_longer_than_any_array():
    x = random((2, 9, 4), np.float32)
    y = np.empty_like(x)
    spec = c_table.Spec(2**63 - 1, 2**63 - 1, 1.0, 0.5, 1.0)
    assert LRN.forward_f32(*data(x, y), *x.shape, ctypes.byref(spec), 1) == 0
    assert (bits(y) == bits(lrncore.lrn(x, LRNSpec(8, 8, 1.0, 0.5, 1.0)))).all()


ONE = np.ones((1, 2, 3), np.float32)
NAN, INF = float("nan"), float("inf")


def dense(g=ONE, x=ONE, shape=(1, 2, 3), spec=(1, 1, 1.0, 0.75, 1.0), threads=1):
    """Return the code of a dense backward, and its output."""
    out = np.full(6, -1, np.float32)
    address = [None if array is None else array.ctypes.data for array in (g, x)]
    return LRN.backward_f32(
        *address, out.ctypes.data, *shape, spec and ctypes.byref(c_table.Spec(*spec)), threads
    ), out


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"x": None}, "x must not be NULL"),
        ({"g": None}, "g must not be NULL"),
        ({"shape": (-1, 2, 3)}, "outer, channels, inner or shape must not be negative"),
        ({"shape": (1, 2**62, 3)}, "all elements together must fit into memory"),
        ({"shape": (2**40, 2**40, 2**40)}, "all elements together must fit into memory"),
        ({"spec": None}, "spec must not be NULL"),
        ({"spec": (-1, 0, 1.0, 1.0, 1.0)}, "spec.before and spec.after must be at least 0"),
        ({"spec": (0, -1, 1.0, 1.0, 1.0)}, "spec.before and spec.after must be at least 0"),
        ({"spec": (0, 0, NAN, 1.0, 1.0)}, "spec.scale must be finite"),
        ({"spec": (0, 0, 1.0, INF, 1.0)}, "spec.beta must be finite"),
        ({"spec": (0, 0, 1.0, 1.0, -INF)}, "spec.k must be finite"),
        ({"threads": -1}, "threads must be at least 0"),
    ],
    ids=str,
)
def test_errors_name_the_argument_and_the_rule(wrong, says):
    code, out = dense(**wrong)
    assert says in LRN.error(code).decode()
    assert (out == -1).all()


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("type", 4, "type of lrn_type"),
        ("type", -1, "type of lrn_type"),
        ("ndim", 0, "ndim from 1 to 64"),
        ("ndim", 65, "ndim from 1 to 64"),
        ("shape", None, "shape"),
        ("windows", 0, "layout.axes must hold 1 to ndim axes"),
        ("windows", 4, "layout.axes must hold 1 to ndim axes"),
        ("axes", c_table.integers([3], ctypes.c_int), "from 0 to ndim - 1"),
        ("axes", c_table.integers([-1], ctypes.c_int), "from 0 to ndim - 1"),
        ("axes", None, "layout.axes must hold"),
    ],
    ids=str,
)
def test_errors_of_layouts(field, value, says):
    y = np.full_like(ONE, -1)
    layout = c_table.layout_of(ONE, (1,))
    setattr(layout._obj, field, value)
    code = LRN.forward(c_table.strided(ONE), c_table.strided(y), layout, c_table.spec_of(SPEC), 1)
    assert says in LRN.error(code).decode()
    assert (y == -1).all()


def test_errors_of_arrays():
    layout, spec = c_table.layout_of(ONE, (1,)), c_table.spec_of(SPEC)
    one = np.full(1, -1, np.float32)
    repeating = np.lib.stride_tricks.as_strided(one, (1, 2, 3), (0, 0, 0))
    for output, says in (
        (c_table.strided(repeating), "the output's must not be 0"),
        (c_table.Array(None, c_table.integers(ONE.strides)), "the output (y or dx) must not be NULL"),
        (c_table.Array(ONE.ctypes.data, None), "strides must be given"),
    ):
        assert says in LRN.error(LRN.forward(c_table.strided(ONE), output, layout, spec, 1)).decode()
    assert one == -1
    # an input may
    y = np.empty_like(ONE)
    one[:] = 1
    assert LRN.forward(c_table.strided(repeating), c_table.strided(y), layout, spec, 1) == 0
    assert (y == lrncore.lrn(ONE, SPEC)).all()
    assert LRN.error(-1) == LRN.error(1000) == b"not a code of lrncore's"


def test_empty_arrays_take_no_pointers():
    assert dense(g=None, x=None, shape=(0, 2, 3))[0] == 0
    assert dense(g=None, x=None, shape=(2**40, 0, 2**40))[0] == 0


def test_the_table_tells_what_it_is():
    assert LRN.size == ctypes.sizeof(c_table.Table)
    assert LRN.library_version() == lrncore.__version__.encode()
    assert LRN.instruction_set() == kernels.isa.encode()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_computes_alone():
    """It would wait for ever for the threads that its parent has."""
    program = """
import os
import numpy as np, c_table, lrncore
lrn, x = c_table.table(), np.ones((64, 96, 100), np.float32)
def call(x):
    y = np.empty_like(x)
    code = lrn.forward_f32(x.ctypes.data, y.ctypes.data, *x.shape, c_table.spec_of(lrncore.LRNSpec.torch(5)), 4)
    assert code == 0 and (y == lrncore.lrn(x, lrncore.LRNSpec.torch(5))).all()
call(x)
child = os.fork()
if child == 0:
    call(x)
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), PACKAGE])}
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], env=environment, check=True, timeout=60)


# ---- extension modules, compiled for the headers of the package --------------------------------------------

MODULE = r"""
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <lrncore_api.h>

static const lrn_api *lrn;

/* normalize(x, y, channels): dense float32, as buffers */
static PyObject *normalize(PyObject *self, PyObject *args)
{
    const lrn_spec spec = {2, 1, 0.1, 0.75, 1};
    Py_buffer x, y;
    int channels, code;
    if (!PyArg_ParseTuple(args, "y*w*i", &x, &y, &channels))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    code = lrn->forward_f32(x.buf, y.buf, x.len / 4 / channels, channels, 1, &spec, 0);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&x);
    PyBuffer_Release(&y);
    if (code)
        return PyErr_Format(PyExc_ValueError, "%s", lrn->error(code));
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"normalize", normalize, METH_VARARGS, NULL}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "user", NULL, -1, methods};

PyMODINIT_FUNC PyInit_user(void)
{
    if (!(lrn = lrn_import()))
        return NULL;
    return PyModule_Create(&module);
}
"""

CYTHON_MODULE = """# cython: language_level=3
cimport lrncore

cdef const lrncore.lrn_api* lrn = lrncore.lrn_import()

def normalize(const float[::1] x, float[::1] y, int channels):
    cdef lrncore.lrn_spec spec = lrncore.lrn_spec(before=2, after=1, scale=0.1, beta=0.75, k=1)
    cdef int code
    with nogil:
        code = lrn.forward_f32(&x[0], &y[0], x.shape[0] // channels, channels, 1, &spec, 0)
    if code:
        raise ValueError(lrn.error(code).decode())
"""

USE = """
import numpy as np, lrncore, user
x = np.random.default_rng(0).standard_normal((50, 12)).astype("f4")
y = np.empty_like(x)
user.normalize(x.ravel(), y.ravel(), 12)
assert (y == lrncore.lrn(x, lrncore.LRNSpec(2, 1, 0.1, 0.75, 1.0))).all()
try:
    user.normalize(x.ravel(), y.ravel(), -12)
except ValueError as error:
    print(error)
"""


def compiled(folder, source, *flags):
    """Compile a module `user`; headers in `folder` come before the package's."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        pytest.skip("no C compiler is installed")
    python = sysconfig.get_path("include")
    if not Path(python, "Python.h").exists():
        pytest.skip("the headers of this Python are not installed")
    includes = ["-I", folder, "-I", lrncore.get_include(), "-I", python]
    made = folder / f"user{sysconfig.get_config_var('EXT_SUFFIX')}"
    subprocess.run([*compiler, "-shared", "-fPIC", *flags, *includes, source, "-o", made], check=True)


def used(folder):
    """Run `USE` beside the module."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), PACKAGE])}
    command = [sys.executable, "-c", USE]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_c_extension(tmp_path):
    (tmp_path / "user.c").write_text(MODULE)
    strict = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-missing-field-initializers"]
    compiled(tmp_path, tmp_path / "user.c", *strict)
    done = used(tmp_path)
    assert done.stdout.startswith("outer, channels, inner or shape must not be negative"), done.stderr


def test_a_cython_extension(tmp_path):
    (tmp_path / "user.pyx").write_text(CYTHON_MODULE)
    command = [
        sys.executable,
        "-m",
        "cython",
        "-3",
        "-I",
        PACKAGE,
        tmp_path / "user.pyx",
        "-o",
        tmp_path / "user.c",
    ]
    subprocess.run(command, check=True)
    compiled(tmp_path, tmp_path / "user.c")
    done = used(tmp_path)
    assert done.stdout.startswith("outer, channels, inner or shape must not be negative"), done.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LRN_API_VERSION = 1", "LRN_API_VERSION = 2"),
        ("    int version;", "    int version;\n    void *later[64];"),
    ],
    ids=["version", "size"],
)
def test_a_module_for_other_functions_is_told_so(tmp_path, old, new):
    header = Path(lrncore.get_include(), "lrncore_api.h").read_text()
    assert old in header
    (tmp_path / "lrncore_api.h").write_text(header.replace(old, new))
    (tmp_path / "user.c").write_text(MODULE)
    compiled(tmp_path, tmp_path / "user.c", "-Wno-error")
    done = used(tmp_path)
    assert "ImportError: compiled for version" in done.stderr
    assert done.stderr.count("the installed lrncore has version 1 in") == 1
