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
- Two dimensions, (N, C), are enough; PyTorch wants three. With `dim` the window lies along another dimension, or is
  a box along several.
- An empty tensor gives a new empty tensor, not itself.
- `torch.jit.script` does not take it.

The kernels read and write the memory of the tensors, whatever their strides and dtype. They compute the first
derivatives too, in reverse and in forward mode, by autograd or by a transform of `torch.func`, with `torch.vmap` in
any place. Composed of PyTorch's operations, and no faster than those, are

- second derivatives, and all of a call inside two transforms that differentiate, as in `torch.func.hessian`,
- forward mode and `torch.func` inside `torch.compile`, and
- a call that learns alpha, beta or k, when anything but autograd's reverse mode is at work on it.

A tensor on another device goes to PyTorch's own function.

A call takes as many threads as `lrncore.lrn` would, but at most `torch.get_num_threads()`. A program that loads an
exported or traced model imports `lrncore.torch` first.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any, TypeVar

from lrncore._checks import check_axes, check_real
from lrncore.spec import LRNSpec, torch_spec

try:
    import torch
except ImportError as missing:
    raise ImportError("lrncore.torch needs PyTorch: pip install torch") from missing

from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.fx.experimental.symbolic_shapes import guard_scalar
from torch.overrides import handle_torch_function, has_torch_function

from lrncore import _torch as operators

__all__ = ["LearnableLocalResponseNorm", "LocalResponseNorm", "local_response_norm", "replace"]

Model = TypeVar("Model", bound=nn.Module)


def local_response_norm(
    input: Tensor,  # noqa: A002  (PyTorch's name)
    size: int,
    alpha: float | Tensor = 1e-4,
    beta: float | Tensor = 0.75,
    k: float | Tensor = 1.0,
    dim: int | tuple[int, ...] = 1,
) -> Tensor:
    """Call `lrncore.lrn` with the arguments and defaults of `torch.nn.functional.local_response_norm`.

    Parameters
    ----------
    input : Tensor, float32, float64, float16 or bfloat16
        At least two dimensions, the channels on the second: (N, C, ...). Any strides, read where they lie.
    size : int
        Channels in the window, at least 1. An even window reaches one channel further back than ahead.
    alpha, beta, k : float or Tensor of one element, optional
        As in PyTorch, which divides alpha by `size`. Tensors get gradients too.
    dim : int or tuple of int, optional
        The dimension of the channels; negative counts from the end. A tuple makes the window a box, e.g. ``(2, 3)``
        one along height and width, which Caffe calls within a channel; alpha is divided by ``size ** d`` for d of
        them.

    Returns
    -------
    Tensor
        A new tensor of the input's shape, dtype and memory format.

    Raises
    ------
    TypeError
        If `input` is not a strided tensor of those dtypes, or a parameter has the wrong type.
    ValueError
        If `input` has fewer than two dimensions, `size` is less than 1, another parameter is not finite, or `dim`
        does not fit.

    See Also
    --------
    LocalResponseNorm : The same as a layer.
    LearnableLocalResponseNorm : A layer that learns alpha, beta and k.

    Notes
    -----
    The formula is that of `lrncore.lrn` with the parameters of `lrncore.LRNSpec.torch`. The docstring of this
    module says what differs from PyTorch's own function.

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
    relevant = input, alpha, beta, k
    if has_torch_function(relevant):
        return handle_torch_function(
            local_response_norm, relevant, input, size, alpha=alpha, beta=beta, k=k, dim=dim
        )
    _check(input, dim)
    if torch.compiler.is_compiling():
        # a number that differed between two calls is a symbol by now, and only a number can be checked
        numbers = (value if isinstance(value, Tensor) else guard_scalar(value) for value in (size, alpha, beta, k))
        size, alpha, beta, k = numbers
        dim = tuple(map(guard_scalar, dim)) if isinstance(dim, tuple) else guard_scalar(dim)
    axes = check_axes(dim, input.dim(), "dim")
    if any(isinstance(value, Tensor) for value in (alpha, beta, k)):
        return _learned(input, size, axes, {"alpha": alpha, "beta": beta, "k": k})
    arguments = operators.arguments_of(torch_spec(size, alpha, beta, k, axes), axes)
    if input.device.type != "cpu":
        if axes != (1,):
            return operators.composed(input, *arguments)
        return nn.functional.local_response_norm(input, size, alpha, beta, k)
    return _operator()(input, *arguments)


class LocalResponseNorm(nn.LocalResponseNorm):
    """A `torch.nn.LocalResponseNorm` that computes with lrncore.

    Parameters
    ----------
    size : int
        Channels in the window, at least 1.
    alpha, beta, k : float, optional
        As in PyTorch, which divides alpha by `size`.
    dim : int or tuple of int, optional
        The dimension of the channels, or those of a box, as in `local_response_norm`.

    Raises
    ------
    TypeError, ValueError
        As `lrncore.LRNSpec.torch` does.

    See Also
    --------
    local_response_norm : The same as a function.
    replace : Puts it into a model in the place of PyTorch's own.

    Examples
    --------
    >>> import torch, lrncore.torch
    >>> layer = lrncore.torch.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
    >>> layer
    lrncore.LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0)
    >>> layer(torch.ones(1, 8, 2, 2)).shape
    torch.Size([1, 8, 2, 2])
    """

    #: of the layers of PyTorch that `replace` has changed
    dim: int | tuple[int, ...] = 1

    def __init__(
        self,
        size: int,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 1.0,
        dim: int | tuple[int, ...] = 1,
    ) -> None:
        torch_spec(size, alpha, beta, k, dim, "dim")
        super().__init__(size, alpha, beta, k)
        if dim != 1:
            self.dim = dim

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Return the normalized `input`, as `local_response_norm` does."""
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k, self.dim)

    def extra_repr(self) -> str:
        """Return what stands between the parentheses."""
        return f"{super().extra_repr()}{_unusual(self.dim)}"

    def _get_name(self) -> str:
        """Return what a printed model calls it, by which it can be told from PyTorch's own."""
        return "lrncore.LocalResponseNorm" if type(self) is LocalResponseNorm else type(self).__name__


class LearnableLocalResponseNorm(nn.Module):
    """A `LocalResponseNorm` that learns alpha, beta and k with the other parameters of a model.

    Parameters
    ----------
    size : int
        Channels in the window, at least 1.
    alpha, beta, k : float, optional
        What training starts from; as in PyTorch, which divides alpha by `size`.
    learn : collection of str, optional
        Which of them are parameters of the module. The others are buffers.
    dim : int or tuple of int, optional
        The dimension of the channels, or those of a box, as in `local_response_norm`.
    device, dtype : optional
        Of alpha, beta and k; as for the layers of `torch.nn`, the defaults are those of PyTorch.

    Attributes
    ----------
    alpha, beta, k : Tensor
        Each of no dimensions: a `torch.nn.Parameter`, or a buffer where it is not learned.

    Raises
    ------
    TypeError, ValueError
        As `lrncore.LRNSpec.torch` does, in the constructor and, once training has made a value infinite or NaN,
        in a call that the kernels compute.
    ValueError
        If `learn` names something else.

    See Also
    --------
    lrncore.lrn_param_grads : The formulas of their gradients.

    Notes
    -----
    The gradients of alpha, beta and k are summed in float64 and rounded to the dtype of the parameter: float32,
    unless PyTorch's default is another or the module was moved, e.g. by ``double()``. A small alpha needs a small
    learning rate, in a parameter group of its own. Nothing keeps the values in a range: where the sum under the
    power becomes negative, the outputs are NaN for most beta.

    Examples
    --------
    >>> import torch, lrncore.torch
    >>> layer = lrncore.torch.LearnableLocalResponseNorm(1, alpha=1.0, beta=1.0, learn=("alpha", "k"))
    >>> layer
    LearnableLocalResponseNorm(1, learn=('alpha', 'k'))
    >>> layer(torch.tensor([[2.0]])).backward()  # x / (k + alpha * x**2)
    >>> layer.alpha.grad, layer.k.grad
    (tensor(-0.3200), tensor(-0.0800))
    """

    alpha: Tensor
    beta: Tensor
    k: Tensor

    def __init__(
        self,
        size: int,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 1.0,
        learn: Collection[str] = ("alpha", "beta", "k"),
        *,
        dim: int | tuple[int, ...] = 1,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        torch_spec(size, alpha, beta, k, dim, "dim")
        self.size = size
        self.dim = dim
        values = {"alpha": alpha, "beta": beta, "k": k}
        if isinstance(learn, str) or not values.keys() >= set(learn):
            raise ValueError(f"learn must hold names among alpha, beta and k, got {learn!r}")
        self.learn = tuple(name for name in values if name in learn)
        for name, value in values.items():
            tensor = torch.tensor(value, device=device, dtype=dtype or torch.get_default_dtype())
            if name in self.learn:
                self.register_parameter(name, nn.Parameter(tensor))
            else:
                self.register_buffer(name, tensor)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Return the normalized `input`, as `local_response_norm` does."""
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k, self.dim)

    def extra_repr(self) -> str:
        """Return what stands between the parentheses."""
        return f"{self.size}, learn={self.learn}{_unusual(self.dim)}"


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
    >>> model[2]
    lrncore.LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)
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


def _unusual(dim: int | tuple[int, ...]) -> str:
    """Return what a layer says of its dimensions, where they are not the channels'."""
    return "" if dim == 1 else f", dim={dim}"


def _check(input: object, dim: int | tuple[int, ...]) -> None:  # noqa: A002
    """Check that `input` is a tensor that can be normalized."""
    if not isinstance(input, Tensor):
        raise TypeError(f"input must be a torch.Tensor, got {type(input).__name__}")
    if input.layout is not torch.strided:
        raise TypeError(f"input must be strided, got {input.layout}; convert it first, e.g. input.to_dense()")
    if input.dtype not in operators.ELEMENTS:
        raise TypeError(
            f"input must be float32, float64, float16 or bfloat16, got {str(input.dtype).removeprefix('torch.')}; "
            "cast it first, e.g. input.float()"
        )
    if input.dim() < (least := 2 if dim == 1 else 1):
        counted = "1 dimension" if least == 1 else "2 dimensions"
        raise ValueError(f"input must have at least {counted}, got {input.dim()}")


def _learned(
    input: Tensor,  # noqa: A002
    size: int,
    axes: tuple[int, ...],
    parameters: dict[str, float | Tensor],
) -> Tensor:
    """Return `local_response_norm` of parameters of which some are tensors."""
    LRNSpec.torch(size)
    values = []
    for name, value in parameters.items():
        if not isinstance(value, Tensor):
            values.append(torch.tensor(check_real(value, name), dtype=torch.float64))
        elif value.numel() == 1:
            values.append(value.reshape(()))
        else:
            raise ValueError(f"{name} must be a number or a tensor of one element, got shape {tuple(value.shape)}")
    if input.device.type != "cpu" and axes == (1,):
        return nn.functional.local_response_norm(input, size, *values)
    recorded = torch.compiler.is_compiling() or torch.jit.is_tracing()
    if recorded or _transforms() or forward_ad._current_level >= 0 or input.device.type != "cpu":
        return operators.composed_learned(size, axes, input, *values)
    return operators.Learned.apply(size, axes, input, *values)


def _operator() -> Any:
    """Return what computes so that the derivatives which are being taken find their way."""
    transforms = [name for name in _transforms() if name != "Vmap"]
    # torch.func.jvp enters a level of forward mode of its own
    orders = len(transforms) + (forward_ad._current_level >= 0 and "Jvp" not in transforms)
    if not orders:
        return operators.lrn
    # Nested forward modes lose the tangents of a Function, and neither torch.compile nor functionalize takes one.
    if orders > 1 or "Functionalize" in transforms or torch.compiler.is_compiling():
        return operators.composed
    return operators.forward


@torch.compiler.assume_constant_result
def _transforms() -> tuple[str, ...]:
    """Return the transforms of `torch.func` that are at work, the outermost first."""
    return tuple(each.key().name for each in torch._C._functorch.get_interpreter_stack() or ())
