/* SPDX-License-Identifier: MIT */
/* Tiny models of the families with blocks of their own: the same bits whether tokens come one by one or together, on
 * one thread or several, by lookups or dot products; and the same after going back to an earlier token.
 *   test_families DIR_OF_TINY_MODELS */
#include "kernels/cpu.h"
#include "runtime/session.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 70, MAX_VOCAB = 512 };

static const char *const models[] = {
    "phi3-Q4_K",  "smollm3-Q4_0", "granite-Q4_0", "mistral3-Q4_K", "gemma2-Q4_0",   "mixtral-Q4_0",
    "mixtral-F32", "qwen3moe-Q4_K", "olmoe-Q4_0",  "gpt-oss-Q4_K", "gpt-oss-MXFP4",
    "lfm2-Q4_K",  "lfm2-F32", "qwen35-Q4_0",  "qwen35-F32",    "mamba2-Q4_K",   "mamba2-F32",
    "gemma4moe-Q4_0", "gemma4moe-F32", "qwen3moe-groups-Q4_0", "mixtral-NVFP4",
    "gemma4-Q4_0", "granitemoe-Q4_0", "lfm2moe-Q4_K", "qwen35moe-Q4_0",
};

static float want[N][MAX_VOCAB], got[N][MAX_VOCAB];
static int32_t ids[N];
static int n_vocab, at;

static void keep(void *user, int row, const float *logits)
{
    float(*rows)[MAX_VOCAB] = user;
    memcpy(rows[at + row], logits, (size_t)n_vocab * sizeof *logits);
}

/* Tokens [begin, end) in steps. */
static void feed(lutra_session *s, float (*rows)[MAX_VOCAB], int begin, int end, int step)
{
    for (at = begin; at < end; at += step)
        lutra_eval_tokens(s->eval, ids + at, end - at < step ? end - at : step, keep, rows);
}

static lutra_session *open_session(const lutra_model *m, int threads)
{
    lutra_session *s;
    lutra_session_options so = {.size = sizeof so, .n_ctx = 128, .n_threads = threads};
    CHECK_EQ(lutra_session_open(&s, m, &so, NULL), LUTRA_OK);
    return s;
}

/* DENSE where the level prefers it, but planes for lookups. Tiny rows: a level that wants long ones has planes. */
static void check_packing(const lutra_model *m, bool lookups)
{
    const struct lutra_ops *ops = &m->net->ops;
    const struct lutra_mat *w = &m->net->layers[0].wq;
    if (w->kind != LUTRA_MAT_PLANES && w->kind != LUTRA_MAT_DENSE) return;
    bool dense = !lookups && ops->dense_bits >> w->bits & 1 && w->n_cols >= ops->dense_cols;
    CHECK_EQ(w->kind, dense ? LUTRA_MAT_DENSE : LUTRA_MAT_PLANES);
}

static void check_ways(const char *path, const char *cpu)
{
    static const struct {
        int step, threads;
        lutra_kernels kernels;
    } ways[] = {{1, 1, LUTRA_KERNELS_AUTO}, {3, 2, LUTRA_KERNELS_AUTO}, {7, 1, LUTRA_KERNELS_LUT},
                {N, 2, LUTRA_KERNELS_LUT},  {2, 1, LUTRA_KERNELS_DOT},  {N, 3, LUTRA_KERNELS_DOT},
                {33, 3, LUTRA_KERNELS_AUTO}};
    lutra_error err;
    for (size_t i = 0; i <= sizeof ways / sizeof ways[0]; i++) {
        lutra_model *m;
        bool first = i == 0;
        lutra_model_options mo = {.size = sizeof mo, .cpu = cpu};
        if (!first) mo.kernels = ways[i - 1].kernels;
        if (lutra_model_open(&m, path, &mo, &err) != LUTRA_OK) {
            printf("%s\n", err.msg);
            CHECK(!"the model opens");
            return;
        }
        check_packing(m, mo.kernels == LUTRA_KERNELS_LUT);
        n_vocab = m->net->config.n_vocab;
        for (int k = 0; k < N; k++) ids[k] = (int32_t)((k * k * 17 + k * 3 + 5) % n_vocab);
        lutra_session *s = open_session(m, first ? 1 : ways[i - 1].threads);
        feed(s, first ? want : got, 0, N, first ? N : ways[i - 1].step);
        if (!first) CHECK_MEM(got, want, sizeof want, 'f');
        lutra_session_free(s);
        lutra_model_free(m);
    }
}

/* Float activations: together and one by one, too. */
static void check_floats(const char *path, lutra_precision_mode precision, lutra_kernels kernels)
{
    static float one[N][MAX_VOCAB];
    lutra_model *m;
    lutra_model_options mo = {.size = sizeof mo, .cpu = check_cpu(), .precision = precision, .kernels = kernels};
    if (lutra_model_open(&m, path, &mo, NULL) != LUTRA_OK) return;
    lutra_session *s = open_session(m, 2), *t = open_session(m, 1);
    memset(got, 0, sizeof got);
    memset(one, 0, sizeof one);
    feed(s, got, 0, N, N);
    feed(t, one, 0, N, 1);
    CHECK_MEM(got, one, sizeof one, 'f');
    lutra_session_free(s);
    lutra_session_free(t);
    lutra_model_free(m);
}

/* What is planned from the header alone is what is taken. */
static void check_plan(const char *path)
{
    lutra_model *m;
    lutra_session *s;
    lutra_plan plan = {.size = sizeof plan};
    lutra_stats st = {.size = sizeof st};
    lutra_model_options mo = {.size = sizeof mo, .cpu = check_cpu()};
    lutra_session_options so = {.size = sizeof so, .n_ctx = 100, .n_threads = 2};
    CHECK_EQ(lutra_plan_file(&plan, path, &mo, &so, NULL), LUTRA_OK);
    if (lutra_model_open(&m, path, &mo, NULL) != LUTRA_OK) return;
    CHECK_EQ(lutra_session_open(&s, m, &so, NULL), LUTRA_OK);
    lutra_session_stats(s, &st);
    CHECK_EQ(plan.weights, m->net->arena.used);
    CHECK(st.kv_bytes >= plan.kv && st.kv_bytes < plan.kv + (2 << 20));       /* whole pages, */
    CHECK(plan.scratch + (4 << 20) > st.scratch_bytes && plan.scratch < st.scratch_bytes + (4 << 20)); /* large ones */
    lutra_session_free(s);
    lutra_model_free(m);
}

/* Back to token n, then on with what stood there: the session must know what it knew then. */
static void check_back(const char *path)
{
    static const int back[] = {69, 60, 41, 40, 39, 5, 0};
    lutra_model *m;
    lutra_model_options mo = {.size = sizeof mo, .cpu = check_cpu()};
    if (lutra_model_open(&m, path, &mo, NULL) != LUTRA_OK) return;
    lutra_session *s = open_session(m, 2);
    CHECK_EQ(lutra_session_feed(s, ids, 40, NULL), LUTRA_OK);
    CHECK_EQ(lutra_session_feed(s, ids + 40, N - 40, NULL), LUTRA_OK);
    for (size_t i = 0; i < sizeof back / sizeof back[0]; i++) {
        int32_t other[4] = {1, 2, 3, 4};
        CHECK_EQ(lutra_session_truncate(s, back[i], NULL), LUTRA_OK);
        CHECK_EQ(lutra_session_length(s), back[i]);
        CHECK_EQ(lutra_session_feed(s, other, 4, NULL), LUTRA_OK); /* another continuation, then the old one */
        int reused = -1;
        CHECK_EQ(lutra_session_sync(s, ids, N, &reused, NULL), LUTRA_OK);
        CHECK(reused >= 0 && reused <= back[i]);
        CHECK_EQ(lutra_session_length(s), N);
        CHECK_MEM(lutra_session_logits(s), want[N - 1], (size_t)n_vocab * sizeof(float), 'f');
    }
    lutra_session_free(s);
    lutra_model_free(m);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 && argv[1][0] != '-' ? argv[1] : "build/tiny";
    check_init(argc, argv, "test_families");
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) CHECK_CASE(models[i])
    {
        char path[512];
        snprintf(path, sizeof path, "%s/%s.gguf", dir, models[i]);
        memset(want, 0, sizeof want);
        memset(got, 0, sizeof got);
        check_ways(path, check_cpu());
        check_back(path);
        check_floats(path, LUTRA_PRECISION_HIGH, LUTRA_KERNELS_AUTO);
        check_floats(path, LUTRA_PRECISION_DEFAULT, LUTRA_KERNELS_DEQ);
        check_plan(path);
    }
    for (const struct lutra_cpu_level *l = lutra_cpu_levels(); l->name; l++) {
        if ((l->features & lutra_cpu_detect()) != l->features) continue;
        if (check_cpu() && strcmp(check_cpu(), l->name) != 0) continue;
        CHECK_CASE(l->name)
        {
            char path[512];
            snprintf(path, sizeof path, "%s/granite-Q4_0.gguf", dir);
            check_ways(path, l->name);
        }
    }
    return check_done();
}
