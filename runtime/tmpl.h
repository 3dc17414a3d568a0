/* SPDX-License-Identifier: MIT */
/* Inside the chat template interpreter: values, nodes and the state of one rendering.
 *
 *   template.c     entry: variables in, text out     tmpl_parse.c   statements -> nodes
 *   tmpl_mem.c     memory, errors, output            tmpl_exec.c    statements, scopes, macros
 *   tmpl_lex.c     source -> tokens                  tmpl_eval.c    expressions
 *   tmpl_expr.c    expressions -> nodes              tmpl_ops.c     operators, equality, order
 *   tmpl_str.c     strings that know their origin    tmpl_text.c    values as text: str, repr, JSON
 *   tmpl_filter.c, tmpl_seq.c  filters               tmpl_test.c    tests
 *   tmpl_call.c    methods                           tmpl_func.c    functions, dates
 *   tmpl_format.c  values laid out by a pattern      tmpl_json.c    JSON -> values
 *
 * A stranger wrote the template, so every function here may fail: it then has called
 * lutra_tmpl_fail (or ran out of memory) and returns false or NULL, and everything unwinds.
 * Nothing is freed before the end; memory, steps and depth are counted instead. */
#ifndef LUTRA_RUNTIME_TMPL_H
#define LUTRA_RUNTIME_TMPL_H

#include "runtime/template.h"

/* Brackets and blocks in the source; while it runs every operator on the way counts as well. */
enum {
    TMPL_PARSE_DEPTH = LUTRA_TEMPLATE_DEPTH_MAX,
    TMPL_RUN_DEPTH = 4 * LUTRA_TEMPLATE_DEPTH_MAX,
    TMPL_STACK = 1024 /* arguments of all calls under way */
};

/* ---- values -------------------------------------------------------------------------------- */

/* A string and which of its bytes came from a message: ascending ranges that do not touch.
 * Immutable; slices share the bytes. */
struct tstr {
    const char *p;
    size_t n;
    size_t n_chars; /* SIZE_MAX: not counted yet */
    const struct lutra_range *mark;
    size_t n_mark;
    bool safe; /* |safe and |escape: with + it has what is joined to it escaped, too */
};

enum tkind {
    TV_UNDEF,
    TV_NONE,
    TV_BOOL,
    TV_INT,
    TV_FLOAT,
    TV_STR,
    TV_LIST, /* and tuples */
    TV_DICT, /* and namespaces */
    TV_RANGE,
    TV_LOOP,
    TV_MACRO,
    TV_FUNC
};

struct tval {
    enum tkind kind;
    union {
        bool b;
        int64_t i;
        double f;
        struct tstr *s; /* TV_UNDEF: the name that was looked for, or NULL */
        struct tlist *list;
        struct tdict *dict;
        struct trange *range;
        struct tloop *loop;
        struct tmacro *macro;
        int func;
    } u;
};

struct tlist {
    struct tval *v;
    size_t n, cap;
    bool tuple;
    bool group; /* of groupby: has the names grouper and list */
};

struct tpair {
    struct tval key, val;
};

struct tdict {
    struct tpair *v; /* in order of insertion */
    size_t n, cap;
    bool space; /* a namespace(): its attributes can be set */
};

struct trange { /* never spelled out in memory */
    int64_t start, stop, step;
    size_t n;
};

/* Anything that can be walked: element i is a list's value, a dict's key, a range's number. */
struct tseq {
    struct tval src;
    size_t n;
    const struct tval *v;
};

struct tloop {
    struct tseq seq;
    size_t at;
    struct tval seen; /* what loop.changed() was asked last */
};

struct tmacro {
    int name;      /* symbol */
    int32_t param; /* first TN_PARAM */
    int32_t body;
    uint8_t more; /* TMPL_VARARGS, TMPL_KWARGS: arguments beyond its parameters */
    struct tscope *up;
};
enum { TMPL_VARARGS = 1, TMPL_KWARGS = 2 };

struct tvar {
    int sym;
    struct tval v;
    struct tvar *next;
};

struct tscope {
    struct tvar *vars;
    struct tscope *up; /* NULL: then come the globals */
};

/* Arguments of a call, on the value stack: first the positional ones, then the named ones. */
struct targs {
    const struct tval *v;
    const int *name; /* of v[i], i >= n_pos: a symbol */
    int n_pos, n;
};

/* ---- nodes --------------------------------------------------------------------------------- */

enum tnode_kind {
    TN_NONE,         /* statements: */
    TN_TEXT,         /* a offset, b length in the source */
    TN_PRINT,        /* a expression */
    TN_IF,           /* a condition, b body, c else body or, with op 1, the TN_IF of an elif */
    TN_FOR,          /* a target, b iterable, c TN_FOR_PARTS */
    TN_FOR_PARTS,    /* a body, b else body, c filter condition */
    TN_SET,          /* a target, b value */
    TN_SET_BLOCK,    /* a target, b filters, c body */
    TN_MACRO,        /* a symbol, b parameters, c body, op: what it takes besides */
    TN_CALL_BLOCK,   /* a call, b parameters, c body */
    TN_FILTER_BLOCK, /* b filters, c body */
    TN_WITH,         /* b TN_SETs, c body */
    TN_BREAK,
    TN_CONTINUE,
    TN_PARAM,   /* a symbol, b default or 0 */
    TN_CONST,   /* expressions: a constant */
    TN_NAME,    /* a symbol */
    TN_LIST,    /* a first element, op 1: tuple */
    TN_DICT,    /* a first TN_PAIR */
    TN_PAIR,    /* a key, b value */
    TN_CHAIN,   /* a first operand, b first TN_ITEM: folded from the left */
    TN_COMPARE, /* the same, pairwise */
    TN_ITEM,    /* op, a operand */
    TN_NOT,     /* a */
    TN_NEG,     /* a */
    TN_POS,     /* a */
    TN_COND,    /* a value, b condition, c else value or 0 */
    TN_POST,    /* a primary, b first of: */
    TN_ATTR,    /* a symbol */
    TN_INDEX,   /* a */
    TN_SLICE,   /* a start, b stop, c step, or 0 */
    TN_CALL,    /* a first TN_ARG */
    TN_FILTER,  /* a symbol, b first TN_ARG, c number of the filter or -1 */
    TN_TEST,    /* the same, op 1: negated */
    TN_ARG      /* a value, b symbol or -1 */
};

struct tnode {
    uint8_t kind, op;
    uint32_t at; /* offset in the source */
    int32_t a, b, c, next;
};

/* Tokens longer than one character, and operators spelled as words. */
enum top {
    TOP_FLOORDIV = 128,
    TOP_POW,
    TOP_EQ,
    TOP_NE,
    TOP_LE,
    TOP_GE,
    TOP_AND,
    TOP_OR,
    TOP_IN,
    TOP_NOT_IN
};

enum ttok {
    TT_END,
    TT_TEXT,
    TT_PRINT_BEGIN,
    TT_PRINT_END,
    TT_TAG_BEGIN,
    TT_TAG_END,
    TT_NAME,
    TT_CONST,
    TT_OP
};

struct ttoken {
    enum ttok kind;
    int op;        /* TT_OP: a character or an enum top */
    int sym;       /* TT_NAME */
    int32_t value; /* TT_CONST: constant */
    size_t at, n;  /* place in the source */
};

struct tlexer {
    size_t at;
    int mode; /* which kind of token is looked for next; see tmpl_lex.c */
    int brackets;
};

/* ---- one rendering ------------------------------------------------------------------------- */

struct tblock;

struct tpool { /* bump memory in blocks */
    struct tblock *last;
    char *top, *end;
};

struct tsym {
    const char *p;
    size_t n;
    struct tstr *str;
};

struct tmpl {
    lutra_error *err;
    lutra_status status;
    size_t at; /* offset in the source of what is being done: for messages */
    const struct lutra_template_input *in;

    struct tpool objects, bytes, marks;
    size_t memory; /* bytes taken from malloc, at most memory_max */
    size_t memory_max;
    size_t steps;
    int depth, depth_max;

    char *src; /* with line ends made \n */
    size_t src_len;
    struct tlexer lex;
    struct ttoken tok;
    struct tnode *node; /* 0 is no node */
    size_t n_node, node_cap;
    struct tval *constant;
    size_t n_constant, constant_cap;
    struct tsym *sym;
    int n_sym;
    size_t sym_cap;
    int *sym_hash; /* open addressing, -1 empty */
    size_t sym_hash_cap;

    struct tval *global; /* by symbol */
    int n_global;
    struct tscope *scope;
    struct tvar *free_var;
    struct tval *stack; /* TMPL_STACK arguments and their names */
    int *stack_name;
    int n_stack;
    int32_t caller_op; /* the TN_CALL of a call block, whose macro gets `caller` */
    struct tval caller, pending_caller;

    char *out; /* text and its marks; also the place where strings are put together */
    size_t out_len, out_cap, out_max;
    struct lutra_range *mark;
    size_t n_mark, mark_cap;
    size_t mark_floor; /* marks below belong to an outer text: never joined with */
};

/* tmpl_mem.c */
bool lutra_tmpl_fail(struct tmpl *t, const char *fmt, ...) LUTRA_PRINTF(2, 3);
bool lutra_tmpl_nomem(struct tmpl *t);
/* Count work done: 1 per node, and bytes / 512 and the like. */
bool lutra_tmpl_step(struct tmpl *t, size_t work);
/* One level deeper; `t->depth--` on the way back. */
bool lutra_tmpl_enter(struct tmpl *t);
/* n of size bytes; zero if they are objects. */
void *lutra_tmpl_alloc(struct tmpl *t, struct tpool *pool, size_t n, size_t size);
bool lutra_tmpl_extend(struct tmpl *t, struct tpool *pool, const void *end, size_t bytes);
/* Would that fit at all? Takes nothing. */
bool lutra_tmpl_reserve(struct tmpl *t, size_t n, size_t size);
bool lutra_tmpl_grow(struct tmpl *t, void **array, size_t *cap, size_t need, size_t size);
void lutra_tmpl_free(struct tmpl *t);
int lutra_tmpl_intern(struct tmpl *t, const char *p, size_t n); /* symbol, -1 on failure */
bool lutra_tmpl_is(const struct tmpl *t, int sym, const char *name);

/* Output, and strings in the making: begin, emit..., end makes a string of it and takes it back. */
struct tcapture {
    size_t len, n_mark, floor;
};
struct tcapture lutra_tmpl_begin(struct tmpl *t);
struct tstr *lutra_tmpl_end(struct tmpl *t, struct tcapture c);
bool lutra_tmpl_emit(struct tmpl *t, const char *p, size_t n, bool marked);
bool lutra_tmpl_emit_str(struct tmpl *t, const struct tstr *s, size_t start, size_t n);

/* tmpl_lex.c, tmpl_expr.c, tmpl_parse.c */
/* The next token, into t->tok. */
bool lutra_tmpl_next(struct tmpl *t);
bool lutra_tmpl_expect(struct tmpl *t, enum ttok kind, int op, const char *what);
int32_t lutra_tmpl_constant(struct tmpl *t, struct tval v); /* -1 on failure */
/* 0 on failure, all of these */
int32_t lutra_tmpl_node(struct tmpl *t, enum tnode_kind kind, size_t at);
int32_t lutra_tmpl_parse_expr(struct tmpl *t, bool cond);
int32_t lutra_tmpl_parse_tuple(struct tmpl *t, bool cond);
int32_t lutra_tmpl_parse_target(struct tmpl *t, bool attr);
int32_t lutra_tmpl_parse_filters(struct tmpl *t, bool first_bare);
bool lutra_tmpl_parse(struct tmpl *t, int32_t *first);

/* tmpl_str.c: strings. Positions are bytes unless a name says chars. */
/* p must live as long as t */
struct tstr *lutra_tmpl_str(struct tmpl *t, const char *p, size_t n, bool marked);
struct tstr *lutra_tmpl_text(struct tmpl *t, const char *text); /* unmarked */
struct tstr *lutra_tmpl_sub(struct tmpl *t, struct tstr *s, size_t start, size_t n);
struct tstr *lutra_tmpl_concat(struct tmpl *t, struct tstr *a, struct tstr *b);
struct tstr *lutra_tmpl_repeat(struct tmpl *t, struct tstr *s, int64_t times);
struct tstr *lutra_tmpl_strip(struct tmpl *t, struct tstr *s, const struct tstr *chars, int sides);
struct tstr *lutra_tmpl_replace(struct tmpl *t, struct tstr *s, struct tstr *from, struct tstr *to,
                                int64_t max);
struct tlist *lutra_tmpl_split(struct tmpl *t, struct tstr *s, const struct tstr *sep, int64_t max);
struct tlist *lutra_tmpl_rsplit(struct tmpl *t, struct tstr *s, const struct tstr *sep,
                                int64_t max);
/* the last two: str.title() and |title */
enum tcase { TMPL_LOWER, TMPL_UPPER, TMPL_CAPITALIZE, TMPL_TITLE, TMPL_WORDS };
struct tstr *lutra_tmpl_case(struct tmpl *t, struct tstr *s, enum tcase how);
/* SIZE_MAX: not there */
size_t lutra_tmpl_find(const struct tstr *s, const struct tstr *part, size_t from);
/* Bytes of the first character; a byte that is no UTF-8 is one. */
size_t lutra_tmpl_char(const char *p, size_t n, uint32_t *cp);
bool lutra_tmpl_is_space(uint32_t cp);
size_t lutra_tmpl_chars(struct tmpl *t, struct tstr *s);
size_t lutra_tmpl_offset(struct tmpl *t, struct tstr *s, size_t chars); /* of a character */
bool lutra_tmpl_same(const struct tstr *a, const struct tstr *b);
bool lutra_tmpl_equals(const struct tstr *s, const char *text);
/* The end of the run of one origin that `at` is in; *mark begins as 0. */
size_t lutra_tmpl_run(const struct tstr *s, size_t at, size_t *mark, bool *marked);

/* tmpl_text.c */
bool lutra_tmpl_print(struct tmpl *t, struct tval v); /* str(v) to the output */
struct tstr *lutra_tmpl_to_str(struct tmpl *t, struct tval v);
bool lutra_tmpl_repr(struct tmpl *t, struct tval v);
struct tjson {
    int indent; /* -1: one line */
    bool ascii, sort;
    const struct tstr *item_sep, *key_sep;
};
bool lutra_tmpl_json(struct tmpl *t, struct tval v, const struct tjson *how, int level);
bool lutra_tmpl_print_float(struct tmpl *t, double f);
void lutra_tmpl_float_digits(char *dst, size_t cap, double f); /* str() */
void lutra_tmpl_float_text(char *dst, size_t cap, char type, int digits, double f); /* %f, %e, %g */

/* tmpl_format.c */
bool lutra_tmpl_format_value(struct tmpl *t, struct tval v, const struct tstr *spec); /* to the output */
bool lutra_tmpl_percent(struct tmpl *t, struct tstr *s, struct tval values, struct tval *out);
/* s filled up: '<' ljust, '>' rjust, '|' center, '=' zfill. with: NULL is a space. */
struct tstr *lutra_tmpl_pad(struct tmpl *t, struct tstr *s, int64_t width, const struct tstr *with, char align);

/* tmpl_json.c: one JSON value; `what` names it in errors, `marked` is the origin of its strings. */
bool lutra_tmpl_read_json(struct tmpl *t, const char *what, const char *s, size_t n, bool marked,
                          struct tval *out);

/* tmpl_ops.c */
const char *lutra_tmpl_type(struct tval v); /* Python's name */
bool lutra_tmpl_truth(struct tval v);
bool lutra_tmpl_number(struct tval v, double *f, int64_t *i, bool *is_int);
bool lutra_tmpl_int(struct tmpl *t, struct tval v, int64_t *i);
bool lutra_tmpl_want_str(struct tmpl *t, struct tval v, struct tstr **s);
/* The error "'x' is undefined": always false. */
bool lutra_tmpl_undefined(struct tmpl *t, struct tval v);
bool lutra_tmpl_binary(struct tmpl *t, int op, struct tval a, struct tval b, struct tval *out);
bool lutra_tmpl_equal(struct tmpl *t, struct tval a, struct tval b, bool *equal);
bool lutra_tmpl_order(struct tmpl *t, struct tval a, struct tval b, int *order);
bool lutra_tmpl_compare(struct tmpl *t, int op, struct tval a, struct tval b, bool *out);
bool lutra_tmpl_contains(struct tmpl *t, struct tval in, struct tval x, bool *out);
bool lutra_tmpl_seq(struct tmpl *t, struct tval v, struct tseq *seq); /* error: not iterable */
struct tval lutra_tmpl_at(const struct tseq *seq, size_t i);

/* tmpl_eval.c */
bool lutra_tmpl_eval(struct tmpl *t, int32_t node, struct tval *out);
bool lutra_tmpl_apply_filters(struct tmpl *t, int32_t ops, struct tval *v);
/* The caller puts t->n_stack back. */
bool lutra_tmpl_push_args(struct tmpl *t, int32_t arg, struct targs *a);
/* obj.name, obj[key] */
bool lutra_tmpl_get(struct tmpl *t, struct tval obj, struct tstr *name, struct tval *out);
bool lutra_tmpl_index(struct tmpl *t, struct tval obj, struct tval key, struct tval *out);
bool lutra_tmpl_dict_find(struct tmpl *t, const struct tdict *d, struct tval key,
                          struct tval **out);
bool lutra_tmpl_dict_set(struct tmpl *t, struct tdict *d, struct tval key, struct tval val);
struct tdict *lutra_tmpl_new_dict(struct tmpl *t, size_t cap);
struct tlist *lutra_tmpl_new_list(struct tmpl *t, size_t cap);
bool lutra_tmpl_append(struct tmpl *t, struct tlist *l, struct tval v);

/* tmpl_exec.c */
bool lutra_tmpl_run_template(struct tmpl *t, int32_t first);
struct tval lutra_tmpl_lookup(struct tmpl *t, int sym);
bool lutra_tmpl_call_macro(struct tmpl *t, struct tmacro *m, const struct targs *a,
                           struct tval *out);

/* Filters and tests are found by name while parsing; -1, unknown, is an error when it is reached.
 */
int lutra_tmpl_filter_find(const char *p, size_t n);
bool lutra_tmpl_filter(struct tmpl *t, int f, struct tval in, const struct targs *a,
                       struct tval *out);
typedef bool tfilter_fn(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out);
tfilter_fn lutra_tmpl_filter_map, lutra_tmpl_filter_select, lutra_tmpl_filter_reject,
    lutra_tmpl_filter_selectattr, lutra_tmpl_filter_rejectattr, lutra_tmpl_filter_sort,
    lutra_tmpl_filter_dictsort, lutra_tmpl_filter_unique, lutra_tmpl_filter_min,
    lutra_tmpl_filter_max, lutra_tmpl_filter_sum, lutra_tmpl_filter_reverse, lutra_tmpl_filter_list,
    lutra_tmpl_filter_items, lutra_tmpl_filter_join, lutra_tmpl_filter_groupby,
    lutra_tmpl_filter_batch, lutra_tmpl_filter_slice, lutra_tmpl_filter_first,
    lutra_tmpl_filter_last, lutra_tmpl_filter_length;
/* Digits with a "." as a number, whatever the application's locale is (tmpl_text.c); false if there is more behind. */
bool lutra_tmpl_read_float(const char *s, double *out);
/* v as a string that is safe as it is, or with its characters of HTML escaped. */
bool lutra_tmpl_safe(struct tmpl *t, struct tval v, struct tval *out);
bool lutra_tmpl_escape(struct tmpl *t, struct tval v, struct tval *out);
/* A string as a number; false if it is none. */
bool lutra_tmpl_parse_number(const struct tstr *s, bool whole, struct tval *out);
int lutra_tmpl_test_find(const char *p, size_t n);
bool lutra_tmpl_test(struct tmpl *t, int f, struct tval in, const struct targs *a, bool *out);
/* Argument i, or the one of that name, or NULL. */
const struct tval *lutra_tmpl_arg(struct tmpl *t, const struct targs *a, int i, const char *name);
bool lutra_tmpl_method(struct tmpl *t, struct tval obj, struct tstr *name, const struct targs *a,
                       bool *known, struct tval *out);
bool lutra_tmpl_has_method(struct tval obj, const struct tstr *name);
bool lutra_tmpl_define_functions(struct tmpl *t);
/* step is not 0 */
bool lutra_tmpl_range(struct tmpl *t, int64_t start, int64_t stop, int64_t step, struct tval *out);
bool lutra_tmpl_call_func(struct tmpl *t, int func, const struct targs *a, struct tval *out);

/* ---- making values ------------------------------------------------------------------------- */

static inline struct tval tval_none(void)
{
    return (struct tval){.kind = TV_NONE};
}

static inline struct tval tval_undef(struct tstr *name)
{
    return (struct tval){.kind = TV_UNDEF, .u.s = name};
}

static inline struct tval tval_bool(bool b)
{
    return (struct tval){.kind = TV_BOOL, .u.b = b};
}

static inline struct tval tval_int(int64_t i)
{
    return (struct tval){.kind = TV_INT, .u.i = i};
}

static inline struct tval tval_float(double f)
{
    return (struct tval){.kind = TV_FLOAT, .u.f = f};
}

static inline struct tval tval_str(struct tstr *s)
{
    return (struct tval){.kind = TV_STR, .u.s = s};
}

static inline struct tval tval_list(struct tlist *l)
{
    return (struct tval){.kind = TV_LIST, .u.list = l};
}

static inline struct tval tval_dict(struct tdict *d)
{
    return (struct tval){.kind = TV_DICT, .u.dict = d};
}

#endif
