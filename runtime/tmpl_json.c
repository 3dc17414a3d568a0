/* SPDX-License-Identifier: MIT */
/* JSON text as template values: messages, tools and variables from outside, and |from_json.
 *
 * RFC 8259, with Python's readings: of equal keys the last counts, whole numbers are integers while
 * they fit. Bounded like everything else here: depth, steps and memory are counted. */
#include "runtime/tmpl.h"
#include "runtime/unicode.h"

#include <stdint.h>
#include <string.h>

struct reader {
    struct tmpl *t;
    const char *what; /* named in errors */
    const char *s;
    size_t n, at;
    bool marked; /* the origin of every string */
};

static bool read_value(struct reader *r, struct tval *out);

static bool wrong(struct reader *r, const char *wanted)
{
    return lutra_tmpl_fail(r->t, "%s: byte %zu: %s expected", r->what, r->at, wanted);
}

static char peek(struct reader *r)
{
    while (r->at < r->n && r->s[r->at] && strchr(" \t\r\n", r->s[r->at])) r->at++;
    return r->at < r->n ? r->s[r->at] : '\0';
}

static bool take(struct reader *r, char c)
{
    if (peek(r) != c) return false;
    r->at++;
    return true;
}

/* ---- strings ---- */

static bool read_hex(struct reader *r, uint32_t *cp)
{
    *cp = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        char c = r->at < r->n ? r->s[r->at] : '\0', low = (char)(c | 32);
        int digit = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
        if (digit < 0) return wrong(r, "a hexadecimal digit");
        *cp = *cp * 16 + (uint32_t)digit;
    }
    return true;
}

static bool read_escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = r->at < r->n ? r->s[r->at++] : '\0', utf8[4];
    const char *p = c ? strchr(from, c) : NULL;
    uint32_t cp, low;
    if (p) return lutra_tmpl_emit(r->t, &to[p - from], 1, r->marked);
    if (c != 'u') return wrong(r, "an escape");
    if (!read_hex(r, &cp)) return false;
    if (cp >= 0xD800 && cp < 0xDC00 && r->at + 1 < r->n && memcmp(r->s + r->at, "\\u", 2) == 0) {
        r->at += 2;
        if (!read_hex(r, &low)) return false;
        if (low < 0xDC00 || low > 0xDFFF) return wrong(r, "the second half of a character");
        cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
    }
    if (cp >= 0xD800 && cp < 0xE000) cp = 0xFFFD; /* half a character */
    return lutra_tmpl_emit(r->t, utf8, lutra_utf8_write(utf8, cp), r->marked);
}

/* After the opening quote. */
static bool read_string(struct reader *r, struct tstr **out)
{
    struct tcapture c = lutra_tmpl_begin(r->t);
    for (;;) {
        size_t from = r->at;
        while (r->at < r->n && (unsigned char)r->s[r->at] >= 0x20 && r->s[r->at] != '"' &&
               r->s[r->at] != '\\')
            r->at++;
        if (!lutra_tmpl_step(r->t, 1 + (r->at - from) / 512)) return false;
        if (!lutra_tmpl_emit(r->t, r->s + from, r->at - from, r->marked)) return false;
        if (r->at == r->n) return wrong(r, "the end of a string");
        char end = r->s[r->at];
        if (end != '"' && end != '\\') return wrong(r, "an escape instead of a control character");
        r->at++;
        if (end == '"') break;
        if (!read_escape(r)) return false;
    }
    *out = lutra_tmpl_end(r->t, c);
    return *out != NULL;
}

/* ---- the other values ---- */

static size_t skip_digits(struct reader *r)
{
    size_t from = r->at;
    while (r->at < r->n && r->s[r->at] >= '0' && r->s[r->at] <= '9') r->at++;
    return r->at - from;
}

static bool read_number(struct reader *r, struct tval *out)
{
    size_t from = r->at;
    bool whole = true;
    if (r->s[r->at] == '-') r->at++;
    bool zero = r->at < r->n && r->s[r->at] == '0';
    size_t digits = skip_digits(r);
    if (digits == 0 || (zero && digits > 1)) return wrong(r, "a number");
    if (r->at < r->n && r->s[r->at] == '.') {
        whole = false;
        r->at++;
        if (skip_digits(r) == 0) return wrong(r, "a digit");
    }
    if (r->at < r->n && (r->s[r->at] | 32) == 'e') {
        whole = false;
        r->at++;
        if (r->at < r->n && (r->s[r->at] == '+' || r->s[r->at] == '-')) r->at++;
        if (skip_digits(r) == 0) return wrong(r, "a digit");
    }
    struct tstr text = {.p = r->s + from, .n = r->at - from};
    if (whole && lutra_tmpl_parse_number(&text, true, out)) return true;
    if (lutra_tmpl_parse_number(&text, false, out)) return true;
    return lutra_tmpl_fail(r->t, "%s: byte %zu: a number of more than 63 characters", r->what, from);
}

static bool read_word(struct reader *r, struct tval *out)
{
    static const char *const words[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if (r->n - r->at < n || memcmp(r->s + r->at, words[i], n) != 0) continue;
        r->at += n;
        *out = i == 2 ? tval_none() : tval_bool(i == 0);
        return true;
    }
    return wrong(r, "a value");
}

static bool read_list(struct reader *r, struct tval *out)
{
    struct tlist *l = lutra_tmpl_new_list(r->t, 0);
    if (!l) return false;
    *out = tval_list(l);
    if (take(r, ']')) return true;
    do {
        struct tval v;
        if (!read_value(r, &v) || !lutra_tmpl_append(r->t, l, v)) return false;
    } while (take(r, ','));
    return take(r, ']') || wrong(r, "',' or ']'");
}

/* A role that every template knows is no more dangerous than the template itself. */
static struct tstr *known_role(struct tmpl *t, const struct tstr *key, struct tval v)
{
    if (v.kind != TV_STR || !lutra_tmpl_equals(key, "role")) return NULL;
    const char *role = lutra_template_known_role(v.u.s->p, v.u.s->n);
    return role ? lutra_tmpl_text(t, role) : NULL;
}

static bool read_dict(struct reader *r, struct tval *out)
{
    struct tdict *d = lutra_tmpl_new_dict(r->t, 0);
    if (!d) return false;
    *out = tval_dict(d);
    if (take(r, '}')) return true;
    do {
        struct tstr *key, *role;
        struct tval v;
        if (!take(r, '"')) return wrong(r, "a key in quotes");
        if (!read_string(r, &key)) return false;
        if (!take(r, ':')) return wrong(r, "':'");
        if (!read_value(r, &v)) return false;
        if ((role = known_role(r->t, key, v))) v = tval_str(role);
        if (!lutra_tmpl_dict_set(r->t, d, tval_str(key), v)) return false;
    } while (take(r, ','));
    return take(r, '}') || wrong(r, "',' or '}'");
}

static bool read_value(struct reader *r, struct tval *out)
{
    struct tstr *s;
    char c = peek(r);
    bool ok;
    if (!lutra_tmpl_step(r->t, 1)) return false;
    if (c == '-' || (c >= '0' && c <= '9')) return read_number(r, out);
    if (c != '"' && c != '[' && c != '{') return read_word(r, out);
    r->at++;
    if (c == '"') {
        ok = read_string(r, &s);
        if (ok) *out = tval_str(s);
        return ok;
    }
    if (!lutra_tmpl_enter(r->t)) return false;
    ok = c == '[' ? read_list(r, out) : read_dict(r, out);
    r->t->depth--;
    return ok;
}

bool lutra_tmpl_read_json(struct tmpl *t, const char *what, const char *s, size_t n, bool marked,
                          struct tval *out)
{
    struct reader r = {t, what, s, n, 0, marked};
    if (!read_value(&r, out)) return false;
    peek(&r);
    return r.at == n || wrong(&r, "the end");
}
