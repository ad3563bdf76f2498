"""The kernels on arm64, under emulation: `make test-arm64`."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import arm64
import pytest


@pytest.mark.slow
@pytest.mark.skipif(
    sysconfig.get_platform().endswith("aarch64"), reason="this is an arm64 machine: the suite is enough"
)
def test_suite_passes_on_arm64():
    if arm64.missing():
        pytest.skip(f"make test-arm64 needs {arm64.missing()}")
    command = [sys.executable, arm64.__file__]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]


def test_files_that_run_there_exist():
    assert [name for name in arm64.FILES if not Path(__file__).with_name(name).exists()] == []
