"""Where a name is public, other than in the file that defines it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Named = TypeVar("Named")


def public(module: str) -> Callable[[Named], Named]:
    """Let a function or a class say that it is `module`'s: pickles and error messages name it so."""

    def mark(named: Named) -> Named:
        named.__module__ = module
        return named

    return mark
