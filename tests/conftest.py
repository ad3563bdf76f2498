"""Fixtures: every instruction set of this machine, and other Python processes."""

import os

# Before lrncore is loaded: threads that wait should sleep. Where other programs take the processors, threads that
# spin keep them from the ones that work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import interpreters
import pytest
from hypothesis import HealthCheck, settings

from lrncore import _checks, _divisive_call, _norm_call, kernels
from lrncore.commands import _signals, main

# The same examples in every run, however slow the machine; a fixture keeps its instruction set for all of them.
settings.register_profile(
    "lrncore",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("lrncore")


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc):
    """Run what takes `isa` on each instruction set, one right after the other: oracles remember the last cases."""
    given = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "isa" in metafunc.fixturenames and "isa" not in given:
        metafunc.parametrize("isa", kernels.available(), indirect=True)


@pytest.fixture
def isa(request, monkeypatch):
    """Let the public functions run on an instruction set."""
    found = kernels.load(request.param)
    monkeypatch.setattr(_checks, "KERNELS", found)
    monkeypatch.setattr(_checks, "ELEMENTS", {})
    monkeypatch.setattr(_norm_call, "KERNELS", kernels.load_norms(request.param))
    monkeypatch.setattr(_divisive_call, "KERNELS", kernels.load_divisive(request.param))
    return request.param


def key(parameters):
    return tuple(sorted(parameters.items()))


BEGUN = pytest.StashKey[dict]()


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session):
    """Start what tests that take `begun` wait for, on the processors that the other tests leave."""
    waiting = [item for item in session.items if "begun" in item.fixturenames]
    with ThreadPoolExecutor(max(1, os.cpu_count() - 1)) as pool:
        session.stash[BEGUN] = begun = {}
        for item in waiting if not session.config.option.collectonly else ():
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            begun[item.path, key(parameters)] = pool.submit(item.module.start, **parameters)
        try:
            return (yield)
        finally:
            pool.shutdown(cancel_futures=True)


@pytest.fixture
def begun(request):
    """Return what ``start(**parameters)`` of the module returns, or raise what it raises; begun with the session.

    The parameters are those of the test.
    """

    def result(**parameters):
        future = request.session.stash[BEGUN][request.path, key(parameters)]
        # where nobody has come to it yet, it is done here
        return request.module.start(**parameters) if future.cancel() else future.result()

    return result


@pytest.fixture
def python():
    """Run a program in another Python, and return what it printed."""
    return interpreters.run


@pytest.fixture
def command():
    """Start `lrncore` with some words; `before` is run in that Python first. Without `wait`, return the process."""

    def start(*words, before="", wait=True, **options):
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-c",
                f"{before}\nimport sys; from lrncore.commands import main; sys.exit(main())",
            ]
            + [str(word) for word in words],
            env=interpreters.clean_environment(),
            text=True,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
        )
        if not wait:
            return process
        with process:
            printed, said = process.communicate(timeout=120)
        return Ended(process.returncode, printed, said)

    return start


@pytest.fixture
def command_here(capsys):
    """Run `lrncore` with some words in this process, which is faster."""

    def run(*words):
        handlers = {number: signal.getsignal(number) for number in _signals.NUMBERS}
        try:
            status = main([str(word) for word in words])
        except SystemExit as ending:
            status = ending.code
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return Ended(status, *capsys.readouterr())

    return run


class Ended(NamedTuple):
    """What became of a command."""

    status: int
    printed: str
    said: str
