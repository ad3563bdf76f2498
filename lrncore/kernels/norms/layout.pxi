# Which axes of the arrays are walked how.

cdef bint join(const Extent* last, const Extent* axis, int which) noexcept nogil:
    return last.stride[which] == axis.stride[which] * axis.length


# Joins axes that lie as one.
cdef rare fold(Extent* axes, int* dims) noexcept nogil:
    cdef int i, kept = 0, which
    cdef Py_ssize_t length
    cdef bint joins
    for i in range(dims[0]):
        joins = (kept > 0 and axes[kept - 1].param == axes[i].param * axes[i].length
                 and axes[kept - 1].set == axes[i].set * axes[i].length)
        for which in range(OPERANDS):
            joins = joins and join(&axes[kept - 1], &axes[i], which)
        if joins:
            length = axes[kept - 1].length * axes[i].length
            axes[kept - 1] = axes[i]
            axes[kept - 1].length = length
        else:
            axes[kept] = axes[i]
            kept += 1
    dims[0] = kept


# The last `trailing` of some axes become the inner one as far as the parameters allow, however they lie.
cdef rare take_pieces(Job* job, Extent* axes, int* dims, int trailing) noexcept nogil:
    cdef const Extent* axis = &axes[dims[0] - 1]
    cdef const Extent* outer = axis - 1
    cdef int i, which
    job.pieces = 1
    job.inner = axis[0]
    while job.pieces < trailing and outer.param == axis.param * axis.length:
        job.inner.length *= outer.length
        job.pieces += 1
        axis, outer = outer, outer - 1
    dims[0] -= job.pieces
    for i in range(job.pieces):
        job.piece[i] = axes[dims[0] + i]
        for which in range(OPERANDS if i else 0):
            job.folded[which] = job.folded[which] and join(&job.piece[i - 1], &job.piece[i], which)


# A channel axis as the nearest one, groups and the channels of each: columns, of which runs are one set.
cdef rare take_runs(Job* job, const Extent* groups) noexcept nogil:
    cdef Py_ssize_t rows = 1
    cdef int i, which
    for i in range(job.reduced_dims):
        rows *= job.reduced[i].length
    if job.inner.length >= LONG_RUN or rows < FEW_ROWS or groups.param != job.inner.param * job.inner.length:
        return
    job.columns = True
    job.run = job.inner.length
    job.inner.length *= groups.length
    job.kept_dims -= 1
    for i in range(job.pieces, 0, -1):
        job.piece[i] = job.piece[i - 1]
    job.piece[0] = groups[0]
    job.pieces += 1
    for which in range(OPERANDS):
        job.folded[which] = job.folded[which] and join(&job.piece[0], &job.piece[1], which)


cdef Py_ssize_t length_over(const Extent* axes, int dims) noexcept nogil:
    cdef Py_ssize_t length = 1
    cdef int i
    for i in range(dims):
        length *= axes[i].length
    return length


cdef rare set_rows(Job* job) noexcept nogil:
    cdef Py_ssize_t length = TILE_BYTES // <Py_ssize_t>sizeof(real)
    job.blocks = 1
    job.tile_length = min(job.inner.length, length)
    job.tile_rows = max(<Py_ssize_t>1, length // job.inner.length)
    if job.tile_length < job.inner.length:
        job.tiles = (job.inner.length + length - 1) // length * job.rows
    else:
        job.tile_rows = min(job.tile_rows, job.rows)
        job.tiles = (job.rows + job.tile_rows - 1) // job.tile_rows


# Rows of a strip, and from there to those that are prefetched. Memory is fastest in the order of addresses.
cdef void set_strips(Job* job, bint far) noexcept nogil:
    cdef Py_ssize_t bytes = job.tile_length * (2 if job.gradients else 1) * <Py_ssize_t>sizeof(real), rows
    cdef int which
    job.strip = max(<Py_ssize_t>2, STRIP_BYTES // bytes // 2 * 2) if far else job.tile_rows
    rows = max(job.strip, LATER_BYTES // bytes)
    for which in range(OPERANDS):
        job.later[which] = 0
        if rows < job.rows and job.reduced_dims and not job.operand[which].staged:
            job.later[which] = rows * job.reduced[job.reduced_dims - 1].stride[which]


cdef rare set_columns(Job* job) noexcept nogil:
    cdef bint whole = job.gradients and (job.within or job.params.tau != NULL)  # sets are not split into chunks
    cdef Py_ssize_t length = (NARROW_BYTES if whole else BLOCK_BYTES) // <Py_ssize_t>sizeof(real)
    job.tile_length = min(job.inner.length, length // job.run * job.run)
    job.tile_rows = BLOCK_TILE_BYTES // (job.tile_length * <Py_ssize_t>sizeof(real))
    job.tile_rows = max(<Py_ssize_t>2, min(<Py_ssize_t>BLOCK_ROWS, job.tile_rows // 2 * 2))
    if job.rows <= LOW_ROWS and job.run == 1:
        job.tile_length = min(job.tile_length, LOW_BYTES // <Py_ssize_t>sizeof(real))
    job.blocks = (job.inner.length + job.tile_length - 1) // job.tile_length
    job.tiles = (job.rows + job.tile_rows - 1) // job.tile_rows


# Does the weight change within a set, or within a column? And how many of them does a set of rows have? One that is 1
# and has no gradient changes nowhere, for columns.
cdef rare set_params(Job* job) noexcept nogil:
    cdef bint some = job.gradients or job.params.weight != NULL or job.params.bias != NULL
    cdef int i
    if job.params.tau == NULL:
        job.params.dtau = NULL
    job.along = job.inner.param != 0
    job.within = job.along and not job.columns
    job.span = 1
    job.owned = not job.columns and job.along
    for i in range(job.reduced_dims):
        job.span += (job.reduced[i].length - 1) * job.reduced[i].param
        job.within = job.within or (job.columns and some and job.reduced[i].param != 0)
        job.owned = job.owned and job.reduced[i].param != 0
    for i in range(job.kept_dims):
        job.owned = job.owned and job.kept[i].param == 0
    job.owned = job.owned and job.params.count > MANY_PARAMS
    job.disjoint = job.columns and job.along and not job.within and job.kept_dims == 0
    if job.within:
        job.span = 0


# How sets are divided so that there are tasks for all threads, and which sums are added up when
cdef rare set_chunks(Job* job) noexcept nogil:
    cdef Py_ssize_t sums, most, least = BLOCK_CHUNK_TILES if job.columns else CHUNK_TILES
    job.tasks = length_over(job.kept, job.kept_dims) * job.blocks
    if job.columns:
        job.apart = round_up(job.tile_length, LANES) + CACHE_LINE // <Py_ssize_t>sizeof(real)
        sums = 5 if job.gradients else 2
        job.sums = (4 if job.gradients and job.params.tau == NULL else sums) * job.apart
        sums *= job.apart
    else:
        job.apart = BUNDLE
        job.sums = round_up(4 + 3 * job.span, WIDE_LANES) if job.gradients else round_up(2, WIDE_LANES)
        sums = job.sums
    most = max(<Py_ssize_t>1, min(<Py_ssize_t>MOST_CHUNKS, SUMS_BYTES // (sums * <Py_ssize_t>sizeof(double))))
    job.chunk = max(least, (job.tiles + most - 1) // most)
    job.chunks = (job.tiles + job.chunk - 1) // job.chunk
    job.split = job.chunks > 1 and job.tasks < MOST_PARTS
    if job.gradients:
        job.split = job.params.tau == NULL and (job.owned or (job.split and not job.within))


# Short sets are walked in bundles of an even number.
cdef void set_bundle(Job* job) noexcept nogil:
    cdef Py_ssize_t bytes = job.inner.length * (2 if job.gradients else 1) * <Py_ssize_t>sizeof(real)
    job.bundle = 1
    if is_short(job):
        job.bundle = max(<Py_ssize_t>2, min(<Py_ssize_t>BUNDLE, BUNDLE_BYTES // bytes // 2 * 2))


# Axes of length 1 are left out. Where the statistics are given only the `trailing` ones need to be walked as a set.
cdef rare take_axes(Job* job, Py_buffer** views, const norm_call* asked, int trailing) noexcept nogil:
    cdef const Py_buffer* x = views[X]
    cdef bint spread = job.given and not job.gradients and trailing > 0
    cdef Py_ssize_t set = 1
    cdef int i, which, nearer = 0
    cdef Extent axes[MAX_DIMS]
    cdef bint outer[MAX_DIMS]
    for i in range(x.ndim - 1, -1, -1):
        outer[i] = asked.kept[i] or (spread and nearer >= trailing)
        nearer += x.shape[i] > 1
        axes[i].length = x.shape[i]
        axes[i].param = asked.apart[i]
        axes[i].set = set if asked.kept[i] else 0
        set *= x.shape[i] if asked.kept[i] else 1
        for which in range(OPERANDS):
            axes[i].stride[which] = views[which].strides[i]
    job.kept_dims = job.reduced_dims = 0
    job.elements = 1
    for i in range(x.ndim):
        job.elements *= 1 if asked.kept[i] else x.shape[i]
        if axes[i].length == 1:
            continue
        if outer[i]:
            job.kept[job.kept_dims] = axes[i]
            job.kept_dims += 1
        else:
            job.reduced[job.reduced_dims] = axes[i]
            job.reduced_dims += 1


# How many of the nearest axes are reduced, or, as a negative number, kept
cdef int trailing_axes(const Py_buffer* x, const bint* kept) noexcept nogil:
    cdef int i, trailing = 0
    for i in range(x.ndim - 1, -1, -1):
        if x.shape[i] == 1:
            continue
        if trailing and kept[i] != (trailing < 0):
            break
        trailing += -1 if kept[i] else 1
    return trailing


# The axes come from the farthest strides of x to the nearest.
cdef rare lay_out(Job* job, Py_buffer** views, const norm_call* asked) noexcept nogil:
    cdef int trailing = trailing_axes(views[X], asked.kept), which
    cdef Extent groups
    take_axes(job, views, asked, trailing)
    for which in range(OPERANDS):
        job.folded[which] = True
    job.columns = trailing <= 0
    job.run = 1
    job.pieces = 0
    if trailing > 0:
        take_pieces(job, job.reduced, &job.reduced_dims, trailing)
        if job.kept_dims and not job.given:
            groups = job.kept[job.kept_dims - 1]
            take_runs(job, &groups)
    elif trailing < 0:
        take_pieces(job, job.kept, &job.kept_dims, -trailing)
    else:
        job.inner.length = 1
        job.inner.param = job.inner.set = 0
        for which in range(OPERANDS):
            job.inner.stride[which] = job.operand[which].item
    fold(job.kept, &job.kept_dims)
    fold(job.reduced, &job.reduced_dims)
    job.rows = length_over(job.reduced, job.reduced_dims)
    for which in range(OPERANDS):
        job.operand[which].inner = job.inner.stride[which]
        job.operand[which].staged = ((which != G or job.gradients) and (which != Y or not job.measures)
                                     and (passes_through(&job.operand[which]) or not job.folded[which]
                                          or job.inner.stride[which] != <Py_ssize_t>sizeof(real)))
    set_params(job)
    if job.columns:
        set_columns(job)
    else:
        set_rows(job)
    set_chunks(job)
    set_bundle(job)
    take_norm(job)


# Do a block's rows follow each other without gaps, and hold whole cache lines?
cdef bint rolls(const Job* job) noexcept nogil:
    cdef Py_ssize_t bytes = job.inner.length * <Py_ssize_t>sizeof(real)
    cdef int which
    if (not job.columns or job.blocks > 1 or job.reduced_dims != 1 or bytes % CACHE_LINE != 0 or job.within
            or job.params.tau != NULL):
        return False
    for which in range(OPERANDS):
        if job.operand[which].staged or job.reduced[0].stride[which] != bytes:
            return False
    return True


# Are rows beyond the caches prefetched? The processor does this by itself where long ones are read from end to end,
# but not where some of its elements are read before (`middle_of_row`), or two arrays. Rows with gaps are not.
cdef bint looks_ahead(const Job* job, bint far) noexcept nogil:
    cdef Py_ssize_t bytes = job.inner.length * <Py_ssize_t>sizeof(real)
    cdef int which
    for which in range(OPERANDS):
        if job.operand[which].staged:
            return False
        if job.bundle > 1 and (job.kept_dims != 1 or job.kept[0].stride[which] != bytes):
            return False
    return far and not job.columns and (job.centred or job.gradients or job.inner.length < SHORT_ROW)


# Results beyond the caches are written past them.
cdef void set_stores(Job* job, const char* y, bint far) noexcept nogil:
    job.rolled = rolls(job)
    job.ahead = looks_ahead(job, far)
    job.far = far and not job.measures and not job.operand[Y].staged
    job.streams = job.lines = False
    job.behind = 0
    if job.columns:     # loops write two vectors at once
        job.far = job.far and job.rolled and 2 * LANES * <Py_ssize_t>sizeof(real) >= CACHE_LINE
    elif (job.bundle > 1 and job.kept_dims == 1 and not job.operand[X].staged and not job.operand[G].staged
          and not job.operand[Y].staged and job.kept[0].stride[Y] == job.inner.length * <Py_ssize_t>sizeof(real)):
        job.lines = (PARTS_LINES and job.inner.length % LANES == 0 and params_apart(job) > 0
                     and job.kept[0].param == 0 and job.params.count == job.inner.length)
        job.behind = <Py_ssize_t>y // <Py_ssize_t>sizeof(real) % LANES if job.lines else 0
        job.streams = job.far and not job.lines and job.inner.length < SHORT_ROW
        job.far = job.far and not job.streams
