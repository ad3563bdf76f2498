# The walk for packed data, and for planar data whose inner axis is short: positions in memory order.
#
# A slab is the channels of one pixel (packed) or of one image (a short inner axis); in it the next channel is
# `inner` positions on, so a lag of d channels is a lag of d * inner positions whatever the layout. A slab is cut
# into chunks of positions, or several short slabs share a chunk as so many lines.
#
# Timeline of one slab of 10 positions in chunks of 4, before = after = 2, inner = 1. Windows are complete `after`
# channels behind the newest position, reflected ones `before` channels further behind:
#
#     chunk    enters            ready          late
#     [0, 4)   x[0] to x[3]      0 and 1        none
#     [4, 8)   x[4] to x[7]      2 to 5         0 to 3
#     [8, 12)  x[8], x[9], zeros 6 to 9         4 to 7
#     [12, 14) zeros             none           8 and 9
#
# Squares go to scratch behind the `lead` positions that the windows still reach back to, each level of trailing sums
# likewise. Positions outside the slab hold zeros.
#
# Slabs of few channels would make lines too short for vectors. Where they adjoin in memory, all are walked as one
# slab, and masks take out of a window what belongs to the neighbouring pixels.

cdef struct Stream:
    Py_ssize_t lead         # positions kept before a chunk
    Py_ssize_t pitch        # of the lines of a chunk, `lead` included
    Py_ssize_t keep         # positions of x, and of g, kept before a chunk where the arrays do not keep them
    Py_ssize_t kept_pitch
    Py_ssize_t lines        # slabs in a chunk
    Py_ssize_t step         # positions by which a chunk advances
    Py_ssize_t span         # positions of a slab and of what follows it until the last output


cdef Stream plan_stream(const Job* job) noexcept nogil:
    cdef Stream plan
    cdef Py_ssize_t slab = job.channels * job.inner, chunks
    if job.adjoining:
        slab *= job.slabs
    plan.span = slab + (job.after + job.behind) * job.inner
    plan.lead = round_up((job.before + job.after) * job.inner, LANES)
    plan.lines = 1
    if plan.span <= job.width and not job.adjoining:
        plan.step = plan.span
        plan.lines = min(max(<Py_ssize_t>1, job.width // plan.span), job.slabs)
    else:
        chunks = (plan.span + job.width - 1) // job.width
        plan.step = max(round_up((plan.span + chunks - 1) // chunks, LANES), plan.lead)
    plan.pitch = plan.lead + round_up(plan.step, LANES) + LANES
    plan.keep = plan.lead * (2 if job.op.late else 1)
    plan.kept_pitch = plan.pitch - plan.lead + plan.keep
    return plan


cdef Py_ssize_t stream_scratch(const Job* job) noexcept nogil:
    cdef Stream plan = plan_stream(job)
    cdef Py_ssize_t buffers = job.window.levels * sets_of(job.op) + (job.op.late != NULL) + job.operand[Y].staged
    return (buffers * plan.lines * plan.pitch
            + (job.operand[X].staged + job.operand[G].staged) * plan.lines * plan.kept_pitch
            + 2 * DIRECT_TAPS * mask_pitch(job))


# A mask is read in whole vectors from any channel on, for as many vectors as there are channels.
cdef Py_ssize_t mask_pitch(const Job* job) noexcept nogil:
    return LANES * (job.channels + 1) + job.channels if job.adjoining else 0


# Writes the masks of all taps: bits set where tap `j` of a window that reaches `ahead` channels on is inside the slab.
cdef void write_masks(const Job* job, Py_ssize_t ahead, real* masks) noexcept nogil:
    cdef Py_ssize_t i, j, pitch = mask_pitch(job)
    for j in range(job.window.taps):
        for i in range(pitch):
            if 0 <= i % job.channels + ahead - j < job.channels:
                memset(masks + j * pitch + i, 0xff, sizeof(real))


# The buffers of a walk, each `lead` positions and a chunk for every line
cdef struct Buffers:
    real* sums[SETS][MAX_LEVELS]
    real* gain                  # what `ready` keeps for `late`
    elem* staged[OPERANDS]      # where the chunk begins in them
    real* masks[SETS]           # of the windows, and of the reflected ones
    Stream plan


cdef void take_buffers(const Job* job, Buffers* buffers, real* scratch) noexcept nogil:
    cdef const Stream* plan = &buffers.plan
    cdef Py_ssize_t size = plan.lines * plan.pitch
    cdef int which, level
    clear(scratch, stream_scratch(job))
    for which in range(sets_of(job.op)):
        for level in range(job.window.levels):
            buffers.sums[which][level] = scratch
            scratch += size
    buffers.gain = scratch
    if job.op.late:
        scratch += size
    for which in range(OPERANDS):
        # what is not staged lies somewhere
        buffers.staged[which] = <elem*>scratch
        if job.operand[which].staged and which == Y:
            scratch += size
        elif job.operand[which].staged:
            buffers.staged[which] += plan.keep
            scratch += plan.lines * plan.kept_pitch
    buffers.masks[SQUARES] = scratch
    buffers.masks[SECOND] = scratch + DIRECT_TAPS * mask_pitch(job)
    if job.adjoining:
        write_masks(job, job.after, buffers.masks[SQUARES])
        write_masks(job, job.before if job.op.late else job.after, buffers.masks[SECOND])


# Shifts the lines of a buffer so that the last `lead` positions of the chunk stand before the next one.
cdef inline void carry(real* buffer, const Stream* plan) noexcept nogil:
    memmove(buffer, buffer + plan.step, plan.lead * sizeof(real))


cdef inline void carry_elements(elem* line, const Stream* plan) noexcept nogil:
    memmove(line - plan.keep, line - plan.keep + plan.step, plan.keep * sizeof(elem))


cdef void carry_all(const Job* job, const Buffers* buffers) noexcept nogil:
    cdef int which, level
    for which in range(sets_of(job.op)):
        for level in range(job.window.levels):
            carry(buffers.sums[which][level], &buffers.plan)
    if job.op.late:
        carry(buffers.gain, &buffers.plan)
    for which in range(Y):
        if job.operand[which].staged:
            carry_elements(buffers.staged[which], &buffers.plan)


# Aims set `which` at the windows that end `offset` positions into the chunk; the first of them is of position `first`.
cdef inline void aim_at_positions(const Job* job, const Buffers* buffers, int which, Py_ssize_t offset,
                                  Py_ssize_t first, Taps* taps) noexcept nogil:
    cdef const Window* window = &job.window
    cdef int j
    for j in range(window.taps):
        taps.line[j] = (buffers.sums[which][window.level[j]] + buffers.plan.lead + offset
                        - window.lag[j] * job.inner)
    if job.adjoining:
        taps.masks = buffers.masks[which] + first % job.channels


# Aims the climb of set `which` at the chunk.
cdef inline void aim_at_chunk(const Job* job, const Buffers* buffers, int which, Taps* taps) noexcept nogil:
    cdef int level, j
    for level in range(job.window.levels):
        taps.level[level] = buffers.sums[which][level] + buffers.plan.lead
        if level:
            for j in range(2):
                taps.earlier[level][j] = taps.level[level - 1] - (j + 1) * job.window.span[level - 1] * job.inner


# Zeros in set `which` from position `done` of the chunk on
cdef inline void clear_rest(const Buffers* buffers, int which, Py_ssize_t done) noexcept nogil:
    cdef Py_ssize_t begin = min(max(<Py_ssize_t>0, done), buffers.plan.step)
    if buffers.plan.step < buffers.plan.span:
        clear(buffers.sums[which][0] + buffers.plan.lead + begin, buffers.plan.step - begin)


# Where an operand has position `first` of the slabs, `offset` positions into the chunk
cdef inline elem* position_of(const Job* job, const Buffers* buffers, const Piece* piece, int which, Py_ssize_t first,
                              Py_ssize_t offset) noexcept nogil:
    if job.operand[which].staged:
        return buffers.staged[which] + offset
    return <elem*>piece.at[which] + first


# The same, after `length` positions of every line have come into scratch if they have to
cdef inline elem* come(const Job* job, const Buffers* buffers, const Piece* piece, int which, Py_ssize_t first,
                       Py_ssize_t offset, Py_ssize_t length) noexcept nogil:
    cdef const Operand* operand = &job.operand[which]
    cdef Py_ssize_t line
    if operand.staged:
        for line in range(piece.count):
            gather(operand, piece.at[which] + line * piece.pitch[which] + first * operand.inner, NULL,
                   buffers.staged[which] + offset + line * buffers.plan.kept_pitch, length)
    return position_of(job, buffers, piece, which, first, offset)


# The lines of a chunk at positions [first, end) of the slabs, `offset` positions into the chunk, are ready or late.
cdef inline void aim_lines(const Job* job, const Buffers* buffers, const Piece* piece, Py_ssize_t first,
                           Py_ssize_t offset, Lines* lines) noexcept nogil:
    lines.x = position_of(job, buffers, piece, X, first, offset)
    lines.g = position_of(job, buffers, piece, G, first, offset)
    lines.y = staged_or(&job.operand[Y], buffers.staged[Y], piece.at[Y] + first * <Py_ssize_t>sizeof(elem))
    lines.around.first = first


# One chunk of some slabs, which begins at position `p` of each
cdef void walk_chunk(const Job* job, const Buffers* buffers, const Piece* piece, Py_ssize_t slab, Py_ssize_t p,
                     Lines* lines) noexcept nogil:
    cdef const Operator* op = job.op
    cdef Py_ssize_t step = buffers.plan.step, end = p + step, lead = buffers.plan.lead
    cdef Py_ssize_t ahead = job.after * job.inner, behind = job.behind * job.inner, first, last, line
    cdef int which
    # [p, last) enters
    lines.length = max(<Py_ssize_t>0, min(end, slab) - p)
    for which in range(op.entering):
        aim_at_chunk(job, buffers, which, &lines.taps[which])
        clear_rest(buffers, which, lines.length)
    if lines.length:
        lines.entering = come(job, buffers, piece, X, p, 0, lines.length)
        if op.g_enters:
            lines.entering_g = come(job, buffers, piece, G, p, 0, lines.length)
        op.enter(&job.formula, lines)
    op.climb(lines, 0, op.entering, step)

    first = max(<Py_ssize_t>0, p - ahead)
    last = min(slab, end - ahead)
    lines.length = last - first
    if first < last:
        for which in range(op.entering):
            aim_at_positions(job, buffers, which, first - p + ahead, first, &lines.taps[which])
        if op.reads_g and not op.g_enters:
            come(job, buffers, piece, G, first, first - p, lines.length)
        aim_lines(job, buffers, piece, first, first - p, lines)
        lines.t = buffers.sums[SECOND][0] + lead + (first - p + ahead)
        lines.gp = buffers.gain + lead + (first - p + ahead)
        op.ready(&job.formula, lines)

    if op.late:
        clear_rest(buffers, SECOND, last - p + ahead)
        aim_at_chunk(job, buffers, SECOND, &lines.taps[SECOND])
        op.climb(lines, SECOND, SETS, step)
        first = max(<Py_ssize_t>0, p - ahead - behind)
        last = min(slab, end - ahead - behind)
        lines.length = last - first
        if first < last:
            aim_at_positions(job, buffers, SECOND, first - p + ahead + behind, first, &lines.taps[SECOND])
            aim_lines(job, buffers, piece, first, first - p, lines)
            lines.gp = buffers.gain + lead + (first - p + ahead)
            op.late(&job.formula, lines)
    if job.operand[Y].staged and first < last:
        for line in range(lines.count):
            scatter(&job.operand[Y], buffers.staged[Y] + line * buffers.plan.pitch,
                    piece.at[Y] + line * piece.pitch[Y] + first * job.operand[Y].inner, NULL, last - first)


cdef void walk_stream(const Job* job, const Piece* slabs, const Room* room) noexcept nogil:
    cdef Py_ssize_t slab = job.channels * job.inner, first = 0, p, item = sizeof(elem)
    cdef Piece piece = slabs[0]
    cdef Buffers buffers
    cdef Lines lines
    cdef Around around = around_of(job, room)
    cdef int which, level
    buffers.plan = plan_stream(job)
    take_buffers(job, &buffers, room.scratch)
    if job.operand[X].staged:
        around.x.step = job.inner * item
    if job.operand[G].staged:
        around.g.step = job.inner * item
    piece.count = min(buffers.plan.lines, slabs.count)
    lines.period = 0
    if job.adjoining:
        slab *= slabs.count
        buffers.plan.span += slab - job.channels * job.slabs
        piece.count = 1
        lines.period = LANES * job.channels
    lines.around = &around
    lines.totals = room.totals
    lines.source = job.source
    lines.far = False
    lines.ahead = lines.g_ahead = 0
    lines.pitch = buffers.plan.pitch
    lines.x_pitch = buffers.plan.kept_pitch * item if job.operand[X].staged else piece.pitch[X]
    lines.g_pitch = buffers.plan.kept_pitch * item if job.operand[G].staged else piece.pitch[G]
    lines.y_pitch = buffers.plan.pitch * item if job.operand[Y].staged else piece.pitch[Y]
    for which in range(SETS):
        lines.taps[which].count = job.window.taps
        lines.taps[which].levels = job.window.levels
        lines.taps[which].mask_pitch = mask_pitch(job)

    while first < (1 if job.adjoining else slabs.count):
        lines.count = piece.count
        if buffers.plan.step < buffers.plan.span:
            for which in range(sets_of(job.op)):
                for level in range(job.window.levels):
                    clear(buffers.sums[which][level], buffers.plan.lead + (job.after * job.inner if which else 0))
        p = 0
        while p < buffers.plan.span:
            walk_chunk(job, &buffers, &piece, slab, p, &lines)
            if buffers.plan.step < buffers.plan.span:
                carry_all(job, &buffers)
            p += buffers.plan.step
        for which in range(OPERANDS):
            piece.at[which] += piece.count * piece.pitch[which]
        first += piece.count
        piece.count = min(buffers.plan.lines, slabs.count - first)
