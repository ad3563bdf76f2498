"""`make wheel`: a wheel for others into dist/, audited, and the suite run on it with each of some Pythons.

    python tests/wheel.py [--tests WORDS] [--wheel FILE] PYTHON...

The wheel is built from the sdist, as installers would. Each Python gets a new environment, into which it is put
without a compiler, and finds lrncore there and nowhere else. Tests may compile their examples.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
ENVIRONMENTS = ROOT / "build" / "wheel"
BIN = Path(sys.executable).parent

WITHOUT_COMPILER = {"CC": "/bin/false", "CXX": "/bin/false", "PIP_ONLY_BINARY": ":all:"}


def run(*command, **options):
    """Run a command, and tell it."""
    print("+", shlex.join(map(str, command)), flush=True)
    subprocess.run([str(word) for word in command], check=True, **options)


def audited():
    """Build the wheel, name the systems that it fits, and check it against the ABI that it promises."""
    shutil.rmtree(DIST, ignore_errors=True)
    built = DIST / "built"
    # a linker without the folders of the Python that builds
    linker = f"{os.environ.get('CC', 'cc')} -shared"
    environment = os.environ | {"LRNCORE_WHEEL": "1", "LDSHARED": linker}
    run(sys.executable, "-m", "build", "--outdir", built, ROOT, env=environment)
    (source,) = built.glob("*.tar.gz")
    (wheel,) = built.glob("*.whl")
    source.rename(DIST / source.name)
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])  # auditwheel calls patchelf
    # all modules share the process's OpenMP: docs/explanation/openmp.md
    command = [
        sys.executable,
        "-m",
        "auditwheel",
        "repair",
        "--exclude",
        "libgomp.so.1",
        "--wheel-dir",
        DIST,
        wheel,
    ]
    run(*command, env=os.environ | {"PATH": path})
    shutil.rmtree(built)
    (repaired,) = DIST.glob("*.whl")
    if "-abi3-" in repaired.name:
        run(BIN / "abi3audit", "--strict", "--summary", repaired)
    run(sys.executable, "-m", "twine", "check", "--strict", repaired, DIST / source.name)
    print(repaired.name, repaired.stat().st_size, "bytes", flush=True)
    return repaired


def test(wheel, python, words):
    """Run the suite on the wheel in a new environment of this Python."""
    place = ENVIRONMENTS / python.replace("/", "_").strip("_")
    shutil.rmtree(place, ignore_errors=True)
    run(python, "-m", "venv", "--without-pip", place)
    group = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["test"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    pip = [sys.executable, "-m", "pip", "--python", place / "bin" / "python"]
    run(*pip, "install", "--quiet", wheel, *group, env=environment | WITHOUT_COMPILER)
    # conftest.py beside setup.py would have pytest put the sources on the path, and so would this folder
    options = [
        "--quiet",
        f"--rootdir={ROOT}",
        f"--config-file={ROOT / 'pyproject.toml'}",
        f"--confcutdir={ROOT / 'tests'}",
    ]
    words = [str(ROOT / word) if word.startswith("tests") else word for word in words]
    if not any(word.startswith(str(ROOT)) for word in words):
        words.append(str(ROOT / "tests"))
    command = [place / "bin" / "python", "-P", "-m", "pytest", *options, *words]
    run(*command, cwd=place, env=environment)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tests", default="", help="words for pytest, files in tests/ among them")
    parser.add_argument("--wheel", help="test this one, and build none")
    parser.add_argument("pythons", nargs="+", metavar="PYTHON")
    arguments = parser.parse_args()
    wheel = arguments.wheel or audited()
    for python in arguments.pythons:
        test(wheel, python, shlex.split(arguments.tests))


if __name__ == "__main__":
    main()
