/* SPDX-License-Identifier: MIT */
/* UTF-8 and UTF-16, paths, dates. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <stdbool.h>
#include <string.h>

wchar_t *lutra_win_wide(const char *s)
{
    int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, s, -1, NULL, 0);
    if (n <= 0) {
        errno = EILSEQ;
        return NULL;
    }
    wchar_t *w = malloc((size_t)n * sizeof *w);
    if (w) MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, s, -1, w, n);
    return w;
}

char *lutra_win_utf8(const wchar_t *s)
{
    int n = WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, s, -1, NULL, 0, NULL, NULL);
    if (n <= 0) {
        errno = EILSEQ;
        return NULL;
    }
    char *u = malloc((size_t)n);
    if (u) WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, s, -1, u, n, NULL, NULL);
    return u;
}

/* The prefix turns off all rewriting of a path, its limit of 260 units too; so it must be absolute and
 * in its plain form already. What begins with two backslashes, as \\server\share, has its own. */
wchar_t *lutra_win_path(const char *path)
{
    enum { LONG_FROM = 240 }; /* folders have 12 units less than files */
    wchar_t *w = lutra_win_wide(path);
    if (w == NULL || wcslen(w) < LONG_FROM || wcsncmp(w, L"\\\\?\\", 4) == 0) return w;
    DWORD n = GetFullPathNameW(w, 0, NULL, NULL);
    wchar_t *full = n ? malloc(n * sizeof *full) : NULL, *all = NULL;
    if (full && GetFullPathNameW(w, n, full, NULL) < n) all = malloc((n + 8) * sizeof *all);
    if (all) {
        bool share = wcsncmp(full, L"\\\\", 2) == 0;
        wcscpy(all, share ? L"\\\\?\\UNC" : L"\\\\?\\");
        wcscat(all, share ? full + 1 : full);
    } else {
        errno = ENOMEM;
    }
    free(full);
    free(w);
    return all;
}

struct tm *lutra_win_gmtime_r(const time_t *t, struct tm *dst)
{
    return _gmtime64_s(dst, t) == 0 ? dst : NULL;
}

struct tm *lutra_win_localtime_r(const time_t *t, struct tm *dst)
{
    return _localtime64_s(dst, t) == 0 ? dst : NULL;
}

char *lutra_win_strndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy = malloc(len + 1);
    if (copy == NULL) return NULL;
    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

long lutra_win_getline(char **line, size_t *cap, FILE *f)
{
    size_t n = 0;
    for (int c; (c = getc(f)) != EOF;) {
        if (n + 2 > *cap) {
            size_t more = *cap ? 2 * *cap : 256;
            char *p = realloc(*line, more);
            if (p == NULL) return -1;
            *line = p;
            *cap = more;
        }
        (*line)[n++] = (char)c;
        (*line)[n] = '\0';
        if (c == '\n') break;
    }
    return n > 0 ? (long)n : -1;
}
