"""Signals that end a command: the first one raises an exception, so that what is half done is removed."""

from __future__ import annotations

import signal
import sys
from types import FrameType

#: Those whose default action ends a process, but for the faults of its own
NAMES = (
    *("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"),
    *("SIGALRM", "SIGVTALRM", "SIGPROF", "SIGUSR1", "SIGUSR2", "SIGXCPU"),
)
NUMBERS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))


#: The one that ends the command
FIRST: list[int] = []


def heed() -> None:
    """Let each of them end the command, unless whoever started it has it ignored, as `nohup` and shells do."""
    FIRST.clear()
    for number in NUMBERS:
        if signal.getsignal(number) in {signal.SIG_DFL, signal.default_int_handler}:
            signal.signal(number, _end)


def ignore() -> None:
    """Let none of them disturb the end that has begun."""
    FIRST.append(0)
    for number in NUMBERS:
        if signal.getsignal(number) is _end:
            signal.signal(number, signal.SIG_IGN)


def _end(number: int, _: FrameType | None) -> None:
    # Those that come with or after the first need a handler: Python says of one without that it was ignored.
    if FIRST:
        return
    FIRST.append(number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)
