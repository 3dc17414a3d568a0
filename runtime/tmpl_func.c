/* SPDX-License-Identifier: MIT */
/* Chat templates: the functions a template can call. The only clock it has is the date it is given.
 */
#include "runtime/tmpl.h"

#include <string.h>

enum { FN_NAMESPACE, FN_DICT, FN_RANGE, FN_RAISE, FN_STRFTIME, N_FN };

static const char *const names[N_FN] = {"namespace", "dict", "range", "raise_exception",
                                        "strftime_now"};

static const char *today(const struct tmpl *t)
{
    return t->in->date ? t->in->date : t->in->today;
}

bool lutra_tmpl_define_functions(struct tmpl *t)
{
    for (int i = 0; i < N_FN; i++) {
        if (i == FN_STRFTIME && !today(t)) continue; /* undefined, and templates ask for that */
        int sym = lutra_tmpl_intern(t, names[i], strlen(names[i]));
        if (sym < 0) return false;
        t->global[sym] = (struct tval){.kind = TV_FUNC, .u.func = i};
    }
    return true;
}

/* dict([('a', 1)]) */
static bool add_pairs(struct tmpl *t, struct tdict *d, struct tval pairs)
{
    for (size_t i = 0; i < pairs.u.list->n; i++) {
        struct tseq pair;
        if (!lutra_tmpl_step(t, 1) || !lutra_tmpl_seq(t, pairs.u.list->v[i], &pair)) return false;
        if (pair.n != 2) return lutra_tmpl_fail(t, "dict needs pairs");
        if (!lutra_tmpl_dict_set(t, d, lutra_tmpl_at(&pair, 0), lutra_tmpl_at(&pair, 1))) return false;
    }
    return true;
}

/* namespace(a=1), dict(a=1): perhaps with a dict to start from. */
static bool make_dict(struct tmpl *t, const struct targs *a, bool space, struct tval *out)
{
    struct tdict *d = lutra_tmpl_new_dict(t, (size_t)a->n);
    if (!d) return false;
    if (a->n_pos > 0) {
        if (a->v[0].kind == TV_LIST && !add_pairs(t, d, a->v[0])) return false;
        if (a->v[0].kind != TV_DICT && a->v[0].kind != TV_LIST)
            return lutra_tmpl_fail(t, "needs a dict, not %s", lutra_tmpl_type(a->v[0]));
        for (size_t i = 0; a->v[0].kind == TV_DICT && i < a->v[0].u.dict->n; i++) {
            struct tpair p = a->v[0].u.dict->v[i];
            if (!lutra_tmpl_step(t, 1) || !lutra_tmpl_dict_set(t, d, p.key, p.val)) return false;
        }
    }
    for (int k = a->n_pos; k < a->n; k++)
        if (!lutra_tmpl_dict_set(t, d, tval_str(t->sym[a->name[k]].str), a->v[k])) return false;
    d->space = space;
    *out = tval_dict(d);
    return true;
}

bool lutra_tmpl_range(struct tmpl *t, int64_t start, int64_t stop, int64_t by, struct tval *out)
{
    struct trange *r = lutra_tmpl_alloc(t, &t->objects, 1, sizeof *r);
    if (!r) return false;
    *r = (struct trange){.start = start, .stop = stop, .step = by};
    uint64_t step = by < 0 ? 0 - (uint64_t)by : (uint64_t)by;
    uint64_t gap = by < 0 ? (uint64_t)start - (uint64_t)stop : (uint64_t)stop - (uint64_t)start;
    bool some = by < 0 ? start > stop : start < stop;
    uint64_t n = some ? (gap - 1) / step + 1 : 0;
    r->n = n < INT64_MAX ? n : INT64_MAX; /* nobody lives to see its end */
    *out = (struct tval){.kind = TV_RANGE, .u.range = r};
    return true;
}

static bool make_range(struct tmpl *t, const struct targs *a, struct tval *out)
{
    int64_t v[3] = {0, 0, 1};
    if (a->n_pos < 1 || a->n_pos > 3 || a->n != a->n_pos)
        return lutra_tmpl_fail(t, "range needs 1 to 3 numbers");
    for (int i = 0; i < a->n_pos; i++)
        if (!lutra_tmpl_int(t, a->v[i], &v[a->n_pos == 1 ? 1 : i])) return false;
    if (v[2] == 0) return lutra_tmpl_fail(t, "a range with step 0");
    return lutra_tmpl_range(t, v[0], v[1], v[2], out);
}

static bool raise_exception(struct tmpl *t, const struct targs *a)
{
    char shown[300];
    struct tstr *s = a->n_pos ? lutra_tmpl_to_str(t, a->v[0]) : lutra_tmpl_text(t, "");
    return s &&
           lutra_tmpl_fail(t, "template says: %s", lutra_escape(shown, sizeof shown, s->p, s->n));
}

/* ---- dates --------------------------------------------------------------------------------- */

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};

struct day {
    int year, month, day; /* month from 1 */
};

static int digits(const char **p, int max)
{
    int v = 0, n = 0;
    for (; n < max && **p >= '0' && **p <= '9'; n++) v = v * 10 + (*(*p)++ - '0');
    return n ? v : -1;
}

/* "26 Nov 2026" */
static bool parse_day(const char *p, struct day *d)
{
    d->day = digits(&p, 2);
    if (*p++ != ' ' || strlen(p) < 4) return false;
    d->month = 0;
    for (int m = 0; m < 12; m++)
        if (memcmp(p, months[m], 3) == 0) d->month = m + 1;
    p += 3;
    if (*p++ != ' ') return false;
    d->year = digits(&p, 4);
    return *p == '\0' && d->month && d->day > 0 && d->day < 32 && d->year > 0;
}

static int weekday(const struct day *d) /* 0: Sunday; Sakamoto's rule */
{
    static const int shift[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    int y = d->year - (d->month < 3);
    return (y + y / 4 - y / 100 + y / 400 + shift[d->month - 1] + d->day) % 7;
}

/* One conversion; `bare`: without leading zeros. The time of day is not known: midnight. */
static bool emit_day(struct tmpl *t, char what, bool bare, const struct day *d)
{
    char buf[16];
    const char *text = buf, *two = bare ? "%d" : "%02d";
    buf[0] = '\0';
    switch (what) {
    case 'd':
        lutra_format(buf, sizeof buf, two, d->day);
        break;
    case 'e':
        lutra_format(buf, sizeof buf, "%2d", d->day);
        break;
    case 'm':
        lutra_format(buf, sizeof buf, two, d->month);
        break;
    case 'y':
        lutra_format(buf, sizeof buf, "%02d", d->year % 100);
        break;
    case 'Y':
        lutra_format(buf, sizeof buf, "%d", d->year);
        break;
    case 'B':
        text = months[d->month - 1];
        break;
    case 'b':
        lutra_format(buf, sizeof buf, "%.3s", months[d->month - 1]);
        break;
    case 'A':
        text = days[weekday(d)];
        break;
    case 'a':
        lutra_format(buf, sizeof buf, "%.3s", days[weekday(d)]);
        break;
    case 'H':
    case 'M':
    case 'S':
        text = bare ? "0" : "00";
        break;
    case 'F':
        lutra_format(buf, sizeof buf, "%d-%02d-%02d", d->year, d->month, d->day);
        break;
    case '%':
        text = "%";
        break;
    default:
        return lutra_tmpl_fail(t, "strftime_now does not know %%%c",
                               what >= ' ' && what < 127 ? what : '?');
    }
    return lutra_tmpl_emit(t, text, strlen(text), false);
}

static bool strftime_now(struct tmpl *t, const struct targs *a, struct tval *out)
{
    struct day d;
    struct tstr *f = NULL;
    if (a->n_pos > 0 && !lutra_tmpl_want_str(t, a->v[0], &f)) return false;
    if (!f || !parse_day(today(t), &d)) { /* a date in words of its own: that is it then */
        f = lutra_tmpl_text(t, today(t));
        *out = tval_str(f);
        return f != NULL;
    }
    struct tcapture c = lutra_tmpl_begin(t);
    for (size_t i = 0; i < f->n; i++) {
        bool ok, bare = i + 2 < f->n && f->p[i + 1] == '-';
        if (!lutra_tmpl_step(t, 1)) return false;
        if (f->p[i] != '%' || i + 1 == f->n) {
            ok = lutra_tmpl_emit_str(t, f, i, 1);
        } else {
            i += 1 + (size_t)bare;
            ok = emit_day(t, f->p[i], bare, &d);
        }
        if (!ok) return false;
    }
    f = lutra_tmpl_end(t, c);
    *out = tval_str(f);
    return f != NULL;
}

bool lutra_tmpl_call_func(struct tmpl *t, int func, const struct targs *a, struct tval *out)
{
    switch (func) {
    case FN_NAMESPACE:
    case FN_DICT:
        return make_dict(t, a, func == FN_NAMESPACE, out);
    case FN_RANGE:
        return make_range(t, a, out);
    case FN_RAISE:
        return raise_exception(t, a);
    default:
        return strftime_now(t, a, out);
    }
}
