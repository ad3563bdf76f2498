"""What `make fuzz` says of times, told invented ones: slow calls are found, and noise and few elements are not."""

import math
from dataclasses import replace

import pytest
from fuzz.calls import Call, LRNSpec, Operand, Placement, View
from fuzz.slow import ENOUGH, FACTOR, Kind, Times, kind_of, seconds_of

SPEC = LRNSpec(2, 2, 1.0, 0.75, 1.0)
EMPTY = 1e-5
RATE = 2e-9


def call(*shape, spec=SPEC, axis=-1, threads=1, **more):
    return Call("lrn", "float32", shape, axis, spec, threads=threads, **more)


def usual(shape):
    return EMPTY + RATE * math.prod(shape)


@pytest.fixture
def times():
    """Return the times of enough ordinary calls."""
    times = Times({"lrn": EMPTY})
    for rows in range(ENOUGH):
        times.add(call(50 + rows, 16), usual((50 + rows, 16)))
    return times


def never(_):
    raise AssertionError("nothing is repeated here")


def test_ordinary_times_are_not_even_repeated(times):
    for rows in range(1, 100):
        times.add(call(rows, 16), 10 * usual((rows, 16)))
    assert times.slow(never) == []


@pytest.mark.parametrize("shape", [(1, 1), (2, 16), (100, 16), (100_000, 16)])
def test_a_slow_call_is_found_and_nothing_else(times, shape):
    for factor, found in (0.9, []), (1.1, [call(*shape)]):
        times.add(call(*shape), factor * FACTOR * usual(shape))
        assert [slow.call for slow in times.slow(lambda _, factor=factor: factor * FACTOR * usual(shape))] == found


def test_few_elements_may_take_what_a_call_takes(times):
    times.add(call(1, 3), 20 * EMPTY)  # a thousand times the median for an element
    assert times.slow(never) == []


def test_a_call_that_is_slow_once_was_the_machine(times):
    times.add(call(100, 16), 1.0)
    assert times.slow(lambda _: usual((100, 16))) == []


def test_the_next_slowest_call_is_repeated_too(times):
    machine, slow = call(100, 16), call(200, 16)
    times.add(machine, 9.0)
    times.add(slow, 1.0)
    repeated = {machine: usual(machine.shape), slow: 0.5}
    (found,) = times.slow(repeated.get)
    assert (found.call, found.seconds) == (slow, 0.5)


def test_kinds_with_few_calls_have_no_median():
    times = Times({"lrn": EMPTY})
    for _ in range(ENOUGH - 1):
        times.add(call(100, 16), usual((100, 16)))
    times.add(call(1, 3), 1.0)  # which tells nothing about elements
    assert times.slow(never) == []
    times.add(call(100, 16), usual((100, 16)))
    assert [slow.call for slow in times.slow(lambda _: 1.0)] == [call(1, 3)]


def test_a_kind_with_few_calls_has_the_median_of_a_wider_one(times):
    slow = replace(call(100, 16), dtype="float64")
    times.add(slow, 1.0)
    assert [found.call for found in times.slow(lambda _: 1.0)] == [slow]


def test_empty_calls_have_no_time_for_an_element(times):
    times.add(call(0, 16), 1.0)
    assert times.slow(never) == []


def test_other_kinds_have_medians_of_their_own(times):
    for rows in range(ENOUGH):
        times.add(call(16, 70 + rows, axis=0), 100 * usual((16, 70 + rows)))
    assert times.slow(never) == []


def test_the_worst_is_said_first(times):
    slow = call(100, 16), call(16, 100, axis=0)
    for rows in range(ENOUGH):
        times.add(call(16, 70 + rows, axis=0), usual((16, 70 + rows)))
    for number, each in enumerate(slow):
        times.add(each, 1.0 + number)
    assert [each.call for each in times.slow(lambda each: 1.0 + slow.index(each))] == [*reversed(slow)]


@pytest.mark.parametrize(
    ("made", "layout", "window"),
    [
        (call(9, 40), "packed", "short window"),
        (call(9, 40, spec=LRNSpec(10**30, 10**30, 1.0, 0.75, 1.0)), "packed", "long window"),
        (call(9, 200, spec=LRNSpec(10**30, 10**30, 1.0, 0.75, 1.0)), "packed", "whole window"),
        (call(9, 200, spec=LRNSpec(10**30, 0, 1.0, 0.75, 1.0)), "packed", "longer window"),
        (call(9, 40, 7, axis=1), "short inner", "short window"),
        (call(9, 40, 7, 10, axis=-3), "planar", "short window"),
        (
            call(9, 40, 99, axis=1, x=Operand(where=Placement((0, 2, 1), (0, 0, 0), (False,) * 3, 0, False))),
            "packed",
            "short window",
        ),
        (call(9, 40, 99, axis=1, x=Operand(repeated=(2,))), "packed", "short window"),
        (call(99, 40, 7, axis=1, x=Operand(sliding=True)), "short inner", "short window"),
        (call(2, 3, 20, 30, axis=(2, 3)), "packed", "short box"),
        (call(2, 20, 30, 3, axis=(-2, 1)), "short inner", "short box"),
        (call(9, 40, 99, axis=(0, 1), spec=LRNSpec(70, 70, 1.0, 0.75, 1.0)), "planar", "long box"),
        (call(9, 200, axis=(0, 1), spec=LRNSpec(10**30, 10**30, 1.0, 0.75, 1.0)), "packed", "longer box"),
        (call(9, 200, axis=(1,), spec=LRNSpec(10**30, 10**30, 1.0, 0.75, 1.0)), "packed", "whole window"),
        (call(9, 200, axis=()), "packed", "short window"),
    ],
)
def test_kind_of_a_call(made, layout, window):
    assert kind_of(made) == Kind("lrn", "float32", layout, window)


def test_what_is_said_repeats_the_call(times, capsys):
    slow = call(100, 16, out=View("x"), threads=2)
    times.add(slow, 1.0)
    (found,) = times.slow(lambda _: 0.5)
    first, command, *program, end = str(found).splitlines()
    assert first.startswith(
        f"{0.5 / usual((100, 16)):.0f} times as long as the median of `lrn float32 packed short"
    )
    assert first.endswith("500000 us for 1600 elements")
    assert command.startswith("PYTHONPATH=tests LRNCORE_ISA=")
    assert end == "end"
    exec("\n".join(program), {})  # noqa: S102  (it is our own)
    assert float(capsys.readouterr().out) > 0


def test_a_call_is_repeated_on_new_arrays(monkeypatch):
    seen = []
    monkeypatch.setattr(Call, "make", lambda _, arrays: seen.append(arrays["x"].copy()))
    assert seconds_of(call(4, 3, out=View("x"))) >= 0
    assert len(seen) == 5
    assert all((each == seen[0]).all() for each in seen)
