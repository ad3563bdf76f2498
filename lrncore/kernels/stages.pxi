# The stages of a pass, each a loop over lines of elements. A line's operands are plain pointers, `part` elements
# that do not fill a vector are masked, and every other decision (the exponent, the number of taps, where the
# newest square comes from) is a constant in each compiled loop.

cdef enum Kind:
    HALF
    THREE_QUARTERS
    ONE
    TWO
    ANY


# Where the squares under a window come from
cdef enum Squares:
    STORED      # all are in scratch
    FUSED       # the newest is made here from `fresh`, for scratch too
    RECOMPUTED  # the taps lie on x itself
    MASKED      # stored, the slabs adjoining: every tap has a mask, which keeps a window inside its slab


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
    Py_ssize_t x_pitch      # bytes, as g's and y's: a field of records need not be a multiple of its elements
    Py_ssize_t g_pitch
    Py_ssize_t y_pitch
    Py_ssize_t pitch        # elements, of everything in scratch: taps, t, gp
    const real* x
    const real* g
    real* y
    # Beyond the caches: y is stored past them, and what lies this far on in x and g is asked for ahead of time.
    bint far
    Py_ssize_t ahead
    Py_ssize_t g_ahead
    real* t
    real* gp
    int taps
    const real* tap[MAX_TAPS]
    Py_ssize_t period               # of the masks, whole vectors; 0 without masks
    const real* mask[DIRECT_TAPS]
    # A fused stage also makes the newest line of every level: level[0] from `fresh` (or it is there already), and
    # each other from the one below and the line at `earlier`.
    const real* fresh
    int levels
    real* level[MAX_LEVELS]
    const real* earlier[MAX_LEVELS]


cdef inline vec fetch(const real* at, Py_ssize_t part) noexcept nogil:
    return load_part(at, part) if part else load(at)


cdef inline void put(real* at, vec v, Py_ssize_t part) noexcept nogil:
    if part:
        store_part(at, v, part)
    else:
        store(at, v)


cdef inline void put_result(const Lines* at, Py_ssize_t i, vec v, Py_ssize_t part) noexcept nogil:
    if part == 0 and at.far:
        store_past(at.y + i, v)
    else:
        put(at.y + i, v, part)


# How many elements come before the first whole vector: those that y, when it is stored past the caches, has before
# an aligned one, or all of a short line
cdef inline Py_ssize_t first_part(const Lines* at, bint into_y) noexcept nogil:
    cdef Py_ssize_t past = <Py_ssize_t>at.y % VECTOR_BYTES // <Py_ssize_t>sizeof(real) if into_y and at.far else 0
    if past:
        return min(at.length, LANES - past)
    return at.length if at.length < LANES else 0


# Tap `j` at `i`, and `m` into its mask
cdef inline vec term(const Lines* at, int j, Squares squares, Py_ssize_t i, Py_ssize_t m,
                     Py_ssize_t part) noexcept nogil:
    cdef vec v
    if squares == RECOMPUTED:
        v = fetch(at.tap[j] + i, part)
        return v * v
    v = load(at.tap[j] + i)
    if squares == MASKED:
        v = keep(v, load(at.mask[j] + m))
    return v


# The sum of the taps, the newest of which is given. One order for all schedules.
cdef inline vec window_sum(vec newest, const Lines* at, int taps, Squares squares, Py_ssize_t i, Py_ssize_t m,
                           Py_ssize_t part) noexcept nogil:
    cdef vec even = newest, odd
    cdef int j
    if taps == 1:
        return even
    odd = term(at, 1, squares, i, m, part)
    for j in range(2, taps - 1, 2):
        even = even + term(at, j, squares, i, m, part)
        odd = odd + term(at, j + 1, squares, i, m, part)
    if taps & 1:
        even = even + term(at, taps - 1, squares, i, m, part)
    return even + odd


# x * s^-beta
cdef inline vec times_power(vec x, vec s, Kind kind, Exponent exponent) noexcept nogil:
    cdef vec v
    if kind == HALF:
        v = times_half(x, s)
    elif kind == THREE_QUARTERS:
        v = times_three_quarters(x, s)
    elif kind == ONE:
        v = quotient(x, s)
    elif kind == TWO:
        v = quotient(quotient(x, s), s)
    else:
        v = times_any(x, s, exponent)
    return v


cdef inline void climb_vector(vec newest, const Lines* lines, int levels, Py_ssize_t i) noexcept nogil:
    cdef int level
    for level in range(1, levels):
        newest = newest + load(lines.earlier[level] + i)
        store(lines.level[level] + i, newest)


cdef inline Py_ssize_t next_mask(const Lines* at, Py_ssize_t m) noexcept nogil:
    return m + LANES if m + LANES < at.period else 0


# One vector of a pass, at `i` from the pointers in `at`, at `j` from those of scratch and at `m` from the masks.
cdef inline void weigh_vector(Kind kind, Exponent exponent, bint backward, Squares squares, vec scale, vec k,
                              const Lines* at, int levels, int taps, Py_ssize_t i, Py_ssize_t j,
                              Py_ssize_t m, Py_ssize_t part) noexcept nogil:
    cdef vec newest, s, x, v, u, r
    if squares == FUSED:
        newest = fetch(at.fresh + i, part)
        newest = newest * newest
        store(at.level[0] + i, newest)
        climb_vector(newest, at, levels, i)
    if squares != FUSED or levels > 1:
        newest = term(at, 0, squares, j, m, part)
    if at.far:
        prefetch(at.fresh + i + at.ahead)
    s = muladd(scale, window_sum(newest, at, taps, squares, j, m, part), k)
    x = fetch(at.x + i, part)
    v = fetch(at.g + i, part) if backward else x
    u = times_power(v, s, kind, exponent)
    if backward:
        r = quotient(x, s)
    if UNLIKELY(not ordinary(s)):
        u = careful_product(v, s, -exponent.beta, u)
        if backward:
            r = careful_product(x, s, -1, r)
    if backward:
        if at.far:
            prefetch(at.g + i + at.g_ahead)
        put(at.gp + j, u, part)
        put(at.t + j, u * r, part)
    else:
        put_result(at, i, u, part)


cdef inline void weigh_lines(const Formula* f, Kind kind, bint backward, Squares squares, const Lines* lines,
                             int levels, int taps) noexcept nogil:
    cdef vec scale = splat(f.scale), k = splat(f.k)
    cdef Exponent exponent = f.exponent
    cdef Lines at = lines[0]        # a copy, so that its pointers live in registers
    cdef Py_ssize_t line, i, m, part, shift = 0
    for line in range(at.count):
        i = m = 0
        part = first_part(&at, not backward)
        while i < at.length:
            if part:
                weigh_vector(kind, exponent, backward, squares, scale, k, &at, levels, taps, i, i + shift, m, part)
                i += part
            while i <= at.length - LANES:
                weigh_vector(kind, exponent, backward, squares, scale, k, &at, levels, taps, i, i + shift, m, 0)
                i += LANES
                if squares == MASKED:
                    m = next_mask(&at, m)
            part = at.length - i
        at.x = <const real*>(<const char*>at.x + at.x_pitch)
        if backward:
            at.g = <const real*>(<const char*>at.g + at.g_pitch)
        else:
            at.y = <real*>(<char*>at.y + at.y_pitch)
        shift += at.pitch


# The loops for the usual windows have constant numbers of levels and taps.
cdef inline void weigh_window(const Formula* f, Kind kind, bint backward, Squares squares,
                              const Lines* lines) noexcept nogil:
    cdef int levels = lines.levels if squares == FUSED else 1, taps = lines.taps
    if levels == 1 and taps == 5:
        weigh_lines(f, kind, backward, squares, lines, 1, 5)
    elif squares <= FUSED and levels == 1 and taps == 3:
        weigh_lines(f, kind, backward, squares, lines, 1, 3)
    elif squares <= FUSED and levels == 1 and taps == 7:
        weigh_lines(f, kind, backward, squares, lines, 1, 7)
    elif squares <= FUSED and levels == 1 and taps == 9:
        weigh_lines(f, kind, backward, squares, lines, 1, 9)
    elif levels == 1:
        weigh_lines(f, kind, backward, squares, lines, 1, taps)
    elif squares == FUSED and levels == 5 and taps == 5:
        weigh_lines(f, kind, backward, squares, lines, 5, 5)
    elif squares == FUSED:
        weigh_lines(f, kind, backward, squares, lines, levels, taps)


cdef inline void weigh(const Formula* f, bint backward, Squares squares, const Lines* lines) noexcept nogil:
    if f.kind == THREE_QUARTERS:
        weigh_window(f, THREE_QUARTERS, backward, squares, lines)
    elif f.kind == HALF:
        weigh_window(f, HALF, backward, squares, lines)
    elif f.kind == ONE:
        weigh_window(f, ONE, backward, squares, lines)
    elif f.kind == TWO:
        weigh_window(f, TWO, backward, squares, lines)
    else:
        weigh_window(f, ANY, backward, squares, lines)


# y = x * p
cdef void normalize(const Formula* f, Squares squares, const Lines* lines) noexcept nogil:
    if squares == STORED:
        weigh(f, False, STORED, lines)
    elif squares == FUSED:
        weigh(f, False, FUSED, lines)
    elif squares == RECOMPUTED:
        weigh(f, False, RECOMPUTED, lines)
    else:
        weigh(f, False, MASKED, lines)


# gp = g * p and t = gp * x / s
cdef void gains(const Formula* f, Squares squares, const Lines* lines) noexcept nogil:
    if squares == STORED:
        weigh(f, True, STORED, lines)
    elif squares == FUSED:
        weigh(f, True, FUSED, lines)
    elif squares == RECOMPUTED:
        weigh(f, True, RECOMPUTED, lines)
    else:
        weigh(f, True, MASKED, lines)


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


cdef inline void combine_vector(vec slope, Squares squares, const Lines* at, int levels, int taps, Py_ssize_t i,
                                Py_ssize_t j, Py_ssize_t m, Py_ssize_t part) noexcept nogil:
    cdef vec sum
    if levels > 1:
        climb_vector(load(at.level[0] + j), at, levels, j)
    sum = window_sum(term(at, 0, squares, j, m, part), at, taps, squares, j, m, part)
    put_result(at, i, muladd(slope * fetch(at.x + i, part), sum, load(at.gp + j)), part)


cdef inline void combine_lines(const Formula* f, Squares squares, const Lines* lines, int levels,
                               int taps) noexcept nogil:
    cdef vec slope = splat(-f.slope)
    cdef Lines at = lines[0]
    cdef Py_ssize_t line, i, m, part, shift = 0
    for line in range(at.count):
        i = m = 0
        part = first_part(&at, True)
        while i < at.length:
            if part:
                combine_vector(slope, squares, &at, levels, taps, i, i + shift, m, part)
                i += part
            while i <= at.length - LANES:
                combine_vector(slope, squares, &at, levels, taps, i, i + shift, m, 0)
                i += LANES
                if squares == MASKED:
                    m = next_mask(&at, m)
            part = at.length - i
        at.x = <const real*>(<const char*>at.x + at.x_pitch)
        at.y = <real*>(<char*>at.y + at.y_pitch)
        shift += at.pitch


# dx = gp - 2 scale beta x * (sum of the taps on t), with `levels` above 1 after a climb on t's newest line
cdef void combine(const Formula* f, const Lines* lines) noexcept nogil:
    if lines.period:
        combine_lines(f, MASKED, lines, 1, lines.taps)
    elif lines.levels == 1 and lines.taps == 5:
        combine_lines(f, STORED, lines, 1, 5)
    elif lines.levels == 1 and lines.taps == 3:
        combine_lines(f, STORED, lines, 1, 3)
    elif lines.levels == 1 and lines.taps == 7:
        combine_lines(f, STORED, lines, 1, 7)
    elif lines.levels == 1 and lines.taps == 9:
        combine_lines(f, STORED, lines, 1, 9)
    elif lines.levels == 5 and lines.taps == 5:
        combine_lines(f, STORED, lines, 5, 5)
    else:
        combine_lines(f, STORED, lines, lines.levels, lines.taps)
