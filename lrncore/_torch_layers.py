"""The layers of `lrncore.torch`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from lrncore import _torch_onnx as onnx
from lrncore._checks import check_real, given_axes
from lrncore._public import public
from lrncore._torch_function import local_response_norm
from lrncore.spec import torch_spec


@public("lrncore.torch")
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
        spec = torch_spec(size, alpha, beta, k, dim, "dim")
        super().__init__(spec.size, check_real(alpha, "alpha"), spec.beta, spec.k)
        axes = given_axes(dim, "dim")
        if dim != 1:
            self.dim = axes if isinstance(dim, tuple) else axes[0]

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Return the normalized `input`, as `local_response_norm` does."""
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k, self.dim)

    def extra_repr(self) -> str:
        """Return what stands between the parentheses."""
        return f"{super().extra_repr()}{_unusual(self.dim)}"

    def _get_name(self) -> str:
        """Return what a printed model calls it, by which it can be told from PyTorch's own."""
        return "lrncore.LocalResponseNorm" if type(self) is LocalResponseNorm else type(self).__name__


@public("lrncore.torch")
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
        spec = torch_spec(size, alpha, beta, k, dim, "dim")
        axes = given_axes(dim, "dim")
        self.size = spec.size
        self.dim = axes if isinstance(dim, tuple) else axes[0]
        values = {"alpha": check_real(alpha, "alpha"), "beta": spec.beta, "k": spec.k}
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
        alpha, beta, k = self.alpha, self.beta, self.k
        if onnx.is_tracing_for_onnx() and {**self._parameters, **self._buffers}.keys() >= {"alpha", "beta", "k"}:
            alpha, beta, k = map(onnx.known, (alpha, beta, k))
        return local_response_norm(input, self.size, alpha, beta, k, self.dim)

    def extra_repr(self) -> str:
        """Return what stands between the parentheses."""
        return f"{self.size}, learn={self.learn}{_unusual(self.dim)}"


def _unusual(dim: int | tuple[int, ...]) -> str:
    """Return what a layer says of its dimensions, where they are not the channels'."""
    return "" if dim == 1 else f", dim={dim}"
