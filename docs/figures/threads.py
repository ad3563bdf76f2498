"""Draw docs/threads.svg: what a second thread gains, by the size of the array, at once and after a pause.

It draws what threads.json holds. `--measure` measures that again before, which takes a machine of at least two
processors on which nothing else runs: a second thread that has to wait for its processor shows as such.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from _style import (
    AFTER,
    FAINT,
    MUTED,
    OWN,
    blank,
    machine,
    measured_on,
    note,
    plain_numbers,
    recorded,
    save,
)
from benchmarks.cases import ALEXNET, normal
from matplotlib.axes import Axes

import lrncore
from lrncore._threads import worth_a_team

#: The smallest array that two threads are taken for
SMALLEST = next(elements for elements in range(1, 2**22) if worth_a_team(2, elements))
#: Rows and columns of an image of 96 channels
SIDES = (4, 8, 14, 18, 23, 26, 28, 39, 55, 110, 220, 440)
#: Seconds. A thread of GNU OpenMP that has nothing to do falls asleep after some milliseconds
PAUSE = 0.01
PAUSES = {"at once": 0.0, "after a pause": PAUSE}


def main() -> None:
    """Draw the picture."""
    draw(recorded("threads", lambda: measured(SIDES, rounds=81)))


def measured(sides: tuple[int, ...], rounds: int) -> dict[str, Any]:
    """Return the times of calls with one thread, with two, and with as many as lrncore takes, and of a copy."""
    rows = []
    for side in sides:
        x = normal((1, 96, side, side), np.dtype("float32"), 1)
        out = x.copy()
        calls: dict[str, Callable[[], object]] = {"copy": partial(np.copyto, out, x)}
        for name, threads in {"one": 1, "two": 2, "default": None}.items():
            calls[name] = partial(lrncore.lrn, x, ALEXNET, out=out, num_threads=threads)
        for label, pause in PAUSES.items():
            rows.append({"elements": x.size, "when": label, **medians(calls, rounds, pause)})
    return {**machine([]), "processors": lrncore.get_num_threads(), "rounds": rounds, "pause": PAUSE, "rows": rows}


def medians(calls: dict[str, Callable[[], object]], rounds: int, pause: float) -> dict[str, float]:
    """Return the median seconds of each call, the calls taking turns, each after one that is not timed."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            call()
            if pause:
                time.sleep(pause)
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}


def draw(data: dict[str, Any]) -> None:
    """Draw a panel for calls that follow one another, and one for calls after a pause."""
    figure = blank(7.2)
    axes = figure.subplots(len(PAUSES), 1, sharex=True, sharey=True)
    for axis, when in zip(axes, PAUSES, strict=True):
        show(axis, [row for row in data["rows"] if row["when"] == when])
    axes[0].set_title("One call after the other")
    axes[1].set_title(f"Each call after {1000 * data['pause']:.0f} ms of nothing")
    axes[0].legend(loc="upper right", fontsize=10)
    axes[1].set_xlabel("elements (log scale); float32, 96 channels, AlexNet's parameters")
    note(
        figure,
        f"{data['processors']} processors, medians of {data['rounds']} calls that take turns. At 1, a call takes "
        "as long as on one thread; at 0.5, two threads are worth twice one.",
        measured_on(data),
    )
    save(figure, "threads")


def show(axis: Axes, rows: list[dict[str, Any]]) -> None:
    """Show the time with two threads and by default as a part of that with one."""
    elements = [row["elements"] for row in rows]
    two, default = ([row[name] / row["one"] for row in rows] for name in ("two", "default"))
    axis.plot(elements, two, "s--", color=AFTER, lw=1.4, ms=5, label="two threads")
    axis.plot(elements, default, "o-", color=OWN, lw=2.2, ms=5, label="lrncore's choice")
    axis.axhline(1, color=MUTED, lw=0.8)
    axis.axhline(0.5, color=MUTED, lw=0.8, ls=":")
    axis.axvspan(elements[0] / 2, SMALLEST, color=FAINT, alpha=0.5, lw=0)
    axis.set(xscale="log", yscale="log", xlim=(elements[0] / 1.3, 1.3 * elements[-1]))
    axis.set(ylabel="times one thread (log scale)", yticks=[0.5, 1, 2, 4, 8, 16, 32, 64], ylim=(0.45, 90))
    style = {"color": MUTED, "size": 10, "in_layout": False}
    axis.text(SMALLEST / 1.1, 0.55, "lrncore takes one", ha="right", clip_on=True, **style)
    plain_numbers(axis, "y")


if __name__ == "__main__":
    main()
