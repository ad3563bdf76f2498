"""`lrncore` on the PATH: a module of its own, since importing any other one of lrncore imports NumPy.

Ctrl-C meanwhile ends the process as it ends those that are not written in Python, without a traceback.
"""

import signal
import sys


def main() -> int:
    """Run the command line."""
    # a shell has it ignored in the background
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from lrncore.commands import main as run  # noqa: PLC0415  (not before)

    return run()


if __name__ == "__main__":
    sys.exit(main())
