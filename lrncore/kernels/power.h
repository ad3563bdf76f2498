/* Powers of the window's sum s, vector by vector: s^-1/2, s^-3/4, 1/s and s^-2. power_any.h has all other exponents.
 *
 * A power starts from the processor's estimate of s^-1/2 or 1/s (AVX-512: 2^-14; SSE and AVX2: 1.5*2^-12, float only;
 * NEON: 2^-8, double 2^-16 after one step), which one series corrects. A type without estimates starts from square root
 * and division.
 *
 * Each function states its domain and its largest error in units of the result's last place, for random x; float and
 * double alike, fused sets first. tests/test_header.py measures every build and compiler and holds them to these lines.
 * Outside the domain (zeros, infinities, NaNs and negative numbers included) the result has no meaning and the caller
 * recomputes it, so the loops test with `still_inside` whether all s, or all `tested`, lie in the range of the call.
 */
#ifndef LRNCORE_POWER_H
#define LRNCORE_POWER_H

#include "simd.h"

#define SMALLEST_NORMAL ((bits_t)1 << FRACTION_BITS)

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

/* The `span` numbers from `low` on, in the order of their bits */
typedef struct {
    bits_t low, span;
} Range;

/* [2^from, 2^to) clipped to normal numbers; without an integer maximum, shrunk to a power-of-two length around 1 */
INLINE Range range_of(int from, int to)
{
    Range range = {SMALLEST_NORMAL, 0};
    from = from < 1 - EXPONENT_BIAS ? 1 - EXPONENT_BIAS : from;
    to = to > EXPONENT_BIAS + 1 ? EXPONENT_BIAS + 1 : to;
    if (from >= to)
        return range;
#if !defined(HAS_MAX_BITS)
    int span = 1 << ilogb(to - from);
    from = from > -span / 2 ? from : to - span < -span / 2 ? to - span : -span / 2;
    to = from + span;
#endif
    range.low = (bits_t)(from + EXPONENT_BIAS) << FRACTION_BITS;
    range.span = (bits_t)(to - from) << FRACTION_BITS;
    return range;
}

/* Accumulates over a loop, and is read once after it: were all lanes in a range? It holds the largest distance from the
 * range's low end, or the OR of all distances, which is as good for a span that is a power of two. (AVX-512: comparing
 * into a mask would take slots of the multipliers.) */
typedef ivec Inside;

INLINE Inside nothing_outside(void)
{
    return splat_bits(0);
}

INLINE Inside still_inside(Inside inside, vec s, Range range)
{
    ivec distance = as_bits(s) - splat_bits(range.low);
#if defined(HAS_MAX_BITS)
    return (ivec)X86_BITS(max_epu)((x86_bits)inside, (x86_bits)distance);
#else
    return inside | distance;
#endif
}

INLINE int all_inside(Inside inside, Range range)
{
    return all_below(inside, range.span);
}

INLINE int lane_within(real s, Range range)
{
    bits_t b;
    memcpy(&b, &s, sizeof b);
    return b - range.low < range.span;
}

/* The part of a range below 2^to, for what `Inside` has gathered of it */
INLINE Range range_below(Range range, int to)
{
    bits_t end = to > -EXPONENT_BIAS ? (bits_t)(to + EXPONENT_BIAS) << FRACTION_BITS : 0;
    bits_t span = end > range.low ? end - range.low : 0;
    range.span = span < range.span ? span : range.span;
    return range;
}

/* Accumulates over a loop likewise, and `any_tiny` reads it: was 0 < |v| < limit in some lane? With an integer maximum
 * it holds the largest -|v|, on the numbers' bits, which is 0 for a zero. */
INLINE Inside seen_tiny(Inside seen, vec v, real limit)
{
#if defined(LRN_VECTORS)
    ivec size = as_bits(v) & ~as_bits(splat(REAL(-0.0)));
#endif
#if defined(HAS_MAX_BITS)
    (void)limit;
    return (ivec)X86_BITS(max_epu)((x86_bits)seen, (x86_bits)(splat_bits(0) - size));
#elif defined(LRN_VECTORS)
    return seen | ((ivec)(from_bits(size) < splat(limit)) & (ivec)(from_bits(size) > splat(0)));
#else
    return seen | (bits_t)(v != 0 && v < limit && v > -limit);
#endif
}

/* The same, read likewise: was |v| < limit in some lane where `of` is not 0? */
INLINE Inside seen_lost(Inside seen, vec v, vec of, real limit)
{
#if defined(LRN_VECTORS)
    vec size = from_bits(as_bits(v) & ~as_bits(splat(REAL(-0.0))));
    return seen | ((ivec)(size < splat(limit)) & (ivec)(of != splat(0)));
#else
    return seen | (bits_t)-(of != 0 && v < limit && v > -limit);
#endif
}

INLINE int any_tiny(Inside seen, real limit)
{
    bits_t lanes[LANES], least = 0, all = 0;
    memcpy(lanes, &seen, sizeof seen);
#if defined(HAS_MAX_BITS)
    memcpy(&least, &limit, sizeof least);
    least = 0 - least;
#else
    (void)limit;
#endif
    for (int i = 0; i < LANES; i++)
        all |= lanes[i] > least;
    return all != 0;
}

/* True if a lane of `sum` is not finite. A sum is finite only if all its terms are. */
INLINE int may_have_nonfinite(vec sum)
{
    return any_nan(sum - sum);
}

/* ---- correcting an estimate -------------------------------------------------------------------------------------- */

/* ((1 - e)^-q - 1) / e = q (1 + (q + 1)/2 e + ...), with the terms that the estimates need */
INLINE vec series(vec e, double q)
{
    vec h = splat((real)(q * (q + 1) / 2));
#if defined(LRN_DOUBLE) || defined(HAS_ESTIMATES_8)
    vec cube = splat((real)(q * (q + 1) * (q + 2) / 6));
    cube = muladd(splat((real)(q * (q + 1) * (q + 2) * (q + 3) / 24)), e, cube);
    h = muladd(cube, e, h);
#endif
    return muladd(h, e, splat((real)q));
}

/* The forward sums in pairs of numbers for beta beyond these, in short windows and in long ones. */
#if defined(HAS_FUSED)
#define PAIRS_BEYOND (FRACTION_BITS == 23 ? 2.0 : 1.0)
#define LONG_PAIRS_BEYOND 1.0
#else
#define PAIRS_BEYOND 0.75
#define LONG_PAIRS_BEYOND 0.75
#endif

/* x * p * (1 - e)^-q where the product of p with half an x is exact, as the one with the upper half is here */
INLINE vec product_in_parts(vec x, vec p, vec e, double q)
{
    vec half = upper_half(x), most = half * p, less = (half - x) * p;
    return most - (less - (most - less) * e * series(e, q));
}

/* x * p * (v w)^-q for a correction of an estimate p. Fused, a zero may have the wrong sign.
 * Domain: |1 - v w| <= 2^-10, with HAS_ESTIMATES_8 2^-5; v w computed without error; p as `factor` returns it
 * Error:  0.6 ulp; not fused 1.1 */
INLINE vec product(vec x, vec p, vec v, vec w, double q)
{
#if defined(HAS_FUSED)
    vec h;
#if defined(HAS_ESTIMATES_14) && !defined(LRN_DOUBLE)
    /* One term is enough for 14 bits, and q - (q v) w needs no multiplication of its own. Half of v is an integer
     * subtraction on its exponent, which takes no slot of the multipliers. */
    if (q == 0.5)
        v = from_bits(as_bits(v) - splat_bits((bits_t)1 << FRACTION_BITS));
    h = minus_product(splat((real)q), v, w);
#else
    vec e = minus_product(splat(1), v, w);
    h = series(e, q) * e;
#endif
    return muladd(x, p, x * p * h);
#else
    return product_in_parts(x, p, splat(1) - v * w, q);
#endif
}

/* p as `product` takes it: its product with half an x has to be exact where nothing is fused */
INLINE vec factor(vec p)
{
#if defined(HAS_FUSED)
    return p;
#else
    return upper_half(p);
#endif
}

/* |product| with the sign of x, zeros included */
INLINE vec with_sign(vec product, vec x)
{
#if defined(HAS_TERNARY_LOGIC)
    return (vec)X86_ANY(ternarylogic_epi32)((x86_bits)product, (x86_bits)x, (x86_bits)splat(REAL(-0.0)), 0xd8);
#elif defined(HAS_BIT_SELECT) && defined(LRN_DOUBLE)
    return (vec)vbslq_f64((uint64x2_t)splat(-0.0), (float64x2_t)x, (float64x2_t)product);
#elif defined(HAS_BIT_SELECT)
    return (vec)vbslq_f32((uint32x4_t)splat(-0.0f), (float32x4_t)x, (float32x4_t)product);
#else
    ivec sign = as_bits(splat(REAL(-0.0)));
    return from_bits((as_bits(product) & ~sign) | (as_bits(x) & sign));
#endif
}

/* The same for a finite product of this file, cheaper: only a zero can have the wrong sign, and only if fused. */
INLINE vec with_zeros_sign(vec product, vec x)
{
#if defined(HAS_TERNARY_LOGIC) || defined(HAS_BIT_SELECT)
    return with_sign(product, x);
#elif defined(HAS_FUSED)
    return from_bits(as_bits(product) | (as_bits(x) & as_bits(splat(REAL(-0.0)))));
#else
    (void)x;
    return product;
#endif
}

/* s^-1/2
 * Domain: s normal
 * Error:  2.6e-4 of the result; estimates_8 3.3e-3 */
INLINE vec rsqrt_estimate(vec s)
{
#if defined(HAS_ESTIMATES_14)
    return (vec)X86(rsqrt14)(s);
#elif defined(LRN_X86) && !defined(LRN_DOUBLE)
    return (vec)X86(rsqrt)(s);
#elif defined(LRN_X86)
    return splat(1) / (vec)X86(sqrt)(s);
#elif defined(HAS_ESTIMATES_8) && defined(LRN_DOUBLE)
    float64x2_t r = vrsqrteq_f64((float64x2_t)s);
    return (vec)(r * vrsqrtsq_f64((float64x2_t)s, r * r));
#elif defined(HAS_ESTIMATES_8)
    return (vec)vrsqrteq_f32((float32x4_t)s);
#else
    real lanes[LANES];
    store(lanes, s);
    for (int i = 0; i < LANES; i++)
        lanes[i] = (real)(1 / sqrt((double)lanes[i]));
    return load(lanes);
#endif
}

/* ---- powers ------------------------------------------------------------------------------------------------------ */

/* t of the backward is stored scaled by 2^RAISED, so that it underflows long after its share in the result would. */
#define RAISED (FRACTION_BITS == 23 ? 32 : 256)

/* 2^raised * x/s
 * Domain: 2^-raised * s and 1/s normal, the result finite
 * Error:  1.1 ulp (AVX-512, where 1/s is smallest); not fused 0.5 */
INLINE vec quotient(vec x, vec s, int raised)
{
    const ivec steps = splat_bits((bits_t)raised << FRACTION_BITS);
#if defined(HAS_ESTIMATES_14)
    vec r = (vec)X86(rcp14)(s);
    return product(x, from_bits(as_bits(r) + steps), s, r, 1);
#else
    return x / from_bits(as_bits(s) - steps);
#endif
}

/* x * s^-2
 * Domain: |log2 s| <= 62, double 510; the result finite
 * Error:  1.2 ulp; not fused 2.6 */
INLINE vec times_inverse_square(vec x, vec s)
{
#if defined(HAS_FUSED)
#if defined(HAS_ESTIMATES_14)
    vec r = (vec)X86(rcp14)(s);
#else
    vec r = splat(1) / s;
#endif
    /* the rounding of p and the error of r enter the correction */
    vec p = r * r, rest = muladd(r, r, splat(0) - p), e = minus_product(splat(1), s, r);
    vec h = e + e;
#if defined(LRN_DOUBLE)
    h = muladd(muladd(muladd(splat(5), e, splat(4)), e, splat(3)) * e, e, h);
#endif
    return muladd(x, p, x * muladd(p, h, rest));
#else
    return x * (splat(1) / s / s);
#endif
}

/* x * s^-1/2
 * Domain: s normal, the result finite
 * Error:  1.1 ulp; not fused 1.8 */
INLINE vec times_half(vec x, vec s)
{
    vec r = factor(rsqrt_estimate(s));
    return product(x, r, s * r, r, 0.5);
}

/* times_three_quarters holds for s^2 normal and returns it as `tested`; otherwise `tested` is s. */
#if defined(HAS_ESTIMATES_14)
#define TESTS_SQUARE (FRACTION_BITS == 23)
#else
#define TESTS_SQUARE 0
#endif

/* times_three_quarters forms s^2, which has to be finite; at its lower end it may lose two bits. */
#if defined(HAS_FUSED)
#define FORMS_SQUARE 0
#else
#define FORMS_SQUARE 1
#endif

/* s^-3/4 in three steps, between which a loop may do something else: an estimate p, what corrects it (`error`, and
 * `inverse` = 2^RAISED / s), and the product with an x */
typedef struct {
    vec s, tested, p, error, inverse;
} Estimate;

INLINE Estimate estimate_of(vec s)
{
    vec r = rsqrt_estimate(s);
#if defined(HAS_ESTIMATES_14) && !defined(LRN_DOUBLE)
    /* p = (s^2 s^-1/2)^-1/2 halves the error of r */
    vec square = s * s;
    Estimate of = {s, square, rsqrt_estimate(square * r), s, s};
#elif defined(HAS_FUSED)
    /* p = w^3 for w = s^-1/2 * (s^-1/2)^-1/2, about s^-1/4 */
    vec w = r * rsqrt_estimate(r);
    Estimate of = {s, s, w * w * w, s * w, s};
#else
    vec p = factor(r * r * rsqrt_estimate(r)), q = p * p;
    Estimate of = {s, s, p, splat(1) - (s * s * q) * (s * q), s};
#endif
    return of;
}

INLINE Estimate with_correction(Estimate of)
{
#if defined(HAS_ESTIMATES_14) && !defined(LRN_DOUBLE)
    /* one term corrects p by 1 - s w for w = s^2 p^4, and w = 1/s too */
    vec q = of.p * of.p, w = of.tested * q * q;
    vec quarter = from_bits(as_bits(of.s) - splat_bits((bits_t)2 << FRACTION_BITS));
    of.error = minus_product(splat(REAL(0.25)), w, quarter);
    of.inverse = muladd(from_bits(as_bits(w) + splat_bits((bits_t)(RAISED + 2) << FRACTION_BITS)), of.error,
                        from_bits(as_bits(w) + splat_bits((bits_t)RAISED << FRACTION_BITS)));
#else
#if defined(HAS_FUSED)
    vec e = minus_product(splat(1), of.error, of.p);
    of.error = series(e, 0.75) * e;
#endif
    of.inverse = quotient(splat(1), of.s, RAISED);
#endif
    return of;
}

INLINE vec times_corrected(vec x, Estimate of)
{
#if defined(HAS_FUSED)
    return muladd(x, of.p, x * of.p * of.error);
#else
    return product_in_parts(x, of.p, of.error, 0.25);
#endif
}

/* x * s^-3/4, and `inverse` = 2^RAISED / s
 * Domain: `tested` normal, with FORMS_SQUARE 2^-64 <= s < 2^64 (double: 2^-512, 2^512); for `inverse` that of quotient
 * Error:  1.6 ulp; not fused 2.5
 * inverse: 2.5 ulp (AVX-512 float, otherwise that of quotient); not fused 0.5 */
INLINE vec times_three_quarters(vec x, vec s, vec *tested, vec *inverse)
{
    Estimate of = with_correction(estimate_of(s));
    *tested = of.tested;
    *inverse = of.inverse;
    return times_corrected(x, of);
}

#endif
