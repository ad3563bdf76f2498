"""From checked arguments to the kernels of divisive normalization, and what to do where they leave results out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lrncore import _divisive_wide as wide
from lrncore import kernels
from lrncore._call import exported, new_like, output, swapped_bits
from lrncore._checks import Element
from lrncore._divisive_job import Job, Place, Pool, Sums
from lrncore._divisive_walk import walk_of
from lrncore._threads import run

if TYPE_CHECKING:
    from lrncore._arrays import Array

KERNELS = kernels.load_divisive(kernels.isa)

#: Positions of one group that is computed again in wider numbers, in elements
GROUP = 1 << 18


def native(job: Job, arrays: tuple[Array, ...], pool: Pool, axis: int) -> Job:
    """Return the same on other arrays, in native byte order."""
    elements = tuple(Element(each.kernels, swapped=False) for each in job.elements)
    return Job(arrays, elements, pool, job.formula, axis, 1)


def kernels_of(x: Array) -> kernels.DivisiveKernels:
    """Return what computes an array: float32's take the 16-bit types (a dtype's name takes microseconds)."""
    return KERNELS["float64" if x.dtype.itemsize == 8 else "float32"]


def real_of(x: Array) -> type:
    """Return what an array is computed in."""
    return np.float64 if x.dtype.itemsize == 8 else np.float32


def compute(job: Job, out: Array | None, sums: Sums | None = None) -> Array:
    """Return y, or with g dx, in `out` if there is one."""
    x = job.arrays[-1]
    y, swapped = output(x, out)
    if x.size == 0:
        return y
    if out is not None and not _writable(job, y):
        apart = new_like(x)
        _compute(job, apart, False, sums)
        np.copyto(y, apart)
        return y
    _compute(job, y, swapped, sums)
    return y


def _compute(job: Job, y: Array, swapped: bool, sums: Sums | None) -> None:
    if job.pool.matrix is None:
        _windows(job, y, swapped)
    else:
        _dense(job, y, swapped, sums)


def _writable(job: Job, y: Array) -> bool:
    """Return whether y can be written while the inputs are read: it is apart from them, or the very same memory.

    Blocks of windows are written before it is known that they need not be computed a second time.
    """
    for array in job.arrays:
        if np.may_share_memory(array, y):
            same = array.ctypes.data == y.ctypes.data and array.strides == y.strides
            if not same or 0 in y.strides or job.pool.matrix is None:
                return False
    return not any(stride == 0 and n > 1 for stride, n in zip(y.strides, y.shape, strict=True))


def _order(x: Array, last: tuple[int, ...]) -> list[int]:
    """Return the axes, the farthest strides first, with `last` behind the others."""
    others = [i for i in range(x.ndim) if i not in last]
    if not x.flags.c_contiguous:
        others.sort(key=lambda i: -abs(x.strides[i]))
    return [*others, *last]


def _walked(x: Array, g: list[Array], y: Array, order: list[int]) -> tuple[Array | None, ...]:
    """Return x, g or None, and y, as the kernels walk them."""
    gradient = exported(g[0]).transpose(order) if g else None
    return exported(x).transpose(order), gradient, exported(y).transpose(order)


def _bits(job: Job, swapped: bool) -> int:
    return swapped_bits(job.elements) | swapped << 2


# ---- pools of all channels


def room_to_keep(x: Array, axis: int) -> Array:
    """Return memory for the pools of x, for `Job.kept`."""
    channels = max(1, x.shape[axis])
    room: Array = np.empty(kernels_of(x).kept(x.size // channels, channels), dtype=real_of(x))
    return room


def sums_for(x: Array, axis: int) -> Sums:
    """Return zeros to add gradients to."""
    channels = x.shape[axis]
    return Sums(channels, kernels_of(x).room(channels))


def _padded(matrix: Array, room: tuple[int, int], real: type) -> Array:
    padded: Array = np.zeros(room, dtype=real)
    padded[: len(matrix), : len(matrix)] = matrix
    return padded


class Parameters(NamedTuple):
    """A pool of all channels as the kernels take it, and a bound on the sums of its weights' magnitudes."""

    weights: Array
    transposed: Array
    sigma: Array
    total: float


def _parameters(pool: Pool, x: Array, axis: int) -> Parameters:
    channels = x.shape[axis]
    room, real = kernels_of(x).room(channels), real_of(x)
    matrix = np.zeros((0, 0)) if pool.matrix is None else pool.matrix
    sigma: Array = np.zeros(room[1], dtype=real)
    with np.errstate(over="ignore"):
        sigma[:channels] = pool.sigma
        weights = _padded(matrix, room, real)
        # the kernels take it for packed arrays
        transposed = weights if x.strides[axis] != x.itemsize else _padded(matrix.T, room, real)
        total = float(max(matrix.max(initial=0.0), -matrix.min(initial=0.0))) * channels
    return Parameters(weights, transposed, sigma, total)


def _dense(job: Job, y: Array, swapped: bool, sums: Sums | None) -> None:
    *g, x = job.arrays
    channels = x.shape[job.axis]
    *parameters, total = _parameters(job.pool, x, job.axis)
    order = _order(x, (job.axis,))
    walked = _walked(x, g, y, order)
    gradients = (sums.dmatrix, sums.dsigma) if sums else (None, None)
    arguments = (*walked, *parameters, *gradients, job.kept), (*job.formula, total)
    kind = channels, job.axis == x.ndim - 1, sums is None
    compute = kernels_of(x).dense
    for positions in _groups(run(compute, arguments, _bits(job, swapped), kind, x.size, job.num_threads), channels):
        _dense_again(job, y, order, positions, sums)


def _groups(ranges: list[tuple[int, int]], channels: int) -> Iterator[Array]:
    """Return the positions of some ranges, not too many at once."""
    group: list[Array] = []
    for first, last in ranges:
        group.append(np.arange(first, last))
        if sum(map(len, group)) * channels >= GROUP:
            yield np.concatenate(group)
            group = []
    if group:
        yield np.concatenate(group)


def _dense_again(job: Job, y: Array, order: list[int], positions: Array, sums: Sums | None) -> None:
    """Compute positions once more, apart from x and g; the NaNs that the kernels leave, in wider numbers."""
    # an array of one axis is one position
    walked = [each.transpose(order)[None] for each in job.arrays]
    index = np.unravel_index(positions, walked[0].shape[:-1])
    *g, x = taken = tuple(np.ascontiguousarray(each[index], dtype=each.dtype.type) for each in walked)
    result = new_like(x)
    *parameters, total = _parameters(job.pool, x, 1)
    arrays = exported(x), exported(g[0]) if g else None, exported(result), *parameters, None, None, None
    kernels_of(x).dense(arrays, (*job.formula, total), 1, 0)
    y.transpose(order)[None][index] = _merged(result, _wider(native(job, taken, job.pool, 1), sums))


def _merged(result: Array, wider: Array) -> Array:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.where(np.isnan(result), wider, result).astype(result.dtype)


def _wider(job: Job, sums: Sums | None = None) -> Array:
    """Return the result of `job` in numbers of a wider range."""
    x = job.arrays[-1]
    if x.dtype.itemsize == 8:
        return wide.compute(job.arrays, job.pool, job.formula, job.axis, sums)
    with np.errstate(invalid="ignore"):
        arrays = tuple(each.astype(np.float64) for each in job.arrays)
    inner = sums_for(arrays[-1], job.axis) if sums else None
    result = compute(native(job, arrays, job.pool, job.axis), None, inner)
    if sums and inner:
        sums.add(*inner.total(job.formula.q, KERNELS["float64"].raised))
    return result


# ---- windows


def _windows(job: Job, y: Array, swapped: bool) -> None:
    *g, x = job.arrays
    found, real = kernels_of(x), real_of(x)
    walk = walk_of(job, y, real)
    seen = walk.seen(exported(x)), walk.seen(exported(g[0])) if g else None, walk.seen(exported(y))
    arguments = *seen, walk.sigma, walk.mass, walk.sides, walk.sigma_at, (*job.formula, walk.total)
    left = run(found.windows, arguments, _bits(job, swapped), walk.kind, x.size, job.num_threads)
    if not left:
        return
    arrays = tuple(map(walk.seen, job.arrays))
    walked, target = job._replace(arrays=arrays, pool=walk.pool, axis=walk.axis), walk.seen(y)
    places = walk.places(left) if len(left) < 64 else [tuple((0, length) for length in target.shape)]
    for place in places:
        _windows_again(walked, target, place)


def _windows_again(job: Job, y: Array, place: Place) -> None:
    """Take the NaNs of a block, which the kernels left, from a computation in wider numbers."""
    block = y[tuple(slice(*span) for span in place)]
    nan = np.isnan(block)
    if not nan.any():
        return
    box = [_span(nan.any(axis=tuple(k for k in range(nan.ndim) if k != i))) for i in range(nan.ndim)]
    parts = [slice(low + part.start, low + part.stop) for (low, _), part in zip(place, box, strict=True)]
    around, inside, pool = _cut(job, parts)
    taken = tuple(np.array(each[around], dtype=each.dtype.type) for each in job.arrays)
    target = block[tuple(box)]
    target[...] = _merged(target, _wider(native(job, taken, pool, job.axis))[inside])


def _span(some: np.bool | Array) -> slice:
    """Return the slice from the first to the last that is true."""
    found = np.flatnonzero(some)
    return slice(int(found[0]), int(found[-1]) + 1)


def _cut(job: Job, parts: list[slice]) -> tuple[tuple[slice, ...], tuple[slice, ...], Pool]:
    """Return what a part of an array needs around it, where the part is in that, and the pool of it."""
    around: list[slice] = []
    inside: list[slice] = []
    windows, pool = {}, job.pool
    for i, (part, length) in enumerate(zip(parts, job.arrays[-1].shape, strict=True)):
        window = pool.windows.get(i)
        back = ahead = 0
        if window is not None:
            back, ahead = window.before, len(window.weights) - 1 - window.before
            if len(job.arrays) > 1:  # the gradients' windows are windows of windows
                back = ahead = back + ahead
        first, last = max(0, part.start - back), min(length, part.stop + ahead)
        around.append(slice(first, last))
        inside.append(slice(part.start - first, part.stop - first))
        if window is not None:
            windows[i] = window._replace(mass=None if window.mass is None else window.mass[first:last])
    sigma = pool.sigma[around[job.axis]] if pool.sigma.size > 1 else pool.sigma
    return tuple(around), tuple(inside), Pool(sigma, None, {i: windows[i] for i in pool.windows})
