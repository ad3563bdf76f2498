# Two vectors side by side, for loops over any window: what finds the taps is done once for both. Their chains of
# operations do not wait for each other, which short pipelines need (TWO_AT_ONCE) and long ones gain from.

cdef struct Two:
    vec first
    vec second


# Their sums, in halves
cdef struct TwoSums:
    Two even
    Two odd


cdef inline Two load_two(const real* at) noexcept nogil:
    return Two(first=load(at), second=load(at + LANES))


cdef inline void store_two(real* at, Two v) noexcept nogil:
    store(at, v.first)
    store(at + LANES, v.second)


cdef inline Two plus_two(Two a, Two b) noexcept nogil:
    return Two(first=a.first + b.first, second=a.second + b.second)


# As `entered`
cdef inline Two enter_two(const Windows* windows, bint climbs, Py_ssize_t i) noexcept nogil:
    cdef Two newest = load_two(windows.entering + i), nearest
    cdef int level
    newest = Two(first=newest.first * newest.first, second=newest.second * newest.second)
    store_two(windows.squares + i, newest)
    nearest = newest
    if climbs:
        for level in range(1, windows.taps.levels):
            newest.first = climbed(windows.taps, level, newest.first, i)
            newest.second = climbed(windows.taps, level, newest.second, i + LANES)
            if windows.taps.nearest >= level:
                nearest = newest
    return nearest


cdef inline Two term_two(const Windows* windows, int j, Source source, Py_ssize_t i, Py_ssize_t mask,
                         Py_ssize_t mask_behind) noexcept nogil:
    cdef Two v = load_two(windows.taps.line[j] + i)
    cdef const real* masks
    if source == MASKED:
        masks = windows.masks + j * windows.mask_pitch
        v = Two(first=keep(v.first, load(masks + mask)), second=keep(v.second, load(masks + mask_behind)))
    return v


# Of squares from any source but FAR, or of another set. `climbs`: those that enter do.
cdef inline TwoSums sum_two(const Windows* windows, Source source, bint climbs, Py_ssize_t i,
                            Py_ssize_t mask) noexcept nogil:
    cdef Py_ssize_t behind = next_mask(mask, windows.period) if source == MASKED else 0
    cdef int taps = windows.how.taps, j
    cdef TwoSums sums
    if source == ENTERING:
        sums.even = enter_two(windows, climbs, i)
    else:
        sums.even = term_two(windows, 0, source, i, mask, behind)
    sums.odd = Two(first=splat(0), second=splat(0))
    if taps == 1:
        return sums
    sums.odd = term_two(windows, 1, source, i, mask, behind)
    for j in range(2, taps - 1, 2):
        sums.even = plus_two(sums.even, term_two(windows, j, source, i, mask, behind))
        sums.odd = plus_two(sums.odd, term_two(windows, j + 1, source, i, mask, behind))
    if taps & 1:
        sums.even = plus_two(sums.even, term_two(windows, taps - 1, source, i, mask, behind))
    return sums


cdef inline Two added_two(const Windows* windows, Addition addition, TwoSums sums) noexcept nogil:
    return Two(first=added(windows, addition, sums.even.first, sums.odd.first),
               second=added(windows, addition, sums.even.second, sums.odd.second))


# Of constant taps
cdef inline Two sum_two_constant(const Windows* windows, Spot at) noexcept nogil:
    cdef Spot behind = at
    behind.i += LANES
    return Two(first=sum_vector(windows, at), second=sum_vector(windows, behind))
