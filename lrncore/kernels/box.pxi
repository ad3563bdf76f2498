# Windows over several axes: boxes. The walk goes along the first window axis; what lies beneath one of its places is a
# row, along which the other windows are summed, the last axis first, so that the order of additions does not depend on
# how the arrays lie in memory.
#
# A row of an NCHW array under axes (2, 3) is a line of W from each of some planes, of an NHWC one under (1, 2) the
# W * C elements that lie together. In scratch it is flat: places of an axis are `apart` elements apart, with zeros after
# the last one for as far as its windows reach, so that one loop over the whole row sums them. What that makes of the
# zeros themselves is never read.

# One axis of a row
cdef struct Side:
    Py_ssize_t length
    Py_ssize_t stride[OPERANDS]
    Py_ssize_t before       # 0, as `after`, if the window is none of its
    Py_ssize_t after
    Window window


# A row, as a call has it
cdef struct Box:
    int sides               # the farthest first,
    Side side[MAX_DIMS]
    int passes              # those along which windows are summed, in that order
    int summed[MAX_DIMS]
    bint together           # the last two sides are one line
    bint batched            # the first side is of slabs, `batch` of them in a row
    bint tiled              # the last side is of elements outside windows, `tile` of them in a row
    Py_ssize_t batch
    Py_ssize_t batches
    Py_ssize_t tile


# A row as it lies in scratch
cdef struct Shape:
    Py_ssize_t length[MAX_DIMS]
    Py_ssize_t apart[MAX_DIMS]
    Py_ssize_t line         # elements of a line,
    Py_ssize_t pitch        # from one to the next,
    Py_ssize_t count        # so many of them in a group,
    Py_ssize_t groups       # of which there are so many
    int grouped             # sides outside a group
    Py_ssize_t size         # of the row,
    Py_ssize_t lead         # and of zeros before and behind it


# The zeros between two lines are those behind the one and before the other.
cdef inline Py_ssize_t margin_of(const Side* side) noexcept nogil:
    return max(side.before, side.after)


# `batch` slabs and `tile` elements: those of a piece, which may be fewer than the call's
cdef void shape_row(const Box* box, Py_ssize_t batch, Py_ssize_t tile, Shape* shape) noexcept nogil:
    cdef int i, last = box.sides - 1, lines
    cdef Py_ssize_t block = 1
    shape.lead = 0
    for i in range(last, -1, -1):
        shape.length[i] = box.side[i].length
        if i == 0 and box.batched:
            shape.length[i] = batch
        if i == last and box.tiled:
            shape.length[i] = tile
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


# The elements of a buffer of one row, with the zeros around it
cdef inline Py_ssize_t padded(const Shape* shape) noexcept nogil:
    return 2 * shape.lead + shape.size + 64 // <Py_ssize_t>sizeof(real)


# The place of group `number` of lines: in the row, and in bytes from an operand's first element of it
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
            offsets[which] += along * box.side[i].stride[which]


# ---- which axes make a row -----------------------------------------------------------------------------------------

cdef enum:
    # boxes: rows of fewer bytes take more than one slab, or calls of hooks would show; beyond the caches few slabs,
    # since each is a stream of its own to the prefetcher (Zen 4, November 2026).
    BOX_ROW_BYTES = 4096
    FAR_BOX_ROW_BYTES = 1024
    # lines of fewer vectors are not walked apart
    BOX_LINE_VECTORS = 4


# Takes the nearest of the outer axes out of the grid.
cdef void take_nearest(Grid* grid, Side* side) noexcept:
    cdef int which
    grid.dims -= 1
    side.length = grid.axes[grid.dims].length
    side.before = side.after = 0
    for which in range(OPERANDS):
        side.stride[which] = grid.axes[grid.dims].stride[which]


cdef inline Py_ssize_t farthest_side(const Side* side) noexcept nogil:
    cdef Py_ssize_t far = 0
    cdef int i
    for i in range(OPERANDS):
        far = max(far, side.stride[i], -side.stride[i])
    return far


cdef inline bint side_adjacent(const Side* side, Py_ssize_t apart) noexcept nogil:
    return side.stride[X] == apart and side.stride[G] == apart and side.stride[Y] == apart


# The sides of a row from the window axes but the first, and of the outer axes of the grid one of adjacent elements.
cdef void choose_sides(Box* box, Grid* grid, Py_buffer** views, const Request* request, int threads) noexcept:
    cdef Py_ssize_t item = sizeof(elem), row, most = BOX_ROW_BYTES, bytes = sizeof(elem)
    cdef Side* side
    cdef Side other
    cdef int i, j, which
    box.sides = box.passes = 0
    box.batched = box.tiled = box.together = False
    for i in range(1, request.count):
        side = &box.side[box.sides]
        side.length = views[Y].shape[request.axes[i]]
        side.before = min(request.before, side.length - 1)
        side.after = min(request.after, side.length - 1)
        for which in range(OPERANDS):
            side.stride[which] = views[which].strides[request.axes[i]]
        plan_window(&side.window, side.before + side.after + 1)
        box.summed[box.sides] = request.count - 1 - i
        box.sides += 1
    box.passes = box.sides
    # the farthest first; `summed` follows
    for i in range(1, box.sides):
        for j in range(i, 0, -1):
            if farthest_side(&box.side[j - 1]) >= farthest_side(&box.side[j]):
                break
            other = box.side[j]
            box.side[j] = box.side[j - 1]
            box.side[j - 1] = other
            for which in range(box.passes):
                if box.summed[which] == j:
                    box.summed[which] = j - 1
                elif box.summed[which] == j - 1:
                    box.summed[which] = j
    side = &box.side[box.sides - 1]
    if not side_adjacent(side, item) and grid.dims and farthest(&grid.axes[grid.dims - 1]) < farthest_side(side):
        take_nearest(grid, &box.side[box.sides])
        box.sides += 1
        box.tiled = True
        side = &box.side[box.sides - 1]
        box.together = (side_adjacent(side - 1, side.length * item) and side_adjacent(side, item)
                        or side.length < BOX_LINE_VECTORS * LANES)
    box.tile = side.length
    if box.tiled and grid.dims == 0 and side.length >= 2 * LANES:
        # one image: a piece of its channels for each thread
        box.tile = round_up((side.length + threads - 1) // threads, LANES)
        box.together = box.together and box.tile >= side.length
    for i in range(views[Y].ndim):
        bytes *= views[Y].shape[i]
    if bytes >= FAR_BYTES:
        most = FAR_BOX_ROW_BYTES
    row = 1
    for i in range(box.sides):
        row *= box.side[i].length + margin_of(&box.side[i])
    box.batch = 1
    if box.sides == 1 + box.together and row * item < most and grid.dims:
        for i in range(box.sides, 0, -1):
            box.side[i] = box.side[i - 1]
        box.sides += 1
        for i in range(box.passes):
            box.summed[i] += 1
        take_nearest(grid, &box.side[0])
        box.batched = True
        box.batch = max(most // (row * item), <Py_ssize_t>1)
        box.batch = min(box.batch, (box.side[0].length + threads - 1) // threads)


# The most elements that a window has along a row
cdef Py_ssize_t elements_along(const Box* box) noexcept:
    cdef Py_ssize_t elements = 1
    cdef const Side* side
    cdef int i
    for i in range(box.sides):
        side = &box.side[i]
        elements *= min(side.before + side.after + 1, side.length)
    return elements


cdef int levels_along(const Box* box) noexcept nogil:
    cdef int levels = 1, i
    for i in range(box.passes):
        levels = max(levels, box.side[box.summed[i]].window.levels)
    return levels


# Has an operand to be copied for its rows to lie as lines want them?
cdef bint lies_apart(const Box* box, int which) noexcept:
    cdef const Side* last = &box.side[box.sides - 1]
    cdef int lines = box.sides - 2 - box.together
    if last.stride[which] != <Py_ssize_t>sizeof(elem) or (lines >= 0 and box.side[lines].stride[which] == 0):
        return True
    return box.together and (box.tile < last.length
                             or box.side[box.sides - 2].stride[which] != last.length * last.stride[which])


# What a call of `threads` threads does at a time
cdef void lay_out_box(Job* job, Box* box, Grid* grid, int threads) noexcept:
    cdef const Side* last = &box.side[box.sides - 1]
    cdef Operand* operand
    cdef int which, i
    job.streamed = job.scattered = job.adjoining = job.far = False
    job.source = STORED
    job.slabs = 1
    for i in range(grid.dims):
        job.slabs *= grid.axes[i].length
    box.batches = 1
    if box.batched:
        box.batches = (box.side[0].length + box.batch - 1) // box.batch
    grid.tiles = (last.length + box.tile - 1) // box.tile
    job.slabs *= box.batches
    job.tile = box.tile
    for which in range(OPERANDS):
        operand = &job.operand[which]
        operand.channel = grid.channel.stride[which]
        operand.inner = last.stride[which]
        operand.staged = operand.swapped or operand.overwritten or lies_apart(box, which)
    job.operand[G].staged = job.operand[G].staged and job.op.reads_g
    job.operand[Y].staged = job.operand[Y].staged and job.op.writes


# Moves a piece, whose operands are at the beginning of the arrays, to that of a task.
cdef void take_piece(const Grid* grid, const Box* box, Py_ssize_t task, Piece* piece) noexcept nogil:
    cdef const Side* last = &box.side[box.sides - 1]
    cdef Py_ssize_t tile = task % grid.tiles * box.tile, batch, slab = task // grid.tiles
    cdef int which
    batch = slab % box.batches * box.batch
    slab //= box.batches
    piece.length = min(box.tile, last.length - tile)
    piece.count = min(box.batch, box.side[0].length - batch)
    for which in range(OPERANDS):
        piece.at[which] += offset_of(grid, which, grid.dims, slab) + tile * last.stride[which]
        if box.batched:
            piece.at[which] += batch * box.side[0].stride[which]
