/* The product of a block, A B, where B's columns lie in vectors: tiles of PRODUCT_ROWS by PRODUCT_COLUMNS in registers.
 *
 * Each tile has its sums twice: of the last PRODUCT_RUN terms, and of the runs before. The largest error of a sum of 96,
 * 192 or 320 positive floats is 3.9, 3.7 and 4.1 ulp so (of runs of 16: 2.8, 3.6, 4.4), where OpenBLAS has 9, 13 and 19.
 * The additions are those of processors' adders, beside the multipliers, which stay busy. The order of a sum depends on
 * the number of terms alone: not on the tile, the block or the thread.
 */
#ifndef LRNCORE_PRODUCT_H
#define LRNCORE_PRODUCT_H

#include "../simd.h"

#if defined(HAS_MASK_REGISTERS) || defined(LRN_NEON)
#define PRODUCT_ROWS 6 /* 32 registers hold 12 sums twice */
#else
#define PRODUCT_ROWS 3 /* 16 registers hold 6 */
#endif
#define PRODUCT_COLUMNS (2 * LANES)
#define PRODUCT_RUN 32

/* -O2 leaves loops over a tile as they are, and its sums in memory */
#if defined(__GNUC__)
#define FOR_TILE(i, count) _Pragma("GCC unroll 8") for (int i = 0; i < (count); i++)
#else
#define FOR_TILE(i, count) for (int i = 0; i < (count); i++)
#endif

/* A and B of a product: the elements from one row to the next, and from one term of a sum to the next */
typedef struct {
    const real *at;
    ptrdiff_t row, term;
} Factor;

/* the sums of `terms` products for a tile, on top of `start`: a number for each row, or for each column, or NULL */
INLINE void tile_sums(Factor a, const real *b, ptrdiff_t b_term, ptrdiff_t terms, vec sums[PRODUCT_ROWS][2])
{
    while (terms > 0) {
        ptrdiff_t run = terms < PRODUCT_RUN ? terms : PRODUCT_RUN;
        vec of_run[PRODUCT_ROWS][2];
        FOR_TILE(r, PRODUCT_ROWS)
            of_run[r][0] = of_run[r][1] = splat(0);
        terms -= run;
        for (; run > 0; run--) {
            vec b0 = load(b), b1 = load(b + LANES);
            FOR_TILE(r, PRODUCT_ROWS) {
                vec factor = splat(a.at[r * a.row]);
                of_run[r][0] = muladd(factor, b0, of_run[r][0]);
                of_run[r][1] = muladd(factor, b1, of_run[r][1]);
            }
            a.at += a.term;
            b += b_term;
        }
        FOR_TILE(r, PRODUCT_ROWS) {
            sums[r][0] = sums[r][0] + of_run[r][0];
            sums[r][1] = sums[r][1] + of_run[r][1];
        }
    }
}

/* out[r][c] = start + the sum of a[r][k] b[k][c] over `terms` k. `rows` and `columns` are multiples of a tile's. */
OUT_OF_LINE void multiply(Factor a, const real *b, ptrdiff_t b_term, ptrdiff_t terms, ptrdiff_t rows,
                          ptrdiff_t columns, const real *of_rows, const real *of_columns, real *out, ptrdiff_t pitch)
{
    for (ptrdiff_t c = 0; c < columns; c += PRODUCT_COLUMNS) {
        for (ptrdiff_t r = 0; r < rows; r += PRODUCT_ROWS) {
            vec sums[PRODUCT_ROWS][2];
            Factor rows_of_a = {a.at + r * a.row, a.row, a.term};
            FOR_TILE(i, PRODUCT_ROWS)
                FOR_TILE(j, 2)
                    sums[i][j] = of_rows ? splat(of_rows[r + i])
                                 : of_columns ? load(of_columns + c + j * LANES) : splat(0);
            tile_sums(rows_of_a, b + c, b_term, terms, sums);
            FOR_TILE(i, PRODUCT_ROWS)
                FOR_TILE(j, 2)
                    store(out + (r + i) * pitch + c + j * LANES, sums[i][j]);
        }
    }
}

/* to[i] += v[i], in doubles */
INLINE void add_to_doubles(double *to, vec v)
{
#if defined(LRN_VECTORS) && !defined(LRN_DOUBLE)
    typedef float half_vec __attribute__((vector_size(VECTOR_BYTES / 2)));
    typedef double doubles __attribute__((vector_size(VECTOR_BYTES)));
    half_vec halves[2];
    doubles sum[2];
    memcpy(halves, &v, sizeof v);
    memcpy(sum, to, sizeof sum);
    sum[0] += __builtin_convertvector(halves[0], doubles);
    sum[1] += __builtin_convertvector(halves[1], doubles);
    memcpy(to, sum, sizeof sum);
#else
    real lanes[LANES];
    store(lanes, v);
    for (int i = 0; i < LANES; i++)
        to[i] += lanes[i];
#endif
}

/* The same sums, added to `out` in doubles */
OUT_OF_LINE void accumulate_product(Factor a, const real *b, ptrdiff_t b_term, ptrdiff_t terms, ptrdiff_t rows,
                                    ptrdiff_t columns, double *out, ptrdiff_t pitch)
{
    for (ptrdiff_t c = 0; c < columns; c += PRODUCT_COLUMNS) {
        for (ptrdiff_t r = 0; r < rows; r += PRODUCT_ROWS) {
            vec sums[PRODUCT_ROWS][2];
            Factor rows_of_a = {a.at + r * a.row, a.row, a.term};
            FOR_TILE(i, PRODUCT_ROWS)
                sums[i][0] = sums[i][1] = splat(0);
            tile_sums(rows_of_a, b + c, b_term, terms, sums);
            FOR_TILE(i, PRODUCT_ROWS) {
                add_to_doubles(out + (r + i) * pitch + c, sums[i][0]);
                add_to_doubles(out + (r + i) * pitch + c + LANES, sums[i][1]);
            }
        }
    }
}

#endif
