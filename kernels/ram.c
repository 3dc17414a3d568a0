/* SPDX-License-Identifier: MIT */
/* Memory of the machine as each system tells it: files on Linux, sysctl on macOS and FreeBSD; Windows has
 * kernels/win/win_machine.c. */
#include "kernels/ram.h"

#if defined(__APPLE__)
#include <mach/mach.h>
#include <sys/sysctl.h>
#elif defined(__FreeBSD__)
#include <sys/types.h>

#include <sys/sysctl.h>
#include <unistd.h>
#else
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#endif

#if defined(__APPLE__)

uint64_t lutra_ram_total(void)
{
    uint64_t bytes = 0;
    size_t n = sizeof bytes;
    return sysctlbyname("hw.memsize", &bytes, &n, NULL, 0) == 0 ? bytes : 0;
}

uint64_t lutra_ram_available(void)
{
    vm_statistics64_data_t vm;
    mach_msg_type_number_t n = HOST_VM_INFO64_COUNT;
    if (host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)&vm, &n) != KERN_SUCCESS)
        return 0;
    return ((uint64_t)vm.free_count + vm.inactive_count + vm.purgeable_count) * vm_kernel_page_size;
}

#elif defined(__FreeBSD__)

static uint64_t pages(const char *name)
{
    unsigned count = 0;
    size_t n = sizeof count;
    return sysctlbyname(name, &count, &n, NULL, 0) == 0 ? count : 0;
}

uint64_t lutra_ram_total(void)
{
    unsigned long bytes = 0;
    size_t n = sizeof bytes;
    return sysctlbyname("hw.physmem", &bytes, &n, NULL, 0) == 0 ? bytes : 0;
}

uint64_t lutra_ram_available(void)
{
    return (pages("vm.stats.vm.v_free_count") + pages("vm.stats.vm.v_inactive_count")) *
           (uint64_t)sysconf(_SC_PAGESIZE);
}

#elif !defined(_WIN32) /* Linux; elsewhere these files are not there, and nothing is known */

/* The number behind `label` in a small text file of the system ("": the first number); false if
 * unreadable. */
static bool read_number(const char *path, const char *label, uint64_t *out)
{
    char buf[4096];
    FILE *f = fopen(path, "re");
    if (f == NULL) return false;
    size_t n = fread(buf, 1, sizeof buf - 1, f);
    fclose(f);
    buf[n] = 0;
    const char *at = label[0] ? strstr(buf, label) : buf;
    if (at == NULL) return false;
    at += strlen(label);
    char *end;
    unsigned long long v = strtoull(at, &end, 10);
    if (end == at) return false;
    *out = v;
    return true;
}

uint64_t lutra_ram_total(void)
{
    uint64_t kib = 0;
    return read_number("/proc/meminfo", "MemTotal:", &kib) ? kib * 1024 : 0;
}

uint64_t lutra_ram_available(void)
{
    uint64_t kib = 0, max = 0, now = 0, best = 0;
    if (read_number("/proc/meminfo", "MemAvailable:", &kib)) best = kib * 1024;
    /* the memory cgroup of a container is mounted at its own root */
    if (read_number("/sys/fs/cgroup/memory.max", "", &max) &&
        read_number("/sys/fs/cgroup/memory.current", "", &now)) {
        uint64_t left = max > now ? max - now : 1;
        if (best == 0 || left < best) best = left;
    }
    return best;
}

#endif
