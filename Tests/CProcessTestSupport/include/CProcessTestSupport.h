#ifndef CPROCESSTESTSUPPORT_H
#define CPROCESSTESTSUPPORT_H

#include <spawn.h>

// Actions of glibc that its Swift module leaves out: they are behind _DEFAULT_SOURCE.

/// The program starts with no descriptor from this one on; 0, or an error number.
int spawn_close_from(posix_spawn_file_actions_t *actions, int first);

/// The program starts in this folder; 0, or an error number.
int spawn_change_folder(posix_spawn_file_actions_t *actions, const char *folder);

#endif
