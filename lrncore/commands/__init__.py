"""The command line: the commands, one in each file, and how they end."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence

from lrncore import __version__
from lrncore.commands import _signals, apply, bench, conventions, convert, demo, info
from lrncore.commands._ending import DONE, FAILED, INTERRUPTED, Ending, Refused, say
from lrncore.commands._parser import Parser

COMMANDS = (apply, convert, conventions, info, bench, demo)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that the words of the command line ask for, and return the exit status."""
    _signals.heed()
    command = "lrncore"
    try:
        try:
            arguments, unknown = parser().parse_known_args(words)
            command = f"lrncore {arguments.command}"
            if unknown:
                raise Refused(f"unrecognized arguments: {' '.join(unknown)} (see {command} --help)")
            arguments.run(arguments)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except Ending as ending:
        say(f"{command}: {ending}")
        return ending.status
    except KeyboardInterrupt:
        say(f"{command}: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return FAILED
    except OSError as error:
        _drop_output()
        say(f"{command}: {error.strerror or error}")
        return FAILED
    except MemoryError:
        say(f"{command}: not enough memory")
        return FAILED
    finally:
        _signals.ignore()
    return DONE


def parser() -> Parser:
    """Return the parser of the whole command line."""
    top = Parser(
        prog="lrncore",
        description="Local Response Normalization on the CPU, in every framework's dialect.",
        examples=(
            "lrncore apply x.npy y.npy --convention torch --size 5 --k 2",
            "lrncore convert --from torch --to onnx size=5 k=2",
            "lrncore conventions onnx",
            "lrncore info",
            "lrncore bench --seconds 10",
            "lrncore demo",
            "lrncore apply --help                  and likewise for the others",
        ),
    )
    top.add_argument("--version", action="version", version=f"lrncore {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for command in COMMANDS:
        command.add_to(commands)
    top.commands = commands.choices
    return top


def _drop_output() -> None:
    """Drop what could not be printed, so that the interpreter does not try once more."""
    # where there is a file behind it
    with contextlib.suppress(AttributeError, io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
