# The part of the walk for packed data (walk_stream.pxi) that goes straight (straight_packed.pxi): whole slabs, as many
# as make a chunk. Chunks with a result that has to be recomputed go step by step.
#
# In place, results are over their operands before all s of the chunk are known to be in range. What they were written
# over goes to where operands come in scratch, from where the steps take it.

# Is an operand staged for nothing but its being overwritten? The results may be in the other byte order.
cdef inline bint is_in_its_place(const Job* job, int which) noexcept nogil:
    cdef const Operand* operand = &job.operand[which]
    return (operand.staged and operand.overwritten and lies_plain(operand) and not is_halves(operand)
            and not job.operand[Y].staged)


# The lines of whole slabs, for the way straight from the inputs to the results: of an operand in place its own lines
cdef inline void aim_straight(const Job* job, const Buffers* buffers, const Piece* piece, Py_ssize_t slab,
                              Lines* lines) noexcept nogil:
    lines.length = slab
    aim_lines(job, buffers, piece, 0, 0, lines)
    lines.taps[SQUARES].masks = buffers.masks[SQUARES]
    lines.originals = NULL
    if is_in_its_place(job, G):
        lines.originals = <real*>buffers.staged[G].chunk
        lines.g = lines.y
        lines.g_pitch = lines.y_pitch
    else:
        come(job, buffers, piece, G, 0, 0, slab, NULL)
    if is_in_its_place(job, X):
        lines.originals = <real*>buffers.staged[X].chunk
        lines.x = lines.y
        lines.x_pitch = lines.y_pitch
    else:
        come(job, buffers, piece, X, 0, 0, slab, NULL)


# What was overwritten in place becomes the lines that have come into scratch.
cdef rare take_originals(const Job* job, const Buffers* buffers, const Piece* piece, Py_ssize_t slab,
                         real* originals) noexcept nogil:
    cdef Py_ssize_t pitch = buffers.plan.kept_pitch, line
    for line in range(piece.count - 1, 0, -1):
        memmove(originals + line * pitch, originals + line * round_up(slab, LANES), slab * sizeof(real))
    if is_in_its_place(job, G) and originals != <real*>buffers.staged[G].chunk:
        memcpy(buffers.staged[G].chunk, originals, ((piece.count - 1) * pitch + slab) * sizeof(real))


# Whole slabs straight from the inputs to the results: False if they have to go step by step. What is staged is in
# scratch then.
cdef bint go_straight(const Job* job, const Buffers* buffers, const Piece* piece, Py_ssize_t slab,
                      Lines* lines) noexcept nogil:
    cdef Py_ssize_t x_pitch = lines.x_pitch, g_pitch = lines.g_pitch, done
    aim_straight(job, buffers, piece, slab, lines)
    done = job.op.straight(&job.formula, lines, True)
    lines.x_pitch = x_pitch
    lines.g_pitch = g_pitch
    if done < slab:
        if lines.originals:
            take_originals(job, buffers, piece, slab, lines.originals)
        return False
    if job.operand[Y].staged:
        pass_lines(job, buffers, piece, Y, lines.y, 0, slab, NULL)
    return True
