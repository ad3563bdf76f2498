/* Vector primitives of the LRN kernels: memory and arithmetic, for one element type and one instruction set.
 *
 * The build chooses both: LRN_DOUBLE makes `real` a double (float otherwise), and the compiler's own
 * instruction-set flags set the width of `vec`:
 *
 *     AVX-512   64 bytes   fused multiply-add, masked tails
 *     AVX2+FMA  32 bytes   fused multiply-add, masked tails
 *     SSE2      16 bytes   products and sums rounded apart
 *     NEON      16 bytes   fused multiply-add
 *     none      one lane   plain C, for any other compiler (LRN_SCALAR asks for it)
 *
 * `vec` is a GCC/Clang vector type, so `+`, `-` and `*` on it are vector instructions, in C and in the
 * Cython above. Numeric policy: no contraction is left to the compiler (-ffp-contract=off), `muladd` is
 * spelled out, and a vector and its tail go through the same operations, so that a result never depends
 * on where an element lies. Nothing here allocates, branches on data, or has state.
 */
#ifndef LRNCORE_SIMD_H
#define LRNCORE_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(LRN_DOUBLE)
typedef double real;
typedef uint64_t bits_t;
typedef int64_t signed_bits_t;
#define REAL(c) c
#define FRACTION_BITS 52
#define EXPONENT_BIAS 1023
#else
typedef float real;
typedef uint32_t bits_t;
typedef int32_t signed_bits_t;
#define REAL(c) c##f
#define FRACTION_BITS 23
#define EXPONENT_BIAS 127
#endif

#if defined(_MSC_VER)
#define INLINE static __forceinline
#define UNLIKELY(c) (c)
#else
#define INLINE static inline __attribute__((always_inline, unused))
#define UNLIKELY(c) __builtin_expect(!!(c), 0)
#endif

#if defined(LRN_SCALAR) || !defined(__GNUC__)
#define VECTOR_BYTES 0 /* none: every test of a width below fails */
#define LANES 1
typedef real vec;
typedef bits_t ivec;
#else
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#define LANES ((int)(VECTOR_BYTES / sizeof(real)))
#define LRN_VECTORS 1
typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef bits_t ivec __attribute__((vector_size(VECTOR_BYTES)));
typedef signed_bits_t sivec __attribute__((vector_size(VECTOR_BYTES)));
#endif

#if defined(LRN_VECTORS) && (defined(__x86_64__) || defined(__i386__))
#include <immintrin.h>
#define LRN_X86 1
#elif defined(LRN_VECTORS) && defined(__aarch64__)
#include <arm_neon.h>
#define LRN_NEON 1
#endif

#if defined(LRN_NEON) || (defined(LRN_X86) && defined(__FMA__))
#define LRN_FUSED 1
#endif

/* The intrinsics of this width and type: X86(mul) is _mm512_mul_ps, _mm_mul_pd, ... */
#if defined(LRN_X86)
#if VECTOR_BYTES == 64
#define X86_PREFIX _mm512_
#elif VECTOR_BYTES == 32
#define X86_PREFIX _mm256_
#else
#define X86_PREFIX _mm_
#endif
#if defined(LRN_DOUBLE)
#define X86_SUFFIX _pd
#else
#define X86_SUFFIX _ps
#endif
#define X86_PASTE_(prefix, name, suffix) prefix##name##suffix
#define X86_PASTE(prefix, name, suffix) X86_PASTE_(prefix, name, suffix)
#define X86(name) X86_PASTE(X86_PREFIX, name, X86_SUFFIX)
#define X86_ALL_LANES ((1 << LANES) - 1)
#endif

/* ---- memory: any alignment, and tails of 1 to LANES - 1 elements ------------------------------------ */

/* (gcc has memcpy's `v` pass through the stack in long loops.) */
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

/* Stores past the caches; `to` must be a multiple of a vector's size */
INLINE void store_past(real *to, vec v)
{
#if defined(LRN_X86)
    X86(stream)(to, v);
#elif defined(LRN_VECTORS) && defined(__clang__)
    __builtin_nontemporal_store(v, (vec *)to);
#else
    store(to, v);
#endif
}

/* Makes such stores visible to other threads */
INLINE void fence_stores(void)
{
#if defined(LRN_X86)
    _mm_sfence();
#endif
}

/* Asks for the cache line at `at`, which need not be readable */
INLINE void prefetch(const void *at)
{
#if defined(__GNUC__)
    __builtin_prefetch(at);
#else
    (void)at;
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

#if defined(LRN_X86) && VECTOR_BYTES == 64
#if defined(LRN_DOUBLE)
#define X86_MASK __mmask8
#define X86_MAX_BITS _mm512_max_epu64
#else
#define X86_MASK __mmask16
#define X86_MAX_BITS _mm512_max_epu32
#endif
#define TAIL_MASK(count) ((X86_MASK)((1u << (count)) - 1u))
#elif defined(LRN_X86) && VECTOR_BYTES == 32
INLINE __m256i tail_mask(ptrdiff_t count)
{
    static const int32_t edge[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(edge + 8 - count * (ptrdiff_t)(sizeof(real) / 4)));
}
#endif

INLINE vec load_part(const real *from, ptrdiff_t count)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    return (vec)X86(maskz_loadu)(TAIL_MASK(count), from);
#elif defined(LRN_X86) && VECTOR_BYTES == 32
    return (vec)X86(maskload)(from, tail_mask(count));
#else
    real lanes[LANES] = {0};
    for (int i = 0; i < LANES && i < count; i++) /* each by itself: `from` need not be aligned even for a real */
        memcpy(lanes + i, from + i, sizeof *from);
    return load(lanes);
#endif
}

INLINE void store_part(real *to, vec v, ptrdiff_t count)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    X86(mask_storeu)(to, TAIL_MASK(count), v);
#elif defined(LRN_X86) && VECTOR_BYTES == 32
    X86(maskstore)(to, tail_mask(count), v);
#else
    real lanes[LANES];
    store(lanes, v);
    for (int i = 0; i < LANES && i < count; i++)
        memcpy(to + i, lanes + i, sizeof *to);
#endif
}

/* ---- arithmetic -------------------------------------------------------------------------------------- */

/* a*b + c, in one rounding where the instruction set has it */
INLINE vec muladd(vec a, vec b, vec c)
{
#if defined(LRN_X86) && defined(LRN_FUSED)
    return (vec)X86(fmadd)(a, b, c);
#elif defined(LRN_NEON) && defined(LRN_DOUBLE)
    return (vec)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#elif defined(LRN_NEON)
    return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
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

/* v, kept in a register: as an operand of several instructions it would be loaded by each of them. */
INLINE vec held(vec v)
{
#if defined(LRN_X86)
    __asm__("" : "+v"(v));
#endif
    return v;
}

/* v in the first `count` lanes, `others` in the rest */
INLINE vec first_lanes(vec v, vec others, ptrdiff_t count)
{
    real lanes[LANES];
    store(lanes, others);
    store_part(lanes, v, count);
    return load(lanes);
}

/* c - a*b */
INLINE vec minus_product(vec c, vec a, vec b)
{
#if defined(LRN_X86) && defined(LRN_FUSED)
    return (vec)X86(fnmadd)(a, b, c);
#elif defined(LRN_FUSED)
    return muladd(splat(0) - a, b, c);
#else
    return c - a * b;
#endif
}

/* v without the lower half of its fraction */
INLINE vec upper_half(vec v)
{
    return from_bits(as_bits(v) & splat_bits(~(((bits_t)1 << (FRACTION_BITS + 1) / 2) - 1)));
}

/* What a*b was rounded by to give `product` */
INLINE vec product_error(vec a, vec b, vec product)
{
#if defined(LRN_FUSED)
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
