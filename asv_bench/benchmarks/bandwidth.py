"""Tracks each pass against `np.copyto` of the same arrays, the one measure that means the same on every machine.

The calls take turns in one process, so that a change of clock or a busy neighbour moves all of them, and medians
are compared. Out of cache one thread can do no better than 1 copy forward, and 1.5 backward: three arrays move.
"""

import statistics
from time import perf_counter

from . import cases

#: Seconds of one measurement, and the rounds it has at least
SECONDS = 0.4
ROUNDS = 9
#: Reads the time of a call
CLOCK = perf_counter
#: Arrays that a call reads and writes
MOVED = {"copy": 2, "forward": 2, "backward": 3}


def medians(*calls):
    """Return the median seconds of each of the calls, made in turn."""
    times = [[] for _ in calls]
    # a small call takes no longer than to read the processor's clock
    reading = statistics.median(-(CLOCK() - CLOCK()) for _ in range(100))
    end = perf_counter() + SECONDS
    while len(times[0]) < ROUNDS or perf_counter() < end:
        for call, taken in zip(calls, times, strict=True):
            start = CLOCK()
            call()
            taken.append(CLOCK() - start)
    return [statistics.median(taken) - reading for taken in times]


class BesideCopy:
    params = (("forward", "backward"), cases.DTYPES, cases.LAYOUTS, cases.BATCHES)
    param_names = ("pass", "dtype", "layout", "batch")

    def setup(self, _, dtype, layout, batch):
        self.call = cases.Call(cases.alexnet(layout, batch), dtype)

    def track_ratio(self, direction, *_):
        own, copy = medians(getattr(self.call, direction), self.call.copy)
        return own / copy

    track_ratio.unit = "copies"


class PerSecond:
    """The same in absolute figures; more is better here, which asv cannot know."""

    params = (tuple(MOVED), *BesideCopy.params[1:])
    param_names = BesideCopy.param_names
    setup = BesideCopy.setup

    def track_gigabytes_per_second(self, direction, *_):
        own, _ = medians(getattr(self.call, direction), self.call.copy)
        return MOVED[direction] * self.call.x.nbytes / own / 1e9

    track_gigabytes_per_second.unit = "GB/s"
