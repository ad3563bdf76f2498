"""What the pictures share: colours and sizes, the data behind them, and where both are kept."""

import argparse
import json
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter

import lrncore

SCRIPTS = Path(__file__).parent
PICTURES = SCRIPTS.parent
sys.path.append(str(SCRIPTS.parents[1] / "asv_bench"))

INK, MUTED, FAINT = "#1b2430", "#5b6570", "#d5d9de"
OWN, BEFORE, AFTER = "#d55e00", "#a9cbe6", "#08306b"
#: A colour and a marker for each library, so that neither has to be told from others by the colour alone
PEERS = {
    "lrncore": (OWN, "o"),
    "numpy": ("#009e73", "s"),
    "torch": ("#cc79a7", "^"),
    "torch-compiled": ("#8a3ffc", "v"),
    "onnxruntime": ("#0072b2", "D"),
    "openvino": ("#56b4e9", "P"),
    "tensorflow": ("#b58900", "X"),
    "jax": ("#444444", "*"),
}
#: Inches; letters of 11 points are legible when a telephone shows the whole width
WIDTH = 6.6

mpl.rcParams.update(
    {
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 12,
        "axes.titleweight": "bold",
        "font.family": "sans-serif",
        "font.size": 11,
        "legend.frameon": False,
        "savefig.facecolor": "white",
        "svg.hashsalt": "lrncore",
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
    }
)


def blank(height: float) -> Figure:
    """Return an empty figure of the common width."""
    return Figure(figsize=(WIDTH, height), layout="constrained", facecolor="white")


def save(figure: Figure, name: str) -> None:
    """Write docs/NAME.svg, the same bytes for the same data."""
    figure.savefig(PICTURES / f"{name}.svg", metadata={"Date": None})


def recorded(name: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what NAME.json holds, measured before if the command line says so or nothing is there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--measure", action="store_true", help=f"measure again, and write {name}.json")
    path = SCRIPTS / f"{name}.json"
    if parser.parse_args().measure or not path.exists():
        write(path, measure())
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def write(path: Path, data: dict[str, Any]) -> None:
    """Write a measurement as JSON, a line for each row."""
    head = {key: value for key, value in data.items() if key != "rows"}
    lines = [json.dumps(row, ensure_ascii=False) for row in data["rows"]]
    text = json.dumps(head, ensure_ascii=False)[:-1] + ', "rows": [\n' + ",\n".join(lines) + "\n]}\n"
    path.write_text(text)


def machine(peers: list[str]) -> dict[str, Any]:
    """Return what a measurement ran on."""
    from peers.table import processor, versions  # noqa: PLC0415  (found through the path above)

    config = lrncore.show_config(mode="dicts") or {}
    return {"processor": processor(), "isa": config["instruction_set"], "versions": versions(peers)}


def note(figure: Figure, *lines: str) -> None:
    """Write small print below everything."""
    text = "\n".join(textwrap.fill(line, 104, break_on_hyphens=False) for line in lines)
    figure.supxlabel(text, size=8.5, color=MUTED, ha="left", x=0.01)


def measured_on(data: dict[str, Any]) -> str:
    """Return the processor, the instruction set and the libraries of a measurement."""
    versions = [each for each in data["versions"] if not each.startswith(("lrncore", "onnx "))]
    return f"{data['processor']}, instruction set {data['isa']}; {', '.join(versions)}."


def plain_numbers(axis: Axes, which: str) -> None:
    """Show 1, 10, 100 along a logarithmic axis, without powers and minor ticks."""
    line = getattr(axis, f"{which}axis")
    line.set_major_formatter(StrMethodFormatter("{x:g}"))
    line.set_minor_locator(NullLocator())
