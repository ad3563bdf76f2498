/* Vector primitives of the kernels: memory and arithmetic, for one element type and one instruction set.
 *
 * The build selects both. LRN_DOUBLE makes `real` a double (otherwise float); the compiler's instruction-set flags
 * select the width of `vec` and what there is for it (capabilities.h). The instructions that matter, and their cost in
 * issue slots:
 *
 *     AVX-512  64 bytes  vfmadd 1; vrsqrt14, vrcp14 about 2, both types; vpermt2ps 1; vpmaxu 1 to 2; masked moves 1
 *     AVX2     32 bytes  vfmadd 1; vrsqrtps 1, float only; vpermps 1; vmaskmov 1 to 2 (storing on AMD: many)
 *     SSE2     16 bytes  mul and add apart; rsqrtps 1, float only
 *     NEON     16 bytes  fmla 1; frsqrte 1, 8 bits; bsl 1
 *     none     one lane  plain C, for any other compiler (LRN_SCALAR selects it)
 *
 * A division or square root costs 4 to 24 slots everywhere, so the powers start from estimates where a type has them.
 * There is no SVE: its vectors have no size at compile time, which `vector_size` needs.
 *
 * `vec` is a GCC/Clang vector type: `+`, `-` and `*` are vector instructions, in C and in Cython. Numeric policy: the
 * compiler contracts nothing (-ffp-contract=off), `muladd` is explicit, and a tail goes through the same operations as
 * a whole vector, so that no result depends on its position. Nothing here allocates, branches on data or has state.
 */
#ifndef LRNCORE_SIMD_H
#define LRNCORE_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "capabilities.h"

#if defined(LRN_DOUBLE)
typedef double real;
typedef uint64_t bits_t;
#define REAL(c) c
#define FRACTION_BITS 52
#define EXPONENT_BIAS 1023
#else
typedef float real;
typedef uint32_t bits_t;
#define REAL(c) c##f
#define FRACTION_BITS 23
#define EXPONENT_BIAS 127
#endif

#if defined(_MSC_VER)
#define INLINE static __forceinline
#define OUT_OF_LINE static __declspec(noinline)
#define UNLIKELY(c) (c)
#define RARE void
#define OUTLYING __declspec(noinline) void
#else
#define INLINE static inline __attribute__((always_inline, unused))
#define OUT_OF_LINE static __attribute__((noinline, unused))
#define UNLIKELY(c) __builtin_expect(!!(c), 0)
#define RARE __attribute__((cold)) void /* the compiler makes such a function small rather than fast */
#define OUTLYING __attribute__((noinline)) void /* a loop that has all registers to itself */
#endif

/* ---- vectors, and the intrinsics of their width and type ------------------------------------------------------- */

#if !defined(LRN_VECTORS)
#define VECTOR_BYTES 0
#define LANES 1
typedef real vec;
typedef bits_t ivec;
#else
#if defined(LRN_WIDTH)
#define VECTOR_BYTES (LRN_WIDTH / 8)
#else
#define VECTOR_BYTES WIDEST_BYTES
#endif
#define LANES ((int)(VECTOR_BYTES / sizeof(real)))
typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef bits_t ivec __attribute__((vector_size(VECTOR_BYTES)));
#endif

/* X86(mul) is _mm512_mul_ps, _mm_mul_pd, ...; X86_BITS(max_epu) ends in 32 or 64, X86_ANY(name) in nothing more.
 * X86_HALF(name) works on half a vector: the elements of float16 and bfloat16. */
#if defined(LRN_X86)
#if VECTOR_BYTES == 64
#define X86_PREFIX _mm512_
#define X86_HALF_PREFIX _mm256_
typedef __m512i x86_bits;
typedef __m256i x86_half;
#define X86_FROM_HALF _mm512_castsi256_si512
#define X86_TO_HALF _mm512_castsi512_si256
#elif VECTOR_BYTES == 32
#define X86_PREFIX _mm256_
#define X86_HALF_PREFIX _mm_
typedef __m256i x86_bits;
typedef __m128i x86_half;
#define X86_FROM_HALF _mm256_castsi128_si256
#define X86_TO_HALF _mm256_castsi256_si128
#else
#define X86_PREFIX _mm_
typedef __m128i x86_bits;
#endif
#if defined(LRN_DOUBLE)
#define X86_SUFFIX _pd
#define X86_MASK_SUFFIX _pd_mask
#define X86_BITS_SUFFIX 64
#else
#define X86_SUFFIX _ps
#define X86_MASK_SUFFIX _ps_mask
#define X86_BITS_SUFFIX 32
#endif
#define X86_PASTE_(prefix, name, suffix) prefix##name##suffix
#define X86_PASTE(prefix, name, suffix) X86_PASTE_(prefix, name, suffix)
#define X86(name) X86_PASTE(X86_PREFIX, name, X86_SUFFIX)
#define X86_BITS(name) X86_PASTE(X86_PREFIX, name, X86_BITS_SUFFIX)
#define X86_ANY(name) X86_PASTE(X86_PREFIX, name, )
#define X86_HALF(name) X86_PASTE(X86_HALF_PREFIX, name, )
#endif

/* ---- memory: any alignment, and tails of 1 to LANES - 1 elements ------------------------------------------------ */

/* Not memcpy on x86: in long loops gcc passes its vector through the stack. */
INLINE vec load(const real *from)
{
#if defined(LRN_X86)
    return (vec)X86(loadu)(from);
#else
    vec v;
    memcpy(&v, from, sizeof v);
    return v;
#endif
}

INLINE void store(real *to, vec v)
{
#if defined(LRN_X86)
    X86(storeu)(to, v);
#else
    memcpy(to, &v, sizeof v);
#endif
}

/* Non-temporal store; `to` is aligned to the vector's size. */
INLINE void store_far(real *to, vec v)
{
#if defined(LRN_X86)
    X86(stream)(to, v);
#elif defined(LRN_VECTORS) && defined(__clang__)
    __builtin_nontemporal_store(v, (vec *)to);
#else
    store(to, v);
#endif
}

/* Orders non-temporal stores before everything that follows. */
INLINE void fence_stores(void)
{
#if defined(LRN_X86)
    _mm_sfence();
#endif
}

INLINE vec splat(real a)
{
#if defined(LRN_X86)
    return (vec)X86(set1)(a);
#elif defined(LRN_VECTORS)
    vec v;
    for (int i = 0; i < LANES; i++)
        v[i] = a;
    return v;
#else
    return a;
#endif
}

#if defined(HAS_MASK_REGISTERS)
#define TAIL_MASK(count) ((1u << (count)) - 1u)
#elif defined(HAS_MASK_VECTORS)
INLINE x86_bits tail_mask(ptrdiff_t count)
{
    static const int32_t edge[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(edge + 8 - count * (ptrdiff_t)(sizeof(real) / 4)));
}
#endif

/* Where a part takes a loop over lanes it is a function, called once for each line. */
#if defined(HAS_MASK_REGISTERS) || defined(HAS_MASK_VECTORS)
#define PART INLINE
#else
#define PART OUT_OF_LINE
#endif

PART vec load_part(const real *from, ptrdiff_t count)
{
#if defined(HAS_MASK_REGISTERS)
    return (vec)X86(maskz_loadu)(TAIL_MASK(count), from);
#elif defined(HAS_MASK_VECTORS)
    return (vec)X86(maskload)(from, tail_mask(count));
#else
    real lanes[LANES] = {0};
    for (int i = 0; i < LANES && i < count; i++) /* one by one: `from` need not be aligned even to a real */
        memcpy(lanes + i, from + i, sizeof *from);
    return load(lanes);
#endif
}

PART void store_part(real *to, vec v, ptrdiff_t count)
{
#if defined(HAS_MASK_REGISTERS)
    X86(mask_storeu)(to, TAIL_MASK(count), v);
#elif defined(HAS_MASK_VECTORS)
    X86(maskstore)(to, tail_mask(count), v);
#else
    real lanes[LANES];
    store(lanes, v);
    for (int i = 0; i < LANES && i < count; i++)
        memcpy(to + i, lanes + i, sizeof *to);
#endif
}

/* ---- arithmetic -------------------------------------------------------------------------------------------------- */

/* a*b + c, in one rounding if the set has it */
INLINE vec muladd(vec a, vec b, vec c)
{
#if defined(LRN_X86) && defined(HAS_FUSED)
    return (vec)X86(fmadd)(a, b, c);
#elif defined(LRN_NEON) && defined(LRN_DOUBLE)
    return (vec)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#elif defined(LRN_NEON)
    return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

/* c - a*b */
INLINE vec minus_product(vec c, vec a, vec b)
{
#if defined(LRN_X86) && defined(HAS_FUSED)
    return (vec)X86(fnmadd)(a, b, c);
#elif defined(LRN_NEON) && defined(LRN_DOUBLE)
    return (vec)vfmsq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#elif defined(LRN_NEON)
    return (vec)vfmsq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return c - a * b;
#endif
}

#if defined(LRN_VECTORS)
INLINE ivec as_bits(vec v) { return (ivec)v; }
INLINE vec from_bits(ivec b) { return (vec)b; }
#else
INLINE ivec as_bits(vec v) { ivec b; memcpy(&b, &v, sizeof b); return b; }
INLINE vec from_bits(ivec b) { vec v; memcpy(&v, &b, sizeof v); return v; }
#endif

INLINE ivec splat_bits(bits_t a)
{
    real r;
    memcpy(&r, &a, sizeof r);
    return as_bits(splat(r));
}

/* Are all lanes below `limit`, as unsigned numbers? (A comparison into a mask register slows the loop before it.) */
INLINE int all_below(ivec v, bits_t limit)
{
#if defined(LRN_X86) && !defined(HAS_MASK_REGISTERS)
    return !X86(movemask)((vec)(v >= splat_bits(limit)));
#else
    bits_t lanes[LANES], all = 1;
    memcpy(lanes, &v, sizeof v);
    for (int i = 0; i < LANES; i++)
        all &= lanes[i] < limit;
    return (int)all;
#endif
}

/* Is a lane NaN? */
INLINE int any_nan(vec v)
{
#if defined(HAS_MASK_REGISTERS)
    return !!X86_PASTE(X86_PREFIX, cmp, X86_MASK_SUFFIX)(v, v, _CMP_UNORD_Q);
#elif defined(LRN_X86)
    return X86(movemask)((vec)(v != v)) != 0;
#else
    real lanes[LANES];
    int found = 0;
    store(lanes, v);
    for (int i = 0; i < LANES; i++)
        found |= lanes[i] != lanes[i];
    return found;
#endif
}

/* v in a register: as a memory operand of several instructions it would be loaded by each. */
INLINE vec held(vec v)
{
#if defined(LRN_X86)
    __asm__("" : "+v"(v));
#elif defined(LRN_NEON)
    __asm__("" : "+w"(v));
#endif
    return v;
}

/* v in the first `count` lanes, `others` in the rest */
PART vec first_lanes(vec v, vec others, ptrdiff_t count)
{
#if defined(HAS_MASK_REGISTERS)
    return (vec)X86(mask_mov)(others, TAIL_MASK(count), v);
#elif defined(HAS_MASK_VECTORS)
    return (vec)X86(blendv)(others, v, (vec)tail_mask(count));
#else
    real lanes[LANES];
    store(lanes, others);
    store_part(lanes, v, count);
    return load(lanes);
#endif
}

/* v with the lower half of its fraction cleared */
INLINE vec upper_half(vec v)
{
    return from_bits(as_bits(v) & splat_bits(~(((bits_t)1 << (FRACTION_BITS + 1) / 2) - 1)));
}

/* a*b - product, for `product` = a*b rounded */
INLINE vec product_error(vec a, vec b, vec product)
{
#if defined(HAS_FUSED)
    return muladd(a, b, splat(0) - product);
#else
    vec a_high = upper_half(a), a_low = a - a_high, b_high = upper_half(b), b_low = b - b_high;
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
#endif
}

/* v where the bits of `mask` are set, 0 elsewhere */
INLINE vec keep(vec v, vec mask)
{
    return from_bits(as_bits(v) & as_bits(mask));
}

#endif
