/* SPDX-License-Identifier: MIT */
/* Other programs. Windows passes them one line, which each cuts into words by the same rules. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "tools/sys.h"

#include <string.h>

/* One word so that CommandLineToArgvW gives it back: quotes around it, backslashes doubled before a
 * quote and at the end. */
static void add_word(struct lutra_text *t, const char *word)
{
    size_t slashes = 0;
    lutra_text_puts(t, t->n ? " \"" : "\"");
    for (const char *p = word;; p++) {
        if (*p == '\\') {
            slashes++;
            continue;
        }
        bool quote = *p == '"' || *p == '\0';
        for (size_t i = 0; i < (quote ? 2 * slashes : slashes); i++) lutra_text_puts(t, "\\");
        slashes = 0;
        if (*p == '\0') break;
        if (quote) lutra_text_puts(t, "\\");
        lutra_text_add(t, p, 1);
    }
    lutra_text_puts(t, "\"");
}

static HANDLE open_nothing(DWORD access)
{
    SECURITY_ATTRIBUTES inherit = {sizeof inherit, NULL, TRUE};
    return CreateFileW(L"NUL", access, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherit, OPEN_EXISTING, 0,
                       NULL);
}

/* 0, or an errno value */
static int start(char *const argv[], HANDLE in, HANDLE out, HANDLE err, PROCESS_INFORMATION *p)
{
    struct lutra_text line = {0};
    STARTUPINFOW s = {.cb = sizeof s, .dwFlags = STARTF_USESTDHANDLES};
    for (int i = 0; argv[i]; i++) add_word(&line, argv[i]);
    wchar_t *wide = line.failed ? NULL : lutra_win_wide(line.p);
    lutra_text_free(&line);
    if (wide == NULL) return ENOMEM;
    s.hStdInput = in;
    s.hStdOutput = out;
    s.hStdError = err;
    errno = 0;
    /* without a name of its own the first word is looked for in PATH, with .exe behind it */
    if (!CreateProcessW(NULL, wide, NULL, NULL, TRUE, 0, NULL, NULL, &s, p)) lutra_win_set_errno();
    free(wide);
    return errno;
}

static double seconds_of(FILETIME t)
{
    return (double)((uint64_t)t.dwHighDateTime << 32 | t.dwLowDateTime) * 1e-7;
}

static DWORD finish(const PROCESS_INFORMATION *p, double *seconds)
{
    DWORD code = 126;
    FILETIME born, dead, kernel, user;
    WaitForSingleObject(p->hProcess, INFINITE);
    GetExitCodeProcess(p->hProcess, &code);
    if (seconds && GetProcessTimes(p->hProcess, &born, &dead, &kernel, &user))
        *seconds = seconds_of(kernel) + seconds_of(user);
    CloseHandle(p->hThread);
    CloseHandle(p->hProcess);
    return code;
}

static HANDLE inherited(int fd)
{
    HANDLE h = (HANDLE)_get_osfhandle(fd);
    SetHandleInformation(h, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    return h;
}

int lutra_sys_run(char *const argv[])
{
    PROCESS_INFORMATION p;
    fflush(NULL);
    HANDLE err = inherited(2);
    int e = start(argv, inherited(0), err, err, &p);
    if (e) return e == ENOENT ? 127 : 126;
    DWORD code = finish(&p, NULL);
    if (code == 0xC000013A) return 130; /* STATUS_CONTROL_C_EXIT */
    return code < 126 ? (int)code : 126;
}

int lutra_sys_output(char *const argv[], struct lutra_text *out, size_t max,
                     struct lutra_sys_end *end)
{
    SECURITY_ATTRIBUTES inherit = {sizeof inherit, NULL, TRUE};
    PROCESS_INFORMATION p;
    HANDLE from, to;
    *end = (struct lutra_sys_end){.code = -1};
    if (!CreatePipe(&from, &to, &inherit, 0)) return EMFILE;
    SetHandleInformation(from, HANDLE_FLAG_INHERIT, 0);
    HANDLE in = open_nothing(GENERIC_READ), err = open_nothing(GENERIC_WRITE);
    int e = start(argv, in, to, err, &p);
    CloseHandle(to);
    CloseHandle(in);
    CloseHandle(err);
    int fd = e ? -1 : _open_osfhandle((intptr_t)from, _O_RDONLY | _O_BINARY);
    if (fd < 0) {
        CloseHandle(from);
        if (!e) finish(&p, NULL);
        return e ? e : EMFILE;
    }
    e = lutra_text_read_fd(out, fd, max);
    _close(fd);
    end->code = (int)finish(&p, &end->cpu_seconds);
    return e;
}
