# The forward where the power multiplies the errors of s too much: squares and their sums as pairs of numbers, the
# second one what the first was rounded by. It takes three to four times as long, for parameters that networks do not
# have: beta beyond 1, and without fused products beyond 3/4.

cdef struct Pair:
    vec high
    vec low


cdef inline Pair pair_of_sum(vec a, vec b) noexcept nogil:
    cdef Pair sum
    cdef vec b_part
    sum.high = a + b
    b_part = sum.high - a
    sum.low = (a - (sum.high - b_part)) + (b - b_part)
    return sum


cdef inline Pair pair_of_product(vec a, vec b) noexcept nogil:
    cdef Pair product
    product.high = a * b
    product.low = product_error(a, b, product.high)
    return product


cdef inline Pair plus_pair(Pair a, Pair b) noexcept nogil:
    cdef Pair sum = pair_of_sum(a.high, b.high)
    sum.low = sum.low + (a.low + b.low)
    return sum


# The first numbers are in one set of lines, the second ones in another.
cdef inline Pair load_pair(const real* high, const real* low, Py_ssize_t i) noexcept nogil:
    cdef Pair pair
    pair.high = load(high + i)
    pair.low = load(low + i)
    return pair


cdef void square_pairs(const Formula* f, const Lines* lines) noexcept nogil:
    cdef const real* x = lines.entering
    cdef real* high = lines.taps[SQUARES].level[0]
    cdef real* low = lines.taps[SECOND].level[0]
    cdef Py_ssize_t line, i
    cdef Pair pair
    cdef vec v
    for line in range(lines.count):
        i = 0
        while i < lines.length:
            v = fetch(x + i, part_of(lines.length - i))
            pair = pair_of_product(v, v)
            store(high + i, pair.high)
            store(low + i, pair.low)
            i += LANES
        x = <const real*>(<const char*>x + lines.x_pitch)
        high += lines.pitch
        low += lines.pitch


cdef void climb_pairs(const Lines* lines, int first, int last, Py_ssize_t length) noexcept nogil:
    cdef const Taps* high = &lines.taps[SQUARES]
    cdef const Taps* low = &lines.taps[SECOND]
    cdef Py_ssize_t line, i
    cdef int level, j
    cdef Pair sum
    for level in range(1, high.levels):
        for line in range(lines.count):
            i = line * lines.pitch
            while i < line * lines.pitch + length:
                sum = load_pair(high.level[level - 1], low.level[level - 1], i)
                for j in range(2):
                    sum = plus_pair(sum, load_pair(high.earlier[level][j], low.earlier[level][j], i))
                store(high.level[level] + i, sum.high)
                store(low.level[level] + i, sum.low)
                i += LANES


cdef void sum_pairs_along(const Lines* lines, int first, int last, Py_ssize_t length) noexcept nogil:
    cdef const Taps* high = &lines.taps[SQUARES]
    cdef const Taps* low = &lines.taps[SECOND]
    cdef Py_ssize_t i = 0
    cdef Pair sum
    cdef int j
    while i < length:
        sum = load_pair(high.line[0], low.line[0], i)
        for j in range(1, high.count):
            sum = plus_pair(sum, load_pair(high.line[j], low.line[j], i))
        store(lines.along[SQUARES] + i, sum.high)
        store(lines.along[SECOND] + i, sum.low)
        i += LANES


cdef void pile_pairs(const Lines* lines, real* const* piles, Py_ssize_t length, Py_ssize_t rows,
                     Py_ssize_t apart) noexcept nogil:
    cdef const real* x = lines.entering
    cdef Py_ssize_t i = 0, row, part
    cdef Pair sum
    cdef vec v
    while i < length:
        part = part_of(length - i)
        sum = load_pair(piles[SQUARES], piles[SECOND], i)
        for row in range(rows):
            v = fetch(x + row * apart + i, part)
            sum = plus_pair(sum, pair_of_product(v, v))
        store(piles[SQUARES] + i, sum.high)
        store(piles[SECOND] + i, sum.low)
        i += LANES


cdef void add_pairs_behind(real* const* piles, int sets, Py_ssize_t length, Py_ssize_t behind) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef Pair sum
    while i < length:
        sum = plus_pair(load_pair(piles[SQUARES], piles[SECOND], i),
                        load_pair(piles[SQUARES] + behind, piles[SECOND] + behind, i))
        store(piles[SQUARES] + i, sum.high)
        store(piles[SECOND] + i, sum.low)
        i += LANES


# k + scale * sum of the taps, at `i` of scratch and at `mask` of the masks
cdef inline Pair pair_under_power(const Formula* f, const Lines* lines, Py_ssize_t i, Py_ssize_t mask) noexcept nogil:
    cdef const Taps* high = &lines.taps[SQUARES]
    cdef const Taps* low = &lines.taps[SECOND]
    cdef Pair sum, term, scaled_sum
    cdef vec inside, scale = splat(f.scale)
    cdef int j
    sum.high = sum.low = splat(0)
    for j in range(high.count):
        term = load_pair(high.line[j], low.line[j], i)
        if lines.period:
            inside = load(high.masks + mask + j * high.mask_pitch)
            term.high = keep(term.high, inside)
            term.low = keep(term.low, inside)
        sum = plus_pair(sum, term)
    scaled_sum = pair_of_product(scale, sum.high)
    scaled_sum.low = muladd(scale, sum.low, scaled_sum.low)
    sum = pair_of_sum(scaled_sum.high, splat(f.k))
    return pair_of_sum(sum.high, sum.low + scaled_sum.low)


# x * (high + low)^-beta
cdef inline vec times_power_of_pair(const Formula* f, vec x, Pair s) noexcept nogil:
    cdef vec y
    if f.kind == ONE:
        y = quotient(x, s.high, 0)
    elif f.kind == TWO:
        y = times_inverse_square(x, s.high)
    else:
        y = times_exp2(x, s.high, &f.exponent)
    return muladd(splat(-f.beta), y * quotient(s.low, s.high, 0), y)


cdef void normalize_pairs(const Formula* f, const Lines* lines) noexcept nogil:
    cdef const real* x = lines.x
    cdef real* y = lines.y
    cdef Py_ssize_t line, i, mask, part
    cdef Inside inside = nothing_outside()
    cdef Pair s
    cdef vec v
    for line in range(lines.count):
        i = mask = 0
        while i < lines.length:
            part = part_of(lines.length - i)
            s = pair_under_power(f, lines, i + line * lines.pitch, mask)
            v = fetch(x + i, part)
            put(y + i, with_sign(times_power_of_pair(f, v, s), v), False, part)
            if part:
                s.high = first_lanes(s.high, splat(1), part)
            inside = still_inside(inside, s.high, f.holds)
            i += LANES
            mask = next_mask(mask, lines.period)
        x = <const real*>(<const char*>x + lines.x_pitch)
        y = <real*>(<char*>y + lines.y_pitch)
    if UNLIKELY(not all_inside(inside, f.holds)):
        normalize_pairs_exactly(f, lines)


# The results of lines whose s is out of range
cdef rare normalize_pairs_exactly(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Redo redo = Redo(f=f, evaluate=normalized_at, around=lines.around, x=lines.x, g=lines.x, y=lines.y)
    cdef real sums[MOST_LANES]
    cdef bint wanted[MOST_LANES]
    cdef Py_ssize_t line, i, mask, lane, count
    for line in range(lines.count):
        aim_track(lines, redo.x, redo.g)
        i = mask = 0
        while i < lines.length:
            store(sums, pair_under_power(f, lines, i + line * lines.pitch, mask).high)
            count = step_of(part_of(lines.length - i))
            for lane in range(count):
                wanted[lane] = not lane_within(sums[lane], f.holds)
            recompute(&redo, i, count, wanted)
            i += LANES
            mask = next_mask(mask, lines.period)
        redo.x = <const real*>(<const char*>redo.x + lines.x_pitch)
        redo.g = redo.x
        redo.y = <real*>(<char*>redo.y + lines.y_pitch)


cdef Operator FORWARD_PAIRS


cdef rare define_forward_pairs() noexcept nogil:
    global FORWARD_PAIRS
    FORWARD_PAIRS = Operator(
        enter=square_pairs, climb=climb_pairs, along=sum_pairs_along, pile=pile_pairs, add=add_pairs_behind,
        factors=NULL, ready=normalize_pairs, late=NULL, straight=NULL, exact=NULL, takes_entering=False,
        narrow=narrow_for_forward,
        entering=2, raised=0, steep_quotient=False, any_power=False, reads_g=False, g_enters=False, writes=True,
        parts=0,
    )


# The forward's operator for a beta and a window
cdef const Operator* forward_operator(double beta, int levels) noexcept nogil:
    if fabs(beta) > (LONG_PAIRS_BEYOND if levels > 1 else PAIRS_BEYOND):
        return &FORWARD_PAIRS
    return &FORWARD
