"""`lrncore conventions`: the table of conventions."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import lrncore

if TYPE_CHECKING:
    from lrncore.commands._parser import Commands


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    commands.add_parser(
        "conventions",
        help="the conventions of all frameworks, as a table",
        description="Print each framework's arguments and defaults, the channels before and after in an even "
        "window, and what the sum of squares is multiplied by.",
        examples=("lrncore conventions", "lrncore conventions | grep onnx"),
    ).set_defaults(run=run)


def run(_: argparse.Namespace) -> None:
    """Print the table."""
    print(lrncore.conventions())
