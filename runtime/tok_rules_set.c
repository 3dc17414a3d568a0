/* SPDX-License-Identifier: MIT */
/* Rules that match a set of characters; what lies between their matches is a piece of its own.
 *
 * The expressions are those of the tokenizer.json files of DeepSeek, Falcon and of llama.cpp's
 * default; rules are drawn in tok_rules.h. */
#include "runtime/tok_chars.h"
#include "runtime/tok_rules.h"

#include <string.h>

typedef bool in_set(struct lutra_ch c);

/* ---- sets ---- */

struct range {
    uint32_t first, last;
};

static bool in_ranges(const struct range *r, int n, uint32_t cp)
{
    int lo = 0, hi = n;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (cp > r[mid].last)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && cp >= r[lo].first;
}

/* DeepSeek LLM's list of letters with cases, as in its tokenizer.json. */
static bool is_cased(struct lutra_ch c)
{
    static const struct range r[] = {
        {0x41, 0x5A}, {0x61, 0x7A}, {0xB5, 0xB5}, {0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x1BA},
        {0x1BC, 0x1BF}, {0x1C4, 0x293}, {0x295, 0x2AF}, {0x370, 0x373}, {0x376, 0x376}, {0x377, 0x377},
        {0x37B, 0x37D}, {0x37F, 0x37F}, {0x386, 0x386}, {0x388, 0x38A}, {0x38C, 0x38C}, {0x38E, 0x3A1},
        {0x3A3, 0x3F5}, {0x3F7, 0x481}, {0x48A, 0x52F}, {0x531, 0x556}, {0x10A0, 0x10C5},
        {0x13A0, 0x13F5}, {0x13F8, 0x13FD}, {0x1C90, 0x1CBA}, {0x1CBD, 0x1CBF}, {0x1D00, 0x1D2B},
        {0x1D6B, 0x1D77}, {0x1D79, 0x1D9A}, {0x1E00, 0x1F15}, {0x1F18, 0x1F1D}, {0x1F20, 0x1F45},
        {0x1F48, 0x1F4D}, {0x1F50, 0x1F57}, {0x1F59, 0x1F59}, {0x1F5B, 0x1F5B}, {0x1F5D, 0x1F5D},
        {0x1F5F, 0x1F7D}, {0x1F80, 0x1FB4}, {0x1FB6, 0x1FBC}, {0x1FBE, 0x1FBE}, {0x1FC2, 0x1FC4},
        {0x1FC6, 0x1FCC}, {0x1FD0, 0x1FD3}, {0x1FD6, 0x1FDB}, {0x1FE0, 0x1FEC}, {0x1FF2, 0x1FF4},
        {0x1FF6, 0x1FFC}, {0x2102, 0x2102}, {0x2107, 0x2107}, {0x210A, 0x2113}, {0x2115, 0x2115},
        {0x2119, 0x211D}, {0x2124, 0x2124}, {0x2126, 0x2126}, {0x2128, 0x2128}, {0x212A, 0x212D},
        {0x212F, 0x2134}, {0x2139, 0x2139}, {0x213C, 0x213F}, {0x2145, 0x2149}, {0x214E, 0x214E},
        {0x2183, 0x2183}, {0x2184, 0x2184}, {0x2C00, 0x2C7B}, {0x2C7E, 0x2CE4}, {0x2CEB, 0x2CEE},
        {0x2CF2, 0x2CF2}, {0x2CF3, 0x2CF3}, {0xA640, 0xA66D}, {0xA680, 0xA69B}, {0xA722, 0xA76F},
        {0xA771, 0xA787}, {0xA78B, 0xA78E}, {0xAB70, 0xABBF}, {0xFB00, 0xFB06}, {0xFB13, 0xFB17},
        {0xFF21, 0xFF3A}, {0xFF41, 0xFF5A}, {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB},
        {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2}, {0x118A0, 0x118DF}, {0x1E900, 0x1E943},
    };
    if (c.cp < 0x80) return lutra_ch_ascii_letter(c);
    return c.n > 0 && in_ranges(r, sizeof r / sizeof r[0], c.cp);
}

/* DeepSeek LLM's marks: the letters and brackets between ':' and '~' are among them. */
static bool is_mark(struct lutra_ch c)
{
    static const struct range r[] = {{0x21, 0x2F},     {0x3A, 0x7E},     {0x2018, 0x201F},
                                     {0x3000, 0x3002}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E}};
    return c.n > 0 && in_ranges(r, sizeof r / sizeof r[0], c.cp);
}

static bool is_east(struct lutra_ch c)
{
    static const struct range r[] = {{0x800, 0x9FA5}, {0xAC00, 0xD7FF}};
    return c.n > 0 && in_ranges(r, sizeof r / sizeof r[0], c.cp);
}

static bool is_han_kana(struct lutra_ch c)
{
    static const struct range r[] = {{0x3040, 0x30FF}, {0x4E00, 0x9FA5}};
    return c.n > 0 && in_ranges(r, sizeof r / sizeof r[0], c.cp);
}

static bool is_math_punct(struct lutra_ch c)
{
    return lutra_ch_punct(c) || (c.cp < 0x80 && c.cp > 0 && strchr("$+<=>^~|", (int)c.cp));
}

static bool is_math_punct_tick(struct lutra_ch c)
{
    return is_math_punct(c) || c.cp == '`';
}

/* ---- [set]+ ---- */

/* End of the run of characters at pos that are in the set, or are not. */
static size_t run(const char *s, size_t pos, size_t end, in_set *in)
{
    struct lutra_ch c = lutra_look(s, pos, end);
    bool first = in(c);
    do {
        pos += c.n;
        c = lutra_look(s, pos, end);
    } while (c.n > 0 && in(c) == first);
    return pos;
}

size_t lutra_rule_numbers(const char *s, size_t pos, size_t end)
{
    return run(s, pos, end, lutra_ch_number);
}

size_t lutra_rule_punct(const char *s, size_t pos, size_t end)
{
    return run(s, pos, end, is_math_punct);
}

size_t lutra_rule_punct_tick(const char *s, size_t pos, size_t end)
{
    return run(s, pos, end, is_math_punct_tick);
}

size_t lutra_rule_east(const char *s, size_t pos, size_t end)
{
    return run(s, pos, end, is_east);
}

size_t lutra_rule_han_kana(const char *s, size_t pos, size_t end)
{
    return run(s, pos, end, is_han_kana);
}

static bool is_newline(struct lutra_ch c)
{
    return c.cp == '\n';
}

size_t lutra_rule_lines(const char *s, size_t pos, size_t end)
{
    return run(s, pos, end, is_newline);
}

/* ---- [set]{1,most} ---- */

static size_t few(const char *s, size_t pos, size_t end, in_set *in, int most)
{
    struct lutra_ch c = lutra_look(s, pos, end);
    if (!in(c)) return run(s, pos, end, in);
    for (; most > 0 && in(c); most--) {
        pos += c.n;
        c = lutra_look(s, pos, end);
    }
    return pos;
}

size_t lutra_rule_digit(const char *s, size_t pos, size_t end)
{
    return few(s, pos, end, lutra_ch_number, 1);
}

size_t lutra_rule_three_numbers(const char *s, size_t pos, size_t end)
{
    return few(s, pos, end, lutra_ch_number, 3);
}

size_t lutra_rule_line_end(const char *s, size_t pos, size_t end)
{
    return few(s, pos, end, lutra_ch_line_end, 1);
}

static bool three_digits(const char *s, size_t pos, size_t end)
{
    if (end - pos < 3) return false;
    for (size_t i = 0; i < 3; i++) {
        if (s[pos + i] < '0' || s[pos + i] > '9') return false;
    }
    return true;
}

size_t lutra_rule_three_ascii(const char *s, size_t pos, size_t end)
{
    if (three_digits(s, pos, end)) return pos + 3;
    while (++pos < end && !three_digits(s, pos, end)) {
    }
    return pos;
}

/* ---- \s?[set]+ ---- */

/* End of a match at pos, pos if there is none. White space that is in the set itself is taken by
 * the set where no member follows it. */
static size_t spaced_match(const char *s, size_t pos, size_t end, in_set *in)
{
    struct lutra_ch c = lutra_look(s, pos, end);
    if (lutra_ch_space(c) && in(lutra_look(s, pos + c.n, end)))
        return run(s, pos + c.n, end, in);
    return in(c) ? run(s, pos, end, in) : pos;
}

static size_t spaced(const char *s, size_t pos, size_t end, in_set *in)
{
    size_t p = spaced_match(s, pos, end, in);
    if (p > pos) return p;
    for (struct lutra_ch c; (c = lutra_look(s, pos, end)).n > 0; pos += c.n) {
        bool space = lutra_ch_space(c) && in(lutra_look(s, pos + c.n, end));
        if (space || in(c)) break;
    }
    return pos;
}

size_t lutra_rule_space_letters(const char *s, size_t pos, size_t end)
{
    return spaced(s, pos, end, lutra_ch_letter);
}

size_t lutra_rule_space_punct(const char *s, size_t pos, size_t end)
{
    return spaced(s, pos, end, lutra_ch_punct);
}

size_t lutra_rule_space_cased(const char *s, size_t pos, size_t end)
{
    return spaced(s, pos, end, is_cased);
}

size_t lutra_rule_space_marks(const char *s, size_t pos, size_t end)
{
    return spaced(s, pos, end, is_mark);
}

/* ---- \s+$ ---- */

size_t lutra_rule_trailing(const char *s, size_t pos, size_t end)
{
    size_t after = pos; /* of the last character that is not white space */
    for (size_t p = pos; p < end;) {
        struct lutra_ch c = lutra_look(s, p, end);
        p += c.n;
        if (!lutra_ch_space(c)) after = p;
    }
    return after > pos ? after : end;
}
