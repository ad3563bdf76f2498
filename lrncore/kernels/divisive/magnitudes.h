/* |v|, its powers and its sign, vector by vector, and whether a loop met what overflows. */
#ifndef LRNCORE_MAGNITUDES_H
#define LRNCORE_MAGNITUDES_H

#include <float.h>

#include "../power_any.h"

#define LARGEST (FRACTION_BITS == 23 ? (double)FLT_MAX : DBL_MAX)

#if defined(LRN_VECTORS)
/* All bits set where the comparison holds */
INLINE ivec at_least(vec a, vec b) { return (ivec)(a >= b); }
INLINE ivec zero_or_nan(vec v) { return ~((ivec)(v < splat(0)) | (ivec)(v > splat(0))); }
#else
INLINE ivec at_least(vec a, vec b) { return a >= b ? ~(bits_t)0 : 0; }
INLINE ivec zero_or_nan(vec v) { return v < 0 || v > 0 ? 0 : ~(bits_t)0; }
#endif

INLINE vec select_bits(ivec mask, vec yes, vec no)
{
    return from_bits((as_bits(yes) & mask) | (as_bits(no) & ~mask));
}

/* `yes` in the lanes where s is in a range, elsewhere `no`, or NaN where s is */
INLINE vec select_within(vec s, Range range, vec yes, vec no)
{
    ivec distance = as_bits(s) - splat_bits(range.low);
#if defined(LRN_VECTORS)
    ivec within = (ivec)(distance < splat_bits(range.span)), number = (ivec)(s == s);
#else
    ivec within = distance < range.span ? ~(bits_t)0 : 0, number = s == s ? ~(bits_t)0 : 0;
#endif
    return select_bits(within, yes, select_bits(number, no, s));
}

INLINE vec magnitude(vec v)
{
    return from_bits(as_bits(v) & ~as_bits(splat(REAL(-0.0))));
}

/* -1, 0 or 1; NaN of NaN */
INLINE vec sign_of(vec v)
{
    return select_bits(zero_or_nan(v), v, with_sign(splat(1), v));
}

/* A power of |v|, prepared for a call: 0 below `floor`, where it would be less than 2^-120 (double: 2^-1000), and
 * `ceiling` times the first number too large for it overflows. */
typedef struct {
    Exponent exponent;
    real floor, ceiling;
} Raising;

INLINE Raising raising_to(double exponent)
{
    Raising raising;
    int most = FRACTION_BITS == 23 ? 120 : 1000;
    int reach = fabs(exponent) <= 1 ? most : (int)(most / fabs(exponent));
    raising.exponent = exponent_of(-exponent, -reach, reach);
    raising.floor = (real)ldexp(1, -reach);
    raising.ceiling = (real)ldexp(1, EXPONENT_BIAS + 1 - reach);
    return raising;
}

/* |v|^exponent for |v| < 2^128 / ceiling (double: 2^1024)
 * Error: that of times_exp2 */
INLINE vec raised_magnitude(vec v, const Raising *to)
{
    vec size = magnitude(v), floor = splat(to->floor);
    ivec inside = at_least(size, floor);
    return keep(times_exp2(splat(1), select_bits(inside, size, floor), &to->exponent), from_bits(inside));
}

/* `seen`, or NaN in lanes where v * ceiling is not finite */
INLINE vec seen_beyond(vec seen, vec v, real ceiling)
{
    return muladd(v * splat(ceiling), splat(0), seen);
}

/* `seen`, or NaN in lanes where a power of v is 0, but v is not */
INLINE vec seen_below(vec seen, vec v, vec power)
{
    return from_bits(as_bits(seen) | (zero_or_nan(power) & ~zero_or_nan(v)));
}

#endif
