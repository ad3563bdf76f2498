"""The formula, slow and obvious: one loop over channels, one over the window, in the widest float there is."""

import numpy as np


def window(channel, channels, back, ahead):
    """Return the channels of the window around `channel`, clipped at both ends."""
    return range(max(channel - back, 0), min(channel + ahead, channels - 1) + 1)


def sums(x, before, after, scale, k, axis, dtype=np.longdouble):
    """Return s, the sum under the power."""
    x = np.moveaxis(np.asarray(x, dtype), axis, 0)
    s = np.empty_like(x)
    for c in range(len(x)):
        total = np.zeros_like(x[c])
        for j in window(c, len(x), before, after):
            total += x[j] * x[j]
        s[c] = dtype(k) + dtype(scale) * total
    return np.moveaxis(s, 0, axis)


def forward(x, before, after, scale, beta, k, axis, dtype=np.longdouble):
    """Return y = x * s^-beta."""
    s = sums(x, before, after, scale, k, axis, dtype)
    return np.asarray(x, dtype) * s ** dtype(-beta)


def backward(g, x, before, after, scale, beta, k, axis, dtype=np.longdouble):
    """Return dL/dx, and the sum of the magnitudes of its two terms, by which errors are measured."""
    s = np.moveaxis(sums(x, before, after, scale, k, axis, dtype), axis, 0)
    x = np.moveaxis(np.asarray(x, dtype), axis, 0)
    g = np.moveaxis(np.asarray(g, dtype), axis, 0)
    dx = g * s ** dtype(-beta)
    magnitude = abs(dx)
    # y[j] depends on every x[c] of its window, through s[j]
    for j in range(len(x)):
        slope = dtype(-2) * dtype(scale) * dtype(beta) * g[j] * x[j] * s[j] ** (dtype(-beta) - 1)
        for c in window(j, len(x), before, after):
            dx[c] += slope * x[c]
            magnitude[c] += abs(slope * x[c])
    return np.moveaxis(dx, 0, axis), np.moveaxis(magnitude, 0, axis)


def jvp(dx, x, before, after, scale, beta, k, axis, dtype=np.longdouble):
    """Return the derivative of y along dx, and the sum of the magnitudes of its terms."""
    s = np.moveaxis(sums(x, before, after, scale, k, axis, dtype), axis, 0)
    x = np.moveaxis(np.asarray(x, dtype), axis, 0)
    dx = np.moveaxis(np.asarray(dx, dtype), axis, 0)
    dy = dx * s ** dtype(-beta)
    magnitude = abs(dy)
    for c in range(len(x)):
        slope = dtype(-2) * dtype(scale) * dtype(beta) * x[c] * s[c] ** (dtype(-beta) - 1)
        for j in window(c, len(x), before, after):
            dy[c] += slope * x[j] * dx[j]
            magnitude[c] += abs(slope * x[j] * dx[j])
    return np.moveaxis(dy, 0, axis), np.moveaxis(magnitude, 0, axis)


def param_grads(g, x, before, after, scale, beta, k, axis, dtype=np.longdouble):
    """Return the derivatives of sum(g * y) with respect to scale, beta and k, and the sums of their magnitudes."""
    s = sums(x, before, after, scale, k, axis, dtype)
    squares = sums(x, before, after, 1, 0, axis, dtype)
    t = np.asarray(g, dtype) * np.asarray(x, dtype) * s ** (dtype(-beta) - 1)
    terms = -dtype(beta) * t * squares, -t * s * np.log(s), -dtype(beta) * t
    # an error of s by one part shows in its logarithm as such
    return [term.sum() for term in terms], [
        np.sum(abs(term) + abs(t * s) * (i == 1)) for i, term in enumerate(terms)
    ]


def finite_differences(g, x, before, after, scale, beta, k, axis, step=1e-5):
    """Return dL/dx for L = sum(g * y), from the forward alone: central differences of fourth order."""
    x = np.asarray(x, np.longdouble)
    dx = np.empty_like(x)
    weights = {1: 8, -1: -8, 2: -1, -2: 1}
    for place in np.ndindex(x.shape):
        moved = x.copy()
        change = np.longdouble(0)
        for steps, weight in weights.items():
            moved[place] = x[place] + steps * np.longdouble(step)
            change += weight * np.sum(g * forward(moved, before, after, scale, beta, k, axis))
        dx[place] = change / (12 * np.longdouble(step))
    return dx


def ulps(found, exact):
    """Return the errors of `found` in units in the last place of the exact result."""
    return abs(found.astype(exact.dtype) - exact) / np.spacing(abs(exact).astype(found.dtype)).astype(exact.dtype)
