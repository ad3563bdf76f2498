"""How a command ends when it does not end well: an exception with one line and an exit status."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from importlib.util import find_spec

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


class Ending(Exception):  # noqa: N818  (not all of them are errors of the program)
    """One line for the user."""

    status = FAILED


class Failed(Ending):
    """The machine could not do it."""


class Refused(Ending):
    """The command line, or a file that it names, cannot be meant."""

    status = REFUSED


@contextlib.contextmanager
def refusing(subject: str = "") -> Iterator[None]:
    """Turn what lrncore's own checks raise into a refusal that begins with its subject."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise Refused(f"{subject}: {error}" if subject else str(error)) from error


def need(modules: dict[str, str], purpose: str) -> None:
    """Fail if one of the modules, given with the names of their packages, is not installed."""
    missing = [package for module, package in modules.items() if find_spec(module) is None]
    if missing:
        raise Failed(f"{purpose} needs {' and '.join(missing)}: pip install {' '.join(missing)}")


def say(line: str) -> None:
    """Write a line to the error stream, if somebody still reads it."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)
