# What goes straight: for beta 3/4, straight_packed.pxi and straight_planar.pxi have the loops for windows of 3, 5 and 9
# channels, straight_long_packed.pxi and straight_long_planar.pxi the forward's for ten and more.

cdef inline Py_ssize_t packed_straight(const Formula* f, const Lines* lines, bint late) noexcept nogil:
    if lines.period:
        return packed_loop(f, lines, 2, late, True) if lines.before == 2 else packed_loop(f, lines, 1, late, True)
    if lines.before == MOST_REACH:
        return packed_loop(f, lines, MOST_REACH, late, False)
    return packed_loop(f, lines, 2, late, False) if lines.before == 2 else packed_loop(f, lines, 1, late, False)


cdef inline Py_ssize_t planar_straight(const Formula* f, const Lines* lines, bint late) noexcept nogil:
    if lines.before == MOST_REACH:
        return planar_loop(f, lines, MOST_REACH, late)
    return planar_loop(f, lines, 2, late) if lines.before == 2 else planar_loop(f, lines, 1, late)


# The results of whole slabs, or of columns of one: how many elements of each line have theirs. All others have to be
# done the other way.
cdef Py_ssize_t forward_straight(const Formula* f, const Lines* lines, bint packed) noexcept nogil:
    if MANY_REGISTERS and packed:
        return packed_long(f, lines) if lines.window.levels > 1 else packed_straight(f, lines, False)
    if not GOES_DOWN:
        return 0
    return planar_long(f, lines) if lines.window.levels > 1 else planar_straight(f, lines, False)


cdef Py_ssize_t backward_straight(const Formula* f, const Lines* lines, bint packed) noexcept nogil:
    if not MANY_REGISTERS:
        return 0
    return packed_straight(f, lines, True) if packed else planar_straight(f, lines, True)


# Are there such loops for this, planar ones or packed? With sixteen registers the gradient's are slower than the hooks,
# 1.15 times on AVX2 and 1.1 on SSE2 (planar, in cache).
cdef inline bint goes_straight(const Job* job, bint packed) noexcept nogil:
    cdef bint near = job.before == job.after and (1 <= job.before <= 2 or job.before == MOST_REACH)
    if job.op.straight == NULL or job.whole or job.formula.kind != THREE_QUARTERS:
        return False
    if job.op.late:
        return MANY_REGISTERS and near
    if packed:
        return MANY_REGISTERS and (near or has_slab_trail(job))
    return GOES_DOWN and (near or has_column_trail(job))


# And packed ones with masks, of adjoining slabs?
cdef inline bint goes_straight_masked(const Job* job) noexcept nogil:
    return job.before + job.after <= 4 and goes_straight(job, True)
