# The forward of planar data in one pass under windows of ten channels and more, for beta 3/4, column of vectors by
# column as in straight_planar.pxi. The two latest squares are in registers, and with many registers the six latest
# sums of three. Trailing sums (window.pxi) that registers do not have go to scratch, all of a row side by side,
# and come from the first-level cache if they are among the latest:
#
#     turn            0   1  ...  after   after + 1 ...
#     square x, climb 0   1       after
#     sum them                            0
#     estimate p                              0
#     correct it                                  0
#     y                                               0
#
# Before a column's rows are rows of zeros, as many as windows reach back, and behind them rows of zeros enter. In place
# a column is kept until all of its s are known to be in range, as there.

cdef enum:
    LONG_WAITS = 3          # turns from a sum to its result
    TRAIL_BYTES = 1 << 18   # of a column, at most


# Where the trailing sums of a column, or of a slab, are; in elements
cdef struct Trail:
    real* begin
    Py_ssize_t row          # from row to row
    Py_ssize_t reach        # of the rows that windows reach back to, the newest included
    int levels
    bint stores_threes      # do sums of three have taps?
    int squares             # taps on squares in registers, 0 to 2; of the others there are
    int pairs               # so many pairs,
    bint single             # and perhaps one more
    # from the newest row to
    Py_ssize_t tap[MAX_TAPS]
    Py_ssize_t earlier[MAX_LEVELS][2]   # and to the rows that a level climbs from


cdef inline Py_ssize_t trail_row(const Window* window) noexcept nogil:
    return (window.levels - 1) * LANES


cdef inline Py_ssize_t trail_reach(const Window* window) noexcept nogil:
    return window.depth[window.levels - 1] * trail_row(window)


# Elements of scratch, for all rows and those of zeros that enter behind them; none under short windows
cdef inline Py_ssize_t column_trail(const Job* job) noexcept nogil:
    return trail_reach(&job.window) + (job.channels + job.after + 1) * trail_row(&job.window)


cdef inline bint has_column_trail(const Job* job) noexcept nogil:
    return job.window.levels > 1 and column_trail(job) <= TRAIL_BYTES // <Py_ssize_t>sizeof(real)


cdef inline Trail trail_of(const Window* window, real* scratch) noexcept nogil:
    cdef Trail trail
    cdef int i, taps = 0
    trail.begin = scratch
    trail.row = trail_row(window)
    trail.reach = trail_reach(window)
    trail.levels = window.levels
    trail.squares = 0
    trail.stores_threes = False
    for i in range(window.taps):
        trail.stores_threes = trail.stores_threes or window.level[i] == 1
        if window.level[i] == 0:
            trail.squares += 1
        else:
            trail.tap[taps] = (window.level[i] - 1) * LANES - window.lag[i] * trail.row
            taps += 1
    trail.pairs = taps // 2
    trail.single = taps & 1
    for i in range(2, window.levels):
        trail.earlier[i][0] = (i - 2) * LANES - window.span[i - 1] * trail.row
        trail.earlier[i][1] = trail.earlier[i][0] - window.span[i - 1] * trail.row
    return trail


# The latest of a column, the newest first; MANY_REGISTERS: of its sums of three, too
cdef struct Recent:
    vec squares[2]
    vec threes[6]


cdef inline void push_threes(Recent* recent, vec threes) noexcept nogil:
    # not a loop, which compilers keep
    recent.threes[5] = recent.threes[4]
    recent.threes[4] = recent.threes[3]
    recent.threes[3] = recent.threes[2]
    recent.threes[2] = recent.threes[1]
    recent.threes[1] = recent.threes[0]
    recent.threes[0] = threes


# A row enters: returns where its sums are.
cdef inline real* trail_on(const Trail* trail, real* newest, Recent* recent, vec square) noexcept nogil:
    cdef vec threes = square + recent.squares[0] + recent.squares[1], sum = threes
    cdef int level = 2
    cdef real* to
    recent.squares[1] = recent.squares[0]
    recent.squares[0] = square
    newest += trail.row
    to = newest
    if not MANY_REGISTERS or trail.stores_threes:
        store(to, threes)
    if MANY_REGISTERS and trail.levels > 2:
        sum = threes + recent.threes[2] + recent.threes[5]
        push_threes(recent, threes)
        to += LANES
        store(to, sum)
        level = 3
    for level in range(level, trail.levels):
        sum = sum + load(newest + trail.earlier[level][0]) + load(newest + trail.earlier[level][1])
        to += LANES
        store(to, sum)
    return newest


# s of the window that ends at the newest row, of which `squares` taps are in registers; the order of the additions is
# that of `half_sums`.
cdef inline vec sum_trailing(const Trail* trail, int squares, const real* newest, const Recent* recent, vec scale,
                             vec k) noexcept nogil:
    # the half that the next tap belongs to, and the other
    cdef vec half = splat(0), other = splat(0), even
    cdef int j
    if squares == 1:
        other = recent.squares[0]
    elif squares == 2:
        half = recent.squares[0]
        other = recent.squares[1]
    # not a loop, which compilers keep
    half = half + load(newest + trail.tap[0])
    other = other + load(newest + trail.tap[1])
    if trail.pairs > 1:
        half = half + load(newest + trail.tap[2])
        other = other + load(newest + trail.tap[3])
    for j in range(2, trail.pairs):
        half = half + load(newest + trail.tap[2 * j])
        other = other + load(newest + trail.tap[2 * j + 1])
    if trail.single:
        half = half + load(newest + trail.tap[2 * trail.pairs])
    if squares == 1:
        even = other
        other = half
        half = even
    return muladd(scale, half, muladd(scale, other, k))


# One column, of the vectors at element `begin` of the lines
cdef outlying long_column(const Formula* f, const Trail* trail, const Lines* at, Py_ssize_t begin,
                          Inside* all_seen) noexcept nogil:
    cdef Py_ssize_t count = at.count, after = at.after, x_pitch = at.x_pitch, y_pitch = at.y_pitch, turn
    cdef Raising to = raising(f, THREE_QUARTERS)
    cdef Inside inside = all_seen[0]
    cdef vec scale = splat(f.scale), k = splat(f.k), s = splat(1), v, x
    cdef Estimate estimate = estimate_of(s), correction = estimate
    cdef Recent recent
    cdef const real* entering = at.x + begin
    cdef const real* x_at = entering
    cdef real* y_at = at.y + begin
    cdef real* original = at.originals
    cdef real* newest = trail.begin + trail.reach - trail.row
    recent.squares[0] = recent.squares[1] = splat(0)
    for turn in range(6):
        recent.threes[turn] = splat(0)
    for turn in range(after + 1):
        prefetch_outer(<const char*>entering + COLUMNS_AHEAD)
        v = load(entering)
        entering = <const real*>(<const char*>entering + x_pitch)
        newest = trail_on(trail, newest, &recent, v * v)
    for turn in range(count + LONG_WAITS):
        if turn >= LONG_WAITS:
            prefetch_outer(<char*>y_at + COLUMNS_AHEAD)
            x = held(load(x_at))
            v = with_zeros_sign(times_corrected(x, correction), x)
            inside = still_inside(inside, correction.tested, to.holds)
            if original:
                store(original, load(y_at))
                original += LANES
            store(y_at, v)
            x_at = <const real*>(<const char*>x_at + x_pitch)
            y_at = <real*>(<char*>y_at + y_pitch)
        correction = with_correction(estimate)
        estimate = estimate_of(s)
        if turn < count:
            s = sum_trailing(trail, trail.squares, newest, &recent, scale, k)
            v = splat(0)
            if turn + after + 1 < count:
                prefetch_outer(<const char*>entering + COLUMNS_AHEAD)
                v = load(entering)
                entering = <const real*>(<const char*>entering + x_pitch)
            newest = trail_on(trail, newest, &recent, v * v)
    all_seen[0] = inside


# As planar_loop
cdef Py_ssize_t planar_long(const Formula* f, const Lines* at) noexcept nogil:
    cdef Trail trail = trail_of(at.window, at.trailing)
    cdef Range holds = raising(f, THREE_QUARTERS).holds
    cdef Inside inside = nothing_outside()
    cdef Py_ssize_t begin = 0
    memset(trail.begin, 0, trail.reach * sizeof(real))
    while begin < at.length:
        # the last column overlaps the one before
        begin = min(begin, at.length - LANES)
        long_column(f, &trail, at, begin, &inside)
        if at.originals and not all_inside(inside, holds):
            put_back(at, begin)
            return begin
        begin += LANES
    return at.length if all_inside(inside, holds) else 0
