"""The oracle, which adds whole arrays, beside loops over channels and elements in Python's floats."""

import math

import cases
import numpy as np
import pytest
import reference

# before, after, scale, beta, k
SPECS = [
    (2, 2, 0.4, 0.75, 1.25),
    (3, 0, 0.4, 2.0, 0.5),
    (0, 4, 1.0, 0.5, 0.1),
    (1, 5, 0.3, -0.75, 2.0),
    (0, 0, 1.0, 1.0, 1.0),
    (10**30, 10**30, 0.2, 0.6, 1.0),
]
CASES = [cases.Shape((9,), 0), cases.Shape((2, 7), 1), cases.Shape((2, 5, 3), -2), cases.Shape((6, 2), 0)]

each_spec = pytest.mark.parametrize("spec", SPECS, ids=str)
each_case = pytest.mark.parametrize("case", CASES, ids=str)


def pixels(case, *seeds):
    """Return arrays of float64 whose rows are pixels, and what makes such rows an array of the case's shape."""
    moved = [np.moveaxis(cases.normal(case.shape, np.float64, seed), case.axis, -1) for seed in seeds]
    rows = [array.reshape(-1, case.channels).tolist() for array in moved]
    return rows, lambda values: np.moveaxis(np.array(values).reshape(moved[0].shape), -1, case.axis)


def window(c, x, before, after):
    return range(max(c - before, 0), min(c + after, len(x) - 1) + 1)


def sums(x, before, after, scale, k):
    return [k + scale * sum(x[j] ** 2 for j in window(c, x, before, after)) for c in range(len(x))]


def jacobian(x, before, after, scale, beta, k):
    """Return the two terms of dy[j] / dx[c]: the one of s alone, and the one through s."""
    s = sums(x, before, after, scale, k)
    n = range(len(x))
    direct = [[s[j] ** -beta * (j == c) for c in n] for j in n]
    through = [
        [
            -2 * scale * beta * x[j] * x[c] * s[j] ** (-beta - 1) if c in window(j, x, before, after) else 0.0
            for c in n
        ]
        for j in n
    ]
    return direct, through


def close(found, expected):
    return np.allclose(np.asarray(found, np.float64), expected, rtol=1e-12, atol=1e-13)


@each_spec
@each_case
def test_forward(case, spec):
    before, after, scale, beta, k = spec
    (rows,), shaped = pixels(case, 0)
    expected = [
        [value * s**-beta for value, s in zip(x, sums(x, before, after, scale, k), strict=True)] for x in rows
    ]
    x = cases.normal(case.shape, np.float64)
    for dtype in (np.float64, np.longdouble):
        assert close(reference.forward(x, *spec, case.axis, dtype), shaped(expected))


@each_spec
@each_case
@pytest.mark.parametrize("name", ["backward", "jvp"])
def test_derivative(name, case, spec):
    (x_rows, other_rows), shaped = pixels(case, 0, 1)
    values, magnitudes = [], []
    for x, other in zip(x_rows, other_rows, strict=True):
        direct, through = jacobian(x, *spec)
        n = range(len(x))
        for c in n:
            column = [(direct[j][c], through[j][c], other[j]) for j in n]
            row = [(direct[c][j], through[c][j], other[j]) for j in n]
            terms = column if name == "backward" else row
            values.append(sum((d + t) * o for d, t, o in terms))
            magnitudes.append(sum((abs(d) + abs(t)) * abs(o) for d, t, o in terms))
    x, other = cases.normal(case.shape, np.float64), cases.normal(case.shape, np.float64, 1)
    for dtype in (np.float64, np.longdouble):
        value, terms = getattr(reference, name)(other, x, *spec, case.axis, dtype)
        assert close(value, shaped(values))
        assert close(terms, shaped(magnitudes))


@each_spec
@each_case
def test_param_grads(case, spec):
    before, after, scale, beta, k = spec
    (x_rows, g_rows), _ = pixels(case, 0, 1)
    expected = [0.0, 0.0, 0.0]
    for x, g in zip(x_rows, g_rows, strict=True):
        squares = sums(x, before, after, 1, 0)
        for c, s in enumerate(sums(x, before, after, scale, k)):
            expected[0] += g[c] * x[c] * -beta * s ** (-beta - 1) * squares[c]
            expected[1] += g[c] * x[c] * -math.log(s) * s**-beta
            expected[2] += g[c] * x[c] * -beta * s ** (-beta - 1)
    x, g = cases.normal(case.shape, np.float64), cases.normal(case.shape, np.float64, 1)
    assert close(reference.param_grads(g, x, *spec, case.axis)[0], expected)


@each_spec
@each_case
def test_finite_differences(case, spec):
    x, g = cases.normal(case.shape, np.float64), cases.normal(case.shape, np.float64, 1)
    found = reference.finite_differences(g, x, *spec, case.axis)
    assert np.allclose(
        found.astype(np.float64), reference.backward(g, x, *spec, case.axis, np.float64)[0], rtol=1e-9
    )


@pytest.mark.parametrize("shape", [(1,), (5, 2), (40, 0), (41, 2, 3), (100, 1)])
def test_long_windows_are_sums_of_their_terms(shape):
    terms = np.random.default_rng(0).integers(-9, 10, shape).astype(np.float64)
    terms[np.random.default_rng(1).random(shape) < 0.02] = np.nan
    terms[np.random.default_rng(2).random(shape) < 0.02] = np.inf
    for back in (0, 3, 20, 99, 10**30):
        for ahead in (0, 1, 19, 33, 10**30):
            expected = [terms[max(0, c - back) : c + ahead + 1].sum(axis=0) for c in range(len(terms))]
            assert np.array_equal(reference.over_windows(terms, back, ahead), expected, equal_nan=True)


@pytest.mark.parametrize("dtype", [np.float64, np.longdouble])
def test_powers_of_roots_are_powers(dtype):
    magnitude = 300 if dtype is np.float64 else 2000
    s = dtype(10) ** np.random.default_rng(0).uniform(-magnitude, magnitude, 1000).astype(dtype)
    for s_ in s, np.append(s, [0, np.inf, np.nan]), -s:
        with np.errstate(all="ignore"):
            for exponent in (-0.75, -0.5, -1.0, -1.75, -3.0, 0.0, 0.75, -0.6, 2.0):
                found, expected = reference.power(s_, dtype(exponent)), s_ ** dtype(exponent)
                normal = abs(expected) > np.finfo(dtype).tiny
                assert np.allclose(found[normal], expected[normal], rtol=16 * np.finfo(dtype).eps, atol=0)
                found, expected = found[~normal], expected[~normal]
                assert np.allclose(found, expected, rtol=0, atol=np.finfo(dtype).tiny, equal_nan=True)
