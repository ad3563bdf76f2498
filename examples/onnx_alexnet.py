"""An AlexNet in ONNX, run in NumPy with its Local Response Normalization by lrncore.

The network is the one that the onnx package ships for its own tests: whole, but every weight the same constant. It
gets random weights and a random image here, as large as those of a trained network. Nothing is downloaded.

Prints a table of the LRN layers, and how far onnxruntime's result is from it where that is installed. Needs onnx.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

try:
    import lrncore.onnx
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(2)

import onnx
from onnx import helper, numpy_helper

MODEL = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / "light_bvlc_alexnet.onnx"
IMAGE = (1, 3, 224, 224)
CLASSES = 1000
# float32, where sums of up to 9216 products are taken in another order
TOLERANCE = 1e-5
WIDTH = 78

Tensor = NDArray[np.float32]


def main() -> None:
    """Run the network, print what its LRN layers do, and compare."""
    model = onnx.load(MODEL)
    feeds = take_weights(model, np.random.default_rng(0))
    layers = [node for node in model.graph.node if node.op_type == "LRN"]
    for node in layers:
        model.graph.output.extend([declaration(node.input[0]), declaration(node.output[0])])
    rule("AlexNet in ONNX, by onnx's reference evaluator and lrncore")
    print(f" network      {MODEL.name} of onnx {onnx.__version__}, {len(model.graph.node)} nodes")
    print(f" weights      {sum(value.size for value in feeds.values()) / 1e6:.0f} million, random")
    feeds["data_0"] = np.random.default_rng(1).uniform(-128, 128, IMAGE).astype(np.float32)
    print(f" image        {shape_of(feeds['data_0'])}, random, from -128 to 128")
    start = time.perf_counter()
    found = dict(zip(names(model), lrncore.onnx.run(model, feeds), strict=True))
    print(f" time         {time.perf_counter() - start:.1f} s")
    rule("LRN layers: activations before and after")
    print(f" layer     {'shape':17}size  alpha  beta  bias  {'from 0 to':>10}  {'rms':>8}")
    for node in layers:
        report(node, found[node.input[0]], found[node.output[0]])
    rule("result")
    probabilities = found["prob_1"][0]
    best = np.argsort(probabilities)[:-4:-1]
    print(f" classes      {', '.join(f'{number} with {probabilities[number]:.1%}' for number in best)}")
    compare(model, feeds, found)
    rule("")


def take_weights(model: onnx.ModelProto, rng: np.random.Generator) -> dict[str, Tensor]:
    """Return random weights, inputs of the model in place of the nodes that made constants.

    Their variance is 2 / fan_in (He et al., 2015): it keeps activations as large as the image is, but 1 / fan_in^2
    in the classifier. As inputs, these 240 MB are not copied into the model.
    """
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights = {}
    for node in [node for node in model.graph.node if node.op_type == "ConstantOfShape"]:
        shape = shapes[node.input[0]]
        fan_in = np.prod(shape[1:])
        deviation = 1 / fan_in if shape[0] == CLASSES else np.sqrt(2 / fan_in)
        weights[node.output[0]] = rng.standard_normal(shape, np.float32) * np.float32(deviation)
        model.graph.node.remove(node)
        model.graph.input.append(declaration(node.output[0]))
    return weights


def declaration(name: str) -> onnx.ValueInfoProto:
    """Return the declaration of a float32 array of any shape."""
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)


def names(model: onnx.ModelProto) -> list[str]:
    """Return the names of the outputs."""
    return [output.name for output in model.graph.output]


def shape_of(values: Tensor) -> str:
    """Return the shape in words."""
    return " x ".join(map(str, values.shape))


def report(node: onnx.NodeProto, x: Tensor, y: Tensor) -> None:
    """Print a layer's parameters, and what it does to the activations, none of which is negative after a ReLU."""
    attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    parameters = "{size:4}  {alpha:5.0e}  {beta:4.2f}  {bias:4g}".format(**attributes)
    largest = f"{x.max():.0f} → {y.max():.0f}"
    rms = f"{np.sqrt((x**2).mean()):.0f} → {np.sqrt((y**2).mean()):.0f}"
    print(f" {node.input[0]} → {node.output[0]}   {shape_of(x):17}{parameters}  {largest:>10}  {rms:>8}")


def compare(model: onnx.ModelProto, feeds: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    """Print how far onnxruntime's results are, and fail where that is more than float32 explains."""
    try:
        import onnxruntime  # noqa: PLC0415
    except ImportError:
        print(" onnxruntime  is not installed: pip install onnxruntime")
        return
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    apart = max(
        float(np.abs(found[name] - value).max() / np.abs(value).max())
        for name, value in zip(names(model), session.run(None, feeds), strict=True)
    )
    verdict = "agrees" if apart < TOLERANCE else "differs"
    print(f" onnxruntime  {onnxruntime.__version__} {verdict}: {apart:.0e} of the largest value apart at most")
    if apart >= TOLERANCE:
        sys.exit(1)


def rule(title: str) -> None:
    """Print a line across the table, with a title."""
    print(f"── {title} ".ljust(WIDTH, "─") if title else "─" * WIDTH)


if __name__ == "__main__":
    main()
