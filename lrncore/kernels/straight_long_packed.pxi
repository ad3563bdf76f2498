# The forward of packed data in one pass under windows of ten channels and more, for beta 3/4, slab by slab as in
# straight_packed.pxi. Trailing sums (window.pxi) climb in registers, from lanes of the vectors just before, and go to
# scratch; windows take them from there while those of the next slab enter:
#
#     slab            -1          0           1  ...
#     square x, climb 0 1 2 3     0 1 2 3     0      of slab 0, 1, 2: as long as a window reaches on, of zeros at last
#     sum them                    0 1 2       0
#     estimate p                    0 1 2
#     correct it                      0 1     2
#     y                                 0     1
#
# Before the sums of a slab are zeros, as many as windows reach back.

cdef enum:
    MOST_CLIMBS = 4     # levels: the next one would need too many vectors before


# From a level of the sums of a slab to the next one
cdef inline Py_ssize_t slab_row(Py_ssize_t channels, Py_ssize_t before, Py_ssize_t after) noexcept nogil:
    return round_up(before, LANES) + round_up(channels + after, LANES) + LANES


# Elements of scratch, for two slabs under long windows
cdef inline Py_ssize_t slab_trail(const Job* job) noexcept nogil:
    if job.window.levels == 1:
        return 0
    return 2 * job.window.levels * slab_row(job.channels, job.before, job.after)


cdef inline bint has_slab_trail(const Job* job) noexcept nogil:
    return 1 < job.window.levels <= MOST_CLIMBS and slab_trail(job) <= TRAIL_BYTES // <Py_ssize_t>sizeof(real)


# Of scratch that is zero
cdef inline Trail trail_of_slab(const Lines* lines) noexcept nogil:
    cdef const Window* window = lines.window
    cdef Trail trail
    cdef int i
    trail.row = slab_row(lines.length, lines.before, lines.after)
    trail.begin = lines.trailing + round_up(lines.before, LANES)
    trail.levels = window.levels
    trail.squares = 0
    for i in range(window.taps):
        trail.tap[i] = window.level[i] * trail.row + lines.after - window.lag[i]
    trail.pairs = window.taps // 2
    trail.single = window.taps & 1
    return trail


# The latest vectors of the levels
cdef struct Climbing:
    vec squares
    vec threes
    vec nines[3]


# The sums of 27 that end at the lanes of `nines`
cdef inline vec climbed_nines(const Climbing* latest, vec nines) noexcept nogil:
    if LANES == 16:
        return (nines + lanes_before(latest.nines[0], nines, 9)
                + lanes_before(latest.nines[1], latest.nines[0], 2))
    return (nines + lanes_before(latest.nines[1], latest.nines[0], 1)
            + lanes_before(latest.nines[2], latest.nines[1], 2))


# A vector enters: its sums go to `to`, a level `row` elements behind the one before it.
cdef inline void climb_on(Climbing* latest, int levels, real* to, Py_ssize_t row, vec square) noexcept nogil:
    cdef vec threes = (square + lanes_before(latest.squares, square, 1)
                       + lanes_before(latest.squares, square, 2))
    cdef vec nines
    store(to, square)
    store(to + row, threes)
    if levels > 2:
        nines = (threes + lanes_before(latest.threes, threes, 3)
                 + lanes_before(latest.threes, threes, 6))
        store(to + 2 * row, nines)
        if levels > 3:
            store(to + 3 * row, climbed_nines(latest, nines))
        latest.nines[2] = latest.nines[1]
        latest.nines[1] = latest.nines[0]
        latest.nines[0] = nines
    latest.squares = square
    latest.threes = threes


# As packed_loop
cdef outlying packed_long_loop(const Formula* f, const Lines* at, const Trail* trail, Inside* all_seen) noexcept nogil:
    # of a line: its vectors, of which `whole` are whole, and those that enter
    cdef Py_ssize_t vectors = (at.length + LANES - 1) // LANES, whole = at.length // LANES, part = at.length % LANES
    cdef Py_ssize_t entering = (at.length + at.after + LANES - 1) // LANES, turns, works, line, i, rest
    cdef Py_ssize_t x_gap = at.x_pitch - vectors * VECTOR_BYTES, y_gap = at.y_pitch - vectors * VECTOR_BYTES
    cdef Py_ssize_t x_pitch = at.x_pitch, count = at.count, row = trail.row
    cdef int levels = trail.levels
    cdef Raising to = raising(f, THREE_QUARTERS)
    cdef Inside inside = all_seen[0]
    cdef vec scale = splat(f.scale), k = splat(f.k), s = splat(1), v, x
    cdef Estimate estimate = estimate_of(s), correction = estimate
    cdef Climbing latest
    cdef real* original = at.originals
    cdef real* sums = trail.begin + levels * row
    cdef real* enters = trail.begin
    cdef const real* enters_x = at.x
    # the place of the result, of vector `done` of its line
    cdef Py_ssize_t done = -LONG_WAITS
    cdef const real* x_at = at.x - LONG_WAITS * LANES
    cdef real* y_at = at.y - LONG_WAITS * LANES
    # before the first line, and behind the last one for the last results
    for line in range(-1, count + 1):
        turns = entering if line < count else LONG_WAITS
        works = 0 if line < 0 else vectors if line < count else turns
        latest.squares = latest.threes = latest.nines[0] = latest.nines[1] = latest.nines[2] = splat(0)
        for i in range(turns):
            if i < works:
                if done >= 0:
                    rest = part if UNLIKELY(done == whole) else 0
                    x = held(fetch(x_at, rest))
                    v = with_zeros_sign(times_corrected(x, correction), x)
                    inside = still_inside(inside, correction.tested, to.holds)
                    if original:
                        store(original, fetch(y_at, rest))
                        original += LANES
                    put(y_at, v, False, rest)
                done += 1
                x_at += LANES
                y_at += LANES
                if UNLIKELY(done == vectors):
                    done = 0
                    x_at = <const real*>(<const char*>x_at + x_gap)
                    y_at = <real*>(<char*>y_at + y_gap)
                correction = with_correction(estimate)
                estimate = estimate_of(s)
                if line < count:
                    s = sum_trailing(trail, 0, sums + i * LANES, NULL, scale, k)
                    if UNLIKELY(i == whole):
                        s = first_lanes(s, splat(1), part)
            if line + 1 < count:
                v = splat(0)
                if i < whole:
                    v = load(enters_x + i * LANES)
                elif i < vectors:
                    v = load_part(enters_x + i * LANES, part)
                climb_on(&latest, levels, enters + i * LANES, row, v * v)
        enters_x = <const real*>(<const char*>enters_x + x_pitch)
        sums, enters = enters, sums
    all_seen[0] = inside


cdef Py_ssize_t packed_long(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Trail trail = trail_of_slab(lines)
    cdef Inside inside = nothing_outside()
    packed_long_loop(f, lines, &trail, &inside)
    return lines.length if all_inside(inside, raising(f, THREE_QUARTERS).holds) else 0
