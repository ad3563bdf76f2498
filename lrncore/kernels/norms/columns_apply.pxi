# Sets side by side: the results. Rows that follow each other without gaps begin where y is aligned, a few columns
# later: columns from `first` to `end` - 1, in the table as in a row, may reach into the next row.

# Is a single vector written past the caches? Only whole cache lines are.
cdef inline bint one_far(const Job* job) noexcept nogil:
    return job.far and LANES * <Py_ssize_t>sizeof(real) >= CACHE_LINE


# A vector of columns of y, or two, where the parameters do not change by row
cdef inline void normalize_columns(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t column,
                                   bint far, bint two) noexcept nogil:
    cdef const real* at = table.reals + column + (LANES if two else 0)
    cdef vec high = load(reals_of(table, HIGH) + column), high2 = load(at + HIGH * table.apart)
    cdef vec gain = load(reals_of(table, GAIN) + column), addend = load(reals_of(table, ADDEND) + column)
    cdef vec gain2 = load(at + GAIN * table.apart), addend2 = load(at + ADDEND * table.apart), v
    cdef Py_ssize_t later = job.later[X], i
    for i in range(rows.first, rows.end):
        v = take(rows.x[i] + column, later, 0) - high
        put(rows.y[i] + column, muladd(v, gain, addend), far, 0)
        if two:
            v = take_second(rows.x[i] + column + LANES, later) - high2
            put(rows.y[i] + column + LANES, muladd(v, gain2, addend2), far, 0)


# The same of a part of a vector, of numbers times powers of two, and where there is a threshold
cdef void normalize_any_columns(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t column,
                                Py_ssize_t part) noexcept nogil:
    cdef vec by = load(reals_of(table, SCALE) + column), high = splat(0) - load(reals_of(table, HIGH) + column)
    cdef vec gain = load(reals_of(table, GAIN) + column), addend = load(reals_of(table, ADDEND) + column)
    cdef vec tau = parameter_at(job, job.params.tau, rows.param[0], 0, column, part), v
    cdef bint tlu = job.params.tau != NULL
    cdef Py_ssize_t later = job.later[X], i
    for i in range(rows.first, rows.end):
        v = muladd(muladd(take(rows.x[i] + column, later, part), by, high), gain, addend)
        put(rows.y[i] + column, replaced_below(v, v, tau, tau) if tlu else v, one_far(job), part)


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


# dx of a vector of columns, or of two, where the weight does not change by row
cdef inline void differentiate_columns(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t column,
                                       Py_ssize_t part, bint far, bint two) noexcept nogil:
    cdef const real* at = table.reals + column + (LANES if two else 0)
    cdef Py_ssize_t apart = table.apart, later = job.later[X], g_later = job.later[G], i
    cdef vec high = load(reals_of(table, HIGH) + column), h_high = splat(0) - load(reals_of(table, H_HIGH) + column)
    cdef vec slope = load(reals_of(table, SLOPE) + column), term = load(reals_of(table, TERM) + column)
    cdef vec factor = load(reals_of(table, FACTOR) + column), weight = load(reals_of(table, WEIGHTS) + column)
    cdef vec high2 = load(at + HIGH * apart), h_high2 = splat(0) - load(at + H_HIGH * apart)
    cdef vec slope2 = load(at + SLOPE * apart), term2 = load(at + TERM * apart)
    cdef vec factor2 = load(at + FACTOR * apart), weight2 = load(at + WEIGHTS * apart), d, h
    for i in range(rows.first, rows.end):
        d = take(rows.x[i] + column, later, part) - high
        h = muladd(take(rows.g[i] + column, g_later, part), weight, h_high)
        put(rows.y[i] + column, (h + muladd(d, slope, term)) * factor, far, part)
        if two:
            d = take_second(rows.x[i] + column + LANES, later) - high2
            h = muladd(take_second(rows.g[i] + column + LANES, g_later), weight2, h_high2)
            put(rows.y[i] + column + LANES, (h + muladd(d, slope2, term2)) * factor2, far, 0)


# The same of numbers times powers of two, and where there is a threshold
cdef rare differentiate_any_columns(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t column,
                                    Py_ssize_t part) noexcept nogil:
    cdef vec by = load(reals_of(table, SCALE) + column), high = splat(0) - load(reals_of(table, HIGH) + column)
    cdef vec h_high = splat(0) - load(reals_of(table, H_HIGH) + column)
    cdef vec slope = load(reals_of(table, SLOPE) + column), term = load(reals_of(table, TERM) + column)
    cdef vec factor = load(reals_of(table, FACTOR) + column), lower = load(reals_of(table, LOWER) + column)
    cdef vec lower_too = load(reals_of(table, LOWER_TOO) + column)
    cdef vec weight = load(reals_of(table, WEIGHTS) + column), h, d, cut = splat(0)
    cdef Py_ssize_t i
    for i in range(rows.first, rows.end):
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


# Is a number of columns from `first` on times a power of two, or one up to the end of their last vector?
cdef inline bint some_scaled(const Job* job, const Table* table, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    return (not all_ones(reals_of(table, SCALE) + first, count)
            or (job.gradients and not all_ones(reals_of(table, G_SCALE) + first, count)))


# Columns `left` to `right` - 1 of a strip of rows
cdef void normalize_strip(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t left,
                          Py_ssize_t right, bint scaled) noexcept nogil:
    cdef Py_ssize_t column = left, part
    while column < right:
        part = part_of(right - column)
        if UNLIKELY(job.params.tau != NULL or part != 0
                    or (scaled and some_scaled(job, table, column, min(<Py_ssize_t>2 * LANES, right - column)))):
            normalize_any_columns(job, table, rows, column, part)
        elif column + 2 * LANES > right:
            normalize_columns(job, table, rows, column, one_far(job), False)
        elif job.far:
            normalize_columns(job, table, rows, column, True, True)
            column += LANES
        else:
            normalize_columns(job, table, rows, column, False, True)
            column += LANES
        column += LANES


cdef void differentiate_strip(const Job* job, const Table* table, const RowTable* rows, Py_ssize_t left,
                              Py_ssize_t right, bint scaled) noexcept nogil:
    cdef Py_ssize_t column = left, part
    while column < right:
        part = part_of(right - column)
        if UNLIKELY(job.params.tau != NULL
                    or (scaled and some_scaled(job, table, column, min(<Py_ssize_t>LANES, right - column)))):
            differentiate_any_columns(job, table, rows, column, part)
        elif UNLIKELY(part != 0):
            differentiate_columns(job, table, rows, column, part, False, False)
        elif UNLIKELY(scaled) or column + 2 * LANES > right:
            differentiate_columns(job, table, rows, column, 0, one_far(job), False)
        elif job.far:
            differentiate_columns(job, table, rows, column, 0, True, True)
            column += LANES
        else:
            differentiate_columns(job, table, rows, column, 0, False, True)
            column += LANES
        column += LANES


# A row, with the row's parameters
cdef inline void apply_line(const Job* job, const Room* room, const RowTable* rows, Py_ssize_t i, Py_ssize_t length,
                            bint scaled) noexcept nogil:
    if not job.gradients or job.given:
        normalize_line(job, &room.table, rows, i, length)
    elif UNLIKELY(scaled):
        differentiate_line(job, room, rows, i, length, True)
    else:
        differentiate_line(job, room, rows, i, length, False)


# Rows from `rows.first` to `count` - 1
cdef void apply_rows(const Job* job, const Room* room, RowTable* rows, Py_ssize_t count, Py_ssize_t left,
                     Py_ssize_t right, bint scaled) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(rows.first, count if job.within else 0):
        apply_line(job, room, rows, i, right, scaled)
    while not job.within and open_strip(job, rows, count):
        if job.gradients and not job.given:
            differentiate_strip(job, &room.table, rows, left, right, scaled)
        else:
            normalize_strip(job, &room.table, rows, left, right, scaled)
        rows.first = rows.end


# Elements before the first cache line
cdef inline Py_ssize_t columns_before_line(const real* y) noexcept nogil:
    return (-<Py_ssize_t>y & (CACHE_LINE - 1)) // <Py_ssize_t>sizeof(real)


# Phase 3 of some tiles of a block
cdef void apply_block(const Job* job, const Room* room, const Set* set, Py_ssize_t first,
                      Py_ssize_t end) noexcept nogil:
    cdef bint scaled = some_scaled(job, &room.table, 0, set.length)
    cdef Py_ssize_t index, lead = 0
    cdef Tile tile
    cdef RowTable rows
    if job.rolled:
        open_tile(job, set, first, &tile)
        lead = columns_before_line(<real*>row_of(job, room, set, &tile, Y, 0))
    for index in range(first, end):
        open_tile(job, set, index, &tile)
        bring(job, room, set, &tile, X)
        if job.gradients:
            bring(job, room, set, &tile, G)
        open_rows(job, room, set, &tile, &rows)
        if job.given and job.gradients:
            memcpy(rows.x, rows.g, sizeof(rows.x))
        rows.first = 0
        if job.rolled and index == first:
            apply_rows(job, room, &rows, 1, 0, lead, scaled)
            rows.first = 0
        if job.rolled and index + 1 == end:
            apply_rows(job, room, &rows, tile.rows - 1, lead, lead + set.length, scaled)
            apply_rows(job, room, &rows, tile.rows, lead, set.length, scaled)
        else:
            apply_rows(job, room, &rows, tile.rows, lead, lead + set.length, scaled)
        take_away(job, room, set, &tile)
