"""Other Python processes, which find this lrncore and have nothing set for it."""

import os
import subprocess
import sys
from pathlib import Path

import lrncore


def environment():
    """Return a copy of the environment, while pytest's own thread writes and removes the name of its test there."""
    return {name: os.environ.get(name, "") for name in os.environ if name != "PYTEST_CURRENT_TEST"}


def clean_environment():
    """Return an environment where this lrncore is found and nothing is set for it."""
    inherited = {name: value for name, value in environment().items() if not name.startswith(("LRN", "OMP"))}
    return inherited | {"PYTHONPATH": str(Path(lrncore.__file__).parents[1])}


def run(program, *arguments, timeout=120, **more):
    """Run a program, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *arguments],
        env=clean_environment() | more,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
