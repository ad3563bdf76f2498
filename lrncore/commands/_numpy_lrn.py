"""LRN as one would write it in NumPy, with care: what lrncore is measured beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lrncore.spec import LRNSpec

Array = NDArray[Any]


class Slices:
    """Both passes by sums of shifted slices, into arrays that are made once, and square roots for beta 0.75."""

    def __init__(self, x: Array, spec: LRNSpec, axis: int, y: Array, g: Array) -> None:
        self.x, self.g, self.spec, self.axis, self.y = x, g, spec, axis, y
        self.dx = np.zeros_like(x)
        self.squares, self.total, self.power = (np.zeros_like(x) for _ in range(3))
        self.scale, self.k, self.beta = map(x.dtype.type, (spec.scale, spec.k, spec.beta))

    def forward(self) -> Array:
        """Return y."""
        np.multiply(self.x, self.x, out=self.squares)
        self._add_window(self.squares, self.spec.before, self.spec.after)
        self.total *= self.scale
        self.total += self.k
        if self.beta == 0.75:
            np.sqrt(self.total, out=self.squares)
            np.sqrt(self.squares, out=self.power)
            self.power *= self.squares
            np.reciprocal(self.power, out=self.power)
        else:
            np.power(self.total, -self.beta, out=self.power)
        return np.multiply(self.x, self.power, out=self.y)

    def both(self) -> tuple[Array, Array]:
        """Return y and dx."""
        y = self.forward()
        terms = np.divide(y, self.total, out=self.squares)
        terms *= self.g
        self._add_window(terms, self.spec.after, self.spec.before)
        self.total *= self.x
        self.total *= -2 * self.scale * self.beta
        np.multiply(self.g, self.power, out=self.dx)
        self.dx += self.total
        return y, self.dx

    def _add_window(self, terms: Array, before: int, after: int) -> None:
        """Add up the terms of each window in `total`."""
        np.copyto(self.total, terms)
        total, terms = np.moveaxis(self.total, self.axis, 0), np.moveaxis(terms, self.axis, 0)
        for reach in range(1, before + 1):
            total[reach:] += terms[:-reach]
        for reach in range(1, after + 1):
            total[:-reach] += terms[reach:]
