/* Vectors side by side, shifted by lanes. */
#ifndef LRNCORE_SHIFTS_H
#define LRNCORE_SHIFTS_H

#include "simd.h"

/* The lanes `by` (1 to 4, 6, or 9 of 16) before those of v, where `before` is the vector before it */
#if defined(HAS_LANE_SHIFTS)
#define SHIFTS_LANES 1
INLINE vec lanes_before(vec before, vec v, int by)
{
#define SHIFTED(by) from_bits((ivec)X86_BITS(alignr_epi)((x86_bits)v, (x86_bits)before, LANES - by))
    switch (by) {
    case 1: return SHIFTED(1);
    case 2: return SHIFTED(2);
    case 3: return SHIFTED(3);
    case 4: return SHIFTED(4);
    case 6: return SHIFTED(6);
    default: return SHIFTED(9 % LANES);
    }
#undef SHIFTED
}

/* The lanes `by` (1 to 4) behind those of v, where `after` is the vector behind it */
INLINE vec lanes_after(vec v, vec after, int by)
{
#define SHIFTED(by) from_bits((ivec)X86_BITS(alignr_epi)((x86_bits)after, (x86_bits)v, by))
    switch (by) {
    case 1: return SHIFTED(1);
    case 2: return SHIFTED(2);
    case 3: return SHIFTED(3);
    default: return SHIFTED(4);
    }
#undef SHIFTED
}
#else
#define SHIFTS_LANES 0
INLINE vec lanes_after(vec v, vec after, int by)
{
    (void)after, (void)by;
    return v;
}

INLINE vec lanes_before(vec before, vec v, int by)
{
    (void)before, (void)by;
    return v;
}
#endif

/* The vector whose first `count` lanes, any number of them, are the last ones of `before`, and the others those of v */
#if defined(HAS_PERMUTE_2)
#define REALIGNS 1
INLINE ivec order_of(ptrdiff_t count)
{
    bits_t order[LANES];
    for (int i = 0; i < LANES; i++)
        order[i] = (bits_t)(LANES - count + i);
    return as_bits(load((const real *)order));
}

INLINE vec realigned(vec before, vec v, ivec order)
{
    return (vec)X86(permutex2var)(before, (x86_bits)order, v);
}
#else
#define REALIGNS 0
INLINE ivec order_of(ptrdiff_t count) { return splat_bits((bits_t)count); }
INLINE vec realigned(vec before, vec v, ivec order) { return (void)before, (void)order, v; }
#endif

#endif
