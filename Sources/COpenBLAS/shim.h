#pragma once
#include <cblas.h>

// Ends the threads that OpenBLAS starts when it is loaded, which would handle signals. A serial build has none.
int blas_thread_shutdown_(void) __attribute__((weak));
static inline void frostline_end_blas_threads(void) {
    if (blas_thread_shutdown_) blas_thread_shutdown_();
}

// Of the processor that this runs on: 2 with AVX-512 as in x86-64-v4, 1 with AVX2 and FMA as in x86-64-v3, else 0.
static inline int frostline_instruction_set(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd") ? 2 : 1;
#else
    return 0;
#endif
}
