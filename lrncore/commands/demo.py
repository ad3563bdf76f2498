"""`lrncore demo`: the first layer of an AlexNet on a photograph, its normalization timed and drawn.

The photograph, the astronaut Eileen Collins by NASA, is in the public domain and ships in scikit-image's wheel; the
filters are computed. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import lrncore
from lrncore.commands._ending import need
from lrncore.commands._numpy_lrn import Slices
from lrncore.commands._turns import medians

if TYPE_CHECKING:
    from lrncore.commands._parser import Commands

ALEXNET: dict[str, Any] = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 2.0}
SPEC = lrncore.LRNSpec.torch(**ALEXNET)
PHOTOGRAPH = "Eileen Collins, by NASA, public domain (skimage.data.astronaut)"
PICTURE = "lrn_demo.png"
SIDE, FIELD, STRIDE = 227, 11, 4
FAMILIES = ("edges, fine", "edges, medium", "edges, coarse", "bars", "colour edges", "colours")
PEAK = 600.0
ROUNDS = 200
WIDTH, LONGEST = 78, 34

Image = NDArray[Any]


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    commands.add_parser(
        "demo",
        help="a first AlexNet layer on a photograph, normalized and explained in a picture",
        description=f"Normalize a first layer's view of a photograph, print how long it takes beside a copy and "
        f"NumPy and how accurate it is, and write {PICTURE}. Needs scikit-image, for its photograph, and "
        "matplotlib.",
        examples=("lrncore demo",),
    ).set_defaults(run=run)


def run(_: argparse.Namespace) -> None:
    """Compute the layer, normalize it, print the table and draw the picture."""
    need({"skimage": "scikit-image", "matplotlib": "matplotlib"}, "the demo")
    from lrncore.commands import _picture  # noqa: PLC0415  (not everybody has matplotlib)

    photograph = load()
    filters = make_filters()
    responses = first_layer(photograph, filters)
    report(responses)
    _picture.draw(photograph, filters, responses[0], STRIDE, SPEC, FAMILIES, PICTURE)
    print(f" The picture is in {PICTURE}\n")


def load() -> Image:
    """Return the photograph as (227, 227, 3) floats from 0 to 255, cut to a square around its centre."""
    from skimage import data, transform  # noqa: PLC0415  (not everybody has it)

    photograph = data.astronaut()
    side = min(photograph.shape[:2])
    top, left = ((length - side) // 2 for length in photograph.shape[:2])
    square = photograph[top : top + side, left : left + side]
    resized: NDArray[Any] = transform.resize(square, (SIDE, SIDE), anti_aliasing=True, preserve_range=True)
    return resized.astype(np.float32)


def make_filters() -> Image:
    """Return (96, 11, 11, 3) filters, six families of 16.

    Within a family, neighbours differ by a small turn, of the edge or of the hue: they answer to nearly the same
    thing, and LRN lets them compete.
    """
    turns = np.arange(16) * np.pi / 8
    grey = np.ones(3)
    edges = [wave(turn, wavelength, -np.pi / 2, grey) for wavelength in (4.5, 7.0, 11.0) for turn in turns]
    bars = [wave(turn / 2, 7.0, phase, grey) for phase in (0.0, np.pi) for turn in turns[::2]]
    colour_edges = [wave(turn, 11.0, -np.pi / 2, hue(tone)) for tone in (0.0, np.pi / 2) for turn in turns[::2]]
    colours = [spot(sigma, hue(turn)) for sigma in (1.5, 3.0) for turn in turns[::2]]
    filters = np.stack(edges + bars + colour_edges + colours)
    filters /= np.abs(filters).sum(axis=(1, 2, 3), keepdims=True)
    return filters.astype(np.float32)


def wave(direction: float, wavelength: float, phase: float, colour: Image) -> Image:
    """Return a Gabor filter: a wave towards `direction` under a Gaussian, in one colour."""
    y, x = np.mgrid[:FIELD, :FIELD] - FIELD // 2
    along = x * np.cos(direction) + y * np.sin(direction)
    bell = np.exp(-(x**2 + y**2) / (0.4 * wavelength) ** 2 / 2)
    gabor: Image = bell * np.cos(2 * np.pi * along / wavelength + phase)
    return (gabor - float(gabor.mean()))[..., None] * colour


def spot(sigma: float, colour: Image) -> Image:
    """Return a Gaussian spot of one colour."""
    y, x = np.mgrid[:FIELD, :FIELD] - FIELD // 2
    bell: Image = np.exp(-(x**2 + y**2) / sigma**2 / 2)
    return bell[..., None] * colour


def hue(angle: float) -> Image:
    """Return the colour at an angle on the circle from red (0) over blue to green and yellow, without lightness."""
    red_green = np.array([1.0, -1.0, 0.0]) / np.sqrt(2)
    blue_yellow = np.array([-1.0, -1.0, 2.0]) / np.sqrt(6)
    colour: Image = np.cos(angle) * red_green + np.sin(angle) * blue_yellow
    return colour


def first_layer(photograph: Image, filters: Image) -> Image:
    """Return (1, 96, 55, 55): the convolution of the photograph less its mean colour, rectified.

    Each family is scaled to the same strongest response, as training brings faint colours and fine edges up.
    """
    centred = photograph - photograph.mean(axis=(0, 1))
    windows = np.lib.stride_tricks.sliding_window_view(centred, (FIELD, FIELD), axis=(0, 1))[::STRIDE, ::STRIDE]
    height, width = windows.shape[:2]
    patches = windows.transpose(0, 1, 3, 4, 2).reshape(height * width, -1)
    responses = filters.reshape(len(filters), -1) @ patches.T
    families: Image = np.maximum(responses, 0).reshape(len(FAMILIES), -1)
    families *= PEAK / families.max(axis=1, keepdims=True)
    return families.reshape(1, len(filters), height, width)


def reference(x: NDArray[Any], spec: lrncore.LRNSpec) -> Image:
    """Return the formula in float64, channel by channel."""
    x = x.astype(np.float64)
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        window = x[:, max(c - spec.before, 0) : c + spec.after + 1]
        y[:, c] = x[:, c] / (spec.k + spec.scale * (window**2).sum(axis=1)) ** spec.beta
    return y


def report(x: Image) -> None:
    """Print the table: what is normalized, how long it takes, how far it is from float64."""
    threads = lrncore.get_num_threads()
    out, plain = np.zeros_like(x), "NumPy, slices"
    calls: dict[str, Callable[[], object]] = {"np.copyto": partial(np.copyto, out, x)}
    own = {number: "lrncore, 1 thread" if number == 1 else "lrncore, default" for number in sorted({1, threads})}
    for number, name in own.items():
        calls[name] = partial(lrncore.lrn, x, SPEC, out=out, num_threads=1 if number == 1 else None)
    slices = Slices(x, SPEC, 1, out, x)
    calls[plain] = slices.forward
    config = lrncore.show_config(mode="dicts") or {}
    size = f"{x.nbytes / 2**20:.2f} MiB"
    rule("Local Response Normalization of an AlexNet's first layer")
    print(f" photograph   {PHOTOGRAPH}")
    print(f" responses    {' x '.join(map(str, x.shape))} {x.dtype}, {size}, from {x.min():.0f} to {x.max():.0f}")
    print(f" convention   LRNSpec.torch({', '.join(f'{name}={value}' for name, value in ALEXNET.items())})")
    print(f" lrncore      {config['lrncore']}, instruction set {config['instruction_set']}, threads {threads}")
    rule(f"median of {ROUNDS} calls with out=, taking turns")
    seconds = medians(calls, ROUNDS)
    for name, value in seconds.items():
        ratio = value / seconds["np.copyto"]
        print(f" {name:19} {value * 1e3:7.3f} ms {ratio:6.1f} x copy  {bar(value / seconds[plain])}")
    rule("largest difference from the formula in float64")
    exact = reference(x, SPEC)
    spacing = np.spacing(exact.astype(np.float32))
    for name, y in (("lrncore", lrncore.lrn(x, SPEC)), (plain, slices.forward())):
        apart = np.abs(y - exact)
        print(f" {name:19} {apart.max():10.1e} {(apart / spacing).max():9.1f} ulp")
    rule("")


def rule(title: str) -> None:
    """Print a line across the table, with a title."""
    print(f"── {title} ".ljust(WIDTH, "─") if title else "─" * WIDTH)


def bar(share: float) -> str:
    """Return a bar for a share of the longest one, to an eighth of a column; what is longer still is cut."""
    eighths = max(round(8 * LONGEST * min(share, 1.0)), 1)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip() + "…" * (share > 1)
