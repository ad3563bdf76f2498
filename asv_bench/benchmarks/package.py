"""Tracks what the package weighs: the bytes on disk, and those of its wheel."""

import zlib
from pathlib import Path

import lrncore

#: What a wheel holds. A checkout has the kernels' sources beside these.
SUFFIXES = {".py", ".so", ".pyd", ".typed"}


class Size:
    def setup(self):
        folder = Path(lrncore.__file__).parent
        self.files = [path.read_bytes() for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES]

    def track_installed(self):
        return sum(map(len, self.files))

    def track_wheel(self):
        """Without its metadata: each file deflated on its own, as in a wheel."""
        return sum(len(zlib.compress(content)) for content in self.files)

    track_installed.unit = track_wheel.unit = "bytes"
