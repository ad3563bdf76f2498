/* Vectors side by side, shifted by lanes. */
#ifndef LRNCORE_SHIFTS_H
#define LRNCORE_SHIFTS_H

#include "simd.h"

/* The lanes `by` (1 to 4) before those of v, where `before` is the vector before it */
#if defined(HAS_LANE_SHIFTS)
#define SHIFTS_LANES 1
INLINE vec lanes_before(vec before, vec v, int by)
{
#define SHIFTED(by) from_bits((ivec)X86_BITS(alignr_epi)((x86_bits)v, (x86_bits)before, LANES - by))
    switch (by) {
    case 1: return SHIFTED(1);
    case 2: return SHIFTED(2);
    case 3: return SHIFTED(3);
    default: return SHIFTED(4);
    }
#undef SHIFTED
}

/* The lanes `by` (1 or 2) behind those of v, where `after` is the vector behind it */
INLINE vec lanes_after(vec v, vec after, int by)
{
#define SHIFTED(by) from_bits((ivec)X86_BITS(alignr_epi)((x86_bits)after, (x86_bits)v, by))
    return by == 1 ? SHIFTED(1) : SHIFTED(2);
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

#endif
