/* SPDX-License-Identifier: MIT */
/* Looking code points up in the fold tables. */
#include "runtime/unicode_fold.h"

#include <stddef.h>

/* The last row of a sorted table whose first member is <= cp; NULL if there is none. */
static const void *row(const void *table, int n, size_t size, uint32_t cp)
{
    const char *base = table;
    while (n > 0) {
        int half = n / 2;
        const char *mid = base + (size_t)half * size;
        if (*(const uint32_t *)(const void *)mid <= cp) {
            base = mid + size;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return base == (const char *)table ? NULL : base - size;
}

uint32_t lutra_fold_to_lower(uint32_t cp)
{
    if (cp < 0x80) return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
    const struct lutra_fold_run *r =
        row(lutra_fold_lower, lutra_fold_lower_n, sizeof *lutra_fold_lower, cp);
    bool in = r && cp <= r->last && (cp - r->first) % (uint32_t)r->step == 0;
    return in ? (uint32_t)((int64_t)cp + r->delta) : cp;
}

static bool in_ranges(const struct lutra_fold_range *table, int n, uint32_t cp)
{
    const struct lutra_fold_range *r = row(table, n, sizeof *table, cp);
    return r && cp <= r->last;
}

bool lutra_fold_is_control(uint32_t cp)
{
    return in_ranges(lutra_fold_control, lutra_fold_control_n, cp);
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
    if (in_ranges(lutra_fold_marks, lutra_fold_marks_n, cp)) return 0;
    const struct lutra_fold_pair *b =
        row(lutra_fold_base, lutra_fold_base_n, sizeof *lutra_fold_base, cp);
    if (b && b->from == cp) {
        out[0] = b->to;
        return 1;
    }
    const struct lutra_fold_parts *p =
        row(lutra_fold_many, lutra_fold_many_n, sizeof *lutra_fold_many, cp);
    if (!p || p->from != cp) return 1;
    int n = 0;
    while (n < 3 && p->to[n]) {
        out[n] = p->to[n];
        n++;
    }
    return n;
}
