# The gradient with respect to x:
#
#     gp[c] = g[c] p[c]    t[c] = gp[c] x[c] / s[c]               ready: the windows of line c are complete (powers.pxi)
#     dx[c] = gp[c] - 2 scale beta x[c] * (sum of t over [c - after, c + before])       late: the reflected ones are
#
# t is stored 2^RAISED times as large (power.h), and the slope 2 scale beta that much smaller. Where s is out of range t
# is NaN, and so is every result that adds it up: a result that is not finite is recomputed from x and g.

# dx of a vector, where `sum` is that of t; adds it to `seen`, which is finite only if all of them are
cdef inline vec combine_vector(const real* x, real* dx, const real* gp, vec sum, vec minus_slope, bint far,
                               Py_ssize_t part, vec seen) noexcept nogil:
    cdef vec v = muladd(minus_slope, fetch(x, part) * sum, load(gp))
    put(dx, v, far, part)
    return seen + v


# Two vectors side by side, as `gains_two`
cdef inline vec combine_two(const real* x, real* dx, const real* gp, Two sum, vec minus_slope,
                            vec seen) noexcept nogil:
    cdef vec v = muladd(minus_slope, load(x) * sum.first, load(gp))
    cdef vec v_behind = muladd(minus_slope, load(x + LANES) * sum.second, load(gp + LANES))
    store(dx, v)
    store(dx + LANES, v_behind)
    return seen + (v + v_behind)


# The same for a part of a vector, in one copy for the loops with constant taps
cdef vec combine_part(const Formula* f, const Lines* lines, const real* x, real* dx, Spot at, vec seen) noexcept nogil:
    cdef Windows windows
    open_windows(&windows, f, lines, SECOND, how_second(lines), 0)
    return combine_vector(x, dx, lines.gp + at.i, any_sum(&windows, &at), splat(-f.slope), False, at.part, seen)


# Constant taps, far from each other or not
cdef inline vec combine_loop(const Formula* f, int taps, bint far, const Lines* lines) noexcept nogil:
    cdef Windows windows
    cdef vec minus_slope = splat(-f.slope), seen = splat(0)
    cdef const real* x = lines.x
    cdef const real* gp = lines.gp
    cdef real* y = lines.y
    cdef Py_ssize_t line, i, end, shift = 0, length = lines.length
    # as `gains`, which leaves nothing behind a line's end then
    cdef bint overlaps = not far and length >= LANES
    cdef Spot at
    open_windows(&windows, f, lines, SECOND, How(source=STORED, taps=taps, addition=PLAIN), taps)
    for line in range(lines.count):
        i = at.mask = 0
        at.part = first_part(y, length, far)
        if far and at.part:
            at.i = shift
            seen = combine_part(f, lines, x, y, at, seen)
            i = at.part
        at.part = 0
        end = length if overlaps else length - LANES + 1
        if TWO_AT_ONCE:
            while overlaps and i <= length - 2 * LANES:
                at.i = i + shift
                seen = combine_two(x + i, y + i, gp + i, sum_two_constant(&windows, at), minus_slope, seen)
                i += 2 * LANES
        while i < end:
            if not far:
                i = min(i, length - LANES)
            at.i = i + shift
            seen = combine_vector(x + i, y + i, gp + i, sum_vector(&windows, at), minus_slope, far, 0, seen)
            i += LANES
        if i < length:
            at.i = i + shift
            at.part = length - i
            seen = combine_part(f, lines, x + i, y + i, at, seen)
        x = <const real*>(<const char*>x + lines.x_pitch)
        y = <real*>(<char*>y + lines.y_pitch)
        gp += lines.pitch
        shift += lines.pitch
    return seen


# Any window, two vectors in each turn. Lines are two vectors long or more.
cdef inline vec combine_by_twos(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Windows windows
    cdef vec minus_slope = splat(-f.slope), seen = splat(0)
    cdef const real* x = lines.x
    cdef const real* gp = lines.gp
    cdef real* y = lines.y
    cdef Py_ssize_t line, i, shift = 0
    cdef Two sums
    open_windows(&windows, f, lines, SECOND, how_second(lines), 0)
    for line in range(lines.count):
        i = 0
        while i < lines.length:
            i = min(i, lines.length - 2 * LANES)
            sums = added_two(&windows, PLAIN, sum_two(&windows, STORED, False, i + shift, 0))
            seen = combine_two(x + i, y + i, gp + i, sums, minus_slope, seen)
            i += 2 * LANES
        x = <const real*>(<const char*>x + lines.x_pitch)
        y = <real*>(<char*>y + lines.y_pitch)
        gp += lines.pitch
        shift += lines.pitch
    return seen


# Vector by vector: for what the loops above do not take
cdef inline vec combine_singly(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Windows windows
    cdef vec minus_slope = splat(-f.slope), seen = splat(0)
    cdef const real* x = lines.x
    cdef real* y = lines.y
    cdef Py_ssize_t line, i
    cdef Spot at
    open_windows(&windows, f, lines, SECOND, how_second(lines), 0)
    for line in range(lines.count):
        i = at.mask = 0
        at.part = first_part(y, lines.length, lines.far)
        while i < lines.length:
            at.i = i + line * lines.pitch
            seen = combine_vector(x + i, y + i, lines.gp + at.i, sum_vector(&windows, at), minus_slope, lines.far,
                                  at.part, seen)
            i += step_of(at.part)
            at.part = part_of(lines.length - i)
            at.mask = next_mask(at.mask, windows.period)
        x = <const real*>(<const char*>x + lines.x_pitch)
        y = <real*>(<char*>y + lines.y_pitch)
    return seen


# With loops of its own for the windows that `gains` has some for
cdef void combine(const Formula* f, const Lines* lines) noexcept nogil:
    cdef How how = how_second(lines)
    cdef vec seen
    if SPECIALIZED and how.source == STORED and how.taps == 5 and lines.far:
        seen = combine_loop(f, 5, True, lines)
    elif SPECIALIZED and how.source == STORED and how.taps == 5:
        seen = combine_loop(f, 5, False, lines)
    elif SPECIALIZED and how.source == STORED and how.taps == 3 and not lines.far:
        seen = combine_loop(f, 3, False, lines)
    elif how.source == STORED and not lines.far and lines.length >= 2 * LANES:
        seen = combine_by_twos(f, lines)
    else:
        seen = combine_singly(f, lines)
    if UNLIKELY(may_have_nonfinite(seen)):
        combine_exactly(f, lines)


cdef Operator BACKWARD


cdef rare define_backward() noexcept nogil:
    global BACKWARD
    BACKWARD = Operator(
        enter=square, climb=climb, along=sum_along, pile=NULL, add=NULL, factors=NULL,
        ready=gains, late=combine, straight=backward_straight, exact=combine_rows, takes_entering=True,
        narrow=narrow_for_terms,
        entering=1, raised=1, steep_quotient=False, any_power=False, reads_g=True, g_enters=False, writes=True,
        parts=0,
    )
