"""Random calls of the moment norms, and what is right about each: beside contiguous copies, and by the formula."""

import math
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st
from placement import GUARD, placements

import lrncore

from .calls import DTYPES, Operand, Values, View, finfo, memory_of
from .check import as_test, native, same
from .strategies import SPECIAL, VALUES

WIDE = np.longdouble
FUNCTIONS = (
    "batch_norm",
    "batch_norm_train",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "rms_norm",
    "filter_response_norm",
)
RESULTS = ("the result", "dweight", "dbias", "dtau", "deps")
LENGTHS = (1, 2, 3, 4, 6, 8, 16, 17, 31, 64, 70, 130, 300)
MOST_ELEMENTS = 12_000
#: of the largest element of a set, and of the terms of its gradients; the sums of float64 are in float64, and one
#: element as large as all others together takes some bits of them
Y_ALLOWED, DX_ALLOWED, DOUBLES_ALLOWED = 4, 64, 128


@dataclass(frozen=True)
class NormCall:
    """The arguments of a call of a norm, or of its backward."""

    function: str
    dtype: str
    shape: tuple[int, ...]
    axis: int | tuple[int, ...]
    backward: bool = False
    groups: int = 1
    interleaved: bool = False
    eps: float = 1e-5
    parameters: bool = True
    x: Operand = Operand()  # noqa: RUF009  (frozen)
    g: Operand = Operand(Values(seed=1))  # noqa: RUF009
    out: Operand | View | None = None
    threads: int = 1

    def arrays(self):
        """Return new arrays for the operands by name."""
        dtype = np.dtype(self.dtype)
        made = {"x": self.x.make(self.shape, dtype)}
        if self.backward:
            made["g"] = self.g.make(self.shape, dtype)
        if isinstance(self.out, Operand):
            made["out"] = self.out.make(self.shape, dtype)
        elif self.out is not None:
            made["out"] = self.out.make(made[self.out.of])
        return made

    def lengths(self):
        """Return the parameters' shape."""
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        return tuple(self.shape[axis] for axis in axes)

    def given(self):
        """Return the parameters and statistics by name."""
        rng, lengths = np.random.default_rng(5), self.lengths()
        names = {"rms_norm": ("weight",), "filter_response_norm": ("weight", "bias", "tau")}
        found = dict.fromkeys(names.get(self.function, ("weight", "bias")))
        if self.parameters:
            found = {name: rng.uniform(0.5, 2, lengths) for name in found}
        if self.backward and self.function != "filter_response_norm":
            found.pop("bias", None)
        if self.function == "batch_norm":
            found |= {"mean": rng.standard_normal(lengths), "var": rng.uniform(0.5, 2, lengths)}
        return found

    def make(self, x, g, threads, **out):
        """Make the call on such arrays, and return all arrays that it returns."""
        more = self.given() | {"eps": self.eps, "axis": self.axis, "num_threads": threads} | out
        if self.function == "group_norm":
            more |= {"num_groups": self.groups, "interleaved": self.interleaved}
        name = f"{self.function}_backward" if self.backward else self.function
        found = getattr(lrncore, name)(*([g, x] if self.backward else [x]), **more)
        return tuple(found) if self.backward else (found[0] if isinstance(found, tuple) else found,)


def check(call):
    """Make the call; raise AssertionError, with a test to paste, if something is wrong."""
    try:
        with np.errstate(all="ignore"):
            compare(call)
    except Exception as error:
        error.add_note(as_test(call, "fuzz.norms"))
        raise


def compare(call):
    """Make the call beside one on copies whose axes have the same order in memory, and watch all the memory."""
    arrays = call.arrays()
    x, g = arrays["x"], arrays.get("g")
    # neither strides nor the order of g's axes change a bit
    copies = [None if each is None else each.astype(each.dtype.newbyteorder("="), order="K") for each in (x, g)]
    expected = call.make(*copies, 1)
    memories = {id(memory): memory for memory in map(memory_of, arrays.values())}.values()
    before = [memory.copy() for memory in memories]
    out = {"out": arrays["out"]} if "out" in arrays else {}
    found = call.make(x, g, call.threads, **out)
    after = [memory.copy() for memory in memories]
    result = native(found[0])
    for memory, its_bytes in zip(memories, before, strict=True):
        memory[...] = its_bytes
    if out:
        assert found[0] is out["out"], "out is not what is returned"
        out["out"][...] = result
    for memory, its_bytes in zip(memories, after, strict=True):
        assert np.array_equal(memory, its_bytes), "something else than out was written to"
    for name, each, other in zip(RESULTS, (result, *found[1:]), expected, strict=False):
        different = np.argwhere(~same(np.atleast_1d(each), np.atleast_1d(native(other))))
        assert not len(different), f"{name} has not the bits of contiguous copies and one thread: {different[0]}"
    judge(call, result, *map(native, [each for each in copies if each is not None]))


def sets_of(call, array):
    """Return an array, viewed so that its sets are along some axes, and these."""
    ndim = len(call.shape)
    axes = tuple(each % ndim for each in (call.axis if isinstance(call.axis, tuple) else (call.axis,)))
    if call.function in {"layer_norm", "rms_norm"}:
        return array, axes
    (channel,) = axes
    if call.function.startswith("batch_norm"):
        return array, tuple(set(range(ndim)) - {channel})
    kept = {0, channel}
    if call.function == "group_norm":
        split = (call.groups, call.shape[channel] // call.groups)[:: -1 if call.interleaved else 1]
        array = array.reshape(call.shape[:channel] + split + call.shape[channel + 1 :])
        kept = {0, channel + call.interleaved} if channel else {int(call.interleaved)}
    return array, tuple(set(range(array.ndim)) - kept)


def spread(call, name):
    """Return a parameter in a shape that broadcasts to x, or what it is without one."""
    value = call.given().get(name)
    if value is None:
        return WIDE({"weight": 1, "bias": 0, "tau": -np.inf}[name])
    shape = [1] * len(call.shape)
    for axis, length in zip(call.axis if isinstance(call.axis, tuple) else (call.axis,), value.shape, strict=True):
        shape[axis] = length
    real = np.float64 if call.dtype == "float64" else np.float32
    return value.astype(real).astype(WIDE).reshape(shape)


def smallest(info):
    """Return the smallest number of a type."""
    return WIDE(float(info.smallest_subnormal))


def judge(call, found, x, g=None):
    """Compare a result with the formula in long double, set by set, where that says something."""
    if not found.size or call.function == "batch_norm":
        return
    info = finfo(np.dtype(call.dtype))
    real = finfo(np.dtype("float64" if call.dtype == "float64" else "float32"))
    wide, axes = sets_of(call, x.astype(WIDE))
    centred = call.function not in {"rms_norm", "filter_response_norm"}
    if centred:
        for _ in range(2):
            wide = wide - wide.mean(axes, keepdims=True)
    square = (wide * wide).mean(axes, keepdims=True)
    r = 1 / np.sqrt(square + WIDE(call.eps))
    xh = (wide * r).reshape(call.shape)
    weight, bias, tau = (spread(call, name) for name in ("weight", "bias", "tau"))
    y = xh * weight + bias
    # the rounding of numbers near the lower end of the type is no relative error
    lowest = WIDE(float(real.smallest_normal))
    plain = np.isfinite(r) & ((np.sqrt(square) > lowest * 2**12) | (WIDE(call.eps) > 1e-20))
    most = largest(call, abs(y) + abs(bias), axes)
    if g is None:
        exact, unit = np.maximum(y, tau), most
    else:
        passed = np.where(y < tau, 0, g.astype(WIDE))
        # who can tell on which side of its threshold it is
        plain = plain & (largest(call, (abs(y - tau) < 1e-4 * (abs(y) + abs(tau))).astype(WIDE), axes) == 0)
        h, _ = sets_of(call, passed * weight)
        xh, _ = sets_of(call, xh)
        terms = [h, -xh * (h * xh).mean(axes, keepdims=True), -h.mean(axes, keepdims=True) if centred else 0 * h]
        exact = (r * sum(terms)).reshape(call.shape)
        unit = largest(call, (r * sum(map(abs, terms))).reshape(call.shape), axes)
        most_h = np.abs(h).max(axes, keepdims=True)
        plain = plain & (most_h > lowest * 2**30) & (most_h < WIDE(float(real.max)) / 8)
        # g that a threshold cuts out decide on the power of two that all of g are scaled by, too
        cut = np.abs(sets_of(call, g.astype(WIDE) * weight)[0]).max(axes, keepdims=True)
        plain = plain & (cut < most_h * WIDE(2) ** 80)
    plain = np.broadcast_to(plain, wide.shape).reshape(call.shape)
    unit = unit.reshape(call.shape)
    allowed = DX_ALLOWED if call.backward else Y_ALLOWED
    allowed = (DOUBLES_ALLOWED if call.dtype == "float64" else allowed) * WIDE(float(real.eps)) * unit
    allowed = allowed + WIDE(float(info.eps)) * abs(exact) + 2 * smallest(info)
    if g is None:
        # x less the mean is no smaller than this
        allowed = allowed + np.broadcast_to(r, wide.shape).reshape(call.shape) * abs(weight) * smallest(real)
    sane = plain & np.isfinite(exact) & (unit < float(info.max) / 4)
    wrong = np.argwhere(sane & ~(abs(found.astype(WIDE) - exact) <= allowed))
    if len(wrong):
        at = tuple(map(int, wrong[0]))
        what = f"{found[at]!r} instead of {exact[at]!r} +- {allowed[at]!r}"
        raise AssertionError(f"{at}: {what} ({len(wrong)} of {found.size} wrong)")


def largest(call, values, axes):
    """Return the largest of each set, spread over it."""
    split, _ = sets_of(call, np.broadcast_to(values, call.shape))
    return np.broadcast_to(split.max(axes, keepdims=True), split.shape)


# ---- what is drawn ----------------------------------------------------------------------------------------

EPS = st.sampled_from((1e-5, 1e-5, 1e-3, 0.0, 1.0, 1e-12))
SHAPE = st.lists(st.sampled_from(LENGTHS), min_size=1, max_size=5)
SHIFT = st.just(0) | st.integers(-GUARD // 16, GUARD // 16)
PLACEMENT = {ndim: st.none() | placements(ndim, read_only=True) for ndim in range(1, 6)}
WRITEABLE = {ndim: st.none() | placements(ndim) for ndim in range(1, 6)}


@st.composite
def calls(draw):
    """Draw a call."""
    function, left, shape = draw(st.sampled_from(FUNCTIONS)), MOST_ELEMENTS, []
    for length in draw(SHAPE):
        shape.append(length if length <= left else 1)
        left //= shape[-1]
    ndim = len(shape)
    axis = draw(st.integers(-ndim, ndim - 1))
    if function in {"layer_norm", "rms_norm"}:
        axis = tuple(sorted(draw(st.sets(st.integers(0, ndim - 1), min_size=1))))
    groups, backward = 1, draw(st.booleans())
    if function == "group_norm":
        groups = draw(st.sampled_from([each for each in range(1, shape[axis] + 1) if shape[axis] % each == 0]))
    elif function == "batch_norm_train" and math.prod(shape) == shape[axis]:
        backward = False
    x, g = (drawn(draw, tuple(shape)) for _ in range(2))
    out = draw(st.sampled_from((None, "own", "x", "g")))
    if out == "own":
        out = Operand(where=draw(WRITEABLE[ndim]))
    elif out:
        of = out if backward else "x"
        out = View(of, draw(SHIFT), draw(st.booleans()), draw(st.booleans()))
        x = replace(x, where=draw(WRITEABLE[ndim]))
        g = replace(g, where=draw(WRITEABLE[ndim]))
    more = draw(st.booleans()), draw(EPS), draw(st.booleans()), x, g, out, draw(st.integers(1, 4))
    return NormCall(function, draw(st.sampled_from(DTYPES)), tuple(shape), axis, backward, groups, *more)


def drawn(draw, shape):
    """Draw an operand."""
    size = math.prod(shape)
    special = tuple((element % size, name) for element, name in draw(SPECIAL))
    return Operand(replace(draw(VALUES), special=special), where=draw(PLACEMENT[len(shape)]))
