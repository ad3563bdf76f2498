# What one call has to do, the same for all its threads, and where sets, tiles and rows lie.

cdef enum:
    MAX_DIMS = 64
    # of a tile's row or rows: x, and g, stay in the first-level cache
    TILE_BYTES = 1 << 14
    MOST_LANES = 16
    # vectors added up in `real` before doubles take them
    RUN = 32
    # columns: of sets side by side, fewer where these are not split into chunks; of a tile; rows of a tile at most, and
    # rows that are added up in `real`
    BLOCK_BYTES = 1 << 12
    NARROW_BYTES = 1 << 9
    BLOCK_TILE_BYTES = 1 << 14
    # of a block of fewer rows: its table has more bytes than these, and stays in the first-level cache
    LOW_BYTES = 1 << 10
    LOW_ROWS = 16
    BLOCK_ROWS = 64
    # columns: of a strip of rows, x and g
    STRIP_BYTES = 1 << 12
    # from what is read to what is prefetched (columns: x and g)
    LATER_BYTES = 1 << 14
    CACHE_LINE = 64
    # groups of fewer adjacent channels, in sets of more rows, are columns that are merged
    LONG_RUN = 64
    FEW_ROWS = 8
    # arrays of more bytes are beyond the caches: non-temporal stores
    FAR_BYTES = 1 << 23
    # and rows of fewer elements that share too many cache lines
    SHORT_ROW = 512
    # rows: sets that are measured together, at most, and bytes of them
    BUNDLE = 32
    BUNDLE_BYTES = 1 << 14
    # and rows whose sums are taken together, at most
    TOGETHER = 4
    # sets whose sums for weights are added up in `real`, and those of a part that has such sums, and its elements
    FLUSH = 64
    SETS_PER_PART = 32
    ELEMENTS_PER_PART = 1 << 15
    # a set's sums are those of its chunks, which are as many tiles as this or more, and as many chunks or fewer
    CHUNK_TILES = 8
    BLOCK_CHUNK_TILES = 32
    MOST_CHUNKS = 64
    # gradients of parameters: parts of a call whatever the number of threads, as long as their sums take no more
    MOST_PARTS = 16
    SUMS_BYTES = 1 << 20
    # gradients of more parameters are added to where they belong
    MANY_PARAMS = 1 << 15


# An axis, or several that lie as one
cdef struct Extent:
    Py_ssize_t length
    Py_ssize_t stride[OPERANDS]     # bytes
    Py_ssize_t param                # elements of weight and bias
    Py_ssize_t set                  # sets


# The parameters, their gradients and the statistics; NULL: there are none
cdef struct Parameters:
    Py_ssize_t count            # elements of each
    const real* weight          # NULL: 1
    const real* bias            # NULL: 0
    const real* tau
    const double* eps           # one a set; NULL: job.eps
    double* mean                # one a set
    double* var
    double* dweight
    double* dbias
    double* dtau
    double* deps                # one a set


cdef struct Job:
    bint gradients
    bint centred
    bint given                  # the statistics
    bint outside                # eps is added outside the root
    bint measures               # there is no output
    bint columns
    bint far                    # rows are written past the caches
    bint rolled                 # columns: rows begin where y is aligned
    bint lines                  # rows of whole vectors, without gaps: they are written by whole cache lines,
    Py_ssize_t behind           # behind which each begins, by so many elements
    bint ahead                  # rows: those that follow are prefetched
    bint streams                # other bundles are: through scratch, since short rows share cache lines
    bint along                  # the weight changes along the inner axis
    bint within                 # it does within a set, or within a column of one
    bint split                  # into chunks of sets
    bint owned                  # gradients of parameters: each belongs to one chunk of sets,
    bint disjoint               # or to one block of columns
    double eps
    Norm norm
    Parameters params
    Operand operand[OPERANDS]
    int kept_dims
    int reduced_dims
    Extent kept[MAX_DIMS]       # outer axes
    Extent reduced[MAX_DIMS]
    Extent inner
    int pieces                  # the axes that the inner one is made of, whatever their strides, so that the bits do
    Extent piece[MAX_DIMS]      # not depend on these,
    bint folded[OPERANDS]       # and where they lie as one
    Py_ssize_t elements         # of a set
    Py_ssize_t rows             # of a set
    Py_ssize_t run              # columns: adjacent ones that are one set
    Py_ssize_t tile_rows
    Py_ssize_t tile_length
    Py_ssize_t strip            # columns: rows that two vectors of columns are taken from before the next two
    Py_ssize_t later[OPERANDS]  # columns: bytes to the row that is prefetched
    Py_ssize_t tiles            # of a set
    Py_ssize_t chunk            # tiles
    Py_ssize_t chunks           # of a set
    Py_ssize_t bundle           # rows: sets that are measured together
    Py_ssize_t blocks           # columns: of a row
    Py_ssize_t tasks            # sets, or blocks of columns
    Py_ssize_t span             # rows: parameters of a set
    Py_ssize_t sums             # doubles: of a set, or of a block of columns
    Py_ssize_t apart            # columns of the table, and of each kind of sums


# Are sums in doubles all the way? Where they are returned, or taken about a given mean, or from threshold to threshold.
cdef inline bint sums_exactly(const Job* job, bint gradients) noexcept nogil:
    return job.measures or job.given or (gradients and job.params.tau != NULL)


# Do parts have sums for the gradients of parameters of their own?
cdef inline bint adds_apart(const Job* job) noexcept nogil:
    return job.gradients and not job.split and not job.disjoint


# One set, or a block of them side by side
cdef struct Set:
    char* at[OPERANDS]
    Py_ssize_t column           # columns: the first,
    Py_ssize_t length           # and how many
    Py_ssize_t param
    Py_ssize_t index            # of the first set


# Rows of a set, or a piece of one
cdef struct Tile:
    Py_ssize_t row
    Py_ssize_t rows
    Py_ssize_t column
    Py_ssize_t length


# What is known of a few sets, or of a block of columns: the arrays that finish.h names
cdef struct Table:
    double* doubles
    real* reals
    Py_ssize_t apart


# What a thread has to itself
cdef struct Room:
    real* staged[OPERANDS]
    const char** brought    # sets of a single tile, of which this is in scratch (NULL: none)
    Table table
    double* sums            # of a bundle of sets, or of a block of columns
    double* chunk_sums      # of a chunk of one
    double* kept_sums       # those of a block that is measured again, and which columns are out of range
    real* lines             # columns: sums in `real`
    Py_ssize_t* mark        # columns: the first of each vector that is summed in doubles
    Py_ssize_t marked
    double* dweight         # gradients of the parameters: sums in doubles,
    double* dbias
    double* dtau
    real* recent[2]         # and those of the last few sets, where they change along rows
    Py_ssize_t unflushed


cdef inline double* doubles_of(const Table* table, int which) noexcept nogil:
    return table.doubles + which * table.apart


cdef inline real* reals_of(const Table* table, int which) noexcept nogil:
    return table.reals + which * table.apart


cdef inline real at(const Table* table, int which, Py_ssize_t i) noexcept nogil:
    return table.reals[which * table.apart + i]


cdef inline Py_ssize_t offset_over(const Extent* axes, int dims, Py_ssize_t index, int which) noexcept nogil:
    cdef Py_ssize_t offset = 0
    cdef int i
    if dims == 1:
        return index * axes[0].stride[which]
    for i in range(dims - 1, -1, -1):
        offset += index % axes[i].length * axes[i].stride[which]
        index //= axes[i].length
    return offset


cdef inline Py_ssize_t param_over(const Extent* axes, int dims, Py_ssize_t index) noexcept nogil:
    cdef Py_ssize_t offset = 0
    cdef int i
    if dims == 1:
        return index * axes[0].param
    for i in range(dims - 1, -1, -1):
        offset += index % axes[i].length * axes[i].param
        index //= axes[i].length
    return offset


cdef inline Py_ssize_t set_over(const Extent* axes, int dims, Py_ssize_t index) noexcept nogil:
    cdef Py_ssize_t offset = 0
    cdef int i
    if dims == 1:
        return index * axes[0].set
    for i in range(dims - 1, -1, -1):
        offset += index % axes[i].length * axes[i].set
        index //= axes[i].length
    return offset


# The set, or the block of columns, of a task
cdef inline void open_set(const Job* job, char* const* data, Py_ssize_t task, Set* set) noexcept nogil:
    cdef Py_ssize_t column = 0, index = task
    cdef int which
    if job.blocks > 1:
        column = task % job.blocks * job.tile_length
        index = task // job.blocks
    for which in range(OPERANDS):
        set.at[which] = data[which] + offset_over(job.kept, job.kept_dims, index, which)
        if job.folded[which]:
            set.at[which] += column * job.inner.stride[which]
    set.column = column
    set.length = min(job.tile_length, job.inner.length - column) if job.columns else 1
    set.param = param_over(job.kept, job.kept_dims, index) + column * job.inner.param
    set.index = set_over(job.kept, job.kept_dims, index) + (column // job.run if column else 0)


cdef inline void open_tile(const Job* job, const Set* set, Py_ssize_t index, Tile* tile) noexcept nogil:
    cdef Py_ssize_t pieces
    tile.column = 0
    tile.length = set.length if job.columns else job.inner.length
    if not job.columns and job.tile_length < job.inner.length:
        pieces = (job.inner.length + job.tile_length - 1) // job.tile_length
        tile.row = index // pieces
        tile.rows = 1
        tile.column = index % pieces * job.tile_length
        tile.length = min(job.tile_length, job.inner.length - tile.column)
        return
    tile.row = index * job.tile_rows
    tile.rows = min(job.tile_rows, job.rows - tile.row)


# Row `row` of a tile in an operand, or in scratch
cdef inline char* row_of(const Job* job, const Room* room, const Set* set, const Tile* tile, int which,
                         Py_ssize_t row) noexcept nogil:
    if job.operand[which].staged:
        return <char*>(room.staged[which] + row * tile.length)
    return (set.at[which] + offset_over(job.reduced, job.reduced_dims, tile.row + row, which)
            + tile.column * job.inner.stride[which])


# The parameters' index of a row of a tile
cdef inline Py_ssize_t param_of(const Job* job, const Set* set, const Tile* tile, Py_ssize_t row) noexcept nogil:
    return (set.param + param_over(job.reduced, job.reduced_dims, tile.row + row) + tile.column * job.inner.param)


# Copies elements between an operand and scratch, or back. Few that lie as they are used take no call of memcpy.
cdef inline void carry_piece(const Operand* operand, char* piece, real* staged, Py_ssize_t count,
                             bint back) noexcept nogil:
    cdef const real* source = <const real*>(<char*>staged if back else piece)
    cdef real* to = <real*>piece if back else staged
    cdef Py_ssize_t i = 0
    if passes_through(operand) or not lies_plain(operand):
        if back:
            scatter(operand, staged, piece, NULL, count)
        else:
            gather(operand, piece, NULL, staged, count)
        return
    while i + LANES <= count:
        store(to + i, load(source + i))
        i += LANES
    if i < count:
        store_part(to + i, load_part(source + i, count - i), count - i)


# A row whose axes do not lie as one: piece after piece along the last of these
cdef void carry_pieces(const Job* job, char* at, int which, Py_ssize_t column, Py_ssize_t length, real* staged,
                       bint back) noexcept nogil:
    cdef const Extent* last = &job.piece[job.pieces - 1]
    cdef const Extent* outer = last - 1
    cdef Py_ssize_t index = column // last.length, first = column % last.length, done = 0, count
    cdef Py_ssize_t left = outer.length - index % outer.length
    cdef char* piece = at + offset_over(job.piece, job.pieces - 1, index, which)
    while done < length:
        count = min(last.length - first, length - done)
        carry_piece(&job.operand[which], piece + first * last.stride[which], staged + done, count, back)
        done += count
        first = 0
        index += 1
        left -= 1
        piece += outer.stride[which]
        if left == 0:
            piece = at + offset_over(job.piece, job.pieces - 1, index, which)
            left = outer.length


# Copies a row of a tile from an operand to scratch, or back.
cdef inline void carry(const Job* job, const Set* set, const Tile* tile, int which, Py_ssize_t row, real* staged,
                       bint back) noexcept nogil:
    cdef char* at = set.at[which] + offset_over(job.reduced, job.reduced_dims, tile.row + row, which)
    if not job.folded[which]:
        carry_pieces(job, at, which, set.column + tile.column, tile.length, staged, back)
    elif back:
        scatter(&job.operand[which], staged, at + tile.column * job.inner.stride[which], NULL, tile.length)
    else:
        gather(&job.operand[which], at + tile.column * job.inner.stride[which], NULL, staged, tile.length)


cdef inline void forget_brought(const Room* room) noexcept nogil:
    room.brought[X] = room.brought[G] = NULL


cdef inline void bring(const Job* job, const Room* room, const Set* set, const Tile* tile, int which) noexcept nogil:
    cdef Py_ssize_t row
    if not job.operand[which].staged or room.brought[which] == set.at[which]:
        return
    for row in range(tile.rows):
        carry(job, set, tile, which, row, room.staged[which] + row * tile.length, False)
    if job.tiles == 1:
        room.brought[which] = set.at[which]


cdef inline void take_away(const Job* job, const Room* room, const Set* set, const Tile* tile) noexcept nogil:
    cdef Py_ssize_t row
    for row in range(tile.rows if job.operand[Y].staged else 0):
        carry(job, set, tile, Y, row, room.staged[Y] + row * tile.length, True)
