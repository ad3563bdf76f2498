"""Beside Paddle: its LRN means what PyTorch's does, and its older operator what the paper prints."""

import signal
import subprocess
import sys

import cases
import numpy as np
import pytest
import reference
from comparison import CASES, ODD_CASES, assert_close, peer, values

import lrncore
from lrncore import LRNSpec

paddle = peer("paddle", "paddlepaddle")

# Seen in 3.3.1, in November 2026. Of the first two, PaddlePaddle/Paddle#74638 and #78105 tell in other kernels.
BUGS = {
    "exponent": "pow rounds its exponent to float32, whatever the tensor's type is",
    "pooling": "the gradient of average pooling rounds 1 / size to float32, whatever the tensor's type is",
    "running": "the operator lrn keeps a running sum, in which a NaN stays to the last channel",
    "no channels": "the operator lrn ends the process on an array without channels",
}

local_response_norm = paddle.nn.functional.local_response_norm
operator = getattr(getattr(paddle, "_legacy_C_ops", None), "lrn", None)
needs_operator = pytest.mark.skipif(operator is None, reason="this Paddle no longer has the operator lrn")

# the same in float32 and float64, so that both libraries see one exponent
BETA = {beta: float(np.float32(beta)) for beta in {case.beta for case in CASES}}


def by_function(x, case, **options):
    return local_response_norm(x, case.size, case.alpha, BETA[case.beta], case.k, **options)


def by_operator(x, n, alpha, beta, k):
    return operator(x, "n", n, "alpha", alpha, "beta", beta, "k", k)[0]


def spec_of(case):
    return LRNSpec.paddle(case.size, case.alpha, BETA[case.beta], case.k)


def gradient(function, g, x, *arguments):
    leaf = paddle.to_tensor(x, stop_gradient=False)
    function(leaf, *arguments).backward(paddle.to_tensor(g))
    return leaf.grad.numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_numbers(case, dtype):
    x = values(case.shape, dtype)
    assert_close(by_function(paddle.to_tensor(x), case).numpy(), lrncore.lrn(x, spec_of(case)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_gradient(case):
    # in float64 where 1 / size is a float32: see BUGS["pooling"]
    dtype = np.float64 if case.size in {1, 2, 4, 8} else np.float32
    x, g = values(case.shape, dtype), values(case.shape, dtype, seed=1)
    assert_close(gradient(by_function, g, x, case), lrncore.lrn_backward(g, x, spec_of(case)))


def test_same_defaults():
    x = 100 * values((2, 17, 3, 4))
    assert_close(local_response_norm(paddle.to_tensor(x), 5).numpy(), lrncore.lrn(x, LRNSpec.paddle(5)))


@pytest.mark.parametrize("size", [4, 5])
@pytest.mark.parametrize("layout", ["NCL", "NLC", "NCHW", "NHWC", "NCDHW", "NDHWC"])
def test_same_numbers_in_every_layout(layout, size):
    x = values((2, 17, 3, 4, 5)[: len(layout)])
    theirs = local_response_norm(paddle.to_tensor(x), size, 1.0, 0.75, 0.5, data_format=layout).numpy()
    assert_close(theirs, lrncore.lrn(x, LRNSpec.paddle(size, 1.0, 0.75, 0.5), axis=layout.index("C")))


@needs_operator
@pytest.mark.parametrize("case", ODD_CASES, ids=str)
def test_same_numbers_as_the_operator(case):
    x = values(case.shape)
    theirs = by_operator(paddle.to_tensor(x), case.size, case.alpha, case.beta, case.k).numpy()
    assert_close(theirs, lrncore.lrn(x, LRNSpec.paper(case.size, case.alpha, case.beta, case.k)))


@needs_operator
@pytest.mark.parametrize("case", ODD_CASES, ids=str)
def test_same_gradient_as_the_operator(case):
    x, g = values(case.shape), values(case.shape, seed=1)
    theirs = gradient(by_operator, g, x, case.size, case.alpha, case.beta, case.k)
    assert_close(theirs, lrncore.lrn_backward(g, x, LRNSpec.paper(case.size, case.alpha, case.beta, case.k)))


def test_an_exponent_is_not_rounded_to_float32():
    x = values((2, 7, 3), np.float64)
    spec = LRNSpec.paddle(5, 1.0, 0.6, 0.5)
    assert_close(lrncore.lrn(x, spec), reference.forward(x, *cases.parameters(spec), 1).astype(np.float64))
    theirs = local_response_norm(paddle.to_tensor(x), 5, 1.0, 0.6, 0.5).numpy()
    if np.abs(theirs - lrncore.lrn(x, spec)).max() < 1e-9:
        pytest.skip(f"mended in Paddle {paddle.__version__}: {BUGS['exponent']}")


def test_a_gradient_is_not_rounded_to_float32():
    x, g = values((2, 7, 3), np.float64), values((2, 7, 3), np.float64, seed=1)
    spec = LRNSpec.paddle(3, 1.0, 0.75, 0.5)
    dx = lrncore.lrn_backward(g, x, spec)
    assert_close(dx, reference.backward(g, x, *cases.parameters(spec), 1)[0].astype(np.float64))
    if np.abs(gradient(local_response_norm, g, x, 3, 1.0, 0.75, 0.5) - dx).max() < 1e-9:
        pytest.skip(f"mended in Paddle {paddle.__version__}: {BUGS['pooling']}")


@needs_operator
def test_a_nan_stays_within_its_windows():
    x = values((1, 9, 2, 3))
    x[0, 3] = np.nan
    spec = LRNSpec.paper(3, 1.0, 0.75, 0.5)
    assert np.isnan(lrncore.lrn(x, spec)).any((0, 2, 3)).nonzero()[0].tolist() == [2, 3, 4]
    theirs = by_operator(paddle.to_tensor(x), 3, 1.0, 0.75, 0.5).numpy()
    if not np.isnan(theirs[0, -1]).any():
        pytest.skip(f"mended in Paddle {paddle.__version__}: {BUGS['running']}")


@needs_operator
def test_no_channels_give_an_empty_result(tmp_path):
    x = np.empty((2, 0, 3, 4), np.float32)
    assert lrncore.lrn(x, LRNSpec.paper()).shape == x.shape
    program = "import paddle; paddle._legacy_C_ops.lrn(paddle.zeros((2, 0, 3, 4)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=False)
    if done.returncode != -signal.SIGSEGV:
        pytest.skip(f"mended in Paddle {paddle.__version__}: {BUGS['no channels']}")
