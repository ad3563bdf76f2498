# cython: language_level=3, freethreading_compatible=True
"""The functions of lrncore.h for extension modules, on the kernels that this process uses: the capsule `table`.

`lrn_import` of lrncore_api.h reads it.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New

from lrncore.kernels import isa, load


cdef extern from "c_face.h":
    ctypedef struct lrn_pass:
        pass

    ctypedef int (*lrn_entry)(const lrn_pass*)
    void lrn_take_entries(const char* name, lrn_entry floats, lrn_entry doubles)


cdef extern from *:
    """
    #include <lrncore_api.h>
    extern const lrn_api lrn_table;
    """
    ctypedef struct lrn_api:
        pass

    const lrn_api lrn_table


cdef bytes name = isa.encode()


cdef lrn_entry entry_of(str dtype) except NULL:
    return <lrn_entry>PyCapsule_GetPointer(load(isa)[dtype].entry, "lrncore.kernels.entry")


lrn_take_entries(name, entry_of("float32"), entry_of("float64"))
table = PyCapsule_New(<void*>&lrn_table, "lrncore._c_api.table", NULL)
