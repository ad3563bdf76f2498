"""Forks and other ways to a second process: a child must compute, not wait for threads that it does not have."""

import os

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

# The parent has used its pool of threads before it forks. A child that hangs is ended by its alarm.
FORK = """
import os, signal, warnings
import numpy as np
import lrncore

warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads is the point
x = np.random.default_rng(0).standard_normal((40, 48, 20, 25)).astype(np.float32)
spec = lrncore.LRNSpec.torch(5, 1.0)
parent = lrncore.lrn(x, spec, num_threads=2)

def child():
    signal.alarm(60)
    first = lrncore.lrn(x, spec, num_threads=2)
    second = lrncore.lrn(x, spec)
    lrncore.lrn_backward(x, x, spec, num_threads=2)
    return np.array_equal(first, parent) and np.array_equal(second, parent)
"""

OS_FORK = (
    FORK
    + """
pid = os.fork()
if not pid:
    os._exit(0 if child() else 3)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(np.array_equal(lrncore.lrn(x, spec, num_threads=2), parent))
"""
)


@needs_fork
def test_fork_after_the_parent_used_its_threads(python):
    assert python(OS_FORK).split() == ["0", "True"]


@needs_fork
def test_child_of_a_fork_has_one_thread(python):
    program = (
        FORK
        + """
if not os.fork():
    print(lrncore.get_num_threads(), flush=True)
    os._exit(0)
os.wait()
"""
    )
    assert python(program) == "1"


@needs_fork
def test_child_of_a_child(python):
    program = (
        FORK
        + """
pid = os.fork()
if not pid:
    pid = os.fork()
    if not pid:
        os._exit(0 if child() else 3)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    )
    assert python(program) == "0"


@needs_fork
def test_fork_while_another_thread_computes(python):
    program = (
        FORK
        + """
import threading
stop = threading.Event()
def busy():
    while not stop.is_set():
        lrncore.lrn(x, spec, num_threads=2)
thread = threading.Thread(target=busy)
thread.start()
codes = []
for _ in range(5):
    pid = os.fork()
    if not pid:
        os._exit(0 if child() else 3)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
stop.set()
thread.join()
print(codes)
"""
    )
    assert python(program) == "[0, 0, 0, 0, 0]"


MULTIPROCESSING = """
import multiprocessing, signal, sys, warnings
import numpy as np
import lrncore

warnings.simplefilter("ignore", DeprecationWarning)

def compute(seed):
    signal.alarm(60)
    x = np.random.default_rng(seed).standard_normal((40, 48, 200)).astype(np.float32)
    y = lrncore.lrn(x, lrncore.LRNSpec.torch(5, 1.0), num_threads=2)
    return y.tobytes()

if __name__ == "__main__":
    expected = [compute(seed) for seed in range(4)]
    signal.alarm(100)
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        print(pool.map(compute, range(4)) == expected)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no alarms")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method, python, tmp_path):
    script = tmp_path / "pool.py"
    script.write_text(MULTIPROCESSING)
    program = "import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
    if method != "fork":
        # these start a new Python, which imports the main module by its path
        program = "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]], check=True)"
    assert python(program, str(script), method) == "True"
