# What passes between the calls of Python and the kernels, for both sides: calls.h says what it is.

cdef extern from "norms/calls.h" nogil:
    int NORM_DONE
    int NORM_OVERLAPS
    int NORM_VARIED_THRESHOLD
    int NORM_NO_MEMORY
    int NORM_WEIGHT
    int NORM_BIAS
    int NORM_TAU
    int NORM_DWEIGHT
    int NORM_DBIAS
    int NORM_DTAU
    int NORM_DEPS
    int NORM_MEAN
    int NORM_VAR
    int NORM_EACH_EPS
    int NORM_NUMBERS

    ctypedef struct norm_call:
        bint gradients
        bint centred
        bint given
        bint outside
        bint measures
        double eps
        int ndim
        const Py_ssize_t* shape
        char* data[OPERANDS]
        const Py_ssize_t* strides[OPERANDS]
        int form
        int swapped
        const bint* kept
        const Py_ssize_t* apart
        Py_ssize_t params
        void** numbers
        int threads

    ctypedef struct norm_answer:
        int lanes
        int item
        int parts
        Py_ssize_t bytes

    ctypedef int (*norm_entry)(const norm_call*, norm_answer*) noexcept
