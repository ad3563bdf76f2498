"""How Sphinx builds these pages: `make docs`. They ask nothing of the network, built or read."""

import sys
from unittest.mock import MagicMock

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

# Sphinx's own mock of JAX would do, but for a decorated function that is asked for its `defvjp`.
sys.modules |= {"jax": MagicMock(), "jax.numpy": MagicMock()}

import lrncore

project = "lrncore"
project_copyright = "the lrncore maintainers"
version = release = lrncore.__version__
exclude_patterns = ["figures"]
nitpicky = True

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx_copybutton"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# `x` in a docstring is a link where something has that name, and slanted where it is an argument
default_role = "autolink"
autosummary_generate = False
autodoc_member_order = "bysource"
# the docstrings say the types in words
autodoc_typehints = "none"
# The frameworks are documented without being there; lrncore._torch registers operators, which a mock cannot.
autodoc_mock_imports = ["lrncore._torch", "onnx", "tensorflow", "torch"]

numpydoc_show_class_members = False
numpydoc_validation_checks = {"all"}

html_theme = "furo"
html_title = f"lrncore {version}"
html_math_renderer = "mathml"
copybutton_exclude = ".linenos, .gp, .go"


def setup(app):
    """Write formulas as MathML, which browsers draw by themselves, and MathJax's megabytes stay away."""

    def write(block):
        def visit(writer, node):
            writer.body.append(str(tex2mathml(node.astext(), as_block=block)))
            raise nodes.SkipNode

        return visit, None

    app.add_html_math_renderer("mathml", write(block=False), write(block=True))
