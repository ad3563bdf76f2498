"""Beside ncnn: its LRN layer across channels and within one, one image at a time."""

import signal
import subprocess
import sys

import numpy as np
import pytest
from comparison import CASES, assert_close, peer, values

import lrncore
from lrncore import LRNSpec

ncnn = peer("ncnn", "ncnn")

RELEASE = int(ncnn.__version__.rpartition(".")[2])
# Run with 1.0.20240820, 20241226, 20250503, 20250916, 20260114 and 20260526, whose even windows have one channel
# more, and with this one.
EVEN_WINDOWS_OF_EVEN_SIZE = 20261020

# Seen in 1.0.20240820 and 1.0.20261020 on x86-64, in November 2026.
BUGS = {
    "nan": "the vectorised logarithm swallows a NaN, and the channels beside it come out finite, around 1e28",
    "no channels": "the layer ends the process on an array without channels",
}

GRAPH = """7767517
2 2
Input x 0 1 x
LRN y 1 1 x y {}
"""


def theirs(x, parameters=""):
    """Run the layer on each image of `x`."""
    net = ncnn.Net()
    # on arm64 these are on
    for option in ("use_fp16_arithmetic", "use_fp16_packed", "use_fp16_storage", "use_bf16_storage"):
        setattr(net.opt, option, False)
    assert net.load_param_mem(GRAPH.format(parameters)) == 0
    return np.stack([_run(net, image) for image in x])


def _run(net, image):
    extractor = net.create_extractor()
    # A clone, for the layer writes over its input, and crashes on memory that is borrowed from an array.
    extractor.input("x", ncnn.Mat(image).clone())
    status, y = extractor.extract("y")
    assert status == 0
    return np.array(y)


def across(case):
    """Return the layer's parameters by their numbers; 0=0 is the region across channels."""
    return f"0=0 1={case.size} 2={case.alpha} 3={case.beta} 4={case.k}"


def spec_of(case):
    if RELEASE < EVEN_WINDOWS_OF_EVEN_SIZE:
        half = case.size // 2
        return LRNSpec(half, half, case.alpha / case.size, case.beta, case.k)
    return LRNSpec.ncnn(case.size, case.alpha, case.beta, case.k)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_numbers(case):
    x = values(case.shape)
    assert_close(theirs(x, across(case)), lrncore.lrn(x, spec_of(case)))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8])
def test_same_numbers_within_a_channel(size):
    x = values((2, 3, 9, 12))
    for beta, bias in ((0.75, 1.0), (0.6, 0.5), (1.0, 2.0)):
        spec = LRNSpec.ncnn(size, 9.0, beta, bias, region_type=1)
        assert_close(theirs(x, f"0=1 1={size} 2=9.0 3={beta} 4={bias}"), lrncore.lrn(x, spec, (2, 3)))


@pytest.mark.parametrize("magnitude", [1e-6, 1e-3, 1e3, 1e6])
def test_same_numbers_for_small_and_large_input(magnitude):
    # ncnn takes exp(-beta * log(s)) in float32, which loses digits as log(s) grows: 7e-8, 2e-7, 1.2e-6 and 2.2e-6
    # were measured here, and 3e-7 for N(0, 1). So 1e-5, as for every peer, has room for other processors.
    x = np.float32(magnitude) * values((1, 17, 5, 3))
    assert_close(theirs(x, "1=5 2=1.0 3=0.6 4=0.5"), lrncore.lrn(x, LRNSpec.ncnn(5, 1.0, 0.6, 0.5)))


def test_same_defaults():
    x = values((2, 17, 5, 3))
    assert_close(theirs(x), lrncore.lrn(x, LRNSpec.ncnn()))


def test_a_nan_is_seen_by_every_window_that_holds_it():
    x = values((1, 9, 2, 8))
    x[0, 4] = np.nan
    y = lrncore.lrn(x, LRNSpec.ncnn(3, 1.0, 0.75, 1.0))
    assert np.isnan(y).all((0, 2, 3)).nonzero()[0].tolist() == [3, 4, 5]
    if np.isnan(theirs(x, "1=3 2=1.0 3=0.75 4=1.0")[0, [3, 5]]).all():
        pytest.skip(f"mended in ncnn {ncnn.__version__}, or not so on this processor: {BUGS['nan']}")


def test_no_channels_give_an_empty_result(tmp_path):
    x = np.empty((1, 0, 3, 4), np.float32)
    assert lrncore.lrn(x, LRNSpec.ncnn()).shape == x.shape
    program = f"""
import ncnn
import numpy as np
net = ncnn.Net()
net.load_param_mem({GRAPH.format("")!r})
extractor = net.create_extractor()
extractor.input("x", ncnn.Mat(np.empty((0, 3, 4), np.float32)).clone())
extractor.extract("y")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=False)
    if done.returncode != -signal.SIGSEGV:
        pytest.skip(f"mended in ncnn {ncnn.__version__}: {BUGS['no channels']}")
