"""In a clone of HEAD: `make bench-compare` catches a slower kernel, and the published page draws the results.

The kernels are built with little optimisation and without inlining, in seconds instead of minutes: they are slow
but right, and only ratios are looked at.
"""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
WHEELS = os.environ.get("WHEELS")
COMPILER = '#!/bin/sh\nexec {compiler} "$@" -O1 -UCYTHON_INLINE\n'
AUTHOR = ["-c", "user.name=A test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
#: The call that normalizes a row, and the one that normalizes columns where these go straight
CALLS = {"walk_rows": r"op\.ready\(.*\)", "walk_columns": r"done = job\.op\.straight\(.*\)"}
#: What is planted makes the call several times slower; a neighbour on the same cores does not.
TIMES = 6
FACTOR = 2
BENCHMARK = "forward.Dtypes.time_forward"
CASE = f"{BENCHMARK}('float32', 'planar', 1)"
#: Looks at asv's page in a frame, as only a page of the same server may; what it found is its title. The frame is
#: high because asv draws what is in view.
PROBE = """<!doctype html><iframe id=frame width=1200 height=5000 src="index.html{place}"></iframe><script>
setTimeout(() => {{
  const page = document.getElementById("frame").contentWindow;
  const requests = page.performance.getEntriesByType("resource").map(entry => entry.name);
  const elsewhere = requests.filter(name => !name.startsWith(location.origin));
  document.title = JSON.stringify([{expression}, elsewhere.length]);
}}, 5000);
</script>"""


class Clone:
    """A git clone, and what one types in it."""

    def __init__(self, folder, compiler):
        self.folder = folder
        foreign = ("GIT", "LRN", "MAKE", "MFLAGS")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.environment["CC"] = str(compiler)
        if WHEELS:
            self.environment["WHEELS"] = str(ROOT / WHEELS)

    def run(self, *command):
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.run(command, cwd=self.folder, env=self.environment, check=False, **output)

    def commit(self, message):
        done = self.run("git", *AUTHOR, "commit", "--quiet", "--all", "--allow-empty", "-m", message)
        assert done.returncode == 0, done.stdout

    def make(self, target, **variables):
        settings = {"PYTHON": sys.executable} | variables
        return self.run("make", target, *(f"{name}={value}" for name, value in settings.items()))

    def compare(self):
        # shells and make take some characters for their own
        pattern = re.sub(r"[^\w, .]", ".", CASE)
        return self.make("bench-compare", BASE="HEAD^", FACTOR=FACTOR, BENCH=pattern)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git clone, which a release's archive is not")
    folder = tmp_path_factory.mktemp("dashboard")
    compiler = folder / "compiler"
    compiler.write_text(COMPILER.format(compiler=os.environ.get("CC", "cc")))
    compiler.chmod(0o755)
    clone = Clone(folder / "lrncore", compiler)
    subprocess.run([shutil.which("git"), "clone", "--quiet", ROOT, clone.folder], check=True)
    return clone


@pytest.fixture(scope="module")
def equal(clone):
    """Compare a commit with one that changes nothing."""
    clone.commit("Nothing")
    return clone.compare()


@pytest.fixture(scope="module")
def slower(clone, equal):  # noqa: ARG001
    """Compare it with one whose kernels normalize every row, or column, several times."""
    for name, call in CALLS.items():
        source = clone.folder / "lrncore" / "kernels" / f"{name}.pxi"
        planted, places = re.subn(rf"(?m)^( +)({call})$", r"\1" + r"\2; " * TIMES, source.read_text())
        assert places == 1, f"{source} has no single {call}"
        source.write_text(planted)
    clone.commit("A slower kernel")
    return clone.compare()


@pytest.fixture(scope="module")
def site(clone, slower):  # noqa: ARG001
    """Publish the results of those three commits, and serve them."""
    if not (shutil.which("npm") or WHEELS):
        pytest.skip("needs npm (Debian: apt install npm), or WHEELS=folder as `make asv-wheels` fills it")
    done = clone.make("dashboard-html")
    assert done.returncode == 0, done.stdout
    folder = clone.folder / "asv_bench" / "html"

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def look(site, tmp_path):
    """Open a place of asv's page in an offline Chromium; return a figure from it, and its requests elsewhere."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("needs Chromium (Debian: apt install chromium)")
    folder, address = site

    def figure(place, expression):
        (folder / "probe.html").write_text(PROBE.format(place=place, expression=expression))
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += [f"--user-data-dir={tmp_path}", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        command += ["--virtual-time-budget=20000", "--dump-dom", f"{address}/probe.html"]
        page = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
        found = re.search(r"<title>\[(\d+),(\d+)\]</title>", page)
        assert found, page
        return tuple(map(int, found.groups()))

    return figure


def test_commit_that_changes_nothing_passes(equal):
    assert equal.returncode == 0, equal.stdout


def test_slower_kernel_fails(slower):
    assert slower.returncode != 0, slower.stdout


def test_slower_benchmark_is_named(slower):
    assert CASE in "\n".join(slower.stdout.splitlines()[-3:])


def test_grid_shows_the_benchmark(look):
    assert look("#/", f"page.$('[id=\"summarygrid-{BENCHMARK}\"] canvas').length && 1") == (1, 0)


def test_graph_has_a_point_for_each_commit(look):
    lengths = "page.$('#main-graph').data('plot').getData().map(line => line.data.length)"
    assert look(f"#{BENCHMARK}", f"Math.max(...{lengths})") == (3, 0)
