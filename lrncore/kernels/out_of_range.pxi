# What leaves the range of the fast powers, or loses bits on the way though s does not.
#
# The loops test all s of their lines at once (power.h), and call these where some s is out of range: they go over the
# lines again, vector by vector. The forward recomputes those results from x (exact.pxi). The backward sets t to NaN
# there, upon which every gradient that reads it is no number either, and `combine` recomputes those (op_backward.pxi).
# Where tables hold for fewer s than the general power, that one serves in between. A NaN among the operands makes
# the result NaN, and nothing is recomputed.
#
# A raised quotient x / s of a tiny x and a large s may be subnormal, and what it is multiplied with large. Such s are
# in range: a loop that met one looks for tiny x, and only beside those for what was lost.

cdef enum Reach:
    TABLED      # in range of the loop's power
    GENERAL     # of the general one
    BEYOND      # of neither


cdef inline bint tests_squares(const Formula* f) noexcept nogil:
    return TESTS_SQUARE and f.kind == THREE_QUARTERS


cdef inline Reach reach_of(const Formula* f, real s) noexcept nogil:
    if not lane_within(s * s if tests_squares(f) else s, f.holds):
        return BEYOND
    if f.kind == ANY and not lane_within(s, f.exponent.foreseen):
        return GENERAL
    return TABLED


# Are all s of a vector in range of the loop's power?
cdef inline bint all_tabled(const Formula* f, vec s) noexcept nogil:
    cdef Range range = f.exponent.foreseen if f.kind == ANY else f.holds
    return all_inside(still_inside(nothing_outside(), s * s if tests_squares(f) else s, range), range)


# Is an s NaN because an element is? Infinite squares alone make none, unless scale turns them around or their rounding
# is taken back.
cdef inline bint keeps_nans_apart(const Formula* f) noexcept nogil:
    return f.exact_scale > 0 and f.beta != 0 and f.addition != COMPENSATED


cdef inline bint is_final_nan(const Formula* f, real s) noexcept nogil:
    return s != s and keeps_nans_apart(f)


cdef inline wide_bits final_nans(const Formula* f, wide s) noexcept nogil:
    return is_nan(s if keeps_nans_apart(f) else wide_splat(0))


# The results of lines whose s is not in range of the loop's power
cdef rare normalize_exactly(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Redo redo = Redo(f=f, evaluate=NULL, around=lines.around, x=lines.x, g=lines.x, y=lines.y)
    cdef Py_ssize_t line, i
    cdef Windows windows
    cdef Spot at
    cdef vec s
    open_windows(&windows, f, lines, SQUARES, how_again(f, lines), 0)
    for line in range(lines.count):
        aim_track(lines, redo.x, redo.g)
        i = at.mask = 0
        while i < lines.length:
            at.i = i + line * lines.pitch
            at.part = part_of(lines.length - i)
            s = any_sum_under_power(&windows, at)
            if not all_tabled(f, s):
                normalize_beyond(&redo, i, step_of(at.part), s)
            i += LANES
            at.mask = next_mask(at.mask, windows.period)
        redo.x = <const real*>(<const char*>redo.x + lines.x_pitch)
        redo.g = redo.x
        redo.y = <real*>(<char*>redo.y + lines.y_pitch)


# Those of a vector of sums, of which `count` are in the line
cdef rare normalize_beyond(const Redo* redo, Py_ssize_t i, Py_ssize_t count, vec s) noexcept nogil:
    cdef const Formula* f = redo.f
    cdef real sums[MOST_LANES]
    cdef real tested[MOST_LANES]
    cdef real powers[MOST_LANES]
    cdef Py_ssize_t first = 0, some
    cdef vec x
    cdef wide_bits inside, beyond, final_nan, present
    cdef wide v
    cdef Site site
    store(sums, s)
    store(tested, s * s if tests_squares(f) else s)
    if f.kind == ANY:
        x = fetch(redo.x + i, count if count < LANES else 0)
        store(powers, with_sign(times_exp2(x, s, &f.exponent), x))
    while first < count:
        some = min(count - first, <Py_ssize_t>WIDE_LANES)
        present = wide_first_lanes(some)
        inside = wide_within(wide_of_reals(tested + first), f.holds)
        beyond = present & ~inside
        final_nan = final_nans(f, wide_of_reals(sums + first))
        v = wide_splat(NAN)
        if any_lane(beyond & ~final_nan):
            site = site_of(redo.around, redo.x, redo.g, i + first, some)
            v = wide_select(final_nan, v, normalized_at(f, &site))
        if f.kind == ANY:
            inside = inside & ~wide_within(wide_of_reals(sums + first), f.exponent.foreseen)
            v = wide_select(inside, wide_of_reals(powers + first), v)
            beyond = beyond | (present & inside)
        put_wanted(redo, i + first, some, beyond, v)
        first += WIDE_LANES


# The gains of lines whose s is not in range of the loop's power; t is NaN where no power holds.
cdef rare gains_exactly(const Formula* f, const Lines* lines) noexcept nogil:
    cdef const real* x = lines.x
    cdef const real* g = lines.g
    cdef real sums[MOST_LANES]
    cdef real powers[MOST_LANES]
    cdef real quotients[MOST_LANES]
    cdef Py_ssize_t line, i, lane
    cdef Windows windows
    cdef Reach reach
    cdef Spot at
    cdef vec s
    open_windows(&windows, f, lines, SQUARES, how_again(f, lines), 0)
    for line in range(lines.count):
        i = at.mask = 0
        while i < lines.length:
            at.i = i + line * lines.pitch
            at.part = part_of(lines.length - i)
            s = any_sum_under_power(&windows, at)
            store(sums, s)
            if f.kind == ANY:
                store(powers, times_exp2(fetch(g + i, at.part), s, &f.exponent))
                store(quotients, quotient(fetch(x + i, at.part), s, RAISED))
            for lane in range(at.part if at.part else LANES):
                reach = reach_of(f, sums[lane])
                if reach == BEYOND:
                    lines.t[at.i + lane] = NAN
                elif reach == GENERAL:
                    lines.gp[at.i + lane] = powers[lane]
                    lines.t[at.i + lane] = powers[lane] * quotients[lane]
            i += LANES
            at.mask = next_mask(at.mask, windows.period)
        x = <const real*>(<const char*>x + lines.x_pitch)
        g = <const real*>(<const char*>g + lines.g_pitch)


# Are there x in the lines that may have lost bits in x / s?
cdef bint has_tiny(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Inside seen = nothing_outside()
    cdef const real* x = lines.x
    cdef Py_ssize_t line, i
    for line in range(lines.count):
        i = 0
        while i < lines.length:
            seen = seen_tiny(seen, fetch(x + i, part_of(lines.length - i)), f.tiny)
            i += LANES
        x = <const real*>(<const char*>x + lines.x_pitch)
    return any_tiny(seen, f.tiny)


# Is a product of x, which is not 0, subnormal, and what it lost a visible part of its product with `factor`?
cdef inline bint is_lost(real x, real product, double factor) noexcept nogil:
    return x != 0 and fabs(product) < ldexp(1, 1 - EXPONENT_BIAS) and not fabs(factor) <= 0.125


# Lines some s of which are so large that x / s may have lost bits
cdef bint may_lose_bits(const Formula* f, const Lines* lines) noexcept nogil:
    return f.exact_scale != 0 and f.beta != 0 and (f.watches_gains or has_tiny(f, lines))


# Lines some s of which are out of range, or so large
cdef rare gains_beyond(const Formula* f, const Lines* lines, bint all_held) noexcept nogil:
    if not all_held:
        gains_exactly(f, lines)
    if may_lose_bits(f, lines):
        mark_lost(f, lines)


# t is NaN where bits of g s^-beta or of x / s were lost that show in results. A result has x[c] times it, and where
# nothing is negative x[c]^2 is at most s / scale.
cdef rare mark_lost(const Formula* f, const Lines* lines) noexcept nogil:
    cdef const real* x = lines.x
    cdef const real* g = lines.g
    cdef real sums[MOST_LANES]
    cdef real quotients[MOST_LANES]
    cdef double largest = INFINITY
    cdef Py_ssize_t line, i, lane
    cdef Windows windows
    cdef Spot at
    cdef vec s
    open_windows(&windows, f, lines, SQUARES, how_again(f, lines), 0)
    for line in range(lines.count):
        i = at.mask = 0
        while i < lines.length:
            at.i = i + line * lines.pitch
            at.part = part_of(lines.length - i)
            s = any_sum_under_power(&windows, at)
            store(sums, s)
            store(quotients, quotient(fetch(x + i, at.part), s, RAISED))
            for lane in range(at.part if at.part else LANES):
                if f.exact_scale > 0 and f.exact_k >= 0:
                    largest = sqrt(sums[lane] / f.exact_scale)
                if (is_lost(real_of(x + i + lane), quotients[lane], lines.gp[at.i + lane] * largest * f.slope)
                        or f.watches_gains and is_lost(real_of(g + i + lane), lines.gp[at.i + lane], INFINITY)):
                    lines.t[at.i + lane] = NAN
            i += LANES
            at.mask = next_mask(at.mask, windows.period)
        x = <const real*>(<const char*>x + lines.x_pitch)
        g = <const real*>(<const char*>g + lines.g_pitch)
