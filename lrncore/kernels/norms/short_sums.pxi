# Sums over bundles of short rows, of x as it is where its mean is near 0, elsewhere less a number near the mean: which
# one depends on the row alone. A bundle is added up less shifts too where one before had a row that needs it.
# Forward, where rows do not begin at cache lines, lines of x are added up: each lane's sum is the same as if vectors
# were taken from the row's start on, but in another lane.

# A row of those that are measured side by side, and its sums so far
cdef struct Lane:
    const real* x
    const real* g
    const real* weight
    vec less
    vec h_less
    vec first
    vec squares
    vec h
    vec products
    vec d_first             # of x less the shift
    vec d_squares
    vec d_products


# Shifts of a bundle's rows, and sums of x less these
cdef struct Shifted:
    real shift[BUNDLE]
    double first[BUNDLE]
    double squares[BUNDLE]
    double products[BUNDLE]


# What a loop adds up: known when it is compiled
cdef struct Kind:
    bint gradients
    bint centred
    bint shifted            # less the shift, too
    bint weighted
    bint ahead


cdef inline Kind kind_of(bint gradients, bint centred, bint weighted, bint ahead) noexcept nogil:
    cdef Kind kind
    kind.gradients, kind.centred, kind.weighted, kind.ahead = gradients, centred, weighted, ahead
    kind.shifted = False
    return kind


# Backward, and beyond the caches, four rows side by side are slower than two, or than one.
cdef inline bint takes_two(const Kind* kind) noexcept nogil:
    return kind.gradients or kind.ahead


# Forward, a load across lines costs more than to turn the sums.
cdef inline bint by_lines(const Kind* kind) noexcept nogil:
    return PARTS_LINES and not (kind.shifted or kind.gradients)


cdef inline void open_lane(const Job* job, const Bundle* bundle, Py_ssize_t i, const Kind* kind,
                           const Shifted* shifted, real* h_shift, Lane* lane) noexcept nogil:
    cdef real h_less = 0
    i = min(i, bundle.count - 1)
    lane.x, lane.g, lane.weight = row_in(bundle, X, i), row_in(bundle, G, i), NULL
    if kind.weighted:
        lane.weight = job.params.weight + param_in(bundle, i)
    lane.first = lane.squares = lane.h = lane.products = splat(0)
    lane.d_first = lane.d_squares = lane.d_products = splat(0)
    lane.less = splat(shifted.shift[i] if kind.shifted else 0)
    if kind.gradients and kind.centred:
        h_less = real_of(lane.g) * lane.weight[0] if kind.weighted else real_of(lane.g)
        h_shift[i] = h_less
    lane.h_less = splat(-h_less)


cdef inline vec within_row(vec v, Py_ssize_t part) noexcept nogil:
    return first_lanes(v, splat(0), part) if UNLIKELY(part != 0) else v


cdef inline void add_x(Lane* lane, vec d, const Kind* kind) noexcept nogil:
    if kind.centred:
        lane.first = lane.first + d
    lane.squares = muladd(d, d, lane.squares)


# Elements k to k + LANES - 1
cdef inline void add_to_lane(Lane* lane, Py_ssize_t k, Py_ssize_t part, const Kind* kind) noexcept nogil:
    cdef vec v = taken(lane.x + k, part, kind.ahead), d = v, h
    add_x(lane, v, kind)
    if kind.shifted:
        d = within_row(v - lane.less, part)
        lane.d_first = lane.d_first + d
        lane.d_squares = muladd(d, d, lane.d_squares)
    if kind.gradients:
        h = taken(lane.g + k, part, kind.ahead)
        h = muladd(h, fetch(lane.weight + k, part), lane.h_less) if kind.weighted else h + lane.h_less
        h = within_row(h, part)
        lane.h = lane.h + h
        lane.products = muladd(v, h, lane.products)
    if kind.gradients and kind.shifted:
        lane.d_products = muladd(d, h, lane.d_products)


cdef inline void add_to_lanes(Lane* lanes, Py_ssize_t k, Py_ssize_t part, const Kind* kind) noexcept nogil:
    add_to_lane(&lanes[0], k, part, kind)
    add_to_lane(&lanes[1], k, part, kind)
    if not takes_two(kind):
        add_to_lane(&lanes[2], k, part, kind)
        add_to_lane(&lanes[3], k, part, kind)


# What is behind the first `behind` elements of a row's line
cdef inline void begin_lane(Lane* lane, Py_ssize_t behind, const Kind* kind) noexcept nogil:
    add_x(lane, load_behind(splat(0), lane.x - behind, behind), kind)


cdef inline void begin_lanes(Lane* lanes, Py_ssize_t behind, const Kind* kind) noexcept nogil:
    begin_lane(&lanes[0], behind, kind)
    begin_lane(&lanes[1], behind, kind)
    if not takes_two(kind):
        begin_lane(&lanes[2], behind, kind)
        begin_lane(&lanes[3], behind, kind)


# Sums that began so are those of lanes from the row's start on.
cdef inline void turn_lane(Lane* lane, Py_ssize_t behind, const Kind* kind) noexcept nogil:
    if kind.centred:
        lane.first = turned(lane.first, behind)
    lane.squares = turned(lane.squares, behind)


cdef inline void turn_lanes(Lane* lanes, Py_ssize_t behind, const Kind* kind) noexcept nogil:
    turn_lane(&lanes[0], behind, kind)
    turn_lane(&lanes[1], behind, kind)
    if not takes_two(kind):
        turn_lane(&lanes[2], behind, kind)
        turn_lane(&lanes[3], behind, kind)


# The sums of rows i to i + 3, or of i and i + 1, and those less the shift. Where there are fewer the last one is taken
# again.
cdef inline void sum_together(const Job* job, const Bundle* bundle, const Table* table, Py_ssize_t i,
                              Py_ssize_t behind, const Kind* kind, Shifted* shifted, real* h_shift) noexcept nogil:
    cdef double* first = doubles_of(table, FIRST) + i
    cdef double* squares = doubles_of(table, SQUARES) + i
    cdef Py_ssize_t length = job.inner.length, k = 0
    cdef Lane lanes[TOGETHER]
    open_lane(job, bundle, i, kind, shifted, h_shift, &lanes[0])
    open_lane(job, bundle, i + 1, kind, shifted, h_shift, &lanes[1])
    if not takes_two(kind):
        open_lane(job, bundle, i + 2, kind, shifted, h_shift, &lanes[2])
        open_lane(job, bundle, i + 3, kind, shifted, h_shift, &lanes[3])
    if by_lines(kind) and behind:
        begin_lanes(lanes, behind, kind)
        k = LANES - behind
    while k + LANES <= length:
        add_to_lanes(lanes, k, 0, kind)
        k += LANES
    if k < length:
        add_to_lanes(lanes, k, length - k, kind)
    if by_lines(kind) and behind:
        turn_lanes(lanes, behind, kind)
    if takes_two(kind):
        store_sums(first, squares, lanes[0].first, lanes[1].first, lanes[0].squares, lanes[1].squares)
    if kind.shifted and not takes_two(kind):
        store_sums(shifted.first + i, shifted.first + i + 2, lanes[0].d_first, lanes[1].d_first, lanes[2].d_first,
                   lanes[3].d_first)
        store_sums(shifted.squares + i, shifted.squares + i + 2, lanes[0].d_squares, lanes[1].d_squares,
                   lanes[2].d_squares, lanes[3].d_squares)
    elif kind.shifted:
        store_sums(shifted.first + i, shifted.squares + i, lanes[0].d_first, lanes[1].d_first, lanes[0].d_squares,
                   lanes[1].d_squares)
    if kind.gradients:
        store_sums(doubles_of(table, H) + i, doubles_of(table, PRODUCTS) + i, lanes[0].h, lanes[1].h,
                   lanes[0].products, lanes[1].products)
    if kind.gradients and kind.shifted:
        store_sums(shifted.products + i, shifted.products + i, lanes[0].d_products, lanes[1].d_products,
                   lanes[0].d_products, lanes[1].d_products)
    if not takes_two(kind):
        store_sums(squares, squares + 2, lanes[0].squares, lanes[1].squares, lanes[2].squares, lanes[3].squares)
        if kind.centred:
            store_sums(first, first + 2, lanes[0].first, lanes[1].first, lanes[2].first, lanes[3].first)


# What the h were taken less
cdef inline void put_back(const Table* table, const real* h_shift, double n) noexcept nogil:
    cdef double* h = doubles_of(table, H)
    cdef double* products = doubles_of(table, PRODUCTS)
    cdef Py_ssize_t i = 0
    cdef Pair by
    while i < BUNDLE:
        by = widened(load(h_shift + i))
        store_pair(h + i, times_plus(by, paired(n), load_pair(h + i)))
        store_pair(products + i, times_plus(by, load_pair(doubles_of(table, FIRST) + i), load_pair(products + i)))
        i += LANES


# Where the weight does not change within a row the sums of g become those of h.
cdef inline void weigh_sums(const Job* job, const Bundle* bundle, const Table* table, Py_ssize_t i) noexcept nogil:
    cdef real weight = job.params.weight[param_in(bundle, i)] if job.params.weight else 1
    doubles_of(table, OF_G)[i] = doubles_of(table, H)[i]
    doubles_of(table, G_PRODUCTS)[i] = doubles_of(table, PRODUCTS)[i]
    doubles_of(table, H)[i] *= weight
    doubles_of(table, PRODUCTS)[i] *= weight


# Is the mean of row i off from what its sums are about by more than the root of half its variance?
cdef inline bint is_far(const Job* job, const Table* table, Py_ssize_t i) noexcept nogil:
    cdef double first = doubles_of(table, FIRST)[i], off = first / <double>job.inner.length
    return off * first > 0.5 * (doubles_of(table, SQUARES)[i] - first * off)


# The sums of rows whose mean is not near 0 become those less a shift. Are there any?
cdef bint take_shifted(const Job* job, const Table* table, const Shifted* shifted, Py_ssize_t count,
                       const real* h_shift) noexcept nogil:
    cdef bint some = False
    cdef Py_ssize_t i
    for i in range(count):
        if not is_far(job, table, i):
            continue
        doubles_of(table, SHIFT)[i] = shifted.shift[i]
        doubles_of(table, FIRST)[i], doubles_of(table, SQUARES)[i] = shifted.first[i], shifted.squares[i]
        if job.gradients:
            doubles_of(table, PRODUCTS)[i] = shifted.products[i] + h_shift[i] * shifted.first[i]
        some = True
    return some


# The sums of a bundle about 0 and less a shift. Are some taken of these?
cdef inline bint sum_both(const Job* job, const Bundle* bundle, const Table* table, bint gradients,
                          bint weighted) noexcept nogil:
    cdef Kind kind = kind_of(gradients, True, weighted, False)
    cdef Py_ssize_t last = job.inner.length - 1, i, j
    cdef real h_shift[BUNDLE]
    cdef Shifted shifted
    kind.shifted = True
    if gradients:
        memset(h_shift, 0, sizeof(h_shift))
    memset(doubles_of(table, SHIFT), 0, BUNDLE * sizeof(double))
    for i in range(min(bundle.count, <Py_ssize_t>TOGETHER)):
        shifted.shift[i] = middle_of_row(row_in(bundle, X, i), last // 5, last)
    i = 0
    while i < bundle.count:
        for j in range(i + TOGETHER, min(bundle.count, i + 2 * TOGETHER)):
            shifted.shift[j] = middle_of_row(row_in(bundle, X, j), last // 5, last)
        sum_together(job, bundle, table, i, 0, &kind, &shifted, h_shift)
        if takes_two(&kind):
            sum_together(job, bundle, table, i + 2, 0, &kind, &shifted, h_shift)
        i += TOGETHER
    if gradients:
        put_back(table, h_shift, <double>job.inner.length)
    return take_shifted(job, table, &shifted, bundle.count, h_shift)


cdef bint sum_both_of(const Job* job, const Bundle* bundle, const Table* table) noexcept nogil:
    if job.gradients and job.within and job.params.weight:
        return sum_both(job, bundle, table, True, True)
    if job.gradients:
        return sum_both(job, bundle, table, True, False)
    return sum_both(job, bundle, table, False, False)


# Elements of x from its cache lines to rows of whole vectors, if all begin as far behind one, or 0
cdef inline Py_ssize_t behind_lines(const Job* job, const Bundle* bundle) noexcept nogil:
    cdef Py_ssize_t bytes = LANES * <Py_ssize_t>sizeof(real)
    if not PARTS_LINES or job.inner.length % LANES != 0 or bundle.apart[X] % bytes != 0 or bundle.scattered:
        return 0
    return <Py_ssize_t>bundle.at[X] % bytes // <Py_ssize_t>sizeof(real)


# Phase 1 of rows that are a single run: several are added up together.
cdef inline void sum_runs(const Job* job, const Room* room, const Bundle* bundle, Kind kind) noexcept nogil:
    cdef const Table* table = &room.table
    cdef Py_ssize_t i = 0, behind = behind_lines(job, bundle)
    cdef real h_shift[BUNDLE]
    # of lanes behind the last row too
    if kind.gradients and kind.centred:
        memset(h_shift, 0, sizeof(h_shift))
    while i < bundle.count:
        sum_together(job, bundle, table, i, behind, &kind, NULL, h_shift)
        i += TOGETHER // 2 if takes_two(&kind) else TOGETHER
    if kind.centred:
        memset(doubles_of(table, SHIFT), 0, BUNDLE * sizeof(double))
        if kind.gradients:
            put_back(table, h_shift, <double>job.inner.length)


# Phase 1 of longer ones
cdef void sum_long(const Job* job, const Room* room, const Bundle* bundle) noexcept nogil:
    cdef const Table* table = &room.table
    cdef Py_ssize_t last = job.inner.length - 1, i
    cdef real shift[BUNDLE]
    cdef Sums sums
    cdef Row row
    for i in range(bundle.count):
        shift[i] = middle_of_row(row_in(bundle, X, i), last // 5, last) if job.centred else 0
    for i in range(bundle.count):
        open_short(job, room, bundle, i, &row)
        memset(&sums, 0, sizeof(sums))
        add_row(job, &row, splat(-shift[i]), job.gradients, &sums)
        doubles_of(table, SHIFT)[i] = shift[i]
        doubles_of(table, FIRST)[i], doubles_of(table, SQUARES)[i] = wide_total(sums.first), wide_total(sums.squares)
        if job.gradients:
            doubles_of(table, H)[i], doubles_of(table, PRODUCTS)[i] = wide_total(sums.h), wide_total(sums.products)


cdef inline void sum_runs_of(const Job* job, const Room* room, const Bundle* bundle, bint ahead) noexcept nogil:
    if job.gradients and job.within and job.params.weight and job.centred:
        sum_runs(job, room, bundle, kind_of(True, True, True, ahead))
    elif job.gradients and job.within and job.params.weight:
        sum_runs(job, room, bundle, kind_of(True, False, True, ahead))
    elif job.gradients:
        sum_runs(job, room, bundle, kind_of(True, job.centred, False, ahead))
    elif job.centred:
        sum_runs(job, room, bundle, kind_of(False, True, False, ahead))
    else:
        sum_runs(job, room, bundle, kind_of(False, False, False, ahead))
