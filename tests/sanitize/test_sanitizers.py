"""The kernels under AddressSanitizer and UndefinedBehaviorSanitizer, on the build that `make sanitize` makes.

The sanitizers run in the processes that the tests start, not in pytest's own: what they find ends the process.
"""

import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from lrncore import kernels

PLACE = os.environ.get("LRNCORE_SANITIZED")
if PLACE is None:
    pytest.skip("`make sanitize` runs these tests, on a build of their own", allow_module_level=True)

import divisive_edges  # noqa: E402  (after the skip)
import edges  # noqa: E402
import norm_edges  # noqa: E402

PROGRAMS = {"lrn": edges.__file__, "norms": norm_edges.__file__, "divisive": divisive_edges.__file__}

pytestmark = [pytest.mark.parametrize("dtype", edges.DTYPES), pytest.mark.parametrize("isa", kernels.available())]


@pytest.fixture(scope="module")
def environment():
    """Return what a process needs that loads the sanitized kernels."""
    ask = [*shlex.split(os.environ["CC"]), "-print-file-name=libasan.so"]
    library = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(library).is_absolute(), f"`{shlex.join(ask)}` finds none: is it gcc, and is libasan installed?"
    return {
        "LD_PRELOAD": library,
        # CPython keeps memory until its end; what a vector takes too much should not reach beyond the red zone
        "ASAN_OPTIONS": "detect_leaks=0:redzone=256",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


@pytest.fixture(scope="module")
def runs(environment):
    """Start all runs, as many at a time as there are processors: isa, dtype and program -> the run to wait for."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {
            (isa, dtype, program): pool.submit(
                partial(edges.run, "calls", 6, dtype, *edges.MEMORIES, place=PLACE, program=PROGRAMS[program]),
                **environment,
                LRNCORE_ISA=isa,
            )
            for isa, dtype, program in product(kernels.available(), edges.DTYPES, PROGRAMS)
        }


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_byte_too_far_is_reported(isa, dtype, program, environment):
    # the names of functions take longest in a report, and nobody will read it
    quick = {"ASAN_OPTIONS": environment["ASAN_OPTIONS"] + ":symbolize=0", "LRNCORE_ISA": isa}
    arguments = "strays", 1, dtype, *edges.MEMORIES
    edges.run(*arguments, place=PLACE, program=PROGRAMS[program], **environment | quick)


def test_undefined_behaviour_is_reported(isa, dtype, environment):
    program = """
import sys, edges, numpy as np
import lrncore
from lrncore import _threads
_threads.resolve = lambda *_: 0
lrncore.lrn(np.ones((3, 4, 3000), edges.DTYPES[sys.argv[1]]), edges.cases.ALEXNET, num_threads=2)
"""
    paths = os.pathsep.join([PLACE, str(Path(edges.__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, dtype],
        env=os.environ | environment | {"PYTHONPATH": paths, "LRNCORE_ISA": isa},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "runtime error: division by zero" in done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_kernels_do_nothing_that_is_reported(isa, dtype, program, runs):
    runs[isa, dtype, program].result()
