"""Ctrl-C in the midst of a call: KeyboardInterrupt when it returns, and a whole result or none."""

import signal

import pytest

needs_signals = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers that signal")

LONG_CALL = """
import os, signal, sys, threading, time
import numpy as np
import lrncore

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background inherits as ignored
direction, where, threads = sys.argv[1:]
random = np.random.default_rng(0)
shape = 24, 96, 55, 55
memory = random.standard_normal(24 * 96 * 55 * 55 + 5, np.float32)
x = memory[:-5].reshape(shape)
g = random.standard_normal(shape, np.float32)
out = {"out": np.empty_like(x), "in_place": x, "overlapping": memory[5:].reshape(shape)}[where]
spec = lrncore.LRNSpec(20, 30, 0.1, 0.6, 1.0)

def call(out):
    if direction == "forward":
        return lrncore.lrn(x, spec, out=out, num_threads=int(threads))
    return lrncore.lrn_backward(g, x, spec, out=out, num_threads=int(threads))

expected = call(None)
"""

# The signal is sent by another thread after the call has written its first element and before it writes its last.
# Where that thread comes too late, it tries again.
IN_THE_MIDST = (
    LONG_CALL
    + """
in_the_midst = False

def interrupt():
    global in_the_midst
    while np.isnan(out.flat[0]):
        time.sleep(0)
    os.kill(os.getpid(), signal.SIGINT)
    in_the_midst = bool(np.isnan(out.flat[-1]))

for _ in range(50):
    out.fill(np.nan)
    other = threading.Thread(target=interrupt)
    try:
        other.start()
        call(out)
        other.join()
    except KeyboardInterrupt:
        other.join()
    else:
        sys.exit("the signal was lost")
    if in_the_midst:
        break
print(in_the_midst, np.array_equal(out, expected))
"""
)


@needs_signals
@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_interrupted_call_leaves_a_whole_result(direction, threads, python):
    assert python(IN_THE_MIDST, direction, "out", threads) == "True True"


# A timer interrupts at other moments of a call, one after the other.
AT_ANY_MOMENT = (
    LONG_CALL
    + """
signal.signal(signal.SIGALRM, signal.default_int_handler)
before = memory.copy()
duration = time.perf_counter()
call(None)
duration = time.perf_counter() - duration
interrupted, unharmed = False, True
for part in np.linspace(0.01, 1.1, 12):
    memory[...] = before
    try:
        signal.setitimer(signal.ITIMER_REAL, part * duration)
        call(out)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interrupted = True
    unharmed &= np.array_equal(out, expected) or np.array_equal(memory, before)
print(interrupted, unharmed)
"""
)


@needs_signals
@pytest.mark.parametrize("where", ["in_place", "overlapping"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_interrupted_call_over_its_input_is_done_or_not(direction, where, python):
    assert python(AT_ANY_MOMENT, direction, where, "1") == "True True"
