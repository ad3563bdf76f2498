"""What calls keep from those before them, specs by arguments and layouts by shapes, is never another call's."""

import cases
import numpy as np
import pytest

import lrncore

X = cases.normal((2, 12, 3, 5))
WORDS = {
    "torch": lambda **given: lrncore.local_response_norm(X, **({"size": 5, "alpha": 1.0} | given)),
    "tensorflow": lambda **given: lrncore.local_response_normalization(X, axis=1, **given),
}


@pytest.mark.parametrize("call", WORDS.values(), ids=WORDS)
def test_an_array_of_one_that_has_changed(call):
    alpha = np.array([0.5])
    before = call(alpha=alpha)
    alpha[0] = 2.0
    assert np.array_equal(call(alpha=alpha), call(alpha=2.0))
    assert not np.array_equal(call(alpha=alpha), before)


@pytest.mark.parametrize("beta", [1, 1.0, np.float32(1), np.array([1.0])], ids=repr)
@pytest.mark.parametrize("call", WORDS.values(), ids=WORDS)
def test_equal_numbers_of_any_type(call, beta):
    assert np.array_equal(call(beta=beta), call(beta=1.0))


@pytest.mark.parametrize("call", WORDS.values(), ids=WORDS)
def test_a_bool_is_refused_after_the_number_it_equals(call):
    call(beta=1.0)
    for _ in range(2):
        with pytest.raises(TypeError, match="beta must be a real number, got True"):
            call(beta=True)


def test_a_size_is_refused_after_the_number_it_equals():
    lrncore.local_response_norm(X, 1)
    for _ in range(2):
        with pytest.raises(TypeError, match=r"size must be an int, got True \(bool\)"):
            lrncore.local_response_norm(X, True)


def test_zeros_keep_their_sign():
    specs = [lrncore.LocalResponseNorm(5, k=k).spec for k in (0.0, -0.0, 0.0)]
    assert [str(spec.k) for spec in specs] == ["0.0", "-0.0", "0.0"]


def test_axes_decide_what_alpha_is_divided_by():
    for axis, whole in ((1, 5), ((2, 3), 25), ((1,), 5), ((), 1)):
        spec = lrncore.LRNSpec(2, 2, 1.0 / whole, 0.75, 1.0)
        assert np.array_equal(lrncore.local_response_norm(X, 5, 1.0, axis=axis), lrncore.lrn(X, spec, axis))


def test_the_warning_of_three_dimensions_comes_again():
    for _ in range(2):
        with pytest.warns(UserWarning, match="axis is not given"):
            lrncore.lrn(X[0], cases.STRONG)
