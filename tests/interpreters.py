"""Other Python processes, which find this lrncore and have nothing set for it."""

import os
import subprocess
import sys
from pathlib import Path

import lrncore


def clean_environment():
    """Return an environment where this lrncore is found and nothing is set for it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LRN", "OMP"))}
    return inherited | {"PYTHONPATH": str(Path(lrncore.__file__).parents[1])}


def run(program, *arguments, timeout=120, **environment):
    """Run a program, and return what it printed."""
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
