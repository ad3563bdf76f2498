"""`lrncore.torch.local_response_norm`: which of PyTorch's ways a call takes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.fx.experimental.symbolic_shapes import guard_scalar
from torch.masked import MaskedTensor, masked_tensor
from torch.overrides import handle_torch_function, has_torch_function

from lrncore import _torch as operators
from lrncore import _torch_onnx as onnx
from lrncore._arrays import WANTED
from lrncore._checks import check_axes, check_int, check_real
from lrncore._public import public
from lrncore.spec import LRNSpec, spec_of


@public("lrncore.torch")
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
        if isinstance(input, MaskedTensor):
            return masked_tensor(local_response_norm(_unmasked(input), size, alpha, beta, k, dim), input.get_mask())
        return handle_torch_function(
            local_response_norm, relevant, input, size, alpha=alpha, beta=beta, k=k, dim=dim
        )
    _check(input, dim)
    make = spec_of
    if torch.compiler.is_compiling():
        # a number that differed between two calls is a symbol by now, and only a number can be checked
        numbers = (value if isinstance(value, Tensor) else guard_scalar(value) for value in (size, alpha, beta, k))
        size, alpha, beta, k = numbers
        dim = tuple(map(guard_scalar, dim)) if isinstance(dim, tuple) else guard_scalar(dim)
        make = LRNSpec._of
    axes = check_axes(dim, input.dim(), "dim")
    if any(isinstance(value, Tensor) for value in (alpha, beta, k)):
        return _learned(input, check_int(size, "size", 1), axes, {"alpha": alpha, "beta": beta, "k": k})
    spec = make("torch", size, alpha, beta, k, len(axes))
    arguments = operators.arguments_of(spec, axes)
    if input.device.type != "cpu":
        if axes != (1,):
            return operators.composed(input, *arguments)
        return nn.functional.local_response_norm(input, spec.size, check_real(alpha, "alpha"), spec.beta, spec.k)
    return _operator()(input, *arguments)


def _check(input: object, dim: int | tuple[int, ...]) -> None:  # noqa: A002
    """Check that `input` is a tensor that can be normalized."""
    if not isinstance(input, Tensor):
        raise TypeError(f"input must be a torch.Tensor, got {type(input).__name__}")
    if input.is_nested:
        raise TypeError(
            "input must be strided, got a nested tensor; pad it first, "
            "e.g. torch.nested.to_padded_tensor(input, 0.0)"
        )
    if input.layout is not torch.strided:
        raise TypeError(f"input must be strided, got {input.layout}; convert it first, e.g. input.to_dense()")
    if input.dtype not in operators.ELEMENTS:
        raise TypeError(f"input must be {WANTED}, got {str(input.dtype).removeprefix('torch.')}; {_advice(input)}")
    if input.dim() < (least := 2 if dim == 1 else 1):
        counted = "1 dimension" if least == 1 else "2 dimensions"
        raise ValueError(f"input must have at least {counted}, got {input.dim()}")


def _advice(input: Tensor) -> str:  # noqa: A002
    if input.is_quantized:
        return "dequantize it first, e.g. input.dequantize()"
    if input.is_complex():
        return "take its real part or magnitude first, e.g. abs(input)"
    return "cast it first, e.g. input.float()"


def _unmasked(input: MaskedTensor) -> Tensor:  # noqa: A002
    """Return the data of a tensor of which nothing is masked."""
    if not input.get_mask().all():
        raise TypeError(
            "input must not be masked, got MaskedTensor with masked elements; fill them first, "
            "e.g. input.to_tensor(0.0)"
        )
    return input.get_data()


def _learned(
    input: Tensor,  # noqa: A002
    size: int,
    axes: tuple[int, ...],
    parameters: dict[str, float | Tensor],
) -> Tensor:
    """Return `local_response_norm` of parameters of which some are tensors."""
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
    if recorded or operators.transforms() or forward_ad._current_level >= 0 or input.device.type != "cpu":
        return operators.composed_learned(size, axes, input, *values)
    return operators.Learned.apply(size, axes, input, *values)


def _operator() -> Any:
    """Return what computes so that the derivatives which are being taken find their way."""
    if onnx.is_tracing_for_onnx():
        return onnx.traced
    if not operators.transformed():
        return operators.plain_forward
    transforms = [name for name in operators.transforms() if name != "Vmap"]
    # torch.func.jvp enters a level of forward mode of its own
    orders = len(transforms) + (forward_ad._current_level >= 0 and "Jvp" not in transforms)
    if not orders:
        return operators.lrn
    # Nested forward modes lose the tangents of a Function, and neither torch.compile nor functionalize takes one.
    if orders > 1 or "Functionalize" in transforms or torch.compiler.is_compiling():
        return operators.composed
    return operators.forward
