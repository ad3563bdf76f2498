"""Arrays in .npy files, read and written at the places where their parts lie.

Not through memory maps: where another process cuts a mapped file, or a disk fills, a map ends the process with a
SIGBUS that Python cannot turn into a line, and it takes address space for all that lies between rows.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import stat
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from lrncore._checks import check_axes, element_of
from lrncore.commands._blocks import fold
from lrncore.commands._ending import Failed, Refused

if TYPE_CHECKING:
    from lrncore.commands._blocks import Folding, Part

VERSIONS = (1, 0), (2, 0), (3, 0)
#: Bytes, as many as NumPy reads
LONGEST_HEADER = 10000


@dataclass(frozen=True)
class Header:
    """What a .npy file says of its array."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize

    def written(self) -> bytes:
        """Return it as `numpy.save` writes it."""
        stream = io.BytesIO()
        said = {
            "descr": npy.dtype_to_descr(self.dtype),
            "fortran_order": self.fortran_order,
            "shape": self.shape,
        }
        npy.write_array_header_1_0(stream, said)
        return stream.getvalue()

    def likeness(self) -> NDArray[Any]:
        """Return an array of this shape and dtype that takes no memory, for lrncore's checks."""
        return np.broadcast_to(np.zeros((), self.dtype), self.shape)

    def around(self, axis: object) -> Folding:
        """Return how the array is folded around the axes of its windows."""
        return fold(self.shape, check_axes(axis, len(self.shape)), self.fortran_order)


@dataclass(frozen=True)
class Data:
    """The elements of an array (outer, channels, inner) in an open file, behind its header."""

    path: str
    stream: io.FileIO
    start: int
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]

    def read(self, part: Part, array: NDArray[Any]) -> None:
        """Fill a contiguous array with a part of the file's."""
        with failing(self.path):
            for piece in self._pieces(part, array):
                rest = piece
                while rest:
                    count = self.stream.readinto(rest)
                    if not count:
                        raise Refused(f"{self.path}: it was cut while it was read")
                    rest = rest[count:]

    def write(self, part: Part, array: NDArray[Any]) -> None:
        """Write a contiguous array as a part of the file's."""
        with failing(self.path):
            for piece in self._pieces(part, array):
                rest = piece
                while rest:
                    rest = rest[self.stream.write(rest) :]

    def _pieces(self, part: Part, array: NDArray[Any]) -> Iterator[memoryview]:
        """Go to each place where a piece of the part lies, and give its bytes in the array."""
        _, channels, inner = self.shape
        place = (part.outer.start * channels + part.channels.start) * inner + part.inner.start
        # a part of the inner axis comes with one index of the outer one
        count = len(part.channels) if len(part.inner) < inner else 1
        for row in array.reshape(count, -1).view(np.uint8):
            self.stream.seek(self.start + place * self.dtype.itemsize)
            yield row.data
            place += inner


@contextmanager
def opened(path: str, role: str = "") -> Iterator[tuple[io.FileIO, Header]]:
    """Open a .npy file whose array lrncore can compute and which is all there; its data follow.

    `role` is what the command line gives the file for, as the part of a sentence behind its name.
    """
    try:
        # before it is opened, which a pipe would make wait
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise Refused(f"{path}: is a directory")
        if not stat.S_ISREG(mode):
            raise Refused(f"{path}: must be a file, for it is read in parts; save what comes through a pipe first")
        stream = io.FileIO(path)
    except OSError as error:
        dash = "; what comes through a pipe has to be saved first" if path == "-" else ""
        raise Refused(f"{path}: {error.strerror}{dash}") from error
    with stream:
        with failing(path):
            header = parsed(path, stream)
            there = os.fstat(stream.fileno()).st_size - stream.tell()
        if header.nbytes > there:
            raise Refused(f"{path}: truncated, its header says {header.nbytes} bytes of data, there are {there}")
        check(header, f"{path}{role}", path)
        yield stream, header


def check(header: Header, subject: str, path: str) -> None:
    """Refuse what lrncore does not compute, in the words of those who save files."""
    if element_of(header.dtype) is None:
        again = f'np.save({json.dumps(path, ensure_ascii=False)}, a.astype("f4"))'
        raise Refused(f"{subject} holds {header.dtype}, not float32, float64 or float16; save it as one: {again}")
    if not header.shape:
        raise Refused(f"{subject} holds a single number, which has no axes")


def parsed(path: str, stream: io.FileIO) -> Header:
    """Read the header of a .npy file."""
    start = stream.read(2)
    stream.seek(0)
    if start == b"PK":
        raise Refused(f"{path}: a .npz archive; save the array that you mean as .npy")
    if start[:1] == b"\x80":
        raise Refused(f"{path}: a pickle, which is never loaded; numpy.save writes .npy")
    try:
        version = npy.read_magic(stream)
        if version not in VERSIONS:
            raise ValueError(f"version {version[0]}.{version[1]} of the format is not known")  # noqa: TRY301
        check_length(path, stream, version)
        # 3.0 is 2.0 with other letters for the fields of structured arrays, which are refused
        found = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        with warnings.catch_warnings():
            # files of Python 2 are as good
            warnings.simplefilter("ignore")
            shape, fortran_order, dtype = found(stream)
    except (OSError, Refused):
        raise
    except Exception as error:  # whatever NumPy raises for garbage
        raise Refused(f"{path}: not a .npy file, or a damaged one: {' '.join(str(error).split())}") from error
    if dtype.hasobject:
        raise Refused(f"{path}: holds pickled Python objects, which are never loaded")
    if dtype.subdtype is not None or not all(
        type(length) is int and 0 <= length <= sys.maxsize for length in shape
    ):
        raise Refused(f"{path}: a damaged .npy file: shape {shape}, dtype {dtype}")
    return Header(shape, fortran_order, dtype)


def check_length(path: str, stream: io.FileIO, version: tuple[int, int]) -> None:
    """Refuse a header that is too long to be one, before it is read."""
    start, width = stream.tell(), 2 if version == (1, 0) else 4
    length = int.from_bytes(stream.read(width), "little")
    stream.seek(start)
    if length > LONGEST_HEADER:
        raise Refused(f"{path}: a damaged .npy file: its header would have {length} bytes, where 128 are usual")


@contextmanager
def failing(path: str) -> Iterator[None]:
    """Turn an error of the machine into a line that names the file."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        raise Failed(f"{path}: {error.strerror}{'; nothing was written' if full else ''}") from error
