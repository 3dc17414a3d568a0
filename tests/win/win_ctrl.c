/* SPDX-License-Identifier: MIT */
/* Runs a command of Lutra in this console and presses Ctrl-C once its output file has grown: the text
 * stops, what was written stays, and the exit code is 130: then this ends with 0.
 *
 *   win_ctrl OUTPUT lutra.exe run ... */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <stdbool.h>
#include <string.h>

enum { WAIT_MS = 30000, STEP_MS = 20 };

static BOOL WINAPI ignore(DWORD event)
{
    return event == CTRL_C_EVENT;
}

static long long bytes_of(HANDLE file)
{
    LARGE_INTEGER n;
    return GetFileSizeEx(file, &n) ? n.QuadPart : -1;
}

int main(int argc, char **argv)
{
    char line[4096] = "";
    if (argc < 3) return 2;
    SetConsoleCtrlHandler(ignore, TRUE);
    for (int i = 2; i < argc; i++) {
        strncat(line, "\"", sizeof line - strlen(line) - 1);
        strncat(line, argv[i], sizeof line - strlen(line) - 1);
        strncat(line, "\" ", sizeof line - strlen(line) - 1);
    }
    SECURITY_ATTRIBUTES inherit = {sizeof inherit, NULL, TRUE};
    HANDLE out = CreateFileA(argv[1], GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, &inherit,
                             CREATE_ALWAYS, 0, NULL);
    HANDLE none = CreateFileA("NUL", GENERIC_READ | GENERIC_WRITE, 3, &inherit, OPEN_EXISTING, 0, NULL);
    STARTUPINFOA s = {.cb = sizeof s, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION p;
    DWORD code = 0;
    s.hStdInput = none;
    s.hStdOutput = out;
    s.hStdError = none;
    if (!CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &s, &p)) return 3;
    for (int ms = 0; bytes_of(out) < 8 && ms < WAIT_MS; ms += STEP_MS)
        if (WaitForSingleObject(p.hProcess, STEP_MS) == WAIT_OBJECT_0) return 4;
    bool sent = GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0);
    if (!sent || WaitForSingleObject(p.hProcess, WAIT_MS) != WAIT_OBJECT_0) {
        TerminateProcess(p.hProcess, 9);
        return sent ? 5 : 6;
    }
    GetExitCodeProcess(p.hProcess, &code);
    return code == 130 && bytes_of(out) >= 8 ? 0 : 1;
}
