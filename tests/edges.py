"""Operands in memory that holds no byte more than they need, and the calls that are made on them there.

A program for tests to run, since what is wrong ends it, as in ``LRNCORE_ISA=avx2 edges.py calls 1 float32 end``.
It prints what it does next. With ``strays`` for ``calls`` it proves that its silence means something: there one
operand lies a byte off its place, and each call has to end its process.
"""

import ctypes
import math
import mmap
import os
import random
import subprocess
import sys
import weakref
from collections.abc import Callable
from functools import partial
from itertools import chain, cycle, islice, product
from pathlib import Path
from typing import NamedTuple

import cases
import numpy as np
from interpreters import environment

import lrncore
from lrncore import LRNSpec

# ---- what is called ---------------------------------------------------------------------------------------


class Function(NamedTuple):
    """A public function: ``call(*operands, spec, axis, num_threads=...)``, and ``out=...`` if it fills an array."""

    call: Callable
    operands: int
    fills: bool = True


FUNCTIONS = {
    "lrn": Function(lrncore.lrn, 1),
    "lrn_backward": Function(lrncore.lrn_backward, 2),
    "lrn_jvp": Function(lrncore.lrn_jvp, 2),
    "lrn_param_grads": Function(lrncore.lrn_param_grads, 2, fills=False),
}
DTYPES = {dtype.name: dtype for dtype in cases.DTYPES + cases.HALVES}

# ---- in what memory ---------------------------------------------------------------------------------------

PAGE = mmap.PAGESIZE
LIBC = ctypes.CDLL(None)
LIBC.malloc.argtypes, LIBC.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
LIBC.free.argtypes, LIBC.free.restype = [ctypes.c_void_p], None
LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def on_the_heap(size, offset):
    """Return `size` bytes, `offset` into a block of malloc's that ends with them (NumPy's may be longer)."""
    block = LIBC.malloc(offset + size)
    memory = (ctypes.c_char * size).from_address(block + offset)
    weakref.finalize(memory, LIBC.free, block)
    return memory


def before_a_fence(size, offset):
    """Return `size` bytes that end `offset` before a page that ends the process when touched."""
    pages, fence = between_fences(offset + size)
    return (ctypes.c_char * size).from_buffer(pages, fence - offset - size)


def behind_a_fence(size, offset):
    """Return `size` bytes that begin `offset` behind such a page."""
    pages, _ = between_fences(offset + size)
    return (ctypes.c_char * size).from_buffer(pages, PAGE + offset)


def between_fences(size):
    """Return a fence, room for `size` bytes in whole pages, and a fence; and where the second one begins."""
    fence = PAGE - -size // PAGE * PAGE
    pages = mmap.mmap(-1, fence + PAGE)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    if LIBC.mprotect(begin, PAGE, 0) or LIBC.mprotect(begin + fence, PAGE, 0):
        raise OSError("a page cannot be protected")
    return pages, fence


class Memory(NamedTuple):
    """Where operands are put, the steps off their place that are noticed there, and an array's length for that."""

    put: Callable
    steps: tuple[int, ...]
    length: int


# What a vector loads under a mask is noticed at a fence only: a compiler does not check it, but the processor does.
MEMORIES = {
    "heap": Memory(on_the_heap, (-1, 1), 64),
    "end": Memory(before_a_fence, (1,), 65),
    "begin": Memory(behind_a_fence, (-1,), 65),
}

# ---- how operands lie there -------------------------------------------------------------------------------


def misaligned(shape, dtype):
    return np.ndarray(shape, dtype, bytearray(math.prod(shape) * dtype.itemsize + 1), 1)


# An array with the strides, the alignment and the byte order in question; its values are no matter.
LAYOUTS = {
    "contiguous": np.empty,
    "transposed": lambda shape, dtype: np.empty(shape[::-1], dtype).T,
    "every_other": lambda shape, dtype: np.empty((*shape, 2), dtype)[..., 1],
    "rows_apart": lambda shape, dtype: np.empty((*shape[:-1], shape[-1] + 3), dtype)[..., 3:],
    "records": lambda shape, dtype: np.empty(shape[0], [("x", dtype, shape[1:]), ("flag", "u1")])["x"],
    "reversed": lambda shape, dtype: np.flip(np.empty(shape, dtype)),
    "misaligned": misaligned,
    "swapped": lambda shape, dtype: np.empty(shape, dtype.newbyteorder("S")),
}

# What all bytes are before, and those beside the elements have to be afterwards
CANARY = 0xA5


class Operand:
    """An array that lies as `like` does, in memory of its own from its first byte to its last."""

    def __init__(self, like, memory):
        steps = [(length - 1) * stride for length, stride in zip(like.shape, like.strides, strict=True)]
        self.like = like
        self.first = -sum(step for step in steps if step < 0)
        self.size = self.first + sum(step for step in steps if step > 0) + like.itemsize
        self.memory = memory(self.size, (like.ctypes.data - self.first) % like.itemsize)
        self.bytes = np.frombuffer(self.memory, np.uint8)
        self.bytes[...] = CANARY
        self.array = self.within(self.memory)

    def within(self, memory):
        return np.ndarray(self.like.shape, self.like.dtype, memory, self.first, self.like.strides)

    def astray(self, by):
        """Return the array that lies `by` bytes further on."""
        return self.within((ctypes.c_char * self.size).from_address(ctypes.addressof(self.memory) + by))

    def holds(self, values):
        """Whether the elements are `values`, bit for bit, and all bytes beside them as before."""
        expected = np.full(self.size, CANARY, np.uint8)
        self.within(expected)[...] = values
        return np.array_equal(self.bytes, expected)


# ---- the calls --------------------------------------------------------------------------------------------

NEAR = cases.LAYOUTS | {name: case for name, case in cases.ADVERSARIAL.items() if math.prod(case.shape) <= 7000}
NEAR |= {f"box_{name}": case for name, case in cases.BOXES.items()}
# Beyond the caches results are stored by other instructions, and in planar data squares are not kept.
FAR = {"far_rows": (0, 3), "far_pixels": (1, 31), "far_few_channels": (1, 11)}


def shape(name, dtype):
    """Return a near shape, or one with so many channels on that axis that an array of `dtype` is a far one."""
    if name in NEAR:
        return NEAR[name]
    axis, channels = FAR[name]
    pixels = cases.FAR_BYTES // dtype.itemsize // channels + 1
    return cases.Shape((channels, pixels) if axis == 0 else (pixels, channels), axis)


WINDOWS = [(half, half) for half in (0, 1, 2, 3, 4, 13, 100)] + [(2, 1), (4, 0), (0, 4), (9, 14), (15, 16)]


class Call(NamedTuple):
    """A call, but for the values."""

    function: str
    shape: str
    spec: LRNSpec
    layouts: tuple[str, ...]  # of each operand, and of the result
    over: int | None  # the operand whose place the result takes
    threads: int


def far_calls(chance):
    """Give every function a far shape."""
    first = chance.randrange(len(FAR))
    for (name, function), shape in zip(FUNCTIONS.items(), islice(cycle(FAR), first, None), strict=False):
        yield Call(name, shape, cases.ALEXNET, ("contiguous",) * (function.operands + function.fills), None, 2)


def all_and_one(layout, count, chance):
    """Return the layouts of some arrays: all have this one, and one alone among contiguous ones."""
    alone = ["contiguous"] * count
    alone[chance.randrange(count)] = layout
    return (layout,) * count, tuple(alone)


def near_calls(chance):
    """Give every function each near shape in every layout: all operands in it, and one alone."""
    for name, shape, layout in product(FUNCTIONS, NEAR, LAYOUTS):
        function = FUNCTIONS[name]
        for layouts in all_and_one(layout, function.operands + function.fills, chance):
            before, after = chance.choice(WINDOWS)
            spec = LRNSpec(before, after, 1.0, chance.choice(cases.BETAS), chance.choice(cases.KS))
            over = chance.choice([None, *range(function.operands)]) if function.fills else None
            yield Call(name, shape, spec, layouts, over, chance.choice([1, 2]))


def normal(shape, dtype, seed):
    """Return N(0, 1), repeated where an array is long."""
    size = math.prod(shape)
    return np.resize(cases.normal(min(size, 10_007), dtype, seed), shape)


def spiked(values, chance):
    """Put elements at both ends, and one between, that no fast path may take."""
    zero, infinity = values.dtype.type(0), values.dtype.type(np.inf)
    spikes = [values.dtype.type(1), zero, infinity, np.nextafter(infinity, zero), np.nextafter(zero, infinity)]
    for place in (0, -1, chance.randrange(values.size)):
        values.flat[place] = chance.choice(spikes)
    return values


def laid_out(layouts, values, memory):
    """Return operands with these values, each in its layout, and one for the result where a layout is left."""
    return placed([LAYOUTS[layout](values[0].shape, values[0].dtype) for layout in layouts], values, memory)


def placed(arrays, values, memory):
    """Return operands that lie as `arrays` do, with these values as far as there are any."""
    operands = [Operand(array, memory) for array in arrays]
    for operand, value in zip(operands, values, strict=False):
        operand.array[...] = value
    return operands


def make(call, dtype, memory, chance):
    """Make a call in `memory` and again in NumPy's own, and compare."""
    function, case = FUNCTIONS[call.function], shape(call.shape, dtype)
    values = [spiked(normal(case.shape, dtype, seed), chance) for seed in range(function.operands)]
    operands = laid_out(call.layouts, values, memory)
    inputs = [operand.array for operand in operands[: function.operands]]
    if not function.fills:
        function.call(*inputs, call.spec, case.axis, num_threads=call.threads)
        return
    out = operands[-1 if call.over is None else call.over]
    function.call(*inputs, call.spec, case.axis, out=out.array, num_threads=call.threads)
    if not out.holds(function.call(*values, call.spec, case.axis)):
        sys.exit("the result has other bits here, or bytes beside it changed")


def first(result):
    """Return the array that `out` takes."""
    return result[0] if isinstance(result, tuple) else result


def strays(functions, dtype, memory):
    """Move each operand in turn a step off, in a process of its own: only one that is not moved may come back.

    `functions` are named, and take operands and ``out`` only.
    """
    for (name, function), step in product(functions.items(), (0, *memory.steps)):
        for which in range(function.operands + function.fills):
            announce(name, "with operand", which, "moved by", step)
            operands = [Operand(np.ones(memory.length, dtype), memory.put) for _ in range(function.operands + 1)]
            arrays = [operand.array for operand in operands]
            arrays[which] = operands[which].astray(step)
            out = {"out": arrays[-1]} if function.fills else {}
            child = os.fork()
            if not child:
                try:
                    function.call(*arrays[: function.operands], **out)
                finally:
                    os._exit(0)
            ended = os.waitpid(child, 0)[1] != 0
            if ended != bool(step):
                sys.exit("it ended the process" if ended else "nothing noticed it")


def announce(*words):
    """Print a line that is there even if the process ends now."""
    print(*words, flush=True)  # noqa: T201


def main(arguments, calls, make, functions, always=lambda _: ()):
    """Make every so manieth of `calls` and those made `always`, or the strays of `functions`, as is asked."""
    what, every, dtype, *memories = arguments
    announce(lrncore.__file__)
    for memory in map(MEMORIES.get, memories):
        if what == "strays":
            strays(functions, DTYPES[dtype], memory)
            continue
        # other calls for other element types, whose kernels are the same source
        number = list(DTYPES).index(dtype)
        chance = random.Random(number)  # noqa: S311
        for call in chain(always(chance), islice(calls(chance), number % int(every), None, int(every))):
            announce(*call)
            make(call, DTYPES[dtype], memory.put, chance)


def run(*arguments, program=__file__, place=Path(lrncore.__file__).parents[1], **more):
    """Run this program or one like it, with the lrncore in `place`, and name the call that ended it if one did."""
    # Threads that wait should sleep: where processors are few, they keep them from the threads that work.
    more |= {"PYTHONPATH": str(place), "OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, program, *map(str, arguments)]
    done = subprocess.run(command, env=environment() | more, capture_output=True, text=True, check=False)
    printed = done.stdout.splitlines() or [""]
    assert done.returncode == 0, f"exit status {done.returncode} after\n{printed[-1]}\n{done.stderr}"
    assert Path(printed[0]).parents[1] == Path(place)


if __name__ == "__main__":
    of_alexnet = {
        name: each._replace(call=partial(each.call, spec=cases.ALEXNET, axis=0)) for name, each in FUNCTIONS.items()
    }
    main(sys.argv[1:], near_calls, make, of_alexnet, always=far_calls)
