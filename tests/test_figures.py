"""Every picture of the documents is drawn by its script, from its data and from a short measurement."""

import importlib
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "docs" / "figures"
NAMES = sorted(path.stem for path in SCRIPTS.glob("[a-z]*.py") if (ROOT / "docs" / f"{path.stem}.svg").exists())
#: What a page may take to load, in bytes
LARGEST = 200_000

pytestmark = pytest.mark.usefixtures("style")
pytest.importorskip("matplotlib", reason="for the pictures: .venv/bin/pip install --group demo")


@pytest.fixture
def style(monkeypatch, tmp_path):
    """Let the scripts find each other, and write to a folder of the test."""
    monkeypatch.setattr(sys, "path", [str(SCRIPTS), str(ROOT / "asv_bench"), *sys.path])
    style = importlib.import_module("_style")
    monkeypatch.setattr(style, "PICTURES", tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_script_draws_its_picture(name, tmp_path, monkeypatch):
    if name == "responses":
        pytest.importorskip("skimage", reason="for its photograph: .venv/bin/pip install --group demo")
    monkeypatch.setattr(sys, "argv", [name])
    runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
    (drawn,) = tmp_path.iterdir()
    assert drawn.name == f"{name}.svg"
    assert drawn.read_text().endswith("</svg>\n")
    assert drawn.stat().st_size < LARGEST
    assert (ROOT / "docs" / drawn.name).stat().st_size < LARGEST


def test_times_are_measured(tmp_path):
    times = importlib.import_module("times")
    sweeps = {name: {2: times.Case("planar", (1, 16, 7, 7), 0.75)} for name in times.SWEEPS}
    data = times.measured(["lrncore", "numpy"], sweeps, seconds=0.01)
    assert [set(row["copies"]) for row in data["rows"]] == [{"lrncore", "numpy"}] * len(sweeps)
    times.draw(data)
    assert (tmp_path / "times.svg").exists()


def test_errors_are_measured(tmp_path):
    accuracy = importlib.import_module("accuracy")
    data = accuracy.measured(["lrncore", "numpy"], (1, 16, 7, 7))
    assert all(sum(row["counts"]) == 16 * 7 * 7 for row in data["rows"])
    assert all(0 < row["mean"] < row["max"] < 6 for row in data["rows"])
    accuracy.draw(data)
    assert (tmp_path / "accuracy.svg").exists()


def test_threads_are_measured(tmp_path):
    threads = importlib.import_module("threads")
    data = threads.measured((4, 8), rounds=1)
    assert [row["elements"] for row in data["rows"]] == [1536, 1536, 6144, 6144]
    threads.draw(data)
    assert (tmp_path / "threads.svg").exists()


def test_scaling_is_measured(tmp_path, monkeypatch):
    scaling = importlib.import_module("scaling")
    monkeypatch.setenv("ONEDNN", "")
    data = scaling.measured([1, 2], ["--quick", "--seconds", "0.01"])
    assert [row["threads"] for row in data["rows"]] == [1] * 6 + [2] * 6
    lines = list(scaling.tables(data))
    assert lines[0].endswith(" | 1 thread, copies | oneDNN | in blocks | 2 threads, ms | oneDNN | in blocks |")
    assert [line.count("|") for line in lines] == [*[8] * 6, 0, *[4] * 4]
    scaling.draw(data)
    assert (tmp_path / "scaling.svg").exists()


def test_errors_at_large_means_are_measured(tmp_path):
    means = importlib.import_module("large_means")
    data = means.measured((2, 8, 4, 4))
    own = [row for row in data["rows"] if row["peer"] == "lrncore"]
    assert len(own) == len(means.NORMS) * len(means.LAYOUTS)
    assert all(max(row["errors"]) < 5e-7 for row in own)
    means.draw(data)
    assert (tmp_path / "large_means.svg").exists()
