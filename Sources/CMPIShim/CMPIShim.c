#define _GNU_SOURCE
#include "CMPIShim.h"

#if __has_include(<mpi.h>)
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static MPI_Comm messages = MPI_COMM_NULL;

int frostline_mpi_is_there(void) { return 1; }

int frostline_mpi_start(int *rank, int *count) {
    // The thread that calls this polls with sleeps of some ten microseconds, to which the system adds fifty by default.
    prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
    // Open MPI's own choice for sums in place sends whole buffers up and down a tree; around a ring each rank sends and
    // receives little more than one buffer, whatever their number, and each part is summed in one order.
    setenv("OMPI_MCA_coll_libnbc_iallreduce_algorithm", "1", 0);
    int level = 0;
    int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
    if (code != MPI_SUCCESS) return code;
    if (level < MPI_THREAD_FUNNELED) return MPI_ERR_OTHER;
    if ((code = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN)) != MPI_SUCCESS) return code;
    if ((code = MPI_Comm_rank(MPI_COMM_WORLD, rank)) != MPI_SUCCESS) return code;
    return MPI_Comm_size(MPI_COMM_WORLD, count);
}

int frostline_mpi_finalize(void) { return MPI_Finalize(); }

static void put(const char *from, char *text, int size) {
    if (size > 0) snprintf(text, (size_t)size, "%s", from);
}

int frostline_mpi_host(char *text, int size) {
    char name[MPI_MAX_PROCESSOR_NAME + 1] = "";
    int length = 0;
    int code = MPI_Get_processor_name(name, &length);
    put(name, text, size);
    return code;
}

void frostline_mpi_error(int code, char *text, int size) {
    char words[MPI_MAX_ERROR_STRING + 1] = "";
    int length = 0;
    if (MPI_Error_string(code, words, &length) != MPI_SUCCESS) snprintf(words, sizeof words, "error %d", code);
    put(words, text, size);
}

// Calls MPI with room for its request, which `frostline_mpi_test` frees.
#define BEGIN(call) \
    MPI_Request *handle = malloc(sizeof *handle); \
    if (handle == NULL) return MPI_ERR_NO_MEM; \
    int code = call; \
    if (code != MPI_SUCCESS) free(handle); \
    *request = code == MPI_SUCCESS ? handle : NULL; \
    return code

int frostline_mpi_separate_messages(void **request) { BEGIN(MPI_Comm_idup(MPI_COMM_WORLD, &messages, handle)); }

int frostline_mpi_sum_floats(float *values, int count, void **request) {
    BEGIN(MPI_Iallreduce(MPI_IN_PLACE, values, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, handle));
}

int frostline_mpi_sum_doubles(double *values, int count, void **request) {
    BEGIN(MPI_Iallreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD, handle));
}

int frostline_mpi_broadcast(void *bytes, int count, void **request) {
    BEGIN(MPI_Ibcast(bytes, count, MPI_BYTE, 0, MPI_COMM_WORLD, handle));
}

int frostline_mpi_gather(const void *bytes, int count, void *all, void **request) {
    BEGIN(MPI_Iallgather(bytes, count, MPI_BYTE, all, count, MPI_BYTE, MPI_COMM_WORLD, handle));
}

int frostline_mpi_gather_varying(
    const void *bytes, int count, void *all, const int *counts, const int *places, void **request) {
    BEGIN(MPI_Iallgatherv(bytes, count, MPI_BYTE, all, counts, places, MPI_BYTE, MPI_COMM_WORLD, handle));
}

int frostline_mpi_barrier(void **request) { BEGIN(MPI_Ibarrier(MPI_COMM_WORLD, handle)); }

int frostline_mpi_send(const void *bytes, int count, int rank, int tag, void **request) {
    BEGIN(MPI_Isend(bytes, count, MPI_BYTE, rank, tag, messages, handle));
}

int frostline_mpi_receive(void *bytes, int size, void **request) {
    BEGIN(MPI_Irecv(bytes, size, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, messages, handle));
}

int frostline_mpi_test(void *request, int *done, int *source, int *tag, int *count) {
    MPI_Status status;
    *done = 0;
    int code = MPI_Test(request, done, &status);
    if (code != MPI_SUCCESS || *done) free(request);
    if (code != MPI_SUCCESS || !*done) return code;
    *source = status.MPI_SOURCE;
    *tag = status.MPI_TAG;
    return MPI_Get_count(&status, MPI_BYTE, count);
}

void frostline_mpi_cancel(void *request) {
    MPI_Request *handle = request;
    if (MPI_Cancel(handle) == MPI_SUCCESS) MPI_Request_free(handle);
    free(handle);
}
#else
int frostline_mpi_is_there(void) { return 0; }
#endif
