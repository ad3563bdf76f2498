# The calls of the Python face, and the one parallel loop.

cdef enum:
    ALIGNMENT = 128         # of a thread's scratch: no two share a cache line, or a pair of them
    PARTIAL_TOTALS = 16     # the parts of a sum, which does not depend on the number of threads


cdef struct Call:
    Job job
    Grid grid
    char* data[OPERANDS]
    Py_ssize_t tasks
    Py_ssize_t scratch      # bytes for one thread,
    Py_ssize_t sums         # of which at their beginning for sums made again


# Tasks first to last - 1 on one thread's scratch: tiles of rows, or slabs of a stream.
cdef void work(const Call* call, Py_ssize_t first, Py_ssize_t last, Totals* totals, char* memory) noexcept nogil:
    cdef const Job* job = &call.job
    cdef const Grid* grid = &call.grid
    cdef const Axis* axis
    cdef Axis single
    cdef Py_ssize_t at[OPERANDS]
    cdef Py_ssize_t task = first, begin, run, i
    cdef Scaled* sums = <Scaled*>memory
    cdef real* scratch = <real*>(memory + call.sums)
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
                        call.data[Y] + at[Y], axis.stride[Y], run, totals, sums, scratch)
            task += run
        else:
            begin = task % grid.tiles * job.width
            for i in range(OPERANDS):
                at[i] = slab_offset(grid, <int>i, task // grid.tiles) + begin * grid.inner.stride[i]
            walk_rows(job, call.data[X] + at[X], call.data[G] + at[G], call.data[Y] + at[Y],
                      min(job.width, job.inner - begin), totals, sums, scratch)
            task += 1
    if job.past:
        fence_stores()


# The bytes [low, high) that a buffer touches
cdef void extent(const Py_buffer* view, const char** low, const char** high) noexcept:
    cdef int i
    low[0] = <const char*>view.buf
    high[0] = <const char*>view.buf + sizeof(elem)
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
    return places % <Py_ssize_t>sizeof(elem) == 0


cdef bint repeats(const Py_buffer* y) noexcept:
    cdef int i
    for i in range(y.ndim):
        if y.strides[i] == 0 and y.shape[i] > 1:
            return True
    return False


# Fills `call` from the three buffers (x stands in for g in the forward).
cdef void prepare(Call* call, Py_buffer** views, int axis, int threads, int swapped) noexcept:
    cdef Job* job = &call.job
    cdef Grid* grid = &call.grid
    cdef Axis* to
    cdef double beyond
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
    fold(grid)
    choose(grid, job.before + job.after)
    plan_window(&job.window, job.before + job.after + 1)
    job.inner = grid.inner.length
    job.adjoining = grid.adjoining and not swapped
    job.slabs = 1
    for i in range(grid.dims):
        job.slabs *= grid.axes[i].length
    beyond = LONG_PAIRS_BEYOND if job.window.levels > 1 else PAIRS_BEYOND
    job.pairs = job.task == FORWARD and fabs(job.formula.beta) > beyond
    set_operand(&job.x, grid, X, swapped & 1, job.task != PARAMETERS and views[X].buf == views[Y].buf)
    set_operand(&job.g, grid, G, swapped & 2, job.task != PARAMETERS and views[G].buf == views[Y].buf)
    job.g.staged = job.g.staged and job.task != FORWARD
    set_operand(&job.y, grid, Y, swapped & 4, False)
    job.y.staged = job.y.staged and job.task != PARAMETERS
    job.far = job.slabs * job.channels * job.inner >= FAR_BYTES // <Py_ssize_t>sizeof(elem)
    job.past = (job.far and job.task < TANGENT and not job.pairs and not grid.streamed and job.window.levels == 1
                and not job.x.staged and not job.g.staged and not job.y.staged and aligned(views[Y]))
    set_width(job, grid, 1 if job.task == PARAMETERS else threads)
    call.tasks = job.slabs * grid.tiles
    call.sums = round_up((job.before + job.after + 1) * sizeof(Scaled), ALIGNMENT) if job.backward else 0
    call.scratch = call.sums + (stream_scratch(job) if grid.streamed else rows_scratch(job)) * sizeof(real)
    call.scratch = round_up(call.scratch, ALIGNMENT)


cdef void run(const Call* call, int parts, int threads, Totals* totals, char* memory) noexcept nogil:
    cdef Py_ssize_t share = call.tasks // parts, more = call.tasks % parts  # not tasks * part, which may overflow
    cdef int part
    if parts == 1:
        work(call, 0, call.tasks, totals, memory)
        return
    for part in prange(parts, num_threads=threads, schedule="static", chunksize=1):
        work(call, part * share + min(<Py_ssize_t>part, more), (part + 1) * share + min(<Py_ssize_t>part + 1, more),
             &totals[part] if totals else NULL, memory + part * call.scratch)


# Returns False, with nothing done, if `y` overlaps an input so that it cannot be written in place. `totals` are those
# of PARAMETERS, which has no y of its own.
cdef bint dispatch(Task task, Py_buffer** views, int axis, Py_ssize_t before, Py_ssize_t after, double scale,
                   double beta, double k, int threads, int swapped, Totals* totals) except -1:
    cdef Call call
    cdef void* memory = NULL
    cdef int i, parts
    for i in range(views[Y].ndim):
        if views[Y].shape[i] == 0:
            return True
    if task != PARAMETERS and (repeats(views[Y]) or not compatible(views[X], views[Y])
                               or not compatible(views[G], views[Y])):
        return False
    before = min(before, views[Y].shape[axis] - 1)
    after = min(after, views[Y].shape[axis] - 1)
    if before + after >= LONGEST_WINDOW:
        raise MemoryError("a window longer than any memory")
    call.job.task = task
    call.job.backward = task == BACKWARD
    call.job.second = task == BACKWARD or task == TANGENT
    call.job.before = before
    call.job.after = after
    set_formula(&call.job.formula, scale, beta, k, before + after + 1, task)
    prepare(&call, views, axis, threads, swapped)
    parts = <int>min(<Py_ssize_t>(PARTIAL_TOTALS if task == PARAMETERS else threads), call.tasks)
    if call.scratch <= (PY_SSIZE_T_MAX - ALIGNMENT) // parts:
        memory = malloc(parts * call.scratch + ALIGNMENT)
    if memory == NULL:
        raise MemoryError(f"{parts} times {call.scratch} bytes of scratch")
    with nogil:
        run(&call, parts, min(threads, parts), totals, <char*>round_up(<Py_ssize_t>memory, ALIGNMENT))
    free(memory)
    return True


cdef bint apply(Task task, x, g, y, int axis, Py_ssize_t before, Py_ssize_t after, double scale, double beta, double k,
                int threads, int swapped, Totals* totals) except -1:
    cdef Py_buffer x_view, g_view, y_view
    cdef Py_buffer* views[OPERANDS]
    views[X], views[G], views[Y] = &x_view, &g_view, &y_view
    PyObject_GetBuffer(x, &x_view, PyBUF_STRIDES)
    try:
        PyObject_GetBuffer(g, &g_view, PyBUF_STRIDES)
        try:
            PyObject_GetBuffer(y, &y_view, PyBUF_STRIDES if task == PARAMETERS else PyBUF_STRIDES | PyBUF_WRITABLE)
            try:
                return dispatch(task, views, axis, before, after, scale, beta, k, threads, swapped, totals)
            finally:
                PyBuffer_Release(&y_view)
        finally:
            PyBuffer_Release(&g_view)
    finally:
        PyBuffer_Release(&x_view)


def forward(x, y, int axis, Py_ssize_t before, Py_ssize_t after, double scale, double beta, double k,
            int threads, int swapped, /):
    """Write ``x * (k + scale * sum x^2)^-beta`` into `y`; False if the two overlap, with nothing written."""
    return apply(FORWARD, x, x, y, axis, before, after, scale, beta, k, threads, swapped, NULL)


def backward(g, x, y, int axis, Py_ssize_t before, Py_ssize_t after, double scale, double beta, double k,
             int threads, int swapped, /):
    """Write the gradient with respect to `x` into `y`; False if `y` overlaps `g` or `x`, with nothing written."""
    return apply(BACKWARD, x, g, y, axis, before, after, scale, beta, k, threads, swapped, NULL)


def tangent(dx, x, y, int axis, Py_ssize_t before, Py_ssize_t after, double scale, double beta, double k,
            int threads, int swapped, /):
    """Write the forward's derivative along `dx` into `y`; False if `y` overlaps `dx` or `x`, with nothing written."""
    return apply(TANGENT, x, dx, y, axis, before, after, scale, beta, k, threads, swapped, NULL)


def parameters(g, x, int axis, Py_ssize_t before, Py_ssize_t after, double scale, double beta, double k,
               int threads, int swapped, /):
    """Return the derivatives of ``sum(g * y)`` with respect to scale, beta and k."""
    cdef Totals totals[PARTIAL_TOTALS]
    cdef Totals whole
    cdef int i
    memset(totals, 0, sizeof(totals))
    memset(&whole, 0, sizeof(whole))
    apply(PARAMETERS, x, g, x, axis, before, after, scale, beta, k, threads, swapped, totals)
    for i in range(PARTIAL_TOTALS):
        add_total(&whole.scale, &totals[i].scale)
        add_total(&whole.beta, &totals[i].beta)
        add_total(&whole.k, &totals[i].k)
    return whole.scale.sum + whole.scale.rest, whole.beta.sum + whole.beta.rest, whole.k.sum + whole.k.rest


#: Lanes of a vector of this build's element type
lanes = LANES
