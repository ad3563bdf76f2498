# Powers: what the forward, and the first half of the backward, make of s.
#
# powers_any.pxi has loops for any window. Networks' windows have loops of their own here, in which the way of the sum
# is a constant, where they earn their bytes (`is_way`), and `combine` has some for the second half. The table, with the
# time of the loop for any window beside that of its own (one thread, Zen 4, November 2026, forward and backward by
# rows, AVX2):
#
#     n    beta    source      in
#     5    3/4     ENTERING    planar                      1.05, 1.08
#     5    3/4     ENTERING    planar, 13x13               1.13, 1.08
#     5    3/4     STORED      packed                      1.06, 1.08
#     5    3/4     FAR         planar, beyond the caches   1.08, 1.11
#     5    3/4     MASKED      packed, few channels        1.22, 1.12
#     3    3/4     ENTERING    planar                      1.05, 1.12
#     3    3/4     STORED      packed                      1.14, 1.09
#
# With AVX-512 nearly all of these go straight, and what does not (halves) gained nothing.
#
# AlexNet, CaffeNet, GoogLeNet and ZFNet have n = 5; networks for CIFAR-10 have 3 and 9. In float64, where the power
# takes most of the time, own loops gain a tenth at most, and on SSE2 a fifth: there are none. For other windows and
# powers they gained a tenth at most, and were a third of each library.
#
# A loop forms the sum of the next vector before the power of this one. The two are one chain of some twenty operations,
# and a processor has room for a few chains only: 0.95 of the time on AVX2, and of the forward on AVX-512.

# A power as the loops hold it, the s that it holds for, and those below which nothing is lost of x / s
cdef struct Raising:
    Power power
    Range holds
    Range lossless


# v * s^-beta, what is tested for whether it holds, and perhaps 2^RAISED / s
cdef struct Raised:
    vec product
    vec tested
    vec inverse


cdef inline Raising raising(const Formula* f, Kind kind) noexcept nogil:
    cdef Raising to
    to.power = power_of(&f.exponent)
    to.holds = to.power.foreseen if kind == ANY else f.holds
    to.lossless = range_below(to.holds, f.lossless)
    return to


cdef inline Raised times_power(vec v, vec s, Kind kind, const Raising* to) noexcept nogil:
    cdef Raised raised
    raised.tested = s
    if kind == HALF:
        raised.product = times_half(v, s)
    elif kind == THREE_QUARTERS:
        raised.product = times_three_quarters(v, s, &raised.tested, &raised.inverse)
    elif kind == ONE:
        raised.product = quotient(v, s, 0)
    elif kind == TWO:
        raised.product = times_inverse_square(v, s)
    else:
        raised.product = times_any(v, s, to.power)
    return raised


# y = x s^-beta; `part` elements, or a vector
cdef inline Inside normalize_vector(const real* x_at, real* y_at, vec s, Kind kind, const Raising* to, bint far,
                                    Py_ssize_t part, Inside inside) noexcept nogil:
    cdef vec x = held(fetch(x_at, part))
    cdef Raised raised = times_power(x, s, kind, to)
    put(y_at, with_zeros_sign(raised.product, x), far, part)
    return still_inside(inside, raised.tested, to.holds)


# gp = g s^-beta and t = 2^RAISED gp x / s, whole vectors: zeros behind a line's end
cdef inline Inside gains_vector(vec x, vec g, real* gp, real* t, vec s, Kind kind, const Raising* to,
                                Inside inside) noexcept nogil:
    cdef Raised raised = times_power(g, s, kind, to)
    store(gp, raised.product)
    store(t, raised.product * (x * raised.inverse if kind == THREE_QUARTERS else quotient(x, s, RAISED)))
    return still_inside(inside, raised.tested, to.holds)


# Two vectors side by side, neither waiting for the other's result: the same operations, in another order
cdef inline Inside normalize_two(const real* x_at, real* y_at, Two s, Kind kind, const Raising* to,
                                 Inside inside) noexcept nogil:
    cdef vec x = held(load(x_at)), x_behind = held(load(x_at + LANES))
    cdef Raised raised = times_power(x, s.first, kind, to), raised_behind = times_power(x_behind, s.second, kind, to)
    store(y_at, with_zeros_sign(raised.product, x))
    store(y_at + LANES, with_zeros_sign(raised_behind.product, x_behind))
    return still_inside(still_inside(inside, raised.tested, to.holds), raised_behind.tested, to.holds)


cdef inline Inside gains_two(const real* x_at, const real* g_at, real* gp, real* t, Two s, Kind kind,
                             const Raising* to, Inside inside) noexcept nogil:
    cdef vec x = held(load(x_at)), x_behind = held(load(x_at + LANES))
    cdef Raised raised = times_power(held(load(g_at)), s.first, kind, to)
    cdef Raised raised_behind = times_power(held(load(g_at + LANES)), s.second, kind, to)
    x = x * raised.inverse if kind == THREE_QUARTERS else quotient(x, s.first, RAISED)
    x_behind = x_behind * raised_behind.inverse if kind == THREE_QUARTERS else quotient(x_behind, s.second, RAISED)
    store(gp, raised.product)
    store(gp + LANES, raised_behind.product)
    store(t, raised.product * x)
    store(t + LANES, raised_behind.product * x_behind)
    return still_inside(still_inside(inside, raised.tested, to.holds), raised_behind.tested, to.holds)


# The same for a part of a vector, in one copy for all ways to sum: called once or twice for each line
cdef Inside normalize_part(const Formula* f, const Lines* lines, const real* x, real* y, Spot at,
                           Inside inside) noexcept nogil:
    cdef Windows windows
    cdef Raising to = raising(f, f.kind)
    cdef vec s
    open_windows(&windows, f, lines, SQUARES, how_of(f, lines), 0)
    s = any_sum_under_power(&windows, at)
    return normalize_vector(x, y, s, f.kind, &to, False, at.part, inside)


cdef Inside gains_part(const Formula* f, const Lines* lines, const real* x, const real* g, Spot at,
                       Inside inside) noexcept nogil:
    cdef Windows windows
    cdef Raising to = raising(f, f.kind)
    open_windows(&windows, f, lines, SQUARES, how_of(f, lines), 0)
    return gains_vector(fetch(x, at.part), fetch(g, at.part), lines.gp + at.i, lines.t + at.i,
                        any_sum_under_power(&windows, at), f.kind, &to, inside)


cdef inline void normalize_loop(const Formula* f, Kind kind, How how, const Lines* lines) noexcept nogil:
    cdef Windows windows
    cdef Raising to = raising(f, kind)
    cdef Inside inside = nothing_outside()
    # `shift` elements before a line, whose elements have the same index as in scratch then
    cdef const real* x = lines.x
    cdef real* y = lines.y
    cdef Py_ssize_t line, i, last, end, shift = 0, length = lines.length
    cdef bint far = how.source == FAR, masked = how.source == MASKED
    # a line's last vector overlaps the one before: quicker than a part of one
    cdef bint overlaps = not far and not masked and length >= LANES
    cdef vec s, s_ahead
    cdef Spot at
    open_windows(&windows, f, lines, SQUARES, how, how.taps)
    for line in range(lines.count):
        at.i = shift
        at.mask = 0
        end = shift + length
        at.part = first_part(y + shift, length, far)
        if far and at.part:
            inside = normalize_part(f, lines, x + shift, y + shift, at, inside)
            at.i += at.part
        at.part = 0
        if TWO_AT_ONCE:
            while not far and not masked and at.i <= end - 2 * LANES:
                inside = normalize_two(x + at.i, y + at.i, sum_two_constant(&windows, at), kind, &to, inside)
                at.i += 2 * LANES
        # the last whole vector, if there is one
        last = end - LANES if overlaps else at.i - LANES + (end - at.i) // LANES * LANES
        if TWO_AT_ONCE and overlaps and at.i < end:
            at.i = min(at.i, last)
        if (overlaps and not TWO_AT_ONCE) or at.i <= last:
            s_ahead = sum_under_power(&windows, at)
            while True:
                i = at.i
                s = s_ahead
                at.i = min(i + LANES, last)
                if masked:
                    at.mask = next_mask(at.mask, windows.period)
                s_ahead = sum_under_power(&windows, at)
                inside = normalize_vector(x + i, y + i, s, kind, &to, far, 0, inside)
                if i >= last:
                    break
            at.i = i + LANES
        if not overlaps and at.i < end:
            at.part = end - at.i
            inside = normalize_part(f, lines, x + at.i, y + at.i, at, inside)
        shift += lines.pitch
        x = <const real*>(<const char*>x + lines.x_pitch) - lines.pitch
        y = <real*>(<char*>y + lines.y_pitch) - lines.pitch
    if UNLIKELY(not all_inside(inside, to.holds)):
        normalize_exactly(f, lines)


cdef inline void gains_loop(const Formula* f, Kind kind, How how, const Lines* lines) noexcept nogil:
    cdef Windows windows
    cdef Raising to = raising(f, kind)
    cdef Inside inside = nothing_outside()
    cdef const real* x = lines.x
    cdef const real* g = lines.g
    cdef real* gp = lines.gp
    cdef real* t = lines.t
    cdef Py_ssize_t line, i, end, shift = 0, length = lines.length, g_ahead = lines.g_ahead
    cdef bint overlaps = how.source != FAR and how.source != MASKED and length >= LANES  # as above
    cdef vec s, s_ahead
    cdef Spot at
    open_windows(&windows, f, lines, SQUARES, how, how.taps)
    windows.outer = True    # the rows at hand fill the first-level cache
    for line in range(lines.count):
        i = at.mask = 0
        at.part = 0
        end = length if overlaps else length - LANES + 1
        if TWO_AT_ONCE:
            while how.source != FAR and how.source != MASKED and i <= length - 2 * LANES:
                at.i = i + shift
                inside = gains_two(x + i, g + i, gp + i, t + i, sum_two_constant(&windows, at), kind, &to, inside)
                i += 2 * LANES
        at.i = min(i, length - LANES) + shift
        if i < end:
            s_ahead = sum_under_power(&windows, at)
        while i < end:
            if how.source == FAR:
                prefetch_outer(g + i + g_ahead)
            elif how.source == MASKED:
                at.mask = next_mask(at.mask, windows.period)
            else:
                i = min(i, length - LANES)
            at.i = min(i + LANES, length - LANES) + shift
            s = s_ahead
            s_ahead = sum_under_power(&windows, at)
            inside = gains_vector(held(load(x + i)), held(load(g + i)), gp + i, t + i, s, kind, &to, inside)
            i += LANES
        if i < length:
            at.i = i + shift
            at.part = length - i
            inside = gains_part(f, lines, x + i, g + i, at, inside)
        x = <const real*>(<const char*>x + lines.x_pitch)
        g = <const real*>(<const char*>g + lines.g_pitch)
        gp += lines.pitch
        t += lines.pitch
        shift += lines.pitch
    if UNLIKELY(not all_inside(inside, to.lossless)):
        gains_beyond(f, lines, all_inside(inside, to.holds))


# The ways to sum that have loops of their own: `taps` of the squares themselves, under beta 3/4
cdef inline bint is_way(const Formula* f, const Lines* lines, Source source, int taps) noexcept nogil:
    return (SPECIALIZED and not MANY_REGISTERS and f.kind == THREE_QUARTERS
            and lines.source == source and lines.taps[SQUARES].count == taps and f.addition == TOGETHER)


cdef inline How way(Source source, int taps) noexcept nogil:
    return How(source=source, taps=taps, addition=TOGETHER)


cdef void normalize(const Formula* f, const Lines* lines) noexcept nogil:
    if is_way(f, lines, ENTERING, 5):
        normalize_loop(f, THREE_QUARTERS, way(ENTERING, 5), lines)
    elif is_way(f, lines, STORED, 5):
        normalize_loop(f, THREE_QUARTERS, way(STORED, 5), lines)
    elif is_way(f, lines, FAR, 5):
        normalize_loop(f, THREE_QUARTERS, way(FAR, 5), lines)
    elif is_way(f, lines, MASKED, 5):
        normalize_loop(f, THREE_QUARTERS, way(MASKED, 5), lines)
    elif is_way(f, lines, ENTERING, 3):
        normalize_loop(f, THREE_QUARTERS, way(ENTERING, 3), lines)
    elif is_way(f, lines, STORED, 3):
        normalize_loop(f, THREE_QUARTERS, way(STORED, 3), lines)
    else:
        normalize_any(f, lines)


cdef void gains(const Formula* f, const Lines* lines) noexcept nogil:
    if is_way(f, lines, ENTERING, 5):
        gains_loop(f, THREE_QUARTERS, way(ENTERING, 5), lines)
    elif is_way(f, lines, STORED, 5):
        gains_loop(f, THREE_QUARTERS, way(STORED, 5), lines)
    elif is_way(f, lines, FAR, 5):
        gains_loop(f, THREE_QUARTERS, way(FAR, 5), lines)
    elif is_way(f, lines, MASKED, 5):
        gains_loop(f, THREE_QUARTERS, way(MASKED, 5), lines)
    elif is_way(f, lines, ENTERING, 3):
        gains_loop(f, THREE_QUARTERS, way(ENTERING, 3), lines)
    elif is_way(f, lines, STORED, 3):
        gains_loop(f, THREE_QUARTERS, way(STORED, 3), lines)
    else:
        gains_any(f, lines)
