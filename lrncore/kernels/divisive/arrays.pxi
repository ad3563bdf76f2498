# Where the elements of a call's arrays lie, and lines of them.

cdef enum:
    MAX_DIMS = 64       # NumPy's


cdef struct Axis:
    Py_ssize_t length
    Py_ssize_t stride[OPERANDS]     # in bytes


# The elements of a row of a block, with room for `count`: whole tiles of a product, and no power of two apart, where
# rows would share a few sets of the first-level cache.
cdef inline Py_ssize_t pitch_of(Py_ssize_t count) noexcept nogil:
    return PRODUCT_COLUMNS * ((count + PRODUCT_COLUMNS - 1) // PRODUCT_COLUMNS | 1)


# The elements of an operand's lines are `step` bytes apart, or at offsets of their own.
cdef inline void set_step(Operand* operand, Py_ssize_t step) noexcept nogil:
    operand.inner = step
    operand.staged = passes_through(operand) or not lies_plain(operand)


# `count` elements from `at` on, where they lie or in `scratch`
cdef inline const real* read_line(const Operand* operand, const char* at, const Py_ssize_t* offset, real* scratch,
                                  Py_ssize_t count) noexcept nogil:
    if offset == NULL and not operand.staged:
        return <const real*>at
    gather(operand, at, offset, scratch, count)
    return scratch


# Where to write a line: its place, or `scratch`, from where `write_line` takes it
cdef inline real* line_to(const Operand* operand, char* at, const Py_ssize_t* offset, real* scratch) noexcept nogil:
    return <real*>at if offset == NULL and not operand.staged else scratch


cdef inline void write_line(const Operand* operand, char* at, const Py_ssize_t* offset, const real* line,
                            Py_ssize_t count) noexcept nogil:
    if line != <const real*>at:
        scatter(operand, line, at, offset, count)


# The axes that `view`s share, from the farthest to the nearest, without those of one element, merged where one goes on
# in all operands where the next ends. `kept` says which stay axes of their own.
cdef int fold(Py_buffer** views, int first, int last, const bint* kept, Axis* axes, int* place) noexcept nogil:
    cdef int count = 0, i, which
    cdef bint before = False, merged
    cdef Axis axis
    for i in range(first, last):
        axis.length = views[X].shape[i]
        for which in range(OPERANDS):
            axis.stride[which] = views[which].strides[i]
        place[i] = -1
        if axis.length == 1 and not kept[i]:
            continue
        merged = count > 0 and not kept[i] and not before
        for which in range(OPERANDS):
            merged = merged and axes[count - 1].stride[which] == axis.length * axis.stride[which]
        if merged:
            axis.length *= axes[count - 1].length
            count -= 1
        axes[count] = axis
        place[i] = count
        before = kept[i]
        count += 1
    return count
