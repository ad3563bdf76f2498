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
from .check import check
from .strategies import calls

pytestmark = [pytest.mark.usefixtures("isa"), oracle.range_proof]

SECONDS = float(os.environ.get("FUZZ_SECONDS", "60"))
SEED = int(os.environ.get("FUZZ_SEED") or secrets.randbelow(10**9))
#: calls from one seed
ROUND = 200


def test_random_calls(request):
    end = time.monotonic() + SECONDS / request.session.testscollected
    for number in count(SEED):
        play(number)
        if time.monotonic() > end:
            logging.getLogger(__name__).info("%d calls, seeds %d to %d", (number - SEED + 1) * ROUND, SEED, number)
            return


def play(number):
    @seed(number)
    @settings(derandomize=False, max_examples=ROUND, phases=[Phase.generate, Phase.shrink])
    @given(call=calls())
    def any_call(call):
        check(call)

    try:
        any_call()
    except Exception as error:
        error.add_note(f"make fuzz SECONDS=0 SEED={number} finds it again.")
        raise
