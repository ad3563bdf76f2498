"""LRN in onnxruntime: the operator `LRN` of the domain "lrncore", and models and sessions with it in place.

Notes
-----
The operator takes X of float32, float16 or float64, of any rank of two or more with its channels on axis 1, and the
attributes of ONNX's LRN, for odd and even sizes. It is in a shared library, `library_path()`, that onnxruntime
loads: no Python takes part in a call, and X is read and Y written where they lie. A large call is divided among the
session's intra-op threads by onnxruntime's own loop; lrncore starts none.

It takes Linux and onnxruntime 1.17 or newer.
"""

try:
    import onnx
    import onnxruntime
except ImportError as error:
    raise ImportError("lrncore.onnxruntime needs ONNX and onnxruntime: pip install onnx onnxruntime") from error

from lrncore._onnxruntime import InferenceSession, library_path, replace

__all__ = ["InferenceSession", "library_path", "replace"]

del onnx, onnxruntime
