# Sets of one short row each, a bundle of them at a time: a processor works on several at once, and what each takes
# besides its elements is done in vectors of sets.

cdef bint is_short(const Job* job) noexcept nogil:
    return (not job.columns and not job.split and job.tiles == 1 and job.rows == 1 and not job.measures
            and not (job.gradients and (job.given or job.params.tau != NULL)))


cdef inline bint is_run(const Job* job) noexcept nogil:
    return job.inner.length <= (RUN // 2 if job.gradients else RUN) * LANES


# Phase 1, about 0 where that may do
cdef void sum_bundle(const Job* job, const Room* room, Bundle* bundle) noexcept nogil:
    cdef Py_ssize_t i
    if not is_run(job):
        sum_long(job, room, bundle)
    elif bundle.far:
        bundle.far = sum_both_of(job, bundle, &room.table)
    elif job.ahead:
        sum_runs_of(job, room, bundle, True)
    else:
        sum_runs_of(job, room, bundle, False)
    for i in range(bundle.count if job.gradients and not job.within else 0):
        weigh_sums(job, bundle, &room.table, i)


# Phases 1 and 2, again where the mean of a row turns out not to be near 0. Whether all are in range.
cdef bint measure_bundle(const Job* job, const Room* room, Bundle* bundle) noexcept nogil:
    cdef const Table* table = &room.table
    cdef Norm norm = job.norm
    cdef Py_ssize_t i
    cdef Set set
    for i in range(bundle.count if job.given or job.params.eps else 0):
        open_set(job, bundle.data, bundle.task + i, &set)
        open_table(job, table, i, i + 1, set.index)
    if not job.given and job.centred and is_run(job) and not bundle.far:
        sum_bundle(job, room, bundle)
        norm.farthest = 0.49    # less than that of `is_far`
        if finish_sets(table.doubles, table.reals, table.apart, bundle.count, &norm, job.gradients):
            return True
        for i in range(bundle.count):
            bundle.far = bundle.far or is_far(job, table, i)
        memset(doubles_of(table, OUT), 0, BUNDLE * sizeof(double))
    if not job.given and (bundle.far or not (job.centred and is_run(job))):
        sum_bundle(job, room, bundle)
    return finish_table(job, table, bundle.count, job.gradients)


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
    bundle.data, bundle.far = data, False
    while task < last:
        open_bundle(job, room, task, last, &bundle)
        task += bundle.count
        all_in = measure_bundle(job, room, &bundle)
        apply_bundle(job, room, &bundle, all_in)
        close_bundle(job, room, &bundle, all_in)
        if tells:
            tell_bundle(job, room, &bundle)
        if not all_in:
            walk_outside(job, room, &bundle)
        count_sets(job, room, bundle.count)
