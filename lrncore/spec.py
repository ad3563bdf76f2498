"""LRNSpec: what an LRN computes, and how each framework says it."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import cached_property

from lrncore._checks import check_int, check_real


@dataclass(frozen=True)
class LRNSpec:
    """The parameters of a Local Response Normalization, independent of any framework.

    ::

        y[c] = x[c] * (k + scale * sum(x[c - before : c + after + 1] ** 2)) ** -beta

    The window is clipped at the first and the last channel; nothing is renormalised for that.

    Parameters
    ----------
    before, after : int
        Channels of the window before and after the one that is normalized, at least 0.
    scale : float
        Factor of the sum of squares. Frameworks that divide their alpha by the window's size have
        ``scale = alpha / size``.
    beta : float
        The exponent.
    k : float
        The constant under the power, called bias in some frameworks.

    Raises
    ------
    TypeError
        If `before` or `after` is not an int, or another parameter is not a real number.
    ValueError
        If `before` or `after` is negative, or another parameter is not finite.

    Notes
    -----
    A convention of your own is a function that returns a spec. Say which channels an even window holds and
    whether alpha is divided::

        def mine(n, alpha, beta, k):
            return LRNSpec(before=n // 2, after=(n - 1) // 2, scale=alpha / n, beta=beta, k=k)

    The formula is that of section 3.3 in [1]_.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever and G. E. Hinton, "ImageNet Classification with Deep Convolutional
       Neural Networks", NIPS 2012.

    Examples
    --------
    >>> from lrncore import LRNSpec
    >>> LRNSpec.torch(size=5, alpha=1e-4, beta=0.75, k=2.0)
    LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=2.0)
    >>> LRNSpec.torch(size=4) == LRNSpec.onnx(size=4)  # an even window lies on other channels
    False
    """

    before: int
    after: int
    scale: float
    beta: float
    k: float

    def __post_init__(self) -> None:
        for name in ("before", "after"):
            object.__setattr__(self, name, check_int(getattr(self, name), name, 0))
        for name in ("scale", "beta", "k"):
            object.__setattr__(self, name, check_real(getattr(self, name), name))

    @cached_property
    def _arguments(self) -> tuple[int, int, float, float, float]:
        """The parameters as the kernels take them."""
        return min(self.before, sys.maxsize), min(self.after, sys.maxsize), self.scale, self.beta, self.k

    @property
    def size(self) -> int:
        """Number of channels in a full window."""
        return self.before + self.after + 1

    @classmethod
    def torch(cls, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> LRNSpec:
        """Make the spec of PyTorch's `torch.nn.LocalResponseNorm`.

        Alpha is divided by `size`; an even window reaches one channel further back than ahead.

        Parameters
        ----------
        size : int
            Channels in the window, at least 1.
        alpha, beta, k : float, optional
            As in the formula, alpha before its division by `size`.

        Examples
        --------
        >>> LRNSpec.torch(4, alpha=1.0)
        LRNSpec(before=2, after=1, scale=0.25, beta=0.75, k=1.0)
        """
        n = check_int(size, "size", 1)
        return cls(n // 2, (n - 1) // 2, _divided(alpha, n), beta, k)

    @classmethod
    def tensorflow(
        cls,
        depth_radius: int = 5,
        bias: float = 1.0,
        alpha: float = 1.0,
        beta: float = 0.5,
    ) -> LRNSpec:
        """Make the spec of TensorFlow's `tf.nn.local_response_normalization`.

        The window is a radius, and alpha is not divided.

        Parameters
        ----------
        depth_radius : int, optional
            Channels on each side, at least 0: the window has ``2 * depth_radius + 1``.
        bias, alpha, beta : float, optional
            As in the formula, bias being its k.

        Examples
        --------
        >>> LRNSpec.tensorflow()
        LRNSpec(before=5, after=5, scale=1.0, beta=0.5, k=1.0)
        """
        radius = check_int(depth_radius, "depth_radius", 0)
        check_real(bias, "bias")
        return cls(radius, radius, check_real(alpha, "alpha"), beta, bias)

    @classmethod
    def onnx(cls, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> LRNSpec:
        """Make the spec of the ONNX operator LRN.

        Alpha is divided by `size`; an even window reaches one channel further ahead than back.

        Parameters
        ----------
        size : int
            Channels in the window, at least 1.
        alpha, beta, bias : float, optional
            As in the formula, alpha before its division by `size`, bias being its k.

        Examples
        --------
        >>> LRNSpec.onnx(4, alpha=1.0)
        LRNSpec(before=1, after=2, scale=0.25, beta=0.75, k=1.0)
        """
        n = check_int(size, "size", 1)
        check_real(bias, "bias")
        return cls((n - 1) // 2, n // 2, _divided(alpha, n), beta, bias)

    @classmethod
    def caffe(
        cls,
        local_size: int = 5,
        alpha: float = 1.0,
        beta: float = 0.75,
        k: float = 1.0,
    ) -> LRNSpec:
        """Make the spec of Caffe's LRN layer across channels.

        Alpha is divided by `local_size`, which has to be odd.

        Parameters
        ----------
        local_size : int, optional
            Channels in the window, odd.
        alpha, beta, k : float, optional
            As in the formula, alpha before its division by `local_size`.

        Examples
        --------
        >>> LRNSpec.caffe(alpha=1e-4)
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=1.0)
        """
        n = check_int(local_size, "local_size", 1)
        if n % 2 == 0:
            raise ValueError(f"local_size must be odd, got {n}")
        return cls(n // 2, n // 2, _divided(alpha, n), beta, k)

    @classmethod
    def paper(
        cls,
        n: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
    ) -> LRNSpec:
        """Make the spec of the formula as printed by Krizhevsky et al. (2012).

        Alpha is not divided, and there are n // 2 channels on each side. Their own code divides alpha by n: for
        what AlexNet was trained with, take `torch` with ``k=2``.

        Parameters
        ----------
        n : int, optional
            The paper's n, at least 1. An even n gives a window of n + 1 channels, as printed.
        alpha, beta, k : float, optional
            As in the formula.

        Examples
        --------
        >>> LRNSpec.paper()
        LRNSpec(before=2, after=2, scale=0.0001, beta=0.75, k=2.0)
        """
        half = check_int(n, "n", 1) // 2
        return cls(half, half, check_real(alpha, "alpha"), beta, k)


def check_spec(spec: object) -> None:
    """Check that `spec` is an LRNSpec."""
    if not isinstance(spec, LRNSpec):
        raise TypeError(f"spec must be an LRNSpec, got {spec!r} ({type(spec).__name__})")


def _divided(alpha: float, n: int) -> float:
    """Return alpha / n, for an n beyond the range of floats too."""
    value = check_real(alpha, "alpha")
    return value / n if n < sys.float_info.max else math.copysign(0.0, value)
