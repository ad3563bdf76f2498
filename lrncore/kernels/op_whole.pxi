# The operators where every window holds every channel. With S and Z the sums of x^2 and x g over all channels,
#
#     s = k + scale S    p = s^-beta    q = 2 scale beta p Z / s
#     y[c]  = x[c] p                                                                                        forward
#     dx[c] = g[c] p - x[c] q                                                              backward, and tangent
#
# p and q are the same for all channels: `factors` makes them once, and the loops over the channels multiply. The two
# derivatives are one, since their windows are: the Jacobian is symmetric. x g is scaled by 2^RAISED. A q that lost bits
# as a subnormal number, or on its way, is NaN, and so are results, which are recomputed then.

# p of lines of sums
cdef bint power_factors(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Raising to = raising(f, f.kind)
    cdef Inside inside = nothing_outside()
    cdef How how = How(source=STORED, taps=1, addition=f.addition)
    cdef Raised raised
    cdef Windows windows
    cdef Py_ssize_t line
    cdef Spot at
    cdef Py_ssize_t i
    at.mask = 0
    open_windows(&windows, f, lines, SQUARES, how, 0)
    for line in range(lines.count):
        i = 0
        while i < lines.length:
            at.part = part_of(lines.length - i)
            at.i = i + line * lines.pitch
            raised = times_power(splat(1), any_sum_under_power(&windows, at), f.kind, &to)
            store(lines.factors[0] + at.i, raised.product)
            inside = still_inside(inside, raised.tested, to.holds)
            i += LANES
    return all_inside(inside, to.holds)


cdef void multiply(const Formula* f, const Lines* lines) noexcept nogil:
    cdef const real* x = lines.x
    cdef const real* p = lines.factors[0]
    cdef real* y = lines.y
    cdef Py_ssize_t line, i, part
    for line in range(lines.count):
        i = 0
        while i < lines.length:
            part = part_of(lines.length - i)
            put(y + i, fetch(x + i, part) * load(p + i), False, part)
            i += LANES
        x = <const real*>(<const char*>x + lines.x_pitch)
        y = <real*>(<char*>y + lines.y_pitch)
        p += lines.pitch
    if UNLIKELY(lines.beyond):
        normalize_exactly(f, lines)


# p is a normal number.
cdef rare narrow_for_whole(const Formula* f, Py_ssize_t size, Exponents* reach) noexcept nogil:
    cdef int most
    narrow_for_forward(f, size, reach)
    if fabs(f.beta) * EXPONENT_BIAS > EXPONENT_BIAS - 2:
        most = <int>((EXPONENT_BIAS - 2) / fabs(f.beta))
        reach.lowest = max(reach.lowest, -most)
        reach.highest = min(reach.highest, most)


# Squares, and the products x g, of what enters, added up
cdef void pile_products(const Lines* lines, real* const* piles, Py_ssize_t length, Py_ssize_t rows,
                        Py_ssize_t apart) noexcept nogil:
    cdef const real* x = lines.entering
    cdef const real* g = lines.entering_g
    cdef Py_ssize_t i = 0, row, part
    cdef vec squares, products, v, raised = splat(ldexp(1, RAISED))
    while i < length:
        part = part_of(length - i)
        squares = load(piles[SQUARES] + i)
        products = load(piles[SECOND] + i)
        for row in range(rows):
            v = fetch(x + row * apart + i, part)
            squares = squares + v * v
            products = products + raised * v * fetch(g + row * apart + i, part)
        store(piles[SQUARES] + i, squares)
        store(piles[SECOND] + i, products)
        i += LANES


# -q 2^RAISED, before p and after it
cdef struct Quotient:
    vec of_sums
    vec sloped


cdef inline Quotient quotient_of(const Formula* f, vec products, vec s) noexcept nogil:
    cdef Quotient w
    w.of_sums = quotient(products, s, RAISED)
    w.sloped = splat(-f.slope * ldexp(1, RAISED)) * w.of_sums
    return w


# p, and -q
cdef bint gradient_factors(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Inside inside = nothing_outside(), lost = nothing_outside()
    cdef How how = How(source=STORED, taps=1, addition=f.addition)
    cdef real least = <real>ldexp(1, 1 - EXPONENT_BIAS)
    cdef vec s, p, q, z
    cdef Quotient w
    cdef const real* products = lines.taps[SECOND].line[0]
    cdef Windows windows
    cdef Py_ssize_t line, i
    cdef Spot at
    at.mask = 0
    open_windows(&windows, f, lines, SQUARES, how, 0)
    for line in range(lines.count):
        i = 0
        while i < lines.length:
            at.part = part_of(lines.length - i)
            at.i = i + line * lines.pitch
            s = any_sum_under_power(&windows, at)
            p = times_exp2(splat(1), s, &f.exponent)
            store(lines.factors[0] + at.i, p)
            z = load(products + at.i)
            w = quotient_of(f, z, s)
            q = splat(ldexp(1, -RAISED)) * (p * w.sloped)
            store(lines.factors[1] + at.i, q)
            inside = still_inside(inside, s, f.holds)
            lost = seen_lost(seen_lost(seen_lost(lost, w.of_sums, z, least), w.sloped, z, least), q, z, least)
            i += LANES
    if UNLIKELY(any_tiny(lost, least) and f.exact_scale != 0):
        mark_lost_factors(f, lines, &windows)
    return all_inside(inside, f.holds)


# q is NaN where bits were lost that show in results, which have x times it: where nothing is negative x^2 is at most
# s / scale.
cdef rare mark_lost_factors(const Formula* f, const Lines* lines, const Windows* windows) noexcept nogil:
    cdef const real* products = lines.taps[SECOND].line[0]
    cdef real* q = lines.factors[1]
    cdef real sums[MOST_LANES]
    cdef real of_sums[MOST_LANES]
    cdef real sloped[MOST_LANES]
    cdef Py_ssize_t line, i, lane, j
    cdef double largest = INFINITY, p
    cdef Quotient w
    cdef Spot at
    cdef vec s
    at.mask = 0
    for line in range(lines.count):
        i = 0
        while i < lines.length:
            at.part = part_of(lines.length - i)
            at.i = i + line * lines.pitch
            s = any_sum_under_power(windows, at)
            w = quotient_of(f, load(products + at.i), s)
            store(sums, s)
            store(of_sums, w.of_sums)
            store(sloped, w.sloped)
            for lane in range(step_of(at.part)):
                j = at.i + lane
                if f.exact_scale > 0 and f.exact_k >= 0:
                    largest = sqrt(sums[lane] / f.exact_scale)
                p = lines.factors[0][j]
                if (is_lost(products[j], q[j], largest)
                        or is_lost(products[j], sloped[lane], largest * p * ldexp(1, -RAISED))
                        or is_lost(products[j], of_sums[lane], largest * p * f.slope)):
                    q[j] = NAN
            i += LANES


cdef void combine_products(const Formula* f, const Lines* lines) noexcept nogil:
    cdef const real* x = lines.x
    cdef const real* g = lines.g
    cdef const real* p = lines.factors[0]
    cdef const real* q = lines.factors[1]
    cdef real* y = lines.y
    cdef vec seen = splat(0), dx
    cdef Py_ssize_t line, i, part
    for line in range(lines.count):
        i = 0
        while i < lines.length:
            part = part_of(lines.length - i)
            dx = muladd(fetch(x + i, part), load(q + i), fetch(g + i, part) * load(p + i))
            put(y + i, dx, False, part)
            seen = seen + dx
            i += LANES
        x = <const real*>(<const char*>x + lines.x_pitch)
        g = <const real*>(<const char*>g + lines.g_pitch)
        y = <real*>(<char*>y + lines.y_pitch)
        p += lines.pitch
        q += lines.pitch
    if UNLIKELY(lines.beyond or may_have_nonfinite(seen)):
        tangents_exactly(f, lines)


cdef rare narrow_for_whole_terms(const Formula* f, Py_ssize_t size, Exponents* reach) noexcept nogil:
    narrow_for_whole(f, size, reach)
    narrow_for_tangents(f, size, reach)


cdef Operator FORWARD_WHOLE


cdef rare define_forward_whole() noexcept nogil:
    global FORWARD_WHOLE
    FORWARD_WHOLE = Operator(
        enter=NULL, climb=NULL, along=NULL, pile=pile_squares, add=add_behind,
        factors=power_factors, ready=multiply, late=NULL, straight=NULL, exact=NULL,
        takes_entering=False, narrow=narrow_for_whole,
        entering=1, raised=0, steep_quotient=False, any_power=False, reads_g=False, g_enters=False, writes=True,
        parts=0,
    )


cdef Operator GRADIENT_WHOLE


cdef rare define_gradient_whole() noexcept nogil:
    global GRADIENT_WHOLE
    GRADIENT_WHOLE = Operator(
        enter=NULL, climb=NULL, along=NULL, pile=pile_products, add=add_behind,
        factors=gradient_factors, ready=combine_products,
        late=NULL, straight=NULL, exact=NULL, takes_entering=False, narrow=narrow_for_whole_terms,
        entering=2, raised=2, steep_quotient=False, any_power=True, reads_g=True, g_enters=True, writes=True,
        parts=0,
    )


# The operator for windows that hold every channel
cdef const Operator* whole_operator(const Operator* op) noexcept nogil:
    if op == &FORWARD:
        return &FORWARD_WHOLE
    if op == &BACKWARD or op == &TANGENT:
        return &GRADIENT_WHOLE
    return op
