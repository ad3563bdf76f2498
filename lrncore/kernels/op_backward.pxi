# The gradient with respect to x:
#
#     gp[c] = g[c] p[c]    t[c] = gp[c] x[c] / s[c]               ready: the windows of line c are complete (powers.pxi)
#     dx[c] = gp[c] - 2 scale beta x[c] * (sum of t over [c - after, c + before])       late: the reflected ones are
#
# t is stored 2^RAISED times as large (power.h), and the slope 2 scale beta that much smaller. Where s is out of range t
# is NaN, and so is every result that adds it up: a result that is not finite is recomputed from x and g.

# dx of a vector, where `sum` is that of t; adds it to `seen`, which is finite only if all of them are
cdef inline vec combine_vector(const elem* x, elem* dx, const real* gp, vec sum, vec minus_slope, bint far,
                               Py_ssize_t part, vec seen) noexcept nogil:
    cdef vec v = muladd(minus_slope, fetch(x, part) * sum, load(gp))
    put(dx, v, far, part)
    return seen + v


cdef inline void combine_loop(const Formula* f, How how, int constant_taps, bint far,
                              const Lines* lines) noexcept nogil:
    cdef Windows windows
    cdef vec minus_slope = splat(-f.slope), seen = splat(0)
    cdef const elem* x = lines.x
    cdef const real* gp = lines.gp
    cdef elem* y = lines.y
    cdef Py_ssize_t line, i, shift = 0, length = lines.length
    cdef Spot at
    open_windows(&windows, f, lines, SECOND, how, constant_taps)
    for line in range(lines.count):
        i = at.mask = 0
        at.part = first_part(y, length, far)
        while i < length:
            at.i = i + shift
            seen = combine_vector(x + i, y + i, gp + i, sum_vector(&windows, at), minus_slope, far, at.part, seen)
            i += step_of(at.part)
            at.part = part_of(length - i)
            if how.source == MASKED:
                at.mask = next_mask(at.mask, windows.period)
        x = <const elem*>(<const char*>x + lines.x_pitch)
        y = <elem*>(<char*>y + lines.y_pitch)
        gp += lines.pitch
        shift += lines.pitch
    if UNLIKELY(may_have_nonfinite(seen)):
        combine_exactly(f, lines)


# The results of lines that are not finite
cdef void combine_exactly(const Formula* f, const Lines* lines) noexcept nogil:
    cdef Redo redo = Redo(f=f, evaluate=gradient_at, around=lines.around, x=lines.x, g=lines.g, y=lines.y)
    cdef real results[MOST_LANES]
    cdef bint wanted[MOST_LANES]
    cdef Py_ssize_t line, i, lane, count
    for line in range(lines.count):
        i = 0
        while i < lines.length:
            count = step_of(part_of(lines.length - i))
            store(results, fetch(redo.y + i, part_of(lines.length - i)))
            for lane in range(count):
                wanted[lane] = not isfinite(results[lane])
            settle(&redo, i, count, wanted)
            recompute(&redo, i, count, wanted)
            i += LANES
        redo.x = <const elem*>(<const char*>redo.x + lines.x_pitch)
        redo.g = <const elem*>(<const char*>redo.g + lines.g_pitch)
        redo.y = <elem*>(<char*>redo.y + lines.y_pitch)


# Takes out of `wanted`, and writes, what needs no power: results that a NaN reaches are NaN, and of infinite g the
# signs decide. Every overflow in mixed-precision training makes whole arrays of them.
cdef void settle(const Redo* redo, Py_ssize_t i, Py_ssize_t count, bint* wanted) noexcept nogil:
    cdef const Formula* f = redo.f
    cdef bint signs_decide = f.exact_scale > 0 and f.exact_k > 0
    cdef Py_ssize_t first, lane, some
    cdef int found
    cdef real results[MOST_LANES]
    cdef Site site
    cdef Near near
    if f.exact_scale == 0 or f.beta == 0:
        return
    first = -WIDE_LANES
    while first + WIDE_LANES < count:
        first += WIDE_LANES
        some = min(count - first, <Py_ssize_t>WIDE_LANES)
        found = 0
        for lane in range(first, first + some):
            found += wanted[lane]
        if found == 0:
            continue
        site = site_of(redo.around, redo.x, redo.g, i + first, some)
        near = near_gradient(&site)
        near.infinite_g = near.infinite_g & ~near.unbounded_x
        if not signs_decide:
            near.infinite_g = near.infinite_g & ~near.infinite_g
        round_wide(results, wide_splat(NAN))
        if any_lane(near.infinite_g & ~near.nan):
            round_wide(results, wide_select(near.nan, wide_splat(NAN), infinite_gradient_at(f, &site)))
        for lane in range(some):
            if wanted[first + lane] and bit_of_lane(near.nan | near.infinite_g, lane):
                wanted[first + lane] = False
                set_elem(redo.y + i + first + lane, results[lane])


# With loops of its own for the windows that `gains` has some for
cdef void combine(const Formula* f, const Lines* lines) noexcept nogil:
    cdef How how = how_second(lines), five = How(source=STORED, taps=5, addition=PLAIN)
    if how.source == STORED and how.taps == 5 and lines.far:
        combine_loop(f, five, 5, True, lines)
    elif how.source == STORED and how.taps == 5:
        combine_loop(f, five, 5, False, lines)
    else:
        combine_loop(f, how, 0, lines.far, lines)


cdef Operator BACKWARD = Operator(
    enter=square, climb=climb, ready=gains, late=combine, takes_entering=True, narrow=narrow_for_terms,
    entering=1, raised=1, any_power=False, reads_g=True, g_enters=False, writes=True, parts=0,
)
