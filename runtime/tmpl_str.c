/* SPDX-License-Identifier: MIT */
/* Chat templates: strings that know which of their bytes came from a message. */
#include "runtime/tmpl.h"
#include "runtime/unicode.h"
#include "runtime/unicode_fold.h"

#include <string.h>

enum { WORK = 512 }; /* bytes looked at per counted step */

struct tstr *lutra_tmpl_str(struct tmpl *t, const char *p, size_t n, bool marked)
{
    struct tstr *s = lutra_tmpl_alloc(t, &t->objects, 1, sizeof *s);
    if (!s) return NULL;
    *s = (struct tstr){.p = p, .n = n, .n_chars = SIZE_MAX};
    if (marked && n > 0) {
        struct lutra_range *r = lutra_tmpl_alloc(t, &t->marks, 1, sizeof *r);
        if (!r) return NULL;
        *r = (struct lutra_range){0, n};
        s->mark = r;
        s->n_mark = 1;
    }
    return s;
}

struct tstr *lutra_tmpl_text(struct tmpl *t, const char *text)
{
    return lutra_tmpl_str(t, text, strlen(text), false);
}

bool lutra_tmpl_same(const struct tstr *a, const struct tstr *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

bool lutra_tmpl_equals(const struct tstr *s, const char *text)
{
    size_t n = strlen(text);
    return s->n == n && memcmp(s->p, text, n) == 0;
}

/* First mark that ends after `at`. */
static size_t first_mark(const struct tstr *s, size_t at)
{
    size_t lo = 0, hi = s->n_mark;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->mark[mid].start + s->mark[mid].len > at)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

size_t lutra_tmpl_run(const struct tstr *s, size_t at, size_t *mark, bool *marked)
{
    size_t m = *mark;
    if (m < s->n_mark && s->mark[m].start + s->mark[m].len <= at) m++;
    if (m < s->n_mark && s->mark[m].start + s->mark[m].len <= at) m = first_mark(s, at);
    *mark = m;
    *marked = m < s->n_mark && s->mark[m].start <= at;
    if (m >= s->n_mark) return s->n;
    return *marked ? s->mark[m].start + s->mark[m].len : s->mark[m].start;
}

/* ---- characters ---------------------------------------------------------------------------- */

size_t lutra_tmpl_char(const char *p, size_t n, uint32_t *cp)
{
    const unsigned char *s = (const unsigned char *)p;
    *cp = s[0];
    if (s[0] < 0x80) return 1;
    size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    *cp = 0xfffd; /* a byte that is no UTF-8 counts as one character */
    if (s[0] < 0xc2 || s[0] > 0xf4 || n < len) return 1;
    uint32_t c = s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) return 1;
        c = c << 6 | (s[i] & 0x3fu);
    }
    if (len == 3 && (c < 0x800 || (c >= 0xd800 && c <= 0xdfff))) return 1;
    if (len == 4 && (c < 0x10000 || c > 0x10ffff)) return 1;
    *cp = c;
    return len;
}

bool lutra_tmpl_is_space(uint32_t cp) /* as Python's str.isspace */
{
    if (cp <= 0x20) return cp == ' ' || (cp >= 9 && cp <= 13) || cp >= 0x1c;
    if (cp < 0x1680) return cp == 0x85 || cp == 0xa0;
    return cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 ||
           cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

size_t lutra_tmpl_chars(struct tmpl *t, struct tstr *s)
{
    if (s->n_chars != SIZE_MAX) return s->n_chars;
    size_t n = 0;
    uint32_t cp;
    for (size_t i = 0; i < s->n; n++) i += lutra_tmpl_char(s->p + i, s->n - i, &cp);
    lutra_tmpl_step(t, s->n / 64);
    return s->n_chars = n;
}

size_t lutra_tmpl_offset(struct tmpl *t, struct tstr *s, size_t chars)
{
    if (lutra_tmpl_chars(t, s) == s->n) return chars;
    size_t at = 0;
    uint32_t cp;
    for (size_t i = 0; i < chars && at < s->n; i++)
        at += lutra_tmpl_char(s->p + at, s->n - at, &cp);
    lutra_tmpl_step(t, at / 64);
    return at;
}

/* ---- pieces -------------------------------------------------------------------------------- */

struct tstr *lutra_tmpl_sub(struct tmpl *t, struct tstr *s, size_t start, size_t n)
{
    if (start == 0 && n == s->n) return s;
    struct tstr *part = lutra_tmpl_str(t, s->p + start, n, false);
    if (!part || s->n_mark == 0 || n == 0) return part;
    size_t from = first_mark(s, start), to = from;
    while (to < s->n_mark && s->mark[to].start < start + n) to++;
    if (from == to) return part;
    struct lutra_range *mark = lutra_tmpl_alloc(t, &t->marks, to - from, sizeof *mark);
    if (!mark || !lutra_tmpl_step(t, (to - from) / 16)) return NULL;
    for (size_t i = from; i < to; i++) {
        size_t a = s->mark[i].start, b = a + s->mark[i].len;
        if (a < start) a = start;
        if (b > start + n) b = start + n;
        mark[i - from] = (struct lutra_range){a - start, b - a};
    }
    part->mark = mark;
    part->n_mark = to - from;
    return part;
}

static bool concat_marks(struct tmpl *t, struct tstr *s, const struct tstr *a, const struct tstr *b)
{
    s->mark = a->mark;
    s->n_mark = a->n_mark;
    if (b->n_mark == 0) return true;
    const struct lutra_range *last = a->n_mark ? &a->mark[a->n_mark - 1] : NULL;
    size_t join = last && last->start + last->len == a->n && b->mark[0].start == 0, at = a->n_mark;
    struct lutra_range *mark =
        (struct lutra_range *)(uintptr_t)a->mark; /* ours: written only behind its end */
    if (join || !at || !lutra_tmpl_extend(t, &t->marks, mark + at, b->n_mark * sizeof *mark)) {
        mark = lutra_tmpl_alloc(t, &t->marks, at + b->n_mark, sizeof *mark);
        if (!mark || !lutra_tmpl_step(t, at / 16)) return false;
        if (at) memcpy(mark, a->mark, at * sizeof *mark);
    }
    if (join) mark[at - 1].len += b->mark[0].len;
    for (size_t i = join; i < b->n_mark; i++)
        mark[at++] = (struct lutra_range){b->mark[i].start + a->n, b->mark[i].len};
    s->mark = mark;
    s->n_mark = at;
    return lutra_tmpl_step(t, b->n_mark / 16);
}

struct tstr *lutra_tmpl_concat(struct tmpl *t, struct tstr *a, struct tstr *b)
{
    if (a->n == 0) return b;
    if (b->n == 0) return a;
    char *p = (char *)(uintptr_t)a->p; /* as above: only what lies behind a is written */
    const char *tail = b->p;
    if (!lutra_tmpl_extend(t, &t->bytes, p + a->n, b->n)) {
        p = lutra_tmpl_alloc(t, &t->bytes, a->n + b->n, 1);
        if (!p || !lutra_tmpl_step(t, a->n / WORK)) return NULL;
        memcpy(p, a->p, a->n);
    }
    memcpy(p + a->n, tail, b->n);
    struct tstr *s = lutra_tmpl_str(t, p, a->n + b->n, false);
    return s && lutra_tmpl_step(t, b->n / WORK) && concat_marks(t, s, a, b) ? s : NULL;
}

struct tstr *lutra_tmpl_repeat(struct tmpl *t, struct tstr *s, int64_t times)
{
    if (times <= 0 || s->n == 0) return lutra_tmpl_sub(t, s, 0, 0);
    if (!lutra_tmpl_reserve(t, s->n, (size_t)times)) return NULL;
    struct tcapture c = lutra_tmpl_begin(t);
    for (int64_t i = 0; i < times; i++)
        if (!lutra_tmpl_step(t, 1) || !lutra_tmpl_emit_str(t, s, 0, s->n)) return NULL;
    return lutra_tmpl_end(t, c);
}

/* ---- what the methods do ------------------------------------------------------------------- */

static bool strips(const struct tstr *chars, const char *p, size_t n, uint32_t cp)
{
    if (!chars) return lutra_tmpl_is_space(cp);
    uint32_t other;
    for (size_t i = 0; i < chars->n;) {
        size_t len = lutra_tmpl_char(chars->p + i, chars->n - i, &other);
        if (len == n && memcmp(chars->p + i, p, n) == 0) return true;
        i += len;
    }
    return false;
}

/* Characters of `chars` (NULL: white space) off the left (sides & 1) and the right (sides & 2). */
struct tstr *lutra_tmpl_strip(struct tmpl *t, struct tstr *s, const struct tstr *chars, int sides)
{
    size_t from = 0, to = s->n, work = 1 + (chars ? chars->n / 16 : 0), count = 0;
    uint32_t cp;
    while ((sides & 1) && from < to) {
        size_t n = lutra_tmpl_char(s->p + from, to - from, &cp);
        if (!strips(chars, s->p + from, n, cp)) break;
        from += n;
        if (++count % 64 == 0 && !lutra_tmpl_step(t, work)) return NULL;
    }
    while ((sides & 2) && from < to) {
        size_t back = 1;
        while (back < 4 && back < to - from && ((unsigned char)s->p[to - back] & 0xc0) == 0x80)
            back++;
        if (lutra_tmpl_char(s->p + to - back, back, &cp) != back) {
            back = 1;
            cp = 0xfffd;
        }
        if (!strips(chars, s->p + to - back, back, cp)) break;
        to -= back;
        if (++count % 64 == 0 && !lutra_tmpl_step(t, work)) return NULL;
    }
    return lutra_tmpl_sub(t, s, from, to - from);
}

size_t lutra_tmpl_find(const struct tstr *s, const struct tstr *part, size_t from)
{
    if (from > s->n || part->n > s->n - from) return SIZE_MAX;
    if (part->n == 0) return from;
    const char *at = s->p + from, *last = s->p + s->n - part->n; /* no memmem: POSIX has none */
    while (at <= last && (at = memchr(at, part->p[0], (size_t)(last - at) + 1))) {
        if (memcmp(at, part->p, part->n) == 0) return (size_t)(at - s->p);
        at++;
    }
    return SIZE_MAX;
}

/* Python's "abc".replace("", "-") is "-a-b-c-". */
static bool replace_empty(struct tmpl *t, struct tstr *s, struct tstr *to, int64_t max)
{
    uint32_t cp;
    for (size_t i = 0;; max--) {
        if (max == 0) return lutra_tmpl_emit_str(t, s, i, s->n - i);
        if (!lutra_tmpl_step(t, 1) || !lutra_tmpl_emit_str(t, to, 0, to->n)) return false;
        if (i >= s->n) return true;
        size_t n = lutra_tmpl_char(s->p + i, s->n - i, &cp);
        if (!lutra_tmpl_emit_str(t, s, i, n)) return false;
        i += n;
    }
}

static bool replace_all(struct tmpl *t, struct tstr *s, struct tstr *from, struct tstr *to,
                        int64_t max)
{
    size_t at = 0, hit;
    if (!lutra_tmpl_step(t, s->n / WORK)) return false;
    for (; max != 0 && (hit = lutra_tmpl_find(s, from, at)) != SIZE_MAX; max--) {
        if (!lutra_tmpl_step(t, 1) || !lutra_tmpl_emit_str(t, s, at, hit - at)) return false;
        if (!lutra_tmpl_emit_str(t, to, 0, to->n)) return false;
        at = hit + from->n;
    }
    return lutra_tmpl_emit_str(t, s, at, s->n - at);
}

struct tstr *lutra_tmpl_replace(struct tmpl *t, struct tstr *s, struct tstr *from, struct tstr *to,
                                int64_t max)
{
    struct tcapture c = lutra_tmpl_begin(t);
    bool ok = from->n ? replace_all(t, s, from, to, max) : replace_empty(t, s, to, max);
    return ok ? lutra_tmpl_end(t, c) : NULL;
}

static bool add_part(struct tmpl *t, struct tlist *l, struct tstr *s, size_t from, size_t to)
{
    struct tstr *part = lutra_tmpl_sub(t, s, from, to - from);
    return part && lutra_tmpl_step(t, 1) && lutra_tmpl_append(t, l, tval_str(part));
}

static size_t skip(const struct tstr *s, size_t at, bool space)
{
    uint32_t cp;
    while (at < s->n) {
        size_t n = lutra_tmpl_char(s->p + at, s->n - at, &cp);
        if (lutra_tmpl_is_space(cp) != space) break;
        at += n;
    }
    return at;
}

struct tlist *lutra_tmpl_split(struct tmpl *t, struct tstr *s, const struct tstr *sep, int64_t max)
{
    struct tlist *l = lutra_tmpl_new_list(t, 0);
    size_t at = 0, hit;
    if (!l || !lutra_tmpl_step(t, s->n / WORK)) return NULL;
    if (sep) {
        for (; max != 0 && (hit = lutra_tmpl_find(s, sep, at)) != SIZE_MAX;
             max--, at = hit + sep->n)
            if (!add_part(t, l, s, at, hit)) return NULL;
        return add_part(t, l, s, at, s->n) ? l : NULL;
    }
    for (at = skip(s, 0, true); at < s->n; max--) { /* runs of white space */
        size_t end = max == 0 ? s->n : skip(s, at, false);
        if (!add_part(t, l, s, at, end)) return NULL;
        at = max == 0 ? s->n : skip(s, end, true);
    }
    return l;
}

/* Split at no more than the last `max` separators. */
struct tlist *lutra_tmpl_rsplit(struct tmpl *t, struct tstr *s, const struct tstr *sep, int64_t max)
{
    struct tlist *l = lutra_tmpl_split(t, s, sep, -1);
    if (!l || max < 0 || l->n <= (uint64_t)max + 1) return l;
    size_t extra = l->n - 1 - (size_t)max; /* separators that stay text */
    const struct tstr *end = l->v[extra].u.s;
    struct tstr *head = lutra_tmpl_sub(t, s, 0, (size_t)(end->p - s->p) + end->n);
    if (!head) return NULL;
    l->v[extra] = tval_str(head);
    l->v += extra;
    l->n -= extra;
    l->cap -= extra;
    return l;
}

/* ---- case ---------------------------------------------------------------------------------- */

/* One to one, but that a sharp s in upper case is SS (whose second letter is small where only the first is large). */
static size_t change_case(uint32_t cp, bool upper, bool alone, char dst[4])
{
    if (upper && cp == 0xdf) {
        memcpy(dst, alone ? "Ss" : "SS", 2);
        return 2;
    }
    return lutra_utf8_write(dst, upper ? lutra_fold_to_upper(cp) : lutra_fold_to_lower(cp));
}

struct tstr *lutra_tmpl_case(struct tmpl *t, struct tstr *s, enum tcase how)
{
    bool first = true, marked; /* of the string, or of a word */
    size_t plain = 0, mark = 0;
    struct tcapture c = lutra_tmpl_begin(t);
    if (!lutra_tmpl_step(t, s->n / 8)) return NULL;
    for (size_t i = 0, n; i < s->n; i += n) {
        uint32_t cp;
        char to[4];
        n = lutra_tmpl_char(s->p + i, s->n - i, &cp);
        bool ascii = cp < 0x80, bad = n == 1 && !ascii;
        bool upper = how == TMPL_UPPER || (how >= TMPL_CAPITALIZE && first);
        enum lutra_uclass class = lutra_unicode_class(cp);
        bool cased = class == LUTRA_UC_UPPER || class == LUTRA_UC_LOWER;
        bool parts = ascii ? cp && strchr("-({[< \t\n\r\v\f", (int)cp) != NULL : lutra_tmpl_is_space(cp);
        first = how == TMPL_TITLE ? !cased : how == TMPL_WORDS && parts;
        size_t len = bad ? 0 : change_case(cp, upper, how != TMPL_UPPER, to);
        if (len == 0 || (len == n && memcmp(to, s->p + i, n) == 0)) continue;
        lutra_tmpl_run(s, i, &mark, &marked);
        if ((!ascii && !lutra_tmpl_step(t, 4)) || !lutra_tmpl_emit_str(t, s, plain, i - plain)) return NULL;
        if (!lutra_tmpl_emit(t, to, len, marked)) return NULL;
        plain = i + n;
    }
    return lutra_tmpl_emit_str(t, s, plain, s->n - plain) ? lutra_tmpl_end(t, c) : NULL;
}
