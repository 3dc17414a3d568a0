/* SPDX-License-Identifier: MIT */
/* Which rules the named pre-tokenizers are made of, and running them one inside the other. */
#include "runtime/tok_pretok.h"

#include <string.h>

/* Rules, and the flags of struct lutra_pretok in its order. */
enum {
    DEFAULT, GPT_2, SMOLLM, LLAMA_BPE, QWEN2, QWEN35, GPT_4O, TEKKEN, DEEPSEEK_LLM,
    DEEPSEEK_CODER, DEEPSEEK_V3, FALCON, MINICPM5, GEMMA4, DBRX, GLM5
};

/* clang-format off */
static const struct lutra_pretok kinds[] = {
    [DEFAULT] = {{lutra_rule_punct, lutra_rule_gpt2, lutra_rule_numbers, lutra_rule_three_ascii},
        false, false, false},
    [GPT_2] = {{lutra_rule_gpt2}, false, false, false},
    [SMOLLM] = {{lutra_rule_digit, lutra_rule_gpt2}, false, false, false},
    [LLAMA_BPE] = {{lutra_rule_llama3}, true, true, false},
    [QWEN2] = {{lutra_rule_llama3_1}, false, false, false},
    [QWEN35] = {{lutra_rule_qwen35}, false, false, false},
    [GPT_4O] = {{lutra_rule_gpt4o}, false, false, false},
    [TEKKEN] = {{lutra_rule_tekken}, true, true, false},
    [DEEPSEEK_LLM] = {{lutra_rule_line_end, lutra_rule_space_cased, lutra_rule_space_marks,
        lutra_rule_trailing, lutra_rule_east, lutra_rule_digit}, false, false, false},
    [DEEPSEEK_CODER] = {{lutra_rule_line_end, lutra_rule_space_letters, lutra_rule_space_punct,
        lutra_rule_east, lutra_rule_digit}, false, false, false},
    [DEEPSEEK_V3] = {{lutra_rule_three_numbers, lutra_rule_han_kana, lutra_rule_deepseek3}, false, false, false},
    [FALCON] = {{lutra_rule_punct_tick, lutra_rule_gpt2, lutra_rule_three_ascii}, false, false, false},
    [MINICPM5] = {{lutra_rule_three_numbers, lutra_rule_llama3_any}, true, false, false},
    [GEMMA4] = {{lutra_rule_lines}, false, true, true},
    [DBRX] = {{lutra_rule_llama3}, false, false, false},
    [GLM5] = {{lutra_rule_llama3}, true, false, false},
};

/* Names that share an expression were taken from llama.cpp's list of pre-tokenizers (facts, not
 * code). No pointers, which a loader would have to fill in. */
static const struct {
    char name[17];
    uint8_t kind;
} names[] = {
    {"default", DEFAULT}, {"gpt-2", GPT_2}, {"smollm", SMOLLM}, {"llama-bpe", LLAMA_BPE},
    {"qwen2", QWEN2}, {"qwen35", QWEN35}, {"gpt-4o", GPT_4O}, {"tekken", TEKKEN},
    {"deepseek-llm", DEEPSEEK_LLM}, {"deepseek-coder", DEEPSEEK_CODER},
    {"deepseek-v3", DEEPSEEK_V3}, {"falcon", FALCON}, {"minicpm5", MINICPM5}, {"gemma4", GEMMA4},
    {"phi-2", GPT_2}, {"mpt", GPT_2}, {"olmo", GPT_2}, {"jais", GPT_2}, {"exaone4", GPT_2},
    {"trillion", GPT_2}, {"granite-docling", GPT_2}, {"gigachat", GPT_2}, {"mellum", GPT_2},
    {"a.x-4.0", GPT_2}, {"starcoder", SMOLLM}, {"refact", SMOLLM}, {"command-r", SMOLLM},
    {"codeshell", SMOLLM}, {"exaone", SMOLLM}, {"minerva-7b", SMOLLM}, {"mellum2", SMOLLM},
    {"llama3", LLAMA_BPE}, {"llama-v3", LLAMA_BPE}, {"falcon3", LLAMA_BPE},
    {"falcon-h1", LLAMA_BPE}, {"pixtral", LLAMA_BPE}, {"midm-2.0", LLAMA_BPE}, {"lfm2", LLAMA_BPE},
    {"dbrx", DBRX}, {"smaug-bpe", DBRX}, {"glm4", DBRX}, {"glm5", GLM5}, {"chatglm-bpe", DBRX},
    {"deepseek-r1-qwen", QWEN2}, {"kormo", QWEN2}, {"stablelm2", QWEN2}, {"megrez", QWEN2},
    {"hunyuan", QWEN2}, {"solar-open", QWEN2}, {"llama4", GPT_4O}, {"kanana2", GPT_4O},
    {"minimax-m2", GPT_4O}, {"hunyuan-dense", DEEPSEEK_V3}, {"joyai-llm", DEEPSEEK_V3},
};
/* clang-format on */

const char lutra_pretok_names[] =
    "default gpt-2 smollm llama-bpe qwen2 qwen35 gpt-4o tekken deepseek-llm deepseek-coder "
    "deepseek-v3 falcon minicpm5 (and names that share their rules: phi-2 starcoder refact "
    "command-r falcon3 lfm2 llama4 deepseek-r1-qwen ...)";

const struct lutra_pretok *lutra_pretok_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].name) == len && memcmp(names[i].name, name, len) == 0)
            return &kinds[names[i].kind];
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
