"""Plain NumPy: sums of shifted slices into arrays that are made once, and square roots for beta 0.75."""

import numpy as np

from .plan import BOTH, FORWARD


class Slices:
    """Both passes, with their scratch."""

    def __init__(self, problem):
        self.x, self.g, self.spec, self.axis = problem.x, problem.g, problem.spec, problem.axis
        self.y, self.dx = problem.out, np.zeros_like(problem.x)
        self.squares, self.total, self.power = (np.zeros_like(problem.x) for _ in range(3))
        self.scale, self.k, self.beta = map(problem.x.dtype.type, (self.spec.scale, self.spec.k, self.spec.beta))

    def add_window(self, terms, before, after):
        """Add up the terms of each window in `total`."""
        np.copyto(self.total, terms)
        total, terms = np.moveaxis(self.total, self.axis, 0), np.moveaxis(terms, self.axis, 0)
        for reach in range(1, before + 1):
            total[reach:] += terms[:-reach]
        for reach in range(1, after + 1):
            total[:-reach] += terms[reach:]

    def forward(self):
        np.multiply(self.x, self.x, out=self.squares)
        self.add_window(self.squares, self.spec.before, self.spec.after)
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

    def both(self):
        y = self.forward()
        terms = np.divide(y, self.total, out=self.squares)
        terms *= self.g
        self.add_window(terms, self.spec.after, self.spec.before)
        self.total *= self.x
        self.total *= -2 * self.scale * self.beta
        np.multiply(self.g, self.power, out=self.dx)
        self.dx += self.total
        return y, self.dx


def prepare(problem):
    slices = Slices(problem)
    return {FORWARD: slices.forward, BOTH: slices.both}
