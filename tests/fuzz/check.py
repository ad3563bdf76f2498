"""What has to hold for every call."""

import math
import re
import time
from dataclasses import fields, is_dataclass
from functools import lru_cache

import cases
import numpy as np
from reference import axes_of

import lrncore

from . import oracle
from .calls import FUNCTIONS, finfo, memory_of

#: elements for one call of the twin: fewer than what makes an array a far one
PART = 100_000
#: elements that the oracle has the patience for
THINNED = 10_000


def check(call):
    """Make the call and return its seconds; raise AssertionError, with a test to paste, if something is wrong."""
    try:
        with np.errstate(all="ignore"):
            return compare(call)
    except Exception as error:
        error.add_note(as_test(call))
        raise


def compare(call):
    """Make the call beside a simple one that means the same, and watch all the memory."""
    function = FUNCTIONS[call.function]
    axes = axes_of(call.axis, len(call.shape))
    arrays = call.arrays()
    out = arrays.get("out")
    operands = [array for name, array in arrays.items() if name != "out"]
    copies = [native(array) for array in operands]
    expected = twin(call, copies, axes)

    memories = {id(memory): memory for memory in map(memory_of, arrays.values())}.values()
    before = [memory.copy() for memory in memories]
    begin = time.perf_counter()
    found = call.make(arrays)
    seconds = time.perf_counter() - begin
    after = [memory.copy() for memory in memories]

    result = native(found)
    for memory, its_bytes in zip(memories, before, strict=True):
        memory[...] = its_bytes
    if out is not None:
        assert found is out, "out is not what is returned"
        out[...] = result
    for memory, its_bytes in zip(memories, after, strict=True):
        assert np.array_equal(memory, its_bytes), "something else than out was written to"
    if function.takes_out:
        assert found.shape == call.shape, f"the result has the shape {found.shape}"
        different = np.argwhere(~same(result, expected))
        assert not len(different), f"not the bits of contiguous copies, new memory and one thread: {different[0]}"
    judge(call, function, result, axes)
    return seconds


def native(array):
    """Return a contiguous copy in this machine's byte order."""
    array = np.asarray(array)
    return np.array(array, array.dtype.newbyteorder("="), order="C")


def twin(call, copies, axes):
    """Return the result for new memory and one thread, part by part along the longest axis but the windows'."""
    function = getattr(lrncore, call.function)
    others = [i for i in range(len(call.shape)) if i not in axes]
    along = max(others, key=lambda i: call.shape[i], default=0)
    count = 1 + copies[0].size // PART if FUNCTIONS[call.function].takes_out and others else 1
    parts = zip(*(np.array_split(copy, count, axis=along) for copy in copies), strict=True)
    given = {"axis": tuple(axes), "num_threads": 1}
    results = [function(*map(np.ascontiguousarray, part), call.spec, **given) for part in parts]
    return np.concatenate(results, axis=along) if count > 1 else results[0]


def same(a, b):
    """Return where the bits are the same, every NaN like every other."""
    return (cases.bits(a) == cases.bits(b)) | (np.isnan(a) & np.isnan(b))


def thinned(array, axes):
    """Return the windows' axes first, at some of the positions."""
    return windows_first(array, axes)[..., :: 1 + array.size // THINNED]


@lru_cache(400)
def answer(call):
    """Return the oracle's answer: the same for every instruction set."""
    function = FUNCTIONS[call.function]
    first = thinned if function.takes_out else windows_first
    axes = axes_of(call.axis, len(call.shape))
    operands = [native(array) for name, array in call.arrays().items() if name != "out"]
    wide = [first(array, axes).astype(oracle.WIDE) for array in operands]
    return function.answer(*wide, call.spec, float(finfo(call.dtype).eps))


def judge(call, function, found, axes):
    """Compare the result with the oracle's."""
    dtype = np.dtype(call.dtype)
    if function.takes_out:
        found = thinned(found, axes)
    info = finfo(dtype)
    eps, smallest, largest = (float(value) for value in (info.eps, info.smallest_subnormal, info.max))
    exact, unit = answer(call)
    # a sum has so many terms that may be rounded at the lower end of the type
    terms = 1 if function.takes_out else math.prod(call.shape)
    lengths = cases.lengths(call.shape, tuple(axes))
    allowed = function.tolerance(dtype, call.spec, lengths) * eps * unit + terms * smallest
    low, high = ((exact + side * allowed).astype(found.dtype) for side in (-1, 1))
    right = (low <= found) & (found <= high) | np.isnan(exact) & np.isnan(found)
    if function.answer is oracle.forward:
        right &= (np.signbit(exact) == np.signbit(found)) | np.isnan(found)
    else:
        # terms beyond the range of the type
        right |= unit > largest
    wrong = np.argwhere(~right & ~np.isinf(unit))
    if len(wrong):
        at = tuple(wrong[0])
        *channel, position = map(int, at)
        place = f"channel {channel}, position {position}" if function.takes_out else ("scale", "beta", "k")[at[0]]
        counted = f"{len(wrong)} of {found.size} wrong"
        raise AssertionError(f"{place}: {found[at]!r} instead of {exact[at]!r} +- {allowed[at]!r} ({counted})")


def windows_first(array, axes):
    """Return an array with the axes of the windows first, and one axis for all others."""
    moved = np.moveaxis(array, axes, range(len(axes)))
    lengths = moved.shape[: len(axes)]
    return moved.reshape(*lengths, math.prod(moved.shape[len(axes) :]))


def imports(made, module="fuzz.calls"):
    """Return the lines that import what some source needs."""
    shared = ("Call", "LRNSpec", "Operand", "Placement", "Values", "View")
    names = [name for name in shared if re.search(rf"\b{name}\(", made)]
    lines = [f"from fuzz.calls import {', '.join(names)}"] if names else []
    if module != "fuzz.calls":
        lines.append(f"from {module} import NormCall, check")
    return "\n".join(lines)


def as_test(call, module="fuzz.calls"):
    """Return the test that makes this call, for tests/test_fuzz.py."""
    made = source(call)
    return f"\n{imports(made, module)}\n\n\ndef test_{call.function}_found_by_fuzzing():\n    check({made})\n"


def source(thing):
    """Return the Python that makes a value, without what is default anyway."""
    if not is_dataclass(thing):
        return repr(thing)
    given = {
        field.name: getattr(thing, field.name)
        for field in fields(thing)
        if getattr(thing, field.name) != field.default
    }
    return f"{type(thing).__name__}({', '.join(f'{name}={source(value)}' for name, value in given.items())})"
