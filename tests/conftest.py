"""Fixtures: every instruction set of this machine, and other Python processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import lrncore
from lrncore import _checks, kernels

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


@pytest.fixture(params=kernels.available())
def isa(request, monkeypatch):
    """Let the public functions run on each instruction set in turn."""
    found = kernels.load(request.param)
    monkeypatch.setattr(_checks, "KERNELS", found)
    monkeypatch.setattr(_checks, "ELEMENTS", _checks.elements(found))
    return request.param


@pytest.fixture
def python():
    """Run a program in another Python, and return what it printed."""

    def run(program, *arguments, timeout=120, **environment):
        place = str(Path(lrncore.__file__).parents[1])
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LRN", "OMP"))}
        done = subprocess.run(
            [sys.executable, "-P", "-c", program, *arguments],
            env=inherited | {"PYTHONPATH": place} | environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
