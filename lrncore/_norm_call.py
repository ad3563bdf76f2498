"""From checked arguments to a call of the moment norms' kernels."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lrncore import kernels
from lrncore._call import exported, output, run_apart, swapped_bits
from lrncore._checks import Element, check_real
from lrncore._threads import run

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lrncore._arrays import Array

KERNELS = kernels.load_norms(kernels.isa)


class Sets(NamedTuple):
    """Which elements of an array share a statistic, and which a weight."""

    #: The axes of sets; along the others an element's set is the same
    kept: frozenset[int]
    #: Those along which the weight changes, ascending
    weighted: tuple[int, ...]
    centred: bool
    #: Of all sets, or of each, of the lengths of the kept axes in their order
    eps: float | Array
    #: Whether the statistics are given and not those of the sets
    given: bool = False
    #: Whether eps is added to the root
    outside: bool = False


class Parameters(NamedTuple):
    """The parameters, each of the lengths of the weighted axes in their order, or None: 1, 0 and no threshold."""

    weight: Array | None = None
    bias: Array | None = None
    tau: Array | None = None


class Statistics(NamedTuple):
    """The mean and the variance of each set, of the lengths of the kept axes in their order."""

    mean: Array
    var: Array


class Norm(NamedTuple):
    """What is computed."""

    sets: Sets
    parameters: Parameters = Parameters()
    #: Read by a forward if they are given, and written otherwise
    statistics: Statistics | None = None
    #: Whether eps has gradients
    learns_eps: bool = False


class Layout(NamedTuple):
    """The axes as they lie in memory, and the parameters likewise."""

    #: From the farthest strides of x to the nearest
    order: tuple[int, ...]
    #: For each of these: is it one of sets, and how many elements the parameters are apart along it
    axes: tuple[tuple[bool, int], ...]
    #: The parameters' own axes in that order, and the statistics'
    parameter_order: tuple[int, ...]
    set_order: tuple[int, ...]
    #: The parameters' elements
    size: int
    norm: tuple[float | Array, bool, bool, bool]
    #: Which axes are of sets, as bits: it decides how long an element takes
    walk: int

    @property
    def arguments(self) -> tuple[object, ...]:
        """Return what the kernels take after the arrays."""
        return self.axes, self.size, self.norm

    def of_sets(self, values: Array) -> Array:
        """Return numbers of the sets as the kernels number these."""
        return np.ascontiguousarray(values.transpose(self.set_order), np.float64).reshape(-1)

    def take(self, values: Array, found: Array) -> None:
        """Put the kernels' numbers of the sets into their own order."""
        to = values.transpose(self.set_order)
        np.copyto(to, found.reshape(to.shape))


def lay_out(x: Array, sets: Sets) -> Layout:
    """Return how a call walks x."""
    eps = sets.eps
    if not isinstance(eps, np.ndarray):
        return _lay_out(x.shape, x.strides, sets)
    layout = _lay_out(x.shape, x.strides, sets._replace(eps=0.0))
    return layout._replace(norm=(layout.of_sets(eps), *layout.norm[1:]))


# a network calls with the same few arrays again and again
@lru_cache(maxsize=256)
def _lay_out(shape: tuple[int, ...], strides: tuple[int, ...], sets: Sets) -> Layout:
    """Return how a call walks arrays of a shape and strides."""
    order = tuple(sorted(range(len(shape)), key=lambda axis: -abs(strides[axis])))
    weighted = [axis for axis in order if axis in sets.weighted]
    kept = [axis for axis in order if axis in sets.kept]
    ascending = sorted(kept)
    set_order = tuple([ascending.index(axis) for axis in kept])
    apart, size = {}, 1
    for axis in reversed(weighted):
        apart[axis] = size if shape[axis] > 1 else 0
        size *= shape[axis]
    return Layout(
        order,
        tuple([(axis in sets.kept, apart.get(axis, 0)) for axis in order]),
        tuple([sets.weighted.index(axis) for axis in weighted]),
        set_order,
        size,
        (sets.eps, sets.centred, sets.given, sets.outside),
        sum((axis in sets.kept) << i for i, axis in enumerate(order)),
    )


def real_of(x: Array) -> np.dtype[Any]:
    """Return what x is computed in."""
    return np.dtype(np.float64 if x.dtype.itemsize == 8 else np.float32)


def check_numbers(value: ArrayLike, name: str, shape: tuple[int, ...]) -> Array:
    """Return parameters or statistics as an array."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" and array.dtype.name != "bfloat16":
        raise TypeError(f"{name} must hold real numbers, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, got {array.shape}")
    return array


def check_parameters(
    shape: tuple[int, ...], weight: ArrayLike | None, bias: ArrayLike | None = None, tau: ArrayLike | None = None
) -> Parameters:
    """Return the parameters as arrays, where there are any."""
    return Parameters(
        None if weight is None else check_numbers(weight, "weight", shape),
        None if bias is None else check_numbers(bias, "bias", shape),
        None if tau is None else check_numbers(tau, "tau", shape),
    )


def check_eps(eps: object) -> float:
    """Return eps as a float of at least 0."""
    number = check_real(eps, "eps")
    if number < 0:
        raise ValueError(f"eps must be >= 0, got {eps!r}")
    return number


def normalize(
    x: Array,
    element: Element,
    norm: Norm,
    out: Array | None,
    num_threads: int | None,
    most: int | None = None,
) -> Array:
    """Run a forward on checked arguments, with at most `most` threads."""
    y, swapped = output(x, out)
    layout = lay_out(x, norm.sets)
    measured = _statistics(norm.statistics, layout)
    inputs, target = (_walked(x, layout),), _walked(y, layout)
    arguments = _parameters(norm.parameters, x, layout), measured, *layout.arguments
    rest = swapped_bits((element,)) | swapped << 2, _work(layout, x), x.size, num_threads, most
    compute = _kernels(x).forward
    if not run(compute, (*inputs, target, *arguments), *rest):
        run_apart(compute, inputs, target, arguments, rest)
    if norm.statistics is not None and not norm.sets.given:
        _take(norm.statistics, measured, layout)
    return y


def differentiate(
    g: Array,
    x: Array,
    elements: tuple[Element, Element],
    norm: Norm,
    out: Array | None,
    num_threads: int | None,
    most: int | None = None,
) -> tuple[Array, ...]:
    """Run a backward likewise; return the gradients of x, weight, bias, tau, and if it learns each set's of eps."""
    dx, swapped = output(x, out)
    layout = lay_out(x, norm.sets)
    inputs, target = (_walked(g, layout), _walked(x, layout)), _walked(dx, layout)
    sums = np.zeros((3, layout.size))
    of_sets = layout.of_sets(blank_statistics(x, norm.sets).mean) if norm.learns_eps else None
    measured = _statistics(norm.statistics, layout)
    arguments = _parameters(norm.parameters, x, layout), (*sums, of_sets), measured, *layout.arguments
    rest = swapped_bits(elements) | swapped << 2, _work(layout, x), x.size, num_threads, most
    compute = _kernels(x).backward
    if not run(compute, (*inputs, target, *arguments), *rest):
        run_apart(compute, inputs, target, arguments, rest)
    lengths = [x.shape[norm.sets.weighted[i]] for i in layout.parameter_order]
    back = np.argsort(layout.parameter_order).tolist()
    dtype = _dtype_of_gradients(norm.parameters.weight, x)
    with np.errstate(over="ignore"):  # as in sums of such arrays
        grads = [each.reshape(lengths).transpose(back).astype(dtype, order="C") for each in sums]
    if of_sets is None:
        return dx, *grads
    deps = blank_statistics(x, norm.sets).mean
    layout.take(deps, of_sets)
    return dx, *grads, deps


def measure(x: Array, element: Element, sets: Sets, num_threads: int | None) -> Statistics:
    """Measure the mean and the variance of sets."""
    statistics, layout = blank_statistics(x, sets), lay_out(x, sets)
    measured = _statistics(statistics, layout)
    arguments = _walked(x, layout), None, (None, None, None), measured, *layout.arguments
    kind = _work(layout, x), x.size, num_threads
    run(_kernels(x).forward, arguments, swapped_bits((element,)), *kind)
    _take(statistics, measured, layout)
    return statistics


def blank_statistics(x: Array, sets: Sets) -> Statistics:
    """Return arrays for the statistics of x."""
    shape = [x.shape[axis] for axis in sorted(sets.kept)]
    return Statistics(np.zeros(shape), np.zeros(shape))


def _statistics(statistics: Statistics | None, layout: Layout) -> tuple[Array | None, Array | None]:
    """Return the statistics as the kernels walk the sets."""
    if statistics is None:
        return None, None
    return layout.of_sets(statistics.mean), layout.of_sets(statistics.var)


def _take(statistics: Statistics, measured: tuple[Array | None, Array | None], layout: Layout) -> None:
    """Take what the kernels have measured over into the sets' own order."""
    for to, found in zip(statistics, measured, strict=True):
        if found is not None:
            layout.take(to, found)


def _dtype_of_gradients(weight: Array | None, x: Array) -> np.dtype[Any]:
    like = x if weight is None or weight.dtype.kind in "iu" else weight
    return real_of(like) if like.dtype.kind == "u" else np.dtype(like.dtype.type)


def _work(layout: Layout, x: Array) -> tuple[Hashable, ...]:
    """Return what decides how long a pass takes for an element."""
    return x.dtype.char, layout.walk, x.shape[-1]


def _kernels(x: Array) -> kernels.NormKernels:
    """Return what computes arrays of x's dtype; bits are those of bfloat16."""
    return KERNELS["bfloat16" if x.dtype == np.uint16 else x.dtype.name]


def _walked(array: Array, layout: Layout) -> Array:
    return exported(array).transpose(layout.order)


def _parameters(parameters: Parameters, x: Array, layout: Layout) -> tuple[Array | None, ...]:
    """Return the parameters as the kernels walk them."""
    real, order = real_of(x), layout.parameter_order
    laid_out = (None if each is None else np.ascontiguousarray(each.transpose(order), real) for each in parameters)
    return tuple(laid_out)


def kept_axes(x: Array, reduced: Collection[int]) -> frozenset[int]:
    """Return the axes of sets that span `reduced`."""
    return frozenset(range(x.ndim)) - frozenset(reduced)
