"""Fixtures: every instruction set of this machine, and other Python processes."""

import os

# Before lrncore is loaded: threads that wait should sleep. Where other programs take the processors, threads that
# spin keep them from the ones that work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings

import lrncore
from lrncore import _checks, kernels
from lrncore.commands import main

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
    monkeypatch.setattr(_checks, "ELEMENTS", _checks.elements(found))
    return request.param


def clean_environment():
    """Return an environment where this lrncore is found and nothing is set for it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LRN", "OMP"))}
    return inherited | {"PYTHONPATH": str(Path(lrncore.__file__).parents[1])}


@pytest.fixture(scope="module")
def ahead(request):
    """Start what each selected test of a module waits for, as many at a time as there are processors.

    The module has `start(**parameters)`; ``ahead(**parameters)`` returns what it does, or raises it.
    """
    calls = [item.callspec.params for item in request.session.items if item.path == request.path]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        started = {tuple(sorted(call.items())): pool.submit(request.module.start, **call) for call in calls}
        yield lambda **call: started[tuple(sorted(call.items()))].result()
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def python():
    """Run a program in another Python, and return what it printed."""

    def run(program, *arguments, timeout=120, **environment):
        done = subprocess.run(
            [sys.executable, "-P", "-c", program, *arguments],
            env=clean_environment() | environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


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
            env=clean_environment(),
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
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
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
