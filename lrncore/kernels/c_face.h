/* Between the faces (c_face.c, and _lrn.pyx of Python) and LRN's kernels: each build of them has one function, an
 * lrn_entry, and nothing of Python. */
#ifndef LRNCORE_C_FACE_H
#define LRNCORE_C_FACE_H

#include <stddef.h>

enum { LRN_FORWARD, LRN_BACKWARD, LRN_TANGENT, LRN_PARAMETERS };
enum { LRN_REALS, LRN_FLOAT16, LRN_BFLOAT16 }; /* storage.h's REALS, FLOAT16 and BFLOAT16 */
enum { LRN_X, LRN_G, LRN_Y, LRN_OPERANDS };
enum { PASS_DONE, PASS_OVERLAPS, PASS_TOO_LONG, PASS_NO_MEMORY }; /* call.pxi's outcomes */

/* What a build tells of itself, and what it did exactly so far: vectors of doubles whose power was evaluated, and those
 * that entered the sums of long windows */
typedef struct {
    int lanes, wide_lanes;
    int item; /* bytes of the numbers that it computes in */
    ptrdiff_t recomputed, summed;
} lrn_build;

/* Scratch that was not to be had: so many bytes for each of so many parts */
typedef struct {
    int parts;
    ptrdiff_t bytes;
} lrn_shortage;

/* A call: arrays of one shape and one kind of elements, their strides in bytes. x stands in for a g or y that the pass
 * does not have. */
typedef struct {
    int pass;
    int form;
    int ndim;
    int windows; /* axes along which there are some, ascending */
    const int *axes;
    const ptrdiff_t *shape;
    char *data[LRN_OPERANDS];
    const ptrdiff_t *strides[LRN_OPERANDS];
    ptrdiff_t before, after;
    double scale, beta, k;
    int threads;
    int swapped;            /* bits for the operands whose bytes are */
    double *derivatives;    /* of LRN_PARAMETERS, with respect to scale, beta and k */
    ptrdiff_t *results;     /* where to write how many each thread would have, with nothing computed; or NULL */
    lrn_shortage *shortage; /* or NULL */
    lrn_build *build;       /* written, and nothing else done; or NULL */
} lrn_pass;

/* Returns what became of the call. With NULL it makes itself ready, which comes first, in one thread. */
typedef int (*lrn_entry)(const lrn_pass *pass);

/* Gives the C face the entries of one instruction set. The library chooses its own. */
void lrn_take_entries(const char *name, lrn_entry floats, lrn_entry doubles);

/* The name of this build's entry: for dlsym, but where several builds are linked into one library (liblrncore.py) */
#if !defined(LRN_ENTRY)
#define LRN_ENTRY lrn_enter
#if defined(_WIN32)
__declspec(dllexport) int lrn_enter(const lrn_pass *pass);
#elif defined(__GNUC__)
__attribute__((visibility("default"))) int lrn_enter(const lrn_pass *pass);
#endif
#endif

#endif
