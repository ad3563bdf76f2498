"""`make test-arm64`: the kernels cross-built for arm64 on another machine with Debian, and tested under QEMU.

    python tests/arm64.py [words for pytest]

Python, its headers and GNU OpenMP are Debian's for arm64, unpacked below build/arm64 and not installed; NumPy and
what the tests need are the wheels for arm64. QEMU computes as an arm64 processor does, FRSQRTE's bits included, but
its times say nothing.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "build" / "arm64"
SYSTEM = PLACE / "system"
LIBRARY = PLACE / "library"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
COMPILER = "aarch64-linux-gnu-gcc"
EMULATOR = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")

#: What runs. Other files test Python code that knows no processor, or need frameworks or a compiler over there.
FILES = [
    "test_accuracy.py",
    "test_backward.py",
    "test_divisive.py",
    "test_forward.py",
    "test_gdn.py",
    "test_group_norms.py",
    "test_halves.py",
    "test_norms.py",
    "test_range.py",
    "test_special_values.py",
    "test_threads.py",
]

PACKAGES = [
    *("libc6", "libgcc-s1", "libgomp1", "libstdc++6", "zlib1g", "libexpat1", "libffi8", "libssl3", "libbz2-1.0"),
    *("liblzma5", f"python{VERSION}-minimal", f"libpython{VERSION}-minimal", f"libpython{VERSION}-stdlib"),
    f"libpython{VERSION}-dev",
]
WHEELS = ["numpy", "ml_dtypes>=0.4", "pytest>=8", "hypothesis>=6.100", "threadpoolctl>=3.2"]

# `sys.executable` is what the kernel of this machine can start
SITE = """import sys
sys.executable = {python!r}
sys.path.insert(0, {library!r})
"""
START = """#!/bin/sh
QEMU_LD_PREFIX='{system}' exec {emulator} '{system}/usr/bin/python{version}' "$@"
"""


def missing():
    """Return what has to be installed, or "" if all of it is."""
    needs = {"gcc-aarch64-linux-gnu": shutil.which(COMPILER), "qemu-user-static": EMULATOR}
    lacking = [name for name, found in needs.items() if not found]
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return "a Debian: apt-get and dpkg"
    return f"apt-get install {' '.join(lacking)}" if lacking else ""


def run(*command, **options):
    subprocess.run([str(word) for word in command], check=True, **options)


def apt(*words, **options):
    """Run apt-get on lists of arm64 that are not this system's."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (PLACE / "apt" / folder).mkdir(parents=True, exist_ok=True)
    settings = {
        "Dir::State": PLACE / "apt",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": PLACE / "apt" / "cache",
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "root",
    }
    run("apt-get", "-qq", *(f"-o{name}={value}" for name, value in settings.items()), *words, **options)


def prepare():
    """Unpack Debian's Python and the wheels, once."""
    packages = SYSTEM / "usr" / "lib" / "python3" / "dist-packages"
    if packages.exists():
        return
    shutil.rmtree(PLACE, ignore_errors=True)
    folder = PLACE / "debs"
    folder.mkdir(parents=True)
    apt("update")
    apt("download", *PACKAGES, cwd=folder)
    for package in sorted(folder.glob("*.deb")):
        run("dpkg", "-x", package, SYSTEM)
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in range(17, 37)]
    abis = [f"--abi={abi}" for abi in (f"cp{VERSION.replace('.', '')}", "abi3", "none")]
    python = [f"--python-version={VERSION}", "--implementation=cp", *abis, *platforms]
    target = packages.with_suffix(".partial")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--only-binary=:all:"]
    run(*pip, *python, f"--target={target}", *WHEELS)
    target.rename(packages)


def build():
    """Cross-build lrncore: setuptools takes these names from the environment."""
    include = SYSTEM / "usr" / "include"
    version = VERSION.replace(".", "")
    environment = {
        "_PYTHON_HOST_PLATFORM": "linux-aarch64",
        "SETUPTOOLS_EXT_SUFFIX": f".cpython-{version}-aarch64-linux-gnu.so",
        "CC": COMPILER,
        "LDSHARED": f"{COMPILER} -shared",
        "CFLAGS": f"-I{include / f'python{VERSION}'} -I{include}",
    }
    words = ["--quiet", "build", f"--build-base={PLACE}", f"--build-lib={LIBRARY}"]
    run(sys.executable, "setup.py", *words, cwd=ROOT, env=os.environ | environment)


def python():
    """Return a command that starts Python for arm64, and its children too."""
    command = PLACE / "python"
    command.write_text(START.format(system=SYSTEM, emulator=EMULATOR, version=VERSION))
    command.chmod(0o755)
    site = SYSTEM / "usr" / "lib" / f"python{VERSION}" / "sitecustomize.py"
    site.unlink(missing_ok=True)
    site.write_text(SITE.format(python=str(command), library=str(LIBRARY)))
    return command


def main(words):
    if sysconfig.get_platform().endswith("aarch64"):
        return "this is an arm64 machine: make test"
    if missing():
        return f"make test-arm64 needs {missing()}"
    prepare()
    build()
    files = [f"tests/{name}" for name in FILES]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # conftest.py beside setup.py would have pytest put the sources on the path
    options = ["-p", "no:cacheprovider", "--confcutdir=tests"]
    tests = [python(), "-P", "-m", "pytest", *options, *(words or ["--quiet", *files])]
    return subprocess.run(tests, cwd=ROOT, env=clean | {"PYTHONDONTWRITEBYTECODE": "1"}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
