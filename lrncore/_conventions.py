"""Each framework's convention as data: its window, its alpha, its names for the parameters, what it refuses."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from lrncore._checks import check_int, check_real

if TYPE_CHECKING:
    from lrncore.spec import LRNSpec


class Window(NamedTuple):
    """A rule that lays a window of n channels around the one that is normalized."""

    channels: Callable[[int], tuple[int, int]]
    rule: str
    least: int = 1
    odd: bool = False


EARLIER = Window(lambda n: (n // 2, (n - 1) // 2), "its even windows reach one further back")
LATER = Window(lambda n: ((n - 1) // 2, n // 2), "its even windows reach one further ahead")
ODD = Window(lambda n: ((n - 1) // 2, n // 2), "its windows have as many before as after", odd=True)
SHRUNK = Window(lambda n: ((n - 1) // 2, (n - 1) // 2), "its windows have as many before as after")
WIDENED = Window(lambda n: (n // 2, n // 2), "its windows have as many before as after")
RADIUS = Window(lambda radius: (radius, radius), "its windows have as many before as after", least=0)


class Convention(NamedTuple):
    """How a framework means its LRN."""

    window: Window
    divided: bool
    names: tuple[str, str, str, str]
    """Of the size, alpha, beta and k."""
    most: float = math.inf
    """Channels of a window."""
    least_beta: float = -math.inf
    least_k: float = -math.inf

    def parameters(self, size: int, alpha: float, beta: float, k: float) -> tuple[int, int, float, float, float]:
        """Return the fields of the LRNSpec that these arguments mean."""
        size_name, alpha_name, beta_name, k_name = self.names
        n = check_int(size, size_name, self.window.least)
        if self.window.odd and n % 2 == 0:
            raise ValueError(f"{size_name} must be odd, got {n}")
        if n > self.most:
            raise ValueError(f"{size_name} must be at most {self.most}, got {n}")
        scale = check_real(alpha, alpha_name)
        if self.divided:
            # n may be beyond the range of floats
            scale = scale / n if n < sys.float_info.max else math.copysign(0.0, scale)
        exponent = _at_least(check_real(beta, beta_name), beta_name, self.least_beta)
        constant = _at_least(check_real(k, k_name), k_name, self.least_k)
        return *self.window.channels(n), scale, exponent, constant

    def arguments(self, name: str, spec: LRNSpec) -> dict[str, Any]:
        """Return the arguments, in the framework's order, that mean `spec`."""
        size = spec.before if self.window is RADIUS else spec.size
        if self.window.channels(size) != (spec.before, spec.after):
            raise ValueError(
                f"{name} has no window of {spec.before} channels before and {spec.after} after: {self.window.rule}"
            )
        alpha = _undivided(spec.scale, size) if self.divided else spec.scale
        try:
            self.parameters(size, alpha, spec.beta, spec.k)
        except ValueError as refused:
            raise ValueError(f"{name} cannot mean this spec: {refused}") from None
        values = dict(zip(self.names, (size, alpha, spec.beta, spec.k), strict=True))
        return {argument: values[argument] for argument in _signature(name).parameters}


_PLAIN = ("size", "alpha", "beta", "k")

CONVENTIONS = {
    "torch": Convention(EARLIER, True, _PLAIN),
    "paddle": Convention(EARLIER, True, _PLAIN),
    "cuda_convnet": Convention(EARLIER, True, ("size", "scale", "pow", "minDiv")),
    "onnx": Convention(LATER, True, ("size", "alpha", "beta", "bias")),
    "cudnn": Convention(
        LATER, True, ("lrnN", "lrnAlpha", "lrnBeta", "lrnK"), most=16, least_beta=0.01, least_k=1e-5
    ),
    "matlab": Convention(LATER, True, ("windowChannelSize", "Alpha", "Beta", "K"), least_beta=0.01, least_k=1e-5),
    "caffe": Convention(ODD, True, ("local_size", "alpha", "beta", "k")),
    "onednn": Convention(SHRUNK, True, ("local_size", "alpha", "beta", "k")),
    "mxnet": Convention(ODD, True, ("nsize", "alpha", "beta", "knorm")),
    "tensorflow": Convention(RADIUS, False, ("depth_radius", "alpha", "beta", "bias")),
    "chainer": Convention(WIDENED, False, ("n", "alpha", "beta", "k")),
    "paper": Convention(WIDENED, False, ("n", "alpha", "beta", "k")),
    "matconvnet": Convention(LATER, False, ("N", "alpha", "beta", "kappa")),
    "lucid": Convention(LATER, False, _PLAIN),
    "torch_js": Convention(WIDENED, True, _PLAIN),
    "ncnn": Convention(EARLIER, True, ("local_size", "alpha", "beta", "bias")),
}


class Row(NamedTuple):
    """One convention, as `conventions` lists it."""

    name: str
    arguments: str
    even: str
    """Channels before and after in a window of 4."""
    scale: str


class Table(tuple[Row, ...]):
    """Rows that print as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        head = Row("LRNSpec.", "arguments", "window of 4", "scale")
        widths = [max(map(len, column)) for column in zip(head, *self, strict=True)]
        lines = [head, Row(*("-" * width for width in widths)), *self]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def conventions() -> Table:
    """List the conventions that LRNSpec has a constructor for.

    Returns
    -------
    tuple
        A row for each, with the fields ``name``, ``arguments``, ``even`` (the channels before and after in a window
        of 4) and ``scale`` (what the sum of squares is multiplied by). It prints as a table.

    Examples
    --------
    >>> import lrncore
    >>> lrncore.conventions()[0]
    Row(name='torch', arguments='(size, alpha=0.0001, beta=0.75, k=1.0)', even='2 and 1', scale='alpha / size')
    """
    return Table(_row(name, convention) for name, convention in CONVENTIONS.items())


def _row(name: str, convention: Convention) -> Row:
    if convention.window is RADIUS:
        even = "none"
    elif convention.window.odd:
        even = "refused"
    else:
        even = "{} and {}".format(*convention.window.channels(4))
    size, alpha = convention.names[:2]
    return Row(name, _arguments(name), even, f"{alpha} / {size}" if convention.divided else alpha)


def _arguments(name: str) -> str:
    signature = _signature(name)
    bare = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


def _signature(name: str) -> inspect.Signature:
    from lrncore.spec import LRNSpec  # noqa: PLC0415  # which is made of these conventions

    return inspect.signature(getattr(LRNSpec, name))


def _at_least(value: float, name: str, least: float) -> float:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return value


def _undivided(scale: float, n: int) -> float:
    """Return the alpha of which alpha / n is `scale`, or the nearest to it if there is none."""
    near = scale * n
    candidates = (near, math.nextafter(near, math.inf), math.nextafter(near, -math.inf))
    exact = [alpha for alpha in candidates if alpha / n == scale]
    return min(exact, key=lambda alpha: len(repr(alpha)), default=near)
