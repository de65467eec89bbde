/* Records what a process writes to files whose path begins with CRASH_PATH, and when it syncs them, in CRASH_LOG.

   A record is: operation (1 byte: W write, T truncate, S sync, U unlink), length of the path (2 bytes), offset or size
   (8 bytes), length of the data (4 bytes), path, data; little-endian. A lock makes the order of the records that of the
   operations. A sync is recorded and not done: what counts as being on the disk is decided when the log is read. With
   CRASH_DROP_SYNC=1 syncs are not recorded either, as on a disk that lies. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int log_file = -1, drops;
static const char *watched;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CRASH_LOG");
    watched = getenv("CRASH_PATH");
    drops = getenv("CRASH_DROP_SYNC") != NULL;
    if (path && watched) log_file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int is_watched(int fd, char *path) {
    char link[64];
    if (log_file < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, watched, strlen(watched)) == 0;
}

static void note(char operation, const char *path, int64_t offset, const void *data, uint32_t length) {
    uint16_t path_length = strlen(path);
    size_t size = 15 + path_length + length;
    char *record = malloc(size);
    record[0] = operation;
    memcpy(record + 1, &path_length, 2);
    memcpy(record + 3, &offset, 8);
    memcpy(record + 11, &length, 4);
    memcpy(record + 15, path, path_length);
    if (length) memcpy(record + 15 + path_length, data, length);
    static ssize_t (*real_write)(int, const void *, size_t);
    if (!real_write) real_write = dlsym(RTLD_NEXT, "write");
    if (real_write(log_file, record, size) != (ssize_t)size) abort();
    free(record);
}

static ssize_t written(const char *name, int fd, const void *data, size_t length, off64_t offset) {
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, name);
    char path[PATH_MAX];
    if (!is_watched(fd, path)) return real(fd, data, length, offset);
    pthread_mutex_lock(&turn);
    ssize_t done = real(fd, data, length, offset);
    if (done > 0) note('W', path, offset, data, done);
    pthread_mutex_unlock(&turn);
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return written("pwrite64", fd, data, length, offset); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return written("pwrite", fd, data, length, offset); }

ssize_t write(int fd, const void *data, size_t length) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    char path[PATH_MAX];
    if (fd == log_file || !is_watched(fd, path)) return real(fd, data, length);
    pthread_mutex_lock(&turn);
    off64_t offset = lseek64(fd, 0, SEEK_CUR);
    ssize_t done = real(fd, data, length);
    if (done > 0) note('W', path, offset, data, done);
    pthread_mutex_unlock(&turn);
    return done;
}

static int truncated(const char *name, int fd, off64_t size) {
    int (*real)(int, off64_t) = dlsym(RTLD_NEXT, name);
    char path[PATH_MAX];
    if (!is_watched(fd, path)) return real(fd, size);
    pthread_mutex_lock(&turn);
    int done = real(fd, size);
    if (done == 0) note('T', path, size, NULL, 0);
    pthread_mutex_unlock(&turn);
    return done;
}

int ftruncate64(int fd, off64_t size) { return truncated("ftruncate64", fd, size); }
int ftruncate(int fd, off_t size) { return truncated("ftruncate", fd, size); }

static int synced(const char *name, int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, name);
    char path[PATH_MAX];
    if (!is_watched(fd, path)) return real(fd);
    pthread_mutex_lock(&turn);
    if (!drops) note('S', path, 0, NULL, 0);
    pthread_mutex_unlock(&turn);
    return 0;
}

int fsync(int fd) { return synced("fsync", fd); }
int fdatasync(int fd) { return synced("fdatasync", fd); }

int unlink(const char *path) {
    static int (*real)(const char *);
    if (!real) real = dlsym(RTLD_NEXT, "unlink");
    if (log_file < 0 || strncmp(path, watched, strlen(watched)) != 0) return real(path);
    pthread_mutex_lock(&turn);
    int done = real(path);
    if (done == 0) note('U', path, 0, NULL, 0);
    pthread_mutex_unlock(&turn);
    return done;
}
