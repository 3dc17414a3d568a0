/* SPDX-License-Identifier: MIT */
/* Chat templates: values as text, in Python's str() and repr() and in JSON as json.dumps writes it.
 */
#include "runtime/tmpl.h"
#include "runtime/unicode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool emit_text(struct tmpl *t, const char *s)
{
    return lutra_tmpl_emit(t, s, strlen(s), false);
}

/* What stands between the digits of numbers here: "," where the application has chosen a German locale. The templates
 * know "." alone. Returns its length. */
static size_t decimal_point(char point[16])
{
    char half[16];
    lutra_format(half, sizeof half, "%.1f", 0.5);
    size_t n = strlen(half) - 2;
    memcpy(point, half + 1, n);
    return n;
}

bool lutra_tmpl_read_float(const char *s, double *out)
{
    char buf[96], point[16], *end;
    const char *dot = strchr(s, '.');
    size_t n = decimal_point(point), before = dot ? (size_t)(dot - s) : 0;
    if (dot && strlen(s) + n < sizeof buf) {
        memcpy(buf, s, before);
        memcpy(buf + before, point, n);
        strcpy(buf + before + n, dot + 1);
        s = buf;
    }
    *out = strtod(s, &end);
    return *end == '\0';
}

static void put_dot(char *s)
{
    char point[16];
    size_t n = decimal_point(point);
    point[n] = '\0';
    char *at = strstr(s, point);
    if (at == NULL) return;
    *at = '.';
    memmove(at + 1, at + n, strlen(at + n) + 1);
}

void lutra_tmpl_float_text(char *dst, size_t cap, char type, int digits, double f)
{
    switch (type) {
    case 'e': lutra_format(dst, cap, "%.*e", digits, f); break;
    case 'E': lutra_format(dst, cap, "%.*E", digits, f); break;
    case 'g': lutra_format(dst, cap, "%.*g", digits, f); break;
    case 'G': lutra_format(dst, cap, "%.*G", digits, f); break;
    default: lutra_format(dst, cap, "%.*f", digits, f); break;
    }
    put_dot(dst);
}

/* The shortest digits that read back as the same number, laid out as Python does. */
void lutra_tmpl_float_digits(char *dst, size_t cap, double f)
{
    char buf[40], *e;
    if (!isfinite(f)) {
        lutra_format(dst, cap, "%s", isnan(f) ? "nan" : f < 0 ? "-inf" : "inf");
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        lutra_format(buf, sizeof buf, "%.*e", digits - 1, f);
        if (strtod(buf, NULL) == f) break;
    }
    e = strchr(buf, 'e');
    int exp10 = e ? atoi(e + 1) : 0, digits = 0;
    for (char *p = buf; p < e; p++) digits += *p >= '0' && *p <= '9';
    if (exp10 >= -4 && exp10 < 16) {
        lutra_tmpl_float_text(dst, cap, 'f', digits - 1 > exp10 ? digits - 1 - exp10 : 1, f);
        return;
    }
    *e = '\0';
    put_dot(buf);
    lutra_format(dst, cap, "%se%c%02d", buf, exp10 < 0 ? '-' : '+', abs(exp10));
}

bool lutra_tmpl_print_float(struct tmpl *t, double f)
{
    char text[48];
    lutra_tmpl_float_digits(text, sizeof text, f);
    return emit_text(t, text);
}

static bool print_scalar(struct tmpl *t, struct tval v)
{
    char buf[80];
    switch (v.kind) {
    case TV_UNDEF:
        return true;
    case TV_NONE:
        return emit_text(t, "None");
    case TV_BOOL:
        return emit_text(t, v.u.b ? "True" : "False");
    case TV_INT:
        lutra_format(buf, sizeof buf, "%lld", (long long)v.u.i);
        return emit_text(t, buf);
    case TV_FLOAT:
        return lutra_tmpl_print_float(t, v.u.f);
    case TV_RANGE:
        lutra_format(
            buf, sizeof buf, v.u.range->step == 1 ? "range(%lld, %lld)" : "range(%lld, %lld, %lld)",
            (long long)v.u.range->start, (long long)v.u.range->stop, (long long)v.u.range->step);
        return emit_text(t, buf);
    default:
        lutra_format(buf, sizeof buf, "<%s>", lutra_tmpl_type(v));
        return emit_text(t, buf);
    }
}

/* Which escape a string literal needs for a character; "" for none. */
static void repr_escape(uint32_t cp, char quote, char esc[16])
{
    enum lutra_uclass class = lutra_unicode_class(cp);
    esc[0] = '\0';
    if (cp == '\n' || cp == '\r' || cp == '\t')
        lutra_format(esc, 16, "\\%c", cp == '\n' ? 'n' : cp == '\r' ? 'r' : 't');
    else if (cp == '\\' || cp == (unsigned char)quote)
        lutra_format(esc, 16, "\\%c", (char)cp);
    else if ((class == LUTRA_UC_OTHER || class == LUTRA_UC_SPACE) && cp != ' ')
        lutra_format(esc, 16, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)cp);
}

static void json_escape(uint32_t cp, bool ascii, char esc[16])
{
    static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
    const char *p = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
    esc[0] = '\0';
    if (p)
        lutra_format(esc, 16, "\\%c", to[p - from]);
    else if (cp < 0x20 || (ascii && cp > 0x7e && cp < 0x10000))
        lutra_format(esc, 16, "\\u%04x", (unsigned)cp);
    else if (ascii && cp >= 0x10000)
        lutra_format(esc, 16, "\\u%04x\\u%04x", 0xd800 + (unsigned)((cp - 0x10000) >> 10),
                     0xdc00 + (unsigned)(cp & 0x3ff));
}

/* The string between quotes; escapes keep the origin of the character they stand for. */
static bool emit_quoted(struct tmpl *t, const struct tstr *s, char quote, bool json, bool ascii)
{
    size_t plain = 0, mark = 0, n;
    if (!lutra_tmpl_emit(t, &quote, 1, false) || !lutra_tmpl_step(t, s->n / 64)) return false;
    for (size_t i = 0; i < s->n; i += n) {
        uint32_t cp;
        char esc[16];
        bool marked;
        n = lutra_tmpl_char(s->p + i, s->n - i, &cp);
        if (json)
            json_escape(cp, ascii, esc);
        else
            repr_escape(cp, quote, esc);
        if (!esc[0]) continue;
        lutra_tmpl_run(s, i, &mark, &marked);
        if (!lutra_tmpl_emit_str(t, s, plain, i - plain)) return false;
        if (!lutra_tmpl_emit(t, esc, strlen(esc), marked)) return false;
        plain = i + n;
    }
    return lutra_tmpl_emit_str(t, s, plain, s->n - plain) && lutra_tmpl_emit(t, &quote, 1, false);
}

static bool repr_list(struct tmpl *t, const struct tlist *l)
{
    if (!emit_text(t, l->tuple ? "(" : "[")) return false;
    for (size_t i = 0; i < l->n; i++)
        if ((i > 0 && !emit_text(t, ", ")) || !lutra_tmpl_repr(t, l->v[i])) return false;
    return emit_text(t, l->tuple ? l->n == 1 ? ",)" : ")" : "]");
}

static bool repr_dict(struct tmpl *t, const struct tdict *d)
{
    if (!emit_text(t, d->space ? "<Namespace {" : "{")) return false;
    for (size_t i = 0; i < d->n; i++) {
        if ((i > 0 && !emit_text(t, ", ")) || !lutra_tmpl_repr(t, d->v[i].key)) return false;
        if (!emit_text(t, ": ") || !lutra_tmpl_repr(t, d->v[i].val)) return false;
    }
    return emit_text(t, d->space ? "}>" : "}");
}

bool lutra_tmpl_repr(struct tmpl *t, struct tval v)
{
    bool ok;
    if (!lutra_tmpl_step(t, 1)) return false;
    if (v.kind == TV_UNDEF) return emit_text(t, "Undefined");
    if (v.kind == TV_STR) {
        const struct tstr *s = v.u.s;
        bool single = s->n && memchr(s->p, '\'', s->n), both = single && memchr(s->p, '"', s->n);
        return emit_quoted(t, s, single && !both ? '"' : '\'', false, false);
    }
    if (v.kind != TV_LIST && v.kind != TV_DICT) return print_scalar(t, v);
    if (!lutra_tmpl_enter(t)) return false;
    ok = v.kind == TV_LIST ? repr_list(t, v.u.list) : repr_dict(t, v.u.dict);
    t->depth--;
    return ok;
}

bool lutra_tmpl_print(struct tmpl *t, struct tval v)
{
    if (v.kind == TV_STR) return lutra_tmpl_emit_str(t, v.u.s, 0, v.u.s->n);
    return v.kind == TV_UNDEF || lutra_tmpl_repr(t, v);
}

struct tstr *lutra_tmpl_to_str(struct tmpl *t, struct tval v)
{
    if (v.kind == TV_STR) return v.u.s;
    struct tcapture c = lutra_tmpl_begin(t);
    return lutra_tmpl_print(t, v) ? lutra_tmpl_end(t, c) : NULL;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static bool new_line(struct tmpl *t, const struct tjson *how, int level)
{
    if (how->indent < 0) return true;
    if (!emit_text(t, "\n")) return false;
    for (int i = 0; i < how->indent * level; i++)
        if (!lutra_tmpl_emit(t, " ", 1, false)) return false;
    return true;
}

static bool json_list(struct tmpl *t, struct tval v, const struct tjson *how, int level)
{
    struct tseq seq;
    if (!lutra_tmpl_seq(t, v, &seq)) return false;
    if (seq.n == 0) return emit_text(t, "[]");
    if (!emit_text(t, "[")) return false;
    for (size_t i = 0; i < seq.n; i++) {
        if (i > 0 && !lutra_tmpl_emit_str(t, how->item_sep, 0, how->item_sep->n)) return false;
        if (!new_line(t, how, level + 1)) return false;
        if (!lutra_tmpl_json(t, lutra_tmpl_at(&seq, i), how, level + 1)) return false;
    }
    return new_line(t, how, level) && emit_text(t, "]");
}

/* Keys are strings; numbers, true, false and null become their text. */
static bool json_key(struct tmpl *t, struct tval key, const struct tjson *how)
{
    if (key.kind == TV_STR) return emit_quoted(t, key.u.s, '"', true, how->ascii);
    if (key.kind == TV_LIST) return lutra_tmpl_fail(t, "a tuple cannot be a key in JSON");
    return emit_text(t, "\"") && lutra_tmpl_json(t, key, how, 0) && emit_text(t, "\"");
}

static const struct tdict *sorted(struct tmpl *t, struct tval v)
{
    struct tval items, cased = tval_bool(true);
    struct targs args = {.v = &cased, .n_pos = 1, .n = 1};
    if (!lutra_tmpl_filter_dictsort(t, v, &args, &items)) return NULL;
    struct tdict *d = lutra_tmpl_new_dict(t, items.u.list->n);
    for (size_t i = 0; d && i < items.u.list->n; i++) {
        const struct tval *pair = items.u.list->v[i].u.list->v;
        d->v[d->n++] = (struct tpair){pair[0], pair[1]};
    }
    return d;
}

static bool json_dict(struct tmpl *t, struct tval v, const struct tjson *how, int level)
{
    const struct tdict *d = how->sort && !v.u.dict->space ? sorted(t, v) : v.u.dict;
    if (!d) return false;
    if (d->n == 0) return emit_text(t, "{}");
    if (!emit_text(t, "{")) return false;
    for (size_t i = 0; i < d->n; i++) {
        if (i > 0 && !lutra_tmpl_emit_str(t, how->item_sep, 0, how->item_sep->n)) return false;
        if (!new_line(t, how, level + 1) || !json_key(t, d->v[i].key, how)) return false;
        if (!lutra_tmpl_emit_str(t, how->key_sep, 0, how->key_sep->n)) return false;
        if (!lutra_tmpl_json(t, d->v[i].val, how, level + 1)) return false;
    }
    return new_line(t, how, level) && emit_text(t, "}");
}

bool lutra_tmpl_json(struct tmpl *t, struct tval v, const struct tjson *how, int level)
{
    bool ok;
    if (!lutra_tmpl_step(t, 1)) return false;
    switch (v.kind) {
    case TV_NONE:
        return emit_text(t, "null");
    case TV_BOOL:
        return emit_text(t, v.u.b ? "true" : "false");
    case TV_INT:
        return print_scalar(t, v);
    case TV_FLOAT:
        if (isfinite(v.u.f)) return lutra_tmpl_print_float(t, v.u.f);
        return emit_text(t, isnan(v.u.f) ? "NaN" : v.u.f < 0 ? "-Infinity" : "Infinity");
    case TV_STR:
        return emit_quoted(t, v.u.s, '"', true, how->ascii);
    case TV_LIST:
    case TV_DICT:
        if (!lutra_tmpl_enter(t)) return false;
        ok = v.kind == TV_LIST ? json_list(t, v, how, level) : json_dict(t, v, how, level);
        t->depth--;
        return ok;
    case TV_UNDEF:
        return lutra_tmpl_undefined(t, v);
    default:
        return lutra_tmpl_fail(t, "%s cannot be written as JSON", lutra_tmpl_type(v));
    }
}
