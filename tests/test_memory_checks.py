"""What an array says of itself may differ from its memory: a class overrides attributes. test_races.py: threads do.

The kernels compare the buffers that they hold, raise, and write nothing.
"""

import cases
import numpy as np
import pytest

import lrncore
from lrncore import _checks

pytestmark = pytest.mark.usefixtures("isa")

X = cases.normal((2, 3))
ANOTHER_SHAPE = "memory has another shape than its attributes said"
OTHER_ELEMENTS = "memory holds other elements than its dtype said"


def lying(array, **attributes):
    """Return a view of an array whose class says other things of it."""
    found = {name: property(lambda _, value=value: value) for name, value in attributes.items()}
    return array.view(type("Lying", (np.ndarray,), found))


def calls(out):
    """Return passes that write, each of LRN and some of the moment norms, as calls into `out`."""
    x = X.astype(out.dtype.type)
    return (
        lambda: lrncore.lrn(x, cases.ALEXNET, out=out),
        lambda: lrncore.lrn_backward(x, x, cases.ALEXNET, out=out),
        lambda: lrncore.lrn_jvp(x, x, cases.ALEXNET, out=out),
        lambda: lrncore.layer_norm(x, out=out),
        lambda: lrncore.rms_norm_backward(x, x, out=out),
        lambda: lrncore.instance_norm(x, out=out),
        lambda: lrncore.batch_norm(x, [0] * 3, [1] * 3, out=out),
        lambda: lrncore.batch_norm_train(x, out=out),
        lambda: lrncore.batch_norm_train_backward(x, x, out=out),
        lambda: lrncore.filter_response_norm_backward(x, x, tau=[0] * 3, out=out),
    )


@pytest.mark.parametrize(
    "shape",
    [(20000, 20000), (3, 2), (2, 4), (1, 3), (2, 0), (1, 6), (3, 1), (2, 3, 1), (1, 2, 3), (6,), ()],
    ids=str,
)
def test_an_output_of_another_shape_than_it_says(shape):
    memory = np.zeros(shape, np.float32)
    for call in calls(lying(memory, shape=X.shape, ndim=X.ndim, size=X.size)):
        with pytest.raises(ValueError, match=ANOTHER_SHAPE):
            call()
    assert not memory.any()


@pytest.mark.parametrize("dtype", ["f8", "f2", "i4", ">f4", "u2", "c8", "S4", [("a", "f4")]], ids=str)
def test_an_output_of_another_dtype_than_it_says(dtype):
    memory = np.zeros(X.shape, dtype)
    for call in calls(lying(memory, dtype=np.dtype(np.float32))):
        with pytest.raises(ValueError, match=OTHER_ELEMENTS):
            call()
    assert memory.tobytes() == bytes(memory.nbytes)


def test_an_output_that_hides_that_it_is_read_only():
    memory = np.zeros_like(X)
    memory.flags.writeable = False
    out = lying(memory, flags=np.zeros(1).flags)
    for call in calls(out):
        with pytest.raises(ValueError, match="read-only"):
            call()
    assert not memory.any()


def test_strides_are_those_of_the_memory():
    memory = np.zeros((2, 6), np.float32)
    lrncore.lrn(X, cases.ALEXNET, out=lying(memory[:, ::2], strides=(10**9, 10**9)))
    assert np.array_equal(memory[:, ::2], lrncore.lrn(X, cases.ALEXNET))
    assert not memory[:, 1::2].any()


def test_an_input_of_another_shape_than_it_says():
    """Inputs are taken as base-class arrays, which tell the truth."""
    g = lying(np.zeros((20000, 20000), np.float32), shape=X.shape)
    with pytest.raises(ValueError, match="g must have the shape of x"):
        lrncore.lrn_backward(g, X, cases.ALEXNET)


def kernel_calls(kernels, x, g, y, axis):
    rest = (axis,), (1, 1, 0.5, 0.75, 1.0), 1, 0
    return (
        lambda: kernels.forward(x, y, *rest),
        lambda: kernels.backward(g, x, y, *rest),
        lambda: kernels.tangent(g, x, y, *rest),
        lambda: kernels.parameters(g, x, *rest),
    )


@pytest.mark.parametrize("axis", [-1, 2, 64, 2**31 - 1])
def test_the_kernels_refuse_an_axis_that_is_not_there(axis):
    for call in kernel_calls(_checks.KERNELS["float32"], X, X, X.copy(), axis):
        with pytest.raises(ValueError, match=rf"and axes \({axis},\)"):
            call()


@pytest.mark.parametrize("name", ["float32", "float64", "float16", "bfloat16"])
def test_the_kernels_refuse_each_operand_that_differs(name):
    dtype = np.dtype({"bfloat16": "u2"}.get(name, name))
    good, y = X.astype(dtype), np.zeros(X.shape, dtype)
    others = [good[:1], good.ravel(), good[0, 0, ...], good.astype("i8")]
    if name != "bfloat16":  # which comes as bits
        others.append(good.astype(dtype.newbyteorder("S")))
    for bad in others:
        found = kernel_calls(_checks.KERNELS[name], good, bad, y, 1)[1:]
        found += kernel_calls(_checks.KERNELS[name], bad, good, y, 1)
        found += kernel_calls(_checks.KERNELS[name], good, good, bad.copy(), 1)[:3]
        for call in found:
            with pytest.raises(ValueError, match="an array's memory"):
                call()
    assert not y.any()
