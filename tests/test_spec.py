"""LRNSpec as an object: equality, copies, any number."""

import copy
import dataclasses
import pickle
from fractions import Fraction

import numpy as np
import pytest

import lrncore
from lrncore import LRNSpec

SPEC = LRNSpec(before=2, after=1, scale=0.25, beta=0.75, k=1.0)


def test_size_is_the_number_of_channels_in_a_window():
    assert SPEC.size == 4


def test_repr_is_the_call_that_makes_it():
    assert repr(SPEC) == "LRNSpec(before=2, after=1, scale=0.25, beta=0.75, k=1.0)"


@pytest.mark.parametrize("field", ["before", "after", "scale", "beta", "k"])
def test_fields_cannot_be_changed(field):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(SPEC, field, 1)


@pytest.mark.parametrize("field", ["before", "after", "scale", "beta", "k"])
def test_each_field_counts_for_equality(field):
    assert dataclasses.replace(SPEC, **{field: 3}) != SPEC


def test_equal_specs_are_one_key():
    assert {SPEC: "found"}[LRNSpec(2, 1, 0.25, 0.75, 1)] == "found"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    assert pickle.loads(pickle.dumps(SPEC, protocol)) == SPEC  # noqa: S301


@pytest.mark.parametrize(
    "twin",
    [copy.copy, copy.deepcopy, dataclasses.replace, lambda spec: pickle.loads(pickle.dumps(spec))],  # noqa: S301
)
def test_copy_computes_the_same(twin):
    x = np.arange(1.0, 9.0)
    assert np.array_equal(lrncore.lrn(x, twin(SPEC), 0), lrncore.lrn(x, SPEC, 0))


def test_replaced_field_is_what_is_computed():
    x = np.arange(1.0, 9.0)
    changed = dataclasses.replace(SPEC, beta=2.0)
    assert np.array_equal(lrncore.lrn(x, changed, 0), lrncore.lrn(x, LRNSpec(2, 1, 0.25, 2.0, 1.0), 0))


@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5), np.int64(2), 2, Fraction(1, 2)])
def test_any_real_number_becomes_a_float(number):
    spec = LRNSpec(1, 1, number, number, number)
    assert [type(value) for value in (spec.scale, spec.beta, spec.k)] == [float] * 3


@pytest.mark.parametrize("number", [np.int8(2), np.uint64(2), 2])
def test_any_whole_number_becomes_an_int(number):
    spec = LRNSpec(number, number, 1.0, 1.0, 1.0)
    assert [type(value) for value in (spec.before, spec.after)] == [int] * 2


@pytest.mark.parametrize("size", [10**30, 10**308, 10**400])
def test_size_without_bound(size):
    assert LRNSpec.torch(size, alpha=1.0).scale == pytest.approx(float(Fraction(1, size)), rel=1e-15, abs=0)
