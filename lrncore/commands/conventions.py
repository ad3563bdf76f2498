"""`lrncore conventions`: the table of conventions."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lrncore._conventions import CONVENTIONS, Table, conventions
from lrncore.commands import _parameters

if TYPE_CHECKING:
    from lrncore.commands._parser import Commands


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "conventions",
        help="the conventions of all frameworks, as a table",
        description="Print what each framework multiplies the sum of squares by, the channels before and after in "
        "a window of 4, and the arguments with their defaults.",
        examples=("lrncore conventions", "lrncore conventions onnx", "lrncore conventions torch tensorflow"),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only those of these frameworks")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the table."""
    names = [_parameters.convention(name, CONVENTIONS) for name in arguments.names]
    print(Table(row for row in conventions() if not names or row.name in names))
