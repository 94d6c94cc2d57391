#ifndef CMPISHIM_H
#define CMPISHIM_H

// What Frostline needs of MPI, as functions of plain integers and pointers that `Ranks` finds with dlsym: the program itself
// is not linked to MPI. All are called on one thread. None waits, except frostline_mpi_start and frostline_mpi_finalize.
// Where an int is returned and nothing else is said, it is MPI's error code: 0 where all is well.

/// 1, or 0 where this was built without MPI: then none of the functions below are there.
int frostline_mpi_is_there(void);

/// MPI_Init_thread(MPI_THREAD_FUNNELED). Errors are returned from then on.
int frostline_mpi_start(int *rank, int *count);
int frostline_mpi_finalize(void);

/// MPI_Get_processor_name, cut to `size` bytes with the final 0.
int frostline_mpi_host(char *text, int size);
/// MPI's words for an error code, cut to `size` bytes with the final 0.
void frostline_mpi_error(int code, char *text, int size);

/// Begin an operation. `request` is for frostline_mpi_test.
int frostline_mpi_separate_messages(void **request);
int frostline_mpi_sum_floats(float *values, int count, void **request);
int frostline_mpi_sum_doubles(double *values, int count, void **request);
int frostline_mpi_broadcast(void *bytes, int count, void **request);
int frostline_mpi_gather(const void *bytes, int count, void *all, void **request);
int frostline_mpi_gather_varying(
    const void *bytes, int count, void *all, const int *counts, const int *places, void **request);
int frostline_mpi_barrier(void **request);
/// Messages have a communicator of their own, once frostline_mpi_separate_messages is complete.
int frostline_mpi_send(const void *bytes, int count, int rank, int tag, void **request);
int frostline_mpi_receive(void *bytes, int size, void **request);

/// Whether an operation is complete; then, or where an error is returned, `request` is no more. `source`, `tag` and `count`
/// are those of a message that was received.
int frostline_mpi_test(void *request, int *done, int *source, int *tag, int *count);
/// Gives up a receive.
void frostline_mpi_cancel(void *request);

#endif
