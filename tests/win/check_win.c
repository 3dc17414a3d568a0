/* SPDX-License-Identifier: MIT */
/* See check_win.h. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <ftw.h>
#include <string.h>
#include <sys/mman.h>

#undef sigaction

int lutra_win_sigaction(int number, const struct sigaction *new, struct sigaction *old)
{
    void (*was)(int) = signal(number, new ? new->sa_handler : SIG_DFL);
    if (!new) signal(number, was);
    if (old) old->sa_handler = was;
    return was == SIG_ERR ? -1 : 0;
}

char *lutra_win_mkdtemp(char *template)
{
    char *x = template + strlen(template) - 6;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(x, 7, "%06u", (unsigned)(GetCurrentProcessId() * 1000 + i) % 1000000);
        if (mkdir(template, 0700) == 0) return template;
        if (errno != EEXIST) return NULL;
    }
    return NULL;
}

int lutra_win_setenv(const char *name, const char *value, int replace)
{
    wchar_t *n = lutra_win_wide(name), *v = lutra_win_wide(value);
    int e = n && v && (replace || _wgetenv(n) == NULL) ? _wputenv_s(n, v) : 0;
    free(n);
    free(v);
    return e ? -1 : 0;
}

int lutra_win_unsetenv(const char *name)
{
    return lutra_win_setenv(name, "", 1);
}

long long lutra_win_pwrite(int fd, const void *src, size_t n, long long at)
{
    return _lseeki64(fd, at, SEEK_SET) < 0 ? -1 : _write(fd, src, (unsigned)n);
}

/* ---- pages ---- */

void *lutra_win_mmap(void *at, size_t n, int prot, int flags, int fd, long long offset)
{
    (void)at, (void)prot, (void)flags, (void)fd, (void)offset;
    void *p = lutra_win_pages(n);
    return p ? p : MAP_FAILED;
}

int lutra_win_mprotect(void *at, size_t n, int prot)
{
    DWORD old, now = prot == PROT_NONE ? PAGE_NOACCESS : prot == PROT_READ ? PAGE_READONLY : PAGE_READWRITE;
    return VirtualProtect(at, n, now, &old) ? 0 : -1;
}

int lutra_win_munmap(void *at, size_t n)
{
    (void)n;
    lutra_win_pages_free(at);
    return 0;
}

/* ---- folders ---- */

int lutra_win_nftw(const char *path, lutra_win_walk fn, int most_open, int flags)
{
    struct stat st;
    struct FTW walk = {0};
    if (lstat(path, &st)) return -1;
    DIR *dir = S_ISDIR(st.st_mode) ? opendir(path) : NULL;
    int e = 0;
    for (struct dirent *entry; dir && e == 0 && (entry = readdir(dir));) {
        char below[1024];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        e = lutra_win_nftw(below, fn, most_open, flags);
    }
    if (dir) closedir(dir);
    if (e == 0 && S_ISDIR(st.st_mode)) return rmdir(path);
    return e ? e : fn(path, &st, 0, &walk);
}

/* ---- text: no carriage returns in what the scripts read ---- */

__attribute__((constructor)) static void write_binary(void)
{
    for (int fd = 0; fd < 3; fd++) _setmode(fd, _O_BINARY);
}
