# The walk for planar data that goes straight (straight_planar.pxi): a piece of the inner axis, some columns of vectors
# at a time. Columns with a result that has to be recomputed go by rows (walk_rows.pxi).
#
# Out of place the last column overlaps the one before. In place it would read results there, so it comes first, into
# scratch, from where the elements that no other column has go to their place at the end:
#
#     elements        0 .. 15 | 16 .. 31 | 32 .. 36
#     first                          21   ..     36     into scratch
#     then            0 .. 15   16 .. 31                in place
#     at the end                           32 .. 36     out of scratch

cdef enum:
    # fewer columns, or fewer vectors in all, begin and end too often
    LEAST_COLUMNS = 8
    LEAST_VECTORS = 768


# In scratch, behind that of rows: trailing sums of long windows, and in place the results of the last column, and what
# a column overwrites
cdef inline Py_ssize_t columns_scratch(const Job* job) noexcept nogil:
    if not job.straight:
        return 0
    return column_trail(job) + (2 * job.channels * LANES if is_in_place(job) else 0)


# The columns from element `begin` of the piece on
cdef inline void aim_columns(const Job* job, const Piece* piece, Py_ssize_t begin, Py_ssize_t length, Piece* columns,
                             Lines* lines) noexcept nogil:
    cdef int i
    for i in range(OPERANDS):
        columns.at[i] = piece.at[i] + begin * <Py_ssize_t>sizeof(real)
    columns.length = lines.length = length
    lines.x = <const real*>columns.at[X]
    lines.g = <const real*>columns.at[G]
    lines.y = <real*>columns.at[Y]
    lines.y_pitch = job.operand[Y].channel


cdef void walk_columns(const Job* job, const Piece* piece, const Room* room) noexcept nogil:
    cdef Py_ssize_t width = LANES * max(<Py_ssize_t>LEAST_COLUMNS, LEAST_VECTORS // job.channels), begin = 0, done, row
    cdef Py_ssize_t part = piece.length % LANES if is_in_place(job) else 0, end = piece.length - part
    cdef real* trailing = room.scratch + rows_scratch(job)
    cdef real* ends = trailing + column_trail(job)
    cdef Piece columns = piece[0]
    cdef Lines lines
    cdef bint ended = False
    lines.count = job.channels
    lines.x_pitch = job.operand[X].channel
    lines.g_pitch = job.operand[G].channel
    lines.originals = NULL
    aim_windows(job, trailing, &lines)
    if part:
        aim_columns(job, piece, piece.length - LANES, LANES, &columns, &lines)
        lines.y = ends
        lines.y_pitch = VECTOR_BYTES
        ended = job.op.straight(&job.formula, &lines, False) == LANES
    if is_in_place(job):
        lines.originals = ends + job.channels * LANES
    while begin < end:
        # the last ones are more than one vector
        aim_columns(job, piece, begin, width if end - begin >= width + LANES else end - begin, &columns, &lines)
        begin += lines.length
        done = job.op.straight(&job.formula, &lines, False)
        if done < lines.length:
            aim_columns(job, piece, begin - lines.length + done, lines.length - done, &columns, &lines)
            walk_rows(job, &columns, room)
    if part:
        aim_columns(job, piece, end, part, &columns, &lines)
        if not ended:
            walk_rows(job, &columns, room)
            return
        for row in range(job.channels):
            store_part(<real*>(<char*>lines.y + row * lines.y_pitch), load_part(ends + LANES - part, part), part)
            ends += LANES
