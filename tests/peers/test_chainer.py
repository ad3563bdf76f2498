"""Beside Chainer, whose LRN is the paper's as printed: alpha undivided, n + 1 channels for an even n."""

import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from comparison import CASES, assert_close, peer, values

import lrncore
from lrncore import LRNSpec

with pytest.MonkeyPatch.context() as patch:
    # Chainer 7.8.1, the last, is older than NumPy 2 (chainer/chainer#8632) and Python 3.12. All that it misses of
    # them when it is imported is a list of integer types, and a module for macOS.
    integers = {"int": [np.int8, np.int16, np.int32, np.int64]}
    patch.setattr(np, "sctypes", getattr(np, "sctypes", integers), raising=False)
    for name in ("numpy.distutils", "numpy.distutils.system_info"):
        patch.setitem(sys.modules, name, ModuleType(name))
    # it needs pkg_resources, which newer setuptools have not, to be built and to be imported
    chainer = peer("chainer", "wheel 'setuptools<81' && pip install --no-build-isolation chainer")


def theirs(x, case):
    return chainer.functions.local_response_normalization(x, case.size, case.k, case.alpha, case.beta)


def spec_of(case):
    return LRNSpec.chainer(case.size, case.k, case.alpha, case.beta)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_numbers(case, dtype):
    x = values(case.shape, dtype)
    assert_close(theirs(x, case).array, lrncore.lrn(x, spec_of(case)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_gradient(case, dtype):
    leaf, g = chainer.Variable(values(case.shape, dtype)), values(case.shape, dtype, seed=1)
    y = theirs(leaf, case)
    y.grad = g
    y.backward()
    assert_close(leaf.grad, lrncore.lrn_backward(g, leaf.array, spec_of(case)))


def test_same_defaults():
    x = 100 * values((2, 17, 3, 4), np.float64)
    assert_close(chainer.functions.local_response_normalization(x).array, lrncore.lrn(x, LRNSpec.chainer()))


def test_windows_are_those_of_the_function_and_not_of_its_own_test():
    # The loop in Chainer's test_local_response_normalization.py (read at 0143075) leaves out the last channel of
    # each window. It cannot see that: its alpha is 1e-4, and so is its tolerance.
    x = np.random.default_rng(0).uniform(-1, 1, (2, 7, 3, 2))
    short = LRNSpec(before=2, after=1, scale=1.0, beta=0.75, k=2.0)
    faint = lrncore.lrn(x, replace(short, scale=1e-4))
    assert np.allclose(faint, lrncore.lrn(x, LRNSpec.chainer(alpha=1e-4)), rtol=1e-4, atol=0)
    assert not np.allclose(lrncore.lrn(x, short), lrncore.lrn(x, LRNSpec.chainer(alpha=1.0)), rtol=0.1, atol=0)
    function = chainer.functions.local_response_normalization(x, alpha=1.0)
    assert_close(function.array, lrncore.lrn(x, LRNSpec.chainer(alpha=1.0)))
