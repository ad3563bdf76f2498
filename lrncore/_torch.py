"""What `lrncore.torch` gives to PyTorch: the kernels as operators, and how they are differentiated and batched."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd import Function, forward_ad
from torch.func import vjp

from lrncore._call import apply, work_of
from lrncore._checks import KERNELS, Element
from lrncore._threads import run
from lrncore._torch_call import DIFFERENTIATED, call
from lrncore.spec import LRNSpec, torch_spec

Arguments = tuple[int, int, float, float, float, Sequence[int]]

ELEMENTS = {getattr(torch, name): Element(KERNELS[name], swapped=False, plain=True) for name in KERNELS}


@torch.library.custom_op("lrncore::lrn", mutates_args=(), device_types="cpu")
def lrn(x: Tensor, before: int, after: int, scale: float, beta: float, k: float, axes: Sequence[int]) -> Tensor:
    """Return what `lrncore.lrn` does."""
    return _computed("forward", (x,), _spec(before, after, scale, beta, k), axes)


@torch.library.custom_op("lrncore::lrn_backward", mutates_args=(), device_types="cpu")
def lrn_backward(
    g: Tensor, x: Tensor, before: int, after: int, scale: float, beta: float, k: float, axes: Sequence[int]
) -> Tensor:
    """Return what `lrncore.lrn_backward` does."""
    return _computed("backward", (g, x), _spec(before, after, scale, beta, k), axes)


@torch.library.custom_op("lrncore::lrn_jvp", mutates_args=(), device_types="cpu")
def lrn_jvp(
    dx: Tensor, x: Tensor, before: int, after: int, scale: float, beta: float, k: float, axes: Sequence[int]
) -> Tensor:
    """Return what `lrncore.lrn_jvp` does."""
    return _computed("tangent", (dx, x), _spec(before, after, scale, beta, k), axes)


def arguments_of(spec: LRNSpec, axes: Sequence[int]) -> Arguments:
    """Return what the operators take besides tensors: integers are of 64 bits there."""
    return min(spec.before, sys.maxsize), min(spec.after, sys.maxsize), spec.scale, spec.beta, spec.k, axes


@torch.compiler.assume_constant_result
def transforms() -> tuple[str, ...]:
    """Return the transforms of `torch.func` that are at work, the outermost first."""
    return tuple(each.key().name for each in torch._C._functorch.get_interpreter_stack() or ())


# a network calls with the same few windows again and again
_spec = lru_cache(maxsize=64)(LRNSpec)


def _computed(what: str, inputs: tuple[Tensor, ...], spec: LRNSpec, axes: Sequence[int]) -> Tensor:
    """Let a pass of the kernels read the memory of `inputs` and write into that of the result."""
    result = torch.empty_like(inputs[-1])
    element = ELEMENTS[result.dtype]
    arrays = tuple(map(array_of, inputs))
    elements = (element,) * len(arrays)
    rest = spec, tuple(axes), array_of(result), None, torch.get_num_threads()
    apply(getattr(element.kernels, what), arrays, elements, *rest)
    return result


def _param_grads(g: Tensor, x: Tensor, spec: LRNSpec, axes: tuple[int, ...]) -> tuple[float, float, float]:
    """Return what `lrncore.lrn_param_grads` does."""
    compute = ELEMENTS[x.dtype].kernels.parameters
    arguments = array_of(g), array_of(x), axes, spec._arguments
    return run(compute, arguments, 0, (x.dtype, work_of(spec, axes)), x.numel(), None, torch.get_num_threads())


def array_of(tensor: Tensor) -> NDArray[Any]:
    """Return the memory of a tensor: a bfloat16, which NumPy does not know, as its bits."""
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.resolve_neg().view(torch.uint16)
    array: NDArray[Any] = tensor.numpy(force=True)
    return array


def composed(x: Tensor, before: int, after: int, scale: Any, beta: Any, k: Any, axes: Sequence[int]) -> Tensor:
    """Return what `lrn` does, in operations that PyTorch differentiates in every way and any number of times."""
    wide = x.float() if x.dtype.itemsize == 2 else x
    total, last = wide * wide, x.dim() - 1  # counted from the end, exporters lose it
    for axis in reversed(axes):
        length = x.shape[axis]
        ends = min(before, length), min(after, length)
        terms = nn.functional.pad(total.movedim(axis, last), ends)
        total = sum(terms.narrow(last, first, length) for first in range(sum(ends) + 1)).movedim(last, axis)
    y = wide * (k + scale * total) ** -beta
    return y if wide is x else y.to(x.dtype)


class Axes(tuple[int, ...]):
    """Axes that PyTorch does not take apart: to forward mode under `torch.vmap` they are one argument."""

    __slots__ = ()


class _Derived(Function):
    """An operator with derivatives, for autograd in forward mode and for `torch.func`.

    Operators of libraries have no forward mode, and `torch.func.grad` refuses them.
    """

    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        tensors = [value for value in inputs if isinstance(value, Tensor)]
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)
        ctx.parameters = inputs[len(tensors) :]


class Forward(_Derived):
    """`lrn` of (x, before, after, scale, beta, k, axes)."""

    forward = staticmethod(lrn)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        return _gradient(g, *ctx.saved_tensors, *ctx.parameters), *(None for _ in ctx.parameters)

    @staticmethod
    def jvp(ctx: Any, dx: Tensor, *_parameters: None) -> Any:
        return _tangent(dx, *ctx.saved_tensors, *ctx.parameters)


class Backward(_Derived):
    """`lrn_backward` of (g, x, ...): linear in g, where its transpose is `lrn_jvp`."""

    forward = staticmethod(lrn_backward)

    @staticmethod
    def backward(ctx: Any, u: Tensor) -> tuple[Tensor | None, ...]:
        g, x = ctx.saved_tensors
        along_g = _tangent(u, x, *ctx.parameters)
        return along_g, _curved(g, u, x, ctx.parameters), *(None for _ in ctx.parameters)

    @staticmethod
    def jvp(ctx: Any, dg: Tensor, dx: Tensor, *_parameters: None) -> Tensor:
        g, x = ctx.saved_tensors
        return _gradient(dg, x, *ctx.parameters) + _curved(g, dx, x, ctx.parameters)


class Tangent(_Derived):
    """`lrn_jvp` of (dx, x, ...): linear in dx, where its transpose is `lrn_backward`."""

    forward = staticmethod(lrn_jvp)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        dx, x = ctx.saved_tensors
        along_dx = _gradient(g, x, *ctx.parameters)
        return along_dx, _curved(g, dx, x, ctx.parameters), *(None for _ in ctx.parameters)


class _Recorded(Function):
    """`lrn` with derivatives in reverse mode, in half the time that PyTorch takes for those of an operator."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *parameters: Any) -> Any:
        ctx.save_for_backward(x)
        ctx.parameters = parameters
        return lrn._init_fn(x, *parameters)

    backward = staticmethod(Forward.backward)


DIFFERENTIATED[lrn] = _Recorded


def forward(*arguments: Any) -> Any:
    """Call `lrn` with derivatives of every kind."""
    return Forward.apply(*arguments[:-1], Axes(arguments[-1]))


def plain_forward(*arguments: Any) -> Any:
    """Call `lrn` where nothing but autograd's reverse mode is at work."""
    return call(lrn, *arguments)


def transformed() -> bool:
    """Return whether a transform of `torch.func` or forward mode is at work."""
    return forward_ad._current_level >= 0 or bool(transforms())


def _gradient(*arguments: Any) -> Any:
    """Call `lrn_backward`; torch.compile takes no Function that has a forward mode."""
    # not `call`: the gradients of several losses at once, which autograd batches, look like one
    if torch.compiler.is_compiling() or not (torch.is_grad_enabled() or transformed()):
        return lrn_backward(*arguments)
    return Backward.apply(*arguments[:-1], Axes(arguments[-1]))


def _tangent(*arguments: Any) -> Any:
    """Call `lrn_jvp` likewise."""
    if torch.compiler.is_compiling():
        return lrn_jvp(*arguments)
    return Tangent.apply(*arguments[:-1], Axes(arguments[-1]))


def _curved(g: Tensor, dx: Tensor, x: Tensor, parameters: tuple[Any, ...]) -> Any:
    """Return the second derivative of <g, lrn(x)> times dx: symmetric, it serves both modes."""

    def backward(x: Tensor) -> Any:
        return vjp(lambda x: composed(x, *parameters), x)[1](g)[0]

    return vjp(backward, x)[1](dx)[0]


def _batched(info: Any, in_dims: tuple[int | None, ...], arguments: tuple[Any, ...]) -> list[Any]:
    """Return the arguments of an operator, the batch of `torch.vmap` on axis 0 of every tensor among them."""
    *values, axes = arguments
    for i, value in enumerate(values):
        if isinstance(value, Tensor):
            batch = in_dims[i]
            values[i] = value.expand(info.batch_size, *value.shape) if batch is None else value.movedim(batch, 0)
    return [*values, [axis + 1 for axis in axes]]


def _register(operator: Any, derived: type[_Derived]) -> None:
    """Tell PyTorch how to trace, differentiate and batch an operator."""

    def trace(*arguments: Any) -> Tensor:
        return torch.empty_like([value for value in arguments if isinstance(value, Tensor)][-1])

    def batch(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
        return operator(*_batched(info, in_dims, arguments)), 0

    operator.register_fake(trace)
    operator.register_autograd(derived.backward, setup_context=derived.setup_context)
    operator.register_vmap(batch)


_register(lrn, Forward)
_register(lrn_backward, Backward)
_register(lrn_jvp, Tangent)


class Learned(Function):
    """`lrn` of (size, axes, x, alpha, beta, k), the last four tensors, in the convention of PyTorch."""

    @staticmethod
    def forward(size: int, axes: tuple[int, ...], x: Tensor, *parameters: Tensor) -> Any:
        return lrn(x, *arguments_of(_numbers(size, axes, parameters), axes))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        ctx.size, ctx.axes, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        # a second derivative may follow, or nothing may be read before a graph runs
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            return None, None, *vjp(partial(composed_learned, ctx.size, ctx.axes), *ctx.saved_tensors)[1](g)
        x, *parameters = ctx.saved_tensors
        _, _, of_x, *of_parameters = ctx.needs_input_grad
        spec = _numbers(ctx.size, ctx.axes, parameters)
        dx = lrn_backward(g, x, *arguments_of(spec, ctx.axes)) if of_x else None
        grads: list[Tensor | None] = [None] * 3
        if any(of_parameters):
            scale, beta, k = _param_grads(g, x, spec, ctx.axes)
            found = scale / ctx.size ** len(ctx.axes), beta, k
            grads = [like.new_tensor(grad) for like, grad in zip(parameters, found, strict=True)]
        return None, None, dx, *grads


def composed_learned(size: int, axes: tuple[int, ...], x: Tensor, alpha: Tensor, beta: Tensor, k: Tensor) -> Tensor:
    """Return what `Learned` does, as `composed` does it."""
    before, after, *_ = arguments_of(LRNSpec.torch(size), axes)
    # what PyTorch does with numbers beside an array, in so many words: an exporter does not know it
    kind = x.dtype if x.dtype.itemsize > 2 else torch.float32
    scale = (alpha.double() / size ** len(axes)).to(kind)
    return composed(x, before, after, scale, beta.to(kind), k.to(kind), axes)


def _numbers(size: int, axes: tuple[int, ...], parameters: Iterable[Tensor]) -> LRNSpec:
    alpha, beta, k = (parameter.item() for parameter in parameters)
    return torch_spec(size, alpha, beta, k, axes)
