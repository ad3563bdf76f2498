# The forward and the gradient of planar data in one pass, column of vectors by column, with everything in between in
# registers: for beta 3/4 and windows of 3, 5 and 9 channels. As of packed data (straight_packed.pxi), a vector takes a
# step each turn, and here seven or ten are under way. Windows hold vectors of earlier and later turns, of 5 channels:
#
#     turn            0   1   2   3   4   5   6   7   8   9  ...
#     square x        0   1   2   3
#     sum them            .   .   0   1
#     estimate p                      0   1
#     correct it                          0   1
#     y, or gp and t                          0   1   2
#     dx                                          .   .   0   1
#
# Two columns have a gap of two turns between them, as many as windows reach on, with zeros for the rows that are not
# there.
#
# In place, a column is over its operands before all of its s are known to be in range. What it was written over is kept
# for one column, and put back if some are not (`originals`).

cdef enum:
    COLUMNS_AHEAD = 128     # bytes from a vector to the one that is prefetched, into the second-level cache


# The latest vectors of a step, as many as a window holds, the newest first
cdef struct Column:
    vec latest[2 * MOST_REACH + 1]


cdef inline void push(Column* column, vec v, int reach) noexcept nogil:
    cdef vec* latest = &column.latest[0]
    # not a loop, which compilers keep
    if reach > 2:
        latest[8] = latest[7]
        latest[7] = latest[6]
        latest[6] = latest[5]
        latest[5] = latest[4]
    if reach > 1:
        latest[4] = latest[3]
        latest[3] = latest[2]
    latest[2] = latest[1]
    latest[1] = latest[0]
    latest[0] = v


# The sum of a window; the order of the additions is that of `half_sums`.
cdef inline vec sum_down(const Column* column, int reach) noexcept nogil:
    cdef const vec* v = &column.latest[0]
    cdef vec even = v[0] + v[2], odd = v[1]
    if reach > 1:
        even = even + v[4]
        odd = odd + v[3]
    if reach > 2:
        even = even + v[6] + v[8]
        odd = odd + v[5] + v[7]
    return even + odd


# The turns at which vector 0 takes its steps
cdef inline int gained_down(int reach) noexcept nogil:
    return reach + 4


cdef inline int combined_down(int reach) noexcept nogil:
    return 2 * reach + 5


# Where a step is: not in a column's rows before its first turn, in gaps and at the end
cdef struct Descent:
    const real* x
    const real* g
    real* y
    Py_ssize_t row
    Py_ssize_t left     # elements of the lines from here on


cdef inline Descent descent(const Lines* lines, Py_ssize_t first_turn) noexcept nogil:
    return Descent(x=lines.x, g=lines.g, y=lines.y, row=-first_turn, left=lines.length)


cdef inline bint is_in_rows(const Descent* at, const Extent* lines) noexcept nogil:
    return <size_t>at.row < <size_t>lines.count


cdef inline void go_down(Descent* at, const Extent* lines) noexcept nogil:
    at.row += 1
    at.x = <const real*>(<const char*>at.x + lines.x_pitch)
    at.g = <const real*>(<const char*>at.g + lines.g_pitch)
    at.y = <real*>(<char*>at.y + lines.y_pitch)


# A turn outside the rows, the last one of a gap to the next column; the last column overlaps the one before.
cdef inline void pass_gap(Descent* at, const Extent* lines, int reach) noexcept nogil:
    cdef Py_ssize_t step = min(<Py_ssize_t>LANES, at.left - LANES)
    at.row += 1
    if at.row == lines.count + reach:
        at.row = 0 if step else -combined_down(reach)
        at.left -= step
        at.x = <const real*>(<const char*>(at.x + step) - lines.count * lines.x_pitch)
        at.g = <const real*>(<const char*>(at.g + step) - lines.count * lines.g_pitch)
        at.y = <real*>(<char*>(at.y + step) - lines.count * lines.y_pitch)


# Puts back what was in the column of vectors from element `begin` of the lines on.
cdef rare put_back(const Lines* lines, Py_ssize_t begin) noexcept nogil:
    cdef Py_ssize_t row
    for row in range(lines.count):
        store(<real*>(<char*>(lines.y + begin) + row * lines.y_pitch), load(lines.originals + row * LANES))


# Returns how many elements of each line have their results. In place the others are what they were, and the lines are
# whole vectors.
cdef inline Py_ssize_t planar_loop(const Formula* f, const Lines* at, int reach, bint late) noexcept nogil:
    cdef Extent lines = extent_of(at)
    cdef Py_ssize_t last = combined_down(reach) if late else gained_down(reach), done = 0, turn
    cdef Py_ssize_t turns = (lines.count + reach) * ((lines.length + LANES - 1) // LANES) - reach + last + 1
    cdef Raising to = raising(f, THREE_QUARTERS)
    cdef Inside inside = nothing_outside()
    cdef Descent square = descent(at, 0), gain = descent(at, gained_down(reach)), result = descent(at, last)
    cdef vec scale = splat(f.scale), k = splat(f.k), minus_slope = splat(-f.slope), seen = splat(0), s = splat(1), v, x
    cdef Column squares, terms, gains
    cdef Estimate estimate = estimate_of(s), correction = estimate
    cdef real* original = at.originals
    cdef int i
    for i in range(2 * reach + 1):
        squares.latest[i] = terms.latest[i] = gains.latest[i] = splat(0)
    for turn in range(turns):
        if is_in_rows(&result, &lines):
            prefetch_outer(<char*>result.y + COLUMNS_AHEAD)
            if late:
                v = muladd(minus_slope, load(result.x) * sum_down(&terms, reach), gains.latest[reach])
                seen = seen + v
            else:
                x = held(load(result.x))
                v = with_zeros_sign(times_corrected(x, correction), x)
                inside = still_inside(inside, correction.tested, to.holds)
            if original:
                store(original, load(result.y))
                original += LANES
            store(result.y, v)
            go_down(&result, &lines)
        else:
            if original and result.row == lines.count:
                if not all_inside(inside, to.lossless if late else to.holds) or late and may_have_nonfinite(seen):
                    put_back(at, done)
                    return done
                done += LANES
                original = at.originals
            pass_gap(&result, &lines, reach)
        if late:
            push(&gains, gains.latest[0], reach)
            push(&terms, splat(0), reach)
            if is_in_rows(&gain, &lines):
                prefetch_outer(<const char*>gain.g + COLUMNS_AHEAD)
                gains.latest[0] = times_corrected(held(load(gain.g)), correction)
                terms.latest[0] = gains.latest[0] * (load(gain.x) * correction.inverse)
                inside = still_inside(inside, correction.tested, to.holds)
                go_down(&gain, &lines)
            else:
                pass_gap(&gain, &lines, reach)
        correction = with_correction(estimate)
        estimate = estimate_of(s)
        s = muladd(scale, sum_down(&squares, reach), k)
        push(&squares, splat(0), reach)
        if is_in_rows(&square, &lines):
            prefetch_outer(<const char*>square.x + COLUMNS_AHEAD)
            v = load(square.x)
            squares.latest[0] = v * v
            go_down(&square, &lines)
        else:
            pass_gap(&square, &lines, reach)
    return at.length if original or may_stay(f, at, &to, inside, seen, late) else 0
