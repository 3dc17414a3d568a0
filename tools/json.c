/* SPDX-License-Identifier: MIT */
/* The JSON pull parser: a state, a stack of 64 bits. */
#include "tools/json.h"

#include <stdlib.h>
#include <string.h>

#include "tools/glyph.h"

/* What may come at the next token. */
enum { VALUE, VALUE_OR_CLOSE, KEY_OR_CLOSE, KEY, COMMA_OR_CLOSE, NOTHING, BROKEN };

void lutra_json_init(struct lutra_json *j, const char *src, size_t len)
{
    memset(j, 0, sizeof *j);
    j->src = src;
    j->len = len;
    j->expect = VALUE;
}

static enum lutra_json_event fail(struct lutra_json *j, const char *why)
{
    j->error = why;
    j->expect = BROKEN;
    return LUTRA_JSON_ERROR;
}

static void skip_blanks(struct lutra_json *j)
{
    while (j->pos < j->len && memchr(" \t\r\n", j->src[j->pos], 4)) j->pos++;
}

static int hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i], d;
        if (c >= '0' && c <= '9')
            d = c - '0';
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            d = (c | 32) - 'a' + 10;
        else
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* One escape at src[pos], behind the backslash; moves pos. NULL, or what is wrong. */
static const char *scan_escape(struct lutra_json *j)
{
    if (j->pos >= j->len) return "string without end";
    char c = j->src[j->pos++];
    if (c == 'u') {
        if (j->len - j->pos < 4 || hex4(j->src + j->pos) < 0) return "bad \\u escape";
        j->pos += 4;
        return NULL;
    }
    return c && strchr("\"\\/bfnrt", c) ? NULL : "bad escape";
}

/* The string whose opening quote is at pos. */
static bool scan_string(struct lutra_json *j)
{
    const char *why = NULL;
    j->start = ++j->pos;
    while (!why) {
        uint32_t c;
        if (j->pos >= j->len) {
            why = "string without end";
            break;
        }
        unsigned char first = (unsigned char)j->src[j->pos];
        if (first == '"') {
            j->end = j->pos++;
            return true;
        }
        if (first < 0x20) {
            why = "control character in a string";
        } else if (first == '\\') {
            j->pos++;
            why = scan_escape(j);
        } else {
            size_t n = lutra_glyph_decode(j->src + j->pos, j->len - j->pos, &c);
            if (n == 1 && first >= 0x80)
                why = "invalid UTF-8";
            else
                j->pos += n;
        }
    }
    fail(j, why);
    return false;
}

static size_t digits(const struct lutra_json *j, size_t at)
{
    while (at < j->len && j->src[at] >= '0' && j->src[at] <= '9') at++;
    return at;
}

static enum lutra_json_event scan_number(struct lutra_json *j)
{
    size_t p = j->pos, q;
    j->start = p;
    if (j->src[p] == '-') p++;
    q = digits(j, p);
    bool ok = q > p && (j->src[p] != '0' || q == p + 1);
    p = q;
    if (ok && p < j->len && j->src[p] == '.') {
        q = digits(j, p + 1);
        ok = q > p + 1;
        p = q;
    }
    if (ok && p < j->len && (j->src[p] | 32) == 'e') {
        p++;
        if (p < j->len && (j->src[p] == '+' || j->src[p] == '-')) p++;
        q = digits(j, p);
        ok = q > p;
        p = q;
    }
    if (!ok || p - j->start > 60) return fail(j, "bad number");
    j->pos = j->end = p;
    return LUTRA_JSON_NUMBER;
}

static enum lutra_json_event scan_word(struct lutra_json *j)
{
    static const char *const word[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(word[i]);
        if (j->len - j->pos < n || memcmp(j->src + j->pos, word[i], n) != 0) continue;
        j->pos += n;
        return (enum lutra_json_event)(LUTRA_JSON_TRUE + i);
    }
    return fail(j, "expected a value");
}

static void after_value(struct lutra_json *j)
{
    j->expect = j->depth > 0 ? COMMA_OR_CLOSE : NOTHING;
}

static enum lutra_json_event begin(struct lutra_json *j, bool object)
{
    if (j->depth == LUTRA_JSON_DEPTH) return fail(j, "nested too deep");
    uint64_t bit = (uint64_t)1 << j->depth++;
    j->is_object = object ? j->is_object | bit : j->is_object & ~bit;
    j->pos++;
    j->expect = object ? KEY_OR_CLOSE : VALUE_OR_CLOSE;
    return object ? LUTRA_JSON_OBJECT : LUTRA_JSON_ARRAY;
}

static bool in_object(const struct lutra_json *j)
{
    return j->depth > 0 && (j->is_object >> (j->depth - 1) & 1);
}

static enum lutra_json_event finish(struct lutra_json *j)
{
    bool object = in_object(j);
    j->pos++;
    j->depth--;
    after_value(j);
    return object ? LUTRA_JSON_OBJECT_END : LUTRA_JSON_ARRAY_END;
}

static enum lutra_json_event value(struct lutra_json *j)
{
    char c = j->src[j->pos];
    enum lutra_json_event e;
    if (c == '{' || c == '[') return begin(j, c == '{');
    if (c == '"')
        e = scan_string(j) ? LUTRA_JSON_STRING : LUTRA_JSON_ERROR;
    else if (c == '-' || (c >= '0' && c <= '9'))
        e = scan_number(j);
    else
        e = scan_word(j);
    if (e != LUTRA_JSON_ERROR) after_value(j);
    return e;
}

static enum lutra_json_event key(struct lutra_json *j)
{
    if (j->src[j->pos] != '"') return fail(j, "expected a key");
    if (!scan_string(j)) return LUTRA_JSON_ERROR;
    size_t start = j->start, end = j->end;
    skip_blanks(j);
    if (j->pos >= j->len || j->src[j->pos] != ':') return fail(j, "expected ':'");
    j->pos++;
    j->start = start;
    j->end = end;
    j->expect = VALUE;
    return LUTRA_JSON_KEY;
}

enum lutra_json_event lutra_json_next(struct lutra_json *j)
{
    if (j->expect == BROKEN) return LUTRA_JSON_ERROR;
    skip_blanks(j);
    if (j->expect == NOTHING)
        return j->pos == j->len ? LUTRA_JSON_END : fail(j, "text after the value");
    if (j->pos >= j->len) return fail(j, "unexpected end");
    char c = j->src[j->pos], close = in_object(j) ? '}' : ']';
    if (j->expect == COMMA_OR_CLOSE && c == ',') {
        j->pos++;
        skip_blanks(j);
        if (j->pos >= j->len) return fail(j, "unexpected end");
        return in_object(j) ? key(j) : value(j);
    }
    if (c == close &&
        (j->expect == COMMA_OR_CLOSE || j->expect == KEY_OR_CLOSE || j->expect == VALUE_OR_CLOSE))
        return finish(j);
    if (j->expect == COMMA_OR_CLOSE) return fail(j, "expected ',' or a closing bracket");
    return j->expect == KEY_OR_CLOSE ? key(j) : value(j);
}

/* One character of the string at *at, escapes undone, into dst (4 bytes); returns its length. */
static size_t unescape(const struct lutra_json *j, size_t *at, char *dst)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = j->src[(*at)++];
    dst[0] = c;
    if (c != '\\') return 1;
    c = j->src[(*at)++];
    if (c != 'u') {
        dst[0] = to[strchr(from, c) - from];
        return 1;
    }
    uint32_t v = (uint32_t)hex4(j->src + *at);
    *at += 4;
    if (v >= 0xD800 && v < 0xDC00 && j->end - *at >= 6 && j->src[*at] == '\\' &&
        j->src[*at + 1] == 'u') {
        uint32_t low = (uint32_t)hex4(j->src + *at + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            v = 0x10000 + ((v - 0xD800) << 10) + (low - 0xDC00);
            *at += 6;
        }
    }
    return lutra_glyph_encode(v, dst); /* a surrogate alone becomes U+FFFD */
}

bool lutra_json_text(const struct lutra_json *j, struct lutra_text *out)
{
    for (size_t at = j->start; at < j->end;) {
        const char *escape = memchr(j->src + at, '\\', j->end - at);
        size_t run = escape ? (size_t)(escape - (j->src + at)) : j->end - at;
        lutra_text_add(out, j->src + at, run);
        at += run;
        if (at < j->end) {
            char c[4];
            size_t n = unescape(j, &at, c);
            lutra_text_add(out, c, n);
        }
    }
    return lutra_text_add(out, "", 0);
}

bool lutra_json_is(const struct lutra_json *j, const char *text)
{
    size_t at = j->start;
    while (at < j->end) {
        char c[4];
        size_t n = unescape(j, &at, c);
        if (strnlen(text, n) < n || memcmp(text, c, n) != 0) return false;
        text += n;
    }
    return *text == '\0';
}

double lutra_json_number(const struct lutra_json *j)
{
    char digits_only[64];
    size_t n = j->end - j->start;
    memcpy(digits_only, j->src + j->start, n); /* at most 60, see scan_number */
    digits_only[n] = '\0';
    return strtod(digits_only, NULL);
}

bool lutra_json_skip(struct lutra_json *j, enum lutra_json_event e)
{
    if (e == LUTRA_JSON_KEY) e = lutra_json_next(j);
    if (e == LUTRA_JSON_ERROR) return false;
    if (e != LUTRA_JSON_OBJECT && e != LUTRA_JSON_ARRAY) return true;
    int outer = j->depth - 1;
    while (j->depth > outer)
        if (lutra_json_next(j) == LUTRA_JSON_ERROR) return false;
    return true;
}
