/* A wall clock that jumps: preloaded, it adds the seconds that stand in the file CLOCK_FILE (eight bytes, as
   this machine writes a number) to what the machine says. Monotonic clocks go on as ever. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static int64_t jump(void) {
    static volatile int64_t *seconds;
    if (!seconds) {
        const char *path = getenv("CLOCK_FILE");
        int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void *page = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
        static int64_t none;
        seconds = page == MAP_FAILED ? &none : page;
    }
    return *seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += jump();
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec said;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &said)) return -1;
    now->tv_sec = said.tv_sec;
    now->tv_usec = said.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec said;
    clock_gettime(CLOCK_REALTIME, &said);
    if (now) *now = said.tv_sec;
    return said.tv_sec;
}
