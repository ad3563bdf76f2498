"""Examples worked elsewhere: in the frameworks' own documents and tests, and by hand."""

import numpy as np
import pytest

import lrncore
from lrncore import LRNSpec

pytestmark = pytest.mark.usefixtures("isa")


def test_tensorflow_input_of_twos():
    x = np.full((2, 2, 2, 3), 2, np.float32)
    y = lrncore.local_response_normalization(x, 1, bias=0.0, alpha=1.0, beta=1.0)
    assert np.allclose(y, [0.25, 0.16666667, 0.25], rtol=0, atol=6e-8)


def test_torch_three_channels():
    x = np.array([-0.7747, 0.4657, -0.3479], np.float32).reshape(1, 3, 1)
    y = lrncore.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=2.0)
    assert np.allclose(y.ravel(), [-0.4607, 0.2769, -0.2069], rtol=0, atol=1.5e-4)


def test_unit_vector():
    y = lrncore.lrn(np.array([[3.0, 4.0]]), LRNSpec(1, 1, 1.0, 0.5, 0.0))
    assert y.tolist() == [[pytest.approx(0.6, rel=1e-15), pytest.approx(0.8, rel=1e-15)]]


def test_squares_in_each_window():
    # by hand: 1 + 1 + 4, 1 + 1 + 4 + 9, 1 + 4 + 9 + 16, 1 + 9 + 16
    y = lrncore.lrn(np.array([1.0, 2.0, 3.0, 4.0]), LRNSpec(1, 1, 1.0, 1.0, 1.0), axis=0)
    assert np.allclose(y, [1 / 6, 2 / 15, 3 / 30, 4 / 26], rtol=1e-15, atol=0)


def test_gradient_of_one_channel():
    # y = x / (1 + x^2), hence dy/dx = (1 - x^2) / (1 + x^2)^2
    x = np.array([[0.0], [1.0], [2.0], [-3.0]])
    dx = lrncore.lrn_backward(np.ones_like(x), x, LRNSpec(0, 0, 1.0, 1.0, 1.0))
    assert np.allclose(dx.ravel(), [1, 0, -3 / 25, -8 / 100], rtol=1e-14, atol=1e-16)


def test_gradient_of_two_channels():
    # y0 = a / (1 + a^2), y1 = b / (1 + a^2 + b^2) at a = 1, b = 2
    dx = lrncore.lrn_backward(np.array([[1.0, 10.0]]), np.array([[1.0, 2.0]]), LRNSpec(1, 0, 1.0, 1.0, 1.0))
    assert np.allclose(dx, [[0 - 10 * 4 / 36, 10 * (6 - 8) / 36]], rtol=1e-14, atol=0)
