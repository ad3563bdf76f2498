"""The extensions: libraries of kernels, as builds.py lists them, and the modules of Python that call them."""

import itertools
import json
import os
import runpy
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

KERNELS = Path("lrncore/kernels")
INCLUDE = Path("lrncore/include")

# -O2: -O3 unswitches and unrolls the loops into a third more code, and they are not faster (measured).
# -ffp-contract=off: the header says where a product and a sum are fused, so that every inlined copy of a stage
# gives the same bits. No -ffast-math: it would remove the handling of NaN and Inf.
GNU_FLAGS = ["-O2", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fvisibility=hidden", "-g0"]

# Smaller modules at the same speed: no tables that only unwind exceptions, of which C has none; no stubs of calls
# to other libraries. -fno-gcse or -fno-tree-ch, or loops without padding, made some operators take 5 to 70 % more.
SMALL_FLAGS = ["-fno-asynchronous-unwind-tables", "-fno-plt"]

# Machine code in an order that compresses better, which these processors reorder anyway; small arm64 ones do not
REORDERED = ["-fno-schedule-insns2"]

# For what a call does once
SMALLEST = ["-Os"]

# For x86-64 processors without AVX2 (before 2013; Atom, Celeron and Pentium up to 2021): a fifth smaller. AlexNet's
# powers take .95 to 1.06 of the time that they take with -O2, general exponents 1.16 to 1.27.
OLD_X86 = SMALLEST

# Functions of Python in place of copies of what they do inside
SMALL_MACROS = [
    ("CYTHON_USE_PYLONG_INTERNALS", "0"),
    ("CYTHON_USE_UNICODE_INTERNALS", "0"),
    ("CYTHON_FAST_THREAD_STATE", "0"),
]

# No names of functions in the modules: a twentieth of the wheel
STRIP = ["-Wl,-s"] if sys.platform == "linux" else []

# loaded by its path: the package cannot be imported before it is built
BUILDS = runpy.run_path(str(KERNELS / "builds.py"))

# A stage is one loop over constants of its caller, so it has to be inlined whatever its size.
MACROS = [("CYTHON_INLINE", "__inline__ __attribute__((always_inline, unused))")]

# A library of kernels is not a module: its linker leaves out what Cython makes for one, and all of Python.
LIBRARY_MACROS = [("CYTHON_NO_PYINIT_EXPORT", "1")]
LIBRARY_FLAGS = ["-ffunction-sections", "-fdata-sections"]
LIBRARY_LINK_FLAGS = ["-Wl,-dead_strip"] if sys.platform == "darwin" else ["-Wl,--gc-sections"]
if sys.platform == "linux":
    # nor has it constructors that the start files would call; half a kilobyte each
    LIBRARY_LINK_FLAGS += ["-nostartfiles", "-Wl,--build-id=none"]
DLOPEN = ["dl"] if sys.platform == "linux" else []

# With LRNCORE_WHEEL=1, as `make wheel` sets it, a wheel is one for others. One build then serves CPython 3.11 and
# all newer ones: the first whose stable ABI has buffers. Each call takes some 100 ns more. Free-threaded Pythons
# before 3.15 have no such ABI.
RELEASED = os.environ.get("LRNCORE_WHEEL") == "1"
ABI3 = RELEASED and not sysconfig.get_config_var("Py_GIL_DISABLED")
ABI3_MACROS = [("Py_LIMITED_API", "0x030B0000")] if ABI3 else []

# With LRNCORE_SANITIZE=address,undefined or the like. Stages are not inlined then: with the checks in hundreds of
# copies of a loop a module takes minutes to compile, with one copy seconds.
SANITIZED = ["-O1", "-g1", "-fno-omit-frame-pointer", "-UCYTHON_INLINE"]


COMPILER = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
# One compiler takes up to this much memory.
COMPILER_BYTES = 500_000_000


class BuildExt(build_ext):
    """build_ext with the flags that the compiler at hand understands."""

    # `pip install -e .` looks up the options below by this name, by default the class's own
    command_name = "build_ext"

    def build_extensions(self):
        if self.compiler.compiler_type != "msvc":
            parallel = openmp()
            sanitizers = os.environ.get("LRNCORE_SANITIZE")
            checks = [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all"] if sanitizers else []
            flags = [*GNU_FLAGS, *parallel, *checks, *(SANITIZED if sanitizers else small())]
            for extension in self.extensions:
                extension.define_macros += MACROS + SMALL_MACROS + ABI3_MACROS
                extension.extra_compile_args = [*flags, *extension.extra_compile_args]
                stripped = [] if sanitizers else STRIP
                extension.extra_link_args = [*parallel, *checks, *stripped, *extension.extra_link_args]
                extension.libraries.append("m")
            self.tell_flags()
            if RELEASED and parallel and sys.platform == "linux":
                self.bundle_openmp()
        super().build_extensions()

    def bundle_openmp(self):
        """Put GNU OpenMP beside the kernels, which load it where the system has none."""
        command = [*COMPILER, "-print-file-name=libgomp.so.1"]
        found = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
        if not found.is_absolute():
            raise SystemExit(f"{COMPILER[0]} has no libgomp.so.1, which a wheel for others holds: CC=gcc")
        self.copy_file(str(found), str(Path(self.build_lib, KERNELS, "libgomp.so.1")))

    def tell_flags(self):
        """Let _platform know the flags of each instruction set, for `lrncore info`."""
        by_name = {extension.name.rpartition("._")[2]: extension for extension in self.extensions}
        shared = shlex.split(os.environ.get("CFLAGS", ""))
        flags = {
            isa.name: shlex.join([*shared, *by_name[f"{isa.name}_f32"].extra_compile_args])
            for isa in BUILDS["INSTRUCTION_SETS"]
            if f"{isa.name}_f32" in by_name
        }
        version = runpy.run_path("lrncore/_version.py")["__version__"]
        for name in by_name.keys() & {"c_api", "onnxruntime"}:
            by_name[name].define_macros.append(("LRN_VERSION", json.dumps(version)))
        # as JSON, in the spelling of a C string
        by_name["platform"].define_macros.append(("LRN_FLAGS", json.dumps(json.dumps(flags))))


def openmp():
    """Return the flag for OpenMP, if a program with it compiles and links (LRNCORE_OPENMP=0 says no)."""
    if os.environ.get("LRNCORE_OPENMP") == "0":
        return []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text("#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n")
        command = [*COMPILER, "-fopenmp", str(source), "-o", str(source.with_suffix(""))]
        done = subprocess.run(command, capture_output=True, check=False)
    return ["-fopenmp"] if done.returncode == 0 else []


def small():
    """Return the flags for smaller modules on the target platform."""
    return [*SMALL_FLAGS, *(REORDERED if sysconfig.get_platform().endswith(BUILDS["X86_64"]) else [])]


def jobs():
    """How many compilers to run at once: MAX_JOBS, or what processors and memory allow."""
    if os.environ.get("MAX_JOBS"):
        return max(1, int(os.environ["MAX_JOBS"]))
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = integers("/sys/fs/cgroup/cpu.max")
    if len(quota) == 2:
        processors = min(processors, round(quota[0] / quota[1]))
    memory = [1024 * kilobytes for kilobytes in integers("/proc/meminfo", "MemAvailable:")]
    memory += integers("/sys/fs/cgroup/memory.max") + integers("/sys/fs/cgroup/memory/memory.limit_in_bytes")
    return max(1, min([processors, *(size // COMPILER_BYTES for size in memory)]))


def integers(path, word=""):
    """Return the integers in the line of a system file that starts with `word`; none if there is no such file."""
    lines = Path(path).read_text().splitlines() if Path(path).exists() else []
    return [int(number) for line in lines if line.startswith(word) for number in line.split() if number.isdigit()]


def extensions():
    """Every extension module of the target platform, which a cross-build names in _PYTHON_HOST_PLATFORM."""
    platform = sysconfig.get_platform()
    sources = [str(path) for pattern in ("*.pyx", "**/*.pxi", "**/*.h") for path in sorted(KERNELS.glob(pattern))]
    depends = ["setup.py", str(KERNELS / "builds.py"), *sources]
    shared = {"depends": depends, "py_limited_api": ABI3}
    c_face = {**shared, "depends": [*depends, *(str(path) for path in sorted(INCLUDE.glob("*.h")))]}
    found = [
        Extension(
            "lrncore.kernels._platform", [str(KERNELS / "_platform.pyx")], extra_compile_args=SMALLEST, **shared
        ),
        Extension(
            "lrncore._c_api",
            ["lrncore/_c_api.pyx", str(KERNELS / "c_face.c")],
            include_dirs=[str(KERNELS), str(INCLUDE)],
            extra_compile_args=SMALLEST,
            **c_face,
        ),
    ]
    found += [with_calls(family, shared) for family in BUILDS["FAMILIES"]]
    if platform.startswith("linux"):
        found.append(for_onnxruntime(c_face))
    x86 = platform.endswith(BUILDS["X86_64"])
    rows = itertools.product(BUILDS["INSTRUCTION_SETS"], BUILDS["FAMILIES"], BUILDS["REALS"])
    for isa, family, real in rows:
        # MSVC knows other flags: plain C there
        if not platform.endswith(isa.platforms) or (isa.flags and platform.startswith("win")):
            continue
        name = BUILDS["library"](isa.name, family, real)
        found.append(
            Extension(
                f"lrncore.kernels.{name}",
                [str(KERNELS / f"{name}.pyx")],
                define_macros=[*([(real.macro, "1")] if real.macro else []), *LIBRARY_MACROS],
                extra_compile_args=[*LIBRARY_FLAGS, *(isa.flags or (OLD_X86 if x86 else []))],
                extra_link_args=LIBRARY_LINK_FLAGS,
                include_dirs=[str(KERNELS)],
                **shared,
            )
        )
    return found


def with_calls(family, shared):
    """Return the module of a family's calls from Python, one for all its libraries of kernels."""
    return Extension(
        f"lrncore.kernels.{family.calls}",
        [str(KERNELS / f"{family.calls}.pyx")],
        include_dirs=[str(KERNELS)],
        extra_compile_args=SMALLEST,
        libraries=[*DLOPEN],
        **shared,
    )


def for_onnxruntime(shared):
    """Return the library of operators: no module of Python, and serial, for the session has threads."""
    names = ", ".join(json.dumps(isa.name) for isa in BUILDS["INSTRUCTION_SETS"])
    return Extension(
        "lrncore.kernels._onnxruntime",
        [str(KERNELS / "onnxruntime.c"), str(KERNELS / "c_face.c")],
        define_macros=[("LRN_NAMES", names)],
        include_dirs=[str(KERNELS), str(INCLUDE)],
        extra_compile_args=["-fno-openmp"],
        # it stays until the process ends, as the operators that onnxruntime was given have to
        extra_link_args=["-fno-openmp", "-Wl,-Bsymbolic,-z,nodelete"],
        libraries=[*DLOPEN, "pthread"],
        **shared,
    )


# cythonize's processes import this file again where they are spawned and not forked.
if __name__ == "__main__":
    setup(
        ext_modules=cythonize(extensions(), build_dir="build/cython", nthreads=jobs() if jobs() > 1 else 0),
        cmdclass={"build_ext": BuildExt},
        options={"build_ext": {"parallel": jobs()}, "bdist_wheel": {"py_limited_api": "cp311"} if ABI3 else {}},
    )
