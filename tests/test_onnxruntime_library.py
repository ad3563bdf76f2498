"""The library of operators for onnxruntime, by what onnxruntime does first with it, in a process without Python.

tests/peers has it inside onnxruntime.
"""

import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import lrncore
from lrncore import kernels

ROOT = Path(__file__).parents[1]
FOLDER = Path(kernels.__path__[0])
COMPILER = shutil.which(os.environ.get("CC", "cc"))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the library for onnxruntime takes Linux")


@pytest.fixture(scope="module")
def library():
    (found,) = [path for ending in EXTENSION_SUFFIXES if (path := FOLDER / f"_onnxruntime{ending}").exists()]
    return found


@pytest.fixture(scope="module")
def register(tmp_path_factory):
    """Return what the library says to a version of onnxruntime."""
    if COMPILER is None:
        pytest.skip("no C compiler is installed")
    program = tmp_path_factory.mktemp("operators") / "operators"
    source = ROOT / "tests" / "header" / "operators.c"
    headers = ["-I", lrncore.get_include(), "-I", ROOT / "lrncore" / "kernels"]
    subprocess.run([COMPILER, "-Wall", "-Werror", *headers, source, "-o", program, "-ldl"], check=True)

    def said(path, version="1.17.0", **environment):
        command = [str(program), str(path), version]
        done = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.rstrip("\n")

    return said


@pytest.mark.parametrize("version", ["1.17.0", "1.32.1", "2.0.0"])
def test_operators_are_registered_in_a_process_without_python(register, library, version):
    assert register(library, version) == "lrncore: LRN of 1 LRN of 10 LRN of 11, added"


@pytest.mark.parametrize("version", ["1.16.3", "1.8.1", "0.5.0"])
def test_onnxruntime_is_too_old(register, library, version):
    assert register(library, version) == f"status 9: lrncore needs onnxruntime 1.17 or newer, this is {version}"


@pytest.mark.parametrize("cap", ["", *kernels.INSTRUCTION_SETS])
def test_the_environment_caps_the_instruction_set(register, library, cap):
    assert register(library, LRNCORE_ISA=cap).endswith("added")


def test_an_unknown_instruction_set_is_named(register, library):
    expected = "status 1: LRNCORE_ISA names no instruction set of lrncore's: sse9"
    assert register(library, LRNCORE_ISA="sse9") == expected


def test_the_library_away_from_its_kernels_says_so(register, library, tmp_path):
    moved = shutil.copy(library, tmp_path)
    said = register(moved)
    assert said.startswith(f"status 1: lrncore's kernels were not loaded: {tmp_path}")
    assert "\n" not in said


def test_the_library_holds_no_kernels(library):
    assert library.stat().st_size < 100_000
