"""The headers in plain C: no warning in any build, errors within the limits that they state, exact conversions."""

import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lrncore.kernels import _platform, builds

PROGRAMS = Path(__file__).parent / "header"
KERNELS = Path(__file__).parents[1] / "lrncore" / "kernels"
HEADERS = {path.name: path.read_text() for path in sorted(KERNELS.glob("*.h"))}

CLANG = next(filter(shutil.which, ["clang", *(f"clang-{version}" for version in range(25, 13, -1))]), "clang")
COMPILERS = {"cc": os.environ.get("CC", "cc"), "clang": CLANG}
BUILDS = {
    isa.name: list(isa.flags) for isa in builds.INSTRUCTION_SETS if sysconfig.get_platform().endswith(isa.platforms)
}
RUNS_ON = {name: name for name in BUILDS}
BUILDS["scalar"] = ["-DLRN_SCALAR"]
if "avx2" in BUILDS:
    BUILDS["scalar_with_fma"] = [*BUILDS["avx2"], "-DLRN_SCALAR"]
    RUNS_ON["scalar_with_fma"] = "avx2"
if "avx512" in BUILDS:
    BUILDS["avx512_in_256_bits"] = [*BUILDS["avx512"], "-DLRN_WIDTH=256"]
    RUNS_ON["avx512_in_256_bits"] = "avx512"
# built statically by a cross-compiler, and run under QEMU
ARM64 = {"cc": "aarch64-linux-gnu-gcc", "clang": f"{CLANG} --target=aarch64-linux-gnu"}
EMULATOR = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
if not sysconfig.get_platform().endswith(("aarch64", "arm64")):
    BUILDS["arm64"] = ["-static"]
WARNINGS = ["-Wall", "-Wextra", "-Wundef", "-Werror"]

each_compiler = pytest.mark.parametrize("compiler", COMPILERS)
each_build = pytest.mark.parametrize("build", BUILDS)


def start(build, compiler="cc", real="float", half=None):
    """Compile a program for one instruction set without a warning; run it if this processor can."""
    words = shlex.split((ARM64 if build == "arm64" else COMPILERS)[compiler])
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    if build == "arm64" and not (EMULATOR and shutil.which(ARM64["cc"])):
        pytest.skip("arm64: install gcc-aarch64-linux-gnu and qemu-user-static")
    program = "conversions.c" if half else "powers.c"
    defined = [f"-DHALF_BITS={half}"] * (half is not None) + ["-DLRN_DOUBLE"] * (real == "double")
    flags = ["-std=gnu11", "-O2", "-ffp-contract=off", f"-I{KERNELS}", *BUILDS[build], *defined]
    with TemporaryDirectory() as folder:
        binary = f"{folder}/program"
        command = [*words, *WARNINGS, *flags, PROGRAMS / program, "-o", binary, "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        if not _platform.supports(RUNS_ON.get(build, "baseline")):
            pytest.skip(f"compiled without a warning, not run: this processor has no {RUNS_ON[build]}")
        started = [EMULATOR, binary] if build == "arm64" else [binary]
        return subprocess.run(started, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()


def limit(function, beta, traits):
    """Return the largest error that the comment over a function states, in units of the last place.

    It is on the line `Error:`, as `a` or `a + b |beta|`, and others may follow, for `not fused` and `estimates_8`.
    """
    if function == "times_any" and "tables" not in traits:
        function = "times_exp2"
    name, label = ("times_three_quarters", "inverse:") if function == "inverse" else (function, "Error:")
    comment = re.search(rf"/\*((?:(?!\*/).)*)\*/\nINLINE vec {name}\(", "".join(HEADERS.values()), re.DOTALL)[1]
    (line,) = (line for line in comment.splitlines() if line.startswith(f" * {label}"))
    usual, *others = line.removeprefix(f" * {label}").split("; ")
    for trait, holds in (("not fused ", "fused" not in traits), ("estimates_8 ", "estimates_8" in traits)):
        usual = next((each.removeprefix(trait) for each in others if holds and each.startswith(trait)), usual)
    number, slope = re.match(r"\s*(\S+)(?: \+ ([\d.]*) ?\|beta\|)?", usual).groups()
    return float(number) + (0 if slope is None else float(slope or 1)) * abs(beta)


@each_compiler
@each_build
@pytest.mark.parametrize("real", ["float", "double"])
def test_errors_of_the_powers_are_within_the_stated_limits(real, build, compiler, begun):
    lines = begun(real=real, build=build, compiler=compiler)
    traits = {line for line in lines if " " not in line}
    measured = [(name, float(beta), float(error)) for name, beta, error in map(str.split, lines[len(traits) :])]
    assert {name for name, *_ in measured} == {
        *("rsqrt_estimate", "product", "quotient", "times_inverse_square", "times_half", "times_three_quarters"),
        *("inverse", "log2_of", "times_exp2", "times_any"),
    }
    beyond = {(name, beta): error for name, beta, error in measured if not error <= limit(name, beta, traits)}
    assert beyond == {}


@each_build
@pytest.mark.parametrize("half", [11, 8], ids=["float16", "bfloat16"])
def test_conversions_are_exact_and_round_to_nearest_even(half, build, begun):
    assert begun(half=half, build=build) == ["0"]


def test_capabilities_are_those_that_are_listed():
    used = {name for header in HEADERS.values() for name in re.findall(r"\bHAS_\w+", header)}
    assert used == set(re.findall(r"#define (HAS_\w+) 1", HEADERS["capabilities.h"]))


@pytest.mark.parametrize("header", sorted(HEADERS.keys() - {"capabilities.h", "simd.h"}))
def test_width_of_vectors_decides_nothing(header):
    assert not re.search(r"#.*if.*(VECTOR_BYTES|WIDEST_BYTES)|VECTOR_BYTES [=<>]", HEADERS[header])
