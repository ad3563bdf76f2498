"""The moment norms as operators of PyTorch, and how they are differentiated: what `_torch_norm_layers` calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.func import vjp

from lrncore._norm_call import Statistics, blank_statistics, check_parameters, differentiate, normalize, real_of
from lrncore._torch import ELEMENTS, array_of
from lrncore._torch_call import DIFFERENTIATED, call
from lrncore.norms._batch import by_channel
from lrncore.norms._group import by_group
from lrncore.norms._layer import over_axes

if TYPE_CHECKING:
    from lrncore._norm_layout import Layout

#: PyTorch reads the operators' signatures, and its schemas know no other spelling
Given = Optional[Tensor]  # noqa: UP045


@torch.library.custom_op("lrncore::norm", mutates_args=(), device_types="cpu")
def norm(
    x: Tensor, weight: Given, bias: Given, mean: Given, var: Given, kind: str, number: int, eps: float
) -> Tensor:
    """Return what the norm of that kind does: `number` is that of its groups, or of the axes normalized over."""
    y, array = torch.empty_like(x), array_of(x)
    layout, given = _layout(array, kind, number, eps, mean is not None), _given(mean, var, x)
    of = layout, check_parameters(array, layout, _real(weight, x), _real(bias, x)), given
    normalize(array, ELEMENTS[x.dtype], of, array_of(y), (None, torch.get_num_threads()))
    return y


@torch.library.custom_op("lrncore::norm_backward", mutates_args=(), device_types="cpu")
def norm_backward(
    g: Tensor, x: Tensor, weight: Given, mean: Given, var: Given, kind: str, number: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x, and of the weight and the bias in what x is computed in."""
    dx, array = torch.empty_like(x), array_of(x)
    layout, given = _layout(array, kind, number, eps, mean is not None), _given(mean, var, x)
    of = layout, check_parameters(array, layout, found := _real(weight, x)), given
    dtype = real_of(array if found is None else found)
    elements, threads = (ELEMENTS[x.dtype],) * 2, (None, torch.get_num_threads())
    _, dweight, dbias = differentiate(array_of(g), array, elements, of, dtype, array_of(dx), threads)
    return dx, torch.from_numpy(dweight), torch.from_numpy(dbias)


@torch.library.custom_op("lrncore::batch_norm_train", mutates_args=(), device_types="cpu")
def batch_norm_train(x: Tensor, weight: Given, bias: Given, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `lrncore.batch_norm_train` does, the mean and the variance in float64."""
    y, array = torch.empty_like(x), array_of(x)
    layout = by_channel(array, 1, eps, False)
    measured = blank_statistics(layout)
    of = layout, check_parameters(array, layout, _real(weight, x), _real(bias, x)), measured
    normalize(array, ELEMENTS[x.dtype], of, array_of(y), (None, torch.get_num_threads()))
    return y, torch.from_numpy(measured.mean), torch.from_numpy(measured.var)


def _given(mean: Given, var: Given, x: Tensor) -> Statistics | None:
    """Return the statistics that are given, if they are."""
    return None if mean is None or var is None else Statistics(_real(mean, x), _real(var, x))


def _layout(array: Any, kind: str, number: int, eps: float, given: bool) -> Layout:
    """Return how the norm of a kind walks an array."""
    if kind == "group":
        return by_group(array, number, 1, False, eps)
    if kind == "batch":
        return by_channel(array, 1, eps, given)
    return over_axes(array, tuple(range(-number, 0)), eps, False, kind == "layer")


def _real(tensor: Given, x: Tensor) -> Any:
    """Return a small tensor, if it is one, in what x is computed in, or wider."""
    if tensor is None:
        return None
    return array_of(tensor if tensor.dtype is torch.float64 else tensor.to(_computed_in(x)))


def _computed_in(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def _shape(x: Tensor, kind: str, number: int) -> tuple[int, ...]:
    """Return the parameters' shape."""
    return tuple(x.shape[x.dim() - number :]) if kind in {"layer", "rms"} else (x.shape[1],)


def composed(
    x: Tensor, weight: Given, bias: Given, mean: Given, var: Given, kind: str, number: int, eps: float
) -> Tensor:
    """Return what `norm` does, by PyTorch, which differentiates it in every way and any number of times."""
    if kind == "batch":
        return nn.functional.batch_norm(x, mean, var, weight, bias, training=mean is None, eps=eps)
    if kind == "group":
        return nn.functional.group_norm(x, number, weight, bias, eps)
    shape = _shape(x, kind, number)
    if kind == "rms":
        return nn.functional.rms_norm(x, shape, weight, eps)
    return nn.functional.layer_norm(x, shape, weight, bias, eps)


def _gradients(g: Tensor, x: Tensor, weight: Given, bias: Given, rest: tuple[Any, ...]) -> tuple[Given, ...]:
    """Return the gradients of x, weight and bias."""
    # a second derivative may follow; a graph that is recorded has the operator
    if torch.is_grad_enabled() and not torch.compiler.is_compiling():
        given = [each for each in (x, weight, bias) if each is not None]

        def function(*tensors: Tensor) -> Tensor:
            found = iter(tensors)
            arguments: Any = [None if each is None else next(found) for each in (x, weight, bias)]
            return composed(*arguments, *rest)

        found = iter(vjp(function, *given)[1](g))
        return tuple(None if each is None else next(found) for each in (x, weight, bias))
    mean, var, *which = rest
    dx, *others = call(norm_backward, g, x, weight, mean, var, *which)
    pairs = zip((weight, bias), others, strict=True)
    return dx, *(None if each is None else grad.to(each.dtype) for each, grad in pairs)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Given) -> None:  # noqa: ARG001
    x, weight, bias, mean, var, *ctx.which = inputs
    ctx.save_for_backward(x, weight, bias, mean, var)


def _backward(ctx: Any, g: Tensor) -> tuple[Given, ...]:
    x, weight, bias, mean, var = ctx.saved_tensors
    return *_gradients(g, x, weight, bias, (mean, var, *ctx.which)), None, None, None, None, None


def _save_train(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.eps = inputs
    ctx.save_for_backward(*tensors)
    ctx.mark_non_differentiable(*output[1:])


def _backward_train(ctx: Any, g: Tensor, *_of_statistics: Tensor) -> tuple[Given, ...]:
    x, weight, bias = ctx.saved_tensors
    return *_gradients(g, x, weight, bias, (None, None, "batch", 0, ctx.eps)), None


@norm.register_fake
def _(x: Tensor, *_arguments: Any) -> Tensor:
    return torch.empty_like(x)


@norm_backward.register_fake
def _(g: Tensor, x: Tensor, *arguments: Any) -> tuple[Tensor, ...]:  # noqa: ARG001
    *_, kind, number, _eps = arguments
    shape = _shape(x, kind, number)
    return torch.empty_like(x), *(x.new_empty(shape, dtype=_computed_in(x)) for _ in range(2))


@batch_norm_train.register_fake
def _(x: Tensor, *_arguments: Any) -> tuple[Tensor, ...]:
    return torch.empty_like(x), *(x.new_empty(x.shape[1], dtype=torch.float64) for _ in range(2))


norm.register_autograd(_backward, setup_context=_save)
batch_norm_train.register_autograd(_backward_train, setup_context=_save_train)


class _Norm(Function):
    """`norm` with derivatives, in a third of the time that PyTorch takes for those of an operator."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Any:
        _save(ctx, arguments, None)
        return norm._init_fn(*arguments)

    backward = staticmethod(_backward)


class _BatchNormTrain(Function):
    """`batch_norm_train` likewise."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Any:
        found = batch_norm_train._init_fn(*arguments)
        _save_train(ctx, arguments, found)
        return found

    backward = staticmethod(_backward_train)


DIFFERENTIATED.update({norm: _Norm, batch_norm_train: _BatchNormTrain})
