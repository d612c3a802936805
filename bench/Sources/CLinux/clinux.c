#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

int clinux_epoll_open(void) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    return epoll >= 0 ? epoll : -errno;
}

int clinux_epoll_add(int epoll, int descriptor, uint64_t data) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = data};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : errno;
}

static uint32_t ready_for(uint32_t events) {
    uint32_t both = events & (EPOLLERR | EPOLLHUP);
    uint32_t readable = both | (events & (EPOLLIN | EPOLLRDHUP)) ? clinux_readable : 0;
    return readable | (both | (events & EPOLLOUT) ? clinux_writable : 0);
}

int clinux_epoll_wait(int epoll, uint32_t *ready, uint64_t *data, int count, int64_t nanoseconds) {
    enum { most = 256 };
    struct epoll_event found[most];
    struct timespec timeout = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    int number = epoll_pwait2(epoll, found, count < most ? count : most, &timeout, NULL);
    if (number < 0) {
        return errno == EINTR ? 0 : -errno;
    }
    for (int index = 0; index < number; index++) {
        ready[index] = ready_for(found[index].events);
        data[index] = found[index].data.u64;
    }
    return number;
}

void clinux_exact_timers(bool exact) { (void)prctl(PR_SET_TIMERSLACK, exact ? 1UL : 0UL); }

enum { processes_most = 64 };
static volatile pid_t processes[processes_most];

static void note(pid_t process) {
    for (int index = 0; index < processes_most; index++) {
        if (processes[index] == 0) {
            processes[index] = process;
            return;
        }
    }
}

void clinux_forget(pid_t process) {
    for (int index = 0; index < processes_most; index++) {
        if (processes[index] == process) {
            processes[index] = 0;
        }
    }
}

static void signal_processes(int number) {
    for (int index = 0; index < processes_most; index++) {
        if (processes[index] != 0) {
            (void)kill(-processes[index], number);
        }
    }
}

static void end_processes(int number) {
    signal_processes(SIGTERM);
    signal_processes(SIGCONT);
    // Who does not end by itself in a while is ended.
    struct timespec pause = {.tv_sec = 2};
    (void)nanosleep(&pause, NULL);
    signal_processes(SIGKILL);
    _exit(128 + number);
}

// A mistake of ours: nothing is to live on, and then the program ends as it would have.
static void end_processes_at_once(int number) {
    signal_processes(SIGKILL);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

void clinux_end_processes_on_signals(void) {
    struct sigaction action = {.sa_handler = end_processes};
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    (void)sigaction(SIGPIPE, &action, NULL);
    action.sa_handler = end_processes_at_once;
    (void)sigaction(SIGILL, &action, NULL);
    (void)sigaction(SIGTRAP, &action, NULL);
    (void)sigaction(SIGABRT, &action, NULL);
    (void)sigaction(SIGSEGV, &action, NULL);
}

static uint64_t now(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int output,
                   int error) {
    int failed = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    failed = failed != 0 ? failed : posix_spawn_file_actions_adddup2(actions, output, 1);
    failed = failed != 0 ? failed : posix_spawn_file_actions_adddup2(actions, error, 2);
    failed = failed != 0 ? failed : posix_spawn_file_actions_addclosefrom_np(actions, 3);
    failed = failed != 0 ? failed : posix_spawnattr_setpgroup(attributes, 0);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    failed = failed != 0 ? failed : posix_spawnattr_setsigmask(attributes, &none);
    failed = failed != 0 ? failed : posix_spawnattr_setsigdefault(attributes, &all);
    short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    return failed != 0 ? failed : posix_spawnattr_setflags(attributes, flags);
}

int clinux_spawn(const char *path, char *const *arguments, char *const *environment, int output, int error,
                 pid_t *process, uint64_t *started) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = prepare(&actions, &attributes, output, error);
        *started = now();
        failed =
            failed != 0 ? failed : posix_spawnp(process, path, &actions, &attributes, arguments, environment);
        if (failed == 0) {
            note(*process);
        }
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}
