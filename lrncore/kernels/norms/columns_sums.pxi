# Sets side by side: a vector holds as many sets, or columns of sets, as it has lanes. Their sums.

# Where the rows of a tile begin, and their parameters
cdef struct RowTable:
    const real* x[BLOCK_ROWS]
    const real* g[BLOCK_ROWS]
    real* y[BLOCK_ROWS]
    Py_ssize_t param[BLOCK_ROWS]


# Bytes from one row of a tile to the next, where they are the same for all
cdef inline Py_ssize_t row_pitch(const Job* job, const Tile* tile, int which) noexcept nogil:
    if job.operand[which].staged:
        return tile.length * <Py_ssize_t>sizeof(real)
    return job.reduced[0].stride[which] if job.reduced_dims else 0


# Of the next tile
cdef inline void prefetch_row(const char* at, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(0, length * <Py_ssize_t>sizeof(real), 64):
        prefetch(at + i)


cdef void open_rows(const Job* job, const Room* room, const Set* set, const Tile* tile, RowTable* rows) noexcept nogil:
    cdef const char* x = row_of(job, room, set, tile, X, 0)
    cdef const char* g = row_of(job, room, set, tile, G, 0)
    cdef char* y = row_of(job, room, set, tile, Y, 0)
    cdef Py_ssize_t x_pitch = row_pitch(job, tile, X), g_pitch = row_pitch(job, tile, G)
    cdef Py_ssize_t y_pitch = row_pitch(job, tile, Y), param = param_of(job, set, tile, 0), i
    cdef Py_ssize_t param_pitch = job.reduced[0].param if job.reduced_dims else 0
    for i in range(tile.rows):
        if job.reduced_dims > 1:
            x = row_of(job, room, set, tile, X, i)
            g = row_of(job, room, set, tile, G, i)
            y = row_of(job, room, set, tile, Y, i)
            param = param_of(job, set, tile, i)
        rows.x[i] = <const real*>x
        rows.g[i] = <const real*>g
        rows.y[i] = <real*>y
        rows.param[i] = param
        if job.ahead and not job.operand[X].staged:
            prefetch_row(x + tile.rows * x_pitch, tile.length)
        if job.ahead and job.gradients and not job.operand[G].staged:
            prefetch_row(g + tile.rows * g_pitch, tile.length)
        x += x_pitch
        g += g_pitch
        y += y_pitch
        param += param_pitch


# A parameter of some columns in a row
cdef inline vec parameter_at(const Job* job, const real* values, Py_ssize_t param, real otherwise, Py_ssize_t column,
                             Py_ssize_t part) noexcept nogil:
    if values == NULL:
        return splat(otherwise)
    if not job.along:
        return splat(values[param])
    return fetch(values + param + column, part)


cdef inline void add_to(double* to, Pair sums) noexcept nogil:
    store_pair(to, plus(load_pair(to), sums))


# ---- sums in `real` over a tile, which join those in doubles ------------------------------------------------------

# The shift of a vector of columns, negative
cdef inline vec minus_shift(const Table* table, Py_ssize_t column) noexcept nogil:
    return splat(0) - narrowed(doubles_of(table, SHIFT) + column)


# Adds x in two vectors of columns.
cdef inline void add_columns(const Table* table, const RowTable* rows, Py_ssize_t count, Py_ssize_t column,
                             bint centred, double* to) noexcept nogil:
    cdef vec less = minus_shift(table, column), less_too = minus_shift(table, column + LANES)
    cdef vec a = splat(0), b = splat(0), c = splat(0), d = splat(0), p = splat(0), q = splat(0), r = splat(0)
    cdef vec s = splat(0), e, f, g, h
    cdef Py_ssize_t i = 0
    while i + 2 <= count:
        e = load(rows.x[i] + column) + less
        f = load(rows.x[i] + column + LANES) + less_too
        g = load(rows.x[i + 1] + column) + less
        h = load(rows.x[i + 1] + column + LANES) + less_too
        if centred:
            a = a + e
            b = b + f
            c = c + g
            d = d + h
        p = muladd(e, e, p)
        q = muladd(f, f, q)
        r = muladd(g, g, r)
        s = muladd(h, h, s)
        i += 2
    if i < count:
        e = load(rows.x[i] + column) + less
        f = load(rows.x[i] + column + LANES) + less_too
        a = a + e
        b = b + f
        p = muladd(e, e, p)
        q = muladd(f, f, q)
    to += column
    if centred:
        add_to(to, widened(a + c))
        add_to(to + LANES, widened(b + d))
    add_to(to + table.apart, widened(p + r))
    add_to(to + table.apart + LANES, widened(q + s))


# Adds x in one.
cdef inline void add_column(const Table* table, const RowTable* rows, Py_ssize_t count, Py_ssize_t column,
                            Py_ssize_t part, double* to) noexcept nogil:
    cdef vec less = minus_shift(table, column), a = splat(0), p = splat(0), d
    cdef Py_ssize_t i
    for i in range(count):
        d = fetch(rows.x[i] + column, part) + less
        a = a + d
        p = muladd(d, d, p)
    to += column
    add_to(to, widened(a))
    add_to(to + table.apart, widened(p))


# Adds x and h in a vector of columns. The sums of h are about its first one in the tile.
cdef inline void add_column_products(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t count,
                                     Py_ssize_t column, Py_ssize_t part, bint weighted, double* to) noexcept nogil:
    cdef vec less = minus_shift(table, column), first = h_of_column(job, rows, 0, column, part, weighted)
    cdef vec a = splat(0), b = splat(0), p = splat(0), q = splat(0), s = splat(0), t = splat(0), u = splat(0)
    cdef vec v = splat(0), h_less = splat(0) - first, d, e, h, k
    cdef Pair sum, h_shift
    cdef Py_ssize_t i = 0
    while i + 2 <= count:
        d = fetch(rows.x[i] + column, part) + less
        e = fetch(rows.x[i + 1] + column, part) + less
        h = h_of_column(job, rows, i, column, part, weighted) + h_less
        k = h_of_column(job, rows, i + 1, column, part, weighted) + h_less
        a = a + d
        b = b + e
        p = muladd(d, d, p)
        q = muladd(e, e, q)
        s = s + h
        t = t + k
        u = muladd(d, h, u)
        v = muladd(e, k, v)
        i += 2
    if i < count:
        d = fetch(rows.x[i] + column, part) + less
        h = h_of_column(job, rows, i, column, part, weighted) + h_less
        a = a + d
        p = muladd(d, d, p)
        s = s + h
        u = muladd(d, h, u)
    to += column
    sum = widened(a + b)
    h_shift = widened(first)
    add_to(to, sum)
    add_to(to + table.apart, widened(p + q))
    add_to(to + 2 * table.apart, times_plus(paired(<double>count), h_shift, widened(s + t)))
    add_to(to + 3 * table.apart, times_plus(sum, h_shift, widened(u + v)))


cdef inline vec h_of_column(const Job* job, const RowTable* rows, Py_ssize_t i, Py_ssize_t column, Py_ssize_t part,
                            bint weighted) noexcept nogil:
    if not weighted:
        return fetch(rows.g[i] + column, part)
    return fetch(rows.g[i] + column, part) * parameter_at(job, job.params.weight, rows.param[i], 1, column, part)


# ---- in doubles, of numbers times powers of two ------------------------------------------------------------------

# A vector of columns of y, where the parameters do not change by row
cdef inline vec column_normalized(const Table* table, const real* x, Py_ssize_t column, Py_ssize_t part) noexcept nogil:
    cdef vec high = splat(0) - load(reals_of(table, HIGH) + column)
    cdef vec v = muladd(fetch(x, part), load(reals_of(table, SCALE) + column), high)
    return muladd(v, load(reals_of(table, GAIN) + column), load(reals_of(table, ADDEND) + column))


# g of one in a row, times a power of two. `cut` is what tau took of it.
cdef inline vec column_g(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t i, Py_ssize_t column,
                         Py_ssize_t part, bint tlu, vec* cut) noexcept nogil:
    cdef vec v = fetch(rows.g[i] + column, part) * load(reals_of(table, G_SCALE) + column), y, tau
    if not tlu:
        return v
    tau = parameter_at(job, job.params.tau, rows.param[i], 0, column, part)
    y = column_normalized(table, rows.x[i] + column, column, part)
    cut[0] = replaced_below(splat(0), y, tau, v)
    return replaced_below(v, y, tau, splat(0))


# Adds x, and h, in one.
cdef rare add_columns_exactly(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t count,
                              Py_ssize_t column, Py_ssize_t part, bint gradients, double* to) noexcept nogil:
    cdef Pair shift = load_pair(doubles_of(table, SHIFT) + column)
    cdef Pair a = paired(0), p = paired(0), s = paired(0), u = paired(0), c = paired(0), d, h
    cdef vec by = load(reals_of(table, SCALE) + column), cut = splat(0), v
    cdef Py_ssize_t i
    for i in range(count):
        d = deviation(rows.x[i] + column, part, by, shift)
        a = plus(a, d)
        p = times_plus(d, d, p)
        if gradients:
            v = column_g(job, table, rows, i, column, part, job.params.tau != NULL, &cut)
            if job.within and job.params.weight:
                v = v * parameter_at(job, job.params.weight, rows.param[i], 1, column, part)
            h = widened(v)
            s = plus(s, h)
            u = times_plus(d, h, u)
            c = plus(c, widened(cut))
    to += column
    add_to(to, a)
    add_to(to + table.apart, p)
    if gradients:
        add_to(to + 2 * table.apart, s)
        add_to(to + 3 * table.apart, u)
        add_to(to + 4 * table.apart, c)


cdef inline void add_tile(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t count,
                          Py_ssize_t length, bint gradients, double* to) noexcept nogil:
    cdef bint weighted = job.within and job.params.weight != NULL
    cdef Py_ssize_t column = 0, part
    while column < length:
        part = part_of(length - column)
        if gradients:
            if weighted:
                add_column_products(job, table, rows, count, column, part, True, to)
            elif UNLIKELY(part != 0):
                add_column_products(job, table, rows, count, column, part, False, to)
            else:
                add_column_products(job, table, rows, count, column, 0, False, to)
        elif column + 2 * LANES <= length:
            if job.centred:
                add_columns(table, rows, count, column, True, to)
            else:
                add_columns(table, rows, count, column, False, to)
            column += LANES
        else:
            add_column(table, rows, count, column, part, to)
        column += LANES


# Sums over some tiles of a block; `exactly`: in doubles
cdef void sum_block(const Job* job, const Room* room, const Set* set, Py_ssize_t first, Py_ssize_t end, bint gradients,
                    bint exactly, double* to) noexcept nogil:
    cdef Py_ssize_t i, column
    cdef const Table* table = &room.table
    cdef Tile tile
    cdef RowTable rows
    memset(to, 0, job.sums * sizeof(double))
    exactly = exactly or sums_exactly(job, gradients)
    for i in range(first, end):
        open_tile(job, set, i, &tile)
        bring(job, room, set, &tile, X)
        if gradients:
            bring(job, room, set, &tile, G)
        open_rows(job, room, set, &tile, &rows)
        column = 0
        while exactly and column < set.length:
            add_columns_exactly(job, table, &rows, tile.rows, column, part_of(set.length - column), gradients, to)
            column += LANES
        if not exactly:
            add_tile(job, table, &rows, tile.rows, set.length, gradients, to)
