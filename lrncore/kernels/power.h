/* Powers of the window's sum, vector by vector: s^-1/2, s^-3/4 and 1/s. power_any.h has the other exponents.
 *
 * They take the processor's estimates of s^-1/2 and 1/s (AVX-512: 2^-14; SSE and AVX2: 1.5*2^-12, float only; NEON:
 * 2^-16 after one step) and one series that corrects them; where a type has no estimate, square roots and divisions.
 *
 * These fast forms hold for `ordinary` s: positive and normal. Zeros, infinities, NaNs, negative numbers and
 * subnormals are recomputed lane by lane with the C library's pow, whatever their neighbours are.
 */
#ifndef LRNCORE_POWER_H
#define LRNCORE_POWER_H

#include "simd.h"

#define SMALLEST_NORMAL ((bits_t)1 << FRACTION_BITS)
#define NORMAL_SPAN ((bits_t)(2 * EXPONENT_BIAS) << FRACTION_BITS)

/* Are the bits of every lane, all of them a positive number's, among the `span` from `low` on? */
INLINE int within(vec s, bits_t low, bits_t span)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64 && defined(LRN_DOUBLE)
    return _mm512_cmplt_epu64_mask((__m512i)(as_bits(s) - splat_bits(low)), (__m512i)splat_bits(span)) == X86_ALL_LANES;
#elif defined(LRN_X86) && VECTOR_BYTES == 64
    return _mm512_cmplt_epu32_mask((__m512i)(as_bits(s) - splat_bits(low)), (__m512i)splat_bits(span)) == X86_ALL_LANES;
#elif defined(LRN_X86) && !defined(LRN_DOUBLE)
    /* one signed comparison, both ends moved to where integers wrap */
    ivec moved = as_bits(s) + splat_bits(((bits_t)1 << 31) - low);
    return X86(movemask)((vec)((sivec)moved < (sivec)splat_bits(((bits_t)1 << 31) + span))) == X86_ALL_LANES;
#else
    return inside(s, from_bits(splat_bits(low)), from_bits(splat_bits(low + span)));
#endif
}

/* Is every lane ordinary: positive and normal? */
INLINE int ordinary(vec s)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    return X86_CLASS_MASK(s, 0xff) == 0;
#else
    return within(s, SMALLEST_NORMAL, NORMAL_SPAN);
#endif
}

/* `fast` where low <= key < high, x * s^exponent by the C library in the other lanes */
COLD vec careful_lanes(vec x, vec s, double exponent, vec fast, vec key, vec low, vec high)
{
    real factors[LANES], from[LANES], products[LANES], keys[LANES], lows[LANES], highs[LANES];
    store(factors, x);
    store(from, s);
    store(products, fast);
    store(keys, key);
    store(lows, low);
    store(highs, high);
    for (int i = 0; i < LANES; i++)
        if (!(keys[i] >= lows[i] && keys[i] < highs[i]))
            products[i] = (real)((double)factors[i] * pow((double)from[i], exponent));
    return load(products);
}

/* `fast` where `judged` is ordinary, x * s^exponent by the C library in the other lanes */
COLD vec careful_product(vec x, vec s, double exponent, vec fast, vec judged)
{
    return careful_lanes(x, s, exponent, fast, judged, from_bits(splat_bits(SMALLEST_NORMAL)),
                         from_bits(splat_bits(SMALLEST_NORMAL + NORMAL_SPAN)));
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

/* x * p * (1 + h), its last rounding the only large one where products and sums are fused; a zero may lose its sign */
INLINE vec product(vec x, vec p, vec h)
{
#if defined(LRN_FUSED)
    return muladd(x, p, x * p * h);
#else
    return x * muladd(p, h, p);
#endif
}

/* A product of x with something positive, as a zero too with the sign of x */
INLINE vec with_sign(vec product, vec x)
{
#if defined(LRN_FUSED)
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

/* x/s */
INLINE vec quotient(vec x, vec s)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    vec r = (vec)X86(rcp14)(s);
    return product(x, r, correction(s, r, 1));
#else
    return x / s;
#endif
}

/* x * s^-1/2 */
INLINE vec times_half(vec x, vec s)
{
    vec r = rsqrt_estimate(s);
    return product(x, r, correction(s * r, r, 0.5));
}

/* x * s^-3/4. AVX-512: p = (s^2 s^-1/2)^-1/2 has so small an error that one term corrects it, and it shows in
 * 1 - (s p^2) (s^2 p^2). There `judged`, which decides whether this holds, is s^2: it is the first to overflow. */
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
