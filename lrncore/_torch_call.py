"""How an operator of `lrncore.torch` is called: PyTorch's way to it takes longer than a small array does."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

#: Tensors that are what they seem
PLAIN = {Tensor, nn.Parameter}
#: The operators that autograd may differentiate, each as a Function that takes a third of its time
DIFFERENTIATED: dict[Any, Any] = {}


def call(operator: Any, *arguments: Any) -> Any:
    """Call an operator, outside all transforms of `torch.func` and forward mode; directly where nobody watches."""
    tensors = [each for each in arguments if isinstance(each, Tensor)]
    watched = torch.compiler.is_compiling() or torch.jit.is_tracing() or _get_current_dispatch_mode() is not None
    if watched or not PLAIN.issuperset(map(type, tensors)):
        return operator(*arguments)
    if torch.is_grad_enabled() and any(each.requires_grad for each in tensors):
        return DIFFERENTIATED[operator].apply(*arguments)
    return operator._init_fn(*arguments)
