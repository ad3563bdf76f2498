"""Beside OpenVINO: its operation LRN over the channels and over the places, on its CPU plugin, which is oneDNN."""

import numpy as np
import pytest
import reference
from comparison import CASES, EVEN_CASES, ODD_CASES, assert_close, peer, values

import lrncore
from lrncore import LRNSpec

openvino = peer("openvino", "openvino")
opset = pytest.importorskip("openvino.opset13", reason="openvino has no opset13")

# Seen in 2026.4.1: the CPU plugin keeps bias in a field of type int, so these become 0 and 1.
FRACTIONS = (0.5, 1.25)
KNOWN_BUG = "src/plugins/intel_cpu/src/nodes/lrn.h of OpenVINO declares `int k`"
WHOLE = (1.0, 2.0)


# Seen in 2026.4.1: it takes them for [2, 3].
WRONG_AXES = [1, 2, 3]


def theirs(x, size, alpha, beta, bias, axes=(1,)):
    data = opset.parameter(x.shape, np.float32)
    model = openvino.Model([opset.lrn(data, list(axes), alpha, beta, bias, size)], [data], "lrn")
    # on some processors it would compute in bfloat16
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino.Core().compile_model(model, "CPU", settings)([x])[0]


def held(size, alpha, beta, bias):
    """Return what OpenVINO computes: an even window has a channel less than the size that divides alpha."""
    side = (size - 1) // 2
    return LRNSpec(side, side, alpha / size, beta, bias)


@pytest.mark.parametrize("bias", WHOLE)
@pytest.mark.parametrize("case", ODD_CASES, ids=str)
def test_odd_windows_are_those_of_onnx(case, bias):
    x = values(case.shape)
    parameters = case.size, case.alpha, case.beta, bias
    assert_close(lrncore.lrn(x, LRNSpec.onnx(*parameters)), theirs(x, *parameters))


@pytest.mark.parametrize("bias", WHOLE)
@pytest.mark.parametrize("case", EVEN_CASES, ids=str)
def test_even_windows_have_a_channel_less(case, bias):
    x = values(case.shape)
    parameters = case.size, case.alpha, case.beta, bias
    assert_close(lrncore.lrn(x, held(*parameters)), theirs(x, *parameters))


@pytest.mark.parametrize("shape", [(3, 17), (3, 17, 5), (2, 17, 3, 2, 3)], ids=str)
def test_any_number_of_dimensions(shape):
    x = values(shape)
    assert_close(lrncore.lrn(x, LRNSpec.onnx(5, 1.0, 0.75, 1.0)), theirs(x, 5, 1.0, 0.75, 1.0))


@pytest.mark.parametrize("bias", FRACTIONS)
@pytest.mark.parametrize("case", CASES[::7], ids=str)
def test_a_fractional_bias_is_what_the_formula_says(case, bias):
    x = values(case.shape)
    side = (case.size - 1) // 2
    expected = reference.forward(x, side, side, case.alpha / case.size, case.beta, bias, 1)
    y = lrncore.lrn(x, held(case.size, case.alpha, case.beta, bias))
    assert_close(y, expected.astype(np.float32))


@pytest.mark.parametrize("bias", FRACTIONS)
def test_they_drop_the_fraction_of_a_bias(bias):
    x = values((3, 5, 4, 4))
    y = theirs(x, 5, 1.0, 0.75, bias)
    if np.allclose(y, lrncore.lrn(x, LRNSpec.onnx(5, 1.0, 0.75, bias)), rtol=1e-5):
        pytest.skip(f"mended in OpenVINO {openvino.__version__}, FRACTIONS may join WHOLE: {KNOWN_BUG}")
    assert_close(lrncore.lrn(x, LRNSpec.onnx(5, 1.0, 0.75, float(int(bias)))), y)


# the axes that its CPU plugin computes: all but the first two, which oneDNN calls within a channel
WITHIN = [((3, 5, 9, 12), (2, 3)), ((2, 3, 1, 7), (2, 3)), ((2, 4, 20), (2,)), ((1, 3, 6, 7, 8), (2, 3, 4))]


@pytest.mark.parametrize("size", [1, 3, 4, 5, 6, 31])
@pytest.mark.parametrize(("shape", "axes"), WITHIN, ids=str)
def test_boxes(shape, axes, size):
    x = values(shape)
    for beta, bias in ((0.75, 1.0), (0.5, 2.0), (0.6, 1.0)):
        spec = LRNSpec.openvino(axes, 3.0, beta, bias, size)
        assert_close(lrncore.lrn(x, spec, axes), theirs(x, size, 3.0, beta, bias, axes))
        within = LRNSpec.onednn(size, 3.0, beta, bias, "lrn_within_channel", len(shape))
        assert within == spec


def test_defaults_of_boxes():
    x = values((2, 3, 9, 8))
    data = opset.parameter(x.shape, np.float32)
    model = openvino.Model([opset.lrn(data, [2, 3])], [data], "lrn")
    found = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([x])[0]
    assert_close(lrncore.lrn(x, LRNSpec.openvino((2, 3)), (2, 3)), found)


def test_they_leave_an_axis_out():
    x = values((2, 5, 6, 7))
    spec = LRNSpec.openvino(WRONG_AXES, 3.0, 0.75, 1.0, 3)
    y = lrncore.lrn(x, spec, tuple(WRONG_AXES))
    assert_close(y, reference.forward(x, 1, 1, 3.0 / 27, 0.75, 1.0, tuple(WRONG_AXES)).astype(np.float32))
    if np.allclose(theirs(x, 3, 3.0, 0.75, 1.0, WRONG_AXES), y, rtol=1e-4):
        pytest.skip(f"mended in OpenVINO {openvino.__version__}: boxes over channels and places")
