"""What `lrncore.onnxruntime` exports."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any
from weakref import WeakSet

import onnx
import onnxruntime

from lrncore import kernels
from lrncore._onnx import as_model
from lrncore._public import public

DOMAIN = "lrncore"
#: Those of ONNX's LRN, whose size has none
DEFAULTS = {"alpha": 1e-4, "beta": 0.75, "bias": 1.0}

#: Options that have the library; onnxruntime refuses a second time when it makes the session
registered: WeakSet[onnxruntime.SessionOptions] = WeakSet()


@public("lrncore.onnxruntime")
def library_path() -> str:
    """Return the path of the library of operators, for what registers it in onnxruntime.

    Returns
    -------
    str
        The file, in the package: the kernels that it loads lie beside it.

    Raises
    ------
    ImportError
        If this build of lrncore has none: it takes Linux.

    Examples
    --------
    >>> import onnxruntime, lrncore.onnxruntime
    >>> options = onnxruntime.SessionOptions()
    >>> options.register_custom_ops_library(lrncore.onnxruntime.library_path())
    """
    names = [Path(kernels.__path__[0], f"_onnxruntime{ending}") for ending in EXTENSION_SUFFIXES]
    for path in names:
        if path.exists():
            return str(path)
    raise ImportError(f"this build of lrncore has no library for onnxruntime, which takes Linux: {names[0]}")


@public("lrncore.onnxruntime")
def replace(model: onnx.ModelProto | str | os.PathLike[str] | bytes) -> onnx.ModelProto:
    """Let every LRN of an ONNX model be lrncore's operator.

    Parameters
    ----------
    model : onnx.ModelProto, path or bytes
        The model, its file or its serialized form.

    Returns
    -------
    onnx.ModelProto
        A copy of `model` in which each node LRN, those in branches, loops and functions too, has the domain
        "lrncore" and all four attributes. It runs where `library_path()` is registered.

    Warns
    -----
    UserWarning
        If there is no LRN.

    See Also
    --------
    InferenceSession : This and the registration in one.

    Examples
    --------
    >>> import onnx.parser, lrncore.onnxruntime
    >>> model = onnx.parser.parse_model('''
    ...     <ir_version: 8, opset_import: ["": 13]>
    ...     small (float[N, C, H, W] x) => (float[N, C, H, W] y) { y = LRN<size = 5>(x) }
    ... ''')
    >>> lrncore.onnxruntime.replace(model).graph.node[0].domain
    'lrncore'
    """
    return _replaced(model, stacklevel=3)


@public("lrncore.onnxruntime")
class InferenceSession(onnxruntime.InferenceSession):
    """An `onnxruntime.InferenceSession` of a model whose LRN nodes are computed by lrncore.

    Parameters
    ----------
    model : onnx.ModelProto, path or bytes
        The model, its file or its serialized form, with ONNX's LRN or with lrncore's.
    sess_options : onnxruntime.SessionOptions, optional
        The options, in which `library_path()` is registered; they may serve several sessions.
    **kwargs
        Passed on: `providers` and the like.

    Raises
    ------
    onnxruntime.capi.onnxruntime_pybind11_state.Fail
        If onnxruntime is older than 1.17, or the kernels cannot be loaded.

    Warns
    -----
    UserWarning
        If there is no LRN.

    See Also
    --------
    replace : The model alone, to be saved.

    Examples
    --------
    >>> import numpy as np, onnx.parser, lrncore.onnxruntime
    >>> model = onnx.parser.parse_model('''
    ...     <ir_version: 8, opset_import: ["": 13]>
    ...     small (float[N, C, H, W] x) => (float[N, C, H, W] y) {
    ...         y = LRN<size = 3, alpha = 3.0, beta = 0.5, bias = 0.0>(x)
    ...     }
    ... ''')
    >>> session = lrncore.onnxruntime.InferenceSession(model)
    >>> (y,) = session.run(None, {"x": np.array([3, 4, 0], dtype=np.float32).reshape(1, 3, 1, 1)})
    >>> y.ravel()
    array([0.6, 0.8, 0. ], dtype=float32)
    """

    def __init__(
        self,
        model: onnx.ModelProto | str | os.PathLike[str] | bytes,
        sess_options: onnxruntime.SessionOptions | None = None,
        **kwargs: Any,
    ) -> None:
        replaced = _replaced(model, stacklevel=3)
        options = onnxruntime.SessionOptions() if sess_options is None else sess_options
        if options not in registered:
            options.register_custom_ops_library(library_path())
            registered.add(options)
        super().__init__(replaced.SerializeToString(), options, **kwargs)


def _replaced(model: onnx.ModelProto | str | os.PathLike[str] | bytes, stacklevel: int) -> onnx.ModelProto:
    """Return the model with the operator in place, and warn the caller's caller where it has none."""
    replaced = onnx.ModelProto()
    replaced.CopyFrom(as_model(model))
    used = _replace_nodes(replaced.graph)
    for function in replaced.functions:
        if _replace_nodes(function):
            _import_domain(function)
            used = True
    if used:
        _import_domain(replaced)
    else:
        warnings.warn("the model has no LRN: nothing was replaced", UserWarning, stacklevel)
    return replaced


def _replace_nodes(graph: onnx.GraphProto | onnx.FunctionProto) -> bool:
    """Make each LRN lrncore's; return whether there is one."""
    used = False
    for node in _nodes(graph):
        if node.op_type != "LRN" or node.domain not in {"", "ai.onnx", DOMAIN}:
            continue
        given = {each.name for each in node.attribute}
        node.domain = DOMAIN
        node.attribute.extend(
            onnx.helper.make_attribute(name, value) for name, value in DEFAULTS.items() if name not in given
        )
        used = True
    return used


def _nodes(graph: onnx.GraphProto | onnx.FunctionProto) -> Iterator[onnx.NodeProto]:
    """Return the nodes of a graph and of those in their attributes."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                yield from _nodes(inner)


def _import_domain(proto: onnx.ModelProto | onnx.FunctionProto) -> None:
    """Let a model or a function say that it uses the domain."""
    if all(each.domain != DOMAIN for each in proto.opset_import):
        proto.opset_import.append(onnx.helper.make_opsetid(DOMAIN, 1))
