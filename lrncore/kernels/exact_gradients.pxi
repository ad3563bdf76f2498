# Gradients of lines that left the range of the fast loops.
#
# A gradient adds up t of every channel whose window holds its own, and each t takes a power. So each t is computed
# once, for the first gradient that adds it up, and kept: of rows in a ring of as many as a reflected window has, in a
# stream for the positions of a chunk; exact_sliding.pxi has long windows. Rows wait for the end of their piece, which
# takes a ring of fewer columns, unless what they need is overwritten or staged.

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


# Where is t NaN, or infinite with g while s > 0? There only the signs count. Every overflow in mixed-precision training
# makes whole arrays of such terms.
cdef inline wide_bits signs_decide(const Formula* f, wide s, wide g) noexcept nogil:
    cdef wide_bits decided = is_nan(g)
    if f.beta != 0:
        decided = decided | is_nan(s)
    if f.exact_scale > 0 and f.exact_k > 0:
        decided = decided | (is_infinite(g) & ~wide_not_finite(s))
    return decided


# t without its factor x[c], of `count` elements with a sum of squares around them, and their g s^-beta
cdef inline Wide term_of(const Formula* f, const Around* around, wide x, wide g, Wide squares, Py_ssize_t count,
                         Wide* share) noexcept nogil:
    cdef Wide s = sum_of(f, squares), by_sign, term
    cdef wide_bits decided = signs_decide(f, wide_value(s), g)
    share[0] = wide_of(wide_select(is_nan(wide_value(s)), wide_splat(NAN), g))
    by_sign = wide_times(wide_times(wide_of(x), number(-f.beta)), share[0])
    if not any_lane(wide_first_lanes(count) & ~decided):
        return by_sign
    around.work.recomputed += 1
    term = wide_times_power(wide_of(g), s, &f.exact_beta)
    share[0] = wide_number_select(decided, share[0], term)
    term = vanishing(f, s, wide_of(x), wide_of(g), wide_times(wide_times(wide_of(x), slope_of(f, s)), term))
    return wide_number_select(decided, by_sign, term)


cdef Wide term_at(const Formula* f, const Site* site, Wide* share) noexcept nogil:
    return term_of(f, site.around, load_wide(site.x, site.count), load_wide(site.g, site.count),
                   squares_around(f, site), site.count, share)


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
cdef inline void bring_term(const Formula* f, const Around* around, Py_ssize_t row, const real* x, const real* g,
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
    cdef Py_ssize_t o = around.channel
    cdef Py_ssize_t first = max(<Py_ssize_t>0, o - around.after), last = min(o + around.before, around.channels - 1)
    cdef Py_ssize_t row, v, count, wide_lanes = WIDE_LANES
    cdef wide_bits wanted
    if not terms.opened:
        terms.opened = True
        memset(terms.stamps, 0, terms.rows * terms.vectors * sizeof(Py_ssize_t))
    while i < end:
        count = min(end - i, wide_lanes)
        wanted = not_finite(redo, i, count)
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
    cdef Py_ssize_t columns = LANES if around.track else around.terms.vectors * WIDE_LANES
    while i < lines.length:
        end = min(i + columns, lines.length)
        if around.track:
            around.inner = end - i
            around.track.around = &around
            forget(around.track)
        around.terms.begin = i
        around.terms.opened = False
        for row in range(around.terms.first, around.terms.end):
            around.channel = row
            back = row - lines.around.channel
            redo.x = <const real*>(<const char*>lines.x + back * around.x.step)
            redo.g = <const real*>(<const char*>lines.g + back * around.g.step)
            redo.y = <real*>(<char*>lines.y + back * lines.y_pitch)
            if around.track:
                redo.x += i
                redo.g += i
                redo.y += i
                around.first = row * around.inner
                aim_track_at(around.track, redo.x, redo.g, around.inner)
                combine_kept(&redo, around.inner)
            else:
                combine_row(&redo, i, end)
        i = end


# ---- streams ----

# The wanted results of positions in memory order: t, and g s^-beta, of all positions that they reach, and then these.
cdef rare combine_positions(const Redo* redo, Py_ssize_t length) noexcept nogil:
    cdef const Around* around = redo.around
    cdef const Formula* f = redo.f
    cdef Py_ssize_t inner = around.inner, slab = around.inner * around.channels, wide_lanes = WIDE_LANES
    cdef Py_ssize_t i = 0, first = -1, end = 0, low, high, at, count, apart = around.terms.apart
    cdef double* terms = <double*>around.terms.kept
    cdef double* shares = terms + 2 * apart
    cdef Wide share
    cdef Site site
    while i < length:
        count = min(length - i, wide_lanes)
        if any_lane(not_finite(redo, i, count)):
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
        if any_lane(not_finite(redo, i, count)):
            site = site_of(around, redo.x, redo.g, i, count)
            at = i - low + wide_lanes
            put_wanted(redo, i, count, not_finite(redo, i, count),
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


# The results of a line that are not finite, of terms that are kept
cdef void combine_kept(const Redo* redo, Py_ssize_t length) noexcept nogil:
    cdef const Formula* f = redo.f
    cdef Vicinity* v = redo.around.vicinity
    cdef wide_bits wanted
    cdef Py_ssize_t i = 0, count
    cdef Wide sum, share
    cdef Site site
    while i < length:
        count = min(length - i, <Py_ssize_t>WIDE_LANES)
        wanted = not_finite(redo, i, count)
        if any_lane(wanted):
            site = site_of(redo.around, redo.x, redo.g, i, count)
            # its own t is one of them, and has left its share
            if v:
                sum = box_sum(v, f, SECOND, v.row, site.position)
                share = load_numbers(v.numbers + number_at(v, table_of_shares(v), v.row, site.position), v.apart)
            else:
                sum = window_sum(f, &site, SECOND)
                share = share_at(&site)
            put_wanted(redo, i, count, wanted, gradient_of(f, sum, load_wide(redo.x + i, count), share))
        i += WIDE_LANES


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
    if lines.around.row and not lines.around.track:
        combine_row(&redo, 0, lines.length)
        return
    for line in range(lines.count):
        aim_track(lines, redo.x, redo.g)
        if lines.around.vicinity or lines.around.track:
            combine_kept(&redo, lines.length)
        else:
            combine_positions(&redo, lines.length)
        redo.x = <const real*>(<const char*>redo.x + lines.x_pitch)
        redo.g = <const real*>(<const char*>redo.g + lines.g_pitch)
        redo.y = <real*>(<char*>redo.y + lines.y_pitch)
