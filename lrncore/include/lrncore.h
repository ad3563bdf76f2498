/* lrncore: local response normalization, and its gradient, for C and C++.
 *
 *     y[c] = x[c] * (k + scale * sum of x[j]^2 over j = c - before ... c + after)^-beta
 *
 * The window is clipped at the first and the last channel. Frameworks that divide their alpha by the window's size have
 * scale = alpha / size; before = after = size / 2 for an odd size.
 *
 * Every function returns 0, or a code that lrn_error() puts into words; then nothing was written. They may be called
 * from several threads at once. The output may be an input itself, and may overlap inputs in any other way, which takes
 * memory of its size. An extension module of Python calls the same functions through lrncore_api.h.
 */
#ifndef LRNCORE_H
#define LRNCORE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* The window, and the parameters: finite numbers. `before` and `after` are at least 0, and may exceed the array. */
typedef struct {
    int64_t before, after;
    double scale, beta, k;
} lrn_spec;

/* `threads`: at most so many. 0 stands for as many as OpenMP allows on the processors of this process, but no more than
 * one for 4096 elements. A call on fewer elements than 1024 for each takes fewer. In a child after a fork it is always
 * one.
 */

/* Dense arrays of outer x channels x inner elements: (N, C, H, W) is outer = N, inner = H * W; (N, H, W, C) is
 * outer = N * H * W, inner = 1. float16 and bfloat16 are passed as their bits; they are computed in float and rounded
 * once.
 */
int lrn_forward_f32(const float *x, float *y, int64_t outer, int64_t channels, int64_t inner, const lrn_spec *spec,
                    int threads);
int lrn_forward_f64(const double *x, double *y, int64_t outer, int64_t channels, int64_t inner, const lrn_spec *spec,
                    int threads);
int lrn_forward_f16(const uint16_t *x, uint16_t *y, int64_t outer, int64_t channels, int64_t inner,
                    const lrn_spec *spec, int threads);
int lrn_forward_bf16(const uint16_t *x, uint16_t *y, int64_t outer, int64_t channels, int64_t inner,
                     const lrn_spec *spec, int threads);

/* dx = the gradient with respect to x, from g = that with respect to y */
int lrn_backward_f32(const float *g, const float *x, float *dx, int64_t outer, int64_t channels, int64_t inner,
                     const lrn_spec *spec, int threads);
int lrn_backward_f64(const double *g, const double *x, double *dx, int64_t outer, int64_t channels, int64_t inner,
                     const lrn_spec *spec, int threads);
int lrn_backward_f16(const uint16_t *g, const uint16_t *x, uint16_t *dx, int64_t outer, int64_t channels, int64_t inner,
                     const lrn_spec *spec, int threads);
int lrn_backward_bf16(const uint16_t *g, const uint16_t *x, uint16_t *dx, int64_t outer, int64_t channels,
                      int64_t inner, const lrn_spec *spec, int threads);

/* Arrays with any strides, and windows along any axes */
enum { LRN_MAX_DIMS = 64 };
typedef enum { LRN_F32, LRN_F64, LRN_F16, LRN_BF16 } lrn_type;
typedef struct {
    void *data;             /* the first element; it is only read where the array is an input */
    const int64_t *strides; /* bytes from one element to the next along each axis */
} lrn_array;
typedef struct {
    lrn_type type; /* of all arrays' elements */
    int ndim;      /* from 1 to LRN_MAX_DIMS */
    const int64_t *shape;
    int windows;      /* axes along which a window lies: 1, or more for a box, */
    const int *axes;  /* each from 0 to ndim - 1, in ascending order */
} lrn_layout;
int lrn_forward(lrn_array x, lrn_array y, const lrn_layout *layout, const lrn_spec *spec, int threads);
int lrn_backward(lrn_array g, lrn_array x, lrn_array dx, const lrn_layout *layout, const lrn_spec *spec, int threads);

/* What is wrong, for a code that a function returned: the argument's name and the rule */
const char *lrn_error(int code);
/* This library's version, as "0.2.0"; and the instruction set that it chose for this processor, as "avx2" */
const char *lrn_version(void);
const char *lrn_instruction_set(void);

enum {
    LRN_OK,
    LRN_NO_MEMORY,
    LRN_BAD_X,
    LRN_BAD_G,
    LRN_BAD_OUTPUT,
    LRN_BAD_SHAPE,
    LRN_BAD_STRIDES,
    LRN_BAD_LAYOUT,
    LRN_BAD_AXES,
    LRN_BAD_SPEC,
    LRN_BAD_WINDOW,
    LRN_BAD_SCALE,
    LRN_BAD_BETA,
    LRN_BAD_K,
    LRN_BAD_THREADS
};

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
