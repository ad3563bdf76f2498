"""The moment norms in onnx's evaluator pass onnx's own node tests, and are right where its own are not."""

import warnings

import comparison
import norm_reference as reference
import numpy as np
import pytest
from networks import onnx
from norm_reference import assert_near
from onnx.backend.test.loader import load_model_tests
from onnx.reference import ReferenceEvaluator

import lrncore
import lrncore.onnx

NORMS = {each.__name__: each for each in lrncore.onnx.OPERATORS if each.__name__ != "LRN"}
#: of onnx's suite
RTOL, ATOL = 1e-3, 1e-7


def collected():
    """Return onnx's tests of one node that is such an operator."""
    found = {}
    with warnings.catch_warnings():  # of casts that overflow, and the like
        warnings.simplefilter("ignore")
        cases = load_model_tests(kind="node")
    for case in cases:
        model = case.model or onnx.load(f"{case.model_dir}/model.onnx")
        if len(model.graph.node) == 1 and model.graph.node[0].op_type in NORMS:
            found[case.name] = (model, case)
    return found


NODE_TESTS = collected()


def data_of(model, case):
    """Return the inputs and outputs of a test."""
    if case.data_sets:
        return case.data_sets[0]
    folder = f"{case.model_dir}/test_data_set_0"
    return tuple(
        [onnx.numpy_helper.to_array(onnx.load_tensor(f"{folder}/{kind}_{i}.pb")) for i in range(len(each))]
        for kind, each in (("input", model.graph.input), ("output", model.graph.output))
    )


@pytest.mark.parametrize("name", NODE_TESTS)
def test_node_test_of_onnx(name):
    model, case = NODE_TESTS[name]
    inputs, expected = data_of(model, case)
    feeds = dict(zip([each.name for each in model.graph.input], inputs, strict=True))
    for found, output in zip(lrncore.onnx.run(model, feeds), expected, strict=True):
        assert found.dtype == output.dtype
        np.testing.assert_allclose(found, output, rtol=RTOL, atol=ATOL)


def test_there_are_tests_of_every_operator():
    counted = {}
    for model, _ in NODE_TESTS.values():
        operator = model.graph.node[0].op_type
        counted[operator] = counted.get(operator, 0) + 1
    assert counted.keys() == NORMS.keys()
    assert counted["LayerNormalization"] >= 19
    assert counted["RMSNormalization"] >= 19
    assert counted["BatchNormalization"] >= 4


def node(operator, arrays, outputs=1, opset=21, **attributes):
    """Return a model of one node for these arrays."""
    names = [f"x{i}" for i in range(len(arrays))]
    results = [f"y{i}" for i in range(outputs)]
    elements = [onnx.helper.np_dtype_to_tensor_dtype(each.dtype) for each in arrays]
    inputs = [onnx.helper.make_tensor_value_info(*each, None) for each in zip(names, elements, strict=True)]
    found = [onnx.helper.make_tensor_value_info(each, elements[0], None) for each in results]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(operator, names, results, **attributes)], "norm", inputs, found
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)


def run(operator, *arrays, **more):
    """Return what lrncore makes of a node."""
    feeds = {f"x{i}": each for i, each in enumerate(arrays)}
    return lrncore.onnx.run(node(operator, arrays, **more), feeds)


def theirs(operator, *arrays, **more):
    """Return what onnx's own evaluator makes of it."""
    feeds = {f"x{i}": each for i, each in enumerate(arrays)}
    return ReferenceEvaluator(node(operator, arrays, **more)).run(None, feeds)


def parameters(channels, dtype=np.float32):
    rng = np.random.default_rng(2)
    return rng.uniform(0.5, 2, channels).astype(dtype), rng.standard_normal(channels).astype(dtype)


def test_group_norm_of_opset_18_has_a_scale_for_each_group():
    x = comparison.values((2, 6, 3, 5))
    scale, bias = parameters(2)
    (y,) = run("GroupNormalization", x, scale, bias, opset=18, num_groups=2)
    comparison.assert_close(y, lrncore.group_norm(x, 2, np.repeat(scale, 3), np.repeat(bias, 3)))
    scale, bias = parameters(6)
    (y,) = run("GroupNormalization", x, scale, bias, opset=21, num_groups=2)
    comparison.assert_close(y, theirs("GroupNormalization", x, scale, bias, opset=21, num_groups=2)[0])


@pytest.mark.parametrize(("opset", "more"), [(14, {"training_mode": 1}), (15, {"training_mode": 1}), (9, {})])
def test_batch_norm_in_training_mode(opset, more):
    x = comparison.values((4, 3, 5, 2))
    scale, bias = parameters(3)
    mean, var = comparison.values(3, seed=1), parameters(3)[0]
    outputs = 3 if opset >= 14 else 5
    y, *found = run(
        "BatchNormalization", x, scale, bias, mean, var, opset=opset, outputs=outputs, momentum=0.75, **more
    )
    expected = lrncore.batch_norm_train(x, scale, bias)[0]
    assert np.array_equal(y, expected)
    batch = x.astype(np.float64).mean((0, 2, 3)), x.astype(np.float64).var((0, 2, 3))
    for running, old, new in zip(found, (mean, var), batch, strict=False):
        comparison.assert_close(running, (0.75 * old + 0.25 * new).astype(np.float32))
    for saved, new in zip(found[2:], batch, strict=False):
        comparison.assert_close(saved, new.astype(np.float32))


def test_batch_norm_of_opset_9_with_one_output_is_at_test():
    x = comparison.values((4, 3, 5))
    arrays = *parameters(3), comparison.values(3, seed=1), parameters(3)[0]
    (y,) = run("BatchNormalization", x, *arrays, opset=9)
    assert np.array_equal(y, lrncore.batch_norm(x, *arrays[2:], *arrays[:2]))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_layer_norm_returns_means_and_inverse_deviations(axis):
    x = comparison.values((3, 4, 5)) + np.float32(7)
    shape = x.shape[axis:]
    scale, bias = parameters(shape)
    found = run("LayerNormalization", x, scale, bias, outputs=3, axis=axis)
    for each, expected in zip(
        found, theirs("LayerNormalization", x, scale, bias, outputs=3, axis=axis), strict=True
    ):
        assert each.dtype == expected.dtype
        np.testing.assert_allclose(each, expected, rtol=2e-5, atol=2e-5)


def test_parameters_broadcast():
    x = comparison.values((3, 4, 5))
    for operator in ("LayerNormalization", "RMSNormalization"):
        (y,) = run(operator, x, np.float32([2]), opset=23, axis=1)
        (whole,) = run(operator, x, np.full((4, 5), 2, np.float32), opset=23, axis=1)
        assert np.array_equal(y, whole)


CASES = {
    "BatchNormalization": ((0, 2, 3), {"training_mode": 1}, 4, 3),
    "GroupNormalization": ((2, 3), {"num_groups": 8}, 2, 1),
    "InstanceNormalization": ((2, 3), {}, 2, 1),
    "LayerNormalization": ((1, 2, 3), {"axis": 1}, 0, 1),
    "MeanVarianceNormalization": ((0, 2, 3), {}, 0, 1),
}


@pytest.mark.parametrize("mean", [0, 1e4])
@pytest.mark.parametrize("name", CASES)
def test_right_at_a_large_mean(name, mean):
    axes, attributes, given, outputs = CASES[name]
    x = comparison.values((4, 8, 6, 6)) + np.float32(mean)
    one, zero = np.ones(8, np.float32), np.zeros(8, np.float32)
    arrays = {0: [], 2: [one, zero], 4: [one, zero, zero, one]}[given]
    if name == "LayerNormalization":
        arrays = [np.ones(x.shape[1:], np.float32)]
    y = run(name, x, *arrays, outputs=outputs, **attributes)[0]
    assert_near(
        y,
        reference.forward(x, axes, (), None, None, 1e-5 if name != "MeanVarianceNormalization" else 0, True),
        5e-7,
    )


def test_mean_variance_normalization_of_a_constant_is_0():
    x = np.full((2, 3, 4, 4), 0.1, np.float32)
    assert not run("MeanVarianceNormalization", x)[0].any()


def test_halves_are_rounded_once():
    x = comparison.values((2, 6, 40)).astype(np.float16)
    scale, bias = (each.astype(np.float16) for each in parameters(6))
    (y,) = run("InstanceNormalization", x, scale, bias)
    wide = lrncore.instance_norm(x.astype(np.float32), scale, bias)
    assert np.array_equal(y, wide.astype(np.float16))
    # the variance of 1000 N(0, 1) is beyond float16
    (y,) = run("InstanceNormalization", x * np.float16(1000), scale, bias)
    assert abs(y - wide).max() < 0.01


def test_nodes_within_functions():
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["": 21, "mine": 1]>
        graph (float[N, C, H] x, float[C] s, float[C] b) => (float[N, C, H] y) { y = mine.Norm(x, s, b) }
        <opset_import: ["": 21], domain: "mine">
        Norm (x, s, b) => (y) { y = InstanceNormalization<epsilon = 0.5>(x, s, b) }
    """)
    x = comparison.values((2, 3, 7))
    scale, bias = parameters(3)
    (y,) = lrncore.onnx.run(model, {"x": x, "s": scale, "b": bias})
    assert np.array_equal(y, lrncore.instance_norm(x, scale, bias, eps=0.5))


def test_spatial_0_is_refused():
    x = comparison.values((2, 3, 4))
    arrays = [np.ones((3, 4), np.float32)] * 4
    with pytest.raises(NotImplementedError, match=r"^BatchNormalization is implemented for spatial=1 only, got 0$"):
        run("BatchNormalization", x, *arrays, opset=7, spatial=0)
