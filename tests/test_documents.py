"""Every example of README and docs runs, and prints what it shows; tests/peers has those that call a framework."""

import re

import documents
import pytest
from documents import FRAMEWORKS, PAGES, ROOT

WITH_EXAMPLES = [name for name in PAGES if documents.blocks(name)]


@pytest.mark.parametrize("name", [name for name in WITH_EXAMPLES if name not in FRAMEWORKS])
def test_examples_run(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    documents.run(name, tmp_path)


def test_there_are_examples_where_a_reader_looks_for_them():
    pages = {name for name in PAGES if name.startswith("docs/howto/")}
    pages |= {"README.md", "docs/index.md", "docs/tutorial.md", "docs/explanation/conventions.md"}
    assert pages <= set(WITH_EXAMPLES)


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
