"""What a call of divisive normalization is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from lrncore._arrays import Array
    from lrncore._checks import Element

#: The range of each axis
Place = tuple[tuple[int, int], ...]


class Formula(NamedTuple):
    """The exponents: p of the pool (0 for x itself, without its magnitude), q of D, n of the numerator."""

    p: float
    q: float
    n: float = 1.0


class Window(NamedTuple):
    """The weights of a pool along an axis, the first at `-before`; and 1 / the mass inside for each place."""

    before: int
    weights: tuple[float, ...]
    mass: Array | None = None

    def mirrored(self) -> Window:
        """Return the window of the transposed sum."""
        return Window(len(self.weights) - 1 - self.before, self.weights[::-1], self.mass)


class Pool(NamedTuple):
    """What is summed: weights of all channels, or windows along axes; and sigma, one or a channel's."""

    sigma: Array
    matrix: Array | None = None
    #: In the order of their sums, on which bits depend: the same for every layout
    windows: dict[int, Window] = {}  # noqa: RUF012  (never changed)
    #: Of the arrays so far, by their shapes and strides, where the pool is used again
    walks: dict[Any, Walk] | None = None


class Walk(NamedTuple):
    """The axes of an array as the kernels take them, the outer ones first and that of vectors last."""

    #: The array's axes in that order, and its shape with those merged that go on in each other; None: as they are
    axes: tuple[int, ...] | None
    merged: tuple[int, ...] | None
    #: The pool of that array, and the axis of sigma
    pool: Pool
    axis: int
    outer: tuple[int, ...]  # lengths
    #: What the kernels take
    sides: tuple[Any, ...]
    mass: Array
    sigma: Array
    sigma_at: int
    total: float
    #: How many taps each side has
    kind: tuple[int, ...]

    def seen(self, array: Array) -> Array:
        """Return a view of an array as it is walked."""
        if self.axes is not None:
            array = array.transpose(self.axes)
        return array if self.merged is None else array.reshape(self.merged)

    def places(self, blocks: list[Any]) -> Iterator[Place]:
        """Return the range of each axis for each of the kernels' blocks."""
        for number, spans in blocks:
            index = np.unravel_index(number, self.outer) if self.outer else ()
            yield *((int(i), int(i) + 1) for i in index), *spans


class Job(NamedTuple):
    """A call on checked arguments: `arrays` are x, or g and x."""

    arrays: tuple[Array, ...]
    elements: tuple[Element, ...]
    pool: Pool
    formula: Formula
    axis: int
    num_threads: int | None
    #: The pools, from the forward to the backward of the same x
    kept: Array | None = None


class Sums:
    """The gradients of a matrix and of sigma, as the kernels add them up."""

    def __init__(self, channels: int, room: tuple[int, int]) -> None:
        self.channels = channels
        self.dmatrix, self.dsigma = np.zeros(room), np.zeros(room[0])
        #: What was computed in wider numbers
        self.rest: list[tuple[Array, Array]] = []

    def add(self, dmatrix: Array, dsigma: Array) -> None:
        """Add gradients that are complete."""
        self.rest.append((dmatrix, dsigma))

    def total(self, q: float, raised: int) -> tuple[Array, Array]:
        """Return the two gradients."""
        c, factor = self.channels, -q * 2.0**-raised
        dmatrix, dsigma = self.dmatrix[:c, :c] * factor, self.dsigma[:c] * factor
        for more, most in self.rest:
            dmatrix, dsigma = dmatrix + more, dsigma + most
        return dmatrix, dsigma
