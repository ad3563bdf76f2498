"""Peers may warn about whatever they like, and some have to be imported before others."""

import importlib
import warnings
from contextlib import suppress
from pathlib import Path

import pytest

# PyTorch's CUDA build ends the process if TensorFlow was imported before it; after it, both work.
with suppress(ImportError), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    importlib.import_module("torch._dynamo")


def pytest_collection_modifyitems(items):
    """Let no warning fail a test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))
