/* SPDX-License-Identifier: MIT */
/* Bump arenas: one block of memory per lifetime (model, session), asked for once.
 *
 *   base                      used                      cap
 *    | weights blk.0 | blk.1 ... |  free                 |
 *
 * Nothing is freed one by one. A test counts allocations while tokens are generated: zero. */
#ifndef LUTRA_KERNELS_ARENA_H
#define LUTRA_KERNELS_ARENA_H

#include "kernels/base.h"

struct lutra_arena {
    uint8_t *base;
    size_t cap;  /* bytes mapped */
    size_t used; /* bytes handed out */
};

/* Map `cap` bytes of zeroed private memory (pages are touched on first use; transparent huge pages
 * are asked for where the system has them). cap 0 is valid and maps nothing.
 * Errors LUTRA_ENOMEM. */
lutra_status lutra_arena_open(struct lutra_arena *a, size_t cap, lutra_error *err);

/* The same for memory of which little may ever be touched (a KV cache): small pages, so that what is
 * never used is never cleared and never counted. */
lutra_status lutra_arena_open_sparse(struct lutra_arena *a, size_t cap, lutra_error *err);

/* The next `bytes` bytes, aligned to LUTRA_ALIGN and zero; NULL when they do not fit (nothing
 * ever fits an arena of cap 0, not even 0 bytes). */
void *lutra_arena_take(struct lutra_arena *a, size_t bytes);

/* What a take of `bytes` adds to `used`: use it to plan a cap. */
static inline size_t lutra_arena_cost(size_t bytes)
{
    return lutra_round_up(bytes, LUTRA_ALIGN);
}

/* `bytes` zeroed bytes aligned to LUTRA_ALIGN, for what is no arena; NULL: none. Give them back with
 * lutra_aligned_free and nothing else. */
void *lutra_aligned_zeroed(size_t bytes);
void lutra_aligned_free(void *p); /* NULL is fine */

/* Unmap; a zeroed struct is valid and does nothing. */
void lutra_arena_close(struct lutra_arena *a);

#endif
