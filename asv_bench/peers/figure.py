"""The figure: what the table has for the first power, as bars of copies, legible on white and on black."""

import textwrap
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter

from .plan import PASSES, Plan
from .processes import Row
from .table import processor

OWN, OTHERS, INK = "#e8710a", "#7f93ab", "#7d8590"
STYLE = {
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "lrncore",
}
#: Heights in inches
BAR, TITLE, ENDS = 0.245, 0.42, 1.0
LEFT_OUT = "lrncore-new"


def draw(path: Path, plan: Plan, rows: list[Row]) -> None:
    """Draw a row of panels for each case, a column for each pass."""
    rows = sorted((row for row in rows if not row.error and row.peer != LEFT_OUT), key=lambda row: row.copies)
    cases = [case for case in plan.cases() if case.beta == plan.cases()[0].beta]
    blocks = {
        (case, direction): [row for row in rows if (row.case, row.direction) == (case, direction)]
        for case in cases
        for direction in PASSES
    }
    lines = [max(len(blocks[case, direction]) for direction in PASSES) for case in cases]
    size = (11, BAR * sum(lines) + TITLE * len(lines) + ENDS)
    spec = cases[0].layer.spec
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        figure.get_layout_engine().set(h_pad=0.08, hspace=0.03)
        grid = figure.subplots(len(cases), len(PASSES), sharex=True, height_ratios=lines, squeeze=False)
        for axis, ((case, direction), block) in zip(grid.flat, blocks.items(), strict=True):
            axis.set_title(f"{case.label.partition(',')[0]}, {direction}")
            show_bars(axis, block)
            absent = [row.label for row in blocks[case, PASSES[0]] if row.peer not in {row.peer for row in block}]
            if absent:
                text = textwrap.fill(f"no backward: {', '.join(absent)}", 60)
                axis.text(1.05, len(block) - 0.3, text, size=10, style="italic", va="top")
            axis.set(xscale="log", xlim=(1, 2.2 * rows[-1].copies), ylim=(lines[cases.index(case)] - 0.4, -0.6))
            axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.xaxis.set_minor_locator(NullLocator())
        for axis in grid[-1]:
            axis.set_xlabel("time in copies of the array (log scale), less is better")
        threads = f"{plan.threads} thread{'s' * (plan.threads > 1)}"
        layer = f"LRN of AlexNet's first layer, n {spec.size}, beta {spec.beta:g}"
        figure.suptitle(f"{layer}: {processor()}, {threads}")
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, transparent=True, dpi=150, metadata=metadata)


def show_bars(axis: Axes, rows: list[Row]) -> None:
    """Show a bar for each row, with its name and its number."""
    places = range(len(rows))
    colours = [OWN if row.peer == "lrncore" else OTHERS for row in rows]
    bars = axis.barh(places, [row.copies for row in rows], 0.74, color=colours)
    numbers = axis.bar_label(bars, [f"{row.copies:.{0 if row.copies >= 99.95 else 1}f}" for row in rows], padding=4)
    axis.set_yticks(places, [row.label for row in rows])
    for row, name, number in zip(rows, axis.get_yticklabels(), numbers, strict=True):
        if row.peer == "lrncore":
            name.set(color=OWN, weight="bold")
            number.set(color=OWN, weight="bold")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
