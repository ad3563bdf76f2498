"""How `lrncore apply` ends: whole or not at all, whatever interrupts it, and in bounded memory."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from interpreters import clean_environment

import _lrncore_command
from lrncore import LRNSpec, __version__, lrn

SPEC = LRNSpec.torch(5)
WORDS = ["--convention", "torch", "--size", "5", "--axis", "1"]
#: But for SIGINT, which says a line
ENDING = ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGALRM", "SIGUSR1", "SIGXCPU"]
ROOT = Path(__file__).parents[1]
LONG = [*WORDS, "--memory", "1K", "--threads", "1"]
MiB = 2**20

posix = pytest.mark.skipif(sys.platform == "win32", reason="this system has no POSIX signals and limits")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names():
    return sorted(path.name for path in Path().iterdir())


def save_sparse(name, shape):
    """Write a file of zeros that takes no space, with ones at both ends."""
    with Path(name).open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
        start = stream.tell()
        stream.truncate(start + 4 * np.prod(shape))
    whole = np.load(name, mmap_mode="r+")
    whole.flat[:100] = whole.flat[-100:] = 1


@pytest.fixture
def running(folder, command):
    """Start a long run that would replace an old file, and return it when it has begun to write."""
    save_sparse("x.npy", (4096, 16, 256))
    np.save("y.npy", np.zeros(3))
    # a job in the background inherits SIGINT as ignored, and one of nohup SIGHUP
    before = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    before += f"for name in {ENDING}: signal.signal(getattr(signal, name), signal.SIG_DFL)"
    process = command(
        "apply", "x.npy", "y.npy", "--force", *LONG, before=before, wait=False, start_new_session=True
    )
    while not list(folder.glob(".lrncore-*.part")) and process.poll() is None:
        time.sleep(0.001)
    yield process
    process.kill()
    process.communicate()


@posix
@pytest.mark.parametrize(
    ("name", "status", "line"),
    [("SIGINT", 130, "lrncore apply: interrupted\n")]
    + [(name, 128 + getattr(signal, name, 0), "") for name in ENDING],
)
def test_interrupted_run_leaves_what_was_there(name, status, line, running):
    running.send_signal(getattr(signal, name))
    printed, said = running.communicate(timeout=60)
    assert (running.returncode, printed, said) == (status, "", line)
    assert names() == ["x.npy", "y.npy"]
    assert (np.load("y.npy") == np.zeros(3)).all()


@posix
@pytest.mark.parametrize("others", [["SIGINT"] * 3, ["SIGTERM", "SIGINT"]], ids="-".join)
def test_impatience_leaves_no_traceback(others, running):
    for name in ("SIGINT", *others):
        # as fast as fingers are, into whatever the first one has begun
        time.sleep(0.01)
        with contextlib.suppress(ProcessLookupError):
            running.send_signal(getattr(signal, name))
    printed, said = running.communicate(timeout=60)
    assert (running.returncode, printed, said) == (130, "", "lrncore apply: interrupted\n")
    assert names() == ["x.npy", "y.npy"]


@posix
def test_the_first_of_signals_that_come_at_once_ends_the_command(command):
    np.save("x.npy", np.ones((2, 3), "f4"))
    before = """
import os, signal, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
fsync, both = os.fsync, {signal.SIGINT, signal.SIGTERM}
def hurry(descriptor):
    signal.pthread_sigmask(signal.SIG_BLOCK, both)
    for each in both: signal.pthread_kill(threading.get_ident(), each)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
    fsync(descriptor)
os.fsync = hurry
"""
    done = command("apply", "x.npy", "y.npy", *WORDS, before=before)
    assert (done.status, done.said) == (130, "lrncore apply: interrupted\n")
    assert names() == ["x.npy"]


@posix
def test_interrupt_during_the_imports_leaves_no_traceback(folder):
    # the first thing that lrncore imports
    (folder / "numpy.py").write_text("import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(60)")
    program = f"import signal, sys; sys.path[:0] = {[str(folder), str(ROOT)]}\n"
    program += "signal.signal(signal.SIGINT, signal.default_int_handler)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"{program}\nfrom _lrncore_command import main; main()"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_command_on_the_path_runs():
    words = [sys.executable, _lrncore_command.__file__, "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=clean_environment())
    assert (done.returncode, done.stdout, done.stderr) == (0, f"lrncore {__version__}\n", "")


@posix
def test_ignored_hangup_stays_ignored(command):
    np.save("x.npy", np.ones((2, 3), "f4"))
    before = "import signal, os; signal.signal(signal.SIGHUP, signal.SIG_IGN)\nfsync = os.fsync\n"
    before += "def hang_up(descriptor): os.kill(os.getpid(), signal.SIGHUP); fsync(descriptor)\nos.fsync = hang_up"
    assert command("apply", "x.npy", "y.npy", *WORDS, before=before).status == 0


def test_existing_file_is_not_replaced(command):
    np.save("x.npy", np.ones((2, 3), "f4"))
    np.save("y.npy", np.zeros(3))
    done = command("apply", "x.npy", "y.npy", *WORDS)
    assert done == (2, "", "lrncore apply: y.npy: exists; --force replaces it\n")
    assert (np.load("y.npy") == np.zeros(3)).all()


# the last thing before the file gets its name
MEANWHILE = (
    "import os; fsync = os.fsync\ndef meanwhile(descriptor): open('y.npy', 'w').close(); fsync(descriptor)\n"
)


@pytest.mark.parametrize("links", ["", "\ndef refuse(*_): raise PermissionError(1, 'no links')\nos.link = refuse"])
def test_file_that_came_in_the_meantime_is_not_replaced(links, command):
    np.save("x.npy", np.ones((2, 3), "f4"))
    done = command("apply", "x.npy", "y.npy", *WORDS, before=f"{MEANWHILE}os.fsync = meanwhile{links}")
    assert (done.status, done.said.count("\n")) == (2, 1)
    assert "y.npy: exists since a moment ago; --force replaces it" in done.said
    assert names() == ["x.npy", "y.npy"]
    assert Path("y.npy").stat().st_size == 0


def test_file_system_without_links_will_do(command):
    np.save("x.npy", np.ones((2, 3), "f4"))
    before = "import os\ndef refuse(*_): raise PermissionError(1, 'no links')\nos.link = refuse"
    assert command("apply", "x.npy", "y.npy", *WORDS, before=before).status == 0
    assert names() == ["x.npy", "y.npy"]
    assert (np.load("y.npy") == lrn(np.load("x.npy"), SPEC)).all()


LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"


@posix
@pytest.mark.parametrize("reserved", ["", "import os; vars(os).pop('posix_fallocate', None)"])
def test_file_that_may_not_grow_loses_nothing(reserved, command):
    np.save("x.npy", np.ones((40, 10, 100), "f4"))
    np.save("y.npy", np.zeros(3))
    done = command("apply", "x.npy", "y.npy", "--force", *WORDS, "--memory", "16K", before=LIMIT + reserved)
    assert done == (1, "", "lrncore apply: y.npy: File too large; nothing was written\n")
    assert names() == ["x.npy", "y.npy"]
    assert (np.load("y.npy") == np.zeros(3)).all()


@posix
def test_input_that_is_cut_while_it_is_read_is_one_line(command):
    np.save("x.npy", np.ones((40, 10, 100), "f4"))
    before = "import os\nposix_fallocate = os.posix_fallocate\n"
    before += (
        "def cut(*arguments): os.truncate('x.npy', 100000); posix_fallocate(*arguments)\nos.posix_fallocate = cut"
    )
    done = command("apply", "x.npy", "y.npy", *WORDS, "--memory", "16K", before=before)
    assert done == (2, "", "lrncore apply: x.npy: it was cut while it was read\n")
    assert names() == ["x.npy"]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("no/y.npy", "No such file or directory"),
        ("folder", "is not a file, and is not replaced"),
        (os.devnull, "is not a file, and is not replaced"),
        ("x.npy/y.npy", "Not a directory"),
        ("y", "must end in .npy"),
        ("y.npz", "must end in .npy"),
        ("folder/", "must be the name of a file, not of a folder"),
        ("y.npy/", "must be the name of a file, not of a folder"),
        (f"{'n' * 252}.npy", "File name too long"),
        (f"{'folder/' * 1000}y.npy", "File name too long"),
    ],
)
def test_place_where_no_file_can_be_is_one_line(path, line, command_here):
    np.save("x.npy", np.ones((2, 3), "f4"))
    Path("folder").mkdir()
    # the input is not looked at before
    for name in ("x.npy", "no.npy"):
        assert command_here("apply", name, path, "--force", *WORDS) == (2, "", f"lrncore apply: {path}: {line}\n")


def test_output_has_a_name(command_here):
    np.save("x.npy", np.ones((2, 3), "f4"))
    done = command_here("apply", "x.npy", "", "--force", *WORDS)
    assert done == (2, "", "lrncore apply: OUT.npy must have a name, got ''\n")
    assert names() == ["x.npy"]


def mode(name):
    return Path(name).stat().st_mode & 0o777


@posix
@pytest.mark.parametrize(
    ("given", "umask", "found"), [(0o600, 0o022, 0o600), (0o664, 0o027, 0o640), (0o444, 0, 0o444)]
)
def test_mode_is_that_of_the_input(given, umask, found, command):
    np.save("x.npy", np.ones((2, 3), "f4"))
    Path("x.npy").chmod(given)
    assert command("apply", "x.npy", "y.npy", *WORDS, before=f"import os; os.umask({umask})").status == 0
    assert mode("y.npy") == found


@posix
def test_mode_is_no_wider_than_that_of_a_gradient(command):
    np.save("x.npy", np.ones((2, 3), "f4"))
    np.save("g.npy", np.ones((2, 3), "f4"))
    Path("g.npy").chmod(0o600)
    assert command("apply", "x.npy", "dx.npy", "--backward", "g.npy", *WORDS).status == 0
    assert mode("dx.npy") == 0o600


@posix
@pytest.mark.parametrize("name", ["y.npy", "x.npy"])
def test_mode_of_what_is_replaced_stays(name, command):
    np.save("x.npy", np.ones((2, 3), "f4"))
    np.save("y.npy", np.zeros(3))
    Path(name).chmod(0o620)
    assert command("apply", "x.npy", name, "--force", *WORDS).status == 0
    assert mode(name) == 0o620


@posix
def test_owner_of_what_is_replaced_stays(command):
    if os.getuid():
        pytest.skip("only root can give files away")
    np.save("x.npy", np.ones((2, 3), "f4"))
    np.save("y.npy", np.zeros(3))
    os.chown("y.npy", 12345, 54321)
    assert command("apply", "x.npy", "y.npy", "--force", *WORDS).status == 0
    found = Path("y.npy").stat()
    assert (found.st_uid, found.st_gid) == (12345, 54321)


@posix
def test_owner_that_cannot_stay_is_no_surprise(command):
    np.save("x.npy", np.ones((2, 3), "f4"))
    np.save("y.npy", np.zeros(3))
    before = "import os\ndef refuse(*_): raise PermissionError(1, 'Operation not permitted')\nos.fchown = refuse\n"
    # as if y.npy were somebody else's
    before += "stat = os.fstat\nclass Other:\n    st_uid, st_gid, st_mode = -2, -2, 0o644\n"
    before += "os.fstat = lambda d: Other if os.readlink(f'/proc/self/fd/{d}').endswith('.part') else stat(d)"
    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not tell which file a descriptor is")
    done = command("apply", "x.npy", "y.npy", "--force", *WORDS, before=before)
    line = "y.npy: has another owner or group than your files, and would not keep it; remove it first"
    assert done == (2, "", f"lrncore apply: {line}\n")
    assert names() == ["x.npy", "y.npy"]


@posix
def test_what_is_read_only_is_not_replaced(command_here):
    np.save("x.npy", np.ones((2, 3), "f4"))
    np.save("y.npy", np.zeros(3))
    Path("y.npy").chmod(0o444)
    done = command_here("apply", "x.npy", "y.npy", "--force", *WORDS)
    line = "y.npy: is read-only, which --force does not override; chmod u+w it, or remove it"
    assert done == (2, "", f"lrncore apply: {line}\n")
    assert (np.load("y.npy") == np.zeros(3)).all()


def test_link_is_followed(command):
    np.save("x.npy", np.ones((2, 3), "f4"))
    Path("elsewhere").mkdir()
    np.save("elsewhere/y.npy", np.zeros(3))
    Path("y.npy").symlink_to("elsewhere/y.npy")
    assert command("apply", "x.npy", "y.npy", "--force", *WORDS).status == 0
    assert Path("y.npy").is_symlink()
    assert (np.load("elsewhere/y.npy") == lrn(np.load("x.npy"), SPEC)).all()


# 64 MiB beyond what Python has taken, for files of 256 MiB; without threads, whose stacks take address space
BOUNDED = """
import resource, lrncore.commands
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 64 * 2**20,) * 2)
"""


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="this system does not tell how much a process has"
)
@pytest.mark.parametrize(
    ("shape", "axis", "ends"),
    [
        ((64, 64, 128, 128), 1, np.s_[:1, -1:]),
        ((64, 1024, 1024), 0, (np.s_[:, :1], np.s_[:, -1:])),
        # with zeros beside the ones, so that nothing beyond counts
        ((64 * MiB,), 0, np.s_[:200, -200:]),
    ],
    ids=["outer", "inner", "channels"],
)
def test_memory_is_bounded(shape, axis, ends, command):
    save_sparse("x.npy", shape)
    words = [*WORDS, "--axis", axis, "--memory", "16M", "--threads", "1"]
    done = command("apply", "x.npy", "y.npy", *words, before=BOUNDED)
    assert done.status == 0, done.said
    x, y = (np.load(name, mmap_mode="r") for name in ("x.npy", "y.npy"))
    for end in ends:
        assert (y[end] == lrn(x[end], SPEC, axis)).all()


@posix
def test_too_much_memory_is_one_line(command):
    save_sparse("x.npy", (64 * MiB, 1))
    done = command("apply", "x.npy", "y.npy", *WORDS, "--memory", "1G", before=BOUNDED)
    assert done == (1, "", "lrncore apply: not enough memory\n")
    assert names() == ["x.npy"]


def on_a_terminal(command, *words, **options):
    """Run a command whose error stream is a terminal, and return its status and what was shown."""
    pty, termios = (pytest.importorskip(name, reason="this system has no terminals") for name in ("pty", "termios"))
    here, there = pty.openpty()
    termios.tcsetwinsize(there, (24, 80))
    process = command(*words, stderr=there, wait=False, **options)
    os.close(there)
    shown = b""
    with io.FileIO(here) as stream:
        while True:
            try:
                piece = stream.read(4096)
            except OSError:  # how Linux says that the other end is closed
                break
            if not piece:
                break
            shown += piece
    process.communicate()
    return process.returncode, shown.decode()


def test_progress_is_shown_on_a_terminal(command):
    pytest.importorskip("tqdm", reason="tqdm is not installed: `pip install tqdm` runs this test")
    np.save("x.npy", np.ones((40, 10, 100), "f4"))
    status, shown = on_a_terminal(command, "apply", "x.npy", "y.npy", *WORDS, "--memory", "16K")
    assert status == 0
    assert "%|" in shown
    assert shown.endswith(" GB/s\r\n")


def test_terminal_is_told_once_how_to_see_progress(command):
    np.save("x.npy", np.ones((40, 10, 100), "f4"))
    hidden = "import sys; sys.modules['tqdm'] = None"
    status, shown = on_a_terminal(command, "apply", "x.npy", "y.npy", *WORDS, "--memory", "16K", before=hidden)
    assert status == 0
    first, second = shown.splitlines()
    assert first == "pip install tqdm, and this shows its progress"
    assert second.startswith("y.npy: ")


def test_quiet_run_says_nothing(command):
    np.save("x.npy", np.ones((40, 10, 100), "f4"))
    assert on_a_terminal(command, "apply", "x.npy", "y.npy", *WORDS, "--quiet") == (0, "")
