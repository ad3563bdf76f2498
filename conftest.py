"""What the examples in docstrings know: LRNSpec's constructors show it in modules that it is built from."""

import pytest

import lrncore


@pytest.fixture(autouse=True)
def _names(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace["LRNSpec"] = lrncore.LRNSpec
