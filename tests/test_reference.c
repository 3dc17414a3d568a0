/* SPDX-License-Identifier: MIT */
/* Logits of a tiny random model of every family against an independent evaluation (tests/reference.py, NumPy):
 * at --precision high they agree to 1e-4 of the largest logit; at default precision they stay close.
 *   test_reference DIR_OF_TINY_MODELS */
#include "runtime/session.h"
#include "tests/check.h"
#include "tests/expected_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* (Not qwen3moe-Q4_0 and qwen35moe-Q4_K: two of their experts are so nearly equal for one token that rounding decides
 * between them.)
 * A golden file by `name`, of tiny model `model` (NULL: the same) in a context of n_ctx (0: the default). */
static const struct {
    const char *name, *model;
    int n_ctx;
} models[] = {
    {"llama-F32", 0, 0},       {"llama-Q4_K", 0, 0},    {"llama-Q4_1", 0, 0},     {"llama-Q6_K", 0, 0},
    {"llama-Q2_K", 0, 0},      {"llama-Q3_K", 0, 0},    {"llama-Q5_K", 0, 0},     {"llama-F16", 0, 0},
    {"qwen2-Q5_0", 0, 0},      {"qwen2-Q8_0", 0, 0},    {"qwen3-Q4_0", 0, 0},     {"qwen3-Q5_1", 0, 0},
    {"qwen3-TQ2_0", 0, 0},     {"llama-Q1_0", 0, 0},    {"qwen3-Q2_0", 0, 0},     {"qwen3-Q2_0_G128", 0, 0},
    {"llama-IQ4_NL", 0, 0}, {"llama-IQ4_XS", 0, 0}, {"llama-MXFP4", 0, 0}, {"llama-NVFP4", 0, 0},
    {"llama-IQ1_S", 0, 0}, {"llama-IQ1_M", 0, 0}, {"llama-IQ2_XXS", 0, 0}, {"llama-IQ2_XS", 0, 0},
    {"llama-IQ2_S", 0, 0}, {"llama-IQ3_XXS", 0, 0}, {"llama-IQ3_S", 0, 0}, {"bitnet-I2_S", 0, 0},
    {"gemma3-Q4_0", 0, 0},     {"gemma3-BF16", 0, 0},   {"bitnet-F32", 0, 0},     {"bitnet-TQ1_0", 0, 0},
    {"bitnet-b1.58-TQ2_0", 0, 0}, {"bitnet-b1.58-Q4_0", 0, 0},
    {"phi3-F32", 0, 0},        {"phi3-Q4_K", 0, 0},     {"phi3-short-F32", "phi3-F32", 64},
    {"smollm3-F32", 0, 0},     {"smollm3-Q4_0", 0, 0},  {"granite-F32", 0, 0},    {"granite-Q4_K", 0, 0},
    {"mistral3-F32", 0, 0},    {"mistral3-Q4_0", 0, 0}, {"falcon3-F32", 0, 0},    {"falcon3-Q4_K", 0, 0},
    {"gemma2-F32", 0, 0},      {"gemma2-Q4_0", 0, 0},   {"mixtral-F32", 0, 0},    {"mixtral-Q4_K", 0, 0},
    {"qwen3moe-F32", 0, 0},    {"qwen3moe-Q4_K", 0, 0}, {"olmoe-F32", 0, 0},      {"olmoe-Q4_K", 0, 0},
    {"gpt-oss-F32", 0, 0},     {"gpt-oss-Q4_0", 0, 0},  {"gpt-oss-MXFP4", 0, 0},  {"lfm2-F32", 0, 0},       {"lfm2-Q4_K", 0, 0},
    {"qwen35-F32", 0, 0},      {"qwen35-Q4_0", 0, 0},   {"mamba2-F32", 0, 0},     {"mamba2-Q4_K", 0, 0},
    {"gemma4-F32", 0, 0},      {"gemma4-Q4_0", 0, 0},   {"granitemoe-F32", 0, 0}, {"granitemoe-Q4_0", 0, 0},
    {"gemma-F32", 0, 0},       {"gemma-Q4_0", 0, 0},    {"internlm2-Q4_0", 0, 0}, {"xverse-Q4_0", 0, 0},
    {"ernie4_5-Q4_0", 0, 0},   {"minicpm-Q4_0", 0, 0},  {"qwen2vl-Q4_0", 0, 0},   {"qwen3vl-Q4_0", 0, 0},
    {"qwen3vlmoe-F32", 0, 0},
    {"gemma4moe-F32", 0, 0},   {"gemma4moe-Q4_0", 0, 0}, {"qwen3moe-groups-F32", 0, 0}, {"qwen3moe-groups-Q4_K", 0, 0},
    {"mixtral-NVFP4", 0, 0},
    {"lfm2moe-F32", 0, 0},     {"lfm2moe-Q4_K", 0, 0},  {"qwen35moe-F32", 0, 0},  {"qwen35moe-Q4_0", 0, 0},
};

struct compare {
    const struct expected *x;
    double worst, largest; /* |difference| and |logit| */
    double kl;             /* largest divergence of a row's distribution */
};

/* sum of p log(p/q) over the tokens, p by the expected logits */
static double divergence(const double *x, const float *y, int n)
{
    double xm = x[0], ym = y[0], xs = 0, ys = 0, kl = 0;
    for (int i = 1; i < n; i++) xm = fmax(xm, x[i]), ym = fmax(ym, y[i]);
    for (int i = 0; i < n; i++) xs += exp(x[i] - xm), ys += exp(y[i] - ym);
    for (int i = 0; i < n; i++) {
        double lp = x[i] - xm - log(xs), lq = y[i] - ym - log(ys);
        kl += exp(lp) * (lp - lq);
    }
    return kl;
}

static void on_logits(void *user, int row, const float *logits)
{
    struct compare *c = user;
    for (int r = 0; r < c->x->n_rows; r++) {
        if (c->x->row[r] != row) continue;
        double kl = divergence(c->x->v[r], logits, c->x->n_cols);
        if (!(kl <= c->kl)) c->kl = kl;
    }
    for (int r = 0; r < c->x->n_rows; r++)
        for (int i = 0; i < c->x->n_cols && c->x->row[r] == row; i++) {
            double d = fabs(logits[i] - c->x->v[r][i]);
            if (!(d <= c->worst)) c->worst = d;
            if (fabs(c->x->v[r][i]) > c->largest) c->largest = fabs(c->x->v[r][i]);
        }
}

static double error_of(const char *path, const struct expected *x, int n_ctx, lutra_precision_mode precision, double *kl)
{
    lutra_model *m;
    lutra_session *s;
    lutra_error err;
    lutra_model_options mo = {.size = sizeof mo, .precision = precision, .cpu = check_cpu()};
    lutra_session_options so = {.size = sizeof so, .n_ctx = n_ctx};
    struct compare c = {x, 0, 0, 0};
    if (lutra_model_open(&m, path, &mo, &err) != LUTRA_OK) {
        printf("%s\n", err.msg);
        return INFINITY;
    }
    CHECK_STR(m->net->self_test, "ok");
    CHECK_EQ(m->net->config.n_vocab, x->n_cols);
    CHECK_EQ(lutra_session_open(&s, m, &so, &err), LUTRA_OK);
    lutra_eval_tokens(s->eval, x->ids, x->n_ids, on_logits, &c);
    lutra_session_free(s);
    lutra_model_free(m);
    *kl = c.kl;
    return c.worst / c.largest;
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 && argv[1][0] != '-' ? argv[1] : "build/tiny";
    static struct expected x;
    check_init(argc, argv, "test_reference");
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) CHECK_CASE(models[i].name)
    {
        char path[512];
        const char *name = models[i].name;
        snprintf(path, sizeof path, "%s/%s.gguf", dir, models[i].model ? models[i].model : name);
        if (!read_expected("reference", name, &x)) {
            CHECK(!"expected logits are missing");
            continue;
        }
        bool bitnet = strncmp(name, "bitnet", 6) == 0; /* its own int8 on ternary matrices is not the reference's */
        double kl = 0, high_kl = 0;
        double high = error_of(path, &x, models[i].n_ctx, LUTRA_PRECISION_HIGH, &high_kl);
        double fast = error_of(path, &x, models[i].n_ctx, LUTRA_PRECISION_DEFAULT, &kl);
        CHECK_NEAR(high, 0.0, 1e-4);
        CHECK_NEAR(fast, 0.0, bitnet ? 0.2 : 5e-3);
        if (!bitnet) CHECK_NEAR(kl, 0.0, 2e-3);
        printf("  %-20s |error| / max |logit|: high %.1e, default %.1e; KL %.1e\n", name, high, fast, kl);
    }
    return check_done();
}
