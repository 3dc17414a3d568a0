/* SPDX-License-Identifier: MIT */
/* Chat templates: source to tokens, with the white space rules of trim_blocks and lstrip_blocks.
 *
 *   text {%- tag -%} text {{ expression }} text {# comment #} text {% raw %} text {% endraw %}
 *
 * "-" next to a delimiter eats all white space on its side, "+" turns the automatic rules off:
 * the newline after a tag or comment goes, and so does the indentation before one. */
#include "runtime/tmpl.h"

#include <stdlib.h>
#include <string.h>

enum { IN_TEXT, AT_OPENING, IN_TAG, IN_PRINT };

static size_t skip_space(const struct tmpl *t, size_t at)
{
    uint32_t cp;
    while (at < t->src_len) {
        size_t n = lutra_tmpl_char(t->src + at, t->src_len - at, &cp);
        if (!lutra_tmpl_is_space(cp)) break;
        at += n;
    }
    return at;
}

static bool starts(const struct tmpl *t, size_t at, const char *what)
{
    size_t n = strlen(what);
    return at <= t->src_len && t->src_len - at >= n && memcmp(t->src + at, what, n) == 0;
}

static bool is_sign(const struct tmpl *t, size_t at)
{
    return at < t->src_len && (t->src[at] == '-' || t->src[at] == '+');
}

/* The end of text [from, to) before the delimiter at `to`, whose sign stands at to + 2. */
static size_t trim_end(const struct tmpl *t, size_t from, size_t to)
{
    if (starts(t, to + 2, "-")) {
        size_t end = from;
        for (size_t i = from; i < to;) {
            uint32_t cp;
            i += lutra_tmpl_char(t->src + i, to - i, &cp);
            if (!lutra_tmpl_is_space(cp)) end = i;
        }
        return end;
    }
    if (starts(t, to + 2, "+") || t->src[to + 1] == '{') return to;
    size_t line = to;
    while (line > from && t->src[line - 1] != '\n') line--;
    if (line == from && from > 0 && t->src[from - 1] != '\n') return to;
    return skip_space(t, line) >= to ? line : to;
}

/* Where text goes on after a closing delimiter that ends at `at` and begins with `sign`. */
static size_t trim_start(const struct tmpl *t, size_t at, char sign)
{
    if (sign == '-') return skip_space(t, at);
    return sign != '+' && starts(t, at, "\n") ? at + 1 : at;
}

static size_t find_opening(const struct tmpl *t, size_t at)
{
    while (at < t->src_len) {
        const char *p = memchr(t->src + at, '{', t->src_len - at);
        if (!p) break;
        at = (size_t)(p - t->src);
        if (starts(t, at, "{{") || starts(t, at, "{%") || starts(t, at, "{#")) return at;
        at++;
    }
    return t->src_len;
}

/* "{% name %}" at `at`: the position after it and the sign before its end, or 0. */
static size_t match_tag(const struct tmpl *t, size_t at, const char *name, char *sign)
{
    size_t i = at + 2;
    if (is_sign(t, i)) i++;
    i = skip_space(t, i);
    if (!starts(t, i, name)) return 0;
    i = skip_space(t, i + strlen(name));
    *sign = is_sign(t, i) ? t->src[i++] : ' ';
    return starts(t, i, "%}") ? i + 2 : 0;
}

static bool skip_comment(struct tmpl *t)
{
    size_t from = t->lex.at + 2;
    if (is_sign(t, from)) from++;
    for (size_t i = from; i < t->src_len; i++) {
        if (!starts(t, i, "#}")) continue;
        char sign = i > from ? t->src[i - 1] : ' ';
        t->lex.at = trim_start(t, i + 2, sign);
        return true;
    }
    t->at = t->lex.at;
    return lutra_tmpl_fail(t, "a comment {# has no #}");
}

/* What follows "{% raw %}" up to "{% endraw %}" is text, whatever it looks like. */
static bool raw_text(struct tmpl *t, size_t from, bool dash)
{
    size_t start = dash ? skip_space(t, from) : from, end;
    char sign;
    for (size_t i = start; i < t->src_len; i++) {
        if (!starts(t, i, "{%") || !(end = match_tag(t, i, "endraw", &sign))) continue;
        size_t stop = trim_end(t, start, i);
        t->tok = (struct ttoken){.kind = TT_TEXT, .at = start, .n = stop - start};
        t->lex.at = trim_start(t, end, sign);
        t->lex.mode = IN_TEXT;
        return true;
    }
    t->at = t->lex.at;
    return lutra_tmpl_fail(t, "{%% raw %%} has no {%% endraw %%}");
}

static bool next_text(struct tmpl *t)
{
    for (;;) {
        if (t->lex.mode == IN_TEXT) {
            size_t from = t->lex.at, to = find_opening(t, from);
            size_t end = to < t->src_len ? trim_end(t, from, to) : to;
            t->lex.at = to;
            t->lex.mode = AT_OPENING;
            t->tok = (struct ttoken){.kind = TT_TEXT, .at = from, .n = end - from};
            if (end > from) return true;
        }
        t->tok = (struct ttoken){.kind = TT_END, .at = t->lex.at};
        if (t->lex.at >= t->src_len) return true;
        if (starts(t, t->lex.at, "{#")) {
            if (!skip_comment(t)) return false;
            t->lex.mode = IN_TEXT;
            continue;
        }
        char sign;
        bool tag = starts(t, t->lex.at, "{%");
        size_t raw = tag ? match_tag(t, t->lex.at, "raw", &sign) : 0;
        if (raw && sign != '+') return raw_text(t, raw, sign == '-');
        t->tok.kind = tag ? TT_TAG_BEGIN : TT_PRINT_BEGIN;
        t->lex.at += is_sign(t, t->lex.at + 2) ? 3 : 2;
        t->lex.mode = tag ? IN_TAG : IN_PRINT;
        t->lex.brackets = 0;
        return true;
    }
}

/* ---- inside a tag -------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

static char peek(const struct tmpl *t, size_t at)
{
    return at < t->src_len ? t->src[at] : '\0';
}

static bool constant(struct tmpl *t, struct tval v, size_t end)
{
    t->tok.kind = TT_CONST;
    t->tok.value = lutra_tmpl_constant(t, v);
    t->tok.n = end - t->tok.at;
    t->lex.at = end;
    return t->tok.value >= 0;
}

/* End of a run of digits, each but the first perhaps after one "_". */
static size_t skip_digits(const struct tmpl *t, size_t at)
{
    while (is_digit(peek(t, at)) || (peek(t, at) == '_' && is_digit(peek(t, at + 1)))) at++;
    return at;
}

static bool next_int(struct tmpl *t, size_t from, size_t end, int base)
{
    int64_t v = 0;
    for (size_t i = from; i < end; i++) {
        if (t->src[i] == '_') continue;
        int digit = is_digit(t->src[i]) ? t->src[i] - '0' : (t->src[i] | 32) - 'a' + 10;
        if (digit >= base) return lutra_tmpl_fail(t, "a number with a wrong digit");
        if (v > (INT64_MAX - digit) / base) return lutra_tmpl_fail(t, "a number too large");
        v = v * base + digit;
    }
    return constant(t, tval_int(v), end);
}

static bool next_float(struct tmpl *t, size_t end)
{
    char buf[64];
    size_t n = 0;
    for (size_t i = t->tok.at; i < end; i++) {
        if (n == sizeof buf - 1) return lutra_tmpl_fail(t, "a number too long");
        if (t->src[i] != '_') buf[n++] = t->src[i];
    }
    buf[n] = '\0';
    double v;
    lutra_tmpl_read_float(buf, &v);
    return constant(t, tval_float(v), end);
}

static bool next_number(struct tmpl *t)
{
    size_t at = t->lex.at, end = at;
    char kind = (char)(peek(t, at + 1) | 32);
    int base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
    if (peek(t, at) == '0' && base != 10) {
        for (end = at + 2; is_name(peek(t, end));) end++;
        return next_int(t, at + 2, end, base);
    }
    end = skip_digits(t, at);
    size_t whole = end;
    if (peek(t, end) == '.' && is_digit(peek(t, end + 1))) end = skip_digits(t, end + 1);
    if ((peek(t, end) | 32) == 'e') {
        size_t e = end + 1 + (peek(t, end + 1) == '-' || peek(t, end + 1) == '+');
        if (is_digit(peek(t, e))) end = skip_digits(t, e);
    }
    return end > whole ? next_float(t, end) : next_int(t, at, end, 10);
}

static size_t put_utf8(char *dst, uint32_t cp)
{
    if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff)) cp = 0xfffd;
    if (cp < 0x80) {
        dst[0] = (char)cp;
        return 1;
    }
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 0; cp >>= 6) dst[i] = (char)(i ? 0x80 | (cp & 0x3f) : lead[n] | cp);
    return n;
}

/* Digits of an escape: up to max of them; *at moves behind. false: none (or, for base 16, too few).
 */
static bool escape_digits(const struct tmpl *t, size_t *at, size_t end, int base, int max,
                          uint32_t *cp)
{
    int n = 0;
    for (*cp = 0; n < max && *at < end; n++, ++*at) {
        char c = t->src[*at];
        int d = is_digit(c)                          ? c - '0'
                : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                     : 99;
        if (d >= base) break;
        *cp = *cp * (uint32_t)base + (uint32_t)d;
    }
    return base == 8 ? n > 0 : n == max;
}

/* One escape: src[*at] is the character after the backslash. Returns bytes written, at most 4. */
static size_t unescape(struct tmpl *t, size_t *at, size_t end, char *dst)
{
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    char c = t->src[(*at)++];
    const char *p = c ? strchr(from, c) : NULL;
    uint32_t cp;
    if (p) {
        *dst = to[p - from];
        return 1;
    }
    if (c == '\n') return 0;
    if (c == 'x' || c == 'u' || c == 'U') {
        if (escape_digits(t, at, end, 16, c == 'x' ? 2 : c == 'u' ? 4 : 8, &cp))
            return put_utf8(dst, cp);
        lutra_tmpl_fail(t, "a broken \\%c escape in a string", c);
        return 0;
    }
    --*at;
    if (escape_digits(t, at, end, 8, 3, &cp)) return put_utf8(dst, cp);
    dst[0] = '\\'; /* an unknown escape stays as it is */
    dst[1] = t->src[(*at)++];
    return 2;
}

static bool next_string(struct tmpl *t)
{
    size_t from = t->lex.at + 1, end = from;
    char quote = t->src[t->lex.at];
    bool plain = true;
    for (; end < t->src_len && t->src[end] != quote; end++)
        if (t->src[end] == '\\') {
            plain = false;
            end++;
        }
    if (end >= t->src_len) return lutra_tmpl_fail(t, "a string has no closing %c", quote);
    char *p = t->src + from;
    size_t n = end - from;
    if (!plain) { /* an escape is never shorter than what it stands for */
        char *dst = p = lutra_tmpl_alloc(t, &t->bytes, n, 1);
        if (!p) return false;
        for (size_t i = from; i < end;) {
            if (t->src[i] == '\\') {
                i++;
                dst += unescape(t, &i, end, dst);
            } else {
                *dst++ = t->src[i++];
            }
        }
        n = (size_t)(dst - p);
    }
    struct tstr *s = lutra_tmpl_str(t, p, n, false);
    return s && t->status == LUTRA_OK && constant(t, tval_str(s), end + 1);
}

static bool next_operator(struct tmpl *t)
{
    static const struct {
        char text[3];
        int op;
    } two[] = {{"//", TOP_FLOORDIV}, {"**", TOP_POW}, {"==", TOP_EQ},
               {"!=", TOP_NE},       {"<=", TOP_LE},  {">=", TOP_GE}};
    char c = t->src[t->lex.at];
    t->tok.kind = TT_OP;
    t->tok.op = (unsigned char)c;
    t->tok.n = 1;
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (starts(t, t->lex.at, two[i].text)) {
            t->tok.op = two[i].op;
            t->tok.n = 2;
        }
    if (c == '\0' || !strchr("+-*/%~()[]{}<>=!.,:|;", c)) {
        char shown[32];
        uint32_t cp;
        size_t n = lutra_tmpl_char(t->src + t->lex.at, t->src_len - t->lex.at, &cp);
        return lutra_tmpl_fail(t, "did not expect '%s'",
                               lutra_escape(shown, sizeof shown, t->src + t->lex.at, n));
    }
    if (strchr("([{", c)) t->lex.brackets++;
    if (strchr(")]}", c) && t->lex.brackets-- == 0)
        return lutra_tmpl_fail(t, "a '%c' that was never opened", c);
    t->lex.at += t->tok.n;
    return true;
}

/* "%}" or "}}", with "-" or "+" before; only outside of brackets. */
static bool tag_ends(struct tmpl *t)
{
    bool print = t->lex.mode == IN_PRINT;
    size_t at = t->lex.at;
    if (t->lex.brackets > 0) return false;
    char sign = ' ';
    if (starts(t, at, "-") || (!print && starts(t, at, "+"))) sign = t->src[at++];
    if (!starts(t, at, print ? "}}" : "%}")) return false;
    t->tok.kind = print ? TT_PRINT_END : TT_TAG_END;
    t->lex.at = trim_start(t, at + 2, print && sign == ' ' ? '+' : sign);
    t->lex.mode = IN_TEXT;
    return true;
}

bool lutra_tmpl_next(struct tmpl *t)
{
    if (t->status != LUTRA_OK || !lutra_tmpl_step(t, 1)) return false;
    if (t->lex.mode == IN_TEXT || t->lex.mode == AT_OPENING) return next_text(t);
    t->lex.at = skip_space(t, t->lex.at);
    t->tok = (struct ttoken){.kind = TT_END, .at = t->lex.at};
    t->at = t->lex.at;
    if (t->lex.at >= t->src_len)
        return lutra_tmpl_fail(t, "the template ends inside of %s",
                               t->lex.mode == IN_PRINT ? "{{ }}" : "{% %}");
    if (tag_ends(t)) return true;
    char c = t->src[t->lex.at];
    if (is_digit(c)) return next_number(t);
    if (c == '\'' || c == '"') return next_string(t);
    if (!is_name(c)) return next_operator(t);
    size_t end = t->lex.at;
    while (is_name(peek(t, end))) end++;
    t->tok.kind = TT_NAME;
    t->tok.n = end - t->lex.at;
    t->tok.sym = lutra_tmpl_intern(t, t->src + t->lex.at, t->tok.n);
    t->lex.at = end;
    return t->tok.sym >= 0;
}
