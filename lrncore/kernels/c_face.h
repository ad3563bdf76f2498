/* Between the C face (c_face.c) and the kernels: each build of them has one function, an lrn_entry. */
#ifndef LRNCORE_C_FACE_H
#define LRNCORE_C_FACE_H

#include <stddef.h>

enum { LRN_FORWARD, LRN_BACKWARD };
enum { LRN_REALS, LRN_FLOAT16, LRN_BFLOAT16 }; /* storage.h's REALS, FLOAT16 and BFLOAT16 */
enum { LRN_X, LRN_G, LRN_Y, LRN_OPERANDS };
enum { PASS_DONE, PASS_OVERLAPS, PASS_TOO_LONG, PASS_NO_MEMORY }; /* call.pxi's outcomes */

/* A call: arrays of one shape and one kind of elements, their strides in bytes. Without a g, x stands in for it. */
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
} lrn_pass;

/* Returns what became of the call. With NULL it makes itself ready, which comes first, in one thread. */
typedef int (*lrn_entry)(const lrn_pass *pass);

/* Gives the C face the entries of one instruction set. The library chooses its own. */
void lrn_take_entries(const char *name, lrn_entry floats, lrn_entry doubles);

/* The name of this build's entry. That of an extension module is for dlsym too: onnxruntime.c */
#if !defined(LRN_ENTRY)
#define LRN_ENTRY lrn_enter
#if defined(__GNUC__)
__attribute__((visibility("default"))) int lrn_enter(const lrn_pass *pass);
#endif
#endif

#endif
