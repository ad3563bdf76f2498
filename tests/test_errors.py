"""Every message, word for word: it names the argument, the rule and the value."""

import math
from decimal import Decimal

import numpy as np
import pytest

import lrncore
from lrncore import LRNSpec, kernels, lrn, lrn_backward, set_num_threads

SPEC = LRNSpec(1, 1, 1.0, 0.5, 1.0)
X = np.ones((2, 3), np.float32)
READ_ONLY = np.ones((2, 3), np.float32)
READ_ONLY.flags.writeable = False


def array(dtype):
    return np.ones((2, 3), dtype)


CAST = "must be float32, float64, float16 or bfloat16, got {}; cast it first, e.g. {}.astype(np.float32)"
COMPLEX = (
    "must be float32, float64, float16 or bfloat16, got {}; take its real part or magnitude first, e.g. abs({})"
)

INPUTS = {
    **{
        f"x_{dtype}": (lambda dtype=dtype: lrn(array(dtype), SPEC), TypeError, "x " + CAST.format(dtype, "x"))
        for dtype in ("int8", "int32", "int64", "uint8", "bool", "object")
    },
    **{
        f"x_{dtype}": (
            lambda dtype=dtype: lrn(array(dtype), SPEC),
            TypeError,
            "x " + COMPLEX.format(dtype, "x"),
        )
        for dtype in ("complex64", "complex128")
    },
    "g_complex64": (
        lambda: lrn_backward(array("complex64"), X, SPEC),
        TypeError,
        "g " + COMPLEX.format("complex64", "g"),
    ),
    **{
        f"g_{dtype}": (
            lambda dtype=dtype: lrn_backward(array(dtype), X, SPEC),
            TypeError,
            "g " + CAST.format(dtype, "g"),
        )
        for dtype in ("int64", "bool", "object")
    },
    "x_longdouble": (
        lambda: lrn(array(np.longdouble), SPEC),
        TypeError,
        "x " + CAST.format(np.dtype(np.longdouble), "x"),
    ),
    "x_big_endian_int": (lambda: lrn(array(">i4"), SPEC), TypeError, "x " + CAST.format(">i4", "x")),
    "x_string": (lambda: lrn("five", SPEC), TypeError, "x " + CAST.format("<U4", "x")),
    "x_none": (lambda: lrn(None, SPEC), TypeError, "x must be an array, got None"),
    "x_list_of_ints": (lambda: lrn([[1, 2]], SPEC), TypeError, "x " + CAST.format(np.dtype(int), "x")),
    "x_of_backward": (
        lambda: lrn_backward(X, array(int), SPEC),
        TypeError,
        "x " + CAST.format(np.dtype(int), "x"),
    ),
    "x_structured": (
        lambda: lrn(np.zeros(3, [("a", "<f4")]), SPEC),
        TypeError,
        "x must be float32, float64, float16 or bfloat16, got [('a', '<f4')]; take a field first, e.g. x['a']",
    ),
    "x_without_dimensions": (
        lambda: lrn(np.float32(1), SPEC),
        ValueError,
        "x must have at least 1 dimension, got 0",
    ),
    "g_without_dimensions": (
        lambda: lrn_backward(np.float32(1), X, SPEC),
        ValueError,
        "g must have at least 1 dimension, got 0",
    ),
    "g_shape": (
        lambda: lrn_backward(np.ones((3, 2), np.float32), X, SPEC),
        ValueError,
        "g must have the shape of x, (2, 3), got (3, 2)",
    ),
    "g_that_would_broadcast": (
        lambda: lrn_backward(np.ones((1, 3), np.float32), X, SPEC),
        ValueError,
        "g must have the shape of x, (2, 3), got (1, 3)",
    ),
    "g_dtype": (
        lambda: lrn_backward(array(float), X, SPEC),
        TypeError,
        "g must have the dtype of x, float32, got float64",
    ),
    "spec_none": (lambda: lrn(X, None), TypeError, "spec must be an LRNSpec, got None (NoneType)"),
    "spec_size": (lambda: lrn(X, 5), TypeError, "spec must be an LRNSpec, got 5 (int)"),
    "spec_tuple": (
        lambda: lrn_backward(X, X, (1, 1, 1.0, 0.5, 1.0)),
        TypeError,
        "spec must be an LRNSpec, got (1, 1, 1.0, 0.5, 1.0) (tuple)",
    ),
}

AXES = {
    **{
        f"axis_{axis}_of_{ndim}": (
            lambda axis=axis, ndim=ndim: lrn(np.ones((2,) * ndim), SPEC, axis),
            np.exceptions.AxisError,
            f"axis must be in [-{ndim}, {ndim}) for an array of {ndim} dimensions, got {axis}",
        )
        for axis, ndim in ((1, 1), (-2, 1), (2, 2), (-3, 2), (4, 4), (10**30, 4), (-(10**30), 4))
    },
    "axis_of_backward": (
        lambda: lrn_backward(X, X, SPEC, 2),
        np.exceptions.AxisError,
        "axis must be in [-2, 2) for an array of 2 dimensions, got 2",
    ),
    **{
        f"axis_{name}": (
            lambda axis=axis: lrn(X, SPEC, axis),
            TypeError,
            f"axis must be an int or a tuple of ints, got {axis!r} ({type(axis).__name__})",
        )
        for name, axis in {
            "float": 1.5,
            "bool": True,
            "none": None,
            "list": [0, 1],
            "string": "1",
            "of_floats": (0, 1.5),
            "of_bools": (True,),
            "of_tuples": ((0,), 1),
        }.items()
    },
    **{
        f"axes_{axes}_of_{ndim}": (
            lambda axes=axes, ndim=ndim: lrn(np.ones((2,) * ndim), SPEC, axes),
            np.exceptions.AxisError,
            f"axis must be in [-{ndim}, {ndim}) for an array of {ndim} dimensions, got {wrong}",
        )
        for axes, ndim, wrong in (((1,), 1, 1), ((0, 2), 2, 2), ((-3, 0), 2, -3), ((10**30, 0), 4, 10**30))
    },
    "axes_repeated": (lambda: lrn(X, SPEC, (0, 1, 0)), ValueError, "axis must not repeat an axis, got (0, 1, 0)"),
    "axes_repeated_from_the_end": (
        lambda: lrn_backward(X, X, SPEC, (1, -1)),
        ValueError,
        "axis must not repeat an axis, got (1, -1) for an array of 2 dimensions",
    ),
    "axis_array": (
        lambda: lrn(X, SPEC, np.array([0, 1])),
        TypeError,
        "axis must be an int or a tuple of ints, got shape (2,) (ndarray)",
    ),
    "axes_of_a_layer": (
        lambda: lrncore.LocalResponseNorm(5, axis=[1, 2]),
        TypeError,
        "axis must be an int or a tuple of ints, got [1, 2] (list)",
    ),
}

OUTS = {
    "out_list": (
        lambda: lrn(X, SPEC, out=[0.0]),
        TypeError,
        "out must be a numpy.ndarray or None, got list",
    ),
    "out_tuple": (
        lambda: lrn(X, SPEC, out=(array("f4"),)),
        TypeError,
        "out must be a numpy.ndarray or None, got tuple",
    ),
    "out_shape": (
        lambda: lrn(X, SPEC, out=np.ones((3, 2), np.float32)),
        ValueError,
        "out must have the shape of x, (2, 3), got (3, 2)",
    ),
    "out_larger": (
        lambda: lrn(X, SPEC, out=np.ones((1, 2, 3), np.float32)),
        ValueError,
        "out must have the shape of x, (2, 3), got (1, 2, 3)",
    ),
    "out_wider": (
        lambda: lrn(X, SPEC, out=array("f8")),
        TypeError,
        "out must have the dtype of x, float32, got float64",
    ),
    "out_int": (
        lambda: lrn(X, SPEC, out=array("i4")),
        TypeError,
        "out must have the dtype of x, float32, got int32",
    ),
    "out_read_only": (
        lambda: lrn(X, SPEC, out=READ_ONLY),
        ValueError,
        "out must be writeable, got a read-only array",
    ),
    "out_of_backward": (
        lambda: lrn_backward(X, X, SPEC, out=READ_ONLY),
        ValueError,
        "out must be writeable, got a read-only array",
    ),
}


def ints(name, lowest, call):
    """Return the cases of an argument that is an int of at least `lowest`."""
    must = f"{name} must be an int"
    return {
        f"{name}_too_small": (lambda: call(lowest - 1), ValueError, f"{must} >= {lowest}, got {lowest - 1}"),
        f"{name}_negative": (lambda: call(-7), ValueError, f"{must} >= {lowest}, got -7"),
        f"{name}_float": (lambda: call(2.5), TypeError, f"{must}, got 2.5 (float)"),
        f"{name}_nan": (lambda: call(math.nan), TypeError, f"{must}, got nan (float)"),
        f"{name}_inf": (lambda: call(math.inf), TypeError, f"{must}, got inf (float)"),
        f"{name}_numpy_float": (
            lambda: call(np.float32(2.5)),
            TypeError,
            f"{must}, got {np.float32(2.5)!r} (float32)",
        ),
        f"{name}_array_of_one": (
            lambda: call(np.array([2.5])),
            TypeError,
            f"{must}, got array([2.5]) (ndarray)",
        ),
        f"{name}_array": (lambda: call(np.array([5, 5])), TypeError, f"{must}, got shape (2,) (ndarray)"),
        f"{name}_array_of_bool": (
            lambda: call(np.array([True])),
            TypeError,
            f"{must}, got array([ True]) (ndarray)",
        ),
        f"{name}_masked": (lambda: call(np.ma.masked), TypeError, f"{must}, got masked (MaskedConstant)"),
        f"{name}_bool": (lambda: call(True), TypeError, f"{must}, got True (bool)"),
        f"{name}_numpy_bool": (lambda: call(np.True_), TypeError, f"{must}, got {np.True_!r} (bool)"),
        f"{name}_string": (lambda: call("5"), TypeError, f"{must}, got '5' (str)"),
        f"{name}_list": (lambda: call([5]), TypeError, f"{must}, got [5] (list)"),
    }


def reals(name, call):
    """Return the cases of an argument that is a finite real number."""
    number, finite = f"{name} must be a real number", f"{name} must be finite"
    return {
        f"{name}_nan": (lambda: call(math.nan), ValueError, f"{finite}, got nan"),
        f"{name}_inf": (lambda: call(math.inf), ValueError, f"{finite}, got inf"),
        f"{name}_minus_inf": (lambda: call(-math.inf), ValueError, f"{finite}, got -inf"),
        f"{name}_numpy_nan": (
            lambda: call(np.float32(np.nan)),
            ValueError,
            f"{finite}, got {np.float32(np.nan)!r}",
        ),
        f"{name}_beyond_floats": (lambda: call(10**400), ValueError, f"{finite}, got {10**400}"),
        f"{name}_complex": (lambda: call(1j), TypeError, f"{number}, got 1j (complex)"),
        f"{name}_bool": (lambda: call(True), TypeError, f"{number}, got True (bool)"),
        f"{name}_string": (lambda: call("0.75"), TypeError, f"{number}, got '0.75' (str)"),
        f"{name}_none": (lambda: call(None), TypeError, f"{number}, got None (NoneType)"),
        f"{name}_decimal": (
            lambda: call(Decimal("0.75")),
            TypeError,
            f"{number}, got Decimal('0.75') (Decimal)",
        ),
        f"{name}_array": (
            lambda: call(np.array([0.75, 1.0])),
            TypeError,
            f"{number}, got shape (2,) (ndarray)",
        ),
        f"{name}_masked": (lambda: call(np.ma.masked), TypeError, f"{number}, got masked (MaskedConstant)"),
    }


WHOLE = (
    ints("before", 0, lambda v: LRNSpec(v, 1, 1.0, 0.5, 1.0))
    | ints("after", 0, lambda v: LRNSpec(1, v, 1.0, 0.5, 1.0))
    | {f"torch_{key}": value for key, value in ints("size", 1, LRNSpec.torch).items()}
    | {f"onnx_{key}": value for key, value in ints("size", 1, LRNSpec.onnx).items()}
    | {f"twin_{key}": value for key, value in ints("size", 1, lambda v: lrncore.local_response_norm(X, v)).items()}
    | {f"layer_{key}": value for key, value in ints("size", 1, lrncore.LocalResponseNorm).items()}
    | ints("depth_radius", 0, LRNSpec.tensorflow)
    | {
        f"twin_{key}": value
        for key, value in ints("depth_radius", 0, lambda v: lrncore.local_response_normalization(X, v)).items()
    }
    | ints("local_size", 1, LRNSpec.caffe)
    | ints("n", 1, LRNSpec.paper)
    | {
        f"caffe_{size}": (
            lambda size=size: LRNSpec.caffe(size),
            ValueError,
            f"local_size must be odd, got {size}",
        )
        for size in (2, 4, 10**30)
    }
)

REAL = (
    reals("scale", lambda v: LRNSpec(1, 1, v, 0.5, 1.0))
    | reals("beta", lambda v: LRNSpec(1, 1, 1.0, v, 1.0))
    | reals("k", lambda v: LRNSpec(1, 1, 1.0, 0.5, v))
    | {
        f"{convention}_{key}": value
        for convention, constant in (
            ("torch", "k"),
            ("tensorflow", "bias"),
            ("onnx", "bias"),
            ("caffe", "k"),
            ("paper", "k"),
        )
        for name in ("alpha", "beta", constant)
        for key, value in reals(
            name, lambda v, c=convention, name=name: getattr(LRNSpec, c)(3, **{name: v})
        ).items()
    }
)

THREADS = (
    ints("num_threads", 1, lambda v: lrn(X, SPEC, num_threads=v))
    | {
        f"backward_{key}": value
        for key, value in ints("num_threads", 1, lambda v: lrn_backward(X, X, SPEC, num_threads=v)).items()
    }
    | {f"set_num_threads_{key}": value for key, value in ints("n", 1, set_num_threads).items()}
)

OTHERS = {
    "show_config_mode": (
        lambda: lrncore.show_config("json"),
        ValueError,
        "mode must be 'stdout' or 'dicts', got 'json'",
    ),
}

ALL = INPUTS | AXES | OUTS | WHOLE | REAL | THREADS | OTHERS


@pytest.mark.parametrize("name", ALL)
def test_message(name):
    call, kind, message = ALL[name]
    with pytest.raises(kind) as caught:
        call()
    assert (type(caught.value), str(caught.value)) == (kind, message)


def test_unknown_instruction_set(python):
    program = """
try:
    import lrncore
except ValueError as error:
    print(error)
"""
    expected = f"LRNCORE_ISA must be one of {', '.join(kernels.INSTRUCTION_SETS)}, got 'sse9'"
    assert python(program, LRNCORE_ISA="sse9") == expected


def test_out_is_not_touched_by_a_failed_call():
    out = np.full((2, 3), 7, np.float32)
    with pytest.raises(TypeError):
        lrn(X, SPEC, out=out, num_threads=1.5)
    assert (out == 7).all()
