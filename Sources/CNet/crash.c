#define _GNU_SOURCE
#include "cnet.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

// Everything here is made before the crash; the handler itself calls only what may be called in one
// (signal-safety(7)).
enum { PART_BYTES_MAX = 1024, STACK_BYTES = 32768 };

static struct part {
    char bytes[PART_BYTES_MAX];
    size_t length;
} parts[3];

static char stack[STACK_BYTES];

static const struct {
    int number;
    const char *name;
} signals[] = {{SIGILL, "SIGILL"}, {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"},
               {SIGFPE, "SIGFPE"}, {SIGBUS, "SIGBUS"},   {SIGSEGV, "SIGSEGV"}};
enum { SIGNAL_COUNT = sizeof signals / sizeof *signals };

struct line {
    char bytes[3 * PART_BYTES_MAX + 128];
    size_t length;
};

static void add(struct line *line, const char *bytes, size_t length) {
    memcpy(line->bytes + line->length, bytes, length);
    line->length += length;
}

static void add_decimal(struct line *line, unsigned long value, int digits) {
    char text[20];
    for (int i = digits - 1; i >= 0; i--, value /= 10) text[i] = (char)('0' + value % 10);
    add(line, text, (size_t)digits);
}

static void add_hexadecimal(struct line *line, unsigned long value) {
    char text[16];
    int at = 16;
    do text[--at] = "0123456789abcdef"[value & 15];
    while ((value >>= 4) != 0);
    add(line, text + at, (size_t)(16 - at));
}

// RFC 3339, UTC, microseconds. The date from the days since 1970 in the proleptic Gregorian calendar, counted
// in years that begin in March, so that the leap day is the last of its year.
static void add_time(struct line *line) {
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_REALTIME, &now);
    unsigned long seconds = (unsigned long)now.tv_sec, days = seconds / 86400 + 719468,
                  rest = seconds % 86400;
    unsigned long era = days / 146097, day_of_era = days % 146097;
    unsigned long year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned long day = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned long shifted = (5 * day + 2) / 153, month = shifted < 10 ? shifted + 3 : shifted - 9;
    add_decimal(line, era * 400 + year_of_era + (month <= 2), 4);
    add(line, "-", 1);
    add_decimal(line, month, 2);
    add(line, "-", 1);
    add_decimal(line, day - (153 * shifted + 2) / 5 + 1, 2);
    add(line, "T", 1);
    add_decimal(line, rest / 3600, 2);
    add(line, ":", 1);
    add_decimal(line, rest / 60 % 60, 2);
    add(line, ":", 1);
    add_decimal(line, rest % 60, 2);
    add(line, ".", 1);
    add_decimal(line, (unsigned long)now.tv_nsec / 1000, 6);
    add(line, "Z", 1);
}

static unsigned long instruction(void *context) {
#if defined(__x86_64__)
    return (unsigned long)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (unsigned long)((ucontext_t *)context)->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

static void crashed(int number, siginfo_t *info, void *context) {
    (void)info;
    struct line line = {.length = 0};
    add(&line, parts[0].bytes, parts[0].length);
    add_time(&line);
    add(&line, parts[1].bytes, parts[1].length);
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        if (signals[i].number == number) add(&line, signals[i].name, strlen(signals[i].name));
    }
    add(&line, " at 0x", 6);
    add_hexadecimal(&line, instruction(context));
    add(&line, parts[2].bytes, parts[2].length);
    // A pipe that nobody reads must not keep a dead program alive.
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT))
        (void)!write(STDERR_FILENO, line.bytes, line.length);
    // Held until this returns, and then with the default effect: the status is that of the crash.
    raise(number);
}

int cnet_report_crash(const char *before, const char *between, const char *after) {
    const char *texts[3] = {before, between, after};
    for (int i = 0; i < 3; i++) {
        parts[i].length = strlen(texts[i]);
        if (parts[i].length > PART_BYTES_MAX) return -1;
        memcpy(parts[i].bytes, texts[i], parts[i].length);
    }
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    if (sigaltstack(&alternative, NULL) != 0) return -1;
    struct sigaction action = {.sa_sigaction = crashed, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        if (sigaction(signals[i].number, &action, NULL) != 0) return -1;
    }
    return 0;
}
