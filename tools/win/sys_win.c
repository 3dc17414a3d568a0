/* SPDX-License-Identifier: MIT */
/* Start, folders and figures of a program under Windows. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <psapi.h>
#include <shellapi.h>

#include "tools/sys.h"

#include <math.h>
#include <string.h>

/* ---- the start ---- */

static UINT output_page, input_page; /* code pages as we found them */

static void give_back(void)
{
    fflush(NULL);
    if (output_page) SetConsoleOutputCP(output_page);
    if (input_page) SetConsoleCP(input_page);
}

static void set_console(void)
{
    output_page = GetConsoleOutputCP();
    input_page = GetConsoleCP();
    SetConsoleOutputCP(CP_UTF8);
    SetConsoleCP(CP_UTF8);
    static const DWORD outs[2] = {STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    for (int i = 0; i < 2; i++) {
        DWORD mode;
        HANDLE h = GetStdHandle(outs[i]);
        if (GetConsoleMode(h, &mode)) /* where it fails, lutra_tty_escapes says no */
            SetConsoleMode(h, mode | ENABLE_PROCESSED_OUTPUT | 0x0004);
    }
    atexit(give_back);
}

static void set_streams(void)
{
    static const int flags[3] = {_O_RDONLY, _O_WRONLY, _O_WRONLY};
    for (int fd = 0; fd < 3; fd++) {
        /* started with closed descriptors: no file of ours may become stdout */
        if (_get_osfhandle(fd) < 0) {
            int got = _wopen(L"NUL", flags[fd]);
            if (got >= 0 && got != fd) _dup2(got, fd), _close(got);
        }
        _setmode(fd, _O_BINARY);
    }
    setvbuf(stdout, NULL, _IOFBF, 1 << 14);
    setvbuf(stderr, NULL, _IOFBF, 1 << 12);
}

/* The command line in UTF-8; where memory or the words fail us, main keeps what it got. */
static void set_words(int *argc, char ***argv)
{
    int n = 0;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &n);
    char **words = wide && n > 0 ? calloc((size_t)n + 1, sizeof *words) : NULL;
    for (int i = 0; words && i < n; i++) {
        words[i] = lutra_win_utf8(wide[i]);
        if (words[i]) continue;
        while (i > 0) free(words[--i]);
        free(words);
        words = NULL;
    }
    if (wide) LocalFree(wide);
    if (words == NULL) return;
    *argc = n;
    *argv = words;
}

void lutra_sys_begin(int *argc, char ***argv)
{
    SetErrorMode(SEM_FAILCRITICALERRORS); /* no windows: a missing disk is a failed call */
    set_streams();
    set_console();
    set_words(argc, argv);
}

/* ---- figures ---- */

bool lutra_sys_random(void *dst, size_t n)
{
    unsigned char *p = dst;
    for (size_t i = 0; i < n; i++) {
        unsigned r;
        if (rand_s(&r) != 0) return false;
        p[i] = (unsigned char)r;
    }
    return true;
}

char *lutra_sys_name(char *dst, size_t cap)
{
    /* GetVersion tells the version a program was made for; this one tells the truth */
    typedef LONG(WINAPI * version_fn)(OSVERSIONINFOW *);
    OSVERSIONINFOW v = {.dwOSVersionInfoSize = sizeof v};
    HMODULE nt = GetModuleHandleW(L"ntdll.dll");
    FARPROC f = nt ? GetProcAddress(nt, "RtlGetVersion") : NULL;
    version_fn get;
    memcpy(&get, &f, sizeof get);
    if (cap) dst[0] = '\0';
    if (get && get(&v) == 0)
        snprintf(dst, cap, "Windows %lu.%lu.%lu x86_64", v.dwMajorVersion, v.dwMinorVersion,
                 v.dwBuildNumber);
    return dst;
}

double lutra_sys_peak_rss(void)
{
    PROCESS_MEMORY_COUNTERS m = {.cb = sizeof m};
    return K32GetProcessMemoryInfo(GetCurrentProcess(), &m, sizeof m) ? (double)m.PeakWorkingSetSize
                                                                      : NAN;
}

/* ---- folders ---- */

static bool copy_path(char *dst, size_t cap, const char *src)
{
    int n = src && *src ? snprintf(dst, cap, "%s", src) : -1;
    if (n <= 0 || (size_t)n >= cap) return false;
    for (char *p = dst; *p; p++)
        if (*p == '\\') *p = '/';
    return true;
}

const char *lutra_sys_home(void)
{
    static char home[1024];
    return copy_path(home, sizeof home, getenv("HOME")) ? home : NULL;
}

static bool is_absolute(const char *p)
{
    return p && (p[0] == '/' || p[0] == '\\' || (p[0] && p[1] == ':'));
}

bool lutra_sys_folder(const char *variable, const char *below, char *dst, size_t cap)
{
    const char *set = getenv(variable);
    (void)below; /* one folder is for both what can and what cannot be fetched again */
    return copy_path(dst, cap, is_absolute(set) ? set : getenv("LOCALAPPDATA"));
}

char lutra_sys_list_mark(void)
{
    return ';';
}
