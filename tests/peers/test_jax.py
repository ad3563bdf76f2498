"""lrncore.jax: the bits of lrncore.lrn, and the numbers of the formula in jax.numpy, under every transformation."""

from functools import partial

import numpy as np
import pytest
from comparison import CASES, assert_close, peer, values

import lrncore
from lrncore import LRNSpec

jax = peer("jax", "jax")
jnp = jax.numpy
from jax.experimental import sparse  # noqa: E402  (after the skip)

from lrncore import jax as ours  # noqa: E402

SPEC = LRNSpec.torch(4, 1.0, 0.75, 0.5)
SHAPE = (3, 9, 4, 5)
HALVES = ("float16", "bfloat16")


@pytest.fixture
def x64():
    """Let JAX have float64."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def formula(x, size, alpha, beta, k):
    """Return the LRN of torch over axis 1, in operations that JAX differentiates itself."""
    margins = [(size // 2, (size - 1) // 2) if axis == 1 else (0, 0) for axis in range(x.ndim)]
    squares = jnp.pad(x * x, margins)
    total = sum(squares[:, i : i + x.shape[1]] for i in range(size))
    return x * (k + alpha / size * total) ** -beta


def parameters_of(case):
    return case.size, case.alpha, case.beta, case.k


def pulled_back(function, x, g):
    """Return the gradient of sum(g * function(x))."""
    return jax.vjp(function, x)[1](g)[0]


def same_bits(found, expected):
    found = np.asarray(found)
    return found.dtype == expected.dtype and found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_bits_of_lrncore(case, transform):
    x, g = values(case.shape), values(case.shape, seed=1)
    spec = LRNSpec.torch(*parameters_of(case))
    function = partial(ours.lrn, spec=spec)
    assert same_bits(transform(function)(x), lrncore.lrn(x, spec))
    assert same_bits(transform(partial(pulled_back, function))(x, g), lrncore.lrn_backward(g, x, spec))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_numbers_of_the_formula(case):
    x, g = values(case.shape, np.float64), values(case.shape, np.float64, seed=1)

    @partial(jax.jit, static_argnums=0)
    def both_passes(normalize, x, g):
        y, pull_back = jax.vjp(lambda x: normalize(x, *parameters_of(case)), x)
        return y, *pull_back(g)

    y, gradient = both_passes(ours.local_response_norm, x, g)
    their_y, their_gradient = both_passes(formula, x, g)
    assert_close(y, their_y)
    assert_close(gradient, their_gradient)


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -2, -4])
def test_any_axis(axis):
    x, g = values(SHAPE), values(SHAPE, seed=1)
    assert same_bits(ours.lrn(x, SPEC, axis), lrncore.lrn(x, SPEC, axis))
    gradient = pulled_back(partial(ours.local_response_norm, size=4, alpha=1.0, k=0.5, axis=axis), x, g)
    assert same_bits(gradient, lrncore.lrn_backward(g, x, SPEC, axis))


def test_defaults_are_those_of_torch():
    x = 100 * values(SHAPE)
    assert same_bits(ours.local_response_norm(x, 5), lrncore.local_response_norm(x, 5))


def test_value_and_grad():
    x = values(SHAPE)
    value, gradient = jax.jit(jax.value_and_grad(lambda x: ours.lrn(x, SPEC).sum()))(x)
    assert_close(value, lrncore.lrn(x, SPEC).sum())
    assert same_bits(gradient, lrncore.lrn_backward(np.ones_like(x), x, SPEC))


@pytest.mark.parametrize("axis", [1, -3])
@pytest.mark.parametrize("mapped", [0, 2, -1])
@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_vmap_does_not_count_the_mapped_axis(mapped, axis, transform):
    x = values((2, *SHAPE))
    images = np.moveaxis(x, 0, mapped)
    y = transform(jax.vmap(lambda x: ours.lrn(x, SPEC, axis), mapped))(images)
    assert same_bits(y, lrncore.lrn(x, SPEC, 2))


def test_vmap_of_jit_and_of_vmap():
    x = values((2, 3, 9, 4))
    by_channels_of_rows = jax.vmap(jax.vmap(jax.jit(lambda x: ours.lrn(x, SPEC, 0))))
    assert same_bits(by_channels_of_rows(x), lrncore.lrn(x, SPEC, 2))


def test_vmap_of_grad_and_grad_of_vmap():
    x = values(SHAPE)
    expected = lrncore.lrn_backward(2 * lrncore.lrn(x, SPEC), x, SPEC)

    def of_an_image(x):
        return (ours.lrn(x, SPEC, 0) ** 2).sum()

    def of_all(x):
        return (jax.vmap(lambda x: ours.lrn(x, SPEC, 0))(x) ** 2).sum()

    assert same_bits(jax.vmap(jax.grad(of_an_image))(x), expected)
    assert same_bits(jax.grad(of_all)(x), expected)


def test_jacobian_maps_the_gradient_alone():
    x = values((2, 5))
    assert_close(jax.jacrev(lambda x: ours.lrn(x, SPEC))(x), jax.jacrev(lambda x: formula(x, 4, 1.0, 0.75, 0.5))(x))


def test_spec_is_a_static_argument():
    x = values(SHAPE)
    compiled = jax.jit(ours.lrn, static_argnums=(1, 2))
    for spec in (SPEC, LRNSpec.paper()):
        assert same_bits(compiled(x, spec, 1), lrncore.lrn(x, spec))


@pytest.mark.parametrize("shape", [(0, 3), (2, 0, 3), (2, 5, 0)], ids=str)
def test_nothing_in_nothing_out(shape):
    x = jnp.zeros(shape)
    assert ours.lrn(x, SPEC).shape == shape
    assert jax.grad(lambda x: ours.lrn(x, SPEC).sum())(x).shape == shape


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("dtype", HALVES)
def test_halves_are_computed_in_float32_and_rounded_once(dtype, transform):
    dtype = jnp.dtype(dtype)
    # as float16, the squares of the largest would overflow
    x, g = (300 * values(SHAPE)).astype(dtype), values(SHAPE, seed=1).astype(dtype)
    wide, wide_g = x.astype(np.float32), g.astype(np.float32)
    function = partial(ours.lrn, spec=SPEC)
    assert same_bits(transform(function)(x), lrncore.lrn(wide, SPEC).astype(dtype))
    gradient = transform(partial(pulled_back, function))(x, g)
    assert same_bits(gradient, lrncore.lrn_backward(wide_g, wide, SPEC).astype(dtype))


@pytest.mark.usefixtures("x64")
def test_float64():
    x = values(SHAPE, np.float64)
    gradient = jax.grad(lambda x: ours.lrn(x, SPEC).sum())(x)
    assert same_bits(ours.lrn(x, SPEC), lrncore.lrn(x, SPEC))
    assert same_bits(gradient, lrncore.lrn_backward(np.ones_like(x), x, SPEC))


def test_float64_is_float32_unless_x64_is_enabled():
    x = values(SHAPE, np.float64)
    assert same_bits(ours.lrn(x, SPEC), lrncore.lrn(x.astype(np.float32), SPEC))


def test_layers_after_one_another_in_one_program(python):
    # In another process: a callback that waits for the thread that waits for it would never end.
    program = """
import jax, lrncore, lrncore.jax, numpy as np

spec = lrncore.LRNSpec.torch(5, 1.0)
x = np.random.default_rng(0).standard_normal((8, 64, 40, 40)).astype(np.float32)

@jax.jit
def step(x):
    def loss(x):
        for _ in range(3):
            x = lrncore.jax.lrn(2 * x, spec)
        return (x * x).sum()
    return jax.grad(loss)(x)

y, inputs = x, []
for _ in range(3):
    inputs.append(2 * y)
    y = lrncore.lrn(2 * y, spec)
g = 2 * y
for x_of_layer in reversed(inputs):
    g = 2 * lrncore.lrn_backward(g, x_of_layer, spec)
for _ in range(5):
    assert np.array_equal(step(x), g)
print("done")
"""
    assert python(program, JAX_PLATFORMS="cpu") == "done"


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit, jax.vmap], ids=["eager", "jit", "vmap"])
@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool", "float8_e4m3fn"])
def test_other_dtypes_are_refused(dtype, transform):
    with pytest.raises(TypeError) as caught:
        transform(lambda x: ours.lrn(x, SPEC, -1))(jnp.ones((2, 3), dtype))
    assert str(caught.value) == (
        f"x must be float32, float64, float16 or bfloat16, got {dtype}; cast it first, e.g. x.astype(jnp.float32)"
    )


REFUSED = {
    "complex64": (
        lambda: jnp.ones((2, 3), "complex64"),
        (
            "x must be float32, float64, float16 or bfloat16, got complex64; "
            "take its real part or magnitude first, e.g. abs(x)"
        ),
    ),
    "masked": (
        lambda: np.ma.masked_array(values((2, 3)), values((2, 3)) > 0),
        "x must not be masked, got MaskedArray with masked elements; fill them first, e.g. x.filled(0)",
    ),
    "list_of_masked": (
        lambda: [np.ma.masked_array([1.0, 2.0], [True, False])],
        "x must not be masked, got list with masked elements; fill them first, e.g. np.ma.array(x).filled(0)",
    ),
    "none": (lambda: None, "x must be an array, got None"),
    "sparse": (
        lambda: sparse.BCOO.fromdense(jnp.ones((2, 3))),
        "x must be a dense array, got BCOO; convert it first, e.g. x.todense()",
    ),
    "big_endian_int": (
        lambda: np.ones((2, 3), ">i4"),
        "x must be float32, float64, float16 or bfloat16, got int32; cast it first, e.g. x.astype(jnp.float32)",
    ),
}


@pytest.mark.parametrize("call", [lambda x: ours.lrn(x, SPEC), lambda x: ours.local_response_norm(x, 4)])
@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_in_one_line(make, message, call):
    with pytest.raises(TypeError) as refused:
        call(make())
    assert str(refused.value) == message


@pytest.mark.parametrize("dtype", [">f4", ">f2", "<f4"])
def test_any_byte_order(dtype):
    x = values(SHAPE).astype(dtype)
    assert same_bits(ours.lrn(x, SPEC), lrncore.lrn(x, SPEC))
    assert same_bits(jax.jit(lambda: ours.lrn(x, SPEC))(), lrncore.lrn(x, SPEC))


def test_masked_array_of_which_nothing_is_masked():
    x = values(SHAPE)
    assert same_bits(ours.lrn(np.ma.masked_array(x), SPEC), lrncore.lrn(x, SPEC))


def test_list_of_traced_arrays():
    x = values((3, 9))
    assert same_bits(jax.jit(lambda *rows: ours.lrn(list(rows), SPEC))(*x), lrncore.lrn(x, SPEC))


def test_lines_for_torch():
    x = values(SHAPE)
    assert same_bits(
        ours.local_response_norm(input=x, size=4.0, alpha=np.array([1.0]), k=0.5), lrncore.lrn(x, SPEC)
    )
    assert same_bits(ours.local_response_norm(x=x, size=4, alpha=1.0, k=0.5), lrncore.lrn(x, SPEC))


def test_exports_nothing_but_its_own():
    assert sorted(name for name in vars(ours) if not name.startswith("_")) == ["local_response_norm", "lrn"]
    assert {getattr(ours, name).__module__ for name in ours.__all__} == {"lrncore.jax"}


@pytest.mark.parametrize("axis", [2, -3])
def test_axis_out_of_range(axis):
    with pytest.raises(np.exceptions.AxisError) as caught:
        jax.jit(lambda x: ours.lrn(x, SPEC, axis))(jnp.ones((2, 3)))
    assert str(caught.value) == f"axis must be in [-2, 2) for an array of 2 dimensions, got {axis}"


def test_no_dimension_has_no_axis():
    with pytest.raises(np.exceptions.AxisError) as caught:
        ours.lrn(1.0, SPEC)
    assert str(caught.value) == "axis must be in [0, 0) for an array of 0 dimensions, got 1"


def test_spec_is_an_lrnspec():
    with pytest.raises(TypeError) as caught:
        ours.lrn(jnp.ones((2, 3)), 5)
    assert str(caught.value) == "spec must be an LRNSpec, got 5 (int)"


def test_parameters_are_checked():
    with pytest.raises(ValueError, match=r"^size must be an int >= 1, got 0$"):
        ours.local_response_norm(jnp.ones((2, 3)), 0)


def total(x):
    return ours.lrn(x, SPEC).sum()


@pytest.mark.parametrize(
    "differentiate", [lambda x: jax.jvp(total, (x,), (x,)), jax.jacfwd(total)], ids=["jvp", "jacfwd"]
)
def test_forward_mode_is_refused_by_jax(differentiate):
    with pytest.raises(TypeError, match="custom_vjp"):
        differentiate(jnp.ones((2, 3)))


@pytest.mark.parametrize(
    "differentiate", [jax.jacrev(jax.grad(total)), jax.hessian(total)], ids=["grad", "hessian"]
)
def test_second_derivative_is_refused_by_jax(differentiate):
    with pytest.raises(ValueError, match="JVP"):
        differentiate(jnp.ones((2, 3)))


def test_without_jax_the_message_says_what_to_install(python):
    program = """
import sys
sys.modules["jax"] = None  # as where it is not installed
try:
    import lrncore.jax
except ImportError as error:
    print(error, "from", type(error.__cause__).__name__)
"""
    assert python(program) == "lrncore.jax needs JAX: pip install jax from ModuleNotFoundError"


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("axes", [(2, 3), (-1, 1), (), (1,)], ids=str)
def test_boxes(axes, transform):
    x, g = values(SHAPE), values(SHAPE, seed=1)
    function = partial(ours.lrn, spec=SPEC, axis=axes)
    assert same_bits(transform(function)(x), lrncore.lrn(x, SPEC, axes))
    assert same_bits(transform(partial(pulled_back, function))(x, g), lrncore.lrn_backward(g, x, SPEC, axes))
    twin = ours.local_response_norm(x, 4, 1.0, 0.75, 0.5, axis=axes)
    assert same_bits(twin, lrncore.local_response_norm(x, 4, 1.0, 0.75, 0.5, axis=axes))


def test_boxes_of_a_mapped_array():
    x = values(SHAPE)
    mapped = jax.vmap(partial(ours.lrn, spec=SPEC, axis=(1, 2)))(x)
    assert same_bits(mapped, lrncore.lrn(x, SPEC, (2, 3)))
