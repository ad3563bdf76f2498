"""Times divisive normalization on one thread: GDN of codecs' layers, bands of channels, kernels over space."""

import numpy as np

import lrncore

from . import cases

SHAPES = {"1x96x55x55": (1, 96, 55, 55), "16x192x16x16": (16, 192, 16, 16)}
GAUSS = np.exp(-(np.arange(-2, 3) ** 2) / 2)
SPECS = {
    "band of 7": lrncore.DivisiveSpec(np.exp(-np.abs(np.arange(-3, 4)) / 2)),
    "Gaussian 5x5": lrncore.DivisiveSpec(None, GAUSS),
    "both": lrncore.DivisiveSpec(np.exp(-np.abs(np.arange(-3, 4)) / 2), GAUSS),
}


class GDN:
    """The matrix of all channels, channels first and last."""

    params = (list(SHAPES), ["first", "last"])
    param_names = ("shape", "channels")

    def setup(self, shape, channels):
        self.axis = 1 if channels == "first" else -1
        shape = SHAPES[shape]
        self.x, self.g = (
            np.ascontiguousarray(np.moveaxis(cases.normal(shape, np.float32, seed), 1, self.axis))
            for seed in (1, 2)
        )
        count = shape[1]
        self.gamma = (0.1 * np.eye(count) + 0.001).astype(np.float32)
        self.beta = np.ones(count, np.float32)
        self.y = np.empty_like(self.x)

    def time_forward(self, *_):
        lrncore.gdn(self.x, self.gamma, self.beta, axis=self.axis, out=self.y, num_threads=1)

    def time_backward(self, *_):
        lrncore.gdn_backward(self.g, self.x, self.gamma, self.beta, axis=self.axis, out=self.y, num_threads=1)


class Windows:
    """Bands of channels and kernels over space."""

    params = (list(SPECS), list(SHAPES))
    param_names = ("pool", "shape")

    def setup(self, pool, shape):
        self.spec = SPECS[pool]
        self.x, self.g = (cases.normal(SHAPES[shape], np.float32, seed) for seed in (1, 2))
        self.y = np.empty_like(self.x)

    def time_forward(self, *_):
        lrncore.divisive_norm(self.x, self.spec, out=self.y, num_threads=1)

    def time_backward(self, *_):
        lrncore.divisive_norm_backward(self.g, self.x, self.spec, out=self.y, num_threads=1)
