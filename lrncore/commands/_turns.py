"""Times calls that take turns, so that a change of clock or a busy neighbour moves all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def medians(calls: Mapping[str, Callable[[], object]], rounds: int, seconds: float = 0.0) -> dict[str, float]:
    """Return the median seconds of each call, over so many rounds at least and for so long at least.

    Each is timed after a call of its own that is not, which finds the caches as the call before left them.
    """
    taken: dict[str, list[float]] = {name: [] for name in calls}
    end, done = time.perf_counter() + seconds, 0
    while done < rounds or time.perf_counter() < end:
        for name, call in calls.items():
            call()
            start = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - start)
        done += 1
    return {name: statistics.median(values) for name, values in taken.items()}
