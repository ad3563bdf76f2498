# The derivatives with respect to the parameters. With S the sum of the squares over W(c), and t = g x s^(-beta - 1):
#
#     dL/dk = -beta sum of t,  dL/dscale = -beta sum of t S,  dL/dbeta = -sum of t s log s
#
# The sums are compensated, lane by lane in a line and then in double precision. One loop for all powers.

cdef enum:
    PARTIAL_TOTALS = 16     # of a call, whatever the number of threads


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


cdef void total_up(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Windows windows
    cdef const elem* x = lines.x
    cdef const elem* g = lines.g
    cdef vec even, odd, window, s, v, u, t, zero = splat(0)
    cdef vec k_sum, k_rest, scale_sum, scale_rest, beta_sum, beta_rest
    cdef Py_ssize_t line, i
    cdef Inside inside
    cdef Spot at
    open_windows(&windows, f, lines, SQUARES, how_of(f, lines), 0)
    for line in range(lines.count):
        inside = nothing_outside()
        k_sum = k_rest = scale_sum = scale_rest = beta_sum = beta_rest = zero
        i = at.mask = 0
        while i < lines.length:
            at.i = i + line * lines.pitch
            at.part = part_of(lines.length - i)
            sum_halves(&windows, at, &even, &odd)
            window = added(&windows, PLAIN, even, odd)
            s = added(&windows, f.addition, even, odd)
            if at.part:
                window = first_lanes(window, zero, at.part)
                s = first_lanes(s, splat(1), at.part)
            v = fetch(x + i, at.part)
            u = times_exp2(fetch(g + i, at.part), s, &f.exponent)
            t = u * quotient(v, s, RAISED)
            add_to(&k_sum, &k_rest, t)
            add_to(&scale_sum, &scale_rest, t * window)
            add_to(&beta_sum, &beta_rest, u * v * log2_of(s))
            inside = still_inside(inside, s, f.holds)
            i += LANES
            at.mask = next_mask(at.mask, windows.period)
        if UNLIKELY(not all_inside(inside, f.holds) or may_have_nonfinite(k_sum + scale_sum + beta_sum)):
            total_up_exactly(f, lines, x, g)
        else:
            add_lanes(&lines.totals.k, k_sum, k_rest, ldexp(-f.beta, -RAISED))
            add_lanes(&lines.totals.scale, scale_sum, scale_rest, ldexp(-f.beta, -RAISED))
            add_lanes(&lines.totals.beta, beta_sum, beta_rest, -0.69314718055994530942)
        x = <const elem*>(<const char*>x + lines.x_pitch)
        g = <const elem*>(<const char*>g + lines.g_pitch)


# All terms of a line
cdef void total_up_exactly(const Formula* f, const Lines* lines, const elem* x, const elem* g) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef Site site
    while i < lines.length:
        site = site_of(lines.around, x, g, i, min(lines.length - i, <Py_ssize_t>WIDE_LANES))
        add_at(f, &site, lines.totals)
        i += WIDE_LANES


cdef Operator PARAMETERS = Operator(
    enter=square, climb=climb, ready=total_up, late=NULL, exact=NULL, takes_entering=False,
    narrow=narrow_for_terms,
    entering=1, raised=1, any_power=True, reads_g=True, g_enters=False, writes=False, parts=PARTIAL_TOTALS,
)
