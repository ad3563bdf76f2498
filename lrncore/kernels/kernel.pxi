# The LRN kernels, written once. Each `<instruction set>_<real>.pyx` includes this file and nothing else; the build
# gives it the type that it computes in and the instruction set (see builds.py and simd.h). float16 and bfloat16 are
# computed in float32: operands.pxi brings lines of them into scratch, and takes lines of results away.
#
# With channel c, its window W(c) = [c - before, c + after] inside [0, C), and p = s^-beta:
#
#     s[c]  = k + scale * sum of x[j]^2 over W(c)
#     y[c]  = x[c] * p[c]                                                                            forward
#     t[c]  = g[c] * x[c] * p[c] / s[c]
#     dx[c] = g[c] * p[c] - 2 scale beta x[c] * sum of t[j] over [c - after, c + before]             backward
#
# The backward's window is the reflected one: all j with c in W(j). op_tangent.pxi and op_parameters.pxi have the
# formulas of the other derivatives. Along several axes W is a box, whose sums are sums along one axis after the other.
#
# Four ideas, each in its own place:
#
#     walk      walk_rows, walk_columns,  order, tiles, rings, staging, tails; which line enters, is ready, is late:
#               walk_stream, walk_whole,  each file opens with a timeline. Knows no formula
#               walk_box
#     sum       window, sums,             windows as a few taps on trailing sums; nothing is ever subtracted
#               two_at_once
#     power     power.h, power_any.h      functions of vectors, each with its domain and largest error;
#               powers, powers_any,       the loops over them, and what happens to an s outside the domain
#               out_of_range
#     operator  operator, op_<name>       a row of hooks that a walk calls:
#
#         operator         enter                along              ready                 late
#         forward          squares              their sums         y = x p               -
#         forward, pairs   squares as pairs     sums of pairs      y = x p               -         for large beta
#         backward         squares              of squares, of t   gp = g p, and t       dx
#         tangent          squares, and x dx    of both            dy                    -
#         parameters       squares              their sums         adds to the totals    -
#
# `along` is for boxes: the sums along a row itself. Data may go `straight` through the forward and the backward,
# with all that their hooks pass on in registers, or with trailing sums of long windows in scratch (straight). Where
# windows hold every channel, their sums come before the first line is ready; op_whole.pxi has the forward and the
# derivatives of that walk.
#
# `grid` finds the walk that fits the strides, `split` shares it among threads, and `box` has the rows of a box; `job`
# has what a call is, `buffers` what memory it is given, `call` the one parallel loop, and `c_entry` what faces call.
# Nothing here is Python: its calls are in `_lrn.pyx`, one module for all builds. No module is initialized either, so
# what does not change is an enum, a macro or a table that `c_entry` fills when a library is loaded. `exact`,
# `exact_gradients`, `exact_sliding`, `exact_whole` and `exact_box` recompute what is out of the powers' range, in
# numbers with more room (wide.h).
#
# Glossary
#     slab      one (channels, inner) block of the arrays; planar arrays have long inner axes, packed ones none
#     line      elements that a loop passes over: a row, or the positions of a chunk
#     row       one channel of a tile; a tile is a piece of the inner axis of a slab (walk_rows). Of boxes: what lies
#               beneath one place of their first axis, as far as the others reach (box.pxi)
#     side      an axis of such a row; place: where an element is in it, in scratch; group: lines an equal pitch apart
#     pass      sums of a whole row along one of its sides (walk_box)
#     batch     slabs whose rows make one row, where those would be short (walk_box)
#     panel     some tiles side by side, of which a thread walks the same rows (split)
#     stretch   what a thread has of a panel or slab: rows or, of a stream, positions that have results. Of boxes: such
#               rows of a piece, where slabs are fewer than threads (walk_box)
#     seam      between two stretches, where both make the sums and the t that their windows share
#     grain     positions that stretches begin at multiples of (split)
#     chunk     positions of a slab in memory order (walk_stream)
#     belt      a buffer in which a chunk moves on (belts)
#     pile      sums of a block of channels, some apart (walk_whole)
#     column    the elements of all channels at one inner place (exact_whole)
#     factor    what a line is multiplied with, the same for all channels (walk_whole)
#     piece     what a thread walks at a time
#     level     trailing sums of 3^i channels; tap: a line of some level that a window adds up (window.pxi)
#     set       the levels of one kind of trailing sums: of squares, and a second one
#     scattered an inner axis made of all outer axes, where rows along one of them would be short
#     part      elements of a vector that is not whole
#     turn      of a loop in which several vectors are under way: each takes a step of its chain (straight_packed)
#     gap       turns between two columns of vectors (straight_planar)
#     trail     the trailing sums of all rows of a column, or of a slab (straight_long_planar, straight_long_packed)
#     originals what results are written over in place, kept until they may stay (straight_planar, walk_slabs)
#     lead      what is kept before a chunk; zeros before and behind a row of boxes
#     staged    copied through scratch, since the walk cannot read or write the array in place
#     halves    elements of float16 or bfloat16; form: how an array holds its elements, as `real` or as one of these
#     far       beyond the caches: non-temporal stores, prefetches, squares recomputed from x
#     exactly   in doubles with an exponent apart (exact.pxi)
#     term      t of a recomputed gradient, kept with its share g s^-beta for all results that it reaches
#     track     of a slab: the sums of long windows that slide along its channels, exactly (exact_sliding); what it has
#               of some channels is in strips
#     vicinity  of a line of a box: what was summed around it exactly, a stage for each pass (exact_box.pxi); strand:
#               where a line of a row lies
#
# Design
#     a) A loop is specialized for its power, or for some that share it, and for where squares come from. The way of the
#        sum (which taps, of how many levels) is found out in each turn by branches that are always predicted, for two
#        vectors at once. That takes up to 15 %, and the libraries are much smaller than with a loop for every pair of
#        the two. Two loops, one that writes a line of s and one that reads it, were 20 to 27 % slower on AVX-512, whose
#        stores take two cycles.
#     b) Networks' windows have loops with all constant: the table in powers.pxi.
#     c) Hooks are pointers: one call for each line, some nanoseconds for hundreds of elements.
#     d) docs/explanation/performance.md counts what limits each loop, numerics.md says why the range tests suffice.

from libc.math cimport INFINITY, NAN, ceil, fabs, floor, ilogb, isfinite, ldexp, log, log2, sqrt
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove, memset


cdef extern from *:
    Py_ssize_t PY_SSIZE_T_MAX


cdef extern from "prefetch.h" nogil:
    void prefetch(const void* at) noexcept
    void prefetch_outer(const void* at) noexcept
    void prefetch_into(const void* at, int outer) noexcept
    void prefetch_bytes(const char* at, Py_ssize_t bytes) noexcept


cdef extern from "power_any.h" nogil:
    ctypedef float real     # double in the builds for float64
    ctypedef float vec      # a vector of `real`: +, - and * act lane by lane
    ctypedef void outlying "OUTLYING"   # void, of loops that need all registers
    ctypedef void rare "RARE"   # void, of functions that are called once a call, or for what is out of range
    int LANES
    int VECTOR_BYTES
    bint TWO_AT_ONCE        # the loops take two vectors in one turn
    bint MANY_REGISTERS     # a loop may keep some twenty vectors
    bint GOES_DOWN          # planar data may go straight through the forward
    bint SPECIALIZED        # loops of their own are worth their bytes

    int EXPONENT_BIAS
    int FRACTION_BITS
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

    ctypedef struct Estimate:   # of s^-3/4
        vec tested
        vec inverse

    vec load(const real* at) noexcept
    vec load_part(const real* at, Py_ssize_t count) noexcept
    void store(real* at, vec v) noexcept
    void store_part(real* at, vec v, Py_ssize_t count) noexcept
    void fence_stores() noexcept
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
    Estimate estimate_of(vec s) noexcept
    Estimate with_correction(Estimate at) noexcept
    vec times_corrected(vec x, Estimate at) noexcept
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
    Range range_below(Range range, int to) noexcept
    Inside seen_tiny(Inside seen, vec v, real limit) noexcept
    Inside seen_lost(Inside seen, vec v, vec of, real limit) noexcept
    bint any_tiny(Inside seen, real limit) noexcept
    bint may_have_nonfinite(vec sum) noexcept
    vec held(vec v) noexcept
    vec first_lanes(vec v, vec others, Py_ssize_t count) noexcept
    bint UNLIKELY(bint condition) noexcept


include "operands.pxi"


cdef extern from "shifts.h" nogil:
    bint SHIFTS_LANES
    vec lanes_before(vec before, vec v, int by) noexcept
    vec lanes_after(vec v, vec after, int by) noexcept


cdef extern from "wide.h" nogil:
    ctypedef double wide        # a vector of doubles
    ctypedef long long wide_bits    # and masks of its lanes
    int WIDE_LANES

    ctypedef struct Wide:       # numbers m * 2^e
        wide m

    ctypedef struct WideScale:  # a power of two for all numbers of a window
        pass

    bint NEEDS_SCALE

    wide wide_splat(double a) noexcept
    wide wide_magnitude(wide v) noexcept
    wide wide_larger(wide a, wide b) noexcept
    wide wide_select(wide_bits mask, wide yes, wide no) noexcept
    wide_bits is_nan(wide v) noexcept
    wide_bits is_infinite(wide v) noexcept
    wide_bits wide_not_finite(wide v) noexcept
    bint any_lane(wide_bits mask) noexcept
    Wide wide_of(wide v) noexcept
    Wide wide_plus(Wide a, Wide b) noexcept
    Wide wide_times(Wide a, Wide b) noexcept
    Wide wide_over(Wide a, Wide b) noexcept
    wide wide_value(Wide a) noexcept
    WideScale wide_scale_of(wide largest) noexcept
    wide wide_downscaled(wide v, WideScale scale) noexcept
    Wide wide_upscaled(wide sum, WideScale scale) noexcept
    wide wide_larger_exponent(wide e, Wide w) noexcept
    wide wide_at_exponent(Wide w, wide e) noexcept
    Wide wide_raised_sum(wide sum, wide e) noexcept
    Wide wide_number_select(wide_bits mask, Wide yes, Wide no) noexcept
    void wide_accumulate(wide* sum, wide* lost, wide v) noexcept
    Wide wide_nothing() noexcept
    void wide_accumulate_number(Wide* sum, wide* lost, Wide v) noexcept


cdef extern from "wide_power.h" nogil:
    ctypedef struct WideExponent:
        pass

    WideExponent wide_exponent(double beta) noexcept
    Wide wide_times_power(Wide v, Wide s, const WideExponent* to) noexcept
    wide wide_log(Wide s) noexcept


cdef extern from "wide_memory.h" nogil:
    wide_bits wide_within(wide v, Range range) noexcept
    wide_bits wide_first_lanes(Py_ssize_t count) noexcept
    wide_bits wide_lanes_of(const bint* wanted, Py_ssize_t count) noexcept
    wide load_wide(const real* at, Py_ssize_t count) noexcept
    void store_wide_elements(real* at, wide v, Py_ssize_t count) noexcept
    wide wide_of_reals(const real* at) noexcept
    void store_numbers(double* to, Py_ssize_t apart, Wide w) noexcept
    Wide load_numbers(const double* at, Py_ssize_t apart) noexcept
    void store_some_doubles(double* to, wide v, Py_ssize_t count) noexcept
    void store_some_numbers(double* to, Py_ssize_t apart, Wide w, Py_ssize_t count) noexcept
    Wide load_some_numbers(const double* at, Py_ssize_t apart, Py_ssize_t count) noexcept
    void store_wide(double* to, wide v) noexcept
    wide load_doubles(const double* at) noexcept
    wide wide_with_one_nan(wide v) noexcept
    wide wide_moved(wide v, Py_ssize_t lanes) noexcept
    wide wide_between(wide v, Py_ssize_t first, Py_ssize_t last) noexcept
    wide with_wide_lane(wide v, Py_ssize_t i, double a) noexcept
    Py_ssize_t recomputed_vectors
    Py_ssize_t summed_vectors
    void count_vectors(Py_ssize_t* count, Py_ssize_t vectors) noexcept
    Py_ssize_t vectors_so_far(const Py_ssize_t* count) noexcept


include "window.pxi"
include "formula.pxi"
include "totals.pxi"
include "lines.pxi"
include "sums.pxi"
include "two_at_once.pxi"
include "exact.pxi"
include "operator.pxi"
include "out_of_range.pxi"
include "powers.pxi"
include "straight_packed.pxi"
include "straight_planar.pxi"
include "straight_long_planar.pxi"
include "straight_long_packed.pxi"
include "straight.pxi"
include "powers_any.pxi"
include "op_forward.pxi"
include "op_forward_pairs.pxi"
include "exact_sliding.pxi"
include "exact_gradients.pxi"
include "op_backward.pxi"
include "op_tangent.pxi"
include "op_parameters.pxi"
include "op_whole.pxi"
include "job.pxi"
include "walk_rows.pxi"
include "walk_columns.pxi"
include "belts.pxi"
include "walk_stream.pxi"
include "walk_slabs.pxi"
include "walk_whole.pxi"
include "grid.pxi"
include "split.pxi"
include "box.pxi"
include "exact_box.pxi"
include "exact_whole.pxi"
include "walk_box.pxi"
include "buffers.pxi"
include "call.pxi"
include "c_pass.pxi"
include "c_entry.pxi"
