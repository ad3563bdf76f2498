# The formula, line by line. Lines are adjacent numbers; every loop takes `part` of a vector at their end.

# |x|^p and its like: what the lines of a pool are made of
cdef enum Entering:
    AS_IS
    MAGNITUDES
    SQUARES
    POWERS


# D^-q: `x` times it is what a line becomes. _UP are the powers of negative q.
cdef enum Leaving:
    POOL                # the pool itself, of x itself: p is 0
    HALF
    THREE_QUARTERS
    ONE
    HALF_UP
    ONE_UP
    ANY


cdef struct Formula:
    Entering entering
    Leaving leaving
    bint signed_power   # n is not 1
    double p, q
    real slope          # p q, lowered by what t is raised
    real n
    Raising of_x        # |x|^p
    Raising of_x_less   # |x|^(p - 1)
    Raising of_n        # |x|^n
    Raising of_n_less   # |x|^(n - 1)
    Exponent of_pool    # D^-q
    Range inside        # D for which all of it holds
    double total        # of the magnitudes of a pool's weights


# What a pool of such weights, whose magnitudes sum up to `total`, may be. Powers of x that underflow are then below its
# last bit, and nothing of t and dx over- or underflows that matters.
cdef Range pools(double q, Leaving leaving, double total, bint backward) noexcept nogil:
    cdef bint single = FRACTION_BITS == 23
    cdef double lowest = -60 if single else -900, highest = 100 if single else 900, reach = 120 if single else 1000
    if backward:
        lowest = -40 if single else -300
        highest = 60 if single else 450
    if total > 0:
        lowest = fmax(lowest, ceil(log2(total)) - (96 if single else 960))
    if leaving == THREE_QUARTERS:
        lowest, highest = fmax(lowest, -60 if single else -500), fmin(highest, 60 if single else 500)
    if leaving == ANY:
        lowest, highest = fmax(lowest, -reach / fabs(q)), fmin(highest, reach / fabs(q))
    return range_of(<int>ceil(fmin(lowest, 2000)), <int>highest)


cdef Leaving leaving_of(double q) noexcept nogil:
    if q == 0.5:
        return HALF
    if q == 0.75:
        return THREE_QUARTERS
    if q == 1:
        return ONE
    if q == -0.5:
        return HALF_UP
    return ONE_UP if q == -1 else ANY


cdef void set_formula(Formula* f, double p, double q, double n, double total, bint backward) noexcept nogil:
    f.entering = AS_IS if p == 0 else MAGNITUDES if p == 1 else SQUARES if p == 2 else POWERS
    f.leaving = POOL if p == 0 else leaving_of(q)
    f.signed_power = n != 1
    f.p, f.q, f.n = p, q, <real>n
    f.slope = <real>ldexp(p * q, -RAISED)
    f.total = total
    f.inside = pools(q, f.leaving, total, backward)
    # tables of powers take as long to make as some hundred elements
    if f.entering == POWERS:
        f.of_x, f.of_x_less = raising_to(p), raising_to(p - 1)
    if f.signed_power:
        f.of_n, f.of_n_less = raising_to(n), raising_to(n - 1)
    if f.leaving == ANY:
        f.of_pool = exponent_of(q, -EXPONENT_BIAS, EXPONENT_BIAS)


# ---- what enters ----------------------------------------------------------------------------------------------------

cdef inline vec enter_loop(const Formula* f, Entering entering, const real* x, real* to, Py_ssize_t length,
                           Py_ssize_t lead) noexcept nogil:
    cdef Py_ssize_t i = 0, part
    cdef vec v, power, seen = splat(0)
    while i < length:
        part = part_of(length - i)
        v = fetch(x + i, part)
        if entering == MAGNITUDES:
            v = magnitude(v)
        elif entering == SQUARES:
            v = v * v
        elif entering == POWERS:
            seen = seen_beyond(seen, v, f.of_x.ceiling)
            power = raised_magnitude(v, &f.of_x)
            if f.p < 1:
                seen = seen_below(seen, v, power)
            v = power
        store(to + i, v)    # `to` has room for whole vectors
        i += LANES if i else LANES - lead
    return seen


# Writes what a line of x adds to pools, with zeros to the end of its last vector. `to` is `lead` elements behind the
# begin of a vector: all stores but the first are aligned to vectors. `seen` becomes NaN in a lane in which a power
# overflows, whose result has no meaning then, or in which a root, which matters as much as the others, is taken for 0.
cdef void enter_line(const Formula* f, const real* x, real* to, Py_ssize_t length, Py_ssize_t lead,
                     vec* seen) noexcept nogil:
    if f.entering == AS_IS:
        enter_loop(f, AS_IS, x, to, length, lead)
    elif f.entering == MAGNITUDES:
        enter_loop(f, MAGNITUDES, x, to, length, lead)
    elif f.entering == SQUARES:
        enter_loop(f, SQUARES, x, to, length, lead)
    else:
        seen[0] = seen[0] + enter_loop(f, POWERS, x, to, length, lead)


# sign(x) |x|^n; n |x|^(n - 1), which overflows where that does
cdef void numerators(const Formula* f, const real* x, real* to, Py_ssize_t length, vec* seen) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef vec v, power
    while i < length:
        v = fetch(x + i, part_of(length - i))
        power = raised_magnitude(v, &f.of_n)
        seen[0] = seen_beyond(seen[0], v, f.of_n.ceiling)
        if f.n < 1:
            seen[0] = seen_below(seen[0], v, power)
        store(to + i, with_sign(power, v))
        i += LANES


cdef void numerator_slopes(const Formula* f, const real* x, real* to, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i = 0
    while i < length:
        store(to + i, splat(f.n) * raised_magnitude(fetch(x + i, part_of(length - i)), &f.of_n_less))
        i += LANES


# ---- what leaves ----------------------------------------------------------------------------------------------------

cdef inline Inside check_line(Inside inside, const real* d, Py_ssize_t length, Range domain) noexcept nogil:
    cdef Py_ssize_t i = 0, part
    while i < length:
        part = part_of(length - i)
        if UNLIKELY(part != 0):
            inside = still_inside(inside, first_lanes(load(d + i), splat(1), part), domain)
        else:
            inside = still_inside(inside, load(d + i), domain)
        i += LANES
    return inside


cdef inline vec leave(const Formula* f, Leaving leaving, bint foreseen, vec x, vec d, Power power) noexcept nogil:
    cdef vec tested, inverse
    if leaving == HALF:
        return times_half(x, d)
    if leaving == THREE_QUARTERS:
        return times_three_quarters(x, d, &tested, &inverse)
    if leaving == ONE:
        return quotient(x, d, 0)
    if leaving == HALF_UP:
        return times_half(x * d, d)
    if leaving == ONE_UP:
        return x * d
    if leaving == ANY:
        if foreseen:
            return times_any(x, d, power)
        # each lane as in a line where all are foreseen
        return select_within(d, f.of_pool.foreseen, times_any(x, d, power), times_exp2(x, d, &f.of_pool))
    return d


cdef inline Inside leave_loop(const Formula* f, Leaving leaving, bint foreseen, vec more, const real* x,
                              const real* d, real* y, Py_ssize_t length, Inside inside) noexcept nogil:
    cdef Py_ssize_t i = 0, part
    cdef Power power = power_of(&f.of_pool)
    cdef vec v
    while i < length:
        part = part_of(length - i)
        v = fetch(d + i, part) + more
        if UNLIKELY(part != 0):
            v = first_lanes(v, splat(1), part)
        inside = still_inside(inside, v, f.inside)
        put(y + i, leave(f, leaving, foreseen, fetch(x + i, part), v, power), False, part)
        i += LANES
    return inside


# y = x (D + more)^-q; returns which D were inside their range. `more` is 0 for powers of any other exponent.
cdef Inside leave_line(const Formula* f, real more, const real* x, const real* d, real* y, Py_ssize_t length,
                       Inside inside) noexcept nogil:
    if f.leaving == POOL:
        return leave_loop(f, POOL, False, splat(more), x, d, y, length, inside)
    if f.leaving == HALF:
        return leave_loop(f, HALF, False, splat(more), x, d, y, length, inside)
    if f.leaving == THREE_QUARTERS:
        return leave_loop(f, THREE_QUARTERS, False, splat(more), x, d, y, length, inside)
    if f.leaving == ONE:
        return leave_loop(f, ONE, False, splat(more), x, d, y, length, inside)
    if f.leaving == HALF_UP:
        return leave_loop(f, HALF_UP, False, splat(more), x, d, y, length, inside)
    if f.leaving == ONE_UP:
        return leave_loop(f, ONE_UP, False, splat(more), x, d, y, length, inside)
    if all_inside(check_line(nothing_outside(), d, length, f.of_pool.foreseen), f.of_pool.foreseen):
        return leave_loop(f, ANY, True, splat(more), x, d, y, length, inside)
    return leave_loop(f, ANY, False, splat(more), x, d, y, length, inside)


# ---- gradients ------------------------------------------------------------------------------------------------------

cdef inline vec weigh_loop(const Formula* f, Leaving leaving, bint foreseen, const real* g, const real* x, real* d,
                           real* gp, Py_ssize_t length, real ceiling) noexcept nogil:
    cdef Py_ssize_t i = 0, part
    cdef Power power = power_of(&f.of_pool)
    cdef vec t, v, seen = splat(0), lift = splat(<real>ldexp(1, RAISED))
    while i < length:
        part = part_of(length - i)
        v = fetch(d + i, part)
        if UNLIKELY(part != 0):
            v = first_lanes(v, splat(1), part)
        t = leave(f, leaving, foreseen, fetch(g + i, part), v, power)
        store(gp + i, t)
        t = quotient(t * lift * fetch(x + i, part), v, 0)
        seen = seen_beyond(seen, t, ceiling)
        store(d + i, t)
        i += LANES
    return seen


# t times it is infinite where t is so large that its sums might overflow.
cdef inline real ceiling_of_t() noexcept nogil:
    return <real>ldexp(1, EXPONENT_BIAS // 3)


# gp = g D^-q, and t = gp N(x) / D, raised, in the place of D. `seen` becomes NaN in a lane where t is so large that its
# sums might overflow. Whole vectors are written.
cdef void weigh_line(const Formula* f, const real* g, const real* x, real* d, real* gp, Py_ssize_t length,
                     vec* seen) noexcept nogil:
    cdef vec beyond
    cdef real ceiling = ceiling_of_t()
    if f.leaving == HALF:
        beyond = weigh_loop(f, HALF, False, g, x, d, gp, length, ceiling)
    elif f.leaving == THREE_QUARTERS:
        beyond = weigh_loop(f, THREE_QUARTERS, False, g, x, d, gp, length, ceiling)
    elif f.leaving == ONE:
        beyond = weigh_loop(f, ONE, False, g, x, d, gp, length, ceiling)
    elif f.leaving == HALF_UP:
        beyond = weigh_loop(f, HALF_UP, False, g, x, d, gp, length, ceiling)
    elif f.leaving == ONE_UP:
        beyond = weigh_loop(f, ONE_UP, False, g, x, d, gp, length, ceiling)
    elif all_inside(check_line(nothing_outside(), d, length, f.of_pool.foreseen), f.of_pool.foreseen):
        beyond = weigh_loop(f, ANY, True, g, x, d, gp, length, ceiling)
    else:
        beyond = weigh_loop(f, ANY, False, g, x, d, gp, length, ceiling)
    seen[0] = seen[0] + beyond


cdef inline vec slope_of(const Formula* f, Entering entering, vec x) noexcept nogil:
    if entering == MAGNITUDES:
        return sign_of(x)
    return x if entering == SQUARES else with_sign(raised_magnitude(x, &f.of_x_less), x)


cdef inline vec gradient_loop(const Formula* f, Entering entering, const real* x, const real* sums, const real* gp,
                              real* dx, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i = 0, part
    cdef vec v, seen = splat(0)
    while i < length:
        part = part_of(length - i)
        v = minus_product(fetch(gp + i, part), slope_of(f, entering, fetch(x + i, part)) * splat(f.slope),
                          fetch(sums + i, part))
        seen = seen_beyond(seen, v, 1)
        put(dx + i, v, False, part)
        i += LANES
    return seen


# dx = gp - c |x|^(p - 1) sign(x) sums. `seen` becomes NaN in a lane in which that overflows.
cdef void gradient_line(const Formula* f, const real* x, const real* sums, const real* gp, real* dx, Py_ssize_t length,
                        vec* seen) noexcept nogil:
    if f.entering == MAGNITUDES:
        seen[0] = seen[0] + gradient_loop(f, MAGNITUDES, x, sums, gp, dx, length)
    elif f.entering == SQUARES:
        seen[0] = seen[0] + gradient_loop(f, SQUARES, x, sums, gp, dx, length)
    else:
        seen[0] = seen[0] + gradient_loop(f, POWERS, x, sums, gp, dx, length)


# The sum of at most some hundred numbers
cdef double sum_line(const real* line, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef vec even = splat(0), odd = splat(0)
    cdef real lanes[64]
    cdef double sum = 0
    while i + 2 * LANES <= length:
        even, odd = even + load(line + i), odd + load(line + i + LANES)
        i += 2 * LANES
    store(lanes, even + odd)
    while i < length:
        sum += line[i]
        i += 1
    for i in range(LANES):
        sum += lanes[i]
    return sum


# The sums of columns of at most some hundred rows, added to doubles
cdef void sum_columns(const real* at, Py_ssize_t pitch, Py_ssize_t rows, Py_ssize_t columns,
                      double* to) noexcept nogil:
    cdef Py_ssize_t i = 0, row, lane
    cdef real lanes[64]
    cdef vec sum
    while i < columns:
        sum = splat(0)
        for row in range(rows):
            sum = sum + load(at + row * pitch + i)      # rows have room for whole vectors
        store(lanes, sum)
        for lane in range(min(<Py_ssize_t>LANES, columns - i)):
            to[i + lane] += lanes[lane]
        i += LANES


cdef void times_line(const real* a, real* b, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i = 0
    while i < length:
        store(b + i, load(a + i) * load(b + i))     # both have room for whole vectors
        i += LANES


# d times, or plus, each number of a line, or the same one
cdef void scale_line(real* d, const real* line, real factor, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i = 0, part
    while i < length:
        part = part_of(length - i)
        put(d + i, fetch(d + i, part) * (fetch(line + i, part) if line else splat(factor)), False, part)
        i += LANES


cdef void add_line(real* d, const real* line, real more, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i = 0, part
    while i < length:
        part = part_of(length - i)
        put(d + i, fetch(d + i, part) + (fetch(line + i, part) if line else splat(more)), False, part)
        i += LANES
