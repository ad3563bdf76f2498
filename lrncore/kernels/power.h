/* Powers of the window's sum: s^-beta and 1/s, vector by vector.
 *
 * Exponents 1/2, 3/4, 1 and 2 take the processor's estimates of s^-1/2 and 1/s (AVX-512: 2^-14; SSE and AVX2:
 * 1.5*2^-12, float only; NEON: 2^-16 after one step) and one series that corrects them; where a type has no
 * estimate, square roots and divisions. Every other exponent goes through log2 and exp2 with the exponent of s
 * kept apart, so that only a small fraction passes through polynomials.
 *
 * These fast forms hold for `ordinary` s: normal, positive, far from both ends. Zeros, infinities, NaNs, negative
 * and extreme numbers are recomputed lane by lane with the C library's pow, whatever their neighbours are.
 */
#ifndef LRNCORE_POWER_H
#define LRNCORE_POWER_H

#include "simd.h"

#define ORDINARY_LOW ((bits_t)2 << FRACTION_BITS)
#define ORDINARY_HIGH ((bits_t)(2 * EXPONENT_BIAS - 2) << FRACTION_BITS)

/* Is every lane in [2^-125, 2^125) (float) or [2^-1021, 2^1021) (double)? */
INLINE int ordinary(vec s)
{
    return inside(s, from_bits(splat_bits(ORDINARY_LOW)), from_bits(splat_bits(ORDINARY_HIGH)));
}

/* `fast` where low <= key < high, s^exponent by the C library in the other lanes */
COLD vec careful_lanes(vec s, double exponent, vec fast, vec key, vec low, vec high)
{
    real from[LANES], powers[LANES], keys[LANES], lows[LANES], highs[LANES];
    store(from, s);
    store(powers, fast);
    store(keys, key);
    store(lows, low);
    store(highs, high);
    for (int i = 0; i < LANES; i++)
        if (!(keys[i] >= lows[i] && keys[i] < highs[i]))
            powers[i] = (real)pow((double)from[i], exponent);
    return load(powers);
}

COLD vec careful_power(vec s, double exponent, vec fast)
{
    return careful_lanes(s, exponent, fast, s, from_bits(splat_bits(ORDINARY_LOW)),
                         from_bits(splat_bits(ORDINARY_HIGH)));
}

/* p * (1 - e)^-q for a small e, by as many terms of its series as the estimates need */
INLINE vec corrected(vec p, vec e, double q)
{
    vec h = splat((real)(q * (q + 1) / 2));
#if defined(LRN_DOUBLE)
    vec cubic = splat((real)(q * (q + 1) * (q + 2) / 6));
    cubic = muladd(splat((real)(q * (q + 1) * (q + 2) * (q + 3) / 24)), e, cubic);
    h = muladd(cubic, e, h);
#endif
    h = muladd(h, e, splat((real)q)) * e;
    return muladd(p, h, p);
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

/* 1/s */
INLINE vec reciprocal(vec s)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    vec r = (vec)X86(rcp14)(s);
    return corrected(r, one_minus(s, r), 1);
#elif defined(LRN_X86) && !defined(LRN_DOUBLE)
    vec r = (vec)X86(rcp)(s);
    return corrected(r, one_minus(s, r), 1);
#else
    return splat(1) / s;
#endif
}

/* s^-1/2 */
INLINE vec power_half(vec s)
{
    vec r = rsqrt_estimate(s);
    return corrected(r, one_minus(s * r, r), 0.5);
}

/* s^-3/4: with r ~ s^-1/2 and p = r * r^-1/2 * r, the error is e = 1 - s^3 p^4 = 1 - (s p)^2 * (s p p) */
INLINE vec power_three_quarters(vec s)
{
    vec r = rsqrt_estimate(s);
    vec p = r * rsqrt_estimate(r) * r;
    vec t = s * p;
    return corrected(p, one_minus(t * t, t * p), 0.25);
}

/* Any other exponent. beta = head + tail, head so short that head times an exponent of two is exact. */
typedef struct {
    double beta;
    real head, tail;
} Exponent;

INLINE Exponent exponent_of(double beta)
{
    Exponent x;
    int scale;
    const int head_bits = FRACTION_BITS == 23 ? 15 : 40;
    double fraction = frexp(beta, &scale);
    double head = ldexp(rint(ldexp(fraction, head_bits)), scale - head_bits);
    x.beta = beta;
    x.head = (real)head;
    x.tail = (real)(beta - head);
    return x;
}

/* c[0] + c[1] f + ... + c[degree] f^degree; even and odd terms apart, which halves the chain of dependent steps */
INLINE vec polynomial(const real *c, int degree, vec f)
{
    vec w = f * f, even = splat(c[degree - degree % 2]), odd = splat(c[degree - 1 + degree % 2]);
    for (int i = degree - degree % 2 - 2; i >= 0; i -= 2)
        even = muladd(even, w, splat(c[i]));
    for (int i = degree - 3 + degree % 2; i >= 1; i -= 2)
        odd = muladd(odd, w, splat(c[i]));
    return muladd(odd, f, even);
}

/* log2(1 + f) for f in [sqrt(1/2) - 1, sqrt(2) - 1], to 2^-25.5 (float) or 2^-55 (double). Float: f times a
 * polynomial through the Chebyshev nodes; double: the series of atanh(z), z = f / (2 + f), fitted likewise. */
INLINE vec log2_fraction(vec f)
{
#if defined(LRN_DOUBLE)
    static const double c[] = {2.8853900817779268114,  0.96179669392598994415, 0.57707801634538850044,
                               0.41219858587073239765, 0.32059853172966172037, 0.26233452551821703254,
                               0.22090845571959943867, 0.21370730974693703207};
    vec z = f / (splat(2) + f);
    return z * polynomial(c, 7, z * z);
#else
    static const float c[] = {1.442695004f,  -0.7213474682f, 0.4809107535f,  -0.3606932681f, 0.2879032609f,
                              -0.2391698814f, 0.2160782255f, -0.2058618805f, 0.1231096847f};
    return f * polynomial(c, 8, f);
#endif
}

/* 2^f for |f| <= 0.502, to 2^-27 (float) or 2^-57 (double) */
INLINE vec exp2_fraction(vec f)
{
#if defined(LRN_DOUBLE)
    static const double c[] = {0.69314718055994530942,   0.2402265069591009932,    0.055504108664821594925,
                               0.0096181291076061876231, 0.0013333558146416561707, 0.00015403530442908897599,
                               1.5252733830461279738e-5, 1.3215441875881883002e-6, 1.0178062066309469594e-7,
                               7.0727277916723838277e-9, 4.4550362037811836586e-10};
    return muladd(polynomial(c, 10, f), f, splat(1));
#else
    static const float c[] = {0.69314718820737446853f,   0.24022650762136584011f,   0.055503562479538596664f,
                              0.0096180818072604934291f, 0.0013391323592631223835f, 0.00015453561402005238646f};
    return muladd(polynomial(c, 5, f), f, splat(1));
#endif
}

/* s^-beta = 2^i * 2^f with i + f = -beta * (exponent of s + log2 of its fraction) */
INLINE vec power_any(vec s, Exponent x)
{
    const bits_t one = (bits_t)EXPONENT_BIAS << FRACTION_BITS;
    const bits_t sqrt_half = FRACTION_BITS == 23 ? (bits_t)0x3f3504f3 : (bits_t)0x3fe6a09e667f3bcdULL;
    const vec whole = splat((real)(3 * ((bits_t)1 << (FRACTION_BITS - 1))));  /* + whole - whole rounds */
    const vec limit = splat((real)(EXPONENT_BIAS - 2));
    ivec b = as_bits(s);
    ivec biased = (b + splat_bits(one - sqrt_half)) >> FRACTION_BITS;
    vec f = from_bits(b + splat_bits(one) - (biased << FRACTION_BITS)) - splat(1);
    vec e = from_bits(as_bits(whole) + biased) - (whole + splat((real)EXPONENT_BIAS));
    vec l = log2_fraction(f);
    vec y = splat((real)-x.beta) * (e + l);
    vec shifted = y + whole;
    vec d = muladd(splat(-x.head), e, whole - shifted);
    d = muladd(splat(-x.tail), e, d);
    d = muladd(splat((real)-x.beta), l, d);
    vec p = from_bits(as_bits(exp2_fraction(d)) + (as_bits(shifted) << FRACTION_BITS));
    if (UNLIKELY(!inside(y, splat(0) - limit, limit)))
        p = careful_lanes(s, -x.beta, p, y, splat(0) - limit, limit);
    return p;
}

#endif
