/* Elements of arrays as numbers: in either byte order, at any distance, halves as floats.
 *
 * What lies in memory as `real` and adjacent is read in place and never comes here.
 */
#ifndef LRNCORE_ELEMENTS_H
#define LRNCORE_ELEMENTS_H

#include "../simd.h"

/* How an array holds its elements */
enum { REALS, FLOAT16, BFLOAT16 };

INLINE uint16_t swapped_half(uint16_t h) { return (uint16_t)(h << 8 | h >> 8); }

INLINE real swapped_real(real a)
{
    unsigned char bytes[sizeof a], reversed[sizeof a];
    memcpy(bytes, &a, sizeof a);
    for (size_t i = 0; i < sizeof a; i++)
        reversed[i] = bytes[sizeof a - 1 - i];
    memcpy(&a, reversed, sizeof a);
    return a;
}

INLINE float float_of_bits(uint32_t b) { float f; memcpy(&f, &b, sizeof f); return f; }
INLINE uint32_t bits_of_float(float f) { uint32_t b; memcpy(&b, &f, sizeof b); return b; }

/* exact: multiplying by 2^112 corrects the exponent's bias and normalizes subnormals */
INLINE float float_of_half(uint16_t h, int form)
{
    uint32_t magnitude = (h & 0x7fffu) << 13, sign = (h & 0x8000u) << 16;
    if (form == BFLOAT16)
        return float_of_bits((uint32_t)h << 16);
    if (magnitude >= 0x0f800000)
        return float_of_bits(sign | 0x7f800000 | magnitude);
    return float_of_bits(sign | bits_of_float(float_of_bits(magnitude) * 0x1p112f));
}

/* rounded once, to nearest even */
INLINE uint16_t half_of_float(float f, int form)
{
    uint32_t b = bits_of_float(f), a = b & 0x7fffffff, h;
    if (form == BFLOAT16)
        return (uint16_t)(a > 0x7f800000 ? b >> 16 | 0x40 : (b + 0x7fff + (b >> 16 & 1)) >> 16);
    if (a > 0x7f800000)
        h = 0x7e00;
    else if (a >= 0x47800000)
        h = 0x7c00;
    else if (a < 0x38800000) /* the last bit of a + 1/2 is the smallest subnormal */
        h = bits_of_float(float_of_bits(a) + 0.5f) - 0x3f000000;
    else
        h = (a + 0xfff + (a >> 13 & 1) - ((uint32_t)112 << 23)) >> 13;
    return (uint16_t)(h | (b >> 16 & 0x8000));
}

/* Element i lies at `offset[i]`, or at i * step without offsets. */
OUT_OF_LINE void read_elements(const char *at, ptrdiff_t step, const ptrdiff_t *offset, int form, int swapped,
                               real *to, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        const char *from = at + (offset ? offset[i] : i * step);
        if (form == REALS) {
            memcpy(to + i, from, sizeof *to);
            if (swapped)
                to[i] = swapped_real(to[i]);
        } else {
            uint16_t h;
            memcpy(&h, from, sizeof h);
            to[i] = float_of_half(swapped ? swapped_half(h) : h, form);
        }
    }
}

OUT_OF_LINE void write_elements(char *at, ptrdiff_t step, const ptrdiff_t *offset, int form, int swapped,
                                const real *from, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        char *to = at + (offset ? offset[i] : i * step);
        if (form == REALS) {
            real a = swapped ? swapped_real(from[i]) : from[i];
            memcpy(to, &a, sizeof a);
        } else {
            uint16_t h = half_of_float((float)from[i], form);
            h = swapped ? swapped_half(h) : h;
            memcpy(to, &h, sizeof h);
        }
    }
}

#endif
