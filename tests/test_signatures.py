"""Arguments that LRNSpec or a constructor does not take: the message says which it takes, and who takes those."""

import copy
import inspect
import pickle

import pytest

import lrncore
from lrncore import LRNSpec

FIELDS = "LRNSpec takes before, after, scale, beta, k"
TORCH = "LRNSpec.torch takes size, alpha, beta, k"
NETWORK = "LRNSpec.alexnet takes no arguments"
LIST = "lrncore.conventions() lists the arguments of each framework"
CALLS = {
    "of_the_paper": (
        lambda: LRNSpec(k=2, n=5, alpha=1e-4, beta=0.75),
        f"{FIELDS}; got n, alpha, which LRNSpec.chainer, LRNSpec.paper, LRNSpec.keras and LRNSpec.dl4j take",
    ),
    "of_one_framework": (
        lambda: LRNSpec(nsize=5),
        f"{FIELDS}; got nsize, which LRNSpec.mxnet takes",
    ),
    "of_another_constructor": (
        lambda: LRNSpec.torch(n=5),
        f"{TORCH}; got n, which LRNSpec.chainer, LRNSpec.paper, LRNSpec.keras and LRNSpec.dl4j take",
    ),
    "of_many": (
        lambda: LRNSpec.tensorflow(size=5),
        f"LRNSpec.tensorflow takes depth_radius, bias, alpha, beta; got size; {LIST}",
    ),
    "of_nobody": (lambda: LRNSpec.torch(5, gamma=1.0, width=2), f"{TORCH}; got gamma, width; {LIST}"),
    "mistyped": (lambda: LRNSpec.torch(sise=5), f"{TORCH}; got sise; did you mean size?"),
    "other_case": (
        lambda: LRNSpec.cudnn(lrnn=5, lrnalpha=1.0),
        "LRNSpec.cudnn takes lrnN, lrnAlpha, lrnBeta, lrnK; got lrnn, lrnalpha; did you mean lrnN, lrnAlpha?",
    ),
    "network_field": (
        lambda: LRNSpec.alexnet(beta=1),
        f"{NETWORK}; got beta; LRNSpec.alexnet().replace(beta=...) changes one of its parameters",
    ),
    "network_other": (
        lambda: LRNSpec.alexnet(n=3),
        f"{NETWORK}; got n; LRNSpec.alexnet().replace(k=...) changes one of its parameters",
    ),
    "network_positional": (lambda: LRNSpec.alexnet(5), f"{NETWORK}; got 1 positional argument"),
    "missing": (LRNSpec.torch, f"{TORCH}; size is missing"),
    "several_missing": (lambda: LRNSpec(2, k=1.0), f"{FIELDS}; after, scale, beta are missing"),
    "too_many": (lambda: LRNSpec.torch(5, 1.0, 1.0, 1.0, 1.0), f"{TORCH}; got 5 positional arguments"),
    "by_name_only": (
        lambda: LRNSpec.mxnet(1.0, 1.0, 1.0, 5),
        "LRNSpec.mxnet takes alpha, beta, knorm, nsize; got 4 positional arguments",
    ),
    "twice": (lambda: LRNSpec.torch(5, size=5), f"{TORCH}; got size twice"),
    "replaced_size": (
        lambda: LRNSpec.torch(5).replace(k=1.0, size=3),
        "LRNSpec.replace takes before, after, scale, beta, k; got size, which a spec holds as before and after",
    ),
    "replaced_alpha": (
        lambda: LRNSpec.torch(5).replace(lrnAlpha=3.0),
        "LRNSpec.replace takes before, after, scale, beta, k; got lrnAlpha, which a spec holds as scale",
    ),
    "replaced_other": (
        lambda: LRNSpec.torch(5).replace(scal=1.0),
        "LRNSpec.replace takes before, after, scale, beta, k; got scal",
    ),
    "constructor_as_a_spec": (
        lambda: lrncore.lrn([1.0], LRNSpec.alexnet),
        "spec must be an LRNSpec, got the constructor of one; call it: LRNSpec.alexnet(...)",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_message(name):
    call, message = CALLS[name]
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == message
    # one error, without the one of Python
    assert caught.value.__context__ is None


def test_value_that_is_refused_keeps_its_message():
    with pytest.raises(TypeError, match=r"^size must be an int, got '5' \(str\)$"):
        LRNSpec.torch("5")


@pytest.mark.parametrize(
    ("said", "meant"), [("torhc", "torch"), ("Caffe", "caffe"), ("tensor_flow", "tensorflow"), ("theano", None)]
)
def test_unknown_convention_is_told_from_a_mistyped_one(said, meant):
    with pytest.raises(ValueError) as caught:
        LRNSpec.alexnet().to(said)
    assert str(caught.value).partition("; ")[2] == (f"did you mean {meant!r}?" if meant else "")


def test_signatures_are_those_of_the_constructors():
    assert list(inspect.signature(LRNSpec).parameters) == ["before", "after", "scale", "beta", "k"]
    assert list(inspect.signature(LRNSpec.caffe).parameters) == ["local_size", "alpha", "beta", "k", "norm_region"]


def test_class_made_from_it_has_the_constructors():
    class Own(LRNSpec):
        pass

    assert type(Own.alexnet()) is Own
    assert type(Own.torch(5).replace(k=2.0)) is Own


def test_replace_changes_only_what_it_names():
    spec = LRNSpec.alexnet()
    assert spec.replace(k=1, before=3) == LRNSpec(3, 2, 2e-5, 0.75, 1.0)
    assert spec == LRNSpec.alexnet()
    with pytest.raises(ValueError, match=r"^k must be finite, got nan$"):
        spec.replace(k=float("nan"))


def test_copies_do_not_know_of_it():
    for twin in (copy.copy(LRNSpec.alexnet()), pickle.loads(pickle.dumps(LRNSpec.alexnet()))):  # noqa: S301
        assert twin == LRNSpec.alexnet()


@pytest.mark.parametrize("row", dict.fromkeys(row.name for row in lrncore.conventions()))
def test_every_constructor_names_itself(row):
    with pytest.raises(TypeError, match=rf"^LRNSpec\.{row} takes "):
        getattr(LRNSpec, row)(no_such_argument=1)
