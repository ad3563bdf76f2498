"""An LRNSpec from words: a convention or a network, and its arguments under the framework's own names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lrncore._checks import given_axes
from lrncore._conventions import ALIASES, CONVENTIONS, NETWORKS
from lrncore._signatures import takers
from lrncore.commands._ending import Refused, refusing, shortened
from lrncore.commands._parser import hint
from lrncore.spec import LRNSpec

NAMES = (*CONVENTIONS, *NETWORKS)


def convention(word: str | None, known: Iterable[str] = NAMES) -> str | None:
    """Return the convention or network that a word names, in capitals or not, with dashes or underscores."""
    if word is None:
        return None
    name = word.lower().replace("-", "_")
    name = ALIASES.get(name, name)
    if name not in known:
        if name in NETWORKS:
            raise Refused(f"{name} is a network, whose arguments lrncore convert --from {name} prints")
        meant = hint(name, known) or "; lrncore conventions lists them"
        raise Refused(f"there is no convention {shortened(word)}{meant}")
    return name


def constructor(convention: str | None) -> Callable[..., LRNSpec]:
    """Return what makes the spec of a convention, or of the canonical parameters if there is none."""
    found: Callable[..., LRNSpec] = LRNSpec if convention is None else getattr(LRNSpec, convention)
    return found


def arguments(convention: str | None) -> Mapping[str, inspect.Parameter]:
    """Return a convention's arguments, in its order."""
    return inspect.signature(constructor(convention)).parameters


def all_names() -> list[str]:
    """Return the names that appear in any convention, and the canonical ones."""
    return list(dict.fromkeys(name for convention in (None, *CONVENTIONS) for name in arguments(convention)))


def option(name: str) -> str:
    """Return the option of the command line that stands for an argument."""
    return f"--{name.replace('_', '-')}"


def values(convention: str | None, words: Mapping[str, str], spelled: Callable[[str], str] = str) -> dict[str, Any]:
    """Return the arguments that the words mean; `spelled` tells how this command line writes a name."""
    known = arguments(convention)
    takes = f"{convention or 'without a convention, lrncore'} takes {', '.join(map(spelled, known))}"
    if convention in NETWORKS:
        takes = f"{convention} is a network and takes no arguments"
    for name in words:
        if name not in known:
            # a framework's own word is not a mistyped one
            own = name in all_names()
            meant = takers(words) if own else hint(spelled(name), map(spelled, known))
            raise Refused(f"{takes}; got {spelled(name)}{meant}")
    for name, argument in known.items():
        if argument.default is argument.empty and name not in words:
            raise Refused(f"{takes}; {spelled(name)} is missing")
    return {name: value(word, known[name].annotation, spelled(name)) for name, word in words.items()}


def spec(convention: str | None, values: Mapping[str, Any], spelled: Callable[[str], str] = str) -> LRNSpec:
    """Return the spec that the arguments mean."""
    with refusing(spelled=lambda name: spelled(name) if name in values else name):
        return constructor(convention)(**values)


def axes(convention: str | None, values: Mapping[str, Any], word: str) -> Any:
    """Return the axis or axes that a word spells, if the arguments of the convention are for as many."""
    found = whole_numbers(word, "--axis")
    if convention is None:
        return found
    count = 1
    row = CONVENTIONS.get(convention)
    if row is not None and (region := row.names.get("region", "")) in values:
        said = values[region]
        count = row.axes(said, values.get(row.ndims, 4)) if row.regions else len(given_axes(said, region))
    elif row is not None and row.extents and isinstance(values["size"], tuple):
        count = sum(side > 1 for side in values["size"]) or 1
    if len(given_axes(found)) != count:
        wanted = "one axis" if count == 1 else f"{count} axes"
        raise Refused(f"--axis must be {wanted} for these arguments of {convention}, got {word}")
    return found


def value(word: str, kind: str, name: str) -> Any:
    """Return what a word means for an argument of a kind, as its constructor says it."""
    if kind == "str":
        return word
    if kind == "float":
        try:
            return float(word)
        except ValueError:
            raise Refused(f"{name} must be a number, got {shortened(word)}") from None
    if kind == "bool":
        if word.capitalize() not in {"True", "False"}:
            raise Refused(f"{name} must be True or False, got {shortened(word)}")
        return word.capitalize() == "True"
    return whole_number(word, name) if kind == "int" else whole_numbers(word, name)


def whole_number(word: str, name: str) -> int:
    """Return the whole number that a word spells."""
    try:
        return int(word)
    except ValueError:
        raise Refused(f"{name} must be a whole number, got {shortened(word)}") from None


def whole_numbers(word: str, name: str) -> int | tuple[int, ...]:
    """Return the whole number that a word spells, or those of one with commas."""
    try:
        return tuple([int(part) for part in word.split(",") if part]) if "," in word else int(word)
    except ValueError:
        raise Refused(f"{name} must be a whole number, or several like 2,3, got {shortened(word)}") from None
