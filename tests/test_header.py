"""The powers in plain C: no warnings in any build, and the powers' errors against the C library's widest floats."""

import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from lrncore.kernels import _platform

KERNELS = Path(__file__).parents[1] / "lrncore" / "kernels"

PROGRAM = r"""
#include "power_any.h"
#include <float.h>
#include <stdio.h>

#if defined(LRN_DOUBLE)
#define LOWEST DBL_MIN
#define HIGHEST DBL_MAX
#define DIGITS DBL_MANT_DIG
#else
#define LOWEST FLT_MIN
#define HIGHEST FLT_MAX
#define DIGITS FLT_MANT_DIG
#endif

enum { HALF, THREE_QUARTERS, ONE, TWO, ANY };

static vec power(int kind, vec s, const Exponent *x)
{
    vec one = splat(1);
    if (kind == ANY) {
        vec p = times_any(one, s, power_of(x));
        Inside inside = still_inside(nothing_outside(), s, x->foreseen);
        return all_inside(inside, x->foreseen) ? p : times_exp2(one, s, x);
    }
    vec judged;
    return kind == HALF             ? times_half(one, s)
           : kind == THREE_QUARTERS ? times_three_quarters(one, s, &judged)
           : kind == ONE            ? quotient(one, s)
                                    : times_inverse_square(one, s);
}

static double worst(int kind, double beta)
{
    /* what lrncore/kernels/formula.pxi allows */
    int most = EXPONENT_BIAS - 1;
    if (kind >= TWO && fabs(beta) > 1)
        most = (int)(most / fabs(beta)) - 1;
    if (kind == THREE_QUARTERS && JUDGES_SQUARE)
        most /= 2;
    Exponent x = exponent_of(beta, -most, most);
    uint64_t state = 88172645463325252u;
    double found = 0;
    for (int i = 0; i < 100000 / LANES; i++) {
        real s[LANES], p[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            /* every magnitude at first, then near 1, where the windows' sums are */
            int range = i % 2 ? 3 : most;
            int exponent = (int)(state % (uint64_t)(2 * range)) - range;
            s[lane] = (real)ldexp(1 + (double)(state >> 12) * 0x1p-52, exponent);
        }
        store(p, power(kind, load(s), &x));
        for (int lane = 0; lane < LANES; lane++) {
            long double exact = powl(s[lane], -(long double)beta);
            if (!(exact >= LOWEST && exact <= HIGHEST))
                continue;
            int exponent;
            frexpl(exact, &exponent);
            double error = (double)(fabsl(p[lane] - exact) / ldexpl(1, exponent - DIGITS));
            if (!(error <= found))
                found = error;
        }
    }
    return found;
}

int main(void)
{
    static const double betas[] = {0, 0.1, 0.25, 0.6, 0.9, 1.25, 1.5, 3.9, 4.1, -0.5, -0.75, -1, -2.5};
    printf("0.5 %g\n0.75 %g\n1 %g\n2 %g\n", worst(HALF, 0.5), worst(THREE_QUARTERS, 0.75), worst(ONE, 1),
           worst(TWO, 2));
    for (unsigned i = 0; i < sizeof betas / sizeof *betas; i++)
        printf("%g %g\n", betas[i], worst(ANY, betas[i]));
    return 0;
}
"""

X86_64 = sysconfig.get_platform().endswith(("x86_64", "amd64"))
CLANG = next(filter(shutil.which, ["clang", *(f"clang-{version}" for version in range(25, 13, -1))]), "clang")
COMPILERS = {"cc": os.environ.get("CC", "cc"), "clang": CLANG}
BUILDS = {"baseline": [], "scalar": ["-DLRN_SCALAR"]}
if X86_64:
    BUILDS |= {
        "avx2": ["-mavx2", "-mfma"],
        "avx512": ["-mavx2", "-mfma", "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl"],
        "scalar_with_fma": ["-mavx2", "-mfma", "-DLRN_SCALAR"],
    }
RUNS_ON = {"avx2": "avx2", "avx512": "avx512", "scalar_with_fma": "avx2"}
WARNINGS = ["-Wall", "-Wextra", "-Werror"]


@pytest.fixture(params=[(c, b, r) for c in COMPILERS for b in BUILDS for r in ("float", "double")], ids="-".join)
def program(request, tmp_path):
    """Compile the program for one compiler, instruction set and element type."""
    compiler, build, real = request.param
    if shutil.which(shlex.split(COMPILERS[compiler])[0]) is None:
        pytest.skip(f"{COMPILERS[compiler]} is not installed")
    source, binary = tmp_path / "powers.c", tmp_path / "powers"
    source.write_text(PROGRAM)
    flags = ["-std=gnu11", "-O2", "-ffp-contract=off", f"-I{KERNELS}", *BUILDS[build]]
    flags += ["-DLRN_DOUBLE"] if real == "double" else []
    command = [*shlex.split(COMPILERS[compiler]), *WARNINGS, *flags, str(source), "-o", str(binary), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return binary, RUNS_ON.get(build, "baseline")


def test_powers(program):
    binary, isa = program
    if not _platform.supports(isa):
        pytest.skip(f"compiled without a warning, not run: this processor has no {isa}")
    done = subprocess.run([binary], capture_output=True, text=True, check=True, timeout=120)
    errors = [tuple(map(float, line.split())) for line in done.stdout.splitlines()]
    assert len(errors) == 17
    # a steep power magnifies the rounding of its exponent
    assert all(error <= 1.5 + 0.75 * max(1, abs(beta)) for beta, error in errors), errors
