"""What LRNSpec and its constructors say of arguments that they do not take."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

from lrncore._conventions import CONVENTIONS

P = ParamSpec("P")
R = TypeVar("R")
Class = TypeVar("Class", bound=type)
#: Of LRNSpec
FIELDS = "before", "after", "scale", "beta", "k"
#: What frameworks' arguments become
HELD = {"size": "before and after", "alpha": "scale", "beta": "beta", "k": "k"}
#: Conventions that are named as those that take some words; more of them are no help
MOST = 4


def naming(cls: Class) -> Class:
    """Let the public constructors of a class, and the class where it is LRNSpec itself, do as `named` says."""
    for name, method in list(vars(cls).items()):
        if isinstance(method, classmethod) and not name.startswith("_"):
            setattr(cls, name, classmethod(named(method.__func__, f"LRNSpec.{name}")))
    if "__init__" in vars(cls):
        setattr(cls, "__init__", named(vars(cls)["__init__"], cls.__name__))  # noqa: B010  (mypy refuses the other)
    return cls


def named(call: Callable[P, R], name: str) -> Callable[P, R]:
    """Let errors of the arguments name `call` as users know it, and which constructors take such words."""

    @functools.wraps(call)
    def explaining(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except TypeError:
            message = misfit(call, name, len(args) - 1, kwargs)
            # the arguments fit, and one of them was refused
            if message is None:
                raise
        raise TypeError(message)

    # nobody calls the class that the constructors are in
    explaining.__qualname__ = name
    return explaining


def misfit(call: Callable[..., Any], name: str, count: int, words: Mapping[str, Any]) -> str | None:
    """Return how so many positional arguments and these words do not fit `call`, if they do not."""
    _, *own = inspect.signature(call).parameters.values()
    names = [each.name for each in own]
    takes = f"{name} takes {', '.join(names) or 'no arguments'}"
    if unknown := [word for word in words if word not in names]:
        return f"{takes}; got {', '.join(unknown)}{advice(name, names, unknown, words)}"
    in_order = [each.name for each in own if each.kind is not each.KEYWORD_ONLY]
    if count > len(in_order):
        return f"{takes}; got {count} positional argument{'s' * (count > 1)}"
    if twice := [word for word in in_order[:count] if word in words]:
        return f"{takes}; got {', '.join(twice)} twice"
    required = [each.name for each in own if each.default is each.empty and each.name not in in_order[:count]]
    if missing := [word for word in required if word not in words]:
        return f"{takes}; {', '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing"
    return None


def advice(name: str, names: list[str], unknown: list[str], words: Iterable[str]) -> str:
    """Return where words that `name` does not take belong, as the end of a message."""
    if not names:
        field = unknown[0] if unknown[0] in FIELDS else FIELDS[-1]
        return f"; {name}().replace({field}=...) changes one of its parameters"
    meant = [close for word in unknown if (close := nearest(word, names))]
    if len(meant) == len(unknown):
        return f"; did you mean {', '.join(meant)}?"
    return takers(words, "LRNSpec.") or "; lrncore.conventions() lists the arguments of each framework"


def takers(words: Iterable[str], before: str = "") -> str:
    """Return which conventions take all these words, as the end of a message, if a few do."""
    found = [f"{before}{name}" for name, row in CONVENTIONS.items() if row.arguments.keys() >= set(words)]
    if not 0 < len(found) <= MOST:
        return ""
    *others, last = found
    return f", which {', '.join(others)} and {last} take" if others else f", which {last} takes"


def held(word: str) -> str:
    """Return, as the end of a message, in which field a spec holds what a framework's word means."""
    for row in CONVENTIONS.values():
        meaning = dict(zip(row.arguments, row.meanings, strict=True)).get(word, "")
        if meaning in HELD:
            return f", which a spec holds as {HELD[meaning]}"
    return ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return what was probably meant by a word that is not known."""
    from difflib import get_close_matches  # noqa: PLC0415  (a sixth of the import, for an error's text)

    folded = {each.lower(): each for each in known}
    found = get_close_matches(word.lower(), folded, n=1)
    return folded[found[0]] if found else None
