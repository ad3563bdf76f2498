"""From checked arguments to a call of the moment norms' kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lrncore import kernels
from lrncore._arrays import as_array
from lrncore._call import carry_out, exported, swapped_bits
from lrncore._checks import Element, check_real
from lrncore._norm_layout import Layout
from lrncore._threads import run

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lrncore._arrays import Array

KERNELS = kernels.load_norms(kernels.isa)

#: The threads that the caller wants, and how many there may be at most
Threads = tuple[int | None, int | None]

FLOAT, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


class Statistics(NamedTuple):
    """The mean and the variance of each set, of the lengths of the kept axes in their order."""

    mean: Array
    var: Array


#: Weight, bias and threshold as the kernels take them, each None where it is 1, 0 or none
Parameters = tuple["Array | None", "Array | None", "Array | None"]
#: What is computed. A forward reads the statistics if they are given, and writes them otherwise
Norm = tuple[Layout, Parameters, "Statistics | None"]


def real_of(x: Array) -> np.dtype[Any]:
    """Return what x is computed in."""
    return DOUBLE if x.dtype.itemsize == 8 else FLOAT


def check_numbers(value: ArrayLike, name: str, shape: tuple[int, ...]) -> Array:
    """Return a parameter or a statistic as an array."""
    array: Array = value if type(value) is np.ndarray else as_array(value, name)
    dtype = array.dtype
    if dtype is not FLOAT and dtype.kind not in "fiu" and dtype.name != "bfloat16":
        raise TypeError(f"{name} must hold real numbers, got {dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, got {array.shape}")
    return array


def check_parameters(
    x: Array, layout: Layout, weight: ArrayLike | None, bias: ArrayLike | None = None, tau: ArrayLike | None = None
) -> Parameters:
    """Return the parameters, where there are any, as the kernels take them."""
    real = real_of(x)
    return (
        None if weight is None else _parameter(weight, "weight", layout, real),
        None if bias is None else _parameter(bias, "bias", layout, real),
        None if tau is None else _parameter(tau, "tau", layout, real),
    )


def _parameter(value: ArrayLike, name: str, layout: Layout, real: np.dtype[Any]) -> Array:
    if (  # as in most calls: in less time
        type(value) is np.ndarray
        and value.dtype is real
        and layout.order is None
        and value.shape == layout.shape
        and value.flags.c_contiguous
    ):
        return value
    return layout.of_parameter(check_numbers(value, name, layout.shape), real)


def check_eps(eps: object) -> float:
    """Return eps as a float of at least 0."""
    number = check_real(eps, "eps")
    if number < 0:
        raise ValueError(f"eps must be >= 0, got {eps!r}")
    return number + 0.0  # of the two zeros, which are equal, the positive one


def check_weight(x: Array, layout: Layout, weight: ArrayLike | None) -> tuple[Parameters, np.dtype[Any]]:
    """Return the parameters of a backward that has no other, and the dtype of their gradients."""
    parameters = check_parameters(x, layout, weight)
    if weight is not None and parameters[0] is weight:
        return parameters, parameters[0].dtype
    given = None if weight is None else check_numbers(weight, "weight", layout.shape)
    return parameters, dtype_of_gradients(given, x)


def dtype_of_gradients(weight: Array | None, x: Array) -> np.dtype[Any]:
    """Return the dtype of the parameters' gradients: that of the weight, or else of x, where these are real."""
    like = x if weight is None or weight.dtype.kind in "iu" else weight
    return real_of(like) if like.dtype.kind == "u" else np.dtype(like.dtype.type)


def normalize(x: Array, element: Element, norm: Norm, out: Array | None, threads: Threads) -> Array:
    """Run a forward on checked arguments."""
    layout, parameters, statistics = norm
    measured = _measured(statistics, layout)
    arguments = parameters, measured, layout.axes, layout.size, layout.norm
    y = carry_out(_kernels(x).forward, (x,), (element,), arguments, out, layout.work, threads, layout.view)
    if statistics is not None and not layout.norm[2]:
        _take(statistics, measured, layout)
    return y


def differentiate(
    g: Array,
    x: Array,
    elements: tuple[Element, Element],
    norm: Norm,
    dtype: np.dtype[Any],
    out: Array | None,
    threads: Threads,
    deps: Array | None = None,
) -> tuple[Array, ...]:
    """Run a backward likewise; return the gradients of x, and of weight and bias in a dtype.

    That of each set's eps goes into `deps`, where it is asked for, and then there is one of tau.
    """
    layout, parameters, statistics = norm
    found = np.zeros((2 if deps is None else 3, layout.size), FLOAT if dtype == FLOAT else DOUBLE)
    of_sets = None if deps is None else layout.of_sets(deps)
    measured = _measured(statistics, layout)
    arguments = parameters, found, of_sets, measured, layout.axes, layout.size, layout.norm
    dx = carry_out(_kernels(x).backward, (g, x), elements, arguments, out, layout.work, threads, layout.view)
    if deps is not None and of_sets is not None:
        layout.take(deps, of_sets)
    return dx, *layout.of_gradients(found, dtype)


def measure(x: Array, element: Element, layout: Layout, num_threads: int | None) -> Statistics:
    """Measure the mean and the variance of sets."""
    statistics = blank_statistics(layout)
    measured = _measured(statistics, layout)
    walked = exported(x) if layout.view is None else layout.view(exported(x))
    arguments = walked, None, (None, None, None), measured, layout.axes, layout.size, layout.norm
    run(_kernels(x).forward, arguments, swapped_bits((element,)), (x.dtype.char, layout.work), x.size, num_threads)
    _take(statistics, measured, layout)
    return statistics


def blank_statistics(layout: Layout) -> Statistics:
    """Return arrays for the statistics of an array's sets."""
    return Statistics(layout.blank(), layout.blank())


def _measured(statistics: Statistics | None, layout: Layout) -> tuple[Array | None, Array | None]:
    """Return the statistics as the kernels walk the sets."""
    if statistics is None:
        return None, None
    return layout.of_sets(statistics.mean), layout.of_sets(statistics.var)


def _take(statistics: Statistics, measured: tuple[Array | None, Array | None], layout: Layout) -> None:
    """Take what the kernels have measured over into the sets' own order, if that is another."""
    if layout.set_order is None:
        return
    for to, found in zip(statistics, measured, strict=True):
        if found is not None:
            layout.take(to, found)


def _kernels(x: Array) -> kernels.NormKernels:
    """Return what computes x: float32's kernels take the 16-bit types, and their bits."""
    return KERNELS["float64" if x.dtype.itemsize == 8 else "float32"]
