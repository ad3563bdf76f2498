"""The C library: no Python in it, the numbers of the package, for each compiler that is at hand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lrncore

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "c" / "normalize.c"
EMULATOR = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")

#: Compiler, what the build is told besides, and what starts its programs
BUILDS = {
    "gcc": ("gcc", {}, []),
    "clang": ("clang", {}, []),
    "musl": ("musl-gcc", {"LRNCORE_OPENMP": "0"}, []),
    "arm64": ("aarch64-linux-gnu-gcc", {"_PYTHON_HOST_PLATFORM": "linux-aarch64"}, [EMULATOR]),
}
PACKAGES = {"musl-gcc": "musl-tools", "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu qemu-user-static"}


def run(*command, **environment):
    """Return what a command printed."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expected():
    """Return the numbers of the example, from the package."""
    count = 96 * 55 * 55
    x = (np.arange(count, dtype=np.float32) % 511).reshape(1, 96, -1)
    y = lrncore.lrn(x, lrncore.LRNSpec(2, 2, 1e-4, 0.75, 2.0)).ravel()
    return [float(y[i]) for i in range(0, count, count // 4)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="liblrncore.py takes GNU's linker")
@pytest.mark.parametrize("build", BUILDS)
def test_the_library_computes_without_python(build, tmp_path):
    compiler, environment, start = BUILDS[build]
    if shutil.which(compiler) is None or None in start:
        pytest.skip(f"needs {PACKAGES.get(compiler, compiler)}: apt-get install it")
    built = run(sys.executable, "liblrncore.py", tmp_path, CC=compiler, **environment)
    for library in ("liblrncore.so", "liblrncore.a"):
        assert not re.findall(r"_?Py\w+|__pyx\w+", run("nm", "--extern-only", tmp_path / library))
    openmp = [] if "without OpenMP" in built else ["-fopenmp"]
    strict = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", tmp_path]
    static, shared = tmp_path / "static", tmp_path / "shared"
    run(compiler, *strict, EXAMPLE, tmp_path / "liblrncore.a", *openmp, "-lm", "-static", "-o", static)
    printed = [run(*start, static)]
    if build != "musl" and not start:
        run(compiler, *strict, EXAMPLE, "-L", tmp_path, "-llrncore", *openmp, "-lm", "-o", shared)
        printed.append(run(shared, LD_LIBRARY_PATH=str(tmp_path)))
    for text in printed:
        assert text.startswith(f"lrncore {lrncore.__version__}, ")
        numbers = [float(number) for number in re.findall(r"y\[\d+\] = (\S+)", text)]
        np.testing.assert_allclose(numbers, expected(), rtol=1e-6)


def test_the_header_is_c11_and_cplusplus(tmp_path):
    for compiler, source, language in (("gcc", "user.c", "-std=c11"), ("g++", "user.cpp", "-std=c++11")):
        if shutil.which(compiler):
            (tmp_path / source).write_text("#include <lrncore.h>\n")
            strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", lrncore.get_include()]
            run(compiler, language, *strict, tmp_path / source)
