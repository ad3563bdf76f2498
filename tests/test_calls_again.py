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


# ---- the layouts of norms ---------------------------------------------------------------------------------


def norms(x):
    """Return results of norms that walk one array in different ways, one after the other."""
    weight, eps = np.arange(1.0, 13.0), np.linspace(0.1, 0.2, 12)
    return [
        lrncore.batch_norm_train(x, weight)[0],
        lrncore.batch_norm(x, weight, weight),
        lrncore.group_norm(x, 4),
        lrncore.group_norm(x, 3),
        lrncore.group_norm(x, 3, interleaved=True),
        lrncore.group_norm(x, 3, [1.0, 2.0, 3.0]),
        lrncore.instance_norm(x, weight),
        lrncore.instance_norm(x, weight, axis=0) if len(x) == 12 else lrncore.instance_norm(x),
        lrncore.filter_response_norm(x, weight),
        lrncore.filter_response_norm(x, eps=eps),
        lrncore.filter_response_norm(x, eps=2 * eps),
        lrncore.layer_norm(x),
        lrncore.layer_norm(x, eps_outside=True),
        lrncore.layer_norm(x, (1, 2)),
        lrncore.rms_norm(x, (1, 2)),
        lrncore.rms_norm(x, (1, 2), eps=0.5),
        lrncore.moments(x, (0, 2)).mean,
    ]


def test_norms_of_one_shape_and_other_strides():
    whole = [norms(X), norms(np.ascontiguousarray(X[::-1]))]
    for x, expected in ((X, whole[0]), (X[::-1], whole[1]), (np.asfortranarray(X), whole[0]), (X, whole[0])):
        for found, other in zip(norms(x), expected, strict=True):
            np.testing.assert_allclose(found, other, rtol=1e-5, atol=1e-6)


def test_eps_is_refused_after_the_number_it_equals():
    lrncore.layer_norm(X, eps=1.0)
    for _ in range(2):
        with pytest.raises(TypeError, match=r"eps must be a real number, got True \(bool\)"):
            lrncore.layer_norm(X, eps=True)


def test_flags_and_groups_are_refused_after_the_numbers_they_equal():
    lrncore.layer_norm(X, eps_outside=True)
    with pytest.raises(TypeError, match="eps_outside must be a bool, got 1"):
        lrncore.layer_norm(X, eps_outside=1)
    lrncore.group_norm(X, 1)
    with pytest.raises(TypeError, match="num_groups must be an int, got True"):
        lrncore.group_norm(X, True)


def test_out_of_another_shape_with_as_many_elements():
    for shape in ((12, 2, 3, 5), (2, 12, 15), (24, 1, 3, 5)):
        out = np.zeros(shape, np.float32)
        for call in (lrncore.layer_norm, lambda x, out: lrncore.group_norm(x, 4, out=out)):
            with pytest.raises(ValueError, match="out must have the shape of x"):
                call(X, out=out)
        assert not out.any()


def test_gradients_are_arrays_of_their_own():
    grads = lrncore.batch_norm_train_backward(X, X, np.ones(12))
    before = grads.dbias.copy()
    grads.dweight[:] = 7
    assert np.array_equal(grads.dbias, before)
