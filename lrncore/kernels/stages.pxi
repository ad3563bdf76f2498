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
    const real* x
    const real* g
    real* y
    real* t
    real* gp
    real* tap[MAX_TAPS]
    int taps
    Py_ssize_t x_pitch
    Py_ssize_t g_pitch
    Py_ssize_t y_pitch
    Py_ssize_t pitch        # of everything in scratch: taps, t, gp


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


# One vector of a pass. The newest square is made on the way from `fresh`, unless that is NULL.
cdef inline void weigh_vector(Kind kind, Exponent exponent, bint backward, vec scale, vec k,
                              const real* fresh, Lines* at, int taps, Py_ssize_t i, Py_ssize_t part) noexcept nogil:
    cdef vec newest, s, p, q, gain
    if fresh != NULL:
        newest = fetch(fresh + i, part)
        newest = newest * newest
        store(at.tap[0] + i, newest)
    else:
        newest = load(at.tap[0] + i)
    s = muladd(scale, window_sum(newest, at.tap, i, taps), k)
    p = power(s, kind, exponent)
    if UNLIKELY(not ordinary(s)):
        p = careful_power(s, -exponent.beta, p)
    if not backward:
        put(at.y + i, fetch(at.x + i, part) * p, part)
        return
    q = reciprocal(s)
    if UNLIKELY(not ordinary(s)):
        q = careful_power(s, -1, q)
    gain = fetch(at.g + i, part) * p
    put(at.gp + i, gain, part)
    put(at.t + i, gain * q * fetch(at.x + i, part), part)


cdef inline void weigh_lines(const Formula* f, Kind kind, bint backward, const real* fresh, const Lines* lines,
                             int taps) noexcept nogil:
    cdef vec scale = splat(f.scale), k = splat(f.k)
    cdef Exponent exponent = f.exponent
    cdef Lines at = lines[0]        # a copy, so that its pointers live in registers
    cdef Py_ssize_t line, i, part = at.length % LANES, whole = at.length - part
    cdef int j
    for line in range(at.count):
        i = 0
        while i < whole:
            weigh_vector(kind, exponent, backward, scale, k, fresh, &at, taps, i, 0)
            i += LANES
        if part:
            weigh_vector(kind, exponent, backward, scale, k, fresh, &at, taps, whole, part)
        at.x += at.x_pitch
        if backward:
            at.g += at.g_pitch
            at.t += at.pitch
            at.gp += at.pitch
        else:
            at.y += at.y_pitch
        for j in range(taps):
            at.tap[j] += at.pitch


cdef inline void weigh_taps(const Formula* f, Kind kind, bint backward, const real* fresh,
                            const Lines* lines) noexcept nogil:
    if lines.taps == 5:
        weigh_lines(f, kind, backward, fresh, lines, 5)
    elif lines.taps == 3:
        weigh_lines(f, kind, backward, fresh, lines, 3)
    elif lines.taps == 7:
        weigh_lines(f, kind, backward, fresh, lines, 7)
    elif lines.taps == 9:
        weigh_lines(f, kind, backward, fresh, lines, 9)
    elif lines.taps == 1:
        weigh_lines(f, kind, backward, fresh, lines, 1)
    elif lines.taps == 2:
        weigh_lines(f, kind, backward, fresh, lines, 2)
    elif lines.taps == 4:
        weigh_lines(f, kind, backward, fresh, lines, 4)
    else:
        weigh_lines(f, kind, backward, fresh, lines, lines.taps)


cdef inline void weigh_kinds(const Formula* f, bint backward, const real* fresh, const Lines* lines) noexcept nogil:
    if f.kind == THREE_QUARTERS:
        weigh_taps(f, THREE_QUARTERS, backward, fresh, lines)
    elif f.kind == HALF:
        weigh_taps(f, HALF, backward, fresh, lines)
    elif f.kind == ONE:
        weigh_taps(f, ONE, backward, fresh, lines)
    elif f.kind == TWO:
        weigh_taps(f, TWO, backward, fresh, lines)
    else:
        weigh_taps(f, ANY, backward, fresh, lines)


# y = x * p from the taps on the squares
cdef void normalize(const Formula* f, const Lines* lines) noexcept nogil:
    weigh_kinds(f, False, NULL, lines)


# The same for one line whose newest squares, tap 0, are still to be made from `fresh`
cdef void square_and_normalize(const Formula* f, const real* fresh, const Lines* lines) noexcept nogil:
    if fresh != NULL:
        weigh_kinds(f, False, fresh, lines)


# gp = g * p and t = gp * x / s
cdef void gains(const Formula* f, const Lines* lines) noexcept nogil:
    weigh_kinds(f, True, NULL, lines)


cdef void square_and_gains(const Formula* f, const real* fresh, const Lines* lines) noexcept nogil:
    if fresh != NULL:
        weigh_kinds(f, True, fresh, lines)


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


cdef inline void combine_lines(const Formula* f, const Lines* lines, int taps) noexcept nogil:
    cdef vec slope = splat(-f.slope)
    cdef Lines at = lines[0]
    cdef Py_ssize_t line, i, part = at.length % LANES, whole = at.length - part
    cdef vec v
    cdef int j
    for line in range(at.count):
        i = 0
        while i < whole:
            v = window_sum(load(at.tap[0] + i), at.tap, i, taps)
            store(at.y + i, muladd(slope * load(at.x + i), v, load(at.gp + i)))
            i += LANES
        if part:
            v = window_sum(load(at.tap[0] + whole), at.tap, whole, taps)
            v = muladd(slope * load_part(at.x + whole, part), v, load(at.gp + whole))
            store_part(at.y + whole, v, part)
        at.x += at.x_pitch
        at.y += at.y_pitch
        at.gp += at.pitch
        for j in range(taps):
            at.tap[j] += at.pitch


# dx = gp - 2 scale beta x * (sum of the taps on t)
cdef void combine(const Formula* f, const Lines* lines) noexcept nogil:
    if lines.taps == 5:
        combine_lines(f, lines, 5)
    elif lines.taps == 3:
        combine_lines(f, lines, 3)
    elif lines.taps == 7:
        combine_lines(f, lines, 7)
    elif lines.taps == 9:
        combine_lines(f, lines, 9)
    else:
        combine_lines(f, lines, lines.taps)
