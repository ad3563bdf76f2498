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

/* 2^from <= s < 2^to, as far as they are normal */
INLINE Range range_of(int from, int to)
{
    from = from < 1 - EXPONENT_BIAS ? 1 - EXPONENT_BIAS : from;
    to = to > EXPONENT_BIAS + 1 ? EXPONENT_BIAS + 1 : to;
    Range range = {(bits_t)1 << FRACTION_BITS, 0};
    if (from < to) {
        range.low = (bits_t)(from + EXPONENT_BIAS) << FRACTION_BITS;
        range.span = (bits_t)(to - from) << FRACTION_BITS;
    }
    return range;
}

/* What a loop over vectors has seen so far, asked for once, at its end: were all lanes within a range? */
#if defined(LRN_X86) && VECTOR_BYTES == 64
typedef ivec Inside; /* the largest distance from the range's beginning; a mask would take the multipliers' time */
#elif defined(LRN_VECTORS)
typedef sivec Inside; /* all bits of a lane, or none */
#else
typedef ivec Inside;
#endif

INLINE Inside nothing_outside(void)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    return splat_bits(0);
#else
    return (Inside)splat_bits(~(bits_t)0);
#endif
}

INLINE Inside still_inside(Inside inside, vec s, Range range)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    return (ivec)X86_MAX_BITS((__m512i)inside, (__m512i)(as_bits(s) - splat_bits(range.low)));
#elif defined(LRN_VECTORS) && !defined(LRN_DOUBLE)
    /* one signed comparison, both ends moved to where integers wrap */
    ivec moved = as_bits(s) + splat_bits(((bits_t)1 << 31) - range.low);
    return inside & ((sivec)moved < (sivec)splat_bits(((bits_t)1 << 31) + range.span));
#else
    vec low = from_bits(splat_bits(range.low)), high = from_bits(splat_bits(range.low + range.span));
    return inside & (Inside)(s >= low) & (Inside)(s < high);
#endif
}

INLINE int all_inside(Inside inside, Range range)
{
    const int distances = VECTOR_BYTES == 64; /* otherwise all bits, or none */
    bits_t lanes[LANES], all = 1;
    memcpy(lanes, &inside, sizeof inside);
    for (int i = 0; i < LANES; i++)
        all &= distances ? lanes[i] < range.span : lanes[i];
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

/* (1 - e)^-q - 1 with e = 1 - v p, for an estimate p whose error e shows: a series in e, as long as the estimates
 * need. Those of AVX-512 leave so little for q = 1/2 and 1 that floats need one term; there q - q v p is q e without
 * its own multiplication, and half of v comes from an integer operation on its exponent, which does not compete with
 * the multipliers. */
INLINE vec correction(vec v, vec p, double q)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64 && !defined(LRN_DOUBLE)
    if (q == 0.5)
        v = from_bits(as_bits(v) - splat_bits((bits_t)1 << FRACTION_BITS));
    return minus_product(splat((real)q), v, p);
#else
    vec e = minus_product(splat(1), v, p);
    vec h = splat((real)(q * (q + 1) / 2));
#if defined(LRN_DOUBLE)
    vec cube = splat((real)(q * (q + 1) * (q + 2) / 6));
    cube = muladd(splat((real)(q * (q + 1) * (q + 2) * (q + 3) / 24)), e, cube);
    h = muladd(cube, e, h);
#endif
    return muladd(h, e, splat((real)q)) * e;
#endif
}

/* x * p * (1 + h), its last rounding the only large one where products and sums are fused; there a zero or an infinity
 * may have the wrong sign */
INLINE vec product(vec x, vec p, vec h)
{
#if defined(LRN_FUSED)
    return muladd(x, p, x * p * h);
#else
    return x * muladd(p, h, p);
#endif
}

/* A product of x with something positive, as a zero or an infinity too with the sign of x */
INLINE vec with_sign(vec product, vec x)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    return (vec)_mm512_ternarylogic_epi32((__m512i)product, (__m512i)x, (__m512i)splat(REAL(-0.0)), 0xd8);
#elif defined(LRN_FUSED)
    ivec sign = as_bits(splat(REAL(-0.0)));
    return from_bits((as_bits(product) & ~sign) | (as_bits(x) & sign));
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
    return product(x, from_bits(as_bits(r) + steps), correction(s, r, 1));
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
    vec h = muladd(splat(3), e, splat(2));
#if defined(LRN_DOUBLE)
    h = muladd(muladd(splat(5), e, splat(4)) * e, e, h);
#endif
    return muladd(x, p, x * muladd(p, h * e, rest));
#else
    return x * (splat(1) / s / s);
#endif
}

/* x * s^-1/2 */
INLINE vec times_half(vec x, vec s)
{
    vec r = rsqrt_estimate(s);
    return product(x, r, correction(s * r, r, 0.5));
}

/* Is it s^2 that has to be normal for times_three_quarters to hold? */
#define JUDGES_SQUARE (VECTOR_BYTES == 64 && FRACTION_BITS == 23)

/* x * s^-3/4. AVX-512: p = (s^2 s^-1/2)^-1/2 has so small an error that one term corrects it, and it shows in
 * 1 - (s p^2) (s^2 p^2). `judged` is what decides whether this holds. */
INLINE vec times_three_quarters(vec x, vec s, vec *judged)
{
    vec r = rsqrt_estimate(s);
#if defined(LRN_X86) && VECTOR_BYTES == 64 && !defined(LRN_DOUBLE)
    *judged = s * s;
    vec p = rsqrt_estimate(*judged * r), q = p * p;
    vec quarter = from_bits(as_bits(*judged * q) - splat_bits((bits_t)2 << FRACTION_BITS));
    return product(x, p, minus_product(splat(REAL(0.25)), s * q, quarter));
#else
    /* the cube of w = s^-1/2 * (s^-1/2)^-1/2 ~ s^-1/4, whose error shows in 1 - s w^4 */
    vec w = r * rsqrt_estimate(r);
    vec p = w * w * w;
    *judged = s;
    return product(x, p, correction(s * w, p, 0.75));
#endif
}

#endif
