# How the threads of a call share its work. Tasks are alike, in order, and each thread has as many as any other:
#
#     rows of panels (walk_rows): a slab is cut along its inner axis into panels, and each of these has a task a channel
#     grains of slabs (walk_stream): some positions each
#
# So a thread has the end of a panel, whole ones, and the beginning of another. What it has of one is a stretch; one
# slab of 6 channels in two panels for three threads:
#
#     channel    panel 0     panel 1
#       0        thread 0    thread 1
#       1        thread 0    thread 1
#       2        thread 0    thread 2
#       3        thread 0    thread 2
#       4        thread 1    thread 2
#       5        thread 1    thread 2
#
# Where two stretches of a panel meet, at a seam, both read the rows within reach of their windows and make the same
# sums of them, and under reflected windows the same t: bits do not depend on seams. Results in the place of an operand
# would overwrite those rows, so panels are whole then, and so they are of windows that hold every channel.
#
# Few panels have many seams, many have short rows and neighbours that write to the same cache lines. The number is the
# one that takes the least time by the costs below, of those that leave no thread a fifth more to do than another.

cdef extern from *:
    Py_ssize_t WHOLE "PY_SSIZE_T_MAX"   # rows, or positions


cdef enum:
    # A row's calls, and both its ends in cache lines of two threads, take the time of so many bytes of it
    ROW_TURN_BYTES = 384
    BORDER_BYTES = 256
    # a stretch that is not whole, in bytes of what it computes
    STRETCH_BYTES = 2048
    LINE_BYTES = 64
    LINES_OF_TILE = 8       # tiles of fewer cache lines do not begin at whole ones
    # What goes straight down the columns of whole panels has no rows' turns, takes so many percent of rows' bytes, and
    # meets the other thread's cache lines all at once.
    STRAIGHT_FORWARD = 77
    STRAIGHT_BACKWARD = 59
    STRAIGHT_BORDER_BYTES = 600


# Where part `part` of `count` things in `parts` begins: the last ones may have one thing less.
cdef inline Py_ssize_t begin_of(Py_ssize_t count, Py_ssize_t parts, Py_ssize_t part) noexcept nogil:
    # not count * part, which may overflow
    return count // parts * part + min(part, count % parts)


# Where tile `index` of a slab begins. The first ones may be narrower than the others, for the last one may lack a part
# of its last unit.
cdef inline Py_ssize_t tile_begin(const Job* job, const Grid* grid, Py_ssize_t index) noexcept nogil:
    cdef Py_ssize_t tiles = grid.panels * grid.tiles, units = (job.inner + grid.unit - 1) // grid.unit
    return min(job.inner, (units - begin_of(units, tiles, tiles - index)) * grid.unit)


cdef inline Py_ssize_t panel_width(const Job* job, const Grid* grid, Py_ssize_t panel) noexcept nogil:
    return tile_begin(job, grid, (panel + 1) * grid.tiles) - tile_begin(job, grid, panel * grid.tiles)


cdef inline Py_ssize_t most_of(Py_ssize_t count, Py_ssize_t parts) noexcept nogil:
    return (count + parts - 1) // parts


# What the rows in reach of a stretch take, in rows with results, or in channels of a stream: they enter, and of as many
# t is made.
cdef inline double cost_of_seam(const Job* job) noexcept nogil:
    return (job.before + job.after) * (0.75 if job.op.late else 0.25)


cdef inline bint may_cut(const Job* job, const Grid* grid) noexcept nogil:
    return not (job.whole or grid.tiled or grid.adjoining or is_in_place(job))


# `tiles` of a slab or more, in so many panels, with a task for each `grain` rows
cdef void set_panels(const Job* job, Grid* grid, Py_ssize_t tiles, Py_ssize_t panels, Py_ssize_t grain) noexcept nogil:
    cdef Py_ssize_t line = LINE_BYTES // job.operand[Y].item
    grid.panels = panels
    grid.tiles = most_of(tiles, panels)
    grid.unit = line if job.inner // line // (panels * grid.tiles) >= LINES_OF_TILE else 1
    grid.grain = grain
    grid.cuts = job.channels if grain == 1 else 1


# What the thread with the most to do takes then, in bytes of a row; many times that where it has a fifth more to do
# than another
cdef double time_of_rows(const Job* job, const Grid* grid, int threads) noexcept nogil:
    cdef Py_ssize_t tasks = job.slabs * grid.panels * grid.cuts, most = most_of(tasks, threads)
    cdef Py_ssize_t last = panel_width(job, grid, grid.panels - 1)
    cdef Py_ssize_t narrowest = min(last, panel_width(job, grid, 0))
    cdef Py_ssize_t widest = max(last, panel_width(job, grid, max(grid.panels - 2, <Py_ssize_t>0)))
    cdef double rows = most if grid.cuts > 1 else most * <double>job.channels
    cdef double row = widest * <double>sizeof(real) + grid.tiles * ROW_TURN_BYTES, more = 0
    if job.straight and grid.cuts == 1:
        row = round_up(widest, LANES) * <double>sizeof(real)
        row *= (STRAIGHT_BACKWARD if job.op.late else STRAIGHT_FORWARD) / 100.0
        if grid.panels > 1:
            row += STRAIGHT_BORDER_BYTES
    elif grid.panels > 1:
        row += BORDER_BYTES
    if grid.cuts > 1:
        more = cost_of_seam(job) * row + STRETCH_BYTES
    if most * <double>widest > 1.2 * (tasks // threads) * narrowest:
        row *= 1000
    return rows * row + more


cdef Py_ssize_t common_divisor(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    while b:
        a, b = b, a % b
    return a


# Rows in `tiles` of a slab or more
cdef rare split_rows(Job* job, Grid* grid, Py_ssize_t tiles, int threads) noexcept nogil:
    cdef Py_ssize_t limit = min(max(job.inner // LANES, <Py_ssize_t>1), <Py_ssize_t>threads), panels = 1
    cdef Py_ssize_t exact = threads // common_divisor(threads, job.slabs), found = 1, grain = WHOLE, i
    cdef double time, least = INFINITY
    if threads == 1 or grid.tiled:
        if job.slabs % threads and job.inner >= 4 * LANES * threads:
            tiles = round_up(tiles, threads)
        job.tile = min(job.inner, round_up(most_of(job.inner, tiles), LANES))
        set_panels(job, grid, 1, most_of(job.inner, job.tile), WHOLE)
        grid.unit = job.tile
        return
    while panels <= limit:
        for i in range(2 if may_cut(job, grid) else 1):
            set_panels(job, grid, tiles, panels, 1 if i else WHOLE)
            time = time_of_rows(job, grid, threads)
            if time < least:
                least, found, grain = time, panels, grid.grain
        panels = exact if panels < exact < 2 * panels else 2 * panels
    set_panels(job, grid, tiles, found, grain)
    tiles = found * grid.tiles
    job.tile = max(job.inner - tile_begin(job, grid, tiles - 1),
                   tile_begin(job, grid, tiles - 1) - tile_begin(job, grid, max(tiles - 2, <Py_ssize_t>0)))


# Positions of a stream. Slabs of one chunk are whole.
cdef rare split_positions(Job* job, Grid* grid, int threads) noexcept nogil:
    cdef double slab = job.channels * job.inner, cut, whole = most_of(job.slabs, threads) * slab
    set_panels(job, grid, 1, 1, WHOLE)
    if threads == 1 or not may_cut(job, grid) or (job.channels + job.after + job.behind) * job.inner <= job.chunk:
        return
    cut = job.slabs * slab / threads + cost_of_seam(job) * job.inner + STRETCH_BYTES // <Py_ssize_t>sizeof(real)
    if cut < whole:
        # lines of what slides are whole channels
        grid.grain = job.inner if job.slides else LINE_BYTES // job.operand[Y].item
        grid.cuts = most_of(job.channels * job.inner, grid.grain)


# What a thread has of a panel, rows or positions from `first` to `end` - 1; or `count` slabs of a stream
cdef struct Stretch:
    Py_ssize_t slab
    Py_ssize_t panel
    Py_ssize_t first
    Py_ssize_t end
    Py_ssize_t count


# The one that begins with task `task`. Returns the first task behind it, at most `last`.
cdef Py_ssize_t take_stretch(const Job* job, const Grid* grid, Py_ssize_t task, Py_ssize_t last,
                             Stretch* stretch) noexcept nogil:
    cdef Py_ssize_t panel = task // grid.cuts, cut = task % grid.cuts, cuts = min(grid.cuts - cut, last - task)
    cdef Py_ssize_t nearest
    stretch.slab = panel // grid.panels
    stretch.panel = panel % grid.panels
    stretch.first = cut * grid.grain
    stretch.end = (cut + cuts) * grid.grain if grid.cuts > 1 else WHOLE
    stretch.count = 1
    if job.streamed and not grid.tiled and grid.dims and cuts == grid.cuts:
        nearest = grid.axes[grid.dims - 1].length
        stretch.count = min((last - task) // cuts, nearest - stretch.slab % nearest)
    return task + stretch.count * cuts


# Results of tasks `task` to `last` - 1; of boxes in lines
cdef Py_ssize_t results_of(const Job* job, const Grid* grid, Py_ssize_t task, Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t results = 0
    cdef Stretch stretch
    while task < last:
        task = take_stretch(job, grid, task, last, &stretch)
        if job.streamed and not grid.tiled:
            results += (min(stretch.end, job.channels * job.inner) - stretch.first) * stretch.count
        else:
            results += (min(stretch.end, job.channels) - stretch.first) * panel_width(job, grid, stretch.panel)
    return results
