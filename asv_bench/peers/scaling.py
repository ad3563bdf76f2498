"""`python -m peers.scaling`: both passes with one thread to all, beside oneDNN and a copy, in a process for each.

A process has one number of threads throughout, since GNU OpenMP ends and starts threads when the number changes.
Each call is timed after one that is not, so that it finds its operands in the caches of the cores that need them.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from math import prod
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from benchmarks.cases import ALEXNET

import lrncore

from .plan import BOTH, FORWARD
from .processes import SETTINGS, THREADS
from .table import processor, rule, versions

BACKWARD = "backward"
PASSES = (FORWARD, BACKWARD, BOTH)
#: Channels, height and width of one image
ONE = ((96, 55, 55), (256, 27, 27), (192, 56, 56), (96, 27, 27), (256, 13, 13))
#: Images of 96 x 55 x 55; the largest forward only
MANY = (32, 256)
#: Seconds of a call from which its first is the only one, as of oneDNN's reference code
SLOW = 0.3
#: How often others are timed, at least and at most
FEW, MANY_TURNS = 3, 151
COLUMNS = ("copy", "lrncore", "default", "onednn", "onednn-blocked", "copy-parallel")
Calls = dict[str, dict[str, Callable[[], Any]]]


def measured(shapes: list[tuple[int, ...]], threads: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield the seconds of each column, a row for each shape, layout and pass; shapes are NCHW."""
    for shape in shapes:
        for layout in ("planar", "packed"):
            for direction, calls in passes(shape, layout, threads).items():
                found = turns(list(calls.values()), seconds)
                times = {name: round(each, 9) for name, each in zip(calls, found, strict=True)}
                yield {"shape": shape, "layout": layout, "pass": direction, "threads": threads, **times}


def passes(shape: tuple[int, ...], layout: str, threads: int) -> Calls:
    """Return the calls of each pass on arrays of a shape, only forward for the largest ones."""
    images, channels, *area = shape
    packed = layout == "packed"
    wanted = PASSES[:1] if images > MANY[0] else PASSES
    stored = (images, *area, channels) if packed else shape
    arrays = [filled(stored, seed) for seed in range(2 if len(wanted) == 1 else 4)]
    y, x, dx, g = *arrays[:2], *arrays[-2:]
    axis = -1 if packed else 1
    found: Calls = {direction: {"copy": partial(np.copyto, y, x)} for direction in wanted}
    for name, number in {"lrncore": threads, "default": None}.items():
        forward = partial(lrncore.lrn, x, ALEXNET, axis, out=y, num_threads=number)
        backward = partial(lrncore.lrn_backward, g, x, ALEXNET, axis, out=dx, num_threads=number)
        own = {FORWARD: forward, BACKWARD: backward, BOTH: partial(in_turn, forward, backward)}
        for direction in wanted:
            found[direction][name] = own[direction]
    if os.environ.get("ONEDNN"):
        add_onednn(found, shape, packed, (x, g, y, dx))
    return found


def in_turn(*calls: Callable[[], object]) -> None:
    for call in calls:
        call()


def filled(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return normal data, the same memory for the same arguments."""
    return flat(prod(shape), seed).reshape(shape)


@lru_cache(maxsize=4)
def flat(size: int, seed: int) -> np.ndarray:
    """Return a million numbers over and over."""
    return np.resize(np.random.default_rng(seed).standard_normal(1 << 20, np.float32), size)


def add_onednn(found: Calls, shape: tuple[int, ...], packed: bool, arrays: tuple[np.ndarray, ...]) -> None:
    """Add oneDNN's passes; in blocks, the same memory stands for an array in that layout."""
    from . import onednn  # noqa: PLC0415  (optional)

    which = {FORWARD: onednn.INFERENCE, BACKWARD: onednn.BACKWARD, BOTH: onednn.BOTH}
    layouts = {"onednn": onednn.PACKED if packed else onednn.PLANAR}
    block = onednn.width()
    if not packed and shape[1] % block == 0:
        layouts["onednn-blocked"] = block
    for name, layout in layouts.items():
        for direction, calls in found.items():
            calls[name] = onednn.lrn(which[direction], ALEXNET, shape, layout, *arrays)
    for calls in found.values():
        calls["copy-parallel"] = partial(onednn.copy, arrays[2], arrays[0])


def turns(calls: list[Callable[[], Any]], seconds: float) -> list[float]:
    """Return the median seconds of calls that take turns until each has had its time, or many turns."""
    times = [[first] if first > SLOW else [] for first in map(took, calls)]
    while True:
        some = [
            (call, taken)
            for call, taken in zip(calls, times, strict=True)
            if sum(taken) < SLOW and (len(taken) < FEW or (len(taken) < MANY_TURNS and sum(taken) < seconds))
        ]
        if not some:
            return [median(taken) for taken in times]
        for call, taken in some:
            call()
            taken.append(took(call))


def took(call: Callable[[], Any]) -> float:
    """Return the seconds of one call."""
    start = perf_counter()
    call()
    return perf_counter() - start


def machine() -> dict[str, Any]:
    """Return what a measurement runs on."""
    config = lrncore.show_config(mode="dicts") or {}
    found = versions(["onednn"] if os.environ.get("ONEDNN") else [])
    return {
        "processor": processor(),
        "processors": lrncore.get_num_threads(),
        "isa": config["instruction_set"],
        "versions": found,
    }


def head(data: dict[str, Any]) -> Iterator[str]:
    """Yield what the rows were measured on, and their columns."""
    yield rule("LRN with many threads: milliseconds")
    yield f" {data['processor']}, {data['isa']}, {data['processors']} processors; {', '.join(data['versions'])}"
    yield f" {'':41}{'threads':>8}" + "".join(f"{name:>15}" for name in COLUMNS)


def line(row: dict[str, Any]) -> str:
    """Return a row as text."""
    label = f"{row['layout']} {'x'.join(map(str, row['shape']))}, {row['pass']}"
    figures = "".join(f"{row[name] * 1e3:15.4f}" if name in row else f"{'':15}" for name in COLUMNS)
    return f" {label:41}{row['threads']:8}{figures}".rstrip()


def collect(threads: int, arguments: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a process with so many threads as they come."""
    with subprocess.Popen(  # noqa: S603  (this very program)
        [sys.executable, "-m", "peers.scaling", *arguments, "--process", str(threads)],
        cwd=Path(__file__).parents[1],
        env=os.environ | SETTINGS | dict.fromkeys(THREADS, str(threads)),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield from map(json.loads, process.stdout or ())
    if process.returncode:
        sys.stderr.write(f"{threads} threads: exit status {process.returncode}\n")


def main() -> None:
    """Measure with each number of threads, print the rows as they come, and write them."""
    data = machine()
    parser = argparse.ArgumentParser(prog="python -m peers.scaling", description=__doc__)
    parser.add_argument(
        "--threads", type=int, nargs="*", default=sorted({1, 2, 4, 8, data["processors"]}), metavar="N"
    )
    parser.add_argument("--seconds", type=float, default=0.1, help="of each call (default: 0.1)")
    parser.add_argument("--quick", action="store_true", help="one small image")
    parser.add_argument("--json", type=Path, help="where to write the rows")
    parser.add_argument("--process", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.process:
        shapes = [(1, *maps) for maps in ONE] + [(images, *ONE[0]) for images in MANY]
        for row in measured([(1, 16, 7, 7)] if given.quick else shapes, given.process, given.seconds):
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()
        return
    say(*head(data))
    rows: list[dict[str, Any]] = []
    for threads in given.threads:
        for row in collect(threads, ["--seconds", str(given.seconds), *["--quick"] * given.quick]):
            say(line(row))
            rows.append(row)
            if given.json:
                lines = ",\n".join(map(json.dumps, rows))
                given.json.write_text(json.dumps(data)[:-1] + f', "rows": [\n{lines}\n]}}\n')
    say(rule())


def say(*lines: str) -> None:
    sys.stdout.write("".join(f"{each}\n" for each in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
