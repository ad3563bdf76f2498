"""`lrncore bench`: how fast lrncore is on this machine, beside a copy and NumPy."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lrncore._threads import get_num_threads
from lrncore.commands import info
from lrncore.commands._bench_rows import COPY, Case, Row
from lrncore.commands._ending import Refused, need, refusing, shortened
from lrncore.commands._numpy_lrn import Slices
from lrncore.commands._turns import medians
from lrncore.functional import lrn, lrn_backward
from lrncore.spec import LRNSpec

if TYPE_CHECKING:
    from lrncore.commands._parser import Commands

NUMPY = "NumPy"
LEAST_ROUNDS = 5
#: Responses of trained networks reach some hundreds
LOUD = np.float32(100)

CASES = (
    Case("AlexNet", (1, 96, 55, 55), LRNSpec.alexnet()),
    Case("AlexNet", (1, 256, 27, 27), LRNSpec.alexnet()),
    Case("GoogLeNet", (1, 64, 56, 56), LRNSpec.googlenet()),
    Case("GoogLeNet", (1, 192, 56, 56), LRNSpec.googlenet()),
    Case("AlexNet, packed", (1, 55, 55, 96), LRNSpec.alexnet(), -1),
    Case("AlexNet", (32, 96, 55, 55), LRNSpec.alexnet()),
)


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "bench",
        help="measure this machine: lrncore beside a copy and NumPy",
        description="Measure layers of published networks in float32: lrncore with one thread and with all, "
        "beside numpy.copyto of the same arrays and a careful LRN in NumPy. The calls take turns, and medians are "
        "compared; a ratio is a time in copies.",
        examples=(
            "lrncore bench",
            "lrncore bench --seconds 10 --plot bench.svg",
            "lrncore bench --json > bench.json",
        ),
    )
    parser.add_argument("--seconds", default="60", help="how long to measure, about (default: 60)")
    parser.add_argument("--plot", metavar="FILE", help="draw the ratios too, as .svg, .png or .pdf")
    parser.add_argument("--json", action="store_true", help="print seconds as JSON instead of the table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Measure, print, and draw if asked."""
    seconds = positive(arguments.seconds)
    if arguments.plot:
        need({"matplotlib": "matplotlib"}, "--plot")
        from lrncore.commands import _bench_plot  # noqa: PLC0415  (not everybody has matplotlib)

        with refusing(arguments.plot):
            _bench_plot.check(arguments.plot)
    known = info.facts()
    processor = known["model"] or known["processor"]
    if not arguments.json:
        print(f"lrncore {known['lrncore']}, {known['instruction_set']}; NumPy {known['numpy']}; {processor}")
        print("milliseconds (and how many times as long as a copy)\n", flush=True)
    rows: list[Row] = []
    for case in CASES:
        found = measured(case, seconds / len(CASES))
        if not arguments.json:
            # as soon as they are known, for a minute is long
            print("\n".join(table(found)), flush=True)
        rows += found
    if arguments.json:
        listed = [
            {"case": case.name, "shape": case.shape, "axis": case.axis, "pass": direction, "seconds": each}
            for case, direction, each in rows
        ]
        print(json.dumps({**known, "rows": listed}, indent=2))
    if arguments.plot:
        _bench_plot.draw(arguments.plot, rows, processor)


def measured(case: Case, seconds: float) -> list[Row]:
    """Return the rows of a case, measured for so long."""
    random = np.random.default_rng(0)
    x, g = (random.standard_normal(case.shape, np.float32) * LOUD for _ in range(2))
    y, dx = x.copy(), x.copy()
    numpy = Slices(x, case.spec, case.axis, y, g)
    forward: dict[str, Callable[[], object]] = {COPY: partial(np.copyto, y, x)}
    both = dict(forward)
    for threads in sorted({1, get_num_threads()}):
        name = f"lrncore, {threads} thread{'s' * (threads > 1)}"
        options: dict[str, Any] = {"axis": case.axis, "num_threads": threads}
        forward[name] = partial(lrn, x, case.spec, out=y, **options)
        both[name] = partial(pair, forward[name], partial(lrn_backward, g, x, case.spec, out=dx, **options))
    forward[NUMPY], both[NUMPY] = numpy.forward, numpy.both
    return [
        Row(case, direction, medians(calls, LEAST_ROUNDS, seconds / 2))
        for direction, calls in (("forward", forward), ("forward + backward", both))
    ]


def pair(first: Callable[[], object], second: Callable[[], object]) -> None:
    """Make two calls."""
    first()
    second()


def table(rows: list[Row]) -> list[str]:
    """Return the lines of a case: the contenders, a column for each pass."""
    lines = [f"{rows[0].case!s:30}{rows[0].direction:>11}" + "".join(f"{row.direction:>19}" for row in rows[1:])]
    for name in rows[0].seconds:
        cells = (f"{row.seconds[name] * 1e3:10.3f} ({row.copies(name):6.1f})" for row in rows)
        lines.append(f"  {name:20}" + "".join(cells))
    return lines


def positive(word: str) -> float:
    """Return the seconds that a word means."""
    try:
        seconds = float(word)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise Refused(f"--seconds must be a number above 0, got {shortened(word)}")
    return seconds
