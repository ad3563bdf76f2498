# What passes between the faces and LRN's kernels, for both sides: c_face.h says what it is.

cdef extern from "c_face.h" nogil:
    int LRN_FORWARD
    int LRN_BACKWARD
    int LRN_TANGENT
    int LRN_PARAMETERS
    int PASS_DONE
    int PASS_TOO_LONG
    int PASS_NO_MEMORY

    ctypedef struct lrn_build:
        int lanes
        int wide_lanes
        int item
        Py_ssize_t recomputed
        Py_ssize_t summed

    ctypedef struct lrn_shortage:
        int parts
        Py_ssize_t bytes

    ctypedef struct lrn_pass:
        int kind "pass"
        int form
        int ndim
        int windows
        const int* axes
        const Py_ssize_t* shape
        char* data[OPERANDS]
        const Py_ssize_t* strides[OPERANDS]
        Py_ssize_t before
        Py_ssize_t after
        double scale
        double beta
        double k
        int threads
        int swapped
        double* derivatives
        Py_ssize_t* results
        lrn_shortage* shortage
        lrn_build* build

    ctypedef int (*lrn_entry)(const lrn_pass*) noexcept
