"""From checked arguments to a call of the kernels."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from lrncore._checks import Element, call_axes, check_out
from lrncore._threads import run, takes_one
from lrncore.spec import LRNSpec, check_spec

if TYPE_CHECKING:
    from numpy.typing import NDArray


def apply(
    compute: Callable[..., bool],
    inputs: tuple[NDArray[Any], ...],
    elements: tuple[Element, ...],
    spec: LRNSpec,
    axis: int | tuple[int, ...],
    out: NDArray[Any] | None,
    num_threads: int | None,
    most: int | None = None,
) -> NDArray[Any]:
    """Run a pass of the kernels on checked `inputs`, x the last of them, with at most `most` threads.

    Most calls go at once to the kernels, which check the memory that they are given. The rest is for what these
    refuse, which it explains or does in another way, and for all other calls.
    """
    x = inputs[-1]
    if type(spec) is not LRNSpec:
        check_spec(spec)
    axes = call_axes(axis, x)
    if elements[0].plain and (out is None or type(out) is np.ndarray) and takes_one(num_threads, x.size):
        y = np.empty_like(x) if out is None else out
        try:
            if compute(*inputs, y, axes, spec._arguments, 1, 0):
                return y
        except ValueError:
            pass
    y, y_swapped = output(x, out)
    arrays, target, arguments = tuple(map(exported, inputs)), exported(y), (axes, spec._arguments)
    rest = swapped_bits(elements) | y_swapped << 2, work_of(spec, axes, x.dtype.char), x.size, num_threads, most
    if not run(compute, (*arrays, target, *arguments), *rest):
        run_apart(compute, arrays, target, arguments, rest)
    return y


def run_apart(
    compute: Callable[..., bool],
    inputs: tuple[NDArray[Any], ...],
    y: NDArray[Any],
    arguments: tuple[Any, ...],
    rest: tuple[Any, ...],
) -> None:
    """Run a pass by way of a new array, where `y` overlaps an input in other places than its own."""
    apart = np.empty_like(y, subok=False)
    run(compute, (*inputs, apart, *arguments), *rest)
    np.copyto(y, apart)


def work_of(spec: LRNSpec, axes: tuple[int, ...], dtype: Hashable) -> tuple[Hashable, ...]:
    """Return what decides how long a pass takes for an element: the window and the element's type."""
    before, after, *_ = spec._arguments
    return dtype, before, after, len(axes)


def swapped_bits(elements: tuple[Element, ...]) -> int:
    """Return which inputs have swapped bytes: bit 0 for x, the last of them, bit 1 for the other."""
    return sum(element.swapped << i for i, element in enumerate(reversed(elements)))


def exported(array: NDArray[Any]) -> NDArray[Any]:
    """Return `array` so that it has a buffer: one of bfloat16, which buffers do not know, as its bits."""
    return array if array.dtype.kind == "f" else array.view(np.uint16)


def output(x: NDArray[Any], out: NDArray[Any] | None) -> tuple[NDArray[Any], bool]:
    """Return where the result for `x` goes, `out` or a new array, and whether its bytes are swapped."""
    return (new_like(x), False) if out is None else check_out(out, x)


def new_like(x: NDArray[Any]) -> NDArray[Any]:
    """Return a new array like `x`, in native byte order."""
    return np.empty_like(x, dtype=x.dtype.type, subok=False)
