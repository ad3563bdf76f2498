# The walk for windows over several axes (box.pxi): along the first of them, a row at a time, by the timeline of
# walk_rows. What enters is summed along the row's own sides first, and so is what `ready` makes for the reflected
# windows (before = after = 2):
#
#     step   enters    along                     ready          late
#      0     x[0]      squares of 0
#      1     x[1]      squares of 1
#      2     x[2]      squares of 2, t of 0      windows of 0
#      3     x[3]      squares of 3, t of 1      windows of 1
#      4     x[4]      squares of 4, t of 2      windows of 2   reflected windows of 0
#      ...
#
# Hooks run over the lines, without the zeros between them; sums run over whole rows.

cdef enum:
    INPUTS = 3


cdef struct BoxRows:
    Rows rows
    Shape shape
    real* input[SETS][INPUTS]       # of the passes along a row: of the first, and of the others in turn
    real* level[SETS][MAX_LEVELS]   # theirs, above the first
    Py_ssize_t pitch[OPERANDS]      # bytes from line to line
    int squared                     # where squares are summed as they enter: how far windows reach both ways


cdef Py_ssize_t box_scratch(const Job* job) noexcept nogil:
    cdef Shape shape
    cdef Py_ssize_t buffers = sets_of(job.op) * (levels_along(job.box) - 1 + min(job.box.passes, <int>INPUTS))
    shape_row(job.box, job.box.batch, &shape)
    return rows_with(job, x_depth(job), g_depth(job)) * row_pitch(shape.size) + buffers * padded(&shape)


# One loop squares and sums where windows are short and of adjacent elements.
cdef int reach_of_squares(const Job* job) noexcept nogil:
    cdef const Side* side = &job.box.side[job.box.sides - 1]
    if (SHIFTS_LANES and job.op.enter == square and job.box.passes == 1 and not job.box.together
            and side.before == side.after and 1 <= side.before <= 2):
        return <int>side.before
    return 0


cdef void take_box_rows(const Job* job, const Piece* piece, BoxRows* box, real* scratch) noexcept nogil:
    cdef const Shape* shape = &box.shape
    cdef int which, level
    shape_row(job.box, piece.count, &box.shape)
    clear(scratch, box_scratch(job))
    for which in range(sets_of(job.op)):
        for level in range(min(job.box.passes, <int>INPUTS)):
            box.input[which][level] = scratch + shape.lead
            scratch += padded(shape)
        for level in range(1, levels_along(job.box)):
            box.level[which][level] = scratch + shape.lead
            scratch += padded(shape)
    box.squared = reach_of_squares(job)
    take_rows(job, &box.rows, row_pitch(shape.size), scratch)
    for which in range(OPERANDS):
        box.pitch[which] = shape.pitch * <Py_ssize_t>sizeof(real)
        if not job.operand[which].staged and job.box.sides > 1 + job.box.together:
            box.pitch[which] = job.box.side[job.box.sides - 2 - job.box.together].axis.stride[which]


# Copies a row into scratch, or out of it.
cdef void move_row(const Job* job, const Shape* shape, int which, char* at, real* row, bint leave) noexcept nogil:
    cdef const Box* box = job.box
    cdef const Operand* operand = &job.operand[which]
    cdef int last = box.sides - 1, lines = max(last - 1, 0), i
    cdef Py_ssize_t groups = 1, group, rest, along, place, offset
    cdef Passage way = Passage(array=at, apart=0, scratch=row, pitch=0, squares=NULL, squares_pitch=0,
                               length=shape.length[last], count=1)
    if last:
        way.count = shape.length[lines]
        way.apart = box.side[lines].axis.stride[which]
        way.pitch = shape.apart[lines]
    for i in range(lines):
        groups *= shape.length[i]
    for group in range(groups):
        rest = group
        place = offset = 0
        for i in range(lines - 1, -1, -1):
            along = rest % shape.length[i]
            rest //= shape.length[i]
            place += along * shape.apart[i]
            offset += along * box.side[i].axis.stride[which]
        way.array = at + offset
        way.scratch = row + place
        if leave:
            scatter_lines(operand, &way)
        else:
            gather_lines(operand, &way)


# Row c, the newest; in scratch, if the operand is staged
cdef inline real* box_arrived(const Job* job, const BoxRows* box, const Piece* piece, int which,
                              Py_ssize_t c) noexcept nogil:
    cdef real* row = row_of(job, &box.rows, piece, which, c, 0)
    if job.operand[which].staged:
        move_row(job, &box.shape, which, piece.at[which] + c * job.operand[which].channel, row, False)
    return row


# `offset` bytes on, if there is something
cdef inline void* moved_on(const void* at, Py_ssize_t offset) noexcept nogil:
    return <char*>at + offset if at != NULL else NULL


# Calls a hook on the lines of a row, group by group.
cdef void on_lines(const Job* job, const Shape* shape, Hook hook, Lines* lines) noexcept nogil:
    cdef Py_ssize_t number, place, offset
    cdef Py_ssize_t offsets[OPERANDS]
    cdef Lines group
    cdef int which, i
    lines.count = shape.count
    lines.length = shape.line
    lines.around.vicinity.group = <const char*>lines.x
    lines.around.vicinity.place = 0
    if shape.groups == 1:
        hook(&job.formula, lines)
        return
    for number in range(shape.groups):
        locate_group(job.box, shape, number, &place, offsets)
        for which in range(OPERANDS):
            if job.operand[which].staged:
                offsets[which] = place * <Py_ssize_t>sizeof(real)
        offset = place * <Py_ssize_t>sizeof(real)
        group = lines[0]
        group.entering = <const real*>moved_on(lines.entering, offsets[X])
        group.entering_g = <const real*>moved_on(lines.entering_g, offsets[G])
        group.x = <const real*>moved_on(lines.x, offsets[X])
        group.g = <const real*>moved_on(lines.g, offsets[G])
        group.y = <real*>moved_on(lines.y, offsets[Y])
        group.t = <real*>moved_on(lines.t, offset)
        group.gp = <real*>moved_on(lines.gp, offset)
        for which in range(SETS):
            group.taps[which].level[0] = <real*>moved_on(lines.taps[which].level[0], offset)
            for i in range(job.window.taps):
                group.taps[which].line[i] = <const real*>moved_on(lines.taps[which].line[i], offset)
        lines.around.vicinity.group = <const char*>group.x
        lines.around.vicinity.place = place
        hook(&job.formula, &group)


cdef inline int input_of(int number) noexcept nogil:
    return 2 - (number & 1) if number else 0


# Sums along the row itself, of sets `first` to `last` - 1, into their newest rows; reflected windows are those of what
# is late.
cdef void sum_row(const Job* job, BoxRows* box, int first, int last, bint reflected, Lines* lines) noexcept nogil:
    cdef const Shape* shape = &box.shape
    cdef const Side* side
    cdef Taps* taps
    cdef Py_ssize_t apart, ahead
    cdef int number, which, i
    lines.count = 1
    for number in range(job.box.passes):
        side = &job.box.side[job.box.summed[number]]
        apart = shape.apart[job.box.summed[number]]
        ahead = (side.before if reflected else side.after) * apart
        for which in range(first, last):
            taps = &lines.taps[which]
            taps.count = side.window.taps
            taps.levels = side.window.levels
            taps.level[0] = box.input[which][input_of(number)]
            for i in range(1, taps.levels):
                taps.level[i] = box.level[which][i]
                taps.earlier[i][0] = taps.level[i - 1] - side.window.span[i - 1] * apart
                taps.earlier[i][1] = taps.level[i - 1] - 2 * side.window.span[i - 1] * apart
            for i in range(taps.count):
                taps.line[i] = taps.level[side.window.level[i]] + ahead - side.window.lag[i] * apart
            lines.along[which] = ring_row(&box.rows.sums[which][0], 0)
            if number < job.box.passes - 1:
                lines.along[which] = box.input[which][input_of(number + 1)]
        job.op.climb(lines, first, last, shape.size + ahead)
        job.op.along(lines, first, last, shape.size)


# A new newest row of sets `first` to `last` - 1, and the windows that end there. It is zero behind the last row.
cdef void next_row(const Job* job, BoxRows* box, int first, int last, bint inside, Py_ssize_t r,
                   Lines* lines) noexcept nogil:
    cdef int which, level
    for which in range(first, last):
        for level in range(job.window.levels):
            advance(&box.rows.sums[which][level])
    if inside and first == SQUARES and box.squared:
        lines.count = box.shape.count
        lines.length = box.shape.line
        sum_squares_along(lines, box.squared, ring_row(&box.rows.sums[SQUARES][0], 0))
    elif inside:
        sum_row(job, box, first, last, first == SECOND, lines)
    for which in range(first, last):
        if not inside:
            clear(ring_row(&box.rows.sums[which][0], 0), box.shape.size)
        aim_at_rows(&job.window, box.rows.sums[which], box.rows.zeros, r, &lines.taps[which])
        lines.taps[which].count = job.window.taps
        lines.taps[which].levels = job.window.levels
    if box.shape.groups == 1:
        lines.count = box.shape.count
        job.op.climb(lines, first, last, box.shape.line)
    else:
        lines.count = 1
        job.op.climb(lines, first, last, box.shape.size)


cdef inline void stand_at(Vicinity* vicinity, Py_ssize_t row, const Lines* lines) noexcept nogil:
    vicinity.row = row
    vicinity.at[X] = <const char*>lines.x
    vicinity.at[G] = <const char*>lines.g


cdef void walk_box(const Job* job, const Piece* piece, const Room* room) noexcept nogil:
    cdef const Operator* op = job.op
    cdef Py_ssize_t r, c, o
    cdef bint has
    cdef BoxRows box
    cdef Rows* rows = &box.rows
    cdef Lines lines
    cdef Around around = around_of(job, room)
    cdef Vicinity vicinity
    cdef int which
    take_box_rows(job, piece, &box, room.scratch)
    if job.operand[X].staged:
        around.x = around_ring(&rows.staged[X])
    if job.operand[G].staged:
        around.g = around_ring(&rows.staged[G])
    around.vicinity = &vicinity
    set_vicinity(&vicinity, job, &box.shape, &around)
    # what is not there yet is NULL
    memset(&lines, 0, sizeof(lines))
    lines.around = &around
    lines.totals = room.totals
    lines.x_pitch = box.pitch[X]
    lines.g_pitch = box.pitch[G]
    lines.y_pitch = box.pitch[Y]
    lines.pitch = box.shape.pitch
    lines.source = STORED

    around.channels = piece.length
    for r in range(piece.end + job.after + job.behind):
        c = r - job.after
        o = c - job.behind
        advance(&rows.staged[X])
        if op.g_enters or c >= 0:
            advance(&rows.staged[G])
        if c < piece.length:
            if r < piece.length:
                lines.entering = box_arrived(job, &box, piece, X, r)
                if op.g_enters:
                    lines.entering_g = box_arrived(job, &box, piece, G, r)
                if not box.squared:
                    for which in range(op.entering):
                        lines.taps[which].level[0] = box.input[which][0]
                    on_lines(job, &box.shape, op.enter, &lines)
            next_row(job, &box, 0, op.entering, r < piece.length, r, &lines)
        if c < 0:
            continue
        # has it results, or t that some add up?
        has = piece.first - (job.after if op.late else 0) <= c < min(piece.length, piece.end + job.behind)

        if c < piece.length:
            lines.x = row_of(job, rows, piece, X, c, job.after)
            if op.g_enters:
                lines.g = row_of(job, rows, piece, G, c, job.after)
            elif op.reads_g:
                lines.g = box_arrived(job, &box, piece, G, c)
            if op.late:
                advance(&rows.gain)
                lines.t = box.input[SECOND][0]
                lines.gp = ring_row(&rows.gain, 0)
            else:
                lines.y = row_of(job, rows, piece, Y, c, 0)
            stand_at(&vicinity, c, &lines)
            if has:
                on_lines(job, &box.shape, op.ready, &lines)
        elif op.late:
            advance(&rows.gain)

        if op.late:
            next_row(job, &box, SECOND, SETS, has, c, &lines)
            if o < piece.first:
                continue
            lines.x = row_of(job, rows, piece, X, o, job.after + job.behind)
            lines.g = row_of(job, rows, piece, G, o, job.behind)
            lines.gp = ring_row(&rows.gain, job.behind)
            lines.y = row_of(job, rows, piece, Y, o, 0)
            stand_at(&vicinity, o, &lines)
            on_lines(job, &box.shape, op.late, &lines)
        elif not has:
            continue
        if job.operand[Y].staged:
            move_row(job, &box.shape, Y, piece.at[Y] + o * job.operand[Y].channel, lines.y, True)
