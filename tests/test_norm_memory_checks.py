"""The moment norms' kernels compare the memory they are given with what was said of it, raise, and write nothing.

test_memory_checks.py: the public functions.
"""

import cases
import numpy as np
import pytest

from lrncore import _norm_call

pytestmark = pytest.mark.usefixtures("isa")

X = cases.normal((2, 3))


def kernel_arguments(**changed):
    """Return what the kernels take for sets of two columns of three, with something changed."""
    real, double = np.ones(3, np.float32), np.zeros(3)
    arguments = {
        "x": X,
        "g": X,
        "y": np.zeros_like(X),
        "parameters": (real, real, real),
        "grads": np.zeros((3, 3)),
        "deps": double.copy(),
        "statistics": (double.copy(), double.copy()),
        "axes": ((False, 0), (True, 1)),
        "params": 3,
        "norm": (1e-5, False, False, False),
    }
    return arguments | changed


def forward(a):
    return lambda: _norm_call.KERNELS["float32"].forward(
        a["x"], a["y"], a["parameters"], a["statistics"], a["axes"], a["params"], a["norm"], 1, 0
    )


def backward(a):
    grads = a["parameters"], a["grads"], a["deps"], a["statistics"]
    return lambda: _norm_call.KERNELS["float32"].backward(
        a["g"], a["x"], a["y"], *grads, a["axes"], a["params"], a["norm"], 1, 0
    )


def test_the_kernels_take_what_fits():
    arguments = kernel_arguments()
    assert forward(arguments)()
    assert backward(arguments)()


def test_gradients_of_parameters_in_float32_are_those_in_float64():
    wide, narrow = kernel_arguments(), kernel_arguments(grads=np.full((3, 3), 7, np.float32))
    assert backward(wide)()
    assert backward(narrow)()
    np.testing.assert_array_equal(narrow["grads"], wide["grads"].astype(np.float32))


SHORT, LONG, WIDE = np.ones(2, np.float32), np.ones(4, np.float32), np.ones(3)
ONE = np.ones(3, np.float32)
#: arguments, and whether a forward takes them too
WRONG = {
    "x_shape": ({"x": X[:1]}, True),
    "x_dtype": ({"x": X.astype("f8")}, True),
    "x_dimensions": ({"x": X.ravel()}, True),
    "g_shape": ({"g": X[:, :2]}, False),
    "y_shape": ({"y": np.zeros((2, 4), np.float32)}, True),
    "weight_short": ({"parameters": (SHORT, ONE, ONE)}, True),
    "weight_long": ({"parameters": (LONG, ONE, ONE)}, True),
    "weight_dtype": ({"parameters": (WIDE, ONE, ONE)}, True),
    "bias": ({"parameters": (ONE, SHORT, ONE)}, True),
    "tau": ({"parameters": (ONE, ONE, SHORT)}, True),
    "params": ({"params": 4}, True),
    "mean_short": ({"statistics": (np.zeros(2), np.zeros(3))}, True),
    "var_long": ({"statistics": (np.zeros(3), np.zeros(4))}, True),
    "var_dtype": ({"statistics": (np.zeros(3), np.zeros(3, np.float32))}, True),
    "grads": ({"grads": np.zeros((3, 2))}, False),
    "grads_long": ({"grads": np.zeros((3, 4), np.float32)}, False),
    "grads_dtype": ({"grads": np.zeros((3, 3), np.float16)}, False),
    "deps": ({"deps": np.zeros(4)}, False),
    "axes_few": ({"axes": ((True, 1),)}, True),
    "axes_many": ({"axes": ((False, 0), (False, 0), (True, 1))}, True),
    "eps": ({"norm": (np.zeros(2), False, False, False)}, True),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_kernels_refuse_what_does_not_fit(name):
    changed, forward_too = WRONG[name]
    arguments = kernel_arguments(**changed)
    for call in (backward(arguments), *((forward(arguments),) if forward_too else ())):
        with pytest.raises(ValueError):
            call()
    assert not arguments["y"].any()


@pytest.mark.parametrize("stride", [-1, 2, 2**40])
def test_the_kernels_refuse_parameters_beyond_their_end(stride):
    arguments = kernel_arguments(axes=((False, 0), (True, stride)))
    for call in (forward(arguments), backward(arguments)):
        with pytest.raises(ValueError):
            call()
