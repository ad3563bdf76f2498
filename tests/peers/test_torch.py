"""Beside torch in one process: both bring an OpenMP, and mean the same."""

import cases
import numpy as np
import pytest
from comparison import peer

import lrncore

torch = peer("torch", "torch")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 9])
def test_same_numbers(size):
    x = cases.normal((2, 24, 7, 9))
    theirs = torch.nn.functional.local_response_norm(torch.from_numpy(x), size, 1.0, 0.75, 0.5).numpy()
    assert np.allclose(lrncore.local_response_norm(x, size, 1.0, 0.75, 0.5), theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 9])
def test_same_gradient(size):
    x = cases.normal((2, 24, 7), np.float64)
    g = cases.normal(x.shape, np.float64, seed=1)
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    torch.nn.functional.local_response_norm(leaf, size, 1.0, 0.75, 0.5).backward(torch.from_numpy(g))
    layer = lrncore.LocalResponseNorm(size, 1.0, 0.75, 0.5)
    assert np.allclose(layer.backward(g, x), leaf.grad.numpy(), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("first", ["import torch, lrncore", "import lrncore, torch"], ids=["torch", "lrncore"])
def test_threads_of_both_in_one_process(first, python):
    program = (
        first
        + """
import numpy as np
x = np.random.default_rng(0).standard_normal((16, 64, 400)).astype(np.float32)
spec = lrncore.LRNSpec.torch(5, 1.0)
expected = lrncore.lrn(x, spec, num_threads=1)
product = torch.from_numpy(x).transpose(1, 2) @ torch.from_numpy(x)
for _ in range(5):
    again = torch.from_numpy(x).transpose(1, 2) @ torch.from_numpy(x)
    assert torch.allclose(again, product)
    assert np.array_equal(lrncore.lrn(x, spec, num_threads=2), expected)
print("both")
"""
    )
    assert python(program) == "both"


def test_torch_limits_the_threads_of_openmp(python):
    program = """
import torch, lrncore
torch.set_num_threads(1)
print(torch.get_num_threads(), lrncore.get_num_threads() >= 1)
"""
    assert python(program).split() == ["1", "True"]
