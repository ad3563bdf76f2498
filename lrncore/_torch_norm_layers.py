"""The moment norms in PyTorch's words: functions and layers, which `lrncore.torch` has under the same names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function

from lrncore import _torch_norms as operators
from lrncore._public import public
from lrncore._torch import ELEMENTS, transformed
from lrncore._torch_call import call

#: The functions of PyTorch, for what these do not compute
theirs = nn.functional


@public("lrncore.torch")
def layer_norm(
    input: Tensor,  # noqa: A002  (PyTorch's name)
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Call `lrncore.layer_norm` with the arguments of `torch.nn.functional.layer_norm`."""
    relevant = input, weight, bias
    if has_torch_function(relevant):
        return handle_torch_function(layer_norm, relevant, input, normalized_shape, weight, bias, eps)
    shape = tuple(normalized_shape)
    if not _fits_layer(shape, eps, *relevant):
        return theirs.layer_norm(input, normalized_shape, weight, bias, eps)
    return call(operators.norm, input, weight, bias, None, None, "layer", len(shape), eps)


@public("lrncore.torch")
def rms_norm(
    input: Tensor,  # noqa: A002
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Call `lrncore.rms_norm` with the arguments of `torch.nn.functional.rms_norm`."""
    relevant = input, weight
    if has_torch_function(relevant):
        return handle_torch_function(rms_norm, relevant, input, normalized_shape, weight, eps)
    shape = tuple(normalized_shape)
    if not _fits_layer(shape, eps, *relevant):
        return theirs.rms_norm(input, normalized_shape, weight, eps)
    # of what is computed in
    added = torch.finfo(torch.promote_types(input.dtype, torch.float32)).eps if eps is None else eps
    return call(operators.norm, input, weight, None, None, None, "rms", len(shape), added)


@public("lrncore.torch")
def group_norm(
    input: Tensor,  # noqa: A002
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Call `lrncore.group_norm` with the arguments of `torch.nn.functional.group_norm`."""
    relevant = input, weight, bias
    if has_torch_function(relevant):
        return handle_torch_function(group_norm, relevant, input, num_groups, weight, bias, eps)
    if (
        not _fits_channels(eps, *relevant)
        or num_groups < 1
        or input.shape[1] % num_groups
        or input.numel() == num_groups
    ):
        return theirs.group_norm(input, num_groups, weight, bias, eps)
    return call(operators.norm, input, weight, bias, None, None, "group", num_groups, eps)


@public("lrncore.torch")
def instance_norm(
    input: Tensor,  # noqa: A002
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Call `lrncore.instance_norm` with the arguments of `torch.nn.functional.instance_norm`.

    Where running statistics are to be updated, PyTorch's own function computes.
    """
    relevant = input, running_mean, running_var, weight, bias
    rest = use_input_stats, momentum, eps
    if has_torch_function(relevant):
        return handle_torch_function(instance_norm, relevant, *relevant, *rest)
    fits = _fits_channels(eps, *relevant)
    if fits and not use_input_stats and running_mean is not None and running_var is not None:
        return call(operators.norm, input, weight, bias, running_mean, running_var, "batch", 0, eps)
    if fits and use_input_stats and running_mean is running_var is None and math.prod(input.shape[2:]) > 1:
        return call(operators.norm, input, weight, bias, None, None, "group", input.shape[1], eps)
    return theirs.instance_norm(*relevant, *rest)


@public("lrncore.torch")
def batch_norm(
    input: Tensor,  # noqa: A002
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Call `lrncore.batch_norm`, or `lrncore.batch_norm_train`, as `torch.nn.functional.batch_norm` is called."""
    relevant = input, running_mean, running_var, weight, bias
    rest = training, momentum, eps
    if has_torch_function(relevant):
        return handle_torch_function(batch_norm, relevant, *relevant, *rest)
    whole = (running_mean is None) == (running_var is None)
    if not whole or not _fits_channels(eps, *relevant):
        return theirs.batch_norm(*relevant, *rest)
    if not training:
        if running_mean is None:
            return theirs.batch_norm(*relevant, *rest)
        return call(operators.norm, input, weight, bias, running_mean, running_var, "batch", 0, eps)
    count = input.numel() // input.shape[1]
    if count <= 1:
        return theirs.batch_norm(*relevant, *rest)
    y, mean, var = call(operators.batch_norm_train, input, weight, bias, eps)
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            for running, new in ((running_mean, mean), (running_var, var * (count / (count - 1)))):
                running.copy_((1 - momentum) * running.double() + momentum * new)
    return y


@public("lrncore.torch")
class LayerNorm(nn.LayerNorm):
    """A `torch.nn.LayerNorm` that computes with lrncore."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Return the normalized `input`."""
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


@public("lrncore.torch")
class RMSNorm(nn.RMSNorm):
    """A `torch.nn.RMSNorm` that computes with lrncore."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized `x`."""
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)


@public("lrncore.torch")
class GroupNorm(nn.GroupNorm):
    """A `torch.nn.GroupNorm` that computes with lrncore."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Return the normalized `input`."""
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


def _of_instances(input: Tensor, unbatched: int, *arguments: Any) -> Tensor:  # noqa: A002
    """Call `instance_norm` on a batch, or on an input of so many dimensions that is not one."""
    if has_torch_function((input,)):
        return handle_torch_function(_of_instances, (input,), input, unbatched, *arguments)
    if input.dim() == unbatched:
        return instance_norm(input[None], *arguments)[0]
    return instance_norm(input, *arguments)


class _InstanceNorm(nn.modules.instancenorm._InstanceNorm):
    """What the three have in common."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Return the normalized `input`."""
        if has_torch_function((input,)):  # traced: nothing is known of its shape yet
            return self._apply_instance_norm(input)
        return super().forward(input)

    def _apply_instance_norm(self, input: Tensor) -> Tensor:  # noqa: A002
        use_input_stats = self.training or not self.track_running_stats
        running = self.running_mean, self.running_var
        momentum = 0.0 if self.momentum is None else self.momentum
        arguments = *running, self.weight, self.bias, use_input_stats, momentum, self.eps
        return _of_instances(input, self._get_no_batch_dim(), *arguments)


@public("lrncore.torch")
class InstanceNorm1d(_InstanceNorm, nn.InstanceNorm1d):
    """A `torch.nn.InstanceNorm1d` that computes with lrncore."""


@public("lrncore.torch")
class InstanceNorm2d(_InstanceNorm, nn.InstanceNorm2d):
    """A `torch.nn.InstanceNorm2d` that computes with lrncore."""


@public("lrncore.torch")
class InstanceNorm3d(_InstanceNorm, nn.InstanceNorm3d):
    """A `torch.nn.InstanceNorm3d` that computes with lrncore."""


class _BatchNorm(nn.modules.batchnorm._BatchNorm):
    """What the three have in common."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Return the normalized `input`, and in training update the running statistics."""
        if not has_torch_function((input,)):
            self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        tracked = self.training and self.track_running_stats
        if tracked and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1.0 / float(self.num_batches_tracked)
        running: tuple[Any, Any] = self.running_mean, self.running_var
        of_batch = self.training or running == (None, None)
        if self.training and not tracked:
            running = None, None
        return batch_norm(input, *running, self.weight, self.bias, of_batch, momentum, self.eps)


@public("lrncore.torch")
class BatchNorm1d(_BatchNorm, nn.BatchNorm1d):
    """A `torch.nn.BatchNorm1d` that computes with lrncore, in training too."""


@public("lrncore.torch")
class BatchNorm2d(_BatchNorm, nn.BatchNorm2d):
    """A `torch.nn.BatchNorm2d` that computes with lrncore, in training too."""


@public("lrncore.torch")
class BatchNorm3d(_BatchNorm, nn.BatchNorm3d):
    """A `torch.nn.BatchNorm3d` that computes with lrncore, in training too."""


#: What `lrncore.torch.replace` puts in the place of PyTorch's own
TWINS: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm1d: BatchNorm1d,
    nn.BatchNorm2d: BatchNorm2d,
    nn.BatchNorm3d: BatchNorm3d,
    nn.GroupNorm: GroupNorm,
    nn.InstanceNorm1d: InstanceNorm1d,
    nn.InstanceNorm2d: InstanceNorm2d,
    nn.InstanceNorm3d: InstanceNorm3d,
    nn.LayerNorm: LayerNorm,
    nn.RMSNorm: RMSNorm,
}


def _fits(eps: float | None, input: object, *others: Tensor | None) -> bool:  # noqa: A002
    """Return whether the kernels take this, and nothing but autograd's reverse mode is at work on it."""
    if not isinstance(input, Tensor) or transformed() or (eps or 0) < 0:
        return False
    tensors = [input, *(each for each in others if each is not None)]
    return all(
        each.device.type == "cpu" and each.layout is torch.strided and each.dtype in ELEMENTS for each in tensors
    )


def _fits_layer(shape: tuple[int, ...], eps: float | None, input: Tensor, *others: Tensor | None) -> bool:  # noqa: A002
    """Return whether a norm over the last axes can be computed."""
    if not _fits(eps, input, *others) or not 0 < len(shape) <= input.dim():
        return False
    shapes = [tuple(input.shape[-len(shape) :]), *(tuple(each.shape) for each in others if each is not None)]
    return all(each == shape for each in shapes)


def _fits_channels(eps: float, input: Tensor, *others: Tensor | None) -> bool:  # noqa: A002
    """Return whether a norm with parameters for each channel can be computed."""
    if not _fits(eps, input, *others) or input.dim() < 2:
        return False
    return all(tuple(each.shape) == (input.shape[1],) for each in others if each is not None)
