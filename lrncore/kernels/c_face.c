/* The functions of lrncore.h, on the kernels' entries: those of the library that it is linked into (LRN_SETS), or
 * those that _c_api.pyx hands over, which exports the table at the end.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "c_face.h"
#include "platform.h"
#include <lrncore_api.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__linux__) || defined(__APPLE__)
#include <pthread.h>
#include <unistd.h>
#define HAS_FORK 1
#else
#define HAS_FORK 0
#endif

enum { FLOATS, DOUBLES, BUILDS };
/* To wake a thread takes some 10 us, the time of so many elements. */
enum { MANY_THREADS = 64, ELEMENTS_TO_WAKE = 4096 };
static lrn_entry entries[BUILDS];
static const char *chosen = "";

/* The workers of an OpenMP pool do not survive a fork: a child that wanted them would wait for ever. */
static int forked;
#if HAS_FORK
static void after_fork(void) { forked = 1; }
#endif

void lrn_take_entries(const char *name, lrn_entry floats, lrn_entry doubles)
{
    chosen = name;
    entries[FLOATS] = floats;
    entries[DOUBLES] = doubles;
    floats(NULL);
    doubles(NULL);
#if HAS_FORK
    pthread_atfork(NULL, NULL, after_fork);
#endif
}

#if defined(LRN_SETS) /* X(avx512) X(avx2) ..., best first */
#define X(isa) int lrn_##isa##_f32(const lrn_pass *); int lrn_##isa##_f64(const lrn_pass *);
LRN_SETS
#undef X
__attribute__((constructor)) static void choose(void)
{
#define X(isa) \
    if (!entries[FLOATS] && supports_isa(#isa)) \
        lrn_take_entries(#isa, lrn_##isa##_f32, lrn_##isa##_f64);
    LRN_SETS
#undef X
}
#endif

static int item_of(lrn_type type) { return type == LRN_F64 ? 8 : type == LRN_F32 ? 4 : 2; }

/* More threads than processors gain nothing, and OpenMP ends the process when the system refuses it one. The system is
 * asked where that matters: each question takes microseconds.
 */
static int threads_of(int wanted, ptrdiff_t elements)
{
    if (forked || wanted == 1)
        return 1;
    if (wanted == 0) {
        int most = usable_by_affinity(), allowed = openmp_max_threads();
        ptrdiff_t woken = elements < ELEMENTS_TO_WAKE ? 1 : elements / ELEMENTS_TO_WAKE;
        wanted = most && most < allowed ? most : allowed;
        wanted = woken < wanted ? (int)woken : wanted;
    }
    int ceiling = MANY_THREADS;
#if HAS_FORK
    long processors = wanted > ceiling ? sysconf(_SC_NPROCESSORS_CONF) : 0;
    if (processors > ceiling)
        ceiling = (int)processors;
#endif
    return wanted < ceiling ? wanted : ceiling;
}

static int check_spec(const lrn_spec *spec, int threads)
{
    if (!spec)
        return LRN_BAD_SPEC;
    if (spec->before < 0 || spec->after < 0)
        return LRN_BAD_WINDOW;
    if (!isfinite(spec->scale))
        return LRN_BAD_SCALE;
    if (!isfinite(spec->beta))
        return LRN_BAD_BETA;
    if (!isfinite(spec->k))
        return LRN_BAD_K;
    return threads < 0 ? LRN_BAD_THREADS : LRN_OK;
}

/* The layout's sizes as the kernels take them: *elements is how many there are, and the bytes of all fit into memory. */
static int take_layout(const lrn_layout *layout, lrn_pass *pass, ptrdiff_t *shape, ptrdiff_t *elements)
{
    int empty = 0;
    if (!layout || layout->ndim < 1 || layout->ndim > LRN_MAX_DIMS || layout->type < LRN_F32 || layout->type > LRN_BF16)
        return LRN_BAD_LAYOUT;
    if (!layout->shape)
        return LRN_BAD_SHAPE;
    if (!layout->axes || layout->windows < 1 || layout->windows > layout->ndim)
        return LRN_BAD_AXES;
    for (int i = 0; i < layout->windows; i++)
        if (layout->axes[i] >= layout->ndim || layout->axes[i] < (i ? layout->axes[i - 1] + 1 : 0))
            return LRN_BAD_AXES;
    for (int i = 0; i < layout->ndim; i++) {
        if (layout->shape[i] < 0)
            return LRN_BAD_SHAPE;
        empty = empty || layout->shape[i] == 0;
    }
    *elements = !empty;
    for (int i = 0; i < layout->ndim; i++) {
        if (!empty && layout->shape[i] > PTRDIFF_MAX / item_of(layout->type) / *elements)
            return LRN_BAD_SHAPE;
        shape[i] = (ptrdiff_t)layout->shape[i];
        *elements *= shape[i];
    }
    pass->form = layout->type == LRN_F16 ? LRN_FLOAT16 : layout->type == LRN_BF16 ? LRN_BFLOAT16 : LRN_REALS;
    pass->ndim = layout->ndim;
    pass->windows = layout->windows;
    pass->axes = layout->axes;
    pass->shape = shape;
    return LRN_OK;
}

static int take_array(lrn_pass *pass, int which, const lrn_array *array, ptrdiff_t *strides)
{
    if (!array->data)
        return which == LRN_X ? LRN_BAD_X : which == LRN_G ? LRN_BAD_G : LRN_BAD_OUTPUT;
    if (!array->strides)
        return LRN_BAD_STRIDES;
    for (int i = 0; i < pass->ndim; i++) {
        strides[i] = (ptrdiff_t)array->strides[i];
        if (strides[i] != array->strides[i] || (which == LRN_Y && strides[i] == 0 && pass->shape[i] > 1))
            return LRN_BAD_STRIDES;
    }
    pass->data[which] = array->data;
    pass->strides[which] = strides;
    return LRN_OK;
}

/* Copies a dense array to one with strides, odometer-wise. */
static void spread(const lrn_pass *pass, const char *from, ptrdiff_t item, ptrdiff_t elements)
{
    ptrdiff_t at[LRN_MAX_DIMS] = {0};
    char *to = pass->data[LRN_Y];
    for (ptrdiff_t done = 0; done < elements; done++) {
        memcpy(to, from + done * item, (size_t)item);
        for (int i = pass->ndim - 1; i >= 0; i--) {
            to += pass->strides[LRN_Y][i];
            if (++at[i] < pass->shape[i])
                break;
            to -= at[i] * pass->strides[LRN_Y][i];
            at[i] = 0;
        }
    }
}

/* The output overlaps an input in other places than its own: compute apart, then copy. */
static int compute_apart(const lrn_pass *pass, lrn_entry entry, ptrdiff_t item, ptrdiff_t elements)
{
    ptrdiff_t strides[LRN_MAX_DIMS], stride = item;
    lrn_pass apart = *pass;
    int outcome;
    for (int i = pass->ndim - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= pass->shape[i];
    }
    apart.strides[LRN_Y] = strides;
    if (!(apart.data[LRN_Y] = malloc((size_t)(elements * item))))
        return LRN_NO_MEMORY;
    if ((outcome = entry(&apart)) == PASS_DONE)
        spread(pass, apart.data[LRN_Y], item, elements);
    free(apart.data[LRN_Y]);
    return outcome == PASS_DONE ? LRN_OK : LRN_NO_MEMORY;
}

/* arrays: x, g or NULL, and the output */
static int compute(const lrn_array *const *arrays, const lrn_layout *layout, const lrn_spec *spec, int threads)
{
    ptrdiff_t shape[LRN_MAX_DIMS], strides[LRN_OPERANDS][LRN_MAX_DIMS], elements;
    lrn_pass pass = {0};
    int code = check_spec(spec, threads), outcome;
    if (code || (code = take_layout(layout, &pass, shape, &elements)) || elements == 0)
        return code;
    for (int which = 0; which < LRN_OPERANDS; which++)
        if ((code = take_array(&pass, which, arrays[which] ? arrays[which] : arrays[LRN_X], strides[which])))
            return code;
    pass.pass = arrays[LRN_G] ? LRN_BACKWARD : LRN_FORWARD;
    pass.before = spec->before < PTRDIFF_MAX ? (ptrdiff_t)spec->before : PTRDIFF_MAX;
    pass.after = spec->after < PTRDIFF_MAX ? (ptrdiff_t)spec->after : PTRDIFF_MAX;
    pass.scale = spec->scale;
    pass.beta = spec->beta;
    pass.k = spec->k;
    pass.threads = threads_of(threads, elements);
    lrn_entry entry = entries[layout->type == LRN_F64 ? DOUBLES : FLOATS];
    if ((outcome = entry(&pass)) == PASS_OVERLAPS)
        return compute_apart(&pass, entry, item_of(layout->type), elements);
    return outcome == PASS_DONE ? LRN_OK : LRN_NO_MEMORY;
}

int lrn_forward(lrn_array x, lrn_array y, const lrn_layout *layout, const lrn_spec *spec, int threads)
{
    const lrn_array *arrays[LRN_OPERANDS] = {[LRN_X] = &x, [LRN_Y] = &y};
    return compute(arrays, layout, spec, threads);
}

int lrn_backward(lrn_array g, lrn_array x, lrn_array dx, const lrn_layout *layout, const lrn_spec *spec, int threads)
{
    const lrn_array *arrays[LRN_OPERANDS] = {[LRN_X] = &x, [LRN_G] = &g, [LRN_Y] = &dx};
    return compute(arrays, layout, spec, threads);
}

/* Dense arrays; g is NULL in the forward, which `backward` tells from a backward without one. */
static int compute_dense(lrn_type type, const void *const *data, const int64_t *shape, const lrn_spec *spec, int threads,
                         int backward)
{
    static const int axis = 1;
    const lrn_layout layout = {type, 3, shape, 1, &axis};
    int64_t strides[3] = {0, 0, item_of(type)};
    /* in case of a product that overflows: the layout's check comes before anybody uses it */
    strides[1] = (int64_t)((uint64_t)strides[2] * (uint64_t)shape[2]);
    strides[0] = (int64_t)((uint64_t)strides[1] * (uint64_t)shape[1]);
    lrn_array all[LRN_OPERANDS];
    const lrn_array *arrays[LRN_OPERANDS];
    for (int i = 0; i < LRN_OPERANDS; i++) {
        all[i].data = (void *)data[i];
        all[i].strides = strides;
        arrays[i] = i == LRN_G && !backward ? NULL : &all[i];
    }
    return compute(arrays, &layout, spec, threads);
}

#define DENSE(short, type, of) \
    int lrn_forward_##short(const type *x, type *y, int64_t outer, int64_t channels, int64_t inner, \
                            const lrn_spec *spec, int threads) \
    { \
        const void *data[LRN_OPERANDS] = {x, NULL, y}; \
        const int64_t shape[3] = {outer, channels, inner}; \
        return compute_dense(of, data, shape, spec, threads, 0); \
    } \
    int lrn_backward_##short(const type *g, const type *x, type *dx, int64_t outer, int64_t channels, int64_t inner, \
                             const lrn_spec *spec, int threads) \
    { \
        const void *data[LRN_OPERANDS] = {x, g, dx}; \
        const int64_t shape[3] = {outer, channels, inner}; \
        return compute_dense(of, data, shape, spec, threads, 1); \
    }
DENSE(f32, float, LRN_F32)
DENSE(f64, double, LRN_F64)
DENSE(f16, uint16_t, LRN_F16)
DENSE(bf16, uint16_t, LRN_BF16)

const char *lrn_error(int code)
{
    static const char *const words[] = {
        [LRN_OK] = "no error",
        [LRN_NO_MEMORY] = "no memory for the call's scratch; every array is as it was",
        [LRN_BAD_X] = "x must not be NULL where the shape has elements",
        [LRN_BAD_G] = "g must not be NULL where the shape has elements",
        [LRN_BAD_OUTPUT] = "the output (y or dx) must not be NULL where the shape has elements",
        [LRN_BAD_SHAPE] = "outer, channels, inner or shape must not be negative, and all elements together must fit "
                          "into memory",
        [LRN_BAD_STRIDES] = "strides must be given for each array, and the output's must not be 0 along an axis of "
                            "several elements",
        [LRN_BAD_LAYOUT] = "layout must be given, with a type of lrn_type and ndim from 1 to 64",
        [LRN_BAD_AXES] = "layout.axes must hold 1 to ndim axes, from 0 to ndim - 1, in ascending order",
        [LRN_BAD_SPEC] = "spec must not be NULL",
        [LRN_BAD_WINDOW] = "spec.before and spec.after must be at least 0",
        [LRN_BAD_SCALE] = "spec.scale must be finite",
        [LRN_BAD_BETA] = "spec.beta must be finite",
        [LRN_BAD_K] = "spec.k must be finite",
        [LRN_BAD_THREADS] = "threads must be at least 0; 0 stands for as many as OpenMP allows",
    };
    return code >= 0 && code < (int)(sizeof words / sizeof *words) ? words[code] : "not a code of lrncore's";
}

const char *lrn_version(void) { return LRN_VERSION; }
const char *lrn_instruction_set(void) { return chosen; }

const lrn_api lrn_table = {
    sizeof(lrn_api), LRN_API_VERSION, lrn_forward_f32, lrn_forward_f64, lrn_forward_f16, lrn_forward_bf16,
    lrn_backward_f32, lrn_backward_f64, lrn_backward_f16, lrn_backward_bf16, lrn_forward, lrn_backward, lrn_error,
    lrn_version, lrn_instruction_set,
};
