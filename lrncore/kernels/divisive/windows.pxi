# Pools of neighbours, with the weights of a row along each of some axes: their sums are sums along one axis after the
# other, in blocks with as many elements around them as windows reach. Elements outside of the array are zeros there, so
# that no border is a case of its own; taps of weight 0 are left out, so that a NaN beyond a window stays outside.
#
# The gradients' windows are the reflected ones: a block has x around it as far as both reach, then pools, gp and t as
# far as the reflected ones do, then dx.

# Zeros in the vectors of a line before, and behind, those that have elements inside
cdef inline void clear_ends(const Windows* job, const Line* line, real* to) noexcept nogil:
    cdef Py_ssize_t i = 0
    while i < line.first:
        store(to + i, splat(0))
        i += LANES
    i = round_up(line.first + line.length, LANES) if line.length else 0
    while i < job.pitch:
        store(to + i, splat(0))
        i += LANES


# The powers of x in a region
cdef void enter_region(const Windows* job, Space* space, const Region* region, real* to, vec* seen) noexcept nogil:
    cdef Py_ssize_t number
    cdef const real* x
    cdef Line line
    first_line(job, space, region, &line)
    for number in range(lines_of(job, region)):
        clear_ends(job, &line, to)
        if line.length:
            x = get_elements(job, X, &line, space.line[0])
            enter_line(&job.formula, x, to + line.first, line.length, line.first % LANES, seen)
            if space.trial.again:
                enter_again(&job.formula, x, to + line.first, line.length, &space.trial)
        to += job.pitch
        next_line(job, region, &line)


# Sums the windows of `region` from what is around it, in buffer `source`; returns the buffer that has them.
cdef int sum_region(const Windows* job, Space* space, const Region* region, bint reflected, int source) noexcept nogil:
    cdef Region wider = around(job, region, reflected)
    cdef Py_ssize_t length[MAX_SIDES]   # of each side, as far as it is summed
    cdef Py_ssize_t outer, inner, span, o
    cdef const Side* side
    cdef int last = job.sides - 1, i, k, t
    for i in range(last):
        length[i] = wider.high[i] - wider.low[i]
    for k in range(job.sides):
        i = job.order[k]
        side = &job.side[i]
        if side.taps == 0:
            continue
        outer, inner = 1, job.pitch
        for t in range(last):
            if t < i or i == last:
                outer *= length[t]
            elif t > i:
                inner *= length[t]
        for t in range(side.taps):
            space.moved[t].weight = side.tap[t].weight
            space.moved[t].offset = side.after - side.tap[t].offset if reflected else side.before + side.tap[t].offset
            if i < last:
                space.moved[t].offset *= inner
        if i == last:
            weighted_sum(space.buffer[source], space.moved, side.taps, space.buffer[1 - source], outer * inner)
        else:
            span = region.high[i] - region.low[i]
            for o in range(outer):
                weighted_sum(space.buffer[source] + o * length[i] * inner, space.moved, side.taps,
                             space.buffer[1 - source] + o * span * inner, span * inner)
            length[i] = span
        source = 1 - source
    return source


cdef inline real sigma_of(const Windows* job, const Space* space, const Line* line) noexcept nogil:
    cdef int of = job.sigma_side
    return job.sigma[space.sigma if of < 0 or of == job.sides - 1 else line.place[of]]


# The sums of a line, from its first element inside on, divided by the masses of their windows, and sigma added
cdef void complete_line(const Windows* job, const Space* space, const Line* line, real* d,
                        bint with_sigma) noexcept nogil:
    cdef int last = job.sides - 1, i, k
    cdef Py_ssize_t at
    cdef const real* mass
    if line.length == 0:
        return
    for k in range(job.sides):
        i = job.order[k]
        mass = job.side[i].mass
        if mass:
            at = line.place[i]
            scale_line(d, mass + at if i == last else NULL, mass[at], line.length)
    if with_sigma:
        mass = job.sigma + line.place[last] if job.sigma_side == last else NULL
        add_line(d, mass, sigma_of(job, space, line), line.length)


cdef bint has_masses(const Windows* job) noexcept nogil:
    cdef int i
    for i in range(job.sides):
        if job.side[i].mass:
            return True
    return False


# The sums of a region, in the buffer that is returned
cdef int pool_region(const Windows* job, Space* space, const Region* region, vec* seen) noexcept nogil:
    cdef Region wider = around(job, region, False)
    enter_region(job, space, &wider, space.buffer[0], seen)
    return sum_region(job, space, region, False, 0)


# Nothing else reads y: it may be written before all pools of a block are known to be in range.
cdef bint normalize_region(const Windows* job, Space* space, const Region* region) noexcept nogil:
    cdef const Formula* f = &job.formula
    cdef Py_ssize_t number
    cdef Inside inside = nothing_outside()
    cdef vec seen = splat(0)
    cdef bint again = space.trial.again
    cdef bint complete = again or f.leaving == ANY or has_masses(job) or job.sigma_side == job.sides - 1
    cdef real* d = space.buffer[pool_region(job, space, region, &seen)]
    cdef const real* x
    cdef real* y
    cdef Line line
    first_line(job, space, region, &line)
    for number in range(lines_of(job, region)):
        x = get_elements(job, X, &line, space.line[0])
        if f.signed_power:
            x = numerators_of(f, x, line.length, &space.trial, &seen)
        if complete:
            complete_line(job, space, &line, d, True)
        if again:
            pools_again(f, d, line.length, &space.trial)
        y = line_to(&job.operand[Y], line.at[Y], NULL, space.line[2])
        inside = leave_line(f, 0 if complete else sigma_of(job, space, &line), x, d, y, line.length, inside)
        if again:
            leave_again(f, x, d, y, line.length)
        write_line(&job.operand[Y], line.at[Y], NULL, y, line.length)
        d += job.pitch
        next_line(job, region, &line)
    return f.leaving == POOL or (all_inside(inside, f.inside) and not any_nan(seen))


# gp and t around a block, t in the place of D
cdef bint weigh_region(const Windows* job, Space* space, const Region* region, real* t, vec seen) noexcept nogil:
    cdef const Formula* f = &job.formula
    cdef Py_ssize_t number, behind
    cdef Inside inside = nothing_outside()
    cdef bint masses = has_masses(job)
    cdef const real* x
    cdef const real* g
    cdef real* gp = space.passed
    cdef Line line
    first_line(job, space, region, &line)
    for number in range(lines_of(job, region)):
        memset(t, 0, line.first * sizeof(real))
        behind = 0
        if line.length:
            behind = line.first + line.length
            complete_line(job, space, &line, t + line.first, True)
            inside = check_line(inside, t + line.first, line.length, f.inside)
            if space.trial.again:
                pools_again(f, t + line.first, line.length, &space.trial)
            x = get_elements(job, X, &line, space.line[0])
            g = get_elements(job, G, &line, space.line[2])
            weigh_elements(f, g, x, t + line.first, gp + line.first, line.length, &space.trial, &seen)
            if masses:
                complete_line(job, space, &line, t + line.first, False)
        memset(t + behind, 0, (job.pitch - behind) * sizeof(real))
        t += job.pitch
        gp += job.pitch
        next_line(job, region, &line)
    return all_inside(inside, f.inside) and not any_nan(seen)


cdef bint differentiate_region(const Windows* job, Space* space, const Region* region) noexcept nogil:
    cdef const Formula* f = &job.formula
    cdef const Side* lane = &job.side[job.sides - 1]
    cdef Region wider = around(job, region, True)
    cdef Py_ssize_t number, outer, i
    cdef vec seen = splat(0)
    cdef int which = pool_region(job, space, &wider, &seen)
    cdef const real* x
    cdef const real* g
    cdef const real* sums
    cdef const real* gp
    cdef real* dx
    cdef Line line
    if not weigh_region(job, space, &wider, space.buffer[which], seen) and not space.trial.again:
        return False
    sums = space.buffer[sum_region(job, space, region, True, which)]
    first_line(job, space, region, &line)
    for number in range(lines_of(job, region)):
        outer = 0
        for i in range(job.sides - 1):
            outer = outer * (wider.high[i] - wider.low[i]) + line.place[i] - wider.low[i]
        x = get_elements(job, X, &line, space.line[0])
        dx = line_to(&job.operand[Y], line.at[Y], NULL, space.line[2])
        gp = space.passed + outer * job.pitch + lane.after
        gradient_line(f, x, sums, gp, dx, line.length, &seen)
        if space.trial.again:
            gradient_again(f, x, sums, gp, dx, line.length)
            g = get_elements(job, G, &line, space.line[1])
            overflow_again(g, x, sums, gp, dx, line.length, &space.trial)
        write_line(&job.operand[Y], line.at[Y], NULL, dx, line.length)
        sums += job.pitch
        next_line(job, region, &line)
    return not any_nan(seen)


# False if numbers left the range, and all or some results have no meaning
cdef bint compute_region(const Windows* job, Space* space, const Region* region) noexcept nogil:
    if job.gradients:
        return differentiate_region(job, space, region)
    return normalize_region(job, space, region)


# Blocks first to last - 1. The last side's tiles follow each other, the outer axes are the slowest.
cdef void walk_windows(const Windows* job, Space* space, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t block, rest, index
    cdef Region region
    cdef int i, which
    for block in range(first, last):
        rest = block
        for i in range(job.sides - 1, -1, -1):
            region.low[i] = rest % job.side[i].tiles * job.side[i].tile
            region.high[i] = min(region.low[i] + job.side[i].tile, job.side[i].axis.length)
            rest //= job.side[i].tiles
        space.sigma = 0
        for which in range(OPERANDS):
            space.at[which] = job.at[which]
        for i in range(job.dims - 1, -1, -1):
            index = rest % job.axes[i].length
            rest //= job.axes[i].length
            if i == job.sigma_axis:
                space.sigma = index
            for which in range(OPERANDS):
                space.at[which] += index * job.axes[i].stride[which]
        try_first(&space.trial)
        if not compute_region(job, space, &region):
            try_again(&space.trial)
            compute_region(job, space, &region)
            job.bad[block] = space.trial.left


# Tiles of the sides: as large as a block may be, and so many that each thread has one
cdef void tile_sides(Windows* job, Py_ssize_t outer, int threads) noexcept nogil:
    cdef Py_ssize_t numbers, blocks, least, wide, longest
    cdef int i, best
    cdef int reaches = 2 if job.gradients else 1
    cdef Side* side
    for i in range(job.sides):
        job.side[i].tile, job.side[i].tiles = job.side[i].axis.length, 1
    while True:
        numbers, blocks, best, longest = 1, outer, -1, 0
        for i in range(job.sides):
            side = &job.side[i]
            wide = reaches * (side.before + side.after)
            numbers *= side.tile + wide
            blocks *= side.tiles
            least = SHORTEST_LANE if i == job.sides - 1 else 8 if side.taps else 1
            least = max(least, 2 * wide)
            # first those without windows, whose tiles have nothing around them
            if side.tile > least and (side.tile if wide else 64 * side.tile) > longest:
                best, longest = i, side.tile if wide else 64 * side.tile
        if best < 0 or (numbers <= WINDOW_NUMBERS and blocks >= threads):
            break
        side = &job.side[best]
        side.tile = (side.tile + 1) // 2
        if best == job.sides - 1:
            side.tile = round_up(side.tile, LANES)
        side.tiles = (side.axis.length + side.tile - 1) // side.tile
    job.blocks, job.room = blocks, 1
    for i in range(job.sides - 1):
        job.room *= job.side[i].tile + reaches * (job.side[i].before + job.side[i].after)
    side = &job.side[job.sides - 1]
    job.pitch = round_up(side.tile + reaches * (side.before + side.after), LANES)
    # sums of whole vectors read beyond the last line
    job.room = job.room * job.pitch + round_up(side.before + side.after, LANES) + (TOGETHER_VECTORS + 1) * LANES
