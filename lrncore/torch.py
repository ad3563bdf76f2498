"""lrncore in PyTorch: the function and the layer of `torch.nn`, faster on the CPU.

`local_response_norm` and `LocalResponseNorm` take the arguments of their namesakes in `torch.nn`, and `replace`
puts the layer into an existing model. They work with autograd, `torch.func`, `torch.compile`, `torch.export`,
`torch.fx` and `torch.jit.trace`.

Notes
-----
The results are those of `torch.nn.functional.local_response_norm`, up to rounding: here the squares of a window are
only ever added up, in an order that depends on its size alone, and the same bits come from every memory format. A
NaN, an Inf or a huge value changes the outputs whose window holds it, and no bit of any other. What differs:

- float16 and bfloat16 are computed in float32 and rounded once. In PyTorch, on the CPU, a float16 above 255 gives 0
  in three dimensions and an error in more. Under `torch.autocast` too, the result has the dtype of the input.
- Other dtypes raise TypeError, where PyTorch rounds the means of integers down, and parameters are checked.
- Two dimensions, (N, C), are enough; PyTorch wants three.
- An empty tensor gives a new empty tensor, not itself.
- `torch.jit.script` does not take it.

A tensor on another device goes to PyTorch's own function. A second derivative, one in forward mode and one by a
transform of `torch.func` are composed of PyTorch's operations, and no faster than those.

A call takes as many threads as `lrncore.lrn` would, but at most `torch.get_num_threads()`. A program that loads an
exported or traced model imports `lrncore.torch` first.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from lrncore._threads import resolve
from lrncore.functional import lrn, lrn_backward
from lrncore.spec import LRNSpec

try:
    import torch
except ImportError as missing:
    raise ImportError("lrncore.torch needs PyTorch: pip install torch") from missing

from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.fx.experimental.symbolic_shapes import guard_scalar
from torch.overrides import handle_torch_function, has_torch_function_unary

__all__ = ["LocalResponseNorm", "local_response_norm", "replace"]

Model = TypeVar("Model", bound=nn.Module)

_HALVES = (torch.float16, torch.bfloat16)
_DTYPES = (torch.float32, torch.float64, *_HALVES)


def local_response_norm(
    input: Tensor,  # noqa: A002  (PyTorch's name)
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> Tensor:
    """Call `lrncore.lrn` with the arguments and defaults of `torch.nn.functional.local_response_norm`.

    Parameters
    ----------
    input : Tensor, float32, float64, float16 or bfloat16
        At least two dimensions, the channels on the second: (N, C, ...). Any strides, read where they lie.
    size : int
        Channels in the window, at least 1. An even window reaches one channel further back than ahead.
    alpha, beta, k : float, optional
        As in PyTorch, which divides alpha by `size`.

    Returns
    -------
    Tensor
        A new tensor of the input's shape, dtype and memory format.

    Raises
    ------
    TypeError
        If `input` is not a strided tensor of those dtypes, or a parameter has the wrong type.
    ValueError
        If `input` has fewer than two dimensions, `size` is less than 1, or another parameter is not finite.

    See Also
    --------
    LocalResponseNorm : the same as a layer.

    Notes
    -----
    The formula is that of `lrncore.lrn` with the parameters of `LRNSpec.torch`. The docstring of this module says
    what differs from PyTorch's own function.

    Examples
    --------
    >>> import torch, lrncore.torch
    >>> x = torch.tensor([[0.0, 2.0]], requires_grad=True)
    >>> y = lrncore.torch.local_response_norm(x, size=1, alpha=1.0, beta=1.0, k=1.0)  # x / (1 + x**2)
    >>> y.detach()
    tensor([[0.0000, 0.4000]])
    >>> y.sum().backward()
    >>> x.grad
    tensor([[ 1.0000, -0.1200]])
    """
    if has_torch_function_unary(input):
        return handle_torch_function(local_response_norm, (input,), input, size, alpha=alpha, beta=beta, k=k)
    _check(input)
    parameters: Any = size, alpha, beta, k
    if torch.compiler.is_compiling():
        # a number that differed between two calls is a symbol by now, and only a number can be checked
        parameters = map(guard_scalar, parameters)
    spec = LRNSpec.torch(*parameters)
    if input.device.type != "cpu":
        return nn.functional.local_response_norm(input, size, alpha, beta, k)
    # Operators of libraries know reverse mode and vmap, and would lose the tangent of forward mode silently.
    compute = _composed if forward_ad._current_level >= 0 or _differentiated_by_func() else _lrn
    # an operator takes integers of 64 bits
    before, after = min(spec.before, sys.maxsize), min(spec.after, sys.maxsize)
    return compute(input, before, after, spec.scale, spec.beta, spec.k, 1)


class LocalResponseNorm(nn.LocalResponseNorm):
    """A `torch.nn.LocalResponseNorm` that computes with lrncore.

    Parameters
    ----------
    size : int
        Channels in the window, at least 1.
    alpha, beta, k : float, optional
        As in PyTorch, which divides alpha by `size`.

    Raises
    ------
    TypeError, ValueError
        As `LRNSpec.torch` does.

    See Also
    --------
    local_response_norm : the same as a function.
    replace : puts it into a model in the place of PyTorch's own.

    Examples
    --------
    >>> import torch, lrncore.torch
    >>> layer = lrncore.torch.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
    >>> layer
    LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0)
    >>> layer(torch.ones(1, 8, 2, 2)).shape
    torch.Size([1, 8, 2, 2])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        LRNSpec.torch(size, alpha, beta, k)
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Return the normalized `input`, as `local_response_norm` does."""
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k)


def replace(model: Model, inplace: bool = False) -> Model:
    """Let every `torch.nn.LocalResponseNorm` of a model compute with lrncore.

    Parameters
    ----------
    model : torch.nn.Module
        The model, or such a layer itself.
    inplace : bool, optional
        Change `model` itself, not a copy of it.

    Returns
    -------
    torch.nn.Module
        A deep copy of `model`, or `model` itself, in which those layers are `LocalResponseNorm`. Parameters,
        buffers, hooks, training flags and modules that have several owners stay as they are.

    Raises
    ------
    TypeError
        If `model` is not a module.

    Notes
    -----
    What may compute something else is left alone: subclasses of `torch.nn.LocalResponseNorm`, and the older
    `torch.nn.CrossMapLRN2d`, whose sums keep the first channel's square.

    Examples
    --------
    >>> import torch, lrncore.torch
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5), torch.nn.ReLU(), torch.nn.LocalResponseNorm(5))
    >>> model = lrncore.torch.replace(model)
    >>> type(model[2])
    <class 'lrncore.torch.LocalResponseNorm'>
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    if not inplace:
        model = copy.deepcopy(model)
    for module in model.modules():
        if type(module) is nn.LocalResponseNorm:
            # whoever refers to it keeps it, and it keeps its hooks: only the forward is another
            module.__class__ = LocalResponseNorm
    return model


def _check(input: object) -> None:  # noqa: A002
    """Check that `input` is a tensor that can be normalized."""
    if not isinstance(input, Tensor):
        raise TypeError(f"input must be a torch.Tensor, got {type(input).__name__}")
    if input.layout is not torch.strided:
        raise TypeError(f"input must be strided, got {input.layout}; convert it first, e.g. input.to_dense()")
    if input.dtype not in _DTYPES:
        raise TypeError(
            f"input must be float32, float64, float16 or bfloat16, got {str(input.dtype).removeprefix('torch.')}; "
            "cast it first, e.g. input.float()"
        )
    if input.dim() < 2:
        raise ValueError(f"input must have at least 2 dimensions, got {input.dim()}")


@torch.compiler.assume_constant_result
def _differentiated_by_func() -> bool:
    """Return whether a transform of `torch.func` other than vmap is at work."""
    return any(each.key().name != "Vmap" for each in torch._C._functorch.get_interpreter_stack() or ())


@torch.library.custom_op("lrncore::lrn", mutates_args=(), device_types="cpu")
def _lrn(x: Tensor, before: int, after: int, scale: float, beta: float, k: float, axis: int) -> Tensor:
    return _compute(lrn, (x,), _spec(before, after, scale, beta, k), axis)


@torch.library.custom_op("lrncore::lrn_backward", mutates_args=(), device_types="cpu")
def _lrn_backward(
    g: Tensor, x: Tensor, before: int, after: int, scale: float, beta: float, k: float, axis: int
) -> Tensor:
    return _compute(lrn_backward, (g, x), _spec(before, after, scale, beta, k), axis)


# a network calls with the same few windows again and again
_spec = lru_cache(maxsize=64)(LRNSpec)


def _compute(function: Callable[..., Any], inputs: tuple[Tensor, ...], spec: LRNSpec, axis: int) -> Tensor:
    """Let a function of lrncore read the memory of `inputs` and write into that of the result."""
    result = torch.empty_like(inputs[-1])
    half = result.dtype in _HALVES
    arrays = [(tensor.float() if half else tensor).numpy(force=True) for tensor in inputs]
    threads = min(resolve(None, result.numel()), torch.get_num_threads())
    computed = function(*arrays, spec, axis, out=None if half else result.numpy(), num_threads=threads)
    return result.copy_(torch.from_numpy(computed)) if half else result


@_lrn.register_fake
def _(x: Tensor, *_parameters: Any) -> Tensor:
    return torch.empty_like(x)


@_lrn_backward.register_fake
def _(_g: Tensor, x: Tensor, *_parameters: Any) -> Tensor:
    return torch.empty_like(x)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    """Keep the tensors and the parameters of an operator for its derivative."""
    tensors = [value for value in inputs if isinstance(value, Tensor)]
    ctx.save_for_backward(*tensors)
    ctx.parameters = inputs[len(tensors) :]


def _first_derivative(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    return _lrn_backward(g, *ctx.saved_tensors, *ctx.parameters), *(None for _ in ctx.parameters)


def _second_derivative(ctx: Any, u: Tensor) -> tuple[Tensor | None, ...]:
    def backward(g: Tensor, x: Tensor) -> Any:
        return torch.func.vjp(lambda x: _composed(x, *ctx.parameters), x)[1](g)[0]

    return *torch.func.vjp(backward, *ctx.saved_tensors)[1](u), *(None for _ in ctx.parameters)


_lrn.register_autograd(_first_derivative, setup_context=_keep)
_lrn_backward.register_autograd(_second_derivative, setup_context=_keep)


def _composed(x: Tensor, before: int, after: int, scale: float, beta: float, k: float, axis: int) -> Tensor:
    """Return what `_lrn` does, in operations that PyTorch differentiates in every way and any number of times."""
    wide = (x.float() if x.dtype in _HALVES else x).movedim(axis, -1)
    channels = x.shape[axis]
    ends = min(before, channels), min(after, channels)
    squares = nn.functional.pad(wide * wide, ends)
    total = sum(squares.narrow(-1, first, channels) for first in range(sum(ends) + 1))
    return (wide * (k + scale * total) ** -beta).movedim(-1, axis).to(x.dtype)


@_lrn.register_vmap
def _(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
    return _lrn(*_batched(info, in_dims, arguments)), 0


@_lrn_backward.register_vmap
def _(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
    return _lrn_backward(*_batched(info, in_dims, arguments)), 0


def _batched(info: Any, in_dims: tuple[int | None, ...], arguments: tuple[Any, ...]) -> list[Any]:
    """Return the arguments of an operator, the batch of `torch.vmap` on axis 0 of every tensor among them."""
    *values, axis = arguments
    for i, value in enumerate(values):
        if isinstance(value, Tensor):
            batch = in_dims[i]
            values[i] = value.expand(info.batch_size, *value.shape) if batch is None else value.movedim(batch, 0)
    return [*values, axis + 1]
