# The gradient of packed data in one pass, slab by slab, with everything in between in registers: for beta 3/4 and
# windows of 3 and 5 channels, where an instruction set shifts the lanes of two vectors side by side.
#
# A vector's operations are one chain of a hundred cycles, and a processor's schedulers hold some sixty operations that
# wait. So a vector takes a step of the chain each turn, and seven are under way:
#
#     turn            0   1   2   3   4   5   6   7   8 ...
#     square x        0   1   2   3
#     sum them            .   0   1   2                       its windows hold vectors on both sides
#     estimate p                  0   1   2
#     correct it                      0   1   2
#     gp and t                            0   1   2
#     dx                                      .   0   1   2   likewise
#
# In each turn the latest step is first: it takes what the turn before left. The vectors of all slabs follow each
# other, and where a slab begins or ends, windows have zeros in place of the neighbours. Slabs that are walked as one
# (walk_stream.pxi) have masks in each window.

cdef enum:
    SQUARED = 0     # the turns at which vector 0 takes its steps
    SUMMED = 2
    ESTIMATED = 3
    CORRECTED = 4
    GAINED = 5
    COMBINED = 7


# Where a step is in the lines
cdef struct Place:
    const real* x
    const real* g
    real* y
    Py_ssize_t left     # elements of the line from here on
    Py_ssize_t row      # of planar data
    Py_ssize_t mask     # of adjoining slabs


cdef inline Place begin_of_lines(const Lines* lines) noexcept nogil:
    return Place(x=lines.x, g=lines.g, y=lines.y, left=lines.length, row=0, mask=0)


# Is a place at the last vector of a line? That may be a part of one.
cdef inline bint at_end(const Place* at) noexcept nogil:
    return UNLIKELY(at.left <= LANES)


cdef inline Py_ssize_t part_at(const Place* at) noexcept nogil:
    return part_of(at.left) if at_end(at) else 0


# To the next vector, of the next line where one ends
cdef inline void go_on(Place* at, const Lines* lines, bint adjoining) noexcept nogil:
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
cdef inline vec masked(const Taps* taps, int j, const Place* at, vec v) noexcept nogil:
    return keep(v, load(taps.masks + at.mask + j * taps.mask_pitch))


# `sum_around` where slabs adjoin
cdef inline vec sum_masked(const Taps* taps, const Place* at, vec before, vec v, vec after, int reach) noexcept nogil:
    cdef vec even = masked(taps, 0, at, lanes_after(v, after, reach))
    even = even + (masked(taps, 2, at, lanes_before(before, v, 1)) if reach == 1 else v)
    if reach == 1:
        return even + v
    even = even + masked(taps, 4, at, lanes_before(before, v, 2))
    return even + (masked(taps, 1, at, lanes_after(v, after, 1)) + masked(taps, 3, at, lanes_before(before, v, 1)))


# The sum of a window around vector v of a line: zeros where `before` and `after` are those of other lines
cdef inline vec sum_at(const Place* at, const Lines* lines, vec before, vec v, vec after, int reach,
                       bint adjoining) noexcept nogil:
    if adjoining:
        return sum_masked(&lines.taps[SQUARES], at, before, v, after, reach)
    if UNLIKELY(at.left == lines.length):
        before = splat(0)
    if at_end(at):
        after = splat(0)
    return sum_around(before, v, after, reach)


cdef inline bint backward_packed_loop(const Formula* f, const Lines* lines, int reach, bint adjoining) noexcept nogil:
    cdef Py_ssize_t vectors = lines.count * ((lines.length + LANES - 1) // LANES), turn
    cdef Raising to = raising(f, THREE_QUARTERS)
    cdef Inside inside = nothing_outside()
    cdef Place square = begin_of_lines(lines), sum = square, gain = square, dx = square
    cdef vec scale = splat(f.scale), k = splat(f.k), minus_slope = splat(-f.slope), seen = splat(0), v, x
    # the three latest squares and t, the two latest gp, and the powers between their steps
    cdef vec q_before = splat(0), q = splat(0), q_after = splat(0), s = splat(1)
    cdef vec t_before = splat(0), t = splat(0), t_after = splat(0), gp = splat(0), gp_after = splat(0)
    cdef Estimate estimate = estimate_of(s), correction = estimate
    for turn in range(vectors + COMBINED):
        if turn >= COMBINED:
            x = fetch(dx.x, part_at(&dx))
            v = muladd(minus_slope, x * sum_at(&dx, lines, t_before, t, t_after, reach, adjoining), gp)
            put(dx.y, v, False, part_at(&dx))
            seen = seen + v
            go_on(&dx, lines, adjoining)
        gp = gp_after
        t_before = t
        t = t_after
        if <size_t>(turn - GAINED) < <size_t>vectors:
            gp_after = times_corrected(held(fetch(gain.g, part_at(&gain))), correction)
            t_after = gp_after * (fetch(gain.x, part_at(&gain)) * correction.inverse)
            go_on(&gain, lines, False)
        correction = with_correction(estimate)
        estimate = estimate_of(s)
        if <size_t>(turn - SUMMED) < <size_t>vectors:
            s = muladd(scale, sum_at(&sum, lines, q_before, q, q_after, reach, adjoining), k)
            if part_at(&sum):
                s = first_lanes(s, splat(1), sum.left)
            go_on(&sum, lines, adjoining)
        if ESTIMATED <= turn:
            inside = still_inside(inside, estimate.tested, to.holds)
        q_before = q
        q = q_after
        if turn < vectors:
            x = fetch(square.x, part_at(&square))
            q_after = x * x
            go_on(&square, lines, False)
    return (all_inside(inside, to.holds) and not may_have_nonfinite(seen)
            and (all_inside(inside, to.lossless) or not may_lose_bits(f, lines)))
