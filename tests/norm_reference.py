"""The moment norms' formulas, slow and wide: what the kernels are judged by."""

import numpy as np

#: The largest error of y, of its largest element; gradients have a longer way
NEAR = {np.dtype(np.float32): 5e-7, np.dtype(np.float64): 1e-15}


def moments(x, axes, centred):
    """Return x about its mean, in long double, and its variance."""
    x = x.astype(np.longdouble)
    if centred:
        # two steps: the first mean has errors of its own size
        for _ in range(2):
            x = x - x.mean(axes, keepdims=True)
    return x, (x * x).mean(axes, keepdims=True)


def spread(parameter, ndim, axes):
    """Return a parameter of some axes so that it broadcasts."""
    shape = [1] * ndim
    for axis, length in zip(axes, parameter.shape, strict=True):
        shape[axis] = length
    return parameter.astype(np.longdouble).reshape(shape)


def forward(x, axes, weighted, weight, bias, eps, centred):
    """Return y of sets along `axes`, with parameters along the axes `weighted`."""
    deviation, variance = moments(x, axes, centred)
    y = deviation / np.sqrt(variance + eps)
    if weight is not None:
        y = y * spread(weight, x.ndim, weighted)
    return y if bias is None else y + spread(bias, x.ndim, weighted)


def backward(g, x, axes, weighted, weight, eps, centred):
    """Return dx, dweight and dbias."""
    deviation, variance = moments(x, axes, centred)
    r = 1 / np.sqrt(variance + eps)
    xh, g = deviation * r, g.astype(np.longdouble)
    h = g if weight is None else g * spread(weight, x.ndim, weighted)
    dx = h - xh * (h * xh).mean(axes, keepdims=True)
    if centred:
        dx = dx - h.mean(axes, keepdims=True)
    others = tuple(set(range(x.ndim)) - set(weighted))
    return r * dx, (g * xh).sum(others), g.sum(others)


def assert_near(found, expected, allowed):
    """Check that no error is more than `allowed` of the largest element."""
    error = abs(found - expected).max() / max(abs(expected).max(), np.finfo(found.dtype).tiny)
    assert error <= allowed, f"{float(error):.3g} of the largest"
