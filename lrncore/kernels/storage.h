/* Elements as arrays hold them: `elem` is `real`, or with LRN_FLOAT16 or LRN_BFLOAT16 half as wide.
 *
 * Those become floats on the way in, exactly, and are rounded once, to nearest even, on the way out. With F16C and on
 * NEON the processor converts float16; everywhere else, and for bfloat16, a few operations on the bits do, the same
 * for every lane and without a branch.
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

#if defined(LRN_HALF)

#if defined(LRN_VECTORS)
typedef uint16_t hvec __attribute__((vector_size(VECTOR_BYTES / 2)));
INLINE ivec widened(hvec h) { return __builtin_convertvector(h, ivec); }
INLINE hvec narrowed(ivec b) { return __builtin_convertvector(b, hvec); }
#else
typedef uint16_t hvec;
INLINE ivec widened(hvec h) { return h; }
INLINE hvec narrowed(ivec b) { return (hvec)b; }
#endif

/* All bits of a lane where a < b, for a and b below 2^31 */
INLINE ivec less(ivec a, ivec b)
{
    return splat_bits(0) - ((a - b) >> 31);
}

INLINE ivec either(ivec mask, ivec yes, ivec no)
{
    return (mask & yes) | (~mask & no);
}

#if defined(LRN_BFLOAT16)
INLINE vec from_half(hvec halves)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    const ivec numbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    __m512i uppers = (__m512i)(numbers << 16), all = _mm512_castsi256_si512((__m256i)halves);
    return (vec)_mm512_maskz_permutexvar_epi16(0xaaaaaaaa, uppers, all);
#else
    return from_bits(widened(halves) << 16);
#endif
}

/* A NaN of this arithmetic is the default one, or has the payload of a bfloat16: its lower half is 0, and stays so. */
INLINE hvec to_half(vec v)
{
    ivec b = as_bits(v), rounded = b + splat_bits(0x7fff) + ((b >> 16) & splat_bits(1));
#if defined(LRN_X86) && VECTOR_BYTES == 64
    const ivec uppers = {0x30001, 0x70005, 0xb0009, 0xf000d, 0x130011, 0x170015, 0x1b0019, 0x1f001d};
    return (hvec)_mm512_castsi512_si256(_mm512_permutexvar_epi16((__m512i)uppers, (__m512i)rounded));
#elif defined(LRN_X86) && VECTOR_BYTES == 32
    __m256i upper = (__m256i)(rounded >> 16);
    return (hvec)_mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi32(upper, upper), 8));
#else
    return narrowed(rounded >> 16);
#endif
}
#elif defined(LRN_X86) && VECTOR_BYTES == 64
INLINE vec from_half(hvec halves) { return (vec)_mm512_cvtph_ps((__m256i)halves); }
INLINE hvec to_half(vec v) { return (hvec)_mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT); }
#elif defined(LRN_X86) && VECTOR_BYTES == 32
INLINE vec from_half(hvec halves) { return (vec)_mm256_cvtph_ps((__m128i)halves); }
INLINE hvec to_half(vec v) { return (hvec)_mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT); }
#elif defined(LRN_NEON)
INLINE vec from_half(hvec halves) { return (vec)vcvt_f32_f16((float16x4_t)halves); }
INLINE hvec to_half(vec v) { return (hvec)vcvt_f16_f32((float32x4_t)v); }
#else
/* 2^112 makes up for the biases of the exponents, and subnormals normal. */
INLINE vec from_half(hvec halves)
{
    ivec h = widened(halves), magnitude = (h & splat_bits(0x7fff)) << 13;
    ivec value = as_bits(from_bits(magnitude) * splat(REAL(0x1p112)));
    ivec infinite = less(splat_bits(0x0f7fffff), magnitude) & splat_bits(0x7f800000);
    return from_bits(value | infinite | (h & splat_bits(0x8000)) << 16);
}

INLINE hvec to_half(vec v)
{
    ivec b = as_bits(v), a = b & splat_bits(0x7fffffff);
    /* a normal result, or by its carry an infinity; with 1/2 added, the sum's last bit is the smallest subnormal's */
    ivec normal = (a + splat_bits(0xfff) + ((a >> 13) & splat_bits(1)) - splat_bits((bits_t)112 << 23)) >> 13;
    ivec subnormal = as_bits(from_bits(a) + splat(REAL(0.5))) - splat_bits(0x3f000000);
    ivec h = either(less(a, splat_bits(0x38800000)), subnormal, normal);
    h = either(less(a, splat_bits(0x47800000)), h, splat_bits(0x7c00));
    h = either(less(splat_bits(0x7f800000), a), splat_bits(0x7e00), h);
    return narrowed(h | (b & splat_bits(0x80000000)) >> 16);
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

INLINE vec load_elements_part(const elem *from, ptrdiff_t count)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    return from_half((hvec)_mm256_maskz_loadu_epi16(TAIL_MASK(count), from));
#else
    elem lanes[LANES] = {0};
    for (int i = 0; i < LANES && i < count; i++)
        memcpy(lanes + i, from + i, sizeof *from);
    return load_elements(lanes);
#endif
}

INLINE void store_elements_part(elem *to, vec v, ptrdiff_t count)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    _mm256_mask_storeu_epi16(to, TAIL_MASK(count), (__m256i)to_half(v));
#else
    elem lanes[LANES];
    store_elements(lanes, v);
    for (int i = 0; i < LANES && i < count; i++)
        memcpy(to + i, lanes + i, sizeof *to);
#endif
}

/* Past the caches; `to` must be a multiple of what is stored */
INLINE void store_elements_past(elem *to, vec v)
{
#if defined(LRN_X86) && VECTOR_BYTES == 64
    _mm256_stream_si256((__m256i *)to, (__m256i)to_half(v));
#elif defined(LRN_X86) && VECTOR_BYTES == 32
    _mm_stream_si128((__m128i *)to, (__m128i)to_half(v));
#else
    store_elements(to, v);
#endif
}

#else

INLINE vec load_elements(const elem *from) { return load(from); }
INLINE void store_elements(elem *to, vec v) { store(to, v); }
INLINE vec load_elements_part(const elem *from, ptrdiff_t count) { return load_part(from, count); }
INLINE void store_elements_part(elem *to, vec v, ptrdiff_t count) { store_part(to, v, count); }
INLINE void store_elements_past(elem *to, vec v) { store_past(to, v); }

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
