"""From checked arguments to a call of the kernels."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from lrncore._checks import Element, call_axes, check_out
from lrncore._threads import run, takes_one
from lrncore.spec import LRNSpec, check_spec

if TYPE_CHECKING:
    from lrncore._arrays import Array


def apply(
    compute: Callable[..., bool],
    inputs: tuple[Array, ...],
    elements: tuple[Element, ...],
    spec: LRNSpec,
    axis: int | tuple[int, ...],
    out: Array | None,
    num_threads: int | None,
    most: int | None = None,
) -> Array:
    """Run a pass of LRN on checked `inputs`, x the last of them, with at most `most` threads."""
    if type(spec) is not LRNSpec:
        check_spec(spec)
    axes = call_axes(axis, inputs[-1])
    arguments = axes, spec._arguments
    return carry_out(compute, inputs, elements, arguments, out, work_of(spec, axes), (num_threads, most))


def carry_out(
    compute: Callable[..., bool],
    inputs: tuple[Array, ...],
    elements: tuple[Element, ...],
    arguments: tuple[Any, ...],
    out: Array | None,
    work: Hashable,
    threads: tuple[int | None, int | None],
    view: Callable[[Array], Array] | None = None,
) -> Array:
    """Run a pass of the kernels, which take a `view` of each array and then `arguments`, and return its output.

    Most calls go at once to the kernels, which check the memory that they are given. The rest is for what these
    refuse, which it explains or does in another way, and for all other calls. `threads` are those that the caller
    wants, and how many there may be at most.
    """
    x = inputs[-1]
    if elements[0].plain and (out is None or type(out) is np.ndarray) and takes_one(threads[0], x.size):
        y = np.empty_like(x) if out is None else out
        try:
            walked = inputs if view is None else map(view, inputs)
            if compute(*walked, y if view is None else view(y), *arguments, 1, 0):
                return y
        except ValueError:
            pass
    y, y_swapped = output(x, out)
    arrays = [exported(each) if view is None else view(exported(each)) for each in (*inputs, y)]
    rest = swapped_bits(elements) | y_swapped << 2, (x.dtype.char, work), x.size, *threads
    if not run(compute, (*arrays, *arguments), *rest):
        # y overlaps an input in other places than its own
        target, arrays[-1] = arrays[-1], np.empty_like(arrays[-1], subok=False)
        run(compute, (*arrays, *arguments), *rest)
        np.copyto(target, arrays[-1])
    return y


def work_of(spec: LRNSpec, axes: tuple[int, ...]) -> Hashable:
    """Return what decides how long a pass takes for an element, besides its type: the window."""
    return spec._window, len(axes)


def swapped_bits(elements: tuple[Element, ...]) -> int:
    """Return which inputs have swapped bytes: bit 0 for x, the last of them, bit 1 for the other."""
    return elements[-1].swapped | (elements[0].swapped << 1 if len(elements) > 1 else 0)


def exported(array: Array) -> Array:
    """Return `array` so that it has a buffer: one of bfloat16, which buffers do not know, as its bits."""
    return array if array.dtype.kind == "f" else array.view(np.uint16)


def output(x: Array, out: Array | None) -> tuple[Array, bool]:
    """Return where the result for `x` goes, `out` or a new array, and whether its bytes are swapped."""
    return (new_like(x), False) if out is None else check_out(out, x)


def new_like(x: Array) -> Array:
    """Return a new array like `x`, in native byte order."""
    return np.empty_like(x, dtype=x.dtype.type, subok=False)
