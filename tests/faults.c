/* SPDX-License-Identifier: MIT */
/* The wrapped calls of tests/faults.h. */
#include "tests/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int armed;
static atomic_long left;
static atomic_bool lasting_too, fired;
static atomic_long blocks, mapped, files;

void faults_arm(enum fault kind, long k, bool lasting)
{
    atomic_store(&left, k);
    atomic_store(&lasting_too, lasting);
    atomic_store(&fired, false);
    atomic_store(&armed, kind);
}

bool faults_disarm(void)
{
    atomic_store(&armed, FAULT_NONE);
    return atomic_load(&fired);
}

struct faults_held faults_held(void)
{
    return (struct faults_held){atomic_load(&blocks), atomic_load(&mapped), atomic_load(&files)};
}

/* Is it this call's turn to fail? */
static bool fails(enum fault kind)
{
    if (atomic_load(&armed) != (int)kind) return false;
    long n = atomic_fetch_sub(&left, 1);
    if (n > 1 || (n < 1 && !atomic_load(&lasting_too))) return false;
    atomic_store(&fired, true);
    return true;
}

static bool fails_with(enum fault kind, int code)
{
    if (!fails(kind)) return false;
    errno = code;
    return true;
}

/* ---- memory ---- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void __real_free(void *p);
void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t from);
int __real_munmap(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
void __wrap_free(void *p);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t from);
int __wrap_munmap(void *p, size_t n);

static void *counted(void *p)
{
    if (p) atomic_fetch_add(&blocks, 1);
    return p;
}

void *__wrap_malloc(size_t n)
{
    return fails_with(FAULT_MEMORY, ENOMEM) ? NULL : counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails_with(FAULT_MEMORY, ENOMEM) ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
    if (fails_with(FAULT_MEMORY, ENOMEM)) return NULL;
    void *q = __real_realloc(p, n);
    if (p == NULL) counted(q);
    return q;
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
    return fails_with(FAULT_MEMORY, ENOMEM) ? NULL : counted(__real_aligned_alloc(align, n));
}

void __wrap_free(void *p)
{
    if (p) atomic_fetch_sub(&blocks, 1);
    __real_free(p);
}

void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t from)
{
    if (fails_with(FAULT_MEMORY, ENOMEM)) return MAP_FAILED;
    void *p = __real_mmap(at, n, prot, flags, fd, from);
    if (p != MAP_FAILED) atomic_fetch_add(&mapped, (long)n);
    return p;
}

int __wrap_munmap(void *p, size_t n)
{
    atomic_fetch_sub(&mapped, (long)n);
    return __real_munmap(p, n);
}

/* ---- threads ---- */

int __real_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int __real_pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr);
int __real_pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr);
int __real_pthread_attr_init(pthread_attr_t *attr);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int __wrap_pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr);
int __wrap_pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr);
int __wrap_pthread_attr_init(pthread_attr_t *attr);

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    return fails(FAULT_THREAD) ? EAGAIN : __real_pthread_create(t, attr, fn, arg);
}

int __wrap_pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
    return fails(FAULT_THREAD) ? EAGAIN : __real_pthread_mutex_init(m, attr);
}

int __wrap_pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr)
{
    return fails(FAULT_THREAD) ? EAGAIN : __real_pthread_cond_init(c, attr);
}

int __wrap_pthread_attr_init(pthread_attr_t *attr)
{
    return fails(FAULT_THREAD) ? ENOMEM : __real_pthread_attr_init(attr);
}

/* ---- files ---- */

int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
ssize_t __real_read(int fd, void *p, size_t n);
ssize_t __real_pread(int fd, void *p, size_t n, off_t at);
ssize_t __real_write(int fd, const void *p, size_t n);
int __real_fsync(int fd);
int __real_fstat(int fd, struct stat *st);
int __real_rename(const char *from, const char *to);
FILE *__real_fopen(const char *path, const char *mode);
int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);
ssize_t __wrap_read(int fd, void *p, size_t n);
ssize_t __wrap_pread(int fd, void *p, size_t n, off_t at);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_fsync(int fd);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_rename(const char *from, const char *to);
FILE *__wrap_fopen(const char *path, const char *mode);

int __wrap_open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    if (fails_with(writes ? FAULT_WRITE : FAULT_READ, writes ? ENOSPC : EIO)) return -1;
    int fd = __real_open(path, flags, mode);
    if (fd >= 0) atomic_fetch_add(&files, 1);
    return fd;
}

/* The file is closed even if closing reports an error, as Linux does it. */
int __wrap_close(int fd)
{
    atomic_fetch_sub(&files, 1);
    int code = __real_close(fd);
    return fails_with(FAULT_WRITE, EIO) ? -1 : code;
}

ssize_t __wrap_read(int fd, void *p, size_t n)
{
    return fails_with(FAULT_READ, EIO) ? -1 : __real_read(fd, p, n);
}

ssize_t __wrap_pread(int fd, void *p, size_t n, off_t at)
{
    return fails_with(FAULT_READ, EIO) ? -1 : __real_pread(fd, p, n, at);
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    if (fails_with(FAULT_WRITE, ENOSPC)) return -1;
    if (atomic_load(&armed) != FAULT_SHORT || n < 2) return __real_write(fd, p, n);
    return fails_with(FAULT_SHORT, ENOSPC) ? -1 : __real_write(fd, p, n / 2);
}

int __wrap_fsync(int fd)
{
    return fails_with(FAULT_WRITE, EIO) ? -1 : __real_fsync(fd);
}

int __wrap_fstat(int fd, struct stat *st)
{
    return fails_with(FAULT_READ, EIO) ? -1 : __real_fstat(fd, st);
}

int __wrap_rename(const char *from, const char *to)
{
    return fails_with(FAULT_WRITE, EIO) ? -1 : __real_rename(from, to);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    return fails_with(FAULT_READ, EIO) ? NULL : __real_fopen(path, mode);
}
