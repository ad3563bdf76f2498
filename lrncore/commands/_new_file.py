"""A file that appears under its name whole, or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
from collections.abc import Iterator

from lrncore.commands._ending import Refused
from lrncore.commands._npy import failing


def check_free(path: str, overwrite: bool) -> None:
    """Check that a file may be put at `path`."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise Refused(f"{path}: is not a file, and is not replaced")
    if os.path.lexists(path) and not overwrite:
        raise Refused(f"{path}: exists; --force replaces it")


@contextlib.contextmanager
def new_file(path: str, head: bytes, size: int, overwrite: bool) -> Iterator[io.FileIO]:
    """Begin a temporary file beside `path`, with room for `size` bytes more, and give it its name when it is whole.

    Whatever ends the `with` before, it is removed, and what was at `path` stays.
    """
    check_free(path, overwrite)
    # through a link, the file that it points at is replaced
    target = os.path.realpath(path)
    temporary = os.path.join(os.path.dirname(target), f".lrncore-{secrets.token_hex(4)}.part")
    try:
        try:
            # the mode is what the umask leaves, as for any new file
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError as error:
            raise Refused(f"{path}: {error.strerror}") from error
        with io.FileIO(descriptor, "r+") as stream:
            with failing(path):
                reserve(descriptor, len(head) + size)
                stream.write(head)
            yield stream
            with failing(path):
                os.fsync(descriptor)
        with failing(path):
            publish(temporary, target, overwrite)
    finally:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(temporary)


def reserve(descriptor: int, size: int) -> None:
    """Take the space now, so that a full disk is known before any work."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        # other errors come from file systems that cannot reserve
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise


def publish(temporary: str, target: str, overwrite: bool) -> None:
    """Give a whole file its name."""
    if overwrite:
        os.replace(temporary, target)
        return
    # unlike a rename alone, neither replaces what has come in the meantime
    try:
        try:
            os.link(temporary, target)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            os.replace(temporary, target)
    except FileExistsError as error:
        raise Refused(f"{target}: exists since a moment ago; --force replaces it") from error
