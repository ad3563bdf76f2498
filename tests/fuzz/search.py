"""Looks for a call that fails, for as long as it is given: rounds of random calls, each from a seed of its own.

hypothesis rather than a fuzzer led by coverage, to which the kernels, being compiled, look all the same.
"""

import logging
import os
import secrets
import time
from itertools import count

import pytest
from hypothesis import Phase, given, seed, settings

from . import oracle
from .calls import FUNCTIONS, Call, LRNSpec, Operand
from .check import check
from .slow import Times, seconds_of
from .strategies import calls

pytestmark = [pytest.mark.usefixtures("isa"), oracle.range_proof]

SECONDS = float(os.environ.get("FUZZ_SECONDS", "60"))
SEED = int(os.environ.get("FUZZ_SEED") or secrets.randbelow(10**9))
#: calls from one seed
ROUND = 200


def test_random_calls(request):
    end = time.monotonic() + SECONDS / request.session.testscollected
    times = Times({name: seconds_of(one_element(name)) for name in FUNCTIONS})
    for number in count(SEED):
        play(number, times)
        if time.monotonic() > end:
            break
    log = logging.getLogger(__name__)
    log.info("%d calls, seeds %d to %d", (number - SEED + 1) * ROUND, SEED, number)
    slow = times.slow(seconds_of)
    if slow:
        pytest.fail("slow calls\n\n" + "\n\n".join(map(str, slow)), pytrace=False)


def one_element(name):
    g = Operand() if FUNCTIONS[name].takes_g else None
    return Call(name, "float32", (1,), 0, LRNSpec(2, 2, 1.0, 0.75, 1.0), g=g)


def play(number, times):
    @seed(number)
    @settings(derandomize=False, max_examples=ROUND, phases=[Phase.generate, Phase.shrink])
    @given(call=calls())
    def any_call(call):
        times.add(call, check(call))

    try:
        any_call()
    except Exception as error:
        error.add_note(f"make fuzz SECONDS=0 SEED={number} finds it again.")
        raise
