"""ONNX's normalizations with moments, as operators of onnx's reference evaluator: see `lrncore.onnx`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx.helper import tensor_dtype_to_np_dtype
from onnx.reference.op_run import OpRun

from lrncore import norms
from lrncore._public import public

Array = NDArray[Any]


@public("lrncore.onnx")
class BatchNormalization(OpRun):
    """The ONNX operator BatchNormalization, with given statistics or, in training mode, with those of the batch.

    Up to opset 13 a node is in training mode if it has more than one output; onnx's own operator normalizes by the
    new running statistics there.
    """

    def _run(
        self,
        x: Array,
        scale: Array,
        bias: Array,
        mean: Array,
        var: Array,
        epsilon: float,
        momentum: float,
        training_mode: int = 0,
        **older: Any,
    ) -> tuple[Array, ...]:
        """Return the output, and in training mode the running statistics."""
        if older.get("spatial", 1) != 1:
            raise NotImplementedError("BatchNormalization is implemented for spatial=1 only, got 0")
        if not (training_mode or (self.run_params["opsets"].get("", 14) < 14 and len(self.output) > 1)):
            return (norms.batch_norm(x, mean, var, scale, bias, eps=epsilon),)
        y, moments = norms.batch_norm_train(x, scale, bias, eps=epsilon)
        stats = norms.RunningStats.onnx(x.shape[1], momentum, mean=mean, var=var)
        stats.update(moments)
        found = stats.mean.astype(mean.dtype), stats.var.astype(var.dtype)
        if training_mode:
            return y, *found
        # opset 9 has the statistics of the batch too
        return y, *found, moments.mean.astype(mean.dtype), moments.var.astype(var.dtype)


@public("lrncore.onnx")
class GroupNormalization(OpRun):
    """The ONNX operator GroupNormalization, with a scale and a bias for each group (opset 18) or each channel."""

    def _run(
        self, x: Array, scale: Array, bias: Array, epsilon: float, num_groups: int, **_stash: Any
    ) -> tuple[Array]:
        """Return the output."""
        return (norms.group_norm(x, num_groups, scale, bias, eps=epsilon),)


@public("lrncore.onnx")
class InstanceNormalization(OpRun):
    """The ONNX operator InstanceNormalization."""

    def _run(self, x: Array, scale: Array, bias: Array, epsilon: float, **_older: Any) -> tuple[Array]:
        """Return the output."""
        return (norms.instance_norm(x, scale, bias, eps=epsilon),)


@public("lrncore.onnx")
class LayerNormalization(OpRun):
    """The ONNX operator LayerNormalization, computed in float32, or float64 for double, whatever the stash type."""

    def _run(
        self, x: Array, scale: Array, bias: Array | None = None, *, axis: int, epsilon: float, stash_type: int = 1
    ) -> tuple[Array, ...]:
        """Return the output and, where the node has them, the means and the inverses of the deviations."""
        axes = _from(axis, x)
        shape = x.shape[axes[0] :]
        y = norms.layer_norm(x, axes, _spread(scale, shape), _spread(bias, shape), eps=epsilon)
        if len(self.output) == 1:
            return (y,)
        moments = norms.moments(x, axes)
        stash = tensor_dtype_to_np_dtype(stash_type)
        kept = x.shape[: axes[0]] + (1,) * len(axes)
        with np.errstate(divide="ignore"):
            found = moments.mean, 1 / np.sqrt(moments.var + epsilon)
        return y, *(each.reshape(kept).astype(stash) for each in found)


@public("lrncore.onnx")
class RMSNormalization(OpRun):
    """The ONNX operator RMSNormalization, computed in float32, or float64 for double, whatever the stash type."""

    def _run(
        self,
        x: Array,
        scale: Array,
        *,
        axis: int,
        epsilon: float,
        stash_type: int = 1,  # noqa: ARG002
    ) -> tuple[Array]:
        """Return the output."""
        axes = _from(axis, x)
        return (norms.rms_norm(x, axes, _spread(scale, x.shape[axes[0] :]), eps=epsilon),)


@public("lrncore.onnx")
class MeanVarianceNormalization(OpRun):
    """The ONNX operator MeanVarianceNormalization, which divides by the deviation plus 1e-9."""

    def _run(self, x: Array, axes: Sequence[int] = (0, 2, 3)) -> tuple[Array]:
        """Return the output."""
        return (norms.layer_norm(x, tuple(axes), eps=1e-9, eps_outside=True),)


NORMS = (
    BatchNormalization,
    GroupNormalization,
    InstanceNormalization,
    LayerNormalization,
    MeanVarianceNormalization,
    RMSNormalization,
)


def _from(axis: int, x: Array) -> tuple[int, ...]:
    """Return the axes from one on."""
    return tuple(range(axis % x.ndim, x.ndim))


def _spread(value: Array | None, shape: tuple[int, ...]) -> Array | None:
    """Return a parameter of the shape that is normalized over, to which it may broadcast."""
    return None if value is None else np.broadcast_to(value, shape)
