/* The processor's features, OpenMP's thread count and the compiler, behind names that always exist. */
#ifndef LRNCORE_PLATFORM_H
#define LRNCORE_PLATFORM_H

#if defined(_OPENMP)
#include <omp.h>
static int openmp_version(void) { return _OPENMP; }
static int openmp_max_threads(void) { return omp_get_max_threads(); }
#else
static int openmp_version(void) { return 0; }
static int openmp_max_threads(void) { return 1; }
#endif

/* The processors this process may run on, or 0 where the system does not tell. */
#if defined(__linux__)
#include <errno.h>
#include <sched.h>
static int usable_by_affinity(void)
{
    cpu_set_t few, *many;
    int count = 0, failed = 1;
    if (sched_getaffinity(0, sizeof few, &few) == 0)
        return CPU_COUNT(&few);
    for (int most = 8 * CPU_SETSIZE; failed && errno == EINVAL && most <= 1 << 22; most *= 8) {
        if (!(many = CPU_ALLOC(most)))
            return 0;
        failed = sched_getaffinity(0, CPU_ALLOC_SIZE(most), many);
        if (!failed)
            count = CPU_COUNT_S(CPU_ALLOC_SIZE(most), many);
        CPU_FREE(many);
    }
    return count;
}
#else
static int usable_by_affinity(void) { return 0; }
#endif

/* setup.py passes the flags of all instruction sets as JSON. */
#if !defined(LRN_FLAGS)
#define LRN_FLAGS ""
#endif
#if defined(__clang__)
#define LRN_COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define LRN_COMPILER "gcc " __VERSION__
#else
#define LRN_COMPILER ""
#endif

/* Can the processor run what builds.py's flags allow the compiler to use? One branch for each instruction set;
 * __builtin_cpu_supports also tells whether the operating system saves the registers. */
#include <string.h>
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#include <cpuid.h>
static int supports_avx2(void)
{
    __builtin_cpu_init();
    unsigned a, b, c = 0, d;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __get_cpuid(1, &a, &b, &c, &d)
           && (c & bit_F16C) != 0;
}
static int supports_isa(const char *isa)
{
    if (strcmp(isa, "avx512") == 0)
        return supports_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
               && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (strcmp(isa, "avx2") == 0)
        return supports_avx2();
    return strcmp(isa, "baseline") == 0;
}
#else
static int supports_isa(const char *isa) { return strcmp(isa, "baseline") == 0; }
#endif

#endif
