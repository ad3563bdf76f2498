/* The one parallel loop: body(shared, part) for each part. Without OpenMP it is serial. */
#ifndef LRNCORE_PARALLEL_H
#define LRNCORE_PARALLEL_H

static void in_parallel(void (*body)(const void *, int), const void *shared, int parts, int threads)
{
    if (parts == 1) {
        body(shared, 0);
        return;
    }
#if defined(_OPENMP)
#pragma omp parallel for num_threads(threads) schedule(static, 1)
#else
    (void)threads;
#endif
    for (int part = 0; part < parts; part++)
        body(shared, part);
}

#endif
