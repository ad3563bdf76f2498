"""Draw docs/responses.svg: a bank of edge detectors at three places of a photograph, before and after LRN.

The photograph, the astronaut Eileen Collins by NASA, is in the public domain and ships in scikit-image's wheel.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from _style import AFTER, BEFORE, INK, MUTED, OWN, blank, note, save
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from skimage import data

import lrncore

SPEC = lrncore.LRNSpec.alexnet()
TURNS, WAVELENGTHS = 16, (4.5, 7.0, 11.0)
FIELD, SURROUNDINGS = 15, 47
#: Rows and columns of the photograph
PLACES = {"The rim of a helmet": (404, 488), "An embroidered badge": (394, 188), "A fold of a sleeve": (320, 134)}
#: From grey levels to responses of some hundreds, as trained networks have them
GAIN = 6.7

Floats = NDArray[Any]


def main() -> None:
    """Draw the picture."""
    photograph = data.astronaut().mean(axis=2)
    figure = blank(9.0)
    grid = figure.add_gridspec(4, 2, width_ratios=(1, 3.6), height_ratios=(1, 1, 1, 1))
    for row, (name, place) in enumerate(PLACES.items()):
        show_patch(figure.add_subplot(grid[row, 0]), photograph, place)
        show_bars(figure.add_subplot(grid[row, 1]), responses(photograph, place), name, legend=row == 0)
    show_gains(figure.add_subplot(grid[3, 1]), responses(photograph, PLACES["The rim of a helmet"]))
    words = f"n = {SPEC.size}, alpha / n = {SPEC.scale:f}, beta = {SPEC.beta:g}, k = {SPEC.k:g}"
    note(figure, f"LRN with AlexNet's parameters: {words}.", "Photograph: NASA, public domain.")
    save(figure, "responses")


def bank() -> Floats:
    """Return Gabor filters, an odd wave under a Gaussian, neighbours turned by a sixteenth of a circle."""
    y, x = np.mgrid[:FIELD, :FIELD] - FIELD // 2
    filters = []
    for wavelength in WAVELENGTHS:
        envelope = np.exp(-(x**2 + y**2) / (2 * (0.45 * wavelength) ** 2))
        for turn in 2 * np.pi * np.arange(TURNS) / TURNS:
            wave = np.sin(2 * np.pi * (x * np.cos(turn) + y * np.sin(turn)) / wavelength)
            filters.append(wave * envelope / np.abs(wave * envelope).sum())
    return np.stack(filters)


def cut(photograph: Floats, place: tuple[int, int], side: int) -> Floats:
    """Return a square around a place."""
    top, left = (index - side // 2 for index in place)
    return photograph[top : top + side, left : left + side]


def responses(photograph: Floats, place: tuple[int, int]) -> Floats:
    """Return what each filter answers at a place, rectified."""
    return np.maximum(GAIN * np.tensordot(bank(), cut(photograph, place, FIELD), axes=2), 0)


def show_patch(axis: Axes, photograph: Floats, place: tuple[int, int]) -> None:
    """Show the surroundings of a place, and the field that the filters see."""
    square = cut(photograph, place, SURROUNDINGS)
    axis.imshow(square, cmap="gray", vmin=0, vmax=255, interpolation="none")
    corner = (len(square) - FIELD) / 2 - 0.5
    axis.add_patch(Rectangle((corner, corner), FIELD, FIELD, fill=False, ec=OWN, lw=2))
    axis.set_axis_off()


def show_bars(axis: Axes, x: Floats, name: str, *, legend: bool) -> None:
    """Show every channel before and after."""
    y = lrncore.lrn(x, SPEC, axis=0)
    channels = np.arange(len(x))
    axis.bar(channels, x, 0.85, color=BEFORE, label="before")
    axis.bar(channels, y, 0.85, color=AFTER, label="after")
    axis.set_title(f"{name}: {x.max():.0f} becomes {y.max():.0f}", size=11)
    divide(axis)
    axis.set(xticks=[], ylabel="response")
    if legend:
        axis.legend(loc="upper left", borderaxespad=0.1, columnspacing=1, ncols=2, handlelength=1)


def show_gains(axis: Axes, x: Floats) -> None:
    """Show what is left of each channel, and what more would be if it had no neighbours."""
    x = np.maximum(x, 1e-6)
    alone, together = (lrncore.lrn(x, spec, axis=0) / x for spec in (replace(SPEC, before=0, after=0), SPEC))
    channels = np.arange(len(x))
    axis.bar(channels, together, 0.85, color=AFTER, label="left")
    axis.bar(channels, alone - together, 0.85, bottom=together, color=OWN, label="lost to neighbours")
    axis.set(ylim=(0, 1.4 * SPEC.k**-SPEC.beta), ylabel="after / before")
    axis.set_title("The rim again: what is left of each channel", size=11)
    axis.legend(loc="upper left", borderaxespad=0.1, columnspacing=1, ncols=2, handlelength=1)
    divide(axis)
    middles = TURNS * np.arange(len(WAVELENGTHS)) + (TURNS - 1) / 2
    axis.set_xticks(middles, ["fine", "medium", "coarse"], color=INK)
    axis.tick_params(axis="x", length=0)
    axis.set_xlabel("channels: edges of three widths, in 16 directions", color=MUTED)


def divide(axis: Axes) -> None:
    """Separate the widths."""
    for border in range(TURNS, TURNS * len(WAVELENGTHS), TURNS):
        axis.axvline(border - 0.5, color=MUTED, lw=0.6, ls=":")
    axis.set_xlim(-0.7, TURNS * len(WAVELENGTHS) - 0.3)


if __name__ == "__main__":
    main()
