"""examples/heeger.py: it runs, and strong places come closer to faint ones."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lrncore

EXAMPLE = Path(__file__).parents[1] / "examples" / "heeger.py"
pytest.importorskip("matplotlib", reason="for the figure: .venv/bin/pip install --group demo")


def test_it_normalizes_a_photograph(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(lrncore.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    before, after = map(float, re.search(r"strong / faint, squares +(\S+) +(\S+)", done.stdout).groups())
    assert after < before / 5
    assert (tmp_path / "heeger.png").stat().st_size > 10_000
