"""Divisive normalization in NumPy: for what leaves the range of the kernels in float64.

It is in long doubles, or in doubles where infinities and NaNs alone are out of range. A long double has 15 bits of
exponent on x86 and Linux on ARM, where 1e300 squared fits. Elsewhere it is a double.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from lrncore._arrays import Array
    from lrncore._divisive_job import Formula, Pool, Sums, Window

    #: Values of all places to their sums over pools, or over those that hold a place
    Summing: TypeAlias = Callable[[Array], Array]


def compute(arrays: tuple[Array, ...], pool: Pool, formula: Formula, axis: int, sums: Sums | None) -> Array:
    """Return y of x, or dx of g and x."""
    with np.errstate(all="ignore"):
        fits = all(_fits_doubles(each, formula) for each in arrays)
        dtype: Any = np.float64 if fits else np.longdouble
        moved = tuple(np.moveaxis(each.astype(dtype), axis, -1) for each in arrays)
        of = _moved(pool, axis, moved[-1].ndim)
        transposed = partial(pooled, pool=of, transposed=True)
        result, t, powers = evaluated(moved, formula, pool.sigma, partial(pooled, pool=of), transposed)
        if sums is not None and t is not None:
            t, powers = (each.reshape(-1, each.shape[-1]) for each in (t, powers))
            sums.add((-formula.q * (t.T @ powers)).astype(float), (-formula.q * t.sum(axis=0)).astype(float))
    return np.moveaxis(result, -1, axis)


def evaluated(
    arrays: tuple[Array, ...], formula: Formula, sigma: Array, over: Summing, transposed: Summing
) -> tuple[Array, Array | None, Array]:
    """Return y of x, or dx of g and x, where t is too, and the powers of x; `over` sums these over the pools."""
    *g, x = arrays
    p, q, n = formula
    powers = x if p == 0 else np.abs(x) ** p
    d = sigma + over(powers)
    if p == 0:  # the sums alone
        return d, None, powers
    numerator = x if n == 1 else np.copysign(np.abs(x) ** n, x)
    if not g:
        return numerator * d**-q, None, powers
    t = g[0] * numerator * d ** (-q - 1)
    slope = 1 if n == 1 else n * np.abs(x) ** (n - 1)
    of_x = np.sign(x) * (np.abs(x) ** (p - 1) if p != 1 else 1)
    return g[0] * slope * d**-q - p * q * of_x * transposed(t), t, powers


def _fits_doubles(x: Array, formula: Formula) -> bool:
    """Return whether the powers of all finite elements but zeros are far from the ends of the range of doubles."""
    sizes = np.abs(x[np.isfinite(x) & (x != 0)])
    reach = 2.0 ** (450 / (max(formula.p, formula.n, 1) * (1 + abs(formula.q))))
    return sizes.size == 0 or bool(sizes.max() < reach and sizes.min() > 1 / reach)


def _moved(pool: Pool, axis: int, ndim: int) -> Pool:
    """Return the pool for arrays whose channel axis was moved to the end."""
    order = [*(i for i in range(ndim) if i != axis), axis]
    windows = {order.index(i): window for i, window in pool.windows.items()}
    return pool._replace(windows=windows)


def pooled(values: Array, pool: Pool, transposed: bool = False) -> Array:
    """Return the weighted sums of pools, or with `transposed` those of the pools that hold an element."""
    if pool.matrix is not None:
        return values @ (pool.matrix if transposed else pool.matrix.T)
    for axis, window in pool.windows.items():
        values = np.moveaxis(_summed(np.moveaxis(values, axis, -1), window, transposed), -1, axis)
    return values


def _summed(values: Array, window: Window, transposed: bool) -> Array:
    """Return the weighted sums along the last axis, whose ends clip windows."""
    if transposed and window.mass is not None:
        values = values * window.mass
    length, total = values.shape[-1], np.zeros_like(values)
    for offset, weight in enumerate(window.weights, -window.before):
        shift = -offset if transposed else offset
        low, high = max(0, -shift), min(length, length - shift)
        if weight and low < high:
            total[..., low:high] += weight * values[..., low + shift : high + shift]
    return total if transposed or window.mass is None else total * window.mass
