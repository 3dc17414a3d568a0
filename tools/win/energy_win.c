/* SPDX-License-Identifier: MIT */
/* Windows lets only drivers read the energy counters of a processor: there is no source. */
#include <math.h>
#include <string.h>

#include "tools/bench_sensors.h"

void lutra_energy_open(struct lutra_energy *e, const char *root)
{
    (void)root;
    memset(e, 0, sizeof *e);
}

double lutra_energy_joules(struct lutra_energy *e)
{
    (void)e;
    return NAN;
}

void lutra_energy_close(struct lutra_energy *e)
{
    memset(e, 0, sizeof *e);
}
