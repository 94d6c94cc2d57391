#pragma once
#include <cblas.h>

// Ends the threads that OpenBLAS starts when it is loaded, which would handle signals. A serial build has none.
int blas_thread_shutdown_(void) __attribute__((weak));
static inline void frostline_end_blas_threads(void) {
    if (blas_thread_shutdown_) blas_thread_shutdown_();
}

// What the processor that this is compiled for can do, which Swift cannot ask: floats in its widest vector, and
// whether it multiplies and adds in one rounding (otherwise that would be a function call for each number).
#if defined(__AVX512F__)
#define FROSTLINE_VECTOR_FLOATS 16
#else
#define FROSTLINE_VECTOR_FLOATS 8
#endif
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FROSTLINE_FUSED 1
#else
#define FROSTLINE_FUSED 0
#endif
