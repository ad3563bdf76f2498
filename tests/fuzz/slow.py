"""Calls that take far longer than others of their kind: `make fuzz` keeps the times of all, and fails for these.

A call is slow that takes FACTOR times what its elements would at the median of its kind, and the empty call
besides: where elements are few, the call itself is what takes the time. It is repeated before anything is said.
"""

import math
import time
from collections import defaultdict
from statistics import median
from typing import NamedTuple

import numpy as np
from operators import running
from placement import contiguous
from reference import axes_of

from .calls import Call
from .check import imports, source

FACTOR = 50
#: calls whose elements outweigh what else they take, and how many of them have a median
MANY_ELEMENTS = 500
ENOUGH = 10
#: in a kind
ANY = "any"
#: the worst ones of a kind, which are repeated so often
WORST = 3
REPEATS = 5


class Kind(NamedTuple):
    """Calls that take about the same time for an element; where there are few, of any dtype, and in any layout."""

    function: str
    dtype: str
    layout: str
    window: str

    def __str__(self):
        return " ".join(self)


def wider(kind):
    """Return a kind, and those that it is of."""
    return kind, kind._replace(dtype=ANY), kind._replace(dtype=ANY, layout=ANY)


def kind_of(call):
    """Return a call's kind, by where the axes of its windows lie and how many a window holds along the longest."""
    ndim, axes = len(call.shape), axes_of(call.axis, len(call.shape))
    order = (call.x.where or contiguous(ndim)).order
    nearest = max((order.index(axis) for axis in axes if axis in order), default=ndim)
    inner = math.prod(call.shape[other] for other in order[nearest + 1 :] if other not in call.x.repeated)
    layout = "packed" if inner == 1 else "short inner" if inner < 64 else "planar"
    size = max((min(call.spec.size, call.shape[axis]) for axis in axes), default=1)
    window = "short" if size <= 9 else "long" if size <= 64 else "longer"
    if len(axes) > 1:
        return Kind(call.function, call.dtype, layout, f"{window} box")
    if size > 64 and min(call.spec.before, call.spec.after) >= size - 1:
        window = "whole"
    return Kind(call.function, call.dtype, layout, f"{window} window")


class Slow(NamedTuple):
    """A call that took so many seconds, where its kind would take others."""

    kind: Kind
    call: Call
    seconds: float
    usual: float

    def __str__(self):
        made = source(self.call)
        return (
            f"{self.seconds / self.usual:.0f} times as long as the median of `{self.kind}`: "
            f"{self.seconds * 1e6:.0f} us for {math.prod(self.call.shape)} elements\n"
            f"PYTHONPATH=tests LRNCORE_ISA={running()} .venv/bin/python - <<end\n"
            f"{imports(made)}\nfrom fuzz.slow import seconds_of\nprint(seconds_of({made}))\nend"
        )


class Times:
    """The times of all calls, by kind."""

    def __init__(self, empty):
        """Take the seconds of a call of one element, by function."""
        self.empty = empty
        self.rates = defaultdict(list)
        self.worst = defaultdict(list)

    def add(self, call, seconds):
        kind, elements = kind_of(call), math.prod(call.shape)
        if not elements:
            return
        rate = max(0.0, seconds - self.empty[kind.function]) / elements
        if elements >= MANY_ELEMENTS:
            for like in wider(kind):
                self.rates[like].append(rate)
        worst = self.worst[kind]
        worst.append((seconds / (self.empty[kind.function] + 1e-9 * elements), seconds, call))
        worst.sort(key=lambda entry: entry[0], reverse=True)
        del worst[WORST:]

    def usual(self, kind, call):
        """Return the seconds that such a call usually takes; infinite, if there are too few to tell."""
        for like in wider(kind):
            if len(self.rates[like]) >= ENOUGH:
                return self.empty[kind.function] + median(self.rates[like]) * math.prod(call.shape)
        return math.inf

    def slow(self, repeat):
        """Return the slowest call of each kind, if it is slow once more; `repeat(call)` returns its seconds."""
        found = []
        for kind, worst in self.worst.items():
            for _, seconds, call in worst:
                usual = self.usual(kind, call)
                if seconds > FACTOR * usual and (seconds := repeat(call)) > FACTOR * usual:
                    found.append(Slow(kind, call, seconds, usual))
                    break
        return sorted(found, key=lambda each: each.usual / each.seconds)


def seconds_of(call):
    """Return the shortest of the call's times, on new arrays each time: what it writes may be what it reads."""
    times = []
    with np.errstate(all="ignore"):
        for _ in range(REPEATS):
            arrays = call.arrays()
            begin = time.perf_counter()
            call.make(arrays)
            times.append(time.perf_counter() - begin)
    return min(times)
