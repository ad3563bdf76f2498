"""Three dimensions without an axis: taken as (N, C, L), with a warning where an image is as likely."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import lrncore
from lrncore import LRNSpec

SPEC = LRNSpec.torch(5, alpha=1.0)
BANK = np.random.default_rng(0).standard_normal((16, 7, 9))
CALLS = {
    "lrn": lambda x, **axis: lrncore.lrn(x, SPEC, **axis),
    "lrn_backward": lambda x, **axis: lrncore.lrn_backward(x, x, SPEC, **axis),
    "lrn_jvp": lambda x, **axis: lrncore.lrn_jvp(x, x, SPEC, **axis),
    "lrn_param_grads": lambda x, **axis: np.array(lrncore.lrn_param_grads(x, x, SPEC, **axis)),
}


@pytest.mark.parametrize("name", CALLS)
def test_three_dimensions_warn_where_the_call_is(name):
    with pytest.warns(UserWarning, match="x has 3 dimensions") as caught:
        found = CALLS[name](BANK)
    (warning,) = caught
    assert Path(warning.filename) == Path(__file__)
    assert str(warning.message) == (
        "x has 3 dimensions, (16, 7, 9), and axis is not given: axis 1 is taken, as in (N, C, L); give axis=0 for "
        "(C, H, W), axis=-1 for (H, W, C), or axis=1 to say that this is meant"
    )
    assert np.array_equal(found, CALLS[name](BANK, axis=1))


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("axis", [0, 1, -1, (1,), (0, 2), (), np.int64(1)], ids=repr)
def test_axis_that_is_given_does_not_warn(axis, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CALLS[name](BANK, axis=axis)


@pytest.mark.parametrize("shape", [(16, 7), (2, 16, 7, 9), (1, 16, 1), (0, 16, 7), (2, 3, 4, 5, 6)], ids=str)
def test_other_shapes_do_not_warn(shape):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lrncore.lrn(np.ones(shape), SPEC)


@pytest.mark.parametrize(
    "call",
    [
        lambda: lrncore.local_response_norm(BANK, 5),
        lambda: lrncore.local_response_normalization(BANK),
        lambda: lrncore.LocalResponseNorm(5)(BANK),
        lambda: lrncore.LocalResponseNorm(5).backward(BANK, BANK),
    ],
    ids=["torch", "tensorflow", "layer", "layer_backward"],
)
def test_words_of_a_framework_mean_what_they_mean_there(call):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call()
