"""The progress bar, where tqdm is installed and somebody looks."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any

from lrncore.commands._ending import say


class _Nothing:
    def update(self, n: int) -> None:
        """Show nothing."""


def progress(total: int, quiet: bool) -> AbstractContextManager[Any]:
    """Return a bar for so many bytes, to be used in a `with` and told about each block by `update`."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        return nullcontext(_Nothing())
    if find_spec("tqdm") is None:
        say("pip install tqdm, and this shows its progress")
        return nullcontext(_Nothing())
    from tqdm import tqdm  # noqa: PLC0415  (not everybody has it)

    bar: AbstractContextManager[Any] = tqdm(total=total, unit="B", unit_scale=True, leave=False)
    return bar
