#pragma once
#include <cblas.h>
#include <sys/auxv.h>
#include <unistd.h>

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

// Of the processor, beside that: bit 0 AVX, bit 1 FMA4, bit 4 bfloat16 in AVX-512, bit 5 AMX and 16-bit floats in AVX-512.
static inline int frostline_blas_features(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return (__builtin_cpu_supports("avx") ? 1 << 0 : 0) | (__builtin_cpu_supports("fma4") ? 1 << 1 : 0)
        | (__builtin_cpu_supports("avx512bf16") ? 1 << 4 : 0)
        | (__builtin_cpu_supports("amx-bf16") && __builtin_cpu_supports("avx512fp16") ? 1 << 5 : 0);
#else
    return 0;
#endif
}

// Whether the system loaded the program itself, and not a dynamic linker that was given the program as its argument: then
// the process's executable is that linker, and its command line another one than the program sees.
static inline int frostline_is_own_executable(void) { return getauxval(AT_BASE) != 0; }

// Replaces the program by the one at `path`, with the variables that are set now; returns only where that fails.
extern char **environ;
static inline int frostline_replace_program(const char *path, char *const *arguments) {
    return execve(path, arguments, environ);
}
