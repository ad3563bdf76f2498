/* Powers and logarithms of wide.h's numbers. */
#ifndef LRNCORE_WIDE_POWER_H
#define LRNCORE_WIDE_POWER_H

#include "wide.h"

/* c[0] + ... + c[degree] x^degree, in four chains: powers of x^4 apart */
INLINE wide wide_polynomial(const double *c, int degree, wide x)
{
    wide square = x * x, fourth = square * square, chain[4];
    for (int j = 0; j < 4; j++) {
        int i = degree - (degree - j) % 4;
        chain[j] = wide_splat(c[i]);
        for (i -= 4; i >= 0; i -= 4)
            chain[j] = wide_muladd(chain[j], fourth, wide_splat(c[i]));
    }
    return wide_muladd(wide_muladd(chain[3], x, chain[2]), square, wide_muladd(chain[1], x, chain[0]));
}

#if defined(LRN_DOUBLE)
#define LOG2_TERMS 10
#define EXP2_TERMS 12
#else
/* to 2^-39 and 2^-37: a float has 24 bits */
#define LOG2_TERMS 6
#define EXP2_TERMS 9
#endif

/* e and log2 m with |v| = 2^e m, m in [sqrt(1/2), sqrt(2)), for finite v but 0: the series of
 * 2 atanh((m - 1) / (m + 1)) / log 2 */
INLINE wide wide_log2(Wide v, wide *exponent)
{
    static const double c[] = {2.8853900817779268147, 0.96179669392597560491, 0.57707801635558536294,
                               0.41219858311113240210, 0.32059889797532520163, 0.26230818925253880133,
                               0.22195308321368667805, 0.19235933878519512098, 0.16972882833987804793,
                               0.15186263588304877979, 0.13739952770371080076};
    const int64_t one = (int64_t)1023 << 52, sqrt_half = 0x3fe6a09e667f3bcd, whole = 0x4338000000000000;
    wide_bits tiny = wide_less(wide_magnitude(v.m), wide_splat(0x1p-1022));
    wide_bits b = wide_as_bits(wide_magnitude(wide_select(tiny, v.m * wide_splat(0x1p64), v.m)));
    wide_bits biased = (b + wide_splat_bits(one - sqrt_half)) >> 52;
    wide m = wide_from_bits(b + wide_splat_bits(one) - (biased << 52));
    wide z = (m - wide_splat(1)) / (m + wide_splat(1));
    *exponent = wide_from_bits(biased + wide_splat_bits(whole)) - wide_splat(WIDE_WHOLE + 1023);
    *exponent = *exponent - wide_select(tiny, wide_splat(64), wide_splat(0));
#if defined(LRN_DOUBLE)
    *exponent = *exponent + v.e;
#endif
    return z * wide_polynomial(c, LOG2_TERMS, z * z);
}

/* beta, for powers: `head` + `tail`, `head` so short that its products with exponents are exact; the powers of 0, of
 * infinity and of -infinity; what the power of a negative number is multiplied with, NaN unless beta is whole; and
 * 4 beta where square roots and quotients make the power, or 0 */
typedef struct {
    double beta, head, tail, of_zero, of_infinity, of_minus_infinity, sign;
    int quarters;
} WideExponent;

INLINE WideExponent wide_exponent(double beta)
{
    WideExponent to = {beta,
                       (double)(float)beta,
                       beta - (double)(float)beta,
                       pow(0, -beta),
                       pow(INFINITY, -beta),
                       pow(-INFINITY, -beta),
                       pow(-1, -beta),
                       beta == 0.5 || beta == 0.75 || beta == 1 || beta == 2 ? (int)(4 * beta) : 0};
    return to;
}

/* s^-beta, as pow has it: 1 for beta = 0 */
OUT_OF_LINE Wide wide_any_power(Wide s, const WideExponent *to)
{
    static const double c[] = {1, 0.69314718055994530942, 0.24022650695910071233, 0.055504108664821579953,
                               0.0096181291076284771620, 0.0013333558146428443423, 0.00015403530393381609954,
                               0.000015252733804059840281, 1.3215486790144309489e-6, 1.0178086009239699728e-7,
                               7.0549116208011233299e-9, 4.4455382718708114976e-10, 2.5678435993488205141e-11};
    wide e, l = wide_log2(s, &e), whole, rest, m, special;
    wide_bits none = wide_equal(s.m, wide_splat(0)), unbounded = wide_not_finite(s.m), usual = ~(none | unbounded);
    Wide p;
    e = wide_from_bits(usual & wide_as_bits(e));
    l = wide_from_bits(usual & wide_as_bits(l));
    /* an exponent of so steep a power that it has no whole part: 0 or infinity */
    whole = wide_splat(-to->beta) * (e + l);
    whole = wide_larger(whole, wide_splat(-1e9));
    whole = wide_smaller(wide_splat(1e9), whole);
    whole = whole + wide_splat(WIDE_WHOLE) - wide_splat(WIDE_WHOLE);
    rest = (wide_splat(-to->head) * e - whole) + wide_splat(-to->tail) * e + wide_splat(-to->beta) * l;
    rest = wide_select(wide_less(wide_magnitude(rest), wide_splat(1)), rest, wide_splat(0));
    m = wide_polynomial(c, EXP2_TERMS, rest);
    m = wide_select(wide_less(s.m, wide_splat(0)), m * wide_splat(to->sign), m);
    special = wide_select(none, wide_splat(to->of_zero), s.m);
    special = wide_select(wide_equal(s.m, wide_splat(INFINITY)), wide_splat(to->of_infinity), special);
    special = wide_select(wide_equal(s.m, wide_splat(-INFINITY)), wide_splat(to->of_minus_infinity), special);
    p = wide_raised(wide_select(usual, m, special), wide_select(usual, whole, wide_splat(0)));
    return to->beta == 0 ? wide_of(wide_splat(1)) : p;
}

/* v s^-1/2, v s^-3/4. The power of -infinity is 0, that of -0 is infinity. */
INLINE Wide wide_over_roots(Wide v, Wide s, int quarters)
{
    wide root;
    s.m = wide_select(wide_equal(s.m, wide_splat(-INFINITY)), wide_splat(INFINITY), s.m + wide_splat(0));
#if defined(LRN_DOUBLE)
    s = wide_by_fours(s);
    root = wide_root(s.m);
    v.m = v.m / (quarters == 2 ? root : wide_root(s.m * root));
    v.e = v.e - wide_splat(quarters) * s.e;
#else
    root = wide_root(s.m);
    v.m = v.m / (quarters == 2 ? root : root * wide_root(root));
#endif
    return v;
}

/* v s^-beta, as pow has it */
INLINE Wide wide_times_power(Wide v, Wide s, const WideExponent *to)
{
    if (to->quarters == 2 || to->quarters == 3)
        return wide_over_roots(v, s, to->quarters);
    if (to->quarters)
        return wide_over(to->quarters == 4 ? v : wide_over(v, s), s);
    return wide_times(v, wide_any_power(s, to));
}

/* log |s| */
INLINE wide wide_log(Wide s)
{
    wide e, l = wide_log2(s, &e);
    return (e + l) * wide_splat(0.69314718055994530942);
}

#endif
