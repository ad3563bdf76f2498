"""The moment norms beside NumPy as one writes it down, finite differences, and each other."""

import numpy as np
import pytest

import lrncore

pytestmark = pytest.mark.usefixtures("isa")


def frn_and_tlu(x, gamma, beta, tau, eps):
    """Filter response normalization as a page on the relatives of LRN gives it, in NumPy."""
    nu2 = np.mean(np.square(x), axis=(2, 3), keepdims=True)
    x = x / np.sqrt(nu2 + np.abs(eps))
    return np.maximum(gamma * x + beta, tau)


def test_frn_with_tlu_in_numpy():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 6, 8, 9))
    gamma, beta, tau = rng.standard_normal((3, 1, 6, 1, 1))
    z = lrncore.filter_response_norm(x, gamma.ravel(), beta.ravel(), tau.ravel(), eps=1e-6)
    assert np.allclose(z, frn_and_tlu(x, gamma, beta, tau, 1e-6), rtol=1e-13, atol=1e-14)


def test_group_norm_between_layer_norm_and_instance_norm():
    x = np.random.default_rng(1).standard_normal((3, 8, 5, 7))
    layer = (x - x.mean((1, 2, 3), keepdims=True)) / np.sqrt(x.var((1, 2, 3), keepdims=True) + 1e-5)
    instance = (x - x.mean((2, 3), keepdims=True)) / np.sqrt(x.var((2, 3), keepdims=True) + 1e-5)
    for one, other in (
        (lrncore.group_norm(x, 1), layer),
        (lrncore.layer_norm(x, (1, 2, 3)), layer),
        (lrncore.group_norm(x, 8), instance),
        (lrncore.instance_norm(x), instance),
    ):
        assert np.allclose(one, other, rtol=1e-12, atol=1e-13)


def test_batch_norm_of_one_image_is_instance_norm():
    x = np.random.default_rng(2).standard_normal((1, 4, 5, 6))
    assert np.allclose(lrncore.batch_norm_train(x)[0], lrncore.instance_norm(x), rtol=1e-14)


RNG = np.random.default_rng(3)
G, X = RNG.standard_normal((2, 2, 6, 3, 2))
WEIGHT, BIAS, TAU, MEAN = RNG.standard_normal((4, 6))
VAR = RNG.uniform(0.5, 2, 6)
FULL = RNG.standard_normal((6, 3, 2))

#: forward and backward of x and the weight, in which both are functions
DIFFERENTIATED = {
    "batch": (
        lambda x, w: lrncore.batch_norm(x, MEAN, VAR, w, BIAS),
        lambda x, w: lrncore.batch_norm_backward(G, x, MEAN, VAR, w),
        WEIGHT,
    ),
    "batch_train": (
        lambda x, w: lrncore.batch_norm_train(x, w, BIAS)[0],
        lambda x, w: lrncore.batch_norm_train_backward(G, x, w),
        WEIGHT,
    ),
    "group": (
        lambda x, w: lrncore.group_norm(x, 3, w, BIAS),
        lambda x, w: lrncore.group_norm_backward(G, x, 3, w),
        WEIGHT,
    ),
    "group_interleaved": (
        lambda x, w: lrncore.group_norm(x, 3, w, BIAS, interleaved=True),
        lambda x, w: lrncore.group_norm_backward(G, x, 3, w, interleaved=True),
        WEIGHT,
    ),
    "instance": (
        lambda x, w: lrncore.instance_norm(x, w, BIAS),
        lambda x, w: lrncore.instance_norm_backward(G, x, w),
        WEIGHT,
    ),
    "layer": (
        lambda x, w: lrncore.layer_norm(x, (1, 2, 3), w),
        lambda x, w: lrncore.layer_norm_backward(G, x, (1, 2, 3), w),
        FULL,
    ),
    "layer_eps_outside": (
        lambda x, w: lrncore.layer_norm(x, (1, 2, 3), w, eps=0.3, eps_outside=True),
        lambda x, w: lrncore.layer_norm_backward(G, x, (1, 2, 3), w, eps=0.3, eps_outside=True),
        FULL,
    ),
    "rms": (lambda x, w: lrncore.rms_norm(x, 1, w), lambda x, w: lrncore.rms_norm_backward(G, x, 1, w), WEIGHT),
    "rms_eps_outside": (
        lambda x, w: lrncore.rms_norm(x, 1, w, eps=0.3, eps_outside=True),
        lambda x, w: lrncore.rms_norm_backward(G, x, 1, w, eps=0.3, eps_outside=True),
        WEIGHT,
    ),
    "filter_response": (
        lambda x, w: lrncore.filter_response_norm(x, w, BIAS, TAU, eps=0.1),
        lambda x, w: lrncore.filter_response_norm_backward(G, x, w, BIAS, tau=TAU, eps=0.1),
        WEIGHT,
    ),
}


def slopes(function, at, step=1e-6):
    """Return the derivative of sum(G * function(at)) with respect to each element, by central differences."""
    found = np.empty_like(at)
    for index in np.ndindex(at.shape):
        ahead, back = at.copy(), at.copy()
        ahead[index] += step
        back[index] -= step
        found[index] = (G * (function(ahead) - function(back))).sum() / (2 * step)
    return found


@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_gradients_are_finite_differences(name):
    forward, backward, weight = DIFFERENTIATED[name]
    dx, dweight, *_ = backward(X, weight)
    assert np.allclose(dx, slopes(lambda x: forward(x, weight), X), rtol=1e-6, atol=1e-7)
    assert np.allclose(dweight, slopes(lambda w: forward(X, w), weight), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("parameter", ["bias", "tau", "eps"])
def test_other_gradients_of_the_filter_response_are_finite_differences(parameter):
    given = {"weight": WEIGHT, "bias": BIAS, "tau": TAU, "eps": np.linspace(0.1, 1, 6)}
    grads = lrncore.filter_response_norm_backward(G, X, **given)
    expected = slopes(lambda p: lrncore.filter_response_norm(X, **given | {parameter: p}), given[parameter])
    assert np.allclose(getattr(grads, f"d{parameter}"), expected, rtol=1e-6, atol=1e-7)


def test_eps_outside_the_root():
    x = np.random.default_rng(5).standard_normal((4, 9))
    std, rms = x.std(1, keepdims=True), np.sqrt((x * x).mean(1, keepdims=True))
    centred = x - x.mean(1, keepdims=True)
    assert np.allclose(lrncore.layer_norm(x, eps=0.5, eps_outside=True), centred / (std + 0.5), rtol=1e-13)
    assert np.allclose(lrncore.rms_norm(x, eps=0.5, eps_outside=True), x / (rms + 0.5), rtol=1e-13)
    assert not lrncore.layer_norm(np.full((2, 5), 0.1), eps=1e-9, eps_outside=True).any()
    with pytest.raises(TypeError, match=r"^eps_outside must be a bool, got 1 \(int\)$"):
        lrncore.layer_norm(x, eps_outside=1)


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("conv_bias", [None, np.arange(4.0)])
def test_folded_layer_is_both_layers(conv_bias, axis):
    rng = np.random.default_rng(4)
    kernel, x = rng.standard_normal((4, 7)), rng.standard_normal((5, 7))
    mean, weight, bias = rng.standard_normal((3, 4))
    var = rng.uniform(0.5, 2, 4)
    given = kernel if axis == 0 else kernel.T.copy()
    expected = lrncore.batch_norm(x @ kernel.T + (0 if conv_bias is None else conv_bias), mean, var, weight, bias)
    folded, shift = lrncore.fold_batch_norm(given, conv_bias, mean, var, weight, bias, axis=axis)
    assert folded.shape == given.shape
    assert np.allclose(x @ (folded.T if axis == 0 else folded) + shift, expected, rtol=1e-12)


def test_folding_keeps_the_dtype_and_names_what_does_not_fit():
    folded = lrncore.fold_batch_norm(np.ones((2, 3, 1, 1), np.float16), None, [1, 2], [3, 4])
    assert [each.dtype for each in folded] == [np.float16] * 2
    with pytest.raises(ValueError, match=r"^conv_bias must have the shape \(2,\), got \(3,\)$"):
        lrncore.fold_batch_norm(np.ones((2, 3)), np.ones(3), [1, 2], [3, 4])
    with pytest.raises(TypeError, match=r"^mean must be an array, got None$"):
        lrncore.fold_batch_norm(np.ones((2, 3)), None, None, [3, 4])
