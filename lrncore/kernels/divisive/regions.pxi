# The blocks of pools of neighbours: their sides, what lies around them, and the lines of both.

cdef enum:
    WINDOW_NUMBERS = 32768      # of one kind in a block, where windows let it
    SHORTEST_LANE = 64


# An axis of a block. The last is the lane axis, which may have a window or none.
cdef struct Side:
    Axis axis
    Py_ssize_t tile, tiles
    Py_ssize_t before, after
    int taps
    const Tap* tap              # offsets in elements of the axis: -before to after
    const real* mass            # 1 / the mass inside, for each place; or NULL


cdef struct Windows:
    Formula formula
    Operand operand[OPERANDS]
    char* at[OPERANDS]
    Axis axes[MAX_DIMS]         # outer ones
    int dims
    Side side[MAX_SIDES]
    int sides
    int sigma_axis, sigma_side  # the outer axis, or the side, along which sigma varies; or -1
    int order[MAX_SIDES]        # of the sums: the same for every layout, as bits depend on it
    bint gradients
    Py_ssize_t blocks
    Py_ssize_t pitch, room
    const real* sigma
    char* bad


# Places along each side, from `low` on; they may lie outside the array.
cdef struct Region:
    Py_ssize_t low[MAX_SIDES]
    Py_ssize_t high[MAX_SIDES]


cdef struct Space:
    real* buffer[2]
    real* passed
    real* line[4]
    Tap* moved                  # taps of a pass, with offsets in a buffer
    char* at[OPERANDS]          # of the block's first place, were all its sides' indices 0
    Py_ssize_t sigma
    Trial trial


cdef char* furnish_windows(const Windows* job, Space* space, char* memory) noexcept nogil:
    cdef Py_ssize_t most = 0
    cdef int i
    for i in range(2 + job.gradients):
        if i < 2:
            space.buffer[i] = reserve_reals(&memory, job.room)
        else:
            space.passed = reserve_reals(&memory, job.room)
    for i in range(4):
        space.line[i] = reserve_reals(&memory, job.pitch)
    space.trial.numerators, space.trial.kept = space.line[1], space.line[3]
    for i in range(job.sides):
        most = max(most, <Py_ssize_t>job.side[i].taps)
    space.moved = <Tap*>reserve(&memory, most + 1, sizeof(Tap))
    return memory


# `region` and what lies before and behind it
cdef Region around(const Windows* job, const Region* region, bint reflected) noexcept nogil:
    cdef Region wider
    cdef int i
    for i in range(job.sides):
        wider.low[i] = region.low[i] - (job.side[i].after if reflected else job.side[i].before)
        wider.high[i] = region.high[i] + (job.side[i].before if reflected else job.side[i].after)
    return wider


cdef Py_ssize_t lines_of(const Windows* job, const Region* region) noexcept nogil:
    cdef Py_ssize_t lines = 1
    cdef int i
    for i in range(job.sides - 1):
        lines *= region.high[i] - region.low[i]
    return lines


# One line of a region: where it is, and the part of it inside the array
cdef struct Line:
    Py_ssize_t place[MAX_SIDES]
    Py_ssize_t first, count     # of the elements inside
    Py_ssize_t length           # as many, or 0 where all of the line is outside
    bint beyond                 # is it outside along another side than the nearest?
    char* at[OPERANDS]          # of the first element inside


cdef inline void see_line(const Windows* job, Line* line) noexcept nogil:
    cdef int nearest = job.sides - 2
    line.length = line.count
    if line.beyond or (nearest >= 0 and not 0 <= line.place[nearest] < job.side[nearest].axis.length):
        line.length = 0


cdef void see_others(const Windows* job, Line* line) noexcept nogil:
    cdef int i
    line.beyond = False
    for i in range(job.sides - 2):
        if not 0 <= line.place[i] < job.side[i].axis.length:
            line.beyond = True


cdef void first_line(const Windows* job, const Space* space, const Region* region, Line* line) noexcept nogil:
    cdef int last = job.sides - 1, i, which
    line.first = max(-region.low[last], <Py_ssize_t>0)
    line.count = min(region.high[last], job.side[last].axis.length) - region.low[last] - line.first
    for i in range(last):
        line.place[i] = region.low[i]
    line.place[last] = region.low[last] + line.first
    for which in range(OPERANDS):
        line.at[which] = space.at[which]
        for i in range(job.sides):
            line.at[which] += line.place[i] * job.side[i].axis.stride[which]
    see_others(job, line)
    see_line(job, line)


# Goes `steps` places on along a side.
cdef inline void move_line(const Windows* job, Line* line, int side, Py_ssize_t steps) noexcept nogil:
    line.place[side] += steps
    line.at[X] += steps * job.side[side].axis.stride[X]
    line.at[G] += steps * job.side[side].axis.stride[G]
    line.at[Y] += steps * job.side[side].axis.stride[Y]


cdef void next_row(const Windows* job, const Region* region, Line* line) noexcept nogil:
    cdef int i = job.sides - 2
    while i > 0 and line.place[i] == region.high[i]:
        move_line(job, line, i, region.low[i] - region.high[i])
        i -= 1
        move_line(job, line, i, 1)
    see_others(job, line)


cdef inline void next_line(const Windows* job, const Region* region, Line* line) noexcept nogil:
    cdef int nearest = job.sides - 2
    if nearest < 0:
        return
    move_line(job, line, nearest, 1)
    if line.place[nearest] == region.high[nearest]:
        next_row(job, region, line)
    see_line(job, line)


cdef inline const real* get_elements(const Windows* job, int which, const Line* line, real* scratch) noexcept nogil:
    return read_line(&job.operand[which], line.at[which], NULL, scratch, line.length)
