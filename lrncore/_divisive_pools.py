"""From a DivisiveSpec and the axes of an array to pools, and the pools that are a matrix and windows both."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lrncore._call import output
from lrncore._checks import check_array, check_axes, check_axis
from lrncore._divisive_call import compute
from lrncore._divisive_job import Formula, Job, Pool, Window
from lrncore._divisive_wide import evaluated, pooled

if TYPE_CHECKING:
    from lrncore._arrays import Array
    from lrncore.divisive_spec import DivisiveSpec


class Place(NamedTuple):
    """The axes of a call."""

    axis: int
    #: Ascending; none where the spec has no weights over space
    space: tuple[int, ...]
    #: Whether the pool is a matrix and windows both
    composed: bool


class Prepared(NamedTuple):
    """What a call computes: its pool, and the exponents. There is no pool where it is a matrix and windows both."""

    place: Place
    pool: Pool | None
    formula: Formula


def prepare(shape: tuple[int, ...], spec: DivisiveSpec, axis: object, space_axes: object) -> Prepared:
    """Check the axes of a call on an array of a shape, and return what it computes."""
    matrix = spec.channels is not None and spec.channels.ndim == 2
    plain = space_axes is None or (type(space_axes) is tuple and all(type(i) is int for i in space_axes))
    if matrix or type(axis) is not int or not plain:  # 1.0 == 1: a cache would take one for the other
        return _prepare(shape, spec, axis, space_axes)
    return _prepared(shape, spec, axis, space_axes)


def _prepare(shape: tuple[int, ...], spec: DivisiveSpec, axis: object, space_axes: object) -> Prepared:
    place = place_of(shape, axis, space_axes, spec)
    pool = None if place.composed else pool_of(shape, spec, place)
    return Prepared(place, pool, formula_of(spec))


# a program calls with the same specs and shapes again and again, which take longer to check than a small array
_prepared = lru_cache(maxsize=64)(_prepare)


def place_of(shape: tuple[int, ...], axis: object, space_axes: object, spec: DivisiveSpec) -> Place:
    """Return the checked axes, and check that the shapes of the spec fit them."""
    ndim = len(shape)
    channel = check_axis(axis, ndim)
    space = space_of(ndim, channel, space_axes) if spec.space is not None else ()
    if isinstance(spec.space, tuple) and len(spec.space) != len(space):
        raise ValueError(f"space must have weights for {len(space)} axes, got {len(spec.space)}")
    if channel in space:
        raise ValueError(f"space_axes must not hold the channel axis, {channel}, got {space}")
    channels, count = spec.channels, shape[channel]
    matrix = channels is not None and channels.ndim == 2
    if matrix and len(channels) != count:
        raise ValueError(f"channels must have the shape {(count, count)}, got {channels.shape}")
    if isinstance(spec.sigma, np.ndarray) and spec.sigma.shape != (count,):
        raise ValueError(f"sigma must be a number or have the shape {(count,)}, got {spec.sigma.shape}")
    return Place(channel, space, matrix and bool(space))


def space_of(ndim: int, channel: int, space_axes: object) -> tuple[int, ...]:
    """Return the axes of space: by default all but the first and that of the channels."""
    if space_axes is None:
        return tuple(i for i in range(1, ndim) if i != channel)
    return check_axes(space_axes, ndim, "space_axes")


def window_of(weights: Array, length: int, border: str) -> Window:
    """Return a centred window along an axis of so many places."""
    return _window(weights.tobytes(), length if border == "mass" else None)


# a program calls with the same few weights again and again
@lru_cache(maxsize=256)
def _window(memory: bytes, length: int | None) -> Window:
    weights: Array = np.frombuffer(memory)
    reach = len(weights) // 2
    kept = np.flatnonzero(weights)
    low, high = (int(kept[0]), int(kept[-1])) if len(kept) else (reach, reach)
    # what lies beyond the weights that are not 0 is not read
    low, high = min(low, reach), max(high, reach)
    mass = None if length is None else _mass(weights, length)
    return Window(reach - low, tuple(weights[low : high + 1].tolist()), mass)


def _mass(weights: Array, length: int) -> Array:
    """Return 1 / the sum of the weights inside, for each place; 0 where that is 0."""
    sums = np.convolve(np.ones(length), weights[::-1])[len(weights) // 2 :][:length]
    mass: Array = np.divide(1.0, sums, out=np.zeros(length), where=sums != 0)
    return mass


def space_windows(shape: tuple[int, ...], spec: DivisiveSpec, place: Place) -> dict[int, Window]:
    """Return the windows over space."""
    weights = spec.space if isinstance(spec.space, tuple) else (spec.space,) * len(place.space)
    pairs = zip(place.space, weights, strict=True)
    return {i: window_of(each, shape[i], spec.border) for i, each in pairs}


def pool_of(shape: tuple[int, ...], spec: DivisiveSpec, place: Place) -> Pool:
    """Return the pool of a spec that has no matrix, or no weights over space."""
    sigma = np.asarray(spec.sigma)
    if spec.channels is not None and spec.channels.ndim == 2:
        return Pool(sigma, spec.channels)
    windows = {}
    if spec.channels is not None:
        windows[place.axis] = window_of(spec.channels, shape[place.axis], spec.border)
    return Pool(sigma, None, windows | space_windows(shape, spec, place), {})


def formula_of(spec: DivisiveSpec) -> Formula:
    """Return the exponents."""
    return Formula(spec.p, spec.q, spec.n)


def sums_of(x: Array, pool: Pool, axis: int) -> Array:
    """Return the pools of an array of doubles, without a power and a root: weighted sums of x."""
    return compute(Job((x,), (check_array(x, "x")[1],), pool, Formula(0.0, 0.0), axis, None), None)


def transposed(values: Array, windows: dict[int, Window], axis: int) -> Array:
    """Return the sums over the windows that hold an element."""
    for i, window in windows.items():
        if window.mass is not None:
            values = values * along(window.mass, i, values.ndim)
    mirrored = {i: window.mirrored()._replace(mass=None) for i, window in windows.items()}
    return sums_of(values, Pool(ZERO, None, mirrored), axis)


def along(values: Array, axis: int, ndim: int) -> Array:
    """Return values that lie along an axis so that they broadcast."""
    return values.reshape([-1 if i == axis else 1 for i in range(ndim)])


ZERO: Array = np.zeros(())


def compute_both(arrays: tuple[Array, ...], spec: DivisiveSpec, place: Place, out: Array | None) -> Array:
    """Return y, or with g dx, of a pool that is a matrix and windows both: in doubles, step by step."""
    x = arrays[-1]
    y, _ = output(x, out)
    if x.size == 0:
        return y
    with np.errstate(all="ignore"):
        result = _steps(tuple(each.astype(np.float64) for each in arrays), spec, place)
        if not np.isfinite(result).all():
            result = _steps(tuple(each.astype(np.longdouble) for each in arrays), spec, place)
        y[...] = result
    return y


def _steps(arrays: tuple[Array, ...], spec: DivisiveSpec, place: Place) -> Array:
    x, axis = arrays[-1], place.axis
    of_space = Pool(ZERO, None, space_windows(x.shape, spec, place))

    def over(powers: Array) -> Array:
        return _sums(_sums(powers, of_space, axis), Pool(ZERO, spec.channels), axis)

    def transposed(t: Array) -> Array:
        return _sums(_sums(t, Pool(ZERO, spec.channels.T), axis), of_space, axis, transpose=True)

    sigma = along(np.asarray(spec.sigma), axis, x.ndim)
    return evaluated(arrays, formula_of(spec), sigma, over, transposed)[0]


def _sums(values: Array, pool: Pool, axis: int, transpose: bool = False) -> Array:
    if values.dtype == np.float64:
        return transposed(values, pool.windows, axis) if transpose else sums_of(values, pool, axis)
    moved = np.moveaxis(values, axis, -1)
    order = [*(i for i in range(values.ndim) if i != axis), axis]
    windows = {order.index(i): window for i, window in pool.windows.items()}
    return np.moveaxis(pooled(moved, pool._replace(windows=windows), transpose), -1, axis)
