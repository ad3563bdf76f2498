"""Arrays of pandas, xarray, astropy, scipy and torch in lrncore: what NumPy's ufuncs make of them."""

import numpy as np
import pytest
from comparison import peer, values

import lrncore
from lrncore import LRNSpec, lrn, lrn_backward, lrn_jvp, lrn_param_grads

SPEC = LRNSpec.torch(3, 1.0)
X = values((4, 5))
CALLS = {
    "lrn": lambda x: lrn(x, SPEC),
    "backward": lambda x: lrn_backward(x, x, SPEC),
    "jvp": lambda x: lrn_jvp(x, x, SPEC),
    "as_torch": lambda x: lrncore.local_response_norm(x, 3, 1.0),
    "as_tensorflow": lambda x: lrncore.local_response_normalization(x, 1, axis=1),
    "layer": lrncore.LocalResponseNorm(3, 1.0),
}


def calls(*others):
    return pytest.mark.parametrize("call", [*CALLS.values(), *others], ids=[*CALLS, *map(str, range(len(others)))])


@calls()
def test_data_frame(call):
    pandas = peer("pandas", "pandas")
    frame = pandas.DataFrame(X, index=list("abcd"), columns=list("vwxyz"))
    pandas.testing.assert_frame_equal(call(frame), pandas.DataFrame(call(X), frame.index, frame.columns))


@pytest.mark.parametrize("name", [None, "trace"])
def test_series(name):
    pandas = peer("pandas", "pandas")
    series = pandas.Series(X[0], index=list("vwxyz"), name=name)
    expected = pandas.Series(lrn(X[0], SPEC, 0), series.index, name=name)
    pandas.testing.assert_series_equal(lrn(series, SPEC, 0), expected)


def test_data_frame_that_numpy_reads_as_objects():
    pandas = peer("pandas", "pandas")
    for frame in (pandas.DataFrame({"a": [1.0], "b": ["one"]}), pandas.DataFrame(X).astype("Float32")):
        with pytest.raises(TypeError, match=r"got object; cast it first, e\.g\. x\.astype\(np\.float32\)$"):
            lrn(frame, SPEC)
    assert np.array_equal(lrn(frame.astype(np.float32), SPEC), lrn(X, SPEC))


@calls()
def test_data_array(call):
    xarray = peer("xarray", "xarray")
    array = xarray.DataArray(X, dims=("image", "channel"), coords={"channel": list("vwxyz")})
    y = call(array)
    xarray.testing.assert_equal(y, array.copy(data=call(X)))


def test_dataset():
    xarray = peer("xarray", "xarray")
    with pytest.raises(TypeError, match=r"cannot directly convert an xarray\.Dataset"):
        lrn(xarray.Dataset({"a": ("n", X[0])}), SPEC, 0)


@calls()
def test_dimensionless_quantity(call):
    units = peer("astropy.units", "astropy")
    for quantity in (X * units.dimensionless_unscaled, (100 * X) * units.percent):
        y = call(quantity)
        assert isinstance(y, units.Quantity)
        assert y.unit == units.dimensionless_unscaled
        np.testing.assert_allclose(y.value, call(X), rtol=1e-5)


@calls(lambda x: lrn_param_grads(x, x, SPEC))
def test_quantity_with_a_unit(call):
    units = peer("astropy.units", "astropy")
    with pytest.raises(TypeError) as refused:
        call(X * units.m)
    assert str(refused.value) == (
        "x must be dimensionless, got Quantity with a unit: 'm' (length) and '' (dimensionless) are not "
        "convertible; divide by it first"
    )


@calls(lambda x: lrn_param_grads(x, x, SPEC))
def test_masked_of_astropy(call):
    masked = peer("astropy.utils.masked", "astropy").Masked
    nothing = call(masked(X))
    if not isinstance(nothing, lrncore.ParamGrads):
        assert isinstance(nothing, masked)
        assert np.array_equal(nothing.unmasked, call(X))
    with pytest.raises(TypeError) as refused:
        call(masked(X, X > 0))
    assert str(refused.value) == (
        "x must not be masked, got MaskedNDArray with masked elements; fill them first, e.g. x.filled(0)"
    )


@pytest.mark.parametrize("kind", ["csr_matrix", "coo_array"])
@calls(lambda x: lrn_param_grads(x, x, SPEC))
def test_sparse(call, kind):
    sparse = peer("scipy.sparse", "scipy")
    with pytest.raises(TypeError) as refused:
        call(getattr(sparse, kind)(X))
    assert str(refused.value) == f"x must be a dense array, got {kind}; convert it first, e.g. x.toarray()"


def test_row_that_scipy_read(tmp_path):
    scipy_io = peer("scipy.io", "scipy")
    scipy_io.savemat(tmp_path / "net.mat", {"param": [[5.0, 2.0, 1e-4, 0.75]], "size": 5})
    saved = scipy_io.loadmat(tmp_path / "net.mat")
    assert LRNSpec.matconvnet(*saved["param"][0]) == LRNSpec.matconvnet(5, 2.0, 1e-4, 0.75)
    assert LRNSpec.torch(saved["size"]) == LRNSpec.torch(5)


def test_parameters_that_are_tensors_and_series():
    torch, pandas = peer("torch", "torch"), peer("pandas", "pandas")
    spec = LRNSpec.torch(torch.tensor(5), torch.tensor([1e-4], dtype=torch.float64, requires_grad=True))
    assert spec == LRNSpec.torch(pandas.Series([5.0]), pandas.Series([1e-4])) == LRNSpec.torch(5, 1e-4)
    with pytest.raises(TypeError, match=r"^alpha must be a real number, got shape \(2,\) \(Tensor\)$"):
        LRNSpec.torch(5, torch.ones(2))
