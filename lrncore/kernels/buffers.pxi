# What memory a call is given: the bounds of its buffers, what they hold, and whether they overlap. For every family.

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


# How a buffer holds its elements; -1 if they are others, or their bytes not in the order that the call was told
cdef int form_of(const Py_buffer* view, bint swapped) noexcept nogil:
    cdef const char* form = view.format
    cdef bint other_order
    if form == NULL:
        return -1
    other_order = form[0] == OTHER_ORDER
    if form[0] in b"<>=@^":
        form += 1
    if form[0] == 0 or form[1] != 0:
        return -1
    if READS_HALVES and form[0] == c"H" and view.itemsize == <Py_ssize_t>sizeof(half):
        # the face exports bfloat16 as bits in this machine's order, whatever order its dtype has
        return BFLOAT16
    if other_order != swapped:
        return -1
    if READS_HALVES and form[0] == c"e" and view.itemsize == <Py_ssize_t>sizeof(half):
        return FLOAT16
    return REALS if form[0] == REAL_FORMAT and view.itemsize == <Py_ssize_t>sizeof(real) else -1


# The face checks arrays by their attributes, and the memory that is read is the buffers'. The two differ where a class
# overrides an attribute, or another thread assigns one during the call.
cdef int check_form(const Py_buffer* view, bint swapped, int form) except -1:
    cdef int found = form_of(view, swapped)
    if found < 0 or found != form:
        raise ValueError(f"an array's memory holds other elements than its dtype said: it was changed during the "
                         f"call, or its class overrides attributes; got items of {view.itemsize} bytes and format "
                         f"{(<bytes>view.format).decode() if view.format else None!r}")
    return 0


cdef bint of_one_shape(const Py_buffer* view, const Py_buffer* x) noexcept:
    cdef int i
    if view.ndim != x.ndim:
        return False
    for i in range(x.ndim):
        if view.shape[i] != x.shape[i]:
            return False
    return True


# An error that names the shapes of the operands, and what `more` says
cdef object of_another_shape(Py_buffer** views, str more):
    shapes = [tuple([view.shape[i] for i in range(view.ndim)]) for view in views[:OPERANDS]]
    return ValueError(f"an array's memory has another shape than its attributes said: one was changed during the "
                      f"call, or its class overrides them; got {', '.join(map(str, shapes))}{more}")
