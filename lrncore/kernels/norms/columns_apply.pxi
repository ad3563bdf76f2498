# Sets side by side: the results. Rows that follow each other without gaps begin where y is aligned, a few columns
# later: columns from `first` to `end` - 1, in the table as in a row, may reach into the next row.

# Is a single vector written past the caches? Only whole cache lines are.
cdef inline bint one_far(const Job* job) noexcept nogil:
    return job.far and LANES * <Py_ssize_t>sizeof(real) >= CACHE_LINE


# A vector of columns of y, where the parameters do not change by row
cdef inline void normalize_columns(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t count,
                                   Py_ssize_t column, Py_ssize_t part, bint tlu) noexcept nogil:
    cdef vec by = load(reals_of(table, SCALE) + column), high = splat(0) - load(reals_of(table, HIGH) + column)
    cdef vec gain = load(reals_of(table, GAIN) + column), addend = load(reals_of(table, ADDEND) + column)
    cdef vec v, tau = splat(0)
    cdef bint far = one_far(job)
    cdef Py_ssize_t i
    if tlu:
        tau = parameter_at(job, job.params.tau, rows.param[0], 0, column, part)
    for i in range(count):
        v = muladd(fetch(rows.x[i] + column, part), by, high)
        v = muladd(v, gain, addend)
        if tlu:
            v = replaced_below(v, v, tau, tau)
        put(rows.y[i] + column, v, far, part)


# Two of them
cdef inline void normalize_two(const Table* table, const RowTable* rows, Py_ssize_t count, Py_ssize_t column,
                               bint far) noexcept nogil:
    cdef vec by = load(reals_of(table, SCALE) + column), high = splat(0) - load(reals_of(table, HIGH) + column)
    cdef vec gain = load(reals_of(table, GAIN) + column), addend = load(reals_of(table, ADDEND) + column)
    cdef vec by2 = load(reals_of(table, SCALE) + column + LANES)
    cdef vec high2 = splat(0) - load(reals_of(table, HIGH) + column + LANES)
    cdef vec gain2 = load(reals_of(table, GAIN) + column + LANES)
    cdef vec addend2 = load(reals_of(table, ADDEND) + column + LANES), v, u
    cdef Py_ssize_t i
    for i in range(count):
        v = muladd(load(rows.x[i] + column), by, high)
        u = muladd(load(rows.x[i] + column + LANES), by2, high2)
        put(rows.y[i] + column, muladd(v, gain, addend), far, 0)
        put(rows.y[i] + column + LANES, muladd(u, gain2, addend2), far, 0)


# A row of y, with the row's parameters
cdef inline void normalize_line(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t i,
                                Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t column = 0, part
    cdef vec v
    while column < length:
        part = part_of(length - column)
        v = fetch(rows.x[i] + column, part) * load(reals_of(table, SCALE) + column)
        v = v - load(reals_of(table, HIGH) + column)
        v = muladd(v, load(reals_of(table, INVERSE) + column), load(reals_of(table, LOW_TERM) + column))
        v = muladd(v, parameter_at(job, job.params.weight, rows.param[i], 1, column, part),
                   parameter_at(job, job.params.bias, rows.param[i], 0, column, part))
        put(rows.y[i] + column, v, False, part)
        column += LANES


# dx of a vector of columns, where the weight does not change by row
cdef inline void differentiate_columns(const Table* table, const RowTable* rows, Py_ssize_t count, Py_ssize_t column,
                                       Py_ssize_t part, bint far) noexcept nogil:
    cdef vec high = load(reals_of(table, HIGH) + column), h_high = splat(0) - load(reals_of(table, H_HIGH) + column)
    cdef vec slope = load(reals_of(table, SLOPE) + column), term = load(reals_of(table, TERM) + column)
    cdef vec factor = load(reals_of(table, FACTOR) + column), weight = load(reals_of(table, WEIGHTS) + column), d, h
    cdef Py_ssize_t i
    for i in range(count):
        d = fetch(rows.x[i] + column, part) - high
        h = muladd(fetch(rows.g[i] + column, part), weight, h_high)
        put(rows.y[i] + column, (h + muladd(d, slope, term)) * factor, far, part)


# Of two
cdef inline void differentiate_two(const Table* table, const RowTable* rows, Py_ssize_t count, Py_ssize_t column,
                                   bint far) noexcept nogil:
    cdef const real* at = table.reals + column + LANES
    cdef Py_ssize_t apart = table.apart, i
    cdef vec high = load(reals_of(table, HIGH) + column), h_high = splat(0) - load(reals_of(table, H_HIGH) + column)
    cdef vec slope = load(reals_of(table, SLOPE) + column), term = load(reals_of(table, TERM) + column)
    cdef vec factor = load(reals_of(table, FACTOR) + column), weight = load(reals_of(table, WEIGHTS) + column)
    cdef vec high2 = load(at + HIGH * apart), h_high2 = splat(0) - load(at + H_HIGH * apart)
    cdef vec slope2 = load(at + SLOPE * apart), term2 = load(at + TERM * apart)
    cdef vec factor2 = load(at + FACTOR * apart), weight2 = load(at + WEIGHTS * apart), d, e, h, k
    for i in range(count):
        d = load(rows.x[i] + column) - high
        e = load(rows.x[i] + column + LANES) - high2
        h = muladd(load(rows.g[i] + column), weight, h_high)
        k = muladd(load(rows.g[i] + column + LANES), weight2, h_high2)
        put(rows.y[i] + column, (h + muladd(d, slope, term)) * factor, far, 0)
        put(rows.y[i] + column + LANES, (k + muladd(e, slope2, term2)) * factor2, far, 0)


# The same of numbers times powers of two, and where there is a threshold
cdef rare differentiate_any_columns(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t count,
                                    Py_ssize_t column, Py_ssize_t part) noexcept nogil:
    cdef vec by = load(reals_of(table, SCALE) + column), high = splat(0) - load(reals_of(table, HIGH) + column)
    cdef vec h_high = splat(0) - load(reals_of(table, H_HIGH) + column)
    cdef vec slope = load(reals_of(table, SLOPE) + column), term = load(reals_of(table, TERM) + column)
    cdef vec factor = load(reals_of(table, FACTOR) + column), lower = load(reals_of(table, LOWER) + column)
    cdef vec lower_too = load(reals_of(table, LOWER_TOO) + column)
    cdef vec weight = load(reals_of(table, WEIGHTS) + column), h, d, cut = splat(0)
    cdef Py_ssize_t i
    for i in range(count):
        d = muladd(fetch(rows.x[i] + column, part), by, high)
        h = muladd(column_g(job, table, rows, i, column, part, job.params.tau != NULL, &cut), weight, h_high)
        h = (h + muladd(d, slope, term)) * factor
        put(rows.y[i] + column, h * lower * lower_too, False, part)


# A row of dx, and what it adds to the gradients of the row's parameters
cdef inline void differentiate_line(const Job* job, const Room* room, const RowTable* rows, Py_ssize_t row,
                                    Py_ssize_t length, bint scaled) noexcept nogil:
    cdef const Table* table = &room.table
    cdef double* dweight = room.dweight + rows.param[row]
    cdef double* dbias = room.dbias + rows.param[row]
    cdef Pair of_g = paired(0), products = paired(0)
    cdef vec v, d, h, dv
    cdef real dvs[MOST_LANES]
    cdef real vs[MOST_LANES]
    cdef Py_ssize_t i = 0, part, j
    while i < length:
        part = part_of(length - i)
        v = fetch(rows.g[row] + i, part)
        d = fetch(rows.x[row] + i, part) * load(reals_of(table, SCALE) + i) - load(reals_of(table, HIGH) + i)
        dv = muladd(d, load(reals_of(table, INVERSE) + i), load(reals_of(table, LOW_TERM) + i)) * v
        h = v * load(reals_of(table, G_SCALE) + i) if scaled else v
        h = muladd(h, parameter_at(job, job.params.weight, rows.param[row], 1, i, part),
                   splat(0) - load(reals_of(table, H_HIGH) + i))
        h = h + muladd(d, load(reals_of(table, SLOPE) + i), load(reals_of(table, TERM) + i))
        h = h * load(reals_of(table, FACTOR) + i)
        if scaled:
            h = h * load(reals_of(table, LOWER) + i) * load(reals_of(table, LOWER_TOO) + i)
        if not job.along:
            of_g = plus(of_g, widened(v))
            products = plus(products, first_of_pair(widened(dv), LANES if part == 0 else part))
        elif part == 0:
            add_to_doubles(dweight + i, dv)
            add_to_doubles(dbias + i, v)
        else:
            store(dvs, dv)
            store(vs, v)
            for j in range(part):
                dweight[i + j] += dvs[j]
                dbias[i + j] += vs[j]
        put(rows.y[row] + i, h, False, part)
        i += LANES
    if not job.along:
        dweight[0] += total(products)
        dbias[0] += total(of_g)


cdef void normalize_block(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t count,
                          Py_ssize_t first, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t column = first, i
    for i in range(count if job.within else 0):
        normalize_line(job, table, rows, i, end)
    while column < end and not job.within:
        if UNLIKELY(job.params.tau != NULL):
            normalize_columns(job, table, rows, count, column, part_of(end - column), True)
        elif column + 2 * LANES > end:
            normalize_columns(job, table, rows, count, column, part_of(end - column), False)
        elif job.far:
            normalize_two(table, rows, count, column, True)
            column += LANES
        else:
            normalize_two(table, rows, count, column, False)
            column += LANES
        column += LANES


cdef inline bint some_scaled(const Table* table, Py_ssize_t first, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(first, end):
        if is_scaled(table, i):
            return True
    return False


cdef void differentiate_block(const Job* job, const Room* room, const RowTable* rows, Py_ssize_t count,
                              Py_ssize_t first, Py_ssize_t end, bint scaled) noexcept nogil:
    cdef const Table* table = &room.table
    cdef Py_ssize_t column = first, part, i
    for i in range(count if job.within else 0):
        if UNLIKELY(scaled):
            differentiate_line(job, room, rows, i, end, True)
        else:
            differentiate_line(job, room, rows, i, end, False)
    while column < end and not job.within:
        part = part_of(end - column)
        if UNLIKELY(job.params.tau != NULL or (scaled and some_scaled(table, column, min(column + LANES, end)))):
            differentiate_any_columns(job, table, rows, count, column, part)
        elif UNLIKELY(part != 0):
            differentiate_columns(table, rows, count, column, part, False)
        elif UNLIKELY(scaled) or column + 2 * LANES > end:
            differentiate_columns(table, rows, count, column, 0, one_far(job))
        elif job.far:
            differentiate_two(table, rows, count, column, True)
            column += LANES
        else:
            differentiate_two(table, rows, count, column, False)
            column += LANES
        column += LANES


cdef inline void apply_rows(const Job* job, const Room* room, const RowTable* rows, Py_ssize_t count,
                            Py_ssize_t first, Py_ssize_t end, bint scaled) noexcept nogil:
    if job.gradients and not job.given:
        differentiate_block(job, room, rows, count, first, end, scaled)
    else:
        normalize_block(job, &room.table, rows, count, first, end)


# Elements before the first cache line
cdef inline Py_ssize_t columns_before_line(const real* y) noexcept nogil:
    return (-<Py_ssize_t>y & (CACHE_LINE - 1)) // <Py_ssize_t>sizeof(real)


# Phase 3 of some tiles of a block
cdef void apply_block(const Job* job, const Room* room, const Set* set, Py_ssize_t first,
                      Py_ssize_t end) noexcept nogil:
    cdef bint scaled = some_scaled(&room.table, 0, set.length)
    cdef Py_ssize_t step, index, lead = 0
    cdef Tile tile
    cdef RowTable rows
    if job.rolled:
        open_tile(job, set, first, &tile)
        lead = columns_before_line(<real*>row_of(job, room, set, &tile, Y, 0))
    for step in range(first, end):
        index = first + end - 1 - step if job.backwards else step
        open_tile(job, set, index, &tile)
        bring(job, room, set, &tile, X)
        if job.gradients:
            bring(job, room, set, &tile, G)
        open_rows(job, room, set, &tile, &rows)
        if job.given and job.gradients:
            memcpy(rows.x, rows.g, sizeof(rows.x))
        if job.ahead and not job.backwards:
            touch_tile(job, &rows, &tile, job.gradients)
        if job.rolled and index == first:
            apply_rows(job, room, &rows, 1, 0, lead, scaled)
        if job.rolled and index + 1 == end:
            tile.rows -= 1
            apply_rows(job, room, &rows, tile.rows, lead, lead + set.length, scaled)
            rows.x[0], rows.g[0], rows.y[0] = rows.x[tile.rows], rows.g[tile.rows], rows.y[tile.rows]
            apply_rows(job, room, &rows, 1, lead, set.length, scaled)
        else:
            apply_rows(job, room, &rows, tile.rows, lead, lead + set.length, scaled)
        take_away(job, room, set, &tile)
