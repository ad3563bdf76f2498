# What passes between the calls of Python and the kernels, for both sides: calls.h says what it is.

cdef enum:
    MAX_SIDES = 8       # its DIVISIVE_SIDES


cdef extern from "divisive/calls.h" nogil:
    int DIVISIVE_DONE
    int DIVISIVE_NO_MEMORY

    ctypedef struct divisive_call:
        int ndim
        const Py_ssize_t* shape
        char* data[OPERANDS]
        const Py_ssize_t* strides[OPERANDS]
        int form[OPERANDS]
        int swapped
        bint gradients
        double p
        double q
        double n
        double total
        int threads

    ctypedef struct dense_call:
        divisive_call arrays
        const void* weights
        const void* transposed
        const void* sigma
        double* dweights
        double* dsigma
        void* kept

    ctypedef struct window_side:
        int taps
        Py_ssize_t* offsets
        double* weights
        const void* mass
        int place

    ctypedef struct windows_call:
        divisive_call arrays
        int sides
        window_side side[MAX_SIDES]
        const void* sigma
        int sigma_at

    ctypedef struct divisive_answer:
        char* bad
        Py_ssize_t blocks
        Py_ssize_t block
        Py_ssize_t tile[MAX_SIDES]
        Py_ssize_t tiles[MAX_SIDES]
        Py_ssize_t parts
        Py_ssize_t bytes

    ctypedef struct divisive_kernels:
        int lanes
        int item
        int raised
        int (*dense)(const dense_call*, divisive_answer*) noexcept nogil
        int (*windows)(const windows_call*, divisive_answer*) noexcept nogil
        void (*room)(Py_ssize_t, Py_ssize_t*, Py_ssize_t*) noexcept nogil
        Py_ssize_t (*kept)(Py_ssize_t, Py_ssize_t) noexcept nogil

    ctypedef void (*divisive_entry)(divisive_kernels*) noexcept
