"""Memory: the peak of a whole process beside one that calls nothing, and what the first call adds.

`Peak` shows a temporary of the array's size. `FirstCall` is what remains: scratch, the code's own pages and the
threads' stacks, so it has to be the same for 1 image and for 32. That scratch is malloc'ed, which tracemalloc does
not see, and `ru_maxrss` starts at the parent's peak: hence the kernel's high-water mark of a process of its own.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

from . import cases

#: Bytes that results are rounded up to: which pages of code get mapped varies from run to run by half of this.
GRAIN = 512 * 1024
STATUS = Path("/proc/self/status")
RESET = Path("/proc/self/clear_refs")


def peak():
    """Return the most bytes that this process has had in memory."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def added(direction, layout, batch, threads):
    """Return the bytes that a call adds to this process at its peak, in whole grains."""
    call = cases.Call(cases.alexnet(layout, int(batch)), threads=int(threads))
    if layout == "strided":
        call.x = np.repeat(call.x, 2, axis=-1)[..., ::2]
    RESET.write_text("5")  # the peak counts from here on
    before = peak()
    getattr(call, direction)()
    return -(-(peak() - before) // GRAIN) * GRAIN


class Peak:
    """32 images, 37 MB for each array, so that the peak is above the one asv's own process leaves behind."""

    params = (("nothing", "forward", "backward"), cases.LAYOUTS)
    param_names = ("call", "layout")

    def setup(self, call, layout):
        self.run = getattr(cases.Call(cases.alexnet(layout, 32)), call)

    def peakmem_process(self, *_):
        self.run()


class FirstCall:
    params = (("forward", "backward"), (*cases.LAYOUTS, "strided"), cases.BATCHES, (1, 2))
    param_names = ("pass", "layout", "batch", "threads")

    def setup(self, *_):
        if not RESET.exists():
            raise NotImplementedError("needs Linux's /proc/self/clear_refs")

    def track_added(self, *params):
        command = [sys.executable, "-m", "benchmarks.memory", *map(str, params)]
        root = Path(__file__).parents[1]
        child = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=True)  # noqa: S603
        return int(child.stdout)

    track_added.unit = "bytes"


if __name__ == "__main__":
    sys.stdout.write(str(added(*sys.argv[1:])))
