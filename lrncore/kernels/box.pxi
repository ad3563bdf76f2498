# Windows over several axes: boxes. The walk goes along the first window axis; what lies beneath one of its places is a
# row, along which the other windows are summed, the last axis first, so that the order of additions does not depend on
# how the arrays lie in memory.
#
# A row of an NCHW array under axes (2, 3) is a line of W from each of some planes, of an NHWC one under (1, 2) the
# W * C elements that lie together. In scratch it is flat: places of a side are `apart` elements apart, with zeros
# behind the last one for as far as its windows reach, so that one loop over the whole row sums them. The sums that the
# loop writes at those zeros are never read.

# One axis of a row
cdef struct Side:
    Axis axis
    Py_ssize_t before       # both 0 where no windows are summed along it
    Py_ssize_t after
    Window window


# The rows of a call
cdef struct Box:
    int sides
    Side side[MAX_DIMS]     # those with the farthest strides first
    int passes
    int summed[MAX_DIMS]    # the side that each pass sums along
    bint together           # the last two sides are one line
    bint batched            # the first side is of slabs, `batch` of them in a row
    Py_ssize_t batch
    Py_ssize_t batches
    Py_ssize_t stretch      # rows with results that a piece has
    Py_ssize_t stretches


# A row as it lies in scratch, in elements
cdef struct Shape:
    Py_ssize_t length[MAX_DIMS]     # of each side,
    Py_ssize_t apart[MAX_DIMS]      # and from one of its places to the next
    Py_ssize_t line         # length of a line,
    Py_ssize_t pitch        # from one to the next,
    Py_ssize_t count        # lines in a group,
    Py_ssize_t groups       # groups,
    int grouped             # and the sides that number them
    Py_ssize_t size         # of the row,
    Py_ssize_t lead         # of the zeros before it, and of those behind it


# Zeros behind a side: also those before what follows.
cdef inline Py_ssize_t margin_of(const Side* side) noexcept nogil:
    return max(side.before, side.after)


# Of a piece with `batch` slabs, which may be fewer than the call's
cdef void shape_row(const Box* box, Py_ssize_t batch, Shape* shape) noexcept nogil:
    cdef int i, last = box.sides - 1, lines
    cdef Py_ssize_t block = 1
    shape.lead = 0
    for i in range(last, -1, -1):
        shape.length[i] = box.side[i].axis.length
        if i == 0 and box.batched:
            shape.length[i] = batch
        shape.apart[i] = block
        block *= shape.length[i] + margin_of(&box.side[i])
        shape.lead = max(shape.lead, (box.side[i].before + box.side[i].after) * shape.apart[i])
        if i == last - box.together:
            # lines begin at whole vectors of every type that looks at them
            block = round_up(block, 64 // <Py_ssize_t>sizeof(real))
    lines = last - box.together
    shape.line = shape.length[last] * (shape.length[lines] if box.together else 1)
    shape.pitch = block if lines == 0 else shape.apart[lines - 1]
    shape.count = 1 if lines == 0 else shape.length[lines - 1]
    shape.grouped = max(lines - 1, 0)
    shape.groups = 1
    for i in range(shape.grouped):
        shape.groups *= shape.length[i]
    shape.size = block
    shape.lead = round_up(shape.lead, 64 // <Py_ssize_t>sizeof(real))


# The elements of a row with the zeros around it, and a vector that begins at its last one
cdef inline Py_ssize_t padded(const Shape* shape) noexcept nogil:
    return 2 * shape.lead + shape.size + 64 // <Py_ssize_t>sizeof(real)


# The place of group `number` of lines, and in bytes from the row's first element in each operand
cdef void locate_group(const Box* box, const Shape* shape, Py_ssize_t number, Py_ssize_t* place,
                       Py_ssize_t* offsets) noexcept nogil:
    cdef Py_ssize_t along
    cdef int i, which
    place[0] = 0
    for which in range(OPERANDS):
        offsets[which] = 0
    for i in range(shape.grouped - 1, -1, -1):
        along = number % shape.length[i]
        number //= shape.length[i]
        place[0] += along * shape.apart[i]
        for which in range(OPERANDS):
            offsets[which] += along * box.side[i].axis.stride[which]


# ---- which axes make a row -----------------------------------------------------------------------------------------

cdef enum:
    # boxes: rows of fewer bytes take more than one slab, or calls of hooks would show; beyond the caches few slabs,
    # since each is a stream of its own to the prefetcher (Zen 4, November 2026).
    BOX_ROW_BYTES = 4096
    FAR_BOX_ROW_BYTES = 1024
    # lines of fewer vectors are not walked apart
    BOX_LINE_VECTORS = 4


# The window axes but the first, the last of them in the first pass
cdef rare set_sides(Box* box, Py_buffer** views, const Request* request) noexcept nogil:
    cdef Side* side
    cdef int i, which
    box.sides = box.passes = request.count - 1
    for i in range(box.sides):
        side = &box.side[i]
        side.axis.length = views[Y].shape[request.axes[i + 1]]
        for which in range(OPERANDS):
            side.axis.stride[which] = views[which].strides[request.axes[i + 1]]
        side.before = min(request.before, side.axis.length - 1)
        side.after = min(request.after, side.axis.length - 1)
        plan_window(&side.window, side.before + side.after + 1)
        box.summed[i] = box.passes - 1 - i


# The farthest first; the order of the passes stays.
cdef rare sort_sides(Box* box) noexcept nogil:
    cdef Side other
    cdef int i, j, which
    for i in range(1, box.sides):
        for j in range(i, 0, -1):
            if farthest(&box.side[j - 1].axis) >= farthest(&box.side[j].axis):
                break
            other = box.side[j]
            box.side[j] = box.side[j - 1]
            box.side[j - 1] = other
            for which in range(box.passes):
                if box.summed[which] == j:
                    box.summed[which] = j - 1
                elif box.summed[which] == j - 1:
                    box.summed[which] = j


# Makes the nearest of the grid's outer axes side `number` of a row, the last one or the first.
cdef rare take_nearest(Grid* grid, Box* box, int number) noexcept nogil:
    cdef int i
    for i in range(box.sides, number, -1):
        box.side[i] = box.side[i - 1]
    for i in range(box.passes):
        if box.summed[i] >= number:
            box.summed[i] += 1
    box.sides += 1
    grid.dims -= 1
    box.side[number].axis = grid.axes[grid.dims]
    box.side[number].before = box.side[number].after = 0


# The sides of a row: the window axes but the first, and of the outer axes of the grid one of adjacent elements.
cdef rare choose_sides(Box* box, Grid* grid, Py_buffer** views, const Request* request, int threads) noexcept nogil:
    cdef Py_ssize_t item = views[Y].itemsize, row, most = BOX_ROW_BYTES, bytes = views[Y].itemsize
    cdef Side* side
    cdef int i
    box.batched = box.together = False
    set_sides(box, views, request)
    sort_sides(box)
    side = &box.side[box.sides - 1]
    if (not adjacent(&side.axis, item) and grid.dims
            and farthest(&grid.axes[grid.dims - 1]) < farthest(&side.axis)):
        take_nearest(grid, box, box.sides)
        side = &box.side[box.sides - 1]
        box.together = (adjacent(&box.side[box.sides - 2].axis, side.axis.length * item) and adjacent(&side.axis, item)
                        or side.axis.length < BOX_LINE_VECTORS * LANES)
    for i in range(views[Y].ndim):
        bytes *= views[Y].shape[i]
    if bytes >= FAR_BYTES:
        most = FAR_BOX_ROW_BYTES
    row = 1
    for i in range(box.sides):
        row *= box.side[i].axis.length + margin_of(&box.side[i])
    box.batch = 1
    if box.sides == 1 + box.together and row * item < most and grid.dims:
        take_nearest(grid, box, 0)
        box.batched = True
        box.batch = max(most // (row * item), <Py_ssize_t>1)
        box.batch = min(box.batch, (box.side[0].axis.length + threads - 1) // threads)


# The most elements that a window has along a row
cdef Py_ssize_t elements_along(const Box* box) noexcept nogil:
    cdef Py_ssize_t elements = 1
    cdef const Side* side
    cdef int i
    for i in range(box.sides):
        side = &box.side[i]
        elements *= min(side.before + side.after + 1, side.axis.length)
    return elements


cdef int levels_along(const Box* box) noexcept nogil:
    cdef int levels = 1, i
    for i in range(box.passes):
        levels = max(levels, box.side[box.summed[i]].window.levels)
    return levels


# Has an operand to be copied for its rows to lie as lines want them?
cdef bint lies_apart(const Box* box, int which, Py_ssize_t item) noexcept nogil:
    cdef const Axis* last = &box.side[box.sides - 1].axis
    cdef int lines = box.sides - 2 - box.together
    if last.stride[which] != item or (lines >= 0 and box.side[lines].axis.stride[which] == 0):
        return True
    return box.together and box.side[box.sides - 2].axis.stride[which] != last.length * last.stride[which]


# What a call of `threads` threads does at a time
cdef rare lay_out_box(Job* job, Box* box, Grid* grid, int threads) noexcept nogil:
    cdef const Axis* last = &box.side[box.sides - 1].axis
    cdef Operand* operand
    cdef int which, i
    job.streamed = job.scattered = job.adjoining = job.far = False
    job.source = STORED
    job.slabs = 1
    for i in range(grid.dims):
        job.slabs *= grid.axes[i].length
    box.batches = 1
    if box.batched:
        box.batches = (box.side[0].axis.length + box.batch - 1) // box.batch
    job.slabs *= box.batches
    grid.panels = grid.cuts = 1
    for which in range(OPERANDS):
        operand = &job.operand[which]
        operand.channel = grid.channel.stride[which]
        operand.inner = last.stride[which]
        operand.ahead = operand.channel
        operand.staged = passes_through(operand) or lies_apart(box, which, operand.item)
    job.operand[G].staged = job.operand[G].staged and job.op.reads_g
    job.operand[Y].staged = job.operand[Y].staged and job.op.writes
    # Stretches of the rows for threads that would have nothing to do. Each reads some rows of its neighbours', which
    # must not have been overwritten.
    box.stretches = 1
    if job.slabs < threads and not is_in_place(job):
        box.stretches = min((threads + job.slabs - 1) // job.slabs,
                            max(job.channels // (4 * (job.before + job.after)), <Py_ssize_t>1))
    box.stretch = (job.channels + box.stretches - 1) // box.stretches
    box.stretches = (job.channels + box.stretch - 1) // box.stretch
    job.slabs *= box.stretches


# Moves a piece, whose operands are at the beginning of the arrays, to that of a task.
cdef void take_piece(const Job* job, const Grid* grid, Py_ssize_t task, Piece* piece) noexcept nogil:
    cdef const Box* box = job.box
    cdef Py_ssize_t begin = task % box.stretches * box.stretch, end = min(begin + box.stretch, job.channels)
    cdef Py_ssize_t slab = task // box.stretches, batch = slab % box.batches * box.batch
    # the rows that these results depend on: of reflected windows, those under the windows of what they add up
    cdef Py_ssize_t low = max(<Py_ssize_t>0, begin - job.before - (job.after if job.op.late else 0))
    cdef Py_ssize_t high = min(job.channels, end + job.after + job.behind)
    cdef int which
    slab //= box.batches
    piece.first = begin - low
    piece.end = end - low
    piece.length = high - low
    piece.count = min(box.batch, box.side[0].axis.length - batch)
    for which in range(OPERANDS):
        piece.at[which] += offset_of(grid, which, grid.dims, slab) + low * grid.channel.stride[which]
        if box.batched:
            piece.at[which] += batch * box.side[0].axis.stride[which]
