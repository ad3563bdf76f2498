"""Second names of arguments, so that lines written for another library run as they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def also(second: str, first: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take its argument `first` under the name `second` too."""

    def renaming(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def renamed(*args: P.args, **named: P.kwargs) -> R:
            if second in named and first not in named:
                named[first] = named.pop(second)
            return function(*args, **named)

        return renamed

    return renaming
