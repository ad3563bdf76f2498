# The stages of a pass, each a loop over lines of elements. A line's operands are plain pointers, `part` elements
# that do not fill a vector are masked, and every other decision (the exponent, the number of taps, where the
# newest square comes from) is a constant in each compiled loop.

cdef enum Pass:
    NORMALIZE   # y = x * p
    GAINS       # gp = g * p and t = gp * x / s, raised


# x * s^-beta, which holds in the lanes whose `judged` is in the formula's range; and perhaps 1/s, raised
cdef inline vec times_power(vec x, vec s, Kind kind, Power power, vec* judged, vec* inverse) noexcept nogil:
    cdef vec v
    judged[0] = s
    if kind == HALF:
        v = times_half(x, s)
    elif kind == THREE_QUARTERS:
        v = times_three_quarters(x, s, judged, inverse)
    elif kind == ONE:
        v = quotient(x, s, 0)
    elif kind == TWO:
        v = times_inverse_square(x, s)
    else:
        v = times_any(x, s, power)
    return v


cdef enum:
    MOST_LANES = 16


# Goes over a line again in which some s left the range of the fast powers: the forward's results are made anew, and
# the backward's t becomes NaN, upon which every gradient that it enters is made again.
cdef void weigh_again(const Formula* f, Pass to, Squares squares, const Lines* lines, Py_ssize_t line) noexcept nogil:
    cdef const elem* x = <const elem*>(<const char*>lines.x + line * lines.x_pitch)
    cdef const elem* g = <const elem*>(<const char*>lines.g + line * lines.g_pitch)
    cdef elem* y = <elem*>(<char*>lines.y + line * lines.y_pitch)
    cdef real sums[MOST_LANES]
    cdef real judged[MOST_LANES]
    cdef real powers[MOST_LANES]
    cdef real quotients[MOST_LANES]
    cdef Py_ssize_t i = 0, j = line * lines.pitch, m = 0, lane, part
    cdef vec s, v
    while i < lines.length:
        part = lines.length - i if lines.length - i < LANES else 0
        s = sum_under_power(splat(f.scale), splat(f.k), lines.taps.addition, term(&lines.taps, 0, squares, j, m, part),
                            &lines.taps, lines.taps.count, squares, j, m, part)
        store(sums, s)
        store(judged, s * s if TESTS_SQUARE and f.kind == THREE_QUARTERS else s)
        if f.kind == ANY:
            v = fetch(x + i, part)
            if to == NORMALIZE:
                store(powers, with_sign(times_exp2(v, s, &f.exponent), v))
            else:
                store(powers, times_exp2(fetch(g + i, part), s, &f.exponent))
                store(quotients, quotient(v, s, RAISED))
        for lane in range(part if part else LANES):
            if not lane_within(judged[lane], f.holds):
                if to == NORMALIZE:
                    set_elem(y + i + lane, normalized_again(f, lines.around, x + i + lane,
                                                            channel_of(lines.around, i + lane)))
                else:
                    lines.t[j + lane] = NAN
            elif f.kind == ANY and not lane_within(sums[lane], f.exponent.foreseen):
                if to == NORMALIZE:
                    set_elem(y + i + lane, powers[lane])
                else:
                    lines.gp[j + lane] = powers[lane]
                    lines.t[j + lane] = powers[lane] * quotients[lane]
        i += LANES
        j += LANES
        if squares == MASKED:
            m = next_mask(lines, m)


# One vector of a pass, at `i` from the pointers in `at`, at `j` from those of scratch and at `m` from the masks.
cdef inline Inside weigh_vector(const Formula* f, Kind kind, Power power, Range holds, Inside inside, Pass to,
                                Squares squares, Addition addition, vec scale, vec k, const Lines* at, int levels,
                                int taps, Py_ssize_t i, Py_ssize_t j, Py_ssize_t m, Py_ssize_t part) noexcept nogil:
    cdef vec newest, s, x, v, u, judged, inverse
    if squares == FUSED:
        newest = fetch(at.fresh + i, part)
        newest = newest * newest
        store(at.taps.level[0] + i, newest)
        climb_vector(newest, &at.taps, levels, i)
    if squares != FUSED or levels > 1:
        newest = term(&at.taps, 0, squares, j, m, part)
    if squares == RECOMPUTED:
        prefetch(at.fresh + i + at.ahead)
    s = sum_under_power(scale, k, addition, newest, &at.taps, taps, squares, j, m, part)
    if part:
        s = first_lanes(s, splat(1), part)
    x = held(fetch(at.x + i, part))
    v = x if to == NORMALIZE else held(fetch(at.g + i, part))
    u = times_power(v, s, kind, power, &judged, &inverse)
    if to == NORMALIZE:
        put_result(at, squares == RECOMPUTED, i, with_zeros_sign(u, x), part)
    else:
        if squares == RECOMPUTED:
            prefetch(at.g + i + at.g_ahead)
        # whole vectors: zeros behind a line's end
        store(at.gp + j, u)
        store(at.t + j, u * (x * inverse if kind == THREE_QUARTERS else quotient(x, s, RAISED)))
    return still_inside(inside, judged, holds)


cdef inline void weigh_lines(const Formula* f, Kind kind, Pass to, Squares squares, Addition addition,
                             const Lines* lines, int levels, int taps) noexcept nogil:
    cdef vec scale = splat(f.scale), k = splat(f.k)
    cdef Power power = power_of(&f.exponent)
    cdef Range holds = power.foreseen if kind == ANY else f.holds
    cdef Inside inside
    cdef Lines at
    cdef Py_ssize_t line, i, m, part, shift = 0
    take(&at, lines, levels, taps)
    for line in range(at.count):
        i = m = 0
        inside = nothing_outside()
        if squares == RECOMPUTED and to == NORMALIZE:
            i = min(at.length, first_part(at.y))
            if i:
                inside = weigh_vector(f, kind, power, holds, inside, to, squares, addition, scale, k, &at, levels, taps,
                                      0, shift, m, i)
        while i <= at.length - LANES:
            inside = weigh_vector(f, kind, power, holds, inside, to, squares, addition, scale, k, &at, levels, taps, i,
                                  i + shift, m, 0)
            i += LANES
            if squares == MASKED:
                m = next_mask(&at, m)
        part = at.length - i
        if part:
            inside = weigh_vector(f, kind, power, holds, inside, to, squares, addition, scale, k, &at, levels, taps, i,
                                  i + shift, m, part)
        if UNLIKELY(not all_inside(inside, holds)):
            weigh_again(f, to, squares if squares != FUSED else STORED, lines, line)
        at.x = <const elem*>(<const char*>at.x + at.x_pitch)
        if to == NORMALIZE:
            at.y = <elem*>(<char*>at.y + at.y_pitch)
        else:
            at.g = <const elem*>(<const char*>at.g + at.g_pitch)
        shift += at.pitch


# The loops for the usual windows have constant numbers of levels and taps.
cdef inline void weigh_window(const Formula* f, Kind kind, Pass to, Squares squares, const Lines* lines) noexcept nogil:
    cdef int levels = lines.taps.levels if squares == FUSED else 1, taps = lines.taps.count
    cdef Addition addition = COMPENSATED if kind == TWO else TOGETHER
    if MANY_LOOPS and squares == FUSED and levels == 3 and taps == 3:
        weigh_lines(f, kind, to, squares, APART, lines, 3, 3)
    elif MANY_LOOPS and squares == FUSED and levels == 4 and taps == 3:
        weigh_lines(f, kind, to, squares, APART, lines, 4, 3)
    elif squares <= FUSED and lines.taps.addition == APART:
        weigh_lines(f, kind, to, squares, APART, lines, levels, taps)
    elif taps == 5:
        weigh_lines(f, kind, to, squares, addition, lines, 1, 5)
    elif MANY_LOOPS and squares <= FUSED and taps == 3:
        weigh_lines(f, kind, to, squares, addition, lines, 1, 3)
    elif MANY_LOOPS and squares <= FUSED and taps == 7:
        weigh_lines(f, kind, to, squares, addition, lines, 1, 7)
    elif MANY_LOOPS and squares <= FUSED and taps == 9:
        weigh_lines(f, kind, to, squares, addition, lines, 1, 9)
    else:
        weigh_lines(f, kind, to, squares, addition, lines, 1, taps)


cdef inline void weigh_kind(const Formula* f, Pass to, Squares squares, const Lines* lines) noexcept nogil:
    if f.kind == THREE_QUARTERS:
        weigh_window(f, THREE_QUARTERS, to, squares, lines)
    elif f.kind == HALF:
        weigh_window(f, HALF, to, squares, lines)
    elif f.kind == ONE:
        weigh_window(f, ONE, to, squares, lines)
    elif f.kind == TWO:
        weigh_window(f, TWO, to, squares, lines)
    else:
        weigh_window(f, ANY, to, squares, lines)


cdef inline void weigh(const Formula* f, Pass to, Squares squares, const Lines* lines) noexcept nogil:
    if squares == STORED:
        weigh_kind(f, to, STORED, lines)
    elif squares == FUSED:
        weigh_kind(f, to, FUSED, lines)
    elif squares == RECOMPUTED:
        weigh_kind(f, to, RECOMPUTED, lines)
    else:
        weigh_kind(f, to, MASKED, lines)


cdef void normalize(const Formula* f, Squares squares, const Lines* lines) noexcept nogil:
    weigh(f, NORMALIZE, squares, lines)


cdef void gains(const Formula* f, Squares squares, const Lines* lines) noexcept nogil:
    weigh(f, GAINS, squares, lines)


cdef void square(const elem* x, Py_ssize_t x_pitch, real* squares, Py_ssize_t pitch, Py_ssize_t length,
                 Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t line, i, part = length % LANES, whole = length - part
    cdef vec v
    for line in range(count):
        i = 0
        while i < whole:
            v = load_elements(x + i)
            store(squares + i, v * v)
            i += LANES
        if part:
            v = load_elements_part(x + whole, part)
            store(squares + whole, v * v)
        x = <const elem*>(<const char*>x + x_pitch)
        squares += pitch


# x dx, raised
cdef void multiply(const elem* x, Py_ssize_t x_pitch, const elem* dx, Py_ssize_t dx_pitch, real* products,
                   Py_ssize_t pitch, Py_ssize_t length, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t line, i, part
    for line in range(count):
        i = 0
        while i < length:
            part = length - i if length - i < LANES else 0
            store(products + i, splat(ldexp(1, RAISED)) * fetch(x + i, part) * fetch(dx + i, part))
            i += LANES
        x = <const elem*>(<const char*>x + x_pitch)
        dx = <const elem*>(<const char*>dx + dx_pitch)
        products += pitch


# One level up
cdef void climb(const real* level, const real* const* earlier, real* above, Py_ssize_t pitch, Py_ssize_t length,
                Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t line, i, shift = 0
    for line in range(count):
        i = shift
        while i < shift + length:
            store(above + i, climbed(load(level + i), earlier, i))
            i += LANES
        shift += pitch
