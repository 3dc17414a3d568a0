/* SPDX-License-Identifier: MIT */
/* Chat templates: truth, numbers, operators, equality and order, as Python has them. */
#include "runtime/tmpl.h"

#include <math.h>
#include <string.h>

const char *lutra_tmpl_type(struct tval v)
{
    static const char *const names[] = {"Undefined", "NoneType", "bool",  "int",
                                        "float",     "str",      "list",  "dict",
                                        "range",     "loop",     "macro", "function"};
    if (v.kind == TV_LIST && v.u.list->tuple) return "tuple";
    if (v.kind == TV_DICT && v.u.dict->space) return "Namespace";
    return names[v.kind];
}

bool lutra_tmpl_truth(struct tval v)
{
    switch (v.kind) {
    case TV_UNDEF:
    case TV_NONE:
        return false;
    case TV_BOOL:
        return v.u.b;
    case TV_INT:
        return v.u.i != 0;
    case TV_FLOAT:
        return v.u.f != 0;
    case TV_STR:
        return v.u.s->n > 0;
    case TV_LIST:
        return v.u.list->n > 0;
    case TV_DICT:
        return v.u.dict->space || v.u.dict->n > 0;
    case TV_RANGE:
        return v.u.range->n > 0;
    default:
        return true;
    }
}

bool lutra_tmpl_undefined(struct tmpl *t, struct tval v)
{
    char name[120];
    if (!v.u.s) return lutra_tmpl_fail(t, "a value is undefined");
    return lutra_tmpl_fail(t, "'%s' is undefined",
                           lutra_escape(name, sizeof name, v.u.s->p, v.u.s->n));
}

bool lutra_tmpl_number(struct tval v, double *f, int64_t *i, bool *is_int)
{
    *is_int = v.kind != TV_FLOAT;
    if (v.kind == TV_FLOAT) {
        *f = v.u.f;
        *i = 0;
        return true;
    }
    if (v.kind != TV_INT && v.kind != TV_BOOL) return false;
    *i = v.kind == TV_INT ? v.u.i : v.u.b;
    *f = (double)*i;
    return true;
}

bool lutra_tmpl_int(struct tmpl *t, struct tval v, int64_t *i)
{
    double f;
    bool is_int;
    if (v.kind == TV_UNDEF) return lutra_tmpl_undefined(t, v);
    if (lutra_tmpl_number(v, &f, i, &is_int) && is_int) return true;
    return lutra_tmpl_fail(t, "needs a whole number, not %s", lutra_tmpl_type(v));
}

bool lutra_tmpl_want_str(struct tmpl *t, struct tval v, struct tstr **s)
{
    if (v.kind == TV_UNDEF) return lutra_tmpl_undefined(t, v);
    if (v.kind != TV_STR) return lutra_tmpl_fail(t, "needs a string, not %s", lutra_tmpl_type(v));
    *s = v.u.s;
    return true;
}

/* ---- walking ------------------------------------------------------------------------------- */

static bool chars_of(struct tmpl *t, struct tstr *s, struct tseq *seq)
{
    size_t n = lutra_tmpl_chars(t, s);
    struct tval *v = lutra_tmpl_step(t, n) ? lutra_tmpl_alloc(t, &t->objects, n, sizeof *v) : NULL;
    if (!v) return false;
    for (size_t i = 0, at = 0; i < n; i++) {
        uint32_t cp;
        size_t len = lutra_tmpl_char(s->p + at, s->n - at, &cp);
        struct tstr *c = lutra_tmpl_sub(t, s, at, len);
        if (!c) return false;
        v[i] = tval_str(c);
        at += len;
    }
    seq->v = v;
    seq->n = n;
    return true;
}

bool lutra_tmpl_seq(struct tmpl *t, struct tval v, struct tseq *seq)
{
    *seq = (struct tseq){.src = v};
    switch (v.kind) {
    case TV_UNDEF:
        return true;
    case TV_STR:
        return chars_of(t, v.u.s, seq);
    case TV_LIST:
        seq->v = v.u.list->v; /* a list that grows gets new memory: these stay */
        seq->n = v.u.list->n;
        return true;
    case TV_DICT:
        if (v.u.dict->space) break;
        seq->n = v.u.dict->n;
        return true;
    case TV_RANGE:
        seq->n = v.u.range->n;
        return true;
    default:
        break;
    }
    return lutra_tmpl_fail(t, "cannot walk over %s", lutra_tmpl_type(v));
}

struct tval lutra_tmpl_at(const struct tseq *seq, size_t i)
{
    if (seq->v) return seq->v[i];
    if (seq->src.kind == TV_DICT) return seq->src.u.dict->v[i].key;
    const struct trange *r = seq->src.u.range;
    return tval_int((int64_t)((uint64_t)r->start + (uint64_t)r->step * i));
}

/* ---- equality and order -------------------------------------------------------------------- */

static bool equal_lists(struct tmpl *t, struct tval a, struct tval b, bool *equal)
{
    struct tseq x, y;
    if (!lutra_tmpl_seq(t, a, &x) || !lutra_tmpl_seq(t, b, &y)) return false;
    *equal = x.n == y.n;
    for (size_t i = 0; *equal && i < x.n; i++)
        if (!lutra_tmpl_equal(t, lutra_tmpl_at(&x, i), lutra_tmpl_at(&y, i), equal)) return false;
    return true;
}

static bool equal_dicts(struct tmpl *t, const struct tdict *a, const struct tdict *b, bool *equal)
{
    *equal = a->n == b->n && !a->space && !b->space;
    for (size_t i = 0; *equal && i < a->n; i++) {
        struct tval *other;
        if (!lutra_tmpl_dict_find(t, b, a->v[i].key, &other)) return false;
        if (!other)
            *equal = false;
        else if (!lutra_tmpl_equal(t, a->v[i].val, *other, equal))
            return false;
    }
    return true;
}

static bool equal_values(struct tmpl *t, struct tval a, struct tval b, bool *equal)
{
    double fa, fb;
    int64_t ia, ib;
    bool int_a, int_b;
    *equal = false;
    if (lutra_tmpl_number(a, &fa, &ia, &int_a) && lutra_tmpl_number(b, &fb, &ib, &int_b)) {
        *equal = int_a && int_b ? ia == ib : fa == fb;
        return true;
    }
    if (a.kind != b.kind) return true;
    switch (a.kind) {
    case TV_UNDEF:
    case TV_NONE:
        *equal = true;
        return true;
    case TV_STR:
        *equal = lutra_tmpl_same(a.u.s, b.u.s);
        return lutra_tmpl_step(t, a.u.s->n / 512);
    case TV_LIST:
        if (a.u.list == b.u.list)
            *equal = true;
        else if (a.u.list->tuple == b.u.list->tuple)
            return equal_lists(t, a, b, equal);
        return true;
    case TV_DICT:
        if (a.u.dict != b.u.dict) return equal_dicts(t, a.u.dict, b.u.dict, equal);
        *equal = true;
        return true;
    case TV_RANGE:
        return equal_lists(t, a, b, equal);
    case TV_LOOP:
        *equal = a.u.loop == b.u.loop;
        return true;
    case TV_MACRO:
        *equal = a.u.macro == b.u.macro;
        return true;
    default:
        *equal = a.u.func == b.u.func;
        return true;
    }
}

bool lutra_tmpl_equal(struct tmpl *t, struct tval a, struct tval b, bool *equal)
{
    if (!lutra_tmpl_step(t, 1) || !lutra_tmpl_enter(t)) return false;
    bool ok = equal_values(t, a, b, equal);
    t->depth--;
    return ok;
}

static int order_strings(const struct tstr *a, const struct tstr *b)
{
    size_t n = a->n < b->n ? a->n : b->n;
    int c = n ? memcmp(a->p, b->p, n) : 0; /* the order of UTF-8 bytes is that of code points */
    return c ? c : (a->n > b->n) - (a->n < b->n);
}

static bool order_lists(struct tmpl *t, const struct tlist *a, const struct tlist *b, int *order)
{
    bool same = true;
    size_t i = 0, n = a->n < b->n ? a->n : b->n;
    for (; i < n; i++) {
        if (!lutra_tmpl_equal(t, a->v[i], b->v[i], &same)) return false;
        if (!same) return lutra_tmpl_order(t, a->v[i], b->v[i], order);
    }
    *order = (a->n > b->n) - (a->n < b->n);
    return true;
}

/* *order: < 0, 0, > 0, or 2 where a NaN makes every comparison false. */
bool lutra_tmpl_order(struct tmpl *t, struct tval a, struct tval b, int *order)
{
    double fa, fb;
    int64_t ia, ib;
    bool int_a, int_b, ok = true;
    if (a.kind == TV_UNDEF) return lutra_tmpl_undefined(t, a);
    if (b.kind == TV_UNDEF) return lutra_tmpl_undefined(t, b);
    if (lutra_tmpl_number(a, &fa, &ia, &int_a) && lutra_tmpl_number(b, &fb, &ib, &int_b)) {
        *order = int_a && int_b ? (ia > ib) - (ia < ib) : (fa > fb) - (fa < fb);
        if (isnan(fa) || isnan(fb)) *order = 2;
        return lutra_tmpl_step(t, 1);
    }
    if (a.kind == TV_STR && b.kind == TV_STR) {
        int c = order_strings(a.u.s, b.u.s);
        *order = (c > 0) - (c < 0);
        return lutra_tmpl_step(t, 1 + a.u.s->n / 512);
    }
    if (a.kind == TV_LIST && b.kind == TV_LIST && a.u.list->tuple == b.u.list->tuple) {
        if (!lutra_tmpl_step(t, 1) || !lutra_tmpl_enter(t)) return false;
        ok = order_lists(t, a.u.list, b.u.list, order);
        t->depth--;
        return ok;
    }
    return lutra_tmpl_fail(t, "cannot order %s and %s", lutra_tmpl_type(a), lutra_tmpl_type(b));
}

bool lutra_tmpl_contains(struct tmpl *t, struct tval in, struct tval x, bool *out)
{
    *out = false;
    if (in.kind == TV_STR) {
        struct tstr *part = NULL;
        if (!lutra_tmpl_want_str(t, x, &part)) return false;
        *out = lutra_tmpl_find(in.u.s, part, 0) != SIZE_MAX;
        return lutra_tmpl_step(t, in.u.s->n / 512);
    }
    if (in.kind == TV_DICT && !in.u.dict->space) {
        struct tval *v;
        if (!lutra_tmpl_dict_find(t, in.u.dict, x, &v)) return false;
        *out = v != NULL;
        return true;
    }
    if (in.kind == TV_RANGE && x.kind == TV_INT) {
        const struct trange *r = in.u.range;
        uint64_t step = r->step < 0 ? 0 - (uint64_t)r->step : (uint64_t)r->step;
        uint64_t gap = r->step < 0 ? (uint64_t)r->start - (uint64_t)x.u.i
                                   : (uint64_t)x.u.i - (uint64_t)r->start;
        bool ahead = r->step < 0 ? x.u.i <= r->start : x.u.i >= r->start;
        *out = ahead && gap % step == 0 && gap / step < r->n;
        return true;
    }
    struct tseq seq;
    if (!lutra_tmpl_seq(t, in, &seq)) return false;
    for (size_t i = 0; !*out && i < seq.n; i++)
        if (!lutra_tmpl_equal(t, lutra_tmpl_at(&seq, i), x, out)) return false;
    return true;
}

bool lutra_tmpl_compare(struct tmpl *t, int op, struct tval a, struct tval b, bool *out)
{
    int order = 0;
    switch (op) {
    case TOP_EQ:
        return lutra_tmpl_equal(t, a, b, out);
    case TOP_NE:
        if (!lutra_tmpl_equal(t, a, b, out)) return false;
        *out = !*out;
        return true;
    case TOP_IN:
        return lutra_tmpl_contains(t, b, a, out);
    case TOP_NOT_IN:
        if (!lutra_tmpl_contains(t, b, a, out)) return false;
        *out = !*out;
        return true;
    default:
        break;
    }
    if (!lutra_tmpl_order(t, a, b, &order)) return false;
    *out = order != 2 && (op == '<'      ? order < 0
                          : op == '>'    ? order > 0
                          : op == TOP_LE ? order <= 0
                                         : order >= 0);
    return true;
}

/* ---- arithmetic ---------------------------------------------------------------------------- */

static bool too_large(struct tmpl *t)
{
    return lutra_tmpl_fail(t, "a whole number beyond 64 bits");
}

static bool mul_int(struct tmpl *t, int64_t a, int64_t b, int64_t *out)
{
    uint64_t x = a < 0 ? 0 - (uint64_t)a : (uint64_t)a, y = b < 0 ? 0 - (uint64_t)b : (uint64_t)b,
             xy;
    if (!lutra_mul_ok(&xy, x, y) || xy > INT64_MAX) return too_large(t);
    *out = (a < 0) != (b < 0) ? -(int64_t)xy : (int64_t)xy;
    return true;
}

static bool pow_int(struct tmpl *t, int64_t a, int64_t n, int64_t *out)
{
    *out = 1;
    if (a == 0 || a == 1 || a == -1) {
        *out = n == 0 || a == 1 ? 1 : a == 0 ? 0 : n % 2 ? -1 : 1;
        return true;
    }
    for (int64_t i = 0; i < n; i++) /* at most 63 times: then it is too large */
        if (!mul_int(t, *out, a, out)) return false;
    return true;
}

static bool calc_int(struct tmpl *t, int op, int64_t a, int64_t b, int64_t *out)
{
    switch (op) {
    case '+':
        if (b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b) return too_large(t);
        *out = a + b;
        return true;
    case '-':
        if (b < 0 ? a > INT64_MAX + b : a < INT64_MIN + b) return too_large(t);
        *out = a - b;
        return true;
    case '*':
        return mul_int(t, a, b, out);
    case TOP_POW:
        return pow_int(t, a, b, out);
    default:
        break;
    }
    if (a == INT64_MIN && b == -1) return too_large(t);
    int64_t q = a / b, r = a % b;
    if (r != 0 && (r < 0) != (b < 0)) { /* towards minus infinity */
        q--;
        r += b;
    }
    *out = op == '%' ? r : q;
    return true;
}

static bool calc_float(struct tmpl *t, int op, double a, double b, double *out)
{
    double r;
    switch (op) {
    case '+':
        *out = a + b;
        return true;
    case '-':
        *out = a - b;
        return true;
    case '*':
        *out = a * b;
        return true;
    case '/':
        *out = a / b;
        return true;
    case TOP_FLOORDIV: /* from the remainder: the quotient itself is rounded, perhaps to a whole number */
        r = fmod(a, b);
        r = (a - r) / b - (r != 0 && (r < 0) != (b < 0));
        *out = r != 0 ? floor(r + 0.5) : copysign(0.0, a / b);
        return true;
    case '%':
        r = fmod(a, b);
        *out = r == 0 ? copysign(0.0, b) : (r < 0) != (b < 0) ? r + b : r;
        return true;
    default:
        break;
    }
    *out = pow(a, b); /* its last digit is the system's own: 1.5 ** -5 differs on Windows */
    if (isfinite(*out) || !isfinite(a) || !isfinite(b)) return true;
    return lutra_tmpl_fail(t, "** leads beyond what a number can hold");
}

static bool calc(struct tmpl *t, int op, struct tval a, struct tval b, struct tval *out)
{
    double fa, fb;
    int64_t ia, ib;
    bool int_a, int_b;
    if (!lutra_tmpl_number(a, &fa, &ia, &int_a) || !lutra_tmpl_number(b, &fb, &ib, &int_b)) {
        if (op >= 128)
            return lutra_tmpl_fail(t, "cannot calculate with %s and %s", lutra_tmpl_type(a),
                                   lutra_tmpl_type(b));
        return lutra_tmpl_fail(t, "cannot use '%c' on %s and %s", op, lutra_tmpl_type(a),
                               lutra_tmpl_type(b));
    }
    if ((op == '/' || op == '%' || op == TOP_FLOORDIV) && fb == 0)
        return lutra_tmpl_fail(t, "division by zero");
    if (int_a && int_b && op != '/' && !(op == TOP_POW && ib < 0)) {
        *out = tval_int(0);
        return calc_int(t, op, ia, ib, &out->u.i);
    }
    *out = tval_float(0);
    return calc_float(t, op, fa, fb, &out->u.f);
}

static bool join_lists(struct tmpl *t, const struct tlist *a, const struct tlist *b,
                       struct tval *out)
{
    struct tlist *l = lutra_tmpl_new_list(t, a->n + b->n);
    if (!l || !lutra_tmpl_step(t, (a->n + b->n) / 16)) return false;
    if (a->n) memcpy(l->v, a->v, a->n * sizeof *l->v);
    if (b->n) memcpy(l->v + a->n, b->v, b->n * sizeof *l->v);
    l->n = a->n + b->n;
    l->tuple = a->tuple;
    *out = tval_list(l);
    return true;
}

static bool repeat(struct tmpl *t, struct tval v, struct tval times, struct tval *out)
{
    int64_t n;
    if (!lutra_tmpl_int(t, times, &n)) return false;
    if (v.kind == TV_STR) {
        struct tstr *s = lutra_tmpl_repeat(t, v.u.s, n);
        *out = tval_str(s);
        return s != NULL;
    }
    size_t len = v.u.list->n;
    if (n < 0 || len == 0) n = 0;
    if (!lutra_tmpl_reserve(t, len * sizeof *v.u.list->v, (size_t)n)) return false;
    struct tlist *l =
        lutra_tmpl_step(t, len * (size_t)n / 16) ? lutra_tmpl_new_list(t, len * (size_t)n) : NULL;
    if (!l) return false;
    for (int64_t i = 0; i < n; i++, l->n += len)
        memcpy(l->v + l->n, v.u.list->v, len * sizeof *l->v);
    l->tuple = v.u.list->tuple;
    *out = tval_list(l);
    return true;
}

static bool concat(struct tmpl *t, struct tval a, struct tval b, struct tval *out)
{
    struct tstr *x = lutra_tmpl_to_str(t, a), *y = x ? lutra_tmpl_to_str(t, b) : NULL;
    struct tstr *s = y ? lutra_tmpl_concat(t, x, y) : NULL;
    *out = tval_str(s);
    return s != NULL;
}

bool lutra_tmpl_binary(struct tmpl *t, int op, struct tval a, struct tval b, struct tval *out)
{
    if (op == '~') return concat(t, a, b, out);
    if (op == '%' && a.kind == TV_STR) return lutra_tmpl_percent(t, a.u.s, b, out);
    if (a.kind == TV_UNDEF) return lutra_tmpl_undefined(t, a);
    if (b.kind == TV_UNDEF) return lutra_tmpl_undefined(t, b);
    if (op == '+' && a.kind == TV_STR && b.kind == TV_STR) {
        if (!a.u.s->safe && !b.u.s->safe) return concat(t, a, b, out);
        return lutra_tmpl_escape(t, a, &a) && lutra_tmpl_escape(t, b, &b) && concat(t, a, b, &a) &&
               lutra_tmpl_safe(t, a, out);
    }
    if (op == '+' && a.kind == TV_LIST && b.kind == TV_LIST && a.u.list->tuple == b.u.list->tuple)
        return join_lists(t, a.u.list, b.u.list, out);
    if (op == '*' && (a.kind == TV_STR || a.kind == TV_LIST)) return repeat(t, a, b, out);
    if (op == '*' && (b.kind == TV_STR || b.kind == TV_LIST)) return repeat(t, b, a, out);
    return calc(t, op, a, b, out);
}
