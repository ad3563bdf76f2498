"""Formulas as SVG, drawn by matplotlib when the pages are built.

MathJax would come from another server or weigh 20 MB, and MathML looks broken where no font for it is installed.
"""

import html
from collections.abc import Callable

from docutils import nodes
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from sphinx.application import Sphinx

COMMANDS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}
# in the units of the SVG; 1.1 times as large as the text around it, whose letters are wider
FONT, EM = FontProperties(math_fontfamily="stix"), 100 / 1.1


def svg(formula: str) -> str:
    """Return a formula in the colour and at the size of the text around it."""
    path = TextPath((0, 0), f"${formula.strip()}$", size=100, prop=FONT)
    outline = "".join(
        COMMANDS[code] + ("" if code == Path.CLOSEPOLY else " ".join(f"{value:.1f}" for value in points))
        for points, code in path.iter_segments(simplify=False)
    )
    left, bottom, width, height = path.get_extents().bounds
    box = f"{left:.1f} {-bottom - height:.1f} {width:.1f} {height:.1f}"
    return (
        f'<svg role="img" aria-label="{html.escape(formula)}" viewBox="{box}" '
        f'style="width: {width / EM:.3f}em; max-width: 100%; vertical-align: {bottom / EM:.3f}em">'
        f'<path transform="scale(1 -1)" fill="currentColor" d="{outline}"/></svg>'
    )


def writer(before: str = "", after: str = "") -> tuple[Callable[..., None], None]:
    """Return what writes a node with a formula, as Sphinx wants it."""

    def visit(translator: nodes.NodeVisitor, node: nodes.Element) -> None:
        translator.body.append(before + svg(node.astext()) + after)
        raise nodes.SkipNode

    return visit, None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer."""
    block = writer('<p style="text-align: center">', "</p>\n")
    app.add_html_math_renderer("svg", writer(), block)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
