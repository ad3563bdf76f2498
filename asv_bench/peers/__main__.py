"""`python -m peers`: measure, print the table, draw the figure."""

import argparse
import sys
from pathlib import Path

from .plan import Plan
from .processes import Row, collect
from .progress import Progress
from .registry import PEERS
from .table import table

FIGURE = Path(__file__).parents[2] / "docs" / "peers.svg"


def main() -> None:
    """Do what the command line says."""
    given = arguments()
    plan = Plan(given.threads, tuple(given.maps))
    if given.quick:
        plan = Plan(given.threads, tuple(given.maps), batch=0, seconds=0.05, rounds=3)
    names = [name for name in PEERS if name == "lrncore" or name in given.peers]
    missing = [name for name in names if PEERS[name].missing]
    installed = [name for name in names if name not in missing]
    progress = Progress(len(installed) * len(plan.cases()))
    rows = [row for name in installed for row in collect(name, plan, given.timeout, progress)]
    progress.clear()
    sys.stdout.write(table(plan, rows, installed, missing) + "\n")
    if given.figure:
        sys.stdout.write(f" {drawn(given.figure, plan, rows)}\n")


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m peers", description=__doc__)
    add = parser.add_argument
    add("--threads", type=int, default=1, help="threads of every peer (default: 1)")
    add("--quick", action="store_true", help="one image, and short measurements")
    add("--peers", nargs="*", choices=PEERS, default=list(PEERS), metavar="NAME", help=f"of {', '.join(PEERS)}")
    add("--maps", type=int, nargs=3, default=Plan.maps, metavar="N", help="channels, height and width of an image")
    add("--timeout", type=float, default=300.0, help="seconds that each peer may take (default: 300)")
    add("--figure", type=Path, default=FIGURE, help="where to draw (default: docs/peers.svg)")
    add("--no-figure", dest="figure", action="store_const", const=None, help="the table only")
    return parser.parse_args()


def drawn(path: Path, plan: Plan, rows: list[Row]) -> str:
    """Draw the figure, if matplotlib is here, and say where it is."""
    if all(row.error for row in rows):
        return "no figure: no times"
    try:
        from .figure import draw  # noqa: PLC0415  (the one file that needs matplotlib)
    except ImportError:
        return "no figure: pip install matplotlib"
    draw(path, plan, rows)
    return f"The figure is in {path}."


if __name__ == "__main__":
    main()
