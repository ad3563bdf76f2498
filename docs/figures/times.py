"""Draw docs/times.svg: time against channels, window and batch, lrncore beside other libraries.

It draws what times.json holds. `--measure` measures that again before, with the libraries of asv_bench/peers that are
installed, each in a process of its own.
"""

import argparse
import sys
from statistics import median
from typing import Any

from _style import FAINT, INK, MUTED, OWN, PEERS, blank, machine, note, plain_numbers, read, save, write
from matplotlib.axes import Axes
from peers.plan import FORWARD, Case, Plan
from peers.processes import collect
from peers.progress import Progress
from peers.registry import PEERS as KNOWN

SWEEPS = {
    "channels": {c: Case("planar", (1, c, 55, 55), 0.75) for c in (4, 8, 16, 32, 64, 128, 256, 512, 1024)},
    "window": {n: Case("planar", (1, 96, 55, 55), 0.75, n) for n in (3, 5, 7, 9, 15, 31, 63)},
    "images": {images: Case("planar", (images, 96, 55, 55), 0.75) for images in (1, 2, 4, 8, 16, 32, 64)},
}
TITLES = {
    "channels": "C channels: 1 x C x 55 x 55, n = 5",
    "window": "A window of n channels: 1 x 96 x 55 x 55",
    "images": "N images: N x 96 x 55 x 55, n = 5",
}
#: Sweeps through all the libraries, minutes apart; a ratio is the median of theirs
ROUNDS = 3


def main() -> None:
    """Measure if asked to, and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true", help="measure again (some minutes)")
    if parser.parse_args().measure:
        write("times", measured(list(PEERS), SWEEPS, Plan(seconds=0.2, rounds=5, passes=(FORWARD,)), ROUNDS))
    draw(read("times"))


def measured(names: list[str], sweeps: dict[str, dict[int, Case]], how: Plan, rounds: int) -> dict[str, Any]:
    """Return the time of each library in each case, in copies, and the seconds of a copy."""
    names = [name for name in names if not KNOWN[name].missing]
    cases = tuple(dict.fromkeys(case for sweep in sweeps.values() for case in sweep.values()))
    plan = Plan(how.threads, how.maps, how.batch, how.seconds, how.rounds, how.passes, cases)
    progress = Progress(rounds * len(names) * len(cases))
    found = [row for _ in range(rounds) for name in names for row in collect(name, plan, 900.0, progress)]
    progress.clear()
    sys.stderr.writelines(f"{row.label}, {row.case.label}: {row.error}\n" for row in found if row.error)
    rows = []
    for sweep, members in sweeps.items():
        for value, case in members.items():
            good = [row for row in found if row.case == case and not row.error]
            times = {name: [row.copies for row in good if row.peer == name] for name in names}
            rows.append(
                {
                    "sweep": sweep,
                    "value": value,
                    "shape": case.shape,
                    "copy": median(row.copy for row in good),
                    "copies": {name: round(median(ratios), 3) for name, ratios in times.items() if ratios},
                }
            )
    return {**machine(names), "threads": plan.threads, "rows": rows}


def draw(data: dict[str, Any]) -> None:
    """Draw a panel for each sweep."""
    figure = blank(10.4)
    for axis, (sweep, title) in zip(figure.subplots(len(TITLES), 1), TITLES.items(), strict=True):
        rows = [row for row in data["rows"] if row["sweep"] == sweep]
        show(axis, rows)
        axis.set_title(title)
        axis.set_xticks([row["value"] for row in rows])
        axis.set_xlabel({"channels": "C", "window": "n", "images": "N"}[sweep], style="italic")
        axis.set_ylabel("ns for an element")
    versions = [each for each in data["versions"] if not each.startswith(("Python", "lrncore", "onnx "))]
    note(
        figure,
        f"One thread, float32, forward. {data['processor']}, {data['isa'].upper()}. Copy: np.copyto of the same arrays.\n"
        f"Measured in copies made in turn in the same process, times the median copy.\n{', '.join(versions)}",
    )
    save(figure, "times")


def show(axis: Axes, rows: list[dict[str, Any]]) -> None:
    """Show a line for each library above the floor of a copy, named at its end."""
    places = [row["value"] for row in rows]
    copies = [1e9 * row["copy"] / elements(row) for row in rows]
    names = [name for name in PEERS if any(name in row["copies"] for row in rows)]
    ends = {}
    for name in names:
        colour, marker = PEERS[name]
        known = [(row["value"], row["copies"][name] * copy) for row, copy in zip(rows, copies, strict=True) if name in row["copies"]]
        own = name == "lrncore"
        axis.plot(*zip(*known, strict=True), color=colour, marker=marker, ms=6 if own else 4.5, lw=2.6 if own else 1.3, zorder=3 if own else 2)
        ends[KNOWN[name].label] = known[-1][1], colour, own
    axis.set(xscale="log", yscale="log")
    low = 0.6 * min(copies)
    axis.fill_between(places, copies, low, color=FAINT, lw=0, zorder=1)
    axis.text(places[0], low * 1.05, " a copy", color=MUTED, va="bottom")
    axis.set(xlim=(places[0] / 1.08, places[-1] * 1.03), ylim=(low, 1.4 * max(end for end, *_ in ends.values())))
    plain_numbers(axis, "x")
    plain_numbers(axis, "y")
    axis.grid(axis="y", color=FAINT, lw=0.7)
    label(axis, places[-1], ends)


def elements(row: dict[str, Any]) -> int:
    """Return how many elements the array of a row has."""
    count = 1
    for length in row["shape"]:
        count *= length
    return count


def label(axis: Axes, x: float, ends: dict[str, tuple[float, str, bool]]) -> None:
    """Write names beside the ends of lines, moved apart where they would touch."""
    least = 1.33
    at = 0.0
    for name, (y, colour, own) in sorted(ends.items(), key=lambda item: item[1][0]):
        at = max(y, at * least)
        axis.annotate(
            name,
            (x, at),
            (9, 0),
            textcoords="offset points",
            va="center",
            color=colour if own else INK,
            weight="bold" if own else "normal",
            annotation_clip=False,
        )
    


if __name__ == "__main__":
    main()
