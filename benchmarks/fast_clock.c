// A process whose clocks run faster, by LD_PRELOAD: what its timers wait for comes as much earlier.
//
// FAST_CLOCK says how many of its seconds pass in one. Clocks of the processor's time stay as they are. libfaketime does
// the same, but knows neither sem_clockwait (locks of Python 3.11 and later) nor pthread_cond_clockwait (C++).

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>

#define NS 1000000000LL
#define NUM_CLOCKS 8
#define NEXT(name) __typeof__(name) *real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int (*real_gettime)(clockid_t, struct timespec *);
static double speedup = 1;
static int64_t bases[NUM_CLOCKS];

static int64_t to_ns(const struct timespec *t) { return t->tv_sec * NS + t->tv_nsec; }

static struct timespec from_ns(int64_t ns) {
  struct timespec t = {ns / NS, ns % NS};
  if (t.tv_nsec < 0) t.tv_sec--, t.tv_nsec += NS;
  return t;
}

static int is_sped_up(clockid_t clock) {
  return clock >= 0 && clock < NUM_CLOCKS && clock != CLOCK_PROCESS_CPUTIME_ID &&
         clock != CLOCK_THREAD_CPUTIME_ID;
}

__attribute__((constructor)) static void begin(void) {
  if (real_gettime) return;
  const char *given = getenv("FAST_CLOCK");
  if (given) speedup = atof(given);
  if (!(speedup > 0)) abort();
  *(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  for (clockid_t clock = 0; clock < NUM_CLOCKS; clock++) {
    struct timespec now;
    if (is_sped_up(clock) && real_gettime(clock, &now) == 0) bases[clock] = to_ns(&now);
  }
}

int clock_gettime(clockid_t clock, struct timespec *found) {
  begin();
  int status = real_gettime(clock, found);
  if (status == 0 && is_sped_up(clock)) {
    int64_t base = bases[clock];
    *found = from_ns(base + (int64_t)((to_ns(found) - base) * speedup));
  }
  return status;
}

// When a deadline of the fast clock comes, by the real one.
static struct timespec real_deadline(clockid_t clock, const struct timespec *deadline) {
  begin();
  if (!is_sped_up(clock)) return *deadline;
  int64_t base = bases[clock];
  return from_ns(base + (int64_t)((to_ns(deadline) - base) / speedup));
}

static struct timespec real_span(const struct timespec *span) {
  begin();
  return from_ns((int64_t)(to_ns(span) / speedup));
}

// Rounded up: a wait that is over before its deadline would be begun again and again.
static int real_ms(int ms) {
  begin();
  return ms <= 0 ? ms : (int)((ms + speedup - 1) / speedup);
}

int gettimeofday(struct timeval *restrict found, void *restrict zone) {
  (void)zone;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  found->tv_sec = now.tv_sec;
  found->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *found) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (found) *found = now.tv_sec;
  return now.tv_sec;
}

int nanosleep(const struct timespec *span, struct timespec *left) {
  NEXT(nanosleep);
  struct timespec wait = real_span(span);
  int status = real(&wait, left);
  if (status && left) *left = from_ns((int64_t)(to_ns(left) * speedup));
  return status;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *span, struct timespec *left) {
  NEXT(clock_nanosleep);
  struct timespec wait = flags & TIMER_ABSTIME ? real_deadline(clock, span) : real_span(span);
  int status = real(clock, flags, &wait, left);
  if (status && left && !(flags & TIMER_ABSTIME)) *left = from_ns((int64_t)(to_ns(left) * speedup));
  return status;
}

int poll(struct pollfd *files, nfds_t num, int ms) {
  NEXT(poll);
  return real(files, num, real_ms(ms));
}

int ppoll(struct pollfd *files, nfds_t num, const struct timespec *span, const sigset_t *mask) {
  NEXT(ppoll);
  struct timespec wait;
  if (span) wait = real_span(span);
  return real(files, num, span ? &wait : NULL, mask);
}

int select(int num, fd_set *r, fd_set *w, fd_set *x, struct timeval *span) {
  NEXT(select);
  struct timeval wait;
  if (span) {
    struct timespec given = {span->tv_sec, span->tv_usec * 1000};
    struct timespec made = real_span(&given);
    wait = (struct timeval){made.tv_sec, (made.tv_nsec + 999) / 1000};
  }
  return real(num, r, w, x, span ? &wait : NULL);
}

int epoll_wait(int file, struct epoll_event *events, int most, int ms) {
  NEXT(epoll_wait);
  return real(file, events, most, real_ms(ms));
}

int epoll_pwait(int file, struct epoll_event *events, int most, int ms, const sigset_t *mask) {
  NEXT(epoll_pwait);
  return real(file, events, most, real_ms(ms), mask);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict deadline) {
  NEXT(sem_timedwait);
  struct timespec wait = real_deadline(CLOCK_REALTIME, deadline);
  return real(semaphore, &wait);
}

int sem_clockwait(sem_t *restrict semaphore, clockid_t clock,
                  const struct timespec *restrict deadline) {
  NEXT(sem_clockwait);
  struct timespec wait = real_deadline(clock, deadline);
  return real(semaphore, clock, &wait);
}

int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           clockid_t clock, const struct timespec *restrict deadline) {
  NEXT(pthread_cond_clockwait);
  struct timespec wait = real_deadline(clock, deadline);
  return real(condition, mutex, clock, &wait);
}

// A condition does not tell its clock, but a deadline is near on that one and decades away on the other.
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict deadline) {
  static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
  // An older version of the function has another layout of conditions.
  if (!real) *(void **)&real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  begin();
  int64_t at = to_ns(deadline);
  int is_real = llabs(at - bases[CLOCK_REALTIME]) < llabs(at - bases[CLOCK_MONOTONIC]);
  struct timespec wait = real_deadline(is_real ? CLOCK_REALTIME : CLOCK_MONOTONIC, deadline);
  return real(condition, mutex, &wait);
}
