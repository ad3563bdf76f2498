# Elements out of the range of the fast loops, exactly: the formulas once more, in vectors of numbers of which every
# square, product and power has room (wide.h).
#
# Nothing is taken from the fast loops: the windows are read from x again, which is why an operand that the output
# overwrites, or that is not adjacent, is kept in scratch for as far as windows reach. out_of_range.pxi says which
# elements come here; only they take the results.
#
# An infinite element gives what IEEE arithmetic on the formula gives. A NaN does not come here at all.

# Up to WIDE_LANES adjacent elements
cdef struct Site:
    const Around* around
    const real* x
    const real* g
    Py_ssize_t count
    Py_ssize_t position     # of the first one, in the slab
    Py_ssize_t lowest       # channel of the first one, and of the last one, if they are of one slab;
    Py_ssize_t highest
    bint together           # which they are


cdef inline Py_ssize_t channel_of(const Around* around, Py_ssize_t position) noexcept nogil:
    return position // around.inner % around.channels


# Elements from the `i`th of a line on, where they and their g are at `x` and `g`
cdef inline Site site_of(const Around* around, const real* x, const real* g, Py_ssize_t i,
                         Py_ssize_t count) noexcept nogil:
    cdef Site site
    cdef Py_ssize_t last
    site.around = around
    site.x = x + i
    site.g = g + i
    site.count = count
    site.position = around.first + i
    site.together = True
    if around.vicinity:
        site.position = place_of(around.vicinity, x) + i
        site.lowest = site.highest = 0
        return site
    if around.row:
        site.lowest = site.highest = around.channel
        return site
    site.lowest = channel_of(around, site.position)
    last = site.position % around.inner + count - 1     # inner elements on from the channel of the first
    site.highest = site.lowest + (last // around.inner if last >= around.inner else 0)
    site.together = site.highest < around.channels
    return site


cdef inline const real* wrapped(const Neighbours* to, const char* at) noexcept nogil:
    if to.ring_bytes:
        if at < to.ring:
            at += to.ring_bytes
        elif at >= to.ring + to.ring_bytes:
            at -= to.ring_bytes
    return <const real*>at


cdef inline const real* neighbour(const Neighbours* to, const real* at, Py_ssize_t d) noexcept nogil:
    return wrapped(to, <const char*>at + d * to.step)


cdef inline Py_ssize_t channel_at(const Site* site, Py_ssize_t lane) noexcept nogil:
    if site.lowest == site.highest:
        return site.lowest
    return channel_of(site.around, site.position + lane)


# Are there channels `first` to `last` from those of all elements?
cdef inline bint all_there(const Site* site, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    return site.together and site.lowest + first >= 0 and site.highest + last < site.around.channels


# The elements `d` channels from those at `at`; zeros outside the slabs
cdef inline wide neighbours(const Site* site, const Neighbours* to, const real* at, Py_ssize_t d) noexcept nogil:
    if all_there(site, d, d):
        return load_wide(neighbour(to, at, d), site.count)
    return neighbours_inside(site, to, at, d)


cdef wide neighbours_inside(const Site* site, const Neighbours* to, const real* at, Py_ssize_t d) noexcept nogil:
    cdef wide v = wide_splat(0)
    cdef Py_ssize_t lane, first, last
    if site.together and (site.highest + d < 0 or site.lowest + d >= site.around.channels):
        return v
    if site.together and site.around.inner == 1:
        first = max(<Py_ssize_t>0, -d - site.lowest)
        last = min(site.count, site.around.channels - d - site.lowest)
        return wide_moved(load_wide(neighbour(to, at + first, d), last - first), first)
    for lane in range(site.count):
        if 0 <= channel_at(site, lane) + d < site.around.channels:
            v = with_wide_lane(v, lane, real_of(neighbour(to, at + lane, d)))
    return v


# The first and the last channel of some window, from those of the elements
cdef inline Py_ssize_t first_in(const Site* site, Py_ssize_t before) noexcept nogil:
    return -min(before, site.highest if site.together else site.around.channels - 1)


cdef inline Py_ssize_t last_in(const Site* site, Py_ssize_t after) noexcept nogil:
    return min(after, site.around.channels - 1 - (site.lowest if site.together else 0))


# The scale of the elements `first` to `last` channels from those at `at`
cdef inline WideScale scale_around(const Site* site, const Neighbours* to, const real* at, Py_ssize_t first,
                                   Py_ssize_t last) noexcept nogil:
    cdef wide largest = wide_splat(0)
    cdef Py_ssize_t d
    if NEEDS_SCALE:
        for d in range(first, last + 1):
            largest = wide_larger(largest, wide_magnitude(neighbours(site, to, at, d)))
    return wide_scale_of(largest)


cdef inline Wide squares_around(const Formula* f, const Site* site) noexcept nogil:
    if site.around.vicinity:
        return box_sum(site.around.vicinity, f, SQUARES, site.around.vicinity.row, site.position)
    if site.around.columns:
        return factor_at(f, site, SUM)
    if site.around.track:
        return window_sum(f, site, SQUARES)
    return squares_in_window(site)


cdef Wide squares_in_window(const Site* site) noexcept nogil:
    cdef Py_ssize_t first = first_in(site, site.around.before), last = last_in(site, site.around.after), d
    cdef const Neighbours* to = &site.around.x
    cdef WideScale scale = scale_around(site, to, site.x, first, last)
    cdef wide total = wide_splat(0), lost = wide_splat(0), v
    cdef const real* at
    if all_there(site, first, last):
        at = neighbour(to, site.x, first)
        for d in range(first, last + 1):
            v = wide_downscaled(load_wide(at, site.count), scale)
            wide_accumulate(&total, &lost, v * v)
            at = wrapped(to, <const char*>at + to.step)
    else:
        for d in range(first, last + 1):
            v = wide_downscaled(neighbours(site, to, site.x, d), scale)
            wide_accumulate(&total, &lost, v * v)
    return wide_upscaled(total, scale)


# The sum of the products x g, which one scale of x and one of g would not fit
cdef Wide products_around(const Formula* f, const Site* site) noexcept nogil:
    cdef const Around* around = site.around
    cdef Wide total = wide_nothing(), x, g
    cdef wide lost = wide_splat(0)
    cdef Py_ssize_t d
    if around.vicinity:
        return box_sum(around.vicinity, f, SECOND, around.vicinity.row, site.position)
    if around.track:
        return window_sum(f, site, SECOND)
    for d in range(first_in(site, around.before), last_in(site, around.after) + 1):
        x = wide_of(neighbours(site, &around.x, site.x, d))
        g = wide_of(neighbours(site, &around.g, site.g, d))
        wide_accumulate_number(&total, &lost, wide_times(x, g))
    return total


cdef inline Wide number(double a) noexcept nogil:
    return wide_of(wide_splat(a))


# k + scale * total
cdef inline Wide sum_of(const Formula* f, Wide total) noexcept nogil:
    return wide_plus(number(f.exact_k), wide_times(number(f.exact_scale), total))


# v s^-beta, which is counted
cdef inline Wide powered(const Formula* f, const Site* site, Wide v, Wide s) noexcept nogil:
    if site.around.columns:
        return wide_times(v, factor_at(f, site, POWER))
    site.around.work.recomputed += 1
    return wide_times_power(v, s, &f.exact_beta)


# y
cdef wide normalized_at(const Formula* f, const Site* site) noexcept nogil:
    cdef Wide s = sum_of(f, squares_around(f, site))
    return wide_value(powered(f, site, wide_of(load_wide(site.x, site.count)), s))


# -2 scale beta / s
cdef inline Wide slope_of(const Formula* f, Wide s) noexcept nogil:
    return wide_over(wide_times(number(f.exact_scale), number(-2 * f.beta)), s)


# A term t with its factor g x s^(-beta - 1), which is 0 under an infinite s, also where s^-beta is infinite
cdef inline Wide vanishing(const Formula* f, Wide s, Wide x, Wide g, Wide t) noexcept nogil:
    if -1 < f.beta < 0:
        t.m = wide_select(is_infinite(s.m), x.m * g.m * wide_splat(0), t.m)
    return t


# The derivative of y along dx, the operand g
cdef wide tangent_at(const Formula* f, const Site* site) noexcept nogil:
    cdef Wide s, along, dx = wide_of(load_wide(site.g, site.count))
    if f.beta == 0:
        return wide_value(dx)
    s = sum_of(f, squares_around(f, site))
    along = factor_at(f, site, ALONG) if site.around.columns else wide_times(slope_of(f, s), products_around(f, site))
    dx = wide_plus(dx, wide_times(along, wide_of(load_wide(site.x, site.count))))
    return wide_value(powered(f, site, dx, s))


# The terms of the parameters' derivatives
cdef rare add_at(const Formula* f, const Site* site, Totals* totals) noexcept nogil:
    cdef Wide total = squares_around(f, site), s = sum_of(f, total), t
    cdef double of_scale[MOST_LANES]
    cdef double of_beta[MOST_LANES]
    cdef double of_k[MOST_LANES]
    cdef Py_ssize_t lane
    cdef Wide x = wide_of(load_wide(site.x, site.count)), g = wide_of(load_wide(site.g, site.count))
    t = powered(f, site, wide_times(x, g), s)
    store_wide(of_beta, wide_value(wide_times(t, wide_of(wide_log(s)))))
    # for beta 0, whose terms are 0, before the quotient overflows
    t = vanishing(f, s, x, g, wide_over(wide_times(t, number(-f.beta)), s))
    store_wide(of_k, wide_value(t))
    store_wide(of_scale, wide_value(wide_times(t, total)))
    for lane in range(site.count):
        add(&totals.beta, -of_beta[lane])
        add(&totals.k, of_k[lane])
        add(&totals.scale, of_scale[lane])


ctypedef wide (*Evaluate)(const Formula* f, const Site* site) noexcept nogil


# A line whose elements may be recomputed, by `evaluate`
cdef struct Redo:
    const Formula* f
    Evaluate evaluate
    Around* around
    const real* x
    const real* g
    real* y


# Recomputes the `wanted` ones of `count` elements, at most a vector, from the `i`th of the line on.
cdef rare recompute(const Redo* redo, Py_ssize_t i, Py_ssize_t count, const bint* wanted) noexcept nogil:
    cdef Py_ssize_t first = 0, some
    cdef wide_bits lanes
    cdef Site site
    while first < count:
        some = min(count - first, <Py_ssize_t>WIDE_LANES)
        lanes = wide_lanes_of(wanted + first, some)
        if any_lane(lanes):
            site = site_of(redo.around, redo.x, redo.g, i + first, some)
            put_wanted(redo, i + first, some, lanes, redo.evaluate(redo.f, &site))
        first += WIDE_LANES


# The wanted ones of `count` results, at most WIDE_LANES, from the `i`th of the line on; the others keep their bits.
cdef inline void put_wanted(const Redo* redo, Py_ssize_t i, Py_ssize_t count, wide_bits wanted,
                            wide v) noexcept nogil:
    store_wide_elements(redo.y + i, wide_select(wanted, wide_with_one_nan(v), load_wide(redo.y + i, count)), count)
