# The gradient of planar data in one pass, column of vectors by column, with everything in between in registers: for
# beta 3/4 and windows of 3 and 5 channels. As of packed data (op_backward_packed.pxi), a vector takes a step each turn,
# and here ten are under way. Windows hold vectors of earlier and later turns:
#
#     turn            0   1   2   3   4   5   6   7   8   9  ...
#     square x        0   1   2   3
#     sum them            .   .   0   1
#     estimate p                      0   1
#     correct it                          0   1
#     gp and t                                0   1   2
#     dx                                          .   .   0   1

cdef enum:
    SUMMED_DOWN = 3     # the turns at which vector 0 takes its steps
    ESTIMATED_DOWN = 4
    GAINED_DOWN = 6
    COMBINED_DOWN = 9
    COLUMNS_AHEAD = 128     # bytes from a vector to the one that is prefetched, into the second-level cache


# The five latest vectors of a step, the newest first
cdef struct Column:
    vec latest[5]


cdef inline void push(Column* column, vec v) noexcept nogil:
    cdef int i
    for i in range(4, 0, -1):
        column.latest[i] = column.latest[i - 1]
    column.latest[0] = v


# To the next row, or to the first of the next column; the last column overlaps the one before.
cdef inline void go_down(Place* at, const Lines* lines) noexcept nogil:
    cdef Py_ssize_t back = 0
    at.row += 1
    if UNLIKELY(at.row == lines.count):
        back = lines.count
        at.row = 0
    at.x = <const real*>(<const char*>at.x + lines.x_pitch)
    at.g = <const real*>(<const char*>at.g + lines.g_pitch)
    at.y = <real*>(<char*>at.y + lines.y_pitch)
    if UNLIKELY(back != 0):
        back = min(<Py_ssize_t>LANES, at.left - LANES)
        at.left -= back
        at.x = <const real*>(<const char*>(at.x + back) - lines.count * lines.x_pitch)
        at.g = <const real*>(<const char*>(at.g + back) - lines.count * lines.g_pitch)
        at.y = <real*>(<char*>(at.y + back) - lines.count * lines.y_pitch)


# The sum of a window around the vector in the middle of a column: zeros where others are beyond its ends
cdef inline vec sum_down(const Place* at, const Lines* lines, const Column* column, int reach) noexcept nogil:
    cdef vec last = column.latest[0], after = column.latest[1], before = column.latest[3], first = column.latest[4]
    if UNLIKELY(at.row >= lines.count - 2):
        last = splat(0)
        if at.row == lines.count - 1:
            after = last
    if UNLIKELY(at.row < 2):
        first = splat(0)
        if at.row == 0:
            before = first
    if reach == 1:
        return (after + before) + column.latest[2]
    return ((last + column.latest[2]) + first) + (after + before)


cdef inline bint backward_planar_loop(const Formula* f, const Lines* lines, int reach) noexcept nogil:
    cdef Py_ssize_t vectors = lines.count * ((lines.length + LANES - 1) // LANES), turn
    cdef Raising to = raising(f, THREE_QUARTERS)
    cdef Inside inside = nothing_outside()
    cdef Place square = begin_of_lines(lines), sum = square, gain = square, dx = square
    cdef vec scale = splat(f.scale), k = splat(f.k), minus_slope = splat(-f.slope), seen = splat(0), s = splat(1), v
    cdef Column squares, terms, gains
    cdef Estimate estimate = estimate_of(s), correction = estimate
    cdef int i
    for i in range(5):
        squares.latest[i] = terms.latest[i] = gains.latest[i] = splat(0)
    for turn in range(vectors + COMBINED_DOWN):
        if turn >= COMBINED_DOWN:
            prefetch_outer(<char*>dx.y + COLUMNS_AHEAD)
            v = muladd(minus_slope, load(dx.x) * sum_down(&dx, lines, &terms, reach), gains.latest[2])
            store(dx.y, v)
            seen = seen + v
            go_down(&dx, lines)
        push(&gains, gains.latest[0])
        push(&terms, terms.latest[0])
        if <size_t>(turn - GAINED_DOWN) < <size_t>vectors:
            prefetch_outer(<const char*>gain.g + COLUMNS_AHEAD)
            gains.latest[0] = times_corrected(held(load(gain.g)), correction)
            terms.latest[0] = gains.latest[0] * (load(gain.x) * correction.inverse)
            go_down(&gain, lines)
        correction = with_correction(estimate)
        estimate = estimate_of(s)
        if <size_t>(turn - SUMMED_DOWN) < <size_t>vectors:
            s = muladd(scale, sum_down(&sum, lines, &squares, reach), k)
            go_down(&sum, lines)
        if ESTIMATED_DOWN <= turn:
            inside = still_inside(inside, estimate.tested, to.holds)
        push(&squares, squares.latest[0])
        if turn < vectors:
            prefetch_outer(<const char*>square.x + COLUMNS_AHEAD)
            v = load(square.x)
            squares.latest[0] = v * v
            go_down(&square, lines)
    return (all_inside(inside, to.holds) and not may_have_nonfinite(seen)
            and (all_inside(inside, to.lossless) or not may_lose_bits(f, lines)))


# The gradient of whole slabs, or of columns of one. False if some has to be recomputed, and all of it has to be done
# the other way.
cdef bint backward_straight(const Formula* f, const Lines* lines, Py_ssize_t reach, bint packed) noexcept nogil:
    if not MANY_REGISTERS:
        return False
    if packed and lines.period:
        return backward_packed_loop(f, lines, 2, True) if reach == 2 else backward_packed_loop(f, lines, 1, True)
    if packed:
        return backward_packed_loop(f, lines, 2, False) if reach == 2 else backward_packed_loop(f, lines, 1, False)
    return backward_planar_loop(f, lines, 2) if reach == 2 else backward_planar_loop(f, lines, 1)


# Does the gradient have such loops for this? With sixteen registers they are slower than the hooks, 1.15 times on AVX2
# and 1.1 on SSE2 (planar, in cache).
cdef inline bint goes_straight(const Formula* f, Py_ssize_t before, Py_ssize_t after) noexcept nogil:
    return MANY_REGISTERS and f.kind == THREE_QUARTERS and before == after and 1 <= before <= 2
