"""Pools over bands of channels and over space: values, gradients, containment, models."""

import dataclasses

import ml_dtypes
import numpy as np
import pytest
from divisive_reference import backward, forward, ulps

import lrncore
from lrncore import DivisiveSpec, LRNSpec

BAND, GAUSS = [0.1, 0.5, 0.2, 0.3, 0.7], [0.25, 0.5, 0.25]
SPECS = {
    "own_channel": DivisiveSpec(sigma=2.0, p=1.0, q=1.0),
    "band": DivisiveSpec(BAND),
    "band_of_few_weights": DivisiveSpec([0, 0, 1, 0, 2]),
    "space": DivisiveSpec(None, GAUSS, q=0.75),
    "inverse": DivisiveSpec(None, GAUSS, q=-0.5),
    "mass": DivisiveSpec(None, GAUSS, border="mass"),
    "both": DivisiveSpec(BAND, GAUSS, p=1.5, q=0.8, n=2, border="mass"),
    "matrix": DivisiveSpec(np.linspace(0, 1, 81).reshape(9, 9), sigma=np.linspace(0.5, 2, 9), q=1.0, n=2.0),
    "matrix_and_space": DivisiveSpec(np.linspace(0, 1, 81).reshape(9, 9), GAUSS, n=1.5, q=0.75),
}
PLACES = {
    "planar": ((2, 9, 13, 11), 1, (2, 3)),
    "packed": ((2, 13, 11, 9), 3, (1, 2)),
    "channels_first": ((9, 40), 0, (1,)),
    "wide": ((1, 9, 3, 150), 1, (3,)),
    "tiny": ((3, 9, 2, 1), 1, (2, 3)),
}


def case(shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(shape).astype(dtype) for _ in range(2))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("place", PLACES)
def test_values_and_gradients(place, name):
    (shape, axis, space), spec = PLACES[place], SPECS[name]
    for dtype in (np.float32, np.float64):
        g, x = case(shape, dtype)
        y = lrncore.divisive_norm(x, spec, axis=axis, space_axes=space)
        assert ulps(y, forward(x, spec, axis, space)) <= 5
        dx, expected = (lrncore.divisive_norm_backward(g, x, spec, axis=axis, space_axes=space),
                        backward(g, x, spec, axis, space))  # fmt: skip
        assert np.max(np.abs(dx - expected)) <= 8 * np.finfo(dtype).eps * np.max(np.abs(expected))


@pytest.mark.parametrize("name", ["band", "space", "both"])
def test_blocks_have_no_seams(name):
    g, x = case((1, 3, 300, 400))
    spec = SPECS[name]
    axes = {"axis": 1, "space_axes": (2, 3)}
    assert ulps(lrncore.divisive_norm(x[:, :, ::50], spec, axis=1, space_axes=(3,)),
                forward(x[:, :, ::50], spec, 1, (3,))) <= 5  # fmt: skip
    y, dx = lrncore.divisive_norm(x, spec, **axes), lrncore.divisive_norm_backward(g, x, spec, **axes)
    # any part of the image that has all around it gives the same bits
    part = np.s_[:, :, 90:160, 100:380]
    around = np.s_[:, :, 80:170, 90:390]
    inside = np.s_[:, :, 10:80, 10:290]
    same = np.testing.assert_array_equal
    if spec.border == "clip":
        same(lrncore.divisive_norm(x[around], spec, **axes)[inside], y[part])
        same(lrncore.divisive_norm_backward(g[around], x[around], spec, **axes)[inside], dx[part])
    same(lrncore.divisive_norm(x, spec, **axes, num_threads=3), y)
    same(lrncore.divisive_norm_backward(g, x, spec, **axes, num_threads=3), dx)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("name", ["band", "band_of_few_weights", "space", "mass", "both", "inverse"])
def test_what_is_outside_a_window_changes_no_bit(name, value):
    spec, axes = SPECS[name], {"axis": 1, "space_axes": (2, 3)}
    g, x = case((2, 9, 13, 70))
    y, dx = lrncore.divisive_norm(x, spec, **axes), lrncore.divisive_norm_backward(g, x, spec, **axes)
    x[1, 4, 6, 33] = value
    inside = np.zeros(x.shape, bool)
    band = 0 if spec.channels is None else 2
    reach = 0 if spec.space is None else 1
    inside[1, 4 - band : 5 + band, 6 - reach : 7 + reach, 33 - reach : 34 + reach] = True
    after = lrncore.divisive_norm(x, spec, **axes)
    np.testing.assert_array_equal(after[~inside], y[~inside])
    if np.isfinite(value):
        expected = forward(x, spec, 1, (2, 3))
        kept = np.abs(expected) < 1e38
        assert ulps(after[kept], expected[kept]) <= 5
    wider = np.zeros(x.shape, bool)
    wider[1, 4 - 2 * band : 5 + 2 * band, 6 - 2 * reach : 7 + 2 * reach, 33 - 2 * reach : 34 + 2 * reach] = True
    np.testing.assert_array_equal(lrncore.divisive_norm_backward(g, x, spec, **axes)[~wider], dx[~wider])


@pytest.mark.parametrize("scale", [1e-25, 1e25])
@pytest.mark.parametrize("name", ["band", "space", "matrix", "matrix_and_space"])
def test_all_magnitudes(name, scale):
    g, x = case((2, 9, 13, 40))
    x = x * np.float32(scale)
    spec = SPECS[name]
    y = lrncore.divisive_norm(x, spec)
    expected = forward(x, spec, 1, (2, 3))
    with np.errstate(over="ignore"):
        kept = np.abs(expected) < 1e38
    assert ulps(y[kept], expected[kept]) <= 4
    dx, expected = lrncore.divisive_norm_backward(g, x, spec), backward(g, x, spec, 1, (2, 3))
    np.testing.assert_allclose(
        dx, expected.astype(float), rtol=1e-5, atol=max(1e-44, float(np.abs(expected).max()) * 1e-6)
    )


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, ">f4"])
def test_other_elements(dtype):
    g, x = (each.astype(dtype) for each in case((2, 9, 13, 11)))
    for name in ("band", "space", "matrix"):
        wide = lrncore.divisive_norm(x.astype(np.float32), SPECS[name])
        y = lrncore.divisive_norm(x, SPECS[name])
        np.testing.assert_array_equal(y, wide.astype(y.dtype))
        dx = lrncore.divisive_norm_backward(g.astype(np.float32), x.astype(np.float32), SPECS[name])
        np.testing.assert_array_equal(lrncore.divisive_norm_backward(g, x, SPECS[name]), dx.astype(y.dtype))


@pytest.mark.parametrize("name", SPECS)
def test_strides_and_places_do_not_matter(name):
    g, x = case((2, 9, 13, 12))
    spec = SPECS[name]
    y, dx = lrncore.divisive_norm(x, spec), lrncore.divisive_norm_backward(g, x, spec)
    same = np.testing.assert_array_equal
    last = x.transpose(0, 2, 3, 1).copy()
    same(lrncore.divisive_norm(last, spec, axis=3, space_axes=(1, 2)), y.transpose(0, 2, 3, 1))
    same(lrncore.divisive_norm(x.transpose(3, 0, 1, 2).copy().transpose(1, 2, 3, 0), spec), y)
    same(lrncore.divisive_norm(np.repeat(x, 3, axis=2)[:, :, ::3], spec), y)
    for function, arrays, expected in (
        (lrncore.divisive_norm, (x,), y),
        (lrncore.divisive_norm_backward, (g, x), dx),
    ):
        copies = [each.copy() for each in arrays]
        assert function(*copies, spec, out=copies[-1]) is copies[-1]
        same(copies[-1], expected)


@pytest.mark.parametrize("name", ["band", "space", "mass", "both", "matrix", "matrix_and_space"])
def test_gradients_of_parameters_are_those_of_differences(name):
    g, x = case((2, 9, 5, 4), np.float64)
    spec = SPECS[name]
    fields = {each: getattr(spec, each) for each in ("channels", "space", "sigma", "p", "q", "n", "border")}
    grads = lrncore.divisive_norm_param_grads(g, x, spec)

    def loss(**changed):
        return float(np.sum(g * lrncore.divisive_norm(x, DivisiveSpec(**(fields | changed)))))

    for field in ("channels", "space", "sigma", "p", "q"):
        value, found = fields[field], getattr(grads, field)
        if value is None:
            assert found is None
            continue
        step = np.zeros(np.shape(value))
        step.flat[1 if step.size > 1 else 0] = 1e-6
        difference = loss(**{field: value + step if step.ndim else value + 1e-6})
        difference -= loss(**{field: value - step if step.ndim else value - 1e-6})
        assert difference / 2e-6 == pytest.approx(np.ravel(found)[1 if step.size > 1 else 0], rel=1e-6, abs=1e-8)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", ["band", "mass", "matrix", "matrix_and_space"])
def test_an_exponent_of_zero_divides_by_one(name):
    spec = dataclasses.replace(SPECS[name], q=0.0)
    for dtype in (np.float32, np.float64):
        g, x = case((2, 9, 13, 11), dtype)
        assert ulps(lrncore.divisive_norm(x, spec), forward(x, spec, 1, (2, 3))) <= 5
        dx, expected = lrncore.divisive_norm_backward(g, x, spec), backward(g, x, spec, 1, (2, 3))
        assert np.max(np.abs(dx - expected)) <= 8 * np.finfo(dtype).eps * np.max(np.abs(expected))


def test_weights_of_each_axis_have_their_own_gradient():
    g, x = case((2, 3, 5, 4), np.float64)
    spec = DivisiveSpec(None, (GAUSS, [1.0]))
    along_rows, along_columns = lrncore.divisive_norm_param_grads(g, x, spec).space
    assert along_rows.shape == (3,)
    assert along_columns.shape == (1,)


@pytest.mark.parametrize("shape", [(0, 9, 3), (2, 9, 0)])
def test_empty_arrays(shape):
    x = np.empty(shape, np.float32)
    for name in ("band", "matrix"):
        assert lrncore.divisive_norm(x, SPECS[name]).shape == shape
        assert lrncore.divisive_norm_backward(x, x, SPECS[name]).shape == shape
        assert lrncore.divisive_norm_param_grads(x, x, SPECS[name]).q == 0


ERRORS = {
    "channels must be a band of odd length or a square matrix, got shape (2, 3)": {"channels": np.ones((2, 3))},
    "channels must have one dimension and an odd length, got shape (2,)": {"channels": [1, 2]},
    "space must have one dimension and an odd length, got shape (4,)": {"space": [1, 2, 3, 4]},
    "sigma must be a number or one for each channel, got shape (1, 2)": {"sigma": [[1, 2]]},
    "p must be positive, got 0.0": {"p": 0},
    "q must be finite, got inf": {"q": np.inf},
    "border must be 'clip' or 'mass', got 'wrap'": {"border": "wrap"},
    "channels must be finite, got nan": {"channels": [np.nan]},
}


@pytest.mark.parametrize("message", ERRORS)
def test_errors_of_a_spec(message):
    with pytest.raises(ValueError) as caught:
        DivisiveSpec(**ERRORS[message])
    assert str(caught.value) == message


CALLS = {
    "channels must have the shape (2, 2), got (3, 3)": {"spec": DivisiveSpec(np.eye(3))},
    "sigma must be a number or have the shape (2,), got (3,)": {"spec": DivisiveSpec(sigma=[1, 2, 3])},
    "space must have weights for 1 axes, got 2": {"spec": DivisiveSpec(None, ([1], [1]))},
    "space_axes must not hold the channel axis, 1, got (1,)": {"spec": DivisiveSpec(None, [1]), "space_axes": (1,)},
    "spec must be a lrncore.DivisiveSpec, got LRNSpec": {"spec": LRNSpec.alexnet()},
}


@pytest.mark.parametrize("message", CALLS)
def test_errors_of_a_call(message):
    with pytest.raises((TypeError, ValueError)) as caught:
        lrncore.divisive_norm(np.ones((1, 2, 3)), **CALLS[message])
    assert str(caught.value) == message


def test_specs_are_equal_if_their_parameters_are():
    assert DivisiveSpec([1, 2, 1]) == DivisiveSpec(np.array([1.0, 2, 1]))
    assert DivisiveSpec([1, 2, 1]) != DivisiveSpec([1, 2, 2])
    assert len({DivisiveSpec(None, ([1], [2])), DivisiveSpec(None, ([1], [2]))}) == 1
