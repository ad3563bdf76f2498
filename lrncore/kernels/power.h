/* Powers of the window's sum, vector by vector: s^-1/2, s^-3/4 and 1/s. power_any.h has the other exponents.
 *
 * They take the processor's estimates of s^-1/2 and 1/s (AVX-512: 2^-14; SSE and AVX2: 1.5*2^-12, float only; NEON:
 * 2^-16 after one step) and one series that corrects them; where a type has no estimate, square roots and divisions.
 *
 * They hold for s between two powers of two, both normal, that the parameters of a call decide. Everything else, zeros,
 * infinities, NaNs and negative numbers too, is made again lane by lane from x itself (again.pxi), whatever its
 * neighbours are.
 */
#ifndef LRNCORE_POWER_H
#define LRNCORE_POWER_H

#include "simd.h"

#define SMALLEST_NORMAL ((bits_t)1 << FRACTION_BITS)

/* The numbers from `low` on, `span` of them, by their bits */
typedef struct {
    bits_t low, span;
} Range;

/* AVX-512 has the maximum of integers without a sign; elsewhere ranges are made a power of two long (see Inside). */
#define HAS_MAX_BITS (VECTOR_BYTES == 64)

/* 2^from <= s < 2^to, as far as they are normal, or the longest part of it around 1 that will do */
INLINE Range range_of(int from, int to)
{
    Range range = {SMALLEST_NORMAL, 0};
    from = from < 1 - EXPONENT_BIAS ? 1 - EXPONENT_BIAS : from;
    to = to > EXPONENT_BIAS + 1 ? EXPONENT_BIAS + 1 : to;
    if (from >= to)
        return range;
#if !HAS_MAX_BITS
    int span = 1 << ilogb(to - from);
    from = from > -span / 2 ? from : to - span < -span / 2 ? to - span : -span / 2;
    to = from + span;
#endif
    range.low = (bits_t)(from + EXPONENT_BIAS) << FRACTION_BITS;
    range.span = (bits_t)(to - from) << FRACTION_BITS;
    return range;
}

/* What a loop over vectors has seen so far, asked for once, at its end: were all lanes within a range? Their distances
 * from the range's beginning tell, by the largest of them, or by all their bits where the range is a power of two long.
 * A mask in AVX-512 would take the multipliers' time. */
typedef ivec Inside;

INLINE Inside nothing_outside(void)
{
    return splat_bits(0);
}

INLINE Inside still_inside(Inside inside, vec s, Range range)
{
    ivec distance = as_bits(s) - splat_bits(range.low);
#if HAS_MAX_BITS
    return (ivec)X86_MAX_BITS((__m512i)inside, (__m512i)distance);
#else
    return inside | distance;
#endif
}

INLINE int all_inside(Inside inside, Range range)
{
    bits_t lanes[LANES], all = 1;
    memcpy(lanes, &inside, sizeof inside);
    for (int i = 0; i < LANES; i++)
        all &= lanes[i] < range.span;
    return (int)all;
}

INLINE int lane_within(real s, Range range)
{
    bits_t b;
    memcpy(&b, &s, sizeof b);
    return b - range.low < range.span;
}

/* A sum that is finite only if all its terms are */
INLINE int may_have_nonfinite(vec sum)
{
    real lanes[LANES];
    int found = 0;
    store(lanes, sum);
    for (int i = 0; i < LANES; i++)
        found |= lanes[i] - lanes[i] != 0;
    return found;
}

/* q (1 + (q + 1)/2 e + ...), which e times is (1 - e)^-q - 1: as many terms as the estimates need */
INLINE vec series(vec e, double q)
{
    vec h = splat((real)(q * (q + 1) / 2));
#if defined(LRN_DOUBLE)
    vec cube = splat((real)(q * (q + 1) * (q + 2) / 6));
    cube = muladd(splat((real)(q * (q + 1) * (q + 2) * (q + 3) / 24)), e, cube);
    h = muladd(cube, e, h);
#endif
    return muladd(h, e, splat((real)q));
}

/* Beyond these beta the forward adds up pairs of numbers, short windows and long ones: for floats with fused products it
 * need not, up to 2 and for a short one. */
#if defined(LRN_FUSED)
#define PAIRS_BEYOND (FRACTION_BITS == 23 ? 2.0 : 1.0)
#define LONG_PAIRS_BEYOND 1.0
#else
#define PAIRS_BEYOND 0.75
#define LONG_PAIRS_BEYOND 0.75
#endif

/* x * p * (v w)^-q for v w near 1, its last rounding the only large one. Where products and sums are fused, a zero may
 * have the wrong sign; elsewhere p has to be short (see `factor`). */
INLINE vec product(vec x, vec p, vec v, vec w, double q)
{
#if defined(LRN_FUSED)
    vec h;
#if defined(LRN_X86) && VECTOR_BYTES == 64 && !defined(LRN_DOUBLE)
    /* The estimates leave so little that one term will do, and q - q v w is it without its own multiplication. Half of
     * v comes from an integer operation on its exponent, which does not compete with the multipliers. */
    if (q == 0.5)
        v = from_bits(as_bits(v) - splat_bits((bits_t)1 << FRACTION_BITS));
    h = minus_product(splat((real)q), v, w);
#else
    vec e = minus_product(splat(1), v, w);
    h = series(e, q) * e;
#endif
    return muladd(x, p, x * p * h);
#else
    /* the upper half of x times p is exact */
    vec e = splat(1) - v * w, half = upper_half(x), most = half * p, less = (half - x) * p;
    return most - (less - (most - less) * e * series(e, q));
#endif
}

/* p as `product` takes it */
INLINE vec factor(vec p)
{
#if defined(LRN_FUSED)
    return p;
#else
    return upper_half(p);
#endif
}

/* A product of x with something positive, as a zero too with the sign of x */
INLINE vec with_sign(vec product, vec x)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    return (vec)_mm512_ternarylogic_epi32((__m512i)product, (__m512i)x, (__m512i)splat(REAL(-0.0)), 0xd8);
#else
    ivec sign = as_bits(splat(REAL(-0.0)));
    return from_bits((as_bits(product) & ~sign) | (as_bits(x) & sign));
#endif
}

/* The same for a finite product of this file's, of which only a zero may have the wrong sign, and where products and sums
 * are not fused, none */
INLINE vec with_zeros_sign(vec product, vec x)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    return with_sign(product, x);
#elif defined(LRN_FUSED)
    return from_bits(as_bits(product) | (as_bits(x) & as_bits(splat(REAL(-0.0)))));
#else
    (void)x;
    return product;
#endif
}

/* s^-1/2 to at least 11 bits */
INLINE vec rsqrt_estimate(vec s)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    return (vec)X86(rsqrt14)(s);
#elif defined(LRN_X86) && !defined(LRN_DOUBLE)
    return (vec)X86(rsqrt)(s);
#elif defined(LRN_X86)
    return splat(1) / (vec)X86(sqrt)(s);
#elif defined(LRN_NEON) && defined(LRN_DOUBLE)
    float64x2_t r = vrsqrteq_f64((float64x2_t)s);
    return (vec)(r * vrsqrtsq_f64((float64x2_t)s, r * r));
#elif defined(LRN_NEON)
    float32x4_t r = vrsqrteq_f32((float32x4_t)s);
    return (vec)(r * vrsqrtsq_f32((float32x4_t)s, r * r));
#else
    real lanes[LANES];
    store(lanes, s);
    for (int i = 0; i < LANES; i++)
        lanes[i] = (real)(1 / sqrt((double)lanes[i]));
    return load(lanes);
#endif
}

/* t of the backward is stored 2^RAISED times as large, so that it vanishes long after its share in the result would. */
#define RAISED (FRACTION_BITS == 23 ? 32 : 256)

/* 2^raised * x/s, for s of which 2^-raised * s is normal */
INLINE vec quotient(vec x, vec s, int raised)
{
    const ivec steps = splat_bits((bits_t)raised << FRACTION_BITS);
#if defined(LRN_X86) && VECTOR_BYTES == 64
    vec r = (vec)X86(rcp14)(s);
    return product(x, from_bits(as_bits(r) + steps), s, r, 1);
#else
    return x / from_bits(as_bits(s) - steps);
#endif
}

/* x * s^-2 */
INLINE vec times_inverse_square(vec x, vec s)
{
#if defined(LRN_FUSED)
#if defined(LRN_X86) && VECTOR_BYTES == 64
    vec r = (vec)X86(rcp14)(s);
#else
    vec r = splat(1) / s;
#endif
    /* p's rounding and r's error go back into the correction */
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

/* x * s^-1/2 */
INLINE vec times_half(vec x, vec s)
{
    vec r = factor(rsqrt_estimate(s));
    return product(x, r, s * r, r, 0.5);
}

/* Is it s^2 that has to be normal for times_three_quarters to hold? */
#define JUDGES_SQUARE (VECTOR_BYTES == 64 && FRACTION_BITS == 23)

/* Or does it form s^2, which has to be finite? At its lower end it may lose two bits. */
#if defined(LRN_FUSED)
#define FORMS_SQUARE 0
#else
#define FORMS_SQUARE 1
#endif

/* x * s^-3/4. AVX-512: p = (s^2 s^-1/2)^-1/2 has so small an error that one term corrects it, and it shows in
 * 1 - (s p^2) (s^2 p^2). `judged` is what decides whether this holds. `inverse`, 2^RAISED / s, takes its correction from
 * there too. */
INLINE vec times_three_quarters(vec x, vec s, vec *judged, vec *inverse)
{
    vec r = rsqrt_estimate(s);
#if defined(LRN_X86) && VECTOR_BYTES == 64 && !defined(LRN_DOUBLE)
    *judged = s * s;
    vec p = rsqrt_estimate(*judged * r), q = p * p, sq = s * q;
    vec quarter = from_bits(as_bits(*judged * q) - splat_bits((bits_t)2 << FRACTION_BITS));
    vec h = minus_product(splat(REAL(0.25)), sq, quarter), w = sq * sq;
    *inverse = muladd(from_bits(as_bits(w) + splat_bits((bits_t)(RAISED + 2) << FRACTION_BITS)), h,
                      from_bits(as_bits(w) + splat_bits((bits_t)RAISED << FRACTION_BITS)));
    return muladd(x, p, x * p * h);
#else
    *judged = s;
    *inverse = quotient(splat(1), s, RAISED);
#if defined(LRN_FUSED)
    /* the cube of w = s^-1/2 * (s^-1/2)^-1/2 ~ s^-1/4, whose error shows in 1 - s w^4 */
    vec w = r * rsqrt_estimate(r);
    vec p = w * w * w;
    return product(x, p, s * w, p, 0.75);
#else
    /* p's error shows in 1 - s^3 p^4, and the chain of operations is short */
    vec p = factor(r * r * rsqrt_estimate(r)), q = p * p;
    return product(x, p, s * s * q, s * q, 0.25);
#endif
#endif
}

#endif
