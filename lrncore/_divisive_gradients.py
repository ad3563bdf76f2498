"""The derivatives of a divisive normalization with respect to its parameters, in doubles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lrncore._divisive_job import Pool, Window
from lrncore._divisive_pools import ZERO, Place, along, space_windows, sums_of, transposed, window_of

if TYPE_CHECKING:
    from lrncore._arrays import Array
    from lrncore.divisive_spec import DivisiveSpec


@dataclass
class Totals:
    """The derivatives, with sigma's of each channel."""

    sigma: Any = 0.0
    channels: Any = None
    space: list[Array] = field(default_factory=list)
    p: float = 0.0
    q: float = 0.0


def total(g: Array, x: Array, spec: DivisiveSpec, place: Place) -> Totals:
    """Return the derivatives over the whole of an array."""
    totals = Totals(sigma=np.zeros(x.shape[place.axis]))
    if spec.channels is not None:
        totals.channels = np.zeros_like(spec.channels)
    totals.space = [np.zeros(len(each)) for each in _kernels(spec, place)]
    if x.size == 0:
        return totals
    step = len(x) if 0 in (place.axis, *place.space) else 1
    for i in range(0, len(x), step):
        with np.errstate(all="ignore"):
            pair = g[i : i + step].astype(np.float64), x[i : i + step].astype(np.float64)
            _add(totals, *pair, spec, place)
    return totals


def _kernels(spec: DivisiveSpec, place: Place) -> tuple[Array, ...]:
    if isinstance(spec.space, tuple):
        return spec.space
    return () if spec.space is None else (spec.space,) * len(place.space)


def _add(totals: Totals, g: Array, x: Array, spec: DivisiveSpec, place: Place) -> None:
    axis, others = place.axis, tuple(i for i in range(x.ndim) if i != place.axis)
    size = np.abs(x)
    powers = size**spec.p
    windows = space_windows(x.shape, spec, place)
    over_space, over_channels = _sums_over(windows, axis), _over_channels(x, spec, axis)
    places = over_space(powers)
    pools = over_channels(places)
    d = along(np.asarray(spec.sigma), axis, x.ndim) + pools
    numerator = x if spec.n == 1 else np.copysign(size**spec.n, x)
    t = g * numerator * d ** (-spec.q - 1)
    logs = np.log(size, out=np.zeros_like(size), where=size > 0)
    totals.sigma -= spec.q * t.sum(axis=others)
    totals.q -= float((g * numerator * d**-spec.q * np.log(d)).sum())
    totals.p -= spec.q * float((t * over_channels(over_space(powers * logs))).sum())
    if spec.channels is not None:
        totals.channels -= spec.q * _of_channels(t, places, pools, spec, axis)
    if windows:
        _add_space(totals, t, powers, windows, spec, place)


def _sums_over(windows: dict[int, Window], axis: int) -> Callable[[Array], Array]:
    return lambda values: sums_of(values, Pool(ZERO, None, windows), axis) if windows else values


def _over_channels(x: Array, spec: DivisiveSpec, axis: int) -> Callable[[Array], Array]:
    if spec.channels is None:
        return lambda values: values
    if spec.channels.ndim == 2:
        return lambda values: sums_of(values, Pool(ZERO, spec.channels), axis)
    return _sums_over({axis: window_of(spec.channels, x.shape[axis], spec.border)}, axis)


def _of_channels(t: Array, places: Array, pools: Array, spec: DivisiveSpec, axis: int) -> Array:
    """Return the sums of t times what each weight over channels multiplies."""
    if spec.channels.ndim == 1:
        return _of_window(t, places, pools, spec.channels, spec.border, axis)
    t, places = (np.moveaxis(each, axis, -1).reshape(-1, t.shape[axis]) for each in (t, places))
    return np.asarray(t.T @ places)


def _of_window(t: Array, values: Array, pools: Array, weights: Array, border: str, axis: int) -> Array:
    """Return the sums of t times what each weight of a window multiplies, `pools` being the window's sums."""
    t, values, pools = (np.moveaxis(each, axis, -1) for each in (t, values, pools))
    length, reach = t.shape[-1], len(weights) // 2
    mass = window_of(weights, length, border).mass
    found = np.zeros(len(weights))
    for k in range(len(weights)):
        shift = k - reach
        low, high = max(0, -shift), min(length, length - shift)
        if low >= high:
            continue
        moved = values[..., low + shift : high + shift]
        if mass is not None:  # the mass has the weight too
            moved = (moved - pools[..., low:high]) * mass[low:high]
        found[k] = (t[..., low:high] * moved).sum()
    return found


def _add_space(
    totals: Totals, t: Array, powers: Array, windows: dict[int, Window], spec: DivisiveSpec, place: Place
) -> None:
    axis = place.axis
    if spec.channels is not None:
        # what the places' sums get: t by the transposed weights of channels
        if spec.channels.ndim == 2:
            t = sums_of(t, Pool(ZERO, spec.channels.T), axis)
        else:
            band = window_of(spec.channels, t.shape[axis], spec.border)
            t = transposed(t, {axis: band}, axis)
    all_sums = _sums_over(windows, axis)(powers)
    for number, (i, weights) in enumerate(zip(place.space, _kernels(spec, place), strict=True)):
        others = {k: window for k, window in windows.items() if k != i}
        values = _sums_over(others, axis)(powers)
        totals.space[number] -= spec.q * _of_window(t, values, all_sums, weights, spec.border, i)
