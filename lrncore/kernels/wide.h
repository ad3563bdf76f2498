/* Vectors of numbers m * 2^e, m and e doubles: no square, product or power of an element of any type leaves their
 * range. exact.pxi has the formulas made of them.
 *
 * All builds have them, whatever their `real`: as many lanes as doubles fit a vector.
 */
#ifndef LRNCORE_WIDE_H
#define LRNCORE_WIDE_H

#include "storage.h"

#if defined(LRN_VECTORS)
#define WIDE_LANES ((int)(VECTOR_BYTES / sizeof(double)))
typedef double wide __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t wide_bits __attribute__((vector_size(VECTOR_BYTES)));
#else
#define WIDE_LANES 1
typedef double wide;
typedef int64_t wide_bits;
#endif

typedef struct {
    wide m;
#if defined(LRN_DOUBLE)
    wide e;
#endif
} Wide;

#if defined(LRN_VECTORS)
INLINE wide_bits wide_as_bits(wide v) { return (wide_bits)v; }
INLINE wide wide_from_bits(wide_bits b) { return (wide)b; }
INLINE wide_bits wide_equal(wide a, wide b) { return a == b; }
INLINE wide_bits wide_less(wide a, wide b) { return a < b; }
INLINE wide wide_splat(double a)
{
    wide v;
    for (int i = 0; i < WIDE_LANES; i++)
        v[i] = a;
    return v;
}
INLINE wide_bits wide_splat_bits(int64_t a)
{
    wide_bits v;
    for (int i = 0; i < WIDE_LANES; i++)
        v[i] = a;
    return v;
}
#else
INLINE wide_bits wide_as_bits(wide v) { wide_bits b; memcpy(&b, &v, sizeof b); return b; }
INLINE wide wide_from_bits(wide_bits b) { wide v; memcpy(&v, &b, sizeof v); return v; }
INLINE wide_bits wide_equal(wide a, wide b) { return -(wide_bits)(a == b); }
INLINE wide_bits wide_less(wide a, wide b) { return -(wide_bits)(a < b); }
INLINE wide wide_splat(double a) { return a; }
INLINE wide_bits wide_splat_bits(int64_t a) { return a; }
#endif

INLINE wide wide_select(wide_bits mask, wide yes, wide no)
{
    return wide_from_bits((mask & wide_as_bits(yes)) | (~mask & wide_as_bits(no)));
}

INLINE wide wide_magnitude(wide v)
{
    return wide_from_bits(wide_as_bits(v) & wide_splat_bits(INT64_MAX));
}

/* NaN, infinite */
INLINE wide_bits wide_not_finite(wide v)
{
    return ~wide_equal(v - v, wide_splat(0));
}

INLINE wide wide_larger(wide a, wide b)
{
    return wide_select(wide_less(a, b), b, a);
}

INLINE wide_bits is_nan(wide v)
{
    return ~wide_equal(v, v);
}

INLINE wide_bits is_infinite(wide v)
{
    return wide_equal(wide_magnitude(v), wide_splat(INFINITY));
}

/* 1 with the sign of v; NaN for zero */
INLINE wide wide_sign(wide v)
{
    wide one = wide_from_bits(wide_as_bits(wide_splat(1)) | (wide_as_bits(v) & wide_splat_bits(INT64_MIN)));
    return wide_select(wide_equal(v, wide_splat(0)), wide_splat(NAN), one);
}

INLINE int any_lane(wide_bits mask)
{
    int64_t lanes[WIDE_LANES], all = 0;
    memcpy(lanes, &mask, sizeof mask);
    for (int i = 0; i < WIDE_LANES; i++)
        all |= lanes[i];
    return all != 0;
}

INLINE int bit_of_lane(wide_bits mask, ptrdiff_t i)
{
    int64_t lanes[WIDE_LANES];
    memcpy(lanes, &mask, sizeof mask);
    return lanes[i] != 0;
}

/* 3 * 2^51: a whole number plus this has it in its last bits. */
#define WIDE_WHOLE 6755399441055744.0

/* 2^d for whole d; 0 below the normal numbers and infinity above */
INLINE wide wide_two_to(wide d)
{
    d = wide_larger(d, wide_splat(-1023));
    d = wide_select(wide_less(wide_splat(1024), d), wide_splat(1024), d);
    return wide_from_bits(wide_as_bits(d + wide_splat(WIDE_WHOLE + 1023)) << 52);
}

#if defined(LRN_DOUBLE)

/* v 2^d, and infinities and NaN as they are */
INLINE wide wide_scaled(wide v, wide d)
{
    return wide_select(wide_not_finite(v), v, v * wide_two_to(d));
}

/* m in [1/2, 1), or v itself if it is zero or not finite */
INLINE Wide wide_of(wide v)
{
    const int64_t fraction = ((int64_t)1 << 52) - 1, half = (int64_t)1022 << 52, whole = 0x4338000000000000;
    wide_bits tiny = wide_less(wide_magnitude(v), wide_splat(0x1p-1022));
    wide_bits b = wide_as_bits(wide_select(tiny, v * wide_splat(0x1p64), v));
    wide biased = wide_from_bits(((b >> 52) & wide_splat_bits(0x7ff)) + wide_splat_bits(whole)) - wide_splat(WIDE_WHOLE);
    wide_bits itself = wide_equal(v, wide_splat(0)) | wide_not_finite(v);
    Wide w;
    w.m = wide_from_bits((b & wide_splat_bits(fraction | INT64_MIN)) | wide_splat_bits(half));
    w.m = wide_select(itself, v, w.m);
    w.e = wide_select(itself, wide_splat(0), biased - wide_select(tiny, wide_splat(1022 + 64), wide_splat(1022)));
    return w;
}

INLINE Wide wide_plus(Wide a, Wide b)
{
    const wide lowest = wide_splat(-100000);
    wide a_e = wide_select(wide_equal(a.m, wide_splat(0)), lowest, a.e);
    wide b_e = wide_select(wide_equal(b.m, wide_splat(0)), lowest, b.e);
    Wide sum;
    sum.e = wide_larger(a_e, b_e);
    sum.m = wide_scaled(a.m, a_e - sum.e) + wide_scaled(b.m, b_e - sum.e);
    return sum;
}

INLINE Wide wide_times(Wide a, Wide b)
{
    Wide product = {a.m * b.m, a.e + b.e};
    return product;
}

INLINE Wide wide_over(Wide a, Wide b)
{
    Wide quotient = {a.m / b.m, a.e - b.e};
    return quotient;
}

/* m 2^e, rounded once */
INLINE wide wide_value(Wide a)
{
    wide e = wide_larger(a.e, wide_splat(-1300)), half;
    e = wide_select(wide_less(wide_splat(1300), e), wide_splat(1300), e);
    half = e * wide_splat(0.5) + wide_splat(WIDE_WHOLE) - wide_splat(WIDE_WHOLE);
    return a.m * wide_two_to(half) * wide_two_to(e - half);
}

INLINE Wide wide_raised(wide m, wide e) /* m 2^e for whole e */
{
    Wide w = {m, e};
    return w;
}

#else

/* Of floats every square, sum and product fits a double: e is 0. */
INLINE Wide wide_of(wide v) { Wide w = {v}; return w; }
INLINE Wide wide_plus(Wide a, Wide b) { return wide_of(a.m + b.m); }
INLINE Wide wide_times(Wide a, Wide b) { return wide_of(a.m * b.m); }
INLINE Wide wide_over(Wide a, Wide b) { return wide_of(a.m / b.m); }
INLINE wide wide_value(Wide a) { return a.m; }

/* A power beyond 2^800 makes every float overflow but 0, which it must not make NaN. */
INLINE Wide wide_raised(wide m, wide e)
{
    return wide_of(m * wide_two_to(wide_select(wide_less(wide_splat(800), e), wide_splat(800), e)));
}

#endif

INLINE wide wide_muladd(wide a, wide b, wide c)
{
#if defined(LRN_X86) && defined(HAS_FUSED)
    return (wide)X86_ANY(fmadd_pd)(a, b, c);
#else
    return a * b + c;
#endif
}

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
    return z * wide_polynomial(c, 10, z * z);
}

/* beta, for powers: `head` + `tail`, `head` so short that its products with exponents are exact; the powers of 0, of
 * infinity and of -infinity; and what the power of a negative number is multiplied with, NaN unless beta is whole */
typedef struct {
    double beta, head, tail, of_zero, of_infinity, of_minus_infinity, sign;
} WideExponent;

INLINE WideExponent wide_exponent(double beta)
{
    WideExponent to = {beta,           (double)(float)beta,   beta - (double)(float)beta, pow(0, -beta),
                       pow(INFINITY, -beta), pow(-INFINITY, -beta), pow(-1, -beta)};
    return to;
}

/* s^-beta, as pow has it: 1 for beta = 0 */
INLINE Wide wide_power(Wide s, WideExponent to)
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
    whole = wide_splat(-to.beta) * (e + l);
    whole = wide_larger(whole, wide_splat(-1e9));
    whole = wide_select(wide_less(wide_splat(1e9), whole), wide_splat(1e9), whole);
    whole = whole + wide_splat(WIDE_WHOLE) - wide_splat(WIDE_WHOLE);
    rest = (wide_splat(-to.head) * e - whole) + wide_splat(-to.tail) * e + wide_splat(-to.beta) * l;
    rest = wide_select(wide_less(wide_magnitude(rest), wide_splat(1)), rest, wide_splat(0));
    m = wide_polynomial(c, 12, rest);
    m = wide_select(wide_less(s.m, wide_splat(0)), m * wide_splat(to.sign), m);
    special = wide_select(none, wide_splat(to.of_zero), s.m);
    special = wide_select(wide_equal(s.m, wide_splat(INFINITY)), wide_splat(to.of_infinity), special);
    special = wide_select(wide_equal(s.m, wide_splat(-INFINITY)), wide_splat(to.of_minus_infinity), special);
    p = wide_raised(wide_select(usual, m, special), wide_select(usual, whole, wide_splat(0)));
    return to.beta == 0 ? wide_of(wide_splat(1)) : p;
}

/* log |s| */
INLINE wide wide_log(Wide s)
{
    wide e, l = wide_log2(s, &e);
    return (e + l) * wide_splat(0.69314718055994530942);
}

/* ---- to and from memory: `count` elements, up to WIDE_LANES; zeros behind them ------------------------------------ */

INLINE wide load_wide(const elem *from, ptrdiff_t count)
{
    vec v = load_elements_part(from, count);
#if defined(LRN_DOUBLE)
    return (wide)v;
#elif defined(LRN_VECTORS)
    float floats __attribute__((vector_size(VECTOR_BYTES / 2)));
    memcpy(&floats, &v, sizeof floats);
    return __builtin_convertvector(floats, wide);
#else
    real reals[LANES];
    double doubles[WIDE_LANES];
    wide w;
    store(reals, v);
    for (int i = 0; i < WIDE_LANES; i++)
        doubles[i] = reals[i];
    memcpy(&w, doubles, sizeof w);
    return w;
#endif
}

/* Numbers of adjacent elements: their exponents, if they have any, `apart` behind m */
INLINE void store_numbers(double *to, ptrdiff_t apart, Wide w)
{
    memcpy(to, &w.m, sizeof w.m);
#if defined(LRN_DOUBLE)
    memcpy(to + apart, &w.e, sizeof w.e);
#else
    (void)apart;
#endif
}

INLINE Wide load_numbers(const double *from, ptrdiff_t apart)
{
    Wide w;
    memcpy(&w.m, from, sizeof w.m);
#if defined(LRN_DOUBLE)
    memcpy(&w.e, from + apart, sizeof w.e);
#else
    (void)apart;
#endif
    return w;
}

INLINE void store_wide(double *to, wide v)
{
    memcpy(to, &v, sizeof v);
}

/* Every NaN becomes the same one, so that a result has the same bits whichever way it took. */
INLINE void round_wide(real *to, wide v)
{
    double doubles[WIDE_LANES];
    v = wide_select(is_nan(v), wide_splat(NAN), v);
    memcpy(doubles, &v, sizeof v);
    for (int i = 0; i < WIDE_LANES; i++)
        to[i] = (real)doubles[i];
}

/* v moved up by `lanes`, zeros below */
INLINE wide wide_moved(wide v, ptrdiff_t lanes)
{
    double doubles[2 * WIDE_LANES] = {0};
    memcpy(doubles + lanes, &v, sizeof v);
    memcpy(&v, doubles, sizeof v);
    return v;
}

/* Lanes first to last - 1 of v, zeros elsewhere */
INLINE wide wide_between(wide v, ptrdiff_t first, ptrdiff_t last)
{
    double doubles[WIDE_LANES], kept[WIDE_LANES] = {0};
    memcpy(doubles, &v, sizeof v);
    for (ptrdiff_t i = first; i < last; i++)
        kept[i] = doubles[i];
    memcpy(&v, kept, sizeof v);
    return v;
}

/* v with `a` in lane i */
INLINE wide with_wide_lane(wide v, ptrdiff_t i, double a)
{
    double doubles[WIDE_LANES];
    memcpy(doubles, &v, sizeof v);
    doubles[i] = a;
    memcpy(&v, doubles, sizeof v);
    return v;
}

#endif
