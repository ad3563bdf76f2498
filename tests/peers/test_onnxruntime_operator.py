"""lrncore's operator in onnxruntime: the numbers, what is refused, and processes that have not imported lrncore."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import cases
import comparison
import numpy as np
import pytest
import reference
from comparison import peer
from networks import NETWORKS, network, one_node, onnx, session

import lrncore

onnxruntime = peer("onnxruntime", "onnxruntime")
operator = peer("lrncore.onnxruntime", "onnx onnxruntime")

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "onnxruntime_networks.py"
ATTRIBUTES = {"size": 5, "alpha": 1e-1, "beta": 0.75, "bias": 2.0}
SHAPES = [
    (4, 7),
    (3, 9, 5),
    (2, 17, 3, 5),
    (1, 96, 55, 55),
    (33, 96, 13, 13),
    (2, 6, 3, 4, 5),
    (5000, 64),
    (1, 1, 1),
]
DTYPES = [np.float32, np.float64, np.float16]


def options(threads=0):
    """Return options of a session that keeps its warnings to itself."""
    found = onnxruntime.SessionOptions()
    found.log_severity_level = 4
    found.intra_op_num_threads = threads
    return found


def ours(model, threads=0):
    return operator.InferenceSession(model, options(threads), providers=["CPUExecutionProvider"])


def run(x, threads=0, **attributes):
    (y,) = ours(one_node(x.dtype, **attributes), threads).run(None, {"x": x})
    return y


@pytest.mark.parametrize("case", comparison.ODD_CASES)
def test_same_numbers_as_onnxruntime(case):
    x = comparison.values(case.shape)
    attributes = {"size": case.size, "alpha": case.alpha, "beta": case.beta, "bias": case.k}
    (theirs,) = session(one_node(**attributes)).run(None, {"x": x})
    comparison.assert_close(run(x, **attributes), theirs)


@pytest.mark.parametrize("size", [1, 2, 4, 5, 64])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_rank_and_dtype_is_the_formula(shape, dtype, size):
    x = comparison.values(shape, dtype)
    spec = lrncore.LRNSpec.onnx(size, *np.float32([0.1, 0.75, 2.0]).tolist())
    y = run(x, **ATTRIBUTES | {"size": size})
    assert y.dtype == dtype
    exact = reference.forward(x, *cases.parameters(spec), 1, np.longdouble)
    assert reference.ulps(y, exact).max() <= cases.forward_ulp(y.dtype, spec, x.shape[1])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_same_bits_for_any_number_of_threads(shape):
    x = comparison.values(shape)
    expected = lrncore.lrn(x, lrncore.LRNSpec.onnx(5, float(np.float32(0.1)), 0.75, 2.0), axis=1)
    for threads in (1, 2, 5):
        assert np.array_equal(run(x, threads, **ATTRIBUTES), expected)


@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 0, 3), (2, 4, 0)], ids=str)
def test_empty_arrays(shape):
    assert run(np.ones(shape, np.float32), **ATTRIBUTES).shape == shape


def test_one_session_in_many_threads():
    shared = ours(one_node(**ATTRIBUTES), 2)
    inputs = [comparison.values((2, 96, 27, 27), seed=seed) for seed in range(4)]
    expected = [shared.run(None, {"x": x})[0] for x in inputs]
    wrong = []

    def work(x, y):
        wrong.extend(i for i in range(20) if not np.array_equal(shared.run(None, {"x": x})[0], y))

    threads = [threading.Thread(target=work, args=pair) for pair in zip(inputs, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_input_and_output_are_used_where_they_lie():
    x, y = comparison.values((1, 96, 55, 55)), np.zeros((1, 96, 55, 55), np.float32)
    bound = ours(one_node(**ATTRIBUTES))
    binding = bound.io_binding()
    binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(x))
    value = onnxruntime.OrtValue.ortvalue_from_numpy(y)
    binding.bind_ortvalue_output("y", value)
    bound.run_with_iobinding(binding)
    assert np.array_equal(value.numpy(), run(x, **ATTRIBUTES))


def test_the_shape_of_the_output_is_known_before_a_run():
    model = one_node(**ATTRIBUTES)
    (x,), (y,) = model.graph.input, model.graph.output
    x.type.tensor_type.shape.dim.extend([onnx.TensorShapeProto.Dimension(dim_value=n) for n in (1, 8, 3)])
    y.type.tensor_type.ClearField("shape")
    assert ours(model).get_outputs()[0].shape == [1, 8, 3]


@pytest.mark.parametrize("name", NETWORKS)
def test_same_probabilities_of_networks(name):
    case = network(name)
    (theirs,) = session(case.model).run([case.output], case.feeds)
    (found,) = ours(case.model).run([case.output], case.feeds)
    comparison.assert_close(found, theirs)


def test_a_session_from_a_path_bytes_and_a_model(tmp_path):
    model = one_node(**ATTRIBUTES)
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    x = comparison.values((2, 8, 3))
    found = [ours(each).run(None, {"x": x})[0] for each in (path, str(path), path.read_bytes(), model)]
    assert all(np.array_equal(each, found[0]) for each in found)
    assert model.graph.node[0].domain == ""
    assert isinstance(ours(model), onnxruntime.InferenceSession)


def test_options_serve_several_sessions():
    shared = options()
    for _ in range(2):
        operator.InferenceSession(one_node(**ATTRIBUTES), shared)


def test_replace_reaches_branches_and_functions():
    text = """
    <ir_version: 8, opset_import: ["": 16, "mine": 1]>
    outer (float[N, C, W] x, bool flag) => (float[N, C, W] y) {
        first = If (flag) <
            then_branch = yes () => (float[N, C, W] a) { a = LRN<size = 3>(x) },
            else_branch = no () => (float[N, C, W] b) { b = mine.twice(x) }
        >
        y = Relu(first)
    }
    <domain: "mine", opset_import: ["": 16]>
    twice (v) => (w) { u = LRN<size = 3>(v) w = LRN<size = 5, alpha = 2.0>(u) }
    """
    replaced = operator.replace(onnx.parser.parse_model(text))
    (function,) = replaced.functions
    branch = replaced.graph.node[0].attribute[0].g
    assert [node.domain for node in [*branch.node, *function.node]] == ["lrncore"] * 3
    x = comparison.values((2, 8, 3))
    (y,) = ours(replaced).run(None, {"x": x, "flag": np.array(False)})
    once = lrncore.lrn(x, lrncore.LRNSpec.onnx(3, float(np.float32(1e-4))), axis=1)
    twice = lrncore.lrn(once, lrncore.LRNSpec.onnx(5, 2.0), axis=1)
    assert np.array_equal(y, np.maximum(twice, 0))


def test_replace_again_changes_nothing():
    replaced = operator.replace(one_node(size=3))
    assert operator.replace(replaced) == replaced
    assert [each.name for each in replaced.graph.node[0].attribute] == ["size", "alpha", "beta", "bias"]


def test_nothing_to_replace_is_said():
    model = one_node(size=3)
    model.graph.node[0].op_type = "Relu"
    del model.graph.node[0].attribute[:]
    for call in (operator.replace, operator.InferenceSession):
        with pytest.warns(UserWarning, match="^the model has no LRN: nothing was replaced$") as caught:
            call(model)
        assert caught[0].filename == __file__


def test_one_dimension_is_refused():
    message = r"lrncore\.LRN: X must have 2 to 64 dimensions, \(N, C, \.\.\.\), got 1$"
    with pytest.raises(Exception, match=message):
        run(np.ones(4, np.float32), **ATTRIBUTES)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({}, "lrncore.LRN needs the attribute size, an integer"),
        ({"size": 0}, "lrncore.LRN: size must be at least 1, got 0"),
        ({"size": 3, "beta": np.inf}, "lrncore.LRN: alpha, beta or bias: spec.beta must be finite"),
    ],
    ids=["none", "size", "beta"],
)
def test_attributes_that_do_not_fit_are_named(attributes, message):
    with pytest.raises(Exception, match=f"{message}$"):
        ours(one_node(**attributes))


def test_without_onnxruntime_the_message_says_what_to_install(python):
    program = """
import sys
sys.modules["onnxruntime"] = None  # as where it is not installed
try:
    import lrncore.onnxruntime
except ImportError as error:
    print(error)
"""
    expected = "lrncore.onnxruntime needs ONNX and onnxruntime: pip install onnx onnxruntime"
    assert python(program) == expected


def test_the_example_agrees_with_onnxruntime(python):
    program = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    printed = python(program, str(EXAMPLE))
    assert [line.split()[0] for line in printed.splitlines()[3:]] == ["AlexNet", "GoogLeNet"]


SAVED = """
import sys
import numpy as np, onnxruntime
options = onnxruntime.SessionOptions()
options.register_custom_ops_library(sys.argv[1])
session = onnxruntime.InferenceSession(sys.argv[2], options)
(y,) = session.run(None, {"x": np.arange(int(sys.argv[3]), dtype=np.float32)[None]})
assert not any(name.startswith("lrncore") for name in sys.modules)
print(*(f"{value:.9g}" for value in y[0].tolist()), sep="\\n")
"""


@pytest.fixture
def saved(tmp_path):
    """Return a saved model's path, and what it gives for 0 ... 63."""
    path = tmp_path / "model.onnx"
    onnx.save(operator.replace(one_node(**ATTRIBUTES)), path)
    return path, run(np.arange(64, dtype=np.float32)[None], **ATTRIBUTES)[0].tolist()


def numbers(*command, **environment):
    """Return the numbers that a program printed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [float(np.float32(word)) for word in done.stdout.split()]


def test_a_saved_model_in_a_process_that_never_imports_lrncore(saved):
    path, expected = saved
    assert numbers(sys.executable, "-c", SAVED, operator.library_path(), path, 64, OMP_NUM_THREADS="1") == expected


def test_a_saved_model_in_a_process_without_python(saved, tmp_path):
    path, expected = saved
    runtime = next(Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.*"), None)
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if runtime is None or compiler is None:
        pytest.skip("needs a C compiler, and an onnxruntime that brings libonnxruntime.so")
    program = tmp_path / "program"
    source = ROOT / "tests" / "header" / "run_model.c"
    subprocess.run([compiler, "-Wall", source, "-o", program, "-ldl"], check=True)
    assert numbers(program, runtime, operator.library_path(), path, 64) == expected
