/* SPDX-License-Identifier: MIT */
/* Looking code points up in the fold tables. */
#include "runtime/unicode_fold.h"

#include <stddef.h>

/* The last row of a sorted table that begins at or before cp; NULL if there is none. */
static const void *row(const void *table, int n, size_t size, uint32_t cp)
{
    const char *base = table;
    while (n > 0) {
        int half = n / 2;
        const char *mid = base + (size_t)half * size;
        if (*(const uint32_t *)(const void *)mid >> 8 <= cp) {
            base = mid + size;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return base == (const char *)table ? NULL : base - size;
}

/* How far cp is behind a row's first, or -1 if it is none of the row's. */
static int place(uint32_t key, uint32_t cp)
{
    return cp - (key >> 8) <= (key & 255) ? (int)(cp - (key >> 8)) : -1;
}

uint32_t lutra_fold_to_lower(uint32_t cp)
{
    if (cp < 0x80) return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
    const struct lutra_fold_run *r =
        row(lutra_fold_lower, lutra_fold_lower_n, sizeof *lutra_fold_lower, cp);
    int at = r ? place(r->key, cp) : -1;
    if (at < 0 || (r->delta & at & 1)) return cp;
    return (uint32_t)((int32_t)cp + (r->delta - (r->delta & 1)) / 2);
}

uint32_t lutra_fold_to_upper(uint32_t cp)
{
    if (cp < 0x80) return cp >= 'a' && cp <= 'z' ? cp - 32 : cp;
    if (cp == 0x3C2) return 0x3A3; /* the sigma at the end of a word: the table knows the other */
    for (int i = 0; i < lutra_fold_lower_n; i++) {
        const struct lutra_fold_run *r = &lutra_fold_lower[i];
        uint32_t from = cp - (uint32_t)((r->delta - (r->delta & 1)) / 2);
        int at = place(r->key, from);
        if (at >= 0 && !(r->delta & at & 1)) return from;
    }
    return cp;
}

static bool is_mark(uint32_t cp)
{
    const struct lutra_fold_range *r =
        row(lutra_fold_marks, lutra_fold_marks_n, sizeof *lutra_fold_marks, cp);
    return r && place(r->key, cp) >= 0;
}

bool lutra_fold_is_control(uint32_t cp)
{
    const struct lutra_fold_block *b =
        row(lutra_fold_control, lutra_fold_control_n, sizeof *lutra_fold_control, cp);
    return b && cp <= b->last;
}

/* Hangul syllables are made of jamo by arithmetic (Unicode, chapter 3.12). */
static int hangul(uint32_t s, uint32_t out[3])
{
    out[0] = 0x1100 + s / 588;
    out[1] = 0x1161 + s % 588 / 28;
    out[2] = 0x11A7 + s % 28;
    return s % 28 ? 3 : 2;
}

int lutra_fold_strip(uint32_t cp, uint32_t out[3])
{
    out[0] = cp;
    if (cp < 0xC0) return 1;
    if (cp >= 0xAC00 && cp < 0xD7A4) return hangul(cp - 0xAC00, out);
    if (is_mark(cp)) return 0;
    const struct lutra_fold_pairs *b =
        row(lutra_fold_base, lutra_fold_base_n, sizeof *lutra_fold_base, cp);
    if (b && place(b->key, cp) >= 0) {
        out[0] = (uint32_t)b->plane << 16 | lutra_fold_bases[b->at + place(b->key, cp)];
        return 1;
    }
    const struct lutra_fold_parts *p =
        row(lutra_fold_many, lutra_fold_many_n, sizeof *lutra_fold_many, cp);
    if (!p || p->key >> 8 != cp) return 1;
    int n = 0;
    while (n < 3 && p->to[n]) {
        out[n] = p->to[n];
        n++;
    }
    return n;
}
