/* SPDX-License-Identifier: MIT */
/* The queue of pairs waiting to be merged; see tok_queue.h for its shape. */
#include "runtime/tok_queue.h"

#include <stdlib.h>
#include <string.h>

/* Arrays above this are freed once read, so that a huge text does not keep every range's memory. */
enum { KEEP_MAX = 1 << 16 };

static bool append(struct lutra_queue_list *l, uint64_t key)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap + l->cap / 2 : 64;
        uint64_t *v = realloc(l->v, cap * sizeof *v);
        if (!v) return false;
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = key;
    return true;
}

static void drop(struct lutra_queue_list *l)
{
    l->n = 0;
    if (l->cap <= KEEP_MAX) return;
    free(l->v);
    *l = (struct lutra_queue_list){0};
}

/* ---- heap ---- */

static bool heap_push(struct lutra_queue_list *h, uint64_t key)
{
    if (!append(h, key)) return false;
    size_t i = h->n - 1;
    while (i > 0 && h->v[(i - 1) / 2] > key) {
        h->v[i] = h->v[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->v[i] = key;
    return true;
}

static uint64_t heap_pop(struct lutra_queue_list *h)
{
    uint64_t top = h->v[0], last = h->v[--h->n];
    size_t i = 0;
    for (;;) {
        size_t kid = 2 * i + 1;
        if (kid >= h->n) break;
        if (kid + 1 < h->n && h->v[kid + 1] < h->v[kid]) kid++;
        if (h->v[kid] >= last) break;
        h->v[i] = h->v[kid];
        i = kid;
    }
    if (h->n > 0) h->v[i] = last;
    return top;
}

/* ---- sorting a range ---- */

static void insertion_sort(uint64_t *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t key = v[i];
        size_t k = i;
        for (; k > 0 && v[k - 1] > key; k--) v[k] = v[k - 1];
        v[k] = key;
    }
}

/* One pass of a radix sort by byte `at` from src to dst. */
static void radix_pass(uint64_t *dst, const uint64_t *src, size_t n, int at)
{
    size_t start[257] = {0};
    for (size_t i = 0; i < n; i++) start[(src[i] >> at & 255) + 1]++;
    for (int b = 0; b < 256; b++) start[b + 1] += start[b];
    for (size_t i = 0; i < n; i++) dst[start[src[i] >> at & 255]++] = src[i];
}

/* Radix sort over the bytes in which the keys differ; arrays that are in order are left alone. */
bool lutra_queue_sort(struct lutra_queue_list *l, struct lutra_queue_list *room)
{
    uint64_t differ = 0;
    bool sorted = true;
    for (size_t i = 1; i < l->n; i++) {
        differ |= l->v[i] ^ l->v[0];
        sorted &= l->v[i - 1] <= l->v[i];
    }
    if (sorted) return true;
    if (l->n <= 48) {
        insertion_sort(l->v, l->n);
        return true;
    }
    if (room->cap < l->cap) {
        uint64_t *v = realloc(room->v, l->cap * sizeof *v);
        if (!v) return false;
        room->v = v;
        room->cap = l->cap;
    }
    for (int at = 0; at < 64; at += 8) {
        if ((differ >> at & 255) == 0) continue;
        radix_pass(room->v, l->v, l->n, at);
        uint64_t *v = l->v;
        l->v = room->v;
        room->v = v;
        size_t cap = l->cap;
        l->cap = room->cap;
        room->cap = cap;
    }
    return true;
}

/* ---- queue ---- */

static int range_of(uint32_t rank)
{
    int octave = 0; /* of 128..255, 256..511, ...: 0, 1, ... */
    if (rank < 128) return (int)rank;
    while (rank >> octave >= 256) octave++;
    return 128 + 32 * octave + (int)(rank >> (octave + 2) & 31);
}

void lutra_queue_begin(struct lutra_queue *q)
{
    for (int i = 0; i < LUTRA_QUEUE_RANGES; i++) q->range[i].n = 0;
    q->heap.n = 0;
    q->now = -1;
    q->next = 0;
}

bool lutra_queue_push(struct lutra_queue *q, uint32_t rank, uint32_t pos)
{
    int r = range_of(rank);
    uint64_t key = (uint64_t)rank << 32 | pos;
    return r <= q->now ? heap_push(&q->heap, key) : append(&q->range[r], key);
}

/* Go to the next range that holds something: 1; there is none: 0; no memory: -1. */
static int advance(struct lutra_queue *q)
{
    if (q->now >= 0) drop(&q->range[q->now]);
    q->next = 0;
    while (++q->now < LUTRA_QUEUE_RANGES) {
        struct lutra_queue_list *l = &q->range[q->now];
        if (l->n > 0) return lutra_queue_sort(l, &q->room) ? 1 : -1;
    }
    q->now = LUTRA_QUEUE_RANGES - 1;
    return 0;
}

int lutra_queue_pop(struct lutra_queue *q, uint32_t *rank, uint32_t *pos)
{
    uint64_t key;
    bool in_range = q->now >= 0 && q->next < q->range[q->now].n;
    if (!in_range && q->heap.n == 0) {
        int st = advance(q);
        if (st <= 0) return st;
        in_range = true;
    }
    if (in_range && (q->heap.n == 0 || q->range[q->now].v[q->next] <= q->heap.v[0])) {
        key = q->range[q->now].v[q->next++];
    } else {
        key = heap_pop(&q->heap);
    }
    *rank = (uint32_t)(key >> 32);
    *pos = (uint32_t)key;
    return 1;
}

void lutra_queue_free(struct lutra_queue *q)
{
    for (int i = 0; i < LUTRA_QUEUE_RANGES; i++) free(q->range[i].v);
    free(q->heap.v);
    free(q->room.v);
    memset(q, 0, sizeof *q);
}
