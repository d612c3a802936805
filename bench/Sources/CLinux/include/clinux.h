// What Swift cannot say of Linux's interface.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#pragma clang assume_nonnull begin

/// Adds, changes (`modify`) the events of a descriptor, which comes back as `data`. Returns 0, or errno.
int clinux_epoll_watch(int epoll, int descriptor, uint32_t events, uint64_t data, bool modify);

/// Waits until events come or `nanoseconds` have passed; below 0: for ever. Fills `events` and `data`.
/// Returns how many there are, or -errno.
int clinux_epoll_wait(int epoll, uint32_t *events, uint64_t *data, int count, int64_t nanoseconds);

/// Lets timers of the calling thread fire when they are due, and not up to 50 microseconds later as is usual. Processes
/// that it starts would inherit that, so it is for the time of a load alone.
void clinux_exact_timers(bool exact);

/// Starts `path` in a process group of its own, with `arguments` and `environment` (each ends with NULL),
/// standard input from /dev/null, output and error to the given descriptors, and nothing else open.
/// `*started` is the monotonic time just before. Returns 0, or errno; the process is then in `*process`.
int clinux_spawn(const char *path, char *_Nullable const *arguments, char *_Nullable const *environment,
                 int output, int error, pid_t *process, uint64_t *started);

#pragma clang assume_nonnull end
