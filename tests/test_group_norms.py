"""Group and instance normalization are their formulas, at any mean, in every layout."""

import cases
import norm_reference as reference
import numpy as np
import pytest
from norm_reference import NEAR, assert_near

import lrncore

MEANS = (0, 100, 1e4, 1e6)
# shape, channel axis, groups; None: instance normalization
SHAPES = {
    "group_planar": ((2, 12, 9, 11), 1, 4),
    "group_packed": ((2, 9, 11, 12), -1, 4),
    "group_of_one": ((3, 6, 40), 1, 6),
    "one_group": ((3, 6, 40), 1, 1),
    "group_vectors": ((5, 64), 1, 4),
    "group_middle": ((2, 5, 8, 17), 2, 2),
    "group_no_images": ((8, 7, 5), 0, 2),
    "instance_planar": ((2, 5, 9, 11), 1, None),
    "instance_packed": ((2, 9, 33, 70), -1, None),
    "instance_lines": ((3, 4, 5000), 1, None),
    "instance_volumes": ((2, 3, 4, 5, 6), 1, None),
}


def forward(name, x, weight, bias, **more):
    _, axis, groups = SHAPES[name]
    if groups is None:
        return lrncore.instance_norm(x, weight, bias, axis=axis, **more)
    return lrncore.group_norm(x, groups, weight, bias, axis=axis, **more)


def backward(name, g, x, weight, **more):
    _, axis, groups = SHAPES[name]
    if groups is None:
        return lrncore.instance_norm_backward(g, x, weight, axis=axis, **more)
    return lrncore.group_norm_backward(g, x, groups, weight, axis=axis, **more)


def operands(name, dtype, mean=0.0):
    shape, axis, _ = SHAPES[name]
    rng = np.random.default_rng(1)
    g, x = rng.standard_normal((2, *shape))
    weight, bias = rng.uniform(0.5, 2, shape[axis]), rng.standard_normal(shape[axis])
    return [each.astype(dtype) for each in (g, x + mean, weight, bias)]


def split(name, array):
    """Return an array of images, groups, their channels and places; a parameter of groups and channels."""
    shape, axis, groups = SHAPES[name]
    groups = shape[axis] if groups is None else groups
    if array.ndim == 1:
        return array.reshape(groups, -1)
    array = np.moveaxis(array, axis, 0)
    array = array[:, None] if axis == 0 else array
    return np.moveaxis(array, 1, 0).reshape(array.shape[1], groups, -1, int(np.prod(array.shape[2:])))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
@pytest.mark.parametrize("name", SHAPES)
def test_both_are_the_formula_at_any_mean(name, dtype, mean):
    g, x, weight, bias = operands(name, dtype, mean)
    arrays = [split(name, each) for each in (g, x, weight, bias)]
    expected = reference.forward(arrays[1], (2, 3), (1, 2), *arrays[2:], 1e-5, True)
    assert_near(split(name, forward(name, x, weight, bias)), expected, NEAR[dtype])
    found = backward(name, g, x, weight)
    for each, exact in zip(
        found, reference.backward(*arrays[:2], (2, 3), (1, 2), arrays[2], 1e-5, True), strict=True
    ):
        assert_near(split(name, each), exact, 20 * NEAR[dtype])


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", SHAPES)
def test_bits_do_not_depend_on_strides_and_threads(name):
    g, x, weight, bias = operands(name, np.float32, 3.0)
    apart = [np.repeat(each, 2, -1)[..., ::2] for each in (g, x, np.zeros_like(x))]
    y = forward(name, x, weight, bias, num_threads=1)
    assert forward(name, apart[1], weight, bias, out=apart[2], num_threads=3) is apart[2]
    assert np.array_equal(apart[2], y)
    expected = backward(name, g, x, weight, num_threads=1)
    found = backward(name, *apart[:2], weight, out=apart[2], num_threads=3)
    assert found.dx is apart[2]
    for each, other in zip(found, expected, strict=True):
        assert np.array_equal(each, other)
    assert np.array_equal(forward(name, x, weight, bias, out=x), y)


@pytest.mark.parametrize("dtype", cases.HALVES, ids=str)
@pytest.mark.parametrize("name", SHAPES)
def test_halves_are_float32_rounded_once(name, dtype):
    g, x, weight, bias = operands(name, dtype, 3.0)
    wide = [each.astype(np.float32) for each in (g, x, weight, bias)]
    assert np.array_equal(forward(name, x, weight, bias), forward(name, *wide[1:]).astype(dtype))
    # float64: the gradients of weights come unrounded
    found, expected = backward(name, g, x, weight), backward(name, *wide[:2], wide[2].astype(np.float64))
    for each, other in zip(found, expected, strict=True):
        assert np.array_equal(each, other.astype(dtype))


def test_one_group_is_layer_norm_over_an_image_and_as_many_as_channels_instance_norm():
    _, x, weight, bias = operands("group_planar", np.float32)
    affine = weight[:, None, None], bias[:, None, None]
    layer = lrncore.layer_norm(x, (1, 2, 3), *(np.broadcast_to(each, x.shape[1:]) for each in affine))
    assert_near(lrncore.group_norm(x, 1, weight, bias), layer.astype(np.float64), 5e-7)
    instance = lrncore.instance_norm(x, weight, bias)
    assert np.array_equal(lrncore.group_norm(x, 12, weight, bias), instance)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("axis", [1, -1])
def test_interleaved_groups_are_those_of_shuffled_channels(axis):
    rng = np.random.default_rng(3)
    g, x = rng.standard_normal((2, 3, 12, 7, 12), np.float32) + np.float32(50)
    weight, bias = rng.uniform(0.5, 2, (2, 12)).astype(np.float32)
    # channel c of 12 is in group c mod 4
    order = np.arange(12).reshape(3, 4).T.ravel()
    back = np.argsort(order)
    y = lrncore.group_norm(x, 4, weight, bias, axis=axis, interleaved=True)
    shuffled = lrncore.group_norm(x.take(order, axis), 4, weight[order], bias[order], axis=axis)
    assert_near(y, shuffled.take(back, axis).astype(np.float64), 5e-7)
    found = lrncore.group_norm_backward(g, x, 4, weight, axis=axis, interleaved=True)
    expected = lrncore.group_norm_backward(g.take(order, axis), x.take(order, axis), 4, weight[order], axis=axis)
    for each, other in zip(found, expected, strict=True):
        assert_near(each, other.take(back, axis if each.ndim > 1 else 0).astype(np.float64), 1e-5)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("axis", [1, -1])
def test_parameters_of_groups_are_those_of_their_channels(axis, interleaved):
    rng = np.random.default_rng(4)
    g, x = rng.standard_normal((2, 3, 12, 7, 12), np.float32)
    weight, bias = rng.uniform(0.5, 2, (2, 4)).astype(np.float32)
    wide = [np.tile(each, 3) if interleaved else np.repeat(each, 3) for each in (weight, bias)]
    more = {"axis": axis, "interleaved": interleaved}
    expected = lrncore.group_norm(x, 4, *wide, **more).astype(np.float64)
    assert_near(lrncore.group_norm(x, 4, weight, bias, **more), expected, 5e-7)
    found = lrncore.group_norm_backward(g, x, 4, weight, **more)
    expected = lrncore.group_norm_backward(g, x, 4, wide[0], **more)
    assert_near(found.dx, expected.dx.astype(np.float64), 1e-6)
    for each, other in zip(found[1:], expected[1:], strict=True):
        assert_near(each, other.reshape((3, 4) if interleaved else (4, 3)).sum(0 if interleaved else 1), 1e-5)


@pytest.mark.parametrize("shape", [(2, 3, 1, 1), (4, 3)])
def test_channels_of_one_place_are_their_bias(shape):
    rng = np.random.default_rng(0)
    g, x = rng.standard_normal((2, *shape)).astype(np.float32)
    bias = np.arange(3, dtype=np.float32)
    y = lrncore.instance_norm(x, [2, 3, 4], bias)
    assert np.array_equal(np.moveaxis(y, 1, -1), np.broadcast_to(bias, np.moveaxis(y, 1, -1).shape))
    grads = lrncore.instance_norm_backward(g, x, [2, 3, 4])
    assert not grads.dx.any()
    assert not grads.dweight.any()


def test_errors():
    x = np.ones((2, 6, 3))
    with pytest.raises(ValueError, match=r"^num_groups must divide the number of channels, 6, got 4$"):
        lrncore.group_norm(x, 4)
    with pytest.raises(TypeError, match=r"^interleaved must be a bool, got 1 \(int\)$"):
        lrncore.group_norm(x, 2, interleaved=1)
    with pytest.raises(TypeError, match=r"^axis must be an int, got \(1, 2\) \(tuple\)$"):
        lrncore.instance_norm(x, axis=(1, 2))
    with pytest.raises(ValueError, match=r"^weight must have the shape \(6,\), got \(3,\)$"):
        lrncore.group_norm(x, 2, np.ones(3))
    with pytest.raises(ValueError, match=r"^out must have the shape of x, \(2, 6, 3\), got \(2, 2, 3, 3\)$"):
        lrncore.group_norm(x, 2, out=np.ones((2, 2, 3, 3)))
