/* The part of onnxruntime's C interface that onnxruntime.c calls.
 *
 * OrtApi is a table of functions, in an order that never changes and only grows; a function is known by its place.
 * ORT_API is the version that has all of these: that of onnxruntime 1.17, the first with a parallel loop for custom
 * operators. A status is NULL, or an error that its receiver releases.
 */
#ifndef LRNCORE_ORT_API_H
#define LRNCORE_ORT_API_H

#include <lrncore.h>

#include <stddef.h>
#include <stdint.h>

enum { ORT_API = 17 };
enum { ORT_FAILED = 1, ORT_BAD_ARGUMENT = 2, ORT_NOT_HERE = 9 }; /* codes of a status */
enum { ORT_FLOAT = 1, ORT_FLOAT16 = 10, ORT_DOUBLE = 11 };        /* types of elements */

typedef void ort_status, ort_options, ort_domain, ort_info, ort_context, ort_value, ort_shape;
typedef void (*ort_function)(void);
typedef ort_function ort_api; /* the table is an array of these */

typedef struct {
    const ort_api *(*api)(uint32_t version); /* NULL if it is too old */
    const char *(*version)(void);            /* as "1.17.0" */
} ort_base;

/* X(name, place in the table, parameters): all return a status. Those of `infer_` and `parallel` came with 1.17, the
 * others with 1.0.
 */
#define ORT_FUNCTIONS(X) \
    X(create_domain, 26, (const char *name, ort_domain **domain)) \
    X(add_op, 27, (ort_domain *domain, const struct ort_op *op)) \
    X(add_domain, 28, (ort_options *options, ort_domain *domain)) \
    X(data, 51, (ort_value *value, void **data)) \
    X(count_dims, 61, (const ort_shape *shape, size_t *count)) \
    X(dims, 62, (const ort_shape *shape, int64_t *dims, size_t count)) \
    X(shape, 65, (const ort_value *value, ort_shape **shape)) \
    X(float_attribute, 85, (const ort_info *info, const char *name, float *number)) \
    X(int_attribute, 86, (const ort_info *info, const char *name, int64_t *number)) \
    X(input, 90, (const ort_context *context, size_t index, const ort_value **value)) \
    X(output, 91, (ort_context *context, size_t index, const int64_t *dims, size_t count, ort_value **value)) \
    X(infer_input, 268, (const ort_context *context, size_t index, ort_shape **shape)) \
    X(infer_output, 270, (const ort_context *context, size_t index, const ort_shape *shape)) \
    X(parallel, 274, (const ort_context *context, void (*body)(void *, size_t), size_t count, size_t batches, \
                      void *shared))

enum { ORT_CREATE_STATUS = 0, ORT_RELEASE_STATUS = 93, ORT_RELEASE_SHAPE = 99 };

/* An operator, as version 17 has it: every function gets it first, but those of a kernel, which get the kernel. */
typedef struct ort_op {
    uint32_t version;
    void *(*old_create)(const struct ort_op *, const ort_api *, const ort_info *);
    const char *(*name)(const struct ort_op *);
    const char *(*provider)(const struct ort_op *); /* NULL is the CPU */
    int (*input_type)(const struct ort_op *, size_t);
    size_t (*inputs)(const struct ort_op *);
    int (*output_type)(const struct ort_op *, size_t);
    size_t (*outputs)(const struct ort_op *);
    void (*old_compute)(void *kernel, ort_context *);
    void (*destroy)(void *kernel);
    int (*input_kind)(const struct ort_op *, size_t); /* 0: it is always there */
    int (*output_kind)(const struct ort_op *, size_t);
    int (*input_memory)(const struct ort_op *, size_t); /* 0: that of the provider */
    int (*variadic[4])(const struct ort_op *);
    ort_status *(*create)(const struct ort_op *, const ort_api *, const ort_info *, void **kernel);
    ort_status *(*compute)(void *kernel, ort_context *);
    ort_status *(*infer)(const struct ort_op *, ort_context *);
    int (*first_version)(const struct ort_op *);
    int (*last_version)(const struct ort_op *);
    const ort_api *api; /* ours, as what follows */
    lrn_type type;
} ort_op;

#endif
