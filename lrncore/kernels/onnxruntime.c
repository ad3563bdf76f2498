/* The operator LRN of the domain `lrncore`, for onnxruntime: RegisterCustomOps is what it calls in a library of
 * operators.
 *
 * Y = LRN(X) with the attributes of ONNX's operator, X of float32, float16 or float64 and any rank of two or more, its
 * channels on axis 1. A call reads X and writes Y where they lie. Its parts, positions of disjoint ranges, are run by
 * the session's own threads, for onnxruntime has a loop but does not tell how many threads there are.
 *
 * The kernels are the libraries beside this one, the best that the processor runs, or that LRNCORE_ISA allows. They
 * have no references to Python.
 */
#define _GNU_SOURCE /* dladdr */
#include "c_face.h"
#include "platform.h"
#include "ort_api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OLDEST_MINOR = 17 };
enum { PART_ELEMENTS = 1 << 16, MANY_PARTS = 256, PIECE = 16 }; /* a piece of a row: the elements of a line of cache */

#define X(name, place, parameters) typedef ort_status *(*ort_call_##name)parameters;
ORT_FUNCTIONS(X)
#undef X
enum {
#define X(name, place, parameters) AT_##name = place,
    ORT_FUNCTIONS(X)
#undef X
};
#define CALL(api, name) ((ort_call_##name)(api)[AT_##name])

static ort_status *status_of(const ort_api *api, int code, const char *words)
{
    return ((ort_status *(*)(int, const char *))api[ORT_CREATE_STATUS])(code, words);
}

static int failed(const ort_api *api, ort_status *status)
{
    if (status)
        ((void (*)(ort_status *))api[ORT_RELEASE_STATUS])(status);
    return status != NULL;
}

static void release_shape(const ort_api *api, ort_shape *shape)
{
    ((void (*)(ort_shape *))api[ORT_RELEASE_SHAPE])(shape);
}

/* ---- the kernels: found once, in the files beside this one ---- */

static const char *const sets[] = {LRN_NAMES}; /* best first */
static char trouble[1024];                     /* why there are none */

static void *beside(const char *folder, int length, const char *name, const char *ending)
{
    char path[4096];
    int size = snprintf(path, sizeof path, "%.*s%s%s", length, folder, name, ending);
    void *library = size < (int)sizeof path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library && size < (int)sizeof path) {
        const char *words = dlerror();
        snprintf(trouble, sizeof trouble, "lrncore's kernels were not loaded: %.900s", words ? words : path);
    }
    return library;
}

static lrn_entry entry_of(void *library)
{
    return library ? (lrn_entry)dlsym(library, "lrn_enter") : NULL;
}

static void find_kernels(void)
{
    const char *cap = getenv("LRNCORE_ISA"), *slash, *ending;
    int allowed = !cap || !*cap, length;
    Dl_info self;
    if (!dladdr((void *)find_kernels, &self) || !(slash = strrchr(self.dli_fname, '/'))
        || !(ending = strchr(slash, '.'))) {
        snprintf(trouble, sizeof trouble, "lrncore's kernels were not found: the library has no path");
        return;
    }
    length = (int)(slash + 1 - self.dli_fname);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        char names[2][64];
        allowed = allowed || strcmp(cap, sets[i]) == 0;
        if (!allowed || !supports_isa(sets[i]))
            continue;
        snprintf(names[0], sizeof names[0], "_%s_f32", sets[i]);
        snprintf(names[1], sizeof names[1], "_%s_f64", sets[i]);
        void *floats = beside(self.dli_fname, length, names[0], ending);
        /* GNU OpenMP, where the system has none: wheels hold it, and every module asks for it by its name */
        if (!floats && strstr(trouble, "libgomp") && beside(self.dli_fname, length, "libgomp.so.1", ""))
            floats = beside(self.dli_fname, length, names[0], ending);
        lrn_entry single = entry_of(floats), wide = entry_of(beside(self.dli_fname, length, names[1], ending));
        if (single && wide) {
            lrn_take_entries(sets[i], single, wide);
            trouble[0] = 0;
            return;
        }
    }
    if (!allowed)
        snprintf(trouble, sizeof trouble, "LRNCORE_ISA names no instruction set of lrncore's: %.64s", cap);
}

/* ---- a node ---- */

typedef struct {
    const ort_api *api;
    lrn_type type;
    lrn_spec spec;
} kernel;

/* A call, in positions: of the outer axes, which are one here, and of those behind the channels */
typedef struct {
    const kernel *node;
    char *x, *y;
    int64_t outer, channels, inner;
    int64_t rows, pieces; /* parts along the two */
    int codes[MANY_PARTS];
} call;

static int64_t item_of(lrn_type type) { return type == LRN_F64 ? 8 : type == LRN_F32 ? 4 : 2; }

/* A number that is missing is ONNX's default, and an integer is a number. */
static double number_of(const ort_api *api, const ort_info *info, const char *name, double missing)
{
    float number;
    int64_t whole;
    if (!failed(api, CALL(api, float_attribute)(info, name, &number)))
        return number;
    return failed(api, CALL(api, int_attribute)(info, name, &whole)) ? missing : (double)whole;
}

static ort_status *create(const ort_op *op, const ort_api *api, const ort_info *info, void **made)
{
    int64_t size;
    kernel *node;
    char words[160];
    if (failed(api, CALL(api, int_attribute)(info, "size", &size)))
        return status_of(api, ORT_BAD_ARGUMENT, "lrncore.LRN needs the attribute size, an integer");
    if (size < 1) {
        snprintf(words, sizeof words, "lrncore.LRN: size must be at least 1, got %lld", (long long)size);
        return status_of(api, ORT_BAD_ARGUMENT, words);
    }
    if (!(node = malloc(sizeof *node)))
        return status_of(api, ORT_FAILED, "lrncore.LRN: no memory");
    node->api = api;
    node->type = op->type;
    node->spec.before = (size - 1) / 2;
    node->spec.after = size / 2;
    node->spec.scale = number_of(api, info, "alpha", 1e-4f) / (double)size;
    node->spec.beta = number_of(api, info, "beta", 0.75);
    node->spec.k = number_of(api, info, "bias", 1);
    /* a call without elements checks the numbers */
    int code = lrn_forward_f32(NULL, NULL, 0, 1, 1, &node->spec, 1);
    if (code) {
        snprintf(words, sizeof words, "lrncore.LRN: alpha, beta or bias: %s", lrn_error(code));
        free(node);
        return status_of(api, ORT_BAD_ARGUMENT, words);
    }
    *made = node;
    return NULL;
}

static void compute_part(void *shared, size_t part)
{
    static const int axis = 1;
    call *c = shared;
    int64_t row = (int64_t)part / c->pieces, piece = (int64_t)part % c->pieces, item = item_of(c->node->type);
    int64_t first = c->outer * row / c->rows, last = c->outer * (row + 1) / c->rows;
    int64_t left = c->inner * piece / c->pieces, right = c->inner * (piece + 1) / c->pieces;
    left -= left % PIECE;
    if (right < c->inner)
        right -= right % PIECE;
    const int64_t shape[] = {last - first, c->channels, right - left};
    const int64_t strides[] = {c->channels * c->inner * item, c->inner * item, item};
    const lrn_layout layout = {c->node->type, 3, shape, 1, &axis};
    ptrdiff_t at = (ptrdiff_t)(first * strides[0] + left * item);
    c->codes[part] = lrn_forward((lrn_array){c->x + at, strides}, (lrn_array){c->y + at, strides}, &layout,
                                 &c->node->spec, 1);
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static ort_status *compute_call(call *c, ort_context *context)
{
    const ort_api *api = c->node->api;
    int64_t parts = smaller(c->outer * c->channels * c->inner / PART_ELEMENTS, MANY_PARTS);
    ort_status *status = NULL;
    c->rows = smaller(parts, c->outer);
    c->rows = c->rows ? c->rows : 1;
    c->pieces = smaller(parts / c->rows, c->inner / PIECE);
    c->pieces = c->pieces ? c->pieces : 1;
    parts = c->rows * c->pieces;
    if (parts == 1)
        compute_part(c, 0);
    else
        status = CALL(api, parallel)(context, compute_part, (size_t)parts, 0, c);
    for (int64_t part = 0; !status && part < parts; part++)
        if (c->codes[part])
            status = status_of(api, ORT_FAILED, lrn_error(c->codes[part]));
    return status;
}

static ort_status *compute(void *made, ort_context *context)
{
    const kernel *node = made;
    const ort_api *api = node->api;
    call c = {.node = node, .outer = 1, .inner = 1};
    const ort_value *x;
    ort_value *y;
    ort_shape *shape;
    int64_t dims[LRN_MAX_DIMS];
    size_t count = 0;
    ort_status *status = CALL(api, input)(context, 0, &x);
    if (status || (status = CALL(api, shape)(x, &shape)))
        return status;
    if (!(status = CALL(api, count_dims)(shape, &count)) && count >= 2 && count <= LRN_MAX_DIMS)
        status = CALL(api, dims)(shape, dims, count);
    release_shape(api, shape);
    if (status)
        return status;
    if (count < 2 || count > LRN_MAX_DIMS) {
        char words[128];
        snprintf(words, sizeof words, "lrncore.LRN: X must have 2 to %d dimensions, (N, C, ...), got %zu", LRN_MAX_DIMS,
                 count);
        return status_of(api, ORT_BAD_ARGUMENT, words);
    }
    if ((status = CALL(api, output)(context, 0, dims, count, &y)))
        return status;
    if ((status = CALL(api, data)((ort_value *)x, (void **)&c.x)) || (status = CALL(api, data)(y, (void **)&c.y)))
        return status;
    c.outer = dims[0];
    c.channels = dims[1];
    for (size_t i = 2; i < count; i++)
        c.inner *= dims[i];
    return c.outer && c.channels && c.inner ? compute_call(&c, context) : NULL;
}

/* ---- the operator, once for each type ---- */

/* The output has the input's shape. One that is not known looks like that of a scalar, which is no input. */
static ort_status *infer(const ort_op *op, ort_context *context)
{
    ort_shape *shape = NULL;
    size_t count = 0;
    if (failed(op->api, CALL(op->api, infer_input)(context, 0, &shape)) || !shape)
        return NULL;
    if (failed(op->api, CALL(op->api, count_dims)(shape, &count)) || count == 0)
        return NULL;
    return CALL(op->api, infer_output)(context, 0, shape);
}

static const char *name_of(const ort_op *op) { return (void)op, "LRN"; }
static const char *provider_of(const ort_op *op) { return (void)op, NULL; }
static size_t one(const ort_op *op) { return (void)op, 1; }
static int required(const ort_op *op, size_t index) { return (void)op, (void)index, 0; }
static int not_variadic(const ort_op *op) { return (void)op, 1; }
static int first_version(const ort_op *op) { return (void)op, 1; }
static int last_version(const ort_op *op) { return (void)op, 1 << 30; }
static int type_of(const ort_op *op, size_t index)
{
    (void)index;
    return op->type == LRN_F64 ? ORT_DOUBLE : op->type == LRN_F16 ? ORT_FLOAT16 : ORT_FLOAT;
}

#define OPERATOR(for_api, of) \
    { \
        .version = ORT_API, .name = name_of, .provider = provider_of, .input_type = type_of, .inputs = one, \
        .output_type = type_of, .outputs = one, .destroy = free, .input_kind = required, .output_kind = required, \
        .input_memory = required, .variadic = {not_variadic, not_variadic, not_variadic, not_variadic}, \
        .create = create, .compute = compute, .infer = infer, .first_version = first_version, \
        .last_version = last_version, .api = for_api, .type = of, \
    }

static ort_status *make_domain(const ort_api *api, ort_domain **domain)
{
    const ort_op all[] = {OPERATOR(api, LRN_F32), OPERATOR(api, LRN_F16), OPERATOR(api, LRN_F64)};
    ort_op *operators = malloc(sizeof all);
    ort_status *status;
    if (!operators)
        return status_of(api, ORT_FAILED, "lrncore: no memory");
    memcpy(operators, all, sizeof all);
    status = CALL(api, create_domain)("lrncore", domain);
    for (size_t i = 0; !status && i < sizeof all / sizeof *all; i++)
        status = CALL(api, add_op)(*domain, &operators[i]);
    return status;
}

/* A domain outlives every session that has it, so it is kept: one for each onnxruntime in the process. */
static ort_status *domain_of(const ort_api *api, ort_domain **domain)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static const ort_api *known;
    static ort_domain *kept;
    ort_status *status = NULL;
    pthread_mutex_lock(&lock);
    if (known != api) {
        status = make_domain(api, &kept);
        known = status ? NULL : api;
    }
    *domain = kept;
    pthread_mutex_unlock(&lock);
    return status;
}

__attribute__((visibility("default"))) ort_status *RegisterCustomOps(ort_options *options, const ort_base *base)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *version = base->version();
    const char *point = strchr(version, '.');
    long major = strtol(version, NULL, 10), minor = point ? strtol(point + 1, NULL, 10) : 0;
    const ort_api *api = major > 1 || (major == 1 && minor >= OLDEST_MINOR) ? base->api(ORT_API) : NULL;
    ort_domain *domain;
    ort_status *status;
    if (!api) {
        char words[128];
        snprintf(words, sizeof words, "lrncore needs onnxruntime 1.%d or newer, this is %.32s", OLDEST_MINOR, version);
        return status_of(base->api(1), ORT_NOT_HERE, words);
    }
    pthread_once(&once, find_kernels);
    if (trouble[0])
        return status_of(api, ORT_FAILED, trouble);
    if ((status = domain_of(api, &domain)))
        return status;
    return CALL(api, add_domain)(options, domain);
}
