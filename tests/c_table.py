"""The C functions of the installed package as ctypes sees them, through the table that extension modules read."""

import ctypes

from lrncore import _c_api

POINTER, LONG, DOUBLE, INT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double, ctypes.c_int


class Spec(ctypes.Structure):
    """lrn_spec."""

    _fields_ = [("before", LONG), ("after", LONG), ("scale", DOUBLE), ("beta", DOUBLE), ("k", DOUBLE)]


class Array(ctypes.Structure):
    """lrn_array."""

    _fields_ = [("data", POINTER), ("strides", ctypes.POINTER(LONG))]


class Layout(ctypes.Structure):
    """lrn_layout."""

    _fields_ = [
        ("type", INT),
        ("ndim", INT),
        ("shape", ctypes.POINTER(LONG)),
        ("windows", INT),
        ("axes", ctypes.POINTER(INT)),
    ]


SPEC, LAYOUT = ctypes.POINTER(Spec), ctypes.POINTER(Layout)
FORWARD = ctypes.CFUNCTYPE(INT, POINTER, POINTER, LONG, LONG, LONG, SPEC, INT)
BACKWARD = ctypes.CFUNCTYPE(INT, POINTER, POINTER, POINTER, LONG, LONG, LONG, SPEC, INT)
#: In the order of lrn_type
SHORTS = {"float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16"}


class Table(ctypes.Structure):
    """lrn_api."""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("version", INT),
        *((f"forward_{short}", FORWARD) for short in SHORTS.values()),
        *((f"backward_{short}", BACKWARD) for short in SHORTS.values()),
        ("forward", ctypes.CFUNCTYPE(INT, Array, Array, LAYOUT, SPEC, INT)),
        ("backward", ctypes.CFUNCTYPE(INT, Array, Array, Array, LAYOUT, SPEC, INT)),
        ("error", ctypes.CFUNCTYPE(ctypes.c_char_p, INT)),
        ("library_version", ctypes.CFUNCTYPE(ctypes.c_char_p)),
        ("instruction_set", ctypes.CFUNCTYPE(ctypes.c_char_p)),
    ]


def table():
    """Return the functions of the package."""
    address = ctypes.pythonapi.PyCapsule_GetPointer
    address.restype, address.argtypes = POINTER, [ctypes.py_object, ctypes.c_char_p]
    return Table.from_address(address(_c_api.table, b"lrncore._c_api.table"))


def spec_of(spec):
    """Return an LRNSpec as C has it."""
    return ctypes.byref(Spec(spec.before, spec.after, spec.scale, spec.beta, spec.k))


def integers(values, kind=LONG):
    """Return integers as a C array."""
    return (kind * len(values))(*values)


def strided(array):
    """Return a NumPy array as an lrn_array."""
    return Array(array.ctypes.data, integers(array.strides))


def layout_of(array, axes):
    """Return the lrn_layout of NumPy arrays like `array`."""
    kind = list(SHORTS).index(array.dtype.name)
    return ctypes.byref(Layout(kind, array.ndim, integers(array.shape), len(axes), integers(axes, INT)))
