"""What the kernels are built for, as data: setup.py, the package and the tests read these lists and keep no other.

Each pair of an instruction set and an element type is one extension module, ``_<set>_<short>``.
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


class Element(NamedTuple):
    """An element type of arrays, and the macro that selects it in simd.h and storage.h."""

    name: str
    short: str
    macro: str | None


X86_64 = ("x86_64", "amd64")
AVX2 = ("-mavx2", "-mfma", "-mf16c")
AVX512 = (*AVX2, "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512")

#: Best first. The last one runs on every processor of its platform: SSE2 on x86-64, NEON on arm64.
INSTRUCTION_SETS = (
    InstructionSet("avx512", X86_64, AVX512, lanes=16),
    InstructionSet("avx2", X86_64, AVX2, lanes=8),
    InstructionSet("baseline", ("",), (), lanes=4),
)

ELEMENTS = (
    Element("float32", "f32", None),
    Element("float64", "f64", "LRN_DOUBLE"),
    Element("float16", "f16", "LRN_FLOAT16"),
    Element("bfloat16", "bf16", "LRN_BFLOAT16"),
)
