# The calls as those of Python ask for them (_divisive.pyx), and their parallel loops. Nothing here is Python.

cdef enum:
    ELEMENTS_PER_THREAD = 4096  # explicit threads: one wakes in some 10 us, the time of this many elements
    MOST_PARTS = 16             # of the gradients of parameters, whatever the threads: sums of parts in their order
    POSITIONS_PER_PART = 1024   # fewer would take as long to add up


cdef extern from "parallel.h" nogil:
    void in_parallel(void (*body)(const void*, int) noexcept nogil, const void* shared, int parts, int threads) noexcept


cdef void set_operands(Operand* operand, char** at, Py_buffer* view, Py_buffer** views,
                       const divisive_call* asked) noexcept nogil:
    cdef int which
    for which in range(OPERANDS):
        view[which].buf = at[which] = asked.data[which]
        operand[which].form = <Form>asked.form[which]
        operand[which].item = sizeof(real) if asked.form[which] == REALS else sizeof(half)
        operand[which].swapped = asked.swapped >> which & 1
        view[which].itemsize = operand[which].item
        view[which].ndim = asked.ndim
        view[which].shape = <Py_ssize_t*>asked.shape
        view[which].strides = <Py_ssize_t*>asked.strides[which]
        views[which] = &view[which]


# Scratch, or NULL with what was not to be had in the answer
cdef void* allocate(Py_ssize_t count, Py_ssize_t bytes, divisive_answer* answer) noexcept nogil:
    cdef void* memory = NULL
    if bytes <= (PY_SSIZE_T_MAX - 128) // max(count, <Py_ssize_t>1):
        memory = malloc(count * bytes + 128)
    if memory == NULL:
        answer.parts, answer.bytes = count, bytes
    return memory


cdef inline char* start_of(void* memory) noexcept nogil:
    return <char*>round_up(<Py_ssize_t>memory, 128)


cdef int threads_for(int threads, Py_ssize_t elements, Py_ssize_t parts) noexcept nogil:
    cdef Py_ssize_t most = max(<Py_ssize_t>1, elements // ELEMENTS_PER_THREAD)
    return <int>min(<Py_ssize_t>threads, min(most, parts))


# ---- pools of all channels ----

# What the threads of a call share
cdef struct DenseTeam:
    const Dense* job
    int parts
    char* scratch
    Py_ssize_t bytes
    double* sums            # of each part, `size` apart; or NULL
    Py_ssize_t size


cdef void work_dense(const void* shared, int part) noexcept nogil:
    cdef const DenseTeam* team = <const DenseTeam*>shared
    cdef const Dense* job = team.job
    cdef Bench bench
    furnish_dense(job, &bench, team.scratch + part * team.bytes)
    bench.dweights = bench.dsigma = NULL
    if team.sums:
        bench.dweights = team.sums + part * team.size
        bench.dsigma = bench.dweights + job.tiled * job.w_pitch
    walk_dense(job, &bench, job.blocks * part // team.parts, job.blocks * (part + 1) // team.parts)


# With one thread all parts are on the same scratch: `bytes` is 0.
cdef void run_dense(DenseTeam* team, int threads) noexcept nogil:
    cdef int part
    if threads > 1:
        in_parallel(work_dense, team, team.parts, threads)
        return
    team.bytes = 0
    for part in range(team.parts):
        work_dense(team, part)


cdef Py_ssize_t block_of(Py_ssize_t channels) noexcept nogil:
    return max(<Py_ssize_t>PRODUCT_COLUMNS, min(<Py_ssize_t>MOST_POSITIONS,
               BLOCK_NUMBERS // channels // PRODUCT_COLUMNS * PRODUCT_COLUMNS))


cdef void lay_out_dense(Dense* job, Py_buffer** views, int threads) noexcept nogil:
    cdef bint kept[MAX_DIMS]
    cdef int place[MAX_DIMS]
    cdef int channels = views[X].ndim - 1, i
    cdef Py_ssize_t item = views[X].itemsize
    memset(kept, 0, sizeof(kept))
    kept[channels] = True
    job.dims = fold(views, 0, views[X].ndim, kept, job.axes, place) - 1
    job.channel = job.axes[job.dims]
    job.channels = job.channel.length
    if job.dims == 0:
        job.axes[0].length = 1
        for i in range(OPERANDS):
            job.axes[0].stride[i] = 0
        job.dims = 1
    job.positions = 1
    for i in range(job.dims):
        job.positions *= job.axes[i].length
    job.packed = job.channel.stride[X] == item and (job.axes[job.dims - 1].stride[X] != item or job.positions == 1)
    for i in range(OPERANDS):
        set_step(&job.operand[i], job.channel.stride[i] if job.packed else job.axes[job.dims - 1].stride[i])
    job.tiled = round_up(job.channels, PRODUCT_ROWS)
    job.w_pitch = pitch_of(job.tiled)
    job.block = block_of(job.channels)
    if not job.gradients and not job.kept:
        # of gradients, the blocks are part of the order of sums
        job.block = min(job.block, round_up((job.positions + threads - 1) // threads, PRODUCT_COLUMNS))
    job.blocks = (job.positions + job.block - 1) // job.block
    job.lines = round_up(job.block, PRODUCT_ROWS) if job.packed else job.tiled
    job.pitch = pitch_of(job.channels if job.packed else job.block)


# dweights and dsigma: the sums of all parts, in their order, as long as `weights` and `sigma`
cdef void collect(const DenseTeam* team, double* dweights, double* dsigma) noexcept nogil:
    cdef Py_ssize_t size = team.job.tiled * team.job.w_pitch, i
    cdef const double* sums = team.sums
    cdef int part
    for part in range(team.parts):
        for i in range(size):
            dweights[i] += sums[i]
        for i in range(team.job.channels):
            dsigma[i] += sums[size + i]
        sums += team.size


cdef int dense(const dense_call* asked, divisive_answer* answer) noexcept nogil:
    cdef Dense job
    cdef DenseTeam team
    cdef Bench bench
    cdef Py_buffer view[OPERANDS]
    cdef Py_buffer* views[OPERANDS]
    cdef void* scratch
    cdef void* sums = NULL
    cdef int threads
    memset(&job, 0, sizeof(job))
    set_operands(job.operand, job.at, view, views, &asked.arrays)
    job.gradients = asked.arrays.gradients
    job.apart = job.at[X] != job.at[Y] and job.at[G] != job.at[Y]
    job.kept, job.weights, job.transposed, job.sigma = (<real*>asked.kept, <const real*>asked.weights,
                                                        <const real*>asked.transposed, <const real*>asked.sigma)
    set_formula(&job.formula, asked.arrays.p, asked.arrays.q, asked.arrays.n, asked.arrays.total, job.gradients)
    lay_out_dense(&job, views, asked.arrays.threads)
    threads = threads_for(asked.arrays.threads, job.positions * job.channels, job.blocks)
    team.job, team.parts, team.sums = &job, threads, NULL
    team.size = job.tiled * job.w_pitch + job.tiled
    if asked.dweights:
        team.parts = <int>max(<Py_ssize_t>1, min(<Py_ssize_t>MOST_PARTS, job.positions // POSITIONS_PER_PART))
        threads = min(threads, team.parts)
        sums = allocate(team.parts, team.size * sizeof(double), answer)
    team.bytes = furnish_dense(&job, &bench, NULL) - <char*>NULL
    scratch = allocate(1 if threads == 1 else team.parts, team.bytes, answer)
    job.bad = <char*>allocate(job.blocks, 1, answer)
    answer.bad, answer.blocks, answer.block = job.bad, job.blocks, job.block
    if answer.parts == 0:
        memset(job.bad, 0, job.blocks)
        team.scratch = start_of(scratch)
        if asked.dweights:
            team.sums = <double*>sums
            memset(sums, 0, team.parts * team.size * sizeof(double))
        run_dense(&team, threads)
        if asked.dweights:
            collect(&team, asked.dweights, asked.dsigma)
    free(scratch)
    free(sums)
    return DIVISIVE_NO_MEMORY if answer.parts else DIVISIVE_DONE


cdef void room(Py_ssize_t channels, Py_ssize_t* rows, Py_ssize_t* pitch) noexcept nogil:
    rows[0] = round_up(channels, PRODUCT_ROWS)
    pitch[0] = pitch_of(rows[0])


cdef Py_ssize_t kept(Py_ssize_t positions, Py_ssize_t channels) noexcept nogil:
    cdef Py_ssize_t block = block_of(channels), planar, packed
    planar = round_up(channels, PRODUCT_ROWS) * pitch_of(block)
    packed = round_up(block, PRODUCT_ROWS) * pitch_of(channels)
    return (positions + block - 1) // block * max(planar, packed)


# ---- windows ----

cdef struct WindowsTeam:
    const Windows* job
    int parts
    char* scratch
    Py_ssize_t bytes


cdef void work_windows(const void* shared, int part) noexcept nogil:
    cdef const WindowsTeam* team = <const WindowsTeam*>shared
    cdef const Windows* job = team.job
    cdef Space space
    furnish_windows(job, &space, team.scratch + part * team.bytes)
    walk_windows(job, &space, job.blocks * part // team.parts, job.blocks * (part + 1) // team.parts)


cdef void lay_out_windows(Windows* job, Py_buffer** views, const windows_call* asked, Tap* tap) noexcept nogil:
    cdef bint kept[MAX_DIMS]
    cdef int place[MAX_DIMS]
    cdef int outer = asked.arrays.ndim - asked.sides, i, t
    cdef Py_ssize_t blocks = 1
    cdef Axis axes[MAX_DIMS]
    cdef window_side given
    cdef Side* side
    for i in range(asked.arrays.ndim):
        kept[i] = i >= outer or i == asked.sigma_at
    job.dims = fold(views, 0, outer, kept, job.axes, place)
    job.sigma_axis = place[asked.sigma_at] if 0 <= asked.sigma_at < outer else -1
    job.sigma_side = asked.sigma_at - outer if asked.sigma_at >= outer else -1
    fold(views, outer, asked.arrays.ndim, kept, axes, place)
    for i in range(job.dims):
        blocks *= job.axes[i].length
    job.sides = asked.sides
    for i in range(job.sides):
        side, given = &job.side[i], asked.side[i]
        job.order[given.place] = i
        side.axis = axes[i]
        side.tap, side.taps, side.mass = tap, given.taps, <const real*>given.mass
        for t in range(side.taps):
            tap[t].offset, tap[t].weight = given.offsets[t], <real>given.weights[t]
            side.before = max(side.before, -tap[t].offset)
            side.after = max(side.after, tap[t].offset)
        tap += side.taps
    for i in range(OPERANDS):
        set_step(&job.operand[i], job.side[job.sides - 1].axis.stride[i])
    tile_sides(job, blocks, asked.arrays.threads)


cdef int windows(const windows_call* asked, divisive_answer* answer) noexcept nogil:
    cdef Windows job
    cdef WindowsTeam team
    cdef Space space
    cdef Py_buffer view[OPERANDS]
    cdef Py_buffer* views[OPERANDS]
    cdef void* scratch
    cdef void* taps
    cdef Py_ssize_t elements = 1, count = 0
    cdef int i
    memset(&job, 0, sizeof(job))
    set_operands(job.operand, job.at, view, views, &asked.arrays)
    job.gradients, job.sigma = asked.arrays.gradients, <const real*>asked.sigma
    set_formula(&job.formula, asked.arrays.p, asked.arrays.q, asked.arrays.n, asked.arrays.total, job.gradients)
    for i in range(asked.arrays.ndim):
        elements *= asked.arrays.shape[i]
    for i in range(asked.sides):
        count += asked.side[i].taps
    taps = allocate(count + 1, sizeof(Tap), answer)
    if taps == NULL:
        return DIVISIVE_NO_MEMORY
    lay_out_windows(&job, views, asked, <Tap*>taps)
    team.job, team.parts = &job, threads_for(asked.arrays.threads, elements, job.blocks)
    team.bytes = furnish_windows(&job, &space, NULL) - <char*>NULL
    scratch = allocate(team.parts, team.bytes, answer)
    job.bad = <char*>allocate(job.blocks, 1, answer)
    answer.bad, answer.blocks = job.bad, job.blocks
    for i in range(job.sides):
        answer.tile[i], answer.tiles[i] = job.side[i].tile, job.side[i].tiles
    if answer.parts == 0:
        memset(job.bad, 0, job.blocks)
        team.scratch = start_of(scratch)
        in_parallel(work_windows, &team, team.parts, team.parts)
    free(scratch)
    free(taps)
    return DIVISIVE_NO_MEMORY if answer.parts else DIVISIVE_DONE


cdef public void enter "lrn_enter_divisive"(divisive_kernels* to) noexcept nogil:
    to.lanes, to.item, to.raised = LANES, sizeof(real), RAISED
    to.dense, to.windows, to.room, to.kept = dense, windows, room, kept
