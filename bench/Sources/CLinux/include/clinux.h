// What Swift cannot say of Linux's interface.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#pragma clang assume_nonnull begin

/// What a descriptor is ready for; an error or the peer's end makes it ready for both.
enum { clinux_readable = 1, clinux_writable = 2 };

/// An epoll descriptor, or -errno.
int clinux_epoll_open(void);

/// Watches a descriptor for all its life, edge-triggered, for reading and writing; it comes back as `data`.
/// Returns 0, or errno.
int clinux_epoll_add(int epoll, int descriptor, uint64_t data);

/// Waits until something is ready or `nanoseconds` have passed. Fills `ready` and `data`, at most `count` of
/// them. Returns how many there are, or -errno.
int clinux_epoll_wait(int epoll, uint32_t *ready, uint64_t *data, int count, int64_t nanoseconds);

/// Lets timers of the calling thread fire when they are due, and not up to 50 microseconds later as is usual.
/// Processes that it starts would inherit that, so it is for the time of a load alone.
void clinux_exact_timers(bool exact);

/// Starts `path` in a process group of its own, with `arguments` and `environment` (each ends with NULL),
/// standard input from /dev/null, output and error to the given descriptors, and nothing else open.
/// `*started` is the monotonic time just before. Returns 0, or errno; the process is then in `*process`.
int clinux_spawn(const char *path, char *_Nullable const *_Nonnull arguments,
                 char *_Nullable const *_Nonnull environment, int output, int error, pid_t *process,
                 uint64_t *started);

/// Notes that a process was waited for, so that it is no longer ended with this one.
void clinux_forget(pid_t process);

/// From now on SIGINT, SIGTERM, SIGHUP and SIGPIPE ask the groups of all processes that were started to end,
/// and end this one.
void clinux_end_processes_on_signals(void);

#pragma clang assume_nonnull end
