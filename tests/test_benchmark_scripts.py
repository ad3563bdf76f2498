"""What is around asv: the comparison that asks twice, and the page whose libraries are served locally."""

import hashlib
import importlib.util
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "asv_bench"
#: Stands in for asv: prints what the next file of its folder holds, and ends as asv would.
ASV = """
import sys
from pathlib import Path
answer = min(Path(__file__).parent.glob("*.txt"))
text = answer.read_text()
answer.unlink()
print(text)
sys.exit(2 if "Traceback" in text else "| +" in text or "| !" in text)
"""
FASTER = "| -        | 2.0±0.1ms | 1.0±0.1ms |    0.50 | backward.Layers.time_backward('AlexNet, batch 1') |"
SLOWER = "| +        | 1.0±0.1ms | 2.0±0.1ms |    2.00 | forward.Layers.time_forward('AlexNet, batch 1') |"
#: To asv, what a commit that does not build has for every benchmark
BROKEN = "| !        | 1.0±0.1ms | failed    |     n/a | overhead.SmallCall.time_module |"


@pytest.fixture
def compare(tmp_path, monkeypatch):
    """Run compare.py beside an asv that gives these answers in turn."""

    def run(*answers):
        (tmp_path / "asv.py").write_text(ASV)
        for number, answer in enumerate(answers):
            (tmp_path / f"{number}.txt").write_text(answer)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        command = [sys.executable, FOLDER / "compare.py", "main", "HEAD"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def test_faster_passes(compare):
    done = compare(FASTER)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("row", "name"), [(SLOWER, "time_forward('AlexNet, batch 1')"), (BROKEN, "time_module")])
def test_slower_twice_fails_and_is_named_last(compare, row, name):
    done = compare(f"{row}\n{FASTER}", row)
    assert done.returncode == 1
    assert name in done.stdout.splitlines()[-1]


def test_slower_once_passes(compare):
    done = compare(SLOWER, FASTER)
    assert (done.returncode, done.stderr) == (0, "")
    assert "only once slower, by 2.00" in done.stdout


def test_benchmark_that_raises_fails(compare):
    done = compare("Traceback")
    assert done.returncode == 1
    assert "could not compare main with HEAD" in done.stderr


@pytest.fixture
def libraries():
    spec = importlib.util.spec_from_file_location("libraries", FOLDER / "libraries.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["libraries"] = module  # where dataclasses look up the module of a class
    spec.loader.exec_module(module)
    yield module
    del sys.modules["libraries"]


@pytest.fixture
def one_library(libraries, monkeypatch, tmp_path):
    """Let there be one library, with its archive in a folder."""
    path = tmp_path / "jquery-3.3.1.tgz"
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo("package/dist/jquery.min.js")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"/**/"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(
        libraries, "LIBRARIES", [libraries.Library("jquery", "3.3.1", digest, ("dist/jquery.min.js",))]
    )
    return path


def page(folder, script):
    folder.mkdir()
    (folder / "index.html").write_text(f'<script src="{script}" integrity="sha256-x" crossorigin="a"></script>')
    return folder


def test_page_loads_its_libraries_from_beside_it(libraries, one_library, tmp_path):
    html = page(tmp_path / "html", "https://example.org/jquery-3.3.1.min.js")
    libraries.install(one_library.parent, html)
    assert (html / "index.html").read_text() == '<script src="libraries/jquery.min.js"></script>'
    assert (html / "libraries" / "jquery.min.js").read_text() == "/**/"


def test_page_with_another_library_is_refused(libraries, one_library, tmp_path):
    html = page(tmp_path / "html", "https://example.org/d3.min.js")
    with pytest.raises(SystemExit, match=r"loads https://example\.org/d3\.min\.js"):
        libraries.install(one_library.parent, html)


def test_archive_with_other_bytes_is_refused(libraries, one_library, tmp_path):
    one_library.write_bytes(b"something else")
    html = page(tmp_path / "html", "https://example.org/jquery-3.3.1.min.js")
    with pytest.raises(SystemExit, match=r"is not jquery 3\.3\.1"):
        libraries.install(one_library.parent, html)
