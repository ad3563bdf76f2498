"""LRN and the moment norms in ONNX models: operators for onnx's reference evaluator, and a call that runs one."""

try:
    import onnx
except ImportError as error:
    raise ImportError("lrncore.onnx needs ONNX: pip install onnx") from error

from lrncore._onnx import LRN, OPERATORS, run
from lrncore._onnx_norms import (
    BatchNormalization,
    GroupNormalization,
    InstanceNormalization,
    LayerNormalization,
    MeanVarianceNormalization,
    RMSNormalization,
)

__all__ = [
    "LRN",
    "OPERATORS",
    "BatchNormalization",
    "GroupNormalization",
    "InstanceNormalization",
    "LayerNormalization",
    "MeanVarianceNormalization",
    "RMSNormalization",
    "run",
]

del onnx
