"""The parser of the command line: one line for an error, examples and exit statuses at the end of a help text."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from lrncore._signatures import nearest
from lrncore.commands._ending import REFUSED, say, shortened

if TYPE_CHECKING:
    Commands: TypeAlias = "argparse._SubParsersAction[Parser]"

STATUSES = """\
exit status:
  0    done
  1    the machine failed: no space, no memory, a library that is not installed
  2    the command line or an input is wrong
  130  interrupted by Ctrl-C; 128 + N if signal N ended it, 143 if terminated
"""


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` with lrncore's manners."""

    #: By their names, where the first word is one of them
    commands: Mapping[str, argparse.ArgumentParser] = MappingProxyType({})

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
        say(f"{self.prog}: {message} (see {self.prog} --help)")
        self.exit(REFUSED)

    def parse_known_args(  # type: ignore[override]  # of its overloads only one is used
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse words, having refused the first one that is mistyped before anything is found missing."""
        words = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(self._read(words), namespace)

    def _read(self, words: list[str]) -> list[str]:
        """Return the words with negative numbers tied to their options, which argparse takes for options else."""
        read: list[str] = []
        for place, word in enumerate(words):
            if word == "--" or (self.commands and not word.startswith("-")):
                if word != "--" and word not in self.commands:
                    self.error(f"there is no command {shortened(word)}{hint(word, self.commands)}")
                return read + words[place:]
            if not word.startswith("-") or word == "-":
                read.append(word)
            elif not spells_numbers(word):
                name = word.partition("=")[0]
                if name not in self._option_string_actions:
                    self.error(f"there is no option {name}{hint(name, self._option_string_actions)}")
                read.append(word)
            elif read and self._takes_a_value(read[-1]):
                read[-1] += f"={word}"
            else:
                read.append(word)
        return read

    def _takes_a_value(self, word: str) -> bool:
        """Tell whether a word is an option that the next word is for."""
        action = self._option_string_actions.get(word)
        return action is not None and action.nargs is None


def hint(word: str, known: Iterable[str]) -> str:
    """Return what was probably meant, as the end of a message."""
    meant = nearest(word, known)
    return f"; did you mean {meant}?" if meant else ""


def spells_numbers(word: str) -> bool:
    """Tell whether a word is a number, or several with commas between."""
    try:
        return bool([float(part) for part in word.split(",") if part])
    except ValueError:
        return False


def paragraph(text: str) -> str:
    """Return a text in lines that fit a terminal, which the examples below it must not be cut into."""
    return textwrap.fill(text, 78)
