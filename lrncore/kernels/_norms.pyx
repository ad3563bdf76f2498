# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, binding=False
# cython: freethreading_compatible=True
"""The moment norms' calls from Python: the buffers of their arrays, checked, and their errors.

One module for all builds of the kernels, as `_lrn`.
"""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdlib cimport calloc, free
from libc.string cimport memset


include "library.pxi"
include "forms.pxi"
include "norms/asked.pxi"


# The buffers after the arrays, in the order of `numbers`. DWEIGHT holds the gradients of all parameters.
cdef enum:
    WEIGHT = OPERANDS
    BIAS
    TAU
    DWEIGHT
    DBIAS
    DTAU
    DEPS
    MEAN
    VAR
    EACH_EPS
    BUFFERS


# The axes of the arrays
cdef struct Axes:
    int count
    bint kept[MAX_DIMS]
    Py_ssize_t apart[MAX_DIMS]


cdef Axes axes_of(tuple axes) except *:
    cdef Axes to
    to.count = 0
    for kept, apart in axes[:MAX_DIMS]:
        to.kept[to.count] = kept
        to.apart[to.count] = apart
        to.count += 1
    return to


cdef int check_buffers(Py_buffer** views, const Axes* axes, int swapped, Py_ssize_t item) except -1:
    cdef bint same = axes.count == views[X].ndim
    cdef int which, form = form_of(views[X], swapped & 1, item)
    for which in range(OPERANDS):
        check_form(views[which], swapped >> which & 1, item, form)
        same = same and of_one_shape(views[which], views[X])
    if not same:
        raise of_another_shape(views, "")
    return form


# Do the strides of the parameters stay within them?
cdef int check_strides(const Py_buffer* x, const Axes* axes, Py_ssize_t params) except -1:
    cdef Py_ssize_t last = 0, elements = 1
    cdef bint backward = False
    cdef int i
    for i in range(x.ndim):
        elements *= x.shape[i]
        backward = backward or axes.apart[i] < 0 or axes.apart[i] > params
        last += 0 if backward else (x.shape[i] - 1) * axes.apart[i]
    if elements > 0 and (backward or last >= params):
        raise ValueError(f"an array's memory has another shape than its attributes said: {params} parameters do not "
                         f"reach as far as its axes")
    return 0


cdef int check_parameters(const Py_buffer* view, Py_ssize_t item, Py_ssize_t count) except -1:
    if view.itemsize != item or view.len != item * count:
        raise ValueError(f"{count} elements of {item} bytes expected, got {view.len} bytes of {view.itemsize}")
    return 0


cdef Py_ssize_t sets_of(const Py_buffer* x, const Axes* axes) noexcept:
    cdef Py_ssize_t sets = 1
    cdef int i
    for i in range(x.ndim):
        sets *= x.shape[i] if axes.kept[i] else 1
    return sets


# Is a buffer written?
cdef bint writes(const norm_call* asked, int which) noexcept:
    if which < OPERANDS:
        return which == Y and not asked.measures
    return DWEIGHT <= which <= VAR and not (asked.given and which >= MEAN)


# Gradients of the parameters: sums in doubles, which the kernels add to, are those that were given, or memory for them.
cdef double* sums_for(const Py_buffer* grads, Py_ssize_t count) except? NULL:
    cdef bint wide = grads.itemsize == sizeof(double)
    cdef void* sums = grads.buf
    check_parameters(grads, sizeof(double) if wide else sizeof(float), count)
    if grads.buf != NULL and not wide:
        sums = calloc(count + 1, sizeof(double))
        if sums == NULL:
            raise MemoryError(f"{count} sums")
    return <double*>sums


cdef void narrow(const double* sums, float* to, Py_ssize_t count) noexcept:
    cdef Py_ssize_t i
    for i in range(count):
        to[i] = <float>sums[i]


# Takes the buffers that there are (None: there is none), and calls the kernels. The arrays are in the order of the
# enum. Returns False, with nothing done, if `y` overlaps an input so that it cannot be written in place.
cdef bint apply(Kernels kernels, tuple arrays, Axes* axes, norm_call* asked) except -1:
    cdef Py_buffer buffers[BUFFERS]
    cdef Py_buffer* views[OPERANDS]
    cdef norm_answer answer
    cdef double* sums = NULL
    cdef int which, wanted, outcome
    cdef Py_ssize_t item = kernels.answer.item
    cdef bint same = arrays[G] is arrays[X]
    cdef Py_ssize_t rows = 2 if arrays[DEPS] is None else 3
    memset(buffers, 0, sizeof(buffers))     # releasing one that was not taken does nothing
    try:
        for which in range(BUFFERS):
            if arrays[which] is None or (same and which == G):
                continue
            wanted = PyBUF_STRIDES if which < OPERANDS else 0
            if writes(asked, which):
                wanted |= PyBUF_WRITABLE
            PyObject_GetBuffer(arrays[which], &buffers[which], wanted | PyBUF_FORMAT)
        for which in range(OPERANDS):
            views[which] = &buffers[X if same and which == G else which]
            asked.data[which] = <char*>views[which].buf
            asked.strides[which] = views[which].strides
        asked.form = check_buffers(views, axes, asked.swapped, item)
        check_strides(views[X], axes, asked.params)
        for which in range(WEIGHT, BUFFERS):
            if arrays[which] is not None and which != DWEIGHT:
                check_parameters(&buffers[which], sizeof(double) if which >= DWEIGHT else item,
                                 sets_of(views[X], axes) if which >= DEPS else asked.params)
            asked.numbers[which - OPERANDS] = buffers[which].buf
        if asked.gradients:
            sums = sums_for(&buffers[DWEIGHT], rows * asked.params)
            asked.numbers[NORM_DWEIGHT], asked.numbers[NORM_DBIAS] = sums, sums + asked.params
            asked.numbers[NORM_DTAU] = NULL if rows < 3 or arrays[TAU] is None else sums + 2 * asked.params
        asked.ndim, asked.shape = views[X].ndim, views[X].shape
        asked.kept, asked.apart = axes.kept, axes.apart
        with nogil:
            outcome = kernels.enter(asked, &answer)
        if outcome == NORM_DONE and sums != buffers[DWEIGHT].buf:
            narrow(sums, <float*>buffers[DWEIGHT].buf, rows * asked.params)
    finally:
        if sums != buffers[DWEIGHT].buf:
            free(sums)
        for which in range(BUFFERS):
            PyBuffer_Release(&buffers[which])
    if outcome == NORM_VARIED_THRESHOLD:
        raise ValueError("a threshold that changes within a set, or gradients with one where the statistics are given")
    if outcome == NORM_NO_MEMORY:
        raise MemoryError(f"{answer.parts} times {answer.bytes} bytes of scratch")
    return outcome == NORM_DONE


cdef int take_norm(norm_call* asked, tuple norm) except -1:
    eps, asked.centred, asked.given, asked.outside = norm
    asked.eps = eps if isinstance(eps, float) else 0
    return 0


cdef object each_eps(tuple norm):
    return None if isinstance(norm[0], float) else norm[0]


# `axes` has a pair for each axis, from the farthest strides of x to the nearest: is it one of sets, and how many
# elements are the parameters apart? `params` is how many there are. Sets are numbered in C order of their axes.
# `norm` is (eps, centred, given, outside): eps a float, or an array of float64 of each set's; whether `statistics`,
# each set's mean and biased variance (or None), are given or written; and whether eps is added outside the root. Bits
# 0, 1 and 2 of `swapped` say that the bytes of x, of the other input and of the output are.
cdef class Kernels:
    """A build of the kernels, from the file of its library."""

    cdef norm_entry enter
    cdef norm_answer answer

    def __cinit__(self, bytes path not None):
        self.enter = <norm_entry>function_in(path, "lrn_enter_norms")
        self.enter(NULL, &self.answer)

    @property
    def lanes(self):
        """Lanes of a vector of the numbers that this build computes in."""
        return self.answer.lanes

    def forward(self, x, y, tuple parameters not None, tuple statistics not None, tuple axes not None,
                Py_ssize_t params, tuple norm not None, int threads, int swapped, /):
        """Write the normalized `x` into `y`, or only measure it where that is None.

        `parameters` are weight, bias and tau. False if `x` and `y` overlap, with nothing written.
        """
        cdef Axes places = axes_of(axes)
        cdef norm_call asked
        asked.gradients, asked.measures, asked.params, asked.threads = False, y is None, params, threads
        asked.swapped = swapped | (swapped & 1) << G
        if y is None:
            y = x
            asked.swapped |= (swapped & 1) << Y
        take_norm(&asked, norm)
        return apply(self, (x, x, y, *parameters, None, None, None, None, *statistics, each_eps(norm)), &places, &asked)

    def backward(self, g, x, y, tuple parameters not None, grads not None, deps, tuple statistics not None,
                 tuple axes not None, Py_ssize_t params, tuple norm not None, int threads, int swapped, /):
        """Write the gradient with respect to `x` into `y`, and those of weight, bias and tau one behind the other.

        `grads` takes these: float32, or float64 that is added to. `deps` is that of eps, of each set, or None, without
        which there is none of tau. False if `y` overlaps `g` or `x`, with nothing done.
        """
        cdef Axes places = axes_of(axes)
        cdef norm_call asked
        asked.gradients, asked.measures, asked.params, asked.threads = True, False, params, threads
        asked.swapped = swapped
        take_norm(&asked, norm)
        return apply(self, (x, g, y, *parameters, grads, None, None, deps, *statistics, each_eps(norm)), &places,
                     &asked)

    def __reduce__(self):
        raise TypeError("kernels cannot be pickled")
