# The last stage of the backward, and what it leaves to be made again.

# Makes the results of a line again that are not finite: NaN in t marks those whose sums left the fast range.
cdef void combine_again(const Formula* f, const Lines* lines, Py_ssize_t line) noexcept nogil:
    cdef const elem* x = <const elem*>(<const char*>lines.x + line * lines.x_pitch)
    cdef const elem* g = <const elem*>(<const char*>lines.g + line * lines.g_pitch)
    cdef elem* dx = <elem*>(<char*>lines.y + line * lines.y_pitch)
    cdef Py_ssize_t i
    for i in range(lines.length):
        if not isfinite(real_of(dx + i)):
            set_elem(dx + i, gradient_again(f, lines.around, x + i, g + i, channel_of(lines.around, i)))


cdef inline vec combine_vector(vec seen, vec minus_slope, Squares squares, bint far, const Lines* at, int levels,
                               int taps, Py_ssize_t i, Py_ssize_t j, Py_ssize_t m, Py_ssize_t part) noexcept nogil:
    cdef vec sum, dx
    if levels > 1:
        climb_vector(load(at.taps.level[0] + j), &at.taps, levels, j)
    sum = window_sum(term(&at.taps, 0, squares, j, m, part), &at.taps, taps, squares, j, m, part)
    dx = muladd(minus_slope, fetch(at.x + i, part) * sum, load(at.gp + j))
    put_result(at, far, i, dx, part)
    return seen + dx


cdef inline void combine_lines(const Formula* f, Squares squares, bint far, const Lines* lines, int levels,
                               int taps) noexcept nogil:
    cdef vec minus_slope = splat(-f.slope), seen
    cdef Lines at
    cdef Py_ssize_t line, i, m, part, shift = 0
    take(&at, lines, levels, taps)
    for line in range(at.count):
        i = m = 0
        seen = splat(0)
        if far:
            i = min(at.length, first_part(at.y))
            if i:
                seen = combine_vector(seen, minus_slope, squares, far, &at, levels, taps, 0, shift, m, i)
        while i <= at.length - LANES:
            seen = combine_vector(seen, minus_slope, squares, far, &at, levels, taps, i, i + shift, m, 0)
            i += LANES
            if squares == MASKED:
                m = next_mask(&at, m)
        part = at.length - i
        if part:
            seen = combine_vector(seen, minus_slope, squares, far, &at, levels, taps, i, i + shift, m, part)
        if UNLIKELY(may_have_nonfinite(seen)):
            combine_again(f, lines, line)
        at.x = <const elem*>(<const char*>at.x + at.x_pitch)
        at.y = <elem*>(<char*>at.y + at.y_pitch)
        shift += at.pitch


# dx = gp - 2 scale beta x * (sum of the taps on t), after a climb on t's newest line where there are levels
cdef void combine(const Formula* f, bint far, const Lines* lines) noexcept nogil:
    cdef int levels = lines.taps.levels, taps = lines.taps.count
    if lines.period:
        combine_lines(f, MASKED, False, lines, 1, taps)
    elif far:
        combine_lines(f, STORED, True, lines, 1, taps)
    elif levels == 1 and taps == 5:
        combine_lines(f, STORED, False, lines, 1, 5)
    elif MANY_LOOPS and levels == 1 and taps == 3:
        combine_lines(f, STORED, False, lines, 1, 3)
    elif MANY_LOOPS and levels == 1 and taps == 7:
        combine_lines(f, STORED, False, lines, 1, 7)
    elif MANY_LOOPS and levels == 1 and taps == 9:
        combine_lines(f, STORED, False, lines, 1, 9)
    elif MANY_LOOPS and levels == 3 and taps == 3:
        combine_lines(f, STORED, False, lines, 3, 3)
    elif MANY_LOOPS and levels == 4 and taps == 3:
        combine_lines(f, STORED, False, lines, 4, 3)
    else:
        combine_lines(f, STORED, False, lines, levels, taps)
