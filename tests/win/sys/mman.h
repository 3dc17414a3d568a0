/* SPDX-License-Identifier: MIT */
/* Anonymous pages and their protection: guard pages are all that tests want of it. */
#ifndef LUTRA_TESTS_WIN_SYS_MMAN_H
#define LUTRA_TESTS_WIN_SYS_MMAN_H

#include <stddef.h>

#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_PRIVATE 2
#define MAP_ANONYMOUS 32
#define MAP_FAILED ((void *)-1)

void *lutra_win_mmap(void *at, size_t n, int prot, int flags, int fd, long long offset);
int lutra_win_mprotect(void *at, size_t n, int prot);
int lutra_win_munmap(void *at, size_t n);

#define mmap lutra_win_mmap
#define mprotect lutra_win_mprotect
#define munmap lutra_win_munmap

#endif
