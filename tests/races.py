"""Calls while another thread assigns attributes of their arrays: what is wrong there ends the process."""

import sys
import threading
import time
import warnings

import cases
import numpy as np

import lrncore

#: of all calls of a race
SECONDS = 1.0

CALLS = {
    "forward": lambda a, _: lrncore.lrn(a, cases.ALEXNET),
    "forward in place": lambda a, _: lrncore.lrn(a, cases.ALEXNET, out=a),
    "forward over": lambda a, _: lrncore.lrn(a[::-1], cases.ALEXNET, out=a),
    "backward": lambda a, b: lrncore.lrn_backward(b, a, cases.ALEXNET, out=b),
    "tangent": lambda a, b: lrncore.lrn_jvp(a, b, cases.ALEXNET),
    "parameters": lambda a, b: lrncore.lrn_param_grads(a, b, cases.ALEXNET),
}
#: the shape of the arrays, and what is assigned in turn
ASSIGNED = {
    "shape": ((120, 1), ((120, 1), (1, 1, 120), (2, 3, 4, 5))),
    "dtype": ((8, 16), (np.float64, np.float32, np.float16, ">f4", np.float32)),
}


def counted(name, attribute):
    """Return how often the call was refused, and how often it was served."""
    shape, values = ASSIGNED[attribute]
    a, b = (cases.normal(shape, seed=seed) for seed in range(2))
    ended, refused, served = threading.Event(), 0, 0

    def assigns():
        while not ended.is_set():
            for value in values:
                for array in (a, b):
                    setattr(array, attribute, value)

    warnings.simplefilter("ignore", DeprecationWarning)  # newer NumPy would rather have another view
    other = threading.Thread(target=assigns)
    sys.setswitchinterval(1e-6)
    other.start()
    try:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            try:
                CALLS[name](a, b)
                served += 1
            except (ValueError, TypeError, IndexError):
                refused += 1
    finally:
        ended.set()
        other.join()
    return refused, served
