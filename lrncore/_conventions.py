"""Each framework's convention as data: window, alpha, arguments, what it refuses; and the published networks.

A row is all that LRNSpec's constructors, `LRNSpec.to` and `conventions` know of a framework.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from textwrap import wrap
from typing import Any, NamedTuple, TypeAlias

from lrncore._checks import check_int, check_real, is_array, single

#: Of an LRNSpec: before, after, scale, beta, k
Fields: TypeAlias = tuple[int, int, float, float, float]


class Window(NamedTuple):
    """A rule that lays a window of n channels, or of n elements along each axis, around the normalized one."""

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


# nobody compares or prints one, and each method that is generated takes time at import
@dataclass(eq=False, repr=False)
class Convention:
    """How a framework means its LRN."""

    window: Window
    divided: bool
    """Is alpha divided by the size?"""
    arguments: dict[str, float | str | None]
    """The framework's names in its order, each with its default. None: required; after a default, by name only."""
    meanings: tuple[str, ...] = ("size", "alpha", "beta", "k")
    """Of the arguments."""
    regions: dict[str | int, int | None] = field(default_factory=dict)
    """What the argument that means "region" may be, each with its windows' number of axes; None: all of the array
    but two. Empty where there is no such argument, since no window is a box, or it is the axes themselves."""
    ndims: str = ""
    """The argument, if any, for the number of an array's dimensions; 4 without it."""
    extents: bool = False
    """Is the size a list, with one number for each dimension of the array?"""
    box_k: float | None = None
    """The k of every box, whatever is given."""
    most: float = math.inf
    """Channels of a window."""
    least_beta: float = -math.inf
    least_k: float = -math.inf

    @cached_property
    def names(self) -> dict[str, str]:
        """The framework's names for the size, alpha, beta, k and region."""
        return dict(zip(self.meanings, self.arguments, strict=True))

    def axes(self, region: object, ndims: int = 4) -> int:
        """Return the number of axes that the window of a region lies along, in arrays of so many dimensions."""
        region = single(region)
        for known, axes in self.regions.items():
            if not is_array(region) and known == region:
                return ndims - 2 if axes is None else axes
        words = " or ".join(map(repr, self.regions))
        raise ValueError(f"{self.names['region']} must be {words}, got {region!r}")

    def fields(self, size: int, alpha: float, beta: float, k: float, axes: int = 1) -> Fields:
        """Return the fields of the LRNSpec that these arguments mean for windows along so many axes."""
        name = self.names
        n = check_int(size, name["size"], self.window.least)
        if self.window.odd and n % 2 == 0:
            raise ValueError(f"{name['size']} must be odd, got {n}")
        if n > self.most:
            raise ValueError(f"{name['size']} must be at most {self.most}, got {n}")
        scale = check_real(alpha, name["alpha"])
        if self.divided:
            whole = n**axes
            # which may be beyond the range of floats
            scale = scale / whole if whole < sys.float_info.max else math.copysign(0.0, scale)
        exponent = _at_least(check_real(beta, name["beta"]), name["beta"], self.least_beta)
        constant = _at_least(check_real(k, name["k"]), name["k"], self.least_k)
        if self.box_k is not None and axes != 1:
            constant = self.box_k
        return *self.window.channels(n), scale, exponent, constant

    def words(self, name: str, fields: Fields, axes: tuple[int, ...] = (1,)) -> dict[str, Any]:
        """Return the arguments, in the framework's order, that mean an LRNSpec with these fields and axes."""
        before, after, scale, beta, k = fields
        region, along = self._region(name, axes), len(axes)
        size = before if self.window is RADIUS else before + after + 1
        if self.window.channels(size) != (before, after):
            raise ValueError(
                f"{name} has no window of {before} channels before and {after} after: {self.window.rule}"
            )
        alpha = _undivided(scale, size**along) if self.divided else scale
        try:
            meant = self.fields(size, alpha, beta, k, along)
        except ValueError as refused:
            raise ValueError(f"{name} cannot mean this spec: {refused}") from None
        if meant[-1] != k:
            raise ValueError(f"{name} cannot mean this spec: {self.names['k']} of a box is {meant[-1]}, got {k}")
        values = {
            "size": _extents(size, axes) if self.extents else size,
            "alpha": alpha,
            "beta": beta,
            "k": k,
            "region": region,
        }
        words = {argument: values[meaning] for argument, meaning in zip(self.arguments, self.meanings, strict=True)}
        if along == 1 and "region" in self.names and self.arguments[self.names["region"]] is not None:
            del words[self.names["region"]]
        if self.ndims and along not in {1, 2}:
            words[self.ndims] = along + 2
        return words

    def _region(self, name: str, axes: tuple[int, ...]) -> Any:
        """Return the value of the argument that means windows along these axes."""
        if self.extents:
            return None
        if "region" in self.names and not self.regions:
            return list(axes)
        known = self.regions or {"": 1}
        for region, along in known.items():
            if along in {len(axes), None}:
                return region
        counts = " or ".join(dict.fromkeys(map(str, known.values())))
        raise ValueError(f"{name} has no window along {len(axes)} axes, but along {counts}")


WITH_REGION = "size", "alpha", "beta", "k", "region"
K_SECOND = "size", "k", "alpha", "beta"

CONVENTIONS = {
    "torch": Convention(EARLIER, True, {"size": None, "alpha": 1e-4, "beta": 0.75, "k": 1.0}),
    "paddle": Convention(EARLIER, True, {"size": None, "alpha": 1e-4, "beta": 0.75, "k": 1.0}),
    "cuda_convnet": Convention(
        EARLIER,
        True,
        {"size": None, "scale": None, "pow": None, "minDiv": 1.0, "type": "cmrnorm"},
        WITH_REGION,
        {"cmrnorm": 1, "rnorm": 2},
    ),
    "onnx": Convention(LATER, True, {"size": None, "alpha": 1e-4, "beta": 0.75, "bias": 1.0}),
    "cudnn": Convention(
        LATER,
        True,
        {"lrnN": 5, "lrnAlpha": 1e-4, "lrnBeta": 0.75, "lrnK": 2.0},
        most=16,
        least_beta=0.01,
        least_k=1e-5,
    ),
    "matlab": Convention(
        LATER,
        True,
        {"windowChannelSize": None, "Alpha": 1e-4, "Beta": 0.75, "K": 2.0},
        least_beta=0.01,
        least_k=1e-5,
    ),
    "caffe": Convention(
        ODD,
        True,
        {"local_size": 5, "alpha": 1.0, "beta": 0.75, "k": 1.0, "norm_region": "ACROSS_CHANNELS"},
        WITH_REGION,
        {"ACROSS_CHANNELS": 1, "WITHIN_CHANNEL": 2},
        box_k=1.0,
    ),
    "onednn": Convention(
        SHRUNK,
        True,
        {"local_size": None, "alpha": None, "beta": None, "k": None, "alg_kind": "lrn_across_channels"},
        WITH_REGION,
        {"lrn_across_channels": 1, "lrn_within_channel": None},
        ndims="ndims",
    ),
    "openvino": Convention(
        SHRUNK,
        True,
        {"axes": None, "alpha": 1.0, "beta": 0.5, "bias": 1.0, "size": 5},
        ("region", "alpha", "beta", "k", "size"),
    ),
    "mxnet": Convention(
        ODD, True, {"alpha": 1e-4, "beta": 0.75, "knorm": 2.0, "nsize": None}, ("alpha", "beta", "k", "size")
    ),
    "tensorflow": Convention(RADIUS, False, {"depth_radius": 5, "bias": 1.0, "alpha": 1.0, "beta": 0.5}, K_SECOND),
    "chainer": Convention(WIDENED, False, {"n": 5, "k": 2.0, "alpha": 1e-4, "beta": 0.75}, K_SECOND),
    "paper": Convention(WIDENED, False, {"n": 5, "alpha": 1e-4, "beta": 0.75, "k": 2.0}),
    "matconvnet": Convention(LATER, False, {"N": 5, "kappa": 1.0, "alpha": 1e-4 / 5, "beta": 0.75}, K_SECOND),
    "lucid": Convention(LATER, False, {"size": None, "alpha": 1e-4, "beta": 0.75, "k": 1.0}),
    "torch_js": Convention(WIDENED, True, {"size": None, "alpha": 1e-4, "beta": 0.75, "k": 1.0}),
    "ncnn": Convention(
        EARLIER,
        True,
        {"local_size": 5, "alpha": 1.0, "beta": 0.75, "bias": 1.0, "region_type": 0},
        WITH_REGION,
        {0: 1, 1: 2},
    ),
    "acl": Convention(
        ODD,
        True,
        {"type": None, "norm_size": 5, "alpha": 1e-4, "beta": 0.5, "kappa": 1.0},
        ("region", "size", "alpha", "beta", "k"),
        {"CROSS_MAP": 1, "IN_MAP_1D": 1, "IN_MAP_2D": 2},
    ),
    # schema.fbs, LocalResponseNormalizationOptions; the reference kernel does not divide alpha
    "tflite": Convention(RADIUS, False, {"radius": None, "bias": None, "alpha": None, "beta": None}, K_SECOND),
    # NeuralNetworks.h, ANEURALNETWORKS_LOCAL_RESPONSE_NORMALIZATION
    "nnapi": Convention(RADIUS, False, {"radius": None, "bias": None, "alpha": None, "beta": None}, K_SECOND),
    # modules/dnn/src/layers/lrn_layer.cpp
    "opencv": Convention(
        ODD,
        True,
        {"local_size": 5, "alpha": 1.0, "beta": 0.75, "bias": 1.0, "norm_region": "ACROSS_CHANNELS"},
        WITH_REGION,
        {"ACROSS_CHANNELS": 1, "WITHIN_CHANNEL": 2},
    ),
    # keras/layers/normalization.py of 2015, LRN2D, after pylearn2's
    "keras": Convention(
        ODD, False, {"alpha": 1e-4, "k": 2.0, "beta": 0.75, "n": 5}, ("alpha", "k", "beta", "size")
    ),
    # caffe2/operators/local_response_normalization_op.h, whose defaults of alpha and beta are refused
    "caffe2": Convention(ODD, True, {"size": None, "alpha": None, "beta": None, "bias": 1.0}),
    # coremltools' local_response_norm, and LRNLayerParams; neither says where an even window lies
    "coreml": Convention(ODD, True, {"size": None, "alpha": 1e-4, "beta": 0.75, "k": 1.0}),
    # NvInfer.h, ILRNLayer; alpha is divided in the example of its operator's page, not in the formula there
    "tensorrt": Convention(
        ODD,
        True,
        {"window": None, "alpha": None, "beta": None, "k": None},
        most=15,
        least_beta=0.01,
        least_k=1e-5,
    ),
    # DML_LOCAL_RESPONSE_NORMALIZATION_OPERATOR_DESC, which does not say where an even window lies
    "directml": Convention(ODD, True, {"LocalSize": None, "Alpha": 1e-4, "Beta": 0.75, "Bias": 1.0}),
    # src/normalization_layer.c, whose first window lacks a channel that all others are built upon
    "darknet": Convention(LATER, False, {"size": 5, "alpha": 1e-4, "beta": 0.75, "kappa": 1.0}),
    # nn/layers/normalization/LocalResponseNormalization.java
    "dl4j": Convention(
        WIDENED, False, {"k": 2.0, "n": 5, "alpha": 1e-4, "beta": 0.75}, ("k", "size", "alpha", "beta")
    ),
    # the specification's fragment: bias + alpha * box(sqr(input), size = size, normalize = true)
    "nnef": Convention(LATER, True, {"size": None, "alpha": 1.0, "beta": 0.5, "bias": 1.0}, extents=True),
}

#: Other names that people look for
ALIASES = {"pytorch": "torch", "tf": "tensorflow"}

#: Of networks: the convention in which they were published, and the size, alpha, beta and k there
NETWORKS = {
    "alexnet": ("cuda_convnet", 5, 1e-4, 0.75, 2.0),
    "caffenet": ("caffe", 5, 1e-4, 0.75, 1.0),
    "googlenet": ("caffe", 5, 1e-4, 0.75, 1.0),
    "zfnet512": ("onnx", 5, 5e-4, 0.75, 2.0),
    "vgg_m": ("caffe", 5, 5e-4, 0.75, 2.0),
    "cifar10": ("cuda_convnet", 9, 0.001, 0.75, 1.0),
}


#: Characters of a line
WIDTH = 60


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
        # a narrow page may cut off arguments, but not whether alpha is divided
        table = [("LRNSpec.", "scale", "before, after (n=4)"), *((row.name, row.scale, row.even) for row in self)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [_aligned(each, widths) for each in (table[0], ["-" * width for width in widths])]
        for cells, row in zip(table[1:], self, strict=True):
            lines.append(_aligned(cells, widths))
            lines += wrap(row.arguments, WIDTH, initial_indent="    ", subsequent_indent="     ")
        return "\n".join(lines)


def conventions() -> Table:
    """List the conventions that LRNSpec has a constructor for.

    Returns
    -------
    tuple
        A row for each, and a second one where there are words for windows within a channel, with these. The fields
        are ``name``, ``arguments``, ``even`` (the channels before and after in a window of 4) and ``scale`` (what
        the sum of squares is multiplied by). It prints as a table, with the arguments below each row.

    Examples
    --------
    >>> import lrncore
    >>> lrncore.conventions()[0]
    Row(name='torch', arguments='(size, alpha=0.0001, beta=0.75, k=1.0)', even='2 and 1', scale='alpha / size')
    """
    return Table(row for name, convention in CONVENTIONS.items() for row in _rows(name, convention))


def _rows(name: str, convention: Convention) -> list[Row]:
    if convention.window is RADIUS:
        even = "none"
    elif convention.window.odd:
        even = "refused"
    else:
        even = "{} and {}".format(*convention.window.channels(4))
    names, arguments = convention.names, dict(convention.arguments)
    scale = f"{names['alpha']} / {names['size']}" if convention.divided else names["alpha"]
    region = names.get("region")
    if convention.extents:
        scale = f"{names['alpha']} / prod({names['size']})"
    if region is None:
        return [Row(name, _signature(arguments), even, scale)]
    if not convention.regions:
        return [Row(name, _signature(arguments), even, f"{scale}^len({region})")]
    channels, *_, box = convention.regions
    across, within = arguments | {region: channels}, arguments | {region: box}
    if arguments[region] is not None:
        # left out, it means the channels
        del across[region]
    if convention.box_k is not None:
        del within[names["k"]]
    return [Row(name, _signature(across), even, scale), Row(name, _signature(within), even, f"{scale}^2")]


def _aligned(cells: Iterable[str], widths: Iterable[int]) -> str:
    """Return a line of a table."""
    return "  ".join(map(str.ljust, cells, widths)).rstrip()


def _signature(arguments: dict[str, Any]) -> str:
    words: list[str] = []
    for name, default in arguments.items():
        if default is not None:
            words.append(f"{name}={default!r}")
        else:
            words += ["*", name] if any("=" in word for word in words) else [name]
    return f"({', '.join(words)})"


def _at_least(value: float, name: str, least: float) -> float:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return value


def _extents(size: int, axes: tuple[int, ...]) -> list[int]:
    """Return the size along each dimension of an array of four, or of as many as the axes ask for."""
    ndims = max(4, *(axis + 1 for axis in axes), *(-axis for axis in axes), 0)
    along = {axis % ndims for axis in axes}
    return [size if axis in along else 1 for axis in range(ndims)]


def _undivided(scale: float, n: int) -> float:
    """Return the alpha of which alpha / n is `scale`, or the nearest to it if there is none."""
    near = scale * n
    candidates = (near, math.nextafter(near, math.inf), math.nextafter(near, -math.inf))
    exact = [alpha for alpha in candidates if alpha / n == scale]
    return min(exact, key=lambda alpha: len(repr(alpha)), default=near)
