/* SPDX-License-Identifier: MIT */
/* Sorting tokens by their bytes; see tok_sorted.h. */
#include "runtime/tok_sorted.h"

#include <stdlib.h>
#include <string.h>

static int compare(const struct lutra_tokenizer *t, int32_t a, int32_t b)
{
    size_t na = t->tok[a].piece_len, nb = t->tok[b].piece_len;
    int c = memcmp(lutra_tok_piece(t, a), lutra_tok_piece(t, b), na < nb ? na : nb);
    return c != 0 ? c : (na > nb) - (na < nb);
}

/* Bottom-up merge sort: stable, so that of equal texts the lowest id stays first. */
static void sort_ids(const struct lutra_tokenizer *t, int32_t *v, int32_t *room, int32_t n)
{
    for (int32_t width = 1; width < n; width *= 2) {
        for (int32_t lo = 0; lo < n; lo += 2 * width) {
            int32_t mid = n - lo < width ? n : lo + width;
            int32_t hi = n - lo < 2 * width ? n : lo + 2 * width;
            int32_t a = lo, b = mid;
            for (int32_t k = lo; k < hi; k++) {
                bool left = a < mid && (b >= hi || compare(t, v[a], v[b]) <= 0);
                room[k] = left ? v[a++] : v[b++];
            }
            if (hi == n) break;
        }
        memcpy(v, room, (size_t)n * sizeof *v);
    }
}

bool lutra_sorted_fill(struct lutra_sorted *sp, const struct lutra_tokenizer *t,
                       bool (*wanted)(const struct lutra_tokenizer *t, int32_t id))
{
    int32_t n = 0, kept = 0;
    for (int32_t id = 0; id < t->n; id++) n += t->tok[id].piece_len > 0 && wanted(t, id);
    int32_t *room = malloc((size_t)n * sizeof *room + 1);
    sp->id = malloc((size_t)n * sizeof *sp->id + 1);
    if (!room || !sp->id) {
        free(room);
        return false;
    }
    for (int32_t id = 0, k = 0; id < t->n; id++) {
        if (t->tok[id].piece_len > 0 && wanted(t, id)) sp->id[k++] = id;
    }
    sort_ids(t, sp->id, room, n);
    free(room);
    for (int32_t i = 0; i < n; i++) {
        if (kept > 0 && compare(t, sp->id[kept - 1], sp->id[i]) == 0) continue;
        sp->id[kept++] = sp->id[i];
    }
    sp->n = kept;
    for (int32_t i = kept - 1, b = 256; b >= 0; b--) {
        while (i >= 0 && (unsigned char)*lutra_tok_piece(t, sp->id[i]) >= b) i--;
        sp->begin[b] = i + 1;
    }
    return true;
}

static unsigned char byte_at(const struct lutra_sorted *sp, const struct lutra_tokenizer *t,
                             int32_t i, size_t depth)
{
    return (unsigned char)lutra_tok_piece(t, sp->id[i])[depth];
}

/* First of tokens [lo, hi), all longer than depth and sorted by byte `depth`, where that byte is >=
 * want. */
static int32_t lower_bound(const struct lutra_sorted *sp, const struct lutra_tokenizer *t,
                           int32_t lo, int32_t hi, size_t depth, int want)
{
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (byte_at(sp, t, mid, depth) < want)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool lutra_walk_next(const struct lutra_sorted *sp, const struct lutra_tokenizer *t,
                     struct lutra_walk *w, unsigned char byte)
{
    w->lo = lower_bound(sp, t, w->lo, w->hi, w->depth, byte);
    w->hi = lower_bound(sp, t, w->lo, w->hi, w->depth, byte + 1);
    w->depth++;
    return w->lo < w->hi;
}
