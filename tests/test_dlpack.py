"""Arrays of other libraries: anything that speaks DLPack or has __array__ is read, without a copy."""

import ctypes

import cases
import numpy as np
import pytest

from lrncore import lrn, lrn_backward
from lrncore._checks import check_array

ON_A_GPU = 2  # DLPack's number for CUDA
SPEC = cases.STRONG


class Exporter:
    """An array of a library that speaks nothing but DLPack."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **arguments):
        return self.array.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Elsewhere(Exporter):
    """The same, saying that its memory is a GPU's."""

    def __dlpack__(self, **_arguments):
        capsule = self.array.__dlpack__()
        pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
        pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        device_type = pointer_of(capsule, b"dltensor") + ctypes.sizeof(ctypes.c_void_p)
        ctypes.c_int32.from_address(device_type).value = ON_A_GPU
        return capsule

    def __dlpack_device__(self):
        return ON_A_GPU, 0


class Closed(Exporter):
    """The same, which refuses to be read."""

    def __dlpack__(self, **_arguments):
        raise BufferError("closed")


class Convertible:
    """An array of a library that can only be converted to NumPy's."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


class Both(Convertible):
    """An array that has both, and is converted as NumPy does it."""

    def __dlpack__(self, **_arguments):
        raise AssertionError("not asked for")


FOREIGN = (Exporter, Convertible, Both)
ARRAYS = {
    "contiguous": cases.normal((2, 7, 5)),
    "float64": cases.normal((2, 7, 5), np.float64),
    "transposed": cases.normal((5, 7, 2)).T,
    "strided": cases.normal((4, 14, 5))[::2, ::-2],
}


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("x", ARRAYS.values(), ids=ARRAYS)
def test_forward_of_a_foreign_array(foreign, x):
    y = lrn(foreign(x), SPEC)
    assert type(y) is np.ndarray
    assert np.array_equal(y, lrn(x, SPEC))


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("x", ARRAYS.values(), ids=ARRAYS)
def test_backward_of_foreign_arrays(foreign, x):
    g = cases.normal(x.shape, x.dtype, seed=1)
    assert np.array_equal(lrn_backward(foreign(g), foreign(x), SPEC), lrn_backward(g, x, SPEC))


@pytest.mark.parametrize("foreign", FOREIGN)
def test_memory_is_not_copied(foreign):
    x = ARRAYS["contiguous"]
    read, *_ = check_array(foreign(x), "x")
    assert np.shares_memory(read, x)


@pytest.mark.parametrize("foreign", [Exporter, Convertible])
def test_integers_are_refused_as_those_of_numpy_are(foreign):
    with pytest.raises(TypeError) as caught:
        lrn(foreign(np.ones((2, 3), np.int32)), SPEC)
    assert str(caught.value) == (
        "x must be float32, float64, float16 or bfloat16, got int32; cast it first, e.g. x.astype(np.float32)"
    )


@pytest.mark.parametrize(("foreign", "reason"), [(Elsewhere, "device"), (Closed, "closed")])
def test_memory_that_cannot_be_read(foreign, reason):
    x = np.ones((2, 3), np.float32)
    for name, call in {
        "x": lambda: lrn(foreign(x), SPEC),
        "g": lambda: lrn_backward(foreign(x), x, SPEC),
    }.items():
        with pytest.raises(TypeError) as caught:
            call()
        rule, why = str(caught.value).split(": ")
        assert rule == (
            f"{name} must be an array in the CPU's memory of a dtype that NumPy has, got {foreign.__name__}"
        )
        assert reason in why
