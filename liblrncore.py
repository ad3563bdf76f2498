"""Builds the C library, which needs no Python: ``python liblrncore.py [FOLDER]``, or ``make liblrncore``.

The kernels are the C files that Cython makes for the extension modules. Only what lrncore.h reaches is kept of
them, so that no call of Python is left. CC names another compiler, a cross-compiler too: then _PYTHON_HOST_PLATFORM
names its platform, as for setup.py, and Python's headers are those of the Python that runs this. LRNCORE_OPENMP=0
builds a serial library. It takes GNU's linker, hence Linux.
"""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SETUP: dict[str, Any] = runpy.run_path("setup.py")
VERSION = runpy.run_path("lrncore/_version.py")["__version__"]
KERNELS = Path("lrncore/kernels")
INCLUDE = Path("lrncore/include")
COMPILER: list[str] = SETUP["COMPILER"]
# every function in a section of its own, so that the linker can leave it out
SECTIONS = ["-fPIC", "-ffunction-sections", "-fdata-sections", "-DNDEBUG"]


def run(*command: object) -> str:
    """Run a command; if it fails, end with what it says."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{shlex.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def tool(name: str) -> str:
    """Return the program of this name that belongs to the compiler."""
    return run(*COMPILER, f"-print-prog-name={name}")


def python_headers(folder: Path) -> list[object]:
    """Return the options that find Python's headers.

    Debian's pyconfig.h includes that of the compiler's target, where a compiler for another C library or processor
    does not look: it gets that of this Python.
    """
    include = Path(sysconfig.get_path("include"))
    for name in re.findall(r"include <(.+/pyconfig\.h)>", (include / "pyconfig.h").read_text()):
        stand_in = folder / "python" / name
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        own = include.parent / sysconfig.get_config_var("MULTIARCH") / include.name / "pyconfig.h"
        stand_in.write_text(f'#include "{own}"\n')
    return ["-I", include, "-I", folder / "python"]


def compile_all(folder: Path, flags: list[str]) -> list[Path]:
    """Compile the kernels and the C face, as many at once as there are processors; return the objects."""
    macros = [f"-D{name}={value}" for name, value in SETUP["MACROS"]]
    headers = ["-I", KERNELS, "-I", INCLUDE, *python_headers(folder)]

    def kernels(extension: Any) -> Path:
        name = extension.name.rpartition(".")[2]
        source, made = folder / f"{name}.c", folder / f"{name}.o"
        run(sys.executable, "-m", "cython", "-3", *extension.sources, "--module-name", extension.name, "-o", source)
        defined = [f"-D{macro}={value}" for macro, value in extension.define_macros]
        entry = f"-DLRN_ENTRY=lrn{name}"
        run(
            *COMPILER,
            *flags,
            *macros,
            *defined,
            entry,
            *extension.extra_compile_args,
            *headers,
            "-c",
            source,
            "-o",
            made,
        )
        return made

    found = [
        each for each in SETUP["extensions"]() if re.fullmatch(r"_[a-z0-9]+_f(32|64)", each.name.rpartition(".")[2])
    ]
    sets = dict.fromkeys(each.name.rpartition("._")[2].rpartition("_")[0] for each in found)
    face = folder / "c_face.o"
    words = [f'-DLRN_VERSION="{VERSION}"', f"-DLRN_SETS={' '.join(f'X({isa})' for isa in sets)}"]
    run(*COMPILER, *flags, *words, *headers, "-c", KERNELS / "c_face.c", "-o", face)
    with ThreadPoolExecutor(SETUP["jobs"]()) as pool:
        return [face, *pool.map(kernels, found)]


def functions() -> list[str]:
    """Return the names of the functions that lrncore.h declares."""
    declared = (line.partition("(")[0] for line in (INCLUDE / "lrncore.h").read_text().splitlines())
    return [
        words[-1].lstrip("*")
        for line in declared
        if len(words := line.split()) > 1 and words[-1].lstrip("*")[:4] == "lrn_"
    ]


def main() -> None:
    """Build the shared and the static library, and put the header beside them."""
    folder = Path(*sys.argv[1:2] or ["build/liblrncore"])
    objects = folder / "objects"
    objects.mkdir(parents=True, exist_ok=True)
    parallel = SETUP["openmp"]()
    made = compile_all(objects, [*SETUP["GNU_FLAGS"], *SETUP["small"](), *SECTIONS, *parallel])
    whole, static, shared = folder / "lrncore.o", folder / "liblrncore.a", folder / "liblrncore.so"
    roots = [f"-Wl,-u,{name}" for name in functions()]
    run(*COMPILER, "-r", "-nostdlib", "-Wl,--gc-sections", *roots, *made, "-o", whole)
    run(tool("objcopy"), "--localize-hidden", "--strip-unneeded", whole)
    static.unlink(missing_ok=True)
    run(tool("ar"), "rcs", static, whole)
    run(*COMPILER, "-shared", "-Wl,--no-undefined", "-Wl,-s", whole, *parallel, "-lm", "-lpthread", "-o", shared)
    shutil.copy(INCLUDE / "lrncore.h", folder)
    sizes = ", ".join(f"{path} ({path.stat().st_size // 1000} kB)" for path in (shared, static))
    print(f"{sizes}, {folder / 'lrncore.h'}, {'with OpenMP' if parallel else 'without OpenMP'}")


if __name__ == "__main__":
    main()
