/* lrncore's C functions for an extension module of Python: those of the package that is installed.
 *
 *     const lrn_api *lrn = lrn_import();      // once, with the GIL; NULL with an exception set
 *     if (lrn == NULL)
 *         return NULL;
 *     code = lrn->forward_f32(x, y, outer, channels, inner, &spec, threads);      // with or without the GIL
 *
 * Include Python.h first. lrncore.get_include() is where this file lies.
 */
#ifndef LRNCORE_API_H
#define LRNCORE_API_H

#include "lrncore.h"
#include <stddef.h>

/* A new version means that a function is gone or takes other arguments. New functions come at the end, and `size`
 * tells whether they are there.
 */
enum { LRN_API_VERSION = 1 };
typedef struct {
    size_t size;
    int version;
    int (*forward_f32)(const float *, float *, int64_t, int64_t, int64_t, const lrn_spec *, int);
    int (*forward_f64)(const double *, double *, int64_t, int64_t, int64_t, const lrn_spec *, int);
    int (*forward_f16)(const uint16_t *, uint16_t *, int64_t, int64_t, int64_t, const lrn_spec *, int);
    int (*forward_bf16)(const uint16_t *, uint16_t *, int64_t, int64_t, int64_t, const lrn_spec *, int);
    int (*backward_f32)(const float *, const float *, float *, int64_t, int64_t, int64_t, const lrn_spec *, int);
    int (*backward_f64)(const double *, const double *, double *, int64_t, int64_t, int64_t, const lrn_spec *, int);
    int (*backward_f16)(const uint16_t *, const uint16_t *, uint16_t *, int64_t, int64_t, int64_t, const lrn_spec *,
                        int);
    int (*backward_bf16)(const uint16_t *, const uint16_t *, uint16_t *, int64_t, int64_t, int64_t, const lrn_spec *,
                         int);
    int (*forward)(lrn_array, lrn_array, const lrn_layout *, const lrn_spec *, int);
    int (*backward)(lrn_array, lrn_array, lrn_array, const lrn_layout *, const lrn_spec *, int);
    const char *(*error)(int);
    const char *(*library_version)(void);
    const char *(*instruction_set)(void);
} lrn_api;

#if defined(PY_VERSION_HEX)
static inline const lrn_api *lrn_import(void)
{
    /* PyCapsule_Import imports the package alone */
    PyObject *module = PyImport_ImportModule("lrncore._c_api");
    if (module == NULL)
        return NULL;
    Py_DECREF(module);
    const lrn_api *api = (const lrn_api *)PyCapsule_Import("lrncore._c_api.table", 0);
    if (api != NULL && (api->version != LRN_API_VERSION || api->size < sizeof(lrn_api))) {
        PyErr_Format(PyExc_ImportError,
                     "compiled for version %d of lrncore's C functions in a table of %zu bytes; the installed lrncore "
                     "has version %d in %zu bytes",
                     (int)LRN_API_VERSION, sizeof(lrn_api), api->version, api->size);
        return NULL;
    }
    return api;
}
#endif

#endif
