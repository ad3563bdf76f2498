# The walk for windows that hold every channel, whatever the output: root mean squares over channels, pixel norms,
# cosine normalization. All windows of a slab, or of a tile of its inner axis, have one sum, so it is taken first:
#
#     pass 1   every line enters     sums over the channels, and factors of them
#     pass 2   every line is ready   the results
#
# The lines of pass 2 are still in the second-level cache. A line holds `group` channels: one row of a tile, or as many
# adjacent ones as make loops long. Several short slabs share a line's turn, as in walk_stream.
#
# Order of the additions, in every layout: of a block of BLOCK channels those that are FOLDED apart, one after the
# other; blocks in pairs, pairs of blocks in pairs and so on; in the end the FOLDED sums in halves. A sum of n squares
# is rounded BLOCK / FOLDED + log2(n / BLOCK) + log2(FOLDED) times at most, and vectors run along channels too.

cdef enum:
    FOLDED = 16
    BLOCK = 128
    WHOLE_LINE_BYTES = 8192         # of several channels


cdef struct WholePlan:
    Py_ssize_t inner
    Py_ssize_t group        # channels of a line
    Py_ssize_t count        # lines, each of a slab of its own
    Py_ssize_t pitch        # of the lines in scratch
    Py_ssize_t row          # from a channel's sum to the next one's
    Py_ssize_t pile         # the sums of a block
    int levels              # piles, with that of the block at hand


cdef WholePlan plan_whole(const Job* job, Py_ssize_t inner) noexcept nogil:
    cdef WholePlan plan
    cdef Py_ssize_t folded = round_up(job.channels, FOLDED), blocks = (job.channels + BLOCK - 1) // BLOCK
    plan.inner = inner
    plan.group = plan.count = 1
    plan.row = round_up(inner, LANES)
    if job.tile == job.inner and job.streamed:
        plan.row = inner
        plan.group = FOLDED
        while 2 * plan.group <= BLOCK and 2 * plan.group * inner * <Py_ssize_t>sizeof(real) <= WHOLE_LINE_BYTES:
            plan.group *= 2
        plan.group = min(plan.group, folded)
        if plan.group == folded:
            plan.count = max(<Py_ssize_t>1, min(WHOLE_LINE_BYTES // (folded * inner * <Py_ssize_t>sizeof(real)),
                                                job.slabs))
    plan.pitch = round_up(plan.group * inner, LANES) + LANES
    plan.pile = FOLDED * plan.row + LANES
    plan.levels = 1
    while blocks > 1:
        blocks = (blocks + 1) // 2
        plan.levels += 1
    return plan


# The buffers of a walk
cdef struct Whole:
    WholePlan plan
    real* piles[SETS]       # sums: of the block at hand, then of 1, 2, 4, ... blocks
    real* sums[SETS]        # those of all channels, as lines
    real* factors[SETS]
    real* staged[OPERANDS]  # whole slabs, of y lines


# Lays them out from `scratch` on, and returns where they end.
cdef real* take_whole(const Job* job, Whole* whole, real* scratch) noexcept nogil:
    cdef const WholePlan* plan = &whole.plan
    cdef int which
    for which in range(sets_of(job.op)):
        whole.sums[which] = scratch
        whole.factors[which] = scratch + plan.count * plan.pitch
        whole.piles[which] = scratch + 2 * plan.count * plan.pitch
        scratch += 2 * plan.count * plan.pitch + plan.levels * plan.pile
    for which in range(OPERANDS):
        whole.staged[which] = scratch
        if job.operand[which].staged:
            scratch += plan.count * (plan.pitch if which == Y else job.channels * plan.inner)
    return scratch


cdef Py_ssize_t whole_scratch(const Job* job) noexcept nogil:
    cdef Whole whole
    cdef Py_ssize_t size
    whole.plan = plan_whole(job, job.tile)
    size = take_whole(job, &whole, <real*>&whole) - <real*>&whole
    if job.scattered:
        size = round_up(size, LANES) + offsets_of(job.tile, OPERANDS)
    return size


# Adds the entering channels [c, c + channels) to the piles of their block.
cdef inline void pile_up(const Job* job, const Whole* whole, Py_ssize_t c, Py_ssize_t channels,
                         const Lines* lines) noexcept nogil:
    cdef const WholePlan* plan = &whole.plan
    cdef Py_ssize_t apart = FOLDED * plan.inner, rest = channels % FOLDED * plan.inner
    cdef real* piles[SETS]
    cdef Lines last
    cdef int which
    for which in range(sets_of(job.op)):
        piles[which] = whole.piles[which] + c % FOLDED * plan.row
        if c % BLOCK == 0:
            clear(piles[which], plan.pile)
    if channels >= FOLDED:
        job.op.pile(lines, piles, apart, channels // FOLDED, apart)
    if rest:
        last.entering = lines.entering + channels // FOLDED * apart
        last.entering_g = lines.entering_g + channels // FOLDED * apart
        job.op.pile(&last, piles, rest, 1, 0)


# Adds the rows of the block that begins at channel c to its piles, a pile at a time.
cdef inline void pile_rows(const Job* job, const Whole* whole, const Piece* piece, Py_ssize_t c,
                           const Lines* lines) noexcept nogil:
    cdef const WholePlan* plan = &whole.plan
    cdef Py_ssize_t end = min(c + BLOCK, job.channels), first, row, apart, rows
    cdef bint together
    cdef real* piles[SETS]
    cdef Lines last
    cdef int which
    apart = (<const char*>operand_at(job, whole, piece, X, 1) - <const char*>operand_at(job, whole, piece, X, 0))
    together = (apart % <Py_ssize_t>sizeof(real) == 0 and (not job.op.g_enters or apart == (
        <const char*>operand_at(job, whole, piece, G, 1) - <const char*>operand_at(job, whole, piece, G, 0))))
    apart = apart // <Py_ssize_t>sizeof(real) * FOLDED
    for which in range(sets_of(job.op)):
        clear(whole.piles[which], plan.pile)
    for first in range(c, min(c + FOLDED, end)):
        for which in range(sets_of(job.op)):
            piles[which] = whole.piles[which] + first % FOLDED * plan.row
        rows = (end - first + FOLDED - 1) // FOLDED
        for row in range(1 if together else rows):
            last.entering = operand_at(job, whole, piece, X, first + row * FOLDED)
            last.entering_g = operand_at(job, whole, piece, G, first + row * FOLDED)
            job.op.pile(&last, piles, plan.inner, rows if together else 1, apart)


# The block at hand is complete, after `blocks` others: a carry of a binary number.
cdef inline void end_block(const Job* job, const Whole* whole, Py_ssize_t blocks) noexcept nogil:
    cdef Py_ssize_t pile = whole.plan.pile
    cdef int which, level = 1
    while blocks >> (level - 1) & 1:
        job.op.add(whole.piles, sets_of(job.op), pile - LANES, level * pile)
        level += 1
    for which in range(sets_of(job.op)):
        memcpy(whole.piles[which] + level * pile, whole.piles[which], pile * sizeof(real))


# The last block is complete, after `blocks` others: the sums of all channels of slab `line`.
cdef inline void end_sums(const Job* job, const Whole* whole, Py_ssize_t blocks, Py_ssize_t line) noexcept nogil:
    cdef const WholePlan* plan = &whole.plan
    cdef Py_ssize_t half = FOLDED
    cdef int which, level = 1
    while blocks >> (level - 1):
        if blocks >> (level - 1) & 1:
            job.op.add(whole.piles, sets_of(job.op), plan.pile - LANES, level * plan.pile)
        level += 1
    while half > 1:
        half //= 2
        job.op.add(whole.piles, sets_of(job.op), half * plan.row, half * plan.row)
    for which in range(sets_of(job.op)):
        memcpy(whole.sums[which] + line * plan.pitch, whole.piles[which], plan.inner * sizeof(real))


# Repeats what a line begins with for each of its channels.
cdef inline void repeat(const WholePlan* plan, real* lines, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t length = plan.group * plan.inner, done, line
    for line in range(count):
        done = plan.inner
        while plan.inner == 1 and done < length:
            store(lines + done, splat(lines[0]))
            done += LANES
        while done < length:
            memcpy(lines + done, lines, min(done, length - done) * sizeof(real))
            done *= 2
        lines += plan.pitch


# Operand `which` from channel c on
cdef inline real* operand_at(const Job* job, const Whole* whole, const Piece* piece, int which,
                             Py_ssize_t c) noexcept nogil:
    if job.operand[which].staged:
        return whole.staged[which] + (0 if which == Y else c * whole.plan.inner)
    return <real*>(piece.at[which] + c * job.operand[which].channel)


# Staged operands come, whole slabs of them.
cdef inline void bring(const Job* job, const Whole* whole, const Piece* piece, int which) noexcept nogil:
    cdef const Operand* operand = &job.operand[which]
    cdef Py_ssize_t length = whole.plan.inner, channels = job.channels, line, c
    cdef real* to = whole.staged[which]
    if whole.plan.group > 1:
        length *= channels
        channels = 1
    for line in range(piece.count):
        for c in range(channels):
            gather(operand, piece.at[which] + line * piece.pitch[which] + c * operand.channel, piece.offset[which], to,
                   length)
            to += length


cdef inline void aim_channels(const Job* job, const Whole* whole, const Piece* piece, Py_ssize_t c,
                              Lines* lines) noexcept nogil:
    lines.length = min(whole.plan.group, job.channels - c) * whole.plan.inner
    lines.x = lines.entering = operand_at(job, whole, piece, X, c)
    lines.g = lines.entering_g = operand_at(job, whole, piece, G, c)
    lines.y = operand_at(job, whole, piece, Y, c)
    lines.around.first = c * whole.plan.inner


# Pass 1 over some slabs
cdef void sum_channels(const Job* job, const Whole* whole, const Piece* piece, Lines* lines) noexcept nogil:
    cdef const WholePlan* plan = &whole.plan
    cdef Py_ssize_t c = 0, channels, line
    cdef int which
    while c < job.channels:
        channels = min(plan.group, job.channels - c)
        aim_channels(job, whole, piece, c, lines)
        if plan.group == 1 and c % BLOCK == 0:
            pile_rows(job, whole, piece, c, lines)
        for line in range(piece.count):
            if plan.group > 1:
                pile_up(job, whole, c, channels, lines)
            if c + channels == job.channels:
                end_sums(job, whole, c // BLOCK, line)
            elif (c + channels) % BLOCK == 0:
                end_block(job, whole, c // BLOCK)
            lines.entering = <const real*>(<const char*>lines.entering + lines.x_pitch)
            lines.entering_g = <const real*>(<const char*>lines.entering_g + lines.g_pitch)
        c += channels
    lines.length = plan.inner
    lines.beyond = job.op.factors == NULL or not job.op.factors(&job.formula, lines)
    for which in range(sets_of(job.op)):
        repeat(plan, whole.sums[which], piece.count)
        repeat(plan, whole.factors[which], piece.count)


# Pass 2
cdef void finish_channels(const Job* job, const Whole* whole, const Piece* piece, Lines* lines) noexcept nogil:
    cdef Py_ssize_t c = 0, line
    while c < job.channels:
        aim_channels(job, whole, piece, c, lines)
        job.op.ready(&job.formula, lines)
        for line in range(piece.count if job.operand[Y].staged else 0):
            scatter(&job.operand[Y], lines.y + line * whole.plan.pitch,
                    piece.at[Y] + line * piece.pitch[Y] + c * job.operand[Y].channel, piece.offset[Y], lines.length)
        c += whole.plan.group


cdef void walk_whole(const Job* job, const Piece* slabs, const Room* room) noexcept nogil:
    cdef Py_ssize_t done = 0, item = sizeof(real), slab
    cdef Piece piece = slabs[0]
    cdef Whole whole
    cdef Lines lines
    cdef Around around = around_of(job, room)
    cdef Columns columns
    cdef int which
    whole.plan = plan_whole(job, piece.length)
    take_whole(job, &whole, room.scratch)
    slab = job.channels * piece.length
    around.inner = piece.length
    if job.operand[X].staged:
        around.x.step = piece.length * item
    if job.operand[G].staged:
        around.g.step = piece.length * item
    open_columns(&columns, job, &around)
    around.columns = &columns
    lines.around = &around
    lines.totals = room.totals
    lines.source = STORED
    lines.far = False
    lines.ahead = lines.g_ahead = lines.period = 0
    lines.pitch = whole.plan.pitch
    lines.x_pitch = slab * item if job.operand[X].staged else piece.pitch[X]
    lines.g_pitch = slab * item if job.operand[G].staged else piece.pitch[G]
    lines.y_pitch = whole.plan.pitch * item if job.operand[Y].staged else piece.pitch[Y]
    for which in range(sets_of(job.op)):
        lines.factors[which] = whole.factors[which]
    for which in range(SETS):
        lines.taps[which].count = lines.taps[which].levels = 1
        lines.taps[which].line[0] = lines.taps[which].level[0] = whole.sums[min(which, sets_of(job.op) - 1)]
    while done < slabs.count:
        piece.count = lines.count = min(whole.plan.count, slabs.count - done)
        columns.slab = NULL
        for which in range(Y):
            if job.operand[which].staged:
                bring(job, &whole, &piece, which)
        sum_channels(job, &whole, &piece, &lines)
        finish_channels(job, &whole, &piece, &lines)
        for which in range(OPERANDS):
            piece.at[which] += piece.count * piece.pitch[which]
        done += piece.count
