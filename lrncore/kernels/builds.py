"""What the kernels are built for, as data: setup.py, the package and the tests read these lists and keep no other.

Each instruction set, family of operators and type of numbers is one library without Python,
``_<set>_<family><short>``, and each family has one extension module that calls them.
"""

from typing import NamedTuple


class InstructionSet(NamedTuple):
    """Compiler flags that select an instruction set, and where they are used."""

    name: str
    #: Ends of the platform names (``sysconfig.get_platform()``) that it is built for; "" fits all
    platforms: tuple[str, ...]
    #: For GCC and Clang
    flags: tuple[str, ...]
    #: Lanes of float32 in a vector
    lanes: int


class Real(NamedTuple):
    """A type of numbers that kernels compute in, and the macro that selects it in simd.h."""

    short: str
    macro: str | None


class Element(NamedTuple):
    """An element type of arrays, and what it is computed in."""

    name: str
    real: Real


class Family(NamedTuple):
    """Operators that share libraries: the build of one does not grow with another's."""

    name: str
    #: What its libraries' names have before the type of numbers
    infix: str
    #: The module that calls them
    calls: str


X86_64 = ("x86_64", "amd64")
AVX2 = ("-mavx2", "-mfma", "-mf16c")
AVX512 = (*AVX2, "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512")

#: Best first. The last one runs on every processor of its platform: SSE2 on x86-64, NEON on arm64.
INSTRUCTION_SETS = (
    InstructionSet("avx512", X86_64, AVX512, lanes=16),
    InstructionSet("avx2", X86_64, AVX2, lanes=8),
    InstructionSet("baseline", ("",), (), lanes=4),
)

FLOAT, DOUBLE = REALS = (
    Real("f32", None),
    Real("f64", "LRN_DOUBLE"),
)

ELEMENTS = (
    Element("float32", FLOAT),
    Element("float64", DOUBLE),
    Element("float16", FLOAT),
    Element("bfloat16", FLOAT),
)

FAMILIES = (
    Family("lrn", "", "_lrn"),
    Family("norms", "norms_", "_norms"),
    Family("divisive", "divisive_", "_divisive"),
)


def library(isa: str, family: Family, real: Real) -> str:
    """Return the name of a library of kernels."""
    return f"_{isa}_{family.infix}{real.short}"
