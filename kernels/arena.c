/* SPDX-License-Identifier: MIT */
/* Bump arenas over anonymous memory of the operating system. */
#include "kernels/arena.h"

#include <stdlib.h>
#include <string.h>
#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#endif
#if !defined(MAP_ANONYMOUS) && defined(MAP_ANON)
#define MAP_ANONYMOUS MAP_ANON
#endif

/* Weights are read end to end for every token: 2 MiB pages save most of the TLB misses. Below two
 * of them nothing is gained. The kernel only backs aligned stretches, hence the aligned base. */
#define HUGE_PAGE ((size_t)2 << 20)
#define HUGE_MIN (2 * HUGE_PAGE)

#if defined(MAP_ANONYMOUS)

static void *map_pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void *map_small(size_t bytes)
{
    void *p = map_pages(bytes);
#if defined(MADV_NOHUGEPAGE)
    if (p) madvise(p, bytes, MADV_NOHUGEPAGE); /* where the system would give huge pages unasked */
#endif
    return p;
}

static void *map_zeroed(size_t bytes, bool sparse)
{
    if (bytes < HUGE_MIN) return map_pages(bytes);
    if (sparse) return map_small(lutra_round_up(bytes, HUGE_PAGE));
    /* one huge page too many, then give back what lies before and after the aligned stretch */
    size_t whole = lutra_round_up(bytes, HUGE_PAGE) + HUGE_PAGE;
    uint8_t *raw = map_pages(whole);
    if (!raw) return map_pages(lutra_round_up(bytes, HUGE_PAGE)); /* unmap gives back as much */
    size_t before = lutra_round_up((uintptr_t)raw, HUGE_PAGE) - (uintptr_t)raw;
    size_t inside = lutra_round_up(bytes, HUGE_PAGE);
    size_t after = whole - before - inside;
    if (before > 0) munmap(raw, before);
    if (after > 0) munmap(raw + before + inside, after);
#if defined(MADV_HUGEPAGE)
    /* the last, partial huge page stays small pages: touching its first byte must not cost 2 MiB */
    madvise(raw + before, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
    return raw + before;
}

static void unmap(void *p, size_t bytes)
{
    munmap(p, bytes < HUGE_MIN ? bytes : lutra_round_up(bytes, HUGE_PAGE));
}

#elif defined(_WIN32)

static void *map_zeroed(size_t bytes, bool sparse)
{
    (void)sparse; /* large pages need a right that few people have */
    return lutra_win_pages(bytes);
}

static void unmap(void *p, size_t bytes)
{
    (void)bytes;
    lutra_win_pages_free(p);
}

#else /* no anonymous mappings: the C library's own memory */

static void *map_zeroed(size_t bytes, bool sparse)
{
    (void)sparse;
    return lutra_aligned_zeroed(bytes);
}

static void unmap(void *p, size_t bytes)
{
    (void)bytes;
    lutra_aligned_free(p);
}

#endif

void *lutra_aligned_zeroed(size_t bytes)
{
    bytes = lutra_round_up(bytes, LUTRA_ALIGN);
#if defined(_WIN32)
    void *p = lutra_win_aligned_alloc(LUTRA_ALIGN, bytes);
#else
    void *p = aligned_alloc(LUTRA_ALIGN, bytes);
#endif
    return p ? memset(p, 0, bytes) : NULL;
}

void lutra_aligned_free(void *p)
{
#if defined(_WIN32)
    lutra_win_aligned_free(p);
#else
    free(p);
#endif
}

static lutra_status open_arena(struct lutra_arena *a, size_t cap, bool sparse, lutra_error *err)
{
    *a = (struct lutra_arena){0};
    if (cap == 0) return LUTRA_OK;
    /* beyond half the address space the roundings could wrap, and no system has it */
    a->base = cap < SIZE_MAX / 2 ? map_zeroed(cap, sparse) : NULL;
    if (!a->base) {
        return lutra_fail(err, LUTRA_ENOMEM,
                          "cannot get %zu MiB of memory: free some, or ask for a smaller context",
                          cap / 1048576 + (cap % 1048576 != 0));
    }
    a->cap = cap;
    return LUTRA_OK;
}

lutra_status lutra_arena_open(struct lutra_arena *a, size_t cap, lutra_error *err)
{
    return open_arena(a, cap, false, err);
}

lutra_status lutra_arena_open_sparse(struct lutra_arena *a, size_t cap, lutra_error *err)
{
    return open_arena(a, cap, true, err);
}

void *lutra_arena_take(struct lutra_arena *a, size_t bytes)
{
    size_t left = a->cap - a->used;
    if (!a->base || bytes > left) return NULL;
    void *p = a->base + a->used;
    size_t cost = lutra_arena_cost(bytes);
    a->used += cost < left ? cost : left; /* the last take may end where the arena does */
    return p;
}

void lutra_arena_close(struct lutra_arena *a)
{
    if (a->base) unmap(a->base, a->cap);
    *a = (struct lutra_arena){0};
}
