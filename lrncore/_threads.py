"""The one door to OpenMP: how many threads a call takes.

1. `num_threads` of the call, if given, is taken as it is, up to `MOST_THREADS`; of those the kernels wake one for
   every 4096 elements, of LRN for every 1024.
2. Otherwise a call on fewer elements than starting a team is worth takes one thread. `worth_a_team` is the model.
3. A larger one takes the number set with `set_num_threads`, at most the processors that this process may use
   (affinity, and the CPU quota of its control group).
4. Where none is set either, it takes one thread, or else the whole number that the caller's OpenMP allows at that
   moment (OMP_NUM_THREADS, threadpoolctl, omp_set_num_threads), at most those processors: never a number between,
   since GNU OpenMP ends and starts threads when the number changes from team to team. Which of the two is `Kind`'s
   decision, below.
5. In a child after a fork, always 1: the workers of an OpenMP pool do not survive a fork, and a parallel region
   would wait for them for ever.

OpenMP's own settings are read, never changed.

**One thread or the team.** A team waits for each of its members. Where another program occupies a processor, the
system lets a member wait for a time slice or several, of 4 ms and more, in a call that one thread finishes in a
tenth of one. So each kind of call (the same pass and dtype, the same window, elements within a factor of two) keeps
what one thread takes for an element, and an account of the time that teams have saved beside that.

a. The first call of a kind is parallel and the second serial. From then on calls are parallel, but for one in 256
   (more of the first), which measures one thread again.
b. The account holds at most what `CREDIT` serial calls take. A parallel call that overdraws it is a loss. The kind
   stays serial until its calls have taken `PAUSE` times the loss, twice as long after each further loss (at most
   2**`STRIKES` times), then tries again. `FORGIVEN` calls without a loss take one doubling back. So what teams lose
   is a bounded share of the serial time between, whatever a loss is. The first parallel call after serial ones has
   to wake its workers: it may lose up to `NOISE` seconds.
c. Where the system tells how many threads run (`room`), it is asked before the first call of a kind, and before
   the next parallel call of every kind after a loss of more than `NOISE` seconds. If it has no processor for each
   thread of a team, the kind stays serial and asks again after `SHORTEST` to `LONGEST` seconds of such calls, until
   these make `PATIENCE` times its last loss, doubled as above: then it tries even so. As the system's word is
   better than a guess, the pause of b. is then the loss itself, without the factor `PAUSE`.
d. A call that begins while another thread's team is at work is serial.

The clock is read twice a call, nothing runs between calls, and there is no lock. Calls with an explicit number (1.
and 3.) keep no accounts: `set_num_threads(get_num_threads())` switches all of this off.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from time import perf_counter as clock
from typing import Any, TypeVar

from lrncore._checks import check_int
from lrncore._processors import quota, room, usable_processors
from lrncore.kernels._platform import allowed_threads

#: What it costs to start a team, and each of its members, in elements that one thread computes meanwhile
TEAM_COST, MEMBER_COST = 64000, 768

#: More would gain nothing, and OpenMP ends the process when the system refuses it a thread.
MOST_THREADS = max(64, os.cpu_count() or 1)

#: See the rule above. Chosen on two processors, quiet and beside a busy program: a larger PAUSE gives away more
#: after the accidents of quiet processors, a smaller one loses more to programs of which the system does not tell.
CREDIT, PAUSE, STRIKES, FORGIVEN, PATIENCE = 2, 8, 7, 32, 1024

#: Seconds by which calls of a team with a processor for each thread vary
NOISE = 2e-4
SHORTEST, LONGEST = 5e-4, 16e-3
#: Seconds that a kind is taken to have lost before its first call: a time slice
SLICE = 1e-2
#: Seconds for which idle workers of GNU OpenMP run on, waiting for the next team: 3 to 8 ms where it was measured
SPIN = 1e-2

#: More kinds than a program has layers of different sizes; beyond, all are forgotten
KINDS = 256

Result = TypeVar("Result")

_default: int | None = None
_forked = False

# No lock: of two threads that change one of these or a `Kind` at once, one may be lost, which costs a better choice
# of threads and nothing else.
_kinds: dict[Hashable, Kind] = {}
_alarms = 0
_at_work = False
_ended = 0.0
_workers_stay = os.environ.get("OMP_WAIT_POLICY", "").strip().lower() == "active"
_workers_sleep = os.environ.get("OMP_WAIT_POLICY", "").strip().lower() == "passive"


def _after_fork() -> None:
    global _forked  # noqa: PLW0603
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def set_num_threads(n: int | None) -> None:
    """Set the number of threads that large calls take when they are not given `num_threads`.

    Parameters
    ----------
    n : int or None
        At least 1. Every large call takes as many, up to the processors that this process may use, whatever other
        programs do. None goes back to what OpenMP allows, or one thread while processors are busy. It holds for
        lrncore in this process and leaves OpenMP's own setting alone.

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
        process may use, and 1 in a forked child. Where none is set, a call that finds them busy takes one thread.

    Examples
    --------
    >>> import lrncore
    >>> lrncore.get_num_threads() >= 1
    True
    """
    if _forked:
        return 1
    most = min(quota() or MOST_THREADS, MOST_THREADS)
    return allowed_threads(most) if _default is None else min(_default, usable_processors(), most)


def worth_a_team(threads: int, elements: int) -> bool:
    """Return whether so many elements are worth a team of so many threads.

    A team saves what its other members compute, ``elements * (1 - 1 / threads)``, and costs as many elements as one
    thread computes until all have started and ended: ``TEAM_COST + MEMBER_COST * threads``. On two AMD Zen 4 cores
    that was 14 to 23 microseconds of .39 ns an element (float32, n 5, forward: the cheapest pass, for which it
    matters most), and on 16 Intel cores, from 4 and 16 threads on 290400 elements, about 23 and 28 of the same.
    """
    return elements * (threads - 1) >= (TEAM_COST + MEMBER_COST * threads) * threads > 0


def takes_one(num_threads: object, elements: int) -> bool:
    """Return whether `run` would give a call on so many elements one thread, whatever is set or busy."""
    return elements < TEAM_COST if num_threads is None else type(num_threads) is int and num_threads == 1


def resolve(num_threads: int | None, elements: int) -> int:
    """Return the threads for a call on so many elements, unless `run` makes it serial."""
    if num_threads is not None:
        wanted = check_int(num_threads, "num_threads", 1)
        return 1 if _forked else min(wanted, MOST_THREADS)
    if elements < TEAM_COST:
        return 1
    threads = get_num_threads()
    return threads if worth_a_team(threads, elements) else 1


def run(
    compute: Callable[..., Result],
    arguments: tuple[Any, ...],
    swapped: int,
    work: Hashable,
    elements: int,
    num_threads: int | None,
    most: int | None = None,
) -> Result:
    """Return ``compute(*arguments, threads, swapped)``, with the threads for so many elements, at most `most`."""
    global _ended  # noqa: PLW0603
    threads = resolve(num_threads, elements)
    if most is not None and most < threads:
        threads = most
    if threads == 1:
        return compute(*arguments, 1, swapped)
    if num_threads is not None or _default is not None:
        result = compute(*arguments, threads, swapped)
        try:  # noqa: SIM105  (`suppress` would have to be allocated)
            _ended = clock()
        except MemoryError:  # the result is there
            pass
        return result
    key = compute, work, elements.bit_length()
    kind = _kinds.get(key)
    if kind is None:
        if len(_kinds) >= KINDS:
            _kinds.clear()
        kind = _kinds.setdefault(key, Kind())
    return kind.run(compute, arguments, swapped, elements, threads)


class Kind:
    """What calls of one kind took, and whether the next one is parallel: see the rule above."""

    __slots__ = (
        "account",
        "again",
        "asked",
        "each",
        "every",
        "first",
        "good",
        "left",
        "loss",
        "owed",
        "patience",
        "strikes",
    )

    def __init__(self) -> None:
        #: Seconds that one thread takes for an element, 0 if not known yet; those that teams have saved
        self.each = self.account = 0.0
        #: Parallel calls until the next that measures one thread, and from that to the one after it
        self.left = self.every = 1
        #: Seconds of serial calls still to come; those until the system is asked again; those it may still ask for
        self.owed, self.again, self.patience = 0.0, SHORTEST, PATIENCE * SLICE
        #: Seconds lost last, how often the pause doubles, and the calls without a loss since
        self.loss, self.strikes, self.good = SLICE, 0, 0
        #: Whether the next parallel call is the first after serial ones
        self.first = True
        #: The number of alarms when the system was last asked
        self.asked = -1

    def run(
        self, compute: Callable[..., Result], arguments: tuple[Any, ...], swapped: int, elements: int, threads: int
    ) -> Result:
        """Compute with one thread or with all of them, and learn from how long it takes."""
        global _at_work, _ended  # noqa: PLW0603
        start = clock()
        due = self.owed <= 0 and self.left > 0 and not _at_work
        if due and (self.asked == _alarms or self.may(threads, start)):
            _at_work = True
            try:
                result = compute(*arguments, threads, swapped)
            finally:
                _at_work = False
            try:
                _ended = clock()
                if self.each and result is not False:  # it did something
                    self.judge(self.each * elements, _ended - start, threads)
                self.left -= 1
            except MemoryError:  # the result is there
                pass
            return result
        result = compute(*arguments, 1, swapped)
        if result is not False:
            try:  # noqa: SIM105
                self.measure((clock() - start) / elements, elements)
            except MemoryError:
                pass
        return result

    def may(self, threads: int, now: float) -> bool:
        """Ask the system for a processor for each thread; if it has none, stay serial for another pause."""
        spinning = _workers_stay or (now - _ended < SPIN and not _workers_sleep)
        if self.patience > 0 and room(threads, threads if spinning else 1) is False:
            self.owed = self.again
            self.again = min(2 * self.again, LONGEST)
            self.patience -= self.owed
            return False
        self.asked = _alarms
        self.again = SHORTEST
        self.patience = PATIENCE * self.loss * 2**self.strikes
        return True

    def judge(self, serial: float, took: float, threads: int) -> None:
        """Learn from a parallel call that one thread would have taken `serial` seconds for."""
        global _alarms  # noqa: PLW0603
        account = self.account + serial - took
        if account >= 0:
            self.account = account if account < CREDIT * serial else CREDIT * serial  # noqa: FURB136  (faster)
            self.first = False
            self.good += 1
            if self.good == FORGIVEN:
                self.good = 0
                if self.strikes:
                    self.strikes -= 1
            return
        if self.first and account >= -NOISE:
            self.first = False
            return
        self.first = False
        self.loss = -account
        self.account = 0.0
        self.good = 0
        factor = PAUSE
        if self.loss > NOISE:
            _alarms += 1
            if room(threads) is not None:
                factor = 1
        self.owed = factor * self.loss * 2**self.strikes
        self.again = SHORTEST
        self.patience = PATIENCE * self.loss * 2**self.strikes
        self.strikes = min(self.strikes + 1, STRIKES)

    def measure(self, each: float, elements: int) -> None:
        """Learn from a serial call."""
        if not self.each or each < self.each:
            self.each = each
        else:
            self.each += min(each - self.each, self.each / 16)
        if self.owed > 0:
            self.owed -= self.each * elements
            self.first = True
        self.every = self.left = min(16 * self.every, 256)


def state() -> str:
    """Say what large calls do now."""
    threads = get_num_threads()
    if threads == 1:
        return "one thread"
    if _default is not None:
        return f"{threads} threads, as set"
    held = sum(kind.owed > 0 for kind in list(_kinds.values()))
    return f"{threads} threads; {held} of {len(_kinds)} kinds of calls keep to one for now"
