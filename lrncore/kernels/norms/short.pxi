# Sets of one short row each, a bundle of them at a time: a processor works on several at once, and what each takes
# besides its elements is done in vectors of sets.

cdef bint is_short(const Job* job) noexcept nogil:
    return (not job.columns and not job.split and job.tiles == 1 and job.rows == 1 and not job.measures
            and not (job.gradients and (job.given or job.params.tau != NULL)))


# A row of those that are measured side by side, and its sums so far
cdef struct Lane:
    const real* x
    const real* g
    const real* weight
    vec less
    vec h_less
    vec first
    vec squares
    vec h
    vec products


# The shifts of some of them, and of their h
cdef inline void take_shifts_of(const Job* job, const Bundle* bundle, Py_ssize_t first, Py_ssize_t end, bint gradients,
                                bint weighted, real* shift, real* h_shift) noexcept nogil:
    cdef Py_ssize_t last = job.inner.length - 1, part = last // 5, i
    for i in range(first, min(end, bundle.count)):
        shift[i] = middle_of_row(row_in(bundle, X, i), part, last)
        if gradients:
            h_shift[i] = real_of(row_in(bundle, G, i))
            if weighted:
                h_shift[i] = h_shift[i] * job.params.weight[param_in(bundle, i)]


cdef inline void open_lane(const Job* job, const Bundle* bundle, Py_ssize_t i, bint gradients, bint centred,
                           bint weighted, const real* shift, const real* h_shift, Lane* lane) noexcept nogil:
    i = min(i, bundle.count - 1)
    lane.x, lane.g, lane.weight = row_in(bundle, X, i), row_in(bundle, G, i), NULL
    if weighted:
        lane.weight = job.params.weight + param_in(bundle, i)
    lane.first = lane.squares = lane.h = lane.products = splat(0)
    lane.less = splat(shift[i] if centred else 0)
    lane.h_less = splat(-h_shift[i] if gradients and centred else 0)


# Elements k to k + LANES - 1
cdef inline void add_to_lane(Lane* lane, Py_ssize_t k, Py_ssize_t part, bint gradients, bint centred, bint weighted,
                             bint ahead) noexcept nogil:
    cdef vec d = taken(lane.x + k, part, ahead), h
    if centred:
        d = d - lane.less
        d = first_lanes(d, splat(0), part) if UNLIKELY(part != 0) else d
        lane.first = lane.first + d
    lane.squares = muladd(d, d, lane.squares)
    if gradients:
        h = taken(lane.g + k, part, ahead)
        h = muladd(h, fetch(lane.weight + k, part), lane.h_less) if weighted else h + lane.h_less
        h = first_lanes(h, splat(0), part) if UNLIKELY(part != 0) else h
        lane.h = lane.h + h
        lane.products = muladd(d, h, lane.products)


# The sums of rows i to i + 3, or of i and i + 1: backward, and beyond the caches, where four rows read side by side are
# slower than one. Where there are fewer the last one is taken again.
cdef inline void sum_together(const Job* job, const Bundle* bundle, const Table* table, Py_ssize_t i, bint gradients,
                              bint centred, bint weighted, bint ahead, const real* shift,
                              const real* h_shift) noexcept nogil:
    cdef double* first = doubles_of(table, FIRST) + i
    cdef double* squares = doubles_of(table, SQUARES) + i
    cdef Py_ssize_t length = job.inner.length, k = 0
    cdef bint two = gradients or ahead
    cdef Lane a, b, c, d
    open_lane(job, bundle, i, gradients, centred, weighted, shift, h_shift, &a)
    open_lane(job, bundle, i + 1, gradients, centred, weighted, shift, h_shift, &b)
    if not two:
        open_lane(job, bundle, i + 2, False, centred, False, shift, NULL, &c)
        open_lane(job, bundle, i + 3, False, centred, False, shift, NULL, &d)
    while k + LANES <= length:
        add_to_lane(&a, k, 0, gradients, centred, weighted, ahead)
        add_to_lane(&b, k, 0, gradients, centred, weighted, ahead)
        if not two:
            add_to_lane(&c, k, 0, False, centred, False, ahead)
            add_to_lane(&d, k, 0, False, centred, False, ahead)
        k += LANES
    if k < length:
        add_to_lane(&a, k, length - k, gradients, centred, weighted, ahead)
        add_to_lane(&b, k, length - k, gradients, centred, weighted, ahead)
        if not two:
            add_to_lane(&c, k, length - k, False, centred, False, ahead)
            add_to_lane(&d, k, length - k, False, centred, False, ahead)
    if two:
        store_sums(first, squares, a.first, b.first, a.squares, b.squares)
    if gradients:
        store_sums(doubles_of(table, H) + i, doubles_of(table, PRODUCTS) + i, a.h, b.h, a.products, b.products)
    if not two:
        store_sums(squares, squares + 2, a.squares, b.squares, c.squares, d.squares)
        if centred:
            store_sums(first, first + 2, a.first, b.first, c.first, d.first)


# What the h were taken less
cdef inline void put_back(const Table* table, const real* h_shift, double n) noexcept nogil:
    cdef double* h = doubles_of(table, H)
    cdef double* products = doubles_of(table, PRODUCTS)
    cdef Py_ssize_t i = 0
    cdef Pair by
    while i < BUNDLE:
        by = widened(load(h_shift + i))
        store_pair(h + i, times_plus(by, paired(n), load_pair(h + i)))
        store_pair(products + i, times_plus(by, load_pair(doubles_of(table, FIRST) + i), load_pair(products + i)))
        i += LANES


# Phase 1. Rows that are a single run are added up together.
cdef inline void sum_bundle(const Job* job, const Room* room, const Bundle* bundle, bint gradients, bint centred,
                            bint weighted, bint ahead) noexcept nogil:
    cdef const Table* table = &room.table
    cdef Py_ssize_t i = 0
    cdef real shift[BUNDLE]
    cdef real h_shift[BUNDLE]
    cdef Py_ssize_t step = TOGETHER // 2 if gradients or ahead else TOGETHER
    cdef bint single = job.inner.length <= (RUN // 2 if gradients else RUN) * LANES
    # of lanes behind the last row too
    memset(shift, 0, sizeof(shift))
    memset(h_shift, 0, sizeof(h_shift))
    if centred:
        take_shifts_of(job, bundle, 0, step if single else bundle.count, gradients, weighted, shift, h_shift)
    while single and i < bundle.count:
        if centred:
            take_shifts_of(job, bundle, i + step, i + 2 * step, gradients, weighted, shift, h_shift)
        sum_together(job, bundle, table, i, gradients, centred, weighted, ahead, shift, h_shift)
        i += step
    while i < bundle.count:
        sum_long(job, room, bundle, i, shift[i] if centred else 0)
        i += 1
    for i in range(BUNDLE // LANES if centred else 0):
        store_pair(doubles_of(table, SHIFT) + i * LANES, widened(load(shift + i * LANES)))
    if gradients and centred and single:
        put_back(table, h_shift, <double>job.inner.length)


# Those of a longer one
cdef void sum_long(const Job* job, const Room* room, const Bundle* bundle, Py_ssize_t i, real shift) noexcept nogil:
    cdef const Table* table = &room.table
    cdef Sums sums
    cdef Row row
    open_short(job, room, bundle, i, &row)
    memset(&sums, 0, sizeof(sums))
    add_row(job, &row, splat(-shift), job.gradients, &sums)
    doubles_of(table, FIRST)[i], doubles_of(table, SQUARES)[i] = wide_total(sums.first), wide_total(sums.squares)
    if job.gradients:
        doubles_of(table, H)[i], doubles_of(table, PRODUCTS)[i] = wide_total(sums.h), wide_total(sums.products)


cdef inline void sum_bundle_of(const Job* job, const Room* room, const Bundle* bundle, bint ahead) noexcept nogil:
    if job.gradients and job.within and job.params.weight and job.centred:
        sum_bundle(job, room, bundle, True, True, True, ahead)
    elif job.gradients and job.within and job.params.weight:
        sum_bundle(job, room, bundle, True, False, True, ahead)
    elif job.gradients:
        sum_bundle(job, room, bundle, True, job.centred, False, ahead)
    elif job.centred:
        sum_bundle(job, room, bundle, False, True, False, ahead)
    else:
        sum_bundle(job, room, bundle, False, False, False, ahead)


cdef void measure_bundle(const Job* job, const Room* room, const Bundle* bundle) noexcept nogil:
    cdef const Table* table = &room.table
    cdef Py_ssize_t i
    cdef real weight
    cdef Set set
    for i in range(bundle.count if job.given or job.params.eps else 0):
        open_set(job, bundle.data, bundle.task + i, &set)
        open_table(job, table, i, i + 1, set.index)
    if job.given:
        return
    if job.ahead:
        sum_bundle_of(job, room, bundle, True)
    else:
        sum_bundle_of(job, room, bundle, False)
    for i in range(bundle.count if job.gradients and not job.within else 0):
        doubles_of(table, OF_G)[i] = doubles_of(table, H)[i]
        doubles_of(table, G_PRODUCTS)[i] = doubles_of(table, PRODUCTS)[i]
        weight = job.params.weight[param_in(bundle, i)] if job.params.weight else 1
        doubles_of(table, H)[i] *= weight
        doubles_of(table, PRODUCTS)[i] *= weight


# Are sets `i` and the next in range, with the same parameters, which change along them?
cdef inline bint go_together(const Job* job, const Bundle* bundle, const Table* table, Py_ssize_t i,
                             bint all_in) noexcept nogil:
    return (i + 1 < bundle.count and bundle.alike and job.along and job.params.weight != NULL
            and (all_in or doubles_of(table, OUT)[i] == 0 and doubles_of(table, OUT)[i + 1] == 0))


# Set `i` by itself
cdef void apply_short(const Job* job, const Room* room, const Bundle* bundle, Py_ssize_t i) noexcept nogil:
    cdef Terms terms
    cdef Row row
    open_short(job, room, bundle, i, &row)
    open_terms(&room.table, i, &terms)
    open_affine(job, &row, &terms)
    if job.gradients:
        open_gradient_terms(&room.table, i, &terms)
        gradient_one(job, &row, &terms)
    else:
        normalize_one(job, &row, &terms)


# Sets `i` and the next: y
cdef inline void normalize_pair(const Job* job, const Room* room, const Bundle* bundle, const Table* table,
                                Py_ssize_t i, bint biased) noexcept nogil:
    cdef Terms terms, others
    cdef Row row, other
    open_short(job, room, bundle, i, &row)
    open_short(job, room, bundle, i + 1, &other)
    open_terms(table, i, &terms)
    open_terms(table, i + 1, &others)
    normalize_two_rows(&row, &terms, &other, &others, biased, job.far)


# dx. The gradients of parameters that change along rows are those of two rows at a time, wherever these lie.
cdef inline void differentiate_pair(const Job* job, const Room* room, const Bundle* bundle, const Table* table,
                                    Py_ssize_t i) noexcept nogil:
    cdef Terms terms, others
    cdef Row row, other
    open_short(job, room, bundle, i, &row)
    open_short(job, room, bundle, i + 1, &other)
    open_terms(table, i, &terms)
    open_terms(table, i + 1, &others)
    open_gradient_terms(table, i, &terms)
    open_gradient_terms(table, i + 1, &others)
    gradient_two(&row, &terms, &other, &others, job.far)


cdef void apply_bundle(const Job* job, const Room* room, const Bundle* bundle, bint all_in) noexcept nogil:
    cdef Table table = room.table
    cdef Py_ssize_t i = 0
    if PARTS_LINES and job.lines and all_in:
        i = apply_lines(job, room, bundle)
    while i < bundle.count:
        if go_together(job, bundle, &table, i, all_in):
            if job.gradients:
                differentiate_pair(job, room, bundle, &table, i)
            elif job.params.bias:
                normalize_pair(job, room, bundle, &table, i, True)
            else:
                normalize_pair(job, room, bundle, &table, i, False)
            i += 1
        elif all_in or doubles_of(&table, OUT)[i] == 0:
            apply_short(job, room, bundle, i)
        i += 1


cdef void tell_bundle(const Job* job, Room* room, const Bundle* bundle) noexcept nogil:
    cdef const Table* table = &room.table
    cdef Py_ssize_t i
    cdef Set set
    for i in range(bundle.count):
        if doubles_of(table, OUT)[i] != 0:
            continue
        open_set(job, bundle.data, bundle.task + i, &set)
        if job.params.mean or job.params.deps:
            tell_statistics(job, table, i, set.index)
        if job.gradients and not job.within:
            add_gradients(job, table, i, doubles_of(table, OF_G)[i], doubles_of(table, G_PRODUCTS)[i], 0, room,
                          set.param)


# Those out of range are walked as long ones, after the others, since they take the table.
cdef rare walk_outside(const Job* job, Room* room, const Bundle* bundle) noexcept nogil:
    cdef bint out[BUNDLE]
    cdef Py_ssize_t i
    cdef Set set
    for i in range(bundle.count):
        out[i] = doubles_of(&room.table, OUT)[i] != 0
    for i in range(bundle.count):
        if out[i]:
            open_set(job, bundle.data, bundle.task + i, &set)
            walk_set(job, room, &set)
    open_bundles(job, room)


# Sets `task` to `last` - 1
cdef void walk_bundles(const Job* job, Room* room, char* const* data, Py_ssize_t task, Py_ssize_t last) noexcept nogil:
    cdef bint tells = job.params.mean or job.params.deps or (job.gradients and not job.within)
    cdef Bundle bundle
    cdef bint all_in
    open_bundles(job, room)
    bundle.data = data
    while task < last:
        open_bundle(job, room, task, last, &bundle)
        task += bundle.count
        measure_bundle(job, room, &bundle)
        all_in = finish_table(job, &room.table, bundle.count, job.gradients)
        apply_bundle(job, room, &bundle, all_in)
        close_bundle(job, room, &bundle, all_in)
        if tells:
            tell_bundle(job, room, &bundle)
        if not all_in:
            walk_outside(job, room, &bundle)
        count_sets(job, room, bundle.count)
