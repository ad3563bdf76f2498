"""Divisive normalization in NumPy, one loop an idea: the oracle, in long doubles."""

import numpy as np


def weights_of(window, length, border):
    """Return the matrix of a window along an axis of so many places."""
    matrix = np.zeros((length, length), np.longdouble)
    reach = len(window) // 2
    for i in range(length):
        for k, weight in enumerate(window):
            if 0 <= i + k - reach < length:
                matrix[i, i + k - reach] = weight
    return matrix / matrix.sum(axis=1, keepdims=True) if border == "mass" else matrix


def matrices(spec, shape, axis, space_axes=()):
    """Return, for each axis with weights, their matrix."""
    found = {}
    if spec.channels is not None:
        dense = spec.channels.ndim == 2
        found[axis] = spec.channels if dense else weights_of(spec.channels, shape[axis], spec.border)
    if spec.space is not None:
        kernels = spec.space if isinstance(spec.space, tuple) else (spec.space,) * len(space_axes)
        for i, kernel in zip(space_axes, kernels, strict=True):
            found[i] = weights_of(kernel, shape[i], spec.border)
    return found


def pooled(values, found, transposed=False):
    """Return the sums of all pools, or with `transposed` of those that hold an element."""
    for axis, matrix in found.items():
        chosen = matrix if transposed else matrix.T
        values = np.moveaxis(np.moveaxis(values, axis, -1) @ chosen.astype(np.longdouble), -1, axis)
    return values


def parts(x, spec, axis, space_axes):
    """Return x in long doubles, the matrices, the numerator and D."""
    x = x.astype(np.longdouble)
    found = matrices(spec, x.shape, axis, space_axes)
    sigma = np.asarray(spec.sigma, np.longdouble).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    return x, found, np.sign(x) * np.abs(x) ** spec.n, sigma + pooled(np.abs(x) ** spec.p, found)


def forward(x, spec, axis, space_axes=()):
    """Return y."""
    _, _, numerator, d = parts(x, spec, axis, space_axes)
    return numerator * d**-spec.q


def backward(g, x, spec, axis, space_axes=()):
    """Return dx."""
    x, found, numerator, d = parts(x, spec, axis, space_axes)
    t = g.astype(np.longdouble) * numerator * d ** (-spec.q - 1)
    slope = np.sign(x) * np.abs(x) ** (spec.p - 1)
    direct = g * spec.n * np.abs(x) ** (spec.n - 1) * d**-spec.q
    return direct - spec.p * spec.q * slope * pooled(t, found, transposed=True)


def matrix_gradients(g, x, spec, axis):
    """Return the gradients of a matrix of channels and of sigma."""
    x, _, numerator, d = parts(x, spec, axis, ())
    t = np.moveaxis(g * numerator * d ** (-spec.q - 1), axis, -1).reshape(-1, x.shape[axis])
    powers = np.moveaxis(np.abs(x) ** spec.p, axis, -1).reshape(-1, x.shape[axis])
    return -spec.q * (t.T @ powers), -spec.q * t.sum(axis=0)


def ulps(result, expected):
    """Return the largest error in units of the result's last place."""
    tiny = np.finfo(result.dtype).tiny
    unit = np.spacing(np.maximum(np.abs(expected).astype(result.dtype), tiny))
    return float(np.max(np.abs(result.astype(np.longdouble) - expected) / unit, initial=0))
