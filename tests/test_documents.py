"""Every Python block of README and docs runs, in order, in one namespace, and its sessions print what they show."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import lrncore

ROOT = Path(__file__).parents[1]
DOCUMENTS = {path.name: path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}


def blocks(name, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENTS[name], re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("name", "language"), [("README.md", "python"), ("README.md", "pycon"), ("conventions.md", "pycon")]
)
def test_there_are_examples(name, language):
    assert blocks(name, language)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_examples_run(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "document"}
    for number, block in enumerate(blocks(name, "python"), 1):
        exec(compile(block, f"{name}, example {number}", "exec"), namespace)  # noqa: S102


@pytest.mark.parametrize("name", DOCUMENTS)
def test_sessions_print_what_they_show(name):
    namespace = {"lrncore": lrncore, "np": np}
    for block in blocks(name, "pycon"):
        test = doctest.DocTestParser().get_doctest(block, namespace, name, None, None)
        assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
        namespace = test.globs


@pytest.mark.parametrize("name", DOCUMENTS)
def test_linked_files_are_there(name):
    folder = ROOT if name == "README.md" else ROOT / "docs"
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", DOCUMENTS[name]):
        assert (folder / target).exists(), target
