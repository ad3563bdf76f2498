"""GDN in PyTorch, for `lrncore.torch`: the function and the layer of learned codecs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lrncore import _torch_gdn_operators as operators
from lrncore._arrays import WANTED
from lrncore._checks import check_axes, check_int, check_real
from lrncore._gdn import PEDESTAL
from lrncore._public import public
from lrncore._torch import ELEMENTS
from lrncore.divisive_spec import check_positive


@public("lrncore.torch")
def gdn(
    input: Tensor,  # noqa: A002
    gamma: Tensor,
    beta: Tensor,
    alpha: float = 2.0,
    epsilon: float = 0.5,
    *,
    inverse: bool = False,
    dim: int = 1,
) -> Tensor:
    """Call `lrncore.gdn` on tensors, with gradients for all three.

    Parameters
    ----------
    input : Tensor, float32, float64, float16 or bfloat16
        Any shape of at least one dimension, any memory format. On another device PyTorch's operations compute it.
    gamma, beta : Tensor
        The effective parameters: ``gamma[i, j]`` weighs channel j in the pool of channel i, as the weight of a
        1 x 1 convolution; a constant for each channel.
    alpha, epsilon : float, optional
        The exponents of the pool and of the quotient.
    inverse : bool, optional
        Whether to multiply and not to divide.
    dim : int, optional
        The channel dimension.

    Returns
    -------
    Tensor
        The normalized tensor, of the input's shape, dtype and memory format.

    Raises
    ------
    TypeError
        If `input` has another dtype.
    ValueError
        If `dim` or the shape of `gamma` or `beta` does not fit.

    Notes
    -----
    First derivatives in reverse mode are computed by the kernels, also inside `torch.compile`; higher ones by
    PyTorch's operations. bfloat16 needs ml_dtypes.

    Examples
    --------
    >>> import torch, lrncore.torch
    >>> x = torch.tensor([[3.0, 4.0]], requires_grad=True)
    >>> y = lrncore.torch.gdn(x, torch.ones(2, 2), torch.zeros(2))
    >>> y.tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    if input.dtype not in ELEMENTS:
        raise TypeError(f"input must be {WANTED}, got {input.dtype}")
    (axis,) = check_axes(dim, input.dim(), "dim")
    channels = input.shape[axis]
    if gamma.shape != (channels, channels):
        raise ValueError(f"gamma must have the shape {(channels, channels)}, got {tuple(gamma.shape)}")
    if beta.shape != (channels,):
        raise ValueError(f"beta must have the shape {(channels,)}, got {tuple(beta.shape)}")
    alpha, epsilon = check_real(alpha, "alpha"), check_real(epsilon, "epsilon")
    check_positive(alpha, "alpha")
    exponents = alpha, -epsilon if inverse else epsilon, axis
    return operators.apply(input, gamma, beta, exponents)


class _LowerBound(torch.autograd.Function):
    """``max(x, bound)``, through which a gradient passes that leads back above the bound."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bound: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return g * ((x >= ctx.bound) | (g < 0)), None


def effective(stored: Tensor, minimum: float) -> Tensor:
    """Return the parameter that codecs store, as `lrncore.nonnegative` does, with their gradient at the bound."""
    bounded: Tensor = _LowerBound.apply(stored, (minimum + PEDESTAL) ** 0.5)
    return bounded**2 - PEDESTAL


@public("lrncore.torch")
class GDN(nn.Module):
    """Generalized divisive normalization as a layer, with the parameters of CompressAI's ``GDN``.

    Parameters
    ----------
    in_channels : int
        The channels.
    inverse : bool, optional
        Whether to multiply and not to divide.
    beta_min, gamma_init : float, optional
        The least beta, and the first value of gamma's diagonal.
    alpha, epsilon : float, optional
        The exponents: 2 and 1/2 are CompressAI's ``GDN``, 1 and 1 its ``GDN1``.
    dim : int, optional
        The channel dimension.

    Raises
    ------
    TypeError
        If `in_channels` is not an int.
    ValueError
        If it is less than 1.

    Notes
    -----
    `beta` and `gamma` are stored as codecs store them, with CompressAI's names and bounds (`lrncore.nonnegative`):
    ``load_state_dict(layer.state_dict())`` takes its layer's weights, and leaves its buffers out, which are
    constants. So do the checkpoints of a model that has this layer in the place of CompressAI's.

    Examples
    --------
    >>> import torch, lrncore.torch
    >>> layer = lrncore.torch.GDN(4)
    >>> layer(torch.ones(1, 4, 2, 2)).shape
    torch.Size([1, 4, 2, 2])
    """

    def __init__(
        self,
        in_channels: int,
        inverse: bool = False,
        beta_min: float = 1e-6,
        gamma_init: float = 0.1,
        *,
        alpha: float = 2.0,
        epsilon: float = 0.5,
        dim: int = 1,
    ) -> None:
        super().__init__()
        channels = check_int(in_channels, "in_channels", 1)
        self.inverse, self.beta_min = bool(inverse), check_real(beta_min, "beta_min")
        self.alpha, self.epsilon, self.dim = check_real(alpha, "alpha"), check_real(epsilon, "epsilon"), dim
        self.beta = nn.Parameter(torch.sqrt(torch.ones(channels) + PEDESTAL))
        self.gamma = nn.Parameter(torch.sqrt(check_real(gamma_init, "gamma_init") * torch.eye(channels) + PEDESTAL))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name in [
            key for key in state_dict if key.startswith((f"{prefix}beta_reparam.", f"{prefix}gamma_reparam."))
        ]:
            del state_dict[name]  # from a copy of the caller's
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Normalize a tensor."""
        gamma, beta = effective(self.gamma, 0.0), effective(self.beta, self.beta_min)
        return gdn(input, gamma, beta, self.alpha, self.epsilon, inverse=self.inverse, dim=self.dim)

    def extra_repr(self) -> str:
        """Return what the representation says of the layer."""
        text = f"{len(self.beta)}, inverse={self.inverse}, alpha={self.alpha}, epsilon={self.epsilon}"
        return text if self.dim == 1 else f"{text}, dim={self.dim}"
