"""What the tests of `lrncore apply` share: an array, its parameters, and the file that NumPy makes of it."""

import io

import numpy as np

from lrncore import LRNSpec

SHAPE = (3, 20, 6, 5)
SPEC = LRNSpec(2, 3, 0.5, 0.75, 1.5)
WORDS = ["--before", "2", "--after", "3", "--scale", "0.5", "--beta", "0.75", "--k", "1.5", "--quiet"]


def array(shape=SHAPE, dtype="<f4", order="C", seed=0):
    return np.asarray(np.random.default_rng(seed).standard_normal(shape), dtype, order=order)


def saved(x):
    """Return the bytes of the file that NumPy writes."""
    stream = io.BytesIO()
    np.save(stream, x)
    return stream.getvalue()
