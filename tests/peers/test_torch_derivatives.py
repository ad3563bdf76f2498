"""Derivatives of lrncore.torch in every mode and order; the kernels compute the first ones."""

from functools import partial

import pytest
from comparison import assert_close, peer, values

torch = peer("torch", "torch")
from torch.autograd import forward_ad  # noqa: E402  (after the skip)
from torch.func import functionalize, grad, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap  # noqa: E402
from torch.nn.functional import local_response_norm as theirs  # noqa: E402

from lrncore import _torch as operators  # noqa: E402
from lrncore import torch as ours  # noqa: E402

STRONG = {"size": 4, "alpha": 1.0, "beta": 0.75, "k": 0.5}
strong = partial(ours.local_response_norm, **STRONG)
strong_of_theirs = partial(theirs, **STRONG)


def normal(*shape, dtype=torch.float64, seed=0):
    return torch.from_numpy(values(shape, "float64", seed)).to(dtype)


def loss(f):
    return lambda x: f(x).sin().sum()


def in_forward_mode(f, x):
    """Return the derivative of `f` at x along cos(x)."""
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(f(forward_ad.make_dual(x, x.cos()))).tangent


def of_two_orders(f, x):
    """Return a derivative in reverse mode and, in forward mode along cos(x), the derivative of it."""
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x.detach().requires_grad_(), x.cos())
        return torch.cat(
            forward_ad.unpack_dual(torch.autograd.grad(loss(f)(dual), dual, create_graph=True)[0])
        ).detach()


def of_the_tangent(f, x):
    """Return the gradient of a derivative in forward mode."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(in_forward_mode(f, x).sin().sum(), x)[0]


# What the kernels compute alone: one derivative, and any batches.
FIRST = {
    "forward_mode": in_forward_mode,
    "jvp": lambda f, x: jvp(f, (x,), (x.cos(),))[1],
    "vjp": lambda f, x: vjp(f, x)[1](x.cos())[0],
    "grad": lambda f, x: grad(loss(f))(x),
    "jacfwd": lambda f, x: jacfwd(f)(x),
    "jacrev": lambda f, x: jacrev(f)(x),
    "gradients_of_samples": lambda f, x: vmap(grad(loss(f)))(x[:, None]),
    "tangents_of_samples": lambda f, x: vmap(lambda x: jvp(f, (x,), (x.cos(),))[1])(x[:, None]),
    "tangents_of_one": lambda f, x: vmap(lambda dx: jvp(f, (x,), (dx,))[1])(torch.stack((x, x.cos()))),
    "gradient_of_vmap": lambda f, x: grad(lambda x: vmap(f)(x[:, None]).sum())(x),
    "tangent_of_vmap": lambda f, x: jvp(lambda x: vmap(f)(x[:, None]), (x,), (x.cos(),))[1],
    "vmap_of_forward_mode": lambda f, x: in_forward_mode(vmap(f, in_dims=1, out_dims=2), x[:, None]),
    "vmap": lambda f, x: vmap(f, in_dims=3, out_dims=1)(torch.stack((x, 2 * x), 3)),
    "vmap_of_vmap": lambda f, x: vmap(vmap(f))(torch.stack((x, 2 * x), 1)[:, :, None]),
    "batched_backward": lambda f, x: torch.autograd.functional.jacobian(f, x, vectorize=True),
    "batched_forward": lambda f, x: torch.autograd.functional.jacobian(
        f, x, vectorize=True, strategy="forward-mode"
    ),
}
FURTHER = {
    "reverse_over_forward": of_the_tangent,
    "forward_over_reverse": of_two_orders,
    "linearize": lambda f, x: linearize(f, x)[1](x.cos()),
    "jvp_of_jvp": lambda f, x: jvp(lambda x: FIRST["jvp"](f, x), (x,), (x.sin(),))[1],
    "jvp_of_jvp_of_jvp": lambda f, x: jvp(lambda x: FURTHER["jvp_of_jvp"](f, x), (x,), (x,))[1],
    "grad_of_grad": lambda f, x: grad(loss(grad(loss(f))))(x),
    "grad_of_grad_of_grad": lambda f, x: grad(loss(grad(loss(grad(loss(f))))))(x),
    "jvp_of_grad": lambda f, x: jvp(grad(loss(f)), (x,), (x.cos(),))[1],
    "grad_of_jvp": lambda f, x: grad(lambda x: FIRST["jvp"](f, x).sin().sum())(x),
    "jvp_of_jvp_of_grad": lambda f, x: FURTHER["jvp_of_jvp"](grad(loss(f)), x),
    "grad_in_forward_mode": lambda f, x: in_forward_mode(grad(loss(f)), x),
    "hessian": lambda f, x: hessian(loss(f))(x),
    "hessians_of_samples": lambda f, x: vmap(hessian(loss(f)))(x[:, None]),
    "jacrev_of_jacfwd": lambda f, x: jacrev(jacfwd(f))(x),
    "backward_of_grad": lambda f, x: torch.autograd.functional.hvp(lambda x: grad(loss(f))(x).sin().sum(), x, x)[1],
    "jvp_of_a_vjp": lambda f, x: jvp(vjp(f, x)[1], (x.sin(),), (x.cos(),))[1][0],
    "functionalized": lambda f, x: functionalize(f)(x),
    "functionalized_gradient": lambda f, x: functionalize(grad(loss(f)))(x),
}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16])
@pytest.mark.parametrize("shape", [(2, 5), (2, 6, 2), (2, 4, 2, 2), (1, 5, 1, 2, 2)], ids=str)
def test_derivatives_are_finite_differences(shape, size):
    x = normal(*shape).requires_grad_()

    def function(x):
        return ours.local_response_norm(x, size, 1.0, 0.75, 0.5)

    assert torch.autograd.gradcheck(
        function, x, check_forward_ad=True, check_batched_grad=True, check_batched_forward_grad=True
    )
    assert torch.autograd.gradgradcheck(function, x, check_fwd_over_rev=True)


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("operator", ["lrn_backward", "lrn_jvp"])
def test_derivatives_of_derivatives_are_finite_differences(operator, size):
    x, along = normal(2, 5, 2).requires_grad_(), normal(2, 5, 2, seed=1).requires_grad_()

    def function(along, x):
        return getattr(operators, operator)(along, x, size // 2, (size - 1) // 2, 0.25, 0.75, 0.5, [1])

    assert torch.autograd.gradcheck(function, (along, x))
    assert torch.autograd.gradgradcheck(function, (along, x))


@pytest.mark.parametrize("transform", [pytest.param(f, id=name) for name, f in (FIRST | FURTHER).items()])
def test_transform(transform):
    x = normal(2, 5, 2)
    assert_close(transform(strong, x), transform(strong_of_theirs, x))


@pytest.mark.parametrize("transform", FIRST.values(), ids=FIRST)
def test_first_derivative_is_the_kernels(transform, monkeypatch):
    x = normal(2, 5, 2)
    expected = transform(strong, x)
    monkeypatch.delattr(operators, "composed")
    assert torch.equal(transform(strong, x), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_tangents_of_halves_are_rounded_once(dtype):
    x, dx = normal(3, 8, 5, dtype=dtype), normal(3, 8, 5, dtype=dtype, seed=1)
    expected = jvp(strong, (x.float(),), (dx.float(),))[1].to(dtype)
    assert torch.equal(jvp(strong, (x,), (dx,))[1], expected)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_tangent_has_the_memory_format(memory_format):
    x = normal(2, 5, 3, 4).to(memory_format=memory_format)
    assert in_forward_mode(strong, x).is_contiguous(memory_format=memory_format)


def test_compiled_function_in_forward_mode():
    torch.compiler.reset()
    x = normal(2, 5, 3)
    compiled = torch.compile(strong, backend="aot_eager")
    compiled(x)  # what is compiled here has no tangents
    assert_close(in_forward_mode(compiled, x), in_forward_mode(strong_of_theirs, x))


@pytest.mark.parametrize("transform", ["jvp", "grad", "vmap", "jvp_of_grad"])
def test_compiled_transform(transform):
    torch.compiler.reset()
    x = normal(2, 5, 3)
    transform = (FIRST | FURTHER)[transform]
    compiled = torch.compile(lambda x: transform(strong, x), backend="aot_eager", fullgraph=True)
    assert_close(compiled(x), transform(strong_of_theirs, x))


def test_compiled_backward():
    torch.compiler.reset()
    x = normal(2, 5, 3).requires_grad_()
    expected = torch.autograd.grad(loss(strong)(x), x)[0]
    with torch._dynamo.compiled_autograd._enable(torch.compile(backend="aot_eager", fullgraph=True)):
        loss(strong)(x).backward()
    assert_close(x.grad, expected)
