/* SPDX-License-Identifier: MIT */
/* Chat templates: the filters on sequences. Where Python hands out a generator, this is a list. */
#include "runtime/tmpl.h"

#include <string.h>

static const struct targs *tail_args(const struct targs *a, int skip, struct targs *rest)
{
    if (skip > a->n_pos) skip = a->n_pos;
    *rest = (struct targs){a->v + skip, a->name + skip, a->n_pos - skip, a->n - skip};
    return rest;
}

bool lutra_tmpl_filter_length(struct tmpl *t, struct tval in, const struct targs *a,
                              struct tval *out)
{
    struct tseq seq;
    (void)a;
    if (in.kind == TV_STR) {
        *out = tval_int((int64_t)lutra_tmpl_chars(t, in.u.s));
        return t->status == LUTRA_OK;
    }
    if (!lutra_tmpl_seq(t, in, &seq)) return false;
    *out = tval_int((int64_t)seq.n);
    return true;
}

bool lutra_tmpl_filter_first(struct tmpl *t, struct tval in, const struct targs *a,
                             struct tval *out)
{
    struct tseq seq;
    (void)a;
    if (in.kind == TV_STR) return lutra_tmpl_index(t, in, tval_int(0), out);
    if (!lutra_tmpl_seq(t, in, &seq)) return false;
    *out = seq.n ? lutra_tmpl_at(&seq, 0) : tval_undef(NULL);
    return true;
}

bool lutra_tmpl_filter_last(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    struct tseq seq;
    (void)a;
    if (in.kind == TV_STR) return lutra_tmpl_index(t, in, tval_int(-1), out);
    if (!lutra_tmpl_seq(t, in, &seq)) return false;
    *out = seq.n ? lutra_tmpl_at(&seq, seq.n - 1) : tval_undef(NULL);
    return true;
}

/* The whole sequence as a new list, perhaps back to front. */
static struct tlist *to_list(struct tmpl *t, struct tval in, bool back)
{
    struct tseq seq;
    if (!lutra_tmpl_seq(t, in, &seq)) return NULL;
    if (!lutra_tmpl_reserve(t, seq.n, sizeof *seq.v) || !lutra_tmpl_step(t, seq.n / 16))
        return NULL;
    struct tlist *l = lutra_tmpl_new_list(t, seq.n);
    if (!l) return NULL;
    for (size_t i = 0; i < seq.n; i++) l->v[i] = lutra_tmpl_at(&seq, back ? seq.n - 1 - i : i);
    l->n = seq.n;
    return l;
}

bool lutra_tmpl_filter_list(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    struct tlist *l = to_list(t, in, false);
    (void)a;
    *out = tval_list(l);
    return l != NULL;
}

bool lutra_tmpl_filter_reverse(struct tmpl *t, struct tval in, const struct targs *a,
                               struct tval *out)
{
    struct tlist *l = to_list(t, in, true);
    (void)a;
    *out = tval_list(l);
    if (!l || in.kind != TV_STR) return l != NULL;
    struct tcapture c = lutra_tmpl_begin(t);
    for (size_t i = 0; i < l->n; i++)
        if (!lutra_tmpl_print(t, l->v[i])) return false;
    struct tstr *s = lutra_tmpl_end(t, c);
    *out = tval_str(s);
    return s != NULL;
}

bool lutra_tmpl_filter_items(struct tmpl *t, struct tval in, const struct targs *a,
                             struct tval *out)
{
    (void)a;
    struct tlist *l = lutra_tmpl_new_list(t, 0);
    *out = tval_list(l);
    if (!l || in.kind == TV_UNDEF) return l != NULL;
    if (in.kind != TV_DICT)
        return lutra_tmpl_fail(t, "items needs a dict, not %s", lutra_tmpl_type(in));
    for (size_t i = 0; i < in.u.dict->n; i++) {
        struct tlist *pair = lutra_tmpl_step(t, 1) ? lutra_tmpl_new_list(t, 2) : NULL;
        if (!pair) return false;
        pair->v[0] = in.u.dict->v[i].key;
        pair->v[1] = in.u.dict->v[i].val;
        pair->n = 2;
        pair->tuple = true;
        if (!lutra_tmpl_append(t, l, tval_list(pair))) return false;
    }
    return true;
}

/* ---- attributes by name -------------------------------------------------------------------- */

/* item.a.b for "a.b"; parts that are numbers are indices. */
static bool get_path(struct tmpl *t, struct tval item, struct tval path, struct tval *out)
{
    struct tlist *parts;
    struct tstr *dot;
    *out = item;
    if (path.kind == TV_INT) return lutra_tmpl_index(t, item, path, out);
    if (path.kind != TV_STR) return lutra_tmpl_fail(t, "an attribute is named by a string");
    if (!memchr(path.u.s->p, '.', path.u.s->n)) return lutra_tmpl_index(t, item, path, out);
    if (!(dot = lutra_tmpl_text(t, ".")) || !(parts = lutra_tmpl_split(t, path.u.s, dot, -1)))
        return false;
    for (size_t i = 0; i < parts->n; i++) {
        struct tval part = parts->v[i], number;
        if (lutra_tmpl_parse_number(part.u.s, true, &number)) part = number;
        if (!lutra_tmpl_index(t, *out, part, out)) return false;
    }
    return true;
}

static int find_named(struct tmpl *t, const struct tval *name, bool test)
{
    struct tstr *s;
    char shown[64];
    if (!name) lutra_tmpl_fail(t, "the name of a %s is missing", test ? "test" : "filter");
    if (!name || !lutra_tmpl_want_str(t, *name, &s)) return -1;
    int f = test ? lutra_tmpl_test_find(s->p, s->n) : lutra_tmpl_filter_find(s->p, s->n);
    if (f < 0)
        lutra_tmpl_fail(t, "there is no %s '%s'", test ? "test" : "filter",
                        lutra_escape(shown, sizeof shown, s->p, s->n));
    return f;
}

/* None, 0 and the like have no elements for map and the select family; elsewhere they are an error.
 */
static struct tlist *elements(struct tmpl *t, struct tval in)
{
    return lutra_tmpl_truth(in) ? to_list(t, in, false) : lutra_tmpl_new_list(t, 0);
}

bool lutra_tmpl_filter_map(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    struct targs rest;
    const struct tval *attr = a->n_pos ? NULL : lutra_tmpl_arg(t, a, 0, "attribute");
    const struct tval *other = lutra_tmpl_arg(t, a, a->n_pos, "default");
    int f = attr ? 0 : find_named(t, lutra_tmpl_arg(t, a, 0, NULL), false);
    struct tlist *l = f >= 0 ? elements(t, in) : NULL;
    if (!l || !lutra_tmpl_enter(t)) return false;
    tail_args(a, 1, &rest);
    for (size_t i = 0; i < l->n; i++) {
        struct tval v = l->v[i];
        if (!lutra_tmpl_step(t, 1)) return false;
        if (!(attr ? get_path(t, v, *attr, &v) : lutra_tmpl_filter(t, f, v, &rest, &v)))
            return false;
        l->v[i] = attr && other && v.kind == TV_UNDEF ? *other : v;
    }
    t->depth--;
    *out = tval_list(l);
    return true;
}

/* select, reject and their attr forms: `attr` first argument is an attribute; then test and
 * arguments. */
static bool pick(struct tmpl *t, struct tval in, const struct targs *a, bool attr, bool want,
                 struct tval *out)
{
    struct targs rest;
    int skip = attr, f = -1;
    struct tlist *all = elements(t, in), *l = all ? lutra_tmpl_new_list(t, 0) : NULL;
    if (!l) return false;
    if (attr && a->n_pos < 1) return lutra_tmpl_fail(t, "the name of an attribute is missing");
    if (a->n_pos > skip && (f = find_named(t, &a->v[skip], true)) < 0) return false;
    tail_args(a, skip + 1, &rest);
    for (size_t i = 0; i < all->n; i++) {
        struct tval v = all->v[i];
        bool yes;
        if (!lutra_tmpl_step(t, 1) || (attr && !get_path(t, v, a->v[0], &v))) return false;
        yes = lutra_tmpl_truth(v);
        if (f >= 0 && !lutra_tmpl_test(t, f, v, &rest, &yes)) return false;
        if (yes == want && !lutra_tmpl_append(t, l, all->v[i])) return false;
    }
    *out = tval_list(l);
    return true;
}

bool lutra_tmpl_filter_select(struct tmpl *t, struct tval in, const struct targs *a,
                              struct tval *out)
{
    return pick(t, in, a, false, true, out);
}

bool lutra_tmpl_filter_reject(struct tmpl *t, struct tval in, const struct targs *a,
                              struct tval *out)
{
    return pick(t, in, a, false, false, out);
}

bool lutra_tmpl_filter_selectattr(struct tmpl *t, struct tval in, const struct targs *a,
                                  struct tval *out)
{
    return pick(t, in, a, true, true, out);
}

bool lutra_tmpl_filter_rejectattr(struct tmpl *t, struct tval in, const struct targs *a,
                                  struct tval *out)
{
    return pick(t, in, a, true, false, out);
}

bool lutra_tmpl_filter_join(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    const struct tval *sep = lutra_tmpl_arg(t, a, 0, "d"),
                      *attr = lutra_tmpl_arg(t, a, 1, "attribute");
    struct tstr *glue = sep ? lutra_tmpl_to_str(t, *sep) : lutra_tmpl_text(t, ""), *s;
    struct tseq seq;
    if (!glue || !lutra_tmpl_seq(t, in, &seq)) return false;
    struct tcapture c = lutra_tmpl_begin(t);
    for (size_t i = 0; i < seq.n; i++) {
        struct tval v = lutra_tmpl_at(&seq, i);
        if (!lutra_tmpl_step(t, 1) || (attr && attr->kind != TV_NONE && !get_path(t, v, *attr, &v)))
            return false;
        if (i > 0 && !lutra_tmpl_emit_str(t, glue, 0, glue->n)) return false;
        if (!lutra_tmpl_print(t, v)) return false;
    }
    s = lutra_tmpl_end(t, c);
    *out = tval_str(s);
    return s != NULL;
}

bool lutra_tmpl_filter_sum(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    const struct tval *attr = lutra_tmpl_arg(t, a, 0, "attribute"),
                      *start = lutra_tmpl_arg(t, a, 1, "start");
    struct tseq seq;
    if (!lutra_tmpl_seq(t, in, &seq)) return false;
    *out = start ? *start : tval_int(0);
    for (size_t i = 0; i < seq.n; i++) {
        struct tval v = lutra_tmpl_at(&seq, i);
        if (!lutra_tmpl_step(t, 1) || (attr && attr->kind != TV_NONE && !get_path(t, v, *attr, &v)))
            return false;
        if (!lutra_tmpl_binary(t, '+', *out, v, out)) return false;
    }
    return true;
}

/* ---- order --------------------------------------------------------------------------------- */

struct keyed {
    struct tval key, val;
};

static bool one_key(struct tmpl *t, struct tval v, const struct tval *attr, bool case_matters, struct tval *key)
{
    *key = v;
    if (attr && attr->kind != TV_NONE && !get_path(t, v, *attr, key)) return false;
    if (case_matters || key->kind != TV_STR) return true;
    struct tstr *s = lutra_tmpl_case(t, key->u.s, TMPL_LOWER);
    *key = tval_str(s);
    return s != NULL;
}

/* What an element is ordered by: an attribute perhaps, or several ("a,b"), and letters of either case alike. */
static bool sort_key(struct tmpl *t, struct tval v, const struct tval *attr, bool case_matters,
                     struct tval *key)
{
    struct tstr *comma;
    struct tlist *parts, *keys;
    if (!attr || attr->kind != TV_STR || !memchr(attr->u.s->p, ',', attr->u.s->n))
        return one_key(t, v, attr, case_matters, key);
    if (!(comma = lutra_tmpl_text(t, ",")) || !(parts = lutra_tmpl_split(t, attr->u.s, comma, -1))) return false;
    if (!(keys = lutra_tmpl_new_list(t, parts->n))) return false;
    for (size_t i = 0; i < parts->n; i++)
        if (!one_key(t, v, &parts->v[i], case_matters, &keys->v[keys->n++])) return false;
    *key = tval_list(keys);
    return true;
}

static struct keyed *with_keys(struct tmpl *t, const struct tlist *l, const struct targs *a,
                               int i_case, int i_attr)
{
    const struct tval *cased = lutra_tmpl_arg(t, a, i_case, "case_sensitive");
    const struct tval *attr = lutra_tmpl_arg(t, a, i_attr, "attribute");
    struct keyed *k = lutra_tmpl_alloc(t, &t->objects, l->n, sizeof *k);
    for (size_t i = 0; k && i < l->n; i++) {
        k[i].val = l->v[i];
        if (!sort_key(t, l->v[i], attr, cased && lutra_tmpl_truth(*cased), &k[i].key)) return NULL;
    }
    return k;
}

static bool merge(struct tmpl *t, struct keyed *dst, const struct keyed *a, size_t n_a, size_t n_b,
                  bool back)
{
    const struct keyed *b = a + n_a;
    for (size_t i = 0, j = 0; i < n_a || j < n_b;) {
        int order = 0;
        if (i < n_a && j < n_b && !lutra_tmpl_order(t, b[j].key, a[i].key, &order)) return false;
        bool take_b = i == n_a || (j < n_b && order != 2 && (back ? order > 0 : order < 0));
        *dst++ = take_b ? b[j++] : a[i++];
    }
    return true;
}

/* Stable merge sort from the bottom up. */
static struct keyed *sort_keyed(struct tmpl *t, struct keyed *k, size_t n, bool back)
{
    struct keyed *other = lutra_tmpl_alloc(t, &t->objects, n, sizeof *other);
    for (size_t width = 1; other && width < n; width *= 2) {
        for (size_t i = 0; i < n; i += 2 * width) {
            size_t n_a = n - i < width ? n - i : width,
                   n_b = n - i - n_a < width ? n - i - n_a : width;
            if (!merge(t, other + i, k + i, n_a, n_b, back)) return NULL;
        }
        struct keyed *swap = k;
        k = other;
        other = swap;
    }
    return other ? k : NULL;
}

static bool flag(const struct tval *v)
{
    return v && lutra_tmpl_truth(*v);
}

bool lutra_tmpl_filter_sort(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    struct tlist *l = to_list(t, in, false);
    struct keyed *k = l ? with_keys(t, l, a, 1, 2) : NULL;
    if (!k || !(k = sort_keyed(t, k, l->n, flag(lutra_tmpl_arg(t, a, 0, "reverse"))))) return false;
    for (size_t i = 0; i < l->n; i++) l->v[i] = k[i].val;
    *out = tval_list(l);
    return true;
}

bool lutra_tmpl_filter_dictsort(struct tmpl *t, struct tval in, const struct targs *a,
                                struct tval *out)
{
    const struct tval *by = lutra_tmpl_arg(t, a, 1, "by");
    int part = by && by->kind == TV_STR && lutra_tmpl_equals(by->u.s, "value");
    bool cased = flag(lutra_tmpl_arg(t, a, 0, "case_sensitive"));
    if (!lutra_tmpl_filter_items(t, in, a, out)) return false;
    struct tlist *l = out->u.list;
    struct keyed *k = lutra_tmpl_alloc(t, &t->objects, l->n, sizeof *k);
    for (size_t i = 0; k && i < l->n; i++) {
        k[i].val = l->v[i];
        if (!sort_key(t, l->v[i].u.list->v[part], NULL, cased, &k[i].key)) return false;
    }
    if (!k || !(k = sort_keyed(t, k, l->n, flag(lutra_tmpl_arg(t, a, 2, "reverse"))))) return false;
    for (size_t i = 0; i < l->n; i++) l->v[i] = k[i].val;
    return true;
}

/* A list for each value of an attribute, in its order; each goes by (grouper, list). */
bool lutra_tmpl_filter_groupby(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    const struct tval *attr = lutra_tmpl_arg(t, a, 0, "attribute"), *other = lutra_tmpl_arg(t, a, 1, "default");
    bool cased = flag(lutra_tmpl_arg(t, a, 2, "case_sensitive")), same = false;
    struct tlist *all = to_list(t, in, false), *groups = all ? lutra_tmpl_new_list(t, 0) : NULL;
    struct keyed *k = groups ? lutra_tmpl_alloc(t, &t->objects, all->n, sizeof *k) : NULL;
    if (!attr) return lutra_tmpl_fail(t, "the name of an attribute is missing");
    for (size_t i = 0; k && i < all->n; i++) {
        k[i].val = all->v[i];
        if (!one_key(t, all->v[i], attr, cased, &k[i].key)) return false;
        if (k[i].key.kind == TV_UNDEF && other) k[i].key = *other;
    }
    if (!k || !(k = sort_keyed(t, k, all->n, false))) return false;
    for (size_t i = 0; i < all->n; i++) {
        struct tlist *group, *members;
        if (i > 0 && !lutra_tmpl_equal(t, k[i].key, k[i - 1].key, &same)) return false;
        if (!same || i == 0) {
            if (!(group = lutra_tmpl_new_list(t, 2)) || !(members = lutra_tmpl_new_list(t, 0))) return false;
            if (!get_path(t, k[i].val, *attr, &group->v[0])) return false;
            if (group->v[0].kind == TV_UNDEF) group->v[0] = k[i].key;
            group->v[1] = tval_list(members);
            group->n = 2;
            group->tuple = group->group = true;
            if (!lutra_tmpl_append(t, groups, tval_list(group))) return false;
        }
        members = groups->v[groups->n - 1].u.list->v[1].u.list;
        if (!lutra_tmpl_append(t, members, k[i].val)) return false;
    }
    *out = tval_list(groups);
    return true;
}

/* n lists of `each` elements, the first `longer` of them one more; where a filler is given, all get `full`. */
static bool cut_up(struct tmpl *t, const struct tlist *all, size_t n, size_t each, size_t longer, size_t full,
                   const struct tval *fill, struct tval *out)
{
    struct tlist *l = lutra_tmpl_new_list(t, 0);
    for (size_t i = 0, at = 0; l && i < n; i++) {
        struct tlist *part = lutra_tmpl_step(t, 1) ? lutra_tmpl_new_list(t, 0) : NULL;
        for (size_t k = each + (i < longer); part && k > 0 && at < all->n; k--)
            if (!lutra_tmpl_append(t, part, all->v[at++])) return false;
        while (part && fill && fill->kind != TV_NONE && part->n < full)
            if (!lutra_tmpl_step(t, 1) || !lutra_tmpl_append(t, part, *fill)) return false;
        if (!part || !lutra_tmpl_append(t, l, tval_list(part))) return false;
    }
    *out = tval_list(l);
    return l != NULL;
}

static bool cut_args(struct tmpl *t, struct tval in, const struct targs *a, const char *name, int64_t *n,
                     struct tlist **all)
{
    const struct tval *count = lutra_tmpl_arg(t, a, 0, name);
    if (!count || !lutra_tmpl_int(t, *count, n)) return lutra_tmpl_fail(t, "how many is missing");
    if (*n < 1) return lutra_tmpl_fail(t, "cannot cut into %lld", (long long)*n);
    return (*all = to_list(t, in, false)) != NULL;
}

bool lutra_tmpl_filter_batch(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    int64_t each;
    struct tlist *all;
    if (!cut_args(t, in, a, "linecount", &each, &all)) return false;
    return cut_up(t, all, all->n / (size_t)each + (all->n % (size_t)each != 0), (size_t)each, 0, (size_t)each,
                  lutra_tmpl_arg(t, a, 1, "fill_with"), out);
}

bool lutra_tmpl_filter_slice(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    int64_t n;
    struct tlist *all;
    if (!cut_args(t, in, a, "slices", &n, &all)) return false;
    size_t each = all->n / (size_t)n;
    return cut_up(t, all, (size_t)n, each, all->n % (size_t)n, each + 1, lutra_tmpl_arg(t, a, 1, "fill_with"), out);
}

bool lutra_tmpl_filter_unique(struct tmpl *t, struct tval in, const struct targs *a,
                              struct tval *out)
{
    struct tlist *l = to_list(t, in, false);
    struct keyed *k = l ? with_keys(t, l, a, 0, 1) : NULL;
    size_t n = 0;
    if (!k) return false;
    for (size_t i = 0; i < l->n; i++) {
        bool seen = false;
        for (size_t j = 0; !seen && j < n; j++)
            if (!lutra_tmpl_equal(t, k[j].key, k[i].key, &seen)) return false;
        if (!seen) k[n++] = k[i];
    }
    for (size_t i = 0; i < n; i++) l->v[i] = k[i].val;
    l->n = n;
    *out = tval_list(l);
    return true;
}

static bool extreme(struct tmpl *t, struct tval in, const struct targs *a, int sign,
                    struct tval *out)
{
    struct tlist *l = to_list(t, in, false);
    struct keyed *k = l ? with_keys(t, l, a, 0, 1) : NULL;
    size_t best = 0;
    if (!k) return false;
    for (size_t i = 1; i < l->n; i++) {
        int order;
        if (!lutra_tmpl_order(t, k[i].key, k[best].key, &order)) return false;
        if (order != 2 && order * sign > 0) best = i;
    }
    *out = l->n ? l->v[best] : tval_undef(NULL);
    return true;
}

bool lutra_tmpl_filter_min(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    return extreme(t, in, a, -1, out);
}

bool lutra_tmpl_filter_max(struct tmpl *t, struct tval in, const struct targs *a, struct tval *out)
{
    return extreme(t, in, a, 1, out);
}
