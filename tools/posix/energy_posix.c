/* SPDX-License-Identifier: MIT */
/* Joules: counters where the processor keeps them, else watts times time. */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tools/bench_sensors.h"
#include "tools/cli.h"

/* ---- finding sources ---- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add_file(struct lutra_energy *e, const char *path, double wrap)
{
    double v;
    if (e->n == LUTRA_ENERGY_FILES || strlen(path) >= sizeof e->files[0]) return false;
    if (!lutra_sensor_number(path, &v)) return false;
    snprintf(e->files[e->n], sizeof e->files[0], "%s", path);
    e->last[e->n] = v;
    e->wrap[e->n++] = wrap;
    return true;
}

/* Packages only: a zone inside a package has a second colon in its name and counts twice. */
static void find_rapl(struct lutra_energy *e, const char *root)
{
    char dir[160], path[512];
    struct dirent **list;
    snprintf(dir, sizeof dir, "%s/sys/class/powercap", root);
    int n = scandir(dir, &list, NULL, by_name);
    for (int i = 0; i < n; i++) {
        const char *name = list[i]->d_name, *colon = strchr(name, ':');
        double wrap = 0;
        if (strncmp(name, "intel-rapl:", 11) == 0 && colon == strrchr(name, ':')) {
            snprintf(path, sizeof path, "%s/%s/max_energy_range_uj", dir, name);
            lutra_sensor_number(path, &wrap);
            snprintf(path, sizeof path, "%s/%s/energy_uj", dir, name);
            add_file(e, path, wrap);
        }
        free(list[i]);
    }
    if (n >= 0) free(list);
    if (e->n) e->source = "rapl";
}

/* hwmon devices whose name begins so: files PREFIX1_input .. PREFIX99_input, all of them or only
 * those labelled for a whole socket. */
static void find_hwmon(struct lutra_energy *e, const char *root, const char *device,
                       const char *prefix, bool sockets)
{
    char dir[160], path[512], text[64];
    struct dirent **list;
    snprintf(dir, sizeof dir, "%s/sys/class/hwmon", root);
    int n = scandir(dir, &list, NULL, by_name);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s/name", dir, list[i]->d_name);
        bool fits = lutra_sensor_text(path, text, sizeof text) &&
                    strncmp(text, device, strlen(device)) == 0;
        for (int k = 1; fits && k < 100; k++) {
            snprintf(path, sizeof path, "%s/%s/%s%d_label", dir, list[i]->d_name, prefix, k);
            if (sockets &&
                (!lutra_sensor_text(path, text, sizeof text) || strncmp(text, "Esocket", 7) != 0))
                continue;
            snprintf(path, sizeof path, "%s/%s/%s%d_input", dir, list[i]->d_name, prefix, k);
            add_file(e, path, 0);
        }
        free(list[i]);
    }
    if (n >= 0) free(list);
}

/* ---- the power chip of a Raspberry Pi 5, asked through the firmware's mailbox ---- */

/* "  3V3_SYS_A current(1)=0.06A" and "  3V3_SYS_V volt(9)=3.3V": rails with both count. */
double lutra_energy_pmic_watts(const char *text)
{
    struct {
        char name[32];
        double amps;
    } rail[32];
    int n = 0;
    double watts = 0;
    bool any = false;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        char name[32], kind[16];
        double v;
        if (sscanf(line, " %31s %15[a-z](%*d)=%lf", name, kind, &v) != 3) continue;
        size_t len = strlen(name);
        if (len < 3) continue;
        name[len - 2] = '\0'; /* without _A or _V */
        if (strcmp(kind, "current") == 0 && n < 32) {
            snprintf(rail[n].name, sizeof rail[n].name, "%s", name);
            rail[n++].amps = v;
        }
        for (int i = 0; i < n && strcmp(kind, "volt") == 0; i++) {
            if (strcmp(rail[i].name, name) != 0) continue;
            watts += rail[i].amps * v;
            any = true;
        }
    }
    return any ? watts : NAN;
}

/* Message layout and tag: the firmware's mailbox property interface, "get gencmd result". */
static double pmic_watts(int fd)
{
    enum { TEXT = 1024, TAG = 0x00030080, WORDS = 6 + TEXT / 4 + 1 };
    static const char command[] = "pmic_read_adc";
    uint32_t m[WORDS] = {sizeof m, 0, TAG, TEXT};
    memcpy(&m[6], command, sizeof command);
    if (ioctl(fd, _IOWR(100, 0, char *), m) < 0 || m[5] != 0) return NAN;
    ((char *)&m[6])[TEXT - 1] = '\0';
    return lutra_energy_pmic_watts((const char *)&m[6]);
}

/* ---- meters of power ---- */

struct lutra_energy_meter {
    pthread_t thread;
    pthread_mutex_t lock;
    atomic_bool stop;
    int pmic; /* descriptor, or -1 */
    int n;
    char files[LUTRA_ENERGY_FILES][160]; /* microwatts */
    double joules, at;
};

static double meter_watts(const struct lutra_energy_meter *m)
{
    double sum = 0, v;
    if (m->pmic >= 0) return pmic_watts(m->pmic);
    for (int i = 0; i < m->n; i++) sum += lutra_sensor_number(m->files[i], &v) ? v * 1e-6 : NAN;
    return sum;
}

/* Energy since the last look, at the power of now. */
static void meter_step(struct lutra_energy_meter *m)
{
    double watts = meter_watts(m), now = lutra_cli_now();
    pthread_mutex_lock(&m->lock);
    m->joules += watts * (now - m->at);
    m->at = now;
    pthread_mutex_unlock(&m->lock);
}

static void *meter_main(void *arg)
{
    struct lutra_energy_meter *m = arg;
    while (!atomic_load(&m->stop)) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        meter_step(m);
    }
    return NULL;
}

static bool start_meter(struct lutra_energy *e, int pmic)
{
    struct lutra_energy_meter *m = calloc(1, sizeof *m);
    if (m == NULL) return false;
    m->pmic = pmic;
    m->n = e->n;
    memcpy(m->files, e->files, sizeof m->files);
    m->at = lutra_cli_now();
    pthread_mutex_init(&m->lock, NULL);
    if (pthread_create(&m->thread, NULL, meter_main, m) != 0) {
        free(m);
        return false;
    }
    e->meter = m;
    return true;
}

static void find_power(struct lutra_energy *e, const char *root)
{
    find_hwmon(e, root, "ina", "power", false);
    if (e->n && start_meter(e, -1)) e->source = "ina";
    if (e->n || root[0]) return;
    int fd = open("/dev/vcio", O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    if (!isnan(pmic_watts(fd)) && start_meter(e, fd))
        e->source = "pi-pmic";
    else
        close(fd);
}

/* ---- both ---- */

void lutra_energy_open(struct lutra_energy *e, const char *root)
{
    memset(e, 0, sizeof *e);
    find_rapl(e, root);
    if (e->n) return;
    find_hwmon(e, root, "amd_energy", "energy", true);
    if (e->n)
        e->source = "hwmon";
    else
        find_power(e, root);
}

double lutra_energy_joules(struct lutra_energy *e)
{
    if (e->source == NULL) return NAN;
    if (e->meter) {
        meter_step(e->meter);
        pthread_mutex_lock(&e->meter->lock);
        double j = e->meter->joules;
        pthread_mutex_unlock(&e->meter->lock);
        return j;
    }
    for (int i = 0; i < e->n; i++) {
        double v;
        if (!lutra_sensor_number(e->files[i], &v)) return NAN;
        double step = v - e->last[i];
        if (step < 0) step += e->wrap[i]; /* the counter began again */
        e->joules += step * 1e-6;
        e->last[i] = v;
    }
    return e->joules;
}

void lutra_energy_close(struct lutra_energy *e)
{
    struct lutra_energy_meter *m = e->meter;
    if (m) {
        atomic_store(&m->stop, true);
        pthread_join(m->thread, NULL);
        pthread_mutex_destroy(&m->lock);
        if (m->pmic >= 0) close(m->pmic);
        free(m);
    }
    memset(e, 0, sizeof *e);
}
