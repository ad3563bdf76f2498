"""The measurement beside peers prints every row, and one for a peer that is missing, fails, dies or hangs."""

import importlib
import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from interpreters import environment

import lrncore

FOLDER = Path(__file__).parents[1] / "asv_bench"
FAKES = {
    # what the import system takes for a module that is not there
    "sitecustomize": "import sys; sys.modules['openvino'] = None",
    "tensorflow": "raise RuntimeError('one\\ntwo')",
    "numba": "import os; os.kill(os.getpid(), 9)",
    "jax": "import time; time.sleep(60)",
}
ROW = re.compile(r" (?P<label>\S.{19})(?P<figures>(?: +[\d.infa]+){4})(?:   (?P<notes>\S.*))?")


def run(folder, *arguments, **variables):
    """Run the script on small maps, with the fake libraries in `folder`."""
    for name, source in FAKES.items():
        (folder / f"{name}.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "peers", "--quick", "--no-figure", "--maps", "16", "7", "7", *arguments],
        cwd=FOLDER,
        env={**environment(), "ONEDNN": "", "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]), **variables},
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(tmp_path_factory.mktemp("fakes"), "--peers", "numpy", "openvino", "tensorflow", "numba", "onednn")


@pytest.fixture(scope="module")
def rows(finished):
    return [match for line in finished.stdout.splitlines() if (match := ROW.fullmatch(line))]


@pytest.mark.parametrize("label", ["lrncore", "NumPy, slices"])
def test_every_case_and_pass_has_a_row(rows, label):
    assert [row["label"].strip() for row in rows].count(label) == 4 * 2


def test_figures_are_finite(rows):
    for row in rows:
        assert all(math.isfinite(float(figure)) and float(figure) >= 0 for figure in row["figures"].split())
        assert float(row["figures"].split()[2]) > 0


def test_results_agree(rows):
    assert not [row["notes"] for row in rows if row["notes"]]


def test_table_fits(finished):
    assert max(map(len, finished.stdout.splitlines())) == 100


def test_steps_are_lines_outside_a_terminal(finished):
    assert finished.stderr.startswith(" 1/16 lrncore: planar 1x16x7x7, beta 0.75\n 2/16 ")
    assert "\r" not in finished.stderr


@pytest.mark.parametrize(
    "line",
    [
        "OpenVINO            not installed: pip install openvino",
        "TensorFlow          failed: RuntimeError: one two",
        "numba               failed: ended by SIGKILL",
        "oneDNN              not given: make bench-peers ONEDNN=prefix",
    ],
)
def test_trouble_is_a_row(finished, line):
    assert f" {line}" in finished.stdout.splitlines()


def test_prefix_without_onednn_is_said(tmp_path):
    found = run(tmp_path, "--peers", "onednn", ONEDNN=str(tmp_path)).stdout
    assert (
        found.count(f" oneDNN              failed: FileNotFoundError: no lib/libdnnl.so or .a in {tmp_path}"[:99])
        == 4
    )


def test_scaling_has_a_row_for_each_number_of_threads(tmp_path):
    path = tmp_path / "rows.json"
    command = ["-m", "peers.scaling", "--quick", "--seconds", "0.01", "--threads", "1", "2", "--json", str(path)]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=FOLDER,
        env={**os.environ, "ONEDNN": "", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = json.loads(path.read_text())["rows"]
    assert [row["threads"] for row in rows] == [1] * 6 + [2] * 6
    assert all(row[name] > 0 for row in rows for name in ("copy", "lrncore", "default"))
    assert done.stdout.count("planar 1x16x7x7, backward") == 2


def test_wrong_result_is_said(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    plan, measure = (importlib.import_module(f"peers.{name}") for name in ("plan", "measure"))
    problem = plan.Problem(plan.Plan(maps=(16, 7, 7)).cases()[0], 1)
    narrow = lrncore.lrn(problem.x, replace(problem.spec, before=1))
    assert measure.differences(lrncore.lrn(problem.x, problem.spec), problem) == []
    assert re.fullmatch(r"y differs by \de-0\d", *measure.differences(narrow, problem))
    assert measure.differences(narrow * np.nan, problem) == ["y differs by nan"]


def start():
    with TemporaryDirectory() as folder:
        return run(Path(folder), "--peers", "jax", "--timeout", "2").stdout


def test_hanging_peer_is_stopped(begun):
    assert begun().count(" JAX, jit            failed: no result within 2 s\n") == 4


def test_norms_without_torch_are_not_measured(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['torch'] = None")
    done = subprocess.run(
        [sys.executable, "-m", "peers.norms", "--quick"],
        cwd=FOLDER,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("the norms beside others: not measured, ")


def test_norms_are_called_for_every_case(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    norms = importlib.import_module("peers.norms")
    for case in norms.plan(quick=True):
        for call in norms.own(norms.Problem(case)).values():
            call()
