# What the C face calls (c_face.h): a call without Python.

cdef extern from "c_face.h" nogil:
    int LRN_BACKWARD

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


# NULL makes it ready; that comes first.
cdef public int enter "LRN_ENTRY"(const lrn_pass* asked) noexcept nogil:
    cdef Py_buffer view[OPERANDS]
    cdef Py_buffer* views[OPERANDS]
    cdef const Operator* op
    cdef Request request
    cdef Shortage shortage
    cdef int i
    if asked == NULL:
        define_operators()
        return DONE
    op = &BACKWARD if asked.kind == LRN_BACKWARD else &FORWARD
    for i in range(OPERANDS):
        view[i].buf = asked.data[i]
        view[i].itemsize = sizeof(real) if asked.form == REALS else sizeof(half)
        view[i].ndim = asked.ndim
        view[i].shape = <Py_ssize_t*>asked.shape
        view[i].strides = <Py_ssize_t*>asked.strides[i]
        views[i] = &view[i]
    request.count = asked.windows
    for i in range(asked.windows):
        request.axes[i] = asked.axes[i]
    request.before = asked.before
    request.after = asked.after
    request.scale = asked.scale
    request.beta = asked.beta
    request.k = asked.k
    request.threads = asked.threads
    request.swapped = 0
    request.results = NULL
    request.form = <Form>asked.form
    return dispatch(op, views, request, NULL, &shortage)
