# The forward's derivative along a direction dx, which is the operand g. With z = sum of x[j] dx[j] over W(c):
#
#     dy[c] = s^-beta (dx[c] - 2 scale beta x[c] z / s)
#
# Both x dx and the quotient x / s are scaled by 2^RAISED. One loop for all powers.

# Squares, and the products x dx, of the lines that enter
cdef void square_and_multiply(const Formula* f, const Lines* lines) noexcept nogil:
    cdef const real* x = lines.entering
    cdef const real* dx = lines.entering_g
    cdef real* products = lines.taps[SECOND].level[0]
    cdef Py_ssize_t line, i, part
    square(f, lines)
    for line in range(lines.count):
        i = 0
        while i < lines.length:
            part = part_of(lines.length - i)
            store(products + i, splat(ldexp(1, RAISED)) * fetch(x + i, part) * fetch(dx + i, part))
            i += LANES
        x = <const real*>(<const char*>x + lines.x_pitch)
        dx = <const real*>(<const char*>dx + lines.g_pitch)
        products += lines.pitch


cdef void tangents(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Windows squares, products
    cdef Inside inside = nothing_outside()
    cdef Range lossless = range_below(f.holds, f.lossless)
    cdef vec minus_slope = splat(-f.slope), seen = splat(0), s, p, w, dy
    cdef const real* x = lines.x
    cdef const real* dx = lines.g
    cdef real* y = lines.y
    cdef Py_ssize_t line, i
    cdef Spot at
    open_windows(&squares, f, lines, SQUARES, how_stored(f, lines), 0)
    open_windows(&products, f, lines, SECOND, how_second(lines), 0)
    for line in range(lines.count):
        i = at.mask = 0
        while i < lines.length:
            at.i = i + line * lines.pitch
            at.part = part_of(lines.length - i)
            s = sum_under_power(&squares, at)
            p = times_exp2(fetch(dx + i, at.part), s, &f.exponent)
            w = times_exp2(quotient(fetch(x + i, at.part), s, RAISED), s, &f.exponent)
            dy = muladd(minus_slope, w * sum_vector(&products, at), p)
            put(y + i, dy, False, at.part)
            inside = still_inside(inside, s, f.holds)
            seen = seen + dy
            i += LANES
            at.mask = next_mask(at.mask, squares.period)
        x = <const real*>(<const char*>x + lines.x_pitch)
        dx = <const real*>(<const char*>dx + lines.g_pitch)
        y = <real*>(<char*>y + lines.y_pitch)
    if UNLIKELY(not all_inside(inside, lossless) or may_have_nonfinite(seen)):
        if not all_inside(inside, f.holds) or may_have_nonfinite(seen) or has_tiny(f, lines):
            tangents_exactly(f, lines)


# Adds to `wanted` the lanes in which bits of x / s or of x s^-beta / s were lost that show in results.
cdef rare add_lost(const Formula* f, const Windows* products, const Spot* at, const real* x, vec s,
                   bint* wanted) noexcept nogil:
    cdef real quotients[MOST_LANES]
    cdef real gains[MOST_LANES]
    cdef real powers[MOST_LANES]
    cdef real along[MOST_LANES]
    cdef vec w = quotient(fetch(x, at.part), s, RAISED)
    cdef Py_ssize_t lane
    cdef double share
    store(quotients, w)
    store(gains, times_exp2(w, s, &f.exponent))
    store(powers, times_exp2(splat(1), s, &f.exponent))
    store(along, any_sum(products, at))
    for lane in range(step_of(at.part)):
        share = along[lane] * <double>f.slope
        if (is_lost(real_of(x + lane), gains[lane], share)
                or is_lost(real_of(x + lane), quotients[lane], share * powers[lane])):
            wanted[lane] = True


# The results of lines whose s is out of range, to which x s^-beta / s has lost bits, or that are not finite, unless a
# NaN among x or dx made them so
cdef rare tangents_exactly(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Redo redo = Redo(f=f, evaluate=tangent_at, around=lines.around, x=lines.x, g=lines.g, y=lines.y)
    cdef real sums[MOST_LANES]
    cdef real results[MOST_LANES]
    cdef bint wanted[MOST_LANES]
    cdef Py_ssize_t line, i, lane, count
    cdef Windows squares, products
    cdef bint all
    cdef Spot at
    cdef vec s
    open_windows(&squares, f, lines, SQUARES, how_of(f, lines), 0)
    open_windows(&products, f, lines, SECOND, how_second(lines), 0)
    for line in range(lines.count):
        aim_track(lines, redo.x, redo.g)
        i = at.mask = 0
        while i < lines.length:
            at.i = i + line * lines.pitch
            at.part = part_of(lines.length - i)
            s = any_sum_under_power(&squares, at)
            store(sums, s)
            store(results, fetch(redo.y + i, at.part))
            count = step_of(at.part)
            all = True
            for lane in range(count):
                wanted[lane] = not lane_within(sums[lane], f.holds) or not isfinite(results[lane])
                all = all and wanted[lane]
            if not all and not lines.around.columns:    # whole windows form no x / s
                add_lost(f, &products, &at, redo.x + i, s, wanted)
            for lane in range(count):
                if wanted[lane] and is_final_nan(f, sums[lane]):
                    wanted[lane] = False
                    set_real(redo.y + i + lane, NAN)
            recompute(&redo, i, count, wanted)
            i += LANES
            at.mask = next_mask(at.mask, squares.period)
        redo.x = <const real*>(<const char*>redo.x + lines.x_pitch)
        redo.g = <const real*>(<const char*>redo.g + lines.g_pitch)
        redo.y = <real*>(<char*>redo.y + lines.y_pitch)


# What vanishes of the products x dx is below the last bit of their share.
cdef rare narrow_for_tangents(const Formula* f, Py_ssize_t size, Exponents* reach) noexcept nogil:
    cdef double least, bound
    narrow_for_terms(f, size, reach)
    if f.exact_scale == 0 or f.beta == 0:
        return
    # least <= log2 s^(beta + 1/2)
    least = log2(2 * fabs(f.beta) * sqrt(fabs(f.exact_scale)) * size) - 2 - RAISED
    if f.beta == -0.5:
        if least > 0:
            reach.highest = reach.lowest
        return
    bound = max(min(least / (f.beta + 0.5), <double>EXPONENT_BIAS), -<double>EXPONENT_BIAS)
    if f.beta > -0.5:
        reach.lowest = max(reach.lowest, <int>ceil(bound))
    else:
        reach.highest = min(reach.highest, <int>floor(bound))


cdef Operator TANGENT


cdef rare define_tangent() noexcept nogil:
    global TANGENT
    TANGENT = Operator(
        enter=square_and_multiply, climb=climb, along=sum_along, pile=NULL, add=NULL, factors=NULL,
        ready=tangents, late=NULL, straight=NULL, exact=NULL, takes_entering=False, narrow=narrow_for_tangents,
        entering=2, raised=2, steep_quotient=True, any_power=True, reads_g=True, g_enters=True, writes=True,
        parts=0,
    )
