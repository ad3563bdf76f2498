# The forward and the gradient of packed data in one pass, slab by slab, with everything in between in registers: for
# beta 3/4 and windows of 3, 5 and 9 channels, where an instruction set shifts the lanes of two vectors side by side.
#
# A vector's operations are one chain of sixty cycles, of the gradient a hundred, and a processor's schedulers hold some
# sixty operations that wait. So a vector takes a step of the chain each turn, and six or eight are under way:
#
#     turn            0   1   2   3   4   5   6   7   8 ...
#     square x        0   1   2   3
#     sum them            .   0   1   2                       its windows hold vectors on both sides
#     estimate p                  0   1   2
#     correct it                      0   1   2
#     y, or gp and t                      0   1   2
#     dx                                      .   0   1   2   likewise
#
# In each turn the latest step is first: it takes what the turn before left. The vectors of all slabs follow each
# other, and where a slab begins or ends, windows have zeros in place of the neighbours. x is read again for the result,
# so results may be written over it; what they are written over in place is kept (`originals`, see walk_slabs.pxi).
# Slabs that are walked as one (walk_stream.pxi) have masks in each window.

cdef enum:
    MOST_REACH = 4  # of a window to each side
    SUMMED = 2      # the turns at which vector 0 takes its steps
    GAINED = 5
    COMBINED = 7


# The lines of a loop, where nothing that it stores may change them
cdef struct Extent:
    Py_ssize_t count
    Py_ssize_t length
    Py_ssize_t x_pitch
    Py_ssize_t g_pitch
    Py_ssize_t y_pitch
    const real* masks       # of adjoining slabs, as in Lines
    Py_ssize_t mask_pitch
    Py_ssize_t period


cdef inline Extent extent_of(const Lines* lines) noexcept nogil:
    return Extent(count=lines.count, length=lines.length, x_pitch=lines.x_pitch, g_pitch=lines.g_pitch,
                  y_pitch=lines.y_pitch, masks=NULL, mask_pitch=0, period=0)


# Where a step is in the lines
cdef struct Place:
    const real* x
    const real* g
    real* y
    Py_ssize_t left     # elements of the line from here on
    Py_ssize_t mask     # of adjoining slabs


cdef inline Place begin_of_lines(const Lines* lines) noexcept nogil:
    return Place(x=lines.x, g=lines.g, y=lines.y, left=lines.length, mask=0)


# Is a place at the last vector of a line? That may be a part of one.
cdef inline bint at_end(const Place* at) noexcept nogil:
    return UNLIKELY(at.left <= LANES)


cdef inline Py_ssize_t part_at(const Place* at) noexcept nogil:
    return part_of(at.left) if at_end(at) else 0


# To the next vector, of the next line where one ends
cdef inline void go_on(Place* at, const Extent* lines, bint adjoining) noexcept nogil:
    cdef Py_ssize_t back
    if adjoining:
        at.mask = next_mask(at.mask, lines.period)
    if at_end(at):
        back = lines.length - at.left
        at.left = lines.length
        at.x = <const real*>(<const char*>(at.x - back) + lines.x_pitch)
        at.g = <const real*>(<const char*>(at.g - back) + lines.g_pitch)
        at.y = <real*>(<char*>(at.y - back) + lines.y_pitch)
    else:
        at.left -= LANES
        at.x += LANES
        at.g += LANES
        at.y += LANES


# A tap of `sum_around`, as far as it is inside its slab
cdef inline vec masked(const Place* at, const Extent* lines, int j, vec v) noexcept nogil:
    return keep(v, load(lines.masks + at.mask + j * lines.mask_pitch))


# `sum_around` where slabs adjoin
cdef inline vec sum_masked(const Place* at, const Extent* lines, vec before, vec v, vec after,
                           int reach) noexcept nogil:
    cdef vec even = masked(at, lines, 0, lanes_after(v, after, reach))
    if reach == 1:
        return (even + masked(at, lines, 2, lanes_before(before, v, 1))) + v
    even = even + v + masked(at, lines, 4, lanes_before(before, v, 2))
    return even + (masked(at, lines, 1, lanes_after(v, after, 1)) + masked(at, lines, 3, lanes_before(before, v, 1)))


# The sum of a window around vector v of a line: zeros where `before` and `after` are those of other lines
cdef inline vec sum_at(const Place* at, const Extent* lines, vec before, vec v, vec after, int reach,
                       bint adjoining) noexcept nogil:
    if adjoining:
        return sum_masked(at, lines, before, v, after, reach)
    if UNLIKELY(at.left == lines.length):
        before = splat(0)
    if at_end(at):
        after = splat(0)
    return sum_around(before, v, after, reach)


# May the results stay? Where some s was out of range, or bits were lost, some have to be recomputed. Whether bits can
# have been lost is seen from x, unless the results are over it.
cdef inline bint may_stay(const Formula* f, const Lines* lines, const Raising* to, Inside inside, vec seen,
                          bint late) noexcept nogil:
    if not late:
        return all_inside(inside, to.holds)
    return (all_inside(inside, to.holds) and not may_have_nonfinite(seen)
            and (all_inside(inside, to.lossless) or (lines.x != lines.y and not may_lose_bits(f, lines))))


# Returns the length of the lines, or 0 if they have to be done the other way.
cdef inline Py_ssize_t packed_loop(const Formula* f, const Lines* at, int reach, bint late,
                                   bint adjoining) noexcept nogil:
    cdef Extent lines = extent_of(at)
    cdef Py_ssize_t vectors = lines.count * ((lines.length + LANES - 1) // LANES), turn
    cdef Py_ssize_t last = COMBINED if late else GAINED
    cdef real* original = at.originals
    cdef Raising to = raising(f, THREE_QUARTERS)
    cdef Inside inside = nothing_outside()
    cdef Place square = begin_of_lines(at), sum = square, gain = square, result = square
    cdef vec scale = splat(f.scale), k = splat(f.k), minus_slope = splat(-f.slope), seen = splat(0), v, x
    # the three latest squares and t, the two latest gp, and the powers between their steps
    cdef vec q_before = splat(0), q = splat(0), q_after = splat(0), s = splat(1)
    cdef vec t_before = splat(0), t = splat(0), t_after = splat(0), gp = splat(0), gp_after = splat(0)
    cdef Estimate estimate = estimate_of(s), correction = estimate
    # as long before its first vector; what it sums before that and behind the last one is not used
    sum.left = SUMMED * LANES
    if adjoining:
        lines.masks, lines.mask_pitch = at.taps[SQUARES].masks, at.taps[SQUARES].mask_pitch
        lines.period = at.period
        sum.mask = lines.period - SUMMED * LANES
    for turn in range(vectors + last):
        if turn >= last:
            x = held(fetch(result.x, part_at(&result)))
            if late:
                v = muladd(minus_slope, x * sum_at(&result, &lines, t_before, t, t_after, reach, adjoining), gp)
                seen = seen + v
            else:
                v = with_zeros_sign(times_corrected(x, correction), x)
                inside = still_inside(inside, correction.tested, to.holds)
            if original:
                store(original, fetch(result.y, part_at(&result)))
                original += LANES
            put(result.y, v, False, part_at(&result))
            go_on(&result, &lines, adjoining)
        if late:
            gp = gp_after
            t_before = t
            t = t_after
            if <size_t>(turn - GAINED) < <size_t>vectors:
                gp_after = times_corrected(held(fetch(gain.g, part_at(&gain))), correction)
                t_after = gp_after * (fetch(gain.x, part_at(&gain)) * correction.inverse)
                inside = still_inside(inside, correction.tested, to.holds)
                go_on(&gain, &lines, False)
        correction = with_correction(estimate)
        estimate = estimate_of(s)
        s = muladd(scale, sum_at(&sum, &lines, q_before, q, q_after, reach, adjoining), k)
        if part_at(&sum):
            s = first_lanes(s, splat(1), sum.left)
        go_on(&sum, &lines, adjoining)
        q_before = q
        q = q_after
        if turn < vectors:
            x = fetch(square.x, part_at(&square))
            q_after = x * x
            go_on(&square, &lines, False)
    return lines.length if may_stay(f, at, &to, inside, seen, late) else 0
