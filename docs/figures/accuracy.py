"""Draw docs/accuracy.svg: how far each library's results are from the formula, as histograms.

It draws what accuracy.json holds. `--measure` measures that again before, with those libraries of asv_bench/peers
that are installed, beside the oracle of the tests.
"""

import importlib
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from _style import FAINT, OWN, PEERS, SCRIPTS, blank, machine, measured_on, note, recorded, save
from benchmarks.cases import normal
from matplotlib.axes import Axes
from peers.plan import FORWARD, Case, Problem
from peers.processes import SETTINGS
from peers.registry import PEERS as KNOWN

sys.path.append(str(SCRIPTS.parents[1] / "tests"))
import reference

SHAPE = (2, 96, 55, 55)
LOUDNESS = {"N(0, 1)": 1.0, "100 N(0, 1)": 100.0}
#: Compiled, torch gives the same bits as without
LEFT_OUT = "torch-compiled"
#: Units in the last place
EDGES = np.linspace(-4, 4, 81)


def main() -> None:
    """Draw the picture."""
    draw(recorded("accuracy", lambda: measured(list(PEERS), SHAPE)))


def measured(names: list[str], shape: tuple[int, ...]) -> dict[str, Any]:
    """Return a row for each library and data."""
    names = [name for name in names if name != LEFT_OUT and not KNOWN[name].missing]
    # each library in a process of its own: some crash beside another one
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        rows = [row for found in pool.map(errors, names, [shape] * len(names)) for row in found]
    return {**machine(names), "shape": shape, "rows": rows}


def errors(name: str, shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the errors of a library in units in the last place of the exact result."""
    os.environ.update(SETTINGS)
    source = importlib.import_module(f"peers.{KNOWN[name].source}")
    rows = []
    for label, loudness in LOUDNESS.items():
        problem = Problem(Case("planar", shape, 0.75), threads=1)
        problem.x = normal(shape, np.dtype("float32"), 1) * np.float32(loudness)
        spec = problem.spec
        exact = reference.forward(problem.x, spec.before, spec.after, spec.scale, spec.beta, spec.k, axis=1)
        y = np.asarray(getattr(source, KNOWN[name].prepare)(problem)[FORWARD]())
        apart = (y - exact) / np.spacing(np.abs(exact).astype(np.float32))
        counts, _ = np.histogram(np.clip(apart, EDGES[0], EDGES[-1]), EDGES)
        largest, mean = float(np.abs(apart).max()), float(np.abs(apart).mean())
        row = {"peer": name, "data": label, "max": round(largest, 3), "mean": round(mean, 4)}
        rows.append({**row, "counts": counts.tolist()})
    return rows


def draw(data: dict[str, Any]) -> None:
    """Draw a row for each library and a column for each data."""
    rows = {(row["peer"], row["data"]): row for row in data["rows"]}
    names = sorted({name for name, _ in rows}, key=lambda name: (name != "lrncore", rows[name, "N(0, 1)"]["mean"]))
    figure = blank(0.92 * len(names) + 1.5)
    grid = figure.subplots(len(names), len(LOUDNESS), sharex=True, sharey="col")
    for line, name in zip(grid, names, strict=True):
        for axis, label in zip(line, LOUDNESS, strict=True):
            show(axis, rows[name, label])
        line[0].set_ylabel(KNOWN[name].label.replace(", ", ",\n"), rotation=0, ha="right", va="center")
        if name == "lrncore":
            line[0].yaxis.label.set(color=OWN, weight="bold")
    for axis, label in zip(grid[0], LOUDNESS, strict=True):
        axis.set_title(f"x from {label}")
    for axis in grid[-1]:
        axis.set_xlabel("error, units in the last place")
    size = " x ".join(map(str, data["shape"]))
    note(
        figure,
        f"{size}, float32, AlexNet's parameters. Exact is the formula in 80 bits; grey: rounding alone.",
        measured_on(data),
    )
    save(figure, "accuracy")


def show(axis: Axes, row: dict[str, Any]) -> None:
    """Show a histogram above that of correctly rounded results."""
    counts = np.array(row["counts"], float)
    density = counts / counts.sum() / np.diff(EDGES)
    axis.fill_between((-0.5, 0.5), (1, 1), color=FAINT, lw=0)
    axis.stairs(density, EDGES, fill=True, color=PEERS[row["peer"]][0], alpha=0.75)
    text = f"max {row['max']:.2f}\nmean {row['mean']:.2f}"
    axis.text(0.99, 0.93, text, transform=axis.transAxes, ha="right", va="top", size=9.5)
    axis.set(xlim=(-3.2, 3.2), ylim=(0, 1.1), yticks=[], xticks=range(-3, 4))
    axis.spines["left"].set_visible(False)


if __name__ == "__main__":
    main()
