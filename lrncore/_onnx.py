"""What `lrncore.onnx` exports."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import onnx
import onnx.inliner
import onnx.version_converter
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from lrncore._arrays import as_array, check_whole
from lrncore._onnx_norms import NORMS
from lrncore._public import public
from lrncore.functional import lrn
from lrncore.spec import LRNSpec

#: The opset to which models are converted that use older operators than onnx's evaluator has
WHOLE = 21


@public("lrncore.onnx")
class LRN(OpRun):
    """The ONNX operator LRN, for the `new_ops` of `onnx.reference.ReferenceEvaluator`.

    It takes one input (N, C, D1, ..., Dk) of float16, bfloat16, float32 or float64 and gives one output of the same
    shape and dtype. The attributes are the operator's: size, which a node has to have, alpha, beta and bias.

    See Also
    --------
    run : A model with this operator in place, in one call.

    Notes
    -----
    The formula and the defaults are those of [1]_. The two 16-bit types are computed in float32 and rounded once.

    The operator of the same name that onnx brings loops over the images where the channels are meant, up to version
    1.23.2: it is right only where there are as many of both [2]_.

    An evaluator passes its `new_ops` on to the branches and bodies of If, Loop and Scan, but not to the functions
    that a model defines; `run` does.

    References
    ----------
    .. [1] ONNX operators, LRN, https://onnx.ai/onnx/operators/onnx__LRN.html
    .. [2] https://github.com/onnx/onnx/issues/7805

    Examples
    --------
    >>> import numpy as np
    >>> from lrncore.onnx import LRN
    >>> x = np.array([3.0, 4.0, 0.0]).reshape(1, 3, 1, 1)
    >>> LRN.eval(x, size=3, alpha=3.0, beta=0.5, bias=0.0).ravel()
    array([0.6, 0.8, 0. ])
    """

    def _run(self, x: NDArray[Any], size: int, alpha: float, beta: float, bias: float) -> tuple[NDArray[Any]]:
        """Return the output; the evaluator fills in the defaults of the attributes."""
        return (lrn(as_array(x, "x"), LRNSpec.onnx(size, alpha, beta, bias), axis=1),)


#: All of them, for `new_ops`
OPERATORS: list[type[OpRun]] = [LRN, *NORMS]


class _Evaluator(ReferenceEvaluator):
    """The evaluator with these in place, in a model's functions too: it makes one of its own class for each."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"new_ops": OPERATORS} | options)


@public("lrncore.onnx")
def run(
    model: onnx.ModelProto | str | os.PathLike[str] | bytes,
    feeds: Mapping[str, NDArray[Any]],
    outputs: Sequence[str] | None = None,
) -> list[Any]:
    """Run an ONNX model in onnx's reference evaluator, its LRN computed by lrncore.

    Parameters
    ----------
    model : onnx.ModelProto, path or bytes
        The model, its file or its serialized form.
    feeds : mapping of str to ndarray
        The model's inputs by name.
    outputs : sequence of str, optional
        Names of the results to return, those between two nodes allowed. By default the model's outputs.

    Returns
    -------
    list of ndarray
        The results, in the order of `outputs`.

    Raises
    ------
    RuntimeError
        If an input is missing, `outputs` has a name that the model does not, or onnx lacks an operator.
    TypeError
        If the input of an LRN has another dtype than the operator allows, or one of `feeds` has masked elements.
    ValueError
        If an attribute of an LRN does not fit: see `lrncore.LRNSpec.onnx`.

    See Also
    --------
    LRN : The operator, for an evaluator of your own: it reads the model once for many calls.

    Notes
    -----
    The evaluator has QuantizeLinear and DequantizeLinear from opset 19 on. An older model that it has no operators
    for is converted by `onnx.version_converter` first.

    Examples
    --------
    >>> import numpy as np, onnx.parser, lrncore.onnx
    >>> model = onnx.parser.parse_model('''
    ...     <ir_version: 8, opset_import: ["": 13]>
    ...     small (float[N, C, H, W] x) => (float[N, C, H, W] y) {
    ...         positive = Relu(x)
    ...         y = LRN<size = 3, alpha = 3.0, beta = 0.5, bias = 0.0>(positive)
    ...     }
    ... ''')
    >>> x = np.array([3, 4, -12], dtype=np.float32).reshape(1, 3, 1, 1)
    >>> (y,) = lrncore.onnx.run(model, {"x": x})
    >>> y.ravel()
    array([0.6, 0.8, 0. ], dtype=float32)
    """
    for name, x in feeds.items():
        if x is not None:  # an optional input
            check_whole(x, f"feeds[{name!r}]")
    return list(_evaluator(as_model(model)).run(outputs, dict(feeds)))


def as_model(model: onnx.ModelProto | str | os.PathLike[str] | bytes) -> onnx.ModelProto:
    """Return a model as it is, or read it."""
    if isinstance(model, str | os.PathLike):
        # unlike the evaluator, this reads the tensors in files beside the model too
        return onnx.load(model)
    return onnx.load_from_string(model) if isinstance(model, bytes) else model


def _evaluator(model: onnx.ModelProto) -> _Evaluator:
    """Return an evaluator of a model, converted if it is too old for onnx's own."""
    try:
        return _Evaluator(model)
    except RuntimeError as error:
        if "No implementation for operator" not in (reason := str(error)):
            raise
        lacking = error
    try:
        # the converter drops what functions a model has
        return _Evaluator(onnx.version_converter.convert_version(onnx.inliner.inline_local_functions(model), WHOLE))
    except Exception as error:  # noqa: BLE001  (of whatever kind)
        raise RuntimeError(f"{reason} A conversion to opset {WHOLE} failed: {error}") from lacking
