"""Who is measured."""

import importlib.util
import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """A library, or one way to use it: the function `prepare` of the file `source`.

    `prepare` takes a `plan.Problem` and returns a call for each pass that the peer has. A call returns y, or y and
    dx, as anything that NumPy can read.
    """

    label: str
    source: str
    prepare: str
    modules: tuple[str, ...] = ()
    requirement: str = ""
    #: the environment variable that says where the user has it, for what is no package
    variable: str = ""

    @property
    def missing(self) -> bool:
        absent = any(importlib.util.find_spec(module) is None for module in self.modules)
        return absent or bool(self.variable and not os.environ.get(self.variable))

    @property
    def remedy(self) -> str:
        """What to do about one that is missing."""
        if self.variable:
            return f"not given: make bench-peers {self.variable}=prefix"
        return f"not installed: pip install {self.requirement}"


PEERS = {
    "lrncore": Peer("lrncore", "with_lrncore", "into_out"),
    "lrncore-new": Peer("lrncore, new arrays", "with_lrncore", "into_new_arrays"),
    "numpy": Peer("NumPy, slices", "with_numpy", "prepare"),
    "numba": Peer("numba", "with_numba", "prepare", ("numba",), "numba"),
    "torch": Peer("torch, eager", "with_torch", "eager", ("torch",), "torch==2.13.0"),
    "torch-compiled": Peer("torch, compiled", "with_torch", "compiled", ("torch",), "torch==2.13.0"),
    "onnxruntime": Peer("onnxruntime", "with_onnxruntime", "prepare", ("onnxruntime", "onnx"), "onnxruntime onnx"),
    "openvino": Peer("OpenVINO", "with_openvino", "prepare", ("openvino",), "openvino"),
    "tensorflow": Peer("TensorFlow", "with_tensorflow", "prepare", ("tensorflow",), "tensorflow-cpu"),
    "jax": Peer("JAX, jit", "with_jax", "prepare", ("jax",), "jax"),
    "onednn": Peer("oneDNN", "with_onednn", "as_given", variable="ONEDNN"),
    "onednn-blocked": Peer("oneDNN, blocked", "with_onednn", "blocked", variable="ONEDNN"),
}
