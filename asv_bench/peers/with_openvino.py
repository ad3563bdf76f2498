"""OpenVINO: a model of one LRN node, which runs oneDNN. Over the last axis it is not implemented."""

import numpy as np
import openvino
from openvino import opset13 as opset

from .plan import FORWARD


def prepare(problem):
    x = data = opset.parameter(problem.x.shape, np.float32)
    if problem.packed:
        problem.notes.append("transposed to NCHW and back")
        data = opset.transpose(data, [0, 3, 1, 2])
    y = opset.lrn(data, [1], problem.alpha, problem.beta, problem.k, problem.size)
    if problem.packed:
        y = opset.transpose(y, [0, 2, 3, 1])
    settings = {
        "INFERENCE_NUM_THREADS": problem.threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = openvino.Core().compile_model(openvino.Model([y], [x], "lrn"), "CPU", settings)
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(problem.x, shared_memory=True))
    request.set_output_tensor(openvino.Tensor(problem.out, shared_memory=True))

    def forward():
        request.infer()
        return problem.out

    return {FORWARD: forward}
