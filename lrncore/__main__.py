"""`python -m lrncore`, which is `lrncore` on the PATH: see `lrncore.commands`."""

import sys

from lrncore.commands import main

if __name__ == "__main__":
    sys.exit(main())
