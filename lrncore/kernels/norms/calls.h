/* Between the calls of Python (_norms.pyx) and the kernels of the moment norms: each build has one function. */
#ifndef LRNCORE_NORMS_CALLS_H
#define LRNCORE_NORMS_CALLS_H

#include <stddef.h>

enum { NORM_DONE, NORM_OVERLAPS, NORM_VARIED_THRESHOLD, NORM_NO_MEMORY };
enum { NORM_X, NORM_G, NORM_Y, NORM_ARRAYS };
/* What there is besides the arrays, each NULL where it is not: the parameters in the kernels' numbers, all others in
 * doubles */
enum {
    NORM_WEIGHT, NORM_BIAS, NORM_TAU, NORM_DWEIGHT, NORM_DBIAS, NORM_DTAU, NORM_DEPS, NORM_MEAN, NORM_VAR,
    NORM_EACH_EPS, NORM_NUMBERS
};

/* Arrays of one shape and one kind of elements (c_face.h), their strides in bytes; x stands in for g or y */
typedef struct {
    int gradients, centred, given, outside, measures;
    double eps;
    int ndim;
    const ptrdiff_t *shape;
    char *data[NORM_ARRAYS];
    const ptrdiff_t *strides[NORM_ARRAYS];
    int form;
    int swapped;           /* bits for the arrays whose bytes are */
    const int *kept;       /* of each axis: is it one of sets? */
    const ptrdiff_t *apart; /* of each axis: elements from one parameter to the next */
    ptrdiff_t params;      /* elements of each parameter */
    void *numbers[NORM_NUMBERS];
    int threads;
} norm_call;

/* What a build tells of itself, and scratch that was not to be had: so many bytes for each of so many parts */
typedef struct {
    int lanes;
    int item; /* bytes of the numbers that it computes in */
    int parts;
    ptrdiff_t bytes;
} norm_answer;

/* Returns what became of the call; NULL asks for `lanes` and `item` only. */
typedef int (*norm_entry)(const norm_call *call, norm_answer *answer);

#if defined(_WIN32)
__declspec(dllexport) int lrn_enter_norms(const norm_call *call, norm_answer *answer);
#elif defined(__GNUC__)
__attribute__((visibility("default"))) int lrn_enter_norms(const norm_call *call, norm_answer *answer);
#endif

#endif
