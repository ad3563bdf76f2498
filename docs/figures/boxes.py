"""Draw docs/boxes.svg: the elements of a window along the channels, along height and width, and along all three."""

import numpy as np
from _style import MUTED, blank, save
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

CHANNELS, HEIGHT, WIDTH = 7, 6, 6
#: Channel, row and column of the element that is normalized
CENTRE = 3, 2, 3
SIDE = 1
# as in even_windows.py
SHADE, OWN, EMPTY = "#f2b47a", "#d1495b", "#f4f4f4"
#: How far the window reaches along each axis, by what is called with
WINDOWS = {
    "axis=1, a band of five channels": (2, 0, 0),
    "axis=(2, 3), a box of 3 x 3 places": (0, SIDE, SIDE),
    "axis=(1, 2, 3), a box of 3 x 3 x 3": (SIDE, SIDE, SIDE),
}


def main() -> None:
    """Draw a row of maps for each window."""
    figure = blank(4.2)
    for axes, (name, reach) in zip(figure.subplots(len(WINDOWS), 1), WINDOWS.items(), strict=True):
        axes.set_title(name, size=11)
        show(axes, reach)
    save(figure, "boxes")


def show(axes: Axes, reach: tuple[int, int, int]) -> None:
    """Show the channels of an image side by side, and which of their elements one window holds."""
    for channel in range(CHANNELS):
        left = channel * (WIDTH + 1.5)
        axes.add_patch(Rectangle((left, 0), WIDTH, HEIGHT, fc=EMPTY, ec="#999999", lw=0.8))
        for row in range(HEIGHT):
            for column in range(WIDTH):
                place = channel, row, column
                steps = [abs(at - centre) for at, centre in zip(place, CENTRE, strict=True)]
                if all(step <= most for step, most in zip(steps, reach, strict=True)):
                    colour = OWN if place == CENTRE else SHADE
                    axes.add_patch(Rectangle((left + column, row), 1, 1, fc=colour))
        axes.vlines(left + np.arange(1, WIDTH), 0, HEIGHT, color="white", lw=0.7)
        axes.hlines(np.arange(1, HEIGHT), left, left + WIDTH, color="white", lw=0.7)
        name = "c" if channel == CENTRE[0] else f"c{channel - CENTRE[0]:+d}".replace("-", "\N{MINUS SIGN}")
        axes.text(left + WIDTH / 2, HEIGHT + 0.4, name, ha="center", va="top", size=9, color=MUTED, style="italic")
    axes.set(xlim=(-0.2, CHANNELS * (WIDTH + 1.5) - 1.2), ylim=(HEIGHT + 1.4, -0.2), aspect="equal")
    axes.set_axis_off()


if __name__ == "__main__":
    main()
