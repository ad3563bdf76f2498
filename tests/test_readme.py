"""Every Python block of the README runs, in order, in one namespace, and its sessions print what they show."""

import doctest
import re
from pathlib import Path

import lrncore

README = Path(__file__).parents[1] / "README.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


def test_there_are_examples():
    assert blocks("python")
    assert blocks("pycon")


def test_examples_run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "readme"}
    for number, block in enumerate(blocks("python"), 1):
        exec(compile(block, f"README.md, example {number}", "exec"), namespace)  # noqa: S102


def test_sessions_print_what_they_show():
    for block in blocks("pycon"):
        test = doctest.DocTestParser().get_doctest(block, {}, "README.md", None, None)
        test.globs["lrncore"] = lrncore
        assert doctest.DocTestRunner().run(test).failed == 0
