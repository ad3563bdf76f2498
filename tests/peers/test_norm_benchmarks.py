"""`make bench-peers` measures every norm beside PyTorch, and both mean the same."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from comparison import peer

torch = peer("torch", "torch")

import lrncore.torch  # noqa: E402  (after the skip)

FOLDER = Path(__file__).parents[2] / "asv_bench"


@pytest.fixture
def norms(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("peers.norms")


def test_both_are_given_the_same(norms):
    for case in norms.plan(quick=True):
        problem = norms.Problem(case)
        norms.own(problem)[norms.FORWARD]()
        for functions in (torch.nn.functional, lrncore.torch):
            y = norms.within_torch(problem, functions)[norms.FORWARD]()
            y = y.permute(0, 2, 3, 1) if problem.packed else y
            assert np.allclose(y, problem.out, rtol=1e-4, atol=1e-5), case
        if found := norms.within_onednn(problem):
            assert np.allclose(found[norms.FORWARD]().to_dense(), problem.out, rtol=1e-4, atol=1e-5), case


def test_every_case_has_a_row(norms, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["norms", "--quick", "--json", str(tmp_path / "rows.json")])
    monkeypatch.setenv("LRNCORE_PEERS_NORMS", "1")
    threads = torch.get_num_threads()
    try:
        norms.main()
    finally:
        torch.set_num_threads(threads)
        lrncore.set_num_threads(None)
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert len(rows) == 2 * len(norms.plan(quick=True))
    assert all(row[name] > 0 for row in rows for name in (norms.OWN, norms.TWIN, norms.TORCH))
