"""What is shipped: the sdist builds the wheel, and neither holds too little or too much."""

import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import lrncore

X86_64 = sysconfig.get_platform().endswith(("x86_64", "amd64"))
ROOT = Path(__file__).parents[1]
HEADERS = [f"lrncore/kernels/{path.name}" for path in sorted((ROOT / "lrncore" / "kernels").glob("*.h"))]
SOURCES = sorted(
    str(path.relative_to(ROOT).as_posix())
    for pattern in (
        "_lrncore_command.py",
        "lrncore/**/*.py",
        "lrncore/**/*.pyi",
        "lrncore/kernels/*.pyx",
        "lrncore/kernels/*.pxi",
        "lrncore/kernels/*.c",
        "lrncore/*.pyx",
        "lrncore/*.pxd",
        "lrncore/include/*.h",
        "liblrncore.py",
    )
    for path in ROOT.glob(pattern)
)


def build(kind, source, target):
    """Build `source` into the folder `target`."""
    command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = target.iterdir()
    return found


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """Copy what is committed, and the C that Cython has made of it, which it then does not make again."""
    copied = tmp_path_factory.mktemp("source") / "source"
    left_out = shutil.ignore_patterns(".*", "build", "dist", "*.so", "*.pyd", "*.egg-info", "__pycache__", "env")
    shutil.copytree(ROOT, copied, ignore=left_out)
    if (ROOT / "build" / "cython").exists():
        shutil.copytree(ROOT / "build" / "cython", copied / "build" / "cython")
    return copied


@pytest.fixture(scope="session")
def unpacked_sdist(source, tmp_path_factory):
    """Make an sdist, once, and unpack it."""
    pytest.importorskip("build", reason="build is not installed: `pip install build` runs these tests")
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("sdist", source, folder / "dist")) as archive:
        # 3.11.4 brought the filter, and 3.12 warns without it
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(folder / "unpacked", **safely)  # noqa: S202  (an archive of our own)
    (found,) = (folder / "unpacked").iterdir()
    return found


def names(folder):
    """Return the names of all files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def sdist(unpacked_sdist):
    """Return the names in the sdist, below its own folder."""
    return names(unpacked_sdist)


@pytest.fixture(scope="session")
def modules(source, tmp_path_factory):
    """Return the names of what a wheel takes as it is: all but the extensions and the metadata."""
    folder = tmp_path_factory.mktemp("modules")
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return names(folder)


@pytest.fixture(scope="session")
def wheel(unpacked_sdist, sdist, tmp_path_factory):
    """Make a wheel from the sdist, once, for it compiles everything, and unpack it."""
    assert sdist  # listed before the build adds to it
    if shutil.which(os.environ.get("CC", "cc")) is None:
        pytest.skip("no C compiler is installed")
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build("wheel", unpacked_sdist, folder / "dist")) as archive:
        archive.extractall(folder / "unpacked")  # noqa: S202
    return folder / "unpacked"


def test_sdist_holds_every_source(sdist):
    assert {*SOURCES, *HEADERS} - sdist == set()


@pytest.mark.parametrize("name", ["lrncore/kernels/platform.h", "lrncore/py.typed", "pyproject.toml", "setup.py"])
def test_sdist_holds_what_builds_it(name, sdist):
    assert name in sdist


@pytest.mark.parametrize("name", ["LICENSE", "README.md"])
def test_sdist_holds_what_a_reader_needs(name, sdist):
    assert name in sdist


def test_sdist_holds_all_of_the_tests_or_none(sdist):
    tests = {path.relative_to(ROOT).as_posix() for kind in ("*.py", "*.c") for path in (ROOT / "tests").rglob(kind)}
    assert {name for name in sdist if name.startswith("tests/")} in (set(), tests)


def test_sdist_holds_nothing_generated(sdist):
    kept = ("tests/header/", "examples/c/", "lrncore/kernels/c_face.c", "lrncore/kernels/onnxruntime.c")
    compiled = [name for name in sdist if name.endswith((".c", ".so", ".o", ".pyc"))]
    assert [name for name in compiled if not name.startswith(kept)] == []


def test_wheel_takes_the_modules_and_nothing_else(modules):
    shipped = {name for name in SOURCES if name.endswith((".py", ".pyi", ".pxd")) or "/include/" in name}
    assert modules == (shipped - {"liblrncore.py"}) | {"lrncore/py.typed"}


@pytest.mark.slow
def test_wheel_holds_the_modules_the_extensions_and_the_licence(wheel, modules):
    shipped = names(wheel)
    extensions = {name for name in shipped if name.endswith((".so", ".pyd"))}
    others = {name for name in shipped - extensions if ".dist-info/" not in name}
    assert others == modules
    built = {path.stem for path in (ROOT / "lrncore").glob("**/*.pyx")}
    if not X86_64:
        built = {name for name in built if name.startswith(("_platform", "_baseline", "_c_api"))}
    if sys.platform == "linux":
        built.add("_onnxruntime")
    assert {name.split("/")[-1].split(".")[0] for name in extensions} == built
    assert [name for name in shipped if name.endswith("LICENSE")]


@pytest.mark.slow
def test_version_of_the_wheel(wheel):
    (found,) = metadata.distributions(path=[str(wheel)])
    assert found.version == lrncore.__version__


@pytest.mark.slow
def test_wheel_needs_numpy_only(wheel):
    (found,) = metadata.distributions(path=[str(wheel)])
    required = [line for line in found.requires or [] if "extra ==" not in line]
    assert [line.split(">")[0] for line in required] == ["numpy"]


@pytest.mark.slow
def test_wheel_computes(wheel, python):
    program = """
import lrncore, numpy as np
print(lrncore.__file__)
print(lrncore.lrn(np.array([[3.0, 4.0]]), lrncore.LRNSpec(1, 1, 1.0, 0.5, 0.0)).round(6).tolist())
"""
    place, result = python(program, PYTHONPATH=str(wheel)).splitlines()
    assert Path(place).parent == wheel / "lrncore"
    assert result == "[[0.6, 0.8]]"


def test_import_brings_numpy_and_the_standard_library_only(python):
    program = """
import sys, numpy
before = set(sys.modules)
import lrncore
new = {name.split(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
# every Cython extension module registers its own runtime
print(sorted(name for name in new - {"lrncore", "numpy"} if not name.lstrip("_").startswith("cython_")))
"""
    assert python(program) == "[]"


def test_import_leaves_out_what_only_some_calls_need(python):
    program = """
import sys, numpy
before = set(sys.modules)
import lrncore
isa = lrncore.kernels.isa
unused = {"pathlib", "numpy.typing", "difflib", "re", "lrncore.kernels._lrn", "lrncore.kernels._norms"}
print(sorted((set(sys.modules) - before) & unused), list(lrncore.kernels.LOADED))
"""
    assert python(program) == "[] []"


def test_threads_may_load_a_module_at_once(python):
    program = """
import sys, threading, numpy as np, lrncore
spec = lrncore.LRNSpec(1, 1, 1.0, 0.5, 0.0)
start, results = threading.Barrier(8), []
def work():
    start.wait()
    results.append(lrncore.lrn(np.array([[3.0, 4.0]]), spec).round(6).tolist())
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(lrncore.kernels.LOADED), results == 8 * [[[0.6, 0.8]]])
"""
    assert python(program) == "1 True"


def test_modules_are_compiled_at_once_in_editable_installations_too(monkeypatch):
    pytest.importorskip("Cython")
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MAX_JOBS", "3")
    found = runpy.run_path("setup.py")
    # setuptools looks up `parallel` by this name
    assert found["BuildExt"].command_name == "build_ext"
    assert found["jobs"]() == 3
    monkeypatch.delenv("MAX_JOBS")
    assert 1 <= found["jobs"]() <= os.cpu_count()


def test_all_names_exist():
    assert [name for name in lrncore.__all__ if not hasattr(lrncore, name)] == []


def test_version_is_that_of_the_installed_package():
    try:
        installed = metadata.version("lrncore")
    except metadata.PackageNotFoundError:
        pytest.skip("lrncore is not installed, only imported from its folder")
    assert installed == lrncore.__version__


def test_uncompiled_sources_say_what_they_are(tmp_path):
    shutil.copytree(ROOT / "lrncore", tmp_path / "lrncore", ignore=shutil.ignore_patterns("*.so", "*.pyd"))
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[1:1] = {sys.path!r}; import lrncore"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "ImportError: lrncore was found in its uncompiled sources: start Python elsewhere, "
        "or build them (pip install -e .)"
    )
