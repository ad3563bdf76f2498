/* Between the calls of Python (_divisive.pyx) and the kernels of divisive normalization: each build has one function. */
#ifndef LRNCORE_DIVISIVE_CALLS_H
#define LRNCORE_DIVISIVE_CALLS_H

#include <stddef.h>

enum { DIVISIVE_DONE, DIVISIVE_NO_MEMORY };
enum { DIVISIVE_X, DIVISIVE_G, DIVISIVE_Y, DIVISIVE_ARRAYS, DIVISIVE_SIDES = 8 };

/* Arrays of one shape, their strides in bytes; x stands in for g */
typedef struct {
    int ndim;
    const ptrdiff_t *shape;
    char *data[DIVISIVE_ARRAYS];
    const ptrdiff_t *strides[DIVISIVE_ARRAYS];
    int form[DIVISIVE_ARRAYS]; /* c_face.h */
    int swapped;               /* bits for the arrays whose bytes are */
    int gradients;
    double p, q, n, total;     /* the exponents, and a bound on the sums of magnitudes of weights */
    int threads;
} divisive_call;

/* Pools of all channels. All but the sums are in the kernels' numbers, and as long as `room` and `kept` say. */
typedef struct {
    divisive_call arrays;
    const void *weights, *transposed, *sigma;
    double *dweights, *dsigma; /* or NULL */
    void *kept;                /* or NULL */
} dense_call;

/* An axis of a window: some taps, and 1 / the mass inside for each of its places, or NULL */
typedef struct {
    int taps;
    ptrdiff_t *offsets;
    double *weights;
    const void *mass;
    int place; /* in the order of sums */
} window_side;

typedef struct {
    divisive_call arrays;
    int sides; /* the last axes */
    window_side side[DIVISIVE_SIDES];
    const void *sigma;
    int sigma_at; /* the axis along which it varies, or -1 */
} windows_call;

/* Which blocks are left to the caller, to be freed; and scratch that was not to be had */
typedef struct {
    char *bad;
    ptrdiff_t blocks;
    ptrdiff_t block;                              /* dense: positions of one */
    ptrdiff_t tile[DIVISIVE_SIDES], tiles[DIVISIVE_SIDES]; /* windows: places of one along each side, and how many */
    ptrdiff_t parts, bytes;
} divisive_answer;

/* A build: lanes of a vector of its numbers, and their bytes; sums of gradients of parameters are multiplied by
 * 2^raised. The calls return what became of them.
 */
typedef struct {
    int lanes, item, raised;
    int (*dense)(const dense_call *call, divisive_answer *answer);
    int (*windows)(const windows_call *call, divisive_answer *answer);
    /* of a matrix of weights for so many channels: its rows, and the elements from one to the next */
    void (*room)(ptrdiff_t channels, ptrdiff_t *rows, ptrdiff_t *pitch);
    /* how many numbers the pools of so many positions may take where they are kept */
    ptrdiff_t (*kept)(ptrdiff_t positions, ptrdiff_t channels);
} divisive_kernels;

typedef void (*divisive_entry)(divisive_kernels *kernels);

#if defined(_WIN32)
__declspec(dllexport) void lrn_enter_divisive(divisive_kernels *kernels);
#elif defined(__GNUC__)
__attribute__((visibility("default"))) void lrn_enter_divisive(divisive_kernels *kernels);
#endif

#endif
