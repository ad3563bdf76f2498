"""`lrncore info`: what lrncore runs on and how it was built."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrncore import _processors, show_config
from lrncore.kernels import _platform

if TYPE_CHECKING:
    from lrncore.commands._parser import Commands

WIDTH, INDENT = 100, 17


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "info",
        help="version, instruction set, compiler, threads, caches",
        description="Print lrncore's version and the instruction sets that this processor has, how the kernels "
        "were compiled, how many threads they take and why, and the processor's caches.",
        examples=("lrncore info", "lrncore info --json", "LRNCORE_ISA=avx2 OMP_NUM_THREADS=1 lrncore info"),
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON; null is what is not known")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print what is known."""
    known = facts()
    if arguments.json:
        print(json.dumps(known, indent=2))
        return
    for name, value in known.items():
        if name == "caches":
            show(name, ", ".join(f"{key} {each // 1024} KiB" for key, each in (value or {}).items()))
        elif isinstance(value, dict):
            for key, each in value.items():
                show(f"{name} {key}", each)
        elif value is not None:
            show(name, ", ".join(value) if isinstance(value, list) else value)


def show(name: str, value: object) -> None:
    """Print a name and its value, which may take several lines."""
    print(
        textwrap.fill(f"{name:{INDENT - 1}} {value}", WIDTH, subsequent_indent=" " * INDENT, break_on_hyphens=False)
    )


def facts() -> dict[str, Any]:
    """Return what is known; None for what this system does not tell."""
    compiler, flags = _platform.build()
    return {
        **(show_config(mode="dicts") or {}),
        "model": model(),
        "compiler": compiler or None,
        "flags": json.loads(flags) if flags else None,
        "openmp_runtime": runtime(),
        "openmp_threads": _platform.max_threads(),
        "affinity": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "quota": _processors.quota() or None,
        "running_threads": _processors.running_threads() or None,
        "caches": caches(),
    }


def model() -> str | None:
    """Return the processor's name."""
    found = re.search(r"^model name\s*: (.*)$", text(Path("/proc/cpuinfo")), re.MULTILINE)
    return found[1] if found else platform.processor() or None


def runtime() -> list[str] | None:
    """Return the OpenMP libraries that this process has loaded."""
    found = re.findall(r"\s(/\S*/lib(?:gomp|omp|iomp5)[-.][^/\n]*)$", text(Path("/proc/self/maps")), re.MULTILINE)
    return sorted(set(found)) or None


def caches(folder: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> dict[str, int] | None:
    """Return the bytes of each cache that a processor reaches."""
    found = {}
    for index in sorted(folder.glob("index*")):
        level, kind, size = (text(index / name).strip() for name in ("level", "type", "size"))
        if size.endswith("K"):
            found[f"L{level}{'' if kind == 'Unified' else f' {kind.lower()}'}"] = 1024 * int(size[:-1])
    return found or None


def text(path: Path) -> str:
    """Return the text of a file of the system, or nothing where there is none."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
