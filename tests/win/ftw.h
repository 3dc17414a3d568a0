/* SPDX-License-Identifier: MIT */
/* Walking a folder, what it holds before itself. */
#ifndef LUTRA_TESTS_WIN_FTW_H
#define LUTRA_TESTS_WIN_FTW_H

#include <sys/stat.h>

struct FTW {
    int base, level;
};
#define FTW_DEPTH 1
#define FTW_PHYS 2

typedef int (*lutra_win_walk)(const char *path, const struct stat *st, int kind, struct FTW *walk);
int lutra_win_nftw(const char *path, lutra_win_walk fn, int most_open, int flags);
#define nftw lutra_win_nftw

#endif
