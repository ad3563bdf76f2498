# Sets of rows, one by one: phases 1 and 2.

# The mean of two elements, whose sum may overflow
cdef inline real mean_of(const real* a, const real* b) noexcept nogil:
    return <real>0.5 * real_of(a) + <real>0.5 * real_of(b)


# The middle one of the means of two of a row's elements each, which are a fifth of it apart
cdef inline real middle_of_row(const real* x, Py_ssize_t part, Py_ssize_t last) noexcept nogil:
    return middle_real(mean_of(x, x + part), mean_of(x + 2 * part, x + 3 * part), mean_of(x + 4 * part, x + last))


# What x's deviations are taken from: near the middle of the set's elements, or where sums are no more exact than
# x the mean of the first tile, unless its sum overflows
cdef void take_shift(const Job* job, const Room* room, const Set* set) noexcept nogil:
    cdef double* shift = doubles_of(&room.table, SHIFT)
    cdef double sums[2]
    cdef Tile tile
    cdef Row row
    if job.given or not job.centred:
        return
    open_tile(job, set, 0, &tile)
    if sizeof(real) == sizeof(double):
        shift[0] = 0
        sum_rows(job, room, set, 0, 1, False, True, sums)
        shift[0] = sums[0] / <double>(tile.rows * tile.length)
        if shift[0] - shift[0] == 0:
            return
    if job.tiles > 1:
        tile.rows = 1
    bring(job, room, set, &tile, X)
    open_row(job, room, set, &tile, 0, &row)
    shift[0] = middle_of_row(row.x, (row.length - 1) // 5, row.length - 1)


# The sums over a set, chunk by chunk, join the table.
cdef void sum_chunks(const Job* job, const Room* room, const Set* set, bint exactly, double* sums) noexcept nogil:
    cdef Py_ssize_t chunk, j, first, end
    cdef double* to
    for chunk in range(job.chunks):
        to = room.chunk_sums if chunk else sums
        first, end = chunk * job.chunk, min(job.tiles, (chunk + 1) * job.chunk)
        if exactly:
            sum_rows(job, room, set, first, end, job.gradients, True, to)
        else:
            sum_set(job, room, set, first, end, to)
        for j in range(job.sums if chunk else 0):
            sums[j] += to[j]


cdef inline void take_sums(const Job* job, const Room* room, const Set* set, const double* sums,
                           bint gradients) noexcept nogil:
    cdef const Table* table = &room.table
    cdef double h, products
    cdef Py_ssize_t j
    cdef real weight
    if not job.given:
        doubles_of(table, FIRST)[0], doubles_of(table, SQUARES)[0] = sums[0] if job.centred else 0, sums[1]
    if not gradients:
        return
    h, products = sums[2], sums[3]
    for j in range(job.span):
        weight = job.params.weight[set.param + j] if job.params.weight else 1
        if sums[4 + j] != 0 or sums[4 + job.span + j] != 0:
            h += weight * sums[4 + j]
            products += weight * sums[4 + job.span + j]
    doubles_of(table, H)[0], doubles_of(table, PRODUCTS)[0] = h, products


# The largest magnitude in an operand of a set; NaN if there is one
cdef double largest(const Job* job, const Room* room, const Set* set, int which) noexcept nogil:
    cdef vec most = splat(0)
    cdef const real* at
    cdef Py_ssize_t i, j, k
    cdef Tile tile
    for i in range(job.tiles):
        open_tile(job, set, i, &tile)
        bring(job, room, set, &tile, which)
        for j in range(tile.rows):
            at = <const real*>row_of(job, room, set, &tile, which, j)
            k = 0
            while k < tile.length:
                most = larger_magnitude(most, fetch(at + k, part_of(tile.length - k)))
                k += LANES
    return largest_lane(most)


cdef double largest_weight(const Job* job, const Set* set) noexcept nogil:
    cdef double most = 0, size
    cdef Py_ssize_t i, j
    cdef const real* at
    if not job.params.weight:
        return 1
    for i in range(job.rows):
        at = job.params.weight + set.param + param_over(job.reduced, job.reduced_dims, i)
        for j in range(job.inner.length if job.along else 1):
            size = fabs(at[j])
            most = most if size <= most else size
    return most


# A set whose numbers leave the range, or whose shift is far from its mean, is measured again, in doubles.
cdef rare measure_again(const Job* job, const Room* room, const Set* set) noexcept nogil:
    cdef double most = largest(job, room, set, X), g_most = 0, weight = 1
    if job.gradients:
        g_most, weight = largest(job, room, set, G), largest_weight(job, set)
    choose_scale(job, &room.table, 0, set.index, most, g_most, weight)
    if job.params.tau and job.gradients:
        finish_threshold(job, room, set)
    sum_chunks(job, room, set, True, room.sums)
    take_sums(job, room, set, room.sums, job.gradients)


# The statistics of x alone, by which it is known where y is below tau
cdef void finish_threshold(const Job* job, const Room* room, const Set* set) noexcept nogil:
    cdef double sums[2]
    cdef double all[2]
    cdef Py_ssize_t chunk
    if not job.given:
        all[0] = all[1] = 0
        for chunk in range(job.chunks):
            sum_rows(job, room, set, chunk * job.chunk, min(job.tiles, (chunk + 1) * job.chunk), False, True, sums)
            all[0] += sums[0]
            all[1] += sums[1]
        take_sums(job, room, set, all, False)
    finish_table(job, &room.table, 1, False)


# What the loops take of a set; one out of range is measured again. Then the statistics, and what the set adds to the
# gradients of parameters that do not change within a row.
cdef void finish_set(const Job* job, Room* room, const Set* set) noexcept nogil:
    cdef Py_ssize_t i
    cdef const double* slots = room.sums + 4
    if job.gradients or not job.given:
        take_sums(job, room, set, room.sums, job.gradients)
    if not finish_table(job, &room.table, 1, job.gradients) and not job.given:
        measure_again(job, room, set)
        finish_table(job, &room.table, 1, job.gradients)
    if job.params.mean or job.params.deps:
        tell_statistics(job, &room.table, 0, set.index)
    for i in range(job.span if job.gradients else 0):
        add_gradients(job, &room.table, 0, slots[i], slots[job.span + i], slots[2 * job.span + i], room,
                      set.param + i)


# Phases 1 and 2 of a set
cdef void measure_set(const Job* job, Room* room, const Set* set) noexcept nogil:
    forget_brought(room)
    open_table(job, &room.table, 0, 1, set.index)
    take_shift(job, room, set)
    if job.gradients and job.params.tau:
        finish_threshold(job, room, set)
    if job.gradients or not job.given:
        sum_chunks(job, room, set, False, room.sums)
    finish_set(job, room, set)
