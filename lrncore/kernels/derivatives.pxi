# The derivatives beyond the first gradient: along a direction dx, and with respect to the parameters.
#
# With z = sum of x[j] dx[j] over W(c), and t = g x s^(-beta - 1):
#
#     dy[c] = s^-beta (dx[c] - 2 scale beta x[c] z / s)                   tangents
#     dL/dk = -beta sum of t,  dL/dscale = -beta sum of t S,  dL/dbeta = -sum of t s log s
#
# with S the sum of the squares over W(c).

cdef inline vec window_of(const Taps* taps, Squares squares, Py_ssize_t j, Py_ssize_t m) noexcept nogil:
    return window_sum(term(taps, 0, squares, j, m, 0), taps, taps.count, squares, j, m, 0)


# s, and 1 behind a line's end
cdef inline vec sum_at(const Formula* f, const Taps* taps, Squares squares, Py_ssize_t j, Py_ssize_t m,
                       Py_ssize_t part) noexcept nogil:
    cdef vec s = sum_under_power(splat(f.scale), splat(f.k), taps.addition, term(taps, 0, squares, j, m, 0), taps,
                                 taps.count, squares, j, m, 0)
    return first_lanes(s, splat(1), part) if part else s


cdef void tangents_again(const Formula* f, const Lines* lines, const elem* x, const elem* dx, elem* y,
                         vec s, Py_ssize_t i) noexcept nogil:
    cdef real sums[MOST_LANES]
    cdef Py_ssize_t lane
    store(sums, s)
    for lane in range(min(lines.length - i, <Py_ssize_t>LANES)):
        if not lane_within(sums[lane], f.holds) or not isfinite(real_of(y + i + lane)):
            set_elem(y + i + lane, tangent_again(f, lines.around, x + i + lane, dx + i + lane,
                                                 channel_of(lines.around, i + lane)))


cdef inline void tangent_lines(const Formula* f, Squares squares, const Lines* lines) noexcept nogil:
    cdef const elem* x = lines.x
    cdef const elem* dx = lines.g
    cdef elem* y = lines.y
    cdef Py_ssize_t line, i, m, part, shift = 0
    cdef vec s, p, w, dy
    for line in range(lines.count):
        m = 0
        i = 0
        while i < lines.length:
            part = lines.length - i if lines.length - i < LANES else 0
            s = sum_at(f, &lines.taps, squares, i + shift, m, part)
            p = times_exp2(fetch(dx + i, part), s, &f.exponent)
            w = times_exp2(quotient(fetch(x + i, part), s, RAISED), s, &f.exponent)
            dy = muladd(splat(-f.slope), w * window_of(&lines.products, squares, i + shift, m), p)
            if part:
                store_elements_part(y + i, dy, part)
            else:
                store_elements(y + i, dy)
            if UNLIKELY(not all_inside(still_inside(nothing_outside(), s, f.holds), f.holds)
                        or may_have_nonfinite(dy)):
                tangents_again(f, lines, x, dx, y, s, i)
            i += LANES
            if squares == MASKED:
                m = next_mask(lines, m)
        x = <const elem*>(<const char*>x + lines.x_pitch)
        dx = <const elem*>(<const char*>dx + lines.g_pitch)
        y = <elem*>(<char*>y + lines.y_pitch)
        shift += lines.pitch


# A line of terms with every one made again
cdef void parameters_again(const Formula* f, const Around* around, const elem* x, const elem* g, Py_ssize_t length,
                           Totals* totals) noexcept nogil:
    cdef Scaled total, s, t
    cdef Py_ssize_t i, infinities
    for i in range(length):
        total = squares_around(around, x + i, channel_of(around, i), &infinities)
        s = sum_of(f, total)
        t = times(neighbour(&around.x, x + i, 0), neighbour(&around.g, g + i, 0))
        if t.m == 0 and s.m != 0 and not isnan(total.m):
            continue
        t = times_power_of(t, s, f.beta)
        add(&totals.beta, -<double>(unscaled(t) * (logl(s.m) + s.e * <wide>0.69314718055994530942)))
        t = scaled(t.m / s.m, t.e - s.e)
        add(&totals.k, -f.beta * <double>unscaled(t))
        t = times(t, total)
        add(&totals.scale, -f.beta * <double>unscaled(t))


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


cdef inline void parameter_lines(const Formula* f, Squares squares, const Lines* lines) noexcept nogil:
    cdef const elem* x = lines.x
    cdef const elem* g = lines.g
    cdef Py_ssize_t line, i, m, part, shift = 0
    cdef vec window, s, v, u, t, zero = splat(0)
    cdef vec k_sum, k_rest, scale_sum, scale_rest, beta_sum, beta_rest
    cdef Inside inside
    for line in range(lines.count):
        m = 0
        inside = nothing_outside()
        k_sum = k_rest = scale_sum = scale_rest = beta_sum = beta_rest = zero
        i = 0
        while i < lines.length:
            part = lines.length - i if lines.length - i < LANES else 0
            window = window_of(&lines.taps, squares, i + shift, m)
            s = sum_at(f, &lines.taps, squares, i + shift, m, part)
            if part:
                window = first_lanes(window, zero, part)
            v = fetch(x + i, part)
            u = times_exp2(fetch(g + i, part), s, &f.exponent)
            t = u * quotient(v, s, RAISED)
            add_to(&k_sum, &k_rest, t)
            add_to(&scale_sum, &scale_rest, t * window)
            add_to(&beta_sum, &beta_rest, u * v * log2_of(s))
            inside = still_inside(inside, s, f.holds)
            i += LANES
            if squares == MASKED:
                m = next_mask(lines, m)
        if UNLIKELY(not all_inside(inside, f.holds) or may_have_nonfinite(k_sum + scale_sum + beta_sum)):
            parameters_again(f, lines.around, x, g, lines.length, lines.totals)
        else:
            add_lanes(&lines.totals.k, k_sum, k_rest, ldexp(-f.beta, -RAISED))
            add_lanes(&lines.totals.scale, scale_sum, scale_rest, ldexp(-f.beta, -RAISED))
            add_lanes(&lines.totals.beta, beta_sum, beta_rest, -0.69314718055994530942)
        x = <const elem*>(<const char*>x + lines.x_pitch)
        g = <const elem*>(<const char*>g + lines.g_pitch)
        shift += lines.pitch


cdef void tangents(const Formula* f, Squares squares, const Lines* lines) noexcept nogil:
    if squares == MASKED:
        tangent_lines(f, MASKED, lines)
    else:
        tangent_lines(f, STORED, lines)


cdef void total_up(const Formula* f, Squares squares, const Lines* lines) noexcept nogil:
    if squares == MASKED:
        parameter_lines(f, MASKED, lines)
    else:
        parameter_lines(f, STORED, lines)
