#define _GNU_SOURCE
#include "cnet.h"

#include <errno.h>
#include <link.h>
#include <linux/filter.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

int cnet_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

int cnet_drop_connection_requests(int listener) {
    enum { FLAGS = 13, SYN = 0x02 }; // Offset in the TCP header, and the bit (RFC 9293 section 3.1).
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    return setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int cnet_tcp_socket(int family) {
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}

int cnet_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int cnet_eventfd_create(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

// Both can fail only when the counter is full or empty already, and then there is nothing to do.
void cnet_eventfd_signal(int descriptor) { (void)!eventfd_write(descriptor, 1); }

void cnet_eventfd_drain(int descriptor) {
    eventfd_t value;
    (void)!eventfd_read(descriptor, &value);
}

int cnet_alarm_create(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC); }

int cnet_alarm_set(int descriptor, uint64_t nanoseconds) {
    enum { SECOND = 1000000000 };
    struct itimerspec time = {
        .it_value = {.tv_sec = (time_t)(nanoseconds / SECOND), .tv_nsec = (long)(nanoseconds % SECOND)}};
    return timerfd_settime(descriptor, TFD_TIMER_ABSTIME, &time, NULL);
}

_Static_assert(sizeof(cnet_event) == sizeof(struct epoll_event), "cnet_event is not the kernel's");
_Static_assert(offsetof(cnet_event, data) == offsetof(struct epoll_event, data),
               "cnet_event is not the kernel's");
_Static_assert(CNET_READABLE == EPOLLIN && CNET_WRITABLE == EPOLLOUT && CNET_ERROR == EPOLLERR &&
                   CNET_HANG_UP == EPOLLHUP && CNET_PEER_HANG_UP == EPOLLRDHUP,
               "an event's value is not the kernel's");

int cnet_epoll_wait(int epoll, cnet_event *events, int count) {
    return epoll_wait(epoll, (struct epoll_event *)events, count, -1);
}

int cnet_epoll_add(int epoll, int descriptor, uint64_t data) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u64 = data}};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

static sigset_t set_of(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    return set;
}

void cnet_survive_writes(void) {
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

int cnet_signal_descriptor(const int *signals, int count) {
    sigset_t set = set_of(signals, count);
    cnet_survive_writes();
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int cnet_hold_signals(const int *signals, int count) {
    sigset_t set = set_of(signals, count);
    return sigprocmask(SIG_BLOCK, &set, NULL);
}

int cnet_let_signals_go(const int *signals, int count) {
    sigset_t set = set_of(signals, count);
    return sigprocmask(SIG_UNBLOCK, &set, NULL);
}

// What glibc starts from it changes as it sees what is freed; once set, the thresholds are ours.
static void return_memory_from(int mapped, int trimmed) {
    mallopt(M_MMAP_THRESHOLD, mapped);
    mallopt(M_TRIM_THRESHOLD, trimmed);
}

void cnet_return_memory(void) {
    return_memory_from(256 << 10, 1 << 20);
    mallopt(M_ARENA_MAX, 1);
}

// 32 MiB is the most that glibc takes from its heap, and twice the largest body.
void cnet_keep_memory(void) { return_memory_from(32 << 20, 256 << 20); }

int cnet_read_signal(int descriptor) {
    struct signalfd_siginfo info;
    ssize_t count = read(descriptor, &info, sizeof info);
    return count == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

int cnet_forbid_core_dumps(void) {
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0) return -1;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

struct cnet_thread_start {
    void (*body)(void *);
    void *argument;
};

static void *cnet_thread_main(void *raw) {
    struct cnet_thread_start start = *(struct cnet_thread_start *)raw;
    free(raw);
    start.body(start.argument);
    return NULL;
}

int cnet_start_thread(void (*body)(void *), void *argument) {
    struct cnet_thread_start *start = malloc(sizeof *start);
    if (start == NULL) return ENOMEM;
    *start = (struct cnet_thread_start){body, argument};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, cnet_thread_main, start);
    pthread_attr_destroy(&attributes);
    if (error != 0) free(start);
    return error;
}

// Of the program's own image, the part that is only read and executed: nothing of it is lost when it is
// unmapped, since the kernel maps it again from the file where it is touched.
static int forget_text(struct dl_phdr_info *image, size_t size, void *unused) {
    (void)size, (void)unused;
    for (int index = 0; index < image->dlpi_phnum; index++) {
        const ElfW(Phdr) *header = &image->dlpi_phdr[index];
        if (header->p_type != PT_LOAD || (header->p_flags & PF_W) != 0 || (header->p_flags & PF_X) == 0)
            continue;
        uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
        uintptr_t begin = (image->dlpi_addr + header->p_vaddr) & ~(page - 1);
        uintptr_t end = image->dlpi_addr + header->p_vaddr + header->p_filesz;
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
    }
    return 1; // The first image is the program.
}

// What lies below the frame at hand is nobody's: the start went down deeper than anything since. A page is
// left for the calls to come, and what is below the stack's own pages is not mapped, which the kernel passes
// over. That is so for the first thread alone: below the stack of another one lies what is not ours.
static void forget_stack(void) {
    enum { DEPTH = 128 << 10 };
    if (syscall(SYS_gettid) != getpid()) return;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t end = ((uintptr_t)__builtin_frame_address(0) & ~(page - 1)) - page;
    (void)madvise((void *)(end - DEPTH), DEPTH, MADV_DONTNEED);
}

void cnet_give_back_pages(void *begin, size_t count) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)begin + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)begin + count) & ~(page - 1);
    if (from < to) (void)madvise((void *)from, to - from, MADV_DONTNEED);
}

void cnet_give_back_memory(void) {
    return_memory_from(256 << 10, 1 << 20);
    (void)malloc_trim(0);
    forget_stack();
    (void)dl_iterate_phdr(forget_text, NULL);
}

static char **cnet_argv;

// glibc hands a constructor what main() gets. Without /proc the Swift runtime asks where it is installed, and
// aborts when nothing answers; a static program needs no answer but some, before the runtime's own
// constructors ask (101 is the first priority that is not the system's).
__attribute__((constructor(101))) static void cnet_start(int argc, char **argv) {
    (void)argc;
    cnet_argv = argv;
    setenv("SWIFT_ROOT", "/", 0);
}

char **cnet_arguments(void) { return cnet_argv; }

// As Swift's runtime declares them: the hook gets the job and the function that it stands in for.
typedef __attribute__((swiftcall)) void cnet_enqueue(void *job);
extern __attribute__((swiftcall)) void (*swift_task_enqueueGlobal_hook)(void *job, cnet_enqueue *pool);

static void (*take_job)(void *job);

static __attribute__((swiftcall)) void take_instead(void *job, cnet_enqueue *pool) {
    (void)pool;
    take_job(job);
}

void cnet_take_jobs(void (*take)(void *job)) {
    take_job = take;
    swift_task_enqueueGlobal_hook = take_instead;
}
