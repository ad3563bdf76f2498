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
# loops over one line of elements: square, climb, normalize, gains, combine; `pairs` has more accurate ones for where
# beta is large. Two schedules feed them:
# `rows` walks channel by channel along a tile of the inner axis (planar data), `stream` walks positions in
# memory order, where the next channel is a fixed stride away (packed data, and planar data with a short inner
# axis). `grid` finds which one fits the strides, and `entry` holds the calls and the parallel loop.

from cython.parallel cimport prange
from cpython.buffer cimport PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.math cimport (INFINITY, NAN, ceil, copysignl, exp2l, fabs, floor, fmal, fmod, frexpl, ilogb, isfinite, isinf,
                        isnan, ldexp, ldexpl, log, log2, logl, powl, rint, rintl, sqrt)
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove, memset


cdef extern from *:
    Py_ssize_t PY_SSIZE_T_MAX


cdef extern from "power_any.h" nogil:
    ctypedef float real     # double in the builds for float64
    ctypedef float vec      # a vector of `real`: +, - and * act lane by lane
    int LANES
    int VECTOR_BYTES

    int EXPONENT_BIAS
    int RAISED
    bint TESTS_SQUARE
    bint FORMS_SQUARE
    double PAIRS_BEYOND
    double LONG_PAIRS_BEYOND

    ctypedef struct Range:      # of numbers, between two powers of two
        pass

    ctypedef struct Inside:     # were all vectors so far within a range?
        pass

    ctypedef struct Exponent:   # beta, prepared for a call
        Range foreseen

    ctypedef struct Power:      # and for a loop
        Range foreseen

    vec load(const real* at) noexcept
    void store(real* at, vec v) noexcept
    void fence_stores() noexcept
    void prefetch(const void* at) noexcept
    vec splat(real a) noexcept
    vec keep(vec v, vec mask) noexcept
    vec product_error(vec a, vec b, vec product) noexcept
    vec muladd(vec a, vec b, vec c) noexcept
    vec quotient(vec x, vec s, int raised) noexcept
    vec with_sign(vec product, vec x) noexcept
    vec with_zeros_sign(vec product, vec x) noexcept
    vec times_inverse_square(vec x, vec s) noexcept
    vec times_half(vec x, vec s) noexcept
    vec times_three_quarters(vec x, vec s, vec* judged, vec* inverse) noexcept
    Power power_of(const Exponent* exponent) noexcept
    vec times_any(vec x, vec s, Power power) noexcept
    vec times_exp2(vec x, vec s, const Exponent* to) noexcept
    vec log2_of(vec s) noexcept
    Exponent exponent_of(double beta, int lowest, int highest) noexcept
    Range range_of(int lowest, int highest) noexcept
    Inside nothing_outside() noexcept
    Inside still_inside(Inside inside, vec s, Range range) noexcept
    bint all_inside(Inside inside, Range range) noexcept
    bint lane_within(real s, Range range) noexcept
    bint may_have_nonfinite(vec sum) noexcept
    vec held(vec v) noexcept
    vec first_lanes(vec v, vec others, Py_ssize_t count) noexcept
    bint UNLIKELY(bint condition) noexcept


cdef extern from "storage.h" nogil:
    ctypedef float elem     # of arrays: `real`, or half as wide
    bint MANY_LOOPS         # for more windows than the usual one

    vec load_elements(const elem* at) noexcept
    vec load_elements_part(const elem* at, Py_ssize_t count) noexcept
    void store_elements(elem* at, vec v) noexcept
    void store_elements_part(elem* at, vec v, Py_ssize_t count) noexcept
    void store_elements_far(elem* at, vec v) noexcept
    real real_of(const elem* at) noexcept
    void set_elem(elem* at, real a) noexcept
    elem load_elem(const char* at, bint swapped) noexcept
    void store_elem(char* at, elem a, bint swapped) noexcept


include "window.pxi"
include "formula.pxi"
include "again.pxi"
include "totals.pxi"
include "lines.pxi"
include "stages.pxi"
include "combine.pxi"
include "pairs.pxi"
include "derivatives.pxi"
include "job.pxi"
include "rows.pxi"
include "stream.pxi"
include "grid.pxi"
include "entry.pxi"
