"""ONNX models: one LRN alone, and the whole networks that the onnx package ships, with weights."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from comparison import peer

onnx = peer("onnx", "onnx")

NETWORKS = ("bvlc_alexnet", "inception_v1", "zfnet512")
CLASSES = 1000


def one_node(dtype=np.float32, **attributes):
    """Return a model of one LRN, from x to y, for an array of any rank."""
    element = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    x, y = (onnx.helper.make_tensor_value_info(name, element, None) for name in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node("LRN", ["x"], ["y"], **attributes)], "lrn", [x], [y])
    # old enough for any release of onnx and onnxruntime in use, and the first with bfloat16
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)


def session(model):
    """Return onnxruntime's session of a model on the CPU; it keeps its warnings to itself."""
    onnxruntime = peer("onnxruntime", "onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class Network(NamedTuple):
    """A model, what to feed, the nodes that are LRN, and the name of the final output."""

    model: object
    feeds: dict
    layers: list
    output: str


def network(name):
    """Return a network of the onnx package with weights to feed, and with outputs before and after each LRN."""
    model = onnx.load(Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"light_{name}.onnx")
    graph = model.graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    (image,) = (value.name for value in graph.input if value.name not in constants)
    feeds = {image: pixels((1, 3, 224, 224))}
    for seed, node in enumerate([node for node in graph.node if node.op_type == "ConstantOfShape"]):
        (weight,) = node.output
        feeds[weight] = weights(constants[node.input[0]], seed)
        graph.node.remove(node)
        graph.input.append(value_info(weight))
    layers = [node for node in graph.node if node.op_type == "LRN"]
    output = graph.output[0].name
    graph.output.extend(value_info(value) for node in layers for value in (node.input[0], node.output[0]))
    return Network(model, feeds, layers, output)


def pixels(shape):
    """Return an image less its mean."""
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32) - np.float32(127.5)


def weights(shape, seed):
    """Return weights that keep activations as large as the image is, and the logits near 1.

    Their variance is 2 / fan_in (He et al., 2015), so that LRN has something to do, and 1 / fan_in^2 in the
    classifier, whose softmax would be all 0 and 1.
    """
    fan_in = np.prod(shape[1:])
    deviation = 1 / fan_in if shape[0] == CLASSES else np.sqrt(2 / fan_in)
    return np.random.default_rng(seed).standard_normal(shape, np.float32) * np.float32(deviation)


def value_info(name):
    """Return the declaration of a float32 array of any shape."""
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
