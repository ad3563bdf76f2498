# The walk for packed data, for planar data whose inner axis is short, and for long windows: positions in memory order.
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
# Squares go to scratch behind the positions that the windows still reach back to, each level of trailing sums likewise.
# Positions outside the slab hold zeros. A tile of a long inner axis passes through scratch as such a slab, where the
# rows of its windows (walk_rows) would have to be short to fit.
#
# Slabs of few channels would make lines too short for vectors. Where they adjoin in memory, all are walked as one
# slab, and masks take out of a window what belongs to the neighbouring pixels. What goes straight takes a chunk of
# whole slabs at a time, since nothing is kept for the next one.

# Of so many slabs, those that are walked as one
cdef inline Py_ssize_t slabs_together(const Job* job, Py_ssize_t slabs) noexcept nogil:
    if not job.adjoining:
        return 1
    if job.straight:
        return min(slabs, max(<Py_ssize_t>1, (job.chunk - job.after - job.behind) // job.channels))
    return slabs


cdef Stream plan_stream(const Job* job, Py_ssize_t inner) noexcept nogil:
    cdef Stream plan
    cdef Py_ssize_t slab = job.channels * inner * slabs_together(job, job.slabs), unit = LANES, chunks
    plan.inner = inner
    plan.span = slab + (job.after + job.behind) * inner
    plan.lead = round_up((job.before + job.after) * inner, LANES)
    plan.lines = 1
    if plan.span <= job.chunk and (job.straight or not job.adjoining):
        plan.step = plan.span
        if not job.adjoining:
            plan.lines = min(max(<Py_ssize_t>1, job.chunk // plan.span), job.slabs)
    else:
        chunks = (plan.span + job.chunk - 1) // job.chunk
        while job.slides and unit % inner:
            unit += LANES       # whole channels
        plan.step = round_up((plan.span + chunks - 1) // chunks, unit)
    plan.chunk = round_up(plan.step, LANES) + LANES
    plan.pitch = plan.lead + plan.chunk
    plan.keep = plan.lead * (2 if job.op.late else 1)
    plan.kept_pitch = plan.keep + plan.chunk
    return plan


# Writes the masks of all taps: bits set where tap `j` of a window that reaches `ahead` channels on is inside the slab.
cdef rare write_masks(const Job* job, Py_ssize_t ahead, real* masks) noexcept nogil:
    cdef Py_ssize_t i, j, pitch = mask_pitch(job)
    for j in range(job.window.taps):
        for i in range(pitch):
            if 0 <= i % job.channels + ahead - j < job.channels:
                memset(masks + j * pitch + i, 0xff, sizeof(real))


# Of the way step by step
cdef Py_ssize_t stream_scratch(const Job* job) noexcept nogil:
    cdef Buffers buffers
    cdef Py_ssize_t rest = job.inner % job.tile, size
    buffers.plan = plan_stream(job, job.tile)
    size = take_buffers(job, &buffers, <char*>&buffers) - <char*>&buffers
    if rest:
        # chunks of a narrower tile may be longer
        buffers.plan = plan_stream(job, rest)
        size = max(size, take_buffers(job, &buffers, <char*>&buffers) - <char*>&buffers)
    return round_up(size // <Py_ssize_t>sizeof(real), LANES)


# Zeros before the first chunk of a slab, of all sets
cdef void begin_slab(const Job* job, Buffers* buffers) noexcept nogil:
    cdef Belt* belt
    cdef int which, level
    for which in range(sets_of(job.op)):
        for level in range(job.window.levels):
            belt = &buffers.sums[which][level]
            belt.chunk = belt.begin + belt.lead
            memset(belt.begin, 0, belt.lead)
    if job.op.late:
        buffers.gain.chunk = buffers.gain.begin + buffers.gain.lead
    for which in range(Y):
        if job.operand[which].staged:
            buffers.staged[which].chunk = buffers.staged[which].begin + buffers.staged[which].lead


# Is a trailing sum that ends at position r one of zeros, where nothing enters from position `end` on?
cdef inline bint ends_behind(const Job* job, const Stream* plan, int level, Py_ssize_t r,
                             Py_ssize_t end) noexcept nogil:
    return r >= end + (job.window.span[level] - 1) * plan.inner


# The levels, from the lowest on, whose belts have nothing but zeros when a chunk at `p` is done: they stay as they are.
cdef inline int idle_levels(const Job* job, const Stream* plan, Py_ssize_t p, Py_ssize_t end) noexcept nogil:
    cdef int level = 0
    if job.window.levels == 1:
        return 0
    while level < job.window.levels and ends_behind(job, plan, level, p - (job.window.depth[level] - 1) * plan.inner,
                                                    end):
        level += 1
    return level


cdef inline void advance_set(const Job* job, Buffers* buffers, int which, int idle) noexcept nogil:
    cdef int level
    for level in range(idle, job.window.levels):
        advance_belt(&buffers.sums[which][level], &buffers.plan, sizeof(real))


# The newest positions of set `which`
cdef inline real* newest_of(const Buffers* buffers, int which, int level) noexcept nogil:
    return <real*>buffers.sums[which][level].chunk


# Aims set `which`, into which nothing enters from position `end` on, at the windows that end from position r on,
# `offset` positions into the chunk; the first of them is of position `first`. Of the taps on zeros, two remain: they
# decide on the sign of a zero, and taps keep their turns.
cdef inline void aim_at_positions(const Job* job, const Buffers* buffers, int which, Py_ssize_t offset,
                                  Py_ssize_t first, Py_ssize_t r, Py_ssize_t end, Taps* taps) noexcept nogil:
    cdef const Window* window = &job.window
    cdef Py_ssize_t inner = buffers.plan.inner
    cdef int j, none = 0
    if window.levels > 1:
        while none + 3 < window.taps and ends_behind(job, &buffers.plan, window.level[none + 3],
                                                     r - window.lag[none + 3] * inner, end):
            none += 2
    taps.count = window.taps - none
    for j in range(taps.count):
        taps.line[j] = newest_of(buffers, which, window.level[none + j]) + offset - window.lag[none + j] * inner
    if job.adjoining:
        taps.masks = buffers.masks[which] + first % job.channels


# Aims the climb of set `which` at the chunk, from the highest of the `idle` levels on.
cdef inline void aim_at_chunk(const Job* job, const Buffers* buffers, int which, int idle, Taps* taps) noexcept nogil:
    cdef Py_ssize_t lag
    cdef int lowest = max(idle - 1, 0), level, j
    taps.levels = job.window.levels - lowest
    for level in range(taps.levels):
        taps.level[level] = newest_of(buffers, which, lowest + level)
        if level:
            for j in range(2):
                lag = (j + 1) * job.window.span[lowest + level - 1]
                taps.earlier[level][j] = taps.level[level - 1] - lag * buffers.plan.inner


# Zeros in set `which` outside positions [begin, end) of the chunk, where not all chunks have the same
cdef inline void clear_rest(const Job* job, const Buffers* buffers, int which, Py_ssize_t begin,
                            Py_ssize_t end) noexcept nogil:
    cdef real* newest = newest_of(buffers, which, 0)
    if job.adjoining or buffers.plan.step < buffers.plan.span:
        clear(newest, max(<Py_ssize_t>0, begin))
        end = max(<Py_ssize_t>0, end)
        clear(newest + end, max(<Py_ssize_t>0, buffers.plan.step - end))


# Do all positions of a slab lie equally far apart in an operand?
cdef inline bint in_one_run(const Operand* operand, const Stream* plan) noexcept nogil:
    return operand.channel == plan.inner * operand.inner


# Positions [first, first + length) of a slab come into a line, or leave it.
cdef inline void pass_positions(const Operand* operand, const Stream* plan, char* slab, real* line, Py_ssize_t first,
                                Py_ssize_t length, bint leave) noexcept nogil:
    cdef Py_ssize_t c = first // plan.inner, skipped = first % plan.inner, run = length
    cdef char* at
    while length > 0:
        if not in_one_run(operand, plan):
            run = min(length, plan.inner - skipped)
        at = slab + c * operand.channel + skipped * operand.inner
        if leave:
            scatter(operand, line, at, NULL, run)
        else:
            gather(operand, at, NULL, line, run)
        line += run
        length -= run
        c += 1
        skipped = 0


# The same of all slabs of a chunk
cdef void pass_lines(const Job* job, const Buffers* buffers, const Piece* piece, int which, real* lines,
                     Py_ssize_t first, Py_ssize_t length, real* squares) noexcept nogil:
    cdef const Operand* operand = &job.operand[which]
    cdef const Stream* plan = &buffers.plan
    cdef Py_ssize_t apart = piece.pitch[which], pitch = plan.chunk if which == Y else plan.kept_pitch, line
    cdef char* at = piece.at[which]
    cdef Passage way
    if not in_one_run(operand, plan):
        for line in range(piece.count):
            pass_positions(operand, plan, at + line * apart, lines + line * pitch, first, length, which == Y)
        return
    way = Passage(array=at + first * operand.inner, apart=apart, scratch=lines, pitch=pitch, squares=squares,
                  squares_pitch=plan.pitch, length=length, count=piece.count)
    if which == Y:
        scatter_lines(operand, &way)
    else:
        gather_lines(operand, &way)


# Where an operand has position `first` of the slabs, `offset` positions into the chunk
cdef inline real* position_of(const Job* job, const Buffers* buffers, const Piece* piece, int which, Py_ssize_t first,
                              Py_ssize_t offset) noexcept nogil:
    if job.operand[which].staged:
        return <real*>buffers.staged[which].chunk + offset
    return <real*>piece.at[which] + first


# The same, after `length` positions of every line have come into scratch if they have to
cdef inline real* come(const Job* job, const Buffers* buffers, const Piece* piece, int which, Py_ssize_t first,
                       Py_ssize_t offset, Py_ssize_t length, real* squares) noexcept nogil:
    if job.operand[which].staged:
        pass_lines(job, buffers, piece, which, <real*>buffers.staged[which].chunk + offset, first, length,
                   squares)
    return position_of(job, buffers, piece, which, first, offset)


# The lines of a chunk at positions [first, end) of the slabs, `offset` positions into the chunk, are ready or late.
cdef inline void aim_lines(const Job* job, const Buffers* buffers, const Piece* piece, Py_ssize_t first,
                           Py_ssize_t offset, Lines* lines) noexcept nogil:
    lines.x = position_of(job, buffers, piece, X, first, offset)
    lines.g = position_of(job, buffers, piece, G, first, offset)
    lines.y = position_of(job, buffers, piece, Y, first, 0)
    lines.around.first = first


# One chunk of some slabs, which begins at position `p` of each
cdef void walk_chunk(const Job* job, Buffers* buffers, const Piece* piece, Py_ssize_t slab, Py_ssize_t p,
                     Lines* lines) noexcept nogil:
    cdef const Operator* op = job.op
    cdef Py_ssize_t step = buffers.plan.step, end = p + step
    cdef Py_ssize_t ahead = job.after * buffers.plan.inner, behind = job.behind * buffers.plan.inner, first, last
    # [ready, stop) get ready
    cdef Py_ssize_t ready = reach_back(job, piece, 0, buffers.plan.inner), stop = min(slab, piece.end + behind)
    cdef int which, idle
    cdef bint straight = (MANY_REGISTERS and job.straight and step >= buffers.plan.span and piece.first == 0
                          and piece.end == slab)
    if straight and go_straight(job, buffers, piece, slab, lines):
        return
    # [p, last) enters, and windows end before stop + ahead
    lines.length = max(<Py_ssize_t>0, min(end, min(slab, stop + ahead)) - p)
    if p < stop + ahead:
        idle = idle_levels(job, &buffers.plan, p - step, slab)
        for which in range(op.entering):
            aim_at_chunk(job, buffers, which, idle, &lines.taps[which])
            if not idle:
                clear_rest(job, buffers, which, 0, lines.length)
        if lines.length:
            lines.entering = position_of(job, buffers, piece, X, p, 0)
            if not straight:
                come(job, buffers, piece, X, p, 0, lines.length,
                     lines.taps[SQUARES].level[0] if job.squared else NULL)
            if op.g_enters:
                lines.entering_g = come(job, buffers, piece, G, p, 0, lines.length, NULL)
            if not job.squared:
                op.enter(&job.formula, lines)
        op.climb(lines, 0, op.entering, min(step, stop + ahead - p))

    first = max(ready, p - ahead)
    last = min(stop, end - ahead)
    lines.length = last - first
    if first < last:
        for which in range(op.entering):
            aim_at_positions(job, buffers, which, first - p + ahead, first, first + ahead, slab, &lines.taps[which])
        if op.reads_g and not op.g_enters and not straight:
            come(job, buffers, piece, G, first, first - p, lines.length, NULL)
        aim_lines(job, buffers, piece, first, first - p, lines)
        if op.late:
            lines.t = newest_of(buffers, SECOND, 0) + (first - p + ahead)
            lines.gp = <real*>buffers.gain.chunk + (first - p + ahead)
        op.ready(&job.formula, lines)

    # before the first t there is nothing but zeros to climb
    if op.late and last > ready:
        idle = idle_levels(job, &buffers.plan, p - step, slab + ahead)
        if not idle:
            clear_rest(job, buffers, SECOND, first - p + ahead, last - p + ahead)
        aim_at_chunk(job, buffers, SECOND, idle, &lines.taps[SECOND])
        op.climb(lines, SECOND, SETS, min(step, piece.end + ahead + behind - p))
        first = max(piece.first, p - ahead - behind)
        last = min(piece.end, end - ahead - behind)
        lines.length = last - first
        if first < last:
            aim_at_positions(job, buffers, SECOND, first - p + ahead + behind, first, first + ahead + behind,
                             slab + ahead, &lines.taps[SECOND])
            aim_lines(job, buffers, piece, first, first - p, lines)
            lines.gp = <real*>buffers.gain.chunk + (first - p + ahead)
            op.late(&job.formula, lines)
        advance_set(job, buffers, SECOND, idle_levels(job, &buffers.plan, p, slab + ahead))
        advance_belt(&buffers.gain, &buffers.plan, sizeof(real))
    if job.operand[Y].staged and first < last:
        pass_lines(job, buffers, piece, Y, <real*>buffers.staged[Y].chunk, first, last - first, NULL)
    if p < stop + ahead:
        for which in range(op.entering):
            advance_set(job, buffers, which, idle_levels(job, &buffers.plan, p, slab))
    for which in range(Y):
        if job.operand[which].staged:
            advance_belt(&buffers.staged[which], &buffers.plan, sizeof(real))


cdef void walk_stream(const Job* job, const Piece* slabs, const Room* room) noexcept nogil:
    cdef Py_ssize_t slab, together, first = 0, p, item = sizeof(real), size
    cdef Piece piece = slabs[0]
    cdef Buffers buffers
    cdef Lines lines
    cdef Around around = around_of(job, room)
    cdef Track track
    cdef int which
    buffers.plan = plan_stream(job, piece.length)
    size = (take_buffers(job, &buffers, <char*>room.scratch) - <char*>room.scratch) // item
    around.inner = piece.length
    if job.operand[X].staged:
        around.x.step = piece.length * item
    if job.operand[G].staged:
        around.g.step = piece.length * item
    if job.slides:
        open_track(&track, job, &around)
    together = slabs_together(job, slabs.count)
    buffers.plan.span -= (slabs_together(job, job.slabs) - together) * job.channels * piece.length
    lines.period = LANES * job.channels if job.adjoining else 0
    if job.adjoining or (job.tile < job.inner and buffers.plan.step >= buffers.plan.span):
        # a piece of another length may have left something behind this one's positions
        clear(room.scratch, stream_scratch(job))
    if job.adjoining:
        write_masks(job, job.after, buffers.masks[SQUARES])
        write_masks(job, job.before if job.op.late else job.after, buffers.masks[SECOND])
    aim_windows(job, room.scratch + round_up(size, LANES), &lines)
    lines.around = &around
    lines.totals = room.totals
    lines.source = job.source
    lines.far = False
    lines.ahead = lines.g_ahead = 0
    lines.pitch = buffers.plan.pitch
    lines.x_pitch = buffers.plan.kept_pitch * item if job.operand[X].staged else piece.pitch[X]
    lines.g_pitch = buffers.plan.kept_pitch * item if job.operand[G].staged else piece.pitch[G]
    lines.y_pitch = buffers.plan.chunk * item if job.operand[Y].staged else piece.pitch[Y]
    for which in range(SETS):
        lines.taps[which].mask_pitch = mask_pitch(job)

    while first < slabs.count:
        together = min(together, slabs.count - first)
        slab = job.channels * piece.length * together
        piece.end = min(slabs.end, slab)
        piece.count = lines.count = 1 if job.adjoining else min(buffers.plan.lines, slabs.count - first)
        if job.slides:
            forget(&track)
        if first == 0 or buffers.plan.step < buffers.plan.span:
            begin_slab(job, &buffers)
        p = reach_back(job, &piece, job.before, piece.length)
        while p < piece.end + (job.after + job.behind) * piece.length:
            walk_chunk(job, &buffers, &piece, slab, p, &lines)
            p += buffers.plan.step
        for which in range(OPERANDS):
            piece.at[which] += piece.count * together * piece.pitch[which]
        first += piece.count * together
