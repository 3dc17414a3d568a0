/* SPDX-License-Identifier: MIT */
/* Readers of /sys and /proc. */
#include "tools/bench_sensors.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernels/base.h"
#include "tools/cli.h"
#include "tools/sys.h"

bool lutra_sensor_text(const char *path, char *dst, size_t cap)
{
    FILE *f = fopen(path, "re");
    if (f == NULL) return false;
    bool ok = fgets(dst, (int)cap, f) != NULL;
    fclose(f);
    if (ok) dst[strcspn(dst, "\n")] = '\0';
    return ok;
}

bool lutra_sensor_number(const char *path, double *out)
{
    char text[64], *end;
    if (!lutra_sensor_text(path, text, sizeof text)) return false;
    *out = strtod(text, &end);
    return end != text && isfinite(*out);
}

/* ---- heat ---- */

static bool is_processor(const char *name)
{
    static const char *const known[] = {
        "x86_pkg_temp", "coretemp", "k10temp",
        "zenpower",     "soc",      "cpu"}; /* the last two begin many names on ARM */
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncmp(name, known[i], strlen(known[i])) == 0) return true;
    return false;
}

/* The hottest of dir/ENTRY/value_file (millidegrees) whose dir/ENTRY/name_file is a processor's. */
static double hottest(const char *root, const char *dir, const char *name_file,
                      const char *value_file)
{
    char path[600], name[64];
    double most = NAN, v;
    snprintf(path, sizeof path, "%s%s", root, dir);
    DIR *d = opendir(path);
    if (d == NULL) return NAN;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        snprintf(path, sizeof path, "%s%s/%s/%s", root, dir, e->d_name, name_file);
        if (!lutra_sensor_text(path, name, sizeof name) || !is_processor(name)) continue;
        snprintf(path, sizeof path, "%s%s/%s/%s", root, dir, e->d_name, value_file);
        if (lutra_sensor_number(path, &v) && !(v <= most)) most = v;
    }
    closedir(d);
    return most / 1000;
}

double lutra_sensor_temperature(const char *root)
{
    double t = hottest(root, "/sys/class/thermal", "type", "temp");
    return isnan(t) ? hottest(root, "/sys/class/hwmon", "name", "temp1_input") : t;
}

const char *lutra_sensor_huge_pages(const char *root)
{
    char path[300], text[80];
    lutra_format(path, sizeof path, "%s/sys/kernel/mm/transparent_hugepage/enabled", root);
    if (!lutra_sensor_text(path, text, sizeof text)) return "no huge pages";
    return strstr(text, "[never]") ? "huge pages switched off" : "huge pages";
}

char *lutra_sensor_throttled(const char *root, char *dst, size_t cap)
{
    char path[600], text[64];
    lutra_format(dst, cap, "%s", "");
    snprintf(path, sizeof path, "%s/sys/devices/platform/soc/soc:firmware/get_throttled", root);
    if (!lutra_sensor_text(path, text, sizeof text)) return dst;
    unsigned long bits = strtoul(text, NULL, 16); /* 0..3: now; 16..19: since the start */
    unsigned long any = bits | bits >> 16;
    lutra_format(dst, cap, "%s%s%s%s%s", any & 1 ? "under-voltage " : "",
                 any & 2 ? "clock capped " : "", any & 4 ? "throttled " : "",
                 any & 8 ? "soft temperature limit " : "", any & 15 ? "" : "not throttled");
    size_t n = strlen(dst);
    if (n && dst[n - 1] == ' ') dst[n - 1] = '\0';
    return dst;
}

/* ---- clock ---- */

static double proc_mhz(const char *root)
{
    char path[600], line[256];
    double sum = 0, v;
    int n = 0;
    snprintf(path, sizeof path, "%s/proc/cpuinfo", root);
    FILE *f = fopen(path, "re");
    if (f == NULL) return NAN;
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "cpu MHz : %lf", &v) != 1) continue;
        sum += v;
        n++;
    }
    fclose(f);
    return n ? sum / n : NAN;
}

double lutra_sensor_mhz(const char *root)
{
    enum { MOST_CPUS = 1024 };
    char path[600];
    double sum = 0, v;
    int n = 0;
    for (int cpu = 0; cpu < MOST_CPUS; cpu++) {
        snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq",
                 root, cpu);
        if (!lutra_sensor_number(path, &v)) {
            if (cpu > n + 64) break; /* CPU numbers may have holes */
            continue;
        }
        sum += v / 1000;
        n++;
    }
    return n ? sum / n : proc_mhz(root);
}

/* ---- memory ---- */

uint64_t lutra_sensor_cache(const char *root)
{
    char path[600], text[64];
    uint64_t best = 0;
    double level, top = 0;
    for (int i = 0; i < 16; i++) {
        int at =
            snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu0/cache/index%d/", root, i);
        if (at < 0 || (size_t)at > sizeof path - 16) break;
        strcpy(path + at, "level");
        if (!lutra_sensor_number(path, &level)) break;
        strcpy(path + at, "type");
        if (lutra_sensor_text(path, text, sizeof text) && !strcmp(text, "Instruction")) continue;
        strcpy(path + at, "size");
        char *unit;
        if (level < top || !lutra_sensor_text(path, text, sizeof text)) continue;
        uint64_t size = strtoull(text, &unit, 10);
        best = *unit == 'K' ? size << 10 : *unit == 'M' ? size << 20 : size;
        top = level;
    }
    return best;
}

static double proc_kib(const char *file, const char *field)
{
    char line[256];
    double kib = NAN;
    size_t n = strlen(field);
    FILE *f = fopen(file, "re");
    if (f == NULL) return NAN;
    while (isnan(kib) && fgets(line, sizeof line, f))
        if (strncmp(line, field, n) == 0 && line[n] == ':') kib = strtod(line + n + 1, NULL);
    fclose(f);
    return kib * 1024;
}

double lutra_sensor_peak_rss(void)
{
    double v = proc_kib("/proc/self/status", "VmHWM");
    return isnan(v) ? lutra_sys_peak_rss() : v;
}

void lutra_sensor_reset_rss(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "we");
    if (f == NULL) return;
    fputs("5", f); /* the peak becomes what is resident now */
    fclose(f);
}

double lutra_sensor_busy_seconds(const char *root)
{
    char path[600], line[256];
    double user, nice, system, idle, wait, irq = 0, soft = 0;
    snprintf(path, sizeof path, "%s/proc/stat", root);
    if (!lutra_sensor_text(path, line, sizeof line)) return NAN;
    int n = sscanf(line, "cpu %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle, &wait,
                   &irq, &soft);
    if (n < 4) return NAN;
    return (user + nice + system + irq + soft) / (double)sysconf(_SC_CLK_TCK);
}

double lutra_sensor_cpu_seconds(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0) return NAN;
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct lutra_moment lutra_sensor_moment(void)
{
    return (struct lutra_moment){lutra_cli_now(), lutra_sensor_cpu_seconds(),
                                 lutra_sensor_busy_seconds("")};
}

double lutra_sensor_others(const struct lutra_moment *then, double ours)
{
    struct lutra_moment now = lutra_sensor_moment();
    double wall = now.wall - then->wall;
    double others = (now.all - then->all) - (now.own - then->own) - ours;
    return wall < 0.5 ? NAN : others < 0 ? 0 : others / wall;
}
