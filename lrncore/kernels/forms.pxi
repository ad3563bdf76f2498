# What the buffers of a call hold: their elements and shapes, which the calls of Python check. For every family.

# How a buffer holds its elements, in a call that computes in numbers of `item` bytes; -1 if they are others, or their
# bytes not in the order that the call was told
cdef int form_of(const Py_buffer* view, bint swapped, Py_ssize_t item) noexcept nogil:
    cdef const char* form = view.format
    cdef bint other_order, halves = item == sizeof(float) and view.itemsize == <Py_ssize_t>sizeof(half)
    if form == NULL:
        return -1
    other_order = form[0] == OTHER_ORDER
    if form[0] in b"<>=@^":
        form += 1
    if form[0] == 0 or form[1] != 0:
        return -1
    if halves and form[0] == c"H":
        # the face exports bfloat16 as bits in this machine's order, whatever order its dtype has
        return BFLOAT16
    if other_order != swapped:
        return -1
    if halves and form[0] == c"e":
        return FLOAT16
    return REALS if form[0] == (c"d" if item == sizeof(double) else c"f") and view.itemsize == item else -1


# The face checks arrays by their attributes, and the memory that is read is the buffers'. The two differ where a class
# overrides an attribute, or another thread assigns one during the call.
cdef int check_form(const Py_buffer* view, bint swapped, Py_ssize_t item, int form) except -1:
    cdef int found = form_of(view, swapped, item)
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
