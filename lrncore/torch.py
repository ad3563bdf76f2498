"""lrncore in PyTorch: the function and the layer of `torch.nn`, faster on the CPU.

`local_response_norm` and `LocalResponseNorm` take the arguments of their namesakes in `torch.nn`, and `replace`
puts the layer into an existing model. They work with autograd, `torch.func`, `torch.compile`, `torch.export`,
`torch.onnx.export`, `torch.fx` and `torch.jit.trace`.

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
exported or traced model imports `lrncore.torch` first, or PyTorch does not find the operators.
"""

try:
    import torch
except ImportError as error:
    raise ImportError("lrncore.torch needs PyTorch: pip install torch") from error

from lrncore._torch_function import local_response_norm
from lrncore._torch_gdn import GDN, gdn
from lrncore._torch_layers import LearnableLocalResponseNorm, LocalResponseNorm
from lrncore._torch_norm_layers import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    LayerNorm,
    RMSNorm,
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    rms_norm,
)
from lrncore._torch_replace import replace, restore

__all__ = [
    "GDN",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LearnableLocalResponseNorm",
    "LocalResponseNorm",
    "RMSNorm",
    "batch_norm",
    "gdn",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "replace",
    "restore",
    "rms_norm",
]

del torch
