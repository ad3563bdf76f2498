"""What `make bench-peers ONEDNN=prefix` measures computes the same as lrncore."""

import importlib
import os
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "asv_bench"

pytestmark = pytest.mark.skipif(not os.environ.get("ONEDNN"), reason="no oneDNN: ONEDNN=prefix make test-peers")


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("onednn", "plan", "measure", "norms", "scaling", "with_onednn")
    return {name: importlib.import_module(f"peers.{name}") for name in names}


@pytest.mark.parametrize("layout", ["planar", "packed"])
@pytest.mark.parametrize("prepare", ["as_given", "blocked"])
def test_lrn_is_that_of_lrncore(peers, prepare, layout):
    shape = (2, 32, 7, 5) if layout == "planar" else (2, 7, 5, 32)
    problem = peers["plan"].Problem(peers["plan"].Case(layout, shape, 0.75), 1)
    calls = getattr(peers["with_onednn"], prepare)(problem)
    assert calls or (prepare, layout) == ("blocked", "packed")
    for call in calls.values():
        assert peers["measure"].differences(call(), problem) == []


def test_backward_alone_is_that_of_both(peers):
    onednn, spec = peers["onednn"], peers["plan"].cases.ALEXNET
    x, g, y, one, other = (peers["scaling"].filled((1, 32, 6, 6), seed) for seed in range(5))
    for which, dx in ((onednn.BOTH, one), (onednn.BACKWARD, other)):
        onednn.lrn(which, spec, x.shape, onednn.PLANAR, x, g, y, dx)()
    assert np.array_equal(one, other)


def test_norms_are_those_of_lrncore(peers):
    norms = peers["norms"]
    for case in norms.plan(quick=True):
        problem = norms.Problem(case)
        norms.own(problem)[norms.FORWARD]()
        expected = problem.out.copy()
        for name, call in norms.of_onednn(problem).items():
            problem.out[...] = 0
            call()
            assert np.allclose(problem.out, expected, rtol=1e-4, atol=1e-5), (case, name)


def test_copy_copies(peers):
    x, y = (peers["scaling"].filled((1, 5, 7, 3), seed) for seed in range(2))
    peers["onednn"].copy(y, x)
    assert np.array_equal(x, y)
