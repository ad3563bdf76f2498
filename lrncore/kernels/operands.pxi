# The arrays of a call: where their elements lie, and loads and stores of vectors of them. All families share this.

cdef extern from "storage.h" nogil:
    ctypedef unsigned short half "uint16_t"
    int OTHER_ORDER
    bint READS_HALVES

    ctypedef enum Form "int":   # of an array's elements
        REALS
        FLOAT16
        BFLOAT16

    void store_far(real* at, vec v) noexcept
    real real_of(const real* at) noexcept
    void set_real(real* at, real a) noexcept
    void copy_element(char* to, const char* source, Py_ssize_t size, bint swapped) noexcept

    ctypedef struct Passage:    # of lines between an array and scratch
        char* array
        Py_ssize_t apart
        real* scratch
        Py_ssize_t pitch
        real* squares
        Py_ssize_t squares_pitch
        Py_ssize_t length
        Py_ssize_t count

    void widen_row(real* to, const char* source, Py_ssize_t length, Py_ssize_t ahead, Form form) noexcept
    void narrow_row(char* to, const real* source, Py_ssize_t length, Py_ssize_t ahead, Form form) noexcept
    void widen_lines(const Passage* way, Py_ssize_t ahead, Form form) noexcept
    void narrow_lines(const Passage* way, Py_ssize_t ahead, Form form) noexcept


cdef enum:
    X = 0
    G = 1
    Y = 2
    OPERANDS = 3
    SOME_HALVES = 256       # that are brought together before they are converted


# Where an operand's elements lie. A staged operand passes line by line through scratch: its elements are not `real` in
# this machine's byte order, not adjacent along the walk, or overwritten by the output while windows still reach back to
# them.
cdef struct Operand:
    Form form
    Py_ssize_t item         # bytes of an element
    Py_ssize_t channel      # bytes from one channel to the next
    Py_ssize_t inner        # bytes from one inner element to the next
    Py_ssize_t ahead        # bytes from elements that come, and halves that leave, to those that are prefetched, or 0
    bint swapped
    bint overwritten        # by the output
    bint staged


# Are the elements halves? A build for float64 has no code for them.
cdef inline bint is_halves(const Operand* operand) noexcept nogil:
    return READS_HALVES and operand.form != REALS


# Does an operand pass through scratch wherever it lies?
cdef inline bint passes_through(const Operand* operand) noexcept nogil:
    return is_halves(operand) or operand.swapped or operand.overwritten


cdef inline Py_ssize_t round_up(Py_ssize_t count, Py_ssize_t unit) noexcept nogil:
    return (count + unit - 1) // unit * unit


# Are all elements of a line side by side, as the machine has them?
cdef inline bint lies_plain(const Operand* operand) noexcept nogil:
    return operand.inner == operand.item and not operand.swapped


# Do halves lie so that whole lines of them are converted?
cdef inline bint converts(const Operand* operand) noexcept nogil:
    return is_halves(operand) and lies_plain(operand)


# Some lines come into scratch, or leave. Only halves that lie side by side bring their squares.
cdef void gather_lines(const Operand* operand, const Passage* way) noexcept nogil:
    cdef Py_ssize_t line
    if converts(operand):
        widen_lines(way, operand.ahead, operand.form)
        return
    for line in range(way.count):
        gather(operand, way.array + line * way.apart, NULL, way.scratch + line * way.pitch, way.length)


cdef void scatter_lines(const Operand* operand, const Passage* way) noexcept nogil:
    cdef Py_ssize_t line
    if converts(operand):
        narrow_lines(way, operand.ahead, operand.form)
        return
    for line in range(way.count):
        scatter(operand, way.scratch + line * way.pitch, way.array + line * way.apart, NULL, way.length)


# A line whose elements lie at `offset`s, or an equal distance apart where that is NULL
cdef void gather(const Operand* operand, const char* source, const Py_ssize_t* offset, real* line,
                 Py_ssize_t length) noexcept nogil:
    if offset or not lies_plain(operand):
        gather_apart(operand, source, offset, line, length)
    elif is_halves(operand):
        widen_row(line, source, length, operand.ahead, operand.form)
    else:
        memcpy(line, source, length * sizeof(real))


cdef void scatter(const Operand* operand, const real* line, char* target, const Py_ssize_t* offset,
                  Py_ssize_t length) noexcept nogil:
    if offset or not lies_plain(operand):
        scatter_apart(operand, line, target, offset, length)
    elif is_halves(operand):
        narrow_row(target, line, length, operand.ahead, operand.form)
    else:
        memcpy(target, line, length * sizeof(real))


cdef void gather_apart(const Operand* operand, const char* source, const Py_ssize_t* offset, real* line,
                       Py_ssize_t length) noexcept nogil:
    cdef half halves[SOME_HALVES]
    cdef Py_ssize_t i = 0, some
    if not is_halves(operand):
        gather_elements(operand, source, offset, <char*>line, sizeof(real), 0, length)
        return
    while i < length:
        some = min(length - i, <Py_ssize_t>SOME_HALVES)
        gather_elements(operand, source, offset, <char*>halves, sizeof(half), i, some)
        widen_row(line + i, <const char*>halves, some, 0, operand.form)
        i += some


cdef void scatter_apart(const Operand* operand, const real* line, char* target, const Py_ssize_t* offset,
                        Py_ssize_t length) noexcept nogil:
    cdef half halves[SOME_HALVES]
    cdef Py_ssize_t i = 0, some
    if not is_halves(operand):
        scatter_elements(operand, <const char*>line, target, offset, sizeof(real), 0, length)
        return
    while i < length:
        some = min(length - i, <Py_ssize_t>SOME_HALVES)
        narrow_row(<char*>halves, line + i, some, 0, operand.form)
        scatter_elements(operand, <const char*>halves, target, offset, sizeof(half), i, some)
        i += some


# Elements `first` to `first + count` of a line, `size` bytes each
cdef inline void gather_elements(const Operand* operand, const char* source, const Py_ssize_t* offset, char* to,
                                 Py_ssize_t size, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    if offset:
        for i in range(count):
            copy_element(to + i * size, source + offset[first + i], size, operand.swapped)
        return
    for i in range(count):
        copy_element(to + i * size, source + (first + i) * operand.inner, size, operand.swapped)


cdef inline void scatter_elements(const Operand* operand, const char* source, char* target, const Py_ssize_t* offset,
                                  Py_ssize_t size, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    if offset:
        for i in range(count):
            copy_element(target + offset[first + i], source + i * size, size, operand.swapped)
        return
    for i in range(count):
        copy_element(target + (first + i) * operand.inner, source + i * size, size, operand.swapped)


# `part` elements, or a whole vector of them where that is 0
cdef inline vec fetch(const real* at, Py_ssize_t part) noexcept nogil:
    return load_part(at, part) if UNLIKELY(part != 0) else load(at)


cdef inline void put(real* at, vec v, bint far, Py_ssize_t part) noexcept nogil:
    if UNLIKELY(part != 0):
        store_part(at, v, part)
    elif far:
        store_far(at, v)
    else:
        store(at, v)


# Every loop over a line does `part` elements at a time: those before the first aligned vector of non-temporal stores,
# or what is left at a line's end, or 0 for a whole vector.
cdef inline Py_ssize_t part_of(Py_ssize_t left) noexcept nogil:
    return left if left < LANES else 0


cdef inline Py_ssize_t first_part(const real* y, Py_ssize_t length, bint far) noexcept nogil:
    cdef Py_ssize_t beyond = <Py_ssize_t>y // <Py_ssize_t>sizeof(real) % LANES
    return min(length, LANES - beyond) if far and beyond else part_of(length)


cdef inline Py_ssize_t step_of(Py_ssize_t part) noexcept nogil:
    return LANES if part == 0 else part
