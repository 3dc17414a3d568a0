/* SPDX-License-Identifier: MIT */
/* Chat templates: the filters on single values. Those on sequences are in tmpl_seq.c. */
#include "runtime/tmpl.h"
#include "runtime/unicode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct tval *lutra_tmpl_arg(struct tmpl *t, const struct targs *a, int i, const char *name)
{
    if (i < a->n_pos) return &a->v[i];
    for (int k = a->n_pos; name && k < a->n; k++)
        if (lutra_tmpl_is(t, a->name[k], name)) return &a->v[k];
    return NULL;
}

static bool flag_arg(struct tmpl *t, const struct targs *a, int i, const char *name)
{
    const struct tval *v = lutra_tmpl_arg(t, a, i, name);
    return v && lutra_tmpl_truth(*v);
}

static bool give(struct tstr *s, struct tval *out)
{
    *out = tval_str(s);
    return s != NULL;
}

static bool change_case(struct tmpl *t, struct tval in, enum tcase how, struct tval *out)
{
    struct tstr *s = lutra_tmpl_to_str(t, in);
    return s && give(lutra_tmpl_case(t, s, how), out);
}

static bool filter_upper(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    (void)a;
    return change_case(t, in, TMPL_UPPER, out);
}

static bool filter_lower(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    (void)a;
    return change_case(t, in, TMPL_LOWER, out);
}

static bool filter_title(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    (void)a;
    return change_case(t, in, TMPL_WORDS, out);
}

static bool filter_capitalize(struct tmpl *t, struct tval in, const struct targs *a,
                              struct tval *out)
{
    (void)a;
    return change_case(t, in, TMPL_CAPITALIZE, out);
}

static bool filter_string(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    (void)a;
    return give(lutra_tmpl_to_str(t, in), out);
}

static bool filter_trim(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    const struct tval *chars = lutra_tmpl_arg(t, a, 0, "chars");
    struct tstr *s = lutra_tmpl_to_str(t, in), *set = NULL;
    if (!s || (chars && chars->kind != TV_NONE && !lutra_tmpl_want_str(t, *chars, &set)))
        return false;
    return give(lutra_tmpl_strip(t, s, set, 3), out);
}

static bool filter_default(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    const struct tval *other = lutra_tmpl_arg(t, a, 0, "default_value");
    bool use = in.kind == TV_UNDEF || (flag_arg(t, a, 1, "boolean") && !lutra_tmpl_truth(in));
    *out = in;
    if (use && other)
        *out = *other;
    else if (use)
        return give(lutra_tmpl_text(t, ""), out);
    return true;
}

static bool filter_replace(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    const struct tval *from = lutra_tmpl_arg(t, a, 0, "old"), *to = lutra_tmpl_arg(t, a, 1, "new");
    const struct tval *count = lutra_tmpl_arg(t, a, 2, "count");
    int64_t max = -1;
    if (!from || !to) return lutra_tmpl_fail(t, "replace needs two strings");
    if (count && count->kind != TV_NONE && !lutra_tmpl_int(t, *count, &max)) return false;
    struct tstr *s = lutra_tmpl_to_str(t, in), *x = s ? lutra_tmpl_to_str(t, *from) : NULL;
    struct tstr *y = x ? lutra_tmpl_to_str(t, *to) : NULL;
    return y && give(lutra_tmpl_replace(t, s, x, y, max), out);
}

bool lutra_tmpl_safe(struct tmpl *t, struct tval v, struct tval *out)
{
    struct tstr *s = lutra_tmpl_to_str(t, v), *copy = s ? lutra_tmpl_str(t, s->p, s->n, false) : NULL;
    if (!copy) return false;
    *copy = *s;
    copy->safe = true;
    return give(copy, out);
}

bool lutra_tmpl_escape(struct tmpl *t, struct tval v, struct tval *out)
{
    static const char from[] = "&<>\"'";
    static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&#34;", "&#39;"};
    struct tstr *s = lutra_tmpl_to_str(t, v);
    struct tcapture c = lutra_tmpl_begin(t);
    size_t mark = 0;
    if (!s || !lutra_tmpl_step(t, s->n / 64)) return false;
    for (size_t i = 0; i < s->n; i++) {
        const char *p = s->p[i] && !s->safe ? strchr(from, s->p[i]) : NULL;
        bool marked;
        lutra_tmpl_run(s, i, &mark, &marked);
        const char *text = p ? to[p - from] : s->p + i;
        if (!lutra_tmpl_emit(t, text, p ? strlen(text) : 1, marked)) return false;
    }
    return give(lutra_tmpl_end(t, c), out) && lutra_tmpl_safe(t, *out, out);
}

static bool filter_safe(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    (void)a;
    return lutra_tmpl_safe(t, in, out);
}

static bool filter_escape(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    (void)a;
    return lutra_tmpl_escape(t, in, out);
}

/* Every line but the first (and, unless `blank`, empty ones) gets `width` spaces in front. */
static bool filter_indent(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    const struct tval *width = lutra_tmpl_arg(t, a, 0, "width");
    bool first = flag_arg(t, a, 1, "first"), blank = flag_arg(t, a, 2, "blank");
    struct tstr *s = lutra_tmpl_to_str(t, in), *pad = NULL;
    int64_t n = 4;
    if (!s) return false;
    if (width && width->kind == TV_STR)
        pad = width->u.s;
    else if (width && !lutra_tmpl_int(t, *width, &n))
        return false;
    if (!pad && !(pad = lutra_tmpl_text(t, " "))) return false;
    if (!(width && width->kind == TV_STR) && !(pad = lutra_tmpl_repeat(t, pad, n))) return false;
    struct tcapture c = lutra_tmpl_begin(t);
    for (size_t at = 0, line = 0; at <= s->n; line++) {
        const char *p = at < s->n ? memchr(s->p + at, '\n', s->n - at) : NULL;
        size_t end = p ? (size_t)(p - s->p) : s->n;
        bool wanted = line == 0 ? first : blank || end > at;
        if (!lutra_tmpl_step(t, 1) || (wanted && !lutra_tmpl_emit_str(t, pad, 0, pad->n)))
            return false;
        if (!lutra_tmpl_emit_str(t, s, at, end - at + (p != NULL))) return false;
        at = end + 1;
    }
    return give(lutra_tmpl_end(t, c), out);
}

static bool filter_tojson(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    const struct tval *indent = lutra_tmpl_arg(t, a, 1, "indent"),
                      *sep = lutra_tmpl_arg(t, a, 2, "separators");
    struct tjson how = {.indent = -1,
                        .ascii = flag_arg(t, a, 0, "ensure_ascii"),
                        .sort = flag_arg(t, a, 3, "sort_keys")};
    int64_t n = -1;
    if (indent && indent->kind != TV_NONE) {
        if (!lutra_tmpl_int(t, *indent, &n)) return false;
        how.indent = n < 0 ? 0 : n > 64 ? 64 : (int)n;
    }
    how.item_sep = lutra_tmpl_text(t, how.indent < 0 ? ", " : ",");
    how.key_sep = lutra_tmpl_text(t, ": ");
    if (!how.item_sep || !how.key_sep) return false;
    if (sep && sep->kind == TV_LIST && sep->u.list->n == 2) {
        struct tstr *s[2];
        for (int i = 0; i < 2; i++)
            if (!lutra_tmpl_want_str(t, sep->u.list->v[i], &s[i])) return false;
        how.item_sep = s[0];
        how.key_sep = s[1];
    }
    struct tcapture c = lutra_tmpl_begin(t);
    return lutra_tmpl_json(t, in, &how, 0) && give(lutra_tmpl_end(t, c), out);
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* "12", " -3 ", "1_000"; with whole unset "2.5e3" as well. */
bool lutra_tmpl_parse_number(const struct tstr *s, bool whole, struct tval *out)
{
    char buf[64];
    size_t n = 0, from = 0, to = s->n;
    bool digits = false;
    while (from < to && lutra_tmpl_is_space((unsigned char)s->p[from])) from++;
    while (to > from && lutra_tmpl_is_space((unsigned char)s->p[to - 1])) to--;
    for (size_t i = from; i < to; i++) {
        char c = s->p[i];
        bool digit = c >= '0' && c <= '9';
        digits |= digit;
        if (c == '_' && i > from && i + 1 < to) continue;
        bool sign = (c == '-' || c == '+') && (n == 0 || (!whole && (buf[n - 1] | 32) == 'e'));
        bool part = !whole && (c == '.' || (c | 32) == 'e') && (digits || c == '.');
        if (!(digit || sign || part) || n == sizeof buf - 1) return false;
        buf[n++] = c;
    }
    buf[n] = '\0';
    char *end = NULL;
    if (!digits) return false;
    if (!whole) {
        double v;
        bool all = lutra_tmpl_read_float(buf, &v);
        *out = tval_float(v);
        return all;
    }
    *out = tval_int(strtoll(buf, &end, 10));
    return *end == '\0' && out->u.i != INT64_MAX && out->u.i != INT64_MIN;
}

static bool to_float(struct tval in, struct tval *out)
{
    int64_t i;
    bool is_int;
    if (in.kind == TV_STR) return lutra_tmpl_parse_number(in.u.s, false, out);
    *out = tval_float(0);
    return lutra_tmpl_number(in, &out->u.f, &i, &is_int);
}

static bool filter_float(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    const struct tval *other = lutra_tmpl_arg(t, a, 0, "default");
    if (!to_float(in, out)) *out = other ? *other : tval_float(0);
    return true;
}

static bool filter_int(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    const struct tval *other = lutra_tmpl_arg(t, a, 0, "default");
    *out = tval_int(in.kind == TV_BOOL ? in.u.b : in.u.i);
    if (in.kind == TV_INT || in.kind == TV_BOOL) return true;
    if (in.kind == TV_STR && lutra_tmpl_parse_number(in.u.s, true, out)) return true;
    if (to_float(in, out) && fabs(out->u.f) < 9e18)
        *out = tval_int((int64_t)out->u.f);
    else
        *out = other ? *other : tval_int(0);
    return true;
}

static bool filter_abs(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    double f;
    int64_t i;
    bool is_int;
    (void)a;
    if (!lutra_tmpl_number(in, &f, &i, &is_int)) return lutra_tmpl_fail(t, "abs needs a number");
    *out = is_int ? tval_int(i) : tval_float(fabs(f));
    return !is_int || i >= 0 || lutra_tmpl_binary(t, '-', tval_int(0), tval_int(i), out);
}

/* As Python: to the even one of two that are as near; without a method whole numbers stay whole. */
static bool filter_round(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    const struct tval *digits = lutra_tmpl_arg(t, a, 0, "precision"),
                      *how = lutra_tmpl_arg(t, a, 1, "method");
    char text[400];
    int64_t n = 0, whole;
    double scale = 1, f;
    bool is_int, common = !how || (how->kind == TV_STR && lutra_tmpl_equals(how->u.s, "common"));
    if (digits && !lutra_tmpl_int(t, *digits, &n)) return false;
    if (!lutra_tmpl_number(in, &f, &whole, &is_int) || n < -15 || n > 15)
        return lutra_tmpl_fail(t, "round needs a number and at most 15 digits");
    for (int64_t i = 0; i < (n < 0 ? -n : n); i++) scale *= 10;
    if (common && is_int) {
        *out = tval_int(n < 0 ? (int64_t)(rint(f / scale) * scale) : whole);
        return true;
    }
    if (common && n >= 0 && isfinite(f)) {
        lutra_tmpl_float_text(text, sizeof text, 'f', (int)n, f);
        *out = tval_float(0);
        return lutra_tmpl_read_float(text, &out->u.f);
    }
    f = n < 0 ? f / scale : f * scale;
    if (how && how->kind == TV_STR && lutra_tmpl_equals(how->u.s, "ceil"))
        f = ceil(f);
    else if (how && how->kind == TV_STR && lutra_tmpl_equals(how->u.s, "floor"))
        f = floor(f);
    else
        f = rint(f);
    *out = tval_float(n < 0 ? f * scale : f / scale);
    return true;
}

static bool filter_from_json(struct tmpl *t, struct tval in, const struct targs *a,
                             struct tval *out)
{
    struct tstr *s;
    (void)a;
    return lutra_tmpl_want_str(t, in, &s) &&
           lutra_tmpl_read_json(t, "from_json", s->p, s->n, s->n_mark > 0, out);
}

/* ---- words --------------------------------------------------------------------------------- */

static bool filter_center(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    const struct tval *width = lutra_tmpl_arg(t, a, 0, "width");
    struct tstr *s = lutra_tmpl_to_str(t, in);
    int64_t n = 80;
    return s && (!width || lutra_tmpl_int(t, *width, &n)) && give(lutra_tmpl_pad(t, s, n, NULL, '|'), out);
}

/* 'a %s'|format(x), or with names only 'a %(x)s'|format(x=1) */
static bool filter_format(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    struct tstr *s = lutra_tmpl_to_str(t, in);
    struct tlist *values = lutra_tmpl_new_list(t, 0);
    struct tdict *named = lutra_tmpl_new_dict(t, 0);
    if (!s || !values || !named) return false;
    for (int i = 0; i < a->n; i++) {
        bool ok = i < a->n_pos ? lutra_tmpl_append(t, values, a->v[i])
                               : lutra_tmpl_dict_set(t, named, tval_str(t->sym[a->name[i]].str), a->v[i]);
        if (!ok) return false;
    }
    if (values->n > 0 && named->n > 0) return lutra_tmpl_fail(t, "format takes values or names, not both");
    values->tuple = true;
    return lutra_tmpl_percent(t, s, named->n > 0 ? tval_dict(named) : tval_list(values), out);
}

static bool filter_wordcount(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    struct tstr *s = lutra_tmpl_to_str(t, in);
    bool inside = false;
    int64_t words = 0;
    (void)a;
    if (!s || !lutra_tmpl_step(t, s->n / 64)) return false;
    for (size_t i = 0; i < s->n;) {
        uint32_t cp;
        i += lutra_tmpl_char(s->p + i, s->n - i, &cp);
        enum lutra_uclass class = lutra_unicode_class(cp);
        bool part = class >= LUTRA_UC_UPPER || class == LUTRA_UC_NUMBER || cp == '_';
        words += part && !inside;
        inside = part;
    }
    *out = tval_int(words);
    return true;
}

/* An attribute alone: of a dict, nothing that it holds. */
static bool filter_attr(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    const struct tval *name = lutra_tmpl_arg(t, a, 0, "name");
    struct tstr *s;
    if (!name || !lutra_tmpl_want_str(t, *name, &s)) return lutra_tmpl_fail(t, "the name of an attribute is missing");
    *out = tval_undef(s);
    return (in.kind == TV_DICT && !in.u.dict->space) || lutra_tmpl_get(t, in, s, out);
}

/* ---- the table ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    tfilter_fn *fn;
} filters[] = {
    {"abs", filter_abs},
    {"attr", filter_attr},
    {"batch", lutra_tmpl_filter_batch},
    {"capitalize", filter_capitalize},
    {"center", filter_center},
    {"count", lutra_tmpl_filter_length},
    {"d", filter_default},
    {"default", filter_default},
    {"dictsort", lutra_tmpl_filter_dictsort},
    {"e", filter_escape},
    {"escape", filter_escape},
    {"first", lutra_tmpl_filter_first},
    {"float", filter_float},
    {"forceescape", filter_escape},
    {"format", filter_format},
    {"from_json", filter_from_json},
    {"fromjson", filter_from_json},
    {"groupby", lutra_tmpl_filter_groupby},
    {"indent", filter_indent},
    {"int", filter_int},
    {"items", lutra_tmpl_filter_items},
    {"join", lutra_tmpl_filter_join},
    {"last", lutra_tmpl_filter_last},
    {"length", lutra_tmpl_filter_length},
    {"list", lutra_tmpl_filter_list},
    {"lower", filter_lower},
    {"map", lutra_tmpl_filter_map},
    {"max", lutra_tmpl_filter_max},
    {"min", lutra_tmpl_filter_min},
    {"reject", lutra_tmpl_filter_reject},
    {"rejectattr", lutra_tmpl_filter_rejectattr},
    {"replace", filter_replace},
    {"reverse", lutra_tmpl_filter_reverse},
    {"round", filter_round},
    {"safe", filter_safe},
    {"select", lutra_tmpl_filter_select},
    {"selectattr", lutra_tmpl_filter_selectattr},
    {"slice", lutra_tmpl_filter_slice},
    {"sort", lutra_tmpl_filter_sort},
    {"string", filter_string},
    {"sum", lutra_tmpl_filter_sum},
    {"title", filter_title},
    {"tojson", filter_tojson},
    {"trim", filter_trim},
    {"unique", lutra_tmpl_filter_unique},
    {"upper", filter_upper},
    {"wordcount", filter_wordcount},
};

int lutra_tmpl_filter_find(const char *p, size_t n)
{
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        if (strlen(filters[i].name) == n && memcmp(filters[i].name, p, n) == 0) return (int)i;
    return -1;
}

bool lutra_tmpl_filter(struct tmpl *t, int f, struct tval in, const struct targs *a,
                       struct tval *out)
{
    return filters[f].fn(t, in, a, out);
}
