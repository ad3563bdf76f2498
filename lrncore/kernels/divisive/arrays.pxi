# Where the elements of a call's arrays lie, and lines of them.

cdef enum:
    X = 0
    G = 1
    Y = 2
    OPERANDS = 3
    MAX_DIMS = 64       # NumPy's


cdef struct Operand:
    char* at
    int form            # how it holds elements: REALS, FLOAT16, BFLOAT16
    bint swapped


cdef struct Axis:
    Py_ssize_t length
    Py_ssize_t stride[OPERANDS]     # in bytes


cdef inline Py_ssize_t round_up(Py_ssize_t count, Py_ssize_t unit) noexcept nogil:
    return (count + unit - 1) // unit * unit


# The elements of a row of a block, with room for `count`: whole tiles of a product, and no power of two apart, where
# rows would share a few sets of the first-level cache.
cdef inline Py_ssize_t pitch_of(Py_ssize_t count) noexcept nogil:
    return PRODUCT_COLUMNS * ((count + PRODUCT_COLUMNS - 1) // PRODUCT_COLUMNS | 1)


cdef inline bint in_place(const Operand* operand, Py_ssize_t step, const Py_ssize_t* offset) noexcept nogil:
    return offset == NULL and step == <Py_ssize_t>sizeof(real) and operand.form == REALS and not operand.swapped


# `count` elements from `at` on, `step` bytes apart or at `offset`, where they lie or in `scratch`
cdef inline const real* read_line(const Operand* operand, const char* at, Py_ssize_t step, const Py_ssize_t* offset,
                                  real* scratch, Py_ssize_t count) noexcept nogil:
    if in_place(operand, step, offset):
        return <const real*>at
    read_elements(at, step, offset, operand.form, operand.swapped, scratch, count)
    return scratch


# Where to write a line: its place, or `scratch`, from where `write_line` takes it
cdef inline real* line_to(const Operand* operand, char* at, Py_ssize_t step, const Py_ssize_t* offset,
                          real* scratch) noexcept nogil:
    return <real*>at if in_place(operand, step, offset) else scratch


cdef inline void write_line(const Operand* operand, char* at, Py_ssize_t step, const Py_ssize_t* offset,
                            const real* line, Py_ssize_t count) noexcept nogil:
    if line != <const real*>at:
        write_elements(at, step, offset, operand.form, operand.swapped, line, count)


# `part` elements, or a whole vector of them where that is 0
cdef inline vec fetch(const real* at, Py_ssize_t part) noexcept nogil:
    return load_part(at, part) if UNLIKELY(part != 0) else load(at)


cdef inline void put(real* at, vec v, Py_ssize_t part) noexcept nogil:
    if UNLIKELY(part != 0):
        store_part(at, v, part)
    else:
        store(at, v)


cdef inline Py_ssize_t part_of(Py_ssize_t left) noexcept nogil:
    return left if left < LANES else 0


# The axes that `view`s share, from the farthest to the nearest, without those of one element, merged where one goes on
# in all operands where the next ends. `kept` says which stay axes of their own.
cdef int fold(Py_buffer** views, int first, int last, const bint* kept, Axis* axes, int* place) noexcept:
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
