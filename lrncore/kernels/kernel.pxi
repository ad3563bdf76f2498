# The LRN kernels, written once. Each `<instruction set>_<dtype>.pyx` includes this file and nothing else; the
# build gives it the element type and the instruction set (see setup.py and simd.h).
#
# With channel c, its window W(c) = [c - before, c + after] inside [0, C), and p = s^-beta:
#
#     s[c]  = k + scale * sum of x[j]^2 over W(c)
#     y[c]  = x[c] * p[c]                                                                            forward
#     t[c]  = g[c] * x[c] * p[c] / s[c]
#     dx[c] = g[c] * p[c] - 2 scale beta x[c] * sum of t[j] over [c - after, c + before]             backward
#
# The backward's window is the reflected one: all j with c in W(j).
#
# Phases. `window` turns a window into a few taps on trailing sums; nothing is ever subtracted. `stages` has the
# loops over one line of elements: square, climb, normalize, gains, combine. Two schedules feed them:
# `rows` walks channel by channel along a tile of the inner axis (planar data), `stream` walks positions in
# memory order, where the next channel is a fixed stride away (packed data, and planar data with a short inner
# axis). `grid` finds which one fits the strides, and `entry` holds the calls and the parallel loop.

from cython.parallel cimport prange
from cpython.buffer cimport PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdlib cimport free, malloc
from libc.string cimport memmove, memset


cdef extern from "power_any.h" nogil:
    ctypedef float real     # double in the builds for float64
    ctypedef float vec      # a vector of `real`: +, - and * act lane by lane
    int LANES
    int VECTOR_BYTES

    ctypedef struct Exponent:   # beta, prepared for a call
        pass

    ctypedef struct Power:      # and for a loop
        pass

    real load_element(const char* at, bint swapped) noexcept
    void store_element(char* at, real a, bint swapped) noexcept
    vec load(const real* at) noexcept
    void store(real* at, vec v) noexcept
    vec load_part(const real* at, Py_ssize_t count) noexcept
    void store_part(real* at, vec v, Py_ssize_t count) noexcept
    void store_past(real* at, vec v) noexcept
    void fence_stores() noexcept
    void prefetch(const real* at) noexcept
    vec splat(real a) noexcept
    vec keep(vec v, vec mask) noexcept
    vec muladd(vec a, vec b, vec c) noexcept
    vec quotient(vec x, vec s) noexcept
    vec with_sign(vec product, vec x) noexcept
    vec times_half(vec x, vec s) noexcept
    vec times_three_quarters(vec x, vec s, vec* judged) noexcept
    Power power_of(const Exponent* exponent) noexcept
    bint foreseen(vec s, Power power) noexcept
    vec times_any(vec x, vec s, Power power) noexcept
    vec careful_any(vec x, vec s, const Exponent* to, vec fast) noexcept
    vec careful_product(vec x, vec s, double exponent, vec fast, vec judged) noexcept
    bint ordinary(vec s) noexcept
    bint UNLIKELY(bint condition) noexcept
    Exponent exponent_of(double beta) noexcept


include "window.pxi"
include "lines.pxi"
include "stages.pxi"
include "job.pxi"
include "rows.pxi"
include "stream.pxi"
include "grid.pxi"
include "entry.pxi"
