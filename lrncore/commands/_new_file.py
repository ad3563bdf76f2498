"""A file that appears under its name whole, or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import stat
from collections.abc import Iterator

from lrncore.commands._ending import Refused
from lrncore.commands._npy import failing

WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def check_place(path: str, overwrite: bool) -> None:
    """Check that a file may be put at `path`, which is no use to find out after the work."""
    if not path:
        raise Refused("OUT.npy must have a name, got ''")
    if path.endswith((os.sep, os.altsep or os.sep)):
        raise Refused(f"{path}: must be the name of a file, not of a folder")
    there = stat_of(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise Refused(f"{path}: is not a file, and is not replaced")
    if not path.lower().endswith(".npy"):
        raise Refused(f"{path}: must end in .npy")
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise Refused(f"{path}: {os.strerror(errno.ENOENT)}")
    if there is not None and not overwrite:
        raise Refused(f"{path}: exists; --force replaces it")
    if os.path.exists(path) and not (os.access(path, os.W_OK) and os.stat(path).st_mode & WRITABLE):
        raise Refused(f"{path}: is read-only, which --force does not override; chmod u+w it, or remove it")


def stat_of(path: str) -> os.stat_result | None:
    """Return what is known of the file or link at `path`, if there is one and it can be one."""
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from error


@contextlib.contextmanager
def new_file(path: str, head: bytes, size: int, overwrite: bool, mode: int) -> Iterator[io.FileIO]:
    """Begin a temporary file beside `path`, with room for `size` bytes more, and give it its name when it is whole.

    Whatever ends the `with` before, it is removed, and what was at `path` stays. It has the mode and the owner of
    the file that it replaces, or else `mode`, less what the umask takes.
    """
    check_place(path, overwrite)
    # through a link, the file that it points at is replaced
    target = os.path.realpath(path)
    temporary = os.path.join(os.path.dirname(target), f".lrncore-{secrets.token_hex(4)}.part")
    try:
        try:
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        except OSError as error:
            raise Refused(f"{path}: {error.strerror}") from error
        with io.FileIO(descriptor, "r+") as stream:
            with failing(path):
                liken(descriptor, path)
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


def liken(descriptor: int, path: str) -> None:
    """Give a file the owner and the mode of the one that it will replace, if there is one."""
    if not os.path.exists(path) or not hasattr(os, "fchown"):
        return
    new, old = os.fstat(descriptor), os.stat(path)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except PermissionError as error:
            raise Refused(
                f"{path}: has another owner or group than your files, and would not keep it; remove it first"
            ) from error
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


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
