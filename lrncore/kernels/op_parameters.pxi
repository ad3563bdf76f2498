# The derivatives with respect to the parameters. With S the sum of the squares over W(c), and t = g x s^(-beta - 1):
#
#     dL/dk = -beta sum of t,  dL/dscale = -beta sum of t S,  dL/dbeta = -sum of t s log s
#
# The sums are compensated, lane by lane in a line and then in double precision. One loop for all powers.

cdef enum:
    PARTIAL_TOTALS = 16     # of a call, whatever the number of threads
    PART_VECTORS = 4        # of a line that has something to recompute


cdef inline void add_to(vec* sum, vec* rest, vec v) noexcept nogil:
    cdef vec whole = sum[0] + v, part = whole - sum[0]
    rest[0] = rest[0] + ((sum[0] - (whole - part)) + (v - part))
    sum[0] = whole


cdef void add_lanes(Total* total, vec sum, vec rest, double factor) noexcept nogil:
    cdef real lanes[MOST_LANES]
    cdef Py_ssize_t lane
    store(lanes, sum)
    for lane in range(LANES):
        add(total, factor * lanes[lane])
    store(lanes, rest)
    for lane in range(LANES):
        total.rest += factor * lanes[lane]


# Below which s does a term t S keep what t loses as a subnormal number? S is at most s / scale.
cdef inline int lossless_for_terms(const Formula* f) noexcept nogil:
    if f.exact_scale <= 0 or f.exact_k < 0:
        return -EXPONENT_BIAS
    return RAISED - 5 + ilogb(f.exact_scale) - (ilogb(f.beta) if f.beta != 0 else 0)


# Lines in one pass, unless that meets what needs more; then some vectors at a time, and those that do exactly
cdef void total_up(const Formula* f, const Lines* lines) noexcept nogil:
    cdef const real* x = lines.x
    cdef const real* g = lines.g
    cdef Py_ssize_t line, i, end
    for line in range(lines.count):
        aim_track(lines, x, g)
        if UNLIKELY(not total_up_part(f, lines, x, g, line, 0, lines.length)):
            i = 0
            while i < lines.length:
                end = min(i + PART_VECTORS * LANES, lines.length)
                if not total_up_part(f, lines, x, g, line, i, end):
                    total_up_exactly(f, lines, x, g, i, end)
                i = end
        x = <const real*>(<const char*>x + lines.x_pitch)
        g = <const real*>(<const char*>g + lines.g_pitch)


# Elements i to `end` of a line. Adds nothing and returns False if something left the range, or was lost.
cdef bint total_up_part(const Formula* f, const Lines* lines, const real* x, const real* g, Py_ssize_t line,
                        Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Windows windows
    cdef vec even, odd, window, s, v, u, t, zero = splat(0)
    cdef vec k_sum, k_rest, scale_sum, scale_rest, beta_sum, beta_rest
    cdef real tiny = max(f.tiny, <real>sqrt(f.tiny_sum))
    cdef Py_ssize_t i = begin
    cdef Inside inside, small, small_g
    cdef Range lossless = range_below(f.holds, lossless_for_terms(f))
    cdef Spot at
    inside = small = small_g = nothing_outside()
    k_sum = k_rest = scale_sum = scale_rest = beta_sum = beta_rest = zero
    open_windows(&windows, f, lines, SQUARES, how_stored(f, lines), 0)
    at.mask = begin % lines.period if lines.period else 0
    while i < end:
        at.i = i + line * lines.pitch
        at.part = part_of(end - i)
        sum_halves(&windows, at, &even, &odd)
        window = added(&windows, PLAIN, even, odd)
        s = added(&windows, f.addition, even, odd)
        if at.part:
            window = first_lanes(window, zero, at.part)
            s = first_lanes(s, splat(1), at.part)
        v = fetch(x + i, at.part)
        u = fetch(g + i, at.part)
        small = seen_tiny(small, v, tiny)
        small_g = seen_tiny(small_g, u, f.tiny_g)
        u = times_exp2(u, s, &f.exponent)
        t = u * quotient(v, s, RAISED)
        add_to(&k_sum, &k_rest, t)
        add_to(&scale_sum, &scale_rest, t * window)
        add_to(&beta_sum, &beta_rest, u * v * log2_of(s))
        inside = still_inside(inside, s, f.holds)
        i += LANES
        at.mask = next_mask(at.mask, windows.period)
    if UNLIKELY(not all_inside(inside, f.holds) or may_have_nonfinite(k_sum + scale_sum + beta_sum)
                or (any_tiny(small, tiny) or any_tiny(small_g, f.tiny_g) or not all_inside(inside, lossless))
                and loses_terms(f, lines, x, g, line, begin, end)):
        return False
    add_lanes(&lines.totals.k, k_sum, k_rest, ldexp(-f.beta, -RAISED))
    add_lanes(&lines.totals.scale, scale_sum, scale_rest, ldexp(-f.beta, -RAISED))
    add_lanes(&lines.totals.beta, beta_sum, beta_rest, -0.69314718055994530942)
    return True


# Was something lost of a product or of a sum of squares in elements i to `end` of a line that shows in their terms?
cdef bint loses_terms(const Formula* f, const Lines* lines, const real* x, const real* g, Py_ssize_t line,
                      Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    cdef real sums[MOST_LANES]
    cdef real squares[MOST_LANES]
    cdef real quotients[MOST_LANES]
    cdef real gains[MOST_LANES]
    cdef Windows plain, windows
    cdef Spot at
    cdef vec s
    cdef Py_ssize_t lane
    cdef double own, most, t, kept = 0, lost = 0
    open_windows(&windows, f, lines, SQUARES, how_stored(f, lines), 0)
    plain = windows
    plain.how.addition = PLAIN
    at.mask = i % lines.period if lines.period else 0
    while i < end:
        at.i = i + line * lines.pitch
        at.part = part_of(end - i)
        store(squares, any_sum(&plain, &at))
        s = any_sum(&windows, &at)
        store(sums, s)
        store(quotients, quotient(fetch(x + i, at.part), s, RAISED))
        store(gains, times_exp2(fetch(g + i, at.part), s, &f.exponent))
        for lane in range(at.part if at.part else LANES):
            own = real_of(x + i + lane)
            most = fabs(f.beta) * max(<double>squares[lane], 1.0)
            t = fabs(f.beta * gains[lane] * own / sums[lane])
            kept += t * squares[lane]
            if own == 0 or real_of(g + i + lane) == 0:
                continue
            if (is_lost(1, quotients[lane], gains[lane] * ldexp(most, -RAISED))
                    or is_lost(1, gains[lane], own * max(fabs(log2(sums[lane])), most / sums[lane]))
                    or squares[lane] < f.tiny_sum and t * ldexp(f.tiny_sum, EXPONENT_BIAS - 1) > 1):
                return True
            if is_lost(1, gains[lane] * quotients[lane], ldexp(most, -RAISED)):
                lost += ldexp(most, -RAISED - EXPONENT_BIAS - FRACTION_BITS)
        i += LANES
        at.mask = next_mask(at.mask, windows.period)
    return lost > ldexp(kept, -FRACTION_BITS - 2)


# The terms of elements i to `end` of a line
cdef rare total_up_exactly(const Formula* f, const Lines* lines, const real* x, const real* g, Py_ssize_t i,
                           Py_ssize_t end) noexcept nogil:
    cdef Site site
    while i < end:
        site = site_of(lines.around, x, g, i, min(end - i, <Py_ssize_t>WIDE_LANES))
        add_at(f, &site, lines.totals)
        i += WIDE_LANES


cdef Operator PARAMETERS


cdef rare define_parameters() noexcept nogil:
    global PARAMETERS
    PARAMETERS = Operator(
        enter=square, climb=climb, along=sum_along, pile=pile_squares, add=add_behind, factors=NULL,
        ready=total_up, late=NULL, straight=NULL, exact=NULL, takes_entering=False, narrow=narrow_for_terms,
        entering=1, raised=1, steep_quotient=False, any_power=True, reads_g=True, g_enters=False, writes=False,
        parts=PARTIAL_TOTALS,
    )
