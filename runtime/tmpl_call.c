/* SPDX-License-Identifier: MIT */
/* Chat templates: the methods of strings, lists, dicts and loops. */
#include "runtime/tmpl.h"
#include "runtime/unicode.h"

#include <string.h>

/* What a method gets; `which` tells apart the methods that share a function. */
struct call {
    struct tmpl *t;
    struct tval obj;
    const struct targs *a;
    int which;
    struct tval *out;
};

typedef bool method_fn(const struct call *c);

struct method {
    const char *name;
    method_fn *fn;
    int which;
};

static bool give_str(const struct call *c, struct tstr *s)
{
    *c->out = tval_str(s);
    return s != NULL;
}

static bool give_list(const struct call *c, struct tlist *l)
{
    *c->out = tval_list(l);
    return l != NULL;
}

/* String argument i; absent or None leaves *s NULL, unless it is needed. */
static bool str_arg(const struct call *c, int i, const char *name, bool needed, struct tstr **s)
{
    const struct tval *v = lutra_tmpl_arg(c->t, c->a, i, name);
    *s = NULL;
    if (!v && needed) return lutra_tmpl_fail(c->t, "a string as argument %d is missing", i + 1);
    return !v || (v->kind == TV_NONE && !needed) || lutra_tmpl_want_str(c->t, *v, s);
}

static bool int_arg(const struct call *c, int i, const char *name, int64_t *n)
{
    const struct tval *v = lutra_tmpl_arg(c->t, c->a, i, name);
    return !v || lutra_tmpl_int(c->t, *v, n);
}

/* ---- strings ------------------------------------------------------------------------------- */

static bool has_end(const struct tstr *s, const struct tstr *part, bool at_end)
{
    return part->n <= s->n &&
           (part->n == 0 || memcmp(s->p + (at_end ? s->n - part->n : 0), part->p, part->n) == 0);
}

static bool
str_starts(const struct call *c) /* which 0: startswith, 1: endswith; a string or a tuple of them */
{
    const struct tval *v = lutra_tmpl_arg(c->t, c->a, 0, NULL);
    struct tstr *part;
    if (!v || v->kind != TV_LIST) {
        if (!str_arg(c, 0, NULL, true, &part)) return false;
        *c->out = tval_bool(has_end(c->obj.u.s, part, c->which));
        return lutra_tmpl_step(c->t, part->n / 512);
    }
    bool yes = false;
    for (size_t i = 0; i < v->u.list->n; i++) {
        if (!lutra_tmpl_step(c->t, 1) || !lutra_tmpl_want_str(c->t, v->u.list->v[i], &part))
            return false;
        yes |= has_end(c->obj.u.s, part, c->which);
    }
    *c->out = tval_bool(yes);
    return true;
}

static bool str_strip(const struct call *c) /* which: sides */
{
    struct tstr *chars;
    return str_arg(c, 0, NULL, false, &chars) &&
           give_str(c, lutra_tmpl_strip(c->t, c->obj.u.s, chars, c->which));
}

static bool str_remove(const struct call *c) /* which 0: removeprefix, 1: removesuffix */
{
    struct tstr *part, *s = c->obj.u.s;
    if (!str_arg(c, 0, NULL, true, &part)) return false;
    size_t cut = has_end(s, part, c->which) ? part->n : 0;
    return give_str(c, lutra_tmpl_sub(c->t, s, c->which ? 0 : cut, s->n - cut));
}

static bool str_split(const struct call *c) /* which 0: split, 1: rsplit */
{
    struct tstr *sep;
    int64_t max = -1;
    if (!str_arg(c, 0, "sep", false, &sep) || !int_arg(c, 1, "maxsplit", &max)) return false;
    if (sep && sep->n == 0) return lutra_tmpl_fail(c->t, "split at an empty string");
    return give_list(c,
                     (c->which ? lutra_tmpl_rsplit : lutra_tmpl_split)(c->t, c->obj.u.s, sep, max));
}

/* Bytes of the line end at p, 0 if it is none: what str.splitlines knows of. */
static size_t line_end(const char *p, size_t n)
{
    uint32_t cp;
    size_t len = lutra_tmpl_char(p, n, &cp);
    if (cp == '\r' && n > 1 && p[1] == '\n') return 2;
    bool end = (cp >= '\n' && cp <= '\r') || (cp >= 0x1c && cp <= 0x1e) || cp == 0x85 || cp == 0x2028 || cp == 0x2029;
    return end ? len : 0;
}

static bool str_lines(const struct call *c)
{
    const struct tval *keep = lutra_tmpl_arg(c->t, c->a, 0, "keepends");
    struct tlist *l = lutra_tmpl_new_list(c->t, 0);
    struct tstr *s = c->obj.u.s;
    bool ends = keep && lutra_tmpl_truth(*keep);
    if (!l || !lutra_tmpl_step(c->t, s->n / 64)) return false;
    for (size_t at = 0, from = 0; at < s->n;) {
        size_t n = line_end(s->p + at, s->n - at);
        if (n == 0 && ++at < s->n) continue; /* bytes inside of a character end no line */
        struct tstr *part = lutra_tmpl_sub(c->t, s, from, at - from + (ends ? n : 0));
        if (!part || !lutra_tmpl_step(c->t, 1) || !lutra_tmpl_append(c->t, l, tval_str(part))) return false;
        from = at += n;
    }
    return give_list(c, l);
}

static bool str_replace(const struct call *c)
{
    struct tstr *from, *to;
    int64_t max = -1;
    if (!str_arg(c, 0, "old", true, &from) || !str_arg(c, 1, "new", true, &to)) return false;
    if (!int_arg(c, 2, "count", &max)) return false;
    return give_str(c, lutra_tmpl_replace(c->t, c->obj.u.s, from, to, max));
}

static bool str_case(const struct call *c)
{
    return give_str(c, lutra_tmpl_case(c->t, c->obj.u.s, (enum tcase)c->which));
}

static bool str_find(const struct call *c) /* which 0: find, 1: rfind, 2: index */
{
    struct tstr *part, *s = c->obj.u.s;
    if (!str_arg(c, 0, NULL, true, &part) || !lutra_tmpl_step(c->t, s->n / 512)) return false;
    size_t at = lutra_tmpl_find(s, part, 0), next = at;
    for (; c->which == 1 && next != SIZE_MAX; next = lutra_tmpl_find(s, part, at + 1)) {
        if (!lutra_tmpl_step(c->t, 1)) return false;
        at = next;
    }
    if (at == SIZE_MAX && c->which == 2)
        return lutra_tmpl_fail(c->t, "index: no such part in the string");
    struct tstr *head = lutra_tmpl_sub(c->t, s, 0, at == SIZE_MAX ? 0 : at);
    *c->out = tval_int(at == SIZE_MAX || !head ? -1 : (int64_t)lutra_tmpl_chars(c->t, head));
    return head != NULL;
}

static bool str_count(const struct call *c)
{
    struct tstr *part, *s = c->obj.u.s;
    int64_t n = 0;
    if (!str_arg(c, 0, NULL, true, &part) || !lutra_tmpl_step(c->t, s->n / 512)) return false;
    if (part->n == 0) n = (int64_t)lutra_tmpl_chars(c->t, s) + 1;
    for (size_t at = 0; part->n && (at = lutra_tmpl_find(s, part, at)) != SIZE_MAX;
         at += part->n, n++)
        if (!lutra_tmpl_step(c->t, 1)) return false;
    *c->out = tval_int(n);
    return true;
}

static bool str_join(const struct call *c)
{
    const struct tval *items = lutra_tmpl_arg(c->t, c->a, 0, NULL);
    struct targs sep = {.v = &c->obj, .n_pos = 1, .n = 1};
    if (!items) return lutra_tmpl_fail(c->t, "join needs a list");
    return lutra_tmpl_filter_join(c->t, *items, &sep, c->out);
}

static bool str_is(const struct call *c) /* which: 'd' digits, 'a' letters, 's' white space, 'n'
                                            letters and digits */
{
    struct tstr *s = c->obj.u.s;
    bool yes = s->n > 0;
    if (!lutra_tmpl_step(c->t, s->n / 64)) return false;
    for (size_t i = 0; yes && i < s->n;) {
        uint32_t cp;
        i += lutra_tmpl_char(s->p + i, s->n - i, &cp);
        enum lutra_uclass class = lutra_unicode_class(cp);
        bool digit = class == LUTRA_UC_NUMBER, letter = class >= LUTRA_UC_UPPER;
        yes = c->which == 's' ? lutra_tmpl_is_space(cp)
                              : (c->which != 'd' && letter) || (c->which != 'a' && digit);
    }
    *c->out = tval_bool(yes);
    return true;
}

static bool str_has_case(const struct call *c) /* which 0: islower, 1: isupper */
{
    bool yes;
    const char *test = c->which ? "upper" : "lower";
    if (!lutra_tmpl_test(c->t, lutra_tmpl_test_find(test, 5), c->obj, c->a, &yes)) return false;
    *c->out = tval_bool(yes);
    return true;
}

/* The value that "", "2" or "name" stands for. */
static bool format_argument(const struct call *c, struct tstr *name, int *next, struct tval *v)
{
    struct tval number;
    int64_t i = -1;
    if (name->n == 0)
        i = (*next)++;
    else if (lutra_tmpl_parse_number(name, true, &number))
        i = number.u.i;
    if (i >= 0 && i < c->a->n_pos) {
        *v = c->a->v[i];
        return true;
    }
    for (int k = c->a->n_pos; k < c->a->n; k++) {
        if (!lutra_tmpl_same(c->t->sym[c->a->name[k]].str, name)) continue;
        *v = c->a->v[k];
        return true;
    }
    char shown[64];
    return lutra_tmpl_fail(c->t, "format has no value for {%s}",
                           lutra_escape(shown, sizeof shown, name->p, name->n));
}

/* Bytes of s from `at` on that are none of `stops`. */
static struct tstr *up_to(struct tmpl *t, struct tstr *s, size_t at, const char *stops)
{
    size_t n = 0;
    while (at + n < s->n && !(s->p[at + n] && strchr(stops, s->p[at + n]))) n++;
    return lutra_tmpl_sub(t, s, at, n);
}

/* name.attribute[key] with !r or !s and :how behind it, to the output */
static bool format_field(const struct call *c, struct tstr *field, int *next)
{
    struct tstr *part = up_to(c->t, field, 0, ".[!:"), *spec;
    struct tval v, key;
    if (!part || !format_argument(c, part, next, &v)) return false;
    size_t at = part->n;
    while (at < field->n && (field->p[at] == '.' || field->p[at] == '[')) {
        bool index = field->p[at] == '[';
        if (!(part = up_to(c->t, field, at + 1, index ? "]" : ".[!:"))) return false;
        at += part->n + 1 + (size_t)index;
        if (!index || !lutra_tmpl_parse_number(part, true, &key)) key = tval_str(part);
        if (!lutra_tmpl_index(c->t, v, key, &v)) return false;
    }
    if (at + 1 < field->n && field->p[at] == '!') {
        struct tcapture cap = lutra_tmpl_begin(c->t);
        bool repr = field->p[at + 1] == 'r';
        if (!(repr ? lutra_tmpl_repr(c->t, v) : lutra_tmpl_print(c->t, v))) return false;
        part = lutra_tmpl_end(c->t, cap);
        v = tval_str(part);
        at += 2;
    }
    if (at < field->n && field->p[at++] != ':') return lutra_tmpl_fail(c->t, "format: a field it does not know");
    if (at > field->n) at = field->n;
    return part && (spec = up_to(c->t, field, at, "")) && lutra_tmpl_format_value(c->t, v, spec);
}

static bool str_format(const struct call *c)
{
    struct tstr *s = c->obj.u.s;
    struct tcapture cap = lutra_tmpl_begin(c->t);
    int next = 0;
    for (size_t i = 0; i < s->n; i++) {
        bool brace = s->p[i] == '{' || s->p[i] == '}';
        if (!lutra_tmpl_step(c->t, 1)) return false;
        if (!brace || (i + 1 < s->n && s->p[i + 1] == s->p[i])) {
            if (!lutra_tmpl_emit_str(c->t, s, i, 1)) return false;
            i += brace;
            continue;
        }
        const char *close = memchr(s->p + i, '}', s->n - i);
        if (s->p[i] == '}' || !close) return lutra_tmpl_fail(c->t, "format: a single brace");
        struct tstr *field = lutra_tmpl_sub(c->t, s, i + 1, (size_t)(close - s->p) - i - 1);
        if (!field || !format_field(c, field, &next)) return false;
        i += field->n + 1;
    }
    return give_str(c, lutra_tmpl_end(c->t, cap));
}

static bool str_pad(const struct call *c) /* which: on which side */
{
    struct tstr *with;
    int64_t width = 0;
    if (c->a->n_pos < 1) return lutra_tmpl_fail(c->t, "a width is missing");
    return int_arg(c, 0, NULL, &width) && str_arg(c, 1, NULL, false, &with) &&
           give_str(c, lutra_tmpl_pad(c->t, c->obj.u.s, width, with, (char)c->which));
}

/* (before, separator, behind) */
static bool str_partition(const struct call *c) /* which 0: at the first, 1: at the last */
{
    struct tstr *sep, *s = c->obj.u.s;
    struct tlist *l = lutra_tmpl_new_list(c->t, 3);
    if (!l || !str_arg(c, 0, NULL, true, &sep)) return false;
    if (sep->n == 0) return lutra_tmpl_fail(c->t, "partition at an empty string");
    size_t at = lutra_tmpl_find(s, sep, 0), next = at;
    for (; c->which && next != SIZE_MAX; next = lutra_tmpl_find(s, sep, at + 1)) {
        if (!lutra_tmpl_step(c->t, 1)) return false;
        at = next;
    }
    bool none = at == SIZE_MAX;
    if (none) at = c->which ? 0 : s->n;
    const size_t from[] = {0, at, none ? at : at + sep->n}, to[] = {at, none ? at : at + sep->n, s->n};
    for (int i = 0; i < 3; i++) {
        struct tstr *part = lutra_tmpl_sub(c->t, s, from[i], to[i] - from[i]);
        if (!part) return false;
        l->v[l->n++] = tval_str(part);
    }
    l->tuple = true;
    return lutra_tmpl_step(c->t, s->n / 512) && give_list(c, l);
}

static const struct method string_methods[] = {
    {"startswith", str_starts, 0},
    {"endswith", str_starts, 1},
    {"strip", str_strip, 3},
    {"lstrip", str_strip, 1},
    {"rstrip", str_strip, 2},
    {"split", str_split, 0},
    {"rsplit", str_split, 1},
    {"splitlines", str_lines, 0},
    {"replace", str_replace, 0},
    {"upper", str_case, TMPL_UPPER},
    {"lower", str_case, TMPL_LOWER},
    {"title", str_case, TMPL_TITLE},
    {"capitalize", str_case, TMPL_CAPITALIZE},
    {"casefold", str_case, TMPL_LOWER},
    {"find", str_find, 0},
    {"rfind", str_find, 1},
    {"index", str_find, 2},
    {"count", str_count, 0},
    {"join", str_join, 0},
    {"format", str_format, 0},
    {"ljust", str_pad, '<'},
    {"rjust", str_pad, '>'},
    {"center", str_pad, '|'},
    {"zfill", str_pad, '='},
    {"partition", str_partition, 0},
    {"rpartition", str_partition, 1},
    {"isdigit", str_is, 'd'},
    {"isdecimal", str_is, 'd'},
    {"isnumeric", str_is, 'd'},
    {"isalpha", str_is, 'a'},
    {"isalnum", str_is, 'n'},
    {"isspace", str_is, 's'},
    {"islower", str_has_case, 0},
    {"isupper", str_has_case, 1},
    {"removeprefix", str_remove, 0},
    {"removesuffix", str_remove, 1},
    {NULL, NULL, 0},
};

/* ---- lists and dicts ----------------------------------------------------------------------- */

static bool list_append(const struct call *c)
{
    const struct tval *v = lutra_tmpl_arg(c->t, c->a, 0, NULL);
    if (!v || c->obj.u.list->tuple) return lutra_tmpl_fail(c->t, "append needs a list and a value");
    *c->out = tval_none();
    return lutra_tmpl_append(c->t, c->obj.u.list, *v);
}

static bool list_extend(const struct call *c)
{
    const struct tval *v = lutra_tmpl_arg(c->t, c->a, 0, NULL);
    struct tseq seq;
    if (!v || c->obj.u.list->tuple) return lutra_tmpl_fail(c->t, "extend needs a list and values");
    if (!lutra_tmpl_seq(c->t, *v, &seq)) return false;
    for (size_t i = 0; i < seq.n; i++) {
        if (!lutra_tmpl_step(c->t, 1)) return false;
        if (!lutra_tmpl_append(c->t, c->obj.u.list, lutra_tmpl_at(&seq, i))) return false;
    }
    *c->out = tval_none();
    return true;
}

static bool list_pop(const struct call *c)
{
    struct tlist *l = c->obj.u.list;
    int64_t i = -1;
    if (!int_arg(c, 0, NULL, &i)) return false;
    if (i < 0) i += (int64_t)l->n;
    if (l->tuple || i < 0 || (uint64_t)i >= l->n)
        return lutra_tmpl_fail(c->t, "pop: no such element");
    size_t at = (size_t)i, rest = l->n - at - 1;
    *c->out = l->v[at];
    /* a loop may be walking over the old values: what follows is copied, not moved */
    struct tval *v = rest ? lutra_tmpl_alloc(c->t, &c->t->objects, l->n, sizeof *v) : l->v;
    if (!v || !lutra_tmpl_step(c->t, rest / 16)) return false;
    if (rest) {
        memcpy(v, l->v, at * sizeof *v);
        memcpy(v + at, l->v + at + 1, rest * sizeof *v);
        l->cap = l->n;
    }
    l->v = v;
    l->n--;
    return true;
}

static bool list_find(const struct call *c) /* which 0: count, 1: index */
{
    const struct tval *x = lutra_tmpl_arg(c->t, c->a, 0, NULL);
    int64_t n = 0;
    if (!x) return lutra_tmpl_fail(c->t, "a value to look for is missing");
    for (size_t i = 0; i < c->obj.u.list->n; i++) {
        bool same;
        if (!lutra_tmpl_equal(c->t, c->obj.u.list->v[i], *x, &same)) return false;
        if (same && c->which == 1) {
            *c->out = tval_int((int64_t)i);
            return true;
        }
        n += same;
    }
    *c->out = tval_int(n);
    return c->which == 0 || lutra_tmpl_fail(c->t, "index: no such element");
}

static const struct method list_methods[] = {
    {"append", list_append, 0}, {"extend", list_extend, 0}, {"pop", list_pop, 0},
    {"count", list_find, 0},    {"index", list_find, 1},    {NULL, NULL, 0},
};

static bool dict_get(const struct call *c)
{
    const struct tval *key = lutra_tmpl_arg(c->t, c->a, 0, NULL),
                      *other = lutra_tmpl_arg(c->t, c->a, 1, "default");
    struct tval *v;
    if (!key) return lutra_tmpl_fail(c->t, "get needs a key");
    if (!lutra_tmpl_dict_find(c->t, c->obj.u.dict, *key, &v)) return false;
    *c->out = v ? *v : other ? *other : tval_none();
    return true;
}

static bool dict_items(const struct call *c)
{
    return lutra_tmpl_filter_items(c->t, c->obj, c->a, c->out);
}

static bool dict_parts(const struct call *c) /* which 0: keys, 1: values, 2: copy */
{
    const struct tdict *d = c->obj.u.dict;
    if (!lutra_tmpl_step(c->t, d->n / 16)) return false;
    if (c->which == 2) {
        struct tdict *copy = lutra_tmpl_new_dict(c->t, d->n);
        if (!copy) return false;
        if (d->n) memcpy(copy->v, d->v, d->n * sizeof *d->v);
        copy->n = d->n;
        *c->out = tval_dict(copy);
        return true;
    }
    struct tlist *l = lutra_tmpl_new_list(c->t, d->n);
    if (!l) return false;
    for (size_t i = 0; i < d->n; i++) l->v[l->n++] = c->which ? d->v[i].val : d->v[i].key;
    return give_list(c, l);
}

static bool dict_update(const struct call *c)
{
    const struct tval *other = lutra_tmpl_arg(c->t, c->a, 0, NULL);
    *c->out = tval_none();
    if (other && c->a->n_pos && other->kind != TV_DICT)
        return lutra_tmpl_fail(c->t, "update needs a dict");
    size_t n = other && c->a->n_pos ? other->u.dict->n : 0;
    for (size_t i = 0; i < n; i++) {
        struct tpair p = other->u.dict->v[i];
        if (!lutra_tmpl_step(c->t, 1) || !lutra_tmpl_dict_set(c->t, c->obj.u.dict, p.key, p.val))
            return false;
    }
    for (int k = c->a->n_pos; k < c->a->n; k++)
        if (!lutra_tmpl_dict_set(c->t, c->obj.u.dict, tval_str(c->t->sym[c->a->name[k]].str),
                                 c->a->v[k]))
            return false;
    return true;
}

static const struct method dict_methods[] = {
    {"get", dict_get, 0},      {"items", dict_items, 0}, {"keys", dict_parts, 0},
    {"values", dict_parts, 1}, {"copy", dict_parts, 2},  {"update", dict_update, 0},
    {NULL, NULL, 0},
};

static bool loop_cycle(const struct call *c)
{
    if (c->a->n_pos == 0) return lutra_tmpl_fail(c->t, "cycle needs values");
    *c->out = c->a->v[c->obj.u.loop->at % (size_t)c->a->n_pos];
    return true;
}

static bool loop_changed(const struct call *c)
{
    struct tlist *values = lutra_tmpl_new_list(c->t, (size_t)c->a->n_pos);
    struct tloop *loop = c->obj.u.loop;
    bool same;
    if (!values) return false;
    for (int i = 0; i < c->a->n_pos; i++) values->v[values->n++] = c->a->v[i];
    if (!lutra_tmpl_equal(c->t, loop->seen, tval_list(values), &same)) return false;
    loop->seen = tval_list(values);
    *c->out = tval_bool(!same);
    return true;
}

static const struct method loop_methods[] = {
    {"cycle", loop_cycle, 0}, {"changed", loop_changed, 0}, {NULL, NULL, 0}};

static const struct method *find_method(struct tval obj, const struct tstr *name)
{
    const struct method *m = NULL;
    if (obj.kind == TV_STR)
        m = string_methods;
    else if (obj.kind == TV_LIST)
        m = list_methods;
    else if (obj.kind == TV_DICT && !obj.u.dict->space)
        m = dict_methods;
    else if (obj.kind == TV_LOOP)
        m = loop_methods;
    while (m && m->name && !lutra_tmpl_equals(name, m->name)) m++;
    return m && m->name ? m : NULL;
}

bool lutra_tmpl_has_method(struct tval obj, const struct tstr *name)
{
    return find_method(obj, name) != NULL;
}

bool lutra_tmpl_method(struct tmpl *t, struct tval obj, struct tstr *name, const struct targs *a,
                       bool *known, struct tval *out)
{
    const struct method *m = find_method(obj, name);
    *known = m != NULL;
    if (!m) return true;
    struct call c = {.t = t, .obj = obj, .a = a, .which = m->which, .out = out};
    return m->fn(&c);
}
