/* SPDX-License-Identifier: MIT */
/* CPUs and memory of a Windows machine. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <malloc.h>

#include "kernels/cpu.h"
#include "kernels/ram.h"

/* CPUs of this process's group: 64 at most. A machine with more has several groups, and a process
 * that does nothing about it lives in one. */
int lutra_cpu_allowed(int *cpus, int cap)
{
    DWORD_PTR mine = 0, all = 0;
    int n = 0;
    if (GetProcessAffinityMask(GetCurrentProcess(), &mine, &all))
        for (int i = 0; i < 64 && n < cap; i++)
            if (mine >> i & 1) cpus[n++] = i;
    if (n == 0 && cap > 0) cpus[n++] = 0;
    return n;
}

void lutra_cpu_bind(int cpu)
{
    if (cpu >= 0 && cpu < 64) SetThreadAffinityMask(GetCurrentThread(), (DWORD_PTR)1 << cpu);
}

/* CPUs of one core, and how fast its kind is: 0 where all are alike, more for performance cores. */
struct core {
    uint64_t cpus;
    int speed;
};

/* Cores of this process's group; 0: unknown. */
static int list_cores(struct core cores[64])
{
    DWORD bytes = 0;
    int n = 0;
    GetLogicalProcessorInformationEx(RelationProcessorCore, NULL, &bytes);
    char *info = bytes ? malloc(bytes) : NULL;
    if (info && GetLogicalProcessorInformationEx(RelationProcessorCore, (void *)info, &bytes)) {
        for (DWORD at = 0; at < bytes && n < 64;) {
            const SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *i = (const void *)(info + at);
            /* the byte after the flags is EfficiencyClass, which older headers do not name */
            int speed = ((const BYTE *)&i->Processor)[1];
            if (i->Processor.GroupMask[0].Group == 0)
                cores[n++] = (struct core){i->Processor.GroupMask[0].Mask, speed};
            at += i->Size;
        }
    }
    free(info);
    return n;
}

int lutra_win_keep_cores(int *cpus, int n)
{
    struct core cores[64];
    int n_cores = list_cores(cores), fastest = 0, n_kept = 0;
    uint64_t mine = 0;
    for (int i = 0; i < n; i++) mine |= (uint64_t)1 << cpus[i];
    for (int i = 0; i < n_cores; i++)
        if ((cores[i].cpus & mine) && cores[i].speed > fastest) fastest = cores[i].speed;
    for (int i = 0; i < n; i++) {
        bool first = n_cores == 0;
        for (int k = 0; k < n_cores && !first; k++) {
            uint64_t below = ((uint64_t)1 << cpus[i]) - 1;
            first = (cores[k].cpus >> cpus[i] & 1) && cores[k].speed == fastest &&
                    (cores[k].cpus & mine & below) == 0;
        }
        if (first) cpus[n_kept++] = cpus[i];
    }
    return n_kept > 0 ? n_kept : n;
}

uint64_t lutra_ram_total(void)
{
    MEMORYSTATUSEX m = {.dwLength = sizeof m};
    return GlobalMemoryStatusEx(&m) ? m.ullTotalPhys : 0;
}

/* What can be taken is limited by memory and by what the system promises to all together. */
uint64_t lutra_ram_available(void)
{
    MEMORYSTATUSEX m = {.dwLength = sizeof m};
    if (!GlobalMemoryStatusEx(&m)) return 0;
    return m.ullAvailPhys < m.ullAvailPageFile ? m.ullAvailPhys : m.ullAvailPageFile;
}

/* Pages are zero, and count only once they are touched (they are promised from the start). */
void *lutra_win_pages(size_t bytes)
{
    return VirtualAlloc(NULL, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void lutra_win_pages_free(void *p)
{
    VirtualFree(p, 0, MEM_RELEASE);
}

void *lutra_win_aligned_alloc(size_t align, size_t n)
{
    return _aligned_malloc(n, align);
}

void lutra_win_aligned_free(void *p)
{
    _aligned_free(p);
}

long lutra_win_sysconf(int name)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return name == _SC_PAGESIZE ? (long)info.dwPageSize : name == _SC_CLK_TCK ? 100 : -1;
}
