/* Sums of lines, each with a weight. */
#ifndef LRNCORE_TAPS_H
#define LRNCORE_TAPS_H

#include "../simd.h"

/* A line that enters a sum: where its first element lies from the result's, in elements, and its weight */
typedef struct {
    ptrdiff_t offset;
    real weight;
} Tap;

#define TOGETHER 4 /* vectors whose sums are in registers: a weight is loaded once for all of them */

#if defined(__GNUC__)
#define FOR_TOGETHER(i) _Pragma("GCC unroll 8") for (int i = 0; i < TOGETHER; i++)
#else
#define FOR_TOGETHER(i) for (int i = 0; i < TOGETHER; i++)
#endif

/* to[i] = the sum of weight * from[i + offset] over all taps, for whole vectors that reach to `length` */
OUT_OF_LINE void weighted_sum(const real *from, const Tap *taps, int count, real *to, ptrdiff_t length)
{
    ptrdiff_t i = 0;
    for (; i + (TOGETHER - 1) * LANES < length; i += TOGETHER * LANES) {
        vec sum[TOGETHER];
        FOR_TOGETHER(v)
            sum[v] = splat(0);
        for (int t = 0; t < count; t++) {
            const real *line = from + i + taps[t].offset;
            vec weight = splat(taps[t].weight);
            FOR_TOGETHER(v)
                sum[v] = muladd(weight, load(line + v * LANES), sum[v]);
        }
        FOR_TOGETHER(v)
            store(to + i + v * LANES, sum[v]);
    }
    for (; i < length; i += LANES) {
        vec sum = splat(0);
        for (int t = 0; t < count; t++)
            sum = muladd(splat(taps[t].weight), load(from + i + taps[t].offset), sum);
        store(to + i, sum);
    }
}

#endif
