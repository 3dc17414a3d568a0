/* SPDX-License-Identifier: MIT */
/* Chat templates: statements to nodes. */
#include "runtime/tmpl.h"

#include <string.h>

/* Tags that end a block or a part of one; parse_block is told which it may stop at. */
enum {
    END_IF = 1,
    END_ELIF = 2,
    END_ELSE = 4,
    END_FOR = 8,
    END_SET = 16,
    END_MACRO = 32,
    END_CALL = 64,
    END_FILTER = 128,
    END_WITH = 256,
    END_GENERATION = 512
};

static const struct {
    const char *name;
    int end;
} end_tags[] = {
    {"endif", END_IF},     {"elif", END_ELIF},
    {"else", END_ELSE},    {"endfor", END_FOR},
    {"endset", END_SET},   {"endmacro", END_MACRO},
    {"endcall", END_CALL}, {"endfilter", END_FILTER},
    {"endwith", END_WITH}, {"endgeneration", END_GENERATION},
};

static bool parse_block(struct tmpl *t, int ends, int32_t *first, int *found);

static bool at_op(const struct tmpl *t, int op)
{
    return t->tok.kind == TT_OP && t->tok.op == op;
}

static bool at_name(const struct tmpl *t, const char *name)
{
    return t->tok.kind == TT_NAME && lutra_tmpl_is(t, t->tok.sym, name);
}

static bool tag_end(struct tmpl *t)
{
    return lutra_tmpl_expect(t, TT_TAG_END, 0, "%}");
}

/* The rest of a tag, then a block up to the one tag that ends it, and that tag whole. */
static bool parse_body(struct tmpl *t, int end, int32_t *body)
{
    int found;
    return tag_end(t) && parse_block(t, end, body, &found) && tag_end(t);
}

static bool parse_if(struct tmpl *t, int32_t n)
{
    for (;;) {
        int32_t cond = lutra_tmpl_parse_tuple(t, true), body, other;
        int found;
        if (!cond || !tag_end(t)) return false;
        if (!parse_block(t, END_IF | END_ELIF | END_ELSE, &body, &found)) return false;
        t->node[n].a = cond;
        t->node[n].b = body;
        if (found == END_IF) return tag_end(t);
        if (found == END_ELSE) {
            if (!parse_body(t, END_IF, &other)) return false;
            t->node[n].c = other;
            return true;
        }
        if (!(other = lutra_tmpl_node(t, TN_IF, t->tok.at))) return false;
        t->node[n].c = other;
        t->node[n].op = 1;
        n = other;
    }
}

static bool parse_for(struct tmpl *t, int32_t n)
{
    int32_t parts = lutra_tmpl_node(t, TN_FOR_PARTS, t->tok.at), cond = 0, body, other = 0;
    int32_t target = parts ? lutra_tmpl_parse_target(t, false) : 0;
    int found;
    if (!target) return false;
    if (!at_name(t, "in")) return lutra_tmpl_expect(t, TT_TAG_BEGIN, 0, "'in'");
    int32_t iter = lutra_tmpl_next(t) ? lutra_tmpl_parse_tuple(t, false) : 0;
    if (!iter) return false;
    if (at_name(t, "if")) {
        cond = lutra_tmpl_next(t) ? lutra_tmpl_parse_expr(t, true) : 0;
        if (!cond) return false;
    }
    if (!tag_end(t) || !parse_block(t, END_FOR | END_ELSE, &body, &found)) return false;
    if (found == END_ELSE ? !parse_body(t, END_FOR, &other) : !tag_end(t)) return false;
    t->node[parts].a = body;
    t->node[parts].b = other;
    t->node[parts].c = cond;
    t->node[n].a = target;
    t->node[n].b = iter;
    t->node[n].c = parts;
    return true;
}

static bool parse_set(struct tmpl *t, int32_t n)
{
    int32_t target = lutra_tmpl_parse_target(t, true), b, body = 0;
    if (!target) return false;
    if (at_op(t, '=')) {
        b = lutra_tmpl_next(t) ? lutra_tmpl_parse_tuple(t, true) : 0;
        if (!b || !tag_end(t)) return false;
    } else {
        t->node[n].kind = TN_SET_BLOCK;
        b = lutra_tmpl_parse_filters(t, false);
        if (t->status != LUTRA_OK || !parse_body(t, END_SET, &body)) return false;
    }
    t->node[n].a = target;
    t->node[n].b = b;
    t->node[n].c = body;
    return true;
}

/* "(a, b=1)" of a macro or a call block; the token is the opening bracket. */
static bool parse_params(struct tmpl *t, int32_t *first)
{
    int32_t last = 0;
    if (!lutra_tmpl_expect(t, TT_OP, '(', "'('")) return false;
    while (!at_op(t, ')')) {
        int32_t p = lutra_tmpl_node(t, TN_PARAM, t->tok.at);
        if (!p) return false;
        t->node[p].a = t->tok.kind == TT_NAME ? t->tok.sym : 0;
        if (!lutra_tmpl_expect(t, TT_NAME, 0, "the name of a parameter")) return false;
        if (at_op(t, '=')) {
            int32_t value = lutra_tmpl_next(t) ? lutra_tmpl_parse_expr(t, true) : 0;
            if (!value) return false;
            t->node[p].b = value;
        }
        if (last)
            t->node[last].next = p;
        else
            *first = p;
        last = p;
        if (!at_op(t, ')') && !lutra_tmpl_expect(t, TT_OP, ',', "',' or ')'")) return false;
    }
    return lutra_tmpl_next(t);
}

/* Is the name used in nodes from `from` on? */
static bool names(const struct tmpl *t, size_t from, const char *name)
{
    bool found = false;
    for (; from < t->n_node && !found; from++)
        found = t->node[from].kind == TN_NAME && lutra_tmpl_is(t, t->node[from].a, name);
    return found;
}

static bool parse_macro(struct tmpl *t, int32_t n)
{
    int32_t params = 0, body;
    size_t from = t->n_node;
    int sym = t->tok.kind == TT_NAME ? t->tok.sym : 0;
    if (!lutra_tmpl_expect(t, TT_NAME, 0, "the name of a macro")) return false;
    if (!parse_params(t, &params) || !parse_body(t, END_MACRO, &body)) return false;
    t->node[n].a = sym;
    t->node[n].b = params;
    t->node[n].c = body;
    if (names(t, from, "varargs")) t->node[n].op |= TMPL_VARARGS;
    if (names(t, from, "kwargs")) t->node[n].op |= TMPL_KWARGS;
    return lutra_tmpl_step(t, (t->n_node - from) / 16);
}

static bool parse_call_block(struct tmpl *t, int32_t n)
{
    int32_t params = 0, body;
    if (at_op(t, '(') && !parse_params(t, &params)) return false;
    int32_t call = lutra_tmpl_parse_expr(t, true), last = 0;
    if (!call) return false;
    if (t->node[call].kind == TN_POST)
        for (last = t->node[call].b; t->node[last].next; last = t->node[last].next) continue;
    if (t->node[last].kind != TN_CALL) return lutra_tmpl_fail(t, "expected the call of a macro");
    if (!parse_body(t, END_CALL, &body)) return false;
    t->node[n].a = call;
    t->node[n].b = params;
    t->node[n].c = body;
    return true;
}

static bool parse_filter_block(struct tmpl *t, int32_t n)
{
    int32_t filters = lutra_tmpl_parse_filters(t, true), body;
    if (!filters || !parse_body(t, END_FILTER, &body)) return false;
    t->node[n].b = filters;
    t->node[n].c = body;
    return true;
}

static bool parse_with(struct tmpl *t, int32_t n)
{
    int32_t first = 0, last = 0, body;
    while (t->tok.kind != TT_TAG_END) {
        if (last && !lutra_tmpl_expect(t, TT_OP, ',', "',' or %}")) return false;
        int32_t set = lutra_tmpl_node(t, TN_SET, t->tok.at);
        int32_t target = set ? lutra_tmpl_parse_target(t, false) : 0;
        if (!target || !lutra_tmpl_expect(t, TT_OP, '=', "'='")) return false;
        int32_t value = lutra_tmpl_parse_expr(t, true);
        if (!value) return false;
        t->node[set].a = target;
        t->node[set].b = value;
        if (last)
            t->node[last].next = set;
        else
            first = set;
        last = set;
    }
    if (!parse_body(t, END_WITH, &body)) return false;
    t->node[n].b = first;
    t->node[n].c = body;
    return true;
}

static bool parse_generation(struct tmpl *t,
                             int32_t n) /* marks the answer for training: only a scope here */
{
    int32_t body;
    if (!parse_body(t, END_GENERATION, &body)) return false;
    t->node[n].c = body;
    return true;
}

static bool parse_bare(struct tmpl *t, int32_t n)
{
    (void)n;
    return tag_end(t);
}

static const struct {
    const char *name;
    enum tnode_kind kind;
    bool (*parse)(struct tmpl *t, int32_t n);
} statements[] = {
    {"if", TN_IF, parse_if},
    {"for", TN_FOR, parse_for},
    {"set", TN_SET, parse_set},
    {"macro", TN_MACRO, parse_macro},
    {"call", TN_CALL_BLOCK, parse_call_block},
    {"filter", TN_FILTER_BLOCK, parse_filter_block},
    {"with", TN_WITH, parse_with},
    {"generation", TN_WITH, parse_generation},
    {"break", TN_BREAK, parse_bare},
    {"continue", TN_CONTINUE, parse_bare},
};

/* One statement; the token is its name. */
static int32_t parse_statement(struct tmpl *t)
{
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (!at_name(t, statements[i].name)) continue;
        int32_t n = lutra_tmpl_node(t, statements[i].kind, t->tok.at);
        return n && lutra_tmpl_next(t) && statements[i].parse(t, n) ? n : 0;
    }
    t->at = t->tok.at;
    char shown[64];
    lutra_escape(shown, sizeof shown, t->src + t->tok.at, t->tok.n);
    bool is_end = false;
    for (size_t i = 0; i < sizeof end_tags / sizeof *end_tags; i++)
        is_end |= at_name(t, end_tags[i].name);
    lutra_tmpl_fail(t, is_end ? "'%s' has no block to end here" : "the tag '%s' is not known",
                    shown);
    return 0;
}

static int32_t parse_print(struct tmpl *t)
{
    int32_t n = lutra_tmpl_node(t, TN_PRINT, t->tok.at);
    int32_t e = n && lutra_tmpl_next(t) ? lutra_tmpl_parse_tuple(t, true) : 0;
    if (!e) return 0;
    t->node[n].a = e;
    return lutra_tmpl_expect(t, TT_PRINT_END, 0, "}}") ? n : 0;
}

static int32_t parse_text(struct tmpl *t)
{
    int32_t n = lutra_tmpl_node(t, TN_TEXT, t->tok.at);
    if (!n) return 0;
    t->node[n].a = (int32_t)t->tok.at;
    t->node[n].b = (int32_t)t->tok.n;
    return lutra_tmpl_next(t) ? n : 0;
}

/* Which of `ends` the token is; 0: none. */
static int which_end(const struct tmpl *t, int ends)
{
    for (size_t i = 0; i < sizeof end_tags / sizeof *end_tags; i++)
        if ((ends & end_tags[i].end) && at_name(t, end_tags[i].name)) return end_tags[i].end;
    return 0;
}

/* Statements up to one of `ends` (its name is consumed, its %} is not) or, for 0, the end. */
static bool parse_list(struct tmpl *t, int ends, int32_t *first, int *found)
{
    int32_t last = 0, n;
    for (*first = 0, *found = 0;;) {
        if (t->tok.kind == TT_END) break;
        if (t->tok.kind == TT_TAG_BEGIN) {
            if (!lutra_tmpl_next(t)) return false;
            if ((*found = which_end(t, ends)) != 0) return lutra_tmpl_next(t);
            n = parse_statement(t);
        } else {
            n = t->tok.kind == TT_TEXT ? parse_text(t) : parse_print(t);
        }
        if (!n) return false;
        if (last)
            t->node[last].next = n;
        else
            *first = n;
        last = n;
    }
    if (!ends) return true;
    const char *name = "";
    for (size_t i = 0; i < sizeof end_tags / sizeof *end_tags; i++)
        if ((ends & end_tags[i].end) && strncmp(end_tags[i].name, "end", 3) == 0)
            name = end_tags[i].name;
    t->at = t->src_len;
    return lutra_tmpl_fail(t, "the template ends where {%% %s %%} is missing", name);
}

static bool parse_block(struct tmpl *t, int ends, int32_t *first, int *found)
{
    if (!lutra_tmpl_enter(t)) return false;
    bool ok = parse_list(t, ends, first, found);
    t->depth--;
    return ok;
}

bool lutra_tmpl_parse(struct tmpl *t, int32_t *first)
{
    int found;
    return lutra_tmpl_node(t, TN_NONE, 0) == 0 && t->status == LUTRA_OK && lutra_tmpl_next(t) &&
           parse_block(t, 0, first, &found);
}
