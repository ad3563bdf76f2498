# Powers: what the forward, and the first half of the backward, make of s.
#
# Each power has one loop for any window, and networks' windows have loops of their own, in which the way of the sum is
# a constant (`normalize_ways`, `gains_ways`, and `combine` for the second half). The table, with the time of the loop
# for any window beside that of its own (float32, one thread, Zen 4, November 2026, forward and backward):
#
#     n            beta    source      in                          AVX-512       AVX2          SSE2
#     5            3/4     ENTERING    planar                      1.12, 1.11    1.10, 1.16    1.10, 1.17
#     5            3/4     STORED      packed                      1.13, 1.12    1.09, 1.16    1.08, 1.16
#     5            3/4     FAR         planar, beyond the caches   1.04, 1.02    1.08, 1.11    1.05, 1.11
#     5            3/4     MASKED      packed, few channels        1.08, 1.04    1.11, 1.05    1.12, 1.03
#     3            3/4     ENTERING    planar                      1.16, 1.14    1.11, 1.17    1.09, 1.17
#     3            3/4     STORED      packed                      1.07, 1.07    1.14, 1.19    1.09, 1.21
#     9            3/4     ENTERING    planar                      1.10, 1.08    1.10, 1.09    1.10, 1.09
#     9            3/4     STORED      packed                      1.09, 1.02    1.13, 1.13    1.08, 1.10
#     7, 11, 31    1/2     both        planar                      1.20, 1.06    1.39, 1.20    1.16, 1.02
#     7, 11, 31    1/2     both        packed                      1.19, 1.13    1.24, 1.12    1.13, 1.07
#     7, 11, 31    1       both        planar                      1.16, 1.15    1.48, 1.29    1.00, 1.15
#     7, 11, 31    1       both        packed                      1.16, 1.17    1.31, 1.20    1.03, 1.12
#     31           3/5     both        both                        1.12, 1.03    1.11, 1.04    not measured
#
# AlexNet, CaffeNet, GoogLeNet and ZFNet have n = 5; networks for CIFAR-10 have 3 and 9. Windows of more than nine are
# mostly five taps on some levels: of 11, 13, 15, 31 and 33 channels; those of 19, 21 and 63 are three. All these loops
# are a tenth of a module.
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


# Two vectors side by side, neither waiting for the other's result: the same operations, in another order. A branch of
# its own for TWO_AT_ONCE leaves the object code of other builds as it was.
cdef inline Inside normalize_two(const real* x_at, real* y_at, const Windows* windows, Spot at, Kind kind,
                                 const Raising* to, Inside inside) noexcept nogil:
    cdef Spot behind = at
    cdef vec s, x, s_behind, x_behind
    cdef Raised raised, raised_behind
    behind.i += LANES
    s = sum_under_power(windows, at)
    s_behind = sum_under_power(windows, behind)
    x = held(load(x_at))
    x_behind = held(load(x_at + LANES))
    raised = times_power(x, s, kind, to)
    raised_behind = times_power(x_behind, s_behind, kind, to)
    store(y_at, with_zeros_sign(raised.product, x))
    store(y_at + LANES, with_zeros_sign(raised_behind.product, x_behind))
    return still_inside(still_inside(inside, raised.tested, to.holds), raised_behind.tested, to.holds)


cdef inline Inside gains_two(const real* x_at, const real* g_at, real* gp, real* t, const Windows* windows, Spot at,
                             Kind kind, const Raising* to, Inside inside) noexcept nogil:
    cdef Spot behind = at
    cdef vec s, x, g, s_behind, x_behind, g_behind
    cdef Raised raised, raised_behind
    behind.i += LANES
    s = sum_under_power(windows, at)
    s_behind = sum_under_power(windows, behind)
    x = load(x_at)
    x_behind = load(x_at + LANES)
    g = load(g_at)
    g_behind = load(g_at + LANES)
    raised = times_power(g, s, kind, to)
    raised_behind = times_power(g_behind, s_behind, kind, to)
    x = x * raised.inverse if kind == THREE_QUARTERS else quotient(x, s, RAISED)
    x_behind = x_behind * raised_behind.inverse if kind == THREE_QUARTERS else quotient(x_behind, s_behind, RAISED)
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
    if f.kind == THREE_QUARTERS:
        return normalize_vector(x, y, s, THREE_QUARTERS, &to, False, at.part, inside)
    if f.kind == HALF:
        return normalize_vector(x, y, s, HALF, &to, False, at.part, inside)
    if f.kind == ONE:
        return normalize_vector(x, y, s, ONE, &to, False, at.part, inside)
    if f.kind == TWO:
        return normalize_vector(x, y, s, TWO, &to, False, at.part, inside)
    return normalize_vector(x, y, s, ANY, &to, False, at.part, inside)


# As `normalize_part`, where beta is 3/4
cdef Inside gains_part(const Formula* f, const Lines* lines, const real* x, const real* g, Spot at,
                       Inside inside) noexcept nogil:
    cdef Windows windows
    cdef Raising to = raising(f, THREE_QUARTERS)
    open_windows(&windows, f, lines, SQUARES, how_of(f, lines), 0)
    return gains_vector(fetch(x, at.part), fetch(g, at.part), lines.gp + at.i, lines.t + at.i,
                        any_sum_under_power(&windows, at), THREE_QUARTERS, &to, inside)


cdef inline void normalize_loop(const Formula* f, Kind kind, How how, int constant_taps,
                                const Lines* lines) noexcept nogil:
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
    open_windows(&windows, f, lines, SQUARES, how, constant_taps)
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
            while constant_taps and not far and not masked and at.i <= end - 2 * LANES:
                inside = normalize_two(x + at.i, y + at.i, &windows, at, kind, &to, inside)
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


cdef inline void gains_loop(const Formula* f, Kind kind, How how, int constant_taps,
                            const Lines* lines) noexcept nogil:
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
    open_windows(&windows, f, lines, SQUARES, how, constant_taps)
    windows.outer = True    # the rows at hand fill the first-level cache
    for line in range(lines.count):
        i = at.mask = 0
        at.part = part_of(length)
        if kind == THREE_QUARTERS or overlaps:
            at.part = 0
            end = length if overlaps else length - LANES + 1
            if TWO_AT_ONCE:
                while constant_taps and how.source != FAR and how.source != MASKED and i <= length - 2 * LANES:
                    at.i = i + shift
                    inside = gains_two(x + i, g + i, gp + i, t + i, &windows, at, kind, &to, inside)
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
        else:
            while i < length:
                at.i = i + shift
                inside = gains_vector(held(fetch(x + i, at.part)), held(fetch(g + i, at.part)), gp + i, t + i,
                                      sum_under_power(&windows, at), kind, &to, inside)
                i += LANES
                at.part = part_of(length - i)
                if how.source == MASKED:
                    at.mask = next_mask(at.mask, windows.period)
        x = <const real*>(<const char*>x + lines.x_pitch)
        g = <const real*>(<const char*>g + lines.g_pitch)
        gp += lines.pitch
        t += lines.pitch
        shift += lines.pitch
    if UNLIKELY(not all_inside(inside, to.lossless)):
        gains_beyond(f, lines, all_inside(inside, to.holds))


# The ways to sum that have loops of their own: `taps` constant ones of the squares themselves, or of levels
cdef inline bint is_way(How how, Kind kind, Source source, int taps) noexcept nogil:
    return how.source == source and how.taps == taps and how.addition == (COMPENSATED if kind == TWO else TOGETHER)


cdef inline bint is_long_way(How how, Source source, int taps) noexcept nogil:
    return how.source == source and how.taps == taps and how.addition == APART


# Only powers that are evaluated for networks have loops of arrays beyond the caches, and of few channels.
cdef inline bint is_rare_way(How how, Kind kind, Source source) noexcept nogil:
    return kind == THREE_QUARTERS and is_way(how, kind, source, 5)


cdef inline void normalize_ways(const Formula* f, Kind kind, How how, const Lines* lines) noexcept nogil:
    cdef Addition addition = COMPENSATED if kind == TWO else TOGETHER
    if is_way(how, kind, ENTERING, 5):
        normalize_loop(f, kind, How(source=ENTERING, taps=5, addition=addition), 5, lines)
    elif is_way(how, kind, STORED, 5):
        normalize_loop(f, kind, How(source=STORED, taps=5, addition=addition), 5, lines)
    elif is_rare_way(how, kind, FAR):
        normalize_loop(f, kind, How(source=FAR, taps=5, addition=addition), 5, lines)
    elif is_rare_way(how, kind, MASKED):
        normalize_loop(f, kind, How(source=MASKED, taps=5, addition=addition), 5, lines)
    elif is_way(how, kind, ENTERING, 3):
        normalize_loop(f, kind, How(source=ENTERING, taps=3, addition=addition), 3, lines)
    elif is_way(how, kind, STORED, 3):
        normalize_loop(f, kind, How(source=STORED, taps=3, addition=addition), 3, lines)
    elif is_way(how, kind, ENTERING, 7):
        normalize_loop(f, kind, How(source=ENTERING, taps=7, addition=addition), 7, lines)
    elif is_way(how, kind, STORED, 7):
        normalize_loop(f, kind, How(source=STORED, taps=7, addition=addition), 7, lines)
    elif is_way(how, kind, ENTERING, 9):
        normalize_loop(f, kind, How(source=ENTERING, taps=9, addition=addition), 9, lines)
    elif is_way(how, kind, STORED, 9):
        normalize_loop(f, kind, How(source=STORED, taps=9, addition=addition), 9, lines)
    elif not is_light(kind) and is_long_way(how, ENTERING, 5):
        normalize_loop(f, kind, How(source=ENTERING, taps=5, addition=APART), 5, lines)
    elif is_long_way(how, STORED, 5):
        normalize_loop(f, kind, How(source=STORED, taps=5, addition=APART), 5, lines)
    elif kind == THREE_QUARTERS and is_long_way(how, ENTERING, 3):
        normalize_loop(f, kind, How(source=ENTERING, taps=3, addition=APART), 3, lines)
    elif kind == THREE_QUARTERS and is_long_way(how, STORED, 3):
        normalize_loop(f, kind, How(source=STORED, taps=3, addition=APART), 3, lines)
    else:
        normalize_loop(f, kind, how, 0, lines)


cdef void normalize(const Formula* f, const Lines* lines) noexcept nogil:
    cdef How how = how_of(f, lines)
    if f.kind == THREE_QUARTERS:
        normalize_ways(f, THREE_QUARTERS, how, lines)
    elif f.kind == HALF:
        normalize_ways(f, HALF, how, lines)
    elif f.kind == ONE:
        normalize_ways(f, ONE, how, lines)
    elif f.kind == TWO:
        normalize_loop(f, TWO, how, 0, lines)
    else:
        normalize_ways(f, ANY, how, lines)


cdef inline void gains_ways(const Formula* f, Kind kind, How how, const Lines* lines) noexcept nogil:
    cdef Addition addition = COMPENSATED if kind == TWO else TOGETHER
    if is_way(how, kind, ENTERING, 5):
        gains_loop(f, kind, How(source=ENTERING, taps=5, addition=addition), 5, lines)
    elif is_way(how, kind, STORED, 5):
        gains_loop(f, kind, How(source=STORED, taps=5, addition=addition), 5, lines)
    elif not MANY_REGISTERS and is_rare_way(how, kind, FAR):
        gains_loop(f, kind, How(source=FAR, taps=5, addition=addition), 5, lines)
    elif is_rare_way(how, kind, MASKED):
        gains_loop(f, kind, How(source=MASKED, taps=5, addition=addition), 5, lines)
    elif is_way(how, kind, ENTERING, 3):
        gains_loop(f, kind, How(source=ENTERING, taps=3, addition=addition), 3, lines)
    elif is_way(how, kind, STORED, 3):
        gains_loop(f, kind, How(source=STORED, taps=3, addition=addition), 3, lines)
    elif is_way(how, kind, ENTERING, 7):
        gains_loop(f, kind, How(source=ENTERING, taps=7, addition=addition), 7, lines)
    elif is_way(how, kind, STORED, 7):
        gains_loop(f, kind, How(source=STORED, taps=7, addition=addition), 7, lines)
    elif is_way(how, kind, ENTERING, 9):
        gains_loop(f, kind, How(source=ENTERING, taps=9, addition=addition), 9, lines)
    elif is_way(how, kind, STORED, 9):
        gains_loop(f, kind, How(source=STORED, taps=9, addition=addition), 9, lines)
    elif not is_light(kind) and is_long_way(how, ENTERING, 5):
        gains_loop(f, kind, How(source=ENTERING, taps=5, addition=APART), 5, lines)
    elif is_long_way(how, STORED, 5):
        gains_loop(f, kind, How(source=STORED, taps=5, addition=APART), 5, lines)
    elif kind == THREE_QUARTERS and is_long_way(how, ENTERING, 3):
        gains_loop(f, kind, How(source=ENTERING, taps=3, addition=APART), 3, lines)
    elif kind == THREE_QUARTERS and is_long_way(how, STORED, 3):
        gains_loop(f, kind, How(source=STORED, taps=3, addition=APART), 3, lines)
    else:
        gains_loop(f, kind, how, 0, lines)


cdef void gains(const Formula* f, const Lines* lines) noexcept nogil:
    cdef How how = how_of(f, lines)
    if f.kind == THREE_QUARTERS:
        gains_ways(f, THREE_QUARTERS, how, lines)
    elif f.kind == HALF:
        gains_ways(f, HALF, how, lines)
    elif f.kind == ONE:
        gains_ways(f, ONE, how, lines)
    elif f.kind == TWO:
        gains_ways(f, TWO, how, lines)
    else:
        gains_ways(f, ANY, how, lines)
