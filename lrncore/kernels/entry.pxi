# The calls of the Python face, and the one parallel loop.

cdef struct Call:
    Job job
    Grid grid
    char* data[OPERANDS]
    Py_ssize_t tasks
    Py_ssize_t scratch      # elements for one thread


# Tasks first to last - 1 on one thread's scratch: tiles of rows, or slabs of a stream.
cdef void work(const Call* call, Py_ssize_t first, Py_ssize_t last, real* scratch) noexcept nogil:
    cdef const Job* job = &call.job
    cdef const Grid* grid = &call.grid
    cdef const Axis* axis
    cdef Axis single
    cdef Py_ssize_t at[OPERANDS]
    cdef Py_ssize_t task = first, begin, run, i
    single.length = 1
    single.stride[X] = single.stride[G] = single.stride[Y] = 0
    axis = &single
    if grid.dims:
        axis = &grid.axes[grid.dims - 1]
    while task < last:
        if grid.streamed:
            for i in range(OPERANDS):
                at[i] = slab_offset(grid, <int>i, task)
            run = min(last - task, axis.length - task % axis.length)
            walk_stream(job, call.data[X] + at[X], axis.stride[X], call.data[G] + at[G], axis.stride[G],
                        call.data[Y] + at[Y], axis.stride[Y], run, scratch)
            task += run
        else:
            begin = task % grid.tiles * job.width
            for i in range(OPERANDS):
                at[i] = slab_offset(grid, <int>i, task // grid.tiles) + begin * grid.inner.stride[i]
            walk_rows(job, call.data[X] + at[X], call.data[G] + at[G], call.data[Y] + at[Y],
                      min(job.width, job.inner - begin), scratch)
            task += 1
    if job.past:
        fence_stores()


# The bytes [low, high) that a buffer touches
cdef void extent(const Py_buffer* view, const char** low, const char** high) noexcept:
    cdef int i
    low[0] = <const char*>view.buf
    high[0] = <const char*>view.buf + sizeof(real)
    for i in range(view.ndim):
        if view.strides[i] > 0:
            high[0] += (view.shape[i] - 1) * view.strides[i]
        else:
            low[0] += (view.shape[i] - 1) * view.strides[i]


# May the output be written while `view` is still read? It may where the two are apart, or the same elements in
# the same places.
cdef bint compatible(const Py_buffer* view, const Py_buffer* y) noexcept:
    cdef const char* low
    cdef const char* high
    cdef const char* y_low
    cdef const char* y_high
    cdef int i
    extent(view, &low, &high)
    extent(y, &y_low, &y_high)
    if high <= y_low or y_high <= low:
        return True
    if view.buf != y.buf:
        return False
    for i in range(view.ndim):
        if view.strides[i] != y.strides[i] and view.shape[i] > 1:
            return False
    return True


# Does every element lie at a multiple of its size? Stores past the caches need that.
cdef bint aligned(const Py_buffer* y) noexcept:
    cdef Py_ssize_t places = <Py_ssize_t>y.buf
    cdef int i
    for i in range(y.ndim):
        places |= y.strides[i]
    return places % <Py_ssize_t>sizeof(real) == 0


cdef bint repeats(const Py_buffer* y) noexcept:
    cdef int i
    for i in range(y.ndim):
        if y.strides[i] == 0 and y.shape[i] > 1:
            return True
    return False


cdef void set_formula(Formula* formula, double scale, double beta, double k) noexcept:
    formula.scale = <real>scale
    formula.k = <real>k
    formula.slope = <real>(2 * scale * beta)
    formula.beta = beta
    if beta == 0.75:
        formula.kind = THREE_QUARTERS
    elif beta == 0.5:
        formula.kind = HALF
    elif beta == 1:
        formula.kind = ONE
    elif beta == 2:
        formula.kind = TWO
    else:
        formula.kind = ANY
        formula.exponent = exponent_of(beta)


# Fills `call` from the three buffers (x stands in for g in the forward).
cdef void prepare(Call* call, Py_buffer** views, int axis, Py_ssize_t before, Py_ssize_t after, int threads,
                  int swapped) noexcept:
    cdef Job* job = &call.job
    cdef Grid* grid = &call.grid
    cdef Axis* to
    cdef int i, which
    grid.dims = 0
    for i in range(views[Y].ndim):
        to = &grid.channel if i == axis else &grid.axes[grid.dims]
        to.length = views[Y].shape[i]
        for which in range(OPERANDS):
            to.stride[which] = views[which].strides[i]
        if i != axis and to.length > 1:
            grid.dims += 1
    for which in range(OPERANDS):
        call.data[which] = <char*>views[which].buf
    job.channels = grid.channel.length
    job.before = min(before, job.channels - 1)
    job.after = min(after, job.channels - 1)
    fold(grid)
    choose(grid, job.before + job.after)
    plan_window(&job.window, job.before + job.after + 1)
    job.inner = grid.inner.length
    job.adjoining = grid.adjoining and not swapped
    job.slabs = 1
    for i in range(grid.dims):
        job.slabs *= grid.axes[i].length
    set_operand(&job.x, grid, X, swapped & 1)
    set_operand(&job.g, grid, G, swapped & 2)
    job.g.staged = job.g.staged and job.backward
    set_operand(&job.y, grid, Y, swapped & 4)
    job.far = job.slabs * job.channels * job.inner * <Py_ssize_t>sizeof(real) >= FAR_BYTES
    job.past = (job.far and not grid.streamed and job.window.levels == 1 and not job.x.staged and not job.y.staged
                and aligned(views[Y]) and views[Y].buf != views[X].buf and views[Y].buf != views[G].buf)
    set_width(job, grid, threads)
    call.tasks = job.slabs * grid.tiles
    call.scratch = stream_scratch(job) if grid.streamed else rows_scratch(job)


cdef void run(const Call* call, int parts, real* scratch) noexcept nogil:
    cdef Py_ssize_t tasks = call.tasks
    cdef int part
    if parts == 1:
        work(call, 0, tasks, scratch)
        return
    for part in prange(parts, num_threads=parts, schedule="static", chunksize=1):
        work(call, tasks * part // parts, tasks * (part + 1) // parts, scratch + part * call.scratch)


# Returns False, with nothing done, if `y` overlaps an input so that it cannot be written in place.
cdef bint dispatch(Py_buffer** views, bint backward, int axis, Py_ssize_t before, Py_ssize_t after, double scale,
                   double beta, double k, int threads, int swapped) except -1:
    cdef Call call
    cdef void* memory
    cdef real* scratch
    cdef int i, parts
    for i in range(views[Y].ndim):
        if views[Y].shape[i] == 0:
            return True
    if repeats(views[Y]) or not compatible(views[X], views[Y]) or not compatible(views[G], views[Y]):
        return False
    call.job.backward = backward
    set_formula(&call.job.formula, scale, beta, k)
    prepare(&call, views, axis, before, after, threads, swapped)
    parts = <int>min(<Py_ssize_t>threads, call.tasks)
    call.scratch = round_up(call.scratch, 128 // sizeof(real))
    memory = malloc(parts * call.scratch * sizeof(real) + VECTOR_BYTES)
    if memory == NULL:
        raise MemoryError(f"{parts * call.scratch * sizeof(real)} bytes of scratch")
    scratch = <real*>round_up(<Py_ssize_t>memory, VECTOR_BYTES)
    with nogil:
        run(&call, parts, scratch)
    free(memory)
    return True


def forward(x, y, int axis, Py_ssize_t before, Py_ssize_t after, double scale, double beta, double k,
            int threads, int swapped, /):
    """Write ``x * (k + scale * sum x^2)^-beta`` into `y`; False if the two overlap, with nothing written."""
    cdef Py_buffer x_view, y_view
    cdef Py_buffer* views[OPERANDS]
    views[X], views[G], views[Y] = &x_view, &x_view, &y_view
    PyObject_GetBuffer(x, &x_view, PyBUF_STRIDES)
    try:
        PyObject_GetBuffer(y, &y_view, PyBUF_STRIDES | PyBUF_WRITABLE)
        try:
            return dispatch(views, False, axis, before, after, scale, beta, k, threads, swapped)
        finally:
            PyBuffer_Release(&y_view)
    finally:
        PyBuffer_Release(&x_view)


def backward(g, x, y, int axis, Py_ssize_t before, Py_ssize_t after, double scale, double beta, double k,
             int threads, int swapped, /):
    """Write the gradient with respect to `x` into `y`; False if `y` overlaps `g` or `x`, with nothing written."""
    cdef Py_buffer g_view, x_view, y_view
    cdef Py_buffer* views[OPERANDS]
    views[X], views[G], views[Y] = &x_view, &g_view, &y_view
    PyObject_GetBuffer(x, &x_view, PyBUF_STRIDES)
    try:
        PyObject_GetBuffer(g, &g_view, PyBUF_STRIDES)
        try:
            PyObject_GetBuffer(y, &y_view, PyBUF_STRIDES | PyBUF_WRITABLE)
            try:
                return dispatch(views, True, axis, before, after, scale, beta, k, threads, swapped)
            finally:
                PyBuffer_Release(&y_view)
        finally:
            PyBuffer_Release(&g_view)
    finally:
        PyBuffer_Release(&x_view)


#: Lanes of a vector of this build's element type
lanes = LANES
