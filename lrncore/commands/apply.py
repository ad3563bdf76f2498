"""`lrncore apply`: normalize a .npy file of any size, block by block."""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import os
import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lrncore.commands import _parameters
from lrncore.commands._blocks import blocks
from lrncore.commands._ending import Refused, refusing, say, shortened
from lrncore.commands._new_file import check_place, new_file
from lrncore.commands._npy import Data, opened
from lrncore.commands._parser import paragraph
from lrncore.commands._progress import progress
from lrncore.functional import lrn, lrn_backward

if TYPE_CHECKING:
    from lrncore.commands._blocks import Folding
    from lrncore.commands._npy import Header
    from lrncore.commands._parser import Commands
    from lrncore.spec import LRNSpec

MEMORY = "32M"
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "apply",
        help="normalize a .npy file of any size",
        usage="lrncore apply IN.npy OUT.npy [--convention NAME] [its arguments] [options]",
        description="Normalize the array in a .npy file, block by block in bounded memory. OUT.npy appears when it "
        "is whole, and has the shape, dtype, byte order and memory order of IN.npy.",
        examples=(
            "lrncore apply x.npy y.npy --convention torch --size 5 --alpha 1e-4 --k 2",
            "lrncore apply image.npy y.npy --convention alexnet --axis 0",
            "lrncore apply nhwc.npy y.npy --convention tensorflow --depth-radius 2 --axis -1",
            "lrncore apply x.npy y.npy --convention caffe --norm-region WITHIN_CHANNEL --axis 2,3",
            "lrncore apply x.npy y.npy --before 2 --after 2 --scale 2e-5 --beta 0.75 --k 2",
            "lrncore apply x.npy dx.npy --backward g.npy --convention caffe --local-size 5",
            "lrncore apply x.npy x.npy --force --convention paper",
        ),
    )
    parser.add_argument("input", metavar="IN.npy", help="float32, float64 or float16, any rank and byte order")
    parser.add_argument("output", metavar="OUT.npy", help="what is made; with --force it may be IN.npy itself")
    parameters = parser.add_argument_group(
        "parameters",
        paragraph(
            "With --convention its arguments under the framework's own names, e.g. --size, --alpha, --beta and --k "
            "of torch; `lrncore conventions` lists them. Without it --before, --after, --scale, --beta and --k."
        ),
    )
    parameters.add_argument(
        "--convention",
        metavar="NAME",
        help="torch, onnx, tensorflow, caffe, ..., or a network: alexnet, googlenet, ...",
    )
    for name in _parameters.all_names():
        spellings = dict.fromkeys((_parameters.option(name), f"--{name}"))
        parameters.add_argument(
            *spellings, dest=f"parameter {name}", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
    parser.add_argument(
        "--axis",
        help="the channel axis, or those of a box, e.g. 2,3; negative counts from the end (default: 1, as in "
        "N, C, H, W; 0 for C, H, W; -1 for channels last)",
    )
    parser.add_argument("--backward", metavar="G.npy", help="make the gradient dL/dx of IN.npy from G.npy, dL/dy")
    parser.add_argument("--force", action="store_true", help="replace OUT.npy if it exists")
    parser.add_argument("--threads", metavar="N", help="threads to use (default: what OpenMP allows)")
    parser.add_argument(
        "--memory", metavar="SIZE", default=MEMORY, help=f"of the blocks, e.g. 512K, 1G (default: {MEMORY})"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress and no rate")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Check everything that can be checked, and then compute."""
    began = time.perf_counter()
    convention = _parameters.convention(arguments.convention)
    words = {
        name.partition(" ")[2]: word for name, word in vars(arguments).items() if name.startswith("parameter ")
    }
    values = _parameters.values(convention, words, _parameters.option)
    spec = _parameters.spec(convention, values, _parameters.option)
    threads = None if arguments.threads is None else positive(arguments.threads)
    memory = size(arguments.memory)
    check_place(arguments.output, arguments.force)
    with contextlib.ExitStack() as stack:
        stream, header = stack.enter_context(opened(arguments.input))
        with refusing(arguments.input, lambda name: "--axis" if name == "axis" else name):
            folding = header.around(_parameters.axes(convention, values, arguments.axis or "1"))
        shape, mode = folding.shape, permissions(stream)
        sources = [Data(arguments.input, stream, stream.tell(), shape, header.dtype)]
        if arguments.backward is not None:
            g_stream, g_header = stack.enter_context(opened(arguments.backward, ", given to --backward,"))
            check_gradient(arguments, header, g_header)
            sources.insert(0, Data(arguments.backward, g_stream, g_stream.tell(), shape, g_header.dtype))
            mode &= permissions(g_stream)
        if arguments.axis is None:
            note(arguments.input, header.shape)
        top = header.written()
        with (
            new_file(arguments.output, top, header.nbytes, arguments.force, mode) as target,
            progress(header.nbytes, arguments.quiet) as bar,
        ):
            result = Data(arguments.output, target, len(top), shape, header.dtype)
            for written in compute(sources, result, folding, spec, memory, threads):
                bar.update(written)
    if not arguments.quiet:
        seconds = time.perf_counter() - began
        rate = f"{header.nbytes / 1e6:,.1f} MB in {seconds:.2f} s, {header.nbytes / seconds / 1e9:.2f} GB/s"
        say(f"{arguments.output}: {header.shape} {header.dtype.name}, {rate}")


def permissions(stream: io.FileIO) -> int:
    """Return who may read and write an open file."""
    return os.fstat(stream.fileno()).st_mode & 0o777


def check_gradient(arguments: argparse.Namespace, header: Header, g_header: Header) -> None:
    """Refuse a gradient that is not like the input."""
    for x, g, verb in (
        (header.shape, g_header.shape, "has the shape"),
        (header.dtype.name, g_header.dtype.name, "holds"),
        (order(header), order(g_header), "is in"),
    ):
        if x != g:
            raise Refused(
                f"{arguments.backward}, given to --backward, {verb} {g}, but {arguments.input} {verb} {x}: "
                "they must be alike"
            )


def order(header: Header) -> str:
    """Return the memory order of an array in words."""
    return f"{'Fortran' if header.fortran_order else 'C'} order"


def note(path: str, shape: tuple[int, ...]) -> None:
    """Say which axis is taken where none is given and another is as likely, as `lrncore.lrn` does."""
    if len(shape) == 3 and math.prod(shape) > shape[1]:
        say(
            f"lrncore apply: {path} has 3 dimensions, {shape}, and --axis is not given: axis 1 is taken, as in "
            "(N, C, L); give --axis 0 for (C, H, W), --axis -1 for (H, W, C), or --axis 1 to say that this is meant"
        )


def compute(
    sources: list[Data], result: Data, folding: Folding, spec: LRNSpec, memory: int, threads: int | None
) -> Iterator[int]:
    """Compute block by block from x, or from g and x, and tell the bytes that each has written."""
    call: Callable[..., NDArray[Any]] = lrn
    behind, ahead = spec.before, spec.after
    if len(sources) > 1:
        call, behind, ahead = lrn_backward, spec.size - 1, spec.size - 1
    most, unit = memory // (len(sources) * result.dtype.itemsize), folding.unit
    plan = folding.shape, behind * unit, ahead * unit, most, unit
    largest = max((block.read.size for block in blocks(*plan)), default=0)
    buffers = [np.empty(largest, source.dtype) for source in sources]
    for read, written in blocks(*plan):
        arrays = [buffer[: read.size].reshape(read.shape) for buffer in buffers]
        for source, array in zip(sources, arrays, strict=True):
            source.read(read, array)
        views, axes = zip(*(unfolded(array, folding) for array in arrays), strict=True)
        # in place, which leaves more of the memory to larger blocks
        call(*views, spec, axes[0], out=views[-1], num_threads=threads)
        first = written.channels.start - read.channels.start
        result.write(written, arrays[-1][:, first : first + len(written.channels)])
        yield written.size * result.dtype.itemsize


def unfolded(array: NDArray[Any], folding: Folding) -> tuple[NDArray[Any], tuple[int, ...]]:
    """Return a block with the axes of its windows apart, in the order that the whole array has, and those axes."""
    outer, channels, inner = array.shape
    view = array.reshape(outer, channels // folding.unit, *folding.whole, inner)
    if folding.fortran_order:
        return view.T, tuple(view.ndim - 1 - axis for axis in folding.axes)
    return view, folding.axes


def positive(word: str) -> int:
    """Return the number of threads that a word means."""
    number = _parameters.whole_number(word, "--threads")
    if number < 1:
        raise Refused(f"--threads must be at least 1, got {number}")
    return number


def size(word: str) -> int:
    """Return the bytes that a word like 32M means."""
    found = re.fullmatch(r"([0-9]{1,18})([KMG]?)", word.upper())
    if not found or not int(found[1]):
        raise Refused(f"--memory must be a size like 512K, 32M or 1G, got {shortened(word)}")
    return int(found[1]) * UNITS[found[2]]
