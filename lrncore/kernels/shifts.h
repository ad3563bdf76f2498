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

/* Loads and stores of the lanes from `count` on; those before it are `before`, or not written. `turned` has lanes `by` to
 * the last one, then the first ones. */
#if defined(HAS_MASK_REGISTERS)
#define PARTS_LINES 1
INLINE vec load_behind(vec before, const real *from, ptrdiff_t count)
{
    return (vec)X86(mask_loadu)(before, ~TAIL_MASK(count), from);
}

INLINE void store_behind(real *to, vec v, ptrdiff_t count)
{
    X86(mask_storeu)(to, ~TAIL_MASK(count), v);
}

INLINE vec turned(vec v, ptrdiff_t by)
{
    static const bits_t lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    ivec order = as_bits(load((const real *)lanes)) + splat_bits((bits_t)by);
    return (vec)X86(permutexvar)((x86_bits)order, v); /* which takes no more of a number than there are lanes */
}
#else
#define PARTS_LINES 0
INLINE vec load_behind(vec before, const real *from, ptrdiff_t count) { return (void)from, (void)count, before; }
INLINE void store_behind(real *to, vec v, ptrdiff_t count) { (void)to, (void)v, (void)count; }
INLINE vec turned(vec v, ptrdiff_t by) { return (void)by, v; }
#endif

#endif
