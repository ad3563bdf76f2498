"""LocalResponseNorm and the twins of the frameworks' functions say the same as lrn."""

import copy
import pickle

import cases
import numpy as np
import pytest

import lrncore
from lrncore import LRNSpec

LAYER = lrncore.LocalResponseNorm(4, alpha=1.0, beta=0.6, k=0.5)
SPEC = LRNSpec.torch(4, 1.0, 0.6, 0.5)


def test_call():
    x = cases.normal((3, 12, 5))
    assert np.array_equal(LAYER(x), lrncore.lrn(x, SPEC, 1))


def test_forward():
    x = cases.normal((3, 12, 5))
    assert np.array_equal(LAYER.forward(x), lrncore.lrn(x, SPEC, 1))


def test_backward():
    x = cases.normal((3, 12, 5))
    g = cases.normal((3, 12, 5), seed=1)
    assert np.array_equal(LAYER.backward(g, x), lrncore.lrn_backward(g, x, SPEC, 1))


def test_axis():
    x = cases.normal((3, 5, 12))
    layer = lrncore.LocalResponseNorm(4, 1.0, 0.6, 0.5, axis=-1)
    assert np.array_equal(layer(x), lrncore.lrn(x, SPEC, -1))
    assert np.array_equal(layer.backward(x, x), lrncore.lrn_backward(x, x, SPEC, -1))


def test_spec():
    assert LAYER.spec == SPEC


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (lrncore.LocalResponseNorm(5), "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)"),
        (LAYER, "LocalResponseNorm(4, alpha=1.0, beta=0.6, k=0.5)"),
    ],
)
def test_repr_is_that_of_torch(layer, text):
    assert repr(layer) == text


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])  # noqa: S301
def test_copy_computes_the_same(twin):
    x = cases.normal((3, 12, 5))
    assert np.array_equal(twin(LAYER)(x), LAYER(x))


def test_local_response_norm():
    x = cases.normal((3, 12, 5))
    assert np.array_equal(lrncore.local_response_norm(x, 4, 1.0, 0.6, 0.5), lrncore.lrn(x, SPEC, 1))
    assert np.array_equal(lrncore.local_response_norm(x, 4, 1.0, 0.6, 0.5, axis=2), lrncore.lrn(x, SPEC, 2))


def test_local_response_normalization():
    x = cases.normal((3, 5, 12))
    spec = LRNSpec.tensorflow(2, 0.5, 1.0, 0.6)
    twin = lrncore.local_response_normalization
    assert np.array_equal(twin(x, 2, 0.5, 1.0, 0.6), lrncore.lrn(x, spec, -1))
    assert np.array_equal(twin(x, 2, 0.5, 1.0, 0.6, axis=1), lrncore.lrn(x, spec, 1))
