# The stages of a pass, each a loop over lines of elements. A line's operands are plain pointers, `part` elements
# that do not fill a vector are masked, and every other decision (the exponent, the number of taps, where the
# newest square comes from) is a constant in each compiled loop.

cdef enum Kind:
    HALF
    THREE_QUARTERS
    ONE
    TWO
    ANY


cdef struct Formula:
    real scale
    real k
    real slope        # 2 * scale * beta
    double beta
    Kind kind
    Exponent exponent


# What a stage reads and writes: `count` lines of `length` elements, each operand's lines its own pitch apart.
# The forward has x, the taps and y; the backward has g, t and gp (the gain g * p) in y's stead.
cdef struct Lines:
    Py_ssize_t count
    Py_ssize_t length
    Py_ssize_t x_pitch
    Py_ssize_t g_pitch
    Py_ssize_t y_pitch
    Py_ssize_t pitch        # of everything in scratch: taps, t, gp
    const real* x
    const real* g
    real* y
    real* t
    real* gp
    int taps
    real* tap[MAX_TAPS]
    # A fused stage also makes the newest line of every level: level[0] from `fresh` (or it is there already), and
    # each other from the one below and the line at `earlier`.
    const real* fresh
    int levels
    real* level[MAX_LEVELS]
    real* earlier[MAX_LEVELS]


cdef inline vec fetch(const real* at, Py_ssize_t part) noexcept nogil:
    return load_part(at, part) if part else load(at)


cdef inline void put(real* at, vec v, Py_ssize_t part) noexcept nogil:
    if part:
        store_part(at, v, part)
    else:
        store(at, v)


cdef inline vec window_sum(vec newest, real** tap, Py_ssize_t i, int taps) noexcept nogil:
    cdef vec even = newest, odd
    cdef int j
    if taps == 1:
        return even
    odd = load(tap[1] + i)
    for j in range(2, taps - 1, 2):
        even = even + load(tap[j] + i)
        odd = odd + load(tap[j + 1] + i)
    if taps & 1:
        even = even + load(tap[taps - 1] + i)
    return even + odd


cdef inline vec power(vec s, Kind kind, Exponent exponent) noexcept nogil:
    cdef vec p
    if kind == HALF:
        p = power_half(s)
    elif kind == THREE_QUARTERS:
        p = power_three_quarters(s)
    elif kind == ONE:
        p = reciprocal(s)
    elif kind == TWO:
        p = reciprocal(s)
        p = p * p
    else:
        p = power_any(s, exponent)
    return p


cdef inline void climb_vector(vec newest, const Lines* lines, int levels, Py_ssize_t i) noexcept nogil:
    cdef int level
    for level in range(1, levels):
        newest = newest + load(lines.earlier[level] + i)
        store(lines.level[level] + i, newest)


# One vector of a pass, at `i` from the pointers in `at` and at `j` from those of scratch.
cdef inline void weigh_vector(Kind kind, Exponent exponent, bint backward, bint fused, vec scale, vec k, const Lines* at,
                              int levels, int taps, Py_ssize_t i, Py_ssize_t j, Py_ssize_t part) noexcept nogil:
    cdef vec newest, s, p, q, gain
    if fused:
        newest = fetch(at.fresh + i, part)
        newest = newest * newest
        store(at.level[0] + i, newest)
        climb_vector(newest, at, levels, i)
    if not fused or levels > 1:
        newest = load(at.tap[0] + j)
    s = muladd(scale, window_sum(newest, at.tap, j, taps), k)
    p = power(s, kind, exponent)
    if backward:
        q = reciprocal(s)
    if UNLIKELY(not ordinary(s)):
        p = careful_power(s, -exponent.beta, p)
        if backward:
            q = careful_power(s, -1, q)
    if backward:
        gain = fetch(at.g + i, part) * p
        put(at.gp + j, gain, part)
        put(at.t + j, gain * q * fetch(at.x + i, part), part)
    else:
        put(at.y + i, fetch(at.x + i, part) * p, part)


cdef inline void weigh_lines(const Formula* f, Kind kind, bint backward, bint fused, const Lines* lines, int levels,
                             int taps) noexcept nogil:
    cdef vec scale = splat(f.scale), k = splat(f.k)
    cdef Exponent exponent = f.exponent
    cdef Lines at = lines[0]        # a copy, so that its pointers live in registers
    cdef Py_ssize_t line, i, part = at.length % LANES, whole = at.length - part, shift = 0
    for line in range(at.count):
        i = 0
        while i < whole:
            weigh_vector(kind, exponent, backward, fused, scale, k, &at, levels, taps, i, i + shift, 0)
            i += LANES
        if part:
            weigh_vector(kind, exponent, backward, fused, scale, k, &at, levels, taps, i, i + shift, part)
        at.x += at.x_pitch
        if backward:
            at.g += at.g_pitch
        else:
            at.y += at.y_pitch
        shift += at.pitch


# The loops for the usual windows have constant numbers of levels and taps.
cdef inline void weigh_window(const Formula* f, Kind kind, bint backward, bint fused,
                              const Lines* lines) noexcept nogil:
    cdef int levels = lines.levels if fused else 1, taps = lines.taps
    if levels == 1 and taps == 5:
        weigh_lines(f, kind, backward, fused, lines, 1, 5)
    elif levels == 1 and taps == 3:
        weigh_lines(f, kind, backward, fused, lines, 1, 3)
    elif levels == 1 and taps == 7:
        weigh_lines(f, kind, backward, fused, lines, 1, 7)
    elif levels == 1 and taps == 9:
        weigh_lines(f, kind, backward, fused, lines, 1, 9)
    elif levels == 1 and taps == 1:
        weigh_lines(f, kind, backward, fused, lines, 1, 1)
    elif levels == 1:
        weigh_lines(f, kind, backward, fused, lines, 1, taps)
    elif levels == 5 and taps == 5:
        weigh_lines(f, kind, backward, fused, lines, 5, 5)
    else:
        weigh_lines(f, kind, backward, fused, lines, levels, taps)


cdef inline void weigh(const Formula* f, bint backward, bint fused, const Lines* lines) noexcept nogil:
    if f.kind == THREE_QUARTERS:
        weigh_window(f, THREE_QUARTERS, backward, fused, lines)
    elif f.kind == HALF:
        weigh_window(f, HALF, backward, fused, lines)
    elif f.kind == ONE:
        weigh_window(f, ONE, backward, fused, lines)
    elif f.kind == TWO:
        weigh_window(f, TWO, backward, fused, lines)
    else:
        weigh_window(f, ANY, backward, fused, lines)


# y = x * p from the taps on the squares
cdef void normalize(const Formula* f, const Lines* lines) noexcept nogil:
    weigh(f, False, False, lines)


# The same for one line whose newest squares are still to be made
cdef void square_and_normalize(const Formula* f, const Lines* lines) noexcept nogil:
    weigh(f, False, True, lines)


# gp = g * p and t = gp * x / s
cdef void gains(const Formula* f, const Lines* lines) noexcept nogil:
    weigh(f, True, False, lines)


cdef void square_and_gains(const Formula* f, const Lines* lines) noexcept nogil:
    weigh(f, True, True, lines)


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
        x += x_pitch
        squares += pitch


# One level up: doubled = level + the same level m rows earlier
cdef void climb(const real* level, const real* earlier, real* doubled, Py_ssize_t pitch, Py_ssize_t length,
                Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t line, i
    for line in range(count):
        i = 0
        while i < length:
            store(doubled + i, load(level + i) + load(earlier + i))
            i += LANES
        level += pitch
        earlier += pitch
        doubled += pitch


cdef inline void combine_vector(vec slope, const Lines* at, int levels, int taps, Py_ssize_t i, Py_ssize_t j,
                                Py_ssize_t part) noexcept nogil:
    cdef vec sum
    if levels > 1:
        climb_vector(load(at.level[0] + j), at, levels, j)
    sum = window_sum(load(at.tap[0] + j), at.tap, j, taps)
    put(at.y + i, muladd(slope * fetch(at.x + i, part), sum, load(at.gp + j)), part)


cdef inline void combine_lines(const Formula* f, const Lines* lines, int levels, int taps) noexcept nogil:
    cdef vec slope = splat(-f.slope)
    cdef Lines at = lines[0]
    cdef Py_ssize_t line, i, part = at.length % LANES, whole = at.length - part, shift = 0
    for line in range(at.count):
        i = 0
        while i < whole:
            combine_vector(slope, &at, levels, taps, i, i + shift, 0)
            i += LANES
        if part:
            combine_vector(slope, &at, levels, taps, i, i + shift, part)
        at.x += at.x_pitch
        at.y += at.y_pitch
        shift += at.pitch


# dx = gp - 2 scale beta x * (sum of the taps on t), with `levels` above 1 after a climb on t's newest line
cdef void combine(const Formula* f, const Lines* lines) noexcept nogil:
    if lines.levels == 1 and lines.taps == 5:
        combine_lines(f, lines, 1, 5)
    elif lines.levels == 1 and lines.taps == 3:
        combine_lines(f, lines, 1, 3)
    elif lines.levels == 1 and lines.taps == 7:
        combine_lines(f, lines, 1, 7)
    elif lines.levels == 1 and lines.taps == 9:
        combine_lines(f, lines, 1, 9)
    elif lines.levels == 5 and lines.taps == 5:
        combine_lines(f, lines, 5, 5)
    else:
        combine_lines(f, lines, lines.levels, lines.taps)
