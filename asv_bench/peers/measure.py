"""Measures one peer, in a process of its own: `python -m peers.measure NAME PLAN`, the plan as JSON.

Writes one line of JSON for each case, the list of its rows.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable, Container
from time import perf_counter, process_time
from typing import Any

import numpy as np
from benchmarks import bandwidth

import lrncore

from .plan import FORWARD, Plan, Problem
from .registry import PEERS

Result = Any

#: Largest difference from lrncore, in parts of its largest value, that is not reported.
TOLERANCE = 1e-5


def main(name: str, plan: Plan) -> None:
    """Measure every case of the plan."""
    # the frameworks may print what they like, to the other stream
    with os.fdopen(os.dup(1), "w") as channel:
        os.dup2(2, 1)
        bandwidth.SECONDS, bandwidth.ROUNDS = plan.seconds, plan.rounds
        bandwidth.CLOCK = process_time if plan.cpu else perf_counter
        for case in plan.cases():
            json.dump(rows(name, Problem(case, plan.threads), plan.passes), channel)
            channel.write("\n")
            channel.flush()


def rows(name: str, problem: Problem, passes: Container[str]) -> list[dict[str, Any]]:
    """Return a row for each of the passes that the peer has, or one with its error."""
    try:
        source = importlib.import_module(f"peers.{PEERS[name].source}")
        calls = getattr(source, PEERS[name].prepare)(problem)
    except Exception as error:  # noqa: BLE001  (whatever a peer raises belongs into its row)
        return [{"pass": FORWARD, "error": line(error)}]
    return [{"pass": direction, **row(call, problem)} for direction, call in calls.items() if direction in passes]


def row(call: Callable[[], Result], problem: Problem) -> dict[str, Any]:
    """Check and time one pass beside a copy of x."""
    try:
        notes = [*problem.notes, *differences(call(), problem)]
        call()
        began, worked = perf_counter(), process_time()
        # The first copy may find x and out pushed from the cache, and any of them may meet threads that still spin.
        seconds, *copies = bandwidth.medians(call, *[problem.copy] * 3)
        busy = (process_time() - worked) / (perf_counter() - began)
    except Exception as error:  # noqa: BLE001
        return {"error": line(error)}
    if busy > problem.threads + 0.2:
        notes.append(f"on {busy:.1f} threads")
    return {"seconds": seconds, "copy": min(copies), "notes": notes}


def differences(results: Result, problem: Problem) -> list[str]:
    """Say how far y, and dx if there is one, are from lrncore's."""
    expected = [lrncore.lrn(problem.x, problem.spec, problem.axis)]
    if isinstance(results, (tuple, list)):
        expected.append(lrncore.lrn_backward(problem.g, problem.x, problem.spec, problem.axis))
    else:
        results = [results]
    said = []
    for name, result, own in zip(("y", "dx"), results, expected, strict=False):
        apart = np.abs(np.asarray(result) - own).max() / np.abs(own).max()
        if not apart <= TOLERANCE:
            said.append(f"{name} differs by {apart:.0e}")
    return said


def line(error: Exception) -> str:
    """Return an error as one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


if __name__ == "__main__":
    main(sys.argv[1], Plan.parse(sys.argv[2]))
