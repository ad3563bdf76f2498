/* Vectors of doubles that sums of elements are kept in.
 *
 * A float32 and the product of two of them fit a double, so that sums of these are exact to 2^-53 of their terms'
 * sizes and cannot leave the range. A vector of `real` is a Pair: two vectors of wide.h's, or one where `real` is
 * double.
 */
#ifndef LRNCORE_DOUBLES_H
#define LRNCORE_DOUBLES_H

#include "wide_memory.h"

#if defined(LRN_VECTORS) && !defined(LRN_DOUBLE)
typedef real half_vec __attribute__((vector_size(VECTOR_BYTES / 2)));
#define IN_HIGH(statement) statement
#else
#define IN_HIGH(statement)
#endif

typedef struct {
    wide low;
    IN_HIGH(wide high;)
} Pair;

/* ---- one vector -------------------------------------------------------------------------------------------------- */

/* a*b + c */
INLINE wide fused(wide a, wide b, wide c)
{
#if defined(LRN_X86) && defined(HAS_FUSED)
    return (wide)X86_ANY(fmadd_pd)(a, b, c);
#elif defined(LRN_NEON)
    return (wide)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
    return a * b + c;
#endif
}

#if defined(LRN_VECTORS)
#define DOUBLES_WHERE(condition) ((wide_bits)(condition))
INLINE wide doubles_unless(wide_bits mask, wide v) { return (wide)((wide_bits)v & ~mask); }
#else
#define DOUBLES_WHERE(condition) (-(wide_bits)(condition))
INLINE wide doubles_unless(wide_bits mask, wide v) { return mask ? 0 : v; }
#endif

/* All bits of the first `count` lanes; a count beyond 0 and all of them is one of these. */
INLINE wide_bits first_bits(ptrdiff_t count)
{
    return wide_first_lanes(count < 0 ? 0 : count > WIDE_LANES ? WIDE_LANES : count);
}

/* a*b + c of numbers, as muladd does it */
INLINE real real_muladd(real a, real b, real c)
{
#if !defined(HAS_FUSED)
    return a * b + c;
#elif defined(LRN_DOUBLE)
    return fma(a, b, c);
#else
    return fmaf(a, b, c);
#endif
}

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

INLINE Pair paired(double a)
{
    Pair p;
    p.low = wide_splat(a);
    IN_HIGH(p.high = p.low;)
    return p;
}

INLINE Pair widened(vec v)
{
    Pair p;
#if defined(LRN_X86) && !defined(LRN_DOUBLE) && VECTOR_BYTES == 64
    p.low = (wide)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)v));
    p.high = (wide)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)v, 1));
#elif defined(LRN_X86) && !defined(LRN_DOUBLE) && VECTOR_BYTES == 32
    p.low = (wide)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)v));
    p.high = (wide)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)v, 1));
#elif defined(LRN_VECTORS) && !defined(LRN_DOUBLE)
    half_vec halves[2];
    memcpy(halves, &v, sizeof v);
    p.low = __builtin_convertvector(halves[0], wide);
    p.high = __builtin_convertvector(halves[1], wide);
#else
    p.low = (wide)v;
#endif
    return p;
}

/* As a vector again. Halves that are stored and loaded as one would wait for each other. */
INLINE vec narrowed(Pair p)
{
#if defined(LRN_X86) && !defined(LRN_DOUBLE) && VECTOR_BYTES == 64
    __m512 low = _mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)p.low));
    return (vec)_mm512_insertf32x8(low, _mm512_cvtpd_ps((__m512d)p.high), 1);
#elif defined(LRN_X86) && !defined(LRN_DOUBLE) && VECTOR_BYTES == 32
    __m256 low = _mm256_castps128_ps256(_mm256_cvtpd_ps((__m256d)p.low));
    return (vec)_mm256_insertf128_ps(low, _mm256_cvtpd_ps((__m256d)p.high), 1);
#elif defined(LRN_X86) && !defined(LRN_DOUBLE)
    return (vec)_mm_movelh_ps(_mm_cvtpd_ps((__m128d)p.low), _mm_cvtpd_ps((__m128d)p.high));
#elif defined(LRN_VECTORS) && !defined(LRN_DOUBLE)
    real lanes[LANES];
    reals_of_wide(lanes, p.low);
    reals_of_wide(lanes + WIDE_LANES, p.high);
    return load(lanes);
#else
    return (vec)p.low;
#endif
}

INLINE Pair load_pair(const double *from)
{
    Pair p;
    p.low = load_doubles(from);
    IN_HIGH(p.high = load_doubles(from + WIDE_LANES);)
    return p;
}

INLINE void store_pair(double *to, Pair p)
{
    store_wide(to, p.low);
    IN_HIGH(store_wide(to + WIDE_LANES, p.high);)
}

INLINE Pair plus(Pair a, Pair b)
{
    a.low += b.low;
    IN_HIGH(a.high += b.high;)
    return a;
}

INLINE Pair minus(Pair a, Pair b)
{
    a.low -= b.low;
    IN_HIGH(a.high -= b.high;)
    return a;
}

/* a*b + c */
INLINE Pair times_plus(Pair a, Pair b, Pair c)
{
    c.low = fused(a.low, b.low, c.low);
    IN_HIGH(c.high = fused(a.high, b.high, c.high);)
    return c;
}

/* The first `count` lanes, zeros behind them */
INLINE Pair first_of_pair(Pair p, ptrdiff_t count)
{
    p.low = doubles_unless(~first_bits(count), p.low);
    IN_HIGH(p.high = doubles_unless(~first_bits(count - WIDE_LANES), p.high);)
    return p;
}

/* The lanes of v as doubles, one half of them added to the other */
INLINE wide folded(vec v)
{
    Pair p = widened(v);
    IN_HIGH(p.low += p.high;)
    return p.low;
}

/* Sum of the lanes */
INLINE double wide_total(wide v)
{
#if VECTOR_BYTES == 64 && defined(LRN_X86)
    return _mm512_reduce_add_pd((__m512d)v);
#else
    double lanes[WIDE_LANES];
    memcpy(lanes, &v, sizeof v);
    for (int step = WIDE_LANES / 2; step; step /= 2)
        for (int i = 0; i < step; i++)
            lanes[i] += lanes[i + step];
    return lanes[0];
#endif
}

INLINE double total(Pair p)
{
    IN_HIGH(p.low += p.high;)
    return wide_total(p.low);
}

#if defined(LRN_X86)
/* Neighbours in two vectors, added to each other by eight bytes, */
INLINE vec joined(vec a, vec b)
{
    return (vec)X86_ANY(unpacklo_pd)((wide)a, (wide)b) + (vec)X86_ANY(unpackhi_pd)((wide)a, (wide)b);
}

#if VECTOR_BYTES == 64
#define HALVES(a, b, low, high) (wide)(_mm512_shuffle_f64x2(a, b, low) + _mm512_shuffle_f64x2(a, b, high))
#endif

#if !defined(LRN_DOUBLE)
/* and by four */
INLINE vec joined_floats(vec a, vec b)
{
    return (vec)X86(unpacklo)(a, b) + (vec)X86(unpackhi)(a, b);
}

/* Two or four parts of each sum are added in doubles, as which the errors of the last sums would be the largest. */
INLINE wide parts_added(vec parts)
{
    Pair p = widened(parts);
    return p.low + p.high;
}
#endif

#if VECTOR_BYTES == 64
INLINE __m256d four_totals(vec a, vec b, vec c, vec d)
{
#if defined(LRN_DOUBLE)
    wide v = HALVES(joined(a, b), joined(c, d), 0x88, 0xdd);
    v = HALVES(v, v, 0x88, 0xdd);
    return _mm512_castpd512_pd256((__m512d)v);
#else
    __m512d v = (__m512d)parts_added(joined(joined_floats(a, b), joined_floats(c, d)));
    return _mm512_castpd512_pd256(v) + _mm512_extractf64x4_pd(v, 1);
#endif
}
#elif VECTOR_BYTES == 32
INLINE __m256d four_totals(vec a, vec b, vec c, vec d)
{
#if defined(LRN_DOUBLE)
    wide v = joined(a, b), w = joined(c, d);
    return _mm256_permute2f128_pd(v, w, 0x20) + _mm256_permute2f128_pd(v, w, 0x31);
#else
    return (__m256d)parts_added(joined(joined_floats(a, b), joined_floats(c, d)));
#endif
}
#elif defined(LRN_DOUBLE)
INLINE wide two_totals(vec a, vec b) { return joined(a, b); }
#else
INLINE wide two_totals(vec a, vec b) { return parts_added(joined_floats(a, b)); }
#endif
#else
INLINE void store_two_totals(double *to, vec a, vec b)
{
    to[0] = total(widened(a));
    to[1] = total(widened(b));
}
#endif

/* The sums of the lanes of four vectors, two and two */
INLINE void store_sums(double *to, double *more, vec a, vec b, vec c, vec d)
{
#if defined(LRN_X86) && VECTOR_BYTES >= 32
    __m256d v = four_totals(a, b, c, d);
    _mm_storeu_pd(to, _mm256_castpd256_pd128(v));
    _mm_storeu_pd(more, _mm256_extractf128_pd(v, 1));
#elif defined(LRN_X86)
    store_wide(to, two_totals(a, b));
    store_wide(more, two_totals(c, d));
#else
    store_two_totals(to, a, b);
    store_two_totals(more, c, d);
#endif
}

/* Adds the lanes of v to as many doubles. */
INLINE void add_to_doubles(double *to, vec v)
{
    store_pair(to, plus(load_pair(to), widened(v)));
}

/* ---- magnitudes and thresholds ----------------------------------------------------------------------------------- */

/* The larger of two magnitudes, as bits: a NaN is larger than an infinity, an infinity than a number. */
INLINE vec larger_magnitude(vec a, vec b)
{
    ivec p = as_bits(a) & splat_bits(~(bits_t)0 >> 1), q = as_bits(b) & splat_bits(~(bits_t)0 >> 1);
#if defined(LRN_VECTORS)
    ivec mask = (ivec)(p > q);
    return from_bits((p & mask) | (q & ~mask));
#else
    return from_bits(p > q ? p : q);
#endif
}

INLINE double largest_lane(vec v)
{
    real lanes[LANES], most = 0;
    store(lanes, v);
    for (int i = 0; i < LANES; i++)
        most = lanes[i] <= most ? most : lanes[i]; /* a NaN stays: it is not <= */
    for (int i = 0; i < LANES; i++)
        most = lanes[i] != lanes[i] ? lanes[i] : most;
    return (double)most;
}

/* `below` where v < limit, v elsewhere; NaN is not below. */
INLINE vec replaced_below(vec v, vec y, vec limit, vec below)
{
#if defined(LRN_VECTORS)
    ivec mask = (ivec)(y < limit);
    return from_bits((as_bits(below) & mask) | (as_bits(v) & ~mask));
#else
    return y < limit ? below : v;
#endif
}

/* The middle one of three */
INLINE real middle_real(real a, real b, real c)
{
    real low = a < b ? a : b, high = a > b ? a : b;
    high = high < c ? high : c;
    return low > high ? low : high;
}

#endif
