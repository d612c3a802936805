// What Swift cannot import from glibc: macros, unions and functions behind _GNU_SOURCE.
#pragma once
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

#pragma clang assume_nonnull begin

/// accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC.
int cnet_accept(int listener);

/// socket(2), a TCP socket of `family` with SOCK_NONBLOCK | SOCK_CLOEXEC.
int cnet_tcp_socket(int family);

/// epoll_create1(2) and eventfd(2), closed on exec, the second not blocking.
int cnet_epoll_create(void);
int cnet_eventfd_create(void);
/// Makes the eventfd readable; makes it unreadable again.
void cnet_eventfd_signal(int descriptor);
void cnet_eventfd_drain(int descriptor);

/// The 64 bits that epoll hands back with an event.
static inline uint64_t cnet_epoll_data(const struct epoll_event *event) { return event->data.u64; }
static inline uint32_t cnet_epoll_events(const struct epoll_event *event) { return event->events; }

/// epoll_ctl(2), one edge-triggered registration for the descriptor's life.
int cnet_epoll_add(int epoll, int descriptor, uint64_t data);

/// SIGPIPE ignored; `signals` (a list of `count`) blocked and readable from the returned signalfd(2).
int cnet_signal_descriptor(const int *signals, int count);
/// Reads one signal number, 0 when there is none.
int cnet_read_signal(int descriptor);

/// No core dumps (prctl PR_SET_DUMPABLE, RLIMIT_CORE 0): memory holds access tokens.
int cnet_forbid_core_dumps(void);

/// The calling thread's id, to tell the loop's own thread from others.
int cnet_thread_id(void);

/// Starts a detached thread with a small stack. Returns 0 or an errno.
int cnet_start_thread(void (*body)(void *), void *argument);

/// memmem(3).
const void *_Nullable cnet_find(const void *haystack, size_t length, const void *needle, size_t needle_length);

#pragma clang assume_nonnull end
