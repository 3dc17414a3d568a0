/* SPDX-License-Identifier: MIT */
/* Priority queue of (rank, position) for merging: least rank first, then least position.
 *
 * Ranks are cut into ranges, each a plain array that is only appended to. When a range's turn comes
 * it is sorted once and read from front to back; what is pushed into the range being read (or an
 * earlier one) goes to a small binary heap beside it. Merging pushes almost always to later ranges,
 * so ten million entries move through memory in order, where one big heap would miss the cache at
 * every level. Ranges: one for each of the first 128 ranks (the merges of "aaaa..." and of runs of
 * spaces are among the first and close together), then 32 for each power of two. */
#ifndef LUTRA_RUNTIME_TOK_QUEUE_H
#define LUTRA_RUNTIME_TOK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LUTRA_QUEUE_RANGES = 128 + 32 * 25 };

struct lutra_queue_list {
    uint64_t *v;
    size_t n, cap;
};

struct lutra_queue {
    struct lutra_queue_list range[LUTRA_QUEUE_RANGES];
    struct lutra_queue_list heap, room; /* room: for sorting */
    int now;                            /* range being read; -1 before the first */
    size_t next;                        /* first entry of it not yet read */
};

/* Zeroed is a valid queue without memory. Begin anew. */
void lutra_queue_begin(struct lutra_queue *q);
bool lutra_queue_push(struct lutra_queue *q, uint32_t rank, uint32_t pos); /* false: no memory */
/* 1: an entry; 0: empty; -1: no memory */
int lutra_queue_pop(struct lutra_queue *q, uint32_t *rank, uint32_t *pos);
void lutra_queue_free(struct lutra_queue *q);

/* Sort a list of keys; room is scratch that grows and may trade arrays with l. false: no memory. */
bool lutra_queue_sort(struct lutra_queue_list *l, struct lutra_queue_list *room);

#endif
