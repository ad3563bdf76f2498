"""`lrncore convert`: the same normalization in another framework's arguments."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from lrncore._checks import given_axes
from lrncore._conventions import CONVENTIONS
from lrncore.commands import _parameters
from lrncore.commands._ending import Refused, refusing

if TYPE_CHECKING:
    from lrncore.commands._parser import Commands


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "convert",
        help="one framework's arguments in another's words",
        description="Print the LRNSpec that a framework's arguments mean, and the arguments that mean it "
        "elsewhere.",
        examples=(
            "lrncore convert --from torch --to onnx size=5 alpha=1e-4 k=2",
            "lrncore convert --from alexnet --to tensorflow           a network, without arguments",
            "lrncore convert --from tensorflow depth_radius=2         to every framework that can",
            "lrncore convert before=2 after=2 scale=2e-5 beta=0.75 k=2",
            "lrncore convert --from caffe --to openvino --axis 2,3 local_size=3 norm_region=WITHIN_CHANNEL",
        ),
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="NAME",
        help="the convention of the arguments, or a network; without it, LRNSpec's own",
    )
    parser.add_argument("--to", dest="target", metavar="NAME", help="the convention to convert to; without it, all")
    parser.add_argument(
        "--axis",
        default="1",
        help="the channel axis (default: 1), or those of a box, e.g. 2,3 for height and width",
    )
    parser.add_argument(
        "words", nargs="*", metavar="NAME=VALUE", help="the arguments, by the framework's own names"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the spec and what means it."""
    words = {}
    for word in arguments.words:
        name, equals, value = word.partition("=")
        if not equals or name in words:
            raise Refused(f"arguments must be NAME=VALUE, each name once, got {word!r}")
        words[name] = value
    source, target = _parameters.convention(arguments.source), _parameters.convention(arguments.target, CONVENTIONS)
    values = _parameters.values(source, words)
    spec = _parameters.spec(source, values)
    with refusing(spelled=lambda name: "--axis" if name == "axis" else name):
        axes = _parameters.axes(source, values, arguments.axis)
        given_axes(axes)
    if target is not None:
        with refusing():
            found = {target: said(spec.to(target, axes))}
    else:
        found = {}
        for name in CONVENTIONS:
            try:
                found[name] = said(spec.to(name, axes))
            except ValueError as refused:
                found[name] = f"({refused})"
    print(spec)
    width = max(map(len, found))
    for name, line in found.items():
        print(f"{name:{width}}  {line}")


def said(values: dict[str, Any]) -> str:
    """Return arguments as this command takes them."""
    return " ".join(f"{name}={word(value)}" for name, value in values.items())


def word(value: Any) -> str:
    """Return a word that means a value."""
    if isinstance(value, list):
        return ",".join(map(str, value)) or ","
    return value if isinstance(value, str) else repr(value)
