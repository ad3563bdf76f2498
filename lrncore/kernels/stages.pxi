# The stages of a pass, each a loop over lines of elements. A line's operands are plain pointers, `part` elements
# that do not fill a vector are masked, and every other decision (the exponent, the number of taps, where the
# newest square comes from) is a constant in each compiled loop.

cdef enum Kind:
    HALF
    THREE_QUARTERS
    ONE
    TWO
    ANY


cdef enum Pass:
    NORMALIZE   # y = x * p
    GAINS       # gp = g * p and t = gp * x / s


cdef struct Formula:
    real scale
    real k
    real slope        # 2 * scale * beta
    double beta
    Kind kind
    Exponent exponent   # of kind ANY


# x * s^-beta, which holds in the lanes where `judged` is ordinary
cdef inline vec times_power(vec x, vec s, Kind kind, Power power, vec* judged) noexcept nogil:
    cdef vec v
    judged[0] = s
    if kind == HALF:
        v = times_half(x, s)
    elif kind == THREE_QUARTERS:
        v = times_three_quarters(x, s, judged)
    elif kind == ONE:
        v = quotient(x, s)
    elif kind == TWO:
        v = quotient(quotient(x, s), s)
    else:
        v = times_any(x, s, power)
    return v


# One vector of a pass, at `i` from the pointers in `at`, at `j` from those of scratch and at `m` from the masks.
cdef inline void weigh_vector(const Formula* f, Kind kind, Power power, Pass to, Squares squares, vec scale, vec k,
                              const Lines* at, int levels, int taps, Py_ssize_t i, Py_ssize_t j,
                              Py_ssize_t m, Py_ssize_t part) noexcept nogil:
    cdef vec newest, s, x, v, u, r, judged
    if squares == FUSED:
        newest = fetch(at.fresh + i, part)
        newest = newest * newest
        store(at.taps.level[0] + i, newest)
        climb_vector(newest, &at.taps, levels, i)
    if squares != FUSED or levels > 1:
        newest = term(&at.taps, 0, squares, j, m, part)
    if squares == RECOMPUTED:
        prefetch(at.fresh + i + at.ahead)
    s = muladd(scale, window_sum(newest, &at.taps, taps, squares, j, m, part), k)
    x = fetch(at.x + i, part)
    v = x if to == NORMALIZE else fetch(at.g + i, part)
    u = times_power(v, s, kind, power, &judged)
    if to == NORMALIZE:
        u = with_sign(u, x)
    else:
        r = quotient(x, s)
    if UNLIKELY(not (foreseen(s, power) if kind == ANY else ordinary(judged))):
        u = careful_any(v, s, &f.exponent, u) if kind == ANY else careful_product(v, s, -f.beta, u, judged)
        if to != NORMALIZE:
            r = careful_product(x, s, -1, r, judged)
    if to == NORMALIZE:
        put_result(at, squares == RECOMPUTED, i, u, part)
        return
    if squares == RECOMPUTED:
        prefetch(at.g + i + at.g_ahead)
    put(at.gp + j, u, part)
    put(at.t + j, u * r, part)


cdef inline void weigh_lines(const Formula* f, Kind kind, Pass to, Squares squares, const Lines* lines,
                             int levels, int taps) noexcept nogil:
    cdef vec scale = splat(f.scale), k = splat(f.k)
    cdef Power power = power_of(&f.exponent)
    cdef Lines at
    cdef Py_ssize_t line, i, m, part, shift = 0
    take(&at, lines, levels, taps)
    for line in range(at.count):
        i = m = 0
        if squares == RECOMPUTED and to == NORMALIZE:
            i = min(at.length, first_part(at.y))
            if i:
                weigh_vector(f, kind, power, to, squares, scale, k, &at, levels, taps, 0, shift, m, i)
        while i <= at.length - LANES:
            weigh_vector(f, kind, power, to, squares, scale, k, &at, levels, taps, i, i + shift, m, 0)
            i += LANES
            if squares == MASKED:
                m = next_mask(&at, m)
        part = at.length - i
        if part:
            weigh_vector(f, kind, power, to, squares, scale, k, &at, levels, taps, i, i + shift, m, part)
        at.x = <const real*>(<const char*>at.x + at.x_pitch)
        if to == NORMALIZE:
            at.y = <real*>(<char*>at.y + at.y_pitch)
        else:
            at.g = <const real*>(<const char*>at.g + at.g_pitch)
        shift += at.pitch


# The loops for the usual windows have constant numbers of levels and taps.
cdef inline void weigh_window(const Formula* f, Kind kind, Pass to, Squares squares, const Lines* lines) noexcept nogil:
    cdef int levels = lines.taps.levels if squares == FUSED else 1, taps = lines.taps.count
    if levels == 1 and taps == 5:
        weigh_lines(f, kind, to, squares, lines, 1, 5)
    elif squares <= FUSED and levels == 1 and taps == 3:
        weigh_lines(f, kind, to, squares, lines, 1, 3)
    elif squares <= FUSED and levels == 1 and taps == 7:
        weigh_lines(f, kind, to, squares, lines, 1, 7)
    elif squares <= FUSED and levels == 1 and taps == 9:
        weigh_lines(f, kind, to, squares, lines, 1, 9)
    elif levels == 1:
        weigh_lines(f, kind, to, squares, lines, 1, taps)
    elif squares == FUSED and levels == 3 and taps == 3:
        weigh_lines(f, kind, to, squares, lines, 3, 3)
    elif squares == FUSED and levels == 4 and taps == 3:
        weigh_lines(f, kind, to, squares, lines, 4, 3)
    elif squares == FUSED:
        weigh_lines(f, kind, to, squares, lines, levels, taps)


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


cdef void square(const real* x, Py_ssize_t x_pitch, real* squares, Py_ssize_t pitch, Py_ssize_t length,
                 Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t line, i, part = length % LANES, whole = length - part
    cdef vec v
    for line in range(count):
        i = 0
        while i < whole:
            v = load(x + i)
            store(squares + i, v * v)
            i += LANES
        if part:
            v = load_part(x + whole, part)
            store(squares + whole, v * v)
        x = <const real*>(<const char*>x + x_pitch)
        squares += pitch


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


cdef inline void combine_vector(vec minus_slope, Squares squares, bint far, const Lines* at, int levels, int taps,
                                Py_ssize_t i, Py_ssize_t j, Py_ssize_t m, Py_ssize_t part) noexcept nogil:
    cdef vec sum
    if levels > 1:
        climb_vector(load(at.taps.level[0] + j), &at.taps, levels, j)
    sum = window_sum(term(&at.taps, 0, squares, j, m, part), &at.taps, taps, squares, j, m, part)
    put_result(at, far, i, muladd(minus_slope * fetch(at.x + i, part), sum, load(at.gp + j)), part)


cdef inline void combine_lines(const Formula* f, Squares squares, bint far, const Lines* lines, int levels,
                               int taps) noexcept nogil:
    cdef vec minus_slope = splat(-f.slope)
    cdef Lines at
    cdef Py_ssize_t line, i, m, part, shift = 0
    take(&at, lines, levels, taps)
    for line in range(at.count):
        i = m = 0
        if far:
            i = min(at.length, first_part(at.y))
            if i:
                combine_vector(minus_slope, squares, far, &at, levels, taps, 0, shift, m, i)
        while i <= at.length - LANES:
            combine_vector(minus_slope, squares, far, &at, levels, taps, i, i + shift, m, 0)
            i += LANES
            if squares == MASKED:
                m = next_mask(&at, m)
        part = at.length - i
        if part:
            combine_vector(minus_slope, squares, far, &at, levels, taps, i, i + shift, m, part)
        at.x = <const real*>(<const char*>at.x + at.x_pitch)
        at.y = <real*>(<char*>at.y + at.y_pitch)
        shift += at.pitch


# dx = gp - 2 scale beta x * (sum of the taps on t), after a climb on t's newest line where there are levels
cdef void combine(const Formula* f, bint far, const Lines* lines) noexcept nogil:
    cdef int levels = lines.taps.levels, taps = lines.taps.count
    if lines.period:
        combine_lines(f, MASKED, False, lines, 1, taps)
    elif far:
        combine_lines(f, STORED, True, lines, 1, taps)
    elif levels == 1 and taps == 5:
        combine_lines(f, STORED, False, lines, 1, 5)
    elif levels == 1 and taps == 3:
        combine_lines(f, STORED, False, lines, 1, 3)
    elif levels == 1 and taps == 7:
        combine_lines(f, STORED, False, lines, 1, 7)
    elif levels == 1 and taps == 9:
        combine_lines(f, STORED, False, lines, 1, 9)
    elif levels == 3 and taps == 3:
        combine_lines(f, STORED, False, lines, 3, 3)
    elif levels == 4 and taps == 3:
        combine_lines(f, STORED, False, lines, 4, 3)
    else:
        combine_lines(f, STORED, False, lines, levels, taps)
