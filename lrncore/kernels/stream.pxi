# The schedule for packed data, and for planar data whose inner axis is short: positions in memory order.
#
# A slab is the channels of one pixel (packed) or of one image (a short inner axis); in it the next channel is
# `inner` positions on, so a lag of d channels is a lag of d * inner positions whatever the layout. A slab is cut
# into chunks of positions, or several short slabs share a chunk as so many lines. Each stage runs along the whole
# chunk: squares go to scratch behind the `lead` positions that the windows still reach back to, each level of
# trailing sums likewise, and the outputs lag behind by `after` channels (in the backward, `before` more).
# Positions outside the slab hold zeros.
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
    plan.span = slab + (job.after + (job.before if job.backward else 0)) * job.inner
    plan.lead = round_up((job.before + job.after) * job.inner, LANES)
    plan.lines = 1
    if plan.span <= job.width and not job.adjoining:
        plan.step = plan.span
        plan.lines = min(max(<Py_ssize_t>1, job.width // plan.span), job.slabs)
    else:
        chunks = (plan.span + job.width - 1) // job.width
        plan.step = max(round_up((plan.span + chunks - 1) // chunks, LANES), plan.lead)
    plan.pitch = plan.lead + round_up(plan.step, LANES) + LANES
    plan.keep = plan.lead * (2 if job.backward else 1)
    plan.kept_pitch = plan.pitch - plan.lead + plan.keep
    return plan


cdef Py_ssize_t stream_scratch(const Job* job) noexcept nogil:
    cdef Stream plan = plan_stream(job)
    cdef Py_ssize_t buffers = job.window.levels
    if job.second:
        buffers += job.window.levels
    buffers += job.backward
    if job.pairs:
        buffers += job.window.levels
    return ((buffers + job.y.staged) * plan.lines * plan.pitch
            + (job.x.staged + job.g.staged) * plan.lines * plan.kept_pitch + 2 * DIRECT_TAPS * mask_pitch(job))


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


cdef inline void aim_at_masks(const Job* job, const real* masks, Py_ssize_t position, Taps* taps) noexcept nogil:
    cdef int j
    if job.adjoining:
        for j in range(job.window.taps):
            taps.mask[j] = masks + j * mask_pitch(job) + position % job.channels


# Shifts the lines of a buffer so that the last `lead` positions of the chunk stand before the next one.
cdef inline void carry(real* buffer, const Stream* plan) noexcept nogil:
    memmove(buffer, buffer + plan.step, plan.lead * sizeof(real))


cdef inline void carry_elements(elem* line, const Stream* plan) noexcept nogil:
    memmove(line - plan.keep, line - plan.keep + plan.step, plan.keep * sizeof(elem))


cdef void climb_stream(const Window* window, real** level, Py_ssize_t low, const Stream* plan, Py_ssize_t inner,
                       Py_ssize_t lines) noexcept nogil:
    cdef const real* earlier[2]
    cdef real* at
    cdef int i, j
    for i in range(window.levels - 1):
        at = level[i] + plan.lead
        for j in range(2):
            earlier[j] = at - (j + 1) * window.span[i] * inner
        if low:
            climb_pairs(at, earlier, level[i + 1] + plan.lead, low, plan.pitch, plan.step, lines)
        else:
            climb(at, earlier, level[i + 1] + plan.lead, plan.pitch, plan.step, lines)


cdef inline void aim_at_positions(const Window* window, real** level, const Stream* plan, Py_ssize_t inner,
                                  Py_ssize_t offset, Taps* taps) noexcept nogil:
    cdef int j
    for j in range(window.taps):
        taps.line[j] = level[window.level[j]] + plan.lead + offset - window.lag[j] * inner


# `count` slabs from x, g and y on, their elements `pitch` bytes apart in each.
cdef void walk_stream(const Job* job, const char* x, Py_ssize_t x_pitch, const char* g, Py_ssize_t g_pitch,
                      char* y, Py_ssize_t y_pitch, Py_ssize_t count, Totals* totals, Scaled* sums,
                      real* scratch) noexcept nogil:
    cdef const Window* window = &job.window
    cdef const Formula* formula = &job.formula
    cdef Stream plan = plan_stream(job)
    cdef Py_ssize_t inner = job.inner, slab = job.channels * inner, size = plan.lines * plan.pitch
    cdef Py_ssize_t ahead = job.after * inner, behind = job.before * inner if job.backward else 0
    cdef Py_ssize_t item = sizeof(elem), first, done, p, end, q, q_end, o, o_end, line
    cdef real* squares[2 * MAX_LEVELS]  # of pairs the first numbers, and behind them the second ones
    cdef real* second[MAX_LEVELS]
    cdef real* gain = NULL
    cdef elem* x_line = <elem*>scratch  # if not staged, somewhere
    cdef elem* g_line = <elem*>scratch
    cdef elem* y_line = <elem*>scratch
    cdef real* masks = NULL
    cdef real* reflected_masks = NULL
    cdef Squares squares_from = STORED
    cdef Lines lines
    cdef Around around = around_of(job, sums)
    cdef int i, buffers = window.levels * (2 if job.pairs else 1)
    lines.around = &around
    lines.totals = totals
    clear(scratch, stream_scratch(job))
    for i in range(buffers):
        squares[i] = scratch
        scratch += size
    lines.taps.low = window.levels * size if job.pairs else 0
    if job.second:
        for i in range(window.levels):
            second[i] = scratch
            scratch += size
    if job.backward:
        gain = scratch
        scratch += size
    if job.x.staged:
        x_line = <elem*>scratch + plan.keep
        scratch += plan.lines * plan.kept_pitch
        around.x.step = inner * item
    if job.g.staged:
        g_line = <elem*>scratch + plan.keep
        scratch += plan.lines * plan.kept_pitch
        around.g.step = inner * item
    if job.y.staged:
        y_line = <elem*>scratch
        scratch += size
    lines.period = 0
    if job.adjoining:
        slab *= count
        plan.span += slab - job.channels * job.slabs
        count = 1
        lines.period = LANES * job.channels
        squares_from = MASKED
        masks = scratch
        write_masks(job, job.after, masks)
        reflected_masks = masks + DIRECT_TAPS * mask_pitch(job)
        write_masks(job, job.before, reflected_masks)
    lines.pitch = plan.pitch
    lines.ahead = lines.g_ahead = 0
    lines.taps.count = lines.products.count = window.taps
    lines.taps.addition = APART if window.levels > 1 else COMPENSATED if formula.kind == TWO else TOGETHER
    lines.taps.levels = 1   # climbed chunk by chunk, not in the loops over vectors
    lines.x_pitch = plan.kept_pitch * item if job.x.staged else x_pitch
    lines.g_pitch = plan.kept_pitch * item if job.g.staged else g_pitch
    lines.y_pitch = plan.pitch * item if job.y.staged else y_pitch

    first = 0
    while first < count:
        lines.count = min(plan.lines, count - first)
        if plan.step < plan.span:
            for i in range(buffers):
                clear(squares[i], plan.lead)
            if job.second:
                for i in range(window.levels):
                    clear(second[i], plan.lead + ahead)
        p = 0
        while p < plan.span:
            # squares of positions [p, end), weights of [q, q_end), outputs of the backward of [o, o_end)
            end = p + plan.step
            done = min(end, slab) - p
            if done > 0:
                if job.x.staged:
                    for line in range(lines.count):
                        gather(&job.x, x + line * x_pitch + p * job.x.inner, x_line + line * plan.kept_pitch, done)
                if job.pairs:
                    square_pairs(source(&job.x, x_line, x + p * item), lines.x_pitch, squares[0] + plan.lead,
                                 lines.taps.low, plan.pitch, done, lines.count)
                else:
                    square(source(&job.x, x_line, x + p * item), lines.x_pitch, squares[0] + plan.lead,
                           plan.pitch, done, lines.count)
                if job.task == TANGENT:
                    if job.g.staged:
                        for line in range(lines.count):
                            gather(&job.g, g + line * g_pitch + p * job.g.inner, g_line + line * plan.kept_pitch, done)
                    multiply(source(&job.x, x_line, x + p * item), lines.x_pitch, source(&job.g, g_line, g + p * item),
                             lines.g_pitch, second[0] + plan.lead, plan.pitch, done, lines.count)
            if plan.step < plan.span:
                done = max(<Py_ssize_t>0, done)
                clear(squares[0] + plan.lead + done, plan.step - done)
                clear(squares[0] + lines.taps.low + plan.lead + done, plan.step - done)
                if job.task == TANGENT:
                    clear(second[0] + plan.lead + done, plan.step - done)
            climb_stream(window, squares, lines.taps.low, &plan, inner, lines.count)
            if job.task == TANGENT:
                climb_stream(window, second, 0, &plan, inner, lines.count)

            q = max(<Py_ssize_t>0, p - ahead)
            q_end = min(slab, end - ahead)
            lines.length = q_end - q
            if q < q_end:
                aim_at_positions(window, squares, &plan, inner, q - p + ahead, &lines.taps)
                aim_at_masks(job, masks, q, &lines.taps)
                lines.x = source(&job.x, x_line + (q - p), x + q * item)
                lines.g = source(&job.g, g_line + (q - p), g + q * item)
                lines.y = target(&job.y, y_line, y + q * item)
                around.first = q
                if job.g.staged and job.task != TANGENT:
                    for line in range(lines.count):
                        gather(&job.g, g + line * g_pitch + q * job.g.inner, g_line + line * plan.kept_pitch + (q - p),
                               lines.length)
                if job.pairs:
                    normalize_pairs(formula, &lines)
                elif job.task == FORWARD:
                    normalize(formula, squares_from, &lines)
                elif job.backward:
                    lines.t = second[0] + plan.lead + (q - p + ahead)
                    lines.gp = gain + plan.lead + (q - p + ahead)
                    gains(formula, squares_from, &lines)
                elif job.task == TANGENT:
                    aim_at_positions(window, second, &plan, inner, q - p + ahead, &lines.products)
                    aim_at_masks(job, masks, q, &lines.products)
                    tangents(formula, squares_from, &lines)
                else:
                    total_up(formula, squares_from, &lines)
            o = q
            o_end = q_end
            if job.backward:
                if plan.step < plan.span:
                    done = min(max(<Py_ssize_t>0, q_end - p + ahead), plan.step)
                    clear(second[0] + plan.lead + done, plan.step - done)
                climb_stream(window, second, 0, &plan, inner, lines.count)
                o = max(<Py_ssize_t>0, p - ahead - behind)
                o_end = min(slab, end - ahead - behind)
                if o < o_end:
                    lines.length = o_end - o
                    aim_at_positions(window, second, &plan, inner, o - p + ahead + behind, &lines.taps)
                    aim_at_masks(job, reflected_masks, o, &lines.taps)
                    lines.x = source(&job.x, x_line + (o - p), x + o * item)
                    lines.g = source(&job.g, g_line + (o - p), g + o * item)
                    around.first = o
                    lines.y = target(&job.y, y_line, y + o * item)
                    lines.gp = gain + plan.lead + (o - p + ahead)
                    combine(formula, False, &lines)
            if job.y.staged and o < o_end:
                for line in range(lines.count):
                    scatter(&job.y, y_line + line * plan.pitch, y + line * y_pitch + o * job.y.inner, o_end - o)
            if plan.step < plan.span:
                for i in range(buffers):
                    carry(squares[i], &plan)
                if job.second:
                    for i in range(window.levels):
                        carry(second[i], &plan)
                if job.backward:
                    carry(gain, &plan)
                if job.x.staged:
                    carry_elements(x_line, &plan)
                if job.g.staged:
                    carry_elements(g_line, &plan)
            p = end
        x += lines.count * x_pitch
        g += lines.count * g_pitch
        y += lines.count * y_pitch
        first += lines.count
