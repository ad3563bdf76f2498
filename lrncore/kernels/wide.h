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

INLINE Wide wide_number_select(wide_bits mask, Wide yes, Wide no)
{
    no.m = wide_select(mask, yes.m, no.m);
#if defined(LRN_DOUBLE)
    no.e = wide_select(mask, yes.e, no.e);
#endif
    return no;
}

INLINE wide wide_muladd(wide a, wide b, wide c)
{
#if defined(LRN_X86) && defined(HAS_FUSED)
    return (wide)X86_ANY(fmadd_pd)(a, b, c);
#else
    return a * b + c;
#endif
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
    wide v_e = wide_select(wide_equal(v.m, wide_splat(0)), sum->e, v.e), e, down;
    if (any_lane(wide_less(sum->e, v_e))) { /* not often */
        e = wide_larger(sum->e, v_e);
        down = wide_two_to(sum->e - e);
        *lost = *lost * down;
        sum->m = wide_select(wide_not_finite(sum->m), sum->m, sum->m * down);
        sum->e = e;
    }
    wide_accumulate(&sum->m, lost, wide_scaled(v.m, v_e - sum->e));
#else
    wide_accumulate(&sum->m, lost, v.m);
#endif
}

#endif
