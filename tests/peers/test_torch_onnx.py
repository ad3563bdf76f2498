"""lrncore.torch in both exporters of torch.onnx, the newer (dynamo=True) and the older: onnxruntime runs it."""

import io
import logging
import warnings
from typing import NamedTuple

import numpy as np
import pytest
from comparison import peer, values
from networks import onnx, session

torch = peer("torch", "torch")
peer("onnxruntime", "onnxruntime")

from lrncore import torch as ours  # noqa: E402  (after the skip)

STRONG = {"alpha": 1.0, "beta": 0.75, "k": 0.5}


class Form(NamedTuple):
    """A window, an input, and how many nodes LRN the file has."""

    size: int
    dim: object
    shape: tuple[int, ...]
    dtype: str
    nodes: int


FORMS = {
    "odd": Form(5, 1, (2, 9, 4, 3), "float32", 1),
    "even": Form(4, 1, (2, 9, 4, 3), "float32", 0),
    "wider_than_the_channels": Form(11, 1, (2, 4, 4, 3), "float32", 1),
    "even_and_wider": Form(10, 1, (2, 4, 4, 3), "float32", 0),
    "last": Form(5, -1, (2, 4, 3, 9), "float32", 1),
    "one_dimension": Form(5, 0, (9,), "float32", 1),
    "two_dimensions": Form(5, 1, (2, 9), "float32", 1),
    "three_dimensions": Form(5, 1, (2, 9, 5), "float32", 1),
    "five_dimensions": Form(5, 1, (2, 9, 3, 2, 2), "float32", 1),
    "box": Form(3, (2, 3), (2, 3, 5, 6), "float32", 0),
    "float16": Form(5, 1, (2, 9, 4, 3), "float16", 1),
    "float16_even": Form(4, 1, (2, 9, 4, 3), "float16", 0),
    "float64": Form(5, 1, (2, 9, 4, 3), "float64", 0),
}
# of the parameters as PyTorch writes them, float32, and of the arithmetic
TOLERANCES = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-7}


def older(model, x, opset=17, **options):
    """Return the file of the exporter that traces."""
    file = io.BytesIO()
    torch.onnx.export(model, (x,), file, dynamo=False, opset_version=opset, input_names=["x"], **options)
    return onnx.load_from_string(file.getvalue())


def newer(model, x, opset=18, **options):
    """Return the file of the exporter that reads an exported program."""
    peer("onnxscript", "onnxscript")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(model, (x,), dynamo=True, opset_version=opset, verbose=False, **options)
    return program.model_proto


EXPORTERS = {"older": older, "newer": newer}


@pytest.fixture(autouse=True)
def _silence():
    """Keep what the exporters tell about other packages out of the report."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    yield
    logging.disable(before)


def data(shape, dtype="float32"):
    return torch.from_numpy(values(shape, np.dtype(dtype)))


def nodes(file):
    return sum(node.op_type == "LRN" for node in file.graph.node)


def assert_runs(file, model, x):
    """Check that the file is valid, and computes in onnxruntime what the model does."""
    onnx.checker.check_model(file, full_check=True)
    (y,) = session(file).run(None, {file.graph.input[0].name: x.numpy()})
    expected = model(x).detach().numpy()
    assert y.dtype == expected.dtype
    tolerance = TOLERANCES[y.dtype.name]
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("export", EXPORTERS.values(), ids=EXPORTERS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_layer(form, export):
    model, x = ours.LocalResponseNorm(form.size, **STRONG, dim=form.dim), data(form.shape, form.dtype)
    file = export(model, x)
    assert nodes(file) == form.nodes
    assert_runs(file, model, x)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_layer_that_learns_by_the_older_exporter(form):
    """Its parameters have values there, so that it is the same node."""
    model, x = ours.LearnableLocalResponseNorm(form.size, **STRONG, dim=form.dim), data(form.shape, form.dtype)
    file = older(model, x)
    assert nodes(file) == form.nodes
    assert_runs(file, model, x)


@pytest.mark.parametrize("name", ["odd", "even", "box", "float16", "float64"])
def test_layer_that_learns_by_the_newer_exporter(name):
    """Its parameters have no values there: it is composed."""
    form = FORMS[name]
    model, x = ours.LearnableLocalResponseNorm(form.size, **STRONG, dim=form.dim), data(form.shape, form.dtype)
    assert_runs(newer(model, x), model, x)


def test_layer_that_has_learned_becomes_a_node_when_it_is_fixed():
    model, x = ours.LearnableLocalResponseNorm(5, **STRONG), data((2, 9, 4, 3))
    file = newer(ours.replace(ours.restore(model)), x)
    assert nodes(file) == 1
    assert_runs(file, model, x)


@pytest.mark.parametrize("name", ["odd", "even", "last", "three_dimensions", "float64"])
@pytest.mark.parametrize("opset", range(13, 21))
def test_opsets_of_the_older_exporter(opset, name):
    form = FORMS[name]
    model, x = ours.LocalResponseNorm(form.size, **STRONG, dim=form.dim), data(form.shape, form.dtype)
    file = older(model, x, opset)
    assert file.opset_import[0].version == opset
    assert_runs(file, model, x)


@pytest.mark.parametrize("name", ["odd", "even"])
@pytest.mark.parametrize("opset", [13, 15, 17, 19, 20, 21])
def test_opsets_of_the_newer_exporter(opset, name):
    """Below 18 PyTorch converts its file, and leaves it at 18 where it cannot."""
    form = FORMS[name]
    model, x = ours.LocalResponseNorm(form.size, **STRONG), data(form.shape)
    file = newer(model, x, opset)
    assert file.opset_import[0].version in {opset, max(opset, 18)}
    assert nodes(file) == form.nodes
    assert_runs(file, model, x)


class Network(torch.nn.Module):
    """The layers and the function, with parameters that are numbers, learned, and computed."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3)
        self.norm = ours.LearnableLocalResponseNorm(5, **STRONG)
        self.alpha = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x)))
        x = ours.local_response_norm(x, 5, alpha=self.alpha * 2)
        return ours.local_response_norm(x, 3, k=2.0)


@pytest.mark.parametrize("export", EXPORTERS.values(), ids=EXPORTERS)
def test_function_within_a_model(export):
    torch.manual_seed(0)
    model, x = Network(), data((2, 3, 8, 8))
    assert_runs(export(model, x), model, x)


@pytest.mark.parametrize("export", EXPORTERS.values(), ids=EXPORTERS)
def test_replaced_layer(export):
    model = ours.replace(torch.nn.Sequential(torch.nn.ReLU(), torch.nn.LocalResponseNorm(5, **STRONG)))
    x = data((2, 9, 4, 3))
    file = export(model, x)
    assert [node.op_type for node in file.graph.node] == ["Relu", "LRN"]
    assert_runs(file, model, x)


@pytest.mark.parametrize("name", ["odd", "even", "last", "three_dimensions", "five_dimensions"])
def test_changing_shapes(name):
    form = FORMS[name]
    model = ours.LocalResponseNorm(form.size, **STRONG, dim=form.dim)
    x, larger = data(form.shape), data((5, form.shape[1], 7, *form.shape[3:])[: len(form.shape)])
    assert_runs(older(model, x, dynamic_axes={"x": {0: "images", 2: "height"}}), model, larger)
    dynamic = {0: torch.export.Dim("images"), 2: torch.export.Dim("height")}
    assert_runs(newer(model, x, dynamic_shapes=(dynamic,)), model, larger)


@pytest.mark.parametrize("name", ["odd", "even"])
def test_program_that_was_exported_before(name):
    form = FORMS[name]
    model, x = ours.LocalResponseNorm(form.size, **STRONG), data(form.shape)
    program = torch.export.export(model, (x,))
    file = newer(program, x)
    assert nodes(file) == form.nodes
    assert_runs(file, model, x)


def test_other_decompositions_leave_the_operator():
    program = torch.export.export(ours.LocalResponseNorm(5), (data((2, 9, 4, 3)),))
    called = [node.target for node in program.run_decompositions().graph.nodes if node.op == "call_function"]
    assert called == [torch.ops.lrncore.lrn.default]


def test_decomposed_for_someone_else():
    model, x = ours.LocalResponseNorm(4, **STRONG), data((2, 9, 4, 3))
    table = torch._decomp.get_decompositions([torch.ops.lrncore.lrn])
    program = torch.export.export(model, (x,)).run_decompositions(table)
    assert torch.ops.lrncore.lrn.default not in [node.target for node in program.graph.nodes]
    torch.testing.assert_close(program.module()(x), model(x))


def test_model_that_was_traced_before():
    x = data((2, 9, 4, 3))
    model = ours.LocalResponseNorm(5, **STRONG)
    file = older(torch.jit.trace(model, x), x)
    assert nodes(file) == 1
    assert_runs(file, model, x)
    with pytest.raises(torch.onnx.OnnxExporterError) as refused:
        older(torch.jit.trace(ours.LocalResponseNorm(4), x), x)
    assert str(refused.value) == (
        "ONNX has no such window as lrncore::lrn has here; export the model itself, not its trace"
    )
