/* Elements as arrays store them. Kernels compute in `real`; float16 and bfloat16 pass through scratch, where they are
 * floats: converted exactly when a line comes, and rounded once, to nearest even, when it leaves.
 *
 * F16C and NEON have instructions for float16; otherwise, and for bfloat16, a few branchless operations on the bits do
 * it.
 */
#ifndef LRNCORE_STORAGE_H
#define LRNCORE_STORAGE_H

#include "prefetch.h"
#include "simd.h"

/* How buffers spell `real`, and the other byte order before a type */
#if defined(LRN_DOUBLE)
#define READS_HALVES 0
#else
#define READS_HALVES 1
#endif
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define OTHER_ORDER '<'
#else
#define OTHER_ORDER '>'
#endif

/* ---- lines of `real` --------------------------------------------------------------------------------------------- */

INLINE real real_of(const real *from)
{
    real a;
    memcpy(&a, from, sizeof a); /* need not be aligned even to a real */
    return a;
}

INLINE void set_real(real *to, real a)
{
    memcpy(to, &a, sizeof a);
}

/* Copies an element, its bytes in the other order if they are swapped. */
INLINE void copy_element(char *to, const char *from, size_t size, int swapped)
{
    char bytes[sizeof(double)];
    memcpy(bytes, from, size);
    if (swapped)
        for (size_t i = 0; i < size / 2; i++) {
            char other = bytes[i];
            bytes[i] = bytes[size - 1 - i];
            bytes[size - 1 - i] = other;
        }
    memcpy(to, bytes, size);
}

/* ---- lines of halves --------------------------------------------------------------------------------------------- */

/* How arrays hold their elements */
enum { REALS, FLOAT16, BFLOAT16 };

/* Lines on their way between an array and scratch */
typedef struct {
    char *array;             /* the first line there, */
    ptrdiff_t apart;         /* and bytes from one to the next */
    real *scratch;           /* the same in scratch, */
    ptrdiff_t pitch;         /* in elements */
    real *squares;           /* where squares of what comes go, or NULL, */
    ptrdiff_t squares_pitch; /* and elements from line to line of those */
    ptrdiff_t length;        /* of a line */
    ptrdiff_t count;         /* lines */
} Passage;

#if READS_HALVES

#if defined(LRN_VECTORS)
typedef uint16_t hvec __attribute__((vector_size(VECTOR_BYTES / 2)));
#if defined(LRN_NEON) /* gcc takes a convertvector lane by lane */
INLINE ivec widen(hvec h) { return (ivec)vmovl_u16((uint16x4_t)h); }
INLINE hvec narrow(ivec b) { return (hvec)vmovn_u32((uint32x4_t)b); }
#else
INLINE ivec widen(hvec h) { return __builtin_convertvector(h, ivec); }
INLINE hvec narrow(ivec b) { return __builtin_convertvector(b, hvec); }
#endif
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

INLINE vec from_bfloat16(hvec halves)
{
#if defined(HAS_WORD_PERMUTE)
    /* word i becomes the upper half of lane i */
    static const bits_t uppers[16] __attribute__((aligned(64))) = {
        0x00000, 0x10000, 0x20000, 0x30000, 0x40000, 0x50000, 0x60000, 0x70000,
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
INLINE hvec to_bfloat16(vec v)
{
    ivec b = as_bits(v), rounded = b + splat_bits(0x7fff) + ((b >> 16) & splat_bits(1));
#if defined(HAS_WORD_PERMUTE)
    /* the upper halves, words 1, 3, 5, ..., in the lower half of the vector */
    static const bits_t odd[16] __attribute__((aligned(64))) = {0x30001,  0x70005,  0xb0009,  0xf000d,
                                                                0x130011, 0x170015, 0x1b0019, 0x1f001d};
    ivec order = *(const ivec *)odd;
    return (hvec)X86_TO_HALF(X86_ANY(permutexvar_epi16)((x86_bits)order, (x86_bits)rounded));
#elif defined(HAS_PACK_4X64)
    __m256i upper = (__m256i)(rounded >> 16);
    return (hvec)_mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi32(upper, upper), 8));
#else
    return narrow(rounded >> 16);
#endif
}

#if defined(HAS_F16C)
INLINE vec from_float16(hvec halves) { return (vec)X86_ANY(cvtph_ps)((x86_half)halves); }
INLINE hvec to_float16(vec v) { return (hvec)X86_ANY(cvtps_ph)(v, _MM_FROUND_TO_NEAREST_INT); }
#elif defined(LRN_NEON)
INLINE vec from_float16(hvec halves) { return (vec)vcvt_f32_f16((float16x4_t)halves); }
INLINE hvec to_float16(vec v) { return (hvec)vcvt_f16_f32((float32x4_t)v); }
#else
/* Multiplying by 2^112 corrects the exponent bias and normalizes subnormals. */
INLINE vec from_float16(hvec halves)
{
    ivec h = widen(halves), magnitude = (h & splat_bits(0x7fff)) << 13;
    ivec value = as_bits(from_bits(magnitude) * splat(REAL(0x1p112)));
    ivec infinite = less(splat_bits(0x0f7fffff), magnitude) & splat_bits(0x7f800000);
    return from_bits(value | infinite | (h & splat_bits(0x8000)) << 16);
}

INLINE hvec to_float16(vec v)
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

INLINE vec from_halves(hvec halves, int form) { return form == FLOAT16 ? from_float16(halves) : from_bfloat16(halves); }
INLINE hvec to_halves(vec v, int form) { return form == FLOAT16 ? to_float16(v) : to_bfloat16(v); }

INLINE vec load_halves(const uint16_t *from, ptrdiff_t count, int form)
{
    hvec halves;
    if (count == LANES) {
        memcpy(&halves, from, sizeof halves);
    } else {
#if defined(HAS_MASK_REGISTERS)
        halves = (hvec)X86_HALF(maskz_loadu_epi16)(TAIL_MASK(count), from);
#else
        uint16_t lanes[LANES] = {0};
        for (ptrdiff_t i = 0; i < LANES && i < count; i++)
            memcpy(lanes + i, from + i, sizeof *from);
        memcpy(&halves, lanes, sizeof halves);
#endif
    }
    return from_halves(halves, form);
}

INLINE void store_halves(uint16_t *to, vec v, ptrdiff_t count, int form)
{
    hvec halves = to_halves(v, form);
    if (count == LANES) {
        memcpy(to, &halves, sizeof halves);
    } else {
#if defined(HAS_MASK_REGISTERS)
        X86_HALF(mask_storeu_epi16)(to, TAIL_MASK(count), (x86_half)halves);
#else
        uint16_t lanes[LANES];
        memcpy(lanes, &halves, sizeof halves);
        for (ptrdiff_t i = 0; i < LANES && i < count; i++)
            memcpy(to + i, lanes + i, sizeof *to);
#endif
    }
}

/* A line of halves comes, with its squares if those have a place; its last vector overlaps the one before. */
INLINE void widen_vector(real *to, real *squares, const uint16_t *from, int form)
{
    vec v = load_halves(from, LANES, form);
    store(to, v);
    if (squares)
        store(squares, v * v);
}

INLINE void widen_line(real *to, real *squares, const uint16_t *from, ptrdiff_t length, ptrdiff_t ahead, int form)
{
    ptrdiff_t i, last = length - LANES;
    if (length < LANES) {
        vec v = load_halves(from, length, form);
        store_part(to, v, length);
        if (squares)
            store_part(squares, v * v, length);
        return;
    }
    for (i = 0; i < last; i += LANES) {
        if (ahead)
            prefetch((const char *)(from + i) + ahead);
        widen_vector(to + i, squares ? squares + i : squares, from + i, form);
    }
    widen_vector(to + last, squares ? squares + last : squares, from + last, form);
}

/* It leaves. */
INLINE void narrow_line(uint16_t *to, const real *from, ptrdiff_t length, ptrdiff_t ahead, int form)
{
    ptrdiff_t i, last = length - LANES;
    if (length < LANES) {
        store_halves(to, load_part(from, length), length, form);
        return;
    }
    for (i = 0; i < last; i += LANES) {
        if (ahead)
            prefetch((const char *)(to + i) + ahead);
        store_halves(to + i, load(from + i), LANES, form);
    }
    store_halves(to + last, load(from + last), LANES, form);
}

INLINE void widen_any(real *to, real *squares, const char *from, ptrdiff_t length, ptrdiff_t ahead, int form)
{
    if (form == FLOAT16)
        widen_line(to, squares, (const uint16_t *)from, length, ahead, FLOAT16);
    else
        widen_line(to, squares, (const uint16_t *)from, length, ahead, BFLOAT16);
}

INLINE void narrow_any(char *to, const real *from, ptrdiff_t length, ptrdiff_t ahead, int form)
{
    if (form == FLOAT16)
        narrow_line((uint16_t *)to, from, length, ahead, FLOAT16);
    else
        narrow_line((uint16_t *)to, from, length, ahead, BFLOAT16);
}

/* One line; what lies `ahead` bytes on is prefetched. */
OUT_OF_LINE void widen_row(real *to, const char *from, ptrdiff_t length, ptrdiff_t ahead, int form)
{
    widen_any(to, NULL, from, length, ahead, form);
}

OUT_OF_LINE void narrow_row(char *to, const real *from, ptrdiff_t length, ptrdiff_t ahead, int form)
{
    narrow_any(to, from, length, ahead, form);
}

/* Some */
OUT_OF_LINE void widen_lines(const Passage *way, ptrdiff_t ahead, int form)
{
    const char *from = way->array;
    real *to = way->scratch, *squares = way->squares;
    ptrdiff_t length = way->length;
    for (ptrdiff_t line = 0; line < way->count; line++) {
        if (squares)
            widen_any(to, squares + line * way->squares_pitch, from, length, ahead, form);
        else
            widen_any(to, NULL, from, length, ahead, form);
        from += way->apart;
        to += way->pitch;
    }
}

OUT_OF_LINE void narrow_lines(const Passage *way, ptrdiff_t ahead, int form)
{
    const real *from = way->scratch;
    char *to = way->array;
    ptrdiff_t length = way->length;
    for (ptrdiff_t line = 0; line < way->count; line++) {
        narrow_any(to, from, length, ahead, form);
        from += way->pitch;
        to += way->apart;
    }
}

#else

INLINE void widen_row(real *to, const char *from, ptrdiff_t length, ptrdiff_t ahead, int form)
{
    (void)to, (void)from, (void)length, (void)ahead, (void)form;
}

INLINE void narrow_row(char *to, const real *from, ptrdiff_t length, ptrdiff_t ahead, int form)
{
    (void)to, (void)from, (void)length, (void)ahead, (void)form;
}

INLINE void widen_lines(const Passage *way, ptrdiff_t ahead, int form) { (void)way, (void)ahead, (void)form; }
INLINE void narrow_lines(const Passage *way, ptrdiff_t ahead, int form) { (void)way, (void)ahead, (void)form; }

#endif

#endif
