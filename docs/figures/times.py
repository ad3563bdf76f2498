"""Draw docs/times.svg: time against channels, window and batch, lrncore beside other libraries.

It draws what times.json holds. `--measure` measures that again before, with those libraries of asv_bench/peers
that are installed.
"""

import sys
from math import prod
from statistics import median
from typing import Any

import numpy as np
from _style import FAINT, MUTED, PEERS, blank, machine, measured_on, note, plain_numbers, recorded, save
from matplotlib.axes import Axes
from peers.plan import FORWARD, Case, Plan
from peers.processes import collect
from peers.progress import Progress
from peers.registry import PEERS as KNOWN

SWEEPS = {
    "channels": {c: Case("planar", (1, c, 55, 55), 0.75) for c in (8, 16, 32, 64, 128, 256, 512, 1024)},
    "window": {n: Case("planar", (1, 96, 55, 55), 0.75, n) for n in (3, 5, 7, 9, 15, 31, 63)},
    "images": {images: Case("planar", (images, 96, 55, 55), 0.75) for images in (1, 2, 4, 8, 16, 32, 64)},
}
TITLES = {
    "channels": "C channels: 1 x C x 55 x 55, n = 5",
    "window": "A window of n channels: 1 x 96 x 55 x 55",
    "images": "N images: N x 96 x 55 x 55, n = 5",
}
AXES = {"channels": "C", "window": "n", "images": "N"}
#: Lines of text that fit beside a panel
LINES = 13
#: Sweeps through all the libraries, minutes apart; a ratio is the median of theirs
ROUNDS = 3


def main() -> None:
    """Draw the picture."""
    draw(recorded("times", lambda: measured(list(PEERS), SWEEPS, seconds=0.2)))


def measured(names: list[str], sweeps: dict[str, dict[int, Case]], seconds: float) -> dict[str, Any]:
    """Return the time of each library in each case, in copies, and the seconds of a copy."""
    names = [name for name in names if not KNOWN[name].missing]
    # the largest first: in memory that smaller arrays left in pieces, large ones were up to twice as slow
    sizes = {case: prod(case.shape) for sweep in sweeps.values() for case in sweep.values()}
    cases = tuple(sorted(sizes, key=sizes.__getitem__, reverse=True))
    plan = Plan(seconds=seconds, rounds=5, cpu=True, passes=(FORWARD,), given=cases)
    progress = Progress(ROUNDS * len(names) * len(cases))
    found = [row for _ in range(ROUNDS) for name in names for row in collect(name, plan, 900.0, progress)]
    progress.clear()
    sys.stderr.writelines(f"{row.label}, {row.case.label}: {row.error}\n" for row in found if row.error)
    rows = []
    for sweep, members in sweeps.items():
        for value, case in members.items():
            good = [row for row in found if row.case == case and not row.error]
            ratios = {name: [row.copies for row in good if row.peer == name] for name in names}
            copies = {name: round(median(several), 3) for name, several in ratios.items() if several}
            copy = median(row.copy for row in good)
            rows.append({"sweep": sweep, "value": value, "shape": case.shape, "copy": copy, "copies": copies})
    return {**machine(names), "rows": rows}


def draw(data: dict[str, Any]) -> None:
    """Draw a panel for each sweep."""
    figure = blank(10.4)
    for axis, (sweep, title) in zip(figure.subplots(len(TITLES), 1), TITLES.items(), strict=True):
        rows = [row for row in data["rows"] if row["sweep"] == sweep]
        show(axis, rows)
        axis.set_title(title)
        axis.set_xticks([row["value"] for row in rows])
        axis.set_xlabel(f"{AXES[sweep]} (log scale)")
        axis.set_ylabel("ns for an element (log scale)")
    note(
        figure,
        "One thread, float32, forward, the processor's time. A copy is np.copyto of the same arrays, in turn with "
        f"each library in its process. Drawn is the median of {ROUNDS} ratios of medians, times the median copy.",
        measured_on(data),
    )
    save(figure, "times")


def show(axis: Axes, rows: list[dict[str, Any]]) -> None:
    """Show a line for each library above the floor of a copy, named at its end."""
    ends = {}
    for name, (colour, marker) in PEERS.items():
        known = [row for row in rows if name in row["copies"]]
        if known:
            times = [row["copies"][name] * nanoseconds(row) for row in known]
            wide = {"lw": 2.6, "ms": 6, "zorder": 3} if name == "lrncore" else {"lw": 1.3, "ms": 4.5}
            axis.plot([row["value"] for row in known], times, color=colour, marker=marker, **wide)
            ends[name] = times[-1]
    places, floor = [row["value"] for row in rows], [nanoseconds(row) for row in rows]
    low = 0.5 * min(floor)
    axis.fill_between(places, floor, low, color=FAINT, lw=0)
    axis.text(places[len(places) // 2], 1.1 * low, "a copy", color=MUTED, ha="center")
    axis.set(
        xscale="log", yscale="log", xlim=(places[0] / 1.08, places[-1] * 1.03), ylim=(low, 1.4 * max(ends.values()))
    )
    plain_numbers(axis, "x")
    plain_numbers(axis, "y")
    axis.grid(axis="y", color=FAINT, lw=0.7)
    label(axis, ends)


def nanoseconds(row: dict[str, Any]) -> float:
    """Return the time of a copy for each element."""
    return float(1e9 * row["copy"] / prod(row["shape"]))


def label(axis: Axes, ends: dict[str, float]) -> None:
    """Write the names of the lines beside their ends, with their markers, moved apart where they would touch."""
    names = sorted(ends, key=ends.__getitem__)
    low, high = np.log(axis.get_ylim())
    line = (high - low) / LINES
    at = np.log([ends[name] for name in names])
    for _ in range(500):
        # neighbours that are too near give way by the same amount
        short = np.maximum(line - np.diff(at), 0) / 2
        at[1:] += short
        at[:-1] -= short
    for name, y in zip(names, np.exp(at), strict=True):
        colour, marker = PEERS[name]
        own = {"color": colour, "weight": "bold"} if name == "lrncore" else {}
        place = axis.get_yaxis_transform()
        axis.plot(1.03, y, marker, color=colour, transform=place, clip_on=False)
        axis.text(1.055, y, KNOWN[name].label, transform=place, va="center", size=10, **own)


if __name__ == "__main__":
    main()
