"""The table: 100 columns wide, a block for each case and pass, the fastest first."""

import platform
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import metadata
from itertools import product
from pathlib import Path

import lrncore

from .plan import LOUD, PASSES, Plan
from .processes import Row
from .registry import PEERS

WIDTH = 100
INDENT = 18
COLUMNS = f" {'':20}{'ms':>10}{'copy, ms':>10}{'copies':>9}{'lrncore = 1':>13}"


def table(plan: Plan, rows: list[Row], names: Iterable[str], missing: Iterable[str]) -> str:
    """Return the table of the rows, and of the peers that are missing."""
    return "\n".join([*head(plan, names), *body(plan, rows), *foot(missing), rule()])


def rule(title: str = "") -> str:
    """Return a line across the table, with a title."""
    return f"── {title} ".ljust(WIDTH, "─") if title else "─" * WIDTH


def entry(name: str, text: str) -> str:
    """Return a name and what belongs to it, wrapped beside it."""
    return textwrap.fill(
        text, WIDTH, initial_indent=f" {name:{INDENT - 1}}", subsequent_indent=" " * INDENT, break_on_hyphens=False
    )


def head(plan: Plan, names: Iterable[str]) -> Iterator[str]:
    """Yield what was measured, on what."""
    config = lrncore.show_config(mode="dicts") or {}
    parameters = plan.cases()[0].layer.spec
    yield rule("Local Response Normalization on the CPU, in copies of its arrays")
    yield entry("processor", processor())
    yield entry("instruction set", str(config["instruction_set"]))
    yield entry("threads", str(plan.threads))
    yield entry("versions", ", ".join(versions(names)))
    yield entry(
        "data",
        f"float32, N(0, {LOUD:g}²); AlexNet's n {parameters.size}, "
        f"alpha {parameters.scale * parameters.size:g}, k {parameters.k:g}",
    )
    yield entry(
        "method",
        "a process for each peer, its allocator set to keep freed memory; medians of calls that take turns there "
        "with three of np.copyto(out, x), the fastest of which is the copy",
    )


def body(plan: Plan, rows: list[Row]) -> Iterator[str]:
    """Yield the blocks."""
    for case, direction in product(plan.cases(), PASSES):
        block = [row for row in rows if (row.case, row.direction) == (case, direction)]
        good = sorted((row for row in block if not row.error), key=lambda row: row.copies)
        own = next((row.copies for row in good if row.peer == "lrncore"), None)
        yield rule(f"{case.label}, {direction}")
        yield COLUMNS
        for row in good:
            beside = f"{row.copies / own:.2f}" if own else ""
            figures = f"{row.seconds * 1e3:10.3f}{row.copy * 1e3:10.3f}{row.copies:9.1f}{beside:>13}"
            yield cut(f" {row.label:20}{figures}   {'; '.join(row.notes)}")
        for row in block:
            if row.error:
                yield cut(f" {row.label:20}failed: {row.error}")


def cut(line: str) -> str:
    """Return a line that fits the table."""
    return line.rstrip() if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def foot(missing: Iterable[str]) -> Iterator[str]:
    """Yield the peers that were not measured."""
    missing = list(missing)
    if missing:
        yield rule("not measured")
    for name in missing:
        yield f" {PEERS[name].label:20}{PEERS[name].remedy}"


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def versions(names: Iterable[str]) -> list[str]:
    """Return Python's, NumPy's and lrncore's version, and those of peers, which may come in several packages."""
    modules = dict.fromkeys(module for name in names for module in PEERS[name].modules)
    providers = metadata.packages_distributions()
    packages = dict.fromkeys(package for module in ["numpy", *modules] for package in providers.get(module, ())[:1])
    found = [f"{package.replace('_', '-')} {metadata.version(package)}" for package in packages]
    if any(PEERS[name].variable for name in names):
        from . import onednn  # noqa: PLC0415  (compiled when it is asked)

        with suppress(Exception):  # its rows say what is wrong
            found.append(f"oneDNN {onednn.version()}")
    return [f"Python {platform.python_version()}", f"lrncore {lrncore.__version__}", *found]
