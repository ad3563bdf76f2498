"""Draw docs/relatives.svg: what LRN and its relatives look at to normalize one element."""

import numpy as np
from _style import MUTED, blank, note, save
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

IMAGES, CHANNELS, PLACES = 2, 8, 9
#: Channel and place of the element, in the first image
CHANNEL, PLACE = 3, 4
GROUP = 4
# as in even_windows.py
OWN, POOL = "#d1495b", LinearSegmentedColormap.from_list("pool", ["#f4f4f4", "#f2b47a"])

Pool = NDArray[np.float64]


def main() -> None:
    """Draw a panel for each normalization."""
    figure = blank(9.2)
    for axis, (name, (pool, formula)) in zip(figure.subplots(4, 2).flat, pools().items(), strict=True):
        show(axis, pool)
        axis.set_title(name, size=11.5, pad=19)
        axis.text(0, 1.06, formula, transform=axis.transAxes, size=10, color=MUTED)
    note(
        figure,
        "Two images, a row for each channel, a column for each place of an image (height and width as one).",
        "Red: x, which is normalized. Orange: the elements that decide by how much, x among them; paler: with less "
        "weight.",
    )
    save(figure, "relatives")


def pools() -> dict[str, tuple[Pool, str]]:
    """Return the weight of each element in the statistic of the marked one, and what is done with that."""
    image, channel, place = np.indices((IMAGES, CHANNELS, PLACES))
    own, same = image == 0, channel == CHANNEL
    # the widths are free parameters in both models
    near = own * np.exp(-((place - PLACE) ** 2) / 4.0)
    similar = np.exp(-((channel - CHANNEL) ** 2) / 8.0)
    centred = "(x - mean) / deviation"
    return {
        "LRN": (
            own * (place == PLACE) * (abs(channel - CHANNEL) <= 2),
            r"$x$ / ($k + A$ sum of squares)$^\beta$",
        ),
        "Divisive normalization": (near * similar, r"$x^p$ / ($\sigma^p$ + weighted sum of $p$th powers)"),
        "Local contrast normalization": (near, "(x - mean) / deviation, both weighted"),
        "BatchNorm": (same, centred),
        "InstanceNorm": (own & same, centred),
        "FRN": (own & same, "x / root of the mean of squares"),
        "GroupNorm": (own & (channel // GROUP == CHANNEL // GROUP), centred),
        "LayerNorm": (own, centred),
    }


def show(axis: Axes, pool: Pool) -> None:
    """Show the images beside each other, their elements by weight."""
    for image, weights in enumerate(pool.astype(float)):
        left = image * (PLACES + 1)
        # enlarged, for viewers blur small images
        large = np.kron(weights, np.ones((20, 20)))
        extent = left, left + PLACES, CHANNELS, 0
        axis.imshow(large, cmap=POOL, vmin=0, vmax=1, extent=extent, interpolation="none")
        axis.vlines(left + np.arange(1, PLACES), 0, CHANNELS, color="white", lw=1)
        axis.hlines(np.arange(1, CHANNELS), left, left + PLACES, color="white", lw=1)
        axis.add_patch(Rectangle((left, 0), PLACES, CHANNELS, fill=False, ec="#999999", lw=0.8))
    axis.add_patch(Rectangle((PLACE, CHANNEL), 1, 1, color=OWN))
    axis.set(xlim=(-0.2, IMAGES * (PLACES + 1) - 0.8), ylim=(CHANNELS + 0.2, -0.2), xticks=[], yticks=[])
    axis.set_ylabel("channels", color=MUTED, size=9.5)
    axis.set_xlabel("places", color=MUTED, size=9.5, labelpad=2)
    axis.spines[:].set_visible(False)


if __name__ == "__main__":
    main()
