// What Swift cannot import from glibc: macros, unions and functions behind _GNU_SOURCE.
#pragma once
//
// No system header is included here: its types would then belong to this module in Swift's eyes, and not to
// Glibc.
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC.
int cnet_accept(int listener);

/// Lets a listening socket drop requests for connections (SYN) from now on; those whose handshake has begun
/// still come to be accepted. setsockopt(2) of SO_ATTACH_FILTER; not every kernel has it.
int cnet_drop_connection_requests(int listener);

/// socket(2), a TCP socket of `family` with SOCK_NONBLOCK | SOCK_CLOEXEC.
int cnet_tcp_socket(int family);

/// epoll_create1(2) and eventfd(2), closed on exec, the second not blocking.
int cnet_epoll_create(void);
int cnet_eventfd_create(void);
/// Makes the eventfd readable; makes it unreadable again.
void cnet_eventfd_signal(int descriptor);
void cnet_eventfd_drain(int descriptor);

/// timerfd_create(2) on the monotonic clock, not blocking, closed on exec.
int cnet_alarm_create(void);
/// Makes the alarm readable at a time of that clock (not 0), and not before: timerfd_settime(2).
int cnet_alarm_set(int descriptor, uint64_t nanoseconds);

/// What can happen to a descriptor; the values are those of epoll(7).
enum {
    CNET_READABLE = 0x001,
    CNET_WRITABLE = 0x004,
    CNET_ERROR = 0x008,
    CNET_HANG_UP = 0x010,
    CNET_PEER_HANG_UP = 0x2000,
};

// The kernel packs struct epoll_event on x86-64 alone.
#if defined(__x86_64__)
#define CNET_EVENT_LAYOUT __attribute__((packed))
#else
#define CNET_EVENT_LAYOUT
#endif

/// struct epoll_event, with the data as the 64 bits that were registered.
typedef struct CNET_EVENT_LAYOUT cnet_event {
    uint32_t events;
    uint64_t data;
} cnet_event;

/// epoll_wait(2), for as long as it takes.
int cnet_epoll_wait(int epoll, cnet_event *events, int count);

/// epoll_ctl(2), one edge-triggered registration for the descriptor's life.
int cnet_epoll_add(int epoll, int descriptor, uint64_t data);

/// Keeps memory that is freed, whatever its size, for what is allocated next.
void cnet_keep_memory(void);
/// Gives back what a resting program does not need, and keeps no more: freed memory of the heap, the part of
/// the first thread's stack below the caller, and the pages of the program's text, which the kernel maps
/// again from the file where they are used.
void cnet_give_back_memory(void);
/// Gives back whole pages of an allocation that goes on: their content is lost, and zero when it is read
/// next.
void cnet_give_back_pages(void *begin, size_t count);

/// A write that nobody reads, or to a file that is as large as it may be, fails with an error: SIGPIPE and
/// SIGXFSZ are ignored.
void cnet_survive_writes(void);

/// `cnet_survive_writes`, and `signals` (a list of `count`) blocked and readable from the returned
/// signalfd(2).
int cnet_signal_descriptor(const int *signals, int count);
/// Blocks `signals` alone: they wait until somebody reads them, or until they are let go again.
int cnet_hold_signals(const int *signals, int count);
int cnet_let_signals_go(const int *signals, int count);
/// Memory that is freed goes back to the kernel: without this glibc learns from one large body to keep them
/// all, and gives each thread that resolves a name a heap of its own.
void cnet_return_memory(void);
/// Reads one signal number, 0 when there is none.
int cnet_read_signal(int descriptor);

/// No core dumps (prctl PR_SET_DUMPABLE, RLIMIT_CORE 0): memory holds access tokens.
int cnet_forbid_core_dumps(void);

/// From here on a crash (SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGBUS, SIGSEGV) first writes one line to standard
/// error: `before`, the time, `between`, the signal and the instruction's address, `after`; each text at most
/// 1024 bytes. Then the program dies as it would have. Returns 0, or -1 where that cannot be.
int cnet_report_crash(const char *before, const char *between, const char *after);

/// The process's arguments, NULL at the end, as the kernel gave them. Swift's own CommandLine reads them from
/// /proc, which an empty root has not.
char *_Nullable *_Nonnull cnet_arguments(void);

/// Gives every job of Swift's tasks that belongs to no executor to `take`, instead of to the global pool and
/// its threads: by swift_task_enqueueGlobal_hook, which the runtime has for that. To be called before the
/// first task starts.
void cnet_take_jobs(void (*take)(void *job));

/// Starts a detached thread with a small stack. Returns 0 or an errno.
int cnet_start_thread(void (*body)(void *), void *argument);

#pragma clang assume_nonnull end
