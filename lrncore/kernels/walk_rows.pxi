# The walk for planar data: a tile of the inner axis, channel by channel.
#
# Timeline of before = after = 2 in 96 channels. Windows are complete `after` rows behind the newest, reflected ones
# `before` rows further behind (only of an operator with a `late` hook):
#
#     step   enters    ready          late
#      0     x[0]
#      1     x[1]
#      2     x[2]      windows of 0
#      3     x[3]      windows of 1
#      4     x[4]      windows of 2   reflected windows of 0
#      ...
#     95     x[95]     windows of 93  reflected windows of 91
#     96     zeros     windows of 94  reflected windows of 92
#     97     zeros     windows of 95  reflected windows of 93
#     98               zeros          reflected windows of 94
#     99               zeros          reflected windows of 95
#
# What has to be remembered lies in rings of rows, one for each level of each set of trailing sums, that stay in the
# first-level cache (for arrays beyond the caches in the second-level one, with fewer, longer rows). Rows of zeros stand
# for the channels outside. x is read a second time when it is ready, while its row is still in the cache.

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


# FAR: the taps lie on the rows of x up to row r.
cdef inline void aim_at_x(const Job* job, const char* x, const real* zeros, Py_ssize_t r, Taps* taps) noexcept nogil:
    cdef int i
    for i in range(taps.count):
        taps.line[i] = zeros
        if 0 <= r - i < job.channels:
            taps.line[i] = <const real*>(x + (r - i) * job.operand[X].channel)


# Rows of x, and of g, kept for recomputed elements, where the arrays do not keep them
cdef inline Py_ssize_t x_depth(const Job* job) noexcept nogil:
    return (job.before + job.after) * (2 if job.op.late else 1) + 1


cdef inline Py_ssize_t g_depth(const Job* job) noexcept nogil:
    return job.before + job.after + 1


# Rows in scratch, with so many of x and of g where they are staged
cdef inline Py_ssize_t rows_with(const Job* job, Py_ssize_t x_rows, Py_ssize_t g_rows) noexcept nogil:
    return (job.window.rows * sets_of(job.op) + 1 + (job.before + 1 if job.op.late else 0)
            + job.operand[X].staged * x_rows + job.operand[G].staged * g_rows + job.operand[Y].staged)


cdef inline bint any_staged(const Job* job) noexcept nogil:
    return job.operand[X].staged or job.operand[G].staged or job.operand[Y].staged


# Are rows recomputed at the end of a piece? What they need may be overwritten or leave scratch before.
cdef inline bint rows_wait(const Job* job) noexcept nogil:
    return not job.streamed and job.op.exact and not any_staged(job)


# Rows in scratch that hold the terms of recomputed gradients, if those cannot wait
cdef inline Py_ssize_t term_rows(const Job* job) noexcept nogil:
    return (job.before + job.after + 1) * rows_of_terms() if job.op.exact and any_staged(job) and not job.slides else 0


# Those that the loops pass over again and again
cdef Py_ssize_t busy_rows(const Job* job) noexcept nogil:
    return rows_with(job, job.after + 1 + job.behind, 1)


cdef Py_ssize_t rows_scratch(const Job* job) noexcept nogil:
    return ((rows_with(job, x_depth(job), g_depth(job)) + term_rows(job)) * row_pitch(job.tile)
            + (offsets_of(job.tile, OPERANDS) if job.scattered else 0))


# The scratch of so many elements' offsets, in so many operands
cdef inline Py_ssize_t offsets_of(Py_ssize_t length, Py_ssize_t operands) noexcept nogil:
    return operands * row_pitch(length) * <Py_ssize_t>sizeof(Py_ssize_t) // <Py_ssize_t>sizeof(real)


# The rows that a walk remembers
cdef struct Rows:
    Ring sums[SETS][MAX_LEVELS]
    Ring gain               # what `ready` keeps for `late`
    Ring staged[OPERANDS]
    real* zeros
    Py_ssize_t width


cdef void take_terms(const Job* job, Terms* terms, Py_ssize_t width, real** scratch) noexcept nogil:
    cdef Py_ssize_t reach = job.before + job.after
    terms.after = rows_wait(job)
    if term_rows(job):
        open_terms(terms, <Wide*>take_ring(scratch, term_rows(job), width).rows, reach + 1, width)
    elif job.op.exact and not job.slides:
        open_terms(terms, terms.kept, reach + 1, term_columns(reach + 1, job.tile))


cdef void take_rows(const Job* job, Rows* rows, Py_ssize_t width, real* scratch) noexcept nogil:
    cdef int which, level
    rows.width = width
    for which in range(sets_of(job.op)):
        for level in range(job.window.levels):
            rows.sums[which][level] = take_ring(&scratch, job.window.depth[level], width)
    rows.zeros = take_ring(&scratch, 1, width).rows
    clear(rows.zeros, width)
    rows.gain = take_ring(&scratch, job.before + 1 if job.op.late else 0, width)
    rows.staged[X] = take_ring(&scratch, x_depth(job) if job.operand[X].staged else 0, width)
    rows.staged[G] = take_ring(&scratch, g_depth(job) if job.operand[G].staged else 0, width)
    rows.staged[Y] = take_ring(&scratch, job.operand[Y].staged, width)


# A new newest row of set `which`, which is row r
cdef inline void open_row(const Job* job, Rows* rows, int which, Py_ssize_t r, Lines* lines) noexcept nogil:
    cdef int level
    for level in range(job.window.levels):
        advance(&rows.sums[which][level])
    aim_at_rows(&job.window, rows.sums[which], rows.zeros, r, &lines.taps[which])


# Row c of an operand: of the array, or `lag` rows before the newest staged one
cdef inline real* row_of(const Job* job, const Rows* rows, const Piece* piece, int which, Py_ssize_t c,
                         Py_ssize_t lag) noexcept nogil:
    cdef const Operand* operand = &job.operand[which]
    if operand.staged:
        return ring_row(&rows.staged[which], lag)
    return <real*>(piece.at[which] + c * operand.channel)


# Row c, the newest, after it has come into scratch if it has to
cdef inline real* arrived(const Job* job, const Rows* rows, const Piece* piece, int which, Py_ssize_t c) noexcept nogil:
    cdef const Operand* operand = &job.operand[which]
    cdef real* row = row_of(job, rows, piece, which, c, 0)
    cdef const char* at = piece.at[which] + c * operand.channel
    if operand.staged:
        gather(operand, at, piece.offset[which], row, piece.length)
    if operand.ahead and not is_halves(operand):
        prefetch_bytes(at + operand.ahead, piece.length * <Py_ssize_t>sizeof(real))
    return row


cdef void walk_rows(const Job* job, const Piece* piece, const Room* room) noexcept nogil:
    cdef const Operator* op = job.op
    cdef const Formula* formula = &job.formula
    cdef Py_ssize_t r, c, o, length = piece.length
    # the first row that enters, and the first that is ready
    cdef Py_ssize_t low = reach_back(job, piece, job.before, 1), ready = reach_back(job, piece, 0, 1)
    cdef Py_ssize_t end = min(piece.end, job.channels)
    cdef real* scratch = room.scratch
    cdef Rows rows
    cdef Lines lines
    cdef Around around = around_of(job, room)
    cdef Track track
    cdef int which
    take_terms(job, &around.terms, row_pitch(length), &scratch)
    take_rows(job, &rows, row_pitch(length), scratch)
    around.row = True
    around.inner = min(length, <Py_ssize_t>LANES) if rows_wait(job) else length
    if job.slides:
        open_track(&track, job, &around)
    around.inner = length
    if job.operand[X].staged:
        around.x = around_ring(&rows.staged[X])
    if job.operand[G].staged:
        around.g = around_ring(&rows.staged[G])
    lines.around = &around
    lines.totals = room.totals
    lines.count = 1
    lines.length = length
    lines.x_pitch = lines.g_pitch = lines.y_pitch = lines.pitch = lines.period = 0
    lines.source = job.source
    lines.far = job.far
    lines.ahead = job.operand[X].channel // <Py_ssize_t>sizeof(real)
    lines.g_ahead = job.operand[G].channel // <Py_ssize_t>sizeof(real)
    for which in range(SETS):
        lines.taps[which].count = job.window.taps
        lines.taps[which].levels = job.window.levels
        lines.taps[which].nearest = job.window.level[0]

    for r in range(low, end + job.after + job.behind):
        c = r - job.after
        o = c - job.behind
        advance(&rows.staged[X])
        if op.g_enters or c >= ready:
            advance(&rows.staged[G])
        if c < job.channels:
            lines.entering = lines.entering_g = rows.zeros
            if r < job.channels:
                lines.entering = arrived(job, &rows, piece, X, r)
                if op.g_enters:
                    lines.entering_g = arrived(job, &rows, piece, G, r)
            if job.source == FAR:
                aim_at_x(job, piece.at[X], rows.zeros, r, &lines.taps[SQUARES])
            else:
                for which in range(op.entering):
                    open_row(job, &rows, which, r - low, &lines)
                if job.source != ENTERING or c < ready:
                    op.enter(formula, &lines)
                    op.climb(&lines, 0, op.entering, length)
        if c < ready:
            continue

        around.first = c * length
        around.channel = c
        if op.late:
            advance(&rows.gain)
            open_row(job, &rows, SECOND, c - ready, &lines)
            lines.t = lines.taps[SECOND].level[0]
            lines.gp = ring_row(&rows.gain, 0)
            lines.y = NULL
        else:
            lines.y = row_of(job, &rows, piece, Y, c, 0)
        if c < job.channels:
            lines.x = row_of(job, &rows, piece, X, c, job.after)
            if op.g_enters:
                lines.g = row_of(job, &rows, piece, G, c, job.after)
            elif op.reads_g:
                lines.g = arrived(job, &rows, piece, G, c)
            op.ready(formula, &lines)
        else:
            clear(lines.t, rows.width)

        if op.late:
            op.climb(&lines, SECOND, SETS, length)
            if o < piece.first:
                continue
            around.first = o * length
            around.channel = o
            lines.x = row_of(job, &rows, piece, X, o, job.after + job.behind)
            lines.g = row_of(job, &rows, piece, G, o, job.behind)
            lines.gp = ring_row(&rows.gain, job.behind)
            lines.y = row_of(job, &rows, piece, Y, o, 0)
            op.late(formula, &lines)
        if job.operand[Y].staged:
            scatter(&job.operand[Y], lines.y, piece.at[Y] + o * job.operand[Y].channel, piece.offset[Y], length)
    if around.terms.end:
        lines.y_pitch = job.operand[Y].channel
        op.exact(formula, &lines)
