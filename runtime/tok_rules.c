/* SPDX-License-Identifier: MIT */
/* Rules for whole alphabets: expressions with several alternatives, first one that matches wins.
 *
 * GPT-2
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * Llama 3 (others differ in how many numbers go together; in Qwen 3.5 \p{M} goes with \p{L})
 *     (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
 *     |\s*[\r\n]+|\s+(?!\S)|\s+
 * GPT-4o, with U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], L = [\p{Ll}\p{Lm}\p{Lo}\p{M}] and C = Llama 3's
 * first alternative; tekken is the same without C? and with \p{N} for \p{N}{1,3}
 *     [^\r\n\p{L}\p{N}]?U*L+C?|[^\r\n\p{L}\p{N}]?U+L*C?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*
 *     |\s*[\r\n]+|\s+(?!\S)|\s+
 * DeepSeek V3, after \p{N}{1,3} and Han and kana were cut out
 *     [!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*
 *     |\s*[\r\n]+|\s+(?!\S)|\s+
 *
 * What backtracking does in `\s*[\r\n]+`: it ends after the last line end of a run of white space.
 * What it does in `\s+(?!\S)`: the run without its last character, unless the text ends there.
 * What it does in U*L+: where no \p{Ll} follows the run of U, it ends after the run's last
 * character that is in L too. */
#include "runtime/tok_rules.h"
#include "runtime/tok_chars.h"

#include <stdint.h>
#include <string.h>

/* ---- runs ---- */

static bool is_letter(struct lutra_ch c, bool marks)
{
    return lutra_ch_letter(c) || (marks && c.class == LUTRA_UC_MARK);
}

/* [^\s\p{L}\p{N}], at a character that exists */
static inline bool is_rest(struct lutra_ch c, bool marks)
{
    return c.n > 0 && c.class != LUTRA_UC_SPACE && c.class != LUTRA_UC_NUMBER &&
           !is_letter(c, marks);
}

static size_t skip_letters(const char *s, size_t pos, size_t end, bool marks)
{
    for (struct lutra_ch c; is_letter(c = lutra_look(s, pos, end), marks);) pos += c.n;
    return pos;
}

static size_t skip_rest(const char *s, size_t pos, size_t end, bool marks)
{
    for (struct lutra_ch c; is_rest(c = lutra_look(s, pos, end), marks);) pos += c.n;
    return pos;
}

static size_t skip_numbers(const char *s, size_t pos, size_t end, size_t most)
{
    for (struct lutra_ch c; most > 0 && lutra_ch_number(c = lutra_look(s, pos, end)); most--)
        pos += c.n;
    return pos;
}

static size_t skip_line_ends(const char *s, size_t pos, size_t end, bool slash)
{
    while (pos < end && (s[pos] == '\r' || s[pos] == '\n' || (slash && s[pos] == '/'))) pos++;
    return pos;
}

/* ---- parts that expressions share ---- */

/* Length of a contraction at pos ('s 't 're 've 'm 'll 'd), or 0. Without case U+017F, the long s,
 * is an s: it is the one character past ASCII that folds to one of these letters. */
static size_t contraction(const char *s, size_t pos, size_t end, bool any_case)
{
    if (end - pos < 2 || s[pos] != '\'') return 0;
    if (any_case && end - pos >= 3 && memcmp(s + pos + 1, "\xC5\xBF", 2) == 0) return 3;
    char fold = any_case ? 0x20 : 0;
    char a = (char)(s[pos + 1] | fold);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if (end - pos < 3) return 0;
    char b = (char)(s[pos + 2] | fold);
    return ((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

/* End of the white-space piece at pos: \s+(?!\S)|\s+, and before them \s*[\r\n]+ if line_ends. */
static size_t white(const char *s, size_t pos, size_t end, bool line_ends)
{
    size_t p = pos, last = pos, after_line_end = pos;
    struct lutra_ch c;
    while (lutra_ch_space(c = lutra_look(s, p, end))) {
        last = p;
        p += c.n;
        if (lutra_ch_line_end(c)) after_line_end = p;
    }
    if (line_ends && after_line_end > pos) return after_line_end;
    return p < end && last > pos ? last : p;
}

/* [^\r\n\p{L}\p{N}] */
static bool may_lead(struct lutra_ch c)
{
    return c.n > 0 && !lutra_ch_line_end(c) && !lutra_ch_letter(c) && !lutra_ch_number(c);
}

/* ---- GPT-2 ---- */

size_t lutra_rule_gpt2(const char *s, size_t pos, size_t end)
{
    size_t n = contraction(s, pos, end, false);
    if (n > 0) return pos + n;
    size_t body = pos + (s[pos] == ' ');
    struct lutra_ch c = lutra_look(s, body, end);
    if (lutra_ch_letter(c)) return skip_letters(s, body + c.n, end, false);
    if (lutra_ch_number(c)) return skip_numbers(s, body + c.n, end, SIZE_MAX);
    if (is_rest(c, false)) return skip_rest(s, body + c.n, end, false);
    return white(s, pos, end, false);
}

/* ---- Llama 3 ---- */

/* Its last four alternatives, at a character c that is no letter, number or contraction. */
static inline size_t rest_or_white(const char *s, size_t pos, size_t end, struct lutra_ch c,
                                   bool marks, bool slash)
{
    size_t body = pos + (c.cp == ' ');
    if (is_rest(lutra_look(s, body, end), marks))
        return skip_line_ends(s, skip_rest(s, body, end, marks), end, slash);
    return white(s, pos, end, true);
}

static inline size_t llama3(const char *s, size_t pos, size_t end, size_t numbers, bool marks)
{
    size_t n = contraction(s, pos, end, true);
    if (n > 0) return pos + n;
    struct lutra_ch c = lutra_look(s, pos, end);
    if (is_letter(c, marks)) return skip_letters(s, pos + c.n, end, marks);
    if (lutra_ch_number(c)) return skip_numbers(s, pos, end, numbers);
    struct lutra_ch d = lutra_look(s, pos + c.n, end);
    if (!lutra_ch_line_end(c) && is_letter(d, marks))
        return skip_letters(s, pos + c.n + d.n, end, marks);
    return rest_or_white(s, pos, end, c, marks, false);
}

size_t lutra_rule_llama3(const char *s, size_t pos, size_t end)
{
    return llama3(s, pos, end, 3, false);
}

size_t lutra_rule_llama3_1(const char *s, size_t pos, size_t end)
{
    return llama3(s, pos, end, 1, false);
}

size_t lutra_rule_llama3_any(const char *s, size_t pos, size_t end)
{
    return llama3(s, pos, end, SIZE_MAX, false);
}

size_t lutra_rule_qwen35(const char *s, size_t pos, size_t end)
{
    return llama3(s, pos, end, 1, true);
}

/* ---- GPT-4o ---- */

/* \p{Lt}: the 31 letters of LUTRA_UC_LETTER that have no place in L */
static bool is_title(uint32_t cp)
{
    if (cp < 0x1F88) return cp == 0x1C5 || cp == 0x1C8 || cp == 0x1CB || cp == 0x1F2;
    if (cp > 0x1FFC) return false;
    return (cp <= 0x1FAF && (cp & 8)) || cp == 0x1FBC || cp == 0x1FCC || cp == 0x1FFC;
}

static bool in_upper(struct lutra_ch c)
{
    return c.class == LUTRA_UC_UPPER || c.class == LUTRA_UC_LETTER || c.class == LUTRA_UC_MARK;
}

static bool in_lower(struct lutra_ch c)
{
    return c.class == LUTRA_UC_LOWER || c.class == LUTRA_UC_MARK ||
           (c.class == LUTRA_UC_LETTER && !is_title(c.cp));
}

/* End of U*L+ at pos, or 0; *upper = end of the run of U. */
static size_t upper_lower(const char *s, size_t pos, size_t end, size_t *upper)
{
    size_t last = 0; /* after the last character of the run that is in L */
    struct lutra_ch c;
    while (in_upper(c = lutra_look(s, pos, end))) {
        pos += c.n;
        if (in_lower(c)) last = pos;
    }
    *upper = pos;
    if (!in_lower(c)) return last;
    while (in_lower(c = lutra_look(s, pos, end))) pos += c.n;
    return pos;
}

/* End of [^\r\n\p{L}\p{N}]?U*L+|[^\r\n\p{L}\p{N}]?U+L* at pos, or 0; a mark can lead or belong. */
static size_t cased_word(const char *s, size_t pos, size_t end, struct lutra_ch c)
{
    size_t led_upper = 0, upper, e, led = pos + c.n;
    if (may_lead(c) && (e = upper_lower(s, led, end, &led_upper)) > 0) return e;
    if ((e = upper_lower(s, pos, end, &upper)) > 0) return e;
    if (led_upper > led) return led_upper;
    return upper > pos ? upper : 0;
}

static inline size_t gpt4o(const char *s, size_t pos, size_t end, size_t numbers, bool contract)
{
    struct lutra_ch c = lutra_look(s, pos, end);
    size_t word = cased_word(s, pos, end, c);
    if (word > 0) return contract ? word + contraction(s, word, end, true) : word;
    if (lutra_ch_number(c)) return skip_numbers(s, pos, end, numbers);
    return rest_or_white(s, pos, end, c, false, true);
}

size_t lutra_rule_gpt4o(const char *s, size_t pos, size_t end)
{
    return gpt4o(s, pos, end, 3, true);
}

size_t lutra_rule_tekken(const char *s, size_t pos, size_t end)
{
    return gpt4o(s, pos, end, 1, false);
}

/* ---- DeepSeek V3 ---- */

static bool is_mark_or_letter(struct lutra_ch c)
{
    return is_letter(c, true);
}

static bool is_symbol(struct lutra_ch c)
{
    return c.class == LUTRA_UC_PUNCT || c.class == LUTRA_UC_SYMBOL;
}

/* End of a match at pos, or pos. */
static size_t deepseek3_match(const char *s, size_t pos, size_t end)
{
    struct lutra_ch c = lutra_look(s, pos, end), d = lutra_look(s, pos + c.n, end);
    if (c.cp < 0x80 && is_symbol(c) && lutra_ch_ascii_letter(d)) {
        while (lutra_ch_ascii_letter(d = lutra_look(s, pos + c.n, end))) pos += d.n;
        return pos + c.n;
    }
    bool lead = !lutra_ch_line_end(c) && !lutra_ch_letter(c) && !is_symbol(c);
    if (lead && is_mark_or_letter(d)) return skip_letters(s, pos + c.n, end, true);
    if (is_mark_or_letter(c)) return skip_letters(s, pos, end, true);
    size_t body = pos + (c.cp == ' '), p = body;
    while (is_symbol(c = lutra_look(s, p, end))) p += c.n;
    if (p > body) return skip_line_ends(s, p, end, false);
    return white(s, pos, end, true);
}

size_t lutra_rule_deepseek3(const char *s, size_t pos, size_t end)
{
    size_t p = deepseek3_match(s, pos, end);
    if (p > pos) return p;
    do pos += lutra_look(s, pos, end).n;
    while (pos < end && deepseek3_match(s, pos, end) == pos);
    return pos;
}
