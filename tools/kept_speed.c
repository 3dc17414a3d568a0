/* SPDX-License-Identifier: MIT */
/* Reads and writes the file of memory speeds. */
#include "tools/kept_speed.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernels/cpu.h"
#include "tools/bench.h"
#include "tools/bench_sensors.h"
#include "tools/find.h"

enum {
    MOST_LINES = 16, /* a home shared by some machines */
    LINE_BYTES = 256
};
#define KEPT_FOR (30 * 24 * 3600)
#define SLOWEST 1e7 /* bytes per second: outside of these no memory is */
#define FASTEST 1e13

static const char head[] = "lutra memory speed 1\n";

struct line {
    int threads;
    double rate;
    int64_t time;
    char cpu[LINE_BYTES];
};

static bool parse(const char *text, int64_t now, struct line *l)
{
    int at = 0;
    if (sscanf(text, "%d %lf %" SCNd64 " %n", &l->threads, &l->rate, &l->time, &at) != 3 || at == 0)
        return false;
    snprintf(l->cpu, sizeof l->cpu, "%s", text + at);
    l->cpu[strcspn(l->cpu, "\n")] = '\0';
    return l->threads > 0 && l->rate >= SLOWEST && l->rate <= FASTEST && l->time <= now &&
           now - l->time <= KEPT_FOR && l->time > 0;
}

/* The lines that count, at most MOST_LINES. */
static int read_lines(const char *path, int64_t now, struct line *lines)
{
    char text[LINE_BYTES];
    int n = 0;
    FILE *f = fopen(path, "r");
    if (f == NULL) return 0;
    bool ours = fgets(text, sizeof text, f) != NULL && strcmp(text, head) == 0;
    for (int i = 0; ours && i < 4 * MOST_LINES && n < MOST_LINES && fgets(text, sizeof text, f); i++)
        if (parse(text, now, &lines[n])) n++;
    fclose(f);
    return n;
}

bool lutra_kept_speed_read(const char *path, const char *cpu, int threads, int64_t now,
                           double *bytes_per_s)
{
    struct line lines[MOST_LINES];
    int n = read_lines(path, now, lines);
    for (int i = 0; i < n; i++) {
        if (lines[i].threads != threads || strcmp(lines[i].cpu, cpu) != 0) continue;
        *bytes_per_s = lines[i].rate;
        return true;
    }
    return false;
}

static bool put(FILE *f, const struct line *l)
{
    return fprintf(f, "%d %.0f %" PRId64 " %s\n", l->threads, l->rate, l->time, l->cpu) > 0;
}

bool lutra_kept_speed_write(const char *path, const char *cpu, int threads, int64_t now,
                            double bytes_per_s)
{
    struct line lines[MOST_LINES], new = {threads, bytes_per_s, now, ""};
    char part[LUTRA_FIND_PATH + 24];
    int n = read_lines(path, now, lines);
    snprintf(new.cpu, sizeof new.cpu, "%s", cpu);
    snprintf(part, sizeof part, "%s.%ld", path, (long)getpid());
    FILE *f = fopen(part, "w");
    if (f == NULL) return false;
    bool ok = fputs(head, f) >= 0 && put(f, &new);
    for (int i = 0; ok && i < n && i < MOST_LINES - 1; i++)
        if (lines[i].threads != threads || strcmp(lines[i].cpu, cpu) != 0) ok = put(f, &lines[i]);
    ok = fclose(f) == 0 && ok;
    if (ok) ok = rename(part, path) == 0; /* two calls at once leave one whole file */
    if (!ok) remove(part);
    return ok;
}

/* "" where no folder can be had. */
static void find_path(char path[LUTRA_FIND_PATH])
{
    char dir[LUTRA_FIND_PATH];
    if (!lutra_find_own_dir("XDG_CACHE_HOME", ".cache", dir, sizeof dir) ||
        snprintf(path, LUTRA_FIND_PATH, "%s/memory-speed", dir) >= LUTRA_FIND_PATH)
        path[0] = '\0';
}

double lutra_memory_speed(int n_threads, bool anew, bool *disturbed)
{
    char cpu[128], path[LUTRA_FIND_PATH];
    int64_t now = (int64_t)time(NULL);
    double rate;
    *disturbed = false;
    lutra_cpu_model(cpu, sizeof cpu);
    find_path(path);
    if (!anew && path[0] && lutra_kept_speed_read(path, cpu, n_threads, now, &rate)) return rate;
    struct lutra_moment begin = lutra_sensor_moment();
    rate = lutra_bench_bandwidth(n_threads, NULL, 0, 0);
    *disturbed = lutra_sensor_others(&begin, 0) > LUTRA_SENSOR_BUSY;
    if (!*disturbed && rate >= SLOWEST && path[0] && lutra_find_make_folders(path))
        lutra_kept_speed_write(path, cpu, n_threads, now, rate);
    return rate;
}
