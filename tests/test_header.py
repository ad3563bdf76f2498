"""The powers and the conversions in plain C: no warning in any build, errors beside the widest floats of C."""

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
    vec judged, inverse;
    return kind == HALF             ? times_half(one, s)
           : kind == THREE_QUARTERS ? times_three_quarters(one, s, &judged, &inverse)
           : kind == ONE            ? quotient(one, s, 0)
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
            if (!lane_within(s[lane], range_of(-most, most)) || !(exact >= LOWEST && exact <= HIGHEST))
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

CONVERSIONS = r"""
#include "storage.h"
#include <stdio.h>

/* float16 by the compiler, bfloat16 by its definition */
static uint16_t rounded(float f)
{
    uint16_t h;
#if defined(LRN_FLOAT16)
    _Float16 half = (_Float16)f;
    memcpy(&h, &half, sizeof h);
#else
    uint32_t b;
    memcpy(&b, &f, sizeof b);
    uint32_t rest = b & 0xffff, odd = b >> 16 & 1;
    h = (uint16_t)((b >> 16) + (rest + odd > 0x8000));
#endif
    return h;
}

int main(void)
{
    long wrong = 0;
    uint64_t state = 88172645463325252u;
    for (unsigned i = 0; i < 65536; i++) {
        uint16_t from = (uint16_t)i, to;
        real a = real_of(&from);
        set_elem(&to, a);
        wrong += a == a && to != from;
    }
    for (int i = 0; i < 1000000; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        uint32_t b = (uint32_t)state;
        float a;
        uint16_t to;
        memcpy(&a, &b, sizeof a);
        set_elem(&to, a);
        wrong += a == a && to != rounded(a);
    }
    printf("%ld\n", wrong);
    return 0;
}
"""

X86_64 = sysconfig.get_platform().endswith(("x86_64", "amd64"))
CLANG = next(filter(shutil.which, ["clang", *(f"clang-{version}" for version in range(25, 13, -1))]), "clang")
COMPILERS = {"cc": os.environ.get("CC", "cc"), "clang": CLANG}
BUILDS = {"baseline": [], "scalar": ["-DLRN_SCALAR"]}
if X86_64:
    BUILDS |= {
        "avx2": ["-mavx2", "-mfma", "-mf16c"],
        "avx512": ["-mavx2", "-mfma", "-mf16c", "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl"],
        "scalar_with_fma": ["-mavx2", "-mfma", "-DLRN_SCALAR"],
    }
RUNS_ON = {"avx2": "avx2", "avx512": "avx512", "scalar_with_fma": "avx2"}
WARNINGS = ["-Wall", "-Wextra", "-Werror"]

each_compiler = pytest.mark.parametrize("compiler", COMPILERS)
each_build = pytest.mark.parametrize("build", BUILDS)


def compiled(program, compiler, build, folder, *flags):
    """Compile a program for one instruction set without a warning, and run it if this processor can."""
    if shutil.which(shlex.split(COMPILERS[compiler])[0]) is None:
        pytest.skip(f"{COMPILERS[compiler]} is not installed")
    source, binary = folder / "program.c", folder / "program"
    source.write_text(program)
    flags = ["-std=gnu11", "-O2", "-ffp-contract=off", f"-I{KERNELS}", *BUILDS[build], *flags]
    command = [*shlex.split(COMPILERS[compiler]), *WARNINGS, *flags, str(source), "-o", str(binary), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    isa = RUNS_ON.get(build, "baseline")
    if not _platform.supports(isa):
        pytest.skip(f"compiled without a warning, not run: this processor has no {isa}")
    return subprocess.run([binary], capture_output=True, text=True, check=True, timeout=120)


@each_compiler
@each_build
@pytest.mark.parametrize("real", ["float", "double"])
def test_powers(real, build, compiler, tmp_path):
    done = compiled(PROGRAM, compiler, build, tmp_path, *(["-DLRN_DOUBLE"] if real == "double" else []))
    errors = [tuple(map(float, line.split())) for line in done.stdout.splitlines()]
    assert len(errors) == 17
    # a steep power magnifies the rounding of its exponent
    assert all(error <= 1.5 + 0.75 * max(1, abs(beta)) for beta, error in errors), errors


@each_build
@pytest.mark.parametrize("half", ["LRN_FLOAT16", "LRN_BFLOAT16"])
def test_conversions_are_exact_and_round_to_nearest_even(half, build, tmp_path):
    done = compiled(CONVERSIONS, "cc", build, tmp_path, f"-D{half}")
    assert done.stdout == "0\n"
