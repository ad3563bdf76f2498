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


# ---- sums in `real`, which join those in doubles after a run of vectors -------------------------------------------

cdef inline vec about(const real* at, Py_ssize_t part, vec less) noexcept nogil:
    if UNLIKELY(part != 0):
        return first_lanes(fetch(at, part) + less, splat(0), part)
    return load(at) + less


# Adds a row of x.
cdef inline void add_row(const Row* row, vec less, bint centred, Sums* sums) noexcept nogil:
    cdef const real* x = row.x
    cdef vec a, b, c, d, p, q, r, s, e, f, g, h
    cdef Py_ssize_t i = 0, end
    while i < row.length:
        end = min(row.length, i + RUN * LANES)
        a = b = c = d = p = q = r = s = splat(0)
        while i + 4 * LANES <= end:
            e = load(x + i) + less
            f = load(x + i + LANES) + less
            g = load(x + i + 2 * LANES) + less
            h = load(x + i + 3 * LANES) + less
            if centred:
                a = a + e
                b = b + f
                c = c + g
                d = d + h
            p = muladd(e, e, p)
            q = muladd(f, f, q)
            r = muladd(g, g, r)
            s = muladd(h, h, s)
            i += 4 * LANES
        while i < end:
            e = about(x + i, part_of(end - i), less)
            a = a + e
            p = muladd(e, e, p)
            i += LANES
        if centred:
            sums.first = sums.first + folded((a + b) + (c + d))
        sums.squares = sums.squares + folded((p + q) + (r + s))


cdef inline vec h_about(const Row* row, Py_ssize_t i, Py_ssize_t part, bint weighted, vec less) noexcept nogil:
    cdef vec v
    if not weighted:
        return about(row.g + i, part, less)
    v = muladd(fetch(row.g + i, part), parameter(row.weight, True, 0, i, part), less)
    return first_lanes(v, splat(0), part) if UNLIKELY(part != 0) else v


# Adds a row of x and of h (g where the weight does not change along it). Where x is centred the sums of h are about
# the row's first one.
cdef inline void add_products(const Row* row, vec less, bint centred, bint weighted, Sums* sums) noexcept nogil:
    cdef const real* x = row.x
    cdef real h_shift = real_of(row.g) * (row.weight[0] if weighted else 1) if centred else 0
    cdef vec a, b, p, q, s, t, u, v, d, e, h, k, h_less = splat(-h_shift)
    cdef wide first = wide_splat(0), shift = wide_splat(h_shift)
    cdef Py_ssize_t i = 0, end
    while i < row.length:
        end = min(row.length, i + RUN // 2 * LANES)
        a = b = p = q = s = t = u = v = splat(0)
        while i + 2 * LANES <= end:
            d = load(x + i) + less
            e = load(x + i + LANES) + less
            h = h_about(row, i, 0, weighted, h_less)
            k = h_about(row, i + LANES, 0, weighted, h_less)
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
            d = about(x + i, part_of(end - i), less)
            h = h_about(row, i, part_of(end - i), weighted, h_less)
            if centred:
                a = a + d
            s = s + h
            p = muladd(d, d, p)
            u = muladd(d, h, u)
            i += LANES
        if centred:
            first = first + folded(a + b)
        sums.squares = sums.squares + folded(p + q)
        sums.h = sums.h + folded(s + t)
        sums.products = sums.products + folded(u + v)
    if centred:
        sums.first = sums.first + first
        sums.h = fused(shift, wide_splat(<double>row.length / WIDE_LANES), sums.h)
        sums.products = fused(shift, first, sums.products)


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
cdef inline void sum_rows(const Job* job, const Room* room, const Set* set, Py_ssize_t first,
                          Py_ssize_t end, bint gradients, bint weighted, bint exactly, double* to) noexcept nogil:
    cdef double shift = doubles_of(&room.table, SHIFT)[0]
    cdef bint tlu = gradients and job.params.tau != NULL
    cdef double* slots = to + 4
    cdef Py_ssize_t tile_index, j, slot
    cdef Totals totals
    cdef Sums sums
    cdef Terms terms
    cdef Tile tile
    cdef Row row
    memset(&totals, 0, sizeof(totals))
    sums.first = sums.squares = wide_splat(0)
    if exactly:
        memset(&terms, 0, sizeof(terms))
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
            elif gradients:
                sums.h = sums.products = wide_splat(0)
                add_products(&row, splat(-<real>shift), job.centred, weighted, &sums)
                totals.h, totals.products = wide_total(sums.h), wide_total(sums.products)
            elif job.centred:
                add_row(&row, splat(-<real>shift), True, &sums)
            else:
                add_row(&row, splat(0), False, &sums)
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


cdef rare sum_exactly(const Job* job, const Room* room, const Set* set, Py_ssize_t first, Py_ssize_t end,
                      bint gradients, double* to) noexcept nogil:
    sum_rows(job, room, set, first, end, gradients, job.within and job.params.weight != NULL, True, to)


cdef void sum_set(const Job* job, const Room* room, const Set* set, Py_ssize_t first, Py_ssize_t end,
                  double* to) noexcept nogil:
    if sums_exactly(job, job.gradients):
        sum_exactly(job, room, set, first, end, job.gradients, to)
    elif not job.gradients:
        sum_rows(job, room, set, first, end, False, False, False, to)
    elif job.within and job.params.weight:
        sum_rows(job, room, set, first, end, True, True, False, to)
    else:
        sum_rows(job, room, set, first, end, True, False, False, to)
