/* SPDX-License-Identifier: MIT */
/* Which rules the named pre-tokenizers are made of, and running them one inside the other. */
#include "runtime/tok_pretok.h"

#include <string.h>

#define GPT2 {lutra_rule_gpt2}
#define DIGITS {lutra_rule_digit, lutra_rule_gpt2}
#define LLAMA3 {lutra_rule_llama3}
#define LLAMA3_1 {lutra_rule_llama3_1}
#define GPT4O {lutra_rule_gpt4o}
#define DEEPSEEK3 {lutra_rule_three_numbers, lutra_rule_han_kana, lutra_rule_deepseek3}

/* Names that share an expression were taken from llama.cpp's list of pre-tokenizers (facts, not
 * code). */
/* clang-format off */
static const struct lutra_pretok kinds[] = {
    {"default", {lutra_rule_punct, lutra_rule_gpt2, lutra_rule_numbers, lutra_rule_three_ascii}, false, false, false},
    {"gpt-2", GPT2, false, false, false},
    {"smollm", DIGITS, false, false, false},
    {"llama-bpe", LLAMA3, true, true, false},
    {"qwen2", LLAMA3_1, false, false, false},
    {"qwen35", {lutra_rule_qwen35}, false, false, false},
    {"gpt-4o", GPT4O, false, false, false},
    {"tekken", {lutra_rule_tekken}, true, true, false},
    {"deepseek-llm",
     {lutra_rule_line_end, lutra_rule_space_cased, lutra_rule_space_marks, lutra_rule_trailing, lutra_rule_east,
      lutra_rule_digit}, false, false, false},
    {"deepseek-coder",
     {lutra_rule_line_end, lutra_rule_space_letters, lutra_rule_space_punct, lutra_rule_east, lutra_rule_digit},
     false, false, false},
    {"deepseek-v3", DEEPSEEK3, false, false, false},
    {"falcon", {lutra_rule_punct_tick, lutra_rule_gpt2, lutra_rule_three_ascii}, false, false, false},
    {"minicpm5", {lutra_rule_three_numbers, lutra_rule_llama3_any}, true, false, false},
    {"gemma4", {lutra_rule_lines}, false, true, true},
    /* the same under other names */
    {"phi-2", GPT2, false, false, false},
    {"mpt", GPT2, false, false, false},
    {"olmo", GPT2, false, false, false},
    {"jais", GPT2, false, false, false},
    {"exaone4", GPT2, false, false, false},
    {"trillion", GPT2, false, false, false},
    {"granite-docling", GPT2, false, false, false},
    {"gigachat", GPT2, false, false, false},
    {"mellum", GPT2, false, false, false},
    {"a.x-4.0", GPT2, false, false, false},
    {"starcoder", DIGITS, false, false, false},
    {"refact", DIGITS, false, false, false},
    {"command-r", DIGITS, false, false, false},
    {"codeshell", DIGITS, false, false, false},
    {"exaone", DIGITS, false, false, false},
    {"minerva-7b", DIGITS, false, false, false},
    {"mellum2", DIGITS, false, false, false},
    {"llama3", LLAMA3, true, true, false},
    {"llama-v3", LLAMA3, true, true, false},
    {"falcon3", LLAMA3, true, true, false},
    {"falcon-h1", LLAMA3, true, true, false},
    {"pixtral", LLAMA3, true, true, false},
    {"midm-2.0", LLAMA3, true, true, false},
    {"lfm2", LLAMA3, true, true, false},
    {"dbrx", LLAMA3, false, false, false},
    {"smaug-bpe", LLAMA3, false, false, false},
    {"glm4", LLAMA3, false, false, false},
    {"glm5", LLAMA3, true, false, false},
    {"chatglm-bpe", LLAMA3, false, false, false},
    {"deepseek-r1-qwen", LLAMA3_1, false, false, false},
    {"kormo", LLAMA3_1, false, false, false},
    {"stablelm2", LLAMA3_1, false, false, false},
    {"megrez", LLAMA3_1, false, false, false},
    {"hunyuan", LLAMA3_1, false, false, false},
    {"solar-open", LLAMA3_1, false, false, false},
    {"llama4", GPT4O, false, false, false},
    {"kanana2", GPT4O, false, false, false},
    {"minimax-m2", GPT4O, false, false, false},
    {"hunyuan-dense", DEEPSEEK3, false, false, false},
    {"joyai-llm", DEEPSEEK3, false, false, false},
};
/* clang-format on */

const char lutra_pretok_names[] =
    "default gpt-2 smollm llama-bpe qwen2 qwen35 gpt-4o tekken deepseek-llm deepseek-coder "
    "deepseek-v3 falcon minicpm5 (and names that share their rules: phi-2 starcoder refact "
    "command-r falcon3 lfm2 llama4 deepseek-r1-qwen ...)";

const struct lutra_pretok *lutra_pretok_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strlen(kinds[i].name) == len && memcmp(kinds[i].name, name, len) == 0) return &kinds[i];
    }
    return NULL;
}

void lutra_pretok_begin(struct lutra_pretok_scan *p, const struct lutra_pretok *kind, const char *s,
                        size_t len)
{
    *p = (struct lutra_pretok_scan){.kind = kind, .s = s, .end = len};
}

bool lutra_pretok_next(struct lutra_pretok_scan *p, size_t *start, size_t *end)
{
    size_t inside = p->end;
    if (p->pos >= p->end) return false;
    for (int i = 0; i < LUTRA_PRETOK_RULES && p->kind->rule[i]; i++) {
        if (p->pos >= p->fence[i]) p->fence[i] = p->kind->rule[i](p->s, p->pos, inside);
        inside = p->fence[i];
    }
    *start = p->pos;
    *end = p->pos = inside;
    return true;
}
