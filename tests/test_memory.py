"""No temporary of the array's size, and scratch that does not grow with the array."""

from pathlib import Path

import interpreters
import pytest

pytestmark = pytest.mark.skipif(
    "VmHWM" not in (Path("/proc/self/status").read_text() if Path("/proc/self/status").exists() else ""),
    reason="this system does not tell the peak of a process's memory in /proc",
)

# Prints by how many MB the peak exceeds what the operands take. All pages are touched before.
PROGRAM = """
import sys
import numpy as np
import lrncore

direction, layout, placement, size, threads = sys.argv[1:]
megabytes = 24 if placement in ("strided", "swapped") else 48
shapes = {
    "planar": ((megabytes * 1024 * 1024 // 4 // (64 * 4096), 64, 4096), 1),
    "one_slab": ((1, 64, megabytes * 1024 * 1024 // 4 // 64), 1),
    "short_inner": ((megabytes * 1024 * 1024 // 4 // (256 * 16), 256, 16), 1),
    "packed": ((megabytes * 1024 * 1024 // 4 // 64, 64), 1),
    "long_packed": ((25, megabytes * 1024 * 1024 // 4 // 25), 1),
    "deep": ((1, 2048, megabytes * 1024 * 1024 // 4 // 2048), 1),
    "deepest": ((1, 100_000, 64), 1),
    "few_channels": ((megabytes * 1024 * 1024 // 4 // 8, 8), 1),
}
shape, axis = shapes[layout]

def operand():
    if placement == "strided":
        return np.ones((*shape, 2), np.float32)[..., 1]
    return np.ones(shape, ">f4" if placement == "swapped" else "<f4")

def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024

x, g, out = operand(), operand(), operand()
if placement == "in_place":
    out = x
half = int(size) // 2
spec = lrncore.LRNSpec(half, half, 1.0, 0.75, 1.0)
small = np.ones((9, 64, 1000), np.float32)
lrncore.lrn_backward(small, small, spec, num_threads=int(threads))  # the pool, and the code itself
before = peak()
if direction == "forward":
    lrncore.lrn(x, spec, axis, out=out, num_threads=int(threads))
else:
    lrncore.lrn_backward(g, x, spec, axis, out=out, num_threads=int(threads))
print(peak() - before)
"""


def start(direction, layout, size=5, placement="contiguous"):
    return float(interpreters.run(PROGRAM, direction, layout, placement, str(size), "2"))


each_direction = pytest.mark.parametrize("direction", ["forward", "backward"])


@pytest.mark.parametrize("placement", ["contiguous", "strided", "swapped"])
@pytest.mark.parametrize("layout", ["planar", "one_slab", "short_inner", "packed", "long_packed", "few_channels"])
@each_direction
def test_peak_grows_by_little(direction, layout, placement, begun):
    assert begun(direction=direction, layout=layout, placement=placement) < 4


@pytest.mark.parametrize("placement", ["in_place"])
@pytest.mark.parametrize("layout", ["planar", "packed"])
@each_direction
def test_peak_grows_by_little_in_place(direction, layout, placement, begun):
    assert begun(direction=direction, layout=layout, placement=placement) < 4


@pytest.mark.parametrize("size", [63])
@pytest.mark.parametrize("layout", ["planar", "short_inner", "packed", "long_packed"])
@each_direction
def test_long_windows_need_little(direction, layout, size, begun):
    assert begun(direction=direction, layout=layout, size=size) < 4


@pytest.mark.parametrize("size", [2047])
@pytest.mark.parametrize("layout", ["deep"])
@each_direction
def test_window_of_a_thousand_channels_needs_little(direction, layout, size, begun):
    assert begun(direction=direction, layout=layout, size=size) < 4
