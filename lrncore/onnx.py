"""LRN in ONNX models: an operator for onnx's reference evaluator, and a call that runs a model with it."""

try:
    import onnx
except ImportError as error:
    raise ImportError("lrncore.onnx needs ONNX: pip install onnx") from error

from lrncore._onnx import LRN, run

__all__ = ["LRN", "run"]

del onnx
