"""An LRNSpec from words: a convention, and its arguments under the framework's own names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from lrncore._checks import given_axes
from lrncore._conventions import CONVENTIONS
from lrncore.commands._ending import Refused, refusing
from lrncore.spec import LRNSpec


def constructor(convention: str | None) -> Callable[..., LRNSpec]:
    """Return what makes the spec of a convention, or of the canonical parameters if there is none."""
    if convention is None:
        return LRNSpec
    if convention not in CONVENTIONS:
        raise Refused(f"convention must be one of {', '.join(CONVENTIONS)}, got {convention!r}")
    made: Callable[..., LRNSpec] = getattr(LRNSpec, convention)
    return made


def names(convention: str | None) -> dict[str, bool]:
    """Return the names of a convention's arguments, in its order, and whether they are required."""
    parameters = inspect.signature(constructor(convention)).parameters.values()
    return {parameter.name: parameter.default is parameter.empty for parameter in parameters}


def all_names() -> list[str]:
    """Return the names that appear in any convention, and the canonical ones."""
    return list(dict.fromkeys(name for convention in (None, *CONVENTIONS) for name in names(convention)))


def option(name: str) -> str:
    """Return the option of the command line that stands for an argument."""
    return f"--{name.replace('_', '-')}"


def spec(convention: str | None, words: Mapping[str, str], spelled: Callable[[str], str] = str) -> LRNSpec:
    """Return the spec that the words mean; `spelled` tells how this command line writes a name."""
    known = names(convention)
    takes = f"{convention or 'without a convention, lrncore'} takes {', '.join(map(spelled, known))}"
    for name in words:
        if name not in known:
            raise Refused(f"{takes}; got {spelled(name)}")
    for name, required in known.items():
        if required and name not in words:
            raise Refused(f"{takes}; {spelled(name)} is missing")
    with refusing():
        return constructor(convention)(**{name: number(word) for name, word in words.items()})


def axes(convention: str | None, words: Mapping[str, str], word: str) -> Any:
    """Return the axis or axes that a word spells, if the words of the convention are for as many."""
    found = number(word)
    if convention is None:
        return found
    row = CONVENTIONS[convention]
    region = row.names.get("region", "")
    count = 1
    if region in words:
        said = number(words[region])
        count = row.axes(said, int(words.get(row.ndims, 4))) if row.regions else len(given_axes(said, region))
    if len(given_axes(found)) != count:
        wanted = "one axis" if count == 1 else f"{count} axes"
        raise ValueError(f"axis must be {wanted} for these arguments of {convention}, got {word}")
    return found


def number(word: str) -> Any:
    """Return the number that a word spells, or the word, which lrncore's checks then refuse by name.

    What has commas is a tuple.
    """
    if "," in word:
        return tuple(number(part) for part in word.split(",") if part)
    if word in {"True", "False"}:
        return word == "True"
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
