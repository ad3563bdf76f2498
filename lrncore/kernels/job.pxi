# What one call has to do, the same for all its threads, and the way to its operands.

cdef struct Box


cdef struct Job:
    const Operator* op
    Formula formula
    Window window           # of the squares; a second set has windows of the same size, hence the same plan
    Source source           # of the squares in `ready`
    bint far                # the arrays exceed the caches, and the walk can treat them so
    bint scattered          # rows: the inner axis is all outer axes in one
    bint whole              # every window holds every channel (walk_whole)
    bint squared            # stream: x is squared as it comes into scratch
    bint straight           # whole slabs, or columns of them, need no hooks (straight.pxi)
    bint streamed           # positions in memory order, or else rows of tiles
    bint slides             # windows are so long that what is recomputed slides along them (exact_sliding.pxi)
    bint adjoining          # stream: all slabs follow each other without a gap, and are walked as one, with masks
    Py_ssize_t channels
    Py_ssize_t before
    Py_ssize_t after
    Py_ssize_t behind       # channels from a line that is ready to the one that is late: `before`, or 0
    Py_ssize_t positions    # of a stream that are recomputed together
    Py_ssize_t inner
    Py_ssize_t slabs        # all (channels, inner) blocks of the arrays
    Py_ssize_t tile         # elements of the inner axis that are walked at a time
    Py_ssize_t chunk        # stream: positions of a chunk, at most
    Operand operand[OPERANDS]
    const Box* box          # where windows are along several axes, or NULL


# Are results written over an operand?
cdef inline bint is_in_place(const Job* job) noexcept nogil:
    return job.operand[X].overwritten or job.operand[G].overwritten


# Do operands pass through scratch wherever they lie?
cdef inline bint any_converted(const Job* job) noexcept nogil:
    return (is_halves(&job.operand[X]) or job.operand[X].swapped or job.operand[G].swapped
            or job.operand[Y].swapped)


# What a thread walks at a time: `count` slabs (stream), or `length` elements of the inner axis of one slab (rows), or
# `length` rows of `count` slabs (box). Of these, the rows [first, end), or the positions of a stream, have results; the
# others are in reach of them.
cdef struct Piece:
    char* at[OPERANDS]
    Py_ssize_t pitch[OPERANDS]  # bytes from slab to slab
    const Py_ssize_t* offset[OPERANDS]  # bytes to each element of a scattered inner axis, or NULL
    Py_ssize_t count
    Py_ssize_t length
    Py_ssize_t first
    Py_ssize_t end


# The first row, or position, that the first one with results reaches back to under its reflected window, and
# `before` channels, of `apart` each, further
cdef inline Py_ssize_t reach_back(const Job* job, const Piece* piece, Py_ssize_t before,
                                  Py_ssize_t apart) noexcept nogil:
    return max(<Py_ssize_t>0, piece.first - (before + (job.after if job.op.late else 0)) * apart)


# The windows of what goes straight
cdef inline void aim_windows(const Job* job, real* trailing, Lines* lines) noexcept nogil:
    lines.window = &job.window
    lines.before = job.before
    lines.after = job.after
    lines.trailing = trailing


# What a thread has to itself
cdef struct Room:
    real* scratch
    Wide* terms           # of recomputed gradients
    Totals* totals
    Work* work


cdef inline Around around_of(const Job* job, const Room* room) noexcept nogil:
    cdef Around around
    around.channels = job.channels
    around.before = job.before
    around.after = job.after
    around.first = around.channel = 0
    around.row = False
    around.inner = job.inner
    around.x.step = job.operand[X].channel
    around.g.step = job.operand[G].channel
    around.x.ring = around.g.ring = NULL
    around.x.ring_bytes = around.g.ring_bytes = 0
    around.vicinity = NULL
    around.columns = NULL
    around.track = NULL
    around.terms.kept = room.terms
    around.terms.apart = job.positions
    around.terms.opened = around.terms.after = False
    around.terms.first = around.terms.end = 0
    around.work = room.work
    return around


cdef inline void clear(real* line, Py_ssize_t length) noexcept nogil:
    memset(line, 0, length * sizeof(real))
