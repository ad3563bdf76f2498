"""Divisive normalization of infinities, NaNs and numbers of all sizes: what the formula gives.

The kernels compute a block with such numbers a second time, and leave finite ones out of range to wider numbers.
"""

import numpy as np
import pytest
from divisive_reference import matrices

import lrncore
from lrncore import DivisiveSpec

pytestmark = pytest.mark.usefixtures("isa")

BAND, GAUSS = [0.1, 0.5, 0.2, 0.3, 0.7], [0.25, 0.5, 0.25]
EXPONENTS = {
    "root": (2, 0.5, 1),
    "three_quarters": (2, 0.75, 1),
    "magnitudes": (1, 1, 1),
    "inverse": (2, -0.5, 1),
    "inverse_of_magnitudes": (1, -1, 1),
    "any": (1.5, 0.8, 1),
    "small": (0.5, 2.5, 1),
    "cubes": (3, -0.5, 1),
    "signed_squares": (2, 1, 2),
    "signed_roots": (3, 1.5, 0.5),
    "negative": (2, -1.7, 1),
    "none": (2, 0, 1),
}
POOLS = {
    "band": {"channels": BAND},
    "others": {"channels": [1, 0, 1]},
    "space": {"space": GAUSS},
    "mass": {"channels": BAND, "space": GAUSS, "border": "mass"},
    "matrix": {"channels": np.linspace(0.1, 1, 81).reshape(9, 9), "sigma": np.linspace(0.5, 2, 9)},
    "negative": {"channels": [0.5, 1, -0.25], "sigma": 100.0},
}
#: values, and for g too
HARD = {
    "nan": ([np.nan], [1.0]),
    "infinite": ([np.inf, -np.inf], [1.0]),
    "gradients": ([1.0], [np.inf, np.nan, -np.inf]),
    "tiny": ([1e-45, -1e-30], [np.inf, -np.inf]),
    "all": ([np.inf, np.nan, 1e30, -1e25, 1e-30, 0.0], [np.nan, 1e20, np.inf, 0.0]),
}


def pooled(values, found, transposed=False):
    """Return the sums of pools, of which what has the weight 0 is no part."""
    for axis, matrix in found.items():
        chosen = (matrix if transposed else matrix.T).astype(np.float64)
        moved = np.moveaxis(values, axis, -1)
        terms = np.where(chosen != 0, moved[..., None] * chosen, 0)
        values = np.moveaxis(terms.sum(axis=-2), -1, axis)
    return values


def oracle(g, x, spec, axis, space):
    """Return y and dx, each with the size of its terms."""
    found = matrices(spec, x.shape, axis, space)
    sigma = np.asarray(spec.sigma).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    g, x = g.astype(np.float64), x.astype(np.float64)
    size = np.abs(x)
    d = sigma + pooled(size**spec.p, found)
    numerator = np.copysign(size**spec.n, x)
    power = np.power(d, np.full_like(d, -spec.q))  # NumPy's root of -inf, which `**` takes, is no power
    t = g * numerator * d ** (-spec.q - 1)
    slope = np.where(x == 0, 0, np.sign(x) * size ** (spec.p - 1))
    direct = g * (1 if spec.n == 1 else spec.n * size ** (spec.n - 1)) * power
    pools = spec.p * spec.q * slope * pooled(t, found, transposed=True)
    sizes = np.abs(spec.p * spec.q * slope) * pooled(np.abs(t), matrices_of_sizes(found), transposed=True)
    y = numerator * power
    return (y, np.abs(y)), (direct - pools, np.abs(direct) + sizes)


def matrices_of_sizes(found):
    return {axis: np.abs(matrix) for axis, matrix in found.items()}


def hard_case(values, gradients, shape, some, seed=0):
    rng = np.random.default_rng(seed)
    x, g = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
    places = rng.random(shape) < some
    x[places] = rng.choice(values, shape)[places]
    g[rng.random(shape) < some] = rng.choice(gradients)
    return g, x


def agree(found, expected_and_terms):
    expected, terms = expected_and_terms
    with np.errstate(over="ignore"):
        rounded = expected.astype(found.dtype)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(rounded))
    finite = np.isfinite(expected) & (np.abs(expected) < 1e37)
    infinite = np.isinf(expected)
    np.testing.assert_array_equal(found[infinite], rounded[infinite])
    wrong = np.abs(found[finite].astype(np.float64) - expected[finite])
    assert np.all(wrong <= 2e-6 * terms[finite] + 1e-37)


@pytest.mark.parametrize("exponents", EXPONENTS)
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("hard", HARD)
def test_the_formula_holds(hard, pool, exponents):
    p, q, n = EXPONENTS[exponents]
    spec = DivisiveSpec(**POOLS[pool], p=p, q=q, n=n)
    for some in (0.01, 0.1):
        g, x = hard_case(*HARD[hard], (1, 9, 5, 35), some)
        for axis in (1, 3):
            space = tuple(i for i in (1, 2, 3) if i != axis)
            gm, xm = (np.moveaxis(each, 1, axis).copy() for each in (g, x))
            with np.errstate(all="ignore"):
                y, dx = oracle(gm, xm, spec, axis, space)
            agree(lrncore.divisive_norm(xm, spec, axis=axis), y)
            if np.abs(xm[np.isfinite(xm)]).max() < 1e20:
                agree(lrncore.divisive_norm_backward(gm, xm, spec, axis=axis), dx)


@pytest.mark.parametrize("pool", ["band", "mass", "matrix"])
def test_threads_and_places_do_not_matter(pool):
    spec = DivisiveSpec(**POOLS[pool])
    g, x = hard_case(*HARD["all"], (2, 9, 30, 33), 0.001)
    y, dx = lrncore.divisive_norm(x, spec), lrncore.divisive_norm_backward(g, x, spec)
    same = np.testing.assert_array_equal
    same(lrncore.divisive_norm(x, spec, num_threads=3), y)
    same(lrncore.divisive_norm_backward(g, x, spec, num_threads=3), dx)
    for out in (x.copy(), np.zeros((2, 9, 30, 66), np.float32)[..., ::2]):
        same(lrncore.divisive_norm(out if out.base is None else x, spec, out=out), y)
    for place in (0, 1):
        pair = [g.copy(), x.copy()]
        same(lrncore.divisive_norm_backward(*pair, spec, out=pair[place]), dx)


def test_gradients_of_parameters_hold_what_the_kernels_left():
    rng = np.random.default_rng(0)
    g, x = (rng.standard_normal((3, 5, 400)).astype(np.float32) for _ in range(2))
    gamma, beta = rng.random((5, 5)) + 0.1, rng.random(5) + 0.5
    x[1, 2, 7], x[2, :, 300] = 1e25, 0.0
    found = lrncore.gdn_backward(g, x, gamma, beta)
    expected = lrncore.gdn_backward(g.astype("f8"), x.astype("f8"), gamma, beta)
    np.testing.assert_allclose(found.gamma, expected.gamma, rtol=1e-5)
    np.testing.assert_allclose(found.beta, expected.beta, rtol=1e-5)
    x[0, 1, 3] = np.nan
    found = lrncore.gdn_backward(g, x, gamma, beta)
    assert np.isnan(found.gamma).all()
    assert np.isnan(found.beta).all()
