"""Heeger's normalization of the responses to a photograph: oriented filters, a pool over orientations and space.

Filters the photograph of the tutorial with pairs of Gabor filters, takes the energy of each pair, normalizes,
prints what that does to strong and to faint places, and writes the figure heeger.png. Nothing is downloaded: the
astronaut Eileen Collins, by NASA, is in the public domain and lies in docs/. Needs Matplotlib.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

try:
    from matplotlib.figure import Figure
except ImportError:
    print("This example needs Matplotlib: pip install matplotlib", file=sys.stderr)
    sys.exit(2)

import numpy as np
from numpy.typing import NDArray

import lrncore

Floats = NDArray[Any]

PHOTOGRAPH = Path(__file__).parents[1] / "docs" / "astronaut.npy"
TURNS, WAVELENGTH, FIELD = 12, 8.0, 25
#: The drive at which a cell begins to saturate, as a share of the largest
SIGMA = 0.03


def main() -> None:
    """Filter, normalize, print and draw."""
    photograph = np.load(PHOTOGRAPH) / 255
    drive = energies(photograph)
    similar, places = pool()
    spec = lrncore.DivisiveSpec(similar, places, sigma=SIGMA**2, p=2.0, q=1.0, n=2.0)
    response = lrncore.divisive_norm(drive[None], spec)[0]

    strong, faint = drive.max(axis=0) > 0.5, drive.max(axis=0) < 0.05
    print(f"{TURNS} orientations at {drive[0].size} places, pool of {len(places)} x {len(places)} places")
    print(f"{'':24s}{'drive':>8s}{'response':>10s}")
    for name, where in (("strong places, mean", strong), ("faint places, mean", faint)):
        print(f"{name:24s}{drive[:, where].mean():8.3f}{response[:, where].mean():10.3f}")
    ratio, after = (each[:, strong].mean() / each[:, faint].mean() for each in (drive, response))
    print(f"{'strong / faint, squares':24s}{ratio**2:8.0f}{after:10.1f}")
    draw(photograph, drive, response)
    print("written: heeger.png")


def energies(image: Floats) -> Floats:
    """Return the root of the energy of an even and an odd filter, for each orientation; the largest is 1."""
    y, x = np.mgrid[:FIELD, :FIELD] - FIELD // 2
    envelope = np.exp(-(x**2 + y**2) / (2 * (0.4 * WAVELENGTH) ** 2))
    found = []
    for turn in np.pi * np.arange(TURNS) / TURNS:
        wave = np.exp(2j * np.pi * (x * np.cos(turn) + y * np.sin(turn)) / WAVELENGTH) * envelope
        wave -= envelope * wave.sum() / envelope.sum()  # blind to the mean
        found.append(np.abs(np.fft.ifft2(np.fft.fft2(image) * np.conj(np.fft.fft2(wave, image.shape)))))
    drive = np.roll(np.stack(found), FIELD // 2, axis=(1, 2))
    return drive / drive.max()


def pool() -> tuple[Floats, Floats]:
    """Return weights of orientations, which wrap around, and of places; each sum is 1."""
    turns = np.arange(TURNS) * 180 / TURNS
    apart = (turns[:, None] - turns + 90) % 180 - 90
    similar = np.exp(-(apart**2) / (2 * 40.0**2))
    places = np.exp(-(np.arange(-10, 11) ** 2) / (2 * 4.0**2))
    return similar / similar.sum(axis=1, keepdims=True), places / places.sum()


def draw(photograph: Floats, drive: Floats, response: Floats) -> None:
    """Write the photograph, and the largest energy of a place before and after."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    panels = {
        "photograph": photograph,
        "squared drive": drive.max(axis=0) ** 2,
        "normalized": response.max(axis=0),
    }
    for axis, (name, image) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        axis.imshow(image, cmap="gray", vmax=np.quantile(image, 0.999))
        axis.set_title(name)
        axis.axis("off")
    figure.savefig("heeger.png")


if __name__ == "__main__":
    main()
