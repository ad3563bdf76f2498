"""Starts a process for each peer and collects its rows. Whatever happens in it, every case gets a row."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from threading import Event, Timer

from .plan import FORWARD, Case, Plan
from .progress import Progress
from .registry import PEERS

#: Where libraries look for their number of threads when they are imported; NPROC is XLA's.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "NPROC")
SETTINGS = {
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
    # a pool of compilers would outlive a process that is killed
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    # glibc keeps what is freed: results in new arrays are not charged for pages that the kernel has to clear
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
}


@dataclass(frozen=True)
class Row:
    """One pass of a peer on a case: its seconds and those of a copy in the same process, or what went wrong."""

    peer: str
    case: Case
    direction: str
    seconds: float = 0.0
    copy: float = 0.0
    notes: tuple[str, ...] = ()
    error: str = ""

    @property
    def label(self) -> str:
        return PEERS[self.peer].label

    @property
    def copies(self) -> float:
        return self.seconds / self.copy


def collect(name: str, plan: Plan, timeout: float, progress: Progress) -> list[Row]:
    """Return the rows of a peer, with the reason for each case that its process did not come to."""
    rows: list[Row] = []
    left = plan.cases()
    expired = Event()
    with start(name, plan) as process:

        def stop() -> None:
            expired.set()
            process.kill()

        alarm = Timer(timeout, stop)
        alarm.start()
        while left:
            progress.show(f"{PEERS[name].label}: {left[0].label}")
            line = process.stdout.readline()
            if not line.endswith("\n"):
                break
            case = left.pop(0)
            rows += [Row(name, case, found.pop("pass"), **found) for found in json.loads(line)]
            progress.done += 1
        status = process.wait()
        alarm.cancel()
    if expired.is_set():
        reason = f"no result within {timeout:g} s"
    else:
        reason = f"ended by {Signals(-status).name}" if status < 0 else f"exit status {status}"
    progress.done += len(left)
    return rows + [Row(name, case, FORWARD, error=reason) for case in left]


def start(name: str, plan: Plan) -> subprocess.Popen[str]:
    """Start `measure` for a peer."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "peers.measure", name, plan.dump()],
        cwd=Path(__file__).parents[1],
        env=os.environ | SETTINGS | dict.fromkeys(THREADS, str(plan.threads)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
