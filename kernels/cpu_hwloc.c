/* SPDX-License-Identifier: MIT */
/* One hardware thread per core, asked of hwloc: it knows machines whose /sys does not tell. */
#include "kernels/cpu_hwloc.h"

#if defined(LUTRA_HWLOC)

#include <hwloc.h>

/* Is this the first CPU seen of its core? One that hwloc does not know counts as a core. */
static int first_of_core(hwloc_topology_t t, hwloc_bitmap_t seen, int cpu)
{
    hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(t, (unsigned)cpu);
    hwloc_obj_t core = pu ? hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_CORE, pu) : NULL;

    if (!core) return 1;
    if (hwloc_bitmap_isset(seen, core->logical_index)) return 0;
    return hwloc_bitmap_set(seen, core->logical_index) == 0;
}

int lutra_cpu_hwloc_cores(int *cpus, int n)
{
    hwloc_topology_t t;
    hwloc_bitmap_t seen;
    int n_kept = 0;

    if (hwloc_topology_init(&t) != 0) return 0;
    seen = hwloc_bitmap_alloc();
    if (seen && hwloc_topology_load(t) == 0) {
        for (int i = 0; i < n; i++)
            if (first_of_core(t, seen, cpus[i])) cpus[n_kept++] = cpus[i];
    }
    hwloc_bitmap_free(seen);
    hwloc_topology_destroy(t);
    return n_kept;
}

#endif
