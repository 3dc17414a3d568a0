/* SPDX-License-Identifier: MIT */
/* Chat templates: expressions to nodes.
 *
 * Operators of one nesting level become one flat chain that is folded from the left, and so do the
 * things that follow a value (.name [i] (args) |filter "is test"): only brackets make the tree
 * deeper. */
#include "runtime/tmpl.h"

#include <string.h>

enum {
    LEVEL_ALL,
    LEVEL_OR,
    LEVEL_AND,
    LEVEL_NOT,
    LEVEL_COMPARE,
    LEVEL_ADD,
    LEVEL_CONCAT,
    LEVEL_MUL,
    LEVEL_POW
};

static int32_t parse_level(struct tmpl *t, int min);

int32_t lutra_tmpl_node(struct tmpl *t, enum tnode_kind kind, size_t at)
{
    void *v = t->node;
    if (!lutra_tmpl_grow(t, &v, &t->node_cap, t->n_node + 1, sizeof *t->node)) return 0;
    t->node = v;
    t->node[t->n_node] = (struct tnode){.kind = (uint8_t)kind, .at = (uint32_t)at};
    return (int32_t)t->n_node++;
}

int32_t lutra_tmpl_constant(struct tmpl *t, struct tval value)
{
    void *v = t->constant;
    if (!lutra_tmpl_grow(t, &v, &t->constant_cap, t->n_constant + 1, sizeof *t->constant))
        return -1;
    t->constant = v;
    t->constant[t->n_constant] = value;
    return (int32_t)t->n_constant++;
}

static bool at_op(const struct tmpl *t, int op)
{
    return t->tok.kind == TT_OP && t->tok.op == op;
}

static bool at_name(const struct tmpl *t, const char *name)
{
    return t->tok.kind == TT_NAME && lutra_tmpl_is(t, t->tok.sym, name);
}

bool lutra_tmpl_expect(struct tmpl *t, enum ttok kind, int op, const char *what)
{
    if (t->tok.kind == kind && (kind != TT_OP || t->tok.op == op)) return lutra_tmpl_next(t);
    t->at = t->tok.at;
    char shown[64] = "the end";
    if (t->tok.kind == TT_PRINT_END) memcpy(shown, "}}", 3);
    if (t->tok.kind == TT_TAG_END) memcpy(shown, "%}", 3);
    if (t->tok.n > 0) lutra_escape(shown, sizeof shown, t->src + t->tok.at, t->tok.n);
    return lutra_tmpl_fail(t, "expected %s, found %s", what, shown);
}

/* Append node `item` to the list that begins in *first and ends in *last. */
static void link_node(struct tmpl *t, int32_t *first, int32_t *last, int32_t item)
{
    if (*last)
        t->node[*last].next = item;
    else
        *first = item;
    *last = item;
}

/* ---- primaries ----------------------------------------------------------------------------- */

/* Elements up to the bracket `close`, which is consumed; the token before is the opening one. */
static bool parse_elements(struct tmpl *t, int close, int32_t *first, bool *comma)
{
    int32_t last = 0;
    *first = 0;
    *comma = false;
    while (!at_op(t, close)) {
        int32_t e = lutra_tmpl_parse_expr(t, true);
        if (!e) return false;
        link_node(t, first, &last, e);
        if (at_op(t, close)) break;
        if (!lutra_tmpl_expect(t, TT_OP, ',', close == ']' ? "',' or ']'" : "',' or ')'"))
            return false;
        *comma = true;
    }
    return lutra_tmpl_next(t);
}

static int32_t parse_brackets(struct tmpl *t, int close)
{
    size_t at = t->tok.at;
    int32_t first;
    bool comma;
    if (!lutra_tmpl_next(t) || !parse_elements(t, close, &first, &comma)) return 0;
    if (close == ')' && first && !comma) return first;
    int32_t n = lutra_tmpl_node(t, TN_LIST, at);
    if (!n) return 0;
    t->node[n].a = first;
    t->node[n].op = close == ')';
    return n;
}

static int32_t parse_dict(struct tmpl *t)
{
    int32_t n = lutra_tmpl_node(t, TN_DICT, t->tok.at), first = 0, last = 0;
    if (!n || !lutra_tmpl_next(t)) return 0;
    while (!at_op(t, '}')) {
        int32_t pair = lutra_tmpl_node(t, TN_PAIR, t->tok.at);
        int32_t key = pair ? lutra_tmpl_parse_expr(t, true) : 0;
        if (!key || !lutra_tmpl_expect(t, TT_OP, ':', "':' after a key")) return 0;
        int32_t value = lutra_tmpl_parse_expr(t, true);
        if (!value) return 0;
        t->node[pair].a = key;
        t->node[pair].b = value;
        link_node(t, &first, &last, pair);
        if (!at_op(t, '}') && !lutra_tmpl_expect(t, TT_OP, ',', "',' or '}'")) return 0;
    }
    t->node[n].a = first;
    return lutra_tmpl_next(t) ? n : 0;
}

static int32_t constant_node(struct tmpl *t, size_t at, struct tval v)
{
    int32_t n = lutra_tmpl_node(t, TN_CONST, at), c = n ? lutra_tmpl_constant(t, v) : -1;
    if (c < 0) return 0;
    t->node[n].a = c;
    return n;
}

static int32_t parse_name(struct tmpl *t)
{
    size_t at = t->tok.at;
    int sym = t->tok.sym;
    if (!lutra_tmpl_next(t)) return 0;
    if (lutra_tmpl_is(t, sym, "true") || lutra_tmpl_is(t, sym, "True"))
        return constant_node(t, at, tval_bool(true));
    if (lutra_tmpl_is(t, sym, "false") || lutra_tmpl_is(t, sym, "False"))
        return constant_node(t, at, tval_bool(false));
    if (lutra_tmpl_is(t, sym, "none") || lutra_tmpl_is(t, sym, "None"))
        return constant_node(t, at, tval_none());
    int32_t n = lutra_tmpl_node(t, TN_NAME, at);
    if (n) t->node[n].a = sym;
    return n;
}

static int32_t parse_constant(struct tmpl *t)
{
    int32_t n = lutra_tmpl_node(t, TN_CONST, t->tok.at);
    if (!n) return 0;
    t->node[n].a = t->tok.value;
    if (!lutra_tmpl_next(t)) return 0;
    while (t->constant[t->node[n].a].kind == TV_STR && t->tok.kind == TT_CONST &&
           t->constant[t->tok.value].kind == TV_STR) { /* "a" "b" is "ab" */
        struct tstr *s =
            lutra_tmpl_concat(t, t->constant[t->node[n].a].u.s, t->constant[t->tok.value].u.s);
        int32_t c = s ? lutra_tmpl_constant(t, tval_str(s)) : -1;
        if (c < 0) return 0;
        t->node[n].a = c;
        if (!lutra_tmpl_next(t)) return 0;
    }
    return n;
}

static int32_t parse_primary(struct tmpl *t)
{
    if (t->tok.kind == TT_NAME) return parse_name(t);
    if (t->tok.kind == TT_CONST) return parse_constant(t);
    if (at_op(t, '(')) return parse_brackets(t, ')');
    if (at_op(t, '[')) return parse_brackets(t, ']');
    if (at_op(t, '{')) return parse_dict(t);
    lutra_tmpl_expect(t, TT_CONST, 0, "a value");
    return 0;
}

/* ---- what follows a value ------------------------------------------------------------------ */

/* "(a, b, name=c)": the token is the opening bracket. */
static bool parse_args(struct tmpl *t, int32_t *first)
{
    int32_t last = 0;
    *first = 0;
    if (!lutra_tmpl_next(t)) return false;
    while (!at_op(t, ')')) {
        int32_t arg = lutra_tmpl_node(t, TN_ARG, t->tok.at);
        if (!arg) return false;
        t->node[arg].b = -1;
        if (t->tok.kind == TT_NAME) { /* "name =" or an expression? */
            struct ttoken tok = t->tok;
            struct tlexer lex = t->lex;
            if (!lutra_tmpl_next(t)) return false;
            if (at_op(t, '=')) {
                t->node[arg].b = tok.sym;
                if (!lutra_tmpl_next(t)) return false;
            } else {
                t->tok = tok;
                t->lex = lex;
            }
        }
        if (last && t->node[last].b >= 0 && t->node[arg].b < 0) {
            t->at = t->tok.at;
            return lutra_tmpl_fail(t, "a plain argument after a named one");
        }
        int32_t e = lutra_tmpl_parse_expr(t, true);
        if (!e) return false;
        t->node[arg].a = e;
        link_node(t, first, &last, arg);
        if (!at_op(t, ')') && !lutra_tmpl_expect(t, TT_OP, ',', "',' or ')'")) return false;
    }
    return lutra_tmpl_next(t);
}

static int32_t parse_attribute(struct tmpl *t)
{
    size_t at = t->tok.at;
    if (!lutra_tmpl_next(t)) return 0;
    if (t->tok.kind == TT_CONST && t->constant[t->tok.value].kind == TV_INT) {
        int32_t n = lutra_tmpl_node(t, TN_INDEX, at), c = n ? parse_constant(t) : 0;
        if (!c) return 0;
        t->node[n].a = c;
        return n;
    }
    int32_t n = lutra_tmpl_node(t, TN_ATTR, at);
    if (!n) return 0;
    t->node[n].a = t->tok.kind == TT_NAME ? t->tok.sym : 0;
    return lutra_tmpl_expect(t, TT_NAME, 0, "a name after '.'") ? n : 0;
}

/* "[i]", "[from:to:step]" */
static int32_t parse_subscript(struct tmpl *t)
{
    int32_t n = lutra_tmpl_node(t, TN_INDEX, t->tok.at), part[3] = {0, 0, 0};
    int i = 0;
    if (!n || !lutra_tmpl_next(t)) return 0;
    for (;;) {
        if (at_op(t, ':') && i < 2) {
            t->node[n].kind = TN_SLICE;
            i++;
            if (!lutra_tmpl_next(t)) return 0;
            continue;
        }
        if (at_op(t, ']') && t->node[n].kind == TN_SLICE) break;
        if (part[i]) break;
        if (!(part[i] = lutra_tmpl_parse_expr(t, true))) return 0;
    }
    t->node[n].a = part[0];
    t->node[n].b = part[1];
    t->node[n].c = part[2];
    return lutra_tmpl_expect(t, TT_OP, ']', "']'") ? n : 0;
}

/* A filter's name and arguments; the token is its name. */
static int32_t parse_filter(struct tmpl *t)
{
    int32_t n = lutra_tmpl_node(t, TN_FILTER, t->tok.at), args = 0;
    if (!n) return 0;
    int sym = t->tok.kind == TT_NAME ? t->tok.sym : 0;
    if (!lutra_tmpl_expect(t, TT_NAME, 0, "the name of a filter")) return 0;
    if (at_op(t, '(') && !parse_args(t, &args)) return 0;
    t->node[n].a = sym;
    t->node[n].b = args;
    t->node[n].c = lutra_tmpl_filter_find(t->sym[sym].p, t->sym[sym].n);
    return n;
}

int32_t lutra_tmpl_parse_filters(struct tmpl *t, bool first_bare)
{
    int32_t first = 0, last = 0;
    while (first_bare || at_op(t, '|')) {
        if (!first_bare && !lutra_tmpl_next(t)) return 0;
        first_bare = false;
        int32_t f = parse_filter(t);
        if (!f) return 0;
        link_node(t, &first, &last, f);
    }
    return first;
}

static int32_t parse_postfix(struct tmpl *t, int32_t value, bool filters);

/* The one argument a test may have without brackets: "is divisibleby 3". */
static bool parse_test_arg(struct tmpl *t, int32_t *arg)
{
    static const char *const ends[] = {"else", "or", "and", "is", "if", "not", "in"};
    *arg = 0;
    if (t->tok.kind != TT_NAME && t->tok.kind != TT_CONST && !at_op(t, '[') && !at_op(t, '{'))
        return true;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (at_name(t, ends[i])) return true;
    *arg = lutra_tmpl_node(t, TN_ARG, t->tok.at);
    int32_t e = *arg ? parse_primary(t) : 0;
    if (e) e = parse_postfix(t, e, false);
    if (!e) return false;
    t->node[*arg].a = e;
    t->node[*arg].b = -1;
    return true;
}

static int32_t parse_test(struct tmpl *t)
{
    int32_t n = lutra_tmpl_node(t, TN_TEST, t->tok.at), arg = 0;
    if (!n || !lutra_tmpl_next(t)) return 0;
    if (at_name(t, "not")) {
        t->node[n].op = 1;
        if (!lutra_tmpl_next(t)) return 0;
    }
    int sym = t->tok.kind == TT_NAME ? t->tok.sym : 0;
    if (!lutra_tmpl_expect(t, TT_NAME, 0, "the name of a test")) return 0;
    if (at_op(t, '(') ? !parse_args(t, &arg) : !parse_test_arg(t, &arg)) return 0;
    t->node[n].a = sym;
    t->node[n].b = arg;
    t->node[n].c = lutra_tmpl_test_find(t->sym[sym].p, t->sym[sym].n);
    return n;
}

static int32_t parse_call(struct tmpl *t)
{
    int32_t n = lutra_tmpl_node(t, TN_CALL, t->tok.at), args;
    if (!n || !parse_args(t, &args)) return 0;
    t->node[n].a = args;
    return n;
}

/* All of them, in a row. Filters and tests bind weaker than the rest, but no bracket shows it. */
static int32_t parse_postfix(struct tmpl *t, int32_t value, bool filters)
{
    int32_t first = 0, last = 0;
    bool more = true;
    while (more) {
        int32_t op = 0;
        if (at_op(t, '.') || at_op(t, '[')) {
            if (last && (t->node[last].kind == TN_FILTER || t->node[last].kind == TN_TEST)) break;
            op = at_op(t, '.') ? parse_attribute(t) : parse_subscript(t);
        } else if (at_op(t, '(')) {
            op = parse_call(t);
        } else if (filters && at_op(t, '|')) {
            op = lutra_tmpl_next(t) ? parse_filter(t) : 0;
        } else if (filters && at_name(t, "is")) {
            op = parse_test(t);
        } else {
            break;
        }
        if (!op) return 0;
        link_node(t, &first, &last, op);
    }
    if (!first) return value;
    int32_t n = lutra_tmpl_node(t, TN_POST, t->node[value].at);
    if (!n) return 0;
    t->node[n].a = value;
    t->node[n].b = first;
    return n;
}

/* ---- operators ----------------------------------------------------------------------------- */

static int32_t parse_unary(struct tmpl *t, bool filters)
{
    int32_t value;
    if (at_op(t, '-') || at_op(t, '+')) {
        value = lutra_tmpl_node(t, at_op(t, '-') ? TN_NEG : TN_POS, t->tok.at);
        if (!value || !lutra_tmpl_enter(t)) return 0;
        int32_t operand = lutra_tmpl_next(t) ? parse_unary(t, false) : 0;
        t->depth--;
        if (!operand) return 0;
        t->node[value].a = operand;
    } else {
        value = parse_primary(t);
    }
    return value ? parse_postfix(t, value, filters) : 0;
}

/* The operator at the token and how tightly it binds; 0: none. */
static int operator_level(const struct tmpl *t, int *op)
{
    if (t->tok.kind == TT_NAME) {
        *op = at_name(t, "or")    ? TOP_OR
              : at_name(t, "and") ? TOP_AND
              : at_name(t, "in")  ? TOP_IN
                                  : 0;
        if (at_name(t, "not")) *op = TOP_NOT_IN;
    } else {
        *op = t->tok.kind == TT_OP ? t->tok.op : 0;
    }
    switch (*op) {
    case TOP_OR:
        return LEVEL_OR;
    case TOP_AND:
        return LEVEL_AND;
    case TOP_EQ:
    case TOP_NE:
    case TOP_LE:
    case TOP_GE:
    case '<':
    case '>':
    case TOP_IN:
    case TOP_NOT_IN:
        return LEVEL_COMPARE;
    case '+':
    case '-':
        return LEVEL_ADD;
    case '~':
        return LEVEL_CONCAT;
    case '*':
    case '/':
    case '%':
    case TOP_FLOORDIV:
        return LEVEL_MUL;
    case TOP_POW:
        return LEVEL_POW;
    default:
        return 0;
    }
}

static int32_t parse_not(struct tmpl *t)
{
    int32_t n = lutra_tmpl_node(t, TN_NOT, t->tok.at);
    if (!n || !lutra_tmpl_enter(t)) return 0;
    int32_t operand = lutra_tmpl_next(t) ? parse_level(t, LEVEL_NOT) : 0;
    t->depth--;
    if (!operand) return 0;
    t->node[n].a = operand;
    return n;
}

/* Operand, then operators of at least level `min`; one chain for all of them, but comparisons,
 * which are not a fold (a < b < c), get a node of their own that then is the chain's operand. */
static int32_t parse_level(struct tmpl *t, int min)
{
    int32_t left = min <= LEVEL_NOT && at_name(t, "not") ? parse_not(t) : parse_unary(t, true);
    int32_t chain = 0, last = 0;
    int op, level;
    while (left && (level = operator_level(t, &op)) != 0 && level >= min) {
        size_t at = t->tok.at;
        if (!lutra_tmpl_next(t)) return 0;
        if (op == TOP_NOT_IN) {
            if (!at_name(t, "in")) return lutra_tmpl_expect(t, TT_TAG_BEGIN, 0, "'in' after 'not'");
            if (!lutra_tmpl_next(t)) return 0;
        }
        enum tnode_kind kind = level == LEVEL_COMPARE ? TN_COMPARE : TN_CHAIN;
        if (!chain || t->node[chain].kind != kind) {
            if (!(chain = lutra_tmpl_node(t, kind, at))) return 0;
            t->node[chain].a = left;
            left = chain;
            last = 0;
        }
        int32_t item = lutra_tmpl_node(t, TN_ITEM, at),
                right = item ? parse_level(t, level + 1) : 0;
        if (!right) return 0;
        t->node[item].op = (uint8_t)op;
        t->node[item].a = right;
        int32_t first = t->node[chain].b;
        link_node(t, &first, &last, item);
        t->node[chain].b = first;
    }
    return left;
}

static int32_t parse_cond(struct tmpl *t, bool cond)
{
    int32_t value = parse_level(t, LEVEL_ALL), outer = 0, inner = 0;
    while (value && cond &&
           at_name(t, "if")) { /* a if b else c if d else e: else parts hang in a row */
        int32_t n = lutra_tmpl_node(t, TN_COND, t->tok.at);
        int32_t test = n && lutra_tmpl_next(t) ? parse_level(t, LEVEL_ALL) : 0;
        if (!test) return 0;
        t->node[n].a = value;
        t->node[n].b = test;
        if (inner)
            t->node[inner].c = n;
        else
            outer = n;
        inner = n;
        if (!at_name(t, "else")) return outer;
        value = lutra_tmpl_next(t) ? parse_level(t, LEVEL_ALL) : 0;
    }
    if (!value || !inner) return value;
    t->node[inner].c = value;
    return outer;
}

int32_t lutra_tmpl_parse_expr(struct tmpl *t, bool cond)
{
    if (!lutra_tmpl_enter(t)) return 0; /* every bracket comes through here */
    int32_t n = parse_cond(t, cond);
    t->depth--;
    return n;
}

/* Expressions with commas between make a tuple. */
int32_t lutra_tmpl_parse_tuple(struct tmpl *t, bool cond)
{
    size_t at = t->tok.at;
    int32_t first = lutra_tmpl_parse_expr(t, cond), last = first;
    if (!first || !at_op(t, ',')) return first;
    int32_t n = lutra_tmpl_node(t, TN_LIST, at);
    if (!n) return 0;
    t->node[n].a = first;
    t->node[n].op = 1;
    while (at_op(t, ',')) {
        if (!lutra_tmpl_next(t)) return 0;
        if (t->tok.kind == TT_TAG_END || t->tok.kind == TT_PRINT_END || at_op(t, ')')) break;
        int32_t e = lutra_tmpl_parse_expr(t, cond);
        if (!e) return 0;
        t->node[last].next = e;
        last = e;
    }
    return n;
}

/* ---- targets of set and for ---------------------------------------------------------------- */

static int32_t parse_one_target(struct tmpl *t, bool attr)
{
    if (at_op(t, '(')) {
        if (!lutra_tmpl_next(t) || !lutra_tmpl_enter(t)) return 0;
        int32_t n = lutra_tmpl_parse_target(t, attr);
        t->depth--;
        return n && lutra_tmpl_expect(t, TT_OP, ')', "')'") ? n : 0;
    }
    int32_t n = lutra_tmpl_node(t, TN_NAME, t->tok.at);
    if (!n) return 0;
    t->node[n].a = t->tok.kind == TT_NAME ? t->tok.sym : 0;
    if (!lutra_tmpl_expect(t, TT_NAME, 0, "a name to set")) return 0;
    if (!attr || !at_op(t, '.')) return n;
    t->node[n].kind = TN_ATTR; /* name.attribute: a the name, b the attribute */
    if (!lutra_tmpl_next(t)) return 0;
    t->node[n].b = t->tok.kind == TT_NAME ? t->tok.sym : 0;
    return lutra_tmpl_expect(t, TT_NAME, 0, "a name after '.'") ? n : 0;
}

int32_t lutra_tmpl_parse_target(struct tmpl *t, bool attr)
{
    size_t at = t->tok.at;
    int32_t first = parse_one_target(t, attr), last = first;
    if (!first || !at_op(t, ',')) return first;
    int32_t n = lutra_tmpl_node(t, TN_LIST, at);
    if (!n) return 0;
    t->node[n].a = first;
    while (at_op(t, ',')) {
        if (!lutra_tmpl_next(t)) return 0;
        if (t->tok.kind != TT_NAME && !at_op(t, '(')) break;
        if (at_name(t, "in")) break;
        int32_t e = parse_one_target(t, attr);
        if (!e) return 0;
        t->node[last].next = e;
        last = e;
    }
    return n;
}
