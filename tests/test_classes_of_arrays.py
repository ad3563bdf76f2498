"""Arrays of other classes than ndarray: the result is of the class that NumPy's ufuncs give, or one line says no.

pandas, xarray and astropy are stood in for here by small classes with what lrncore reads of theirs; tests/peers has
the libraries themselves.
"""

import cases
import numpy as np
import pytest

import lrncore
from lrncore import lrn, lrn_backward, lrn_jvp, lrn_param_grads

SPEC = cases.STRONG
X = cases.normal((4, 20))


class Plain(np.ndarray):
    """A subclass like those of people's own."""


class Units(np.ndarray):
    """A subclass with a unit, as astropy's Quantity."""

    percent = False
    unit = ""

    def __array_finalize__(self, other):
        self.percent, self.unit = getattr(other, "percent", False), getattr(other, "unit", "")

    def to(self, unit):
        assert unit == ""
        if self.unit:
            raise ValueError(f"'{self.unit}' and '' are not convertible")
        plain = (np.asarray(self) / (100 if self.percent else 1)).astype(self.dtype).view(Units)
        plain.percent = False
        return plain

    def to_value(self, unit):
        return np.asarray(self.to(unit))


class Masked(np.ndarray):
    """A subclass with a mask, as astropy's Masked."""

    mask = np.bool_(True)


class Labelled:
    """An array with labels, as a DataFrame of pandas."""

    ndim = 2
    iloc = ()

    def __init__(self, values, index, columns):
        self.values, self.axes = np.asarray(values), [index, columns]

    def __array__(self, dtype=None, copy=None):
        return self.values

    def __array_ufunc__(self, *arguments, **options):
        raise AssertionError("not asked for")


class Sparse:
    """A sparse matrix, as scipy's."""

    shape = (4, 20)

    def toarray(self):
        raise AssertionError("not asked for")


def percent():
    made = (100 * X).view(Units)
    made.percent = True
    return made


def metres():
    made = X.view(Units)
    made.unit = "m"
    return made


def labelled():
    return Labelled(X, list("abcd"), range(20))


POOL = lrncore.DivisiveSpec(channels=[1, 2, 1])
BOTH = lrncore.DivisiveSpec(channels=np.eye(4), space=[1, 2, 1])
CALLS = {
    "lrn": lambda x: lrn(x, SPEC),
    "backward": lambda x: lrn_backward(x, x, SPEC),
    "jvp": lambda x: lrn_jvp(x, x, SPEC),
    "as_torch": lambda x: lrncore.local_response_norm(x, 4, 1.0),
    "as_tensorflow": lambda x: lrncore.local_response_normalization(x, 2, axis=1),
    "layer": lrncore.LocalResponseNorm(4, 1.0),
    "layer_backward": lambda x: lrncore.LocalResponseNorm(4, 1.0).backward(x, x),
    "batch_norm": lambda x: lrncore.batch_norm(x, [0.5] * 20, [2.0] * 20),
    "batch_norm_backward": lambda x: lrncore.batch_norm_backward(x, x, [0.5] * 20, [2.0] * 20).dx,
    "batch_norm_train": lambda x: lrncore.batch_norm_train(x)[0],
    "batch_norm_train_backward": lambda x: lrncore.batch_norm_train_backward(x, x).dx,
    "group_norm": lambda x: lrncore.group_norm(x, 5),
    "group_norm_backward": lambda x: lrncore.group_norm_backward(x, x, 5).dx,
    "instance_norm": lambda x: lrncore.instance_norm(x, axis=0),
    "instance_norm_backward": lambda x: lrncore.instance_norm_backward(x, x, axis=0).dx,
    "layer_norm": lrncore.layer_norm,
    "layer_norm_backward": lambda x: lrncore.layer_norm_backward(x, x).dx,
    "rms_norm": lrncore.rms_norm,
    "rms_norm_backward": lambda x: lrncore.rms_norm_backward(x, x).dx,
    "filter_response_norm": lambda x: lrncore.filter_response_norm(x, axis=0),
    "filter_response_norm_backward": lambda x: lrncore.filter_response_norm_backward(x, x, axis=0).dx,
    "gdn": lambda x: lrncore.gdn(x, np.eye(20), 1.0),
    "gdn_backward": lambda x: lrncore.gdn_backward(x, x, np.eye(20), 1.0)[0],
    "divisive_norm": lambda x: lrncore.divisive_norm(x, POOL),
    "divisive_norm_backward": lambda x: lrncore.divisive_norm_backward(x, x, POOL),
    "divisive_norm_of_both": lambda x: lrncore.divisive_norm(x, BOTH, axis=0, space_axes=1),
    "local_contrast_norm": lambda x: lrncore.local_contrast_norm(x, [1, 2, 1], c=0.1, axis=0, space_axes=1),
}
KEPT = {
    "matrix": (lambda: X.view(np.matrix), np.matrix),
    "recarray": (lambda: X.view(np.recarray), np.recarray),
    "subclass": (lambda: X.view(Plain), Plain),
    "nothing_masked": (lambda: np.ma.masked_array(X, mask=False), np.ma.MaskedArray),
    "dimensionless": (lambda: X.view(Units), Units),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(("make", "kind"), KEPT.values(), ids=KEPT)
def test_class_is_kept(make, kind, call):
    y = call(make())
    assert type(y) is kind is type(np.positive(make()))
    assert np.array_equal(np.asarray(y), call(X))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_labels_are_kept(call):
    y = call(labelled())
    assert (type(y), y.axes) == (Labelled, labelled().axes)
    assert np.array_equal(y.values, call(X))


def test_percent_are_parts_of_one():
    y = lrn(percent(), SPEC)
    assert (type(y), y.percent) == (Units, False)
    assert np.allclose(np.asarray(y), lrn(X, SPEC), rtol=1e-5)


def test_memmap_becomes_an_array(tmp_path):
    X.tofile(tmp_path / "x")
    mapped = np.memmap(tmp_path / "x", np.float32, "r", shape=X.shape)
    y = lrn(mapped, SPEC)
    assert type(y) is np.ndarray is type(np.positive(mapped) + 0)
    assert np.array_equal(y, lrn(X, SPEC))


def test_class_of_x_comes_before_that_of_g():
    assert type(lrn_backward(X.view(Plain), X.view(np.matrix), SPEC)) is np.matrix
    assert type(lrn_backward(X.view(Plain), X, SPEC)) is Plain
    assert type(lrn_jvp(X.view(Plain), X, SPEC)) is Plain


def test_parameters_and_moments_are_arrays():
    x, weight = X.view(np.matrix), np.ones(20).view(Plain)
    grads = lrncore.batch_norm_train_backward(x, x, weight)
    _, moments = lrncore.batch_norm_train(x, weight)
    assert {type(each) for each in (grads.dweight, grads.dbias, moments.mean, moments.var)} == {np.ndarray}


def test_parameters_with_masked_elements():
    weight = np.ma.masked_array(np.ones(20), mask=np.arange(20) == 3)
    with pytest.raises(TypeError, match="weight must not be masked, got MaskedArray with masked elements"):
        lrncore.batch_norm_train(X, weight)
    weight.mask = False
    assert np.array_equal(lrncore.layer_norm(X, -1, weight), lrncore.layer_norm(X))


def test_out_is_returned_as_it_is():
    assert lrncore.layer_norm(X.view(np.matrix), out=(given := np.empty_like(X))) is given
    out = np.empty_like(X)
    assert lrn(X.view(np.matrix), SPEC, out=out) is out
    kept = np.ma.masked_array(np.empty_like(X))
    assert lrn(X, SPEC, out=kept) is kept
    assert np.array_equal(kept.data, lrn(X, SPEC))


def test_parameter_gradients_are_numbers():
    assert lrn_param_grads(X.view(np.matrix), X.view(np.matrix), SPEC) == lrn_param_grads(X, X, SPEC)


# ---- what is refused --------------------------------------------------------------------------------------

OF_MASKED = "{0} must not be masked, got {1} with masked elements; fill them first, e.g. {0}.filled(0)"
MASKED = np.ma.masked_array(X, mask=X > 0)
IN_A_LIST = "x must not be masked, got list with masked elements; fill them first, e.g. np.ma.array(x).filled(0)"
REFUSED = {
    "masked": (MASKED, OF_MASKED.format("x", "MaskedArray")),
    "masked_once": (np.ma.masked_greater(X, np.sort(X, axis=None)[-2]), OF_MASKED.format("x", "MaskedArray")),
    "hard": (np.ma.masked_array(X, mask=X > 0, hard_mask=True), OF_MASKED.format("x", "MaskedArray")),
    "constant": ([[1.0, np.ma.masked]], IN_A_LIST),
    "list_of_masked": (list(MASKED), IN_A_LIST),
    "other_mask": (
        X.view(Masked),
        "x must not be masked, got Masked with masked elements; fill them first, e.g. np.ma.array(x).filled(0)",
    ),
    "unit": (
        metres(),
        "x must be dimensionless, got Units with a unit: 'm' and '' are not convertible; divide by it first",
    ),
    "sparse": (Sparse(), "x must be a dense array, got Sparse; convert it first, e.g. x.toarray()"),
    "none": (None, "x must be an array, got None"),
}
EVERYWHERE = CALLS | {
    "x_of_backward": lambda x: lrn_backward(X, x, SPEC),
    "x_of_jvp": lambda x: lrn_jvp(X, x, SPEC),
    "param_grads": lambda x: lrn_param_grads(X, x, SPEC),
}


@pytest.mark.parametrize("call", EVERYWHERE.values(), ids=EVERYWHERE)
@pytest.mark.parametrize(("x", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_in_one_line(x, message, call):
    with pytest.raises(TypeError) as refused:
        call(x)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("g", lambda g: lrn_backward(g, X, SPEC)),
        ("dx", lambda dx: lrn_jvp(dx, X, SPEC)),
        ("g", lambda g: lrn_param_grads(g, X, SPEC)),
        ("out", lambda out: lrn(X, SPEC, out=out.copy())),
    ],
    ids=["g", "dx", "g_of_param_grads", "out"],
)
def test_masked_in_another_place(name, call):
    with pytest.raises(TypeError) as refused:
        call(MASKED)
    assert str(refused.value) == OF_MASKED.format(name, "MaskedArray")


def test_out_with_a_unit():
    with pytest.raises(TypeError, match=r"^out must be dimensionless, got Units with a unit"):
        lrn(X, SPEC, out=metres())
