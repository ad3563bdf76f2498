# The calls of the Python face, and their parallel loops.

cdef enum:
    ELEMENTS_PER_THREAD = 4096  # explicit threads: one wakes in some 10 us, the time of this many elements
    MOST_PARTS = 16             # of the gradients of parameters, whatever the threads: sums of parts in their order
    POSITIONS_PER_PART = 1024   # fewer would take as long to add up


# The buffers of a call's arrays (None: there is none), released in one place
cdef class Views:
    cdef Py_buffer buffer[9]
    cdef Py_buffer* view[9]

    # The first three hold elements, and share their shape; an input that is not there is x.
    def __cinit__(self, tuple arrays, int writable):
        cdef int which, wanted
        memset(self.buffer, 0, sizeof(self.buffer))     # releasing one that was not taken does nothing
        for which in range(len(arrays)):
            self.view[which] = &self.buffer[which]
            if arrays[which] is None:
                self.view[which] = self.view[X]
                continue
            wanted = PyBUF_STRIDES | PyBUF_FORMAT
            if writable >> which & 1:
                wanted |= PyBUF_WRITABLE
            PyObject_GetBuffer(arrays[which], &self.buffer[which], wanted)

    def __dealloc__(self):
        cdef int which
        for which in range(9):
            PyBuffer_Release(&self.buffer[which])


# The face checks arrays by their attributes, and the memory that is read is the buffers'. The two differ where another
# thread assigns an attribute during the call.
cdef int set_operands(Operand* operand, char** at, Views views, int swapped) except -1:
    cdef const Py_buffer* view
    cdef int which, form, i
    cdef bint same = True
    for which in range(OPERANDS):
        view = views.view[which]
        at[which] = <char*>view.buf
        operand[which].item = view.itemsize
        operand[which].swapped = swapped >> (which if view != views.view[X] else X) & 1
        form = form_of(view, operand[which].swapped)
        operand[which].form = <Form>form
        same = same and view.ndim == views.view[X].ndim and form >= 0
        for i in range(view.ndim if same else 0):
            same = same and view.shape[i] == views.view[X].shape[i]
    if not same:
        raise ValueError("an array's memory has other elements or another shape than its attributes said: it was "
                         "changed during the call")
    return 0


# The memory of parameters: at least `count` contiguous numbers of `item` bytes
cdef void* numbers(const Py_buffer* view, Py_ssize_t count, Py_ssize_t item) except? NULL:
    if view.itemsize != item or view.len < item * count:
        raise ValueError(f"parameters of {count} numbers of {item} bytes expected, got {view.len} bytes")
    return view.buf


cdef void* allocate(Py_ssize_t count, Py_ssize_t bytes) except NULL:
    cdef void* memory = NULL
    if bytes <= (PY_SSIZE_T_MAX - 128) // max(count, <Py_ssize_t>1):
        memory = malloc(count * bytes + 128)
    if memory == NULL:
        raise MemoryError(f"{count} times {bytes} bytes of scratch")
    return memory


cdef inline char* start_of(void* memory) noexcept nogil:
    return <char*>round_up(<Py_ssize_t>memory, 128)


cdef int threads_for(int threads, Py_ssize_t elements, Py_ssize_t parts) noexcept:
    cdef Py_ssize_t most = max(<Py_ssize_t>1, elements // ELEMENTS_PER_THREAD)
    return <int>min(<Py_ssize_t>threads, min(most, parts))


cdef void run_dense(const Dense* job, int parts, int threads, Py_ssize_t bytes, char* scratch,
                    double* sums) noexcept nogil:
    cdef Py_ssize_t size = (job.tiled * job.w_pitch + job.tiled) if sums else 0
    cdef int part
    if threads == 1:
        for part in range(parts):
            work_dense(job, part, parts, scratch, sums + part * size if sums else NULL)
        return
    for part in prange(parts, num_threads=threads, schedule="static"):
        work_dense(job, part, parts, scratch + part * bytes, sums + part * size if sums else NULL)


cdef void work_dense(const Dense* job, int part, int parts, char* scratch, double* sums) noexcept nogil:
    cdef Bench bench
    furnish_dense(job, &bench, scratch)
    bench.dweights = sums
    bench.dsigma = NULL
    if sums:
        bench.dsigma = sums + job.tiled * job.w_pitch
    walk_dense(job, &bench, job.blocks * part // parts, job.blocks * (part + 1) // parts)


cdef void run_windows(const Windows* job, int parts, int threads, Py_ssize_t bytes, char* scratch) noexcept nogil:
    cdef int part
    if threads == 1:
        work_windows(job, 0, 1, scratch)
        return
    for part in prange(parts, num_threads=threads, schedule="static"):
        work_windows(job, part, parts, scratch + part * bytes)


cdef void work_windows(const Windows* job, int part, int parts, char* scratch) noexcept nogil:
    cdef Space space
    furnish_windows(job, &space, scratch)
    walk_windows(job, &space, job.blocks * part // parts, job.blocks * (part + 1) // parts)


# The numbers of the blocks that were left unwritten
cdef list unwritten(const char* bad, Py_ssize_t blocks):
    cdef Py_ssize_t i
    return [i for i in range(blocks) if bad[i]]


cdef Py_ssize_t block_of(Py_ssize_t channels) noexcept:
    return max(<Py_ssize_t>PRODUCT_COLUMNS, min(<Py_ssize_t>MOST_POSITIONS,
               BLOCK_NUMBERS // channels // PRODUCT_COLUMNS * PRODUCT_COLUMNS))


cdef void lay_out_dense(Dense* job, Py_buffer** views, int threads) noexcept:
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
cdef void collect(const Dense* job, int parts, const double* sums, double* dweights, double* dsigma) noexcept nogil:
    cdef Py_ssize_t size = job.tiled * job.w_pitch, i
    cdef int part
    for part in range(parts):
        for i in range(size):
            dweights[i] += sums[i]
        for i in range(job.channels):
            dsigma[i] += sums[size + i]
        sums += size + job.tiled


cdef list call_dense(Dense* job, Views views, int threads):
    cdef void* scratch = NULL
    cdef void* sums = NULL
    cdef char* bad
    cdef Bench bench
    cdef Py_ssize_t bytes, size
    cdef double* dweights = NULL
    cdef double* dsigma = NULL
    cdef int parts
    lay_out_dense(job, views.view, threads)
    size = job.tiled * job.w_pitch
    job.weights = <const real*>numbers(views.view[3], size, sizeof(real))
    if job.packed:
        job.transposed = <const real*>numbers(views.view[4], size, sizeof(real))
    job.sigma = <const real*>numbers(views.view[5], job.w_pitch, sizeof(real))
    if job.kept:
        numbers(views.view[8], job.blocks * job.lines * job.pitch, sizeof(real))
    threads = threads_for(threads, job.positions * job.channels, job.blocks)
    parts = threads
    if views.view[6] != views.view[X]:
        dweights = <double*>numbers(views.view[6], size, sizeof(double))
        dsigma = <double*>numbers(views.view[7], job.tiled, sizeof(double))
        parts = <int>max(<Py_ssize_t>1, min(<Py_ssize_t>MOST_PARTS, job.positions // POSITIONS_PER_PART))
        threads = min(threads, parts)
    bytes = furnish_dense(job, &bench, NULL) - <char*>NULL
    try:
        scratch = allocate(1 if threads == 1 else parts, bytes)
        job.bad = <char*>allocate(job.blocks, 1)
        if dweights:
            sums = allocate(parts, (size + job.tiled) * sizeof(double))
            memset(sums, 0, parts * (size + job.tiled) * sizeof(double))
        with nogil:
            memset(job.bad, 0, job.blocks)
            run_dense(job, parts, threads, bytes, start_of(scratch), <double*>sums)
            if dweights:
                collect(job, parts, <double*>sums, dweights, dsigma)
        return [(i * job.block, min((i + 1) * job.block, job.positions)) for i in unwritten(job.bad, job.blocks)]
    finally:
        free(scratch)
        free(sums)
        free(job.bad)


# `arrays`: x, g, y, weights, transposed, sigma, dweights, dsigma, kept; `swapped` has bits for the first three.
def dense(tuple arrays, tuple formula, int threads, int swapped):
    """Write y, or with g dx, and return the ranges of positions with NaNs that are left to the caller.

    Where y is x or g, nothing is written there.
    """
    cdef Dense job
    cdef Views views = Views(arrays, 0b111000100)
    memset(&job, 0, sizeof(job))
    set_operands(job.operand, job.at, views, swapped)
    p, q, n, total = formula
    job.gradients = arrays[G] is not None
    job.apart = job.at[X] != job.at[Y] and job.at[G] != job.at[Y]
    if arrays[8] is not None:
        job.kept = <real*>views.view[8].buf
    set_formula(&job.formula, p, q, n, total, job.gradients)
    return call_dense(&job, views, threads)


def room(Py_ssize_t channels):
    """Return the rows of a matrix of weights for so many channels, and the elements from one to the next."""
    cdef Py_ssize_t rows = round_up(channels, PRODUCT_ROWS)
    return rows, pitch_of(rows)


def kept(Py_ssize_t positions, Py_ssize_t channels):
    """Return how many numbers the pools of so many positions may take where they are kept."""
    cdef Py_ssize_t block = block_of(channels), planar, packed
    planar = round_up(channels, PRODUCT_ROWS) * pitch_of(block)
    packed = round_up(block, PRODUCT_ROWS) * pitch_of(channels)
    return (positions + block - 1) // block * max(planar, packed)


# `sides`: for each axis from the outer ones on, (offsets, weights, the index of its first mass or -1, its place in the
# order of sums)
cdef Tap* lay_out_windows(Windows* job, Views views, tuple sides, int sigma_at, int threads) except NULL:
    cdef bint kept[MAX_DIMS]
    cdef int place[MAX_DIMS]
    cdef int outer = views.view[X].ndim - len(sides), i, t
    cdef Py_ssize_t taps = 0, blocks = 1
    cdef Axis axes[MAX_DIMS]
    cdef Tap* tap
    cdef Tap* first
    cdef Side* side
    for i in range(views.view[X].ndim):
        kept[i] = i >= outer or i == sigma_at
    job.dims = fold(views.view, 0, outer, kept, job.axes, place)
    job.sigma_axis = place[sigma_at] if 0 <= sigma_at < outer else -1
    job.sigma_side = sigma_at - outer if sigma_at >= outer else -1
    fold(views.view, outer, views.view[X].ndim, kept, axes, place)
    for i in range(job.dims):
        blocks *= job.axes[i].length
    for offsets, _, _, _ in sides:
        taps += len(offsets)
    first = tap = <Tap*>allocate(taps + 1, sizeof(Tap))
    job.sides = len(sides)
    for i in range(job.sides):
        side = &job.side[i]
        offsets, weights, mass, place_in_order = sides[i]
        job.order[<int>place_in_order] = i
        side.axis = axes[i]
        side.tap, side.taps = tap, len(offsets)
        for t in range(side.taps):
            tap[t].offset, tap[t].weight = offsets[t], <real><double>weights[t]
            side.before = max(side.before, -tap[t].offset)
            side.after = max(side.after, tap[t].offset)
        tap += side.taps
        side.mass = NULL
        if mass >= 0:
            side.mass = <const real*>numbers(views.view[4], mass + side.axis.length, sizeof(real))
            side.mass += <Py_ssize_t>mass
    for i in range(OPERANDS):
        set_step(&job.operand[i], job.side[job.sides - 1].axis.stride[i])
    tile_sides(job, blocks, threads)
    return first


# The places of a block: the number of its outer place, and low and high of each side
cdef tuple places_of(const Windows* job, Py_ssize_t block):
    cdef list spans = []
    cdef Py_ssize_t low
    cdef int i
    for i in range(job.sides - 1, -1, -1):
        low = block % job.side[i].tiles * job.side[i].tile
        spans.append((low, min(low + job.side[i].tile, job.side[i].axis.length)))
        block //= job.side[i].tiles
    return block, tuple(reversed(spans))


def windows(x, g, y, sigma, mass, tuple sides, int sigma_at, tuple formula, int threads, int swapped):
    """Write y, or with g dx, and return the places of the blocks with NaNs that are left to the caller."""
    cdef Windows job
    cdef Views views = Views((x, g, y, sigma, mass), 0b100)
    cdef void* scratch = NULL
    cdef void* taps = NULL
    cdef Space space
    cdef Py_ssize_t bytes, elements = 1
    cdef int i, parts
    if len(sides) > MAX_SIDES:
        raise ValueError(f"windows along at most {MAX_SIDES - 1} axes can be computed, got {len(sides) - 1} or more")
    memset(&job, 0, sizeof(job))
    set_operands(job.operand, job.at, views, swapped)
    p, q, n, total = formula
    job.gradients = g is not None
    set_formula(&job.formula, p, q, n, total, job.gradients)
    job.sigma = <const real*>numbers(views.view[3], views.view[X].shape[sigma_at] if sigma_at >= 0 else 1,
                                     sizeof(real))
    for i in range(views.view[X].ndim):
        elements *= views.view[X].shape[i]
    try:
        taps = lay_out_windows(&job, views, sides, sigma_at, threads)
        parts = threads_for(threads, elements, job.blocks)
        bytes = furnish_windows(&job, &space, NULL) - <char*>NULL
        scratch = allocate(parts, bytes)
        job.bad = <char*>allocate(job.blocks, 1)
        with nogil:
            memset(job.bad, 0, job.blocks)
            run_windows(&job, parts, parts, bytes, start_of(scratch))
        return [places_of(&job, i) for i in unwritten(job.bad, job.blocks)]
    finally:
        free(scratch)
        free(taps)
        free(job.bad)


lanes = LANES
raised = RAISED
