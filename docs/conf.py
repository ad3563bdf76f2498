"""How Sphinx builds these pages: `make docs`. They ask nothing of the network, neither built nor read."""

import sys
from pathlib import Path
from unittest.mock import MagicMock

# Sphinx's own mock would do for JAX too, if it gave a decorated function its `defvjp`.
sys.modules |= {"jax": MagicMock(), "jax.numpy": MagicMock()}

# for the extension `formulas`
sys.path.insert(0, str(Path(__file__).parent))

import lrncore

project = "lrncore"
project_copyright = "the lrncore maintainers"
version = release = lrncore.__version__
exclude_patterns = ["figures"]

nitpicky = True
# the frameworks' own names, which live in other documentations
nitpick_ignore_regex = [("py:obj", r"(torch|tf|jax|onnx|onnxruntime)\..*")]

extensions = [
    "formulas",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
]
myst_enable_extensions = ["dollarmath"]

# `x` in a docstring is a link where something has that name, and slanted where it is an argument
default_role = "autolink"
autosummary_generate = False
# the docstrings say the types in words
autodoc_typehints = "none"
# The frameworks are documented without being there; what registers operators or subclasses layers takes no mock.
autodoc_mock_imports = [
    "lrncore._onnx_norms",
    "lrncore._torch",
    "lrncore._torch_gdn_operators",
    "lrncore._torch_norm_layers",
    "lrncore._torch_norms",
    "onnx",
    "onnxruntime",
    "tensorflow",
    "torch",
]

numpydoc_show_class_members = False
# all but an extended summary and related names for each
numpydoc_validation_checks = {"all", "ES01", "SA01"}
# its arguments are those of every operator of onnx
numpydoc_validation_exclude = {r"onnx\.LRN$"}
# LRNSpec's constructors, and those of RunningStats: what some 40 lists of parameters would repeat is said once, by
# the class, and an example of two lines needs no heading
numpydoc_validation_overrides = {
    "PR01": [r"^Make the spec of ", r"^Average as "],
    "EX01": [r"^Make the spec of [\s\S]*\n\n>>> LRNSpec\.", r"^Average as ", r"^Let the averages "],
    "RT01": [r"^Average as "],
}

html_theme = "furo"
html_title = f"lrncore {version}"
html_math_renderer = "svg"
# prompts and output are not copied
copybutton_exclude = ".gp, .go"
