/* s^-beta for any beta, vector by vector.
 *
 * The general method is exp2(-beta log2 s) with the exponent of s kept apart, so that only a small fraction goes through
 * polynomials. With HAS_TABLES, floats are faster: tables, made for each call and held in registers, have the powers of
 * some exponents and of some fractions, and a short series corrects them; s with another exponent takes the general
 * method.
 */
#ifndef LRNCORE_POWER_ANY_H
#define LRNCORE_POWER_ANY_H

#include "power.h"

#if defined(HAS_TABLES) && !defined(LRN_DOUBLE)
#define LRN_TABLES 1
#define STEPS (2 * LANES)
#define STEP_BITS (STEPS == 32 ? 5 : 4)
/* the exponents of s in the table: sums of squares with k = 1 or 2 start at 1 */
#define TABLE_FROM (STEPS == 32 ? -12 : -4)
#define TABLE_TO (TABLE_FROM + STEPS)

typedef struct {
    vec low, high;
} Table;

INLINE Table table_of(const float *values)
{
    Table t = {load(values), load(values + LANES)};
    return t;
}

/* table[index mod STEPS] */
INLINE vec lookup(Table table, ivec index)
{
#if defined(HAS_PERMUTE_2)
    return (vec)X86(permutex2var)(table.low, (x86_bits)index, table.high);
#else
    __m256 low = _mm256_permutevar8x32_ps((__m256)table.low, (__m256i)index);
    __m256 high = _mm256_permutevar8x32_ps((__m256)table.high, (__m256i)index);
    return (vec)_mm256_blendv_ps(low, high, (__m256)(index << 28));
#endif
}
#endif

/* beta, prepared for a call: beta = head + tail, with so short a head that its product with an exponent is exact */
typedef struct {
    double beta;
    real head, tail;
    Range foreseen; /* domain of times_any */
#if defined(LRN_TABLES)
    float inverse[STEPS];        /* 1/c, c the middle of each interval of fractions */
    float of_fraction[2][STEPS]; /* c^-beta as a float, and the relative error of its rounding */
    float of_exponent[2][STEPS]; /* 2^(-beta e), e modulo STEPS, likewise */
    float series[4];             /* (1 + f)^-beta = 1 + series[0] f + series[1] f^2 ... */
#endif
} Exponent;

#if defined(LRN_TABLES)
INLINE void split(double exact, float *rounded, float *error)
{
    *rounded = (float)exact;
    *error = (float)(exact / *rounded - 1);
}
#endif

/* For s in [2^from, 2^to) */
INLINE Exponent exponent_of(double beta, int from, int to)
{
    Exponent x;
    int scale;
    const int head_bits = FRACTION_BITS == 23 ? 15 : 40;
    double fraction = frexp(beta, &scale);
    double head = ldexp(rint(ldexp(fraction, head_bits)), scale - head_bits);
    x.beta = beta;
    x.head = (real)head;
    x.tail = (real)(beta - head);
#if defined(LRN_TABLES)
    double widest = 1.0 / (2 * STEPS + 1), c = 1;
    for (int i = 0; i < STEPS; i++) {
        x.inverse[i] = (float)(STEPS / (STEPS + i + 0.5));
        split(pow(x.inverse[i], beta), &x.of_fraction[0][i], &x.of_fraction[1][i]);
    }
    for (int e = TABLE_FROM; e < TABLE_TO; e++) {
        int at = (e + EXPONENT_BIAS) % STEPS;
        split(exp2(-beta * e), &x.of_exponent[0][at], &x.of_exponent[1][at]);
    }
    double series[6] = {1};
    for (int i = 1; i < 6; i++)
        series[i] = c *= -(beta + i - 1) / i;
    /* economized: f^5 on |f| <= widest as its nearest polynomial of degree 3 */
    series[3] += 1.25 * widest * widest * series[5];
    series[1] -= 0.3125 * widest * widest * widest * widest * series[5];
    for (int i = 0; i < 4; i++)
        x.series[i] = (float)series[i + 1];
    from = from > TABLE_FROM ? from : TABLE_FROM;
    to = !(fabs(beta) <= 4) ? from : to < TABLE_TO ? to : TABLE_TO;
#endif
    x.foreseen = range_of(from, to);
    return x;
}

/* c[0] + c[1] f + ... + c[degree] f^degree, even and odd terms apart: half the latency */
INLINE vec polynomial(const real *c, int degree, vec f)
{
    vec w = f * f, even = splat(c[degree - degree % 2]), odd = splat(c[degree - 1 + degree % 2]);
    for (int i = degree - degree % 2 - 2; i >= 0; i -= 2)
        even = muladd(even, w, splat(c[i]));
    for (int i = degree - 3 + degree % 2; i >= 1; i -= 2)
        odd = muladd(odd, w, splat(c[i]));
    return muladd(odd, f, even);
}

/* log2 of m in [sqrt(1/2), sqrt(2)), to 2^-26 (float) or 2^-55 (double): a polynomial times f = m - 1, for doubles the
 * series of 2 atanh(f / (2 + f)). All polynomials interpolate at the Chebyshev nodes of their intervals. */
INLINE vec log2_fraction(vec m)
{
#if defined(LRN_DOUBLE)
    static const double c[] = {2.8853900817779268114,  0.96179669392598994415, 0.57707801634538850044,
                               0.41219858587073239765, 0.32059853172966172037, 0.26233452551821703254,
                               0.22090845571959943867, 0.21370730974693703207};
    vec z = (m - splat(1)) / (m + splat(1));
    return z * polynomial(c, 7, z * z);
#else
    static const float c[] = {1.442695004f,   -0.7213474682f, 0.4809107535f,  -0.3606932681f, 0.2879032609f,
                              -0.2391698814f, 0.2160782255f,  -0.2058618805f, 0.1231096847f};
    vec f = m - splat(1);
    return f * polynomial(c, 8, f);
#endif
}

/* A number plus this has its nearest integer in its last bits. */
#define ULP_IS_ONE ((real)(3 * ((bits_t)1 << (FRACTION_BITS - 1))))

/* e and m in [sqrt(1/2), sqrt(2)) with s = 2^e m, for normal s > 0 */
INLINE vec split_exponent(vec s, vec *m)
{
    const bits_t one = (bits_t)EXPONENT_BIAS << FRACTION_BITS;
    const bits_t sqrt_half = FRACTION_BITS == 23 ? (bits_t)0x3f3504f3 : (bits_t)0x3fe6a09e667f3bcdULL;
    const vec whole = splat(ULP_IS_ONE);
    ivec b = as_bits(s), biased = (b + splat_bits(one - sqrt_half)) >> FRACTION_BITS;
    *m = from_bits(b + splat_bits(one) - (biased << FRACTION_BITS));
    return from_bits(as_bits(whole) + biased) - (whole + splat((real)EXPONENT_BIAS));
}

/* log2 s
 * Domain: s normal
 * Error:  3.3 ulp; not fused 3.5 */
INLINE vec log2_of(vec s)
{
    vec m, e = split_exponent(s, &m);
    return e + log2_fraction(m);
}

/* x * 2^(i + d) for integers i and |d| <= 0.502, to 2^-28 (float) or 2^-57 (double) */
INLINE vec times_exp2_sum(vec x, ivec i, vec d)
{
#if defined(LRN_DOUBLE)
    static const double c[] = {0.69314718055994530942,   0.2402265069591009932,    0.055504108664821594925,
                               0.0096181291076061876231, 0.0013333558146416561707, 0.00015403530442908897599,
                               1.5252733830461279738e-5, 1.3215441875881883002e-6, 1.0178062066309469594e-7,
                               7.0727277916723838277e-9, 4.4550362037811836586e-10};
    vec h = polynomial(c, 10, d) * d;
#else
    static const float c[] = {0.69314718820737446853f,   0.24022650762136584011f,   0.055503562479538596664f,
                              0.0096180818072604934291f, 0.0013391323592631223835f, 0.00015453561402005238646f};
    vec h = polynomial(c, 5, d) * d;
#endif
    x = x * from_bits(as_bits(splat(1)) + (i << FRACTION_BITS));
#if defined(HAS_FUSED)
    return muladd(x, h, x);
#else
    return x * (h + splat(1));
#endif
}

/* x * s^-beta = x * 2^i * 2^d for i + d = -beta (e + log2 m), s = 2^e m
 * Domain: s and s^-beta normal, s^-beta below half the largest number, the result finite
 * Error:  1.8 + |beta| ulp; not fused 2.6 + |beta| */
INLINE vec times_exp2(vec x, vec s, const Exponent *to)
{
    const vec whole = splat(ULP_IS_ONE);
    vec m, e = split_exponent(s, &m);
    vec l = log2_fraction(m);
    vec nearest = splat((real)-to->beta) * (e + l) + whole;
    vec d = muladd(splat(-to->head), e, whole - nearest);
    d = muladd(splat(-to->tail), e, d);
    d = muladd(splat((real)-to->beta), l, d);
    return times_exp2_sum(x, as_bits(nearest), d);
}

/* beta, prepared for a loop */
typedef struct {
#if defined(LRN_TABLES)
    Table inverse, of_fraction[2], of_exponent[2];
    vec series[4];
#else
    Exponent exponent;
#endif
    Range foreseen;
} Power;

INLINE Power power_of(const Exponent *exponent)
{
    Power power;
#if defined(LRN_TABLES)
    power.inverse = table_of(exponent->inverse);
    for (int i = 0; i < 2; i++) {
        power.of_fraction[i] = table_of(exponent->of_fraction[i]);
        power.of_exponent[i] = table_of(exponent->of_exponent[i]);
    }
    for (int i = 0; i < 4; i++)
        power.series[i] = splat(exponent->series[i]);
#else
    power.exponent = *exponent;
#endif
    power.foreseen = exponent->foreseen;
    return power;
}

/* x * s^-beta, with tables as x * 2^(-beta e) * c^-beta * (1 + f)^-beta for s = 2^e c (1 + f)
 * Domain: s in power.foreseen, the result finite
 * Error:  0.5 + 0.6 |beta| ulp with tables, otherwise that of times_exp2 */
INLINE vec times_any(vec x, vec s, Power power)
{
#if defined(LRN_TABLES)
    ivec b = as_bits(s), fraction = b >> (FRACTION_BITS - STEP_BITS), exponent = b >> FRACTION_BITS;
    vec m = from_bits((b & splat_bits(SMALLEST_NORMAL - 1)) | as_bits(splat(1)));
    vec f = muladd(m, lookup(power.inverse, fraction), splat(-1));
    vec of_fraction = lookup(power.of_fraction[0], fraction), of_exponent = lookup(power.of_exponent[0], exponent);
    vec p = of_fraction * of_exponent, rounded = muladd(of_fraction, of_exponent, splat(0) - p);
    vec error = lookup(power.of_fraction[1], fraction) + lookup(power.of_exponent[1], exponent);
    vec h = muladd(muladd(power.series[3], f, power.series[2]), f, power.series[1]);
    h = muladd(muladd(h, f, power.series[0]), f, error);
    return muladd(x, p, x * muladd(p, h, rounded));
#else
    return times_exp2(x, s, &power.exponent);
#endif
}

#endif
