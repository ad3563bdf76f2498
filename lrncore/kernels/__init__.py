"""The instruction sets, best first, and the one that this process uses.

Each is a build of the same Cython sources with other compiler flags (see `builds`), as one library for each family
of operators (`kernel.pxi`, `norms/norms.pxi`, `divisive/divisive.pxi`) and each type that is computed in: that of
float32 takes float16 and bfloat16 too. The libraries have nothing of Python; each family has one module that calls
them. The best that the processor can run is chosen at import; the environment variable ``LRNCORE_ISA`` caps the
choice.
"""

import os
from _thread import allocate_lock
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Protocol, TypeVar, cast

from lrncore.kernels import builds


def first_module() -> ModuleType:
    """Load the first extension module, and GNU OpenMP with it where the system has none.

    All others ask the loader for libgomp.so.1 by that name: another library's, the system's, or else the copy that
    wheels hold. A second OpenMP runtime in one process has threads of its own.
    """
    name, bundled = f"{__name__}._platform", f"{__path__[0]}/libgomp.so.1"
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ImportError(
            "lrncore was found in its uncompiled sources: start Python elsewhere, or build them (pip install -e .)"
        ) from error
    except ImportError as error:
        if "libgomp" not in str(error) or not os.path.exists(bundled):  # noqa: PTH110  (pathlib takes milliseconds)
            raise
    import ctypes  # noqa: PLC0415  (rarely needed)

    ctypes.CDLL(bundled)
    return import_module(name)


supports = first_module().supports

#: Their names, best first
INSTRUCTION_SETS = tuple(each.name for each in builds.INSTRUCTION_SETS)


class Kernels(Protocol):
    """What every library of LRN has: all passes for one instruction set and one type of numbers.

    Each takes its arrays, all of one element type (bfloat16 as uint16), and then
    ``axes, (before, after, scale, beta, k), threads, swapped``. Bits 0, 1 and 2 of the last say that x, the other
    input and the output have swapped bytes. False means that the output overlaps an input so that it cannot be
    written in place, and that nothing was done.
    """

    lanes: int
    wide_lanes: int  # of a vector of doubles, in which elements out of range are recomputed
    forward: Callable[..., bool]  # x, y
    backward: Callable[..., bool]  # g, x, y
    tangent: Callable[..., bool]  # dx, x, y
    parameters: Callable[..., tuple[float, float, float]]  # g, x; for scale, beta and k
    recomputed: Callable[[], int]  # vectors of doubles computed exactly since the import, each with a power
    summed: Callable[[], int]  # vectors that entered the sums of long windows for them


class NormKernels(Protocol):
    """What every library of the moment norms has.

    ``statistics, axes, params, norm, threads, swapped`` follow the arrays: `norms/calls.pxi` says what they are.
    False means what it means for `Kernels`.
    """

    lanes: int
    forward: Callable[..., bool]  # x, y, (weight, bias, tau)
    backward: Callable[..., bool]  # g, x, y, (weight, bias, tau), their gradients, deps


class DivisiveKernels(Protocol):
    """What every library of divisive normalization has.

    The arrays come first, in an order of their axes that `divisive/calls.pxi` says; what follows them is there too.
    Where finite numbers leave the range of the kernels the results are NaN, or not written where they would replace
    inputs, and their places are returned.
    """

    lanes: int
    raised: int  # sums of gradients of parameters are multiplied by 2**raised
    dense: Callable[..., list[tuple[int, int]]]  # (x, g, y, weights, transposed, sigma, dweights, dsigma, kept)
    windows: Callable[..., list[tuple[int, tuple[tuple[int, int], ...]]]]  # x, g, y, sigma, mass
    room: Callable[[int], tuple[int, int]]
    kept: Callable[[int, int], int]


def found(library: str) -> str | None:
    """Return the file of a library of kernels."""
    spec = find_spec(f"{__name__}.{library}")
    return spec.origin if spec else None


def available() -> tuple[str, ...]:
    """Return the instruction sets that are built and that this processor runs, best first."""
    return tuple(isa for isa in INSTRUCTION_SETS if supports(isa) and found(f"_{isa}_f32"))


def choose(cap: str | None) -> str:
    """Return the best available instruction set that is not better than `cap`."""
    if not cap:
        return available()[0]
    if cap not in INSTRUCTION_SETS:
        raise ValueError(f"LRNCORE_ISA must be one of {', '.join(INSTRUCTION_SETS)}, got {cap!r}")
    rank = INSTRUCTION_SETS.index(cap)
    return next(isa for isa in available() if INSTRUCTION_SETS.index(isa) >= rank)


LOADED: dict[str, Any] = {}
LOADING = allocate_lock()
if hasattr(os, "register_at_fork"):
    # a child would wait for ever for a thread that the parent has
    os.register_at_fork(before=LOADING.acquire, after_in_parent=LOADING.release, after_in_child=LOADING.release)


def load_library(calls: str, library: str) -> Any:
    """Return the kernels of a library as the module `calls` has them, the same to all."""
    with LOADING:
        if library not in LOADED:
            path = found(library)
            if path is None:
                raise ImportError(f"lrncore's kernels {library} are not there: they were not built, or deleted")
            LOADED[library] = import_module(f"{__name__}.{calls}").Kernels(os.fsencode(path))
        return LOADED[library]


Loaded = TypeVar("Loaded")


class Modules(Mapping[str, Loaded]):
    """The kernels of a family and an instruction set by the name of their dtype; each is loaded when asked for."""

    def __init__(self, isa: str, family: str) -> None:
        self.isa = isa
        (self.family,) = (each for each in builds.FAMILIES if each.name == family)
        self.names = {each.name: builds.library(isa, self.family, each.real) for each in builds.ELEMENTS}
        self.loaded: dict[str, Loaded] = {}

    def __getitem__(self, name: str) -> Loaded:
        found = self.loaded.get(name)
        if found is None:
            found = self.loaded[name] = cast("Loaded", load_library(self.family.calls, self.names[name]))
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def load(isa: str) -> Modules[Kernels]:
    """Return the kernels of an available instruction set."""
    return Modules(isa, "lrn")


def load_norms(isa: str) -> Modules[NormKernels]:
    """Return those of the moment norms."""
    return Modules(isa, "norms")


def load_divisive(isa: str) -> Modules[DivisiveKernels]:
    """Return those of divisive normalization."""
    return Modules(isa, "divisive")


#: The instruction set in use
isa = choose(os.environ.get("LRNCORE_ISA"))
