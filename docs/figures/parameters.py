"""Draw docs/parameters.svg: what n, alpha, beta and k do, each turned alone, by real calls of `lrncore.lrn`."""

from dataclasses import replace

import numpy as np
from _style import AFTER, FAINT, OWN, blank, note, plain_numbers, save
from matplotlib.axes import Axes

import lrncore

SPEC = lrncore.LRNSpec.alexnet()
#: From the least to the most of a parameter; the middle one is AlexNet's
SHADES = ("#56b4e9", OWN, AFTER)
STYLES = ("--", "-", ":")
CHANNELS, PLATEAU, LEVEL = 40, slice(10, 30), 300.0


def main() -> None:
    """Draw the picture."""
    figure = blank(8.4)
    axes = figure.subplots(3, 2)
    show_plateau(figure.add_subplot(axes[0, 0].get_gridspec()[0, :]))
    for axis in axes[0]:
        axis.remove()
    spec = SPEC
    show_curves(axes[1, 0], "alpha, divided by n", {f"{a:g}": replace(spec, scale=a) for a in (2e-6, 2e-5, 2e-4)})
    show_curves(axes[1, 1], "beta", {f"{b:g}": replace(spec, beta=b) for b in (0.5, 0.75, 1.0)})
    show_curves(axes[2, 0], "k", {f"{k:g}": replace(spec, k=k) for k in (1.0, 2.0, 4.0)})
    show_neighbour(axes[2, 1])
    for axis in axes[1:, 0]:
        axis.set_ylabel("after (log scale)")
    words = f"n = {SPEC.size}, alpha / n = {SPEC.scale:f}, beta = {SPEC.beta:g}, k = {SPEC.k:g}"
    note(figure, f"All else as in AlexNet: {words}. Grey line: no change.")
    save(figure, "parameters")


def show_plateau(axis: Axes) -> None:
    """Show twenty channels that answer alike among silent ones, for three windows."""
    x = np.zeros(CHANNELS)
    x[PLATEAU] = LEVEL
    channels = np.arange(CHANNELS)
    axis.axvspan(PLATEAU.start - 0.5, PLATEAU.stop - 0.5, color=FAINT, alpha=0.5, lw=0)
    for n, shade, style in zip((3, 5, 11), SHADES, STYLES, strict=True):
        reach = n // 2
        y = lrncore.lrn(x, replace(SPEC, before=reach, after=reach), axis=0)
        axis.step(channels, y, where="mid", color=shade, ls=style, lw=2, label=f"n = {n}")
    axis.set(ylabel="after", xlabel="channel", xlim=(4, 35), ylim=(0, 100))
    axis.set_title(f"n: twenty channels answer {LEVEL:g}, the others nothing")
    axis.legend(loc="lower center", fontsize=10, ncols=3)


def show_curves(axis: Axes, name: str, specs: dict[str, lrncore.LRNSpec]) -> None:
    """Show the answer of a channel whose neighbours are silent."""
    x = np.geomspace(1, 10000, 200)
    axis.plot(x, x, color=FAINT, lw=4)
    for (value, spec), shade, style in zip(specs.items(), SHADES, STYLES, strict=True):
        axis.plot(x, lrncore.lrn(x[None], spec, axis=0)[0], color=shade, ls=style, lw=2, label=value)
    axis.set(xscale="log", yscale="log", xlabel="before, others silent (log scale)", ylim=(0.3, 1500))
    for which in "xy":
        plain_numbers(axis, which)
    axis.set_title(name)
    axis.legend(loc="upper left", fontsize=10)


def show_neighbour(axis: Axes) -> None:
    """Show the answer of a channel whose next one grows louder."""
    loud = np.geomspace(1, 10000, 200)
    for x, shade, style in zip((10.0, 100.0, 1000.0), SHADES, STYLES, strict=True):
        pair = np.stack([np.full_like(loud, x), loud])
        axis.plot(loud, lrncore.lrn(pair, SPEC, axis=0)[0] / x, color=shade, ls=style, lw=2, label=f"x = {x:g}")
    axis.set(xscale="log", ylim=(0, 0.66), xlabel="the next channel (log scale)", ylabel="after / before")
    plain_numbers(axis, "x")
    axis.set_title("One loud neighbour")
    axis.legend(loc="center left", fontsize=10)


if __name__ == "__main__":
    main()
