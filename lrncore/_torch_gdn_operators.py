"""What `lrncore.torch.gdn` gives to PyTorch: the kernels as operators, and how they are differentiated."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vjp

from lrncore._divisive_call import compute, kernels_of, room_to_keep, sums_for
from lrncore._divisive_job import Formula, Job, Pool
from lrncore._torch import ELEMENTS, transforms

Exponents = tuple[float, float, int]


@torch.library.custom_op("lrncore::gdn", mutates_args=(), device_types="cpu")
def forward(x: Tensor, gamma: Tensor, beta: Tensor, alpha: float, epsilon: float, dim: int) -> Tensor:
    """Return what `lrncore.gdn` does; a negative epsilon is the inverse's."""
    y = torch.empty_like(x)
    compute(_job((x,), gamma, beta, (alpha, epsilon, dim)), _array(y))
    return y


@torch.library.custom_op("lrncore::gdn_backward", mutates_args=(), device_types="cpu")
def backward(
    g: Tensor, x: Tensor, gamma: Tensor, beta: Tensor, alpha: float, epsilon: float, dim: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `lrncore.gdn_backward` does."""
    return _gradients(g, x, gamma, beta, (alpha, epsilon, dim))


def _gradients(
    g: Tensor, x: Tensor, gamma: Tensor, beta: Tensor, exponents: Exponents, kept: NDArray[Any] | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x, gamma and beta, with the pools that the forward kept, if it did."""
    dx = torch.empty_like(x)
    job = _job((g, x), gamma, beta, exponents)
    sums = sums_for(job.arrays[-1], exponents[2])
    compute(job._replace(kept=kept), _array(dx), sums)
    dgamma, dbeta = sums.total(exponents[1], kernels_of(job.arrays[-1]).raised)
    return dx, torch.from_numpy(dgamma).to(gamma.dtype), torch.from_numpy(dbeta).to(beta.dtype)


def _job(tensors: tuple[Tensor, ...], gamma: Tensor, beta: Tensor, exponents: Exponents) -> Job:
    """Return the call on the memory of tensors."""
    alpha, epsilon, dim = exponents
    elements = (ELEMENTS[tensors[-1].dtype],) * len(tensors)
    pool = Pool(_numbers(beta), _numbers(gamma))
    arrays = tuple(map(_array, tensors))
    # explicit: how many threads a tensor's call takes is PyTorch's setting
    threads = torch.get_num_threads() if arrays[-1].size >= 65536 else 1
    return Job(arrays, elements, pool, Formula(alpha, epsilon), dim, threads)


def _numbers(parameter: Tensor) -> NDArray[Any]:
    half = parameter.dtype in (torch.float16, torch.bfloat16)
    array: NDArray[Any] = (parameter.float() if half else parameter).detach().numpy(force=True)
    return array


def _array(tensor: Tensor) -> NDArray[Any]:
    """Return the memory of a tensor: of a bfloat16 as NumPy knows it with ml_dtypes."""
    if tensor.dtype == torch.bfloat16:
        import ml_dtypes  # noqa: PLC0415  (only bfloat16 needs it)

        return np.asarray(tensor.detach().view(torch.uint16).numpy(force=True)).view(ml_dtypes.bfloat16)
    array: NDArray[Any] = tensor.detach().numpy(force=True)
    return array


def composed(exponents: Exponents, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """Return what `forward` does, in operations that PyTorch differentiates any number of times."""
    alpha, epsilon, dim = exponents
    wide = x.float() if x.dtype.itemsize == 2 else x
    size = wide * wide if alpha == 2 else wide.abs() ** alpha
    pools = (size.movedim(dim, -1) @ gamma.to(wide.dtype).T + beta.to(wide.dtype)).movedim(-1, dim)
    return (wide * pools**-epsilon).to(x.dtype)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    ctx.save_for_backward(*inputs[:3])
    ctx.exponents, ctx.kept = inputs[3:], None


def _differentiate(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    x, gamma, beta = ctx.saved_tensors
    if torch.compiler.is_compiling():
        return *backward(g, x, gamma, beta, *ctx.exponents), None, None, None
    if torch.is_grad_enabled():  # a second derivative may follow
        return *vjp(partial(composed, ctx.exponents), x, gamma, beta)[1](g), None, None, None
    return *_gradients(g, x, gamma, beta, ctx.exponents, ctx.kept), None, None, None


forward.register_fake(lambda x, *_: torch.empty_like(x))
backward.register_fake(lambda _g, x, gamma, beta, *_: tuple(map(torch.empty_like, (x, gamma, beta))))
forward.register_autograd(_differentiate, setup_context=_keep)


class _Kept(torch.autograd.Function):
    """`forward`, whose pools are kept for its gradient: a third of the time of both, for memory of x's size."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, *exponents: Any) -> Tensor:
        ctx.save_for_backward(x, gamma, beta)
        ctx.exponents = exponents
        y, job = torch.empty_like(x), _job((x,), gamma, beta, exponents)
        ctx.kept = room_to_keep(job.arrays[0], exponents[2])
        compute(job._replace(kept=ctx.kept), _array(y))
        return y

    backward = staticmethod(_differentiate)


def apply(x: Tensor, gamma: Tensor, beta: Tensor, exponents: Exponents) -> Tensor:
    """Normalize a tensor, so that the derivatives which are being taken find their way."""
    if x.device.type != "cpu":
        return composed(exponents, x, gamma, beta)
    eager = torch.is_grad_enabled() and not (torch.compiler.is_compiling() or torch.jit.is_tracing())
    compute_it = _Kept.apply if eager and _plain(x, gamma, beta) else forward
    result: Tensor = compute_it(x, gamma, beta, *exponents)
    return result


def _plain(*tensors: Tensor) -> bool:
    """Return whether autograd alone is at work, and a gradient will be asked for."""
    return any(each.requires_grad for each in tensors) and not transforms()
