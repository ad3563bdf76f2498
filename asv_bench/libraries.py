"""Serves the script libraries of asv's page locally, where the page asv publishes loads them from the Internet.

`fetch FOLDER` gets them with npm, once; `install FOLDER HTML` needs no network, and fails if the page still loads
anything from elsewhere. They are not in the tree because they are other people's code, 1 MB of it.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Library:
    """An npm package: the SHA-256 of its archive, and the files in it that the page needs."""

    name: str
    version: str
    sha256: str
    files: tuple[str, ...]

    @property
    def archive(self):
        return f"{self.name}-{self.version}.tgz"


# The releases that asv 0.6.6 names, except that npm has no stupidtable 1.0.1.
LIBRARIES = (
    Library(
        "jquery",
        "3.3.1",
        sha256="2c7c70a1e796c1568ff05d45a8cb2da2a0fc6e37426c65e4eef6ee55e217933e",
        files=("dist/jquery.min.js",),
    ),
    Library(
        "flot",
        "0.8.3",
        sha256="5e4cea78a9efa2d3dbba363ac76c688951e6c638ee916883c36e23516208b1ed",
        files=(
            "jquery.flot.js",
            "jquery.flot.time.js",
            "jquery.flot.selection.js",
            "jquery.flot.categories.js",
        ),
    ),
    Library(
        "flot-orderbars",
        "1.0.0",
        sha256="e5523ee7cca778f194b34fc31afb6dda40bf1557e6669fda4730c29f53e87101",
        files=("js/jquery.flot.orderBars.js",),
    ),
    Library(
        "stupid-table-plugin",
        "1.1.3",
        sha256="1186089584b7c2f7fec9ad4232e9aa1adbfea273eaa233b713beb8c2c916b4ac",
        files=("stupidtable.js",),
    ),
    Library(
        "blueimp-md5",
        "2.19.0",
        sha256="0fff5798c7733b21f3e4c0de69ccba12af266e0f01c3e3a41051c0e49a655512",
        files=("js/md5.min.js",),
    ),
    Library(
        "bootstrap",
        "3.1.1",
        sha256="23b27da4dd80b8fbe8972ac4be87037627e007ad5dd1edb27435844f0a4646a0",
        files=(
            "dist/js/bootstrap.min.js",
            "dist/css/bootstrap.min.css",
        ),
    ),
)

TAG = re.compile(r"<(?:script|link)\b[^>]*>")
REMOTE = re.compile(r'\b(?:src|href)="((?:https?:)?//[^"]*)"')


def plain(name):
    """Return a file's name without version and `min`: jquery.js for jquery-3.3.1.min.js."""
    return re.sub(r"-[\d.]+(?=\.)|\.min(?=\.)", "", name.rpartition("/")[2])


def is_there(library, folder):
    """Whether the archive is in the folder; another file of its name is an error."""
    path = folder / library.archive
    if not path.exists():
        return False
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != library.sha256:
        sys.exit(f"{path} is not {library.name} {library.version}: its SHA-256 is {found}")
    return True


def fetch(folder):
    """Get the archives that are missing in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for library in LIBRARIES:
        if not is_there(library, folder):
            command = ["npm", "pack", "--silent", f"{library.name}@{library.version}"]
            try:
                subprocess.run(command, cwd=folder, check=True)  # noqa: S603
            except (OSError, subprocess.CalledProcessError) as error:
                sys.exit(
                    f"{' '.join(command)}: {error}. npm is needed once; or put {library.archive} into {folder}"
                )
            is_there(library, folder)


def unpack(folder, target):
    """Write the files that the page needs, and return their paths by plain name."""
    target.mkdir(exist_ok=True)
    paths = {}
    for library in LIBRARIES:
        if not is_there(library, folder):
            sys.exit(f"{folder / library.archive} is missing: {sys.argv[0]} fetch {folder}")
        with tarfile.open(folder / library.archive) as archive:
            for name in library.files:
                path = target / Path(name).name
                path.write_bytes(archive.extractfile(f"package/{name}").read())
                paths[plain(name)] = path
    return paths


def install(folder, html):
    """Rewrite the pages in `html` to load the libraries from beside them."""
    paths = unpack(folder, html / "libraries")

    def local(tag):
        address = REMOTE.search(tag[0])
        if address is None:
            return tag[0]
        path = paths.get(plain(address[1]))
        if path is None:
            sys.exit(f"{html}: the page of this asv loads {address[1]}, which {__file__} does not know")
        # the digests are those of the remote files
        kept = re.sub(r'\s(?:integrity|crossorigin|referrerpolicy)="[^"]*"', "", tag[0])
        return kept.replace(address[1], path.relative_to(html).as_posix())

    for page in html.glob("*.html"):
        page.write_text(TAG.sub(local, page.read_text()))


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("fetch", "install"):
        commands.add_parser(name).add_argument("folder", type=Path)
    commands.choices["install"].add_argument("html", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "fetch":
        fetch(arguments.folder)
    else:
        install(arguments.folder, arguments.html)


if __name__ == "__main__":
    main()
