# Sets side by side: the results.

# A vector of columns of y, where the parameters do not change by row
cdef inline void normalize_columns(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t count,
                                   Py_ssize_t column, Py_ssize_t part, bint of_g, bint tlu) noexcept nogil:
    cdef vec by = load(reals_of(table, SCALE) + column), high = splat(0) - load(reals_of(table, HIGH) + column)
    cdef vec gain = load(reals_of(table, GAIN) + column), addend = load(reals_of(table, ADDEND) + column)
    cdef vec v, tau = splat(0)
    cdef Py_ssize_t i
    if tlu:
        tau = parameter_at(job, job.params.tau, rows.param[0], 0, column, part)
    for i in range(count):
        v = muladd(fetch((rows.g[i] if of_g else rows.x[i]) + column, part), by, high)
        v = muladd(v, gain, addend)
        if tlu:
            v = replaced_below(v, v, tau, tau)
        put(rows.y[i] + column, v, False, part)


# Two of them
cdef inline void normalize_two(const Table* table, const RowTable* rows, Py_ssize_t count,
                               Py_ssize_t column) noexcept nogil:
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
        store(rows.y[i] + column, muladd(v, gain, addend))
        store(rows.y[i] + column + LANES, muladd(u, gain2, addend2))


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
cdef inline void differentiate_columns(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t count,
                                       Py_ssize_t column, Py_ssize_t part, bint scaled, bint tlu) noexcept nogil:
    cdef vec by = load(reals_of(table, SCALE) + column), high = splat(0) - load(reals_of(table, HIGH) + column)
    cdef vec h_high = splat(0) - load(reals_of(table, H_HIGH) + column)
    cdef vec slope = load(reals_of(table, SLOPE) + column), term = load(reals_of(table, TERM) + column)
    cdef vec factor = load(reals_of(table, FACTOR) + column), lower = load(reals_of(table, LOWER) + column)
    cdef vec lower_too = load(reals_of(table, LOWER_TOO) + column)
    cdef vec weight = parameter_at(job, job.params.weight, rows.param[0], 1, column, part), h, d, cut = splat(0)
    cdef Py_ssize_t i
    for i in range(count):
        d = muladd(fetch(rows.x[i] + column, part), by, high)
        h = column_g(job, table, rows, i, column, part, tlu, &cut) if scaled else fetch(rows.g[i] + column, part)
        h = muladd(h, weight, h_high)
        h = (h + muladd(d, slope, term)) * factor
        if scaled:
            h = h * lower * lower_too
        put(rows.y[i] + column, h, False, part)


cdef rare differentiate_any_columns(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t count,
                                    Py_ssize_t column, Py_ssize_t part) noexcept nogil:
    differentiate_columns(job, table, rows, count, column, part, True, job.params.tau != NULL)


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


cdef void normalize_block(const Job* job, const Room* room, const Set* set, const RowTable* rows,
                          Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t column = 0, part, i
    for i in range(count if job.within else 0):
        normalize_line(job, &room.table, rows, i, set.length)
    while column < set.length and not job.within:
        part = part_of(set.length - column)
        if UNLIKELY(job.params.tau != NULL):
            normalize_columns(job, &room.table, rows, count, column, part, False, True)
        elif column + 2 * LANES <= set.length:
            normalize_two(&room.table, rows, count, column)
            column += LANES
        else:
            normalize_columns(job, &room.table, rows, count, column, part, False, False)
        column += LANES


cdef void scale_block(const Job* job, const Room* room, const Set* set, const RowTable* rows,
                      Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t column = 0
    while column < set.length:
        normalize_columns(job, &room.table, rows, count, column, part_of(set.length - column), True, False)
        column += LANES


cdef void differentiate_block(const Job* job, const Room* room, const Set* set, const RowTable* rows,
                              Py_ssize_t count, bint scaled) noexcept nogil:
    cdef Py_ssize_t column = 0, part, i
    for i in range(count if job.within else 0):
        if UNLIKELY(scaled):
            differentiate_line(job, room, rows, i, set.length, True)
        else:
            differentiate_line(job, room, rows, i, set.length, False)
    while column < set.length and not job.within:
        part = part_of(set.length - column)
        if UNLIKELY(scaled or job.params.tau != NULL):
            differentiate_any_columns(job, &room.table, rows, count, column, part)
        else:
            differentiate_columns(job, &room.table, rows, count, column, part, False, False)
        column += LANES


# Phase 3 of some tiles of a block
cdef void apply_block(const Job* job, const Room* room, const Set* set, Py_ssize_t first,
                      Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t index, i
    cdef bint scaled = False
    cdef Tile tile
    cdef RowTable rows
    for i in range(set.length):
        scaled = scaled or is_scaled(&room.table, i)
    for index in range(first, end):
        open_tile(job, set, index, &tile)
        bring(job, room, set, &tile, X)
        if job.gradients:
            bring(job, room, set, &tile, G)
        open_rows(job, room, set, &tile, &rows)
        if not job.gradients:
            normalize_block(job, room, set, &rows, tile.rows)
        elif job.given:
            scale_block(job, room, set, &rows, tile.rows)
        else:
            differentiate_block(job, room, set, &rows, tile.rows, scaled)
        take_away(job, room, set, &tile)
