/* SPDX-License-Identifier: MIT */
/* How many threads to use, and on which CPUs. A wrong guess is the most common silent loss of
 * speed.
 *
 * The list of allowed CPUs is narrowed in three steps, then cut to the quota of the control group:
 *
 *   allowed          the affinity mask
 *   performance      no efficiency cores: the slowest thread would set the pace of dense work
 *   one per core     two hardware threads of a core share its vector units and its cache
 *   quota            beyond it the system stops all threads for the rest of each period
 */
#include "kernels/cpu.h"

#include "kernels/cpu_hwloc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_CAP 1024
#define TEXT_CAP 8192 /* /proc/self/cgroup of a container is the longest: some 3 KiB */
#define MAX_CPUS 4096

/* Of CPUs with different capacities those above this part of the largest stay. Big cores of one
 * chip differ by a few per cent, the middle one of three clusters has about 0.8 of the largest,
 * little cores have 0.2 to 0.55. */
#define BIG_PART 0.6

/* The same where only clocks are known: little cores reach 0.8 of the big ones', the middle ones
 * 0.83 and more. */
#define BIG_CLOCK 0.82

#define NO_QUOTA 1e9 /* more CPUs than there are */

/* ---- small files ---- */

/* Text of the file root + name, terminated, at most cap-1 bytes; false if there is none. */
static bool read_text(char *text, size_t cap, const char *root, const char *name)
{
    char path[PATH_CAP];
    int n = lutra_format(path, sizeof path, "%s%s", root, name);
    if (n < 0 || n >= (int)sizeof path) return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    size_t got = 0;
    ssize_t step;
    while (got < cap - 1 && (step = read(fd, text + got, cap - 1 - got)) > 0) got += (size_t)step;
    close(fd);
    text[got] = '\0';
    return got > 0;
}

/* The file of one CPU, below /sys/devices/system/cpu/cpuN/ */
static bool read_cpu_text(char *text, size_t cap, const char *root, int cpu, const char *name)
{
    char path[128];
    lutra_format(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", cpu, name);
    return read_text(text, cap, root, path);
}

/* The next range of a list such as "0-3,8,10-11"; false at its end. */
static bool next_range(const char **list, long *low, long *high)
{
    char *end;
    *low = *high = strtol(*list, &end, 10);
    if (end == *list) return false;
    if (*end == '-') {
        const char *second = end + 1;
        *high = strtol(second, &end, 10);
        if (end == second) return false;
    }
    *list = *end == ',' ? end + 1 : "";
    return true;
}

static bool list_has(const char *list, int cpu)
{
    long low, high;
    while (next_range(&list, &low, &high)) {
        if (cpu >= low && cpu <= high) return true;
    }
    return false;
}

/* CPUs of the machine, for the explanation only */
static int count_online(const char *root, int otherwise)
{
    char text[512];
    const char *list = text;
    long low, high, n = 0;
    if (!read_text(text, sizeof text, root, "/sys/devices/system/cpu/online")) return otherwise;
    while (next_range(&list, &low, &high)) n += high - low + 1;
    return n >= otherwise ? (int)n : otherwise;
}

/* ---- performance cores ---- */

/* Intel's hybrid processors name theirs */
static int keep_listed(const char *root, int *cpus, int n)
{
    char list[TEXT_CAP];
    int kept[MAX_CPUS], n_kept = 0;
    if (!read_text(list, sizeof list, root, "/sys/devices/cpu_core/cpus")) return n;
    for (int i = 0; i < n; i++) {
        if (list_has(list, cpus[i])) kept[n_kept++] = cpus[i];
    }
    if (n_kept == 0) return n; /* bound to efficiency cores: then it is those */
    memcpy(cpus, kept, (size_t)n_kept * sizeof *cpus);
    return n_kept;
}

static long cpu_number(const char *root, int cpu, const char *name)
{
    char text[64];
    bool known = read_cpu_text(text, sizeof text, root, cpu, name);
    long c = known ? strtol(text, NULL, 10) : 0;
    return c > 0 ? c : 0; /* unknown everywhere: all are equal, all stay */
}

static int keep_largest(const char *root, int *cpus, int n, const char *name, double part)
{
    long largest = 0;
    for (int i = 0; i < n; i++) {
        long c = cpu_number(root, cpus[i], name);
        if (c > largest) largest = c;
    }
    int n_kept = 0;
    for (int i = 0; i < n; i++) {
        if ((double)cpu_number(root, cpus[i], name) >= part * (double)largest)
            cpus[n_kept++] = cpus[i];
    }
    return n_kept;
}

/* ARM's big.LITTLE: each CPU has a capacity, 1024 for the fastest. Where the kernel was not told
 * them, the clocks tell; on ARM alone, as equal cores elsewhere differ in their highest one. */
static int keep_big(const char *root, int *cpus, int n)
{
    char text[64];
    n = keep_largest(root, cpus, n, "cpu_capacity", BIG_PART);
    if (cpu_number(root, cpus[0], "cpu_capacity") > 0 ||
        !read_cpu_text(text, sizeof text, root, cpus[0], "regs/identification/midr_el1"))
        return n;
    return keep_largest(root, cpus, n, "cpufreq/cpuinfo_max_freq", BIG_CLOCK);
}

/* ---- one thread per core ---- */

/* Of each core the first of its hardware threads that is among cpus[]. */
static int keep_first_of_core(const char *root, int *cpus, int n)
{
    int n_kept = 0;
    for (int i = 0; i < n; i++) {
        char list[512];
        bool taken = false;
        if (read_cpu_text(list, sizeof list, root, cpus[i], "topology/thread_siblings_list")) {
            for (int k = 0; k < n_kept && !taken; k++) taken = list_has(list, cpus[k]);
        }
        if (!taken) cpus[n_kept++] = cpus[i];
    }
    return n_kept;
}

/* hwloc knows the machine itself, not one made of files */
static int keep_cores(const char *root, int *cpus, int n)
{
#if defined(_WIN32)
    if (!*root) return lutra_win_keep_cores(cpus, n);
#elif defined(LUTRA_HWLOC)
    int n_kept = *root ? 0 : lutra_cpu_hwloc_cores(cpus, n);
    if (n_kept > 0) return n_kept;
#endif
    return keep_first_of_core(root, cpus, n);
}

/* ---- quota ---- */

/* Version 2: "max 100000" or "150000 100000", microseconds of CPU time per period */
static double quota_v2(const char *root, const char *dir)
{
    char name[PATH_CAP], text[128], *end;
    lutra_format(name, sizeof name, "%s/cpu.max", dir);
    if (!read_text(text, sizeof text, root, name)) return NO_QUOTA;
    double quota = (double)strtoll(text, &end, 10);
    double period = (double)strtoll(end, NULL, 10);
    return quota > 0 && period > 0 ? quota / period : NO_QUOTA;
}

/* Version 1: two files, and -1 for no quota */
static double quota_v1(const char *root, const char *dir)
{
    char name[PATH_CAP], text[128];
    lutra_format(name, sizeof name, "%s/cpu.cfs_quota_us", dir);
    if (!read_text(text, sizeof text, root, name)) return NO_QUOTA;
    double quota = (double)strtoll(text, NULL, 10);
    lutra_format(name, sizeof name, "%s/cpu.cfs_period_us", dir);
    if (!read_text(text, sizeof text, root, name)) return NO_QUOTA;
    double period = (double)strtoll(text, NULL, 10);
    return quota > 0 && period > 0 ? quota / period : NO_QUOTA;
}

/* The smallest quota of the group `path` below `mount` and of all its parents. In a container the
 * path may name the host's tree, which is not there: then the mount itself is the group. */
static double quota_upward(const char *root, const char *mount, const char *path,
                           double (*read_quota)(const char *root, const char *dir))
{
    char dir[PATH_CAP];
    double least = NO_QUOTA;
    int n = lutra_format(dir, sizeof dir, "%s%s", mount, strcmp(path, "/") == 0 ? "" : path);
    if (n < 0 || n >= (int)sizeof dir || strstr(path, "/..")) {
        n = lutra_format(dir, sizeof dir, "%s", mount);
    }
    size_t mount_len = strlen(mount);
    for (;;) {
        double q = read_quota(root, dir);
        if (q < least) least = q;
        if (strlen(dir) <= mount_len) return least;
        *strrchr(dir, '/') = '\0';
    }
}

/* Does a version 1 list of controllers, "cpu,cpuacct", name the one that has the quota? */
static bool is_cpu_controller(const char *names)
{
    return strcmp(names, "cpu") == 0 || strncmp(names, "cpu,", 4) == 0 || strstr(names, ",cpu,") ||
           (strlen(names) > 4 && strcmp(names + strlen(names) - 4, ",cpu") == 0);
}

/* One line of /proc/self/cgroup: "0::/path" (version 2), "4:cpu,cpuacct:/path" (version 1) */
static double quota_of_line(const char *root, char *line)
{
    char *names = strchr(line, ':');
    char *path = names ? strchr(names + 1, ':') : NULL;
    if (!path) return NO_QUOTA;
    names++;
    *path++ = '\0';
    if (*names == '\0') {
        double a = quota_upward(root, "/sys/fs/cgroup", path, quota_v2);
        double b = quota_upward(root, "/sys/fs/cgroup/unified", path, quota_v2);
        return a < b ? a : b;
    }
    if (!is_cpu_controller(names)) return NO_QUOTA;
    char mount[PATH_CAP];
    lutra_format(mount, sizeof mount, "/sys/fs/cgroup/%s", names);
    double a = quota_upward(root, mount, path, quota_v1);
    double b = quota_upward(root, "/sys/fs/cgroup/cpu", path, quota_v1);
    return a < b ? a : b;
}

static double cpu_quota(const char *root)
{
    char text[TEXT_CAP];
    double least = NO_QUOTA;
    if (!read_text(text, sizeof text, root, "/proc/self/cgroup")) return NO_QUOTA;
    for (char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        bool last = line[n] == '\0';
        line[n] = '\0';
        double q = quota_of_line(root, line);
        if (q < least) least = q;
        if (last) break;
        line += n + 1;
    }
    return least;
}

/* ---- the plan ---- */

int lutra_cpu_thread_plan_in(const char *root, int *cpus, int n_allowed, char *why, size_t why_cap)
{
    int n_all = n_allowed < MAX_CPUS ? n_allowed : MAX_CPUS;
    int n_fast = keep_big(root, cpus, keep_listed(root, cpus, n_all));
    int n_cores = keep_cores(root, cpus, n_fast);
    double quota = cpu_quota(root);
    int n = n_cores;
    if (quota < n) n = quota < 1 ? 1 : (int)quota;

    char fast[64] = "", limit[32] = "none";
    if (n_fast < n_all) lutra_format(fast, sizeof fast, "%d on performance cores, ", n_fast);
    if (quota < NO_QUOTA) lutra_format(limit, sizeof limit, "%.2f", quota);
    lutra_format(why, why_cap, "%d of %d CPUs: %d allowed, %s1 thread per core (%d), cpu.max %s", n,
                 count_online(root, n_allowed), n_allowed, fast, n_cores, limit);
    return n;
}

int lutra_cpu_thread_plan(int *cpus, int cap, char *why, size_t why_cap)
{
    int list[MAX_CPUS];
    int n = lutra_cpu_allowed(list, MAX_CPUS);
    n = lutra_cpu_thread_plan_in("", list, n, why, why_cap);
    if (n > cap) n = cap;
    memcpy(cpus, list, (size_t)n * sizeof *cpus);
    return n;
}
