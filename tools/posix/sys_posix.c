/* SPDX-License-Identifier: MIT */
/* Processes, folders and figures by POSIX. */
#include "tools/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* A program started with closed descriptors gets them back in the wrong direction: reading a closed
 * stdin and writing to a closed stdout still fail as they should. No file of ours becomes stdout. */
static void guard_fds(void)
{
    static const int mode[3] = {O_WRONLY, O_RDONLY, O_RDWR};
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        int got = open("/dev/null", mode[fd]);
        if (got >= 0 && got != fd) close(got);
    }
}

void lutra_sys_begin(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    guard_fds();
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is a failed write like a full disk */
}

bool lutra_sys_random(void *dst, size_t n)
{
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && read(fd, dst, n) == (ssize_t)n;
    if (fd >= 0) close(fd);
    return ok;
}

char *lutra_sys_name(char *dst, size_t cap)
{
    struct utsname u;
    if (cap) dst[0] = '\0';
    if (uname(&u) == 0) snprintf(dst, cap, "%s %s %s", u.sysname, u.release, u.machine);
    return dst;
}

double lutra_sys_peak_rss(void)
{
    struct rusage u;
#if defined(__APPLE__)
    const double unit = 1;
#else
    const double unit = 1024;
#endif
    return getrusage(RUSAGE_SELF, &u) == 0 ? (double)u.ru_maxrss * unit : NAN;
}

const char *lutra_sys_home(void)
{
    const char *home = getenv("HOME");
    return home && *home ? home : NULL;
}

bool lutra_sys_folder(const char *variable, const char *below, char *dst, size_t cap)
{
    const char *set = getenv(variable), *home = lutra_sys_home();
    int n = -1;
    if (set && set[0] == '/') /* relative ones are invalid by the XDG rules */
        n = snprintf(dst, cap, "%s", set);
    else if (home)
        n = snprintf(dst, cap, "%s/%s", home, below);
    return n > 0 && (size_t)n < cap;
}

char lutra_sys_list_mark(void)
{
    return ':';
}

/* ---- other programs ---- */

int lutra_sys_run(char *const argv[])
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) return 126;
    if (pid == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(argv[0], argv);
        _exit(errno == ENOENT ? 127 : 126);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return 126;
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGINT ? 130 : 126;
}

static int spawn(char *const argv[], pid_t *pid, int *from)
{
    posix_spawn_file_actions_t a;
    int fds[2], e;
    if (pipe(fds) != 0) return errno;
    for (int i = 0; i < 2; i++) fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    if ((e = posix_spawn_file_actions_init(&a)) == 0) {
        posix_spawn_file_actions_addopen(&a, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&a, fds[1], 1);
        posix_spawn_file_actions_addopen(&a, 2, "/dev/null", O_WRONLY, 0);
        e = posix_spawnp(pid, argv[0], &a, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&a);
    }
    close(fds[1]);
    if (e)
        close(fds[0]);
    else
        *from = fds[0];
    return e;
}

/* CPU time of all children that have ended */
static double children_seconds(void)
{
    struct rusage u = {0};
    getrusage(RUSAGE_CHILDREN, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

int lutra_sys_output(char *const argv[], struct lutra_text *out, size_t max,
                     struct lutra_sys_end *end)
{
    pid_t pid;
    int from = -1, status = 0;
    double before = children_seconds();
    *end = (struct lutra_sys_end){.code = -1};
    int e = spawn(argv, &pid, &from);
    if (e) return e;
    e = lutra_text_read_fd(out, from, max);
    close(from);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) break;
    end->cpu_seconds = children_seconds() - before;
    end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    end->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + end->signal;
    return e;
}
