/* Powers of the window's sum: s^-beta and 1/s, vector by vector.
 *
 * Exponents 1/2, 3/4, 1 and 2 take the processor's estimates of s^-1/2 and 1/s (AVX-512: 2^-14; SSE and AVX2:
 * 1.5*2^-12, float only; NEON: 2^-16 after one step) and one series that corrects them; where a type has no
 * estimate, square roots and divisions. Every other exponent goes through log2 and exp2 with the exponent of s
 * kept apart, so that only a small fraction passes through polynomials.
 *
 * These fast forms hold for `ordinary` s: positive and normal. Zeros, infinities, NaNs, negative numbers and
 * subnormals are recomputed lane by lane with the C library's pow, whatever their neighbours are.
 */
#ifndef LRNCORE_POWER_H
#define LRNCORE_POWER_H

#include "simd.h"

#define SMALLEST_NORMAL ((bits_t)1 << FRACTION_BITS)
#define NORMAL_SPAN ((bits_t)(2 * EXPONENT_BIAS) << FRACTION_BITS)

/* Is every lane ordinary: positive and normal? */
INLINE int ordinary(vec s)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    return X86_CLASS_MASK(s, 0xff) == 0;
#elif defined(LRN_X86) && !defined(LRN_DOUBLE)
    /* one signed comparison, both ends moved to where integers wrap */
    ivec moved = as_bits(s) + splat_bits(((bits_t)1 << 31) - SMALLEST_NORMAL);
    return X86(movemask)((vec)((sivec)moved < (sivec)splat_bits(((bits_t)1 << 31) + NORMAL_SPAN))) == X86_ALL_LANES;
#else
    return inside(s, from_bits(splat_bits(SMALLEST_NORMAL)), from_bits(splat_bits(SMALLEST_NORMAL + NORMAL_SPAN)));
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

COLD vec careful_product(vec x, vec s, double exponent, vec fast)
{
    return careful_lanes(x, s, exponent, fast, s, from_bits(splat_bits(SMALLEST_NORMAL)),
                         from_bits(splat_bits(SMALLEST_NORMAL + NORMAL_SPAN)));
}

/* (1 - e)^-q - 1 with e = 1 - v p, for an estimate p whose error e shows: a series in e, as long as the estimates
 * need. Those of AVX-512 leave |e| < 2^-11.4, and the second term 1.5 units in the last place of a float, seldom half
 * of one; there q - q v p is q e without its own multiplication, and for q = 1/2 or 3/4 the multiple of v comes from
 * an integer operation on its exponent, which does not compete with the multipliers. */
INLINE vec correction(vec v, vec p, double q)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64 && !defined(LRN_DOUBLE)
    if (q == 0.5)
        v = from_bits(as_bits(v) - splat_bits((bits_t)1 << FRACTION_BITS));
    if (q == 0.75)
        v = v - from_bits(as_bits(v) - splat_bits((bits_t)2 << FRACTION_BITS));
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

/* x * p * (1 + h), its last rounding the only large one where products and sums are fused */
INLINE vec product(vec x, vec p, vec h)
{
#if defined(LRN_FUSED)
    return muladd(x, p, x * p * h);
#else
    return x * muladd(p, h, p);
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

/* x * s^-3/4, the power as the cube of w = s^-1/2 * (s^-1/2)^-1/2 ~ s^-1/4, whose error shows in 1 - s w^4 */
INLINE vec times_three_quarters(vec x, vec s)
{
    vec r = rsqrt_estimate(s);
    vec w = r * rsqrt_estimate(r);
    vec p = w * w * w;
    return product(x, p, correction(s * w, p, 0.75));
}

/* Any other exponent. beta = head + tail, head so short that head times an exponent of two is exact. */
typedef struct {
    double beta;
    real head, tail;
    int steep; /* so that an ordinary s may have an extraordinary power */
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
    x.steep = !(fabs(beta) < 0.98);
    return x;
}

/* Tables of 16 floats in registers, where an instruction looks all lanes up at once */
#if defined(LRN_X86) && VECTOR_BYTES >= 32 && !defined(LRN_DOUBLE)
#define LRN_TABLES 1

/* table[index mod 16] */
INLINE vec lookup(const bits_t *table, ivec index)
{
#if VECTOR_BYTES == 64
    return (vec)_mm512_permutexvar_epi32((__m512i)index, _mm512_loadu_si512(table));
#else
    __m256i low = _mm256_permutevar8x32_epi32(_mm256_loadu_si256((const __m256i *)table), (__m256i)index);
    __m256i high = _mm256_permutevar8x32_epi32(_mm256_loadu_si256((const __m256i *)(table + 8)), (__m256i)index);
    return (vec)_mm256_blendv_ps((__m256)low, (__m256)high, (__m256)(index << 28));
#endif
}
#endif

/* c[0] + c[1] f + ... + c[degree] f^degree; in a long one even and odd terms apart, to halve the chain of steps */
INLINE vec polynomial(const real *c, int degree, vec f)
{
    if (degree < 4) {
        vec p = splat(c[degree]);
        for (int i = degree - 1; i >= 0; i--)
            p = muladd(p, f, splat(c[i]));
        return p;
    }
    vec w = f * f, even = splat(c[degree - degree % 2]), odd = splat(c[degree - 1 + degree % 2]);
    for (int i = degree - degree % 2 - 2; i >= 0; i -= 2)
        even = muladd(even, w, splat(c[i]));
    for (int i = degree - 3 + degree % 2; i >= 1; i -= 2)
        odd = muladd(odd, w, splat(c[i]));
    return muladd(odd, f, even);
}

/* log2 of m in [sqrt(1/2), sqrt(2)), to 2^-26 (float) or 2^-55 (double). `step` is the place of m among the 16
 * intervals of equal width in the bits of floats. With tables: log2(c) + log2(m/c), c in the middle of m's interval;
 * otherwise a float's f = m - 1 times a polynomial, or for doubles the series of 2 atanh(f / (2 + f)). All
 * polynomials go through the Chebyshev nodes of their intervals. */
INLINE vec log2_fraction(vec m, ivec step)
{
#if defined(LRN_TABLES)
    static const float c[] = {1.442695015f, -0.7213474986f, 0.4811443798f, -0.360878793f};
    static const float inverse[16] = {1.38363922f,  1.32629204f,  1.27350938f,  1.22476709f,
                                      1.17961836f,  1.13768005f,  1.09862125f,  1.06215549f,
                                      1.02803266f,  0.986402273f, 0.934174716f, 0.882640958f,
                                      0.836495638f, 0.794935584f, 0.757309794f, 0.723084867f};
    static const float log2c[16] = {-0.468467802f,  -0.407398492f,  -0.3488096f,   -0.29250741f,
                                    -0.238320187f,  -0.186094895f,  -0.135694101f, -0.0869949758f,
                                    -0.0398860984f, 0.0197519697f,  0.0982356966f, 0.180101395f,
                                    0.257570088f,   0.331090122f,   0.401044518f,  0.467763126f};
    vec f = muladd(m, lookup((const bits_t *)inverse, step), splat(-1));
    return muladd(f, polynomial(c, 3, f), lookup((const bits_t *)log2c, step));
#elif defined(LRN_DOUBLE)
    static const double c[] = {2.8853900817779268114,  0.96179669392598994415, 0.57707801634538850044,
                               0.41219858587073239765, 0.32059853172966172037, 0.26233452551821703254,
                               0.22090845571959943867, 0.21370730974693703207};
    vec z = (m - splat(1)) / (m + splat(1));
    (void)step;
    return z * polynomial(c, 7, z * z);
#else
    static const float c[] = {1.442695004f,   -0.7213474682f, 0.4809107535f,  -0.3606932681f, 0.2879032609f,
                              -0.2391698814f, 0.2160782255f,  -0.2058618805f, 0.1231096847f};
    vec f = m - splat(1);
    (void)step;
    return f * polynomial(c, 8, f);
#endif
}

/* 2^(i / EXP2_STEPS + d) for integers i and |d| <= 0.502 / EXP2_STEPS, to 2^-28 (float) or 2^-57 (double) */
#if defined(LRN_TABLES)
#define EXP2_STEPS 16
#else
#define EXP2_STEPS 1
#endif

INLINE vec exp2_sum(ivec i, vec d)
{
#if defined(LRN_TABLES)
    /* of 2^(j/16), less the exponent that j itself adds below */
    static const uint32_t root[16] = {0x3f800000, 0x3f7daac3, 0x3f7b95c2, 0x3f79c3d3, 0x3f7837f0, 0x3f76f532,
                                      0x3f75fed7, 0x3f75583f, 0x3f7504f3, 0x3f7508a4, 0x3f75672a, 0x3f76248c,
                                      0x3f7744fd, 0x3f78ccdf, 0x3f7ac0c7, 0x3f7d257d};
    static const float c[] = {0.6931471806f, 0.2402335516f, 0.05550508525f};
    vec p = from_bits(as_bits(lookup(root, i)) + (i << (FRACTION_BITS - 4)));
    return muladd(p, polynomial(c, 2, d) * d, p);
#elif defined(LRN_DOUBLE)
    static const double c[] = {0.69314718055994530942,   0.2402265069591009932,    0.055504108664821594925,
                               0.0096181291076061876231, 0.0013333558146416561707, 0.00015403530442908897599,
                               1.5252733830461279738e-5, 1.3215441875881883002e-6, 1.0178062066309469594e-7,
                               7.0727277916723838277e-9, 4.4550362037811836586e-10};
    return from_bits(as_bits(muladd(polynomial(c, 10, d), d, splat(1))) + (i << FRACTION_BITS));
#else
    static const float c[] = {0.69314718820737446853f,   0.24022650762136584011f,   0.055503562479538596664f,
                              0.0096180818072604934291f, 0.0013391323592631223835f, 0.00015453561402005238646f};
    return from_bits(as_bits(muladd(polynomial(c, 5, d), d, splat(1))) + (i << FRACTION_BITS));
#endif
}

/* x * s^-beta, s^-beta = 2^i * 2^d with i + d = -beta * (exponent of s + log2 of its fraction) */
INLINE vec times_any(vec x, vec s, Exponent to)
{
    const bits_t one = (bits_t)EXPONENT_BIAS << FRACTION_BITS;
    const bits_t sqrt_half = FRACTION_BITS == 23 ? (bits_t)0x3f3504f3 : (bits_t)0x3fe6a09e667f3bcdULL;
    const real ulp_is_one = (real)(3 * ((bits_t)1 << (FRACTION_BITS - 1)));
    const vec whole = splat(ulp_is_one);              /* a number plus this holds its nearest integer in its last bits, */
    const vec steps = splat(ulp_is_one / EXP2_STEPS); /* or its nearest multiple of a step */
    const vec limit = splat((real)(EXPONENT_BIAS - 2));
    ivec b = as_bits(s);
    ivec above = b + splat_bits(one - sqrt_half);
    ivec biased = above >> FRACTION_BITS;
    vec m = from_bits(b + splat_bits(one) - (biased << FRACTION_BITS));
    vec e = from_bits(as_bits(whole) + biased) - (whole + splat((real)EXPONENT_BIAS));
    vec l = log2_fraction(m, above >> (FRACTION_BITS - 4));
    vec y = splat((real)-to.beta) * (e + l);
    vec nearest = y + steps;
    vec d = muladd(splat(-to.head), e, steps - nearest);
    d = muladd(splat(-to.tail), e, d);
    d = muladd(splat((real)-to.beta), l, d);
    vec p = x * exp2_sum(as_bits(nearest), d);
    if (UNLIKELY(to.steep) && !inside(y, splat(0) - limit, limit))
        p = careful_lanes(x, s, -to.beta, p, y, splat(0) - limit, limit);
    return p;
}

#endif
