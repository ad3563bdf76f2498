"""The picture of `lrncore bench`: times in copies of the array, legible on white and on black."""

from __future__ import annotations

import os

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter

from lrncore.commands._bench_rows import COPY, Row
from lrncore.commands._ending import Failed

OWN, OTHERS, INK = ("#f2b279", "#e8710a"), "#7f93ab", "#7d8590"
STYLE = {
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "xtick.color": INK,
    "ytick.color": INK,
}


def check(path: str) -> None:
    """Check, before anything is measured, that a picture can be put at `path`."""
    kinds = FigureCanvasAgg(Figure()).get_supported_filetypes()
    if path.rpartition(".")[2].lower() not in kinds:
        raise ValueError(f"the name of a picture must end in one of {', '.join(sorted(kinds))}")
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise ValueError("No such file or directory")


def draw(path: str, rows: list[Row], processor: str) -> None:
    """Draw a panel for each pass, a group of bars for each case."""
    directions = list(dict.fromkeys(row.direction for row in rows))
    names = [name for name in rows[0].seconds if name != COPY]
    colours = [*OWN[-(len(names) - 1) :], OTHERS]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 0.28 * len(names) * len(rows) / len(directions) + 1.5), layout="constrained")
        for axis, direction in zip(figure.subplots(1, len(directions), sharey=True), directions, strict=True):
            chosen = [row for row in rows if row.direction == direction]
            for place, (name, colour) in enumerate(zip(names, colours, strict=True)):
                heights = [
                    index + (place - (len(names) - 1) / 2) * 0.8 / len(names) for index in range(len(chosen))
                ]
                copies = [row.copies(name) for row in chosen]
                bars = axis.barh(heights, copies, 0.8 / len(names), color=colour, label=name)
                axis.bar_label(bars, [f"{value:.1f}" for value in copies], padding=3)
            axis.set(xscale="log", title=direction, xlabel="time in copies (log scale), less is better")
            axis.set_yticks(range(len(chosen)), [str(row.case) for row in chosen])
            axis.set_ylim(len(chosen) - 0.5, -0.5)
            axis.margins(x=0.15)
            axis.axvline(1, color=INK, linewidth=0.8)
            axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.xaxis.set_minor_locator(NullLocator())
            axis.spines[["top", "right"]].set_visible(False)
            axis.tick_params(axis="y", length=0)
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=len(names))
        figure.suptitle(f"lrncore on {processor}, float32", x=0.01, ha="left")
        try:
            figure.savefig(path, transparent=True, dpi=150)
        except OSError as error:
            raise Failed(f"{path}: {error.strerror}") from error
