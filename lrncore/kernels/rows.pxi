# The schedule for planar data: a tile of the inner axis, walked channel by channel.
#
# Step r squares row r and sums the window of row c = r - after, the newest whose window is complete; rows of
# zeros stand for the channels outside. The backward runs the reflected window one delay further: row c's t is
# the newest of the window of row o = c - before. What has to be remembered lies in rings of rows, one for each
# level of trailing sums, that stay in the first-level cache; x is read a second time for the product, while its
# row is still there.

# A ring of rows, the newest of which takes the place of the oldest
cdef struct Ring:
    real* rows
    Py_ssize_t depth
    Py_ssize_t width
    Py_ssize_t newest


cdef inline void advance(Ring* ring) noexcept nogil:
    ring.newest += 1
    if ring.newest == ring.depth:
        ring.newest = 0


# The row `lag` rows before the newest
cdef inline real* ring_row(const Ring* ring, Py_ssize_t lag) noexcept nogil:
    cdef Py_ssize_t place = ring.newest - lag
    if place < 0:
        place += ring.depth
    return ring.rows + place * ring.width


# The distance between the rows of a ring, with room for a last vector that need not begin at a multiple of its size:
# an odd number of cache lines, since rows a power of two apart would otherwise share the last bits of their
# addresses, and a load would wait for the store to the other row.
cdef inline Py_ssize_t row_pitch(Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t line = 64 // sizeof(real)
    return ((length + LANES + line - 1) // line | 1) * line


cdef inline Neighbours around_ring(const Ring* ring) noexcept nogil:
    cdef Neighbours to
    to.step = ring.width * sizeof(real)
    to.ring = <const char*>ring.rows
    to.ring_bytes = ring.depth * to.step
    return to


# Hands out the next `depth` rows of scratch.
cdef Ring take_ring(real** scratch, Py_ssize_t depth, Py_ssize_t width) noexcept nogil:
    cdef Ring ring
    ring.rows = scratch[0]
    ring.depth = depth
    ring.width = width
    ring.newest = -1
    scratch[0] += depth * width
    return ring


cdef void take_levels(const Window* window, Ring* levels, real** scratch, Py_ssize_t width) noexcept nogil:
    cdef int level
    for level in range(window.levels):
        levels[level] = take_ring(scratch, window.depth[level], width)


cdef inline void advance_levels(const Window* window, Ring* levels) noexcept nogil:
    cdef int level
    for level in range(window.levels):
        advance(&levels[level])


# Aims at row r, the newest of every level, for the climb and for the taps of the window that ends there. Rows before
# the first are zero.
cdef inline void aim_at_rows(const Window* window, const Ring* levels, const real* zeros, Py_ssize_t r,
                             Taps* taps) noexcept nogil:
    cdef Py_ssize_t lag
    cdef int i, j
    for i in range(window.taps):
        lag = window.lag[i]
        taps.line[i] = zeros
        if r >= lag:
            taps.line[i] = ring_row(&levels[window.level[i]], lag)
    taps.level[0] = ring_row(&levels[0], 0)
    for i in range(1, window.levels):
        taps.level[i] = ring_row(&levels[i], 0)
        for j in range(2):
            lag = (j + 1) * window.span[i - 1]
            taps.earlier[i][j] = zeros
            if r >= lag:
                taps.earlier[i][j] = ring_row(&levels[i - 1], lag)


cdef void climb_rows(const Taps* taps, Py_ssize_t length) noexcept nogil:
    cdef int i
    for i in range(1, taps.levels):
        if taps.low:
            climb_pairs(taps.level[i - 1], taps.earlier[i], taps.level[i], taps.low, 0, length, 1)
        else:
            climb(taps.level[i - 1], taps.earlier[i], taps.level[i], 0, length, 1)


# Rows of x, and of g, kept for elements that are made again, where the arrays do not keep them.
cdef inline Py_ssize_t x_depth(const Job* job) noexcept nogil:
    return (job.before + job.after) * (2 if job.backward else 1) + 1


cdef inline Py_ssize_t g_depth(const Job* job) noexcept nogil:
    return job.before + job.after + 1


# Rows in scratch, with so many of x and of g where they are staged
cdef inline Py_ssize_t rows_with(const Job* job, Py_ssize_t x_rows, Py_ssize_t g_rows) noexcept nogil:
    return (job.window.rows * (2 if job.second else 1) + 1 + (job.before + 1 if job.backward else 0)
            + (job.window.rows + 1 if job.pairs else 0)
            + job.x.staged * x_rows + job.g.staged * g_rows + job.y.staged)


# Those that the loops pass over again and again
cdef Py_ssize_t busy_rows(const Job* job) noexcept nogil:
    return rows_with(job, job.after + 1 + (job.before if job.backward else 0), 1)


cdef Py_ssize_t rows_scratch(const Job* job) noexcept nogil:
    return rows_with(job, x_depth(job), g_depth(job)) * row_pitch(job.width)


# One tile: `length` elements of the inner axis from x, g and y on, all channels.
cdef void walk_rows(const Job* job, const char* x, const char* g, char* y, Py_ssize_t length, Totals* totals,
                    Scaled* sums, real* scratch) noexcept nogil:
    cdef const Window* window = &job.window
    cdef const Formula* formula = &job.formula
    cdef Py_ssize_t r, c, o, width = row_pitch(length), behind = job.before if job.backward else 0
    cdef Ring squares[MAX_LEVELS]
    cdef Ring second[MAX_LEVELS]
    cdef Ring gain, x_rows, g_rows
    cdef real* zeros
    cdef real* y_row = NULL
    cdef Squares squares_from = STORED if job.task >= TANGENT or job.pairs else RECOMPUTED if job.past else FUSED
    cdef Lines lines
    cdef Around around = around_of(job, sums)
    cdef int i
    around.inner = length
    lines.around = &around
    lines.totals = totals
    lines.count = 1
    lines.length = length
    lines.period = 0
    lines.ahead = job.x.channel // <Py_ssize_t>sizeof(elem)
    lines.g_ahead = job.g.channel // <Py_ssize_t>sizeof(elem)
    lines.taps.levels = lines.products.levels = window.levels
    lines.taps.count = lines.products.count = window.taps
    lines.taps.addition = APART if window.levels > 1 else COMPENSATED if formula.kind == TWO else TOGETHER
    lines.x_pitch = lines.g_pitch = lines.y_pitch = lines.pitch = 0
    take_levels(window, squares, &scratch, width)
    zeros = take_ring(&scratch, 1, width).rows
    clear(zeros, width)
    lines.taps.low = lines.products.low = 0
    if job.pairs:
        lines.taps.low = take_ring(&scratch, window.rows + 1, width).rows - squares[0].rows
        clear(zeros + lines.taps.low, width)
    if job.second:
        take_levels(window, second, &scratch, width)
    if job.backward:
        gain = take_ring(&scratch, job.before + 1, width)
    x_rows = take_ring(&scratch, x_depth(job), width if job.x.staged else 0)
    g_rows = take_ring(&scratch, g_depth(job), width if job.g.staged else 0)
    if job.y.staged:
        y_row = scratch
    if job.x.staged:
        around.x = around_ring(&x_rows)
    if job.g.staged:
        around.g = around_ring(&g_rows)

    for r in range(job.channels + job.after + behind):
        c = r - job.after
        o = c - behind
        advance(&x_rows)
        if job.task == TANGENT or c >= 0:
            advance(&g_rows)
        lines.fresh = <const elem*>zeros
        if r < job.channels:
            if job.x.staged:
                gather(&job.x, x + r * job.x.channel, <elem*>ring_row(&x_rows, 0), length)
            lines.fresh = source(&job.x, ring_row(&x_rows, 0), x + r * job.x.channel)
        if o >= 0:
            lines.y = target(&job.y, y_row, y + o * job.y.channel)
        if squares_from == RECOMPUTED:
            for i in range(window.taps):
                lines.taps.line[i] = zeros
                if 0 <= r - i < job.channels:
                    lines.taps.line[i] = <const real*>(x + (r - i) * job.x.channel)
        elif c < job.channels:
            advance_levels(window, squares)
            aim_at_rows(window, squares, zeros, r, &lines.taps)
        if squares_from == STORED:
            if job.pairs:
                square_pairs(lines.fresh, 0, lines.taps.level[0], lines.taps.low, 0, length, 1)
            else:
                square(lines.fresh, 0, lines.taps.level[0], 0, length, 1)
            climb_rows(&lines.taps, length)
        if job.task == TANGENT:
            advance_levels(window, second)
            aim_at_rows(window, second, zeros, r, &lines.products)
            lines.g = <const elem*>zeros
            if r < job.channels:
                if job.g.staged:
                    gather(&job.g, g + r * job.g.channel, <elem*>ring_row(&g_rows, 0), length)
                lines.g = source(&job.g, ring_row(&g_rows, 0), g + r * job.g.channel)
            multiply(lines.fresh, 0, lines.g, 0, lines.products.level[0], 0, length, 1)
            climb_rows(&lines.products, length)
        if c < 0:
            if squares_from == FUSED:
                square(lines.fresh, 0, lines.taps.level[0], 0, length, 1)
                climb_rows(&lines.taps, length)
            continue
        lines.x = source(&job.x, ring_row(&x_rows, job.after), x + c * job.x.channel)
        around.first = c * length
        if job.task == TANGENT:
            lines.g = source(&job.g, ring_row(&g_rows, job.after), g + c * job.g.channel)
        elif c < job.channels:
            if job.g.staged:
                gather(&job.g, g + c * job.g.channel, <elem*>ring_row(&g_rows, 0), length)
            lines.g = source(&job.g, ring_row(&g_rows, 0), g + c * job.g.channel)
        if job.backward:
            advance(&gain)
            advance_levels(window, second)
            lines.t = ring_row(&second[0], 0)
            lines.gp = ring_row(&gain, 0)
            if c < job.channels:
                gains(formula, squares_from, &lines)
            else:
                clear(lines.t, width)
            aim_at_rows(window, second, zeros, c, &lines.taps)
            if o < 0:
                climb_rows(&lines.taps, length)
                continue
            lines.x = source(&job.x, ring_row(&x_rows, job.after + behind), x + o * job.x.channel)
            lines.g = source(&job.g, ring_row(&g_rows, behind), g + o * job.g.channel)
            lines.gp = ring_row(&gain, behind)
            around.first = o * length
            combine(formula, job.past, &lines)
        elif job.pairs:
            normalize_pairs(formula, &lines)
        elif job.task == FORWARD:
            normalize(formula, squares_from, &lines)
        elif job.task == TANGENT:
            tangents(formula, squares_from, &lines)
        else:
            total_up(formula, squares_from, &lines)
        if job.y.staged:
            scatter(&job.y, <elem*>y_row, y + o * job.y.channel, length)
