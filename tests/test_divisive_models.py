"""Each constructor of a DivisiveSpec beside a few lines of its source's formula; local contrast normalization."""

import numpy as np
import pytest

import lrncore
from lrncore import DivisiveSpec, LRNSpec

X = np.random.default_rng(0).standard_normal((2, 5, 6, 7))
GAMMA = np.random.default_rng(1).random((5, 5))
BETA = np.linspace(0.5, 1.5, 5)


def test_tensorflow_compression():
    last = np.moveaxis(X, 1, -1)
    expected = last / (BETA + np.abs(last) @ GAMMA)  # matmul(inputs, gamma)
    spec = DivisiveSpec.tensorflow_compression(GAMMA, BETA)
    np.testing.assert_allclose(lrncore.divisive_norm(last, spec, axis=-1), expected, rtol=1e-13)
    y = lrncore.gdn(last, GAMMA.T, BETA, alpha=1, epsilon=1, axis=-1)
    np.testing.assert_allclose(y, expected, rtol=1e-13)


@pytest.mark.parametrize("inverse", [False, True])
def test_compressai(inverse):
    norm = np.einsum("oc,nchw->nohw", GAMMA, X**2) + BETA[:, None, None]  # conv2d(x**2, gamma, beta)
    expected = X * np.sqrt(norm) if inverse else X / np.sqrt(norm)
    spec = DivisiveSpec.compressai(GAMMA, BETA, inverse=inverse)
    np.testing.assert_allclose(lrncore.divisive_norm(X, spec), expected, rtol=1e-13)
    np.testing.assert_allclose(lrncore.gdn(X, GAMMA, BETA, inverse=inverse), expected, rtol=1e-13)


@pytest.mark.parametrize("inverse", [False, True])
def test_gdn1(inverse):
    norm = np.einsum("oc,nchw->nohw", GAMMA, np.abs(X)) + BETA[:, None, None]
    expected = X * norm if inverse else X / norm
    spec = DivisiveSpec.gdn1(GAMMA, BETA, inverse=inverse)
    np.testing.assert_allclose(lrncore.divisive_norm(X, spec), expected, rtol=1e-13)


def test_a_transposed_gamma_is_another_normalization():
    assert not np.allclose(lrncore.gdn(X, GAMMA, BETA), lrncore.gdn(X, GAMMA.T, BETA))


def test_heeger():
    drive = np.abs(X)
    expected = drive**2 / (0.3**2 + (drive**2).sum(axis=1, keepdims=True))
    y = lrncore.divisive_norm(drive, DivisiveSpec.heeger(0.3, channels=5))
    np.testing.assert_allclose(y, expected, rtol=1e-13)


def test_schwartz_simoncelli():
    weights = GAMMA * (1 - np.eye(5))
    expected = X**2 / (BETA[:, None, None] ** 2 + np.einsum("oc,nchw->nohw", weights, X**2))
    y = lrncore.divisive_norm(X, DivisiveSpec.schwartz_simoncelli(weights, BETA))
    np.testing.assert_allclose(np.abs(y), expected, rtol=1e-13)


def test_miller():
    lamb, alpha, beta, k = 0.4, 2.0, 0.75, 1.5
    neighbours = 5  # ceil(8 * 0.4) = 4, made odd
    weights = np.exp(-np.abs(np.arange(neighbours) - 2) / lamb)
    padded = np.pad(X**2, ((0, 0), (2, 2), (0, 0), (0, 0)))
    div = sum(weights[i] * padded[:, i : i + 5] for i in range(neighbours)) / lamb
    expected = X**2 / (div * alpha + 1) ** beta / k**beta
    y = lrncore.divisive_norm(X, DivisiveSpec.miller(lamb, alpha, beta, k))
    np.testing.assert_allclose(np.abs(y), expected, rtol=1e-13)


@pytest.mark.parametrize(("before", "after"), [(2, 2), (1, 0), (0, 3), (9, 9)])
def test_lrn(before, after):
    spec = LRNSpec(before, after, scale=0.3, beta=0.75, k=2.0)
    y = lrncore.divisive_norm(X, DivisiveSpec.lrn(spec))
    np.testing.assert_allclose(y, lrncore.lrn(X, spec), rtol=1e-13)


def contrast(x, kernel, least):
    """Local contrast normalization of (C, H, W), place by place."""
    reach = len(kernel) // 2
    weights = np.outer(kernel, kernel)
    _, height, width = x.shape

    def mean(values):
        found = np.empty((height, width))
        for i in range(height):
            for j in range(width):
                rows, columns = (
                    np.r_[max(0, i - reach) : min(height, i + reach + 1)],
                    np.r_[max(0, j - reach) : min(width, j + reach + 1)],
                )
                inside = weights[np.ix_(rows - i + reach, columns - j + reach)]
                found[i, j] = (inside * values[:, rows[:, None], columns].mean(axis=0)).sum() / inside.sum()
        return found

    v = x - mean(x)
    return v / least(np.sqrt(mean(v**2)))


KERNEL = [0.25, 0.5, 0.25]


def test_local_contrast_norm():
    expected = [contrast(x, KERNEL, lambda deviation: np.maximum(deviation, deviation.mean())) for x in X]
    np.testing.assert_allclose(lrncore.local_contrast_norm(X, KERNEL), expected, rtol=1e-12)
    expected = [contrast(x, KERNEL, lambda deviation: np.maximum(deviation, 0.7)) for x in X]
    np.testing.assert_allclose(lrncore.local_contrast_norm(X, KERNEL, c=0.7), expected, rtol=1e-12)
    last = np.moveaxis(X, 1, -1).astype(np.float32)
    y = lrncore.local_contrast_norm(last, KERNEL, c=0.7, axis=-1)
    assert y.dtype == np.float32
    np.testing.assert_allclose(np.moveaxis(y, -1, 1), expected, rtol=1e-4, atol=1e-6)


def test_threshold_of_torch7():
    def replaced(deviation):
        return np.where(deviation > 0.9, deviation, 0.1)

    expected = [contrast(x, KERNEL, replaced) for x in X]
    y = lrncore.local_contrast_norm(X, KERNEL, threshold=(0.9, 0.1))
    np.testing.assert_allclose(y, expected, rtol=1e-12)


def test_a_constant_image_is_zero_up_to_its_border():
    for c in ("mean", 1e-3):
        assert np.abs(lrncore.local_contrast_norm(np.full((1, 3, 8, 9), 0.5), KERNEL, c=c)).max() < 1e-12


CONTRAST_ERRORS = {
    "c must be positive, got 0.0": {"c": 0},
    "c must be a number or 'mean', got 'max'": {"c": "max"},
    "c and threshold must not both be given, got 1 and (1, 1)": {"c": 1, "threshold": (1, 1)},
    "kernel must have a positive sum, got 0.0": {"kernel": [0, 0, 0]},
}


@pytest.mark.parametrize("message", CONTRAST_ERRORS)
def test_errors(message):
    with pytest.raises(ValueError) as caught:
        lrncore.local_contrast_norm(X, **({"kernel": KERNEL} | CONTRAST_ERRORS[message]))
    assert str(caught.value) == message
