"""Every example of README and docs runs, and prints what it shows, and so do the commands.

tests/peers has the examples that call a framework.
"""

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import documents
import pytest
from documents import FRAMEWORKS, PAGES, ROOT

import lrncore

WITH_EXAMPLES = [name for name in PAGES if documents.blocks(name)]
WITH_COMMANDS = [name for name in PAGES if documents.commands(name)]


@pytest.mark.parametrize("name", [name for name in WITH_EXAMPLES if name not in FRAMEWORKS])
def test_examples_run(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    documents.run(name, tmp_path)


@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_commands_print_what_they_show(name, tmp_path):
    programs = tmp_path / "programs"
    programs.mkdir()
    for program, words in (("python", ""), ("lrncore", "-m lrncore")):
        (programs / program).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
        (programs / program).chmod(0o755)
    environment = os.environ | {
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "PYTHONPATH": str(Path(lrncore.__file__).parents[1]),
    }
    for command, expected in documents.commands(name):
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert doctest.OutputChecker().check_output(expected, done.stdout, doctest.ELLIPSIS), done.stdout


def test_there_are_examples_where_a_reader_looks_for_them():
    pages = {name for name in PAGES if name.startswith("docs/howto/")}
    pages |= {"README.md", "docs/index.md", "docs/tutorial.md", "docs/explanation/conventions.md"}
    assert pages <= set(WITH_EXAMPLES)
    assert {"README.md", "docs/command_line.md"} <= set(WITH_COMMANDS)


@pytest.mark.parametrize("name", PAGES)
def test_linked_files_are_there(name):
    folder = (ROOT / name).parent
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", PAGES[name]):
        assert (folder / target).exists(), target


def test_the_front_page_has_the_figures_of_the_readme():
    front, readme = (figures(name) for name in ("docs/index.md", "README.md"))
    assert front
    assert [library for library, found in front.items() if not found <= readme[library]] == []


def figures(name):
    """Return the numbers in each row of the table of speeds."""
    rows = re.findall(r"^\| ([^|]+) \| ([\d.*| ]+) \|$", PAGES[name], re.MULTILINE)
    return {library: set(re.findall(r"[\d.]+", cells)) for library, cells in rows}
