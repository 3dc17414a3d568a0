/* SPDX-License-Identifier: MIT */
/* Cores as hwloc sees them, only in builds with `make HWLOC=1`. */
#ifndef LUTRA_KERNELS_CPU_HWLOC_H
#define LUTRA_KERNELS_CPU_HWLOC_H

/* Keep of each core the first of its hardware threads that is among the n of cpus[], ascending.
 * Returns how many stay; 0 if hwloc cannot tell. */
int lutra_cpu_hwloc_cores(int *cpus, int n);

#endif
