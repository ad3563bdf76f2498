# From three strided arrays to slabs: which axis is `inner`, which walk fits, which operand has to be staged, and in
# what order the slabs are visited.

# Constants of the walks. Measured on two cores of an AMD EPYC (Zen 4: 32 KiB of L1, 1 MiB of L2 a core, 32 MiB of L3)
# in November 2026, float32, one thread, by the benchmarks of asv_bench/benchmarks that each line names.
cdef enum:
    # bandwidth, forward: an inner axis of fewer bytes is streamed together with the channels, if they lie together.
    SHORT_INNER_BYTES = 1024
    # forward and backward, 7x7 and 13x13: unless columns of vectors go straight down it, of so many elements. Columns
    # of fewer rows begin and end too often, those of more leave the second-level cache, with what is prefetched; rows
    # that are a multiple of so many bytes apart take two to three times as long.
    LEAST_INNER = 96
    LEAST_INNER_LATE = 48
    LEAST_ROWS = 24
    MOST_ROWS = 1820
    ROWS_APART = 2048
    # forward, packed of 3 channels: fewer are walked as one slab with masks, or else as rows of pixels.
    FEW_CHANNELS = 16
    # forward and backward: what a tile or a chunk keeps should about fit the first-level cache, but shorter rows
    # defeat the prefetcher.
    CACHE_BYTES = 32768
    TILE_ROW_BYTES = 1536
    # forward, n = 15 and 31: without reflected windows, longer rows in the second-level cache are quicker.
    EARLY_BYTES = 131072
    EARLY_ROW_BYTES = 2048
    MOST_TILE_VECTORS = 4
    # whole windows over fewer channels are walked as others are: slabs would be too short.
    WHOLE_CHANNELS = 64
    WHOLE_TILE_BYTES = 1 << 18
    # memory: what README promises for windows of up to several thousand channels
    SCRATCH_BYTES = 1 << 20
    # layouts, scattered: rows of fewer elements take longer than to copy each element through scratch
    SHORT_ROW = 32
    OFFSET_BLOCK = 64
    # forward, n = 63: a stream that keeps more than this before its chunk is slower than rows,
    REACH_BYTES = 1 << 13
    # long windows: unless these are so short,
    SHORT_ROW_BYTES = 256
    # or windows reach over so many channels that rows have to be.
    LONG_REACH = 1100
    # Chunks of windows that remember so many channels, in the second-level cache, are longer: fewer turns.
    LONG_ROWS = 80
    LONG_CHUNK_BYTES = 1 << 14
    # bandwidth: arrays of more bytes are far. Their rows are as long as the second-level cache holds them, and chunks
    # so short that the loads of the next one are in flight while the arithmetic of the last is finished (halves are
    # prefetched).
    FAR_BYTES = 1 << 23
    FAR_ROWS_BYTES = 1 << 19
    FAR_CHUNK_BYTES = 3200
    FAR_LATE_CHUNK_BYTES = 1536


cdef struct Axis:
    Py_ssize_t length
    Py_ssize_t stride[OPERANDS]


cdef struct Grid:
    int dims                # outer axes, the last one visited fastest
    Axis axes[MAX_DIMS]
    Axis channel
    Axis inner
    bint streamed
    bint scattered          # see Job
    bint adjoining
    bint tiled              # a stream's slabs are tiles of the inner axis
    Py_ssize_t panels       # of a slab, for threads to share (split.pxi)
    Py_ssize_t tiles        # of a panel
    Py_ssize_t unit         # elements of the inner axis: tiles begin at multiples of them
    Py_ssize_t cuts         # tasks that a panel makes,
    Py_ssize_t grain        # of so many rows, or positions of a stream, each


cdef inline Py_ssize_t farthest(const Axis* axis) noexcept nogil:
    cdef Py_ssize_t reach = 0, i
    for i in range(OPERANDS):
        reach = max(reach, axis.stride[i], -axis.stride[i])
    return reach


cdef inline bint adjacent(const Axis* axis, Py_ssize_t apart) noexcept nogil:
    return axis.stride[X] == apart and axis.stride[G] == apart and axis.stride[Y] == apart


# Sorts the outer axes from the farthest strides to the nearest and joins those that make one.
cdef rare fold(Grid* grid) noexcept nogil:
    cdef Axis axis
    cdef int i, j, kept = 0
    cdef Axis* outer
    cdef Axis* last
    for i in range(1, grid.dims):
        axis = grid.axes[i]
        j = i
        while j > 0 and farthest(&grid.axes[j - 1]) < farthest(&axis):
            grid.axes[j] = grid.axes[j - 1]
            j -= 1
        grid.axes[j] = axis
    for i in range(grid.dims):
        last = &grid.axes[i]
        if kept:
            outer = &grid.axes[kept - 1]
            if (outer.stride[X] == last.stride[X] * last.length and outer.stride[G] == last.stride[G] * last.length
                    and outer.stride[Y] == last.stride[Y] * last.length):
                outer.length *= last.length
                outer.stride[X] = last.stride[X]
                outer.stride[G] = last.stride[G]
                outer.stride[Y] = last.stride[Y]
                continue
        grid.axes[kept] = last[0]
        kept += 1
    grid.dims = kept


# Do the cache lines of a column of vectors, in all operands, find room in the first-level cache while the next vectors
# need them, and with those of the next columns in the second-level one? Rows half a page apart share few sets.
cdef bint columns_fit(const Axis* channel) noexcept nogil:
    cdef Py_ssize_t apart = 0
    cdef int i
    for i in range(OPERANDS):
        apart |= channel.stride[i] & -channel.stride[i]
    return LEAST_ROWS <= channel.length <= MOST_ROWS and apart < ROWS_APART


# Decides between rows and stream. Streams want the whole slab adjacent in every operand, or a unit channel
# stride; rows want a unit inner stride. What fits neither is staged, along the axis with the nearer elements.
# Where rows would be short, all outer axes are one inner axis, whose elements are copied through scratch one by one.
# A stream remembers `reach` channels of a slab's inner axis, so a long reach is left to rows, which can be narrow, and
# where they would be too narrow to streams of tiles. Rows whose columns go straight may be shorter than others where no
# two threads share a slab. Packed channels that go straight are walked as one slab up to nearly two vectors of them.
cdef rare choose(const Job* job, Grid* grid, int threads) noexcept nogil:
    cdef bint converted = any_converted(job)
    cdef Py_ssize_t item = job.operand[Y].item, reach = 0 if job.whole else job.before + job.after, kept = 0
    cdef Py_ssize_t few = FEW_CHANNELS, least = LEAST_INNER_LATE if job.op.late else LEAST_INNER, slabs = 1, i
    cdef Axis* last = &grid.axes[max(grid.dims - 1, 0)]
    cdef bint rows, whole_slab = False
    if goes_straight_masked(job) and not converted:
        few = max(few, <Py_ssize_t>(2 * LANES - 2))
    grid.adjoining = grid.tiled = False
    grid.inner.length = 1
    for i in range(OPERANDS):
        grid.inner.stride[i] = item
    if grid.dims == 0:
        rows = False
    elif grid.channel.length == 1:
        rows = True
    elif adjacent(last, item):
        whole_slab = adjacent(&grid.channel, last.length * item)
        rows = last.length * <Py_ssize_t>sizeof(real) >= SHORT_INNER_BYTES or not whole_slab
        for i in range(grid.dims - 1):
            slabs *= grid.axes[i].length
        rows = rows or (goes_straight(job, False) and not converted and slabs >= threads
                        and columns_fit(&grid.channel) and last.length >= least)
    elif adjacent(&grid.channel, item):
        grid.adjoining = (grid.channel.length < few and reach < DIRECT_TAPS and grid.dims == 1
                          and adjacent(last, grid.channel.length * item))
        rows = grid.channel.length < FEW_CHANNELS and not grid.adjoining
    else:
        rows = farthest(last) <= farthest(&grid.channel) or grid.channel.length < FEW_CHANNELS
    if whole_slab:
        kept = reach * last.length * <Py_ssize_t>sizeof(real)
        rows = rows or (kept > REACH_BYTES and last.length * <Py_ssize_t>sizeof(real) >= SHORT_ROW_BYTES)
    if rows and reach >= LONG_REACH:
        rows = False
        grid.tiled = not whole_slab or (kept > SCRATCH_BYTES // 8 and last.length > LANES)
    grid.streamed = not rows
    grid.scattered = rows and grid.dims > 1 and last.length < SHORT_ROW
    if grid.scattered:
        for i in range(grid.dims):
            grid.inner.length *= grid.axes[i].length
    elif grid.dims and (rows or whole_slab or grid.tiled):
        grid.inner = last[0]
        grid.dims -= 1


cdef rare set_operand(Operand* operand, const Grid* grid, int which) noexcept nogil:
    operand.channel = grid.channel.stride[which]
    # in a stream, the elements of a slab that is not adjacent are single channels
    operand.inner = grid.inner.stride[which]
    if grid.streamed and grid.inner.length == 1:
        operand.inner = operand.channel
    operand.staged = passes_through(operand) or grid.scattered or operand.inner != operand.item


# The bytes from an operand's first element to number `index` of its first `dims` outer axes
cdef Py_ssize_t offset_of(const Grid* grid, int which, int dims, Py_ssize_t index) noexcept nogil:
    cdef Py_ssize_t offset = 0
    cdef int i
    for i in range(dims - 1, -1, -1):
        offset += index % grid.axes[i].length * grid.axes[i].stride[which]
        index //= grid.axes[i].length
    return offset


# Where a scattered inner axis has its elements `begin` to `begin + length`, in bytes from the first. The nearest axes
# make a block, whose offsets repeat.
cdef void write_offsets(const Grid* grid, int which, Py_ssize_t begin, Py_ssize_t length,
                        Py_ssize_t* offsets) noexcept nogil:
    cdef Py_ssize_t block[OFFSET_BLOCK]
    cdef Py_ssize_t size = 1, i = 0, j, n, first, left
    cdef int dims = grid.dims
    cdef const Axis* axis
    block[0] = 0
    while dims > 0 and grid.axes[dims - 1].length <= OFFSET_BLOCK // size:
        dims -= 1
        axis = &grid.axes[dims]
        for n in range(size, axis.length * size):
            block[n] = block[n - size] + axis.stride[which]
        size *= axis.length
    axis = &grid.axes[max(dims - 1, 0)]
    while i < length:
        j = (begin + i) % size
        n = (begin + i) // size
        first = offset_of(grid, which, dims, n)
        # blocks to the end of the axis that counts them
        left = axis.length - n % axis.length if dims else 1
        while i < length and left:
            for n in range(min(size - j, length - i)):
                offsets[i + n] = first + block[j + n]
            i += min(size - j, length - i)
            j = 0
            first += axis.stride[which]
            left -= 1


cdef inline bint exceeds_caches(const Job* job) noexcept nogil:
    return job.slabs * job.channels * job.inner >= FAR_BYTES // job.operand[Y].item


# What is prefetched while halves come and leave: the next row, or of a stream beyond the caches the next chunk. It is
# what takes them from 1.5 to 1.0 (planar, AVX-512) and from 1.5 to 1.25 (packed, backward) of the time of loops that
# convert as they compute (bandwidth, float16; Zen 4, November 2026).
# Rows that exceed the caches without being far, such as those of a call in place, are prefetched when the second row
# before them has come: 0.7 and 0.8 of the time in place, forward and backward (the same).
cdef rare set_ahead(Job* job) noexcept nogil:
    cdef Operand* operand
    cdef int which
    for which in range(OPERANDS):
        operand = &job.operand[which]
        operand.ahead = 0
        if not job.streamed and not is_halves(operand):
            if exceeds_caches(job) and not job.far and not job.scattered and lies_plain(operand):
                operand.ahead = 2 * operand.channel
        elif not job.streamed:
            operand.ahead = operand.channel
        elif job.far:
            operand.ahead = job.chunk * operand.item


# The tiles of a stream: everything passes through scratch.
cdef rare set_stream_tiles(Job* job, Grid* grid) noexcept nogil:
    cdef Py_ssize_t wide
    job.operand[X].staged = True
    job.operand[G].staged = job.op.reads_g
    job.operand[Y].staged = job.op.writes
    job.tile = LANES
    wide = SCRATCH_BYTES // (stream_scratch(job) * <Py_ssize_t>sizeof(real))
    job.tile = LANES * min(max(wide, <Py_ssize_t>1), <Py_ssize_t>MOST_TILE_VECTORS)


# Chunks, and tiles, as wide as fit the first-level cache; tiles all about equally wide
cdef rare set_tiles(Job* job, Grid* grid, int threads) noexcept nogil:
    cdef Py_ssize_t item = sizeof(real), rows, width
    cdef bint late
    job.tile = job.inner
    if grid.streamed:
        rows = job.window.levels * (2 if job.op.g_enters or job.op.late else 1) + 3
        # what goes straight has x and g in that cache, if anything, and is in flight whatever its chunks
        width = CACHE_BYTES // (2 if job.straight else rows)
        if job.far and not job.straight:
            late = job.op.late and not is_halves(&job.operand[X])
            width = min(width, FAR_LATE_CHUNK_BYTES if late else FAR_CHUNK_BYTES)
        if job.window.rows >= LONG_ROWS:
            width = max(width, LONG_CHUNK_BYTES)
        job.chunk = round_up(width // item, LANES)
        if not grid.tiled:
            split_positions(job, grid, threads)
            return
        set_stream_tiles(job, grid)
        width = job.tile
    elif job.whole:
        # what the later passes read again should be in the second-level cache
        job.tile = 1
        rows = job.channels * (2 if job.op.reads_g else 1)
        width = min(max(WHOLE_TILE_BYTES // rows, 4 * <Py_ssize_t>VECTOR_BYTES), TILE_ROW_BYTES) // item
    else:
        job.tile = 1
        rows = busy_rows(job) + job.after + 3
        if job.op.late:
            rows += job.before + 2
        width = max((FAR_ROWS_BYTES if job.far else CACHE_BYTES) // rows, <Py_ssize_t>TILE_ROW_BYTES)
        if not job.op.late:
            width = max(width, min(EARLY_BYTES // rows, <Py_ssize_t>EARLY_ROW_BYTES))
        rows = rows_scratch(job) // row_pitch(1)
        width = min(width, max(SCRATCH_BYTES // rows, <Py_ssize_t>VECTOR_BYTES)) // item
    split_rows(job, grid, (job.inner + width - 1) // width, threads)
