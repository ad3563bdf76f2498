"""How the moment norms' kernels walk an array: its axes, those of the sets, and those of the parameters."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from lrncore._arrays import Array


class Sets(NamedTuple):
    """Which elements of an array share a statistic, and which a weight."""

    #: The axes of sets; along the others an element's set is the same
    kept: frozenset[int]
    #: Those along which the weight changes, ascending
    weighted: tuple[int, ...]
    centred: bool
    eps: float
    #: Whether the statistics are given and not those of the sets
    given: bool = False
    #: Whether eps is added to the root
    outside: bool = False
    #: An axis that is walked as two, and their lengths; the axes above are those that are walked
    split: tuple[int, tuple[int, int]] | None = None


class Layout(NamedTuple):
    """The axes as they are walked, from the farthest strides to the nearest, and the parameters likewise."""

    #: From an array to its axes as they are walked; None: from the array itself. So are the two orders below
    view: Callable[[Array], Array] | None
    #: For each of these: is it one of sets, and how many elements the parameters are apart along it
    axes: tuple[tuple[bool, int], ...]
    #: The parameters' elements
    size: int
    #: Eps, centred, given, outside
    norm: tuple[float | Array, bool, bool, bool]
    #: The parameters' shape as they are given, and with an axis for each that is weighted; then the order of these
    shape: tuple[int, ...]
    lengths: tuple[int, ...]
    order: tuple[int, ...] | None
    #: The lengths of the axes of sets, and their order
    set_lengths: tuple[int, ...]
    set_order: tuple[int, ...] | None
    #: Whether there are no elements
    empty: bool
    #: What decides how long an element takes, besides its type
    work: Hashable

    def of_parameter(self, given: Array, real: np.dtype[Any]) -> Array:
        """Return a parameter as the kernels walk it."""
        walked = given if self.order is None else given.reshape(self.lengths).transpose(self.order)
        return np.ascontiguousarray(walked, real)

    def of_gradients(self, sums: Array, dtype: np.dtype[Any]) -> tuple[Array, ...]:
        """Return the kernels' gradients of parameters, one in a row, as these are given."""
        if self.order is not None:
            lengths = [self.lengths[axis] for axis in self.order]
            back = [1 + self.order.index(axis) for axis in range(len(lengths))]
            sums = sums.reshape(len(sums), *lengths).transpose(0, *back)
        if dtype != sums.dtype:
            with np.errstate(over="ignore"):  # as in sums of such arrays
                sums = sums.astype(dtype)
        if sums.shape[1:] != self.shape:
            sums = sums.reshape(len(sums), *self.shape)
        return tuple([sums[i, ...] for i in range(len(sums))])

    def of_sets(self, values: Array) -> Array:
        """Return numbers of the sets as the kernels number these."""
        walked = values if self.set_order is None else values.transpose(self.set_order)
        return np.ascontiguousarray(walked, np.float64)

    def take(self, values: Array, found: Array) -> None:
        """Put the kernels' numbers of the sets, where these are in another order than `values`, into it."""
        if self.set_order is not None:
            np.copyto(values.transpose(self.set_order), found)

    def blank(self) -> Array:
        """Return an array for a number of each set, which is 0 where the set has no elements."""
        return np.zeros(self.set_lengths) if self.empty else np.empty(self.set_lengths)

    def with_eps(self, each: Array) -> Layout:
        """Return the same with an eps for each set."""
        return self._replace(norm=(self.of_sets(each), *self.norm[1:]))


# a network calls with the same few arrays again and again
@lru_cache(maxsize=256)
def lay_out(given: tuple[int, ...], apart: tuple[int, ...], make: Callable[..., Sets], *which: Any) -> Layout:
    """Return how arrays of a shape and strides are walked in the sets ``make(ndim, *which)``.

    What comes from callers has been checked: of two equal arguments of different types one may be refused.
    """
    sets = make(len(given), *which)
    shape, strides = _divided(given, apart, sets)
    order = tuple(sorted(range(len(shape)), key=lambda axis: -abs(strides[axis])))
    weighted = [axis for axis in order if axis in sets.weighted]
    kept = [axis for axis in order if axis in sets.kept]
    params, size = {}, 1
    for axis in reversed(weighted):
        params[axis] = size if shape[axis] > 1 else 0
        size *= shape[axis]
    lengths = tuple([shape[axis] for axis in sets.weighted])
    whole = sets.split is not None and len(sets.weighted) == len(sets.split[1])
    return Layout(
        view=_view(order, given, shape),
        axes=tuple([(axis in sets.kept, params.get(axis, 0)) for axis in order]),
        size=size,
        norm=(sets.eps, sets.centred, sets.given, sets.outside),
        shape=(size,) if whole else lengths,
        lengths=lengths,
        order=_order(weighted, sets.weighted),
        set_lengths=tuple([shape[axis] for axis in sorted(kept)]),
        set_order=_order(kept, sorted(kept)),
        empty=0 in shape,
        work=(sum((axis in sets.kept) << i for i, axis in enumerate(order)), shape[-1]),
    )


def _divided(
    shape: tuple[int, ...], strides: tuple[int, ...], sets: Sets
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return a shape and strides with an axis that is walked as two."""
    if sets.split is None:
        return shape, strides
    axis, lengths = sets.split
    apart = strides[axis] * lengths[1], strides[axis]
    return shape[:axis] + lengths + shape[axis + 1 :], strides[:axis] + apart + strides[axis + 1 :]


def _order(walked: Sequence[int], given: Sequence[int]) -> tuple[int, ...] | None:
    """Return where the axes that are walked are among those given; None if both are the same."""
    return None if list(walked) == list(given) else tuple([list(given).index(axis) for axis in walked])


def _view(
    order: tuple[int, ...], given: tuple[int, ...], shape: tuple[int, ...]
) -> Callable[[Array], Array] | None:
    """Return what views an array as it is walked, if it is not walked as it is."""
    turned = _order(order, range(len(order)))
    if shape != given:
        return partial(_split, given, shape, turned)
    return None if turned is None else partial(_turned, turned)


def _turned(order: tuple[int, ...], array: Array) -> Array:
    return array.transpose(order)


def _split(given: tuple[int, ...], shape: tuple[int, ...], order: tuple[int, ...] | None, array: Array) -> Array:
    if array.shape != given:
        raise ValueError(f"an array of the shape {given} expected, got {array.shape}")
    # an axis can be split whatever its stride
    walked = array.reshape(shape)
    return walked if order is None else walked.transpose(order)
