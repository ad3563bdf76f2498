"""What the system offers: the processors that this process may use, and how many of them are wanted now."""

from __future__ import annotations

import math
import os
from functools import cache

from lrncore.kernels import _platform


def usable_processors() -> int:
    """Return the processors this process may use: its affinity, and its control group's quota rounded up."""
    count = affinity()
    allowed = quota()
    return allowed if 0 < allowed < count else count


def affinity() -> int:
    """Return the processors this process is bound to, or all where it is bound to none."""
    return _platform.affinity() or os.cpu_count() or 1


def room(threads: int, own: int = 1) -> bool | None:
    """Return whether so many threads have a processor each now, or None if it is not known.

    `own` is how many of the threads that run now are this call's already. Linux counts the running threads of the
    whole machine: where this process is bound to a part of it, those of others may all be elsewhere, and too many
    of them say nothing.
    """
    running = running_threads()
    if not running:
        return None
    here = affinity()
    if max(running - own, 0) + threads <= here:
        return True
    return False if here >= (os.cpu_count() or 1) else None


def running_threads(path: str = "/proc/loadavg") -> int:
    """Return the threads of all programs that run or wait for a processor now, or 0 if it is not known."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  (three times as fast as a Path)
            return int(file.read(128).split()[3].split(b"/")[0])
    except (OSError, ValueError, IndexError):
        return 0


@cache
def quota(root: str = "/sys/fs/cgroup", membership: str = "/proc/self/cgroup") -> int:
    """Return the processors that the control groups allow this process, rounded up, or 0 for any number."""
    allowed = 0
    for folder, limit, period in _controllers(root, membership):
        try:
            words = _text(f"{folder}/{limit}").split()
            if period:
                words += _text(f"{folder}/{period}").split()
            processors = math.ceil(int(words[0]) / int(words[1]))
        except (OSError, ValueError, IndexError, ZeroDivisionError):
            continue  # no such file here, or "max"
        if processors > 0 and (not allowed or processors < allowed):  # version 1 says -1 for no limit
            allowed = processors
    return allowed


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as file:  # noqa: PTH123  (pathlib would be a third of the import)
        return file.read()


def _controllers(root: str, membership: str) -> list[tuple[str, str, str]]:
    """Return the folders that may hold a quota, with the names of their files."""
    try:
        groups = [line.split(":", 2) for line in _text(membership).splitlines()]
    except OSError:
        groups = []
    found = [(root, "cpu.max", ""), (f"{root}/cpu", "cpu.cfs_quota_us", "cpu.cfs_period_us")]
    for _, names, path in (group for group in groups if len(group) == 3):
        inside = [part for part in path.split("/") if part not in {"", ".", ".."}]
        steps = ["/".join(inside[: i + 1]) for i in range(len(inside))]
        if not names:
            found += [(f"{root}/{step}", "cpu.max", "") for step in steps]
        elif "cpu" in names.split(","):
            found += [(f"{root}/cpu/{step}", "cpu.cfs_quota_us", "cpu.cfs_period_us") for step in steps]
    return found
