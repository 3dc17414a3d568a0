/* SPDX-License-Identifier: MIT */
/* Chat templates: values laid out by a pattern: '{:>8.2f}'.format(x), '%-8s' % x, 'x'.center(9).
 *
 * Python's format language and its printf are two spellings of one layout: fill, side, sign, width, digits, type. */
#include "runtime/tmpl.h"

#include <math.h>
#include <string.h>

enum { WIDTH_MAX = 1 << 16, DIGITS_MAX = 99, TEXT_MAX = 512 /* 1e308 and DIGITS_MAX behind the point */ };

struct layout {
    const char *fill; /* one character of fill_n bytes */
    size_t fill_n;
    char align; /* '<', '>', '^', '=': between sign and digits; 0: as the type has it */
    char sign, comma, type;
    bool alt, zero;
    int64_t width, digits; /* digits: -1 is not given */
};

static struct layout plain(void)
{
    return (struct layout){.fill = " ", .fill_n = 1, .digits = -1};
}

/* ---- putting it down ----------------------------------------------------------------------- */

static bool fill(struct tmpl *t, const struct layout *l, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!lutra_tmpl_step(t, 1) || !lutra_tmpl_emit(t, l->fill, l->fill_n, false)) return false;
    return true;
}

/* s filled up to the width; its first sign_n bytes are a sign. */
static bool put(struct tmpl *t, const struct layout *l, struct tstr *s, size_t sign_n, char align)
{
    int64_t gap = l->width - (int64_t)lutra_tmpl_chars(t, s);
    if (l->width > WIDTH_MAX) return lutra_tmpl_fail(t, "a width above %d", WIDTH_MAX);
    if (gap < 0) gap = 0;
    int64_t left = align == '>' ? gap : align == '^' || align == '|' ? gap / 2 : 0, middle = align == '=' ? gap : 0;
    if (align == '|') left += gap & l->width & 1; /* unlike '^', str.center puts the odd one left if the width is odd */
    return fill(t, l, left) && lutra_tmpl_emit_str(t, s, 0, sign_n) && fill(t, l, middle) &&
           lutra_tmpl_emit_str(t, s, sign_n, s->n - sign_n) && fill(t, l, gap - left - middle);
}

static bool put_text(struct tmpl *t, const struct layout *l, struct tstr *s, char align)
{
    if (l->digits >= 0 && (uint64_t)l->digits < lutra_tmpl_chars(t, s)) {
        size_t end = lutra_tmpl_offset(t, s, (size_t)l->digits);
        if (!(s = lutra_tmpl_sub(t, s, 0, end))) return false;
    }
    return put(t, l, s, 0, l->align ? l->align : align);
}

static void whole_digits(char *dst, int64_t i, int base, bool upper)
{
    char back[72];
    int n = 0;
    uint64_t v = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    do back[n++] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[v % (uint64_t)base];
    while ((v /= (uint64_t)base) > 0);
    while (n > 0) *dst++ = back[--n];
    *dst = '\0';
}

/* "1234567.5" to "1,234,567.5" */
static void group(char *digits, char comma)
{
    size_t n = strspn(digits, "0123456789");
    for (size_t at = n; comma && at > 3;) {
        at -= 3;
        memmove(digits + at + 1, digits + at, strlen(digits + at) + 1);
        digits[at] = comma;
    }
}

/* Of the types of whole numbers; 0: none of them. */
static int base_of(char type)
{
    switch (type) {
    case '\0':
    case 'd': return 10;
    case 'b': return 2;
    case 'o': return 8;
    case 'x':
    case 'X': return 16;
    default: return 0;
    }
}

/* The digits of a number without its sign. */
static bool digits_of(struct tmpl *t, const struct layout *l, struct tval v, char *dst)
{
    double f;
    int64_t i;
    bool whole;
    int digits = l->digits < 0 ? 6 : (int)l->digits, base = base_of(l->type);
    lutra_tmpl_number(v, &f, &i, &whole);
    if (l->digits > DIGITS_MAX) return lutra_tmpl_fail(t, "more than %d digits", DIGITS_MAX);
    if (whole && base) {
        if (l->alt && base != 10) {
            *dst++ = '0';
            *dst++ = l->type;
        }
        whole_digits(dst, i, base, l->type == 'X');
        return true;
    }
    if (!l->type && l->digits < 0) {
        lutra_tmpl_float_digits(dst, TEXT_MAX, fabs(f));
        return true;
    }
    if (l->type && !strchr("eEfFgG%", l->type))
        return lutra_tmpl_fail(t, "format '%c' of %s", l->type, lutra_tmpl_type(v));
    lutra_tmpl_float_text(dst, TEXT_MAX - 2, l->type == '%' ? 'f' : l->type ? l->type : 'g', digits,
                          l->type == '%' ? 100 * fabs(f) : fabs(f));
    if (l->type == '%') strcpy(dst + strlen(dst), "%");
    if (!l->type && strspn(dst, "0123456789") == strlen(dst)) strcpy(dst + strlen(dst), ".0");
    return true;
}

static bool put_number(struct tmpl *t, const struct layout *l, struct tval v)
{
    char buf[TEXT_MAX * 4 / 3 + 8]; /* every third digit a comma */
    double f;
    int64_t i;
    bool whole;
    size_t sign = 0;
    lutra_tmpl_number(v, &f, &i, &whole);
    if (whole ? i < 0 : signbit(f) && !isnan(f)) buf[sign++] = '-';
    else if (l->sign) buf[sign++] = l->sign;
    if (!digits_of(t, l, v, buf + sign)) return false;
    group(buf + sign, l->comma);
    struct tstr *s = lutra_tmpl_str(t, buf, strlen(buf), false);
    struct layout zeros = *l;
    if (l->zero && !l->align) zeros.fill = "0";
    return s && put(t, &zeros, s, sign, l->align ? l->align : l->zero ? '=' : '>');
}

/* ---- Python's format language -------------------------------------------------------------- */

static bool is_align(char c)
{
    return c && strchr("<>^=", c);
}

static int64_t number_at(const char **p, const char *end)
{
    int64_t v = 0;
    for (; *p < end && **p >= '0' && **p <= '9'; ++*p)
        if (v <= WIDTH_MAX) v = v * 10 + (**p - '0');
    return v;
}

/* [[fill]align][sign][#][0][width][,][.digits][type] */
static bool parse_spec(struct tmpl *t, const struct tstr *spec, struct layout *l)
{
    const char *p = spec->p, *end = p + spec->n;
    uint32_t cp;
    size_t n = p < end ? lutra_tmpl_char(p, spec->n, &cp) : 0;
    *l = plain();
    if (n > 0 && p + n < end && is_align(p[n])) {
        l->fill = p;
        l->fill_n = n;
        p += n;
    }
    if (p < end && is_align(*p)) l->align = *p++;
    if (p < end && strchr("+- ", *p)) l->sign = *p++;
    if (l->sign == '-') l->sign = 0;
    if (p < end && *p == '#') l->alt = *p++ == '#';
    if (p < end && *p == '0') l->zero = !l->align && *p++ == '0';
    l->width = number_at(&p, end);
    if (p < end && (*p == ',' || *p == '_')) l->comma = *p++;
    if (p < end && *p == '.') {
        p++;
        l->digits = number_at(&p, end);
    }
    if (p < end) l->type = *p++;
    return p == end || lutra_tmpl_fail(t, "format: not known how to lay out a value so");
}

bool lutra_tmpl_format_value(struct tmpl *t, struct tval v, const struct tstr *spec)
{
    struct layout l;
    double f;
    int64_t i;
    bool whole;
    if (spec->n == 0) return lutra_tmpl_print(t, v);
    if (v.kind == TV_UNDEF) return lutra_tmpl_undefined(t, v);
    if (!parse_spec(t, spec, &l)) return false;
    if (v.kind == TV_STR && (!l.type || l.type == 's')) {
        if (l.zero) l.fill = "0";
        return put_text(t, &l, v.u.s, '<');
    }
    if (!lutra_tmpl_number(v, &f, &i, &whole)) return lutra_tmpl_fail(t, "format of %s", lutra_tmpl_type(v));
    return put_number(t, &l, v);
}

/* ---- printf's ------------------------------------------------------------------------------ */

/* "%-8.3s" from behind the "%": where it ends, 0 if it is none. */
static size_t parse_percent(const struct tstr *s, size_t at, struct layout *l)
{
    const char *p = s->p + at, *end = s->p + s->n;
    *l = plain();
    for (; p < end && strchr("-+ 0#", *p); p++) {
        if (*p == '-') l->align = '<';
        if (*p == '0') l->zero = true;
        if (*p == '#') l->alt = true;
        if (*p == '+' || (*p == ' ' && !l->sign)) l->sign = *p;
    }
    l->width = number_at(&p, end);
    if (p < end && *p == '.') {
        p++;
        l->digits = number_at(&p, end);
    }
    if (p < end) l->type = *p++;
    return l->type ? (size_t)(p - s->p) : 0;
}

static bool put_percent(struct tmpl *t, struct layout *l, struct tval v)
{
    double f;
    int64_t i;
    bool whole, as_int = strchr("diuxXo", l->type) != NULL;
    if (l->type == 's' || l->type == 'r') {
        struct tcapture c = lutra_tmpl_begin(t);
        if (!(l->type == 's' ? lutra_tmpl_print(t, v) : lutra_tmpl_repr(t, v))) return false;
        struct tstr *s = lutra_tmpl_end(t, c);
        return s && put_text(t, l, s, '>');
    }
    if (!as_int && !strchr("eEfFgG", l->type)) return lutra_tmpl_fail(t, "an unknown format after '%%'");
    if (!lutra_tmpl_number(v, &f, &i, &whole))
        return lutra_tmpl_fail(t, "%%%c needs a number, not %s", l->type, lutra_tmpl_type(v));
    if (as_int && !whole) {
        if (!(fabs(f) < 9e18)) return lutra_tmpl_fail(t, "a whole number beyond 64 bits");
        v = tval_int((int64_t)f);
    }
    if (l->type == 'i' || l->type == 'u') l->type = 'd';
    return put_number(t, l, v);
}

/* s % values: a tuple has one value for each place, a dict is looked up in by "%(key)s". */
bool lutra_tmpl_percent(struct tmpl *t, struct tstr *s, struct tval values, struct tval *out)
{
    bool tuple = values.kind == TV_LIST && values.u.list->tuple, dict = values.kind == TV_DICT;
    const struct tval *v = tuple ? values.u.list->v : &values;
    size_t n = tuple ? values.u.list->n : 1, next = 0;
    struct tcapture c = lutra_tmpl_begin(t);
    for (size_t at = 0; at < s->n;) {
        const char *p = memchr(s->p + at, '%', s->n - at);
        size_t stop = p ? (size_t)(p - s->p) : s->n, end;
        struct layout l;
        struct tval value;
        if (!lutra_tmpl_step(t, 1) || !lutra_tmpl_emit_str(t, s, at, stop - at)) return false;
        if (!p) break;
        bool named = dict && ++p < s->p + s->n && *p == '(';
        const char *close = named ? memchr(p, ')', (size_t)(s->p + s->n - p)) : NULL;
        if (!(end = parse_percent(s, close ? (size_t)(close - s->p) + 1 : stop + 1, &l)) || (named && !close))
            return lutra_tmpl_fail(t, "'%%' with nothing to put there");
        at = end;
        if (l.type == '%') {
            if (!lutra_tmpl_emit(t, "%", 1, false)) return false;
            continue;
        }
        if (named) {
            struct tstr *key = lutra_tmpl_str(t, p + 1, (size_t)(close - p) - 1, false);
            if (!key || !lutra_tmpl_get(t, values, key, &value)) return false;
            if (value.kind == TV_UNDEF) return lutra_tmpl_undefined(t, value);
        } else {
            if (next == n) return lutra_tmpl_fail(t, "more places after '%%' than values");
            value = v[next++];
        }
        if (!put_percent(t, &l, value)) return false;
    }
    if (next < n && !dict && (tuple || values.kind != TV_LIST))
        return lutra_tmpl_fail(t, "more values than places after '%%'");
    s = lutra_tmpl_end(t, c);
    *out = tval_str(s);
    return s != NULL;
}

/* ---- ljust and its kind -------------------------------------------------------------------- */

/* align '=': zeros behind the sign, zfill */
struct tstr *lutra_tmpl_pad(struct tmpl *t, struct tstr *s, int64_t width, const struct tstr *with, char align)
{
    struct layout l = plain();
    uint32_t cp;
    size_t sign = align == '=' && s->n && strchr("+-", s->p[0]) ? 1 : 0;
    struct tcapture c = lutra_tmpl_begin(t);
    if (align == '=') l.fill = "0";
    if (with) {
        if (with->n == 0 || lutra_tmpl_char(with->p, with->n, &cp) != with->n) {
            lutra_tmpl_fail(t, "one character fills a width");
            return NULL;
        }
        l.fill = with->p;
        l.fill_n = with->n;
    }
    l.width = width;
    return put(t, &l, s, sign, align) ? lutra_tmpl_end(t, c) : NULL;
}
