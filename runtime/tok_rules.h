/* SPDX-License-Identifier: MIT */
/* The published regular expressions of byte-level BPE vocabularies, each as a scanner.
 *
 * A rule cuts one piece off the text at `pos` and returns its end, pos < result <= end: the match
 * of its expression that begins there or, if none does, the text up to the next match. It looks at
 * s[pos, end) and at nothing else, in time linear in what it looks at. */
#ifndef LUTRA_RUNTIME_TOK_RULES_H
#define LUTRA_RUNTIME_TOK_RULES_H

#include <stdbool.h>
#include <stddef.h>

typedef size_t lutra_pretok_rule(const char *s, size_t pos, size_t end);

/* whole alphabets: a match begins everywhere */
lutra_pretok_rule lutra_rule_gpt2;
lutra_pretok_rule lutra_rule_llama3;     /* \p{N}{1,3} */
lutra_pretok_rule lutra_rule_llama3_1;   /* \p{N} */
lutra_pretok_rule lutra_rule_llama3_any; /* \p{N}+ */
lutra_pretok_rule lutra_rule_qwen35;
lutra_pretok_rule lutra_rule_gpt4o;
lutra_pretok_rule lutra_rule_tekken;
lutra_pretok_rule lutra_rule_deepseek3;

/* parts of the alphabet, for kinds that cut in several steps */
lutra_pretok_rule lutra_rule_digit;         /* \p{N} */
lutra_pretok_rule lutra_rule_three_numbers; /* \p{N}{1,3} */
lutra_pretok_rule lutra_rule_numbers;       /* \p{N}+ */
lutra_pretok_rule lutra_rule_three_ascii;   /* [0-9][0-9][0-9] */
lutra_pretok_rule lutra_rule_punct;         /* [\p{P}$+<=>^~|]+ */
lutra_pretok_rule lutra_rule_punct_tick;    /* [\p{P}$+<=>^~|`]+ */
lutra_pretok_rule lutra_rule_line_end;      /* [\r\n] */
lutra_pretok_rule lutra_rule_lines;         /* [^\n]+|\n+ */
lutra_pretok_rule lutra_rule_space_letters; /* \s?\p{L}+ */
lutra_pretok_rule lutra_rule_space_punct;   /* \s?\p{P}+ */
lutra_pretok_rule lutra_rule_space_cased;   /* \s?[cased letters]+, DeepSeek's list */
lutra_pretok_rule lutra_rule_space_marks;   /* \s?[!-/:-~ and full-width ones]+ */
lutra_pretok_rule lutra_rule_trailing;      /* \s+$ */
lutra_pretok_rule lutra_rule_east;          /* [U+0800-U+9FA5 U+AC00-U+D7FF]+ */
lutra_pretok_rule lutra_rule_han_kana;      /* [U+4E00-U+9FA5 U+3040-U+30FF]+ */

#endif
