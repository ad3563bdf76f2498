"""`make mca`: what llvm-mca estimates of the arm64 loops under n = 5 and beta = 3/4, in cycles for four floats.

They are estimates: of a loop whose loads all hit the first-level cache, by LLVM's model of a processor.
"""

import re
import runpy
import shutil
import subprocess
import sys
from typing import NamedTuple

import arm64

PROCESSORS = {
    "cortex-a53": "Cortex-A53",
    "cortex-a55": "Cortex-A55",
    "cortex-a72": "Cortex-A72",
    "neoverse-n1": "Neoverse N1",
    "neoverse-v1": "Neoverse V1",
    "apple-m1": "Apple M1",
}
MCA = next(filter(shutil.which, [*(f"llvm-mca-{version}" for version in range(30, 18, -1)), "llvm-mca"]), None)
TURNS = 200


class Loop(NamedTuple):
    """A loop over the vectors of a row: its function, and what it loads, stores and estimates for each of them."""

    name: str
    function: str
    loads: int
    stores: int
    estimates: int


LOOPS = (
    Loop("forward", "normalize", loads=6, stores=2, estimates=2),  # x, what enters, four taps; its square, y
    Loop("backward, gp and t", "gains", loads=7, stores=3, estimates=2),  # and g; its square, gp, t
    Loop("backward, dx", "combine", loads=7, stores=1, estimates=0),  # five taps, gp, x; dx
)


def assembly():
    """Return the float32 kernels as the compiler's text."""
    arm64.prepare()
    folder = arm64.PLACE / "mca"
    folder.mkdir(exist_ok=True)
    source, listing = folder / "kernels.c", folder / "kernels.s"
    setup = runpy.run_path(str(arm64.ROOT / "setup.py"))
    kernels = arm64.ROOT / "lrncore" / "kernels"
    names = ["--module-name", "lrncore.kernels._baseline_f32", "-o", source]
    arm64.run(sys.executable, "-m", "cython", "-3", kernels / "_baseline_f32.pyx", *names)
    include = arm64.SYSTEM / "usr" / "include"
    macros = [f"-D{name}={value}" for name, value in setup["MACROS"] + setup["SMALL_MACROS"]]
    flags = [*setup["GNU_FLAGS"], *setup["SMALL_FLAGS"], "-fPIC", "-fopenmp", "-DNDEBUG", *macros]
    places = [f"-I{path}" for path in (kernels, include / f"python{arm64.VERSION}", include)]
    arm64.run(arm64.COMPILER, "-S", *flags, *places, source, "-o", listing)
    return listing.read_text()


def innermost(text, function):
    """Return the lines of each loop of a function that holds no other."""
    body = re.search(rf"^__pyx_f\w*_{function}:$(.*?)^\s*\.size", text, re.MULTILINE | re.DOTALL)[1].splitlines()
    labels = {line.rstrip(":"): number for number, line in enumerate(body) if re.match(r"\.L\w+:$", line)}
    loops = []
    for number, line in enumerate(body):
        target = re.search(r"\b(?:b\.?[a-z]{2}|cbn?z|tbn?z)\s.*?(\.L\w+)$", line)
        if target and labels.get(target[1], number) < number:
            loops.append(range(labels[target[1]], number + 1))
    inner = [loop for loop in loops if not any(o != loop and o[0] >= loop[0] and o[-1] <= loop[-1] for o in loops)]
    return [[body[i].strip() for i in loop if re.match(r"\s+[a-z]", body[i])] for loop in inner]


def vectors(lines, loop):
    """Return how many vectors a turn of these lines computes, if they are that loop, or 0."""
    counts = [0, 0, 0]
    for line in lines:
        counts[0] += len(re.findall(r"\bq\d+", line)) * line.startswith("ld")
        counts[1] += len(re.findall(r"\bq\d+", line)) * line.startswith("st")
        counts[2] += line.startswith("frsqrte")
    return next((n for n in (1, 2) if counts == [n * loop.loads, n * loop.stores, n * loop.estimates]), 0)


def cycles(lines, processor):
    """Return the estimated cycles of one turn."""
    command = [MCA, "-mtriple=aarch64", f"-mcpu={processor}", f"-iterations={TURNS}"]
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True)
    return float(re.search(r"Total Cycles:\s+(\d+)", done.stdout)[1]) / TURNS


def main():
    lacking = arm64.missing() or ("" if MCA else "llvm-mca: apt-get install llvm")
    if lacking:
        return f"make mca needs {lacking}"
    text = assembly()
    print("cycles for four floats  ", *(f"{name:>12}" for name in PROCESSORS.values()))
    for loop in LOOPS:
        # the one for whole lines comes with two vectors in a turn
        found = max(innermost(text, loop.function), key=lambda lines, loop=loop: vectors(lines, loop))
        turn = vectors(found, loop)
        times = [cycles(found, processor) / turn for processor in PROCESSORS]
        print(f"{loop.name:24}", *(f"{time:12.1f}" for time in times))
    return 0


if __name__ == "__main__":
    sys.exit(main())
