"""How many threads a call takes, that the bits do not depend on it, and Python threads at once."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import cases
import numpy as np
import pytest

import lrncore
from lrncore import LRNSpec, _threads
from lrncore.kernels import _platform

needs_openmp = pytest.mark.skipif(not _platform.openmp(), reason="this build has no OpenMP: one thread always")
needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system cannot bind a process to processors"
)

SHAPES = cases.LAYOUTS | {
    "one_slab": cases.Shape((1, 40, 3001), 1),
    "many_slabs": cases.Shape((37, 24, 65), 1),
    "one_row": cases.Shape((30000,), 0),
    "pixels": cases.Shape((3001, 24), 1),
    "short_inner_slabs": cases.Shape((137, 24, 9), 1),
    "scattered": cases.Shape((1037, 24, 2), 1),
}
SPECS = (cases.STRONG, LRNSpec(9, 14, 0.2, 0.6, 2.0))


@pytest.fixture
def _default_threads():
    """Forget what a test sets."""
    yield
    lrncore.set_num_threads(None)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("threads", [2, 3, 4, 5])
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"n{spec.size}")
@pytest.mark.parametrize("name", SHAPES)
def test_bits_of_the_forward(name, spec, threads):
    case = SHAPES[name]
    x = cases.normal(case.shape)
    serial = lrncore.lrn(x, spec, case.axis, num_threads=1)
    assert np.array_equal(cases.bits(lrncore.lrn(x, spec, case.axis, num_threads=threads)), cases.bits(serial))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("threads", [2, 3, 4, 5])
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"n{spec.size}")
@pytest.mark.parametrize("name", SHAPES)
def test_bits_of_the_backward(name, spec, threads):
    case = SHAPES[name]
    x = cases.normal(case.shape)
    g = cases.normal(case.shape, seed=1)
    serial = lrncore.lrn_backward(g, x, spec, case.axis, num_threads=1)
    assert np.array_equal(
        cases.bits(lrncore.lrn_backward(g, x, spec, case.axis, num_threads=threads)), cases.bits(serial)
    )


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("threads", [2, 3, 5])
@pytest.mark.parametrize("name", SHAPES)
def test_in_place(name, threads):
    case = SHAPES[name]
    x = cases.normal(case.shape)
    expected = lrncore.lrn(x, SPECS[0], case.axis, num_threads=1)
    lrncore.lrn(x, SPECS[0], case.axis, out=x, num_threads=threads)
    assert np.array_equal(cases.bits(x), cases.bits(expected))


@pytest.mark.parametrize("threads", [100, 2**25, 2**31 - 1, 2**31, 2**63, 10**30])
def test_more_threads_than_work(threads):
    x = cases.normal((2, 12, 5))
    expected = lrncore.lrn(x, SPECS[0], num_threads=1)
    assert np.array_equal(lrncore.lrn(x, SPECS[0], num_threads=threads), expected)


def test_more_threads_than_the_system_allows(python):
    program = """
import numpy as np, lrncore
x = np.ones((200_000, 64), np.float32)
lrncore.lrn(x, lrncore.LRNSpec.torch(5), out=x, num_threads=100_000)
print("survived")
"""
    assert python(program) == "survived"


# ---- the default ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_default_threads")
def test_set_is_what_get_says():
    lrncore.set_num_threads(1)
    assert lrncore.get_num_threads() == 1


@pytest.mark.usefixtures("_default_threads")
def test_set_number_is_limited_to_the_processors():
    lrncore.set_num_threads(10**6)
    assert lrncore.get_num_threads() == _threads.usable_processors()


@pytest.mark.usefixtures("_default_threads")
def test_none_goes_back():
    before = lrncore.get_num_threads()
    lrncore.set_num_threads(1)
    lrncore.set_num_threads(None)
    assert lrncore.get_num_threads() == before


@pytest.mark.usefixtures("_default_threads")
def test_failed_set_changes_nothing():
    lrncore.set_num_threads(1)
    with pytest.raises(ValueError, match="n must be an int >= 1, got 0"):
        lrncore.set_num_threads(0)
    assert lrncore.get_num_threads() == 1


@pytest.mark.usefixtures("_default_threads")
def test_openmp_keeps_its_own_setting():
    before = _platform.max_threads()
    lrncore.set_num_threads(1)
    lrncore.lrn(cases.normal((40, 5000)), SPECS[0], num_threads=3)
    assert _platform.max_threads() == before


def test_argument_wins_over_the_default():
    assert _threads.resolve(7, 10) == 7


def test_small_array_takes_one_thread():
    assert _threads.resolve(None, 131071) == 1


@pytest.mark.parametrize(
    ("threads", "smallest"), [(2, 131072), (4, 89430), (16, 81374), (64, 114949), (128, 163582)]
)
def test_smallest_array_that_is_worth_a_team(threads, smallest):
    assert _threads.worth_a_team(threads, smallest)
    assert not _threads.worth_a_team(threads, smallest - 1)
    assert not _threads.worth_a_team(1, 10**12)


def test_number_between_one_and_all_is_never_taken(monkeypatch):
    monkeypatch.setattr(_threads, "get_num_threads", lambda: 16)
    assert {_threads.resolve(None, elements) for elements in range(1, 2**22, 1000)} == {1, 16}


@pytest.mark.usefixtures("_default_threads")
def test_set_number_is_taken_whatever_runs(monkeypatch):
    monkeypatch.setattr(_threads, "usable_processors", lambda: 3)
    monkeypatch.setattr(_threads, "_kinds", {})
    lrncore.set_num_threads(3)
    taken = [_threads.run(lambda threads, _: threads, (), 0, (2, 2), 10**6, None) for _ in range(20)]
    assert taken == [3] * 20
    assert not _threads._kinds


def test_large_array_takes_all_threads():
    assert _threads.resolve(None, 10**12) == lrncore.get_num_threads()


THREADS = "import lrncore; print(lrncore.get_num_threads())"


@needs_openmp
@pytest.mark.parametrize("allowed", [1, 2, 3])
def test_omp_num_threads(allowed, python):
    assert int(python(THREADS, OMP_NUM_THREADS=str(allowed))) == min(allowed, _threads.usable_processors())


@needs_openmp
def test_threadpoolctl(python):
    program = """
import lrncore, threadpoolctl
before = lrncore.get_num_threads()
with threadpoolctl.threadpool_limits(1, user_api="openmp"):
    print(lrncore.get_num_threads())
print(lrncore.get_num_threads() == before)
"""
    assert python(program).split() == ["1", "True"]


@needs_affinity
def test_affinity(python):
    program = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import lrncore
print(lrncore.get_num_threads())
"""
    assert python(program) == "1"


@needs_affinity
def test_affinity_set_after_the_import(python):
    program = """
import os, lrncore
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
print(lrncore.get_num_threads())
"""
    assert python(program) == "1"


# ---- Python threads ---------------------------------------------------------------------------------------


def test_many_python_threads_at_once():
    arrays = [cases.normal((5, 24, 300 + i), seed=i) for i in range(16)]
    serial = [lrncore.lrn(x, SPECS[0], num_threads=1) for x in arrays]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda i: lrncore.lrn(arrays[i % 16], SPECS[0], num_threads=1 + i % 3), range(160)))
    assert all(np.array_equal(y, serial[i % 16]) for i, y in enumerate(results))


def test_many_python_threads_share_an_input():
    x = cases.normal((5, 24, 300))
    g = cases.normal(x.shape, seed=1)
    serial = lrncore.lrn_backward(g, x, SPECS[0], num_threads=1)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: lrncore.lrn_backward(g, x, SPECS[0], num_threads=2), range(64)))
    assert all(np.array_equal(dx, serial) for dx in results)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_gil_is_released(direction):
    """With no forced switches, this thread goes on only when the other one gives up the lock, within a call."""
    x = cases.normal((20, 40, 1000))
    out = np.empty_like(x)
    enough = 2000
    calls = 0
    stop = False

    def call_until_stopped():
        nonlocal calls
        while calls < enough and not stop:
            calls += 1
            if direction == "forward":
                lrncore.lrn(x, SPECS[0], out=out, num_threads=1)
            else:
                lrncore.lrn_backward(x, x, SPECS[0], out=out, num_threads=1)

    other = threading.Thread(target=call_until_stopped)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        other.start()
        stop = True
        other.join()
    finally:
        sys.setswitchinterval(interval)
    assert calls < enough
