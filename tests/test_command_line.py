"""The commands that print: their results, their help, and how they end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import lrncore
from lrncore import LRNSpec, _threads, kernels
from lrncore.commands import COMMANDS, _parameters, info
from lrncore.commands._ending import visible

NAMES = [command.__name__.rpartition(".")[2] for command in COMMANDS]


@pytest.mark.parametrize("name", NAMES)
def test_help_has_examples_and_exit_statuses(name, command_here):
    done = command_here(name, "--help")
    assert (done.status, done.said) == (0, "")
    assert f"\nexamples:\n  lrncore {name}" in done.printed
    assert "\nexit status:\n  0    done\n" in done.printed
    assert max(map(len, done.printed.splitlines())) <= 100


def test_help_lists_every_command(command):
    lines = command("--help").printed.splitlines()
    assert [line.split()[0] for line in lines if line[:4].isspace() and line[4:5].isalpha()] == NAMES


def test_module_runs():
    done = subprocess.run(
        [sys.executable, "-m", "lrncore", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"lrncore {lrncore.__version__}\n")


def test_import_of_the_library_leaves_the_command_line_alone(python):
    assert python("import sys, lrncore; print('argparse' in sys.modules, 'lrncore.commands' in sys.modules)") == (
        "False False"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "lrncore: the following arguments are required: COMMAND (see lrncore --help)"),
        (["aply", "x.npy"], "lrncore: there is no command 'aply'; did you mean apply? (see lrncore --help)"),
        (["normalize"], "lrncore: there is no command 'normalize' (see lrncore --help)"),
        (["--versoin"], "lrncore: there is no option --versoin; did you mean --version? (see lrncore --help)"),
        (
            ["conventions", "--all"],
            "lrncore conventions: there is no option --all (see lrncore conventions --help)",
        ),
        (["demo", "now"], "lrncore demo: unrecognized arguments: now (see lrncore demo --help)"),
        (
            ["bench", "--sec", "1"],
            "lrncore bench: there is no option --sec; did you mean --seconds? (see lrncore bench --help)",
        ),
        (
            # before it is said that OUT.npy is missing, and before 5 is taken for it
            ["apply", "x.npy", "--sise", "5"],
            "lrncore apply: there is no option --sise; did you mean --size? (see lrncore apply --help)",
        ),
        (["bench", "--seconds", "soon"], "lrncore bench: --seconds must be a number above 0, got 'soon'"),
        (["bench", "--seconds", "nan"], "lrncore bench: --seconds must be a number above 0, got 'nan'"),
        (["bench", "--seconds", "-1"], "lrncore bench: --seconds must be a number above 0, got '-1'"),
    ],
)
def test_wrong_command_line_is_one_line(words, line, command_here):
    assert command_here(*words) == (2, "", f"{line}\n")


def test_info_tells_what_show_config_does(command_here, monkeypatch):
    monkeypatch.setattr(_threads, "_kinds", {})  # as in a new process
    known = json.loads(command_here("info", "--json").printed)
    config = lrncore.show_config(mode="dicts")
    assert {name: known[name] for name in config} == config


def test_info_tells_the_flags_of_each_instruction_set(command_here):
    known = json.loads(command_here("info", "--json").printed)
    assert known["compiler"].split()[0] in {"gcc", "clang"}
    assert {"-O2", "-ffp-contract=off"} <= set(known["flags"]["baseline"].split())
    for isa in kernels.available():
        assert isa in known["flags"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_info_tells_why_there_are_so_many_threads(command):
    known = json.loads(command("info", "--json", before="import os; os.sched_setaffinity(0, {0})").printed)
    assert (known["affinity"], known["threads"]) == (1, 1)


def test_info_is_for_people_too(command_here):
    lines = command_here("info").printed.splitlines()
    assert lines[0] == f"lrncore          {lrncore.__version__}"
    assert any(line.startswith("flags baseline   -O2 ") for line in lines)
    assert max(map(len, lines)) <= 100


def test_caches_are_read(tmp_path):
    for index, (level, kind, size) in enumerate(
        [("1", "Data", "48K"), ("1", "Instruction", "32K"), ("2", "Unified", "1024K")]
    ):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, text in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(f"{text}\n")
    assert info.caches(tmp_path) == {"L1 data": 48 * 1024, "L1 instruction": 32 * 1024, "L2": 1024 * 1024}


def test_unknown_caches_are_absent(tmp_path):
    (tmp_path / "index0").mkdir()
    assert info.caches(tmp_path) is None


def test_conventions_are_the_table(command):
    assert command("conventions") == (0, f"{lrncore.conventions()}\n", "")


@pytest.mark.parametrize("words", [["onnx"], ["Caffe", "TORCH-js"]])
def test_conventions_may_be_some_of_them(words, command_here):
    names = [word.lower().replace("-", "_") for word in words]
    done = command_here("conventions", *words)
    assert (done.status, done.said) == (0, "")
    rows = [line.split()[0] for line in done.printed.splitlines()[2:] if line[0] != " "]
    assert rows == [row.name for row in lrncore.conventions() if row.name in names]


def test_the_table_fits_a_narrow_window():
    assert max(map(len, str(lrncore.conventions()).splitlines())) <= 60


def test_help_begins_with_what_most_come_for(command_here):
    printed = command_here("--help").printed
    assert NAMES[0] == "apply"
    examples = printed.partition("examples:\n")[2]
    assert all(f"  lrncore {name}" in examples for name in NAMES)


@pytest.mark.parametrize(
    ("text", "seen"),
    [("a b.npy", "a b.npy"), ("é\x1b[31m\n\t\x07", "é\\x1b[31m\\n\\t\\x07"), ("\u202e\udc80", "\\u202e\\udc80")],
)
def test_names_cannot_write_on_the_terminal(text, seen):
    assert visible(text) == seen


def test_convert_says_the_spec_and_the_arguments(command_here):
    done = command_here("convert", "--from", "torch", "--to", "onnx", "size=5", "alpha=1e-4", "k=2")
    expected = f"{LRNSpec.torch(5, 1e-4, k=2.0)}\nonnx  size=5 alpha=0.0001 beta=0.75 bias=2.0\n"
    assert done == (0, expected, "")


def test_convert_says_them_for_every_convention(command_here):
    _, *lines = command_here("convert", "--from", "mxnet", "nsize=4" + "1").printed.splitlines()
    assert [line.split()[0] for line in lines] == list(dict.fromkeys(row.name for row in lrncore.conventions()))
    spec = LRNSpec.mxnet(nsize=41)
    for line in lines:
        name, *words = line.split()
        if words[0][0] == "(":
            assert name in {"cudnn", "tensorrt"}
        else:
            arguments = _parameters.values(name, dict(word.split("=") for word in words))
            assert getattr(LRNSpec, name)(**arguments) == spec


@pytest.mark.parametrize("name", ["alexnet", "GoogLeNet", "VGG-M"])
def test_convert_knows_networks(name, command_here):
    spec = getattr(LRNSpec, name.lower().replace("-", "_"))()
    done = command_here("convert", "--from", name, "--to", "PyTorch"[2:])
    words = spec.to("torch")
    assert done == (0, f"{spec}\ntorch  {' '.join(f'{key}={value!r}' for key, value in words.items())}\n", "")


def test_convert_takes_what_it_prints(command_here):
    canonical = ["before=2", "after=1", "scale=0.25", "beta=0.5", "k=2"]
    line = command_here("convert", *canonical, "--to", "torch").printed.splitlines()[1]
    name, *words = line.split()
    assert command_here("convert", "--from", name, *words).printed.startswith(str(LRNSpec(2, 1, 0.25, 0.5, 2.0)))


def test_convert_says_boxes(command_here):
    within = ["--axis", "2,3", "--from", "caffe", "local_size=3", "norm_region=WITHIN_CHANNEL"]
    printed = command_here("convert", *within).printed
    assert "onednn        local_size=3 alpha=1.0 beta=0.75 k=1.0 alg_kind=lrn_within_channel\n" in printed
    assert "torch         (torch has no window along 2 axes, but along 1)\n" in printed
    line = "openvino  axes=2,3 alpha=1.0 beta=0.75 bias=1.0 size=3\n"
    assert command_here("convert", *within, "--to", "openvino").printed.endswith(line)
    back = command_here("convert", "--axis", "2,3", "--from", "openvino", "--to", "caffe", *line.split()[1:])
    assert back.printed.endswith("local_size=3 alpha=1.0 beta=0.75 k=1.0 norm_region=WITHIN_CHANNEL\n")


TAKES = "torch takes size, alpha, beta, k"
BARE = "without a convention, lrncore takes before, after, scale, beta, k"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--from", "torch"], f"{TAKES}; size is missing"),
        (["--from", "torch", "size=5", "bias=1"], f"{TAKES}; got bias, which onnx, openvino, caffe2 and nnef take"),
        (
            ["n=5"],
            f"{BARE}; got n, which chainer, paper, keras and dl4j take",
        ),
        (["--from", "torch", "siz=5"], f"{TAKES}; got siz; did you mean size?"),
        (["--from", "torch", "size=5.0"], "size must be a whole number, got '5.0'"),
        (["--from", "torch", "size=five"], "size must be a whole number, got 'five'"),
        (["--from", "torch", "size=0"], "size must be a whole number >= 1, got 0"),
        (["--from", "torch", "size=5", "k=two"], "k must be a number, got 'two'"),
        (["--from", "acl", "type=CROSS_MAP", "is_scaled=no"], "is_scaled must be True or False, got 'no'"),
        (["--from", "openvino", "axes=1,c"], "axes must be a whole number, or several like 2,3, got '1,c'"),
        (["--from", "alexnet", "k=1"], "alexnet is a network and takes no arguments; got k"),
        (
            ["--from", "alexnet", "--to", "googlenet"],
            "googlenet is a network, whose arguments lrncore convert --from googlenet prints",
        ),
        (["--from", "alexnet", "--axis", "one"], "--axis must be a whole number, or several like 2,3, got 'one'"),
        (["--from", "alexnet", "--axis", "2,2"], "--axis must not repeat an axis, got (2, 2)"),
        (["--from", "torch", "size=5", "k=inf"], "k must be finite, got inf"),
        (["--from", "caffe", "local_size=4"], "local_size must be odd, got 4"),
        (["--from", "torch", "5"], "arguments must be NAME=VALUE, each name once, got '5'"),
        (["--from", "torch", "k=1", "k=2"], "arguments must be NAME=VALUE, each name once, got 'k=2'"),
        (
            ["--from", "torch", "--to", "onnx", "size=4"],
            "onnx has no window of 2 channels before and 1 after: its even windows reach one further ahead",
        ),
        (["before=1"], f"{BARE}; after is missing"),
    ],
)
def test_convert_refuses(words, line, command_here):
    assert command_here("convert", *words) == (2, "", f"lrncore convert: {line}\n")


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_convert_refuses_an_unknown_convention(option, command_here):
    given = ["before=1", "after=1", "scale=1", "beta=1", "k=1"] if option == "--to" else []
    done = command_here("convert", option, "torhc", *given)
    assert done == (2, "", "lrncore convert: there is no convention 'torhc'; did you mean torch?\n")
    done = command_here("convert", option, "theano", *given)
    assert done == (2, "", "lrncore convert: there is no convention 'theano'; lrncore conventions lists them\n")


def test_convert_knows_other_names(command_here):
    done = command_here("convert", "--from", "PyTorch", "--to", "tf", "size=5", "alpha=1e-4")
    assert done.printed.splitlines()[1] == "tensorflow  depth_radius=2 bias=1.0 alpha=2e-05 beta=0.75"
    within = command_here("convert", "--from", "nnef", "--axis", "2,3", "--to", "opencv", "size=1,1,3,3", "alpha=9")
    words = "opencv  local_size=3 alpha=9.0 beta=0.5 bias=1.0 norm_region=WITHIN_CHANNEL"
    assert within.printed.splitlines()[1] == words


@pytest.mark.parametrize("name", ["conventions", "info"])
def test_reader_that_has_gone_is_no_traceback(name, command):
    process = command(name, wait=False)
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == ("", 1)
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_output_that_cannot_be_written_is_one_line(command):
    with Path("/dev/full").open("w") as full:
        done = command("conventions", stdout=full)
    assert done == (1, None, "lrncore conventions: No space left on device\n")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_measurement_can_be_stopped(name, command):
    number = getattr(signal, name)
    # a job in the background inherits SIGINT as ignored
    before = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    process = command("bench", "--seconds", "6", before=before, wait=False)
    assert [process.stdout.readline() for _ in range(4)][-1].startswith("AlexNet")
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (128 + number, "lrncore bench: interrupted\n" if name == "SIGINT" else "")


@pytest.mark.parametrize(
    ("words", "package", "line"),
    [
        (["demo"], "skimage", "lrncore demo: the demo needs scikit-image: pip install scikit-image"),
        (
            ["bench", "--plot", "p.png"],
            "matplotlib",
            "lrncore bench: --plot needs matplotlib: pip install matplotlib",
        ),
    ],
)
def test_missing_library_is_one_line(words, package, line, command):
    # whether the others are installed or not, they are found
    before = f"""
import importlib.util, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == {package!r} else found("sys")
"""
    assert command(*words, before=before) == (1, "", f"{line}\n")
