"""Random calls for minutes: the results have to be right, and the process must not grow. `make soak` runs it."""

import argparse
import ctypes
import faulthandler
import sys
import time
from pathlib import Path
from typing import NamedTuple

import cases
import numpy as np
from operators import OPERATORS, Operator
from placement import GAPS, Placement, place

from lrncore import LRNSpec

SECONDS_BETWEEN_SAMPLES = 3  # of memory; fewer in a run of less than two minutes
#: by which the last quarter may exceed the second
MEGABYTES_OF_GROWTH = 4

FUNCTIONS = tuple(OPERATORS.values())

C_LIBRARY = ctypes.CDLL(None)


class Call(NamedTuple):
    """One of the random calls."""

    function: Operator
    dtype: np.dtype
    shape: tuple[int, ...]
    axis: int | tuple[int, ...]
    spec: LRNSpec
    placements: tuple[Placement, ...]  # of the arrays, and of `out`
    destination: str
    threads: int | None
    seed: int


def draw_placement(random, ndim):
    return Placement(
        order=tuple(random.permutation(ndim).tolist()),
        gaps=tuple(random.choice(GAPS, ndim).tolist()),
        reversed_axes=tuple(random.integers(2, size=ndim).astype(bool).tolist()),
        offset=int(random.integers(10)),
        swapped=bool(random.integers(2)),
    )


def draw(random):
    """Draw a call: most of a few thousand elements, some of hundreds of thousands, few beyond the caches."""
    limit = random.choice([3e3, 3e5, 4e6], p=[0.9, 0.09, 0.01])
    lengths = []
    for _ in range(random.integers(1, 6)):
        lengths.append(int(random.integers(1, 1 + min(limit, 10 ** random.uniform(0, 4)))))
        limit /= lengths[-1]
    axis = int(random.integers(len(lengths)))
    if random.random() < 0.3:
        axis = tuple(random.permutation(len(lengths))[: random.integers(4)].tolist())
    function = FUNCTIONS[random.integers(len(FUNCTIONS))]
    before, after = (int(10 ** random.uniform(0, 2)) - 1 for _ in range(2))
    if random.random() < 0.5:
        before = after = 2
    spec = LRNSpec(
        before,
        after,
        scale=float(random.choice([2e-5, 0.3, 1.0])),
        beta=float(random.choice([0.5, 0.6, 0.75, 1.0, 2.0, -0.75])),
        k=float(random.choice([0.5, 1.0, 2.0])),
    )
    return Call(
        function,
        cases.DTYPES[random.integers(len(cases.DTYPES))],
        tuple(lengths),
        axis,
        spec,
        tuple(draw_placement(random, len(lengths)) for _ in range(function.arrays + 1)),
        str(random.choice(["new", "out", "in place"])) if function.takes_out else "new",
        random.choice([None, 1, 2, 3, 4]),
        int(random.integers(2**32)),
    )


def failure(call, judged):
    """Make a call, and return what is wrong with its result, if anything."""
    values = [cases.normal(call.shape, call.dtype, seed=call.seed + i) for i in range(call.function.arrays)]
    serial = np.asarray(call.function.compute(*values, call.spec, call.axis, num_threads=1))
    *arrays, out = [place(array, where) for array, where in zip([*values, values[0]], call.placements, strict=True)]
    keywords = {} if call.destination == "new" else {"out": out if call.destination == "out" else arrays[-1]}
    result = call.function.compute(*arrays, call.spec, call.axis, num_threads=call.threads, **keywords)
    if call.function.takes_out and not np.array_equal(cases.bits(np.asarray(result)), cases.bits(serial)):
        return "other bits than one thread has from contiguous arrays"
    if judged:
        expected, allowed = call.function.exact(call.dtype, call.spec, call.axis, *values)
        if not (abs(serial.astype(expected.dtype) - expected) <= allowed).all():
            return "too far from the exact result"
    return None


def resident():
    """Return the megabytes of this process that are in memory, less what the C library keeps of freed memory."""
    if hasattr(C_LIBRARY, "malloc_trim"):  # of glibc
        C_LIBRARY.malloc_trim(ctypes.c_size_t(0))
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
    return int(kilobytes) / 1024


def soak(minutes, seed):
    """Call for so many minutes after a warm-up, and return the number of calls and the samples of memory."""
    random = np.random.default_rng(seed)
    between = min(SECONDS_BETWEEN_SAMPLES, 1.5 * minutes)
    begin = time.monotonic() + 10 * between  # when the warm-up ends
    calls, samples = 0, []
    while (now := time.monotonic()) < begin + 60 * minutes:
        if now >= begin + between * len(samples):
            samples.append(resident())
        call = draw(random)
        short = np.prod(call.shape) * call.spec.size < 1e5
        wrong = failure(call, judged=short and random.random() < 0.1)
        if wrong:
            sys.exit(f"call {calls} of seed {seed}: {wrong}: {call}")
        calls += 1
    return calls, samples


def quarters(samples):
    """Return the medians of the four quarters of a run."""
    return [float(np.median(part)) for part in np.array_split(samples, 4)]


def grew(samples):
    """Return whether the process took more memory at the end than when everything had been called."""
    return quarters(samples)[3] > quarters(samples)[1] + MEGABYTES_OF_GROWTH


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("minutes", type=float)
    arguments.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    chosen = arguments.parse_args()
    faulthandler.enable()
    print(f"seed {chosen.seed}", flush=True)  # noqa: T201
    calls, samples = soak(chosen.minutes, chosen.seed)
    print(  # noqa: T201
        f"{calls} calls in {chosen.minutes:g} minutes; resident after the warm-up {samples[0]:.1f} MB, "
        f"at most {max(samples):.1f} MB, at the end {samples[-1]:.1f} MB; "
        f"medians of the quarters {', '.join(f'{median:.1f}' for median in quarters(samples))} MB"
    )
    if grew(samples):
        sys.exit("the process grew")


if __name__ == "__main__":
    main()
