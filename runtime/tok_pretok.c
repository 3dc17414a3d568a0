/* SPDX-License-Identifier: MIT */
/* The published regular expressions of byte-level BPE vocabularies, as scanners.
 *
 * GPT-2 (gpt-2; and after cutting out single digits: smollm, starcoder, refact, command-r)
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * Llama 3 (llama-bpe: 3 digits; qwen2: 1; qwen35: 1, and \p{M} goes with \p{L} everywhere)
 *     (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
 *     |\s*[\r\n]+|\s+(?!\S)|\s+
 * default (llama.cpp's choice for files that name none), each within the pieces of the one before
 *     [\p{P}$+<=>^~|]+    GPT-2's    \p{N}+    [0-9][0-9][0-9]
 *
 * What backtracking does in `\s*[\r\n]+`: it ends after the last line end of a run of white space.
 * What it does in `\s+(?!\S)`: the run without its last character, unless the text ends there. */
#include "runtime/tok_pretok.h"
#include "runtime/unicode.h"

#include <string.h>

/* Names that share an expression were taken from llama.cpp's list of pre-tokenizers (facts, not
 * code). */
static const struct lutra_pretok kinds[] = {
    {"default", LUTRA_PRETOK_DEFAULT, 0, false, false, false},
    {"gpt-2", LUTRA_PRETOK_GPT2, 0, false, false, false},
    {"smollm", LUTRA_PRETOK_DIGITS, 0, false, false, false},
    {"llama-bpe", LUTRA_PRETOK_LLAMA3, 3, false, true, true},
    {"qwen2", LUTRA_PRETOK_LLAMA3, 1, false, false, false},
    {"qwen35", LUTRA_PRETOK_LLAMA3, 1, true, false, false},
    /* the same under other names */
    {"phi-2", LUTRA_PRETOK_GPT2, 0, false, false, false},
    {"mpt", LUTRA_PRETOK_GPT2, 0, false, false, false},
    {"olmo", LUTRA_PRETOK_GPT2, 0, false, false, false},
    {"jais", LUTRA_PRETOK_GPT2, 0, false, false, false},
    {"exaone4", LUTRA_PRETOK_GPT2, 0, false, false, false},
    {"trillion", LUTRA_PRETOK_GPT2, 0, false, false, false},
    {"granite-docling", LUTRA_PRETOK_GPT2, 0, false, false, false},
    {"starcoder", LUTRA_PRETOK_DIGITS, 0, false, false, false},
    {"refact", LUTRA_PRETOK_DIGITS, 0, false, false, false},
    {"command-r", LUTRA_PRETOK_DIGITS, 0, false, false, false},
    {"codeshell", LUTRA_PRETOK_DIGITS, 0, false, false, false},
    {"exaone", LUTRA_PRETOK_DIGITS, 0, false, false, false},
    {"minerva-7b", LUTRA_PRETOK_DIGITS, 0, false, false, false},
    {"llama3", LUTRA_PRETOK_LLAMA3, 3, false, true, true},
    {"llama-v3", LUTRA_PRETOK_LLAMA3, 3, false, true, true},
    {"falcon3", LUTRA_PRETOK_LLAMA3, 3, false, true, true},
    {"falcon-h1", LUTRA_PRETOK_LLAMA3, 3, false, true, true},
    {"pixtral", LUTRA_PRETOK_LLAMA3, 3, false, true, true},
    {"lfm2", LUTRA_PRETOK_LLAMA3, 3, false, true, true},
    {"dbrx", LUTRA_PRETOK_LLAMA3, 3, false, false, false},
    {"smaug-bpe", LUTRA_PRETOK_LLAMA3, 3, false, false, false},
    {"glm4", LUTRA_PRETOK_LLAMA3, 3, false, false, false},
    {"chatglm-bpe", LUTRA_PRETOK_LLAMA3, 3, false, false, false},
    {"deepseek-r1-qwen", LUTRA_PRETOK_LLAMA3, 1, false, false, false},
    {"stablelm2", LUTRA_PRETOK_LLAMA3, 1, false, false, false},
    {"megrez", LUTRA_PRETOK_LLAMA3, 1, false, false, false},
    {"hunyuan", LUTRA_PRETOK_LLAMA3, 1, false, false, false},
};

const char lutra_pretok_names[] =
    "default gpt-2 smollm llama-bpe qwen2 qwen35 (and names that share their rules: phi-2 "
    "starcoder refact command-r falcon3 lfm2 deepseek-r1-qwen ...)";

const struct lutra_pretok *lutra_pretok_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strlen(kinds[i].name) == len && memcmp(kinds[i].name, name, len) == 0) return &kinds[i];
    }
    return NULL;
}

/* ---- characters ---- */

struct ch {
    uint32_t cp;
    size_t n;                /* bytes; 0 at the end */
    enum lutra_uclass class; /* OTHER at the end */
};

static inline struct ch look(const char *s, size_t pos, size_t end)
{
    struct ch c = {LUTRA_UTF8_BAD, 0, LUTRA_UC_OTHER};
    if (pos >= end) return c;
    c.n = lutra_utf8_next(s + pos, end - pos, &c.cp);
    c.class = lutra_unicode_class(c.cp);
    return c;
}

static inline bool is_letter(struct ch c, bool marks)
{
    return c.class >= LUTRA_UC_UPPER || (marks && c.class == LUTRA_UC_MARK);
}

static inline bool is_line_end(struct ch c)
{
    return c.cp == '\r' || c.cp == '\n';
}

/* [^\s\p{L}\p{N}], at a character that exists */
static inline bool is_rest(struct ch c, bool marks)
{
    return c.n > 0 && c.class != LUTRA_UC_SPACE && c.class != LUTRA_UC_NUMBER &&
           !is_letter(c, marks);
}

static size_t skip_letters(const char *s, size_t pos, size_t end, bool marks)
{
    for (struct ch c; is_letter(c = look(s, pos, end), marks);) pos += c.n;
    return pos;
}

static size_t skip_rest(const char *s, size_t pos, size_t end, bool marks)
{
    for (struct ch c; is_rest(c = look(s, pos, end), marks);) pos += c.n;
    return pos;
}

static size_t skip_numbers(const char *s, size_t pos, size_t end, size_t most)
{
    for (struct ch c; most > 0 && (c = look(s, pos, end)).class == LUTRA_UC_NUMBER; most--)
        pos += c.n;
    return pos;
}

/* ---- parts that expressions share ---- */

/* Length of a contraction at pos ('s 't 're 've 'm 'll 'd), or 0. Without case U+017F, the long s,
 * is an s: it is the one character past ASCII that folds to one of these letters. */
static size_t contraction(const char *s, size_t pos, size_t end, bool any_case)
{
    if (s[pos] != '\'' || end - pos < 2) return 0;
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
    struct ch c;
    while ((c = look(s, p, end)).class == LUTRA_UC_SPACE) {
        last = p;
        p += c.n;
        if (is_line_end(c)) after_line_end = p;
    }
    if (line_ends && after_line_end > pos) return after_line_end;
    return p < end && last > pos ? last : p;
}

static size_t gpt2(const char *s, size_t pos, size_t end)
{
    size_t n = contraction(s, pos, end, false);
    if (n > 0) return pos + n;
    size_t body = pos + (s[pos] == ' ');
    struct ch c = look(s, body, end);
    if (is_letter(c, false)) return skip_letters(s, body + c.n, end, false);
    if (c.class == LUTRA_UC_NUMBER) return skip_numbers(s, body + c.n, end, SIZE_MAX);
    if (is_rest(c, false)) return skip_rest(s, body + c.n, end, false);
    return white(s, pos, end, false);
}

static size_t llama3(const char *s, size_t pos, size_t end, const struct lutra_pretok *k)
{
    size_t n = contraction(s, pos, end, true);
    if (n > 0) return pos + n;
    struct ch c = look(s, pos, end);
    if (is_letter(c, k->marks)) return skip_letters(s, pos + c.n, end, k->marks);
    if (c.class == LUTRA_UC_NUMBER) return skip_numbers(s, pos, end, k->max_digits);
    struct ch d = look(s, pos + c.n, end);
    if (!is_line_end(c) && is_letter(d, k->marks)) {
        return skip_letters(s, pos + c.n + d.n, end, k->marks);
    }
    size_t body = pos + (c.cp == ' ');
    if (is_rest(body == pos ? c : d, k->marks)) {
        size_t p = skip_rest(s, body, end, k->marks);
        while (p < end && (s[p] == '\r' || s[p] == '\n')) p++;
        return p;
    }
    return white(s, pos, end, true);
}

/* ---- expressions that run one after the other ---- */

/* End of the run of characters at pos whose membership of a set is that of the first */
static size_t run(const char *s, size_t pos, size_t end, bool (*in)(struct ch))
{
    struct ch c = look(s, pos, end);
    bool first = in(c);
    do {
        pos += c.n;
        c = look(s, pos, end);
    } while (c.n > 0 && in(c) == first);
    return pos;
}

static bool in_number(struct ch c)
{
    return c.class == LUTRA_UC_NUMBER;
}

static bool in_default_punctuation(struct ch c)
{
    return c.class == LUTRA_UC_PUNCT || (c.cp < 0x80 && c.cp > 0 && strchr("$+<=>^~|", (int)c.cp));
}

static bool three_digits(const char *s, size_t pos, size_t end)
{
    if (end - pos < 3) return false;
    for (size_t i = 0; i < 3; i++) {
        if (s[pos + i] < '0' || s[pos + i] > '9') return false;
    }
    return true;
}

static size_t digits(struct lutra_pretok_scan *p)
{
    struct ch c = look(p->s, p->pos, p->end);
    if (in_number(c)) return p->pos + c.n;
    if (p->pos >= p->fence[0]) p->fence[0] = run(p->s, p->pos, p->end, in_number);
    return gpt2(p->s, p->pos, p->fence[0]);
}

static size_t fallback(struct lutra_pretok_scan *p)
{
    size_t pos = p->pos;
    if (pos >= p->fence[0]) p->fence[0] = run(p->s, pos, p->end, in_default_punctuation);
    if (pos >= p->fence[1]) p->fence[1] = gpt2(p->s, pos, p->fence[0]);
    if (pos >= p->fence[2]) p->fence[2] = run(p->s, pos, p->fence[1], in_number);
    if (three_digits(p->s, pos, p->fence[2])) return pos + 3;
    while (++pos < p->fence[2] && !three_digits(p->s, pos, p->fence[2])) {
    }
    return pos;
}

void lutra_pretok_begin(struct lutra_pretok_scan *p, const struct lutra_pretok *kind, const char *s,
                        size_t len)
{
    *p = (struct lutra_pretok_scan){kind, s, len, 0, {0, 0, 0}};
}

bool lutra_pretok_next(struct lutra_pretok_scan *p, size_t *start, size_t *end)
{
    if (p->pos >= p->end) return false;
    *start = p->pos;
    switch (p->kind->style) {
    case LUTRA_PRETOK_GPT2:
        p->pos = gpt2(p->s, p->pos, p->end);
        break;
    case LUTRA_PRETOK_DIGITS:
        p->pos = digits(p);
        break;
    case LUTRA_PRETOK_LLAMA3:
        p->pos = llama3(p->s, p->pos, p->end, p->kind);
        break;
    case LUTRA_PRETOK_DEFAULT:
        p->pos = fallback(p);
        break;
    }
    *end = p->pos;
    return true;
}
