"""The moment norms make no temporary of the array's size, and scratch that does not grow with the array."""

from pathlib import Path

import interpreters
import pytest

pytestmark = pytest.mark.skipif(
    "VmHWM" not in (Path("/proc/self/status").read_text() if Path("/proc/self/status").exists() else ""),
    reason="this system does not tell the peak of a process's memory in /proc",
)

# Prints by how many MB the peak exceeds what the operands take, for each norm. All pages are touched before.
PROGRAM = """
import sys
import numpy as np
import lrncore

layout, dtype = sys.argv[1:]
shape, axis = {"planar": ((6, 64, 128, 128), 1), "packed": ((6, 128, 128, 64), -1)}[layout]
x, g, out = (np.ones(shape, dtype) for _ in range(3))

def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024

def calls(x, g, out):
    more = {"axis": axis, "out": out, "num_threads": 2}
    mean = var = np.ones(64)
    return {
        "batch": lambda: lrncore.batch_norm(x, mean, var, **more),
        "batch_backward": lambda: lrncore.batch_norm_backward(g, x, mean, var, **more),
        "train": lambda: lrncore.batch_norm_train(x, **more),
        "train_backward": lambda: lrncore.batch_norm_train_backward(g, x, **more),
        "group_backward": lambda: lrncore.group_norm_backward(g, x, 16, **more),
        "instance_backward": lambda: lrncore.instance_norm_backward(g, x, **more),
        "filter_response_backward": lambda: lrncore.filter_response_norm_backward(g, x, tau=mean, **more),
        "layer_backward": lambda: lrncore.layer_norm_backward(g, x, -1, out=out, num_threads=2),
    }

for call in calls(*(each[:1].copy() for each in (x, g, out))).values():
    call()  # the pool, and the code itself
for name, call in calls(x, g, out).items():
    before = peak()
    call()
    print(name, peak() - before)
"""


def start(layout, dtype):
    lines = interpreters.run(PROGRAM, layout, dtype).splitlines()
    return {name: float(grown) for name, grown in map(str.split, lines)}


@pytest.mark.parametrize("dtype", ["float32", ">f4"])
@pytest.mark.parametrize("layout", ["planar", "packed"])
def test_peak_grows_by_little(layout, dtype, begun):
    grown = begun(layout=layout, dtype=dtype)
    assert len(grown) == 8
    assert max(grown.values()) < 6, grown
