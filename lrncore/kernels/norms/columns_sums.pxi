# Sets side by side: a vector holds as many sets, or columns of sets, as it has lanes. Their sums.

# Where the rows of a tile begin, their parameters, and which of them are a strip
cdef struct RowTable:
    const real* x[BLOCK_ROWS]
    const real* g[BLOCK_ROWS]
    real* y[BLOCK_ROWS]
    Py_ssize_t param[BLOCK_ROWS]
    Py_ssize_t first
    Py_ssize_t end
    bint begins             # sums in `real` begin with the strip


# Bytes from one row of a tile to the next, where they are the same for all
cdef inline Py_ssize_t row_pitch(const Job* job, const Tile* tile, int which) noexcept nogil:
    if job.operand[which].staged:
        return tile.length * <Py_ssize_t>sizeof(real)
    return job.reduced[0].stride[which] if job.reduced_dims else 0


cdef inline void place_rows(const char** at, const char* first, Py_ssize_t pitch, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        at[i] = first + i * pitch


cdef void open_rows(const Job* job, const Room* room, const Set* set, const Tile* tile, RowTable* rows) noexcept nogil:
    cdef Py_ssize_t i
    if job.reduced_dims <= 1:
        place_rows(<const char**>rows.x, row_of(job, room, set, tile, X, 0), row_pitch(job, tile, X), tile.rows)
        place_rows(<const char**>rows.y, row_of(job, room, set, tile, Y, 0), row_pitch(job, tile, Y), tile.rows)
        if job.gradients:
            place_rows(<const char**>rows.g, row_of(job, room, set, tile, G, 0), row_pitch(job, tile, G), tile.rows)
    for i in range(tile.rows if job.reduced_dims > 1 else 0):
        rows.x[i] = <const real*>row_of(job, room, set, tile, X, i)
        rows.g[i] = <const real*>row_of(job, room, set, tile, G, i)
        rows.y[i] = <real*>row_of(job, room, set, tile, Y, i)
    for i in range(tile.rows if job.within else 1):
        rows.param[i] = param_of(job, set, tile, i)


# The strip from row `first` on; False where there is none
cdef inline bint open_strip(const Job* job, RowTable* rows, Py_ssize_t count) noexcept nogil:
    rows.end = min(rows.first + job.strip, count)
    return rows.first < count


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


# ---- sums in `real` over some rows, before those in doubles take them --------------------------------------------

# Arrays of a block's columns
cdef enum:
    LINE_X          # sums of d,
    LINE_SQUARES    # of d^2,
    LINE_H          # of h less its first,
    LINE_PRODUCTS   # and of d times that
    LINE_FIRST      # the first h
    IN_LINES


cdef inline real* line_of(const Room* room, int which) noexcept nogil:
    return room.lines + which * room.table.apart


cdef inline void add_line(const Room* room, const RowTable* rows, int which, Py_ssize_t column,
                          vec sums) noexcept nogil:
    cdef real* to = line_of(room, which) + column
    store(to, sums if rows.begins else load(to) + sums)


# The shift of a vector of columns, negative
cdef inline vec minus_shift(const Room* room, Py_ssize_t column) noexcept nogil:
    return splat(0) - load(reals_of(&room.table, HIGH) + column)


# A vector of columns of a row, and a second one; where these share a cache line the first has prefetched it.
cdef inline vec take(const real* at, Py_ssize_t later, Py_ssize_t part) noexcept nogil:
    prefetch_outer(<const char*>at + later)
    return fetch(at, part)


cdef inline vec take_second(const real* at, Py_ssize_t later) noexcept nogil:
    return take(at, later, 0) if LANES * <Py_ssize_t>sizeof(real) >= CACHE_LINE else load(at)


# Adds x in a vector of columns of a strip, or in two.
cdef inline void add_columns(const Job* job, const Room* room, const RowTable* rows, Py_ssize_t column,
                             Py_ssize_t part, bint two) noexcept nogil:
    cdef Py_ssize_t later = job.later[X], i = rows.first
    cdef vec less = minus_shift(room, column), less_too = minus_shift(room, column + (LANES if two else 0))
    cdef vec a = splat(0), b = splat(0), p = splat(0), q = splat(0), r = splat(0), s = splat(0), d, e
    while i + 2 <= rows.end:
        d = take(rows.x[i] + column, later, part) + less
        e = take(rows.x[i + 1] + column, later, part) + less
        a = a + (d + e)
        p = muladd(d, d, p)
        q = muladd(e, e, q)
        if two:
            d = take_second(rows.x[i] + column + LANES, later) + less_too
            e = take_second(rows.x[i + 1] + column + LANES, later) + less_too
            b = b + (d + e)
            r = muladd(d, d, r)
            s = muladd(e, e, s)
        i += 2
    if i < rows.end:
        d = take(rows.x[i] + column, later, part) + less
        a = a + d
        p = muladd(d, d, p)
    if two and i < rows.end:
        d = take_second(rows.x[i] + column + LANES, later) + less_too
        b = b + d
        r = muladd(d, d, r)
    add_line(room, rows, LINE_X, column, a)
    add_line(room, rows, LINE_SQUARES, column, p + q)
    if two:
        add_line(room, rows, LINE_X, column + LANES, b)
        add_line(room, rows, LINE_SQUARES, column + LANES, r + s)


# Adds x and h likewise.
cdef inline void add_column_products(const Job* job, const Room* room, const RowTable* rows, Py_ssize_t column,
                                     Py_ssize_t part, bint weighted, bint two) noexcept nogil:
    cdef const real* first_h = line_of(room, LINE_FIRST) + column
    cdef Py_ssize_t later = job.later[X], second = LANES if two else 0, i
    cdef vec less = minus_shift(room, column), less_too = minus_shift(room, column + second)
    cdef vec h_less = splat(0) - load(first_h), h_less_too = splat(0) - load(first_h + second)
    cdef vec a = splat(0), p = splat(0), s = splat(0), u = splat(0), b = splat(0), q = splat(0), t = splat(0)
    cdef vec v = splat(0), d, h
    for i in range(rows.first, rows.end):
        d = take(rows.x[i] + column, later, part) + less
        h = h_of_column(job, rows, i, column, part, weighted) + h_less
        a = a + d
        p = muladd(d, d, p)
        s = s + h
        u = muladd(d, h, u)
        if two:
            d = take_second(rows.x[i] + column + LANES, later) + less_too
            h = take_second(rows.g[i] + column + LANES, job.later[G]) + h_less_too
            b = b + d
            q = muladd(d, d, q)
            t = t + h
            v = muladd(d, h, v)
    add_line(room, rows, LINE_X, column, a)
    add_line(room, rows, LINE_SQUARES, column, p)
    add_line(room, rows, LINE_H, column, s)
    add_line(room, rows, LINE_PRODUCTS, column, u)
    if two:
        add_line(room, rows, LINE_X, column + LANES, b)
        add_line(room, rows, LINE_SQUARES, column + LANES, q)
        add_line(room, rows, LINE_H, column + LANES, t)
        add_line(room, rows, LINE_PRODUCTS, column + LANES, v)


cdef inline vec h_of_column(const Job* job, const RowTable* rows, Py_ssize_t i, Py_ssize_t column, Py_ssize_t part,
                            bint weighted) noexcept nogil:
    cdef vec g = take(rows.g[i] + column, job.later[G], part)
    if not weighted:
        return g
    return g * parameter_at(job, job.params.weight, rows.param[i], 1, column, part)


# Sums of h in `real` are about the first one.
cdef void open_lines(const Job* job, const Room* room, const RowTable* rows, Py_ssize_t length) noexcept nogil:
    cdef bint weighted = job.within and job.params.weight != NULL
    cdef Py_ssize_t column = 0
    while column < length:
        store(line_of(room, LINE_FIRST) + column, h_of_column(job, rows, 0, column, part_of(length - column), weighted))
        column += LANES


# A vector of columns of such sums, as doubles
cdef inline Pair closed(const Room* room, int which, Py_ssize_t column) noexcept nogil:
    return widened(load(line_of(room, which) + column))


cdef inline void join_sums(double* to, Pair sums, bint begin) noexcept nogil:
    store_pair(to, sums if begin else plus(load_pair(to), sums))


# Sums in `real` over `count` rows join those in doubles, or begin these.
cdef void close_lines(const Room* room, Py_ssize_t count, Py_ssize_t length, bint gradients, bint begin,
                      double* to) noexcept nogil:
    cdef Py_ssize_t apart = room.table.apart, column = 0
    cdef Pair sum, first
    while column < length:
        sum = closed(room, LINE_X, column)
        join_sums(to + column, sum, begin)
        join_sums(to + apart + column, closed(room, LINE_SQUARES, column), begin)
        if gradients:
            first = closed(room, LINE_FIRST, column)
            join_sums(to + 2 * apart + column,
                      times_plus(paired(<double>count), first, closed(room, LINE_H, column)), begin)
            join_sums(to + 3 * apart + column, times_plus(sum, first, closed(room, LINE_PRODUCTS, column)), begin)
        column += LANES


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
    tau = parameter_at(job, job.params.tau, rows.param[0], 0, column, part)
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
    if gradients and job.params.tau:
        add_to(to + 4 * table.apart, c)


# A strip of the rows of a tile
cdef inline void add_strip(const Job* job, const Room* room, const RowTable* rows, Py_ssize_t length,
                           bint gradients) noexcept nogil:
    cdef bint weighted = gradients and job.within and job.params.weight != NULL
    cdef Py_ssize_t column = 0, part
    cdef bint two
    while column < length:
        part = part_of(length - column)
        two = column + 2 * LANES <= length
        if not gradients and UNLIKELY(part != 0):
            add_columns(job, room, rows, column, part, False)
        elif not gradients and two:
            add_columns(job, room, rows, column, 0, True)
        elif not gradients:
            add_columns(job, room, rows, column, 0, False)
        elif UNLIKELY(weighted or part != 0):
            add_column_products(job, room, rows, column, part, weighted, False)
        elif two:
            add_column_products(job, room, rows, column, 0, False, True)
        else:
            add_column_products(job, room, rows, column, 0, False, False)
        column += 2 * LANES if two and not weighted else LANES


# Sums over some tiles of a block; `exactly`: in doubles, of the vectors of columns that are marked
cdef void sum_block(const Job* job, const Room* room, const Set* set, Py_ssize_t first, Py_ssize_t end, bint gradients,
                    bint exactly, double* to) noexcept nogil:
    cdef Py_ssize_t i, k, count = 0
    cdef bint begin = True
    cdef Tile tile
    cdef RowTable rows
    exactly = exactly or sums_exactly(job, gradients)
    if exactly:
        memset(to, 0, job.sums * sizeof(double))
    for i in range(first, end):
        open_tile(job, set, i, &tile)
        bring(job, room, set, &tile, X)
        if gradients:
            bring(job, room, set, &tile, G)
        open_rows(job, room, set, &tile, &rows)
        for k in range(room.marked if exactly else 0):
            add_columns_exactly(job, &room.table, &rows, tile.rows, room.mark[k],
                                part_of(set.length - room.mark[k]), gradients, to)
        if exactly:
            continue
        rows.begins = count == 0
        if rows.begins and gradients:
            open_lines(job, room, &rows, set.length)
        rows.first = 0
        while open_strip(job, &rows, tile.rows):
            add_strip(job, room, &rows, set.length, gradients)
            rows.begins = False
            rows.first = rows.end
        count += tile.rows
        if count >= BLOCK_ROWS or i + 1 == end:
            close_lines(room, count, set.length, gradients, begin, to)
            begin = False
            count = 0
