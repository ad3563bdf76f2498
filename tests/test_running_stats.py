"""Running statistics are the averages that the frameworks state; tests/peers asks some of them."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import lrncore
from lrncore import Moments, RunningStats

BATCHES = [
    Moments(4, np.array([1.0, -2.0]), np.array([2.0, 0.5])),
    Moments(4, np.array([3.0, 0.0]), np.array([1.0, 4.0])),
    Moments(8, np.array([0.5, 7.0]), np.array([0.25, 9.0])),
]


def of_new(rate, unbiased):
    mean, var = np.zeros(2), np.ones(2)
    for batch in BATCHES:
        n = batch.count
        mean = (1 - rate) * mean + rate * batch.mean
        var = (1 - rate) * var + rate * batch.var * (n / (n - 1) if unbiased else 1)
    return mean, var


def of_old(rate, unbiased):
    return of_new(1 - rate, unbiased)


def caffe(moving_average_fraction):
    """Keep the three blobs as Caffe does."""
    mean, var, total = np.zeros(2), np.zeros(2), 0.0
    for batch in BATCHES:
        total = moving_average_fraction * total + 1
        mean = moving_average_fraction * mean + batch.mean
        var = moving_average_fraction * var + batch.var * batch.count / (batch.count - 1)
    return mean / total, var / total


def paper():
    """Average the means, and the variances times m / (m - 1)."""
    unbiased = [batch.var * batch.count / (batch.count - 1) for batch in BATCHES]
    return np.mean([batch.mean for batch in BATCHES], axis=0), np.mean(unbiased, axis=0)


CONVENTIONS = {
    "torch": (RunningStats.torch, {"momentum": 0.1}, 1e-5, lambda momentum: of_new(momentum, True)),
    "keras": (RunningStats.keras, {"momentum": 0.99}, 1e-3, lambda momentum: of_old(momentum, False)),
    "tensorflow": (RunningStats.tensorflow, {"momentum": 0.99}, 1e-3, lambda momentum: of_old(momentum, True)),
    "flax": (RunningStats.flax, {"momentum": 0.99}, 1e-5, lambda momentum: of_old(momentum, False)),
    "onnx": (RunningStats.onnx, {"momentum": 0.9}, 1e-5, lambda momentum: of_old(momentum, False)),
    "mxnet": (RunningStats.mxnet, {"momentum": 0.9}, 1e-3, lambda momentum: of_old(momentum, False)),
    "chainer": (RunningStats.chainer, {"decay": 0.9}, 2e-5, lambda decay: of_old(decay, True)),
    "caffe": (
        RunningStats.caffe,
        {"moving_average_fraction": 0.999},
        1e-5,
        caffe,
    ),
    "paper": (RunningStats.paper, {}, 1e-5, paper),
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_averages(name):
    make, defaults, eps, expected = CONVENTIONS[name]
    for given in ({}, dict.fromkeys(defaults, 0.75)):
        stats = make(2, **given)
        for batch in BATCHES:
            stats.update(batch)
        mean, var = expected(**defaults | given)
        assert np.allclose(stats.mean, mean, rtol=1e-14)
        assert np.allclose(stats.var, var, rtol=1e-14)
        assert (stats.eps, stats.batches) == (eps, 3)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_defaults(name):
    make, defaults, *_ = CONVENTIONS[name]
    parameters = list(inspect.signature(make).parameters.values())[1:-1]
    assert {each.name: each.default for each in parameters} == defaults
    assert [row.arguments for row in lrncore.running_conventions() if row.name == name] == [
        f"(channels{''.join(f', {key}={value}' for key, value in defaults.items())})"
    ]


def test_torch_without_a_momentum_averages_all_batches():
    stats = RunningStats.torch(2, None)
    for batch in BATCHES:
        stats.update(batch)
    assert np.allclose([stats.mean, stats.var], paper(), rtol=1e-15)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_averages_go_on_from_others(name):
    make, *_ = CONVENTIONS[name]
    whole, first = make(2), make(2)
    for batch in BATCHES:
        whole.update(batch)
    for batch in BATCHES[:2]:
        first.update(batch)
    rest = make(2, mean=first.mean, var=first.var, batches=first.batches)
    rest.update(BATCHES[2])
    assert np.allclose([rest.mean, rest.var], [whole.mean, whole.var], rtol=1e-14)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_start(name):
    stats = CONVENTIONS[name][0](3)
    assert not stats.mean.any()
    assert stats.var.tolist() == [0.0 if name in ("caffe", "paper") else 1.0] * 3


@pytest.mark.parametrize("name", CONVENTIONS)
def test_one_element(name):
    stats = CONVENTIONS[name][0](1)
    one = Moments(1, np.array([5.0]), np.array([0.0]))
    if name in ("torch", "paper"):
        with pytest.raises(ValueError, match=r"^moments must be of at least 2 elements, got 1$"):
            stats.update(one)
    else:
        stats.update(one)
        assert np.isfinite(stats.var).all()


def test_paper_divides_by_m_minus_1_at_test_time():
    x = np.array([[1.0], [2.0], [6.0]])
    stats = RunningStats.paper(1)
    for batch in (x, x + 1):
        stats.update(lrncore.moments(batch, 0))
    assert stats.mean == pytest.approx([3.5])
    assert stats.var == pytest.approx([x.var() * 3 / 2])


def test_update_leaves_arrays_that_were_handed_out():
    stats = RunningStats.torch(2)
    before = stats.mean
    stats.update(BATCHES[0])
    assert not before.any()


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda stats: pickle.loads(pickle.dumps(stats))])  # noqa: S301
def test_copies(twin):
    stats = RunningStats.caffe(2)
    stats.update(BATCHES[0])
    other = twin(stats)
    other.update(BATCHES[1])
    stats.update(BATCHES[1])
    assert np.array_equal(other.var, stats.var)


def test_repr():
    assert repr(RunningStats.torch(2)) == "RunningStats.torch(2, momentum=0.1, batches=0)"
    assert repr(RunningStats.paper(2)) == "RunningStats.paper(2, batches=0)"


def test_table_prints():
    head, line, torch, *_ = repr(lrncore.running_conventions()).splitlines()
    assert head.split()[0] == "RunningStats."
    assert set(line) == {"-", " "}
    assert " ".join(torch.split()) == (
        "torch (channels, momentum=0.1) (1 - momentum) r + momentum s n / (n - 1) 1e-05"
    )


ERRORS = {
    "channels": (lambda: RunningStats.torch(0), ValueError, "channels must be an int >= 1, got 0"),
    "momentum": (lambda: RunningStats.torch(2, 1.5), ValueError, "momentum must be in [0, 1], got 1.5"),
    "decay": (lambda: RunningStats.chainer(2, "x"), TypeError, "decay must be a real number, got 'x' (str)"),
    "none": (lambda: RunningStats.keras(2, None), TypeError, "momentum must be a real number, got None (NoneType)"),
    "mean": (lambda: RunningStats.keras(2, mean=[1]), ValueError, "mean must have the shape (2,), got (1,)"),
    "batches": (lambda: RunningStats.paper(2, batches=-1), ValueError, "batches must be an int >= 0, got -1"),
    "convention": (
        lambda: RunningStats("mlx", 2, 0.1),
        ValueError,
        "convention must be one of torch, keras, tensorflow, flax, onnx, mxnet, chainer, caffe, paper, got 'mlx'",
    ),
    "moments": (lambda: RunningStats.torch(2).update(1), TypeError, "moments must be Moments, got int"),
    "shape": (
        lambda: RunningStats.torch(3).update(BATCHES[0]),
        ValueError,
        "moments must have a mean and a variance of the shape (3,), got (2,) and (2,)",
    ),
    "nothing": (
        lambda: RunningStats.keras(2).update(Moments(0, np.zeros(2), np.zeros(2))),
        ValueError,
        "moments must be of at least 1 element, got 0",
    ),
}


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS.values(), ids=ERRORS)
def test_errors(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message
