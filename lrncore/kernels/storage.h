/* Elements as arrays store them: `elem` is `real`, or with LRN_FLOAT16 or LRN_BFLOAT16 16 bits wide.
 *
 * The 16-bit types are converted to float at the load, exactly, and rounded once, to nearest even, at the store. F16C
 * and NEON have instructions for float16; otherwise, and for bfloat16, a few branchless operations on the bits do it.
 */
#ifndef LRNCORE_STORAGE_H
#define LRNCORE_STORAGE_H

#include "simd.h"

#if defined(LRN_FLOAT16) || defined(LRN_BFLOAT16)
#define LRN_HALF 1
typedef uint16_t elem;
#define MANY_LOOPS 0
#else
typedef real elem;
#define MANY_LOOPS 1
#endif

/* How buffers spell the type, and the other byte order before it. They do not know bfloat16: it comes as its bits. */
#if defined(LRN_BFLOAT16)
#define ELEMENT_FORMAT 'H'
#elif defined(LRN_FLOAT16)
#define ELEMENT_FORMAT 'e'
#elif defined(LRN_DOUBLE)
#define ELEMENT_FORMAT 'd'
#else
#define ELEMENT_FORMAT 'f'
#endif
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define OTHER_ORDER '<'
#else
#define OTHER_ORDER '>'
#endif

#if defined(LRN_HALF)

#if defined(LRN_VECTORS)
typedef uint16_t hvec __attribute__((vector_size(VECTOR_BYTES / 2)));
INLINE ivec widen(hvec h) { return __builtin_convertvector(h, ivec); }
INLINE hvec narrow(ivec b) { return __builtin_convertvector(b, hvec); }
#else
typedef uint16_t hvec;
INLINE ivec widen(hvec h) { return h; }
INLINE hvec narrow(ivec b) { return (hvec)b; }
#endif

/* All bits set in the lanes with a < b; a, b < 2^31 */
INLINE ivec less(ivec a, ivec b)
{
    return splat_bits(0) - ((a - b) >> 31);
}

/* yes where the bits of `mask` are set, no elsewhere */
INLINE ivec choose(ivec mask, ivec yes, ivec no)
{
    return (mask & yes) | (~mask & no);
}

#if defined(LRN_BFLOAT16)
INLINE vec from_half(hvec halves)
{
#if defined(HAS_WORD_PERMUTE)
    /* word i becomes the upper half of lane i */
    static const bits_t uppers[16] __attribute__((aligned(64))) = {0x00000, 0x10000, 0x20000, 0x30000, 0x40000, 0x50000, 0x60000, 0x70000,
                                      0x80000, 0x90000, 0xa0000, 0xb0000, 0xc0000, 0xd0000, 0xe0000, 0xf0000};
    ivec order = *(const ivec *)uppers;
    x86_bits words = X86_FROM_HALF((x86_half)halves);
    return (vec)X86_ANY(maskz_permutexvar_epi16)(0xaaaaaaaa >> (32 - 2 * LANES), (x86_bits)order, words);
#else
    return from_bits(widen(halves) << 16);
#endif
}

/* The carry of the rounding cannot make a NaN a number: every NaN here is the default one or was loaded from a bfloat16,
 * so its lower half is 0. */
INLINE hvec to_half(vec v)
{
    ivec b = as_bits(v), rounded = b + splat_bits(0x7fff) + ((b >> 16) & splat_bits(1));
#if defined(HAS_WORD_PERMUTE)
    /* the upper halves, words 1, 3, 5, ..., in the lower half of the vector */
    static const bits_t odd[16] __attribute__((aligned(64))) = {0x30001, 0x70005, 0xb0009, 0xf000d, 0x130011, 0x170015, 0x1b0019, 0x1f001d};
    ivec order = *(const ivec *)odd;
    return (hvec)X86_TO_HALF(X86_ANY(permutexvar_epi16)((x86_bits)order, (x86_bits)rounded));
#elif defined(HAS_PACK_4X64)
    __m256i upper = (__m256i)(rounded >> 16);
    return (hvec)_mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi32(upper, upper), 8));
#else
    return narrow(rounded >> 16);
#endif
}
#elif defined(HAS_F16C)
INLINE vec from_half(hvec halves) { return (vec)X86_ANY(cvtph_ps)((x86_half)halves); }
INLINE hvec to_half(vec v) { return (hvec)X86_ANY(cvtps_ph)(v, _MM_FROUND_TO_NEAREST_INT); }
#elif defined(LRN_NEON)
INLINE vec from_half(hvec halves) { return (vec)vcvt_f32_f16((float16x4_t)halves); }
INLINE hvec to_half(vec v) { return (hvec)vcvt_f16_f32((float32x4_t)v); }
#else
/* Multiplying by 2^112 corrects the exponent bias and normalizes subnormals. */
INLINE vec from_half(hvec halves)
{
    ivec h = widen(halves), magnitude = (h & splat_bits(0x7fff)) << 13;
    ivec value = as_bits(from_bits(magnitude) * splat(REAL(0x1p112)));
    ivec infinite = less(splat_bits(0x0f7fffff), magnitude) & splat_bits(0x7f800000);
    return from_bits(value | infinite | (h & splat_bits(0x8000)) << 16);
}

INLINE hvec to_half(vec v)
{
    ivec b = as_bits(v), a = b & splat_bits(0x7fffffff);
    /* normal: a carry may round it to an infinity. Subnormal: the last bit of a + 1/2 is the smallest subnormal */
    ivec normal = (a + splat_bits(0xfff) + ((a >> 13) & splat_bits(1)) - splat_bits((bits_t)112 << 23)) >> 13;
    ivec subnormal = as_bits(from_bits(a) + splat(REAL(0.5))) - splat_bits(0x3f000000);
    ivec h = choose(less(a, splat_bits(0x38800000)), subnormal, normal);
    h = choose(less(a, splat_bits(0x47800000)), h, splat_bits(0x7c00));
    h = choose(less(splat_bits(0x7f800000), a), splat_bits(0x7e00), h);
    return narrow(h | (b & splat_bits(0x80000000)) >> 16);
}
#endif

INLINE vec load_elements(const elem *from)
{
    hvec halves;
    memcpy(&halves, from, sizeof halves);
    return from_half(halves);
}

INLINE void store_elements(elem *to, vec v)
{
    hvec halves = to_half(v);
    memcpy(to, &halves, sizeof halves);
}

#if defined(HAS_MASK_REGISTERS)
#define HALF_PART INLINE
#else
#define HALF_PART OUT_OF_LINE
#endif

HALF_PART vec load_elements_part(const elem *from, ptrdiff_t count)
{
#if defined(HAS_MASK_REGISTERS)
    return from_half((hvec)X86_HALF(maskz_loadu_epi16)(TAIL_MASK(count), from));
#else
    elem lanes[LANES] = {0};
    for (int i = 0; i < LANES && i < count; i++)
        memcpy(lanes + i, from + i, sizeof *from);
    return load_elements(lanes);
#endif
}

HALF_PART void store_elements_part(elem *to, vec v, ptrdiff_t count)
{
#if defined(HAS_MASK_REGISTERS)
    X86_HALF(mask_storeu_epi16)(to, TAIL_MASK(count), (x86_half)to_half(v));
#else
    elem lanes[LANES];
    store_elements(lanes, v);
    for (int i = 0; i < LANES && i < count; i++)
        memcpy(to + i, lanes + i, sizeof *to);
#endif
}

/* Non-temporal store where half a vector has one; `to` is aligned to LANES elements. */
INLINE void store_elements_far(elem *to, vec v)
{
#if defined(X86_STREAM_HALF)
    X86_STREAM_HALF((x86_half *)to, (x86_half)to_half(v));
#else
    store_elements(to, v);
#endif
}

#else

INLINE vec load_elements(const elem *from) { return load(from); }
INLINE void store_elements(elem *to, vec v) { store(to, v); }
INLINE vec load_elements_part(const elem *from, ptrdiff_t count) { return load_part(from, count); }
INLINE void store_elements_part(elem *to, vec v, ptrdiff_t count) { store_part(to, v, count); }
/* Non-temporal store; `to` is aligned to the vector's size. */
INLINE void store_elements_far(elem *to, vec v) { store_far(to, v); }

#endif

INLINE real real_of(const elem *from)
{
    real lanes[LANES];
    store(lanes, load_elements_part(from, 1));
    return lanes[0];
}

INLINE void set_elem(elem *to, real a)
{
    store_elements_part(to, splat(a), 1);
}

/* An element of an array in the other byte order */
INLINE elem swapped_elem(elem a)
{
    char bytes[sizeof a], reversed[sizeof a];
    memcpy(bytes, &a, sizeof a);
    for (size_t i = 0; i < sizeof a; i++)
        reversed[i] = bytes[sizeof a - 1 - i];
    memcpy(&a, reversed, sizeof a);
    return a;
}

INLINE elem load_elem(const char *from, int swapped)
{
    elem a;
    memcpy(&a, from, sizeof a);
    return swapped ? swapped_elem(a) : a;
}

INLINE void store_elem(char *to, elem a, int swapped)
{
    a = swapped ? swapped_elem(a) : a;
    memcpy(to, &a, sizeof a);
}

#endif
