"""Plain NumPy: the one that `lrncore bench` measures."""

from lrncore.commands._numpy_lrn import Slices

from .plan import BOTH, FORWARD


def prepare(problem):
    slices = Slices(problem.x, problem.spec, problem.axis, problem.out, problem.g)
    return {FORWARD: slices.forward, BOTH: slices.both}
