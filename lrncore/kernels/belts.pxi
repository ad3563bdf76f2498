# Belts: the buffers of a walk in memory order (walk_stream.pxi), in which a chunk moves on.

cdef struct Stream:
    Py_ssize_t inner        # of the slab, or of a tile of it
    Py_ssize_t lead         # positions kept before a chunk, at most
    Py_ssize_t keep         # positions of x, and of g, kept before a chunk where the arrays do not keep them
    Py_ssize_t step         # positions by which a chunk advances
    Py_ssize_t chunk        # room for them, and for the rest of a vector
    Py_ssize_t pitch        # of the lines of a chunk, `lead` included
    Py_ssize_t kept_pitch
    Py_ssize_t lines        # slabs in a chunk
    Py_ssize_t span         # positions of a slab and of what follows it until the last output


# Belts begin this many bytes, and any number of pages, apart: a load whose address has the last 12 bits of a recent
# store's waits for it, and this is far from that for every lag of a climb.
cdef enum:
    BELT_APART = 1600


# A buffer in which a chunk moves on, `lead` positions before it. At its end these are moved back to its beginning, so
# long a way that a position is moved twice at most.
cdef struct Belt:
    char* begin
    char* chunk
    Py_ssize_t lead         # bytes
    Py_ssize_t bytes


# Takes a belt from scratch; `pitch` is that of its lines, where a chunk has several.
cdef Belt take_belt(char** scratch, const Stream* plan, Py_ssize_t lead, Py_ssize_t pitch,
                    Py_ssize_t item) noexcept nogil:
    cdef Belt belt
    belt.begin = scratch[0]
    if plan.step < plan.span:
        belt.lead = lead * item
        belt.bytes = (lead + lead // 2 + plan.chunk) * item
    else:
        belt.lead = (pitch - plan.chunk) * item
        belt.bytes = plan.lines * pitch * item
    belt.chunk = belt.begin + belt.lead
    scratch[0] += round_up(belt.bytes - BELT_APART, 4096) + BELT_APART
    return belt


# A slab of one chunk stays where it is, and so do the zeros around it.
cdef inline void advance_belt(Belt* belt, const Stream* plan, Py_ssize_t item) noexcept nogil:
    if plan.step >= plan.span:
        return
    belt.chunk += plan.step * item
    if belt.chunk + plan.chunk * item > belt.begin + belt.bytes:
        memmove(belt.begin, belt.chunk - belt.lead, belt.lead)
        belt.chunk = belt.begin + belt.lead


# A mask is read in whole vectors from any channel on, for as many vectors as there are channels.
cdef Py_ssize_t mask_pitch(const Job* job) noexcept nogil:
    return LANES * (job.channels + 1) + job.channels if job.adjoining else 0


# The buffers of a walk
cdef struct Buffers:
    Belt sums[SETS][MAX_LEVELS]
    Belt gain                   # what `ready` keeps for `late`
    Belt staged[OPERANDS]
    real* masks[SETS]           # of the windows, and of the reflected ones
    Stream plan


# Lays them out from `scratch` on, and returns where they end.
cdef char* take_buffers(const Job* job, Buffers* buffers, char* scratch) noexcept nogil:
    cdef const Stream* plan = &buffers.plan
    cdef Py_ssize_t item = sizeof(real), keep
    cdef int which, level
    for which in range(sets_of(job.op)):
        for level in range(job.window.levels):
            buffers.sums[which][level] = take_belt(&scratch, plan, (job.window.depth[level] - 1) * plan.inner,
                                                   plan.pitch, sizeof(real))
    if job.op.late:
        buffers.gain = take_belt(&scratch, plan, job.behind * plan.inner, plan.pitch, sizeof(real))
    for which in range(OPERANDS):
        keep = 0 if which == Y else plan.keep
        if job.operand[which].staged:
            buffers.staged[which] = take_belt(&scratch, plan, keep, plan.chunk + keep, item)
    buffers.masks[SQUARES] = <real*>scratch
    buffers.masks[SECOND] = buffers.masks[SQUARES] + DIRECT_TAPS * mask_pitch(job)
    return <char*>(buffers.masks[SECOND] + DIRECT_TAPS * mask_pitch(job))
