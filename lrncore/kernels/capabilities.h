/* What each instruction set has. Code elsewhere asks for these names, never for a set or a width. */
#ifndef LRNCORE_CAPABILITIES_H
#define LRNCORE_CAPABILITIES_H

#if defined(__GNUC__) && !defined(LRN_SCALAR)
#define LRN_VECTORS 1
#endif
#if defined(LRN_VECTORS) && (defined(__x86_64__) || defined(__i386__))
#include <immintrin.h>
#define LRN_X86 1
#elif defined(LRN_VECTORS) && defined(__aarch64__)
#include <arm_neon.h>
#define LRN_NEON 1
#define HAS_BIT_SELECT 1  /* bits of two vectors, by a third */
#define HAS_ESTIMATES_8 1 /* of s^-1/2, to 8 bits */
#define TWO_AT_ONCE 1     /* short vectors, on processors that may not reorder: loops take two side by side */
#endif
#if !defined(TWO_AT_ONCE)
#define TWO_AT_ONCE 0
#endif

/* AVX-512 (F, BW, DQ and VL), in vectors of 64 bytes; LRN_WIDTH=256 makes them 32 */
#if defined(LRN_X86) && defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define WIDEST_BYTES 64
#define HAS_MASK_REGISTERS 1 /* loads and stores of the lanes in a mask, of any element */
#define HAS_ESTIMATES_14 1   /* of 1/s and s^-1/2, to 14 bits, for float and double */
#define HAS_MAX_BITS 1       /* the maximum of unsigned lanes */
#define MANY_REGISTERS 1     /* 32 vectors: loops keep what many turns pass on (straight_packed.pxi) */
#define GOES_DOWN 1          /* the forward takes columns of vectors straight (straight_planar.pxi) */
#define HAS_TERNARY_LOGIC 1  /* any function of three bits */
#define HAS_WORD_PERMUTE 1   /* any order of 16-bit words */
#define HAS_TABLES 1         /* lookup of all float lanes at once in a table of two registers, */
#define HAS_PERMUTE_2 1      /* in one instruction */
#if !defined(LRN_WIDTH) || !defined(LRN_DOUBLE) /* shifts by up to eight lanes */
#define HAS_LANE_SHIFTS 1    /* two vectors side by side, shifted by lanes: cheaper than a load across cache lines */
#endif

/* AVX2, in vectors of 32 bytes */
#elif defined(LRN_X86) && defined(__AVX2__)
#define WIDEST_BYTES 32
#if !defined(LRN_DOUBLE)     /* whose time is that of square roots and divisions */
#define GOES_DOWN 1          /* as above: 0.8 of the time beyond the caches and in place, 0.95 in cache */
#endif
#define HAS_MASK_VECTORS 1 /* loads and stores of the lanes whose sign is set in a vector, of `real` */
#define HAS_PACK_4X64 1    /* 32-bit lanes narrowed to words, and an order of 64-bit lanes */
#define HAS_TABLES 1       /* lookup of all float lanes at once in a table of two registers */

/* SSE2, NEON and plain C, in vectors of 16 bytes or of one lane */
#else
#define WIDEST_BYTES 16
#endif

#if !defined(MANY_REGISTERS)
#define MANY_REGISTERS 0
#endif
#if !defined(GOES_DOWN)
#define GOES_DOWN 0
#endif

/* Is it worth its bytes to have loops for some powers and windows alone? Not where processors are old, and not in
 * double precision, where the power takes most of the time. */
#if (WIDEST_BYTES > 16 || defined(LRN_NEON)) && !defined(LRN_DOUBLE)
#define SPECIALIZED 1
#else
#define SPECIALIZED 0
#endif

/* On top of a set: FMA (part of NEON) and F16C */
#if defined(LRN_NEON) || (defined(LRN_X86) && defined(__FMA__))
#define HAS_FUSED 1 /* a*b + c in one rounding */
#endif
#if defined(LRN_X86) && defined(__F16C__) && WIDEST_BYTES > 16
#define HAS_F16C 1 /* float16 to float and back */
#endif

#endif
