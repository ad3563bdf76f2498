"""What every peer is compared on, and how."""

import itertools
import warnings
from typing import NamedTuple

import numpy as np
import pytest


def peer(module, install):
    """Import a peer, or skip the tests of this file and say what is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(
            module, reason=f"{module} is not installed: `pip install {install}` runs these tests"
        )


class Case(NamedTuple):
    """Parameters in the words of most frameworks, and an input's shape with its channels on axis 1."""

    size: int
    alpha: float
    beta: float
    k: float
    shape: tuple[int, ...]


SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)
BETAS = (0.5, 0.6, 0.75, 1.0)
# Suites of others use a small alpha, k = 1 and no more channels than the window has: there any convention is right.
KS = (0.5, 1.25, 2.0)
SHAPES = ((2, 1, 3, 4), (3, 5, 4, 4), (1, 17, 5, 3), (2, 33, 2, 3), (5, 64, 3, 3))

CASES = tuple(
    Case(size, 1.0, beta, k, shape)
    for (size, beta), k, shape in zip(
        itertools.product(SIZES, BETAS), itertools.cycle(KS), itertools.cycle(SHAPES), strict=False
    )
)
ODD_CASES = tuple(case for case in CASES if case.size % 2)
EVEN_CASES = tuple(case for case in CASES if case.size % 2 == 0)


def values(shape, dtype=np.float32, seed=0):
    """Return numbers of N(0, 1), the same in every run."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_close(found, expected):
    """Check that two results differ by roundings only: 1e-5 in float32, 1e-11 in float64."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    tolerance = 1e-11 if expected.dtype == np.float64 else 1e-5
    np.testing.assert_allclose(
        found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max(initial=1e-30)
    )
