"""What is promised about the numbers of N(0, 1) input, in ulp of the exact result."""

from functools import cache

import cases
import numpy as np
import pytest
import reference

import lrncore
from lrncore import LRNSpec

SHAPE = (1, 96, 55, 55)
SHORT = (1, 96, 13, 55)


@cache
def exact(spec, magnitude=1, shape=SHAPE, dtype=np.float32):
    x = cases.normal(shape, dtype) * dtype(magnitude)
    return x, reference.forward(x, *cases.parameters(spec), 1, cases.ORACLE[np.dtype(dtype)])


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(("magnitude", "most"), [(1, 2.0), (100, 2.5)])
def test_alexnet_maximum(magnitude, most):
    x, expected = exact(cases.ALEXNET, magnitude)
    errors = reference.ulps(lrncore.lrn(x, cases.ALEXNET), expected)
    assert errors.max() <= most


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("magnitude", [1, 100])
def test_alexnet_mean(magnitude):
    x, expected = exact(cases.ALEXNET, magnitude)
    assert reference.ulps(lrncore.lrn(x, cases.ALEXNET), expected).mean() <= 0.42


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("side", [2, 15])
@pytest.mark.parametrize("beta", [0.33, 0.5, 0.6, 0.75, 0.9, 1.0, 1.5, 2.0])
def test_strong_parameters(beta, side):
    x, expected = exact(LRNSpec(side, side, 1.0, beta, 1e-3), shape=SHORT)
    errors = reference.ulps(lrncore.lrn(x, LRNSpec(side, side, 1.0, beta, 1e-3)), expected)
    assert errors.max() <= (3.6 if beta <= 1 else 6)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("spec", [cases.ALEXNET, LRNSpec(2, 2, 1.0, 0.75, 1e-3)], ids=["alexnet", "strong"])
@pytest.mark.parametrize("beta", [0.33, 0.5, 0.6, 0.75, 1.0, 1.25, 1.5, 2.0, 3.9])
def test_float64(beta, spec):
    spec = LRNSpec(spec.before, spec.after, spec.scale, beta, spec.k)
    x, expected = exact(spec, shape=SHORT, dtype=np.float64)
    assert reference.ulps(lrncore.lrn(x, spec), expected).max() <= (4 if beta <= 2 else 7)


@cache
def exact_gradient(spec):
    x = cases.normal(SHORT)
    g = cases.normal(SHORT, seed=1)
    return g, x, *reference.backward(g, x, *cases.parameters(spec), 1, np.float64)


@pytest.mark.usefixtures("isa")
def test_alexnet_gradient_beside_its_terms():
    g, x, expected, terms = exact_gradient(cases.ALEXNET)
    error = abs(lrncore.lrn_backward(g, x, cases.ALEXNET) - expected)
    assert (error / terms).max() <= 2.5 * np.finfo(np.float32).eps


@pytest.mark.usefixtures("isa")
def test_alexnet_gradient_in_ulp():
    g, x, expected, _ = exact_gradient(cases.ALEXNET)
    errors = reference.ulps(lrncore.lrn_backward(g, x, cases.ALEXNET), expected)
    assert errors.mean() <= 0.5
    assert errors.max() <= 2.5


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("side", [2, 15])
@pytest.mark.parametrize("beta", [0.33, 0.5, 0.75, 1.0, 2.0])
def test_gradient_with_strong_parameters(beta, side):
    spec = LRNSpec(side, side, 1.0, beta, 1e-3)
    g, x, expected, terms = exact_gradient(spec)
    error = abs(lrncore.lrn_backward(g, x, spec) - expected)
    assert (error / terms).max() <= 8 * np.finfo(np.float32).eps


@pytest.mark.usefixtures("isa")
def test_errors_have_no_side():
    x, expected = exact(cases.ALEXNET)
    relative = lrncore.lrn(x, cases.ALEXNET) / expected - 1
    assert abs(relative.mean()) < 0.1 * np.finfo(np.float32).eps
