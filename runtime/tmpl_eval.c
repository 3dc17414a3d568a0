/* SPDX-License-Identifier: MIT */
/* Chat templates: expressions to values. */
#include "runtime/tmpl.h"

#include <string.h>

/* ---- lists and dicts ----------------------------------------------------------------------- */

struct tlist *lutra_tmpl_new_list(struct tmpl *t, size_t cap)
{
    struct tlist *l = lutra_tmpl_alloc(t, &t->objects, 1, sizeof *l);
    if (!l || cap == 0) return l;
    l->v = lutra_tmpl_alloc(t, &t->objects, cap, sizeof *l->v);
    l->cap = cap;
    return l->v ? l : NULL;
}

bool lutra_tmpl_append(struct tmpl *t, struct tlist *l, struct tval v)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 4;
        struct tval *p = lutra_tmpl_alloc(t, &t->objects, cap, sizeof *p);
        if (!p) return false;
        if (l->n) memcpy(p, l->v, l->n * sizeof *p);
        l->v = p;
        l->cap = cap;
    }
    l->v[l->n++] = v;
    return true;
}

struct tdict *lutra_tmpl_new_dict(struct tmpl *t, size_t cap)
{
    struct tdict *d = lutra_tmpl_alloc(t, &t->objects, 1, sizeof *d);
    if (!d || cap == 0) return d;
    d->v = lutra_tmpl_alloc(t, &t->objects, cap, sizeof *d->v);
    d->cap = cap;
    return d->v ? d : NULL;
}

bool lutra_tmpl_dict_find(struct tmpl *t, const struct tdict *d, struct tval key, struct tval **out)
{
    *out = NULL;
    if (!lutra_tmpl_step(t, d->n / 16)) return false;
    for (size_t i = 0; i < d->n; i++) {
        bool same;
        if (key.kind == TV_STR && d->v[i].key.kind == TV_STR)
            same = lutra_tmpl_same(key.u.s, d->v[i].key.u.s);
        else if (!lutra_tmpl_equal(t, d->v[i].key, key, &same))
            return false;
        if (!same) continue;
        *out = &d->v[i].val;
        return true;
    }
    return true;
}

bool lutra_tmpl_dict_set(struct tmpl *t, struct tdict *d, struct tval key, struct tval val)
{
    struct tval *old;
    if (key.kind == TV_UNDEF) return lutra_tmpl_undefined(t, key);
    if (key.kind == TV_DICT || (key.kind == TV_LIST && !key.u.list->tuple))
        return lutra_tmpl_fail(t, "%s cannot be a key", lutra_tmpl_type(key));
    if (!lutra_tmpl_dict_find(t, d, key, &old)) return false;
    if (old) {
        *old = val;
        return true;
    }
    if (d->n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 4;
        struct tpair *p = lutra_tmpl_alloc(t, &t->objects, cap, sizeof *p);
        if (!p) return false;
        if (d->n) memcpy(p, d->v, d->n * sizeof *p);
        d->v = p;
        d->cap = cap;
    }
    d->v[d->n++] = (struct tpair){key, val};
    return true;
}

static bool eval_list(struct tmpl *t, const struct tnode *n, struct tval *out)
{
    struct tlist *l = lutra_tmpl_new_list(t, 0);
    bool tuple = n->op;
    if (!l) return false;
    for (int32_t i = n->a; i; i = t->node[i].next) {
        struct tval v;
        if (!lutra_tmpl_eval(t, i, &v) || !lutra_tmpl_append(t, l, v)) return false;
    }
    l->tuple = tuple;
    *out = tval_list(l);
    return true;
}

static bool eval_dict(struct tmpl *t, const struct tnode *n, struct tval *out)
{
    struct tdict *d = lutra_tmpl_new_dict(t, 0);
    if (!d) return false;
    for (int32_t i = n->a; i; i = t->node[i].next) {
        struct tval key, val;
        if (!lutra_tmpl_eval(t, t->node[i].a, &key) || !lutra_tmpl_eval(t, t->node[i].b, &val))
            return false;
        if (!lutra_tmpl_dict_set(t, d, key, val)) return false;
    }
    *out = tval_dict(d);
    return true;
}

/* ---- parts of a value ---------------------------------------------------------------------- */

static bool loop_attr(struct tmpl *t, const struct tloop *l, struct tstr *name, struct tval *out)
{
    int64_t at = (int64_t)l->at, n = (int64_t)l->seq.n;
    const struct {
        const char *name;
        struct tval v;
    } attrs[] = {
        {"index0", tval_int(at)},
        {"index", tval_int(at + 1)},
        {"first", tval_bool(at == 0)},
        {"last", tval_bool(at + 1 == n)},
        {"length", tval_int(n)},
        {"revindex", tval_int(n - at)},
        {"revindex0", tval_int(n - at - 1)},
        {"depth", tval_int(1)},
        {"depth0", tval_int(0)}, /* no `recursive` here */
    };
    (void)t;
    *out = tval_undef(name);
    for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++)
        if (lutra_tmpl_equals(name, attrs[i].name)) *out = attrs[i].v;
    if (lutra_tmpl_equals(name, "previtem") && at > 0) *out = lutra_tmpl_at(&l->seq, l->at - 1);
    if (lutra_tmpl_equals(name, "nextitem") && at + 1 < n) *out = lutra_tmpl_at(&l->seq, l->at + 1);
    return true;
}

bool lutra_tmpl_get(struct tmpl *t, struct tval obj, struct tstr *name, struct tval *out)
{
    struct tval *v = NULL;
    if (obj.kind == TV_UNDEF) return lutra_tmpl_undefined(t, obj);
    if (obj.kind == TV_LOOP) return loop_attr(t, obj.u.loop, name, out);
    if (obj.kind == TV_LIST && obj.u.list->group && lutra_tmpl_equals(name, "grouper")) v = &obj.u.list->v[0];
    if (obj.kind == TV_LIST && obj.u.list->group && lutra_tmpl_equals(name, "list")) v = &obj.u.list->v[1];
    if (obj.kind == TV_DICT && !lutra_tmpl_dict_find(t, obj.u.dict, tval_str(name), &v))
        return false;
    *out = v ? *v : tval_undef(name);
    return true;
}

/* Element i of a list, character i of a string; negative ones count from the end. */
static bool element(struct tmpl *t, struct tval obj, int64_t i, struct tval *out)
{
    size_t n = obj.kind == TV_STR    ? lutra_tmpl_chars(t, obj.u.s)
               : obj.kind == TV_LIST ? obj.u.list->n
                                     : obj.u.range->n;
    if (i < 0) i += (int64_t)n;
    *out = tval_undef(NULL);
    if (i < 0 || (uint64_t)i >= n) return t->status == LUTRA_OK;
    if (obj.kind == TV_STR) {
        size_t from = lutra_tmpl_offset(t, obj.u.s, (size_t)i);
        uint32_t cp;
        size_t len = lutra_tmpl_char(obj.u.s->p + from, obj.u.s->n - from, &cp);
        struct tstr *c = lutra_tmpl_sub(t, obj.u.s, from, len);
        *out = tval_str(c);
        return c != NULL;
    }
    struct tseq seq;
    if (!lutra_tmpl_seq(t, obj, &seq)) return false;
    *out = lutra_tmpl_at(&seq, (size_t)i);
    return true;
}

bool lutra_tmpl_index(struct tmpl *t, struct tval obj, struct tval key, struct tval *out)
{
    if (obj.kind == TV_UNDEF) return lutra_tmpl_undefined(t, obj);
    if (key.kind == TV_STR) return lutra_tmpl_get(t, obj, key.u.s, out);
    if (obj.kind == TV_DICT) {
        struct tval *v;
        if (!lutra_tmpl_dict_find(t, obj.u.dict, key, &v)) return false;
        *out = v ? *v : tval_undef(NULL);
        return true;
    }
    bool indexable = obj.kind == TV_STR || obj.kind == TV_LIST || obj.kind == TV_RANGE;
    if (indexable && key.kind == TV_INT) return element(t, obj, key.u.i, out);
    if (indexable && key.kind == TV_BOOL) return element(t, obj, key.u.b, out);
    *out = tval_undef(NULL);
    return true;
}

struct slice {
    int64_t from, to, step;
    size_t n;
};

/* Where Python's [start:stop:step] goes in something of length n. */
static bool plan_slice(struct tmpl *t, const struct tval part[3], size_t len, struct slice *s)
{
    int64_t n = (int64_t)len, bound[2];
    s->step = 1;
    if (part[2].kind != TV_NONE && !lutra_tmpl_int(t, part[2], &s->step)) return false;
    if (s->step == 0) return lutra_tmpl_fail(t, "a slice with step 0");
    bool back = s->step < 0;
    int64_t low = back ? -1 : 0, high = back ? n - 1 : n;
    for (int i = 0; i < 2; i++) {
        bound[i] = back == (i == 0) ? high : low;
        if (part[i].kind == TV_NONE) continue;
        if (!lutra_tmpl_int(t, part[i], &bound[i])) return false;
        if (bound[i] < 0) bound[i] += n;
        if (bound[i] < low) bound[i] = low;
        if (bound[i] > high) bound[i] = high;
    }
    uint64_t gap = back ? (uint64_t)(bound[0] - bound[1]) : (uint64_t)(bound[1] - bound[0]);
    uint64_t step = back ? 0 - (uint64_t)s->step : (uint64_t)s->step;
    s->from = bound[0];
    s->to = bound[1];
    s->n =
        (back ? bound[0] <= bound[1] : bound[1] <= bound[0]) ? 0 : (size_t)((gap - 1) / step + 1);
    return true;
}

static bool slice_string(struct tmpl *t, struct tstr *s, const struct slice *sl, struct tval *out)
{
    struct tstr *part;
    if (sl->step == 1 || sl->n == 0) {
        size_t from = sl->n ? lutra_tmpl_offset(t, s, (size_t)sl->from) : 0;
        size_t to = sl->n ? lutra_tmpl_offset(t, s, (size_t)sl->from + sl->n) : 0;
        part = t->status == LUTRA_OK ? lutra_tmpl_sub(t, s, from, to - from) : NULL;
    } else {
        struct tseq seq;
        struct tcapture c = lutra_tmpl_begin(t);
        if (!lutra_tmpl_seq(t, tval_str(s), &seq)) return false;
        for (size_t i = 0; i < sl->n; i++)
            if (!lutra_tmpl_print(t, seq.v[sl->from + sl->step * (int64_t)i])) return false;
        part = lutra_tmpl_end(t, c);
    }
    *out = tval_str(part);
    return part != NULL;
}

static bool slice_value(struct tmpl *t, struct tval obj, const struct tval part[3],
                        struct tval *out)
{
    struct tseq seq;
    struct slice sl;
    if (obj.kind == TV_UNDEF) return lutra_tmpl_undefined(t, obj);
    if (obj.kind != TV_STR && obj.kind != TV_LIST && obj.kind != TV_RANGE)
        return lutra_tmpl_fail(t, "cannot slice %s", lutra_tmpl_type(obj));
    if (obj.kind == TV_STR)
        return plan_slice(t, part, lutra_tmpl_chars(t, obj.u.s), &sl) &&
               slice_string(t, obj.u.s, &sl, out);
    if (!lutra_tmpl_seq(t, obj, &seq) || !plan_slice(t, part, seq.n, &sl)) return false;
    if (obj.kind == TV_RANGE) {
        const struct trange *r = obj.u.range;
        struct tval step, from, to;
        return lutra_tmpl_binary(t, '*', tval_int(sl.step), tval_int(r->step), &step) &&
               lutra_tmpl_binary(t, '*', tval_int(sl.from), tval_int(r->step), &from) &&
               lutra_tmpl_binary(t, '*', tval_int(sl.to), tval_int(r->step), &to) &&
               lutra_tmpl_binary(t, '+', tval_int(r->start), from, &from) &&
               lutra_tmpl_binary(t, '+', tval_int(r->start), to, &to) &&
               lutra_tmpl_range(t, from.u.i, to.u.i, step.u.i, out);
    }
    struct tlist *l = lutra_tmpl_step(t, sl.n / 16) ? lutra_tmpl_new_list(t, sl.n) : NULL;
    if (!l) return false;
    for (size_t i = 0; i < sl.n; i++)
        l->v[i] = lutra_tmpl_at(&seq, (size_t)(sl.from + sl.step * (int64_t)i));
    l->n = sl.n;
    l->tuple = obj.kind == TV_LIST && obj.u.list->tuple;
    *out = tval_list(l);
    return true;
}

static bool eval_slice(struct tmpl *t, int32_t node, struct tval *v)
{
    int32_t expr[3] = {t->node[node].a, t->node[node].b, t->node[node].c};
    struct tval part[3] = {tval_none(), tval_none(), tval_none()};
    for (int i = 0; i < 3; i++)
        if (expr[i] && !lutra_tmpl_eval(t, expr[i], &part[i])) return false;
    t->at = t->node[node].at;
    return slice_value(t, *v, part, v);
}

/* ---- calls --------------------------------------------------------------------------------- */

bool lutra_tmpl_push_args(struct tmpl *t, int32_t arg, struct targs *a)
{
    int base = t->n_stack;
    *a = (struct targs){.v = t->stack + base, .name = t->stack_name + base};
    for (; arg; arg = t->node[arg].next) {
        struct tval v;
        if (!lutra_tmpl_eval(t, t->node[arg].a, &v)) return false;
        if (t->n_stack == TMPL_STACK) return lutra_tmpl_fail(t, "too many arguments");
        t->stack_name[t->n_stack] = t->node[arg].b;
        t->stack[t->n_stack++] = v;
        a->n++;
        a->n_pos += t->node[arg].b < 0;
    }
    return true;
}

static bool call_value(struct tmpl *t, struct tval f, const struct targs *a, struct tval *out)
{
    switch (f.kind) {
    case TV_MACRO:
        return lutra_tmpl_call_macro(t, f.u.macro, a, out);
    case TV_FUNC:
        if (f.u.func < 0) return lutra_tmpl_fail(t, "a method is called where it is named");
        return lutra_tmpl_call_func(t, f.u.func, a, out);
    case TV_UNDEF:
        return lutra_tmpl_undefined(t, f);
    default:
        return lutra_tmpl_fail(t, "%s cannot be called", lutra_tmpl_type(f));
    }
}

static bool call_method(struct tmpl *t, struct tval obj, struct tstr *name, const struct targs *a,
                        struct tval *out)
{
    bool known;
    struct tval f;
    if (!lutra_tmpl_method(t, obj, name, a, &known, out)) return false;
    if (known) return true;
    if (!lutra_tmpl_get(t, obj, name, &f)) return false;
    if (f.kind == TV_UNDEF) {
        char shown[64];
        return lutra_tmpl_fail(t, "%s has no method '%s'", lutra_tmpl_type(obj),
                               lutra_escape(shown, sizeof shown, name->p, name->n));
    }
    return call_value(t, f, a, out);
}

static bool unknown(struct tmpl *t, const char *what, int32_t op)
{
    char name[64];
    const struct tsym *s = &t->sym[t->node[op].a];
    return lutra_tmpl_fail(t, "there is no %s '%s'", what,
                           lutra_escape(name, sizeof name, s->p, s->n));
}

/* A call, filter or test: arguments first, then the thing itself. `method`: its name, or NULL. */
static bool apply_call(struct tmpl *t, int32_t op, struct tstr *method, struct tval *v)
{
    struct targs a;
    int base = t->n_stack, kind = t->node[op].kind;
    struct tval in = *v;
    bool ok, yes = false;
    if (!lutra_tmpl_push_args(t, kind == TN_CALL ? t->node[op].a : t->node[op].b, &a)) return false;
    const struct tnode *n = &t->node[op];
    t->at = n->at;
    if (op == t->caller_op) {
        t->pending_caller = t->caller;
        t->caller_op = 0;
    }
    if (kind == TN_CALL) {
        ok = method ? call_method(t, in, method, &a, v) : call_value(t, in, &a, v);
    } else if (n->c < 0) {
        ok = unknown(t, kind == TN_FILTER ? "filter" : "test", op);
    } else if (kind == TN_FILTER) {
        ok = lutra_tmpl_filter(t, n->c, in, &a, v);
    } else {
        ok = lutra_tmpl_test(t, n->c, in, &a, &yes);
        *v = tval_bool(yes != n->op);
    }
    t->n_stack = base;
    t->pending_caller = tval_undef(NULL); /* if what was called is no macro, nobody took it */
    return ok;
}

bool lutra_tmpl_apply_filters(struct tmpl *t, int32_t op, struct tval *v)
{
    for (; op; op = t->node[op].next)
        if (!lutra_tmpl_step(t, 1) || !apply_call(t, op, NULL, v)) return false;
    return true;
}

static bool eval_post(struct tmpl *t, const struct tnode *n, struct tval *v)
{
    int32_t op = n->b;
    if (!lutra_tmpl_eval(t, n->a, v)) return false;
    for (; op; op = t->node[op].next) {
        const struct tnode *o = &t->node[op];
        struct tval key;
        bool ok;
        if (!lutra_tmpl_step(t, 1)) return false;
        t->at = o->at;
        if (o->kind == TN_ATTR && o->next && t->node[o->next].kind == TN_CALL) {
            struct tstr *name = t->sym[o->a].str;
            if (v->kind == TV_UNDEF) return lutra_tmpl_undefined(t, *v);
            op = o->next;
            ok = apply_call(t, op, name, v);
        } else if (o->kind == TN_ATTR && lutra_tmpl_has_method(*v, t->sym[o->a].str)) {
            *v = (struct tval){.kind = TV_FUNC, .u.func = -1}; /* d.items without a call: the method, not d["items"] */
            ok = true;
        } else if (o->kind == TN_ATTR) {
            ok = lutra_tmpl_get(t, *v, t->sym[o->a].str, v);
        } else if (o->kind == TN_INDEX) {
            ok = lutra_tmpl_eval(t, o->a, &key);
            t->at = t->node[op].at;
            ok = ok && lutra_tmpl_index(t, *v, key, v);
        } else {
            ok = o->kind == TN_SLICE ? eval_slice(t, op, v) : apply_call(t, op, NULL, v);
        }
        if (!ok) return false;
    }
    return true;
}

/* ---- operators ----------------------------------------------------------------------------- */

static bool eval_chain(struct tmpl *t, const struct tnode *n, struct tval *acc)
{
    if (!lutra_tmpl_eval(t, n->a, acc)) return false;
    for (int32_t i = n->b; i; i = t->node[i].next) {
        struct tval right;
        int op = t->node[i].op;
        if (op == TOP_AND || op == TOP_OR) {
            if (lutra_tmpl_truth(*acc) == (op == TOP_AND) && !lutra_tmpl_eval(t, t->node[i].a, acc))
                return false;
            continue;
        }
        if (!lutra_tmpl_eval(t, t->node[i].a, &right)) return false;
        t->at = t->node[i].at;
        if (!lutra_tmpl_binary(t, op, *acc, right, acc)) return false;
    }
    return true;
}

static bool eval_compare(struct tmpl *t, const struct tnode *n, struct tval *out)
{
    struct tval left, right;
    bool yes = true;
    int32_t i = n->b;
    if (!lutra_tmpl_eval(t, n->a, &left)) return false;
    for (; yes && i; i = t->node[i].next, left = right) {
        if (!lutra_tmpl_eval(t, t->node[i].a, &right)) return false;
        t->at = t->node[i].at;
        if (!lutra_tmpl_compare(t, t->node[i].op, left, right, &yes)) return false;
    }
    *out = tval_bool(yes);
    return true;
}

static bool eval_sign(struct tmpl *t, const struct tnode *n, struct tval *out)
{
    struct tval v;
    bool minus = n->kind == TN_NEG;
    size_t at = n->at;
    if (!lutra_tmpl_eval(t, n->a, &v)) return false;
    t->at = at;
    if (v.kind == TV_FLOAT) {
        *out = tval_float(minus ? -v.u.f : v.u.f);
        return true;
    }
    return lutra_tmpl_binary(t, minus ? '-' : '+', tval_int(0), v, out);
}

static bool eval_cond(struct tmpl *t, int32_t node, struct tval *out)
{
    for (; node && t->node[node].kind == TN_COND; node = t->node[node].c) {
        struct tval test;
        if (!lutra_tmpl_step(t, 1) || !lutra_tmpl_eval(t, t->node[node].b, &test)) return false;
        if (lutra_tmpl_truth(test)) return lutra_tmpl_eval(t, t->node[node].a, out);
    }
    *out = tval_undef(NULL);
    return !node || lutra_tmpl_eval(t, node, out);
}

static bool eval_node(struct tmpl *t, int32_t node, struct tval *out)
{
    const struct tnode *n = &t->node[node]; /* nodes do not move any more */
    struct tval v;
    switch (n->kind) {
    case TN_LIST:
        return eval_list(t, n, out);
    case TN_DICT:
        return eval_dict(t, n, out);
    case TN_CHAIN:
        return eval_chain(t, n, out);
    case TN_COMPARE:
        return eval_compare(t, n, out);
    case TN_NEG:
    case TN_POS:
        return eval_sign(t, n, out);
    case TN_COND:
        return eval_cond(t, node, out);
    case TN_POST:
        return eval_post(t, n, out);
    case TN_NOT:
        if (!lutra_tmpl_eval(t, n->a, &v)) return false;
        *out = tval_bool(!lutra_tmpl_truth(v));
        return true;
    default:
        return lutra_tmpl_fail(t, "an expression of unknown kind %d", n->kind);
    }
}

bool lutra_tmpl_eval(struct tmpl *t, int32_t node, struct tval *out)
{
    const struct tnode *n = &t->node[node];
    t->at = n->at;
    if (!lutra_tmpl_step(t, 1)) return false;
    if (n->kind == TN_CONST) {
        *out = t->constant[n->a];
        return true;
    }
    if (n->kind == TN_NAME) {
        *out = lutra_tmpl_lookup(t, n->a);
        return t->status == LUTRA_OK;
    }
    if (!lutra_tmpl_enter(t)) return false;
    bool ok = eval_node(t, node, out);
    t->depth--;
    return ok;
}
