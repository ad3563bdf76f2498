# The kernels of the moment norms, written once. Each `_<instruction set>_norms_<real>.pyx` includes this file and
# nothing else; the build gives it the type of numbers and the instruction set, as it does for LRN (see builds.py).
#
# With a set of n elements, m their mean (0 where the norm is not centred) and h = weight g:
#
#     v  = mean of (x - m)^2        r = (v + eps)^-1/2        xh = (x - m) r
#     y  = weight xh + bias                                                                              forward
#     dx = r (h - mean of h - xh (mean of h xh))             (no mean of h where the norm is not centred)
#     dweight = sum of g xh         dbias = sum of g         over all elements of a weight               backward
#
# Every axis of the arrays is one of sets (`kept`) or within them (`reduced`), and one along which the weight changes
# or not (its stride of the parameters is 0). This covers layer, RMS, group, instance, batch and filter response norms.
#
#     job             what a call has to do; where sets, tiles and rows lie; staging
#     layout          which axes are walked how
#     finish.h        from sums over sets to what the loops take of them, in vectors of doubles
#     statistics      the same, set by set; ranges; gradients of parameters
#     rows_sums       sets of rows (a reduced axis is adjacent in memory, vectors run along the set): sums over tiles,
#     rows_sets       over sets, which are measured again where they are out of range,
#     rows_apply      and results
#     bundles, short  the same for sets of one short row, several at a time: their sums in short_sums, results by cache
#                     lines in whole_lines
#     columns_sums    sets side by side (a kept axis is adjacent, a vector holds as many sets as it has lanes), likewise
#     columns_sets
#     columns_apply
#     walk            which sets, or chunks of them, are measured and applied when, and the parallel loops
#     calls           one call; Python's are in `_norms.pyx`, one module for all builds
#
# Phases of a set, or of a block of sets side by side:
#
#     1. sums of d = x - shift, of d^2, and backward of g (or h, where the weight changes within the set) and d g, tile
#        after tile, chunk after chunk of tiles
#     2. from these the statistics; if they are out of range, again with x times a power of two (and g times another).
#        This is rare, and the loops that do it are slow and small: they ask at each vector what they have to do.
#     3. the results, from the cache where the set fits one
#
# Design
#     a) The mean is kept as two numbers, high and low, and subtracted: x weight r + (bias - mean weight r) would lose
#        log2(mean / deviation) bits.
#     b) One pass over x, about a shift near the mean: the mean of up to eight elements (columns), the middle one of
#        three means of two (rows), or in float64 the mean of the first tile. With the shift off by k deviations the
#        variance has 1 + k^2 times the rounding errors that it has about the mean. Where k^2 > 4 (columns: 2) the set
#        is measured again, in doubles and about the mean that was found. Short rows are added up about 0 first, and
#        about a shift where then k^2 > 1/2. float32 is summed in float32 over a run of at
#        most 32 vectors (columns: over some 64 rows), then in doubles; where sums are returned (`measures`), in doubles
#        all the way. The lanes of a run are added in float32 only while four sums of them or more are left.
#     c) Gradients of parameters that do not change within a row (or column) follow from its sums in phase 1; others
#        are added up in phase 3.
#     d) Chunks depend on the shape alone and their sums are added in their order: the same bits for any threads.
#     e) Columns are walked in tiles of whole rows that fit the first-level cache, two vectors of columns after the
#        other, with what these take in registers. Memory is fastest in the order of addresses, which this is not:
#        beyond the caches a tile is walked in strips of a few rows. Rows that follow are prefetched line by line, into
#        the second-level cache: prefetches into the first one wait for its few misses, many at once are dropped, and
#        reading a tile once before it is used overlaps with nothing (Zen 4). Where rows have no gaps they are taken
#        from the first cache line of y on (`rolled`), so that lines are written whole, past the caches. Results of
#        blocks come from the last chunk on, which phase 1 read last. Over few rows what a column takes by itself counts
#        most, a root and a quotient above all: blocks are narrow, so that their tables stay in the first-level cache.
#        Phases 1 and 2 of one vector of columns after the other take longer (Zen 4 sees too little of the next one).
#     f) Short rows are measured a bundle at a time, two or four side by side, so that several rows wait for memory at
#        once. Where their vectors do not begin at cache lines each load would wait for two: forward, lines of x are
#        added up, and the sums of lanes put in their order at the end. Rows are normalized in pairs, from copies of
#        weight and bias that lie at cache lines; without gaps they are written by whole cache lines (`lines`), of
#        which each row shares one with the next.
#     g) Rows beyond the caches are prefetched where the processor does that badly by itself (`ahead`): some elements
#        of each are read for the shift, far from each other, before the row is, and backward reads two arrays. Within
#        the caches it gains nothing, so that these loops are compiled without it too.

from libc.math cimport fabs, ilogb, ldexp, sqrt
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset


cdef extern from *:
    Py_ssize_t PY_SSIZE_T_MAX


cdef extern from "prefetch.h" nogil:
    void prefetch_outer(const void* at) noexcept


cdef extern from "simd.h" nogil:
    ctypedef float real     # double in the builds for float64
    ctypedef float vec      # a vector of `real`: +, - and * act lane by lane
    ctypedef void rare "RARE"   # void, of functions that are called once a call, or for what is out of range
    int LANES
    int EXPONENT_BIAS

    vec load(const real* at) noexcept
    vec load_part(const real* at, Py_ssize_t count) noexcept
    void store(real* at, vec v) noexcept
    void fence_stores() noexcept
    vec held(vec v) noexcept
    void store_part(real* at, vec v, Py_ssize_t count) noexcept
    vec splat(real a) noexcept
    vec muladd(vec a, vec b, vec c) noexcept
    vec first_lanes(vec v, vec others, Py_ssize_t count) noexcept
    bint any_nan(vec v) noexcept
    bint UNLIKELY(bint condition) noexcept


cdef extern from "shifts.h" nogil:
    bint PARTS_LINES
    vec load_behind(vec before, const real* at, Py_ssize_t count) noexcept
    void store_behind(real* at, vec v, Py_ssize_t count) noexcept
    vec turned(vec v, Py_ssize_t by) noexcept


include "../operands.pxi"
include "../buffers.pxi"


cdef extern from "norms/finish.h" nogil:
    int WIDE_LANES
    enum:
        SHIFT
        FIRST
        SQUARES
        OF_G
        G_PRODUCTS
        CUT
        H
        PRODUCTS
        EPS
        ROOT
        OUT
        IN_DOUBLES
        SCALE
        HIGH
        INVERSE
        LOW_TERM
        FACTOR
        H_HIGH
        SLOPE
        TERM
        GAIN
        ADDEND
        WEIGHTS
        G_SCALE
        LOWER
        LOWER_TOO
        IN_REALS

    ctypedef struct Norm:
        double n
        double lowest
        double highest
        double h_lowest
        double farthest
        bint centred
        bint given
        bint outside

    ctypedef double wide        # a vector of doubles

    ctypedef struct Pair:       # a vector's lanes as doubles
        pass

    bint finish_sets(double* doubles, real* reals, Py_ssize_t apart, Py_ssize_t count, const Norm* norm,
                     bint gradients) noexcept
    void tell_moments(const double* doubles, const real* reals, Py_ssize_t apart, Py_ssize_t count, const Norm* norm,
                      double* mean, double* var) noexcept
    void add_columns_gradients(const double* doubles, const real* reals, Py_ssize_t apart, Py_ssize_t count,
                               const Norm* norm, double* dweight, double* dbias, double* dtau) noexcept
    bint all_ones(const real* at, Py_ssize_t count) noexcept
    real real_muladd(real a, real b, real c) noexcept
    Pair paired(double a) noexcept
    Pair widened(vec v) noexcept
    vec narrowed(Pair p) noexcept
    real middle_real(real a, real b, real c) noexcept
    Pair load_pair(const double* at) noexcept
    void store_pair(double* at, Pair p) noexcept
    Pair plus(Pair a, Pair b) noexcept
    Pair minus(Pair a, Pair b) noexcept
    Pair times_plus(Pair a, Pair b, Pair c) noexcept
    Pair first_of_pair(Pair p, Py_ssize_t count) noexcept
    double total(Pair p) noexcept
    wide folded(vec v) noexcept
    wide wide_splat(double a) noexcept
    wide fused(wide a, wide b, wide c) noexcept
    double wide_total(wide v) noexcept
    void store_sums(double* to, double* more, vec a, vec b, vec c, vec d) noexcept
    void add_to_doubles(double* to, vec v) noexcept
    vec larger_magnitude(vec a, vec b) noexcept
    double largest_lane(vec v) noexcept
    vec replaced_below(vec v, vec y, vec limit, vec below) noexcept


include "asked.pxi"
include "job.pxi"
include "layout.pxi"
include "statistics.pxi"
include "rows_sums.pxi"
include "rows_sets.pxi"
include "rows_apply.pxi"
include "bundles.pxi"
include "whole_lines.pxi"
include "short_sums.pxi"
include "short.pxi"
include "columns_sums.pxi"
include "columns_sets.pxi"
include "columns_apply.pxi"
include "walk.pxi"
include "calls.pxi"
