"""What lrncore.torch refuses, word for word."""

from functools import partial

import numpy as np
import pytest
from comparison import peer

torch = peer("torch", "torch")
from lrncore import torch as ours  # noqa: E402  (after the skip)

strong = partial(ours.local_response_norm, size=4, alpha=1.0, beta=0.75, k=0.5)


OF_A_TENSOR = "input must be a torch.Tensor, got {}"
OF_DTYPE = "input must be float32, float64, float16 or bfloat16, got {}; cast it first, e.g. input.float()"
X = torch.ones(1, 2, 3)
ERRORS = {
    "list": (lambda: strong([[1.0]]), TypeError, OF_A_TENSOR.format("list")),
    "array": (lambda: strong(np.ones((1, 2))), TypeError, OF_A_TENSOR.format("ndarray")),
    **{
        name: (
            lambda name=name: strong(torch.ones(1, 2).to(getattr(torch, name))),
            TypeError,
            OF_DTYPE.format(name),
        )
        for name in ("int64", "uint8", "bool", "float8_e5m2")
    },
    "complex": (
        lambda: strong(torch.ones(1, 2, dtype=torch.complex64)),
        TypeError,
        (
            "input must be float32, float64, float16 or bfloat16, got complex64; "
            "take its real part or magnitude first, e.g. abs(input)"
        ),
    ),
    "quantized": (
        lambda: strong(torch.quantize_per_tensor(X, 0.1, 0, torch.quint8)),
        TypeError,
        (
            "input must be float32, float64, float16 or bfloat16, got quint8; "
            "dequantize it first, e.g. input.dequantize()"
        ),
    ),
    "none": (lambda: strong(None), TypeError, OF_A_TENSOR.format("NoneType")),
    "nested": (
        lambda: strong(torch.nested.nested_tensor([X[0], X[0, :, :2]])),
        TypeError,
        "input must be strided, got a nested tensor; pad it first, e.g. torch.nested.to_padded_tensor(input, 0.0)",
    ),
    "masked": (
        lambda: strong(torch.masked.masked_tensor(X, X > 2)),
        TypeError,
        (
            "input must not be masked, got MaskedTensor with masked elements; fill them first, "
            "e.g. input.to_tensor(0.0)"
        ),
    ),
    "sparse": (
        lambda: strong(X.to_sparse()),
        TypeError,
        "input must be strided, got torch.sparse_coo; convert it first, e.g. input.to_dense()",
    ),
    "no_dimension": (lambda: strong(X.sum()), ValueError, "input must have at least 2 dimensions, got 0"),
    "one_dimension": (lambda: strong(X[0, 0]), ValueError, "input must have at least 2 dimensions, got 1"),
    "size_float": (
        lambda: ours.local_response_norm(X, 3.5),
        TypeError,
        "size must be an int, got 3.5 (float)",
    ),
    "size_zero": (lambda: ours.local_response_norm(X, 0), ValueError, "size must be an int >= 1, got 0"),
    "alpha": (lambda: ours.local_response_norm(X, 3, np.nan), ValueError, "alpha must be finite, got nan"),
    "beta": (
        lambda: ours.local_response_norm(X, 3, beta=None),
        TypeError,
        "beta must be a real number, got None (NoneType)",
    ),
    "layer": (lambda: ours.LocalResponseNorm(3, k=np.inf), ValueError, "k must be finite, got inf"),
    "model": (lambda: ours.replace(strong), TypeError, "model must be a torch.nn.Module, got partial"),
}


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS.values(), ids=ERRORS)
def test_error(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message


def test_import_without_torch(python):
    program = """
import sys
sys.modules["torch"] = None
try:
    import lrncore.torch
except ImportError as error:
    print(error, "/", repr(error.__cause__))
"""
    said, cause = python(program).split(" / ")
    assert said == "lrncore.torch needs PyTorch: pip install torch"
    assert cause.startswith("ModuleNotFoundError('import of torch halted")
