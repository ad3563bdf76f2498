"""The picture of the example: who is quietened by whom, in the photograph and at one place of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from lrncore import LRNSpec, lrn

INK, MUTED, FAINT, SHADE = "#1b2430", "#66707d", "#c9ced5", "#fdeedd"
BEFORE, AFTER = "#a9cbe6", "#08306b"
ITSELF, NEIGHBOURS = "#d0d5db", "#d7301f"
RESPONSES, LOSSES = "Blues", "OrRd"
WHISPER = np.float32(1e-20)
STYLE = {
    "font.size": 13,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 15,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.borderaxespad": 0.0,
    "legend.handlelength": 0.9,
    "legend.handleheight": 0.9,
    "mathtext.fontset": "cm",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "ytick.labelsize": 12,
}

Image = NDArray[Any]


def draw(
    photograph: Image,
    filters: Image,
    x: Image,
    stride: int,
    spec: LRNSpec,
    families: Sequence[str],
    path: str,
) -> None:
    """Draw the responses of a layer before and after their normalization.

    Parameters
    ----------
    photograph : ndarray, (227, 227, 3)
        From 0 to 255.
    filters : ndarray, (96, 11, 11, 3)
        The filter of each channel.
    x : ndarray, (96, 55, 55)
        The responses.
    stride : int
        Pixels of the photograph from one response to the next.
    spec : LRNSpec
        The normalization.
    families : sequence of str
        Names of the groups of channels, all of the same size.
    path : str
        The file to write.
    """
    y = lrn(x, spec, axis=0)
    by_itself = lrn(x, replace(spec, before=0, after=0), axis=0)
    lost = 1 - gain(x, spec) / gain(x, replace(spec, before=0, after=0))
    size = len(x) // len(families)
    row, column = busiest(x.reshape(-1, size, *x.shape[1:]))
    here = x[:, row, column]
    chosen = loudest(here, spec, size)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(16, 10.8), facecolor="white")
        FigureCanvasAgg(figure)
        figure.text(0.034, 0.957, "Each channel quietens its neighbours", size=27, weight="bold", va="center")
        figure.text(0.966, 0.953, formula(spec), size=18, va="center", ha="right")
        show_photograph(figure, photograph, (stride * row, stride * column), filters.shape[1])
        show_maps(figure, filters[chosen], x[chosen], y[chosen], lost[chosen], (row, column))
        rows = {"height_ratios": (6, 1.1, 4.6, 1.4, 1.1), "hspace": 0}
        grid = figure.add_gridspec(5, 1, left=0.075, right=0.966, bottom=0.042, top=0.392, **rows)
        axes = [figure.add_subplot(grid[index]) for index in (0, 1, 2, 4)]
        show_responses(axes[0], here, y[:, row, column])
        show_filters(axes[1], filters)
        show_gains(axes[2], here, spec)
        show_losses(axes[3], 1 - y.sum((1, 2)) / by_itself.sum((1, 2)), families)
        for axis in axes:
            axis.set(xlim=(-0.6, len(x) - 0.4))
            for border in range(size, len(x), size):
                axis.axvline(border - 0.5, color="white" if axis is axes[3] else FAINT, lw=1)
        for axis in axes[0], axes[2]:
            axis.axvspan(chosen.start - 0.5, chosen.stop - 0.5, color=SHADE, lw=0, zorder=0)
        figure.savefig(path, dpi=100)


def formula(spec: LRNSpec) -> str:
    """Return the formula with the numbers of the spec."""
    scale = f"{spec.scale:f}".rstrip("0")
    window = rf"\sum_{{j=c-{spec.before}}}^{{c+{spec.after}}} x_j^2"
    return rf"$y_c = x_c \, s_c^{{\,-{spec.beta:g}}} \qquad s_c = {spec.k:g} + {scale} \, {window}$"


def gain(x: Image, spec: LRNSpec) -> Image:
    """Return y / x, where a silent channel gets a whisper, too faint to change another."""
    audible = np.maximum(x, WHISPER)
    return lrn(audible, spec, axis=0) / audible


def busiest(x: Image) -> tuple[int, int]:
    """Return the place where filters of all the families answer: the largest product of their strongest."""
    together = x.max(axis=1).astype(np.float64).prod(axis=0)
    row, column = divmod(int(together.argmax()), together.shape[1])
    return row, column


def loudest(here: Image, spec: LRNSpec, size: int) -> slice:
    """Return the full window of LRN, within a family, with the largest sum of responses."""
    starts = [start for start in range(len(here)) if start % size + spec.size <= size]
    best = max(starts, key=lambda start: float(here[start : start + spec.size].sum()))
    return slice(best, best + spec.size)


def show_photograph(figure: Figure, photograph: Image, corner: tuple[int, int], field: int) -> None:
    """Show the photograph with the field of the marked place."""
    axis = figure.add_axes((0.034, 0.463, 0.281, 0.415))
    axis.imshow(photograph / 255, interpolation="lanczos")
    for colour, width in (("white", 5.0), (NEIGHBOURS, 2.5)):
        place = (corner[1] - 0.5, corner[0] - 0.5)
        axis.add_patch(Rectangle(place, field, field, fill=False, ec=colour, lw=width))
    axis.set_title("One patch of a NASA photograph", pad=8)
    axis.set_anchor("NW")
    axis.set_axis_off()


def show_maps(figure: Figure, filters: Image, x: Image, y: Image, lost: Image, marked: tuple[int, int]) -> None:
    """Show neighbouring channels: the filter, before, after, and what the neighbours took."""
    rows = {"height_ratios": (0.33, 1, 1, 1), "wspace": 0.05, "hspace": 0.06}
    grid = figure.add_gridspec(4, len(x), left=0.462, right=0.908, bottom=0.463, top=0.878, **rows)
    box = grid[0, :].get_position(figure)
    corner = (box.x0, box.y0 - 0.003)
    figure.add_artist(Rectangle(corner, box.width, box.height + 0.006, color=SHADE, lw=0, zorder=-1))
    figure.text(box.x0, 0.888, "Five neighbouring channels", size=15, weight="bold")
    strength, share = PowerNorm(0.5, 0, float(x.max())), Normalize(0, float(lost.max()))
    kinds: list[tuple[str, NDArray[Any], str, Normalize]] = [
        ("before", x, RESPONSES, strength),
        ("after", y, RESPONSES, strength),
        ("lost to\nneighbours", lost, LOSSES, share),
    ]
    for column, kernel in enumerate(filters):
        axis = figure.add_subplot(grid[0, column])
        axis.imshow(tinted(kernel))
        axis.set_axis_off()
        for row, (name, maps, colours, norm) in enumerate(kinds, start=1):
            axis = figure.add_subplot(grid[row, column])
            shown = axis.imshow(maps[column], cmap=colours, norm=norm, interpolation="nearest")
            corner = (marked[1] - 2.5, marked[0] - 2.5)
            axis.add_patch(Rectangle(corner, 5, 5, fill=False, ec=INK, lw=1.2))
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set(visible=True, color=FAINT)
            if column == 0:
                axis.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=10, size=15)
            if column == 0 and row > 1:
                top = axis.get_position().y1 if row == 3 else grid[1, 0].get_position(figure).y1
                place = (0.918, axis.get_position().y0, 0.008, top - axis.get_position().y0)
                show_scale(figure, shown, place, (0, 0.25, 0.5, 0.75) if row == 3 else (0, 50, 200, 500))


def show_scale(
    figure: Figure,
    shown: AxesImage,
    place: tuple[float, float, float, float],
    ticks: Sequence[float],
) -> None:
    """Show what the colours of a map mean."""
    bar = figure.colorbar(shown, cax=figure.add_axes(place), ticks=ticks)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=3)
    if max(ticks) < 1:
        bar.ax.yaxis.set_major_formatter(PercentFormatter(1))


def tinted(kernel: Image) -> Image:
    """Return a filter as colours around grey."""
    strongest = float(np.abs(kernel).max())
    return 0.5 + 0.5 * kernel / strongest


def show_responses(axis: Axes, x: Image, y: Image) -> None:
    """Show the responses of all the channels at the marked place."""
    channels = np.arange(len(x))
    axis.bar(channels, x, 0.8, color=BEFORE, label="before")
    axis.bar(channels, y, 0.8, color=AFTER, label="after")
    axis.set(ylabel="response", xticks=[])
    axis.set_title(f"In that patch: all {len(x)} channels", pad=8)
    axis.legend(loc="upper left", bbox_to_anchor=(0.503, 1))


def show_filters(axis: Axes, filters: Image) -> None:
    """Show all the filters in a row."""
    for channel, kernel in enumerate(filters):
        axis.imshow(tinted(kernel), extent=(channel - 0.45, channel + 0.45, 0.1, 0.9), aspect="auto")
    axis.set(ylim=(0, 1))
    axis.set_axis_off()


def show_gains(axis: Axes, x: Image, spec: LRNSpec) -> None:
    """Show what each channel kept at the marked place, and what it and its neighbours took from that."""
    channels = np.arange(len(x))
    most, alone, kept = spec.k**-spec.beta, gain(x, replace(spec, before=0, after=0)), gain(x, spec)
    axis.bar(channels, kept, 0.8, color=AFTER, label="kept")
    axis.bar(channels, alone - kept, 0.8, bottom=kept, color=NEIGHBOURS, label="lost to neighbours")
    axis.bar(channels, most - alone, 0.8, bottom=alone, color=ITSELF, label="lost to itself")
    axis.set(ylim=(0, 1.35 * most), ylabel="kept, y / x", xticks=[], yticks=[0, 0.2, 0.4, round(most, 2)])
    axis.legend(loc="upper left", ncols=3)


def show_losses(axis: Axes, losses: Image, families: Sequence[str]) -> None:
    """Show what each channel lost to its neighbours over the whole photograph."""
    axis.pcolormesh(np.arange(len(losses) + 1) - 0.5, [0, 1], losses[None], cmap=LOSSES, vmin=0)
    size = len(losses) // len(families)
    means = losses.reshape(-1, size).mean(axis=1)
    labels = [f"{name}: {mean:.0%}" for name, mean in zip(families, means, strict=True)]
    axis.set_xticks(size * np.arange(len(families)) + (size - 1) / 2, labels, size=13, color=INK)
    axis.set_yticks([])
    axis.set_title("Lost to neighbours over the whole photograph", pad=6)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
