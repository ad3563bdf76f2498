"""How an array is cut into blocks that fit into memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

#: Elements that are read in one piece at least; shorter ones would cost more calls than bytes
RUN = 1024


class Part(NamedTuple):
    """Ranges of the three axes."""

    outer: range
    channels: range
    inner: range

    @property
    def shape(self) -> tuple[int, int, int]:
        """Their lengths."""
        return len(self.outer), len(self.channels), len(self.inner)

    @property
    def size(self) -> int:
        """Elements."""
        return math.prod(self.shape)


class Block(NamedTuple):
    """What is read, and the part of it whose results are right and written."""

    read: Part
    written: Part


class Folding(NamedTuple):
    """An array in the order of its file, its axes folded to three around those of the windows.

    The windows lie along axes among `channels`, the middle ones, folded too: the first of these is a window's, and
    the others, `whole`, are never cut. Without windows, all is outer.
    """

    outer: int
    channels: int
    whole: tuple[int, ...]
    inner: int
    axes: tuple[int, ...]
    """Those of the windows in an array (outer, channels, *whole, inner)."""
    fortran_order: bool
    """Are the axes of the file those of the array in reverse?"""

    @property
    def shape(self) -> tuple[int, int, int]:
        """The three lengths."""
        return self.outer, self.channels * self.unit, self.inner

    @property
    def unit(self) -> int:
        """Elements of the middle axis for each one of the first of its axes."""
        return math.prod(self.whole)


def fold(shape: tuple[int, ...], axes: tuple[int, ...], fortran_order: bool) -> Folding:
    """Fold an array of this shape around some of its axes."""
    if fortran_order:
        shape, axes = shape[::-1], tuple(len(shape) - 1 - axis for axis in reversed(axes))
    if not axes:
        return Folding(math.prod(shape), 1, (), 1, (), fortran_order)
    first, last = axes[0], axes[-1]
    middle = shape[first : last + 1]
    places = tuple(axis - first + 1 for axis in axes)
    return Folding(
        math.prod(shape[:first]), middle[0], middle[1:], math.prod(shape[last + 1 :]), places, fortran_order
    )


def blocks(shape: tuple[int, int, int], behind: int, ahead: int, most: int, unit: int = 1) -> Iterator[Block]:
    """Cut an array into blocks of about `most` elements.

    Parameters
    ----------
    shape : tuple of int
        Outer, channels, inner.
    behind, ahead : int
        Channels that a result depends on.
    most : int
        Elements of a block. The outer axes are cut first, then the inner ones, and the channels only where a single
        run of each of them would be too much: there a block is at least as long as its margins.
    unit : int, optional
        Channels that are never cut apart, of which both margins are multiples.
    """
    outer, channels, inner = shape
    if not outer * channels * inner:
        return
    steps = max(most // (channels * inner), 1), channels, inner
    if channels * inner > most:
        run = min(max(most // channels, RUN), inner, max(most, 1))
        steps = 1, channels, run
        if channels * run > most:
            margins = behind + ahead
            steps = 1, max(most // run - margins, margins, unit) // unit * unit, run
    for part in (Part(*found) for found in product(*map(pieces, shape, steps))):
        first, last = max(part.channels.start - behind, 0), min(part.channels.stop + ahead, channels)
        yield Block(part._replace(channels=range(first, last)), part)


def pieces(length: int, step: int) -> list[range]:
    """Cut an axis into ranges of `step`."""
    return [range(start, min(start + step, length)) for start in range(0, length, step)]
