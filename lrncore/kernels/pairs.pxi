# The forward where the power multiplies the errors of s too much: squares and their sums as pairs of numbers, the
# second one what the first was rounded by. It takes three to four times as long, for parameters that networks do not
# have.

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


# The second numbers lie `low` elements behind the first.
cdef inline Pair load_pair(const real* at, Py_ssize_t low) noexcept nogil:
    cdef Pair pair
    pair.high = load(at)
    pair.low = load(at + low)
    return pair


cdef inline void store_pair(real* at, Py_ssize_t low, Pair pair) noexcept nogil:
    store(at, pair.high)
    store(at + low, pair.low)


cdef void square_pairs(const elem* x, Py_ssize_t x_pitch, real* squares, Py_ssize_t low, Py_ssize_t pitch,
                       Py_ssize_t length, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t line, i, part
    cdef vec v
    for line in range(count):
        i = 0
        while i < length:
            part = length - i if length - i < LANES else 0
            v = fetch(x + i, part)
            store_pair(squares + i, low, pair_of_product(v, v))
            i += LANES
        x = <const elem*>(<const char*>x + x_pitch)
        squares += pitch


cdef void climb_pairs(const real* level, const real* const* earlier, real* above, Py_ssize_t low, Py_ssize_t pitch,
                      Py_ssize_t length, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t line, i, shift = 0
    cdef Pair pair
    for line in range(count):
        i = shift
        while i < shift + length:
            pair = plus_pair(load_pair(level + i, low), load_pair(earlier[0] + i, low))
            store_pair(above + i, low, plus_pair(pair, load_pair(earlier[1] + i, low)))
            i += LANES
        shift += pitch


# k + scale * sum of the taps
cdef inline Pair pair_under_power(vec scale, vec k, const Taps* at, bint masked, Py_ssize_t i,
                                  Py_ssize_t m) noexcept nogil:
    cdef Pair sum, term, scaled_sum
    cdef int j
    sum.high = sum.low = splat(0)
    for j in range(at.count):
        term = load_pair(at.line[j] + i, at.low)
        if masked:
            term.high = keep(term.high, load(at.mask[j] + m))
            term.low = keep(term.low, load(at.mask[j] + m))
        sum = plus_pair(sum, term)
    scaled_sum = pair_of_product(scale, sum.high)
    scaled_sum.low = muladd(scale, sum.low, scaled_sum.low)
    sum = pair_of_sum(scaled_sum.high, k)
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


# Makes the elements of a line again whose s left the fast range.
cdef void weigh_pairs_again(const Formula* f, const Lines* lines, Py_ssize_t line) noexcept nogil:
    cdef const elem* x = <const elem*>(<const char*>lines.x + line * lines.x_pitch)
    cdef elem* y = <elem*>(<char*>lines.y + line * lines.y_pitch)
    cdef real sums[MOST_LANES]
    cdef Py_ssize_t i = 0, m = 0, lane
    while i < lines.length:
        store(sums, pair_under_power(splat(f.scale), splat(f.k), &lines.taps, lines.period != 0,
                                     i + line * lines.pitch, m).high)
        for lane in range(min(lines.length - i, <Py_ssize_t>LANES)):
            if not lane_within(sums[lane], f.holds):
                set_elem(y + i + lane, normalized_again(f, lines.around, x + i + lane,
                                                        channel_of(lines.around, i + lane)))
        i += LANES
        if lines.period:
            m = next_mask(lines, m)


cdef void normalize_pairs(const Formula* f, const Lines* lines) noexcept nogil:
    cdef const elem* x = lines.x
    cdef elem* y = lines.y
    cdef vec scale = splat(f.scale), k = splat(f.k), v
    cdef Py_ssize_t line, i, m, part, shift = 0
    cdef Inside inside
    cdef Pair s
    for line in range(lines.count):
        i = m = 0
        inside = nothing_outside()
        while i < lines.length:
            part = lines.length - i if lines.length - i < LANES else 0
            s = pair_under_power(scale, k, &lines.taps, lines.period != 0, i + shift, m)
            v = fetch(x + i, part)
            v = with_sign(times_power_of_pair(f, v, s), v)
            if part:
                store_elements_part(y + i, v, part)
                s.high = first_lanes(s.high, splat(1), part)
            else:
                store_elements(y + i, v)
            inside = still_inside(inside, s.high, f.holds)
            i += LANES
            if lines.period:
                m = next_mask(lines, m)
        if UNLIKELY(not all_inside(inside, f.holds)):
            weigh_pairs_again(f, lines, line)
        x = <const elem*>(<const char*>x + lines.x_pitch)
        y = <elem*>(<char*>y + lines.y_pitch)
        shift += lines.pitch
