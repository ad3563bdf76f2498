"""onnxruntime: a model of one LRN node, its input and output bound once. The node takes NCHW only."""

import onnxruntime
from onnx import TensorProto, helper

from .plan import FORWARD


def prepare(problem):
    parameters = {"size": problem.size, "alpha": problem.alpha, "beta": problem.beta, "bias": problem.k}
    if problem.packed:
        problem.notes.append("transposed to NCHW and back")
        nodes = [
            helper.make_node("Transpose", ["x"], ["planar"], perm=(0, 3, 1, 2)),
            helper.make_node("LRN", ["planar"], ["normalized"], **parameters),
            helper.make_node("Transpose", ["normalized"], ["y"], perm=(0, 2, 3, 1)),
        ]
    else:
        nodes = [helper.make_node("LRN", ["x"], ["y"], **parameters)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, problem.x.shape) for name in "xy"]
    graph = helper.make_graph(nodes, "lrn", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = problem.threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    x, y = (onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in (problem.x, problem.out))
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", x)
    binding.bind_ortvalue_output("y", y)

    def forward():
        session.run_with_iobinding(binding)
        return y

    return {FORWARD: forward}
