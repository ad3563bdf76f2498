# lrncore's C functions for Cython: `cimport lrncore`, and `lrn = lrncore.lrn_import()` once. See lrncore_api.h.

from libc.stdint cimport int64_t, uint16_t


cdef extern from "lrncore_api.h" nogil:
    int LRN_MAX_DIMS

    ctypedef struct lrn_spec:
        int64_t before
        int64_t after
        double scale
        double beta
        double k

    ctypedef enum lrn_type:
        LRN_F32
        LRN_F64
        LRN_F16
        LRN_BF16

    ctypedef struct lrn_array:
        void* data
        const int64_t* strides

    ctypedef struct lrn_layout:
        lrn_type type
        int ndim
        const int64_t* shape
        int windows
        const int* axes

    ctypedef struct lrn_api:
        size_t size
        int version
        int (*forward_f32)(const float* x, float* y, int64_t outer, int64_t channels, int64_t inner,
                           const lrn_spec* spec, int threads) noexcept nogil
        int (*forward_f64)(const double* x, double* y, int64_t outer, int64_t channels, int64_t inner,
                           const lrn_spec* spec, int threads) noexcept nogil
        int (*forward_f16)(const uint16_t* x, uint16_t* y, int64_t outer, int64_t channels, int64_t inner,
                           const lrn_spec* spec, int threads) noexcept nogil
        int (*forward_bf16)(const uint16_t* x, uint16_t* y, int64_t outer, int64_t channels, int64_t inner,
                            const lrn_spec* spec, int threads) noexcept nogil
        int (*backward_f32)(const float* g, const float* x, float* dx, int64_t outer, int64_t channels,
                            int64_t inner, const lrn_spec* spec, int threads) noexcept nogil
        int (*backward_f64)(const double* g, const double* x, double* dx, int64_t outer, int64_t channels,
                            int64_t inner, const lrn_spec* spec, int threads) noexcept nogil
        int (*backward_f16)(const uint16_t* g, const uint16_t* x, uint16_t* dx, int64_t outer, int64_t channels,
                            int64_t inner, const lrn_spec* spec, int threads) noexcept nogil
        int (*backward_bf16)(const uint16_t* g, const uint16_t* x, uint16_t* dx, int64_t outer, int64_t channels,
                             int64_t inner, const lrn_spec* spec, int threads) noexcept nogil
        int (*forward)(lrn_array, lrn_array, const lrn_layout*, const lrn_spec*, int) noexcept nogil
        int (*backward)(lrn_array, lrn_array, lrn_array, const lrn_layout*, const lrn_spec*, int) noexcept nogil
        const char* (*error)(int) noexcept nogil
        const char* (*library_version)() noexcept nogil
        const char* (*instruction_set)() noexcept nogil

    const lrn_api* lrn_import() except NULL with gil
