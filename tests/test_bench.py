"""`lrncore bench` and `lrncore demo`: every row is there, the contenders agree, and the pictures are drawn."""

import json
import re

import numpy as np
import pytest

import lrncore
from lrncore.commands import bench
from lrncore.commands._numpy_lrn import Slices

PASSES = ["forward", "forward + backward"]


@pytest.fixture
def small(monkeypatch):
    cases = [case._replace(shape=tuple(min(length, 12) for length in case.shape)) for case in bench.CASES]
    monkeypatch.setattr(bench, "CASES", cases)
    return cases


def run(*words):
    arguments = lrncore.commands.parser().parse_args(["bench", "--seconds", "0.01", *words])
    arguments.run(arguments)


@pytest.mark.parametrize("case", bench.CASES, ids=str)
def test_contenders_compute_the_same(case):
    random = np.random.default_rng(0)
    x, g = (100 * random.standard_normal((1, *case.shape[1:]), np.float32) for _ in range(2))
    y, dx = Slices(x, case.spec, case.axis, np.empty_like(x), g).both()
    np.testing.assert_allclose(y, lrncore.lrn(x, case.spec, case.axis), rtol=2e-6)
    exact = lrncore.lrn_backward(g, x, case.spec, case.axis)
    np.testing.assert_allclose(dx, exact, atol=1e-5 * np.abs(exact).max())


def test_every_case_and_pass_has_a_line(small, capsys):
    run()
    *_, blank, text = capsys.readouterr().out.partition("\n\n")
    assert blank
    lines = text.splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert [re.sub(r" +forward +forward \+ backward$", "", head) for head in heads] == [str(case) for case in small]
    for line in set(lines) - set(heads):
        name = r"  (copy|lrncore, \d+ threads?|NumPy)"
        assert re.fullmatch(rf"{name} +( +\d+\.\d{{3}} \( *\d+\.\d\)){{2}}", line)
    assert max(map(len, heads)) <= 60


def test_json_has_the_seconds_of_each(small, capsys):
    run("--json")
    found = json.loads(capsys.readouterr().out)
    assert found["lrncore"] == lrncore.__version__
    assert [row["pass"] for row in found["rows"]] == PASSES * len(small)
    for row in found["rows"]:
        assert {"copy", "NumPy", "lrncore, 1 thread"} <= row["seconds"].keys()
        assert all(seconds > 0 for seconds in row["seconds"].values())


@pytest.mark.usefixtures("small")
@pytest.mark.filterwarnings("default")  # Matplotlib's own affair
def test_picture_is_drawn(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: `pip install matplotlib` runs this test")
    run("--plot", str(tmp_path / "bench.svg"))
    assert "forward + backward" in capsys.readouterr().out
    assert "<svg" in (tmp_path / "bench.svg").read_text()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("p.txt", "the name of a picture must end in one of "), ("no/p.svg", "No such file or directory")],
)
def test_picture_that_cannot_be_drawn_is_refused_first(name, reason, command, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: `pip install matplotlib` runs this test")
    done = command("bench", "--plot", name, cwd=tmp_path)
    assert (done.status, done.printed) == (2, "")
    assert done.said.startswith(f"lrncore bench: {name}: {reason}")


def test_demo_prints_its_table_and_draws_its_picture(command, tmp_path):
    for name in ("matplotlib", "skimage"):
        pytest.importorskip(
            name, reason="the demo's libraries are not installed: `pip install matplotlib scikit-image`"
        )
    done = command("demo", cwd=tmp_path)
    assert (done.status, done.said) == (0, "")
    assert "NumPy, slices" in done.printed
    assert (tmp_path / "lrn_demo.png").stat().st_size > 100_000
