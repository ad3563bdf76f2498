# The arrays of a call: where their elements lie, and loads and stores of vectors of them. All families share this.

cdef extern from "storage.h" nogil:
    ctypedef float elem     # of arrays: `real`, or half as wide
    bint MANY_LOOPS         # for more windows than the usual one
    int ELEMENT_FORMAT
    int OTHER_ORDER

    vec load_elements(const elem* at) noexcept
    vec load_elements_part(const elem* at, Py_ssize_t count) noexcept
    void store_elements(elem* at, vec v) noexcept
    void store_elements_part(elem* at, vec v, Py_ssize_t count) noexcept
    void store_elements_far(elem* at, vec v) noexcept
    real real_of(const elem* at) noexcept
    void set_elem(elem* at, real a) noexcept
    elem load_elem(const char* at, bint swapped) noexcept
    void store_elem(char* at, elem a, bint swapped) noexcept


cdef enum:
    X = 0
    G = 1
    Y = 2
    OPERANDS = 3


# Where an operand's elements lie. A staged operand passes line by line through scratch: its elements are not adjacent
# along the walk, not in this machine's byte order, or overwritten by the output while windows still reach back to them.
cdef struct Operand:
    Py_ssize_t channel      # bytes from one channel to the next
    Py_ssize_t inner        # bytes from one inner element to the next
    bint swapped
    bint overwritten        # by the output
    bint staged


cdef inline Py_ssize_t round_up(Py_ssize_t count, Py_ssize_t unit) noexcept nogil:
    return (count + unit - 1) // unit * unit


cdef void gather(const Operand* operand, const char* source, const Py_ssize_t* offset, elem* line,
                 Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i
    if offset:
        for i in range(length):
            line[i] = load_elem(source + offset[i], operand.swapped)
        return
    if operand.inner == <Py_ssize_t>sizeof(elem) and not operand.swapped:
        memcpy(line, source, length * sizeof(elem))
        return
    for i in range(length):
        line[i] = load_elem(source + i * operand.inner, operand.swapped)


cdef void scatter(const Operand* operand, const elem* line, char* target, const Py_ssize_t* offset,
                  Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i
    if offset:
        for i in range(length):
            store_elem(target + offset[i], line[i], operand.swapped)
        return
    if operand.inner == <Py_ssize_t>sizeof(elem) and not operand.swapped:
        memcpy(target, line, length * sizeof(elem))
        return
    for i in range(length):
        store_elem(target + i * operand.inner, line[i], operand.swapped)


# `part` elements, or a whole vector of them where that is 0
cdef inline vec fetch(const elem* at, Py_ssize_t part) noexcept nogil:
    return load_elements_part(at, part) if UNLIKELY(part != 0) else load_elements(at)


cdef inline void put(elem* at, vec v, bint far, Py_ssize_t part) noexcept nogil:
    if UNLIKELY(part != 0):
        store_elements_part(at, v, part)
    elif far:
        store_elements_far(at, v)
    else:
        store_elements(at, v)


# Every loop over a line does `part` elements at a time: those before the first aligned vector of non-temporal stores,
# or what is left at a line's end, or 0 for a whole vector.
cdef inline Py_ssize_t part_of(Py_ssize_t left) noexcept nogil:
    return left if left < LANES else 0


cdef inline Py_ssize_t first_part(const elem* y, Py_ssize_t length, bint far) noexcept nogil:
    cdef Py_ssize_t beyond = <Py_ssize_t>y // <Py_ssize_t>sizeof(elem) % LANES
    return min(length, LANES - beyond) if far and beyond else part_of(length)


cdef inline Py_ssize_t step_of(Py_ssize_t part) noexcept nogil:
    return LANES if part == 0 else part
