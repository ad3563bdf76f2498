"""lrncore, into arrays of the caller's and into new ones, as most peers return them."""

import numpy as np

import lrncore

from .plan import BOTH, FORWARD


def into_out(problem):
    return passes(problem, problem.out, np.zeros_like(problem.x))


def into_new_arrays(problem):
    return passes(problem, None, None)


def passes(problem, y, dx):
    x, g, options = problem.x, problem.g, problem.options
    forward, backward = {**options, "out": y}, {**options, "out": dx}
    return {
        FORWARD: lambda: lrncore.lrn(x, **forward),
        BOTH: lambda: (lrncore.lrn(x, **forward), lrncore.lrn_backward(g, x, **backward)),
    }
