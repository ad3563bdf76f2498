"""The one door to OpenMP: how many threads a call takes.

1. `num_threads` of the call, if given, is taken as it is, up to `MOST_THREADS`.
2. Otherwise the number set with `set_num_threads`, or else what the caller's OpenMP allows at that moment
   (OMP_NUM_THREADS, threadpoolctl, omp_set_num_threads), in both cases
3. at most the processors this process may use (affinity, and the CPU quota of its control group), and
4. at most one thread for each `WORK_PER_THREAD` elements: a small array never wakes a thread.
5. In a child after a fork, always 1: the workers of an OpenMP pool do not survive a fork, and a parallel region
   would wait for them for ever.

OpenMP's own settings are read, never changed.
"""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path

from lrncore._checks import check_int
from lrncore.kernels._platform import max_threads

#: Below this many elements for each thread, the time to wake a second one exceeds what it saves (measured).
WORK_PER_THREAD = 65536

#: More would gain nothing, and OpenMP ends the process when the system refuses it a thread.
MOST_THREADS = max(64, os.cpu_count() or 1)

_default: int | None = None
_forked = False


def _after_fork() -> None:
    global _forked  # noqa: PLW0603
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def set_num_threads(n: int | None) -> None:
    """Set the number of threads that calls take when they are not given `num_threads`.

    Parameters
    ----------
    n : int or None
        At least 1; None goes back to what OpenMP allows. It holds for lrncore in this process and leaves
        OpenMP's own setting alone.

    Raises
    ------
    TypeError
        If `n` is neither an int nor None.
    ValueError
        If `n` is less than 1.

    Examples
    --------
    >>> import lrncore
    >>> lrncore.set_num_threads(1)
    >>> lrncore.get_num_threads()
    1
    >>> lrncore.set_num_threads(None)
    """
    global _default  # noqa: PLW0603
    _default = None if n is None else check_int(n, "n", 1)


def get_num_threads() -> int:
    """Return the number of threads that a large call takes now when it is not given `num_threads`.

    Returns
    -------
    int
        The number set with `set_num_threads`, or else what OpenMP allows; at most the processors that this
        process may use, and 1 in a forked child.

    Examples
    --------
    >>> import lrncore
    >>> lrncore.get_num_threads() >= 1
    True
    """
    if _forked:
        return 1
    return min(_default or max_threads(), usable_processors(), MOST_THREADS)


def resolve(num_threads: int | None, elements: int) -> int:
    """Return the threads for a call on so many elements."""
    if num_threads is not None:
        wanted = check_int(num_threads, "num_threads", 1)
        return 1 if _forked else min(wanted, MOST_THREADS)
    if elements < 2 * WORK_PER_THREAD:
        return 1
    return min(get_num_threads(), elements // WORK_PER_THREAD)


def usable_processors() -> int:
    """Return the processors this process may use: its affinity, and its control group's quota rounded up."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return min(count, quota() or count)


@cache
def quota(root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> int:
    """Return the processors that the control groups allow this process, rounded up, or 0 for any number."""
    allowed = 0
    for folder, limit, period in _controllers(root, membership):
        try:
            words = (folder / limit).read_text().split()
            if period:
                words += (folder / period).read_text().split()
            processors = math.ceil(int(words[0]) / int(words[1]))
        except (OSError, ValueError, IndexError, ZeroDivisionError):
            continue  # no such file here, or "max"
        if processors > 0 and (not allowed or processors < allowed):  # version 1 says -1 for no limit
            allowed = processors
    return allowed


def _controllers(root: Path, membership: Path) -> list[tuple[Path, str, str]]:
    """Return the folders that may hold a quota, with the names of their files."""
    try:
        groups = [line.split(":", 2) for line in membership.read_text().splitlines()]
    except OSError:
        groups = []
    found = [(root, "cpu.max", ""), (root / "cpu", "cpu.cfs_quota_us", "cpu.cfs_period_us")]
    for _, names, path in (group for group in groups if len(group) == 3):
        inside = [part for part in path.split("/") if part not in {"", ".", ".."}]
        steps = ["/".join(inside[: i + 1]) for i in range(len(inside))]
        if not names:
            found += [(root / step, "cpu.max", "") for step in steps]
        elif "cpu" in names.split(","):
            found += [(root / "cpu" / step, "cpu.cfs_quota_us", "cpu.cfs_period_us") for step in steps]
    return found
