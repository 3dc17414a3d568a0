/* SPDX-License-Identifier: MIT */
/* Chat templates: memory that is counted, errors that say where, names, and the output buffer. */
#include "runtime/tmpl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tblock {
    struct tblock *before;
};

/* Payload of a block starts here, so that every object is aligned for any type. */
enum { BLOCK_HEAD = 16, BLOCK_MIN = 4096, BLOCK_MAX = 1 << 20 };

/* "line 3, column 14" of an offset; columns count characters, from 1. */
static void locate(const struct tmpl *t, size_t at, int *line, int *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < at && i < t->src_len; i++) {
        unsigned char c = (unsigned char)t->src[i];
        if (c == '\n') {
            ++*line;
            *column = 1;
        } else if ((c & 0xc0) != 0x80) {
            ++*column;
        }
    }
}

bool lutra_tmpl_fail(struct tmpl *t, const char *fmt, ...)
{
    if (t->status != LUTRA_OK) return false; /* the first error is the one that tells */
    char what[400];
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(what, sizeof what, fmt, args) < 0) what[0] = '\0';
    va_end(args);
    int line, column;
    locate(t, t->at, &line, &column);
    t->status = lutra_fail(t->err, LUTRA_EFORMAT, "chat template, line %d, column %d: %s", line,
                           column, what);
    return false;
}

bool lutra_tmpl_nomem(struct tmpl *t)
{
    if (t->status == LUTRA_OK)
        t->status = lutra_fail(t->err, LUTRA_ENOMEM, "no memory to render the chat template");
    return false;
}

bool lutra_tmpl_step(struct tmpl *t, size_t work)
{
    if (work > LUTRA_TEMPLATE_STEPS_MAX - t->steps)
        return lutra_tmpl_fail(t, "runs for more than %d steps", LUTRA_TEMPLATE_STEPS_MAX);
    t->steps += work;
    return true;
}

bool lutra_tmpl_enter(struct tmpl *t)
{
    if (t->depth >= t->depth_max)
        return lutra_tmpl_fail(t, "nested deeper than %d levels", t->depth_max);
    t->depth++;
    return true;
}

static bool has_room(struct tmpl *t, size_t bytes)
{
    if (bytes <= t->memory_max - t->memory) return true;
    return lutra_tmpl_fail(t, "needs more than %zu MiB of memory", t->memory_max >> 20);
}

bool lutra_tmpl_reserve(struct tmpl *t, size_t n, size_t size)
{
    uint64_t bytes;
    if (!lutra_mul_ok(&bytes, n, size)) bytes = SIZE_MAX;
    return has_room(t, bytes);
}

static bool add_block(struct tmpl *t, struct tpool *pool, size_t bytes)
{
    if (!has_room(t, bytes) || !has_room(t, bytes + BLOCK_HEAD)) return false;
    size_t size = pool->last ? (size_t)(pool->end - (char *)pool->last) * 2 : BLOCK_MIN;
    if (size > BLOCK_MAX) size = BLOCK_MAX;
    /* a big string probably grows further: half as much again lets it do so in place */
    if (size < bytes + BLOCK_HEAD) size = bytes + bytes / 2 + BLOCK_HEAD;
    if (size > t->memory_max - t->memory) size = bytes + BLOCK_HEAD;
    struct tblock *b = malloc(size);
    if (!b) return lutra_tmpl_nomem(t);
    t->memory += size;
    b->before = pool->last;
    pool->last = b;
    pool->top = (char *)b + BLOCK_HEAD;
    pool->end = (char *)b + size;
    return true;
}

void *lutra_tmpl_alloc(struct tmpl *t, struct tpool *pool, size_t n, size_t size)
{
    uint64_t bytes;
    if (!lutra_mul_ok(&bytes, n, size) || bytes > t->memory_max) {
        has_room(t, SIZE_MAX);
        return NULL;
    }
    if (pool != &t->bytes) bytes = lutra_round_up(bytes, 16);
    if (!pool->last || bytes > (size_t)(pool->end - pool->top))
        if (!add_block(t, pool, bytes)) return NULL;
    char *p = pool->top;
    pool->top += bytes;
    if (pool == &t->objects) memset(p, 0, bytes);
    return p;
}

/* Lengthen what ends at `end` by `bytes` if it is the last thing in its pool: this makes
 * a + b + c + ... linear. */
bool lutra_tmpl_extend(struct tmpl *t, struct tpool *pool, const void *end, size_t bytes)
{
    (void)t;
    if (!pool->last || end != pool->top || bytes > (size_t)(pool->end - pool->top)) return false;
    pool->top += bytes;
    return true;
}

bool lutra_tmpl_grow(struct tmpl *t, void **array, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) return true;
    size_t n = *cap ? *cap * 2 : 64;
    if (n < need) n = need;
    if (!lutra_tmpl_reserve(t, n - *cap, size)) return false;
    void *p = realloc(*array, n * size);
    if (!p) return lutra_tmpl_nomem(t);
    t->memory += (n - *cap) * size;
    *array = p;
    *cap = n;
    return true;
}

static void free_pool(struct tpool *pool)
{
    for (struct tblock *b = pool->last; b;) {
        struct tblock *before = b->before;
        free(b);
        b = before;
    }
}

void lutra_tmpl_free(struct tmpl *t)
{
    free_pool(&t->objects);
    free_pool(&t->bytes);
    free_pool(&t->marks);
    free(t->src);
    free(t->node);
    free(t->constant);
    free(t->sym);
    free(t->sym_hash);
    free(t->global);
    free(t->stack);
    free(t->stack_name);
    free(t->out);
    free(t->mark);
}

/* ---- names --------------------------------------------------------------------------------- */

static uint32_t hash_name(const char *p, size_t n)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)p[i]) * 16777619u;
    return h;
}

static bool rehash(struct tmpl *t)
{
    size_t cap = t->sym_hash_cap ? t->sym_hash_cap * 2 : 256;
    if (!lutra_tmpl_reserve(t, cap, sizeof *t->sym_hash)) return false;
    int *table = malloc(cap * sizeof *table);
    if (!table) return lutra_tmpl_nomem(t);
    for (size_t i = 0; i < cap; i++) table[i] = -1;
    for (int s = 0; s < t->n_sym; s++) {
        size_t i = hash_name(t->sym[s].p, t->sym[s].n) & (cap - 1);
        while (table[i] >= 0) i = (i + 1) & (cap - 1);
        table[i] = s;
    }
    t->memory += (cap - t->sym_hash_cap) * sizeof *table;
    free(t->sym_hash);
    t->sym_hash = table;
    t->sym_hash_cap = cap;
    return true;
}

int lutra_tmpl_intern(struct tmpl *t, const char *p, size_t n)
{
    if ((size_t)t->n_sym * 2 >= t->sym_hash_cap && !rehash(t)) return -1;
    size_t mask = t->sym_hash_cap - 1, i = hash_name(p, n) & mask;
    for (; t->sym_hash[i] >= 0; i = (i + 1) & mask) {
        const struct tsym *s = &t->sym[t->sym_hash[i]];
        if (s->n == n && memcmp(s->p, p, n) == 0) return t->sym_hash[i];
        if (!lutra_tmpl_step(t, 1)) return -1; /* colliding names on purpose */
    }
    void *v = t->sym;
    if (!lutra_tmpl_grow(t, &v, &t->sym_cap, (size_t)t->n_sym + 1, sizeof *t->sym)) return -1;
    t->sym = v;
    struct tstr *str = lutra_tmpl_str(t, p, n, false);
    if (!str) return -1;
    t->sym[t->n_sym] = (struct tsym){.p = p, .n = n, .str = str};
    t->sym_hash[i] = t->n_sym;
    return t->n_sym++;
}

bool lutra_tmpl_is(const struct tmpl *t, int sym, const char *name)
{
    return sym >= 0 && lutra_tmpl_equals(t->sym[sym].str, name);
}

/* ---- output -------------------------------------------------------------------------------- */

static bool add_mark(struct tmpl *t, size_t start, size_t n)
{
    if (n == 0) return true;
    if (t->n_mark > t->mark_floor) {
        struct lutra_range *last = &t->mark[t->n_mark - 1];
        if (last->start + last->len == start) {
            last->len += n;
            return true;
        }
    }
    void *v = t->mark;
    if (!lutra_tmpl_grow(t, &v, &t->mark_cap, t->n_mark + 1, sizeof *t->mark)) return false;
    t->mark = v;
    t->mark[t->n_mark++] = (struct lutra_range){start, n};
    return true;
}

static bool add_text(struct tmpl *t, const char *p, size_t n)
{
    if (n > t->out_max - t->out_len)
        return lutra_tmpl_fail(t, "writes more than %zu bytes", t->out_max);
    void *v = t->out;
    if (!lutra_tmpl_grow(t, &v, &t->out_cap, t->out_len + n, 1)) return false;
    t->out = v;
    if (n > 0) memcpy(t->out + t->out_len, p, n);
    t->out_len += n;
    return lutra_tmpl_step(t, n / 512);
}

bool lutra_tmpl_emit(struct tmpl *t, const char *p, size_t n, bool marked)
{
    size_t start = t->out_len;
    return add_text(t, p, n) && (!marked || add_mark(t, start, n));
}

bool lutra_tmpl_emit_str(struct tmpl *t, const struct tstr *s, size_t start, size_t n)
{
    size_t base = t->out_len, mark = 0;
    if (!add_text(t, s->p + start, n)) return false;
    for (size_t i = start; s->n_mark > 0 && i < start + n;) {
        bool marked;
        size_t end = lutra_tmpl_run(s, i, &mark, &marked);
        if (end > start + n) end = start + n;
        if (marked && !add_mark(t, base + (i - start), end - i)) return false;
        i = end;
    }
    return true;
}

struct tcapture lutra_tmpl_begin(struct tmpl *t)
{
    struct tcapture c = {.len = t->out_len, .n_mark = t->n_mark, .floor = t->mark_floor};
    t->mark_floor = t->n_mark;
    return c;
}

struct tstr *lutra_tmpl_end(struct tmpl *t, struct tcapture c)
{
    size_t n = t->out_len - c.len, n_mark = t->n_mark - c.n_mark;
    char *p = lutra_tmpl_alloc(t, &t->bytes, n, 1);
    struct tstr *s = p ? lutra_tmpl_str(t, p, n, false) : NULL;
    if (!s) return NULL;
    if (n > 0) memcpy(p, t->out + c.len, n);
    if (n_mark > 0) {
        struct lutra_range *mark = lutra_tmpl_alloc(t, &t->marks, n_mark, sizeof *mark);
        if (!mark) return NULL;
        for (size_t i = 0; i < n_mark; i++) {
            mark[i] = t->mark[c.n_mark + i];
            mark[i].start -= c.len;
        }
        s->mark = mark;
        s->n_mark = n_mark;
    }
    t->out_len = c.len;
    t->n_mark = c.n_mark;
    t->mark_floor = c.floor;
    return s;
}
