# cython: language_level=3, freethreading_compatible=True
"""What the processor, the OpenMP runtime and the compiler offer; built without any instruction-set flag."""

cdef extern from "platform.h":
    bint supports_isa(const char *isa)
    int openmp_version()
    int openmp_max_threads()
    int usable_by_affinity()
    const char *LRN_COMPILER
    const char *LRN_FLAGS


def supports(str isa not None):
    """True if the processor and the operating system can run the kernels of `isa`."""
    return supports_isa(isa.encode())


def max_threads():
    """Threads that the caller's OpenMP allows now; 1 in a build without OpenMP."""
    return openmp_max_threads()


def allowed_threads(int most):
    """The smallest of what OpenMP allows, the processors that this process is bound to, and `most`."""
    cdef int bound = usable_by_affinity()
    return min(openmp_max_threads(), bound if bound else most, most)


def affinity():
    """Processors that this process is bound to, asked of the system at each call; 0 where that is not known."""
    return usable_by_affinity()


def openmp():
    """The date (yyyymm) of the OpenMP standard this build uses, or 0."""
    return openmp_version()


def build():
    """The compiler, and its flags for each instruction set as JSON; empty where they are not known."""
    return LRN_COMPILER.decode(), LRN_FLAGS.decode()
