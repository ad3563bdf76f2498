"""Draw docs/divisive.svg: what divisive normalization does to a model neuron and to the responses to a photograph.

The photograph is docs/astronaut.npy, by NASA, in the public domain.
"""

from typing import Any

import numpy as np
from _style import AFTER, BEFORE, INK, MUTED, OWN, SCRIPTS, blank, note, plain_numbers, save
from matplotlib.axes import Axes
from numpy.typing import NDArray

import lrncore

Floats = NDArray[Any]

#: Preferred orientations of the model's cells, in degrees, and how broadly they are tuned
CELLS, TUNING = np.arange(0, 180, 7.5), 22.0
SIGMA, EXPONENT = 0.12, 2.0
CONTRASTS = np.geomspace(0.01, 1, 60)
MASKS = (0.0, 0.06, 0.12, 0.25, 0.5)
SHADES = ("#08306b", "#2f6ea8", "#6baed6", "#a9cbe6", OWN)

FIELD, WAVELENGTHS, TURNS = 15, (4.0, 6.0, 9.0), 8


def main() -> None:
    """Draw the picture."""
    figure = blank(8.6)
    axes = figure.subplots(3, 2)
    show_contrast(axes[0, 0])
    show_masks(axes[0, 1])
    before, after = photograph()
    show_density(axes[1, 0], before, "Filter responses")
    show_density(axes[1, 1], after, "after GDN")
    show_dependence(axes[2, 0], before, "A fine and a coarse channel")
    show_dependence(axes[2, 1], after, "after GDN")
    note(
        figure,
        f"Above: {len(CELLS)} cells tuned to orientations, DivisiveSpec.heeger with sigma {SIGMA:g}. "
        f"Below: {len(WAVELENGTHS) * TURNS} Gabor filters on a photograph (NASA, public domain), gdn with equal "
        "gamma; the last row has two of one orientation.",
    )
    save(figure, "divisive")


def drives(orientation: float, contrasts: Floats) -> Floats:
    """Return the drive of each cell by a grating, for each contrast."""
    apart = (CELLS - orientation + 90) % 180 - 90
    return np.asarray(contrasts)[:, None] * np.exp(-(apart**2) / (2 * TUNING**2))


def show_contrast(axis: Axes) -> None:
    """Show the response of the cell that prefers a grating, by its contrast, for three constants."""
    for sigma, shade in zip((SIGMA / 3, SIGMA, 3 * SIGMA), SHADES[::2], strict=True):
        spec = lrncore.DivisiveSpec.heeger(sigma, EXPONENT, channels=len(CELLS))
        y = lrncore.divisive_norm(drives(90, CONTRASTS), spec)
        axis.plot(CONTRASTS, y[:, CELLS == 90], color=shade, lw=2, label=f"sigma {sigma:g}")
    axis.set(xscale="log", xlabel="contrast", ylabel="response")
    axis.set_title("A cell saturates")
    axis.legend(fontsize=9.5)
    plain_numbers(axis, "x")


def show_masks(axis: Axes) -> None:
    """Show the same with a second grating across it, which alone does not drive the cell."""
    spec = lrncore.DivisiveSpec.heeger(SIGMA, EXPONENT, channels=len(CELLS))
    for mask, shade in zip(MASKS, SHADES, strict=True):
        y = lrncore.divisive_norm(drives(90, CONTRASTS) + drives(0, np.array([mask])), spec)
        axis.plot(CONTRASTS, y[:, CELLS == 90], color=shade, lw=2, label=f"{mask:g}")
    axis.set(xscale="log", xlabel="contrast", ylabel="response")
    axis.set_title("A grating across inhibits")
    axis.legend(title="its contrast", fontsize=9.5, title_fontsize=9.5)
    plain_numbers(axis, "x")


def photograph() -> tuple[Floats, Floats]:
    """Return the responses of a bank of filters, and what GDN makes of them, each of deviation 1."""
    image = np.load(SCRIPTS.parent / "astronaut.npy").astype(np.float64)
    found = np.stack([filtered(image, each) for each in bank()])[None].astype(np.float32)
    found /= found.std(axis=(0, 2, 3), keepdims=True)
    channels = found.shape[1]
    gamma = np.full((channels, channels), 1 / channels)
    after = lrncore.gdn(found, gamma, beta=0.001)
    return found[0], after[0] / after.std()


def bank() -> list[Floats]:
    """Return Gabor filters, odd waves under Gaussians."""
    y, x = np.mgrid[:FIELD, :FIELD] - FIELD // 2
    filters = []
    for wavelength in WAVELENGTHS:
        envelope = np.exp(-(x**2 + y**2) / (2 * (0.45 * wavelength) ** 2))
        turned = [x * np.cos(turn) + y * np.sin(turn) for turn in np.pi * np.arange(TURNS) / TURNS]
        filters += [np.sin(2 * np.pi * each / wavelength) * envelope for each in turned]
    return filters


def filtered(image: Floats, kernel: Floats) -> Floats:
    """Return the correlation of an image with a filter, where it lies inside."""
    spectrum = np.fft.rfft2(image) * np.conj(np.fft.rfft2(kernel, image.shape))
    inside = slice(None, image.shape[0] - FIELD + 1)
    return np.fft.irfft2(spectrum, image.shape)[inside, inside]


def show_density(axis: Axes, responses: Floats, title: str) -> None:
    """Show how often responses are how large, beside a Gaussian."""
    edges = np.linspace(-6, 6, 61)
    centres = (edges[1:] + edges[:-1]) / 2
    density = np.histogram(responses, edges, density=True)[0]
    kurtosis = (responses**4).mean() / (responses**2).mean() ** 2 - 3
    axis.plot(
        centres, np.exp(-(centres**2) / 2) / np.sqrt(2 * np.pi), color=MUTED, lw=1.2, ls="--", label="Gaussian"
    )
    axis.plot(centres, np.where(density > 0, density, np.nan), color=AFTER, lw=2, label=f"kurtosis {kurtosis:.1f}")
    axis.set(yscale="log", ylim=(2e-5, 4), xlim=(-6, 6), xlabel="response / deviation", ylabel="density")
    axis.set_title(title)
    axis.legend(fontsize=9.5, loc="upper right")


def show_dependence(axis: Axes, responses: Floats, title: str) -> None:
    """Show how the deviation of a channel grows with the magnitude of a finer one."""
    given, other = np.abs(responses[0]).ravel(), responses[2 * TURNS].ravel()
    edges = np.quantile(given, np.linspace(0, 1, 21))
    number = np.clip(np.searchsorted(edges, given) - 1, 0, 19)
    middle = [np.median(given[number == i]) for i in range(20)]
    spread = [other[number == i].std() for i in range(20)]
    axis.plot(middle, spread, "o-", color=AFTER, mec=INK, mfc=BEFORE, ms=5)
    axis.set(xlim=(0, 3), ylim=(0, 3), xlabel="magnitude of the fine", ylabel="deviation of the coarse")
    axis.set_title(title)


if __name__ == "__main__":
    main()
