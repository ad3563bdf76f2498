"""`python -m peers.norms`: the moment norms beside PyTorch and oneDNN in one process, in copies of the same array.

lrncore's functions write into an array that is there, as NumPy code has it; `lrncore.torch` and PyTorch return new
tensors, from an allocator that keeps freed memory, and pay for autograd where it is at work.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from benchmarks import bandwidth, cases

import lrncore

from .processes import SETTINGS
from .table import processor, rule, versions

FORWARD, BACKWARD = PASSES = ("forward", "forward + backward")
GROUPS = 32
#: Seconds of a call from which its first is the only one, as of oneDNN's reference code
SLOW = 0.1
#: Channels, height and width; images
MAPS, BATCHES = (96, 55, 55), (1, 16)
#: One where PyTorch's call is mostly overhead, and some that networks have
SMALL = ((2, 16, 8, 8), (8, 64, 28, 28))
ROWS = ((3025, 96), (4096, 1024), (1024, 4096))
OWN, TWIN, TORCH, ONEDNN = COLUMNS = ("lrncore", "lrncore.torch", "torch", "oneDNN")


@dataclass(frozen=True)
class Case:
    """A norm of arrays of a shape, channels first or last; rows have neither."""

    norm: str
    layout: str
    shape: tuple[int, ...]

    @property
    def label(self) -> str:
        return f"{self.norm} {self.layout} {'x'.join(map(str, self.shape))}".replace("  ", " ")


def plan(quick: bool) -> list[Case]:
    """Return what is measured; shapes are PyTorch's, whatever the layout."""
    shapes = SMALL[:1] if quick else (*SMALL, *((batch, *MAPS) for batch in BATCHES))
    images = [
        Case(norm, layout, shape)
        for norm in ("batch", "batch_train", "group", "instance")
        for layout in ("planar", "packed")
        for shape in shapes
    ]
    return images + [Case(norm, "", shape) for norm in ("layer", "rms") for shape in (ROWS[:1] if quick else ROWS)]


class Problem:
    """The arrays of a case."""

    def __init__(self, case: Case) -> None:
        self.norm, shape = case.norm, case.shape
        self.packed = case.layout == "packed"
        if self.packed:
            shape = (shape[0], *shape[2:], shape[1])
        self.x, self.g = (cases.normal(shape, np.dtype("float32"), seed) for seed in (1, 2))
        self.out = self.x.copy()
        self.axis = -1 if self.packed or not case.layout else 1
        channels = shape[self.axis]
        self.weight, self.bias = np.full(channels, 1.5, np.float32), np.ones(channels, np.float32)
        self.mean, self.var = np.zeros(channels, np.float32), np.ones(channels, np.float32)
        #: as many as there are, or as divide them
        self.groups = GROUPS if channels % GROUPS == 0 else channels // 2

    def copy(self) -> None:
        np.copyto(self.out, self.x)


def own(problem: Problem) -> dict[str, Callable[[], Any]]:
    """Return both passes of lrncore into an array."""
    p = problem
    more: dict[str, Any] = {"out": p.out, "num_threads": 1}
    image = more | {"axis": p.axis}
    calls = {
        "batch": (
            lambda: lrncore.batch_norm(p.x, p.mean, p.var, p.weight, p.bias, **image),
            lambda: lrncore.batch_norm_backward(p.g, p.x, p.mean, p.var, p.weight, **image),
        ),
        "batch_train": (
            lambda: lrncore.batch_norm_train(p.x, p.weight, p.bias, **image),
            lambda: lrncore.batch_norm_train_backward(p.g, p.x, p.weight, **image),
        ),
        "group": (
            lambda: lrncore.group_norm(p.x, p.groups, p.weight, p.bias, **image),
            lambda: lrncore.group_norm_backward(p.g, p.x, p.groups, p.weight, **image),
        ),
        "instance": (
            lambda: lrncore.instance_norm(p.x, p.weight, p.bias, **image),
            lambda: lrncore.instance_norm_backward(p.g, p.x, p.weight, **image),
        ),
        "layer": (
            lambda: lrncore.layer_norm(p.x, -1, p.weight, p.bias, **more),
            lambda: lrncore.layer_norm_backward(p.g, p.x, -1, p.weight, **more),
        ),
        "rms": (
            lambda: lrncore.rms_norm(p.x, -1, p.weight, **more),
            lambda: lrncore.rms_norm_backward(p.g, p.x, -1, p.weight, **more),
        ),
    }
    forward, backward = calls[p.norm]
    return {FORWARD: forward, BACKWARD: lambda: (forward(), backward())}


def within_torch(problem: Problem, functions: Any) -> dict[str, Callable[[], Any]]:
    """Return both passes of functions that are called like PyTorch's, the second by autograd."""
    import torch  # noqa: PLC0415  (optional)

    p = problem
    x, g, weight, bias, mean, var = map(torch.from_numpy, (p.x, p.g, p.weight, p.bias, p.mean, p.var))
    if p.packed:
        x, g = (each.permute(0, 3, 1, 2) for each in (x, g))
    calls = {
        "batch": lambda x, w, b: functions.batch_norm(x, mean, var, w, b),
        "batch_train": lambda x, w, b: functions.batch_norm(x, None, None, w, b, training=True),
        "group": lambda x, w, b: functions.group_norm(x, p.groups, w, b),
        "instance": lambda x, w, b: functions.instance_norm(x, weight=w, bias=b),
        "layer": lambda x, w, b: functions.layer_norm(x, x.shape[-1:], w, b),
        "rms": lambda x, w, b: functions.rms_norm(x, x.shape[-1:], w),  # noqa: ARG005
    }
    call = calls[p.norm]
    kept = torch.preserve_format
    leaves = [each.detach().clone(memory_format=kept).requires_grad_() for each in (x, weight, bias)]
    wanted = leaves[: 2 if p.norm == "rms" else 3]

    @torch.no_grad()
    def forward() -> Any:
        return call(x, weight, bias)

    return {FORWARD: forward, BACKWARD: lambda: torch.autograd.grad(call(*leaves), wanted, g)}


def within_onednn(problem: Problem) -> dict[str, Callable[[], Any]]:
    """Return the passes of oneDNN that the user has built, or the forwards that PyTorch gives to its own."""
    if os.environ.get("ONEDNN"):
        return of_onednn(problem)
    import torch  # noqa: PLC0415

    if problem.norm not in {"batch", "batch_train"} or problem.packed:
        return {}
    x = torch.from_numpy(problem.x).to_mkldnn()
    weight, bias, mean, var = map(torch.from_numpy, (problem.weight, problem.bias, problem.mean, problem.var))
    training = problem.norm == "batch_train"

    @torch.no_grad()
    def forward() -> Any:
        return torch.nn.functional.batch_norm(x, mean.clone(), var.clone(), weight, bias, training=training)

    return {FORWARD: forward}


def of_onednn(problem: Problem) -> dict[str, Callable[[], Any]]:
    """Return both passes of oneDNN's own primitives, where it has one; it has no RMS norm."""
    from . import onednn  # noqa: PLC0415  (optional)

    p, shape = problem, problem.x.shape
    channels = len(p.weight)
    kinds = {"batch": onednn.BATCH, "batch_train": onednn.BATCH_TRAIN, "layer": onednn.LAYER}
    kind = kinds.get(p.norm, onednn.GROUP)
    if p.norm == "rms" or (kind == onednn.GROUP and not onednn.has_group_norm()):
        return {}
    block = onednn.PACKED if p.packed else onednn.PLANAR
    dims = (shape[0], shape[3], *shape[1:3]) if p.packed else shape
    groups = channels if p.norm == "instance" else p.groups
    arrays = (p.x, p.g, p.out, np.zeros_like(p.x), p.weight, p.bias, p.mean, p.var)
    first = onednn.TRAINING if p.norm == "batch_train" else onednn.INFERENCE
    passes = {FORWARD: first, BACKWARD: onednn.BOTH}
    return {name: onednn.norm(which, kind, dims, block, groups, arrays) for name, which in passes.items()}


def measured(quick: bool) -> Iterator[dict[str, Any]]:
    """Yield a row for each case and pass: the copies that each column takes."""
    import torch  # noqa: PLC0415

    import lrncore.torch  # noqa: PLC0415

    torch.set_num_threads(1)
    lrncore.set_num_threads(1)
    bandwidth.SECONDS, bandwidth.ROUNDS = (0.01, 3) if quick else (0.25, 9)
    # of one thread: without what other programs take
    bandwidth.CLOCK = process_time
    for case in plan(quick):
        problem = Problem(case)
        sources = {
            OWN: own(problem),
            TWIN: within_torch(problem, lrncore.torch),
            TORCH: within_torch(problem, torch.nn.functional),
            ONEDNN: within_onednn(problem),
        }
        for direction in PASSES:
            calls = {name: found[direction] for name, found in sources.items() if direction in found}
            first = {name: took(call) for name, call in calls.items()}
            fast = {name: call for name, call in calls.items() if first[name] < SLOW}
            copy, *seconds = bandwidth.medians(problem.copy, *fast.values())
            times = first | dict(zip(fast, seconds, strict=True))
            copies = {name: round(each / copy, 2) for name, each in times.items()}
            yield {
                "case": asdict(case),
                "label": case.label,
                "pass": direction,
                "us": round(copy * 1e6, 1),
                **copies,
            }


def took(call: Callable[[], Any]) -> float:
    """Return the seconds of one call."""
    start = bandwidth.CLOCK()
    call()
    return bandwidth.CLOCK() - start


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a table."""
    config = lrncore.show_config(mode="dicts") or {}
    names = ["torch", *["onednn"] * bool(os.environ.get("ONEDNN"))]
    lines = [rule("The moment norms on the CPU, in copies of their arrays: float32, one thread")]
    lines += [f" {processor()}, {config['instruction_set']}; {', '.join(versions(names))}"]
    for direction in PASSES:
        lines += [rule(direction), f" {'':34}{'copy, us':>10}" + "".join(f"{name:>14}" for name in COLUMNS)]
        for row in rows:
            if row["pass"] == direction:
                figures = "".join(f"{row.get(name, ''):>14}" for name in COLUMNS)
                lines.append(f" {row['label']:34}{row['us']:10.1f}{figures}".rstrip())
    return "\n".join([*lines, rule()])


def main() -> None:
    """Measure in a process with the allocator's settings, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m peers.norms", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small arrays, and short measurements")
    parser.add_argument("--json", type=Path, help="where to write the rows")
    given = parser.parse_args()
    if os.environ.get("LRNCORE_PEERS_NORMS") is None:
        environment = os.environ | SETTINGS | {"OMP_NUM_THREADS": "1", "LRNCORE_PEERS_NORMS": "1"}
        command = [sys.executable, "-m", "peers.norms", *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)  # noqa: S603  (this very program)
    try:
        rows = []
        for row in measured(given.quick):
            rows.append(row)
            if given.json:
                given.json.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    except ImportError as missing:
        sys.exit(f"the norms beside others: not measured, {missing}")
    sys.stdout.write(table(rows) + "\n")


if __name__ == "__main__":
    main()
