/* wide.h's numbers to and from memory, their lanes one by one, and how many were needed. */
#ifndef LRNCORE_WIDE_MEMORY_H
#define LRNCORE_WIDE_MEMORY_H

#include "wide.h"

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

INLINE wide load_wide(const real *from, ptrdiff_t count)
{
#if defined(LRN_DOUBLE)
    return (wide)(count == WIDE_LANES ? load(from) : load_part(from, count));
#else
    real reals[LANES];
    if (count == WIDE_LANES)
        return wide_of_reals(from);
    store(reals, load_part(from, count));
    return wide_of_reals(reals);
#endif
}

INLINE void store_wide_elements(real *to, wide v, ptrdiff_t count)
{
    real reals[LANES] = {0};
    reals_of_wide(reals, v);
    if (count == WIDE_LANES)
        memcpy(to, reals, WIDE_LANES * sizeof *to);
    else
        store_part(to, load(reals), count);
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

/* The same of fewer places, of which no others are written; a single one is read into every lane. */
INLINE void store_some_doubles(double *to, wide v, ptrdiff_t count)
{
    double doubles[WIDE_LANES];
    if (count == WIDE_LANES) {
        memcpy(to, &v, sizeof v);
        return;
    }
    memcpy(doubles, &v, sizeof v);
    for (ptrdiff_t i = 0; i < count; i++)
        to[i] = doubles[i];
}

INLINE void store_some_numbers(double *to, ptrdiff_t apart, Wide w, ptrdiff_t count)
{
    store_some_doubles(to, w.m, count);
#if defined(LRN_DOUBLE)
    store_some_doubles(to + apart, w.e, count);
#else
    (void)apart;
#endif
}

INLINE Wide load_some_numbers(const double *from, ptrdiff_t apart, ptrdiff_t count)
{
    Wide w;
    if (count > 1)
        return load_numbers(from, apart);
    w.m = wide_splat(from[0]);
#if defined(LRN_DOUBLE)
    w.e = wide_splat(from[apart]);
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

/* ---- how many vectors were recomputed by all calls so far, from any thread, and how many entered the sums of long
 * windows for that; 0 where nothing is atomic ---------------------------------------------------------------------- */

static ptrdiff_t recomputed_vectors, summed_vectors;

INLINE void count_vectors(ptrdiff_t *count, ptrdiff_t vectors)
{
#if defined(__GNUC__)
    __atomic_fetch_add(count, vectors, __ATOMIC_RELAXED);
#else
    (void)count, (void)vectors;
#endif
}

INLINE ptrdiff_t vectors_so_far(const ptrdiff_t *count)
{
#if defined(__GNUC__)
    return __atomic_load_n(count, __ATOMIC_RELAXED);
#else
    return *count;
#endif
}

#endif
