# The forward, and the first half of the backward, for any window: the loops of powers.pxi are for networks' alone.
#
# Two vectors in each turn: the way of their sums is found out once for both. A loop is specialized for its power, or
# for some whose operations take more than to tell them apart, and for where the squares come from.

cdef inline Two added_under_power(const Windows* windows, Kind kind, bint apart, TwoSums sums) noexcept nogil:
    if apart:
        return added_two(windows, APART, sums)
    return added_two(windows, COMPENSATED if kind == TWO else TOGETHER, sums)


# Light powers do not climb levels in their loops (`is_light`).
cdef inline bint adds_apart(const Windows* windows, Kind kind, Source source) noexcept nogil:
    return windows.how.addition == APART and not (source == ENTERING and is_light(kind))


# What masks leave over: less than two vectors
cdef inline Spot rest_of(const Lines* lines, Py_ssize_t i, Py_ssize_t shift, Py_ssize_t mask) noexcept nogil:
    return Spot(i=i + shift, mask=mask, part=part_of(lines.length - i))


# Lines are two vectors long or more. Of what enters, the sums are those of the next turn; of what is stored, that would
# be slower.
cdef inline void normalize_by_twos(const Formula* f, Kind kind, Source source, const Lines* lines) noexcept nogil:
    cdef Windows windows
    cdef Raising to = raising(f, kind)
    cdef Inside inside = nothing_outside()
    cdef const real* x = lines.x
    cdef real* y = lines.y
    cdef Py_ssize_t line, i, ahead, mask, shift = 0, last = lines.length - 2 * LANES
    cdef Two s, s_ahead
    cdef bint apart
    open_windows(&windows, f, lines, SQUARES, how_of(f, lines), 0)
    apart = adds_apart(&windows, kind, source)
    s_ahead = Two(first=splat(1), second=splat(1))
    for line in range(lines.count):
        ahead = mask = 0
        i = -1
        while ahead <= last:
            s = s_ahead
            s_ahead = added_under_power(&windows, kind, apart, sum_two(&windows, source, apart, ahead + shift, mask))
            if source == MASKED:
                mask = next_mask(next_mask(mask, windows.period), windows.period)
            if source != ENTERING:
                i = ahead
                s = s_ahead
            if i >= 0:
                inside = normalize_two(x + i, y + i, s, kind, &to, inside)
            if source != MASKED and i >= last:
                break
            i = ahead
            ahead = ahead + 2 * LANES if source == MASKED else min(ahead + 2 * LANES, last)
        while source == MASKED and ahead < lines.length:
            inside = normalize_part(f, lines, x + ahead, y + ahead, rest_of(lines, ahead, shift, mask), inside)
            mask = next_mask(mask, windows.period)
            ahead += LANES
        shift += lines.pitch
        x = <const real*>(<const char*>x + lines.x_pitch)
        y = <real*>(<char*>y + lines.y_pitch)
    if UNLIKELY(not all_inside(inside, to.holds)):
        normalize_exactly(f, lines)


cdef inline void gains_by_twos(const Formula* f, Kind kind, Source source, const Lines* lines) noexcept nogil:
    cdef Windows windows
    cdef Raising to = raising(f, kind)
    cdef Inside inside = nothing_outside()
    cdef const real* x = lines.x
    cdef const real* g = lines.g
    cdef real* gp = lines.gp
    cdef real* t = lines.t
    cdef Py_ssize_t line, i, ahead, mask, shift = 0, last = lines.length - 2 * LANES
    cdef Two s, s_ahead
    cdef bint apart
    open_windows(&windows, f, lines, SQUARES, how_of(f, lines), 0)
    apart = adds_apart(&windows, kind, source)
    s_ahead = Two(first=splat(1), second=splat(1))
    for line in range(lines.count):
        ahead = mask = 0
        i = -1
        while ahead <= last:
            s = s_ahead
            s_ahead = added_under_power(&windows, kind, apart, sum_two(&windows, source, apart, ahead + shift, mask))
            if source == MASKED:
                mask = next_mask(next_mask(mask, windows.period), windows.period)
            if source != ENTERING:
                i = ahead
                s = s_ahead
            if i >= 0:
                inside = gains_two(x + i, g + i, gp + i, t + i, s, kind, &to, inside)
            if source != MASKED and i >= last:
                break
            i = ahead
            ahead = ahead + 2 * LANES if source == MASKED else min(ahead + 2 * LANES, last)
        while source == MASKED and ahead < lines.length:
            inside = gains_part(f, lines, x + ahead, g + ahead, rest_of(lines, ahead, shift, mask), inside)
            mask = next_mask(mask, windows.period)
            ahead += LANES
        shift += lines.pitch
        x = <const real*>(<const char*>x + lines.x_pitch)
        g = <const real*>(<const char*>g + lines.g_pitch)
        gp += lines.pitch
        t += lines.pitch
    if UNLIKELY(not all_inside(inside, to.lossless)):
        gains_beyond(f, lines, all_inside(inside, to.holds))


# Any window and power, vector by vector: for what the loops above do not take
cdef void normalize_singly(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Windows windows
    cdef Raising to = raising(f, f.kind)
    cdef Inside inside = nothing_outside()
    cdef const real* x = lines.x
    cdef real* y = lines.y
    cdef Py_ssize_t line, i
    cdef Spot at
    open_windows(&windows, f, lines, SQUARES, how_of(f, lines), 0)
    for line in range(lines.count):
        i = at.mask = 0
        at.part = first_part(y, lines.length, lines.far)
        while i < lines.length:
            at.i = i + line * lines.pitch
            inside = normalize_vector(x + i, y + i, sum_under_power(&windows, at), f.kind, &to, lines.far, at.part,
                                      inside)
            i += step_of(at.part)
            at.part = part_of(lines.length - i)
            at.mask = next_mask(at.mask, windows.period)
        x = <const real*>(<const char*>x + lines.x_pitch)
        y = <real*>(<char*>y + lines.y_pitch)
    if UNLIKELY(not all_inside(inside, to.holds)):
        normalize_exactly(f, lines)


cdef void gains_singly(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Windows windows
    cdef Raising to = raising(f, f.kind)
    cdef Inside inside = nothing_outside()
    cdef const real* x = lines.x
    cdef const real* g = lines.g
    cdef Py_ssize_t line, i
    cdef Spot at
    open_windows(&windows, f, lines, SQUARES, how_of(f, lines), 0)
    windows.outer = True
    for line in range(lines.count):
        i = at.mask = 0
        while i < lines.length:
            at.i = i + line * lines.pitch
            at.part = part_of(lines.length - i)
            prefetch_outer(g + i + lines.g_ahead)
            inside = gains_vector(held(fetch(x + i, at.part)), held(fetch(g + i, at.part)), lines.gp + at.i,
                                  lines.t + at.i, sum_under_power(&windows, at), f.kind, &to, inside)
            i += LANES
            at.mask = next_mask(at.mask, windows.period)
        x = <const real*>(<const char*>x + lines.x_pitch)
        g = <const real*>(<const char*>g + lines.g_pitch)
    if UNLIKELY(not all_inside(inside, to.lossless)):
        gains_beyond(f, lines, all_inside(inside, to.holds))


cdef inline bint goes_by_twos(const Lines* lines) noexcept nogil:
    return lines.length >= 2 * LANES and lines.source != FAR


# A power whose loops are those of others too: it is found out for each turn.
cdef inline Kind shared(Kind kind) noexcept nogil:
    return kind if kind == THREE_QUARTERS or (kind == HALF and not SPECIALIZED) else TWO


cdef inline void normalize_any_of(const Formula* f, Kind kind, const Lines* lines) noexcept nogil:
    if lines.source == ENTERING:
        normalize_by_twos(f, kind, ENTERING, lines)
    else:
        normalize_by_twos(f, kind, STORED, lines)


cdef void normalize_any(const Formula* f, const Lines* lines) noexcept nogil:
    if not goes_by_twos(lines):
        normalize_singly(f, lines)
    elif lines.source == MASKED:
        normalize_by_twos(f, f.kind, MASKED, lines)
    elif f.kind == ANY:
        normalize_any_of(f, ANY, lines)
    elif SPECIALIZED and f.kind == HALF:
        normalize_any_of(f, HALF, lines)
    elif f.kind == ONE:
        normalize_any_of(f, ONE, lines)
    else:
        normalize_any_of(f, shared(f.kind), lines)


cdef inline void gains_any_of(const Formula* f, Kind kind, const Lines* lines) noexcept nogil:
    if lines.source == ENTERING:
        gains_by_twos(f, kind, ENTERING, lines)
    else:
        gains_by_twos(f, kind, STORED, lines)


cdef void gains_any(const Formula* f, const Lines* lines) noexcept nogil:
    if not goes_by_twos(lines):
        gains_singly(f, lines)
    elif lines.source == MASKED:
        gains_by_twos(f, f.kind, MASKED, lines)
    elif f.kind == ANY:
        gains_any_of(f, ANY, lines)
    elif SPECIALIZED and f.kind == HALF:
        gains_any_of(f, HALF, lines)
    elif f.kind == ONE:
        gains_any_of(f, ONE, lines)
    else:
        gains_any_of(f, shared(f.kind), lines)
