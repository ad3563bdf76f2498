# The kernels of divisive normalization, written once. Each `_<instruction set>_divisive_<dtype>.pyx` includes this file
# and nothing else; the build gives it the numbers' type and the instruction set, as it does for LRN (see builds.py).
#
# With the weights w of a pool, N(v) = sign(v) |v|^n, and c = p q:
#
#     D[i]  = sigma[i] + sum of w[i, j] |x[j]|^p over the pool
#     y[i]  = N(x[i]) D[i]^-q                                                                        forward
#     t[i]  = g[i] N(x[i]) D[i]^(-q - 1)
#     dx[j] = g[j] N'(x[j]) D[j]^-q - c |x[j]|^(p - 1) sign(x[j]) (sum of w[i, j] t[i])              backward
#     dw[i, j] = -q sum of t[i] |x[j]|^p        dsigma[i] = -q sum of t[i]
#
# Two kinds of pools, each with a walk of its own:
#
#     dense     every channel of a position, with a matrix of weights: the pools of a block of positions are a matrix
#               product (product.h)
#     windows   a few neighbours along each of some axes, with weights for each axis (taps.h); regions: their blocks
#
# What they share:
#
#     arrays    where elements lie; lines of them, read in place or through scratch
#     lines     the formula, line by line: powers of x, D^-q, t and dx, and which numbers they hold for
#     again     the same for what is infinite, NaN or out of range
#     calls     the calls, and their parallel loops; Python's are in `_divisive.pyx`, one module for all builds
#
# Phases of a block, which fits the second-level cache: the powers of x, line by line; the pools; if all of them are
# within the range of the fast powers, the results, line by line, from x as it lies. A block in which something is not
# within it is computed a second time: infinities and NaNs as the formula has them, finite numbers out of range as NaN,
# the others with the same bits. If there were such finite numbers the block is reported, and the face takes their
# results from a computation in wider numbers.
#
# Glossary, beyond kernel.pxi's
#     position  an element's place along all axes but the channels'
#     lane axis the axis that vectors run along in windows: adjacent in memory where it can be
#     reach     how far a window goes, before and after; mass: the sum of its weights that lie inside the array
#     raised    multiplied by 2^RAISED, as t is, which would underflow before its share in the result does

from libc.math cimport INFINITY, NAN, ceil, copysign, fabs, fmax, fmin, isfinite, isinf, isnan, ldexp, log2, pow
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset


cdef extern from *:
    Py_ssize_t PY_SSIZE_T_MAX


cdef extern from "power_any.h" nogil:
    ctypedef float real     # double in the builds for float64
    ctypedef float vec      # a vector of `real`: +, - and * act lane by lane
    ctypedef void rare "RARE"   # void, of functions that are called once a call, or for what is out of range
    int LANES
    int EXPONENT_BIAS
    int FRACTION_BITS
    int RAISED

    ctypedef struct Range:      # of numbers, between two powers of two
        pass

    ctypedef struct Inside:     # were all vectors so far within a range?
        pass

    ctypedef struct Exponent:   # of a power, prepared for a call
        Range foreseen

    ctypedef struct Power:      # and for a loop
        pass

    vec load(const real* at) noexcept
    vec load_part(const real* at, Py_ssize_t count) noexcept
    void store(real* at, vec v) noexcept
    void store_part(real* at, vec v, Py_ssize_t count) noexcept
    vec splat(real a) noexcept
    vec muladd(vec a, vec b, vec c) noexcept
    vec minus_product(vec c, vec a, vec b) noexcept
    vec first_lanes(vec v, vec others, Py_ssize_t count) noexcept
    bint any_nan(vec v) noexcept
    vec quotient(vec x, vec s, int raised) noexcept
    vec with_sign(vec product, vec x) noexcept
    vec times_half(vec x, vec s) noexcept
    vec times_three_quarters(vec x, vec s, vec* tested, vec* inverse) noexcept
    Power power_of(const Exponent* exponent) noexcept
    vec times_any(vec x, vec s, Power power) noexcept
    vec times_exp2(vec x, vec s, const Exponent* to) noexcept
    Exponent exponent_of(double beta, int lowest, int highest) noexcept
    Range range_of(int lowest, int highest) noexcept
    Inside nothing_outside() noexcept
    Inside still_inside(Inside inside, vec s, Range range) noexcept
    bint all_inside(Inside inside, Range range) noexcept
    bint lane_within(real s, Range range) noexcept
    bint UNLIKELY(bint condition) noexcept


cdef extern from "divisive/magnitudes.h" nogil:
    ctypedef struct Raising:    # a power of |v|, prepared for a call
        real floor, ceiling

    double LARGEST
    vec select_within(vec s, Range domain, vec yes, vec no) noexcept
    vec magnitude(vec v) noexcept
    vec sign_of(vec v) noexcept
    Raising raising_to(double exponent) noexcept
    vec raised_magnitude(vec v, const Raising* to) noexcept
    vec seen_beyond(vec seen, vec v, real ceiling) noexcept
    vec seen_below(vec seen, vec v, vec power) noexcept


cdef extern from "divisive/product.h" nogil:
    int PRODUCT_ROWS
    int PRODUCT_COLUMNS

    ctypedef struct Factor:
        const real* at
        Py_ssize_t row
        Py_ssize_t term

    void multiply(Factor a, const real* b, Py_ssize_t b_term, Py_ssize_t terms, Py_ssize_t rows, Py_ssize_t columns,
                  const real* of_rows, const real* of_columns, real* out, Py_ssize_t pitch) noexcept
    void accumulate_product(Factor a, const real* b, Py_ssize_t b_term, Py_ssize_t terms, Py_ssize_t rows,
                            Py_ssize_t columns, double* out, Py_ssize_t pitch) noexcept


cdef extern from "divisive/taps.h" nogil:
    ctypedef struct Tap:
        Py_ssize_t offset
        real weight

    int TOGETHER_VECTORS "TOGETHER"

    void weighted_sum(const real* source, const Tap* taps, int count, real* to, Py_ssize_t length) noexcept


cdef extern from "divisive/transpose.h" nogil:
    void transpose(const real* source, Py_ssize_t pitch, Py_ssize_t rows, Py_ssize_t columns, real* to,
                   Py_ssize_t to_pitch) noexcept


include "../operands.pxi"
include "../buffers.pxi"
include "asked.pxi"
include "arrays.pxi"
include "lines.pxi"
include "again.pxi"
include "dense.pxi"
include "regions.pxi"
include "windows.pxi"
include "calls.pxi"
