"""When calls that choose for themselves take one thread: the rule in `_threads`, on a clock made up here.

The last test is beside a real busy process, and slow.
"""

import statistics
import subprocess
import sys
import threading

import numpy as np
import pytest

import lrncore
from lrncore import _processors, _threads

ELEMENTS = 1_000_000
#: Seconds
SERIAL, TEAM, SLICE = 4e-4, 2e-4, 12e-3


class Machine:
    """Two processors, a clock that only kernels move, and maybe a program that occupies a processor."""

    def __init__(self):
        self.now = 0.0
        self.busy = False
        #: what the system tells: how many threads run, or nothing
        self.tells = True
        self.readings = self.questions = 0
        self.serial, self.team, self.late = SERIAL, TEAM, SLICE
        self.taken = []

    def clock(self):
        self.readings += 1
        return self.now

    def room(self, threads, own=1):  # noqa: ARG002
        self.questions += 1
        return not self.busy if self.tells else None

    def kernel(self, elements, threads, swapped):  # noqa: ARG002
        self.taken.append(threads)
        took = self.serial if threads == 1 else self.late if self.busy else self.team
        self.now += took * elements / ELEMENTS
        return True

    def calls(self, count, elements=ELEMENTS, window=(2, 2), kernel=None, num_threads=None):
        """Call that often, and return the threads that were taken and how long it took."""
        self.taken, start = [], self.now
        for _ in range(count):
            _threads.run(kernel or self.kernel, (elements,), 0, window, elements, num_threads)
        return self.taken, self.now - start


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(_threads, "clock", machine.clock)
    monkeypatch.setattr(_threads, "room", machine.room)
    monkeypatch.setattr(_threads, "get_num_threads", lambda: 2)
    monkeypatch.setattr(_threads, "_kinds", {})
    monkeypatch.setattr(_threads, "_ended", -1.0)
    return machine


def kind():
    (found,) = _threads._kinds.values()
    return found


def test_quiet_calls_are_parallel_but_for_a_few(machine):
    taken, _ = machine.calls(1000)
    assert taken[:3] == [2, 1, 2]
    assert 4 <= taken.count(1) <= 6


def test_quiet_calls_cost_what_teams_do(machine):
    _, seconds = machine.calls(1000)
    assert seconds < 1.01 * 1000 * TEAM


def test_clock_is_read_twice_a_call(machine):
    for machine.busy in (False, True, False):
        machine.calls(500)
    assert machine.readings == 3000


def test_system_is_asked_once_on_quiet_processors(machine):
    machine.calls(10_000)
    assert machine.questions == 1


def test_first_call_beside_a_busy_program_is_serial(machine):
    machine.busy = True
    assert machine.calls(1)[0] == [1]


@pytest.mark.parametrize("tells", [True, False], ids=["told", "untold"])
@pytest.mark.parametrize("serial", [5e-5, 4e-4, 4e-3])
def test_busy_program_costs_a_share_of_the_serial_time(machine, serial, tells):
    machine.serial, machine.team, machine.tells, machine.busy = serial, serial / 2, tells, True
    machine.calls(10)
    calls = int(10 / serial)
    _, seconds = machine.calls(calls)
    assert seconds < 1.1 * calls * serial


def test_program_that_becomes_busy_is_noticed_by_the_first_call_that_waits(machine):
    machine.calls(40)
    machine.busy = True
    taken, _ = machine.calls(1000)
    assert taken.count(2) == 1


def test_pause_lasts_as_long_as_the_loss_where_the_system_answers(machine):
    machine.calls(40)
    machine.late, machine.busy = SERIAL + 20 * SERIAL, True
    machine.calls(1)
    machine.busy = False
    taken, _ = machine.calls(40)
    # the account held what two serial calls take
    assert taken.index(2) == 18


def test_pause_is_longer_where_the_system_does_not_answer_and_doubles(machine):
    machine.tells = False
    machine.calls(40)
    machine.late, machine.busy = SERIAL + 20 * SERIAL, True
    taken, _ = machine.calls(2500)
    waits = np.diff(np.flatnonzero(np.array(taken) == 2)) - 1
    # the account held what two serial calls take
    assert waits.tolist() == pytest.approx([8 * 18, 16 * 20, 32 * 20, 64 * 20], abs=2)


def test_system_that_is_wrong_is_not_believed_for_ever(machine, monkeypatch):
    machine.calls(40)
    monkeypatch.setattr(_threads, "room", lambda *_: False)
    machine.busy = True
    machine.calls(1)
    machine.busy = False
    taken, seconds = machine.calls(60_000)
    assert taken[-1] == 2
    assert taken.index(2) * SERIAL == pytest.approx(1024 * kind().loss, rel=0.1)
    assert seconds > 0


def test_good_calls_take_doublings_back(machine):
    machine.tells = False
    machine.calls(40)
    machine.busy = True
    machine.calls(2000)
    before = kind().strikes
    machine.busy = False
    machine.calls(10_000)
    assert before > 2
    assert kind().strikes == 0


def test_one_call_that_waited_costs_little(machine):
    machine.calls(100)
    machine.busy = True
    machine.calls(1)
    machine.busy = False
    _, seconds = machine.calls(10_000)
    assert seconds < 1.01 * 10_000 * TEAM


def test_teams_that_never_gain_are_given_up(machine):
    machine.team = 1.2 * SERIAL
    machine.calls(10)
    _, seconds = machine.calls(2000)
    assert seconds < 1.03 * 2000 * SERIAL


def test_calls_near_the_limit_stay_parallel(machine):
    teams = iter(np.tile([0.8, 0.85, 1.1, 0.9], 1000) * SERIAL)

    def kernel(elements, threads, swapped):
        machine.team = next(teams)
        return machine.kernel(elements, threads, swapped)

    taken, _ = machine.calls(2000, kernel=kernel)
    assert taken.count(1) < 20


def test_one_thread_is_measured_again(machine):
    machine.serial = 100 * SERIAL  # the first calls find nothing in the caches
    machine.calls(2)
    machine.serial, machine.team = SERIAL, 1.5 * SERIAL
    taken, _ = machine.calls(2000)
    assert taken.count(2) < 300


def test_every_kind_asks_after_a_loss_of_one(machine):
    other = (9, 9)
    machine.calls(40)
    machine.calls(40, window=other)
    machine.busy = True
    assert machine.calls(1)[0] == [2]
    assert machine.calls(1, window=other)[0] == [1]


def test_sizes_and_windows_and_kernels_are_kinds_of_their_own(machine):
    for elements in (ELEMENTS, ELEMENTS + 1, 4 * ELEMENTS):
        machine.calls(3, elements)
    machine.calls(3, window=(1, 2))
    machine.calls(3, kernel=lambda *arguments: machine.kernel(*arguments))  # noqa: PLW0108  (another kernel)
    assert len(_threads._kinds) == 4


def test_memory_is_bounded(machine):
    for before in range(3 * _threads.KINDS):
        machine.calls(1, window=(before, 0))
    assert len(_threads._kinds) <= _threads.KINDS


def test_call_that_did_nothing_teaches_nothing(machine):
    overlapping = False

    def kernel(*arguments):
        return machine.kernel(*arguments) and not overlapping

    machine.calls(40, kernel=kernel)
    known = [getattr(kind(), name) for name in ("each", "account", "owed", "good")]
    overlapping = True
    machine.late, machine.busy = 1.0, True
    machine.calls(3, kernel=kernel)
    assert [getattr(kind(), name) for name in ("each", "account", "owed", "good")] == known


def test_explicit_numbers_are_obeyed_and_keep_no_account(machine):
    machine.busy = True
    assert machine.calls(3, num_threads=2)[0] == [2, 2, 2]
    assert (machine.questions, _threads._kinds) == (0, {})


def test_workers_of_an_explicit_team_are_not_taken_for_other_programs(machine, monkeypatch):
    asked = []
    monkeypatch.setattr(_threads, "_workers_sleep", False)
    monkeypatch.setattr(_threads, "room", lambda _, own: asked.append(own))
    machine.calls(1, num_threads=2)
    machine.calls(1)
    assert asked == [2]


def test_call_beside_a_team_of_another_thread_is_serial(machine):
    machine.calls(40)
    beside = []

    def kernel(elements, threads, swapped):
        machine.kernel(elements, threads, swapped)
        if threads == 2 and not beside:
            beside.append(None)
            thread = threading.Thread(target=lambda: beside.append(machine.calls(1)[0]))
            thread.start()
            thread.join()
        return True

    machine.calls(1, kernel=kernel)
    assert beside == [None, [1]]


def test_failed_call_leaves_no_team_behind(machine):
    def kernel(*_):
        raise MemoryError

    with pytest.raises(MemoryError):
        machine.calls(1, kernel=kernel)
    assert machine.calls(1)[0] == [2]


# ---- what the system tells ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.20 0.18 0.12 3/80 11206\n", 3), ("0.00 0.00 0.00 0/0 0\n", 0), ("", 0), ("1 2 3 four/5 6\n", 0)],
)
def test_running_threads(text, expected, tmp_path):
    path = tmp_path / "loadavg"
    path.write_text(text)
    assert _processors.running_threads(str(path)) == expected


def test_running_threads_are_unknown_without_the_file(tmp_path):
    assert _processors.running_threads(str(tmp_path / "loadavg")) == 0


@pytest.mark.parametrize(
    ("running", "own", "bound", "expected"),
    [
        (1, 1, 4, True),
        (3, 1, 4, True),
        (4, 1, 4, False),
        (5, 2, 4, False),
        (4, 2, 4, True),
        (0, 1, 4, None),
        (1, 1, 2, True),
        (3, 1, 2, None),
    ],
)
def test_room(running, own, bound, expected, monkeypatch):
    monkeypatch.setattr(_processors, "running_threads", lambda: running)
    monkeypatch.setattr(_processors, "affinity", lambda: bound)
    monkeypatch.setattr(_processors.os, "cpu_count", lambda: 4)
    assert _processors.room(2, own) is expected


@pytest.mark.parametrize(
    ("policy", "ended", "own"), [("", -1.0, 1), ("", 0.0, 2), ("passive", 0.0, 1), ("active", -1.0, 2)]
)
def test_idle_workers_are_not_taken_for_other_programs(policy, ended, own, machine, monkeypatch):
    asked = []
    monkeypatch.setattr(_threads, "room", lambda _, own: asked.append(own))
    monkeypatch.setattr(_threads, "_workers_stay", policy == "active")
    monkeypatch.setattr(_threads, "_workers_sleep", policy == "passive")
    monkeypatch.setattr(_threads, "_ended", ended)
    machine.calls(1)
    assert asked == [own]


# ---- what show_config tells --------------------------------------------------------------------------------


def test_state(machine):
    machine.calls(40)
    assert _threads.state() == "2 threads; 0 of 1 kinds of calls keep to one for now"
    machine.busy = True
    machine.calls(1)
    assert lrncore.show_config(mode="dicts")["teams"] == "2 threads; 1 of 1 kinds of calls keep to one for now"


def test_state_of_a_set_number(machine, monkeypatch):  # noqa: ARG001
    monkeypatch.setattr(_threads, "_default", 2)
    assert _threads.state() == "2 threads, as set"


def test_state_with_one_thread(monkeypatch):
    monkeypatch.setattr(_threads, "get_num_threads", lambda: 1)
    assert _threads.state() == "one thread"


# ---- a real busy process -----------------------------------------------------------------------------------

BESIDE = """
import statistics, time
import numpy as np, lrncore
x = np.random.default_rng(0).standard_normal((1, 96, 55, 55), np.float32)
out, spec = x.copy(), lrncore.LRNSpec.alexnet()
def block(num_threads):
    start = time.perf_counter()
    for _ in range(400):
        lrncore.lrn(x, spec, out=out, num_threads=num_threads)
    return time.perf_counter() - start
for _ in range(10):
    lrncore.lrn(x, spec, out=out)
for _ in range(15):
    print(block(None), block(1))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how many threads run")
def test_default_calls_beside_a_busy_process(python):
    if lrncore.get_num_threads() < 2:
        pytest.skip("one thread is all there is here")
    spin = "print(flush=True)\nwhile True: pass"
    programs = [
        subprocess.Popen([sys.executable, "-c", spin], stdout=subprocess.PIPE)
        for _ in range(lrncore.get_num_threads() - 1)
    ]
    try:
        for program in programs:
            program.stdout.readline()
        pairs = [tuple(map(float, line.split())) for line in python(BESIDE).splitlines()]
    finally:
        for program in programs:
            program.kill()
            program.communicate()
    # medians: a single block may meet a third program
    default, serial = (statistics.median(times) for times in zip(*pairs, strict=True))
    assert default < 1.3 * serial
