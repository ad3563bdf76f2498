"""oneDNN itself, as the user has built it: compiles onednn.cpp against it, and calls that with arrays of NumPy.

The environment variable ONEDNN is the prefix that oneDNN was installed into, or onednn.cpp compiled already.
"""

import ctypes
import os
import shlex
import subprocess
import weakref
from functools import cache
from pathlib import Path

import lrncore

SOURCE = Path(__file__).with_suffix(".cpp")
BUILT = SOURCE.parents[2] / "build" / "onednn.so"
#: As in onednn.cpp
INFERENCE, TRAINING, BOTH, BACKWARD = range(4)
BATCH, BATCH_TRAIN, GROUP, LAYER = range(4)
#: How many channels lie side by side
PACKED, PLANAR = 0, 1


@cache
def library():
    """Return the functions of onednn.cpp, compiled if need be."""
    given = Path(os.environ["ONEDNN"])
    found = ctypes.CDLL(str(given if given.is_file() else compiled(given)))
    for name in ("lrn", "norm"):
        getattr(found, name).restype = ctypes.c_void_p
    for name in ("implementation", "error", "version"):
        getattr(found, name).restype = ctypes.c_char_p
    return found


def compiled(prefix):
    """Compile onednn.cpp against the library in a prefix, static or shared."""
    folders = sorted({path.parent.resolve() for path in prefix.glob("lib*/libdnnl.*")})
    if not folders:
        raise FileNotFoundError(f"no lib/libdnnl.so or .a in {prefix}")
    BUILT.parent.mkdir(exist_ok=True)
    # compiled beside its place, since another process may be loading what is there
    new = BUILT.with_suffix(f".{os.getpid()}")
    command = shlex.split(os.environ.get("CXX", "g++"))
    command += ["-std=c++11", "-O2", "-fopenmp", "-fPIC", "-shared", str(SOURCE), "-o", str(new)]
    command += [f"-I{prefix}/include", f"-L{folders[0]}", "-ldnnl", f"-Wl,-rpath,{folders[0]}", "-ldl", "-lpthread"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "error" in line] or ["?"]
        raise RuntimeError(f"{SOURCE.name} and {prefix}: {said[0]}")
    return new.replace(BUILT)


def version():
    """Return the version of oneDNN."""
    return library().version().decode()


def has_group_norm():
    return tuple(map(int, version().split("."))) >= (3, 3)


def width():
    """Return how many channels it prefers side by side on this processor: a vector of them."""
    return 16 if lrncore.show_config(mode="dicts")["instruction_set"] == "avx512" else 8


def lrn(which, spec, dims, block, x, g, y, dx):
    """Return a pass of LRN, to be called."""
    numbers = (ctypes.c_float * 3)(spec.scale * spec.size, spec.beta, spec.k)
    size = ctypes.c_int64(spec.size)
    return Call(library().lrn, (which, integers(dims), block, size, numbers), (x, g, y, dx))


def norm(which, kind, dims, block, groups, arrays):
    """Return a pass of a moment norm, to be called; `arrays` are x, g, y, dx, weight, bias, mean, variance."""
    return Call(library().norm, (which, kind, integers(dims), len(dims), block, ctypes.c_int64(groups)), arrays)


def copy(to, source):
    """Copy an array with as many threads as OpenMP takes."""
    library().copy(*map(address, (to, source)), ctypes.c_int64(source.nbytes))


class Call:
    """A pass on arrays, which it keeps alive."""

    def __init__(self, build, arguments, arrays):
        self.arrays, self.run = arrays, library().run
        self.call = ctypes.c_void_p(build(*arguments, (ctypes.c_void_p * len(arrays))(*map(address, arrays))))
        if not self.call:
            raise RuntimeError(library().error().decode())
        weakref.finalize(self, library().end, self.call)

    def __call__(self):
        if self.run(self.call):
            raise RuntimeError(library().error().decode())

    @property
    def implementation(self):
        return library().implementation(self.call).decode()


def integers(dims):
    return (ctypes.c_int64 * len(dims))(*dims)


def address(array):
    return ctypes.c_void_p(array.ctypes.data)
