"""Loops compiled by numba: over rows of one channel where the data is planar, over pixels where it is packed."""

import numba
import numpy as np

from .plan import FORWARD


@numba.njit(fastmath=True)
def normalize(x, total, y, scale, beta, k):
    """Write x over the power of its sums, with square roots for beta 0.75."""
    one = np.float32(1)
    if beta == np.float32(0.75):
        for i in range(len(x)):
            root = one / np.sqrt(k + scale * total[i])
            y[i] = x[i] * root * np.sqrt(root)
    else:
        for i in range(len(x)):
            y[i] = x[i] * (k + scale * total[i]) ** -beta


def planar(x, y, before, after, scale, beta, k, blocks):
    """Normalize (images, channels, area), a block of channels after the other."""
    images, channels, area = x.shape
    count = images * channels
    for block in numba.prange(blocks):
        total = np.empty(area, np.float32)
        for at in range(block * count // blocks, (block + 1) * count // blocks):
            image, channel = at // channels, at % channels
            total[:] = 0
            for other in range(max(channel - before, 0), min(channel + after + 1, channels)):
                for i in range(area):
                    total[i] += x[image, other, i] * x[image, other, i]
            normalize(x[image, channel], total, y[image, channel], scale, beta, k)


def packed(x, y, before, after, scale, beta, k, blocks):
    """Normalize (pixels, channels), a block of pixels after the other."""
    pixels, channels = x.shape
    for block in numba.prange(blocks):
        total = np.empty(channels, np.float32)
        squares = np.zeros(before + channels + after, np.float32)
        for pixel in range(block * pixels // blocks, (block + 1) * pixels // blocks):
            for c in range(channels):
                squares[before + c] = x[pixel, c] * x[pixel, c]
            total[:] = 0
            for shift in range(before + after + 1):
                for c in range(channels):
                    total[c] += squares[c + shift]
            normalize(x[pixel], total, y[pixel], scale, beta, k)


def prepare(problem):
    spec, shape = problem.spec, problem.x.shape
    kernel = numba.njit(packed if problem.packed else planar, fastmath=True, parallel=problem.threads > 1)
    folded = (-1, shape[-1]) if problem.packed else (*shape[:2], -1)
    x, y = problem.x.reshape(folded), problem.out.reshape(folded)
    numbers = [np.float32(value) for value in (spec.scale, spec.beta, spec.k)]

    def forward():
        kernel(x, y, spec.before, spec.after, *numbers, problem.threads)
        return problem.out

    return {FORWARD: forward}
