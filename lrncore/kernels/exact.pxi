# Single elements, exactly: those whose sum s leaves the range of the fast powers.
#
# A square or a power may leave the range of any float while the result does not, so numbers are pairs m * 2^e here, m
# in the widest float there is. Nothing is taken from the fast loops: the window is read from x once more, which is
# why an operand that the output overwrites, or that is not adjacent, is kept in scratch for as far as windows reach.
#
# Infinities give what the formula tends to, where it does so whatever else happens, and NaN where it does not.

ctypedef long double wide

cdef struct Scaled:
    wide m
    Py_ssize_t e


# How the elements of other channels are reached
cdef struct Neighbours:
    Py_ssize_t step             # bytes to the next one
    const char* ring            # the rows they lie in, if they are staged
    Py_ssize_t ring_bytes       # 0 if they are not


# Where the neighbours of a line's elements are
cdef struct Around:
    Py_ssize_t channels
    Py_ssize_t before
    Py_ssize_t after
    Py_ssize_t first        # the line's first element; element p of a slab is of channel p // inner
    Py_ssize_t inner
    Neighbours x
    Neighbours g
    Scaled* sums            # room for those of a window


cdef inline Scaled scaled(wide m, Py_ssize_t e) noexcept nogil:
    cdef Scaled v
    cdef int shift = 0
    v.m = m
    v.e = 0
    if m != 0 and isfinite(m):
        v.m = frexpl(m, &shift)
        v.e = e + shift
    return v


cdef inline Scaled plus(Scaled a, Scaled b) noexcept nogil:
    cdef Scaled swap
    if a.m == 0 or (b.m != 0 and b.e > a.e):
        swap = a
        a = b
        b = swap
    return scaled(a.m + ldexpl(b.m, <int>max(b.e - a.e, <Py_ssize_t>-20000)), a.e)


cdef inline Scaled times(Scaled a, Scaled b) noexcept nogil:
    return scaled(a.m * b.m, a.e + b.e)


cdef inline wide unscaled(Scaled v) noexcept nogil:
    return ldexpl(v.m, <int>max(min(v.e, <Py_ssize_t>20000), <Py_ssize_t>-20000))


# x * s^-beta
cdef Scaled times_power_of(Scaled x, Scaled s, double beta) noexcept nogil:
    cdef wide m = s.m, exponent, steps, rest
    cdef int shift = 0
    if beta == 0:
        return x
    if s.m < 0 and beta != rint(beta):
        return scaled(NAN, 0)
    if s.m == 0 or not isfinite(s.m):
        return scaled(x.m * powl(s.m, -beta), x.e)
    if s.m < 0:
        m = -m
        if fmod(beta, 2) != 0:
            x.m = -x.m
    # s = m 2^e, m near 1: the exponent is multiplied apart, and its fraction goes back to m's power
    m = frexpl(m, &shift)
    shift += <int>s.e
    if m < 0.7071067811865476:
        m *= 2
        shift -= 1
    if shift != 0 and fabs(beta) > 4000:
        return scaled(x.m * (INFINITY if (shift < 0) == (beta > 0) else 0), 0)
    exponent = -<wide>beta * shift
    steps = rintl(exponent)
    rest = fmal(-<wide>beta, shift, -steps)
    return scaled(x.m * powl(m, -<wide>beta) * exp2l(rest), x.e + <Py_ssize_t>steps)


# The element `d` channels from the one at `at`
cdef inline Scaled neighbour(const Neighbours* to, const elem* at, Py_ssize_t d) noexcept nogil:
    cdef const char* there = <const char*>at + d * to.step
    if to.ring_bytes:
        if there < to.ring:
            there += to.ring_bytes
        elif there >= to.ring + to.ring_bytes:
            there -= to.ring_bytes
    return scaled(real_of(<const elem*>there), 0)


cdef inline Scaled squared_neighbour(const Neighbours* to, const elem* at, Py_ssize_t d) noexcept nogil:
    cdef Scaled v = neighbour(to, at, d)
    return times(v, v)


# k + scale * total; a NaN or an infinity only where `total` is one
cdef inline Scaled sum_of(const Formula* f, Scaled total) noexcept nogil:
    if f.exact_scale == 0:
        return scaled(f.exact_k, 0)
    return plus(scaled(f.exact_k, 0), times(scaled(f.exact_scale, 0), total))


# The limit of x (scale * (x^2 + ...))^-beta for an infinite x, `alone` or not in its window
cdef wide limit_of(const Formula* f, wide x, bint alone) noexcept nogil:
    if f.beta == 0:
        return x
    if f.exact_scale == 0:
        return x * powl(f.exact_k, -f.beta)
    if f.exact_scale < 0 and f.beta != rint(f.beta):
        return NAN
    if f.beta > 0.5:
        return copysignl(1, x) * powl(f.exact_scale * INFINITY, -f.beta)
    if not alone and f.beta > 0:
        return NAN
    if f.beta == 0.5:
        return copysignl(powl(f.exact_scale, -0.5), x)
    return x


# The sum of the squares in the window of the element at `x` in channel c, and how many of them are infinite
cdef Scaled squares_around(const Around* around, const elem* x, Py_ssize_t c, Py_ssize_t* infinities) noexcept nogil:
    cdef Scaled total = scaled(0, 0), square
    cdef Py_ssize_t d
    infinities[0] = 0
    for d in range(-min(around.before, c), min(around.after, around.channels - 1 - c) + 1):
        square = squared_neighbour(&around.x, x, d)
        infinities[0] += isinf(square.m)
        total = plus(total, square)
    return total


# -2 scale beta x / s, which vanishes beside an infinity
cdef Scaled slope_of(const Formula* f, Scaled x, Scaled s) noexcept nogil:
    if isinf(s.m) and f.beta > 0:
        return scaled(0, 0)
    x = times(times(x, scaled(f.exact_scale, 0)), scaled(-2 * f.beta, 0))
    return scaled(x.m / s.m, x.e - s.e)


# y of the element at `x` in channel c
cdef real normalized_exactly(const Formula* f, const Around* around, const elem* x, Py_ssize_t c) noexcept nogil:
    cdef Py_ssize_t infinities
    cdef Scaled total = squares_around(around, x, c, &infinities)
    cdef real own = real_of(x)
    if isinf(own) and not isnan(total.m):
        return <real>limit_of(f, own, infinities == 1)
    if own == 0 and isinf(total.m) and f.beta < 0:
        return own
    return <real>unscaled(times_power_of(scaled(own, 0), sum_of(f, total), f.beta))


# dL/dx of the element at `x` in channel c, where dL/dy is at `g`. Every window that holds c has channels up to c, and
# others after it: both parts grow by one channel from window to window, the one backwards, the other forwards.
cdef real gradient_exactly(const Formula* f, const Around* around, const elem* x, const elem* g,
                           Py_ssize_t c) noexcept nogil:
    cdef Py_ssize_t lowest = -c, highest = around.channels - 1 - c, d, reach = 0
    cdef Py_ssize_t first = max(lowest, -around.after), last = min(highest, around.before)
    cdef Scaled total = scaled(0, 0), dx = scaled(0, 0), share, s, weight
    if f.beta == 0:
        return real_of(g)
    for d in range(first, last + 1):
        while reach < min(d + around.after, highest):
            reach += 1
            total = plus(total, squared_neighbour(&around.x, x, reach))
        around.sums[d - first] = total
    total = scaled(0, 0)
    reach = 1
    for d in range(last, first - 1, -1):
        while reach > max(d - around.before, lowest):
            reach -= 1
            total = plus(total, squared_neighbour(&around.x, x, reach))
        s = sum_of(f, plus(total, around.sums[d - first]))
        share = times_power_of(neighbour(&around.g, g, d), s, f.beta)
        if d == 0:
            dx = plus(dx, share)
        weight = slope_of(f, times(neighbour(&around.x, x, d), neighbour(&around.x, x, 0)), s)
        if weight.m != 0 or isnan(share.m):
            dx = plus(dx, times(weight, share))
    return <real>unscaled(dx)


# The derivative of y along dx, which is at `dx`
cdef real tangent_exactly(const Formula* f, const Around* around, const elem* x, const elem* dx,
                          Py_ssize_t c) noexcept nogil:
    cdef Scaled products = scaled(0, 0), s, weight, along
    cdef Py_ssize_t d, infinities
    cdef bint nan = False
    if f.beta == 0:
        return real_of(dx)
    for d in range(-min(around.before, c), min(around.after, around.channels - 1 - c) + 1):
        along = neighbour(&around.g, dx, d)
        nan = nan or isnan(along.m)
        products = plus(products, times(neighbour(&around.x, x, d), along))
    if nan:
        return NAN
    s = sum_of(f, squares_around(around, x, c, &infinities))
    weight = scaled(0, 0)
    if not (isinf(s.m) and f.beta > 0):     # or infinite products would not vanish
        weight = times(slope_of(f, neighbour(&around.x, x, 0), s), products)
    return <real>unscaled(times_power_of(plus(neighbour(&around.g, dx, 0), weight), s, f.beta))


# The terms of the element at `x` in channel c
cdef void add_exactly(const Formula* f, const Around* around, const elem* x, const elem* g, Totals* totals,
                      Py_ssize_t c) noexcept nogil:
    cdef Py_ssize_t infinities
    cdef Scaled total = squares_around(around, x, c, &infinities), s = sum_of(f, total)
    cdef Scaled t = times(neighbour(&around.x, x, 0), neighbour(&around.g, g, 0))
    if t.m == 0 and s.m != 0 and not isnan(total.m):
        return
    t = times_power_of(t, s, f.beta)
    add(&totals.beta, -<double>(unscaled(t) * (logl(s.m) + s.e * <wide>0.69314718055994530942)))
    t = scaled(t.m / s.m, t.e - s.e)
    add(&totals.k, -f.beta * <double>unscaled(t))
    add(&totals.scale, -f.beta * <double>unscaled(times(t, total)))


cdef inline Py_ssize_t channel_of(const Around* around, Py_ssize_t i) noexcept nogil:
    return (around.first + i) // around.inner % around.channels
