# What memory a call is given: the bounds of its buffers, and whether they overlap. For every family.

# The bytes [low, high) that a buffer touches
cdef rare extent(const Py_buffer* view, const char** low, const char** high) noexcept nogil:
    cdef int i
    low[0] = <const char*>view.buf
    high[0] = <const char*>view.buf + view.itemsize
    for i in range(view.ndim):
        if view.strides[i] > 0:
            high[0] += (view.shape[i] - 1) * view.strides[i]
        else:
            low[0] += (view.shape[i] - 1) * view.strides[i]


# True if y and `view` are disjoint or identical, so that y can be written while `view` is read
cdef bint compatible(const Py_buffer* view, const Py_buffer* y) noexcept nogil:
    cdef const char* low
    cdef const char* high
    cdef const char* y_low
    cdef const char* y_high
    cdef int i
    extent(view, &low, &high)
    extent(y, &y_low, &y_high)
    if high <= y_low or y_high <= low:
        return True
    if view.buf != y.buf:
        return False
    for i in range(view.ndim):
        if view.strides[i] != y.strides[i] and view.shape[i] > 1:
            return False
    return True


# Does every element lie at a multiple of its size? Non-temporal stores need that.
cdef bint aligned(const Py_buffer* y) noexcept nogil:
    cdef Py_ssize_t places = <Py_ssize_t>y.buf
    cdef int i
    for i in range(y.ndim):
        places |= y.strides[i]
    return places % y.itemsize == 0


cdef bint repeats(const Py_buffer* y) noexcept nogil:
    cdef int i
    for i in range(y.ndim):
        if y.strides[i] == 0 and y.shape[i] > 1:
            return True
    return False
