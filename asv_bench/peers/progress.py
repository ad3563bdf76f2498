"""How far a long run has come, on the error stream."""

import sys

WIDTH, LENGTH = 100, 24


class Progress:
    """A bar that is drawn over in a terminal, and a line for each step elsewhere."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.live = sys.stderr.isatty()

    def show(self, doing: str) -> None:
        """Show what is done next."""
        count = f"{self.done + 1:{len(str(self.total))}}/{self.total}"
        if self.live:
            filled = LENGTH * self.done // self.total
            bar = "█" * filled + "░" * (LENGTH - filled)
            sys.stderr.write(f"\r{f'{bar} {count} {doing}'[: WIDTH - 1]:{WIDTH - 1}}")
        else:
            sys.stderr.write(f"{count} {doing}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Remove the bar."""
        if self.live:
            sys.stderr.write(f"\r{'':{WIDTH - 1}}\r")
            sys.stderr.flush()
