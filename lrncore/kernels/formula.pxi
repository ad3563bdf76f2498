# The formula's parameters as the loops take them, and the sums that the fast powers hold for.

cdef enum:
    MAX_DIMS = 64           # NumPy's


cdef enum Kind:
    HALF
    THREE_QUARTERS
    ONE
    TWO
    ANY


# What becomes of the two halves of a window's sum (sums.pxi)
cdef enum Addition:
    PLAIN           # even + odd
    TOGETHER        # k + scale * (even + odd)
    APART           # (k + scale * odd) + scale * even: one rounding less for small k, in windows of many channels
    COMPENSATED     # TOGETHER with most of what even + odd was rounded by: for beta 2, which doubles all errors


# A call as the face asks for it
cdef struct Request:
    int count               # of window axes,
    int axes[MAX_DIMS]      # in ascending order
    Py_ssize_t before
    Py_ssize_t after
    double scale
    double beta
    double k
    int threads
    int swapped             # bits for the operands whose bytes are
    Form form               # of all operands
    Py_ssize_t* results     # where to write how many each thread would have, with nothing computed; or NULL


cdef struct Formula:
    real scale
    real k
    real slope          # 2 scale beta 2^(-RAISED * raised): undoes the scaling of t, and of the products x dx
    double beta
    Kind kind
    Addition addition
    Exponent exponent   # of kind ANY
    Range holds         # of the sums that the fast powers hold for: of s, or of its square
    int lossless        # below 2^this, x / s keeps the bits of every x,
    bint watches_gains  # backward: 2 beta would magnify what g s^-beta loses as a subnormal number
    real tiny           # and below the range's highest s those of every x from here on
    real tiny_g         # parameters: below the range, g s^-beta of a g from here on is a normal number,
    real tiny_sum       # and what its squares lost is below the last bits of a sum from here on
    double exact_scale  # for recomputed elements: scale and k as rounded to `real`, or as given if `real` has no normal
    double exact_k      # number for them
    WideExponent exact_beta


# Exponents of two: lowest <= log2 s < highest. It is empty where the two meet.
cdef struct Exponents:
    int lowest
    int highest


# The parameter as it is rounded, if it is a normal number
cdef inline double exactly(double given) noexcept nogil:
    cdef double rounded = <real>given
    if given == 0 or -EXPONENT_BIAS < ilogb(rounded) <= EXPONENT_BIAS:
        return rounded
    return given


cdef inline Kind kind_of(double beta) noexcept nogil:
    if beta == 0.75:
        return THREE_QUARTERS
    if beta == 0.5:
        return HALF
    if beta == 1:
        return ONE
    if beta == 2:
        return TWO
    return ANY


# Does a power take less than the sum of a long window? Then a loop that also climbs its levels runs out of registers:
# 1.2 to 1.6 times the time of two loops (AVX2 and AVX-512, planar, n = 11 and 31).
cdef inline bint is_light(Kind kind) noexcept nogil:
    return kind == HALF or kind == ONE


# The general power and the one of beta 2 form s^-beta itself, whatever beta is.
cdef inline bint has_steep_power(Kind kind) noexcept nogil:
    return kind == TWO or kind == ANY


# The sums in reach of the fast powers of any operator; each narrows them further (`narrow` in op_<name>.pxi). The
# argument that nothing wrong passes is in docs/explanation/numerics.md.
cdef Exponents reach_of_powers(const Formula* f, Py_ssize_t size) noexcept nogil:
    # s is a normal number
    cdef Exponents reach = Exponents(lowest=1 - EXPONENT_BIAS, highest=EXPONENT_BIAS + 1)
    cdef int scale, most
    if f.exact_scale != 0:
        # What the squares below the smallest normal number lost, scale * size of them, is below the last bits of s: 5
        # of them are room for the sum of those losses.
        scale = ilogb(f.exact_scale) + 1
        reach.lowest = max(reach.lowest, scale + ilogb(<double>size) + 5 - EXPONENT_BIAS)
        # A scale that is not a normal number has lost bits itself: all is recomputed.
        if scale <= 1 - EXPONENT_BIAS:
            reach.highest = reach.lowest
    # A k that `real` cannot hold is off by up to the smallest number: it must not show in s.
    if f.k != f.exact_k or (f.k != 0 and ilogb(f.exact_k) < 1 - EXPONENT_BIAS):
        reach.lowest += 30
    # s^-beta is a normal number, where it is formed: |log2 s| <= (EXPONENT_BIAS - 2) / |beta|.
    if has_steep_power(f.kind) and fabs(f.beta) * EXPONENT_BIAS > EXPONENT_BIAS - 2:
        most = <int>((EXPONENT_BIAS - 2) / fabs(f.beta))
        reach.lowest = max(reach.lowest, -most)
        reach.highest = min(reach.highest, most)
    # s^2 is finite, where it is formed (without fused products).
    if FORMS_SQUARE and f.kind == THREE_QUARTERS:
        reach.lowest = max(reach.lowest, -(EXPONENT_BIAS + 1) // 2)
        reach.highest = min(reach.highest, (EXPONENT_BIAS + 1) // 2)
    return reach


# The smallest normal number times 2^steps
cdef inline real tiny_below(double steps) noexcept nogil:
    return <real>ldexp(1, <int>ceil(max(min(steps, 4.0 * EXPONENT_BIAS), -4.0 * EXPONENT_BIAS)) + 1 - EXPONENT_BIAS)


# Raised quotients x / s, times s^-beta where an operator forms that (`steepness` 1 + beta, otherwise 1), which are
# subnormal have lost bits. Which x may have such ones, and below which s none has?
cdef rare set_lossless(Formula* f, Exponents reach, double steepness, Py_ssize_t size) noexcept nogil:
    cdef double most = max(<double>reach.highest, steepness * reach.highest, steepness * reach.lowest)
    f.tiny = tiny_below(most - RAISED)
    f.tiny_g = tiny_below(max(f.beta * reach.lowest, f.beta * reach.highest))
    f.tiny_sum = tiny_below(5 + ilogb(<double>size))
    f.lossless = -EXPONENT_BIAS
    f.watches_gains = fabs(f.beta) > 2 and steepness == 1
    if steepness >= 1 and not f.watches_gains:
        f.lossless = <int>((RAISED - FRACTION_BITS - 1) / steepness)


# The operators that add up terms t = g x s^(-beta-1), scaled by 2^RAISED: 2^-RAISED s stays normal, a t that vanishes
# is below the last bit of its share, and the slope is a normal number.
cdef rare narrow_for_terms(const Formula* f, Py_ssize_t size, Exponents* reach) noexcept nogil:
    cdef int scale = ilogb(f.exact_scale) + 1 if f.exact_scale != 0 else 0
    reach.lowest = max(reach.lowest, RAISED + 4 - EXPONENT_BIAS)
    reach.highest = min(reach.highest, 2 * RAISED - 6 - scale)
    if f.exact_scale != 0 and f.beta != 0 and not -EXPONENT_BIAS < ilogb(f.slope) < EXPONENT_BIAS:
        reach.highest = reach.lowest
