"""What is promised about the numbers of N(0, 1) input, in ulp of the exact result."""

from functools import cache

import cases
import numpy as np
import pytest
import reference

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")

SHAPE = (1, 96, 55, 55)


@cache
def exact(spec, magnitude=1):
    x = cases.normal(SHAPE) * np.float32(magnitude)
    return x, reference.forward(x, *cases.parameters(spec), 1, np.float64)


@pytest.mark.parametrize(("magnitude", "most"), [(1, 2.75), (100, 3)])
def test_alexnet_maximum(magnitude, most):
    x, expected = exact(cases.ALEXNET, magnitude)
    assert reference.ulps(lrncore.lrn(x, cases.ALEXNET), expected).max() <= most


@pytest.mark.parametrize("magnitude", [1, 100])
def test_alexnet_mean(magnitude):
    x, expected = exact(cases.ALEXNET, magnitude)
    assert reference.ulps(lrncore.lrn(x, cases.ALEXNET), expected).mean() <= 0.52


@pytest.mark.parametrize("beta", [0.5, 0.6, 0.75, 1.0])
def test_strong_parameters(beta):
    spec = LRNSpec(2, 2, 1.0, beta, 1e-3)
    x, expected = exact(spec)
    assert reference.ulps(lrncore.lrn(x, spec), expected).max() <= 4.5


@cache
def exact_gradient():
    x = cases.normal(SHAPE)
    g = cases.normal(SHAPE, seed=1)
    return g, x, *reference.backward(g, x, *cases.parameters(cases.ALEXNET), 1, np.float64)


def test_alexnet_gradient_beside_its_terms():
    g, x, expected, terms = exact_gradient()
    error = abs(lrncore.lrn_backward(g, x, cases.ALEXNET) - expected)
    assert (error / terms).max() <= 2.5 * np.finfo(np.float32).eps


def test_alexnet_gradient_mean():
    g, x, expected, _ = exact_gradient()
    assert reference.ulps(lrncore.lrn_backward(g, x, cases.ALEXNET), expected).mean() <= 0.55


def test_errors_have_no_side():
    x, expected = exact(cases.ALEXNET)
    relative = lrncore.lrn(x, cases.ALEXNET) / expected - 1
    assert abs(relative.mean()) < 0.1 * np.finfo(np.float32).eps
