/* SPDX-License-Identifier: MIT */
/* What the system tells about itself: heat, clock, energy, memory, caches. NaN or 0: it does not.
 *
 * `root` stands before /sys and /proc: "" is the machine, tests build their own. */
#ifndef LUTRA_TOOLS_BENCH_SENSORS_H
#define LUTRA_TOOLS_BENCH_SENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

double lutra_sensor_temperature(const char *root); /* hottest of the processor's, in Celsius */
double lutra_sensor_mhz(const char *root);         /* mean of all CPUs now */
uint64_t lutra_sensor_cache(const char *root);     /* bytes of the last-level cache of CPU 0 */
/* "huge pages", "huge pages switched off", "no huge pages": what large memory may lie in. */
const char *lutra_sensor_huge_pages(const char *root);
/* A Raspberry Pi says what slowed it down; "" elsewhere, or "not throttled". */
char *lutra_sensor_throttled(const char *root, char *dst, size_t cap);

double lutra_sensor_cpu_seconds(void);              /* of all threads of this process */
double lutra_sensor_busy_seconds(const char *root); /* of all CPUs, whoever used them */
double lutra_sensor_peak_rss(void);                 /* bytes, since the start or the last reset */
void lutra_sensor_reset_rss(void);                  /* where the system can */

/* How many CPUs others kept busy since a moment, `ours` seconds of child processes left out. The
 * system counts in steps of 10 ms, so that less than half a second says nothing: NaN. */
struct lutra_moment {
    double wall, own, all;
};
struct lutra_moment lutra_sensor_moment(void);
double lutra_sensor_others(const struct lutra_moment *then, double ours);
#define LUTRA_SENSOR_BUSY 0.15 /* from so many on, figures are disturbed */

/* ---- energy (posix/energy_posix.c) ---- */

enum { LUTRA_ENERGY_FILES = 8 };

/* Counters of the processor package (RAPL, amd_energy), or power meters (INA2xx of hwmon, the PMIC
 * of a Raspberry Pi 5) read twenty times a second by a thread. All zero: closed. */
struct lutra_energy {
    const char *source; /* "rapl", "hwmon", "ina", "pi-pmic"; NULL: unreadable */
    int n;
    char files[LUTRA_ENERGY_FILES][160];
    double last[LUTRA_ENERGY_FILES], wrap[LUTRA_ENERGY_FILES]; /* microjoules */
    double joules;                                             /* counted so far */
    struct lutra_energy_meter *meter;
};
void lutra_energy_open(struct lutra_energy *e, const char *root);
double lutra_energy_joules(struct lutra_energy *e); /* since open; NaN without a source */
void lutra_energy_close(struct lutra_energy *e);

/* Watts in the answer of a Pi 5 to "pmic_read_adc": every rail's current times its voltage. */
double lutra_energy_pmic_watts(const char *text);

/* First line of a small file as a number; false if there is none. */
bool lutra_sensor_number(const char *path, double *out);
bool lutra_sensor_text(const char *path, char *dst, size_t cap); /* first line, without newline */

#endif
