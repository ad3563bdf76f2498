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

/* Likewise into the second-level cache, which leaves the first one's few misses at once to what is read now */
INLINE void prefetch_outer(const void *at)
{
#if defined(__GNUC__)
    __builtin_prefetch(at, 0, 2);
#else
    (void)at;
#endif
}

/* Into the second-level cache if `outer` */
INLINE void prefetch_into(const void *at, int outer)
{
    if (outer)
        prefetch_outer(at);
    else
        prefetch(at);
}

/* The cache lines of `bytes` bytes */
INLINE void prefetch_bytes(const char *at, ptrdiff_t bytes)
{
    for (ptrdiff_t i = 0; i < bytes; i += 64)
        prefetch(at + i);
}

#endif
