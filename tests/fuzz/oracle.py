"""What each function should give at any magnitude: the formula in long double, whose exponents no square leaves.

The axes of the windows are all but the last.
"""

from typing import NamedTuple

import numpy as np
import pytest
from reference import over_windows, power

WIDE = np.longdouble

#: elements whose terms are summed at once
PART = 20_000

#: x87 has the exponents, and so have platforms with 128 bits
range_proof = pytest.mark.skipif(
    np.finfo(WIDE).maxexp < 16 * np.finfo(np.float64).maxexp,
    reason="long double is just double here: there is no oracle for numbers of any magnitude",
)


class Answer(NamedTuple):
    """What is right, and by what its errors are measured."""

    value: np.ndarray  # NaN where NaN is right
    unit: np.ndarray  # an error of one machine epsilon; infinite where nothing is promised


def windows(terms, back, ahead):
    """Return the sums of terms over the window of each element."""
    return over_windows(terms, back, ahead, tuple(range(terms.ndim - 1)))


def sums(x, spec, eps):
    """Return the sums of squares, s, and how many times larger the error of s is than those of its terms."""
    scale, k = WIDE(spec.scale), WIDE(spec.k)
    squares = windows(x * x, spec.before, spec.after)
    s = k + scale * squares
    terms = abs(k) + abs(scale) * squares
    condition = np.where((terms > abs(s)) & np.isfinite(terms), terms / abs(s), 1)
    # beyond this the sign of s is not certain, and its powers are not nearly linear in it
    condition[condition * eps > 1 / 64] = np.inf
    return squares, s, condition


def powers(s, spec):
    """Return s^-beta, and -2 scale beta s^(-beta - 1), by which it changes with half the sum of squares."""
    scale, beta = WIDE(spec.scale), WIDE(spec.beta)
    return power(s, -beta), -2 * scale * beta * power(s, -beta - 1)


def holding(condition, spec):
    """Return whether an element in the window of each one meets the condition."""
    return windows(condition.astype(int), spec.before, spec.after) > 0


def reached(condition, spec):
    """Return whether an element that meets the condition has each one in its window."""
    return windows(condition.astype(int), spec.after, spec.before) > 0


def forward(x, spec, eps):
    """Return y = x s^-beta, which arithmetic decides where the window holds an infinity."""
    _, s, condition = sums(x, spec, eps)
    if spec.beta == 0:
        return Answer(x, np.zeros_like(x))
    y = x * power(s, WIDE(-spec.beta))
    # times eps a unit in the last place, as if no number were subnormal
    unit = np.where(np.isfinite(y) & (y != 0), np.ldexp(WIDE(1), np.frexp(y)[1] - 1) * condition, 0)
    unit[np.isinf(condition)] = np.inf
    return Answer(y, unit)


def derivative(terms, magnitudes, nan, spec):
    """Return the Answer that sums such terms, where all of them are finite or an operand is NaN."""
    unit = np.where(np.isfinite(magnitudes), magnitudes, np.inf)
    unit[nan] = 0 if spec.beta * spec.scale else np.inf  # once more 0 * NaN
    return Answer(np.where(nan, np.nan, terms), unit)


def backward(g, x, spec, eps):
    """Return dL/dx for the incoming gradient g."""
    _, s, condition = sums(x, spec, eps)
    gain, slope = powers(s, spec)
    t = g * x * slope
    terms = g * gain + x * windows(t, spec.after, spec.before)
    magnitudes = abs(g * gain) * condition + abs(x) * windows(abs(t) * condition, spec.after, spec.before)
    nan = reached(holding(np.isnan(x), spec) | np.isnan(g), spec)
    return derivative(terms, magnitudes, nan, spec)


def jvp(dx, x, spec, eps):
    """Return the change of y for the change dx of x."""
    _, s, condition = sums(x, spec, eps)
    gain, slope = powers(s, spec)
    terms = dx * gain + x * slope * windows(x * dx, spec.before, spec.after)
    magnitudes = abs(dx * gain) + abs(x * slope) * windows(abs(x * dx), spec.before, spec.after)
    return derivative(terms, magnitudes * condition, holding(np.isnan(x) | np.isnan(dx), spec), spec)


def param_grads(g, x, spec, eps):
    """Return dL/dscale, dL/dbeta and dL/dk, from parts of the positions that fit the caches."""
    count = 1 + x.size // PART
    parts = zip(*(np.array_split(array, count, axis=-1) for array in (g, x)), strict=True)
    totals, unit = np.sum([sums_of_terms(*part, spec, eps) for part in parts], axis=0)
    return derivative(totals, unit, np.isnan(g).any() | np.isnan(x).any(), spec)


def sums_of_terms(g, x, spec, eps):
    """Return the sums of the three derivatives' terms, and of their magnitudes."""
    squares, s, condition = sums(x, spec, eps)
    # the exponent of t in wide numbers too: half a unit of a double shows in the power of a huge s
    y, t = (g * x * power(s, exponent) for exponent in (WIDE(-spec.beta), WIDE(-spec.beta) - 1))
    t *= -WIDE(spec.beta)
    logarithms = np.log(s)
    terms = t * squares, -y * logarithms, t
    # near s = 1 the logarithm has the absolute error of s
    magnitudes = abs(terms[0]), abs(y) * (1 + abs(logarithms)), abs(t)
    return [term.sum() for term in terms], [(magnitude * condition).sum() for magnitude in magnitudes]
