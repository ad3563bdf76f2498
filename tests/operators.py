"""The public operators as rows, and what has to hold of a call: it is the formula, to the last allowed bit.

``check`` says what to paste where a call fails.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import cases
import numpy as np
import reference
from cases import Shape
from placement import Placement, other_order, place

import lrncore
from lrncore import LRNSpec, _checks, kernels

#: what the program that a check prints takes from here
__all__ = ["OPERATORS", "LRNSpec", "Placement", "Shape", "check", "check_far", "check_over", "check_placed"]


def forward(dtype, spec, axis, x):
    y = reference.forward(x, *cases.parameters(spec), axis, cases.ORACLE[dtype])
    ulp = np.spacing(abs(y).astype(dtype)).astype(y.dtype)
    return y, cases.forward_ulp(dtype, spec, cases.lengths(x.shape, axis)) * ulp


def eps_of_terms(dtype, spec, lengths, terms):
    return cases.gradient_eps(dtype, spec, lengths) * np.finfo(dtype).eps * terms


def backward(dtype, spec, axis, g, x):
    dx, terms = reference.backward(g, x, *cases.parameters(spec), axis, cases.ORACLE[dtype])
    return dx, eps_of_terms(dtype, spec, cases.lengths(x.shape, axis), terms)


def tangent(dtype, spec, axis, dx, x):
    dy, terms = reference.jvp(dx, x, *cases.parameters(spec), axis, cases.ORACLE[dtype])
    return dy, eps_of_terms(dtype, spec, cases.lengths(x.shape, axis), terms)


def parameters(dtype, spec, axis, g, x):
    if dtype in cases.HALVES:  # computed in float32, and returned in more
        dtype = np.dtype(np.float32)
    exact, terms = reference.param_grads(g, x, *cases.parameters(spec), axis, cases.ORACLE[dtype])
    return exact, eps_of_terms(dtype, spec, cases.lengths(x.shape, axis), terms)


class Operator(NamedTuple):
    """A public function of some arrays of one shape, a spec and an axis, or several."""

    compute: Callable[..., Any]
    arrays: int
    exact: Callable[..., Any]  # the result and the error allowed of it
    takes_out: bool = True


#: What is called. A new function needs a line here, a new dtype one in cases.TOLERANCES and cases.ORACLE.
OPERATORS = {
    "lrn": Operator(lrncore.lrn, 1, forward),
    "lrn_backward": Operator(lrncore.lrn_backward, 2, backward),
    "lrn_jvp": Operator(lrncore.lrn_jvp, 2, tangent),
    "lrn_param_grads": Operator(lrncore.lrn_param_grads, 2, parameters, takes_out=False),
}


# ---- what a call is made with -----------------------------------------------------------------------------


#: a prime number: where values are repeated, they fall on other channels
MOST_VALUES = 65521


@lru_cache(8)
def normal(shape, dtype, seed):
    """Return N(0, 1), in the types of 16 bits of many magnitudes; not to be written to."""
    rng = np.random.default_rng(seed)
    size = min(math.prod(shape), MOST_VALUES)
    values = rng.standard_normal(size)
    if dtype in cases.HALVES:
        values *= 10 ** rng.uniform(-3, 2, size)
    values = np.resize(values.astype(dtype), shape)
    values.flags.writeable = False
    return values


def operands(name, case, dtype):
    """Return the arrays of a call, x last."""
    return [normal(case.shape, dtype, seed) for seed in reversed(range(OPERATORS[name].arrays))]


def comparable(name, case, dtype, spec):
    """Return such arrays and a spec; for sums, so that no terms cancel: their order may change the last digits."""
    arrays = operands(name, case, dtype)
    if OPERATORS[name].takes_out:
        return arrays, spec
    return [np.copysign(arrays[0], arrays[1]), arrays[1]], replace(spec, k=max(spec.k, 1.0))


# ---- what has to hold -------------------------------------------------------------------------------------


def running():
    """Return the instruction set in use, by the fixture `isa` or of its own."""
    return next(isa for isa in kernels.available() if kernels.load(isa) == _checks.KERNELS)


def tells_how(check):
    """Let a check say, where it fails, what repeats it."""

    def check_and_tell(name, case, dtype, spec, **more):
        try:
            check(name, case, np.dtype(dtype), spec, **more)
        except Exception as error:
            arguments = [repr(name), repr(case), repr(str(dtype)), repr(spec)]
            arguments += [f"{argument}={value!r}" for argument, value in more.items()]
            error.add_note(
                f"PYTHONPATH=tests LRNCORE_ISA={running()} .venv/bin/python - <<end\n"
                f"from operators import *\n{check.__name__}({', '.join(arguments)})\nend"
            )
            raise

    return check_and_tell


@lru_cache(160)
def exact(name, case, dtype, spec):
    """Return the result and the error allowed of it: the same for every instruction set."""
    return OPERATORS[name].exact(dtype, spec, case.axis, *operands(name, case, dtype))


@tells_how
def check(name, case, dtype, spec):
    """Compare a call with the formula, or with float32's rounded result."""
    compute, arrays = OPERATORS[name].compute, operands(name, case, dtype)
    found = compute(*arrays, spec, case.axis)
    if dtype in cases.HALVES and OPERATORS[name].takes_out:
        wide = compute(*(array.astype(np.float32) for array in arrays), spec, case.axis)
        with np.errstate(over="ignore"):
            assert_same(found, wide.astype(dtype))
        return
    expected, allowed = exact(name, case, dtype, spec)
    found = np.asarray(found)
    wrong = np.argwhere(~(abs(found - expected) <= allowed))
    if len(wrong):
        at = tuple(map(int, wrong[0]))
        what = f"{found[at]!r} instead of {expected[at]!r} +- {allowed[at]!r}"
        raise AssertionError(f"{len(wrong)} of {found.size} wrong, the first at {at}: {what}")


def assert_same(found, expected):
    """Compare bit for bit."""
    assert found.shape == expected.shape
    assert found.dtype.newbyteorder("=") == expected.dtype
    found, expected = cases.bits(found), cases.bits(expected)
    if not np.array_equal(found, expected):
        at = np.argwhere(found != expected)
        raise AssertionError(f"other bits: {len(at)} of {found.size}, the first at {tuple(map(int, at[0]))}")


def assert_close(found, expected):
    """Compare sums of the same terms in another order."""
    assert np.allclose(found, expected, rtol=1e-12, atol=0), f"{found} instead of {expected}"


def check_each(case, dtype, spec):
    """Check every operator, one after the other: the formulas share the powers of s."""
    failures = []
    for name in OPERATORS:
        try:
            check(name, case, dtype, spec)
        except AssertionError as failure:
            failures.append(failure)
    if failures:
        raise ExceptionGroup("wrong results", failures)


@tells_how
def check_far(name, case, dtype, spec):
    """Compare an array beyond the caches with its parts, which are not."""
    compute, (arrays, spec) = OPERATORS[name].compute, comparable(name, case, dtype, spec)
    along = min(set(range(len(case.shape))) - set(reference.axes_of(case.axis, len(case.shape))))
    parts = [np.array_split(array, 3, along) for array in arrays]
    expected = [compute(*map(np.ascontiguousarray, part), spec, case.axis) for part in zip(*parts, strict=True)]
    found = compute(*arrays, spec, case.axis)
    if not OPERATORS[name].takes_out:
        assert_close(found, np.sum(expected, axis=0))
        return
    for part, result in zip(np.array_split(found, 3, along), expected, strict=True):
        assert_same(part, result)


@tells_how
def check_placed(name, case, dtype, spec, placement, threads=2):
    """Compare a call whose operands and result lie in some way with one of contiguous arrays."""
    operator, (arrays, spec) = OPERATORS[name], comparable(name, case, dtype, spec)
    expected = operator.compute(*arrays, spec, case.axis, num_threads=1)
    placed = [place(array, placement) for array in arrays]
    found = operator.compute(*placed, spec, case.axis, num_threads=threads)
    if not operator.takes_out:
        assert_close(found, expected)
        return
    assert_same(found, expected)
    out = place(np.zeros(case.shape, dtype), placement._replace(read_only=False))
    assert operator.compute(*placed, spec, case.axis, num_threads=threads, out=out) is out
    assert_same(out, expected)


@tells_how
def check_over(name, case, dtype, spec, over, shift=0, swapped=False):
    """Compare a call whose result takes the memory of an operand, or lies so many elements beside it."""
    compute, arrays = OPERATORS[name].compute, operands(name, case, dtype)
    expected = compute(*arrays, spec, case.axis)
    size, room = arrays[over].size, abs(shift)
    memory = np.zeros(room + size + room, dtype)
    arrays[over] = memory[room : room + size].reshape(case.shape)
    arrays[over][...] = operands(name, case, dtype)[over]
    out = memory[room + shift : room + shift + size].reshape(case.shape)
    if swapped:
        out = out.view(other_order(dtype))
    assert compute(*arrays, spec, case.axis, out=out) is out
    assert_same(out, expected)


def places(name):
    """Return where a result can go: to new memory, or over an operand."""
    return [None, *range(OPERATORS[name].arrays)] if OPERATORS[name].takes_out else [None]


def counted(counter, name, axis, arrays, spec, over=None, threads=1):
    """Make a call, whose result may take the place of an operand; return what it adds to a count of the kernels."""
    arrays = [array.copy() for array in arrays[-OPERATORS[name].arrays :]]
    out = {} if over is None else {"out": arrays[over]}
    count = getattr(_checks.KERNELS[arrays[0].dtype.name], counter)
    before = count()
    OPERATORS[name].compute(*arrays, spec, axis, num_threads=threads, **out)
    return count() - before
