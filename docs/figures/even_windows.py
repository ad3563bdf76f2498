"""Draw docs/even_windows.svg: the channels that a window of four holds, by each rule in use."""

from _style import blank, save
from matplotlib.patches import Rectangle

import lrncore

CHANNELS = 7
CENTRE = 3
SIZE = 4
SHADE = "#f2b47a"
OWN = "#d1495b"
EMPTY = "#f4f4f4"


def windows() -> list[tuple[tuple[int, int], list[str]]]:
    """Return each window of SIZE channels, as (before, after), and the conventions that have it."""
    found: dict[tuple[int, int], list[str]] = {}
    for row in lrncore.conventions():
        if row.even not in ("none", "refused"):
            before, after = row.even.split(" and ")
            names = found.setdefault((int(before), int(after)), [])
            # not again for windows within a channel
            if row.name not in names:
                names.append(row.name)
    return sorted(found.items())


def main() -> None:
    """Draw the picture."""
    rules = windows()
    figure = blank(0.55 * len(rules) + 0.9)
    axes = figure.subplots()
    for line, ((before, after), names) in enumerate(rules):
        for channel in range(CHANNELS):
            inside = CENTRE - before <= channel <= CENTRE + after
            colour = OWN if channel == CENTRE else SHADE if inside else EMPTY
            axes.add_patch(Rectangle((channel, -line), 0.92, 0.8, facecolor=colour, edgecolor="#999999", lw=0.6))
        half = len(names) // 2 if len(names) > 3 else 0
        parts = [", ".join(names[:half]), ", ".join(names[half:])]
        axes.text(CHANNELS + 0.3, 0.4 - line, ",\n".join(filter(None, parts)), va="center", size=10)
        axes.text(-0.3, 0.4 - line, f"{before + after + 1} channels", va="center", ha="right", size=10)
    axes.text(CENTRE + 0.46, 1.05, "c", ha="center", style="italic")
    axes.set(xlim=(-2.7, CHANNELS + 5.2), ylim=(-len(rules) + 0.9, 1.6))
    axes.set_title(f"Which channels count for channel c when the size is {SIZE}")
    axes.set_axis_off()
    save(figure, "even_windows")


if __name__ == "__main__":
    main()
