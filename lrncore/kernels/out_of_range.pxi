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


cdef inline Reach reach_of(const Formula* f, real s) noexcept nogil:
    if not lane_within(s * s if TESTS_SQUARE and f.kind == THREE_QUARTERS else s, f.holds):
        return BEYOND
    if f.kind == ANY and not lane_within(s, f.exponent.foreseen):
        return GENERAL
    return TABLED


# Is `s` NaN because an element is? Infinite squares alone make none, unless scale turns them around or their rounding
# is taken back.
cdef inline bint is_final_nan(const Formula* f, real s) noexcept nogil:
    return s != s and f.exact_scale > 0 and f.beta != 0 and f.addition != COMPENSATED


# The results of lines whose s is not in range of the loop's power
cdef void normalize_exactly(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Redo redo = Redo(f=f, evaluate=normalized_at, around=lines.around, x=lines.x, g=lines.x, y=lines.y)
    cdef real sums[MOST_LANES]
    cdef real powers[MOST_LANES]
    cdef bint wanted[MOST_LANES]
    cdef Py_ssize_t line, i, lane, count
    cdef Windows windows
    cdef Reach reach
    cdef Spot at
    cdef vec s, v
    open_windows(&windows, f, lines, SQUARES, how_again(f, lines), 0)
    for line in range(lines.count):
        i = at.mask = 0
        while i < lines.length:
            at.i = i + line * lines.pitch
            at.part = part_of(lines.length - i)
            s = any_sum_under_power(&windows, at)
            store(sums, s)
            if f.kind == ANY:
                v = fetch(redo.x + i, at.part)
                store(powers, with_sign(times_exp2(v, s, &f.exponent), v))
            count = step_of(at.part)
            for lane in range(count):
                reach = reach_of(f, sums[lane])
                wanted[lane] = reach == BEYOND
                if reach == BEYOND and is_final_nan(f, sums[lane]):
                    wanted[lane] = False
                    set_elem(redo.y + i + lane, NAN)
                elif reach == GENERAL:
                    set_elem(redo.y + i + lane, powers[lane])
            recompute(&redo, i, count, wanted)
            i += LANES
            at.mask = next_mask(at.mask, windows.period)
        redo.x = <const elem*>(<const char*>redo.x + lines.x_pitch)
        redo.g = redo.x
        redo.y = <elem*>(<char*>redo.y + lines.y_pitch)


# The gains of lines whose s is not in range of the loop's power; t is NaN where no power holds.
cdef void gains_exactly(const Formula* f, const Lines* lines) noexcept nogil:
    cdef const elem* x = lines.x
    cdef const elem* g = lines.g
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
        x = <const elem*>(<const char*>x + lines.x_pitch)
        g = <const elem*>(<const char*>g + lines.g_pitch)


# Are there x in the lines that may have lost bits in x / s?
cdef bint has_tiny(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Inside seen = nothing_outside()
    cdef const elem* x = lines.x
    cdef Py_ssize_t line, i
    for line in range(lines.count):
        i = 0
        while i < lines.length:
            seen = seen_tiny(seen, fetch(x + i, part_of(lines.length - i)), f.tiny)
            i += LANES
        x = <const elem*>(<const char*>x + lines.x_pitch)
    return any_tiny(seen, f.tiny)


# Is a product of x, which is not 0, subnormal, and what it lost a visible part of its product with `factor`?
cdef inline bint is_lost(real x, real product, double factor) noexcept nogil:
    return x != 0 and fabs(product) < ldexp(1, 1 - EXPONENT_BIAS) and not fabs(factor) <= 0.125


# Lines some s of which are out of range, or so large that x / s may have lost bits
cdef void gains_beyond(const Formula* f, const Lines* lines, bint all_held) noexcept nogil:
    if not all_held:
        gains_exactly(f, lines)
    if f.exact_scale != 0 and f.beta != 0 and (f.watches_gains or has_tiny(f, lines)):
        mark_lost(f, lines)


# t is NaN where bits of g s^-beta or of x / s were lost that show in results. A result has x[c] times it, and where
# nothing is negative x[c]^2 is at most s / scale.
cdef void mark_lost(const Formula* f, const Lines* lines) noexcept nogil:
    cdef const elem* x = lines.x
    cdef const elem* g = lines.g
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
        x = <const elem*>(<const char*>x + lines.x_pitch)
        g = <const elem*>(<const char*>g + lines.g_pitch)
