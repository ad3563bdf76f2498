# What the loops over elements share: the lines they read and write, and the windows' sums over them.

# Where the squares under a window come from
cdef enum Squares:
    STORED      # all are in scratch
    FUSED       # the newest is made here from `fresh`, for scratch too
    RECOMPUTED  # the taps lie on x itself; for arrays beyond the caches
    MASKED      # stored, the slabs adjoining: every tap has a mask, which keeps a window inside its slab


# How the two halves of a window's sum become k + scale * sum
cdef enum Addition:
    TOGETHER        # k + scale * (even + odd)
    APART           # (k + scale * even) + scale * odd: one rounding less for small k, in windows that have many
    COMPENSATED     # with most of what even + odd was rounded by, for beta 2, which doubles all errors


# One window: its taps, and the climb that makes the newest line of every level above the first from the
# one below and that level's lines at `earlier`.
cdef struct Taps:
    int count
    const real* line[MAX_TAPS]
    const real* mask[MAX_TAPS]
    int levels
    Addition addition
    Py_ssize_t low          # elements from a number to what it was rounded by, where there are pairs of them
    real* level[MAX_LEVELS]
    const real* earlier[MAX_LEVELS][2]


# What a stage reads and writes: `count` lines of `length` elements, each operand's lines its own pitch apart.
# The forward has x, the taps and y; the backward has g, t and gp (the gain g * p) in y's stead.
cdef struct Lines:
    Py_ssize_t count
    Py_ssize_t length
    Py_ssize_t x_pitch      # bytes, as g's and y's: a field of records need not be a multiple of its elements
    Py_ssize_t g_pitch
    Py_ssize_t y_pitch
    Py_ssize_t pitch        # elements, of everything in scratch: taps, t, gp
    Py_ssize_t period       # of the masks, whole vectors; 0 without masks
    const elem* fresh
    const elem* x
    const elem* g
    real* t
    real* gp
    elem* y
    # Beyond the caches: what lies this far on in x and g is asked for ahead of time.
    Py_ssize_t ahead
    Py_ssize_t g_ahead
    const Around* around
    Totals* totals          # of the parameters' derivatives
    Taps taps
    Taps products           # of the products x dx


cdef inline vec fetch(const elem* at, Py_ssize_t part) noexcept nogil:
    return load_elements_part(at, part) if part else load_elements(at)


# Far results are stored past the caches.
cdef inline void put_result(const Lines* at, bint far, Py_ssize_t i, vec v, Py_ssize_t part) noexcept nogil:
    if part:
        store_elements_part(at.y + i, v, part)
    elif far:
        store_elements_far(at.y + i, v)
    else:
        store_elements(at.y + i, v)


# How many elements come before the first aligned vector
cdef inline Py_ssize_t first_part(const elem* at) noexcept nogil:
    cdef Py_ssize_t past = <Py_ssize_t>at // <Py_ssize_t>sizeof(elem) % LANES
    return LANES - past if past else 0


# Tap `j` at `i`, and `m` into its mask
cdef inline vec term(const Taps* at, int j, Squares squares, Py_ssize_t i, Py_ssize_t m,
                     Py_ssize_t part) noexcept nogil:
    cdef vec v
    if squares == RECOMPUTED:
        v = fetch(<const elem*>at.line[j] + i, part)
        return v * v
    v = load(at.line[j] + i)
    if squares == MASKED:
        v = keep(v, load(at.mask[j] + m))
    return v


# The sum of the taps, the newest of which is given, in two halves. One order for all schedules.
cdef inline void half_sums(vec newest, const Taps* at, int taps, Squares squares, Py_ssize_t i, Py_ssize_t m,
                           Py_ssize_t part, vec* even, vec* odd) noexcept nogil:
    cdef int j
    even[0] = newest
    odd[0] = splat(0)
    if taps == 1:
        return
    odd[0] = term(at, 1, squares, i, m, part)
    for j in range(2, taps - 1, 2):
        even[0] = even[0] + term(at, j, squares, i, m, part)
        odd[0] = odd[0] + term(at, j + 1, squares, i, m, part)
    if taps & 1:
        even[0] = even[0] + term(at, taps - 1, squares, i, m, part)


cdef inline vec window_sum(vec newest, const Taps* at, int taps, Squares squares, Py_ssize_t i, Py_ssize_t m,
                           Py_ssize_t part) noexcept nogil:
    cdef vec even, odd
    half_sums(newest, at, taps, squares, i, m, part, &even, &odd)
    return even if taps == 1 else even + odd


# k + scale * sum of the taps
cdef inline vec sum_under_power(vec scale, vec k, Addition addition, vec newest, const Taps* at, int taps,
                                Squares squares, Py_ssize_t i, Py_ssize_t m, Py_ssize_t part) noexcept nogil:
    cdef vec even, odd, sum
    if addition == TOGETHER:
        return muladd(scale, window_sum(newest, at, taps, squares, i, m, part), k)
    half_sums(newest, at, taps, squares, i, m, part, &even, &odd)
    if addition == APART:
        return muladd(scale, odd, muladd(scale, even, k))
    sum = even + odd
    return muladd(scale, sum, muladd(scale, odd - (sum - even), k))


cdef inline vec climbed(vec newest, const real* const* earlier, Py_ssize_t i) noexcept nogil:
    return newest + load(earlier[0] + i) + load(earlier[1] + i)


cdef inline void climb_vector(vec newest, const Taps* at, int levels, Py_ssize_t i) noexcept nogil:
    cdef int level
    for level in range(1, levels):
        newest = climbed(newest, at.earlier[level], i)
        store(at.level[level] + i, newest)


cdef inline Py_ssize_t next_mask(const Lines* at, Py_ssize_t m) noexcept nogil:
    return m + LANES if m + LANES < at.period else 0


# Copies what a loop over constant numbers of levels and taps needs, so that it can live in registers.
cdef inline void take(Lines* at, const Lines* lines, int levels, int taps) noexcept nogil:
    cdef int i, j
    at.count = lines.count
    at.length = lines.length
    at.x_pitch = lines.x_pitch
    at.g_pitch = lines.g_pitch
    at.y_pitch = lines.y_pitch
    at.pitch = lines.pitch
    at.period = lines.period
    at.fresh = lines.fresh
    at.x = lines.x
    at.g = lines.g
    at.t = lines.t
    at.gp = lines.gp
    at.y = lines.y
    at.ahead = lines.ahead
    at.g_ahead = lines.g_ahead
    at.around = lines.around
    for i in range(taps):
        at.taps.line[i] = lines.taps.line[i]
        at.taps.mask[i] = lines.taps.mask[i]
    for i in range(levels):
        at.taps.level[i] = lines.taps.level[i]
        for j in range(2):
            at.taps.earlier[i][j] = lines.taps.earlier[i][j]
