/* Preloaded into every program of a database host: makes the disk slow, full or broken for one program and some paths.
   /var/lib/gemel-campaign/disk has one line: PROGRAM PATH-PART flush|write MILLISECONDS|EIO|ENOSPC; no file, no fault. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *rule_file = "/var/lib/gemel-campaign/disk";
static char own_name[64];

/* Kept at the start: PostgreSQL writes its titles over the memory that program_invocation_short_name points into. */
__attribute__((constructor)) static void begin(void) {
  snprintf(own_name, sizeof own_name, "%s", program_invocation_short_name);
  const char *other = getenv("GEMEL_BAD_DISK_RULE"); /* for tests of this library */
  if (other != NULL) rule_file = other;
}

/* 0: go on; otherwise the errno to fail with. Sleeps here when the rule is a delay. */
static int consult(int descriptor, const char *call) {
  struct stat present;
  if (stat(rule_file, &present) != 0) return 0;
  char text[256] = "", program[64], part[128], what[16], action[32], link[64], path[PATH_MAX] = "";
  int file = open(rule_file, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t length = syscall(SYS_read, file, text, sizeof text - 1);
  close(file);
  if (length <= 0 || sscanf(text, "%63s %127s %15s %31s", program, part, what, action) != 4) return 0;
  if (strcmp(program, own_name) != 0 || strcmp(what, call) != 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  if (readlink(link, path, sizeof path - 1) <= 0 || strstr(path, part) == NULL) return 0;
  if (strcmp(action, "EIO") == 0) return EIO;
  if (strcmp(action, "ENOSPC") == 0) return ENOSPC;
  /* In steps, so that healing ends a long stall. */
  for (long left = atol(action); left > 0 && stat(rule_file, &present) == 0; left -= 50) {
    const struct timespec rest = {0, 50000000};
    nanosleep(&rest, NULL);
  }
  return 0;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define HOOK(type, name, call, parameters, ...)  \
  type name parameters {                         \
    int problem = consult(descriptor, call);     \
    if (problem != 0) {                          \
      errno = problem;                           \
      return -1;                                 \
    }                                            \
    static __typeof__(&name) next;               \
    if (next == NULL) next = NEXT(name);         \
    return next(__VA_ARGS__);                    \
  }

HOOK(int, fsync, "flush", (int descriptor), descriptor)
HOOK(int, fdatasync, "flush", (int descriptor), descriptor)
HOOK(ssize_t, write, "write", (int descriptor, const void *data, size_t size), descriptor, data, size)
HOOK(ssize_t, pwrite, "write", (int descriptor, const void *data, size_t size, off_t at), descriptor, data, size, at)
HOOK(ssize_t, pwrite64, "write", (int descriptor, const void *data, size_t size, off64_t at), descriptor, data, size, at)
HOOK(ssize_t, writev, "write", (int descriptor, const struct iovec *data, int count), descriptor, data, count)
HOOK(ssize_t, pwritev, "write", (int descriptor, const struct iovec *data, int count, off_t at), descriptor, data, count, at)
HOOK(ssize_t, pwritev64, "write", (int descriptor, const struct iovec *data, int count, off64_t at), descriptor, data, count,
     at)

/* posix_fallocate answers with the number itself. */
int posix_fallocate(int descriptor, off_t from, off_t length) {
  int problem = consult(descriptor, "write");
  if (problem != 0) return problem;
  static __typeof__(&posix_fallocate) next;
  if (next == NULL) next = NEXT(posix_fallocate);
  return next(descriptor, from, length);
}
