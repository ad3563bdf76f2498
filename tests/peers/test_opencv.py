"""Beside OpenCV's dnn, whose LRN layer is Caffe's: odd windows only, alpha divided."""

import cases
import numpy as np
import pytest
import reference
from comparison import EVEN_CASES, ODD_CASES, assert_close, peer, values

import lrncore
from lrncore import LRNSpec

cv2 = peer("cv2", "opencv-python-headless")
# what every release reads is a model of ONNX
onnx = peer("onnx", "onnx")

# Seen in November 2026: the first in 4.10.0 and 5.0.0, the others in 4.10.0.
BUGS = {
    "running": "the layer keeps a running sum, in which a NaN stays to the last channel",
    "k": "the importer for Caffe ignores k",
    "box": "within a channel the layer keeps a running sum, in which a NaN stays for the rest of the plane",
    "alpha": "where a prototxt has no alpha, the importer for Caffe takes 1e-4, and Caffe takes 1",
}

PROTOTXT = """
input: "x"
input_shape {{ dim: 2 dim: 7 dim: 3 dim: 4 }}
layer {{ name: "y" type: "LRN" bottom: "x" top: "y" lrn_param {{ {} }} }}
"""
needs_caffe = pytest.mark.skipif(
    not hasattr(cv2.dnn, "readNetFromCaffe"),
    reason="OpenCV 5 has no importer for Caffe (opencv/opencv#28678); 4 has one",
)


def theirs(x, size, alpha, beta, bias):
    node = onnx.helper.make_node("LRN", ["x"], ["y"], size=size, alpha=alpha, beta=beta, bias=bias)
    x_info, y_info = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, x.shape) for name in ("x", "y")
    )
    graph = onnx.helper.make_graph([node], "lrn", [x_info], [y_info])
    # what OpenCV 4.10, of 2024, knows
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    return _run(cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8)), x)


def by_prototxt(x, parameters):
    return _run(cv2.dnn.readNetFromCaffe(PROTOTXT.format(parameters).encode()), x)


def _run(net, x):
    net.setInput(x)
    return net.forward()


@pytest.mark.parametrize("case", ODD_CASES, ids=str)
def test_same_numbers(case):
    x = values(case.shape)
    expected = lrncore.lrn(x, LRNSpec.opencv(case.size, case.alpha, case.beta, case.k))
    assert_close(theirs(x, case.size, case.alpha, case.beta, case.k), expected)


@pytest.mark.parametrize("case", EVEN_CASES[:3], ids=str)
def test_both_refuse_an_even_window(case):
    with pytest.raises(cv2.error):
        theirs(values(case.shape), case.size, case.alpha, case.beta, case.k)
    with pytest.raises(ValueError, match="local_size must be odd"):
        LRNSpec.opencv(case.size, case.alpha, case.beta, case.k)


@needs_caffe
def test_same_numbers_from_a_prototxt():
    x = values((2, 7, 3, 4))
    found = by_prototxt(x, "local_size: 3 alpha: 2 beta: 0.6")
    assert_close(found, lrncore.lrn(x, LRNSpec.caffe(local_size=3, alpha=2.0, beta=0.6)))


@needs_caffe
@pytest.mark.parametrize(
    ("parameters", "arguments", "bug"), [("alpha: 1 k: 2", {"k": 2.0}, "k"), ("", {}, "alpha")], ids=["k", "alpha"]
)
def test_parameters_are_those_of_caffe(parameters, arguments, bug):
    x = values((2, 7, 3, 4))
    spec = LRNSpec.caffe(**arguments)
    y = lrncore.lrn(x, spec)
    assert_close(y, reference.forward(x, *cases.parameters(spec), 1).astype(np.float32))
    if np.allclose(by_prototxt(x, parameters), y, rtol=1e-3):
        pytest.skip(f"mended in OpenCV {cv2.__version__}: {BUGS[bug]}")


@needs_caffe
@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_same_numbers_within_a_channel(size):
    x = values((2, 7, 3, 4))
    words = f"local_size: {size} alpha: 9 beta: 0.75 norm_region: WITHIN_CHANNEL"
    spec = LRNSpec.caffe(size, 9.0, 0.75, norm_region="WITHIN_CHANNEL")
    assert spec == LRNSpec.opencv(size, 9.0, 0.75, norm_region="WITHIN_CHANNEL")
    assert_close(by_prototxt(x, words), lrncore.lrn(x, spec, (2, 3)))


@needs_caffe
def test_both_ignore_k_within_a_channel():
    x = values((2, 7, 3, 4))
    spec = LRNSpec.caffe(3, 9.0, 0.75, k=2.0, norm_region="WITHIN_CHANNEL")
    assert_close(
        by_prototxt(x, "local_size: 3 alpha: 9 norm_region: WITHIN_CHANNEL k: 2"), lrncore.lrn(x, spec, (2, 3))
    )


@needs_caffe
def test_a_nan_stays_within_its_box():
    x = values((2, 7, 3, 4))
    x[0, 0, 0, 0] = np.nan
    y = lrncore.lrn(x, LRNSpec.caffe(3, 9.0, 0.75, norm_region="WITHIN_CHANNEL"), (2, 3))
    assert np.isnan(y).sum() == 4
    found = by_prototxt(x, "local_size: 3 alpha: 9 norm_region: WITHIN_CHANNEL")
    if np.isnan(found).sum() == 4:
        pytest.skip(f"mended in OpenCV {cv2.__version__}: {BUGS['box']}")


def test_a_nan_stays_within_its_windows():
    x = values((1, 9, 2, 3))
    x[0, 3] = np.nan
    y = lrncore.lrn(x, LRNSpec.caffe(3, 1.0, 0.75, 0.5))
    assert np.isnan(y).any((0, 2, 3)).nonzero()[0].tolist() == [2, 3, 4]
    if not np.isnan(theirs(x, 3, 1.0, 0.75, 0.5)[0, -1]).any():
        pytest.skip(f"mended in OpenCV {cv2.__version__}: {BUGS['running']}")
