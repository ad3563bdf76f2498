# Gradients of lines that left the range of the fast loops.
#
# A gradient adds up t of every channel whose window holds its own, and each t takes a power. So each t is computed
# once, for the first gradient that adds it up, and kept: of rows in a ring of as many as a reflected window has, in a
# stream for the positions of a chunk. Rows wait for the end of their piece, which takes a ring of fewer columns, unless
# what they need is overwritten or staged.

# What lanes have among the x and g that reach a gradient: the largest |x| and |g| but NaN, and a number that is NaN
# where one of them is
cdef struct Near:
    wide x
    wide g
    wide nan


# `largest` and `nan` with the elements `first` to `last` channels from those at `at`
cdef inline void look_around(const Site* site, const Neighbours* to, const elem* at, Py_ssize_t first,
                             Py_ssize_t last, wide* largest, wide* nan) noexcept nogil:
    cdef Py_ssize_t d
    cdef bint all = all_there(site, first, last)
    cdef wide v, one = wide_splat(1)
    cdef const elem* next = neighbour(to, at, first) if all else at
    for d in range(first, last + 1):
        v = wide_magnitude(load_wide(next, site.count) if all else neighbours(site, to, at, d))
        largest[0] = wide_larger(largest[0], v)
        nan[0] = nan[0] + wide_smaller(one, v)
        next = wrapped(to, <const char*>next + to.step) if all else at


cdef Near near_gradient(const Site* site) noexcept nogil:
    cdef const Around* around = site.around
    cdef Py_ssize_t reach = around.before + around.after
    cdef Near near
    near.x = near.g = near.nan = wide_splat(0)
    look_around(site, &around.x, site.x, first_in(site, reach), last_in(site, reach), &near.x, &near.nan)
    look_around(site, &around.g, site.g, first_in(site, around.after), last_in(site, around.before), &near.g,
                &near.nan)
    return near


# dL/dx where some g are infinite, x is finite, and s > 0: only those g and the signs count. x g is NaN where x is 0.
cdef wide infinite_gradient_at(const Formula* f, const Site* site) noexcept nogil:
    cdef const Around* around = site.around
    cdef Py_ssize_t first = first_in(site, around.after), last = last_in(site, around.before), d
    cdef bint all = all_there(site, first, last)
    cdef const elem* x_at = neighbour(&around.x, site.x, first) if all else site.x
    cdef const elem* g_at = neighbour(&around.g, site.g, first) if all else site.g
    cdef wide sum = wide_splat(0), zero = wide_splat(0), own = load_wide(site.g, site.count), x, g
    for d in range(first, last + 1):
        x = load_wide(x_at, site.count) if all else neighbours(site, &around.x, site.x, d)
        g = load_wide(g_at, site.count) if all else neighbours(site, &around.g, site.g, d)
        sum = sum + wide_select(is_infinite(g), x * g, zero)
        x_at = wrapped(&around.x, <const char*>x_at + around.x.step) if all else site.x
        g_at = wrapped(&around.g, <const char*>g_at + around.g.step) if all else site.g
    sum = sum * wide_splat(-1 if f.beta > 0 else 1) * wide_sign(load_wide(site.x, site.count))
    return wide_select(is_infinite(own), own, zero) + sum


# Do the signs of infinite g decide? Where s > 0.
cdef inline bint signs_decide(const Formula* f) noexcept nogil:
    return f.exact_scale > 0 and f.exact_k > 0


# Writes those of `wanted` that need no power, and returns the others: results that a NaN reaches are NaN, and of
# infinite g the signs decide. Every overflow in mixed-precision training makes whole arrays of them. `count` is at most
# WIDE_LANES.
cdef wide_bits settle(const Redo* redo, Py_ssize_t i, Py_ssize_t count, wide_bits wanted) noexcept nogil:
    cdef const Formula* f = redo.f
    cdef wide results = wide_splat(NAN)
    cdef wide_bits settled
    cdef Site site = site_of(redo.around, redo.x, redo.g, i, count)
    cdef Near near = near_gradient(&site)
    cdef wide_bits nan = is_nan(near.nan), of_signs = is_infinite(near.g) & ~is_infinite(near.x) & ~nan
    settled = nan
    if signs_decide(f) and any_lane(of_signs):
        settled = nan | of_signs
        results = wide_select(nan, results, infinite_gradient_at(f, &site))
    if any_lane(wanted & settled):
        put_wanted(redo, i, count, wanted & settled, results)
    return wanted & ~settled


# Does a row that reaches row `o` have what `has` asks for? Each row is asked once, and it is remembered which was the
# last that has.
cdef inline bint reaches_row(Looked* looked, bint (*has)(const elem*, Py_ssize_t) noexcept nogil, const Neighbours* to,
                             const elem* row, Py_ssize_t o, Py_ssize_t first, Py_ssize_t last,
                             Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(max(looked.rows, first), last + 1):
        if has(neighbour(to, row, j - o), length):
            looked.last = j
    looked.rows = max(looked.rows, last + 1)
    return looked.last >= first


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
    cdef Wide x = wide_of(load_wide(site.x, site.count)), g = wide_of(load_wide(site.g, site.count))
    share[0] = powered(f, site, g, s)
    return vanishing(f, s, x, g, wide_times(wide_times(x, slope_of(f, s)), share[0]))


# dL/dx from the sum of the terms that reach it; g where beta is 0, whatever x is
cdef inline wide gradient_of(const Formula* f, Wide sum, wide x, Wide share) noexcept nogil:
    if f.beta == 0:
        return wide_value(share)
    return wide_value(wide_plus(wide_times(sum, wide_of(x)), share))


# Which of `count` results are not finite
cdef inline wide_bits not_finite(const Redo* redo, Py_ssize_t i, Py_ssize_t count) noexcept nogil:
    return wide_not_finite(load_wide(redo.y + i, count))


# ---- rows: a ring of terms ----

cdef enum:
    TERMS_BYTES = 1 << 16       # of rows that are recomputed after a piece: fewer columns at a time


# Rows of `real` that a row of terms, with its stamps, fits into
cdef inline Py_ssize_t rows_of_terms() noexcept nogil:
    cdef Py_ssize_t vector = 2 * sizeof(Wide) + sizeof(Py_ssize_t), unit = WIDE_LANES * sizeof(real)
    return (vector + unit - 1) // unit


# The columns whose terms are kept at a time then, whole vectors
cdef Py_ssize_t term_columns(Py_ssize_t rows, Py_ssize_t length) noexcept nogil:
    return round_up(min(length, TERMS_BYTES // (rows * rows_of_terms() * <Py_ssize_t>sizeof(real)) + 1), LANES)


# Of so many rows and columns, in whole vectors, from `kept` on
cdef inline void open_terms(Terms* terms, Wide* kept, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    terms.kept = kept
    terms.rows = rows
    terms.vectors = columns // WIDE_LANES
    terms.begin = 0
    terms.stamps = <Py_ssize_t*>(kept + 2 * rows * terms.vectors)


# The place of those of row `row`, vector `v`: t, and behind it g s^-beta
cdef inline Wide* place_of_term(const Terms* terms, Py_ssize_t row, Py_ssize_t v) noexcept nogil:
    return terms.kept + 2 * (row % terms.rows * terms.vectors + v)


# Computes those of row `row` that are not there yet, from element `i` of the row on, which is at x and g.
cdef inline void bring_term(const Formula* f, const Around* around, Py_ssize_t row, const elem* x, const elem* g,
                            Py_ssize_t i, Py_ssize_t count) noexcept nogil:
    cdef const Terms* terms = &around.terms
    cdef Py_ssize_t v = (i - terms.begin) // WIDE_LANES
    cdef Py_ssize_t* stamp = terms.stamps + row % terms.rows * terms.vectors + v
    cdef Wide* kept
    cdef Site site
    if stamp[0] == row + 1:
        return
    stamp[0] = row + 1
    site = site_of(around, x, g, i, count)
    site.lowest = site.highest = row
    kept = place_of_term(terms, row, v)
    kept[0] = term_at(f, &site, kept + 1)


# The sum of t of rows `first` to `last`, which are there
cdef Wide sum_of_terms(const Terms* terms, Py_ssize_t first, Py_ssize_t last, Py_ssize_t v) noexcept nogil:
    cdef wide sum = wide_splat(0), lost = wide_splat(0), exponent = wide_splat(-100000)
    cdef Py_ssize_t row
    if NEEDS_SCALE:
        for row in range(first, last + 1):
            exponent = wide_larger_exponent(exponent, place_of_term(terms, row, v)[0])
    for row in range(first, last + 1):
        wide_accumulate(&sum, &lost, wide_at_exponent(place_of_term(terms, row, v)[0], exponent))
    return wide_raised_sum(sum, exponent)


# The wanted results of row around.channel, from element `i` to `end`
cdef rare combine_row(const Redo* redo, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    cdef const Formula* f = redo.f
    cdef Around* around = redo.around
    cdef Terms* terms = &around.terms
    cdef Py_ssize_t o = around.channel, reach = around.before + around.after, length = end - i
    cdef Py_ssize_t first = max(<Py_ssize_t>0, o - around.after), last = min(o + around.before, around.channels - 1)
    cdef Py_ssize_t row, v, count, wide_lanes = WIDE_LANES
    cdef bint settles = False
    cdef wide_bits wanted
    if not terms.opened:
        terms.opened = True
        memset(terms.stamps, 0, terms.rows * terms.vectors * sizeof(Py_ssize_t))
        around.looked_x.rows = around.looked_g.rows = 0
        around.looked_x.last = around.looked_g.last = -1
    if f.exact_scale != 0 and f.beta != 0:
        settles = (reaches_row(&around.looked_x, has_nan, &around.x, redo.x + i, o, max(<Py_ssize_t>0, o - reach),
                               min(o + reach, around.channels - 1), length)
                   | reaches_row(&around.looked_g, has_unbounded if signs_decide(f) else has_nan, &around.g,
                                 redo.g + i, o, first, last, length))
    while i < end:
        count = min(end - i, wide_lanes)
        wanted = not_finite(redo, i, count)
        if settles and any_lane(wanted):
            wanted = settle(redo, i, count, wanted)
        if any_lane(wanted):
            for row in range(first, last + 1):
                bring_term(f, around, row, neighbour(&around.x, redo.x, row - o), neighbour(&around.g, redo.g, row - o),
                           i, count)
            v = (i - terms.begin) // wide_lanes
            put_wanted(redo, i, count, wanted,
                       gradient_of(f, sum_of_terms(terms, first, last, v), load_wide(redo.x + i, count),
                                   place_of_term(terms, o, v)[1]))
        i += wide_lanes


# The rows that waited for the end of a piece, some columns at a time; `lines` are at row around.channel.
cdef rare combine_rows(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Around around = lines.around[0]
    cdef Redo redo = Redo(f=f, evaluate=NULL, around=&around, x=NULL, g=NULL, y=NULL)
    cdef Py_ssize_t i = 0, end, row, back
    while i < lines.length:
        end = min(i + around.terms.vectors * WIDE_LANES, lines.length)
        around.terms.begin = i
        around.terms.opened = False
        for row in range(around.terms.first, around.terms.end):
            around.channel = row
            back = row - lines.around.channel
            redo.x = <const elem*>(<const char*>lines.x + back * around.x.step)
            redo.g = <const elem*>(<const char*>lines.g + back * around.g.step)
            redo.y = <elem*>(<char*>lines.y + back * lines.y_pitch)
            combine_row(&redo, i, end)
        i = end


# ---- streams ----

# Is there a NaN, or an infinite g, in reach of a line of positions?
cdef bint may_settle(const Redo* redo, Py_ssize_t length) noexcept nogil:
    cdef const Around* around = redo.around
    cdef Py_ssize_t slab = around.inner * around.channels, first = around.first % slab
    cdef Py_ssize_t last = (around.first + length - 1) % slab, before = around.before * around.inner
    cdef Py_ssize_t after = around.after * around.inner
    cdef Py_ssize_t low = -min(first, before + after), high = length + min(slab - 1 - last, before + after)
    if has_nan(redo.x + low, high - low):
        return True
    low = -min(first, after)
    high = length + min(slab - 1 - last, before)
    return (has_unbounded if signs_decide(redo.f) else has_nan)(redo.g + low, high - low)


# The wanted results of positions in memory order: t, and g s^-beta, of all positions that they reach, and then these.
cdef rare combine_positions(const Redo* redo, Py_ssize_t length) noexcept nogil:
    cdef const Around* around = redo.around
    cdef const Formula* f = redo.f
    cdef Py_ssize_t inner = around.inner, slab = around.inner * around.channels, wide_lanes = WIDE_LANES
    cdef Py_ssize_t i = 0, first = -1, end = 0, low, high, at, count, apart = around.terms.apart
    cdef double* terms = <double*>around.terms.kept
    cdef double* shares = terms + 2 * apart
    cdef wide_bits wanted
    cdef bint settles
    cdef Wide share
    cdef Site site
    settles = f.exact_scale != 0 and f.beta != 0 and may_settle(redo, length)
    while i < length:
        count = min(length - i, wide_lanes)
        wanted = not_finite(redo, i, count)
        if settles and any_lane(wanted):
            wanted = settle(redo, i, count, wanted)
        if any_lane(wanted):
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
        store_numbers(terms + i - low + wide_lanes, apart, term_at(f, &site, &share))
        store_numbers(shares + i - low + wide_lanes, apart, share)
        i += wide_lanes
    i = first
    while i < end:
        count = min(length - i, wide_lanes)
        wanted = not_finite(redo, i, count)
        if settles and any_lane(wanted):
            wanted = settle(redo, i, count, wanted)
        if any_lane(wanted):
            site = site_of(around, redo.x, redo.g, i, count)
            at = i - low + wide_lanes
            put_wanted(redo, i, count, wanted,
                       gradient_of(f, terms_around(&site, terms + at, apart), load_wide(redo.x + i, count),
                                   load_numbers(shares + at, apart)))
        i += wide_lanes


# The sum of t of those at `terms` and of the channels around them
cdef Wide terms_around(const Site* site, const double* terms, Py_ssize_t apart) noexcept nogil:
    cdef Py_ssize_t first = first_in(site, site.around.after), last = last_in(site, site.around.before), d
    cdef Py_ssize_t inner = site.around.inner
    cdef wide sum = wide_splat(0), lost = wide_splat(0), exponent = wide_splat(-100000)
    cdef bint all = all_there(site, first, last)
    if NEEDS_SCALE:
        for d in range(first, last + 1):
            exponent = wide_larger_exponent(exponent, term_within(site, terms, apart, d, all))
    for d in range(first, last + 1):
        wide_accumulate(&sum, &lost, wide_at_exponent(term_within(site, terms, apart, d, all), exponent))
    return wide_raised_sum(sum, exponent)


cdef inline Wide term_within(const Site* site, const double* terms, Py_ssize_t apart, Py_ssize_t d,
                             bint all) noexcept nogil:
    cdef Wide term = load_numbers(terms + d * site.around.inner, apart)
    if not all:
        term.m = within_slab(site, d, term.m)
    return term


# The results of lines that are not finite
cdef rare combine_exactly(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Redo redo = Redo(f=f, evaluate=NULL, around=lines.around, x=lines.x, g=lines.g, y=lines.y)
    cdef Terms* terms = &lines.around.terms
    cdef Py_ssize_t line
    if terms.after:
        if terms.end == 0:
            terms.first = lines.around.channel
        terms.end = lines.around.channel + 1
        return
    if lines.around.row:
        combine_row(&redo, 0, lines.length)
        return
    for line in range(lines.count):
        if lines.around.vicinity:
            combine_box(&redo, lines.length)
        else:
            combine_positions(&redo, lines.length)
        redo.x = <const elem*>(<const char*>redo.x + lines.x_pitch)
        redo.g = <const elem*>(<const char*>redo.g + lines.g_pitch)
        redo.y = <elem*>(<char*>redo.y + lines.y_pitch)
