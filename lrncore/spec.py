"""LRNSpec: what an LRN computes, and how each framework says it."""

from __future__ import annotations

import dataclasses
import sys
from functools import cached_property, lru_cache
from types import MethodType
from typing import Any, Self

from lrncore._checks import check_int, check_real, given_axes
from lrncore._conventions import ALIASES, CONVENTIONS
from lrncore._further_constructors import FurtherConstructors
from lrncore._signatures import FIELDS, held, naming, nearest


@naming
@dataclasses.dataclass(frozen=True)
class LRNSpec(FurtherConstructors):
    """The parameters of a Local Response Normalization, independent of any framework.

    ::

        y[c] = x[c] * (k + scale * sum(x[c - before : c + after + 1] ** 2)) ** -beta

    The window is clipped at the first and the last channel; nothing is renormalised for that. It does not say along
    which axis it lies: `lrn` does, and takes several, for a box.

    Parameters
    ----------
    before, after : int
        Channels of the window before and after the one that is normalized, at least 0; of a box, elements along
        each of its axes.
    scale : float
        Factor of the sum of squares. Frameworks that divide their alpha by the window's size have
        ``scale = alpha / size``, and for a box along d axes ``scale = alpha / size**d``.
    beta : float
        The exponent.
    k : float
        The constant under the power, called bias in some frameworks.

    Raises
    ------
    TypeError
        If `before` or `after` is not an int, or another parameter is not a real number; or if an argument has
        another name, such as a framework's: the message says which constructors take it.
    ValueError
        If `before` or `after` is negative, or another parameter is not finite.

    Notes
    -----
    Each framework's constructor takes the framework's arguments: its names, its order, its defaults. Under whatever
    name, the size is an int of at least 1, and alpha, beta and k are finite real numbers; otherwise a TypeError or
    a ValueError says so. Alpha is given as the framework takes it, before any division. `conventions` lists them.

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
    >>> LRNSpec.alexnet().replace(k=1.0)  # another value of one parameter
    LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=1.0)
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

    @cached_property
    def _window(self) -> tuple[int, int]:
        return self.before, self.after

    @property
    def size(self) -> int:
        """Number of channels in a full window, or of elements along each axis of a box.

        Examples
        --------
        >>> LRNSpec.torch(4).size
        4
        """
        return self.before + self.after + 1

    def replace(self, **changes: Any) -> Self:
        """Return this spec with other values of some fields, as ``dataclasses.replace`` does.

        Parameters
        ----------
        **changes : int or float
            New values of `before`, `after`, `scale`, `beta` or `k`.

        Returns
        -------
        LRNSpec
            A new spec; this one stays as it is.

        Raises
        ------
        TypeError, ValueError
            As `LRNSpec` does.

        Examples
        --------
        >>> LRNSpec.alexnet().replace(k=1.0) == LRNSpec.caffenet()
        True
        """
        for name in changes:
            if name not in FIELDS:
                raise TypeError(f"LRNSpec.replace takes {', '.join(FIELDS)}; got {name}{held(name)}")
        return dataclasses.replace(self, **changes)

    def to(self, convention: str, axis: int | tuple[int, ...] = 1) -> dict[str, Any]:
        """Say this spec in a framework's words.

        Parameters
        ----------
        convention : str
            The name of a constructor: one of those that `lrncore.conventions` lists.
        axis : int or tuple of int, optional
            The axes of the window, as `lrn` takes them. How many there are decides what a framework calls it; only
            OpenVINO's words say which. One axis is that of the channels, two are the height and width.

        Returns
        -------
        dict
            The framework's arguments under its names and in its order. They are exact, but for the last bit of an
            alpha that the framework divides by the size, if no float64 gives `scale` then.

        Raises
        ------
        ValueError
            If the framework has no such window, or refuses a value; or if there is no such convention.
        TypeError
            If `axis` is neither an int nor a tuple of ints.

        Examples
        --------
        >>> LRNSpec.torch(5, alpha=1e-4, k=2.0).to("tensorflow")
        {'depth_radius': 2, 'bias': 2.0, 'alpha': 2e-05, 'beta': 0.75}
        >>> LRNSpec(1, 1, scale=1e-5, beta=0.75, k=1.0).to("caffe", axis=(2, 3))
        {'local_size': 3, 'alpha': 9e-05, 'beta': 0.75, 'k': 1.0, 'norm_region': 'WITHIN_CHANNEL'}
        >>> LRNSpec.torch(4).to("onnx")
        Traceback (most recent call last):
            ...
        ValueError: onnx has no window of 2 channels before and 1 after: its even windows reach one further ahead
        """
        found = CONVENTIONS.get(ALIASES.get(convention, convention))
        if found is None:
            meant = nearest(str(convention), CONVENTIONS)
            hint = f"; did you mean {meant!r}?" if meant else ""
            raise ValueError(f"convention must be one of {', '.join(CONVENTIONS)}, got {convention!r}{hint}")
        return found.words(convention, (self.before, self.after, self.scale, self.beta, self.k), given_axes(axis))


def torch_spec(size: int, alpha: float, beta: float, k: float, axis: object, name: str = "axis") -> LRNSpec:
    """Return `LRNSpec.torch` for windows along `axis`: alpha is divided by the number of elements in a full one."""
    return spec_of("torch", size, alpha, beta, k, 1 if type(axis) is int else len(given_axes(axis, name)))


def spec_of(convention: str, size: int, alpha: float, beta: float, k: float, axes: int = 1) -> LRNSpec:
    """Return the spec of a convention's arguments, the same one again for the numbers that a network repeats.

    Arrays may have changed since, equal numbers of other types may be refused, and zeros have two signs.
    """
    plain = type(size) is int and type(alpha) in NUMBERS and type(beta) in NUMBERS and type(k) in NUMBERS
    return (_kept if plain and alpha and beta and k else LRNSpec._of)(convention, size, alpha, beta, k, axes)


NUMBERS = frozenset({int, float})
_kept = lru_cache(maxsize=64)(LRNSpec._of)


def check_spec(spec: object) -> None:
    """Check that `spec` is an LRNSpec."""
    if isinstance(spec, MethodType) and isinstance(spec.__self__, type) and issubclass(spec.__self__, LRNSpec):
        raise TypeError(f"spec must be an LRNSpec, got the constructor of one; call it: {spec.__qualname__}(...)")
    if not isinstance(spec, LRNSpec):
        raise TypeError(f"spec must be an LRNSpec, got {spec!r} ({type(spec).__name__})")
