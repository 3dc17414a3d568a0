/* SPDX-License-Identifier: MIT */
/* The calls of POSIX that this source uses and Windows lacks, under their POSIX names. The Makefile
 * includes this first into every file of a Windows build, so that the other files need no #if.
 *
 * Paths and names are UTF-8, and longer than MAX_PATH if need be; files are opened in binary and not
 * inherited; sizes have 64 bits. Each call sets errno as its namesake does. */
#ifndef LUTRA_KERNELS_WIN_POSIX_H
#define LUTRA_KERNELS_WIN_POSIX_H

#define _CRT_RAND_S
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

/* ---- files ---- */

#define O_CLOEXEC O_NOINHERIT
#define O_NONBLOCK 0 /* opening never waits here */
#define O_NOCTTY 0
#define O_DIRECTORY 0 /* a folder cannot be opened; only syncing one asks for it */
#undef S_IFLNK
#define S_IFLNK 0xA000
#define S_ISSOCK(mode) 0

struct lutra_win_stat {
    uint64_t st_dev, st_ino, st_size;
    mode_t st_mode;
    struct timespec st_mtim;
};

int lutra_win_open(const char *path, int flags, ...);
int lutra_win_stat(const char *path, struct lutra_win_stat *st);
int lutra_win_lstat(const char *path, struct lutra_win_stat *st); /* a link itself: S_IFLNK */
int lutra_win_fstat(int fd, struct lutra_win_stat *st);
int64_t lutra_win_pread(int fd, void *dst, size_t n, int64_t at);
int lutra_win_rename(const char *from, const char *to); /* replaces `to` in one step */
int lutra_win_unlink(const char *path);
int lutra_win_mkdir(const char *path, int mode);
int lutra_win_rmdir(const char *path);
int lutra_win_access(const char *path, int mode);
FILE *lutra_win_fopen(const char *path, const char *mode);
FILE *lutra_win_tmpfile(void);

#undef stat
#undef fstat
#define open lutra_win_open
#define stat lutra_win_stat
#define lstat lutra_win_lstat
#define fstat lutra_win_fstat
#define pread lutra_win_pread
#define rename lutra_win_rename
#define unlink lutra_win_unlink
#define remove lutra_win_unlink
#define mkdir lutra_win_mkdir
#define rmdir lutra_win_rmdir
#define access lutra_win_access
#define fopen lutra_win_fopen
#define tmpfile lutra_win_tmpfile
#define fsync _commit

/* ---- folders ---- */

struct lutra_win_dirent {
    char d_name[1024]; /* 255 units of UTF-16 need at most 765 bytes */
};
struct lutra_win_dir;

struct lutra_win_dir *lutra_win_opendir(const char *path);
struct lutra_win_dirent *lutra_win_readdir(struct lutra_win_dir *dir);
int lutra_win_closedir(struct lutra_win_dir *dir);

#define DIR struct lutra_win_dir
#define dirent lutra_win_dirent
#define opendir lutra_win_opendir
#define readdir lutra_win_readdir
#define closedir lutra_win_closedir

/* ---- text ---- */

/* UTF-8 to UTF-16 and back, in memory of malloc; NULL with errno EILSEQ or ENOMEM. */
wchar_t *lutra_win_wide(const char *s);
char *lutra_win_utf8(const wchar_t *s);

/* The same for a path: made absolute and given the prefix \\?\ where it is long. */
wchar_t *lutra_win_path(const char *path);

/* errno from GetLastError() */
void lutra_win_set_errno(void);

char *lutra_win_strndup(const char *s, size_t n);
long lutra_win_getline(char **line, size_t *cap, FILE *f);
#define strndup lutra_win_strndup
#define getline lutra_win_getline

struct tm *lutra_win_gmtime_r(const time_t *t, struct tm *dst);
struct tm *lutra_win_localtime_r(const time_t *t, struct tm *dst);
#undef gmtime_r
#undef localtime_r
#define gmtime_r lutra_win_gmtime_r
#define localtime_r lutra_win_localtime_r

/* ---- memory and processors ---- */

void *lutra_win_aligned_alloc(size_t align, size_t n); /* give back with lutra_win_aligned_free */
void lutra_win_aligned_free(void *p);
void *lutra_win_pages(size_t bytes); /* zeroed; NULL: none */
void lutra_win_pages_free(void *p);

#define _SC_PAGESIZE 30
#define _SC_CLK_TCK 2
long lutra_win_sysconf(int name); /* those two */
#define sysconf lutra_win_sysconf

/* Of cpus[n] the first of each performance core, in place; returns their count, at least 1. */
int lutra_win_keep_cores(int *cpus, int n);

/* ---- signals: none come to a thread here, so there is none to block ---- */

#define sigset_t _sigset_t

static inline int lutra_win_no_signals(sigset_t *set)
{
    if (set) *set = 0;
    return 0;
}

#undef pthread_sigmask
#define sigdelset(set, number) ((void)(number), lutra_win_no_signals(set))
#define SIGBUS SIGSEGV
#define SIGTRAP SIGILL
#define sigfillset(set) lutra_win_no_signals(set)
#define pthread_sigmask(how, set, old) lutra_win_no_signals(old)

#endif
