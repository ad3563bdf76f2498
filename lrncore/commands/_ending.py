"""How a command ends when it does not end well: an exception with one line and an exit status."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
#: Characters of a word that a message repeats
LONGEST = 40


class Ending(Exception):  # noqa: N818  (not all of them are errors of the program)
    """One line for the user."""

    status = FAILED


class Failed(Ending):
    """The machine could not do it."""


class Refused(Ending):
    """The command line, or a file that it names, cannot be meant."""

    status = REFUSED


@contextlib.contextmanager
def refusing(subject: str = "", spelled: Callable[[str], str] = str) -> Iterator[None]:
    """Turn what lrncore's own checks raise into a refusal that begins with its subject.

    A message begins with the name of an argument; `spelled` tells how the command line writes it.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        name, _, rule = str(error).partition(" ")
        line = f"{spelled(name)} {rule.replace('must be an int', 'must be a whole number')}"
        raise Refused(f"{subject}: {line}" if subject else line) from error


def need(modules: dict[str, str], purpose: str) -> None:
    """Fail if one of the modules, given with the names of their packages, is not installed."""
    missing = [package for module, package in modules.items() if find_spec(module) is None]
    if missing:
        raise Failed(f"{purpose} needs {' and '.join(missing)}: pip install {' '.join(missing)}")


def say(line: str) -> None:
    """Write a line to the error stream, if somebody still reads it."""
    with contextlib.suppress(OSError):
        print(visible(line), file=sys.stderr, flush=True)


def visible(text: str) -> str:
    """Return a text in which what would move the cursor, colour the terminal or begin a line is an escape."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def shortened(word: str) -> str:
    """Return a word in quotes, or how it begins."""
    return repr(word) if len(word) <= LONGEST else f"{word[:LONGEST]!r} and {len(word) - LONGEST} characters more"
