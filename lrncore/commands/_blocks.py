"""How an array (outer, channels, inner) is cut into blocks that fit into memory."""

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


def blocks(shape: tuple[int, int, int], behind: int, ahead: int, most: int) -> Iterator[Block]:
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
            steps = 1, max(most // run - margins, margins, 1), run
    for part in (Part(*found) for found in product(*map(pieces, shape, steps))):
        first, last = max(part.channels.start - behind, 0), min(part.channels.stop + ahead, channels)
        yield Block(part._replace(channels=range(first, last)), part)


def pieces(length: int, step: int) -> list[range]:
    """Cut an axis into ranges of `step`."""
    return [range(start, min(start + step, length)) for start in range(0, length, step)]
