"""No module needs itself: there is no circle among the imports of lrncore, those within functions included."""

import ast
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import interpreters
import pytest

import lrncore


def modules(package):
    """Return the files of a package by the names of their modules."""
    found = {}
    for path in sorted(package.rglob("*.py")) + sorted(package.rglob("*.pyi")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if path.stem == "__init__" else parts)] = path
    return found


def imports(package):
    """Return, for each module of a package, which of the others are imported anywhere in its text."""
    files = modules(package)
    return {name: imported(name, path, files) & files.keys() for name, path in files.items()}


def imported(name, path, files):
    """Return the names that a file imports: a module where `from` takes one out of its package."""
    parent = name if path.stem == "__init__" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), parent)
            inner = (f"{base}.{alias.name}" for alias in node.names)
            found |= {each if each in files else base for each in inner}
    return found


def test_lrncore_has_no_circle():
    TopologicalSorter(imports(Path(lrncore.__file__).parent)).prepare()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("from package import two", "from package import one"),
        ("import package.two", "def late():\n    import package.one"),
        ("from package.two import name", "if TYPE_CHECKING:\n    from package.one import Name"),
        ("from . import two", "from .one import name"),
        ("from package import name", ""),
    ],
    ids=["modules", "function", "types", "relative", "package"],
)
def test_circle_is_found(one, other, tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    for name, text in (("__init__", "from package.one import name"), ("one", one), ("two", other)):
        (package / f"{name}.py").write_text(text)
    with pytest.raises(CycleError):
        TopologicalSorter(imports(package)).prepare()


def test_parent_that_takes_its_children_is_no_circle(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    for name, text in (
        ("__init__", "from package.one import name"),
        ("one", "from package import two"),
        ("two", ""),
    ):
        (package / f"{name}.py").write_text(text)
    TopologicalSorter(imports(package)).prepare()


def test_other_families_are_loaded_when_asked_for():
    program = """
import sys, lrncore
loaded = lambda: {name for name in sys.modules if name.startswith(("lrncore.norms", "lrncore.div", "lrncore._gdn"))}
assert not loaded(), loaded()
assert set(lrncore.__all__) <= set(dir(lrncore)) and not loaded()
import lrncore._gdn, lrncore.divisive
assert callable(lrncore.gdn) and lrncore.DivisiveSpec is lrncore.divisive.DivisiveSpec
assert not hasattr(lrncore, "standardize")
"""
    interpreters.run(program)


@pytest.mark.parametrize("name", lrncore.__all__)
def test_public_name_is_that_of_its_module(name):
    found = getattr(lrncore, name)
    assert found is getattr(lrncore, name)
    assert found.__name__ == name
    assert found.__module__.startswith("lrncore")
