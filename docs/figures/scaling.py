"""Draw docs/scaling.svg: LRN with one thread to all, lrncore beside oneDNN and a copy.

It draws what scaling.json holds, and prints it as the tables of docs/explanation/performance.md. `--measure`
measures that again before: asv_bench/peers/scaling.py, beside the oneDNN that the variable ONEDNN names.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from _style import FAINT, MUTED, OWN, blank, measured_on, note, plain_numbers, recorded, save
from matplotlib.axes import Axes
from peers.scaling import BOTH, FORWARD, collect, machine

import lrncore

LAYOUTS = ("planar", "packed")
#: Of one image, with a marker each
SHAPES = {(1, 96, 55, 55): "o", (1, 256, 27, 27): "s", (1, 192, 56, 56): "^"}
OTHER = "#0072b2"
Rows = list[dict[str, Any]]


def main() -> None:
    """Print the tables and draw the picture."""
    most = lrncore.get_num_threads()
    threads = sorted({number for number in (1, 2, 4, 8, 12, most) if number <= most})
    data = recorded("scaling", lambda: measured(threads, ["--seconds", "0.1"]))
    sys.stdout.writelines(f"{line}\n" for line in tables(data))
    draw(data)


def measured(threads: list[int], arguments: list[str]) -> dict[str, Any]:
    """Return the rows of a process for each number of threads."""
    return {**machine(), "rows": [row for number in threads for row in collect(number, arguments)]}


def draw(data: dict[str, Any]) -> None:
    """Draw a panel for one image of each layout, and one for many images."""
    figure = blank(10.6)
    axes = figure.subplots(3, 1)
    forward = [row for row in data["rows"] if row["pass"] == FORWARD]
    threads = sorted({row["threads"] for row in forward})
    for axis, layout in zip(axes, LAYOUTS, strict=False):
        show_one(axis, [row for row in forward if row["layout"] == layout])
        axis.set_title(f"One image, {layout}, forward, by threads")
        ticked(axis, (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1))
        axis.set_ylabel("ms (log scale)")
    show_many(axes[2], forward)
    axes[2].set_title("Many images of 96 x 55 x 55, forward, by threads")
    ticked(axes[2], threads)
    axes[2].set_ylabel("times one thread (log scale)")
    for axis in axes:
        axis.set(xscale="log", xticks=threads)
        plain_numbers(axis, "x")
        axis.grid(axis="y", color=FAINT, lw=0.7)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=8.5, ncols=3, loc="upper left", bbox_to_anchor=(0, -0.1))
    note(
        figure,
        "float32, n = 5, beta 0.75. Medians of calls that take turns in one process, each after one that is not "
        f"timed; a process for each number of threads. {data['processors']} processors.",
        measured_on(data),
    )
    save(figure, "scaling")


def ticked(axis: Axes, ticks: Sequence[float]) -> None:
    """Let a logarithmic axis show those of the ticks that it reaches."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.set_yticks([tick for tick in ticks if low <= tick <= high])
    plain_numbers(axis, "y")


def show_one(axis: Axes, rows: Rows) -> None:
    """Show milliseconds of both libraries."""
    for shape, marker in SHAPES.items():
        label = "x".join(map(str, shape))
        own = {"color": OWN, "marker": marker, "lw": 2.2, "ms": 5}
        other = {"color": OTHER, "marker": marker, "lw": 1.3, "ms": 4.5, "ls": "--"}
        for name, column, style in (("lrncore", "lrncore", own), ("oneDNN", "onednn", other)):
            known = [row for row in rows if tuple(row["shape"]) == shape and column in row]
            places, times = [row["threads"] for row in known], [1e3 * row[column] for row in known]
            if known:
                axis.plot(places, times, label=f"{name}, {label}", **style)


def show_many(axis: Axes, rows: Rows) -> None:
    """Show how many times faster than with one thread each number is, for arrays beyond the caches."""
    for images, marker in ((32, "o"), (256, "s")):
        for layout, line in zip(LAYOUTS, ("-", ":"), strict=True):
            known = [row for row in rows if row["shape"][0] == images and row["layout"] == layout]
            one = [row["lrncore"] for row in known if row["threads"] == 1]
            if one:
                places, gains = [row["threads"] for row in known], [one[0] / row["lrncore"] for row in known]
                axis.plot(places, gains, line, color=OWN, marker=marker, label=f"{images} images, {layout}")
    threads = sorted({row["threads"] for row in rows})
    axis.plot(threads, threads, color=MUTED, lw=0.8)


def tables(data: dict[str, Any]) -> Iterator[str]:
    """Yield two tables as Markdown: both libraries with one thread and with the most, and what threads gain."""
    rows = [row for row in data["rows"] if row["pass"] != BOTH]
    by_place = {(label(row), row["threads"]): row for row in rows}
    numbers = sorted({row["threads"] for row in rows})
    most = numbers[-1]
    columns = ("1 thread, copies", "oneDNN", "in blocks", f"{most} threads, ms", "oneDNN", "in blocks")
    yield f"| {data['processor']} | {' | '.join(columns)} |"
    yield "|---|" + "---|" * len(columns)
    for row in rows:
        if row["threads"] == 1:
            best = by_place[label(row), most]
            figures = [*shown(row, 1 / row["copy"]), *shown(best, 1e3)]
            yield f"| {label(row)} | {' | '.join(figures)} |"
    yield ""
    yield f"| {data['processor']}, times one thread | {' | '.join(map(str, numbers))} |"
    yield "|---|" + "---|" * len(numbers)
    for row in rows:
        if row["threads"] == 1 and row["pass"] == FORWARD:
            gains = [row["lrncore"] / by_place[label(row), each]["lrncore"] for each in numbers]
            yield f"| {label(row)} | {' | '.join(f'{gain:.3g}' for gain in gains)} |"


def shown(row: dict[str, Any], scale: float) -> list[str]:
    """Return the figures of lrncore and of oneDNN, in the same layout and in blocks."""
    names = ("lrncore", "onednn", "onednn-blocked")
    return [f"{row[name] * scale:.3g}" if name in row else "" for name in names]


def label(row: dict[str, Any]) -> str:
    """Return what distinguishes a row from others with as many threads."""
    return f"{row['pass']}, {'x'.join(map(str, row['shape']))} {row['layout']}"


if __name__ == "__main__":
    main()
