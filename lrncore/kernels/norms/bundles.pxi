# Bundles of short rows (short.pxi): where they lie, and how they come into scratch and leave it.

# Bundles do not depend on strides: the end of an axis of sets may be within one.
cdef struct Bundle:
    char* const* data
    Py_ssize_t task         # the first
    Py_ssize_t count
    char* at[OPERANDS]      # the first row, and from one to the next,
    Py_ssize_t apart[OPERANDS]
    Py_ssize_t param
    Py_ssize_t param_apart
    bint scattered          # unless each lies by itself:
    char* row[OPERANDS][BUNDLE]
    Py_ssize_t params[BUNDLE]
    bint alike              # all have the same parameters
    bint far                # the mean of a row of the bundle before is not near 0


# Copies rows to scratch.
cdef void bring_short(const Job* job, const Bundle* bundle, int which) noexcept nogil:
    cdef Py_ssize_t i
    cdef Tile tile
    cdef Set set
    for i in range(bundle.count):
        open_set(job, bundle.data, bundle.task + i, &set)
        open_tile(job, &set, 0, &tile)
        carry(job, &set, &tile, which, 0, <real*>bundle.at[which] + i * job.inner.length, False)


# Does an operand pass through scratch?
cdef inline bint is_brought(const Job* job, int which) noexcept nogil:
    return job.operand[which].staged or (which == Y and job.streams)


# Where each row lies
cdef rare scatter_bundle(const Job* job, Bundle* bundle) noexcept nogil:
    cdef Py_ssize_t i
    cdef int which
    cdef Set set
    bundle.alike = True
    for i in range(bundle.count):
        open_set(job, bundle.data, bundle.task + i, &set)
        bundle.params[i] = set.param
        bundle.alike = bundle.alike and set.param == bundle.param
        for which in range(OPERANDS):
            bundle.row[which][i] = set.at[which]
            if is_brought(job, which):
                bundle.row[which][i] = bundle.at[which] + i * bundle.apart[which]


# Opens sets from `task` to, at most, `last` - 1.
cdef inline void open_bundle(const Job* job, const Room* room, Py_ssize_t task, Py_ssize_t last,
                             Bundle* bundle) noexcept nogil:
    cdef const Extent* axis = &job.kept[max(job.kept_dims - 1, 0)]
    cdef int which
    cdef Set set
    bundle.task, bundle.count = task, min(job.bundle, last - task)
    bundle.scattered = job.kept_dims > 1 and bundle.count > axis.length - task % axis.length
    open_set(job, bundle.data, task, &set)
    bundle.param, bundle.param_apart, bundle.alike = set.param, axis.param, axis.param == 0
    for which in range(OPERANDS):
        bundle.at[which], bundle.apart[which] = set.at[which], axis.stride[which]
        if is_brought(job, which):
            bundle.at[which] = <char*>room.staged[which]
            bundle.apart[which] = job.inner.length * <Py_ssize_t>sizeof(real)
            if which != Y:
                bring_short(job, bundle, which)
    if UNLIKELY(bundle.scattered):
        scatter_bundle(job, bundle)


cdef inline Py_ssize_t param_in(const Bundle* bundle, Py_ssize_t i) noexcept nogil:
    return bundle.params[i] if UNLIKELY(bundle.scattered) else bundle.param + i * bundle.param_apart


cdef inline real* row_in(const Bundle* bundle, int which, Py_ssize_t i) noexcept nogil:
    if UNLIKELY(bundle.scattered):
        return <real*>bundle.row[which][i]
    return <real*>(bundle.at[which] + i * bundle.apart[which])


cdef inline void open_short(const Job* job, const Room* room, const Bundle* bundle, Py_ssize_t i,
                            Row* row) noexcept nogil:
    row.x, row.g, row.y = row_in(bundle, X, i), row_in(bundle, G, i), row_in(bundle, Y, i)
    row.length, row.param = job.inner.length, param_in(bundle, i)
    row.weight = job.params.weight + row.param if job.params.weight else NULL
    row.bias = job.params.bias + row.param if job.params.bias else NULL
    row.dweight = row.dbias = NULL
    if room.recent[0]:
        row.dweight, row.dbias = room.recent[0] + row.param, room.recent[1] + row.param
    row.dweights = row.dbiases = NULL


# Writes elements past the caches.
cdef void stream(const real* source, real* to, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i = 0, part = first_part(to, length, True)
    if part != 0:
        put(to, fetch(source, part), True, part)
        i += part
    while i + LANES <= length:
        put(to + i, load(source + i), True, 0)
        i += LANES
    if i < length:
        put(to + i, fetch(source + i, length - i), True, length - i)


# Results leave scratch, but for those of sets out of range, whose x may lie where they would go.
cdef inline void close_bundle(const Job* job, const Room* room, const Bundle* bundle, bint all_in) noexcept nogil:
    cdef Py_ssize_t length = job.inner.length, i
    cdef Tile tile
    cdef Set set
    if job.streams and all_in:
        open_set(job, bundle.data, bundle.task, &set)
        stream(room.staged[Y], <real*>set.at[Y], bundle.count * length)
        return
    for i in range(bundle.count if job.streams or job.operand[Y].staged else 0):
        if doubles_of(&room.table, OUT)[i] != 0:
            continue
        open_set(job, bundle.data, bundle.task + i, &set)
        if job.streams:
            stream(room.staged[Y] + i * length, <real*>set.at[Y], length)
        else:
            open_tile(job, &set, 0, &tile)
            carry(job, &set, &tile, Y, 0, room.staged[Y] + i * length, True)


# The table of all bundles, unless their numbers differ
cdef void open_bundles(const Job* job, const Room* room) noexcept nogil:
    if not job.given and job.params.eps == NULL:
        open_table(job, &room.table, 0, BUNDLE, 0)
