"""AlexNet and GoogLeNet in onnxruntime, made faster by one line.

The networks are those that the onnx package ships for its own tests: whole, but every weight the same constant.
They get random weights and a random image here, as large as those of trained networks. Nothing is downloaded.

Prints how long onnxruntime takes, how long it takes with lrncore's LRN, and how far the results are apart. Needs
onnx and onnxruntime. A number on the command line is that of the session's threads, by default 1.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

try:
    import lrncore.onnxruntime
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(2)

import onnx
import onnxruntime
from onnx import numpy_helper

MODELS = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
NETWORKS = {"AlexNet": "light_bvlc_alexnet.onnx", "GoogLeNet": "light_inception_v1.onnx"}
CLASSES = 1000
TURNS = 9
TOLERANCE = 1e-5

Tensor = NDArray[np.float32]


def main() -> None:
    """Run both networks in both kinds of session."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    options.log_severity_level = 3
    print(f"onnxruntime {onnxruntime.__version__}, lrncore {lrncore.__version__}, 1x3x224x224")
    print(f"threads: {options.intra_op_num_threads}")
    print(f"{'':10}{'onnxruntime':>13}{'lrncore':>11}{'faster':>9}{'apart':>9}")
    apart = [compare(name, filled(onnx.load(MODELS / file)), options) for name, file in NETWORKS.items()]
    if max(apart) >= TOLERANCE:
        sys.exit("the results differ by more than roundings")


def filled(model: onnx.ModelProto) -> onnx.ModelProto:
    """Put random weights in place of the nodes that make constants.

    Their variance is 2 / fan_in (He et al., 2015): it keeps activations as large as the image is, but 1 / fan_in^2
    in the classifier.
    """
    rng = np.random.default_rng(0)
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in [node for node in model.graph.node if node.op_type == "ConstantOfShape"]:
        shape = shapes[node.input[0]]
        fan_in = np.prod(shape[1:])
        deviation = np.float32(1 / fan_in if shape[0] == CLASSES else np.sqrt(2 / fan_in))
        weights = rng.standard_normal(shape, np.float32) * deviation
        model.graph.initializer.append(numpy_helper.from_array(weights, node.output[0]))
        model.graph.node.remove(node)
    return model


def compare(name: str, model: onnx.ModelProto, options: onnxruntime.SessionOptions) -> float:
    """Print a row of the table; return how far the results are apart, of the largest value."""
    constants = {tensor.name for tensor in model.graph.initializer}
    (image,) = (value.name for value in model.graph.input if value.name not in constants)
    x = np.random.default_rng(1).uniform(-128, 128, (1, 3, 224, 224)).astype(np.float32)
    theirs = onnxruntime.InferenceSession(model.SerializeToString(), options)
    ours = lrncore.onnxruntime.InferenceSession(model, options)
    times: tuple[list[float], list[float]] = ([], [])
    results: list[Tensor] = [x, x]
    for _ in range(TURNS):
        for i, session in enumerate((theirs, ours)):
            start = time.perf_counter()
            (results[i],) = session.run(None, {image: x})
            times[i].append(1e3 * (time.perf_counter() - start))
    before, after = map(median, times)
    apart = float(np.abs(results[0] - results[1]).max() / np.abs(results[0]).max())
    print(f"{name:10}{before:10.1f} ms{after:8.1f} ms{before / after:9.2f}{apart:9.0e}")
    return apart


if __name__ == "__main__":
    main()
