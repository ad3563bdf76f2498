# Gradients of lines that left the range of the fast loops.
#
# A gradient adds up t of every channel whose window holds its own, and each t takes a power. So rows wait until there
# are as many as a window has, or the last one is here, and each t is computed once for all that wait; in a stream once
# for the positions of a chunk. Where an operand is staged rows cannot wait, for what they need is overwritten soon:
# there each gradient computes every t that it adds up.

# Which lanes have what among the x and g that reach a gradient: all bits of a lane that has
cdef struct Near:
    wide_bits nan
    wide_bits unbounded_x
    wide_bits infinite_g


cdef Near near_gradient(const Site* site) noexcept nogil:
    cdef const Around* around = site.around
    cdef Py_ssize_t reach = around.before + around.after, d
    cdef Near near
    cdef wide v
    near.nan = near.unbounded_x = near.infinite_g = is_nan(wide_splat(0))
    for d in range(first_in(site, reach), last_in(site, reach) + 1):
        v = neighbours(site, &around.x, site.x, d)
        near.nan = near.nan | is_nan(v)
        near.unbounded_x = near.unbounded_x | wide_not_finite(v)
    for d in range(first_in(site, around.after), last_in(site, around.before) + 1):
        v = neighbours(site, &around.g, site.g, d)
        near.nan = near.nan | is_nan(v)
        near.infinite_g = near.infinite_g | is_infinite(v)
    return near


# dL/dx where some g are infinite, x is finite, and s > 0: only those g and the signs count.
cdef wide infinite_gradient_at(const Formula* f, const Site* site) noexcept nogil:
    cdef const Around* around = site.around
    cdef wide slope = wide_splat(-1 if f.beta > 0 else 1) * wide_sign(load_wide(site.x, site.count))
    cdef wide g = load_wide(site.g, site.count), zero = wide_splat(0), dx = wide_select(is_infinite(g), g, zero)
    cdef Py_ssize_t d
    for d in range(first_in(site, around.after), last_in(site, around.before) + 1):
        g = neighbours(site, &around.g, site.g, d)
        dx = dx + wide_select(is_infinite(g), slope * wide_sign(neighbours(site, &around.x, site.x, d)) * g, zero)
    return dx


# Takes out of `wanted`, and writes, what needs no power: results that a NaN reaches are NaN, and of infinite g the
# signs decide. Every overflow in mixed-precision training makes whole arrays of them. `count` is at most WIDE_LANES.
cdef void settle(const Redo* redo, Py_ssize_t i, Py_ssize_t count, bint* wanted) noexcept nogil:
    cdef const Formula* f = redo.f
    cdef real results[MOST_LANES]
    cdef Py_ssize_t lane
    cdef wide_bits settled
    cdef Site site
    cdef Near near
    if f.exact_scale == 0 or f.beta == 0:
        return
    site = site_of(redo.around, redo.x, redo.g, i, count)
    near = near_gradient(&site)
    settled = near.nan
    round_wide(results, wide_splat(NAN))
    # with s > 0
    if f.exact_scale > 0 and f.exact_k > 0 and any_lane(near.infinite_g & ~near.unbounded_x & ~near.nan):
        settled = settled | (near.infinite_g & ~near.unbounded_x)
        round_wide(results, wide_select(near.nan, wide_splat(NAN), infinite_gradient_at(f, &site)))
    for lane in range(count):
        if wanted[lane] and bit_of_lane(settled, lane):
            wanted[lane] = False
            set_elem(redo.y + i + lane, results[lane])


# v where there is a channel `d` from that of the element, 0 elsewhere
cdef inline wide within_slab(const Site* site, Py_ssize_t d, wide v) noexcept nogil:
    cdef Py_ssize_t lane
    if site.together and site.lowest + d >= 0 and site.highest + d < site.around.channels:
        return v
    if site.together and site.around.inner == 1:
        return wide_between(v, max(<Py_ssize_t>0, -d - site.lowest),
                            min(site.count, site.around.channels - d - site.lowest))
    for lane in range(site.count):
        if not 0 <= channel_at(site, lane) + d < site.around.channels:
            v = with_wide_lane(v, lane, 0)
    return v


# t without its factor x[c], and g s^-beta
cdef Wide term_at(const Formula* f, const Site* site, Wide* share) noexcept nogil:
    cdef Wide s = sum_of(f, squares_around(f, site))
    share[0] = wide_times(wide_of(load_wide(site.g, site.count)), power_at(f, site, s))
    return wide_times(wide_times(wide_of(load_wide(site.x, site.count)), slope_of(f, s)), share[0])


# dL/dx from the sum of the terms that reach it; g where beta is 0, whatever x is
cdef inline wide gradient_of(const Formula* f, Wide sum, wide x, Wide share) noexcept nogil:
    if f.beta == 0:
        return wide_value(share)
    return wide_value(wide_plus(wide_times(sum, wide_of(x)), share))


# dL/dx of elements of one channel, from the same numbers in the same order as below
cdef wide gradient_at(const Formula* f, const Site* site) noexcept nogil:
    cdef const Around* around = site.around
    cdef Wide sum = number(0), own = number(0), share
    cdef Site other = site[0]
    cdef Py_ssize_t d
    for d in range(first_in(site, around.after), last_in(site, around.before) + 1):
        other.x = neighbour(&around.x, site.x, d)
        other.g = neighbour(&around.g, site.g, d)
        other.lowest = other.highest = site.lowest + d
        sum = wide_plus(sum, term_at(f, &other, &share))
        if d == 0:
            own = share
    return gradient_of(f, sum, load_wide(site.x, site.count), own)


# Which of `count` results are not finite
cdef bint any_not_finite(const Redo* redo, Py_ssize_t i, Py_ssize_t count, bint* wanted) noexcept nogil:
    cdef real results[MOST_LANES]
    cdef Py_ssize_t lane
    cdef bint any = False
    store(results, load_elements_part(redo.y + i, count) if count < LANES else load_elements(redo.y + i))
    for lane in range(count):
        wanted[lane] = not isfinite(results[lane])
        any = any or wanted[lane]
    return any


# Those among them that take powers to settle
cdef bint find_wanted(const Redo* redo, Py_ssize_t i, Py_ssize_t count, bint* wanted) noexcept nogil:
    cdef Py_ssize_t lane
    if not any_not_finite(redo, i, count, wanted):
        return False
    settle(redo, i, count, wanted)
    for lane in range(count):
        if wanted[lane]:
            return True
    return False


# Rows `first` to `first` + `rows` - 1 that wait; `lines` are at row around.channel.
cdef void combine_rows(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Around around = lines.around[0]
    cdef Stretch* stretch = &lines.around.stretch
    cdef Py_ssize_t now = around.channel, lowest = max(<Py_ssize_t>0, stretch.first - around.after)
    cdef Py_ssize_t end = stretch.first + stretch.rows, i = 0, row, j, count
    cdef Wide* terms = around.terms
    cdef Wide* shares = around.terms + stretch.most + around.before + around.after
    cdef Wide ignored, sum
    cdef bint wanted[MOST_LANES]
    cdef Redo redo = Redo(f=f, evaluate=NULL, around=&around, x=NULL, g=NULL, y=NULL)
    cdef Site site
    cdef bint ready
    cdef Py_ssize_t wide_lanes = WIDE_LANES
    while i < lines.length:
        count = min(lines.length - i, wide_lanes)
        ready = False
        for row in range(stretch.first, end):
            around.channel = row
            redo.x = row_from(lines.x, row - now, around.x.step)
            redo.g = row_from(lines.g, row - now, around.g.step)
            redo.y = <elem*>row_from(lines.y, row - now, stretch.y_step)
            if not find_wanted(&redo, i, count, wanted):
                continue
            if not ready:
                ready = True
                for j in range(lowest, min(end + around.before, around.channels)):
                    around.channel = j
                    site = site_of(&around, row_from(lines.x, j - now, around.x.step),
                                   row_from(lines.g, j - now, around.g.step), i, count)
                    terms[j - lowest] = term_at(f, &site, &ignored)
                    if stretch.first <= j < end:
                        shares[j - stretch.first] = ignored
                around.channel = row
            sum = number(0)
            for j in range(max(<Py_ssize_t>0, row - around.after), min(row + around.before + 1, around.channels)):
                sum = wide_plus(sum, terms[j - lowest])
            put_wanted(&redo, i, count, wanted,
                       gradient_of(f, sum, load_wide(redo.x + i, count), shares[row - stretch.first]))
        i += wide_lanes
    stretch.rows = 0


cdef inline const elem* row_from(const elem* row, Py_ssize_t rows, Py_ssize_t step) noexcept nogil:
    return <const elem*>(<const char*>row + rows * step)


# The wanted results of a row that cannot wait, one by one
cdef void combine_row(const Redo* redo, Py_ssize_t length) noexcept nogil:
    cdef bint wanted[MOST_LANES]
    cdef Py_ssize_t i = 0, count, wide_lanes = WIDE_LANES
    while i < length:
        count = min(length - i, wide_lanes)
        if find_wanted(redo, i, count, wanted):
            recompute(redo, i, count, wanted)
        i += wide_lanes


# The wanted results of positions in memory order: t, and g s^-beta, of all positions that they reach, and then these.
cdef void combine_positions(const Redo* redo, Py_ssize_t length) noexcept nogil:
    cdef const Around* around = redo.around
    cdef Py_ssize_t inner = around.inner, slab = around.inner * around.channels, wide_lanes = WIDE_LANES
    cdef Py_ssize_t i = 0, first = -1, end = 0, low, high, at, count, d, apart = around.stretch.apart
    cdef double* terms = <double*>around.terms
    cdef double* shares = terms + 2 * apart
    cdef bint wanted[MOST_LANES]
    cdef Wide share, sum, term
    cdef Site site
    while i < length:
        count = min(length - i, wide_lanes)
        if find_wanted(redo, i, count, wanted):
            first = i if first < 0 else first
            end = i + count
        i += wide_lanes
    if first < 0:
        return
    low = max(first - around.after * inner, first - (around.first + first) % slab)
    high = min(end + around.before * inner, end - 1 + slab - (around.first + end - 1) % slab)
    i = low
    while i < high:
        site = site_of(around, redo.x, redo.g, i, min(high - i, wide_lanes))
        store_numbers(terms + i - low + wide_lanes, apart, term_at(redo.f, &site, &share))
        store_numbers(shares + i - low + wide_lanes, apart, share)
        i += wide_lanes
    i = first
    while i < end:
        count = min(length - i, wide_lanes)
        if any_not_finite(redo, i, count, wanted):
            site = site_of(around, redo.x, redo.g, i, count)
            at = i - low + wide_lanes
            sum = number(0)
            for d in range(first_in(&site, around.after), last_in(&site, around.before) + 1):
                term = load_numbers(terms + at + d * inner, apart)
                term.m = within_slab(&site, d, term.m)
                sum = wide_plus(sum, term)
            put_wanted(redo, i, count, wanted, gradient_of(redo.f, sum, load_wide(redo.x + i, count),
                                                           load_numbers(shares + at, apart)))
        i += wide_lanes


# The results of lines that are not finite
cdef void combine_exactly(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Redo redo = Redo(f=f, evaluate=gradient_at, around=lines.around, x=lines.x, g=lines.g, y=lines.y)
    cdef Stretch* stretch = &lines.around.stretch
    cdef Py_ssize_t line
    if lines.around.row and stretch.most and not lines.around.vicinity:
        if stretch.rows == 0:
            stretch.first = lines.around.channel
        stretch.rows = lines.around.channel + 1 - stretch.first
        return
    for line in range(lines.count):
        if lines.around.vicinity:
            combine_box(&redo, lines.length)
        elif lines.around.row:
            combine_row(&redo, lines.length)
        else:
            combine_positions(&redo, lines.length)
        redo.x = <const elem*>(<const char*>redo.x + lines.x_pitch)
        redo.g = <const elem*>(<const char*>redo.g + lines.g_pitch)
        redo.y = <elem*>(<char*>redo.y + lines.y_pitch)
