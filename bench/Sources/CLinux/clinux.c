#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

int clinux_epoll_watch(int epoll, int descriptor, uint32_t events, uint64_t data, bool modify) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epoll, modify ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : errno;
}

int clinux_epoll_wait(int epoll, uint32_t *events, uint64_t *data, int count, int64_t nanoseconds) {
    enum { most = 256 };
    struct epoll_event found[most];
    struct timespec timeout = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    int ready =
        epoll_pwait2(epoll, found, count < most ? count : most, nanoseconds < 0 ? NULL : &timeout, NULL);
    if (ready < 0) {
        return errno == EINTR ? 0 : -errno;
    }
    for (int index = 0; index < ready; index++) {
        events[index] = found[index].events;
        data[index] = found[index].data.u64;
    }
    return ready;
}

void clinux_exact_timers(bool exact) { (void)prctl(PR_SET_TIMERSLACK, exact ? 1UL : 0UL); }

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
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}
