/* SPDX-License-Identifier: MIT */
/* Files and folders by UTF-8 names. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

/* ---- errors and times ---- */

void lutra_win_set_errno(void)
{
    static const struct {
        DWORD error;
        int number;
    } known[] = {
        {ERROR_FILE_NOT_FOUND, ENOENT},     {ERROR_PATH_NOT_FOUND, ENOENT},
        {ERROR_INVALID_NAME, ENOENT},       {ERROR_BAD_NETPATH, ENOENT},
        {ERROR_BAD_PATHNAME, ENOENT},       {ERROR_INVALID_DRIVE, ENOENT},
        {ERROR_ACCESS_DENIED, EACCES},      {ERROR_SHARING_VIOLATION, EACCES},
        {ERROR_LOCK_VIOLATION, EACCES},     {ERROR_WRITE_PROTECT, EROFS},
        {ERROR_FILE_EXISTS, EEXIST},        {ERROR_ALREADY_EXISTS, EEXIST},
        {ERROR_DISK_FULL, ENOSPC},          {ERROR_HANDLE_DISK_FULL, ENOSPC},
        {ERROR_NOT_ENOUGH_MEMORY, ENOMEM},  {ERROR_OUTOFMEMORY, ENOMEM},
        {ERROR_INVALID_HANDLE, EBADF},      {ERROR_BROKEN_PIPE, EPIPE},
        {ERROR_NO_DATA, EPIPE},             {ERROR_DIR_NOT_EMPTY, ENOTEMPTY},
        {ERROR_TOO_MANY_OPEN_FILES, EMFILE}, {ERROR_DIRECTORY, ENOTDIR},
        {ERROR_FILENAME_EXCED_RANGE, ENAMETOOLONG},
    };
    DWORD e = GetLastError();
    errno = EIO;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].error == e) errno = known[i].number;
}

/* FILETIME counts steps of 100 ns from 1601 on. */
static struct timespec unix_time(FILETIME t)
{
    const int64_t second = 10000000, epoch = 11644473600;
    int64_t steps = (int64_t)t.dwHighDateTime << 32 | t.dwLowDateTime;
    struct timespec u = {0};
    u.tv_sec = steps / second - epoch;
    u.tv_nsec = (long)(steps % second * 100);
    return u;
}

/* ---- opening ---- */

int lutra_win_open(const char *path, int flags, ...)
{
    int mode = 0;
    if (flags & O_CREAT) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, int) & 0200 ? _S_IREAD | _S_IWRITE : _S_IREAD;
        va_end(args);
    }
    wchar_t *w = lutra_win_path(strcmp(path, "/dev/null") == 0 ? "NUL" : path);
    if (w == NULL) return -1;
    int fd = _wopen(w, flags | _O_BINARY, mode);
    free(w);
    return fd;
}

FILE *lutra_win_fopen(const char *path, const char *mode)
{
    /* always binary; POSIX's 'e', not inherited, is called N here and comes last */
    wchar_t m[5] = {(wchar_t)mode[0], L'b'};
    if (strchr(mode, '+')) m[wcslen(m)] = L'+';
    if (strchr(mode, 'e')) m[wcslen(m)] = L'N';
    wchar_t *w = lutra_win_path(path);
    FILE *f = w ? _wfopen(w, m) : NULL;
    free(w);
    return f;
}

FILE *lutra_win_tmpfile(void)
{
    wchar_t dir[MAX_PATH + 2], name[MAX_PATH + 2];
    DWORD n = GetTempPathW(MAX_PATH + 1, dir);
    if (n == 0 || n > MAX_PATH + 1 || !GetTempFileNameW(dir, L"lut", 0, name)) {
        lutra_win_set_errno();
        return NULL;
    }
    int fd = _wopen(name, _O_RDWR | _O_BINARY | _O_NOINHERIT | _O_TEMPORARY | _O_TRUNC);
    return fd < 0 ? NULL : _fdopen(fd, "w+b");
}

/* ---- what a name is ---- */

static void fill(struct lutra_win_stat *st, const BY_HANDLE_FILE_INFORMATION *i)
{
    st->st_dev = i->dwVolumeSerialNumber;
    st->st_ino = (uint64_t)i->nFileIndexHigh << 32 | i->nFileIndexLow;
    st->st_size = (uint64_t)i->nFileSizeHigh << 32 | i->nFileSizeLow;
    st->st_mtim = unix_time(i->ftLastWriteTime);
    st->st_mode = i->dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY ? _S_IFDIR : _S_IFREG;
}

static int stat_handle(HANDLE h, struct lutra_win_stat *st)
{
    BY_HANDLE_FILE_INFORMATION i;
    *st = (struct lutra_win_stat){0};
    DWORD type = GetFileType(h);
    if (type == FILE_TYPE_PIPE) {
        st->st_mode = _S_IFIFO;
    } else if (type == FILE_TYPE_CHAR) {
        st->st_mode = _S_IFCHR;
    } else if (GetFileInformationByHandle(h, &i)) {
        fill(st, &i);
    } else {
        lutra_win_set_errno();
        return -1;
    }
    return 0;
}

static int stat_path(const char *path, DWORD flags, struct lutra_win_stat *st)
{
    wchar_t *w = lutra_win_path(path);
    if (w == NULL) return -1;
    /* no access is asked for: a file that another program writes can still be looked at */
    HANDLE h = CreateFileW(w, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                           OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | flags, NULL);
    bool link = (flags & FILE_FLAG_OPEN_REPARSE_POINT) &&
                (GetFileAttributesW(w) & FILE_ATTRIBUTE_REPARSE_POINT);
    free(w);
    if (h == INVALID_HANDLE_VALUE) {
        lutra_win_set_errno();
        return -1;
    }
    int e = stat_handle(h, st);
    if (e == 0 && link) st->st_mode = S_IFLNK;
    CloseHandle(h);
    return e;
}

int lutra_win_stat(const char *path, struct lutra_win_stat *st)
{
    return stat_path(path, 0, st);
}

int lutra_win_lstat(const char *path, struct lutra_win_stat *st)
{
    return stat_path(path, FILE_FLAG_OPEN_REPARSE_POINT, st);
}

int lutra_win_fstat(int fd, struct lutra_win_stat *st)
{
    HANDLE h = (HANDLE)_get_osfhandle(fd);
    if (h != INVALID_HANDLE_VALUE) return stat_handle(h, st);
    errno = EBADF;
    return -1;
}

/* ---- reading at a place ---- */

int64_t lutra_win_pread(int fd, void *dst, size_t n, int64_t at)
{
    OVERLAPPED where = {0};
    DWORD got = 0;
    HANDLE h = (HANDLE)_get_osfhandle(fd);
    where.Offset = (DWORD)(uint64_t)at;
    where.OffsetHigh = (DWORD)((uint64_t)at >> 32);
    if (ReadFile(h, dst, n < 0x40000000 ? (DWORD)n : 0x40000000, &got, &where)) return got;
    if (GetLastError() == ERROR_HANDLE_EOF) return 0;
    lutra_win_set_errno();
    return -1;
}

/* ---- names ---- */

int lutra_win_rename(const char *from, const char *to)
{
    wchar_t *f = lutra_win_path(from), *t = lutra_win_path(to);
    bool ok = f && t && MoveFileExW(f, t, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH);
    if (f && t && !ok) lutra_win_set_errno();
    free(f);
    free(t);
    return ok ? 0 : -1;
}

/* A call of the C library with the wide form of a path. */
static int with_wide(const char *path, int (*call)(const wchar_t *))
{
    wchar_t *w = lutra_win_path(path);
    int e = w ? call(w) : -1;
    free(w);
    return e;
}

int lutra_win_unlink(const char *path)
{
    return with_wide(path, _wunlink);
}

int lutra_win_mkdir(const char *path, int mode)
{
    (void)mode; /* folders take the rights of the one they are in */
    return with_wide(path, _wmkdir);
}

int lutra_win_rmdir(const char *path)
{
    return with_wide(path, _wrmdir);
}

static int may_read(const wchar_t *w)
{
    return _waccess(w, R_OK);
}

static int may_write(const wchar_t *w)
{
    return _waccess(w, W_OK);
}

int lutra_win_access(const char *path, int mode)
{
    return with_wide(path, mode & W_OK ? may_write : may_read);
}

/* ---- folders ---- */

struct lutra_win_dir {
    HANDLE handle;
    WIN32_FIND_DATAW next;
    bool has_next;
    struct lutra_win_dirent entry;
};

struct lutra_win_dir *lutra_win_opendir(const char *path)
{
    size_t n = strlen(path);
    char *all = malloc(n + 3);
    struct lutra_win_dir *d = calloc(1, sizeof *d);
    wchar_t *w = NULL;
    if (all && d) {
        memcpy(all, path, n);
        memcpy(all + n, "/*", 3);
        w = lutra_win_path(all);
    }
    if (w) {
        d->handle = FindFirstFileW(w, &d->next);
        d->has_next = d->handle != INVALID_HANDLE_VALUE;
        if (!d->has_next) lutra_win_set_errno();
    }
    if (d && !d->has_next) {
        free(d);
        d = NULL;
    }
    free(w);
    free(all);
    return d;
}

struct lutra_win_dirent *lutra_win_readdir(struct lutra_win_dir *d)
{
    while (d->has_next) {
        char *name = lutra_win_utf8(d->next.cFileName);
        size_t n = name ? strlen(name) : 0;
        bool fits = name && n < sizeof d->entry.d_name;
        if (fits) memcpy(d->entry.d_name, name, n + 1);
        free(name);
        d->has_next = FindNextFileW(d->handle, &d->next);
        if (fits) return &d->entry; /* a name that is no UTF-16 cannot be opened by us either */
    }
    return NULL;
}

int lutra_win_closedir(struct lutra_win_dir *d)
{
    FindClose(d->handle);
    free(d);
    return 0;
}
