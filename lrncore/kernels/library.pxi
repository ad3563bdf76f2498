# What the calls of Python share: a library of kernels, and the names of operands, as operands.pxi has them.

cdef extern from "storage.h" nogil:
    ctypedef unsigned short half "uint16_t"
    int OTHER_ORDER
    int REALS
    int FLOAT16
    int BFLOAT16


cdef extern from "library.h":
    void* load_function(const char* path, const char* name, const char** trouble)


cdef enum:
    X = 0
    G = 1
    Y = 2
    OPERANDS = 3
    MAX_DIMS = 64           # NumPy's


cdef void* function_in(bytes path, const char* name) except NULL:
    cdef const char* trouble = NULL
    cdef void* found = load_function(path, name, &trouble)
    if found == NULL:
        raise ImportError(trouble.decode(errors="replace"))
    return found
