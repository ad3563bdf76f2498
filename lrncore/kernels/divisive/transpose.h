/* The transpose of a block, in square tiles of whole vectors. */
#ifndef LRNCORE_TRANSPOSE_H
#define LRNCORE_TRANSPOSE_H

#include "../simd.h"

#if defined(LRN_VECTORS)
#if defined(__clang__)
INLINE vec lanes_of_two(vec a, vec b, ivec from)
{
    vec v;
    for (int i = 0; i < LANES; i++)
        v[i] = from[i] < LANES ? a[from[i]] : b[from[i] - LANES];
    return v;
}
#else
INLINE vec lanes_of_two(vec a, vec b, ivec from) { return __builtin_shuffle(a, b, from); }
#endif

/* The lanes that rows exchange, for each power of two below LANES */
typedef struct {
    ivec low[5], high[5];
} Exchanges;

INLINE Exchanges exchanges(void)
{
    Exchanges e;
    for (int stage = 0; 1 << stage < LANES; stage++)
        for (int lane = 0; lane < LANES; lane++) {
            int bit = 1 << stage;
            e.low[stage][lane] = (bits_t)(lane & bit ? LANES + lane - bit : lane);
            e.high[stage][lane] = (bits_t)(lane & bit ? LANES + lane : lane + bit);
        }
    return e;
}

/* Each stage exchanges one bit of the lane's number with that of the row's. */
INLINE void transpose_tile(const Exchanges *e, const real *from, ptrdiff_t pitch, real *to, ptrdiff_t to_pitch)
{
    vec row[LANES];
    for (int i = 0; i < LANES; i++)
        row[i] = load(from + i * pitch);
    for (int stage = 0; 1 << stage < LANES; stage++)
        for (int i = 0; i < LANES; i++)
            if (!(i >> stage & 1)) {
                vec a = row[i], b = row[i + (1 << stage)];
                row[i] = lanes_of_two(a, b, e->low[stage]);
                row[i + (1 << stage)] = lanes_of_two(a, b, e->high[stage]);
            }
    for (int i = 0; i < LANES; i++)
        store(to + i * to_pitch, row[i]);
}
#else
typedef int Exchanges;
INLINE Exchanges exchanges(void) { return 0; }
INLINE void transpose_tile(const Exchanges *e, const real *from, ptrdiff_t pitch, real *to, ptrdiff_t to_pitch)
{
    (void)e, (void)pitch, (void)to_pitch;
    *to = *from;
}
#endif

/* to[c][r] = from[r][c]; rows and columns are multiples of LANES */
OUT_OF_LINE void transpose(const real *from, ptrdiff_t pitch, ptrdiff_t rows, ptrdiff_t columns, real *to,
                           ptrdiff_t to_pitch)
{
    const Exchanges e = exchanges();
    for (ptrdiff_t r = 0; r < rows; r += LANES)
        for (ptrdiff_t c = 0; c < columns; c += LANES)
            transpose_tile(&e, from + r * pitch + c, pitch, to + c * to_pitch + r, to_pitch);
}

#endif
