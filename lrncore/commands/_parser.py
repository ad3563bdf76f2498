"""The parser of the command line: one line for an error, examples and exit statuses at the end of a help text."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from lrncore.commands._ending import REFUSED

if TYPE_CHECKING:
    Commands: TypeAlias = "argparse._SubParsersAction[Parser]"

STATUSES = """\
exit status:
  0    done
  1    the machine failed: no space, no memory, a library that is not installed
  2    the command line or an input is wrong
  130  interrupted by Ctrl-C; 143 if terminated, 129 if its terminal was closed
"""


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` with lrncore's manners."""

    def __init__(self, *, examples: tuple[str, ...] = (), **options: Any) -> None:
        options["description"] = paragraph(options["description"])
        shown = "\n".join(["examples:", *(f"  {line}" for line in examples)])
        defaults: dict[str, Any] = {
            "epilog": f"{shown}\n\n{STATUSES}",
            "formatter_class": argparse.RawDescriptionHelpFormatter,
            # `--scale` must not be taken for `--s`, which a framework may have
            "allow_abbrev": False,
        }
        super().__init__(**defaults | options)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line and where to read about it."""
        self.exit(REFUSED, f"{self.prog}: {message} (see {self.prog} --help)\n")


def paragraph(text: str) -> str:
    """Return a text in lines that fit a terminal, which the examples below it must not be cut into."""
    return textwrap.fill(text, 78)
