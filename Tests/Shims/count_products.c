// Preloaded, counts the multiply-adds that go through cblas_sgemm into the file that COUNT_PRODUCTS names, eight bytes. The
// file is mapped, so that a program that ends by _exit has written it too.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef void sgemm_function(
    int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static sgemm_function *original;
static uint64_t *count;

static void open_count(void) {
    original = (sgemm_function *)dlsym(RTLD_NEXT, "cblas_sgemm");
    const char *path = getenv("COUNT_PRODUCTS");
    int file = path ? open(path, O_RDWR | O_CREAT, 0644) : -1;
    if (file < 0 || ftruncate(file, 8) != 0) return;
    void *memory = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory != MAP_FAILED) count = memory;
    close(file);
}

void cblas_sgemm(
    int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
    const float *b, int ldb, float beta, float *c, int ldc) {
    pthread_once(&once, open_count);
    if (count) __atomic_fetch_add(count, (uint64_t)m * n * k, __ATOMIC_RELAXED);
    original(order, transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
