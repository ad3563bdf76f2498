# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, binding=False
# cython: freethreading_compatible=True
"""Divisive normalization's calls from Python: the buffers of their arrays, checked, and their errors.

One module for all builds of the kernels, as `_lrn`.
"""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdlib cimport free, malloc
from libc.string cimport memset


include "library.pxi"
include "forms.pxi"
include "divisive/asked.pxi"


cdef enum:
    MOST_BUFFERS = 9


# Takes the buffers of a call's arrays (None: there is none, and x stands in for it), the first three of which hold
# elements. They are released whatever comes.
cdef int take(Py_buffer* buffers, Py_buffer** views, tuple arrays, int writable) except -1:
    cdef int which, wanted
    for which in range(len(arrays)):
        views[which] = &buffers[which]
        if arrays[which] is None:
            views[which] = views[X]
            continue
        wanted = PyBUF_STRIDES | PyBUF_FORMAT
        if writable >> which & 1:
            wanted |= PyBUF_WRITABLE
        PyObject_GetBuffer(arrays[which], &buffers[which], wanted)
    return 0


cdef void release(Py_buffer* buffers) noexcept:
    cdef int which
    for which in range(MOST_BUFFERS):
        PyBuffer_Release(&buffers[which])


# The face checks arrays by their attributes, and the memory that is read is the buffers'. The two differ where another
# thread assigns an attribute during the call. `axes` is how many there are at least.
cdef int set_arrays(divisive_call* asked, Py_buffer** views, int axes, tuple formula, int swapped,
                    Py_ssize_t item) except -1:
    cdef bint same = views[X].ndim >= axes
    cdef int which
    asked.swapped = 0
    for which in range(OPERANDS):
        if swapped >> (which if views[which] != views[X] else X) & 1:
            asked.swapped |= 1 << which
        asked.data[which], asked.strides[which] = <char*>views[which].buf, views[which].strides
        asked.form[which] = form_of(views[which], asked.swapped >> which & 1, item)
        same = same and asked.form[which] >= 0 and of_one_shape(views[which], views[X])
    if not same:
        raise ValueError("an array's memory has other elements or another shape than its attributes said: it was "
                         "changed during the call")
    asked.ndim, asked.shape = views[X].ndim, views[X].shape
    asked.p, asked.q, asked.n, asked.total = formula
    return 0


# The memory of parameters: at least `count` contiguous numbers of `item` bytes
cdef char* numbers(const Py_buffer* view, Py_ssize_t count, Py_ssize_t item) except? NULL:
    if view.itemsize != item or view.len < item * count:
        raise ValueError(f"parameters of {count} numbers of {item} bytes expected, got {view.len} bytes")
    return <char*>view.buf


cdef object no_memory(const divisive_answer* answer):
    return MemoryError(f"{answer.parts} times {answer.bytes} bytes of scratch")


# The numbers of the blocks that were left unwritten
cdef list unwritten(const divisive_answer* answer):
    cdef Py_ssize_t i
    return [i for i in range(answer.blocks) if answer.bad[i]]


# The places of a block: the number of its outer place, and low and high of each side
cdef tuple places_of(const windows_call* asked, const divisive_answer* answer, Py_ssize_t block):
    cdef list spans = []
    cdef Py_ssize_t low, length
    cdef int i
    for i in range(asked.sides - 1, -1, -1):
        length = asked.arrays.shape[asked.arrays.ndim - asked.sides + i]
        low = block % answer.tiles[i] * answer.tile[i]
        spans.append((low, min(low + answer.tile[i], length)))
        block //= answer.tiles[i]
    return block, tuple(reversed(spans))


# The taps of all sides in one piece of memory, to be freed: offsets, and behind them weights
cdef Py_ssize_t* taps_of(windows_call* asked, tuple sides) except NULL:
    cdef Py_ssize_t taps = 0, at = 0
    cdef Py_ssize_t* offsets
    cdef double* weights
    cdef int i
    for side in sides:
        taps += len(side[0])
    offsets = <Py_ssize_t*>malloc((taps + 1) * (sizeof(Py_ssize_t) + sizeof(double)))
    if offsets == NULL:
        raise MemoryError(f"the taps of a window: {taps}")
    weights = <double*>&offsets[taps + (taps & 1)]
    for i in range(asked.sides):
        asked.side[i].offsets, asked.side[i].weights, asked.side[i].taps = &offsets[at], &weights[at], len(sides[i][0])
        at += asked.side[i].taps
    return offsets


# `sides`: for each axis from the outer ones on, (offsets, weights, the index of its first mass or -1, its place in the
# order of sums)
cdef int set_sides(windows_call* asked, tuple sides, const Py_buffer* masses, Py_ssize_t item) except -1:
    cdef Py_ssize_t mass
    cdef window_side* side
    cdef int i, t
    for i in range(asked.sides):
        side = &asked.side[i]
        offsets, weights, first, place = sides[i]
        side.place, mass, side.mass = place, first, NULL
        for t in range(side.taps):
            side.offsets[t], side.weights[t] = offsets[t], weights[t]
        if mass >= 0:
            side.mass = numbers(masses, mass + asked.arrays.shape[asked.arrays.ndim - asked.sides + i], item)
            side.mass += mass * item
    return 0


cdef class Kernels:
    """A build of the kernels, from the file of its library."""

    cdef divisive_kernels build

    def __cinit__(self, bytes path not None):
        cdef divisive_entry enter = <divisive_entry>function_in(path, "lrn_enter_divisive")
        enter(&self.build)

    @property
    def lanes(self):
        """Lanes of a vector of the numbers that this build computes in."""
        return self.build.lanes

    @property
    def raised(self):
        """Sums of gradients of parameters are multiplied by 2 to this power."""
        return self.build.raised

    def dense(self, tuple arrays not None, tuple formula not None, int threads, int swapped, /):
        """Write y, or with g dx, and return the ranges of positions with NaNs that are left to the caller.

        `arrays`: x, g, y, weights, transposed, sigma, dweights, dsigma, kept; `swapped` has bits for the first three.
        Where y is x or g, nothing is written there.
        """
        cdef Py_buffer buffers[MOST_BUFFERS]
        cdef Py_buffer* views[MOST_BUFFERS]
        cdef Py_ssize_t item = self.build.item, rows, pitch, channels, positions
        cdef dense_call asked
        cdef divisive_answer answer
        cdef int outcome
        memset(buffers, 0, sizeof(buffers))     # releasing one that was not taken does nothing
        memset(&asked, 0, sizeof(asked))
        memset(&answer, 0, sizeof(answer))
        try:
            take(buffers, views, arrays, 0b111000100)
            set_arrays(&asked.arrays, views, 1, formula, swapped, item)
            asked.arrays.gradients, asked.arrays.threads = arrays[G] is not None, threads
            channels, positions = views[X].shape[views[X].ndim - 1], 1
            for i in range(views[X].ndim - 1):
                positions *= views[X].shape[i]
            self.build.room(channels, &rows, &pitch)
            asked.weights = numbers(views[3], rows * pitch, item)
            asked.transposed = numbers(views[4], rows * pitch, item)
            asked.sigma = numbers(views[5], pitch, item)
            if arrays[6] is not None:
                asked.dweights = <double*>numbers(views[6], rows * pitch, sizeof(double))
                asked.dsigma = <double*>numbers(views[7], rows, sizeof(double))
            if arrays[8] is not None:
                asked.kept = numbers(views[8], self.build.kept(positions, channels), item)
            with nogil:
                outcome = self.build.dense(&asked, &answer)
            if outcome == DIVISIVE_NO_MEMORY:
                raise no_memory(&answer)
            return [(i * answer.block, min((i + 1) * answer.block, positions)) for i in unwritten(&answer)]
        finally:
            free(answer.bad)
            release(buffers)

    def room(self, Py_ssize_t channels, /):
        """Return the rows of a matrix of weights for so many channels, and the elements from one to the next."""
        cdef Py_ssize_t rows, pitch
        self.build.room(channels, &rows, &pitch)
        return rows, pitch

    def kept(self, Py_ssize_t positions, Py_ssize_t channels, /):
        """Return how many numbers the pools of so many positions may take where they are kept."""
        return self.build.kept(positions, channels)

    def windows(self, x, g, y, sigma, mass, tuple sides not None, int sigma_at, tuple formula not None, int threads,
                int swapped, /):
        """Write y, or with g dx, and return the places of the blocks with NaNs that are left to the caller."""
        cdef Py_buffer buffers[MOST_BUFFERS]
        cdef Py_buffer* views[MOST_BUFFERS]
        cdef Py_ssize_t* taps = NULL
        cdef Py_ssize_t item = self.build.item
        cdef windows_call asked
        cdef divisive_answer answer
        cdef int outcome
        memset(buffers, 0, sizeof(buffers))
        memset(&asked, 0, sizeof(asked))
        memset(&answer, 0, sizeof(answer))
        if len(sides) > MAX_SIDES:
            raise ValueError(f"windows along at most {MAX_SIDES - 1} axes can be computed, got {len(sides) - 1} "
                             f"or more")
        try:
            take(buffers, views, (x, g, y, sigma, mass), 0b100)
            set_arrays(&asked.arrays, views, max(<int>len(sides), sigma_at + 1), formula, swapped, item)
            asked.arrays.gradients, asked.arrays.threads = g is not None, threads
            asked.sigma = numbers(views[3], views[X].shape[sigma_at] if sigma_at >= 0 else 1, item)
            asked.sigma_at, asked.sides = sigma_at, len(sides)
            taps = taps_of(&asked, sides)
            set_sides(&asked, sides, views[4], item)
            with nogil:
                outcome = self.build.windows(&asked, &answer)
            if outcome == DIVISIVE_NO_MEMORY:
                raise no_memory(&answer)
            return [places_of(&asked, &answer, i) for i in unwritten(&answer)]
        finally:
            free(taps)
            free(answer.bad)
            release(buffers)

    def __reduce__(self):
        raise TypeError("kernels cannot be pickled")
