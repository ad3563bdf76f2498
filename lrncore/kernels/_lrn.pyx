# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, binding=False
# cython: freethreading_compatible=True
"""LRN's calls from Python: the buffers of its arrays, checked, and its errors.

One module for all builds of the kernels, which are libraries without Python (c_face.h). In each of them this would be
a ninth of it.
"""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.pycapsule cimport PyCapsule_New
from libc.string cimport memset


include "library.pxi"
include "forms.pxi"
include "c_pass.pxi"


cdef enum:
    MOST_SHARES = 256       # that are told of


# The operands of a pass, x in the place of those that it does not have
cdef int check_buffers(Py_buffer** views, const lrn_pass* asked, Py_ssize_t item) except -1:
    cdef bint same = True
    cdef int which, i, form = form_of(views[X], asked.swapped & 1, item)
    for which in range(OPERANDS):
        if which == X or views[which] != views[X]:
            check_form(views[which], asked.swapped >> which & 1, item, form)
            same = same and of_one_shape(views[which], views[X])
    for i in range(asked.windows):
        same = same and (asked.axes[i - 1] if i else -1) < asked.axes[i] < views[X].ndim
    if not same:
        raise of_another_shape(views, f" and axes {tuple([asked.axes[i] for i in range(asked.windows)])}")
    return form


# Returns False, with nothing done, if `y` overlaps an input so that it cannot be written in place.
cdef bint apply(Kernels kernels, x, g, y, lrn_pass* asked) except -1:
    cdef Py_buffer buffers[OPERANDS]
    cdef Py_buffer* views[OPERANDS]
    cdef lrn_shortage shortage
    cdef int which, outcome, wanted = PyBUF_STRIDES | PyBUF_FORMAT
    memset(buffers, 0, sizeof(buffers))     # releasing one that was not taken does nothing
    views[X] = &buffers[X]                  # and stands in for what the operator does not have
    views[G] = &buffers[G] if asked.kind != LRN_FORWARD else views[X]
    views[Y] = &buffers[Y] if asked.kind != LRN_PARAMETERS else views[X]
    try:
        PyObject_GetBuffer(x, &buffers[X], wanted)
        if views[G] != views[X]:
            PyObject_GetBuffer(g, &buffers[G], wanted)
        if views[Y] != views[X]:
            PyObject_GetBuffer(y, &buffers[Y], wanted | PyBUF_WRITABLE)
        asked.form = check_buffers(views, asked, kernels.build.item)
        asked.ndim = views[X].ndim
        asked.shape = views[X].shape
        for which in range(OPERANDS):
            asked.data[which] = <char*>views[which].buf
            asked.strides[which] = views[which].strides
        asked.shortage = &shortage
        with nogil:
            outcome = kernels.enter(asked)
    finally:
        for which in range(OPERANDS):
            PyBuffer_Release(&buffers[which])
    if outcome == PASS_NO_MEMORY:
        raise MemoryError(f"{shortage.parts} times {shortage.bytes} bytes of scratch")
    if outcome == PASS_TOO_LONG:
        raise MemoryError("a window longer than any memory")
    return outcome == PASS_DONE


cdef lrn_pass pass_of(int kind, int* places, tuple axes, tuple spec, int threads, int swapped) except *:
    cdef lrn_pass asked
    memset(&asked, 0, sizeof(asked))
    asked.kind = kind
    for axis in axes[:MAX_DIMS]:
        places[asked.windows] = axis
        asked.windows += 1
    asked.axes = places
    asked.before, asked.after, asked.scale, asked.beta, asked.k = spec
    asked.threads = threads
    asked.swapped = swapped
    return asked


# `spec` is (before, after, scale, beta, k). Bits 0, 1 and 2 of `swapped` say that the bytes of x, of the other input
# and of the output are.
cdef class Kernels:
    """A build of the kernels, from the file of its library."""

    cdef lrn_entry enter
    cdef lrn_build build
    #: What C calls: see c_face.h
    cdef readonly object entry

    def __cinit__(self, bytes path not None):
        self.enter = <lrn_entry>function_in(path, "lrn_enter")
        self.enter(NULL)
        self.build = self.told()
        self.entry = PyCapsule_New(<void*>self.enter, "lrncore.kernels.entry", NULL)

    cdef lrn_build told(self) noexcept:
        cdef lrn_pass asked
        cdef lrn_build build
        memset(&asked, 0, sizeof(asked))
        asked.build = &build
        self.enter(&asked)
        return build

    @property
    def lanes(self):
        """Lanes of a vector of the numbers that this build computes in."""
        return self.build.lanes

    @property
    def wide_lanes(self):
        """Lanes of a vector of doubles."""
        return self.build.wide_lanes

    def forward(self, x, y, tuple axes not None, tuple spec not None, int threads, int swapped, /):
        """Write ``x * (k + scale * sum x^2)^-beta`` into `y`; False if the two overlap, with nothing written."""
        cdef int places[MAX_DIMS]
        cdef lrn_pass asked = pass_of(LRN_FORWARD, places, axes, spec, threads, swapped)
        return apply(self, x, None, y, &asked)

    def backward(self, g, x, y, tuple axes not None, tuple spec not None, int threads, int swapped, /):
        """Write the gradient with respect to `x` into `y`; False if `y` overlaps `g` or `x`, with nothing written."""
        cdef int places[MAX_DIMS]
        cdef lrn_pass asked = pass_of(LRN_BACKWARD, places, axes, spec, threads, swapped)
        return apply(self, x, g, y, &asked)

    def tangent(self, dx, x, y, tuple axes not None, tuple spec not None, int threads, int swapped, /):
        """Write the forward's derivative along `dx` into `y`; False if `y` overlaps `dx` or `x`, nothing written."""
        cdef int places[MAX_DIMS]
        cdef lrn_pass asked = pass_of(LRN_TANGENT, places, axes, spec, threads, swapped)
        return apply(self, x, dx, y, &asked)

    def parameters(self, g, x, tuple axes not None, tuple spec not None, int threads, int swapped, /):
        """Return the derivatives of ``sum(g * y)`` with respect to scale, beta and k."""
        cdef int places[MAX_DIMS]
        cdef double[3] found
        cdef lrn_pass asked = pass_of(LRN_PARAMETERS, places, axes, spec, threads, swapped)
        memset(found, 0, sizeof(found))
        asked.derivatives = found
        apply(self, x, g, None, &asked)
        return found[0], found[1], found[2]

    def shares(self, name, x, y, tuple axes not None, tuple spec not None, int threads, int swapped, /):
        """Return how many results each thread of a call of `name` with such arrays would have, with none computed."""
        cdef int places[MAX_DIMS]
        cdef int kind = LRN_BACKWARD if name == "backward" else LRN_TANGENT if name == "tangent" else LRN_FORWARD
        cdef lrn_pass asked = pass_of(kind, places, axes, spec, threads, swapped)
        cdef Py_ssize_t[MOST_SHARES] results
        memset(results, 0, sizeof(results))
        asked.results = results
        asked.threads = min(asked.threads, <int>MOST_SHARES)
        apply(self, x, x, y, &asked)
        return [results[i] for i in range(MOST_SHARES) if results[i]]

    def recomputed(self):
        """Return how many vectors of doubles were computed exactly, each with a power, since the library's load."""
        return self.told().recomputed

    def summed(self):
        """Return how many vectors entered the sums of long windows since then, for what was computed exactly."""
        return self.told().summed

    def __reduce__(self):
        raise TypeError("kernels cannot be pickled")
