# Belts: the buffers of a walk in memory order (walk_stream.pxi), in which a chunk moves on.

cdef struct Stream


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
