"""From checked arguments to the kernels of divisive normalization, and what to do where they leave results out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lrncore import _divisive_wide as wide
from lrncore import kernels
from lrncore._call import exported, new_like, output, swapped_bits
from lrncore._checks import Element
from lrncore._divisive_job import Job, Pool, Sums, Window
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
    """Return whether y can be written while the inputs are read: it is apart from them, or the very same memory."""
    for array in job.arrays:
        if np.may_share_memory(array, y):
            same = array.ctypes.data == y.ctypes.data and array.strides == y.strides
            if not same or 0 in y.strides or job.pool.windows:
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
    arguments = (*walked, *parameters, *gradients, job.kept), (*job.formula, total), False
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
    """Compute positions once more: in the kernels what is within their range, the rest in wider numbers."""
    # an array of one axis is one position
    walked = [each.transpose(order)[None] for each in job.arrays]
    index = np.unravel_index(positions, walked[0].shape[:-1])
    *g, x = taken = tuple(np.ascontiguousarray(each[index], dtype=each.dtype.type) for each in walked)
    result = new_like(x)
    *parameters, total = _parameters(job.pool, x, 1)
    arrays = exported(x), exported(g[0]) if g else None, exported(result), *parameters, None, None, None
    kernels_of(x).dense(arrays, (*job.formula, total), True, 1, 0)
    # a NaN makes all of its position NaN, which the kernels did
    if g or not np.isnan(x).any(axis=1).all():
        result = _merged(result, _wider(native(job, taken, job.pool, 1), sums))
    y.transpose(order)[None][index] = result


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


@lru_cache(maxsize=256)
def _taps(before: int, weights: tuple[float, ...]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the offsets and the weights that are not 0."""
    taps = [(i - before, weight) for i, weight in enumerate(weights) if weight]
    offsets, values = zip(*taps, strict=True) if taps else ((0,), (0.0,))
    return offsets, values


def _lane_axis(x: Array, windows: dict[int, Window]) -> int:
    """Return the axis of vectors: the one that is adjacent in memory, if it is not short."""
    nearest = min(range(x.ndim), key=lambda i: (x.shape[i] == 1, abs(x.strides[i]), -i))
    if x.shape[nearest] >= 16 or not windows:
        return nearest
    return max(range(x.ndim), key=lambda i: (x.shape[i] >= 4 * x.shape[nearest], i == nearest, x.shape[i]))


def _run_on(job: Job, y: Array) -> tuple[Job, Array]:
    """Return the same with the nearest axes as one, where they have no windows and go on in all arrays."""
    x, windows = job.arrays[-1], job.pool.windows
    if x.ndim - 1 in windows:  # of most arrays the nearest
        return job, y
    apart = {*windows, job.axis} if job.pool.sigma.size > 1 else windows.keys()
    arrays = (*job.arrays, y)
    run_on: list[int] = []
    for i in reversed(_order(x, ())):
        if i in apart or any(
            each.strides[i] != (each.shape[run_on[0]] * each.strides[run_on[0]] if run_on else each.itemsize)
            for each in arrays
        ):
            break
        run_on.insert(0, i)
    if len(run_on) < 2:
        return job, y
    order = [i for i in range(x.ndim) if i not in run_on]
    shape = *(x.shape[i] for i in order), -1
    *taken, y = (each.transpose(*order, *run_on).reshape(shape) for each in arrays)
    moved = {order.index(i): window for i, window in windows.items()}
    axis = order.index(job.axis) if job.axis in order else len(order)
    return job._replace(arrays=tuple(taken), pool=job.pool._replace(windows=moved), axis=axis), y


def _windows(job: Job, y: Array, swapped: bool, blank: bool = False) -> None:
    if not blank:
        job, y = _run_on(job, y)
    *g, x = job.arrays
    found, pool, real = kernels_of(x), job.pool, real_of(x)
    lane = _lane_axis(x, pool.windows) if job.lane is None else job.lane
    sided = [i for i in _order(x, ()) if i in pool.windows and i != lane]
    order = _order(x, (*sided, lane))
    sides, masses = _sides(pool, (*sided, lane), job.axis)
    walked = _walked(x, g, y, order)
    with np.errstate(over="ignore"):
        sigma: Array = np.ascontiguousarray(pool.sigma, dtype=real)
        mass = np.concatenate(masses).astype(real) if masses else sigma
    sigma_at = order.index(job.axis) if sigma.size > 1 else -1
    total = 1.0
    for window in pool.windows.values():
        total *= sum(map(abs, window.weights))
    arguments = *walked, sigma, mass, sides, sigma_at, (*job.formula, total), blank
    kind = tuple(len(each[0]) for each in sides)
    left = run(found.windows, arguments, _bits(job, swapped), kind, x.size, job.num_threads)
    if not left or blank:
        return
    outer = x.ndim - len(sides)
    job = job._replace(lane=lane)
    for place in _places(left, [x.shape[i] for i in order], outer) if len(left) < 64 else [_everything(x, order)]:
        _windows_again(job, y, order, place)


def _sides(pool: Pool, axes: tuple[int, ...], channel: int) -> tuple[tuple[Any, ...], list[Array]]:
    """Return the windows along `axes` as the kernels take them, and their masses.

    Sums are along the channels first and then along space in the order of its axes, whatever the layout.
    """
    ranks = sorted(axes, key=lambda axis: (axis != channel, axis))
    sides: list[tuple[Any, ...]] = []
    masses: list[Array] = []
    at = 0
    for axis in axes:
        window = pool.windows.get(axis)
        if window is None:
            sides.append(((), (), -1, ranks.index(axis)))
            continue
        first = -1
        if window.mass is not None:
            first, at = at, at + len(window.mass)
            masses.append(window.mass)
        sides.append((*_taps(window.before, window.weights), first, ranks.index(axis)))
    return tuple(sides), masses


Place = tuple[tuple[int, int], ...]


def _places(left: list[Any], shape: list[int], outer: int) -> Iterator[Place]:
    """Return the range of each axis, in the kernels' order, for each block."""
    for number, spans in left:
        index = np.unravel_index(number, shape[:outer]) if outer else ()
        yield *((int(i), int(i) + 1) for i in index), *spans


def _everything(x: Array, order: list[int]) -> Place:
    return tuple((0, x.shape[i]) for i in order)


def _windows_again(job: Job, y: Array, order: list[int], place: Place) -> None:
    """Compute a block once more, as `_dense_again` does, from as much around it as its windows reach."""
    cut, inner, windows = [], [], {}
    x, pool = job.arrays[-1], job.pool
    times = len(job.arrays)  # the gradients' windows are windows of windows
    for i, (low, high) in zip(order, place, strict=True):
        window = pool.windows.get(i)
        back = ahead = 0
        if window is not None:
            back, ahead = window.before, len(window.weights) - 1 - window.before
            if times > 1:
                back = ahead = back + ahead
        first, last = max(0, low - back), min(x.shape[i], high + ahead)
        cut.append((i, slice(first, last)))
        inner.append((i, slice(low - first, high - first)))
        if window is not None:
            mass = window.mass
            windows[i] = window._replace(mass=None if mass is None else mass[first:last])
    outside, inside = _slices(cut), _slices(inner)
    sigma = pool.sigma[outside[job.axis]] if pool.sigma.size > 1 else pool.sigma
    taken = tuple(np.array(each[outside], dtype=each.dtype.type) for each in job.arrays)
    again = native(job, taken, Pool(sigma, None, windows), job.axis)
    result = new_like(taken[-1])
    _windows(again._replace(lane=job.lane), result, False, blank=True)
    wider = result if np.isnan(taken[-1]).all() else _wider(again)
    target = _slices([(i, slice(*span)) for i, span in zip(order, place, strict=True)])
    y[target] = _merged(result[inside], wider[inside])


def _slices(pairs: list[tuple[int, slice]]) -> tuple[slice, ...]:
    return tuple(each for _, each in sorted(pairs, key=lambda pair: pair[0]))
