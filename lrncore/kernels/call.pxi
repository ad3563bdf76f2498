# One call: from buffers to a plan, and the one parallel loop. Nothing here, and nothing that it calls, is Python.

cdef enum:
    # threads, explicit: what a member of a team costs where it waits for the call, and some more (_threads.py)
    ELEMENTS_PER_THREAD = 1024
    ALIGNMENT = 128         # of a thread's scratch: no two share a cache line, or a pair of them


# What became of a call
cdef enum Outcome:
    DONE
    OVERLAPS        # nothing: y overlaps an input so that it cannot be written in place
    TOO_LONG        # nothing: a window is longer than any memory
    NO_MEMORY       # nothing: so many bytes of scratch for each of so many parts are not to be had


cdef struct Shortage:
    int parts
    Py_ssize_t bytes


cdef extern from "parallel.h" nogil:
    void in_parallel(void (*body)(const void*, int) noexcept nogil, const void* shared, int parts, int threads) noexcept


cdef struct Call:
    Job job
    Grid grid
    Box* box                # where windows are along several axes, or NULL
    char* data[OPERANDS]
    Py_ssize_t tasks        # see split.pxi; of boxes: pieces
    # bytes for one thread,
    Py_ssize_t scratch
    # of which so many are for counts of work and what recomputation keeps, the rest for the walk
    Py_ssize_t terms


# What a thread has of a tile. `offsets` has room for those of a scattered inner axis.
cdef inline void take_tile(const Call* call, const Stretch* stretch, Py_ssize_t tile, Py_ssize_t* offsets,
                           Piece* piece) noexcept nogil:
    cdef const Job* job = &call.job
    cdef const Grid* grid = &call.grid
    cdef Py_ssize_t begin = tile_begin(job, grid, tile)
    cdef int i
    piece.length = tile_begin(job, grid, tile + 1) - begin
    piece.count = stretch.count
    piece.first = stretch.first
    piece.end = stretch.end
    for i in range(OPERANDS):
        piece.at[i] = call.data[i]
        piece.offset[i] = NULL
        if not job.scattered:
            piece.at[i] += offset_of(grid, i, grid.dims, stretch.slab) + begin * grid.inner.stride[i]
        elif job.operand[i].staged:
            piece.offset[i] = &offsets[i * row_pitch(job.tile)]
            write_offsets(grid, i, begin, piece.length, &offsets[i * row_pitch(job.tile)])
        piece.pitch[i] = grid.axes[grid.dims - 1].stride[i] if grid.dims else 0


# Tasks first to last - 1 on one thread's scratch
cdef void work(const Call* call, Py_ssize_t first, Py_ssize_t last, Totals* totals, char* memory) noexcept nogil:
    cdef const Job* job = &call.job
    cdef const Grid* grid = &call.grid
    cdef Py_ssize_t task = first, tile, i
    cdef Py_ssize_t* offsets = NULL
    cdef bint columns = GOES_DOWN and job.straight
    cdef Stretch stretch
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
        task = take_stretch(job, grid, task, last, &stretch)
        for tile in range(stretch.panel * grid.tiles, (stretch.panel + 1) * grid.tiles):
            take_tile(call, &stretch, tile, offsets, &piece)
            if job.whole:
                walk_whole(job, &piece, &room)
            elif job.streamed:
                walk_stream(job, &piece, &room)
            elif columns and piece.first == 0 and piece.end >= job.channels and piece.length >= LANES:
                walk_columns(job, &piece, &room)
            else:
                walk_rows(job, &piece, &room)
    if job.far:
        fence_stores()


# The axes of the three buffers, as the walks visit them: the first window axis, and those that have no windows
cdef rare set_grid(Grid* grid, Py_buffer** views, const Request* request) noexcept nogil:
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
cdef rare prepare(Call* call, Py_buffer** views, const Request* request, const Operator* op) noexcept nogil:
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
    call.tasks = job.slabs * call.grid.panels * call.grid.cuts
    call.terms = ALIGNMENT + round_up(exact_bytes(job), ALIGNMENT)
    call.scratch = call.terms + scratch_of(job) * sizeof(real)
    call.scratch = round_up(call.scratch, ALIGNMENT)


# The walk for a window along one axis
cdef rare lay_out_lines(Job* job, Grid* grid, bint aligned, int threads) noexcept nogil:
    cdef int which
    choose(job, grid, threads)
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
    if job.streamed:
        return stream_scratch(job) + (slab_trail(job) if job.straight else 0)
    return rows_scratch(job) + columns_scratch(job)


# Bytes that recomputation has to itself; and how many positions of a stream are done together
cdef Py_ssize_t exact_bytes(Job* job) noexcept nogil:
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


# May columns of vectors be read and written where they lie? In place too, where rows pass through scratch.
cdef inline bint has_columns(const Job* job, const Grid* grid) noexcept nogil:
    return (job.inner >= LANES and not any_converted(job) and not grid.scattered
            and adjacent(&grid.inner, job.operand[Y].item) and columns_fit(&grid.channel))


# Where `ready` has its squares from
cdef rare set_source(Job* job, const Grid* grid, bint aligned) noexcept nogil:
    cdef bint direct = not grid.streamed and job.op.takes_entering
    cdef bint staged = job.operand[X].staged or job.operand[G].staged or job.operand[Y].staged
    job.far = exceeds_caches(job)
    if job.whole:
        job.far = False
    elif not grid.streamed:
        job.far = job.far and direct and job.window.levels == 1 and not staged and aligned
    if grid.streamed:
        job.straight = goes_straight_masked(job) if job.adjoining else goes_straight(job, True)
        job.straight = job.straight and SHIFTS_LANES and job.inner == 1
    else:
        job.straight = goes_straight(job, False) and has_columns(job, grid)
    # tiles do not come in one run
    job.squared = (grid.streamed and not grid.tiled and not job.straight and job.op.enter == square
                   and converts(&job.operand[X]))
    if direct and not (is_light(job.formula.kind) and job.window.levels > 1):
        job.source = FAR if job.far else ENTERING
    else:
        job.source = MASKED if job.adjoining else STORED


# What the threads of a call share
cdef struct Team:
    const Call* call
    Totals* totals
    char* memory
    int parts


cdef void work_part(const void* shared, int part) noexcept nogil:
    cdef const Team* team = <const Team*>shared
    cdef Py_ssize_t tasks = team.call.tasks, parts = team.parts
    work(team.call, begin_of(tasks, parts, part), begin_of(tasks, parts, part + 1),
         &team.totals[part] if team.totals else NULL, team.memory + part * team.call.scratch)


# Leaves the axes along which a window holds more than one element; one of the others if there are none.
cdef Outcome keep_windows(Request* request, const Py_buffer* y) noexcept nogil:
    cdef Py_ssize_t most
    cdef double places = 1
    cdef int i, kept = 0
    for i in range(request.count):
        most = y.shape[request.axes[i]] - 1
        # of 64 bits where Py_ssize_t has 32
        if <long long>min(request.before, most) + min(request.after, most) >= <long long>LONGEST_WINDOW:
            return TOO_LONG
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
            return TOO_LONG
    return DONE


# Runs a call whose plan has its place. `wanted` bytes of scratch for each of `parts` if they are refused
cdef Outcome run(Call* call, Py_buffer** views, const Request* request, const Operator* op, Totals* totals,
                 Shortage* shortage) noexcept nogil:
    cdef Team team
    cdef Work* done
    cdef void* memory = NULL
    cdef int i
    prepare(call, views, request, op)
    team.call = call
    team.totals = totals
    team.parts = <int>min(<Py_ssize_t>(op.parts if op.parts else request.threads), call.tasks)
    if request.results:
        for i in range(team.parts):
            request.results[i] = results_of(&call.job, &call.grid, begin_of(call.tasks, team.parts, i),
                                            begin_of(call.tasks, team.parts, i + 1))
        return DONE
    shortage.parts = team.parts
    shortage.bytes = call.scratch
    if call.scratch <= (PY_SSIZE_T_MAX - ALIGNMENT) // team.parts:
        memory = malloc(team.parts * call.scratch + ALIGNMENT)
    if memory == NULL:
        return NO_MEMORY
    team.memory = <char*>round_up(<Py_ssize_t>memory, ALIGNMENT)
    in_parallel(work_part, &team, team.parts, min(request.threads, team.parts))
    for i in range(team.parts):
        done = <Work*>(team.memory + i * call.scratch)
        count_vectors(&recomputed_vectors, done.recomputed)
        count_vectors(&summed_vectors, done.summed)
    free(memory)
    return DONE


# One call, on the three buffers that `views` points to: x stands in for an operand that the operator does not have.
# `totals` are those of an operator that writes no output.
cdef Outcome dispatch(const Operator* op, Py_buffer** views, Request request, Totals* totals,
                      Shortage* shortage) noexcept nogil:
    cdef Call call
    cdef Outcome outcome
    cdef Py_ssize_t elements = 1
    cdef int i
    for i in range(views[Y].ndim):
        elements *= views[Y].shape[i]
    if elements == 0:
        return DONE
    request.threads = <int>min(<Py_ssize_t>request.threads, max(<Py_ssize_t>1, elements // ELEMENTS_PER_THREAD))
    if op.writes and (repeats(views[Y]) or not compatible(views[X], views[Y])
                      or not compatible(views[G], views[Y])):
        return OVERLAPS
    if request.beta == 0 and op.writes:
        # s^0 is 1 for every s, NaN too, and no window matters
        request.before = request.after = 0
        request.scale = 0
        request.k = 1
    outcome = keep_windows(&request, views[Y])
    if outcome != DONE:
        return outcome
    call.box = NULL
    if request.count > 1:
        call.box = <Box*>malloc(sizeof(Box))
        if call.box == NULL:
            shortage.parts = 1
            shortage.bytes = sizeof(Box)
            return NO_MEMORY
    outcome = run(&call, views, &request, op, totals, shortage)
    free(call.box)
    return outcome


# To be called before any other function, from Python or C
cdef rare define_operators() noexcept nogil:
    define_forward()
    define_forward_pairs()
    define_backward()
    define_tangent()
    define_parameters()
    define_forward_whole()
    define_gradient_whole()
