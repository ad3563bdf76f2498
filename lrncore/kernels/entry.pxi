# The calls of the Python face, and the one parallel loop.

cdef enum:
    # threads, explicit: a thread wakes in some 10 us, the time of this many elements
    ELEMENTS_PER_THREAD = 4096
    ALIGNMENT = 128         # of a thread's scratch: no two share a cache line, or a pair of them


cdef struct Call:
    Job job
    Grid grid
    Box* box                # where windows are along several axes, or NULL
    char* data[OPERANDS]
    Py_ssize_t tasks        # tiles, or slabs of a stream
    # bytes for one thread,
    Py_ssize_t scratch
    # of which so many are for counts of work and what recomputation keeps, the rest for the walk
    Py_ssize_t terms


# Tasks first to last - 1 on one thread's scratch
cdef void work(const Call* call, Py_ssize_t first, Py_ssize_t last, Totals* totals, char* memory) noexcept nogil:
    cdef const Job* job = &call.job
    cdef const Grid* grid = &call.grid
    cdef const Axis* axis = &grid.axes[max(grid.dims - 1, 0)]
    cdef Py_ssize_t task = first, slab, begin, i
    cdef Py_ssize_t* offsets = NULL
    cdef Piece piece
    cdef Room room
    room.work = <Work*>memory
    memset(room.work, 0, sizeof(Work))
    room.terms = <Wide*>(memory + ALIGNMENT)
    room.scratch = <real*>(memory + call.terms)
    room.totals = totals
    if job.box:
        for task in range(first, last):
            for i in range(OPERANDS):
                piece.at[i] = call.data[i]
            take_piece(job, grid, task, &piece)
            walk_box(job, &piece, &room)
        return
    if job.scattered:
        offsets = <Py_ssize_t*>(room.scratch + scratch_of(job) - offsets_of(job.tile, OPERANDS))
    if job.streamed or job.whole:
        memset(room.scratch, 0, call.scratch - call.terms)
    while task < last:
        begin = task % grid.tiles * job.tile
        slab = task // grid.tiles
        piece.count = 1
        if job.streamed and grid.tiles == 1 and grid.dims:
            piece.count = min(last - task, axis.length - task % axis.length)
        piece.length = min(job.tile, job.inner - begin)
        for i in range(OPERANDS):
            piece.at[i] = call.data[i]
            piece.offset[i] = NULL
            if not job.scattered:
                piece.at[i] += offset_of(grid, <int>i, grid.dims, slab) + begin * grid.inner.stride[i]
            elif job.operand[i].staged:
                piece.offset[i] = &offsets[i * row_pitch(job.tile)]
                write_offsets(grid, <int>i, begin, piece.length, &offsets[i * row_pitch(job.tile)])
            piece.pitch[i] = axis.stride[i] if grid.dims else 0
        if job.whole:
            walk_whole(job, &piece, &room)
        elif job.streamed:
            walk_stream(job, &piece, &room)
        else:
            walk_rows(job, &piece, &room)
        task += piece.count
    if job.far:
        fence_stores()


# The axes of the three buffers, as the walks visit them: the first window axis, and those that have no windows
cdef rare set_grid(Grid* grid, Py_buffer** views, const Request* request) noexcept:
    cdef Axis* to
    cdef int i, which, windows = 0
    grid.dims = 0
    for i in range(views[Y].ndim):
        to = &grid.axes[grid.dims]
        if windows < request.count and i == request.axes[windows]:
            windows += 1
            if windows > 1:
                continue
            to = &grid.channel
        to.length = views[Y].shape[i]
        for which in range(OPERANDS):
            to.stride[which] = views[which].strides[i]
        if to != &grid.channel and to.length > 1:
            grid.dims += 1
    fold(grid)


# Fills `call` from the three buffers (x stands in for an operand that the operator does not have).
cdef rare prepare(Call* call, Py_buffer** views, const Request* request, const Operator* op) noexcept:
    cdef Job* job = &call.job
    cdef Py_ssize_t size
    cdef int which, levels, threads = 1 if op.parts else request.threads
    job.channels = views[Y].shape[request.axes[0]]
    job.before = min(request.before, job.channels - 1)
    job.after = min(request.after, job.channels - 1)
    plan_window(&job.window, job.before + job.after + 1)
    size = job.before + job.after + 1
    levels = job.window.levels
    set_grid(&call.grid, views, request)
    job.box = call.box
    if call.box:
        choose_sides(call.box, &call.grid, views, request, threads)
        size = min(size, job.channels) * elements_along(call.box)
        levels = max(levels, levels_along(call.box))
    job.whole = (job.box == NULL and job.channels >= WHOLE_CHANNELS
                 and min(job.before, job.after) == job.channels - 1)
    job.slides = job.box == NULL and not job.whole and size > SHORT_WINDOW
    if op == &FORWARD:
        op = forward_operator(request.beta, levels)
    if job.whole:
        op = whole_operator(op)
    job.op = op
    job.behind = job.before if op.late else 0
    set_formula(&job.formula, request, op, size, levels)
    for which in range(OPERANDS):
        call.data[which] = <char*>views[which].buf
        job.operand[which].form = request.form
        job.operand[which].item = views[which].itemsize
        job.operand[which].swapped = request.swapped >> which & 1
        job.operand[which].overwritten = op.writes and which != Y and views[which].buf == views[Y].buf
    if job.box:
        lay_out_box(job, call.box, &call.grid, threads)
    else:
        lay_out_lines(job, &call.grid, aligned(views[Y]), threads)
    call.tasks = job.slabs * call.grid.tiles
    call.terms = ALIGNMENT + round_up(exact_bytes(job), ALIGNMENT)
    call.scratch = call.terms + scratch_of(job) * sizeof(real)
    call.scratch = round_up(call.scratch, ALIGNMENT)


# The walk for a window along one axis
cdef rare lay_out_lines(Job* job, Grid* grid, bint aligned, int threads) noexcept:
    cdef int which
    choose(grid, job.operand[Y].item, 0 if job.whole else job.before + job.after)
    job.streamed = grid.streamed
    job.inner = grid.inner.length
    job.scattered = grid.scattered
    job.adjoining = grid.adjoining
    job.slabs = 1
    for which in range(0 if grid.scattered else grid.dims):
        job.slabs *= grid.axes[which].length
    for which in range(OPERANDS):
        set_operand(&job.operand[which], grid, which)
    job.operand[G].staged = job.operand[G].staged and job.op.reads_g
    job.operand[Y].staged = job.operand[Y].staged and job.op.writes
    set_source(job, grid, aligned)
    set_tiles(job, grid, threads)
    set_ahead(job)


# Elements that the walk has to itself; the offsets of a scattered inner axis are the last of them.
cdef Py_ssize_t scratch_of(const Job* job) noexcept nogil:
    if job.box:
        return box_scratch(job)
    if job.whole:
        return whole_scratch(job)
    return stream_scratch(job) if job.streamed else rows_scratch(job)


# Bytes that recomputation has to itself; and how many positions of a stream are done together
cdef Py_ssize_t exact_bytes(Job* job) noexcept:
    cdef Py_ssize_t reach = job.before + job.after
    job.positions = 0
    if job.box:
        return vicinity_bytes(job)
    if job.whole:
        return columns_bytes(job.tile)
    if job.slides:
        # rows that wait for the end of a piece do so some columns at a time
        return track_bytes(job, min(job.tile, <Py_ssize_t>LANES) if rows_wait(job) else job.tile)
    if job.op.exact == NULL:
        return 0
    if not job.streamed:
        if any_staged(job):
            return 0
        return (reach + 1) * rows_of_terms() * term_columns(reach + 1, job.tile) * <Py_ssize_t>sizeof(real)
    job.positions = min(job.chunk, plan_stream(job, job.tile).span) + reach * job.tile + 4 * WIDE_LANES
    return 4 * job.positions * <Py_ssize_t>sizeof(double)


# Where `ready` has its squares from
cdef rare set_source(Job* job, const Grid* grid, bint aligned) noexcept:
    cdef bint direct = not grid.streamed and job.op.takes_entering
    cdef bint staged = job.operand[X].staged or job.operand[G].staged or job.operand[Y].staged
    job.far = job.slabs * job.channels * job.inner >= FAR_BYTES // job.operand[Y].item
    if job.whole:
        job.far = False
    elif not grid.streamed:
        job.far = job.far and direct and job.window.levels == 1 and not staged and aligned
    # tiles do not come in one run
    job.squared = grid.streamed and not grid.tiled and job.op.enter == square and converts(&job.operand[X])
    if direct and not (is_light(job.formula.kind) and job.window.levels > 1):
        job.source = FAR if job.far else ENTERING
    else:
        job.source = MASKED if job.adjoining else STORED


cdef void run(const Call* call, int parts, int threads, Totals* totals, char* memory) noexcept nogil:
    cdef Py_ssize_t share = call.tasks // parts, more = call.tasks % parts  # not tasks * part, which may overflow
    cdef int part
    if parts == 1:
        work(call, 0, call.tasks, totals, memory)
        return
    for part in prange(parts, num_threads=threads, schedule="static", chunksize=1):
        work(call, part * share + min(<Py_ssize_t>part, more), (part + 1) * share + min(<Py_ssize_t>part + 1, more),
             &totals[part] if totals else NULL, memory + part * call.scratch)


# Leaves the axes along which a window holds more than one element; one of the others if there are none.
cdef int keep_windows(Request* request, const Py_buffer* y) except -1:
    cdef Py_ssize_t most
    cdef double places = 1
    cdef int i, kept = 0
    for i in range(request.count):
        most = y.shape[request.axes[i]] - 1
        if min(request.before, most) + min(request.after, most) >= <Py_ssize_t>LONGEST_WINDOW:
            raise MemoryError("a window longer than any memory")
        if most and request.before + request.after:
            request.axes[kept] = request.axes[i]
            kept += 1
    if request.count == 0:
        request.axes[0] = 0
    if kept == 0:
        request.before = request.after = 0
    request.count = max(kept, 1)
    if kept > 1:
        # an array that repeats itself may have any number of elements
        for i in range(y.ndim):
            places *= y.shape[i]
        if ldexp(places, kept) > ldexp(1, 57):
            raise MemoryError("windows along axes longer than any memory")
    return 0


# Returns False, with nothing done, if `y` overlaps an input so that it cannot be written in place. `totals` are those
# of an operator that writes no output.
cdef bint dispatch(const Operator* op, Py_buffer** views, Request request, Totals* totals) except -1:
    cdef Call call
    cdef void* memory = NULL
    cdef Box* box = NULL
    cdef char* first
    cdef Work* work_done
    cdef Py_ssize_t elements = 1
    cdef int i, parts
    for i in range(views[Y].ndim):
        elements *= views[Y].shape[i]
    if elements == 0:
        return True
    request.threads = <int>min(<Py_ssize_t>request.threads, max(<Py_ssize_t>1, elements // ELEMENTS_PER_THREAD))
    if op.writes and (repeats(views[Y]) or not compatible(views[X], views[Y])
                      or not compatible(views[G], views[Y])):
        return False
    if request.beta == 0 and op.writes:
        # s^0 is 1 for every s, NaN too, and no window matters
        request.before = request.after = 0
        request.scale = 0
        request.k = 1
    keep_windows(&request, views[Y])
    call.box = NULL
    if request.count > 1:
        box = call.box = <Box*>malloc(sizeof(Box))
        if box == NULL:
            raise MemoryError(f"{sizeof(Box)} bytes for a plan")
    prepare(&call, views, &request, op)
    parts = <int>min(<Py_ssize_t>(op.parts if op.parts else request.threads), call.tasks)
    if call.scratch <= (PY_SSIZE_T_MAX - ALIGNMENT) // parts:
        memory = malloc(parts * call.scratch + ALIGNMENT)
    if memory == NULL:
        free(box)
        raise MemoryError(f"{parts} times {call.scratch} bytes of scratch")
    first = <char*>round_up(<Py_ssize_t>memory, ALIGNMENT)
    with nogil:
        run(&call, parts, min(request.threads, parts), totals, first)
    for i in range(parts):
        work_done = <Work*>(first + i * call.scratch)
        count_vectors(&recomputed_vectors, work_done.recomputed)
        count_vectors(&summed_vectors, work_done.summed)
    free(memory)
    free(box)
    return True


# The face checks arrays by their attributes, and the memory that is read is the buffers'. The two differ where a class
# overrides an attribute, or another thread assigns one during the call.
cdef int check_buffers(const Operator* op, Py_buffer** views, Request* request) except -1:
    cdef Py_buffer* view
    cdef int which, i, form
    cdef bint same = True
    request.form = <Form>form_of(views[X], request.swapped & 1)
    for which in range(OPERANDS):
        view = views[which]
        if which == G and not op.reads_g or which == Y and not op.writes:
            continue    # x stands in for it
        form = form_of(view, request.swapped >> which & 1)
        if form < 0 or form != request.form:
            raise ValueError(f"an array's memory holds other elements than its dtype said: it was changed during the "
                             f"call, or its class overrides attributes; got items of {view.itemsize} bytes and format "
                             f"{(<bytes>view.format).decode() if view.format else None!r}")
        same = same and view.ndim == views[X].ndim
        for i in range(view.ndim if same else 0):
            same = same and view.shape[i] == views[X].shape[i]
    for i in range(request.count):
        same = same and (request.axes[i - 1] if i else -1) < request.axes[i] < views[X].ndim
    if not same:
        shapes = [tuple([view.shape[i] for i in range(view.ndim)]) for view in views[:OPERANDS]]
        raise ValueError(f"an array's memory has another shape than its attributes said: one was changed during the "
                         f"call, or its class overrides them; got {', '.join(map(str, shapes))} and axes "
                         f"{tuple([request.axes[i] for i in range(request.count)])}")
    return 0


cdef bint apply(const Operator* op, x, g, y, Request request, Totals* totals) except -1:
    cdef Py_buffer x_view, g_view, y_view
    cdef Py_buffer* views[OPERANDS]
    views[X], views[G], views[Y] = &x_view, &g_view, &y_view
    cdef int wanted = PyBUF_STRIDES | PyBUF_FORMAT
    PyObject_GetBuffer(x, &x_view, wanted)
    try:
        PyObject_GetBuffer(g, &g_view, wanted)
        try:
            PyObject_GetBuffer(y, &y_view, wanted | PyBUF_WRITABLE if op.writes else wanted)
            try:
                check_buffers(op, views, &request)
                return dispatch(op, views, request, totals)
            finally:
                PyBuffer_Release(&y_view)
        finally:
            PyBuffer_Release(&g_view)
    finally:
        PyBuffer_Release(&x_view)


cdef Request request_of(tuple axes, tuple spec, threads, swapped) except *:
    cdef Request request
    request.count = 0
    for axis in axes[:MAX_DIMS]:
        request.axes[request.count] = axis
        request.count += 1
    request.before, request.after, request.scale, request.beta, request.k = spec
    request.threads = threads
    request.swapped = swapped
    return request


# `spec` is (before, after, scale, beta, k). Bits 0, 1 and 2 of `swapped` say that the bytes of x, of the other input
# and of the output are.

def forward(x, y, tuple axes not None, tuple spec not None, threads, swapped, /):
    """Write ``x * (k + scale * sum x^2)^-beta`` into `y`; False if the two overlap, with nothing written."""
    return apply(&FORWARD, x, x, y, request_of(axes, spec, threads, swapped), NULL)


def backward(g, x, y, tuple axes not None, tuple spec not None, threads, swapped, /):
    """Write the gradient with respect to `x` into `y`; False if `y` overlaps `g` or `x`, with nothing written."""
    return apply(&BACKWARD, x, g, y, request_of(axes, spec, threads, swapped), NULL)


def tangent(dx, x, y, tuple axes not None, tuple spec not None, threads, swapped, /):
    """Write the forward's derivative along `dx` into `y`; False if `y` overlaps `dx` or `x`, with nothing written."""
    return apply(&TANGENT, x, dx, y, request_of(axes, spec, threads, swapped), NULL)


def parameters(g, x, tuple axes not None, tuple spec not None, threads, swapped, /):
    """Return the derivatives of ``sum(g * y)`` with respect to scale, beta and k."""
    cdef Totals totals[PARTIAL_TOTALS]
    cdef Totals whole
    cdef int i
    memset(totals, 0, sizeof(totals))
    memset(&whole, 0, sizeof(whole))
    apply(&PARAMETERS, x, g, x, request_of(axes, spec, threads, swapped), totals)
    for i in range(PARTIAL_TOTALS):
        add_total(&whole.scale, &totals[i].scale)
        add_total(&whole.beta, &totals[i].beta)
        add_total(&whole.k, &totals[i].k)
    return whole.scale.sum + whole.scale.rest, whole.beta.sum + whole.beta.rest, whole.k.sum + whole.k.rest


def recomputed():
    """Return how many vectors of doubles were computed exactly, each with a power, since the import."""
    return vectors_so_far(&recomputed_vectors)


def summed():
    """Return how many vectors entered the sums of long windows since the import, for what was computed exactly."""
    return vectors_so_far(&summed_vectors)


#: Lanes of a vector of this build's element type, and of one of doubles
lanes = LANES
wide_lanes = WIDE_LANES
