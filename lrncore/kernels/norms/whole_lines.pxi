# Results of bundles of short rows that are whole vectors, follow each other without gaps and have the same parameters:
# each vector of them is a cache line. A row shares its first one with the row before it, which has the lanes before
# `behind`: there x and terms are of both. Parameters begin as far behind a cache line (`reserve_row`).

# What a row's loops take, in all lanes
cdef struct Splats:
    vec high
    vec inverse
    vec low_term
    vec factor
    vec h_high
    vec slope
    vec term


cdef inline void open_splats(const Table* table, Py_ssize_t i, bint gradients, Splats* t) noexcept nogil:
    t.high, t.inverse = splat(at(table, HIGH, i)), splat(at(table, INVERSE, i))
    t.low_term = splat(at(table, LOW_TERM, i))
    if gradients:
        t.factor, t.h_high = splat(at(table, FACTOR, i)), splat(-at(table, H_HIGH, i))
        t.slope, t.term = splat(at(table, SLOPE, i)), splat(at(table, TERM, i))


# Those of a row, and behind `count` lanes those of the next
cdef inline Splats of_both(const Splats* t, const Splats* next, Py_ssize_t count, bint gradients) noexcept nogil:
    cdef Splats both
    both.high = first_lanes(t.high, next.high, count)
    both.inverse = first_lanes(t.inverse, next.inverse, count)
    both.low_term = first_lanes(t.low_term, next.low_term, count)
    if gradients:
        both.factor = first_lanes(t.factor, next.factor, count)
        both.h_high = first_lanes(t.h_high, next.h_high, count)
        both.slope = first_lanes(t.slope, next.slope, count)
        both.term = first_lanes(t.term, next.term, count)
    return both


# The `count` elements before a row's end, and behind them those of the next row
cdef inline vec across(const real* end, const real* next, Py_ssize_t count) noexcept nogil:
    return load_behind(load_part(end - count, count), next - count, count)


cdef inline void put_line(real* at, vec v, bint far) noexcept nogil:
    if far:
        store_far(at, v)
    else:
        store(at, v)


# ---- y -------------------------------------------------------------------------------------------------------------

cdef inline vec normalized_by(const Splats* t, vec x, vec weight, vec bias) noexcept nogil:
    return muladd(muladd(x - t.high, t.inverse, t.low_term), weight, bias)


# The lines of rows x and `other` that are theirs alone
cdef inline void normalize_lines(const Splats* t, const Splats* o, const real* x, const real* other, real* y,
                                 Py_ssize_t length, const real* weight, const real* bias) noexcept nogil:
    cdef Py_ssize_t k = LANES
    cdef vec w, c
    while k < length:
        w, c = held(load(weight + k)), held(load(bias + k) if bias else splat(0))
        store(y + k, normalized_by(t, load(x + k), w, c))
        store(y + length + k, normalized_by(o, load(other + k), w, c))
        k += LANES


# The same past the caches, of two lines or more. Vectors are loaded before results of those before them are stored:
# behind these they would wait for them where y lies less than a line behind x, modulo 4096 bytes.
cdef inline void normalize_far_lines(const Splats* t, const Splats* o, const real* x, const real* other, real* y,
                                     Py_ssize_t length, const real* weight, const real* bias) noexcept nogil:
    cdef Py_ssize_t k = LANES, next
    cdef vec w, c, u, v, d = load(x + k), e = load(other + k)
    while k < length:
        w, c = held(load(weight + k)), held(load(bias + k) if bias else splat(0))
        u, v = normalized_by(t, d, w, c), normalized_by(o, e, w, c)
        next = min(k + LANES, length - LANES)
        d, e = held(load(x + next)), held(load(other + next))
        store_far(y + k, u)
        store_far(y + length + k, v)
        k += LANES


cdef inline void normalize_rows(const Job* job, const Room* room, const Bundle* bundle, Py_ssize_t rows,
                                bint biased) noexcept nogil:
    cdef Py_ssize_t behind = job.behind, length = job.inner.length, i = 0
    cdef const real* weight = job.params.weight - behind
    cdef const real* bias = job.params.bias - behind if biased else NULL
    cdef const real* x = row_in(bundle, X, 0)
    cdef const real* other
    cdef const real* next
    cdef real* y = row_in(bundle, Y, 0) - behind
    cdef vec w = load(weight), c = load(bias) if biased else splat(0)
    cdef Table table = room.table
    cdef Splats t, o, both
    open_splats(&table, 0, False, &t)
    store_behind(y, normalized_by(&t, load_behind(splat(0), x - behind, behind), w, c), behind)
    while i < rows:
        other, next = row_in(bundle, X, i + 1), row_in(bundle, X, i + 2)
        open_splats(&table, i + 1, False, &o)
        if job.far and length > LANES:
            normalize_far_lines(&t, &o, x - behind, other - behind, y, length, weight, bias)
        else:
            normalize_lines(&t, &o, x - behind, other - behind, y, length, weight, bias)
        both = of_both(&t, &o, behind, False)
        put_line(y + length, normalized_by(&both, across(x + length, other, behind), w, c), job.far)
        i += 2
        y += 2 * length
        if i < rows:
            open_splats(&table, i, False, &t)
            both = of_both(&o, &t, behind, False)
            put_line(y, normalized_by(&both, across(other + length, next, behind), w, c), job.far)
        else:
            store_part(y, normalized_by(&o, load_part(other + length - behind, behind), w, c), behind)
        x = next


# ---- dx, and the gradients of the parameters -------------------------------------------------------------------------

# What a row adds to the gradients of the weight and the bias
cdef struct Share:
    vec g
    vec xh


cdef inline vec gradient_by(const Splats* t, vec x, vec g, vec weight, Share* share) noexcept nogil:
    cdef vec d = x - t.high
    share.g, share.xh = g, muladd(d, t.inverse, t.low_term)
    return (muladd(g, weight, t.h_high) + muladd(d, t.slope, t.term)) * t.factor


cdef inline void add_at(real* to, vec v) noexcept nogil:
    store(to, load(to) + v)


cdef inline void add_shares(real* dweight, real* dbias, const Share* a, const Share* b) noexcept nogil:
    add_at(dweight, muladd(b.g, b.xh, a.g * a.xh))
    add_at(dbias, a.g + b.g)


# The same of a line whose lanes before `count` lie `length` behind it
cdef inline void add_shared(real* dweight, real* dbias, const Share* a, const Share* b, Py_ssize_t length,
                            Py_ssize_t count) noexcept nogil:
    cdef vec dv = muladd(b.g, b.xh, a.g * a.xh), v = a.g + b.g
    add_at(dweight, first_lanes(splat(0), dv, count))
    add_at(dbias, first_lanes(splat(0), v, count))
    add_at(dweight + length, first_lanes(dv, splat(0), count))
    add_at(dbias + length, first_lanes(v, splat(0), count))


cdef inline Share share_of_both(const Share* a, const Share* b, Py_ssize_t count) noexcept nogil:
    cdef Share both
    both.g, both.xh = first_lanes(a.g, b.g, count), first_lanes(a.xh, b.xh, count)
    return both


# A row, and where its lines begin
cdef struct Pass:
    Splats t
    const real* x
    const real* g


cdef inline void open_pass(const Bundle* bundle, const Table* table, Py_ssize_t i, Py_ssize_t behind,
                           Pass* row) noexcept nogil:
    row.x, row.g = row_in(bundle, X, i) - behind, row_in(bundle, G, i) - behind
    open_splats(table, i, True, &row.t)


# The lines of two rows that are theirs alone
cdef inline void differentiate_lines(const Pass* row, const Pass* other, real* y, Py_ssize_t length,
                                     const real* weight, real* dweight, real* dbias) noexcept nogil:
    cdef Py_ssize_t k = LANES
    cdef Share a, b
    cdef vec w
    while k < length:
        w = held(load(weight + k))
        store(y + k, gradient_by(&row.t, load(row.x + k), load(row.g + k), w, &a))
        store(y + length + k, gradient_by(&other.t, load(other.x + k), load(other.g + k), w, &b))
        add_shares(dweight + k, dbias + k, &a, &b)
        k += LANES


cdef inline void differentiate_far_lines(const Pass* row, const Pass* other, real* y, Py_ssize_t length,
                                         const real* weight, real* dweight, real* dbias) noexcept nogil:
    cdef Py_ssize_t k = LANES, next
    cdef vec x = load(row.x + k), z = load(other.x + k), g = load(row.g + k), h = load(other.g + k)
    cdef vec u, v, w
    cdef Share a, b
    while k < length:
        w = held(load(weight + k))
        u, v = gradient_by(&row.t, x, g, w, &a), gradient_by(&other.t, z, h, w, &b)
        next = min(k + LANES, length - LANES)
        x, z = held(load(row.x + next)), held(load(other.x + next))
        g, h = held(load(row.g + next)), held(load(other.g + next))
        store_far(y + k, u)
        store_far(y + length + k, v)
        add_shares(dweight + k, dbias + k, &a, &b)
        k += LANES


# The line that two rows share
cdef inline vec gradient_across(const Pass* row, const Pass* next, Py_ssize_t length, Py_ssize_t behind, vec weight,
                                Share* share) noexcept nogil:
    cdef Splats both = of_both(&row.t, &next.t, behind, True)
    cdef vec x = across(row.x + length + behind, next.x + behind, behind)
    return gradient_by(&both, x, across(row.g + length + behind, next.g + behind, behind), weight, share)


cdef void differentiate_rows(const Job* job, const Room* room, const Bundle* bundle, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t behind = job.behind, length = job.inner.length, i = 0
    cdef const real* weight = job.params.weight - behind
    cdef real* dweight = room.recent[0] - behind
    cdef real* dbias = room.recent[1] - behind
    cdef real* y = row_in(bundle, Y, 0) - behind
    cdef vec w = load(weight), x, g
    cdef Table table = room.table
    cdef Share before, between, after, a, b
    cdef Pass row, other
    open_pass(bundle, &table, 0, behind, &row)
    store_behind(y, gradient_by(&row.t, load_behind(splat(0), row.x, behind), load_behind(splat(0), row.g, behind), w,
                                &before), behind)
    while i < rows:
        open_pass(bundle, &table, i + 1, behind, &other)
        if job.far and length > LANES:
            differentiate_far_lines(&row, &other, y, length, weight, dweight, dbias)
        else:
            differentiate_lines(&row, &other, y, length, weight, dweight, dbias)
        put_line(y + length, gradient_across(&row, &other, length, behind, w, &between), job.far)
        i += 2
        y += 2 * length
        if i < rows:
            open_pass(bundle, &table, i, behind, &row)
            put_line(y, gradient_across(&other, &row, length, behind, w, &after), job.far)
        else:
            x, g = load_part(other.x + length, behind), load_part(other.g + length, behind)
            store_part(y, gradient_by(&other.t, x, g, w, &after), behind)
        a, b = share_of_both(&between, &before, behind), share_of_both(&after, &between, behind)
        add_shared(dweight, dbias, &a, &b, length, behind)
        before = after


# Even numbers of rows; returns how many are done.
cdef Py_ssize_t apply_lines(const Job* job, const Room* room, const Bundle* bundle) noexcept nogil:
    cdef Py_ssize_t rows = bundle.count // 2 * 2
    if rows == 0:
        return 0
    if job.gradients:
        differentiate_rows(job, room, bundle, rows)
    elif job.params.bias:
        normalize_rows(job, room, bundle, rows, True)
    else:
        normalize_rows(job, room, bundle, rows, False)
    return rows
