// Empty: only the flags of ompi-c.pc are wanted, and a system without Open MPI has no <mpi.h>.
