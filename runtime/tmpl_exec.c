/* SPDX-License-Identifier: MIT */
/* Chat templates: statements, scopes and macros.
 *
 * Names live in scopes that hang on one another; the globals, at the end, are an array by symbol. A
 * loop body, a macro and a few blocks have a scope of their own; `if` has none. A set inside a loop
 * is forgotten after each round: that is why templates use namespace(). */
#include "runtime/tmpl.h"

#include <string.h>

enum flow { FLOW_FAIL, FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

static enum flow exec_block(struct tmpl *t, int32_t first);

/* ---- scopes -------------------------------------------------------------------------------- */

static struct tvar *find_var(struct tmpl *t, const struct tscope *s, int sym)
{
    size_t seen = 0;
    struct tvar *v = s->vars;
    for (; v && v->sym != sym; v = v->next) seen++;
    lutra_tmpl_step(t, seen / 16);
    return v;
}

struct tval lutra_tmpl_lookup(struct tmpl *t, int sym)
{
    for (struct tscope *s = t->scope; s; s = s->up) {
        struct tvar *v = find_var(t, s, sym);
        if (v) return v->v;
    }
    struct tval g = t->global[sym];
    return g.kind == TV_UNDEF && !g.u.s ? tval_undef(t->sym[sym].str) : g;
}

static bool set_var(struct tmpl *t, int sym, struct tval value)
{
    if (!t->scope) {
        t->global[sym] = value;
        return true;
    }
    struct tvar *v = find_var(t, t->scope, sym);
    if (!v) {
        v = t->free_var;
        if (v)
            t->free_var = v->next;
        else
            v = lutra_tmpl_alloc(t, &t->objects, 1, sizeof *v);
        if (!v) return false;
        v->sym = sym;
        v->next = t->scope->vars;
        t->scope->vars = v;
    }
    v->v = value;
    return t->status == LUTRA_OK;
}

/* A macro may still hold on to an emptied scope: that finds nothing in it, and looks further up. */
static void empty_scope(struct tmpl *t, struct tscope *s)
{
    struct tvar *last = s->vars;
    if (!last) return;
    while (last->next) last = last->next;
    last->next = t->free_var;
    t->free_var = s->vars;
    s->vars = NULL;
}

static struct tscope *push_scope(struct tmpl *t, struct tscope *up)
{
    struct tscope *s = lutra_tmpl_alloc(t, &t->objects, 1, sizeof *s);
    if (!s) return NULL;
    s->up = up;
    t->scope = s;
    return s;
}

static bool set_attr(struct tmpl *t, const struct tnode *target, struct tval value)
{
    struct tval space = lutra_tmpl_lookup(t, target->a);
    if (space.kind == TV_UNDEF) return lutra_tmpl_undefined(t, space);
    if (space.kind != TV_DICT || !space.u.dict->space)
        return lutra_tmpl_fail(t, "only attributes of a namespace() can be set, not those of %s",
                               lutra_tmpl_type(space));
    return lutra_tmpl_dict_set(t, space.u.dict, tval_str(t->sym[target->b].str), value);
}

static bool assign(struct tmpl *t, int32_t target, struct tval value)
{
    const struct tnode *n = &t->node[target];
    t->at = n->at;
    if (n->kind == TN_NAME) return set_var(t, n->a, value);
    if (n->kind == TN_ATTR) return set_attr(t, n, value);
    struct tseq seq;
    size_t i = 0;
    if (value.kind == TV_UNDEF) return lutra_tmpl_undefined(t, value);
    if (!lutra_tmpl_seq(t, value, &seq) || !lutra_tmpl_enter(t)) return false;
    for (int32_t part = n->a; part; part = t->node[part].next, i++) {
        if (i < seq.n && !assign(t, part, lutra_tmpl_at(&seq, i))) return false;
    }
    t->depth--;
    t->at = n->at;
    return i == seq.n || lutra_tmpl_fail(t, "%zu values for %zu names", seq.n, i);
}

/* ---- macros -------------------------------------------------------------------------------- */

static const struct tval *find_arg(const struct targs *a, int i, int sym)
{
    if (i < a->n_pos) return &a->v[i];
    for (int k = a->n_pos; k < a->n; k++)
        if (a->name[k] == sym) return &a->v[k];
    return NULL;
}

/* What no parameter takes: an error, or the tuple varargs and the dict kwargs of a macro that uses these names. */
static bool bind_others(struct tmpl *t, const struct tmacro *m, const struct targs *a, int n_params)
{
    char shown[64], macro[64];
    struct tlist *rest = m->more & TMPL_VARARGS ? lutra_tmpl_new_list(t, 0) : NULL;
    struct tdict *named = m->more & TMPL_KWARGS ? lutra_tmpl_new_dict(t, 0) : NULL;
    lutra_escape(macro, sizeof macro, t->sym[m->name].p, t->sym[m->name].n);
    if (a->n_pos > n_params && !rest)
        return lutra_tmpl_fail(t, "macro '%s' takes %d arguments, not %d", macro, n_params,
                               a->n_pos);
    for (int k = n_params; rest && k < a->n_pos; k++)
        if (!lutra_tmpl_append(t, rest, a->v[k])) return false;
    for (int k = a->n_pos; k < a->n; k++) {
        int32_t p = m->param;
        while (p && t->node[p].a != a->name[k]) p = t->node[p].next;
        if (p) continue;
        if (named && lutra_tmpl_dict_set(t, named, tval_str(t->sym[a->name[k]].str), a->v[k])) continue;
        lutra_escape(shown, sizeof shown, t->sym[a->name[k]].p, t->sym[a->name[k]].n);
        return lutra_tmpl_fail(t, "macro '%s' has no parameter '%s'", macro, shown);
    }
    if (rest) rest->tuple = true;
    if (rest && !set_var(t, lutra_tmpl_intern(t, "varargs", 7), tval_list(rest))) return false;
    return !named || set_var(t, lutra_tmpl_intern(t, "kwargs", 6), tval_dict(named));
}

static bool bind_params(struct tmpl *t, const struct tmacro *m, const struct targs *a)
{
    int i = 0;
    for (int32_t p = m->param; p; p = t->node[p].next, i++) {
        const struct tval *arg = find_arg(a, i, t->node[p].a);
        struct tval v = tval_undef(t->sym[t->node[p].a].str);
        if (arg)
            v = *arg;
        else if (t->node[p].b && !lutra_tmpl_eval(t, t->node[p].b, &v))
            return false;
        if (!set_var(t, t->node[p].a, v)) return false;
    }
    return bind_others(t, m, a, i);
}

bool lutra_tmpl_call_macro(struct tmpl *t, struct tmacro *m, const struct targs *a,
                           struct tval *out)
{
    struct tscope *outer = t->scope, *s = push_scope(t, m->up);
    struct tval caller = t->pending_caller;
    t->pending_caller = tval_undef(NULL);
    if (!s || (caller.kind == TV_MACRO && !set_var(t, lutra_tmpl_intern(t, "caller", 6), caller)))
        return false;
    if (!bind_params(t, m, a)) return false;
    struct tcapture c = lutra_tmpl_begin(t);
    if (exec_block(t, m->body) == FLOW_FAIL) return false;
    struct tstr *text = lutra_tmpl_end(t, c);
    empty_scope(t, s);
    t->scope = outer;
    *out = tval_str(text);
    return text != NULL;
}

static struct tmacro *new_macro(struct tmpl *t, int name, const struct tnode *n)
{
    struct tmacro *m = lutra_tmpl_alloc(t, &t->objects, 1, sizeof *m);
    if (m) *m = (struct tmacro){.name = name, .param = n->b, .body = n->c, .more = n->op, .up = t->scope};
    return m;
}

static enum flow exec_macro(struct tmpl *t, const struct tnode *n)
{
    struct tmacro *m = new_macro(t, n->a, n);
    struct tval v = {.kind = TV_MACRO, .u.macro = m};
    return m && set_var(t, n->a, v) ? FLOW_ON : FLOW_FAIL;
}

/* {% call(x) macro(args) %}: the body becomes a macro of its own, known to the one called as
 * `caller`. */
static enum flow exec_call_block(struct tmpl *t, const struct tnode *n)
{
    int32_t op = t->node[n->a].b, outer_op = t->caller_op;
    struct tval outer = t->caller, out;
    struct tmacro *m = new_macro(t, lutra_tmpl_intern(t, "caller", 6), n);
    if (!m) return FLOW_FAIL;
    while (t->node[op].next) op = t->node[op].next;
    t->caller_op = op;
    t->caller = (struct tval){.kind = TV_MACRO, .u.macro = m};
    if (!lutra_tmpl_eval(t, n->a, &out) || !lutra_tmpl_print(t, out)) return FLOW_FAIL;
    t->caller_op = outer_op;
    t->caller = outer;
    return FLOW_ON;
}

/* ---- loops --------------------------------------------------------------------------------- */

/* for x in xs if cond: what passes is known before the first round, so that loop.length is. */
static bool filter_items(struct tmpl *t, const struct tnode *n, int32_t cond, struct tseq *seq)
{
    struct tlist *l = lutra_tmpl_new_list(t, 0);
    struct tscope *outer = t->scope, *s = l ? push_scope(t, outer) : NULL;
    if (!s) return false;
    for (size_t i = 0; i < seq->n; i++) {
        struct tval item = lutra_tmpl_at(seq, i), yes;
        if (!assign(t, n->a, item) || !lutra_tmpl_eval(t, cond, &yes)) return false;
        if (lutra_tmpl_truth(yes) && !lutra_tmpl_append(t, l, item)) return false;
    }
    empty_scope(t, s);
    t->scope = outer;
    return lutra_tmpl_seq(t, tval_list(l), seq);
}

static enum flow run_loop(struct tmpl *t, const struct tnode *n, struct tloop *loop, bool *whole)
{
    struct tscope *outer = t->scope, *s = push_scope(t, outer);
    int sym = lutra_tmpl_intern(t, "loop", 4);
    enum flow flow = s ? FLOW_ON : FLOW_FAIL;
    for (loop->at = 0; flow == FLOW_ON && loop->at < loop->seq.n; loop->at++) {
        struct tval v = {.kind = TV_LOOP, .u.loop = loop};
        empty_scope(t, s);
        if (!lutra_tmpl_step(t, 1) || !set_var(t, sym, v)) return FLOW_FAIL;
        if (!assign(t, n->a, lutra_tmpl_at(&loop->seq, loop->at))) return FLOW_FAIL;
        flow = exec_block(t, t->node[n->c].a);
        *whole |= flow == FLOW_ON;
        if (flow == FLOW_CONTINUE) flow = FLOW_ON;
    }
    if (flow == FLOW_FAIL) return FLOW_FAIL;
    empty_scope(t, s);
    t->scope = outer;
    return FLOW_ON;
}

static enum flow exec_for(struct tmpl *t, const struct tnode *n)
{
    const struct tnode *parts = &t->node[n->c];
    struct tval src;
    struct tloop *loop = lutra_tmpl_alloc(t, &t->objects, 1, sizeof *loop);
    if (!loop || !lutra_tmpl_eval(t, n->b, &src) || !lutra_tmpl_seq(t, src, &loop->seq))
        return FLOW_FAIL;
    if (parts->c && !filter_items(t, n, parts->c, &loop->seq)) return FLOW_FAIL;
    bool whole = false; /* jinja2's loops take the else part unless a round came to its end */
    if (run_loop(t, n, loop, &whole) == FLOW_FAIL) return FLOW_FAIL;
    return whole ? FLOW_ON : exec_block(t, parts->b);
}

/* ---- the other statements ------------------------------------------------------------------ */

static enum flow exec_if(struct tmpl *t, const struct tnode *n)
{
    for (;;) {
        struct tval v;
        if (!lutra_tmpl_step(t, 1) || !lutra_tmpl_eval(t, n->a, &v)) return FLOW_FAIL;
        if (lutra_tmpl_truth(v)) return exec_block(t, n->b);
        if (!n->op) return exec_block(t, n->c);
        n = &t->node[n->c];
    }
}

/* The body in a scope of its own, as a string: for set blocks and filter blocks. */
static enum flow capture_body(struct tmpl *t, int32_t body, struct tval *out)
{
    struct tcapture c = lutra_tmpl_begin(t);
    struct tscope *outer = t->scope, *s = push_scope(t, outer);
    enum flow flow = s ? exec_block(t, body) : FLOW_FAIL;
    if (flow == FLOW_FAIL) return FLOW_FAIL;
    empty_scope(t, s);
    t->scope = outer;
    struct tstr *text = lutra_tmpl_end(t, c);
    *out = tval_str(text);
    return text ? flow : FLOW_FAIL;
}

static enum flow exec_set(struct tmpl *t, const struct tnode *n)
{
    struct tval v;
    enum flow flow = FLOW_ON;
    if (n->kind == TN_SET) {
        if (!lutra_tmpl_eval(t, n->b, &v)) return FLOW_FAIL;
    } else {
        flow = capture_body(t, n->c, &v);
        if (flow != FLOW_ON || !lutra_tmpl_apply_filters(t, n->b, &v))
            return flow == FLOW_ON ? FLOW_FAIL : flow;
    }
    return assign(t, n->a, v) ? FLOW_ON : FLOW_FAIL;
}

static enum flow exec_filter_block(struct tmpl *t, const struct tnode *n)
{
    struct tval v;
    enum flow flow = capture_body(t, n->c, &v);
    if (flow == FLOW_FAIL || !lutra_tmpl_apply_filters(t, n->b, &v) || !lutra_tmpl_print(t, v))
        return FLOW_FAIL;
    return flow;
}

static enum flow exec_with(struct tmpl *t, const struct tnode *n)
{
    struct tscope *outer = t->scope, *s = push_scope(t, outer);
    if (!s) return FLOW_FAIL;
    for (int32_t set = n->b; set; set = t->node[set].next) {
        struct tval v;
        t->scope = outer; /* values do not see the names set here */
        if (!lutra_tmpl_eval(t, t->node[set].b, &v)) return FLOW_FAIL;
        t->scope = s;
        if (!assign(t, t->node[set].a, v)) return FLOW_FAIL;
    }
    t->scope = s;
    enum flow flow = exec_block(t, n->c);
    if (flow == FLOW_FAIL) return FLOW_FAIL;
    empty_scope(t, s);
    t->scope = outer;
    return flow;
}

static enum flow exec_print(struct tmpl *t, const struct tnode *n)
{
    struct tval v;
    return lutra_tmpl_eval(t, n->a, &v) && lutra_tmpl_print(t, v) ? FLOW_ON : FLOW_FAIL;
}

static enum flow exec_one(struct tmpl *t, const struct tnode *n)
{
    t->at = n->at;
    if (!lutra_tmpl_step(t, 1)) return FLOW_FAIL;
    switch (n->kind) {
    case TN_TEXT:
        return lutra_tmpl_emit(t, t->src + n->a, (size_t)n->b, false) ? FLOW_ON : FLOW_FAIL;
    case TN_PRINT:
        return exec_print(t, n);
    case TN_IF:
        return exec_if(t, n);
    case TN_FOR:
        return exec_for(t, n);
    case TN_SET:
    case TN_SET_BLOCK:
        return exec_set(t, n);
    case TN_MACRO:
        return exec_macro(t, n);
    case TN_CALL_BLOCK:
        return exec_call_block(t, n);
    case TN_FILTER_BLOCK:
        return exec_filter_block(t, n);
    case TN_WITH:
        return exec_with(t, n);
    case TN_BREAK:
        return FLOW_BREAK;
    case TN_CONTINUE:
        return FLOW_CONTINUE;
    default:
        lutra_tmpl_fail(t, "a statement of unknown kind %d", n->kind);
        return FLOW_FAIL;
    }
}

static enum flow exec_block(struct tmpl *t, int32_t first)
{
    enum flow flow = FLOW_ON;
    if (!lutra_tmpl_enter(t)) return FLOW_FAIL;
    for (int32_t i = first; i && flow == FLOW_ON; i = t->node[i].next)
        flow = exec_one(t, &t->node[i]);
    t->depth--;
    return flow;
}

bool lutra_tmpl_run_template(struct tmpl *t, int32_t first)
{
    return exec_block(t, first) != FLOW_FAIL && t->status == LUTRA_OK;
}
