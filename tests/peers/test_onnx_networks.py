"""Whole networks with LRN give the same in onnx's reference evaluator with lrncore as in onnxruntime."""

from pathlib import Path

import cases
import numpy as np
import pytest
import reference
from comparison import assert_close, peer
from networks import NETWORKS, network, onnx, session

import lrncore.onnx

onnxruntime = peer("onnxruntime", "onnxruntime")

EXAMPLE = Path(__file__).parents[2] / "examples" / "onnx_alexnet.py"


class Passed:
    """A network and what it gives for one image, once with each."""

    def __init__(self, name):
        self.network = network(name)
        names = [value.name for value in self.network.model.graph.output]
        self.ours = dict(zip(names, lrncore.onnx.run(self.network.model, self.network.feeds), strict=True))
        self.theirs = dict(zip(names, session(self.network.model).run(None, self.network.feeds), strict=True))

    @property
    def layers(self):
        """The spec of each LRN, and its input and output with lrncore."""
        for node in self.network.layers:
            attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
            yield lrncore.LRNSpec.onnx(**attributes), self.ours[node.input[0]], self.ours[node.output[0]]


@pytest.fixture(scope="module", params=NETWORKS)
def passed(request):
    return Passed(request.param)


def test_lrn_has_something_to_do(passed):
    for spec, x, y in passed.layers:
        # beyond the division by k^beta that no activation can escape
        assert y.max() < 0.8 * x.max() * spec.k**-spec.beta
        assert (y > 0).mean() > 0.2


def test_lrn_in_a_network_is_the_formula(passed):
    for spec, x, y in passed.layers:
        exact = reference.forward(x, *cases.parameters(spec), 1, np.float64)
        assert reference.ulps(y, exact).max() <= cases.forward_ulp(y.dtype, spec, x.shape[1])


# The two take the sums of up to 9216 products in another order. 2e-6 of the largest value was seen between them,
# after the first LRN as after the last layer; assert_close allows 1e-5. One per cent more alpha makes 4e-3.
def test_same_after_each_lrn(passed):
    assert len(passed.network.layers) == 2
    for node in passed.network.layers:
        assert_close(passed.ours[node.output[0]], passed.theirs[node.output[0]])


def test_same_probabilities(passed):
    ours, theirs = passed.ours[passed.network.output], passed.theirs[passed.network.output]
    assert_close(ours, theirs)
    assert 2 * ours.mean() < ours.max() < 0.5


def test_the_example_agrees_with_onnxruntime(python):
    program = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"
    assert f"{onnxruntime.__version__} agrees" in python(program, str(EXAMPLE))


def test_the_example_says_what_to_install(python):
    program = """
import runpy, sys
sys.modules["onnx"] = None  # as where it is not installed
sys.stderr = sys.stdout
try:
    runpy.run_path(sys.argv[1], run_name="__main__")
except SystemExit as stop:
    print(stop.code)
"""
    assert python(program, str(EXAMPLE)).splitlines() == ["lrncore.onnx needs ONNX: pip install onnx", "2"]
