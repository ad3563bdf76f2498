# Blocks of sets side by side: phases 1 and 2.

cdef enum:
    MOST_SAMPLES = 8    # rows whose mean is the shift


cdef inline void fill(real* to, real a, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i = 0
    while i < length:
        store(to + i, splat(a))
        i += LANES


# Numbers of sets, or one of all of them (NULL), for each of their columns
cdef void spread(const Job* job, double* to, const double* of_sets, double of_all, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i = 0, j
    if of_sets == NULL:
        while i < length:
            store_pair(to + i, paired(of_all))
            i += LANES
    elif job.run == 1:
        memcpy(to, of_sets, length * sizeof(double))
    while i < length and job.run > 1:
        for j in range(i, i + job.run):
            to[j] = of_sets[0]
        of_sets += 1
        i += job.run


# The table of a block, before anything is known
cdef void open_columns(const Job* job, const Table* table, const Set* set) noexcept nogil:
    cdef const Parameters* params = &job.params
    cdef Py_ssize_t length = set.length
    spread(job, doubles_of(table, EPS), params.eps + set.index if params.eps else NULL, job.eps, length)
    if job.given:
        spread(job, doubles_of(table, SHIFT), params.mean + set.index, 0, length)
        spread(job, doubles_of(table, SQUARES), params.var + set.index, 0, length)
        memset(doubles_of(table, FIRST), 0, length * sizeof(double))
    fill(reals_of(table, SCALE), 1, length)
    if not job.gradients:
        return
    fill(reals_of(table, G_SCALE), 1, length)
    fill(reals_of(table, LOWER), 1, length)
    fill(reals_of(table, LOWER_TOO), 1, length)


# Sums over columns that are one set are those of each.
cdef void merge_runs(const Job* job, double* sums, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t first = 0, i
    cdef double sum
    while first < length:
        sum = 0
        for i in range(first, first + job.run):
            sum += sums[i]
        for i in range(first, first + job.run):
            sums[i] = sum
        first += job.run


cdef inline real weight_of_column(const Job* job, const Set* set, Py_ssize_t i) noexcept nogil:
    return job.params.weight[set.param + i * job.inner.param] if job.params.weight else 1


# Sums of h from those of g, which were of h where the weight changes within a column.
cdef void weigh_columns(const Job* job, const Set* set, const Table* table) noexcept nogil:
    cdef const double* of_g = doubles_of(table, OF_G)
    cdef const double* g_products = doubles_of(table, G_PRODUCTS)
    cdef Pair w = paired(1), zero = paired(0)
    cdef Py_ssize_t i = 0
    while i < set.length:
        if not job.within:
            w = widened(parameter_at(job, job.params.weight, set.param, 1, i, part_of(set.length - i)))
        store_pair(doubles_of(table, H) + i, times_plus(load_pair(of_g + i), w, zero))
        store_pair(doubles_of(table, PRODUCTS) + i, times_plus(load_pair(g_products + i), w, zero))
        i += LANES


# Are they those of the table from the start? Not where they are merged, or are chunks', or the statistics are given.
cdef inline void place_sums(const Job* job, Room* room) noexcept nogil:
    if job.columns and job.run == 1 and not job.given:
        room.sums = doubles_of(&room.table, FIRST)


# The sums over a block join the table, if they are not there. Those of h are those of g times a weight.
cdef void take_block(const Job* job, const Room* room, const Set* set, const double* sums,
                     bint gradients) noexcept nogil:
    cdef const Table* table = &room.table
    cdef Py_ssize_t bytes = set.length * sizeof(double), first = 2 if job.given else 0, kind
    for kind in range(first, (job.sums // table.apart if gradients else 2) if sums != doubles_of(table, FIRST) else 0):
        memcpy(doubles_of(table, FIRST + <int>kind), sums + kind * table.apart, bytes)
    if not job.centred:
        memset(doubles_of(table, FIRST), 0, bytes)
    if gradients:
        weigh_columns(job, set, table)
    if job.run > 1:
        merge_runs(job, doubles_of(table, FIRST), set.length)
        merge_runs(job, doubles_of(table, SQUARES), set.length)
        if gradients:
            merge_runs(job, doubles_of(table, H), set.length)
            merge_runs(job, doubles_of(table, PRODUCTS), set.length)


# All vectors of columns are summed where sums are exact.
cdef void mark_all(Room* room, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t column = 0
    room.marked = 0
    while column < length:
        room.mark[room.marked] = column
        room.marked += 1
        column += LANES


# A row of x, until anything else is brought to this place of scratch
cdef const real* bring_row(const Job* job, const Room* room, const Set* set, Py_ssize_t row,
                           Py_ssize_t place) noexcept nogil:
    cdef Tile tile
    forget_brought(room)
    open_tile(job, set, row // job.tile_rows, &tile)
    if job.operand[X].staged:
        carry(job, set, &tile, X, row - tile.row, room.staged[X] + place * set.length, False)
    return <const real*>row_of(job, room, set, &tile, X, place if job.operand[X].staged else row - tile.row)


# The means of one, two, four or eight rows, as far apart as can be; a power of two, so that those of a constant are it.
cdef void take_means(const Job* job, const Room* room, const Set* set, real* to) noexcept nogil:
    cdef const real* at[MOST_SAMPLES]
    cdef Py_ssize_t samples = 1, column = 0, part, i
    cdef Pair share, sum
    while samples < MOST_SAMPLES and 4 * samples <= job.rows:
        samples *= 2
    for i in range(samples):
        at[i] = bring_row(job, room, set, i * (job.rows - 1) // max(samples - 1, <Py_ssize_t>1), i)
    share = paired(1 / <double>samples)
    while column < set.length:
        part = part_of(set.length - column)
        sum = paired(0)
        for i in range(samples):
            sum = times_plus(share, widened(fetch(at[i] + column, part)), sum)
        store(to + column, narrowed(sum))
        column += LANES


# The means of the first tiles, or, where the sum of a tile overflows, an element
cdef void take_tile_means(const Job* job, const Room* room, const Set* set, real* to) noexcept nogil:
    cdef Py_ssize_t tiles = min(job.tiles, (BLOCK_ROWS + job.tile_rows - 1) // job.tile_rows), column = 0, i
    cdef real n = <real>(min(tiles * job.tile_rows, job.rows) * job.run)
    cdef const real* line
    cdef vec v
    memset(doubles_of(&room.table, SHIFT), 0, set.length * sizeof(double))
    sum_block(job, room, set, 0, tiles, False, True, room.chunk_sums)
    if job.run > 1:
        merge_runs(job, room.chunk_sums, set.length)
    while column < set.length:
        v = narrowed(load_pair(room.chunk_sums + column)) / splat(n)
        store(to + column, v)
        if UNLIKELY(any_nan(v - v)):
            line = bring_row(job, room, set, 0, 0)
            for i in range(column, min(column + LANES, set.length)):
                if to[i] - to[i] != 0:
                    memcpy(to + i, line + i, sizeof(real))
        column += LANES


# As take_shift in rows_sets.pxi, with whole rows. Columns that are one set have one shift, so that their sums can be
# added up.
cdef void take_shifts(const Job* job, const Room* room, const Set* set) noexcept nogil:
    cdef real* high = reals_of(&room.table, HIGH)
    cdef Py_ssize_t i = 0, j
    if job.given:
        return
    if not job.centred:
        fill(high, 0, set.length)
    elif sizeof(real) == sizeof(double):
        take_tile_means(job, room, set, high)
    else:
        take_means(job, room, set, high)
    while i < set.length and job.run > 1:
        for j in range(i + 1, i + job.run):
            high[j] = high[i]
        i += job.run
    i = 0
    while i < set.length:
        store_pair(doubles_of(&room.table, SHIFT) + i, widened(load(high + i)))
        i += LANES


cdef void sum_block_chunks(const Job* job, const Room* room, const Set* set, bint gradients, bint exactly,
                           double* sums) noexcept nogil:
    cdef Py_ssize_t chunk, i
    cdef double* to
    for chunk in range(job.chunks):
        to = room.chunk_sums if chunk else sums
        sum_block(job, room, set, chunk * job.chunk, min(job.tiles, (chunk + 1) * job.chunk), gradients, exactly, to)
        for i in range(job.sums if chunk else 0):
            sums[i] += to[i]


# What columns are multiplied with and what is added, where the parameters do not change by row
cdef void fold_parameters(const Job* job, const Room* room, const Set* set) noexcept nogil:
    cdef const Table* table = &room.table
    cdef Py_ssize_t column = 0, part
    cdef vec w, b
    while column < set.length and not job.within:
        part = part_of(set.length - column)
        w = parameter_at(job, job.params.weight, set.param, 1, column, part)
        b = parameter_at(job, job.params.bias, set.param, 0, column, part)
        store(reals_of(table, GAIN) + column, load(reals_of(table, INVERSE) + column) * w)
        store(reals_of(table, ADDEND) + column, muladd(load(reals_of(table, LOW_TERM) + column), w, b))
        if job.gradients:
            store(reals_of(table, WEIGHTS) + column, w)
        column += LANES


# Rows that begin at a later column go on with their first ones.
cdef void roll_columns(const Table* table, Py_ssize_t length) noexcept nogil:
    cdef int which
    for which in range(IN_REALS):
        memcpy(reals_of(table, which) + length, reals_of(table, which), CACHE_LINE)


# The statistics of x alone, by which it is known where y is below tau
cdef rare finish_thresholds(const Job* job, const Room* room, const Set* set) noexcept nogil:
    if not job.given:
        sum_block_chunks(job, room, set, False, True, room.sums)
        take_block(job, room, set, room.sums, False)
    finish_table(job, &room.table, set.length, False)
    fold_parameters(job, room, set)


# Phase 1; `exactly`: in doubles
cdef void sum_columns(const Job* job, const Room* room, const Set* set, bint exactly) noexcept nogil:
    if job.gradients and job.params.tau != NULL:
        finish_thresholds(job, room, set)
    sum_block_chunks(job, room, set, job.gradients, exactly, room.sums)


# The largest magnitude of an operand in each marked column, or in the columns that are one set
cdef rare largest_columns(const Job* job, const Room* room, const Set* set, int which, double* to) noexcept nogil:
    cdef Py_ssize_t i, j, k, column
    cdef real* most = line_of(room, LINE_X)
    cdef double largest
    cdef const real* at
    cdef Tile tile
    memset(most, 0, room.table.apart * sizeof(real))
    for i in range(job.tiles):
        open_tile(job, set, i, &tile)
        bring(job, room, set, &tile, which)
        for j in range(tile.rows):
            at = <const real*>row_of(job, room, set, &tile, which, j)
            for k in range(room.marked):
                column = room.mark[k]
                store(most + column, larger_magnitude(load(most + column),
                                                      fetch(at + column, part_of(set.length - column))))
    i = 0
    while i < set.length:
        largest = most[i]
        for j in range(i, i + job.run):
            largest = largest if most[j] <= largest or largest != largest else most[j]
        for j in range(i, i + job.run):
            to[j] = largest
        i += job.run


# Columns that are out of range. Those of x with a NaN are not: their results are NaN whatever the range.
cdef bint mark_out(Room* room, Py_ssize_t length, bint gradients) noexcept nogil:
    cdef double* out = doubles_of(&room.table, OUT)
    cdef const double* squares = doubles_of(&room.table, SQUARES)
    cdef const double* h = doubles_of(&room.table, H)
    cdef Py_ssize_t i
    room.marked = 0
    for i in range(length):
        if squares[i] != squares[i] and (not gradients or h[i] - h[i] == 0):
            out[i] = 0
        if out[i] != 0 and (room.marked == 0 or room.mark[room.marked - 1] + LANES <= i):
            room.mark[room.marked] = i // LANES * LANES
            room.marked += 1
    return room.marked > 0


# Columns whose numbers leave the range, or whose shift is far from their mean, are measured again, in doubles.
cdef rare measure_block_again(const Job* job, Room* room, const Set* set) noexcept nogil:
    cdef const Table* table = &room.table
    cdef double* most = room.chunk_sums
    cdef double* g_most = room.chunk_sums + table.apart
    cdef double* out = room.kept_sums + job.sums
    cdef Py_ssize_t i, kind
    if not mark_out(room, set.length, job.gradients):
        return
    largest_columns(job, room, set, X, most)
    if job.gradients:
        largest_columns(job, room, set, G, g_most)
    for i in range(set.length):
        if doubles_of(table, OUT)[i] != 0:
            choose_scale(job, table, i, set.index + i // job.run, most[i], g_most[i],
                         1 if job.within or job.run > 1 else fabs(weight_of_column(job, set, i)))
    memcpy(room.kept_sums, room.sums, job.sums * sizeof(double))
    memcpy(out, doubles_of(table, OUT), set.length * sizeof(double))
    sum_columns(job, room, set, True)
    for i in range(set.length):
        for kind in range(job.sums // table.apart if out[i] == 0 else 0):
            room.sums[kind * table.apart + i] = room.kept_sums[kind * table.apart + i]
    take_block(job, room, set, room.sums, job.gradients)


# The gradients of the parameters that do not change within a column
cdef void tell_gradients(const Job* job, Room* room, const Set* set) noexcept nogil:
    cdef const Table* table = &room.table
    cdef Py_ssize_t i
    if job.along:
        add_columns_gradients(table.doubles, table.reals, table.apart, set.length, &job.norm, room.dweight + set.param,
                              room.dbias + set.param, room.dtau + set.param if room.dtau else NULL)
    for i in range(0 if job.along else set.length):
        add_gradients(job, table, i, doubles_of(table, OF_G)[i], doubles_of(table, G_PRODUCTS)[i],
                      doubles_of(table, CUT)[i], room, set.param)


# These, and the statistics
cdef void tell_columns(const Job* job, Room* room, const Set* set) noexcept nogil:
    cdef const Table* table = &room.table
    cdef Py_ssize_t i = 0, index = set.index
    cdef bint one_by_one = job.run > 1 or job.params.deps != NULL
    if job.params.mean and not job.given and not one_by_one:
        tell_moments(table.doubles, table.reals, table.apart, set.length, &job.norm, job.params.mean + index,
                     job.params.var + index)
    while i < set.length and one_by_one and (job.params.mean or job.params.deps):
        tell_statistics(job, table, i, index)
        index += 1
        i += job.run
    if job.gradients and not job.within:
        tell_gradients(job, room, set)


cdef void finish_columns(const Job* job, Room* room, const Set* set) noexcept nogil:
    take_block(job, room, set, room.sums, job.gradients)
    if not finish_table(job, &room.table, set.length, job.gradients) and not job.given:
        measure_block_again(job, room, set)
        finish_table(job, &room.table, set.length, job.gradients)
    tell_columns(job, room, set)
    fold_parameters(job, room, set)
    if job.given and job.gradients:     # dx = weight g r: as y, of g
        memset(reals_of(&room.table, HIGH), 0, room.table.apart * sizeof(real))
        memset(reals_of(&room.table, ADDEND), 0, room.table.apart * sizeof(real))
    if job.rolled:
        roll_columns(&room.table, set.length)


# Phases 1 and 2 of a block
cdef void measure_columns(const Job* job, Room* room, const Set* set) noexcept nogil:
    forget_brought(room)
    open_columns(job, &room.table, set)
    mark_all(room, set.length)
    take_shifts(job, room, set)
    if job.gradients or not job.given:
        sum_columns(job, room, set, False)
    finish_columns(job, room, set)
