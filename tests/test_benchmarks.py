"""Every benchmark runs: with the first value of each of its parameters, and with the last.

asv is not needed. Every batch is cut to one image, except in the process that `memory` starts for itself, and
nothing is measured for long.
"""

import importlib
import inspect
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "asv_bench" / "benchmarks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in {"__init__", "cases"})
PREFIXES = ("time_", "timeraw_", "track_", "mem_", "peakmem_")


def load(name):
    """Import a file of the suite as asv does, as a module of the package `benchmarks`."""
    sys.path.insert(0, str(FOLDER.parent))
    try:
        return importlib.import_module(f"benchmarks.{name}")
    finally:
        sys.path.remove(str(FOLDER.parent))


def benchmarks(name):
    """Return the classes of a file with the names of their benchmarks."""
    classes = {key: value for key, value in vars(load(name)).items() if inspect.isclass(value) and key[0] != "_"}
    return [(owner, method) for owner in classes.values() for method in dir(owner) if method.startswith(PREFIXES)]


def runs():
    for name in NAMES:
        for owner, method in benchmarks(name):
            axes = getattr(owner, "params", ())
            for params in dict.fromkeys([tuple(axis[0] for axis in axes), tuple(axis[-1] for axis in axes)]):
                label = "-".join([f"{name}.{owner.__name__}.{method}", *map(str, params)])
                yield pytest.param(owner, method, params, id=label)


@pytest.fixture
def short(monkeypatch):
    cases = load("cases")
    whole = cases.normal
    monkeypatch.setattr(cases, "normal", lambda shape, dtype, seed: whole((1, *shape[1:]), dtype, seed))
    monkeypatch.setattr(load("bandwidth"), "SECONDS", 0)
    # a process that a benchmark starts imports what this one does
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    cases.arrays.cache_clear()
    yield
    cases.arrays.cache_clear()


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(("owner", "method", "params"), list(runs()))
def test_runs(owner, method, params):
    benchmark = owner()
    try:
        getattr(benchmark, "setup", lambda *_: None)(*params)
    except NotImplementedError as reason:
        pytest.skip(str(reason))
    try:
        result = getattr(benchmark, method)(*params)
    finally:
        getattr(benchmark, "teardown", lambda *_: None)(*params)
    if method.startswith("track_"):
        assert math.isfinite(result)
    elif method.startswith("timeraw_"):
        statement, setup = (result, "") if isinstance(result, str) else result
        subprocess.run([sys.executable, "-c", f"{setup}\n{statement}"], check=True)


# asv runs today's benchmarks on commits from before what some of them call; it shows n/a for NotImplementedError.
@pytest.mark.parametrize(
    ("name", "missing"),
    [("derivatives", "this commit has no derivatives"), ("forward", "this commit has no float16")],
)
def test_older_commit_is_not_a_failure(name, missing, monkeypatch, short):  # noqa: ARG001
    def refuse(x, spec, axis=1):  # noqa: ARG001
        raise TypeError(x.dtype.name)

    cases = load("cases")
    monkeypatch.delattr(cases.lrncore, "lrn_jvp")
    monkeypatch.setattr(cases.lrncore, "lrn", refuse)
    with pytest.raises(NotImplementedError, match=missing):
        load(name).Dtypes().setup("float16", "planar", 1)
    if name == "forward":
        with pytest.raises(NotImplementedError, match="no windows along several axes"):
            load(name).Boxes().setup(3, "planar", 1)


@pytest.mark.parametrize("name", NAMES)
def test_file_has_a_benchmark(name):
    assert benchmarks(name)


@pytest.mark.parametrize("name", NAMES)
def test_benchmarks_are_methods(name):
    assert not [key for key in vars(load(name)) if key.startswith(PREFIXES)]


@pytest.mark.parametrize("name", NAMES)
def test_parameters_have_names(name):
    for owner, _ in benchmarks(name):
        assert len(getattr(owner, "params", ())) == len(getattr(owner, "param_names", ()))
