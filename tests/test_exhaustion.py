"""No memory and no threads to be had: a call raises MemoryError and leaves every array as it was, or makes do."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig

import cases
import pytest

from lrncore.kernels import _platform

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="made of Linux's limits and LD_PRELOAD")
needs_openmp = pytest.mark.skipif(not _platform.openmp(), reason="this build has no OpenMP: it makes no threads")

# ---- a refused allocation ---------------------------------------------------------------------------------

REFUSING_MALLOC = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

/* The allocation that comes after so many others is refused; a negative number refuses none. */
long granted = -1;

void *malloc(size_t size)
{
    static void *(*next)(size_t);
    if (!next)
        next = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    if (granted >= 0 && granted-- == 0) {
        errno = ENOMEM;
        return NULL;
    }
    return next(size);
}
"""


@pytest.fixture(scope="module")
def refusing_malloc(tmp_path_factory):
    """Compile a malloc that refuses one allocation, to be loaded before the C library's."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        pytest.skip("no C compiler is installed")
    folder = tmp_path_factory.mktemp("malloc")
    source, library = folder / "malloc.c", folder / "malloc.so"
    source.write_text(REFUSING_MALLOC)
    subprocess.run([*compiler, "-shared", "-fPIC", str(source), "-o", str(library), "-ldl"], check=True)
    return str(library)


# Refuses the first allocation of a call, then the second, and so on, until the call needs no more than are granted.
# Prints for each layout the errors, whether they left every array as it was, and whether the last call was right.
EVERY_ALLOCATION = """
import ctypes, gc, json, sys
import numpy as np
import lrncore

direction, where, threads, layouts = sys.argv[1:]
granted = ctypes.c_long.in_dll(ctypes.CDLL(None), "granted")
spec = lrncore.LRNSpec.torch(5, 1.0)
gc.disable()
layouts = json.loads(layouts)
for shape, axis in layouts[:1] + layouts:  # once more, since Python and NumPy keep memory of their first calls
    memory = np.random.default_rng(0).standard_normal(2 * int(np.prod(shape)) + 5).astype(np.float32)
    size = memory.size // 2 - 2
    x, g = memory[:size].reshape(shape), memory[size : 2 * size].reshape(shape)
    out = {"new": None, "out": np.full_like(x, 7), "overlapping": memory[5 : size + 5].reshape(shape)}[where]

    def call(out=out, threads=int(threads)):
        if direction == "forward":
            return lrncore.lrn(x, spec, axis, out=out, num_threads=threads)
        return lrncore.lrn_backward(g, x, spec, axis, out=out, num_threads=threads)

    arrays = [memory] if out is None else [memory, out]
    expected = call(out=None)  # and OpenMP has its threads
    before = [array.copy() for array in arrays]
    errors, untouched, count, refused = [], [], 0, False
    while True:
        try:
            granted.value = count
            result = call()
        except MemoryError as error:
            granted.value = -1
            errors.append(str(error))
            untouched += [np.array_equal(*pair) for pair in zip(arrays, before)]
            count += 1
        else:
            refused, granted.value = granted.value < 0, -1
            if not refused:
                break
            # it made do without
            for array, earlier in zip(arrays, before):
                array[...] = earlier
            count += 1
    print(json.dumps({"errors": errors, "untouched": all(untouched), "right": np.array_equal(result, expected)}))
"""


@pytest.fixture
def refused(refusing_malloc, python):
    """Run EVERY_ALLOCATION, and return what it says of each layout."""

    def run(*arguments):
        printed = python(
            EVERY_ALLOCATION,
            *arguments,
            json.dumps(list(cases.LAYOUTS.values())),
            LD_PRELOAD=refusing_malloc,
            # so that the interpreter's own small objects are refused too; one without a global lock has no choice
            PYTHONMALLOC="" if sysconfig.get_config_var("Py_GIL_DISABLED") else "malloc",
        )
        return [json.loads(line) for line in printed.splitlines()[1:]]

    return run


@needs_linux
@pytest.mark.skipif(
    sys.version_info[:3] == (3, 12, 1),
    reason="CPython 3.12.1 crashes where the call of a Python function gets no memory",
)
@pytest.mark.parametrize("threads", ["1", "4"])
@pytest.mark.parametrize("where", ["new", "out", "overlapping"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_refused_allocation(direction, where, threads, refused):
    for said in refused(direction, where, threads):
        assert said["untouched"]
        assert said["right"]
        assert sum("of scratch" in error for error in said["errors"]) == 1
        # of the result, or of the temporary that `out` is copied from
        assert sum("for an array with shape" in error for error in said["errors"]) == (where != "out")


# ---- no memory left ---------------------------------------------------------------------------------------

# The window is so long that its scratch exceeds what the process may still have.
TOO_LONG_WINDOW = """
import resource, sys
import numpy as np
import lrncore

direction, threads = sys.argv[1:]
x = np.random.default_rng(0).standard_normal((4, 1_000_000)).astype(np.float32)
arrays = [x, x[::-1].copy(), np.full_like(x, 7)]
before = [array.copy() for array in arrays]
references = [sys.getrefcount(array) for array in arrays]
spec = lrncore.LRNSpec(10**6 - 2, 10**6, 1.0, 0.75, 1.0)  # all channels, but not of every output
(size,) = [int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmSize")]
resource.setrlimit(resource.RLIMIT_AS, (size + (10 << 20), size + (10 << 20)))
try:
    if direction == "forward":
        lrncore.lrn(arrays[0], spec, out=arrays[2], num_threads=int(threads))
    else:
        lrncore.lrn_backward(arrays[1], arrays[0], spec, out=arrays[2], num_threads=int(threads))
except MemoryError as error:
    print(str(error).partition(" ")[2])
print(all(np.array_equal(*pair) for pair in zip(arrays, before)))
print(references == [sys.getrefcount(array) for array in arrays])
"""


@needs_linux
@pytest.mark.parametrize("threads", ["1", "4"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_scratch_beyond_the_limit_of_the_process(direction, threads, python):
    message, untouched, released = python(TOO_LONG_WINDOW, direction, threads).splitlines()
    assert message.endswith("bytes of scratch")
    assert untouched == "True"
    assert released == "True"


# ---- no threads to be had ---------------------------------------------------------------------------------

# GNU OpenMP ends the process when it is refused a thread, so what is tested is who does not ask for one. The limit
# does not hold for root.
NO_MORE_THREADS = """
import os, resource, sys
import numpy as np
import lrncore

x = np.random.default_rng(0).standard_normal((8, 64, 300)).astype(np.float32)
spec = lrncore.LRNSpec.torch(5, 1.0)
expected = lrncore.lrn(x, spec, num_threads=1)

def refuse_threads():
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

def right(x=x, expected=expected, **threads):
    return np.array_equal(lrncore.lrn(x, spec, **threads), expected)

"""


@needs_linux
def test_one_thread_asks_for_no_other(python):
    assert python(NO_MORE_THREADS + "refuse_threads(); print(right(num_threads=1))") == "True"


@needs_linux
def test_small_array_asks_for_no_thread(python):
    assert python(NO_MORE_THREADS + "refuse_threads(); print(right(x[:1], expected[:1]))") == "True"


@needs_linux
@needs_openmp
def test_threads_once_made_are_kept(python):
    program = "right(num_threads=4); refuse_threads(); print(right(num_threads=4), right(num_threads=3))"
    assert python(NO_MORE_THREADS + program) == "True True"


@needs_linux
@needs_openmp
def test_fewer_threads_than_parts(python):
    """OpenMP may give a call fewer threads than it asked for."""
    program = "right(num_threads=2); refuse_threads(); print(right(num_threads=7))"
    assert python(NO_MORE_THREADS + program, OMP_THREAD_LIMIT="2") == "True"
