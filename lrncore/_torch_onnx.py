"""What `torch.onnx.export` makes of the operator `lrncore::lrn`: where ONNX has the window, its operator LRN.

That is a window of odd size along one dimension, of float32 or a half type. As onnxruntime's LRN takes float32 and
four dimensions, other arrays are converted and reshaped around it. Even windows, boxes and float64 become what
`composed` is made of.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.onnx
from torch import Tensor
from torch._decomp import register_decomposition

from lrncore import _torch as operators

#: The attribute `size` has 64 bits; runtimes have been seen to take 32 of them.
LARGEST = 2**31 - 1

#: Of the older exporter; LRN is the same in all of them
FIRST_OPSET = 9

Node = Callable[[Tensor, dict[str, Any]], Tensor]


def is_tracing_for_onnx() -> bool:
    """Return whether the older exporter, the one that traces, is at work."""
    return bool(torch.jit.is_tracing() and torch.onnx.is_in_onnx_export())


def traced(x: Tensor, *arguments: Any) -> Tensor:
    """Return what `lrn` does, in operations that the older exporter has a translation for."""
    return _in_operations_of_onnx(lambda x, _attributes: operators.lrn(x, *arguments[:-1], (1,)), x, *arguments)


def known(parameter: Tensor) -> float:
    """Return the value of a tensor, which becomes a constant in what is traced."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        return float(parameter)


@register_decomposition(operators.lrn._opoverload)
def _decomposed(x: Tensor, *arguments: Any) -> Tensor:
    """Return what `lrn` does, for the newer exporter, which asks for it, and for whoever else does."""
    symbolic = getattr(getattr(torch.onnx, "ops", None), "symbolic", None)
    if symbolic is None or not torch.onnx.is_in_onnx_export():
        return operators.composed(x, *arguments)

    def node(x: Tensor, attributes: dict[str, Any]) -> Any:
        return symbolic("LRN", (x,), attributes, dtype=x.dtype, shape=x.shape)

    return _in_operations_of_onnx(node, x, *arguments)


def _in_operations_of_onnx(
    node: Node, x: Tensor, before: int, after: int, scale: float, beta: float, k: float, axes: Sequence[int]
) -> Tensor:
    """Return what `lrn` does, with `node` where ONNX has it."""
    size = before + after + 1
    if before != after or size > LARGEST or len(axes) != 1 or x.dtype == torch.float64:
        return operators.composed(x, before, after, scale, beta, k, axes)
    attributes = {"alpha": scale * size, "beta": beta, "bias": k, "size": size}
    wide = x.float() if x.dtype.itemsize == 2 else x
    if x.dim() == 1:
        y = _of_four_dimensions(node, wide[None], attributes)[0]
    else:
        y = _of_four_dimensions(node, wide.movedim(axes[0], 1), attributes).movedim(1, axes[0])
    return y if wide is x else y.to(x.dtype)


def _of_four_dimensions(node: Node, x: Tensor, attributes: dict[str, Any]) -> Tensor:
    """Return `node` of x, whose channels are on dimension 1, in as many dimensions as onnxruntime takes."""
    if x.dim() == 4:
        return node(x, attributes)
    places = x.flatten(2) if x.dim() > 2 else x.unsqueeze(-1)
    return node(places.unsqueeze(-1), attributes).reshape(x.shape)


@torch.onnx.symbolic_helper.parse_args("v", "i", "i", "f", "f", "f", "is")
def _translated(
    graph: Any, x: Any, before: int, after: int, scale: float, beta: float, k: float, axes: list[int]
) -> Any:
    """Return the node for `lrn` in a graph of the older exporter."""
    if before != after or axes != [1]:
        # `traced` has not been asked
        raise torch.onnx.errors.OnnxExporterError(
            "ONNX has no such window as lrncore::lrn has here; export the model itself, not its trace"
        )
    size = before + after + 1
    return graph.op("LRN", x, alpha_f=scale * size, beta_f=beta, bias_f=k, size_i=size).setType(x.type())


torch.onnx.register_custom_op_symbolic("lrncore::lrn", _translated, FIRST_OPSET)
