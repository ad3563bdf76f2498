/* Cache lines that are fetched before they are needed. */
#ifndef LRNCORE_PREFETCH_H
#define LRNCORE_PREFETCH_H

#include "simd.h"

/* Prefetches the cache line at `at`, which need not be readable. */
INLINE void prefetch(const void *at)
{
#if defined(__GNUC__)
    __builtin_prefetch(at);
#else
    (void)at;
#endif
}

/* Reads a byte of each cache line, so that the processor sees an order to prefetch in. */
INLINE void touch(const void *at, ptrdiff_t bytes)
{
    for (ptrdiff_t i = 0; i < bytes; i += 64)
        (void)((const volatile char *)at)[i];
}

/* The cache lines of `bytes` bytes */
INLINE void prefetch_bytes(const char *at, ptrdiff_t bytes)
{
    for (ptrdiff_t i = 0; i < bytes; i += 64)
        prefetch(at + i);
}

#endif
