/* Vectors of numbers m * 2^e, m and e doubles: no square, product or power of an element of any type leaves their
 * range. exact.pxi has the formulas made of them.
 *
 * All builds have them, whatever their `real`: as many lanes as doubles fit a vector.
 */
#ifndef LRNCORE_WIDE_H
#define LRNCORE_WIDE_H

#include "power.h"
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

/* The square root of each lane */
INLINE wide wide_root(wide v)
{
#if defined(LRN_X86)
    return (wide)X86_ANY(sqrt_pd)(v);
#elif defined(LRN_NEON)
    return (wide)vsqrtq_f64((float64x2_t)v);
#else
    double doubles[WIDE_LANES];
    memcpy(doubles, &v, sizeof v);
    for (int i = 0; i < WIDE_LANES; i++)
        doubles[i] = sqrt(doubles[i]);
    memcpy(&v, doubles, sizeof v);
    return v;
#endif
}

/* NaN, infinite */
INLINE wide_bits wide_not_finite(wide v)
{
    return ~wide_equal(v - v, wide_splat(0));
}

/* The larger one, and a where one is NaN; the smaller one, and b where one is */
INLINE wide wide_larger(wide a, wide b)
{
#if defined(LRN_X86)
    return (wide)X86_ANY(max_pd)(b, a);
#else
    return wide_select(wide_less(a, b), b, a);
#endif
}

INLINE wide wide_smaller(wide a, wide b)
{
#if defined(LRN_X86)
    return (wide)X86_ANY(min_pd)(a, b);
#else
    return wide_select(wide_less(a, b), a, b);
#endif
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
#if defined(HAS_MASK_REGISTERS)
    return X86_ANY(movepi64_mask)((x86_bits)mask) != 0;
#elif defined(LRN_X86)
    return X86_ANY(movemask_pd)((wide)mask) != 0;
#else
    int64_t lanes[WIDE_LANES], all = 0;
    memcpy(lanes, &mask, sizeof mask);
    for (int i = 0; i < WIDE_LANES; i++)
        all |= lanes[i];
    return all != 0;
#endif
}

/* 3 * 2^51: a whole number plus this has it in its last bits. */
#define WIDE_WHOLE 6755399441055744.0

/* 2^d for whole d; 0 below the normal numbers and infinity above */
INLINE wide wide_two_to(wide d)
{
    d = wide_larger(d, wide_splat(-1023));
    d = wide_smaller(wide_splat(1024), d);
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
    wide_bits field = ((b >> 52) & wide_splat_bits(0x7ff)) + wide_splat_bits(whole);
    wide biased = wide_from_bits(field) - wide_splat(WIDE_WHOLE);
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
    e = wide_smaller(wide_splat(1300), e);
    half = e * wide_splat(0.5) + wide_splat(WIDE_WHOLE) - wide_splat(WIDE_WHOLE);
    return a.m * wide_two_to(half) * wide_two_to(e - half);
}

INLINE Wide wide_raised(wide m, wide e) /* m 2^e for whole e */
{
    Wide w = {m, e};
    return w;
}

/* One power of two for a window: `down` of the largest is near 1, and 2^e * down = 1. What vanishes of the squares
 * of the others is below the last bit of their sum. */
#define NEEDS_SCALE 1
typedef struct {
    wide down, e;
} WideScale;

INLINE WideScale wide_scale_of(wide largest)
{
    const wide most = wide_splat(0x1p1022);
    wide_bits b = wide_as_bits(wide_smaller(most, largest)) >> 52;
    WideScale scale;
    scale.down = wide_from_bits((wide_splat_bits(2046) - b) << 52);
    scale.e = wide_from_bits(b + wide_splat_bits(0x4338000000000000)) - wide_splat(WIDE_WHOLE + 1023);
    return scale;
}

INLINE wide wide_downscaled(wide v, WideScale scale) { return v * scale.down; }

/* A sum of squares of numbers that were brought down */
INLINE Wide wide_upscaled(wide sum, WideScale scale) { return wide_raised(sum, scale.e + scale.e); }

/* A sum of numbers in two passes: the largest exponent, and what each number is at that exponent */
INLINE wide wide_larger_exponent(wide e, Wide w)
{
    return wide_larger(e, wide_select(wide_equal(w.m, wide_splat(0)), wide_splat(-100000), w.e));
}

/* Not 0 where it is too small to count: an infinity stays one. */
INLINE wide wide_at_exponent(Wide w, wide e)
{
    wide d = wide_smaller(wide_larger(w.e - e, wide_splat(-1022)), wide_splat(0)); /* above is nothing but zeros */
    return w.m * wide_from_bits(wide_as_bits(d + wide_splat(WIDE_WHOLE + 1023)) << 52);
}

INLINE Wide wide_raised_sum(wide sum, wide e) { return wide_raised(sum, e); }

/* s = 2^(4 e) m, for real roots */
INLINE Wide wide_by_fours(Wide s)
{
    wide e = (s.e * wide_splat(0.25) + wide_splat(WIDE_WHOLE)) - wide_splat(WIDE_WHOLE);
    Wide w = {s.m * wide_two_to(s.e - wide_splat(4) * e), e};
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
    return wide_of(m * wide_two_to(wide_smaller(wide_splat(800), e)));
}

#define NEEDS_SCALE 0
typedef int WideScale;
INLINE WideScale wide_scale_of(wide largest) { (void)largest; return 0; }
INLINE wide wide_downscaled(wide v, WideScale scale) { (void)scale; return v; }
INLINE Wide wide_upscaled(wide sum, WideScale scale) { (void)scale; return wide_of(sum); }
INLINE wide wide_larger_exponent(wide e, Wide w) { (void)w; return e; }
INLINE wide wide_at_exponent(Wide w, wide e) { (void)e; return w.m; }
INLINE Wide wide_raised_sum(wide sum, wide e) { (void)e; return wide_of(sum); }

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

/* ---- to and from memory: `count` elements, up to WIDE_LANES; zeros behind them ----------------------------------- */

INLINE wide wide_of_reals(const real *from)
{
#if defined(LRN_DOUBLE)
    return (wide)load(from);
#elif defined(LRN_VECTORS)
    float floats __attribute__((vector_size(VECTOR_BYTES / 2)));
    memcpy(&floats, from, sizeof floats);
    return __builtin_convertvector(floats, wide);
#else
    double doubles[WIDE_LANES];
    wide w;
    for (int i = 0; i < WIDE_LANES; i++)
        doubles[i] = from[i];
    memcpy(&w, doubles, sizeof w);
    return w;
#endif
}

INLINE void reals_of_wide(real *to, wide v)
{
#if defined(LRN_DOUBLE)
    store(to, (vec)v);
#elif defined(LRN_VECTORS)
    float floats __attribute__((vector_size(VECTOR_BYTES / 2)));
    floats = __builtin_convertvector(v, __typeof__(floats));
    memcpy(to, &floats, sizeof floats);
#else
    double doubles[WIDE_LANES];
    memcpy(doubles, &v, sizeof v);
    for (int i = 0; i < WIDE_LANES; i++)
        to[i] = (real)doubles[i];
#endif
}

INLINE wide load_wide(const elem *from, ptrdiff_t count)
{
#if defined(LRN_DOUBLE)
    return (wide)(count == WIDE_LANES ? load(from) : load_part(from, count));
#else
    real reals[LANES];
    vec v;
#if !defined(LRN_FLOAT16) && !defined(LRN_BFLOAT16)
    if (count == WIDE_LANES)
        return wide_of_reals(from);
#elif defined(LRN_VECTORS) && !defined(HAS_MASK_REGISTERS)
    if (count == WIDE_LANES) {
        hvec halves = {0};
        memcpy(&halves, from, WIDE_LANES * sizeof *from);
        v = from_half(halves);
        memcpy(reals, &v, sizeof v);
        return wide_of_reals(reals);
    }
#endif
    v = load_elements_part(from, count);
    memcpy(reals, &v, sizeof v);
    return wide_of_reals(reals);
#endif
}

INLINE void store_wide_elements(elem *to, wide v, ptrdiff_t count)
{
    real reals[LANES] = {0};
    reals_of_wide(reals, v);
#if !defined(LRN_FLOAT16) && !defined(LRN_BFLOAT16)
    if (count == WIDE_LANES) {
        memcpy(to, reals, WIDE_LANES * sizeof *to);
        return;
    }
#endif
    store_elements_part(to, load(reals), count);
}

/* Bits of the first `count` lanes */
INLINE wide_bits wide_first_lanes(ptrdiff_t count)
{
    static const int64_t lanes[2 * 8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    wide_bits mask;
    memcpy(&mask, lanes + 8 - count, sizeof mask);
    return mask;
}

/* Bits of the lanes that are `wanted` */
INLINE wide_bits wide_lanes_of(const int *wanted, ptrdiff_t count)
{
    int64_t lanes[WIDE_LANES] = {0};
    wide_bits mask;
    for (ptrdiff_t i = 0; i < count; i++)
        lanes[i] = -(int64_t)(wanted[i] != 0);
    memcpy(&mask, lanes, sizeof mask);
    return mask;
}

/* Is one of `count` elements NaN? Is one NaN or infinite? */
OUT_OF_LINE int has_nan(const elem *at, ptrdiff_t count)
{
    ivec seen = splat_bits(0);
    bits_t lanes[LANES], all = 0;
    for (ptrdiff_t i = 0; i < count; i += LANES) {
        vec v = count - i < LANES ? load_elements_part(at + i, count - i) : load_elements(at + i);
#if defined(LRN_VECTORS)
        seen |= (ivec)(v != v);
#else
        seen |= v != v;
#endif
    }
    memcpy(lanes, &seen, sizeof seen);
    for (int i = 0; i < LANES; i++)
        all |= lanes[i];
    return all != 0;
}

OUT_OF_LINE int has_unbounded(const elem *at, ptrdiff_t count)
{
    vec seen = splat(0);
    for (ptrdiff_t i = 0; i < count; i += LANES)
        seen += splat(0) * (count - i < LANES ? load_elements_part(at + i, count - i) : load_elements(at + i));
    return may_have_nonfinite(seen);
}

/* Which lanes of v are in a range of `real` */
INLINE wide_bits wide_within(wide v, Range range)
{
    bits_t end = range.low + range.span;
    real from, to;
    memcpy(&from, &range.low, sizeof from);
    memcpy(&to, &end, sizeof to);
    return ~wide_less(v, wide_splat(from)) & wide_less(v, wide_splat(to));
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

INLINE wide load_doubles(const double *from)
{
    wide v;
    memcpy(&v, from, sizeof v);
    return v;
}

/* Every NaN becomes the same one, so that a result has the same bits whichever way it took. */
INLINE wide wide_with_one_nan(wide v)
{
    return wide_select(is_nan(v), wide_splat(NAN), v);
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

/* Adds v to a sum, and for double to what the sum has lost: equal terms are all rounded the same way. Zeros change
 * neither of them, for how many there are beside a slab depends on where a vector begins. */
INLINE void wide_accumulate(wide *sum, wide *lost, wide v)
{
#if defined(LRN_DOUBLE)
    wide term = v - *lost, total = *sum + term, rounded = (total - *sum) - term;
    wide_bits none = wide_equal(v, wide_splat(0));
    *lost = wide_select(none, *lost, wide_select(wide_not_finite(rounded), wide_splat(0), rounded));
    *sum = wide_select(none, *sum, total);
#else
    (void)lost;
    *sum = *sum + v;
#endif
}

/* 0, with an exponent below all others: what a sum begins with */
INLINE Wide wide_nothing(void)
{
    Wide w = wide_of(wide_splat(0));
#if defined(LRN_DOUBLE)
    w.e = wide_splat(-100000);
#endif
    return w;
}

/* wide_accumulate of numbers whose exponents differ. What is lost has the exponent of the sum, which only grows. */
INLINE void wide_accumulate_number(Wide *sum, wide *lost, Wide v)
{
#if defined(LRN_DOUBLE)
    wide v_e = wide_select(wide_equal(v.m, wide_splat(0)), sum->e, v.e);
    wide e = wide_larger(sum->e, v_e), down = wide_two_to(sum->e - e);
    *lost = *lost * down;
    sum->m = wide_select(wide_not_finite(sum->m), sum->m, sum->m * down);
    sum->e = e;
    wide_accumulate(&sum->m, lost, wide_scaled(v.m, v_e - e));
#else
    wide_accumulate(&sum->m, lost, v.m);
#endif
}

/* ---- how many vectors were recomputed by all calls so far, from any thread; 0 where nothing is atomic ------------ */

#if defined(__GNUC__)
static ptrdiff_t recomputed_vectors;
#endif

INLINE void count_recomputed(ptrdiff_t vectors)
{
#if defined(__GNUC__)
    __atomic_fetch_add(&recomputed_vectors, vectors, __ATOMIC_RELAXED);
#else
    (void)vectors;
#endif
}

INLINE ptrdiff_t recomputed_so_far(void)
{
#if defined(__GNUC__)
    return __atomic_load_n(&recomputed_vectors, __ATOMIC_RELAXED);
#else
    return 0;
#endif
}

#endif
