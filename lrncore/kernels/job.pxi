# What one call has to do, the same for all its threads, and the way to its operands.

# Where an operand's elements lie. A staged operand passes line by line through scratch: its elements are not
# adjacent along the walk, or not in this machine's byte order.
cdef struct Operand:
    Py_ssize_t channel      # bytes from one channel to the next
    Py_ssize_t inner        # bytes from one inner element to the next
    bint swapped
    bint staged


cdef struct Job:
    Formula formula
    Window window           # of the squares; the reflected window has the same size, hence the same plan
    bint backward
    bint far                # the arrays exceed the caches
    bint past               # rows: so the result is stored past them, and squares are not kept
    Py_ssize_t channels
    Py_ssize_t before
    Py_ssize_t after
    Py_ssize_t inner
    bint adjoining          # stream: all slabs follow each other without a gap, and are walked as one, with masks
    Py_ssize_t slabs        # all (channels, inner) blocks of the arrays
    Py_ssize_t width        # rows: elements of a tile, stream: positions of a chunk
    Operand x
    Operand g
    Operand y


cdef inline Py_ssize_t round_up(Py_ssize_t count, Py_ssize_t unit) noexcept nogil:
    return (count + unit - 1) // unit * unit


cdef void gather(const char* source, Py_ssize_t stride, bint swapped, real* line, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(length):
        line[i] = load_element(source + i * stride, swapped)


cdef void scatter(const real* line, char* target, Py_ssize_t stride, bint swapped, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(length):
        store_element(target + i * stride, line[i], swapped)


cdef inline void clear(real* line, Py_ssize_t length) noexcept nogil:
    memset(line, 0, length * sizeof(real))


# Where a stage finds an operand: the staged line, or the array itself
cdef inline const real* source(const Operand* operand, const real* line, const char* at) noexcept nogil:
    if operand.staged:
        return line
    return <const real*>at


cdef inline real* target(const Operand* operand, real* line, char* at) noexcept nogil:
    if operand.staged:
        return line
    return <real*>at
