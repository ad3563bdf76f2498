"""How the kernels walk the windows of an array: which axes are one, which are sides of blocks, and their weights.

It depends on the shape and the strides, and is found once for a pool that is used again: it takes longer than a
small array does.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from lrncore._divisive_job import Walk

if TYPE_CHECKING:
    from lrncore._arrays import Array
    from lrncore._divisive_job import Job, Pool, Window

#: Sides of a block, the kernels' MAX_SIDES
MOST_SIDES = 8
#: Walks that a pool keeps
MOST_WALKS = 64

Strides = tuple[tuple[int, ...], ...]


def walk_of(job: Job, y: Array, real: type) -> Walk:
    """Return the walk of a call that computes in `real` and writes `y`."""
    x, pool = job.arrays[-1], job.pool
    strides = *(each.strides for each in job.arrays), y.strides
    if pool.walks is None:
        return _found(pool, job.axis, x.shape, strides, real)
    walk = pool.walks.get((strides, real))
    if walk is None:
        if len(pool.walks) >= MOST_WALKS:
            pool.walks.clear()
        walk = pool.walks[strides, real] = _found(pool, job.axis, x.shape, strides, real)
    return walk


def _found(pool: Pool, channel: int, shape: tuple[int, ...], strides: Strides, real: type) -> Walk:
    groups = _groups(shape, strides, {*pool.windows, channel} if pool.sigma.size > 1 else pool.windows.keys())
    order, first = _order([math.prod(shape[i] for i in group) for group in groups], groups, strides[-2], pool)
    merged = tuple(math.prod(shape[i] for i in group) for group in order)
    axes = tuple(i for group in order for i in group)
    place = {i: at for at, group in enumerate(order) for i in group}
    windows = {place[i]: window for i, window in pool.windows.items()}
    sides, mass = _sides(windows, range(first, len(order)))
    with np.errstate(over="ignore"):
        sigma: Array = np.ascontiguousarray(pool.sigma, dtype=real)
        masses: Array = mass.astype(real)
    return Walk(
        axes=axes if axes != tuple(range(len(shape))) else None,
        merged=merged if len(merged) < len(shape) else None,
        pool=pool._replace(windows=windows, walks=None),
        axis=place[channel],
        outer=merged[:first],
        sides=sides,
        mass=masses,
        sigma=sigma,
        sigma_at=place[channel] if sigma.size > 1 else -1,
        total=math.prod(sum(map(abs, window.weights)) for window in windows.values()),
        kind=tuple(len(offsets) for offsets, *_ in sides),
    )


def _order(
    lengths: list[int], groups: list[list[int]], strides: tuple[int, ...], pool: Pool
) -> tuple[list[list[int]], int]:
    """Return the groups as they are walked, and the first of them that is a side of blocks."""
    sided = [not pool.windows.keys().isdisjoint(group) for group in groups]
    lane = _lane(lengths, [abs(strides[group[-1]]) for group in groups], sided)
    outer = [i for i in range(len(groups)) if not sided[i] and i != lane]
    order = [*outer, *(i for i in range(len(groups)) if sided[i] and i != lane), lane]
    # blocks go on along the nearest axis without windows
    first = len(outer) - 1 if outer and len(order) - len(outer) < MOST_SIDES else len(outer)
    return [groups[i] for i in order], first


def _groups(shape: tuple[int, ...], strides: Strides, apart: Any) -> list[list[int]]:
    """Return the axes in the order of x's strides, in groups that go on in each other in all arrays."""
    groups: list[list[int]] = []
    ones = [i for i, length in enumerate(shape) if length == 1 and i not in apart]
    for i in sorted(set(range(len(shape))).difference(ones), key=lambda i: (-abs(strides[-2][i]), i)):
        before = groups[-1][-1] if groups else i
        goes_on = all(each[before] == shape[i] * each[i] for each in strides)
        if groups and i not in apart and before not in apart and goes_on:
            groups[-1].append(i)
        else:
            groups.append([i])
    if groups:
        groups[0] = ones + groups[0]
    return groups or [ones]


def _lane(lengths: list[int], strides: list[int], sided: list[bool]) -> int:
    """Return the axis of vectors: the one that is adjacent in memory, if it is not short."""
    axes = range(len(lengths))
    nearest = min(axes, key=lambda i: (lengths[i] == 1, strides[i], -i))
    if lengths[nearest] >= 16 or not any(sided):
        return nearest
    return max(axes, key=lambda i: (lengths[i] >= 4 * lengths[nearest], i == nearest, lengths[i]))


@lru_cache(maxsize=256)
def _taps(before: int, weights: tuple[float, ...]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the offsets and the weights that are not 0."""
    taps = [(i - before, weight) for i, weight in enumerate(weights) if weight]
    offsets, values = zip(*taps, strict=True) if taps else ((0,), (0.0,))
    return offsets, values


def _sides(windows: dict[int, Window], axes: range) -> tuple[tuple[Any, ...], Array]:
    """Return the sides as the kernels take them, and the masses of their windows."""
    ranks = [*windows, *(axis for axis in axes if axis not in windows)]
    sides: list[tuple[Any, ...]] = []
    masses: list[Array] = [np.zeros(0)]
    at = 0
    for axis in axes:
        window = windows.get(axis)
        if window is None:
            sides.append(((), (), -1, ranks.index(axis)))
            continue
        first = -1
        if window.mass is not None:
            first, at = at, at + len(window.mass)
            masses.append(window.mass)
        sides.append((*_taps(window.before, window.weights), first, ranks.index(axis)))
    return tuple(sides), np.concatenate(masses)
