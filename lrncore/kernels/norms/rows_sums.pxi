# Sets of rows: the sums over x, and over g.

# Sums over rows, in lanes
cdef struct Sums:
    wide first
    wide squares
    wide h
    wide products


# The same as numbers, and those of the last row
cdef struct Totals:
    double first
    double squares
    double h
    double products
    double cut


# What a row's loops read and write
cdef struct Row:
    const real* x
    const real* g
    real* y
    const real* weight      # a row of them, or one,
    const real* bias        # NULL: 1, 0
    real* dweight           # gradients of a row of them that are added to,
    real* dbias
    double* dweights        # or these
    double* dbiases
    Py_ssize_t param
    Py_ssize_t length


# What its loops take of a row's set, and of the parameters that do not change along it
cdef struct Terms:
    real scale
    real high
    real inverse
    real low_term
    real factor
    real h_high
    real slope
    real term
    real raised
    real lower
    real lower_too
    real gain           # r weight, and bias - low r weight
    real addend
    real weight
    real tau
    bint scaled


cdef inline vec parameter(const real* at, bint along, real otherwise, Py_ssize_t i, Py_ssize_t part) noexcept nogil:
    if not along:
        return splat(otherwise)
    return fetch(at + i, part)


# ---- sums in `real` over a run of vectors -------------------------------------------------------------------------

# A vector of a row; `ahead`: the cache line that comes so much later is prefetched.
cdef inline vec taken(const real* at, Py_ssize_t part, bint ahead) noexcept nogil:
    if ahead:
        prefetch_outer(<const char*>at + LATER_BYTES)
    return fetch(at, part)


# Likewise for the second of two, where the first has not prefetched its cache line
cdef inline bint also(bint ahead) noexcept nogil:
    return ahead and LANES * <Py_ssize_t>sizeof(real) >= CACHE_LINE


# x less the shift, if there is one; 0 behind the row's end
cdef inline vec about(const real* at, Py_ssize_t part, vec less, bint centred, bint ahead) noexcept nogil:
    cdef vec v = taken(at, part, ahead)
    if not centred:
        return v
    return first_lanes(v + less, splat(0), part) if UNLIKELY(part != 0) else v + less


# Sums over elements i to end - 1 of x
cdef inline void sum_run(const real* x, Py_ssize_t i, Py_ssize_t end, vec less, bint centred, bint ahead,
                         vec* first, vec* squares) noexcept nogil:
    cdef vec a, b, p, q, d, e
    a = b = p = q = splat(0)
    while i + 2 * LANES <= end:
        d = about(x + i, 0, less, centred, ahead)
        e = about(x + i + LANES, 0, less, centred, also(ahead))
        if centred:
            a = a + d
            b = b + e
        p = muladd(d, d, p)
        q = muladd(e, e, q)
        i += 2 * LANES
    while i < end:
        d = about(x + i, part_of(end - i), less, centred, ahead)
        if centred:
            a = a + d
        p = muladd(d, d, p)
        i += LANES
    first[0], squares[0] = a + b, p + q


cdef inline vec h_about(const Row* row, Py_ssize_t i, Py_ssize_t part, bint weighted, vec less,
                        bint ahead) noexcept nogil:
    cdef vec v = taken(row.g + i, part, ahead)
    v = muladd(v, parameter(row.weight, True, 0, i, part), less) if weighted else v + less
    return first_lanes(v, splat(0), part) if UNLIKELY(part != 0) else v


# What the h of a row are taken from
cdef inline real h_shift_of(const Row* row, bint centred, bint weighted) noexcept nogil:
    if not centred:
        return 0
    return real_of(row.g) * (row.weight[0] if weighted else 1)


# Sums over elements i to end - 1 of x and of h (g where the weight does not change along the row)
cdef inline void sum_products(const Row* row, Py_ssize_t i, Py_ssize_t end, vec less, vec h_less, bint centred,
                              bint weighted, bint ahead, vec* first, vec* squares, vec* of_h,
                              vec* products) noexcept nogil:
    cdef const real* x = row.x
    cdef vec a, b, p, q, s, t, u, v, d, e, h, k
    a = b = p = q = s = t = u = v = splat(0)
    while i + 2 * LANES <= end:
        d = about(x + i, 0, less, centred, ahead)
        e = about(x + i + LANES, 0, less, centred, also(ahead))
        h = h_about(row, i, 0, weighted, h_less, ahead)
        k = h_about(row, i + LANES, 0, weighted, h_less, also(ahead))
        if centred:
            a = a + d
            b = b + e
        s = s + h
        t = t + k
        p = muladd(d, d, p)
        q = muladd(e, e, q)
        u = muladd(d, h, u)
        v = muladd(e, k, v)
        i += 2 * LANES
    while i < end:
        d = about(x + i, part_of(end - i), less, centred, ahead)
        h = h_about(row, i, part_of(end - i), weighted, h_less, ahead)
        if centred:
            a = a + d
        s = s + h
        p = muladd(d, d, p)
        u = muladd(d, h, u)
        i += LANES
    first[0], squares[0], of_h[0], products[0] = a + b, p + q, s + t, u + v


# Adds a row of x, and of h. Where x is centred the sums of h are about the row's first one.
cdef inline void add_runs(const Row* row, vec less, bint gradients, bint centred, bint weighted, bint ahead,
                          Sums* sums) noexcept nogil:
    cdef real h_shift = h_shift_of(row, centred, weighted) if gradients else 0
    cdef wide all_first = wide_splat(0), by = wide_splat(h_shift)
    cdef Py_ssize_t i = 0, length = (RUN // 2 if gradients else RUN) * LANES
    cdef vec first, squares, h, products
    while i < row.length:
        if gradients:
            sum_products(row, i, min(row.length, i + length), less, splat(-h_shift), centred, weighted, ahead,
                         &first, &squares, &h, &products)
            sums.h = sums.h + folded(h)
            sums.products = sums.products + folded(products)
        else:
            sum_run(row.x, i, min(row.length, i + length), less, centred, ahead, &first, &squares)
        sums.squares = sums.squares + folded(squares)
        if centred:
            all_first = all_first + folded(first)
        i += length
    sums.first = sums.first + all_first
    if gradients and centred:
        sums.h = fused(by, wide_splat(<double>row.length / WIDE_LANES), sums.h)
        sums.products = fused(by, all_first, sums.products)


cdef inline void add_row_of(const Job* job, const Row* row, vec less, bint gradients, bint ahead,
                            Sums* sums) noexcept nogil:
    if gradients and job.within and job.params.weight:
        add_runs(row, less, True, job.centred, True, ahead, sums)
    elif gradients:
        add_runs(row, less, True, job.centred, False, ahead, sums)
    elif job.centred:
        add_runs(row, less, False, True, False, ahead, sums)
    else:
        add_runs(row, less, False, False, False, ahead, sums)


cdef void add_row(const Job* job, const Row* row, vec less, bint gradients, Sums* sums) noexcept nogil:
    if job.ahead:
        add_row_of(job, row, less, gradients, True, sums)
    else:
        add_row_of(job, row, less, gradients, False, sums)


# ---- in doubles, of numbers times powers of two ------------------------------------------------------------------

# x about the shift; 0 behind the row's end
cdef inline Pair deviation(const real* at, Py_ssize_t part, vec by, Pair shift) noexcept nogil:
    cdef Pair d = minus(widened(fetch(at, part) * by), shift)
    return first_of_pair(d, part) if UNLIKELY(part != 0) else d


# h of a vector: of g alone where the weight does not change along the row. `cut` is what tau took of it.
cdef inline vec h_of(const Row* row, const Terms* t, Py_ssize_t i, Py_ssize_t part, bint weighted, bint scaled,
                     bint tlu, vec* cut) noexcept nogil:
    cdef vec v = fetch(row.g + i, part), y, kept
    if scaled:
        v = v * splat(t.raised)
    if weighted:
        v = v * parameter(row.weight, True, 0, i, part)
    if tlu:
        y = muladd(fetch(row.x + i, part), splat(t.scale), splat(-t.high))
        y = muladd(y, splat(t.gain), splat(t.addend))
        kept = replaced_below(v, y, splat(t.tau), splat(0))
        cut[0] = replaced_below(splat(0), y, splat(t.tau), v)
        return kept
    return v


# Adds a row of x, and of h.
cdef rare add_exactly(const Row* row, const Terms* t, Pair shift, bint gradients, bint weighted, bint tlu,
                      Totals* totals) noexcept nogil:
    cdef Pair a = paired(0), p = paired(0), s = paired(0), u = paired(0), c = paired(0), d, h
    cdef vec by = splat(t.scale), cut = splat(0)
    cdef Py_ssize_t i = 0, part
    while i < row.length:
        part = part_of(row.length - i)
        d = deviation(row.x + i, part, by, shift)
        a = plus(a, d)
        p = times_plus(d, d, p)
        if gradients:
            h = widened(h_of(row, t, i, part, weighted, True, tlu, &cut))
            s = plus(s, h)
            u = times_plus(d, h, u)
            c = plus(c, widened(cut))
        i += LANES
    totals.first += total(a)
    totals.squares += total(p)
    totals.h, totals.products, totals.cut = total(s), total(u), total(c)


cdef inline void open_terms(const Table* table, Py_ssize_t i, Terms* t) noexcept nogil:
    t.scale, t.high, t.inverse, t.low_term = (at(table, SCALE, i), at(table, HIGH, i), at(table, INVERSE, i),
                                              at(table, LOW_TERM, i))
    t.raised = at(table, G_SCALE, i)
    t.scaled = t.scale != 1 or t.raised != 1


cdef inline void open_row(const Job* job, const Room* room, const Set* set, const Tile* tile, Py_ssize_t i,
                          Row* row) noexcept nogil:
    row.length = tile.length
    row.param = param_of(job, set, tile, i)
    row.x = <const real*>row_of(job, room, set, tile, X, i)
    row.y = <real*>row_of(job, room, set, tile, Y, i)
    row.g = <const real*>row_of(job, room, set, tile, G, i) if job.gradients else row.x
    row.weight = job.params.weight + row.param if job.params.weight else NULL
    row.bias = job.params.bias + row.param if job.params.bias else NULL


# The parameters that do not change along a row
cdef inline void open_affine(const Job* job, const Row* row, Terms* t) noexcept nogil:
    t.weight = row.weight[0] if row.weight and not job.along else 1
    t.gain = t.inverse * t.weight
    t.addend = real_muladd(t.low_term, t.weight, row.bias[0] if row.bias and not job.along else 0)
    t.tau = job.params.tau[row.param] if job.params.tau else 0


# Sums over some tiles of a set; `exactly`: in doubles
cdef void sum_rows(const Job* job, const Room* room, const Set* set, Py_ssize_t first, Py_ssize_t end,
                   bint gradients, bint exactly, double* to) noexcept nogil:
    cdef double shift = doubles_of(&room.table, SHIFT)[0]
    cdef bint tlu = gradients and job.params.tau != NULL, weighted = job.within and job.params.weight != NULL
    cdef double* slots = to + 4
    cdef Py_ssize_t tile_index, j, slot
    cdef Totals totals
    cdef Sums sums
    cdef Terms terms
    cdef Tile tile
    cdef Row row
    memset(&totals, 0, sizeof(totals))
    memset(&sums, 0, sizeof(sums))
    memset(&terms, 0, sizeof(terms))
    if exactly:
        open_terms(&room.table, 0, &terms)
    if gradients:
        to[2] = to[3] = 0
        memset(slots, 0, 3 * job.span * sizeof(double))
    for tile_index in range(first, end):
        open_tile(job, set, tile_index, &tile)
        bring(job, room, set, &tile, X)
        if gradients:
            bring(job, room, set, &tile, G)
        for j in range(tile.rows):
            open_row(job, room, set, &tile, j, &row)
            if exactly:
                if tlu:
                    open_affine(job, &row, &terms)
                add_exactly(&row, &terms, paired(shift), gradients, weighted, tlu, &totals)
            else:
                sums.h = sums.products = wide_splat(0)
                add_row(job, &row, splat(-<real>shift), gradients, &sums)
                totals.h, totals.products = wide_total(sums.h), wide_total(sums.products)
            if gradients and job.span:
                slot = row.param - set.param
                slots[slot] += totals.h
                slots[job.span + slot] += totals.products
                if tlu:
                    slots[2 * job.span + slot] += totals.cut
            elif gradients:
                to[2] += totals.h
                to[3] += totals.products
    to[0], to[1] = totals.first + wide_total(sums.first), totals.squares + wide_total(sums.squares)


cdef void sum_set(const Job* job, const Room* room, const Set* set, Py_ssize_t first, Py_ssize_t end,
                  double* to) noexcept nogil:
    sum_rows(job, room, set, first, end, job.gradients, sums_exactly(job, job.gradients), to)
