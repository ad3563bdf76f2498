"""The instruction sets, best first, and the one that this process uses.

Each is a build of the same Cython source (`kernel.pxi`) with other compiler flags, as one extension module for
each element type. The best that the processor can run is chosen at import; the environment variable
``LRNCORE_ISA`` caps the choice.
"""

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from lrncore.kernels._platform import supports

#: Best first. `baseline` runs on every processor of its platform: SSE2 on x86-64, NEON on arm64.
INSTRUCTION_SETS = ("avx512", "avx2", "baseline")


class Kernels(Protocol):
    """What every extension module has: all passes for one instruction set and one element type."""

    lanes: int

    def forward(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        axis: int,
        before: int,
        after: int,
        scale: float,
        beta: float,
        k: float,
        threads: int,
        swapped: int,
        /,
    ) -> bool: ...

    def backward(
        self,
        g: NDArray[Any],
        x: NDArray[Any],
        y: NDArray[Any],
        axis: int,
        before: int,
        after: int,
        scale: float,
        beta: float,
        k: float,
        threads: int,
        swapped: int,
        /,
    ) -> bool: ...

    def tangent(
        self,
        dx: NDArray[Any],
        x: NDArray[Any],
        y: NDArray[Any],
        axis: int,
        before: int,
        after: int,
        scale: float,
        beta: float,
        k: float,
        threads: int,
        swapped: int,
        /,
    ) -> bool: ...

    def parameters(
        self,
        g: NDArray[Any],
        x: NDArray[Any],
        axis: int,
        before: int,
        after: int,
        scale: float,
        beta: float,
        k: float,
        threads: int,
        swapped: int,
        /,
    ) -> tuple[float, float, float]: ...


def available() -> tuple[str, ...]:
    """Return the instruction sets that are built and that this processor runs, best first."""
    return tuple(
        isa for isa in INSTRUCTION_SETS if supports(isa) and find_spec(f"{__name__}._{isa}_f32") is not None
    )


def choose(cap: str | None) -> str:
    """Return the best available instruction set that is not better than `cap`."""
    if not cap:
        return available()[0]
    if cap not in INSTRUCTION_SETS:
        raise ValueError(f"LRNCORE_ISA must be one of {', '.join(INSTRUCTION_SETS)}, got {cap!r}")
    rank = INSTRUCTION_SETS.index(cap)
    return next(isa for isa in available() if INSTRUCTION_SETS.index(isa) >= rank)


def load(isa: str) -> dict[str, Kernels]:
    """Return the kernels of an available instruction set, by the name of their dtype."""
    return {
        name: cast("Kernels", import_module(f"{__name__}._{isa}_{short}"))
        for name, short in (("float32", "f32"), ("float64", "f64"), ("float16", "f16"), ("bfloat16", "bf16"))
    }


#: The instruction set in use
isa = choose(os.environ.get("LRNCORE_ISA"))
