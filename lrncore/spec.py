"""LRNSpec: what an LRN computes, and how each framework says it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lrncore._checks import check_int, check_real
from lrncore._conventions import CONVENTIONS
from lrncore._networks import Networks


@dataclass(frozen=True)
class LRNSpec(Networks):
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
        """Number of channels in a full window.

        Examples
        --------
        >>> LRNSpec.torch(4).size
        4
        """
        return self.before + self.after + 1

    def to(self, convention: str) -> dict[str, Any]:
        """Say this spec in a framework's words.

        Parameters
        ----------
        convention : str
            The name of a constructor: one of those that `lrncore.conventions` lists.

        Returns
        -------
        dict
            The framework's arguments under its names and in its order. They are exact, but for the last bit of an
            alpha that the framework divides by the size, if no float64 gives `scale` then.

        Raises
        ------
        ValueError
            If the framework has no such window, or refuses a value; or if there is no such convention.

        Examples
        --------
        >>> LRNSpec.torch(5, alpha=1e-4, k=2.0).to("tensorflow")
        {'depth_radius': 2, 'bias': 2.0, 'alpha': 2e-05, 'beta': 0.75}
        >>> LRNSpec.torch(4).to("onnx")
        Traceback (most recent call last):
            ...
        ValueError: onnx has no window of 2 channels before and 1 after: its even windows reach one further ahead
        """
        found = CONVENTIONS.get(convention)
        if found is None:
            raise ValueError(f"convention must be one of {', '.join(CONVENTIONS)}, got {convention!r}")
        return found.arguments(convention, self)


def check_spec(spec: object) -> None:
    """Check that `spec` is an LRNSpec."""
    if not isinstance(spec, LRNSpec):
        raise TypeError(f"spec must be an LRNSpec, got {spec!r} ({type(spec).__name__})")
