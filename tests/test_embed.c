/* SPDX-License-Identifier: MIT */
/* lutra_embed: the rows of the tokens against an independent evaluation (tests/reference.py), what pooling makes of
 * them, the same bits in every way of computing them, and errors that change nothing.
 *   test_embed DIR_OF_TINY_MODELS */
#include "kernels/cpu.h"
#include "runtime/session.h"
#include "tests/check.h"
#include "tests/expected_rows.h"

#include <math.h>

enum { MOST = 600, MAX_EMBD = 512 };

static const char *dir = "build/tiny";
static lutra_error err;
static int32_t ids[MOST];
static float rows[MOST * MAX_EMBD], got[MOST * MAX_EMBD];

static lutra_model *open_model(const char *name, lutra_precision_mode precision, lutra_kernels kernels)
{
    char path[512];
    lutra_model *m;
    snprintf(path, sizeof path, "%s/%s.gguf", dir, name);
    lutra_model_options o = {.size = sizeof o, .cpu = check_cpu(), .precision = precision, .kernels = kernels};
    CHECK_EQ(lutra_model_open(&m, path, &o, &err), LUTRA_OK);
    if (m == NULL) printf("%s\n", err.msg);
    for (int i = 0; m && i < MOST; i++) ids[i] = (int32_t)((i * i * 17 + i * 3 + 5) % m->net->config.n_vocab);
    return m;
}

static lutra_session *open_session(const lutra_model *m, int n_ctx, int n_batch, int n_threads)
{
    lutra_session *s = NULL;
    lutra_session_options o = {.size = sizeof o, .n_ctx = n_ctx, .n_batch = n_batch, .n_threads = n_threads};
    if (m) CHECK_EQ(lutra_session_open(&s, m, &o, &err), LUTRA_OK);
    return s;
}

static lutra_status embed(lutra_session *s, int from, int n, lutra_pooling pooling, lutra_normalize normalize, float *out)
{
    lutra_embed_options o = {.size = sizeof o, .pooling = pooling, .normalize = normalize};
    return lutra_embed(s, ids + from, n, &o, out, MOST * MAX_EMBD, &err);
}

static double cosine(const double *a, const float *b, int n)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < n; i++) ab += a[i] * (double)b[i], aa += a[i] * a[i], bb += (double)b[i] * (double)b[i];
    return ab / sqrt(aa * bb);
}

/* ---- against the reference ---- */

/* Largest difference over the largest number, and the least cosine, of the rows that are known. */
static double error_of(const char *name, const struct expected *x, lutra_precision_mode precision, double *least)
{
    lutra_model *m = open_model(name, precision, LUTRA_KERNELS_AUTO);
    lutra_session *s = open_session(m, 64, 0, 2);
    double worst = 0, largest = 0;
    *least = 1;
    if (s) memcpy(ids, x->ids, (size_t)x->n_ids * sizeof *ids);
    if (s) CHECK_EQ(embed(s, 0, x->n_ids, LUTRA_POOLING_NONE, LUTRA_NORMALIZE_OFF, rows), LUTRA_OK);
    for (int r = 0; s && r < x->n_rows; r++) {
        const float *row = rows + (size_t)x->row[r] * (size_t)x->n_cols;
        CHECK_EQ(m->net->config.n_embd, x->n_cols);
        *least = fmin(*least, cosine(x->v[r], row, x->n_cols));
        for (int i = 0; i < x->n_cols; i++) {
            double d = fabs((double)row[i] - x->v[r][i]);
            if (!(d <= worst)) worst = d;
            largest = fmax(largest, fabs(x->v[r][i]));
        }
    }
    lutra_session_free(s);
    lutra_model_free(m);
    return largest > 0 ? worst / largest : INFINITY;
}

static void check_reference(const char *name)
{
    static struct expected x;
    double high_cosine, fast_cosine;
    if (!read_expected("hidden", name, &x)) {
        CHECK(!"expected rows are missing");
        return;
    }
    double high = error_of(name, &x, LUTRA_PRECISION_HIGH, &high_cosine);
    double fast = error_of(name, &x, LUTRA_PRECISION_DEFAULT, &fast_cosine);
    CHECK_NEAR(high, 0.0, 1e-4);
    CHECK(fast_cosine >= 0.9999);
    printf("  %-16s |error| / max: high %.1e, default %.1e; 1 - cosine: high %.1e, default %.1e\n", name, high, fast,
           1 - high_cosine, 1 - fast_cosine);
}

/* ---- pooling ---- */

static void check_vector(const float *v, const double *want, int n, double tolerance)
{
    double worst = 0;
    for (int i = 0; i < n; i++) worst = fmax(worst, fabs((double)v[i] - want[i]));
    CHECK_NEAR(worst, 0.0, tolerance);
}

/* Every pooling is what the rows say it is. */
static void check_pooling(const char *name, lutra_pooling by_default)
{
    enum { N = 37 };
    lutra_model *m = open_model(name, LUTRA_PRECISION_DEFAULT, LUTRA_KERNELS_AUTO);
    lutra_session *s = open_session(m, 64, 16, 1);
    if (s == NULL) return;
    size_t n = (size_t)m->net->config.n_embd;
    static double mean[MAX_EMBD], unit[MAX_EMBD];
    static float v[MAX_EMBD], d[MAX_EMBD];
    CHECK_EQ(embed(s, 0, N, LUTRA_POOLING_NONE, LUTRA_NORMALIZE_OFF, rows), LUTRA_OK);
    CHECK_EQ(embed(s, 0, N, LUTRA_POOLING_CLS, LUTRA_NORMALIZE_OFF, v), LUTRA_OK);
    CHECK_MEM(v, rows, n * sizeof *v, 'f');
    CHECK_EQ(embed(s, 0, N, LUTRA_POOLING_LAST, LUTRA_NORMALIZE_OFF, v), LUTRA_OK);
    CHECK_MEM(v, rows + (N - 1) * n, n * sizeof *v, 'f');
    double square = 0;
    for (size_t i = 0; i < n; i++) {
        mean[i] = 0;
        for (size_t r = 0; r < N; r++) mean[i] += (double)rows[r * n + i] / N;
        square += mean[i] * mean[i];
    }
    for (size_t i = 0; i < n; i++) unit[i] = mean[i] / sqrt(square);
    CHECK_EQ(embed(s, 0, N, LUTRA_POOLING_MEAN, LUTRA_NORMALIZE_OFF, v), LUTRA_OK);
    check_vector(v, mean, (int)n, 1e-6);
    CHECK_EQ(embed(s, 0, N, LUTRA_POOLING_MEAN, LUTRA_NORMALIZE_L2, v), LUTRA_OK);
    check_vector(v, unit, (int)n, 1e-6);
    /* each row by itself */
    CHECK_EQ(embed(s, 0, N, LUTRA_POOLING_NONE, LUTRA_NORMALIZE_L2, got), LUTRA_OK);
    for (size_t r = 0; r < N; r++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += (double)got[r * n + i] * (double)got[r * n + i];
        CHECK_NEAR(sum, 1.0, 1e-6);
    }
    CHECK_EQ(embed(s, 0, N, LUTRA_POOLING_DEFAULT, LUTRA_NORMALIZE_L2, v), LUTRA_OK);
    CHECK_EQ(embed(s, 0, N, by_default, LUTRA_NORMALIZE_L2, d), LUTRA_OK);
    CHECK_MEM(v, d, n * sizeof *v, 'f');
    lutra_model_info info = {.size = sizeof info};
    CHECK_EQ(lutra_model_describe(m, &info), LUTRA_OK);
    CHECK_EQ(info.pooling, by_default);
    lutra_session_free(s);
    lutra_model_free(m);
}

/* ---- the same bits ---- */

static const int lengths[] = {1, 70, 2, 130, 9, 33, 64, 3, 20, 5};
enum { N_TEXTS = sizeof lengths / sizeof lengths[0] };

/* All texts at once, or each alone, rows one behind the other. */
static void all_rows(lutra_session *s, bool together, float *out)
{
    int n = 0, n_embd = s->model->net->config.n_embd;
    for (int i = 0; i < N_TEXTS; i++) n += lengths[i];
    if (together) {
        lutra_embed_options o = {.size = sizeof o, .pooling = LUTRA_POOLING_NONE, .normalize = LUTRA_NORMALIZE_OFF,
                                 .lengths = lengths, .n_texts = N_TEXTS};
        CHECK_EQ(lutra_embed(s, ids, n, &o, out, MOST * MAX_EMBD, &err), LUTRA_OK);
        return;
    }
    for (int i = 0, at = 0; i < N_TEXTS; at += lengths[i++])
        CHECK_EQ(embed(s, at, lengths[i], LUTRA_POOLING_NONE, LUTRA_NORMALIZE_OFF, out + (size_t)at * (size_t)n_embd),
                 LUTRA_OK);
}

static void check_ways(const char *name)
{
    static const struct {
        int n_ctx, n_batch, n_threads;
        bool together;
        lutra_kernels kernels;
    } ways[] = {{130, 1, 1, true, LUTRA_KERNELS_AUTO},  {256, 3, 2, false, LUTRA_KERNELS_AUTO},
                {256, 0, 3, true, LUTRA_KERNELS_AUTO},  {200, 64, 2, true, LUTRA_KERNELS_LUT},
                {256, 17, 1, true, LUTRA_KERNELS_DOT},  {256, 0, 2, false, LUTRA_KERNELS_LUT}};
    size_t n = 0;
    for (int i = 0; i < N_TEXTS; i++) n += (size_t)lengths[i];
    memset(rows, 0, sizeof rows);
    for (size_t w = 0; w <= sizeof ways / sizeof ways[0]; w++) {
        bool first = w == 0;
        lutra_model *m = open_model(name, LUTRA_PRECISION_DEFAULT, first ? LUTRA_KERNELS_AUTO : ways[w - 1].kernels);
        lutra_session *s = first ? open_session(m, 256, 0, 1)
                                 : open_session(m, ways[w - 1].n_ctx, ways[w - 1].n_batch, ways[w - 1].n_threads);
        if (s == NULL) return;
        all_rows(s, first ? false : ways[w - 1].together, first ? rows : got);
        if (!first) CHECK_MEM(got, rows, n * (size_t)m->net->config.n_embd * sizeof *rows, 'f');
        lutra_session_free(s);
        lutra_model_free(m);
    }
}

/* Every level of this machine, and precision high in two ways. */
static void check_levels(const char *name)
{
    char path[512];
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/%s.gguf", dir, name);
    lutra_precision_mode precisions[] = {LUTRA_PRECISION_DEFAULT, LUTRA_PRECISION_HIGH};
    for (int p = 0; p < 2; p++) {
        int n = 0;
        for (const struct lutra_cpu_level *l = lutra_cpu_levels(); l->name; l++) {
            lutra_model *m;
            lutra_model_options o = {.size = sizeof o, .cpu = l->name, .precision = precisions[p]};
            if (lutra_model_open(&m, path, &o, &err) != LUTRA_OK) continue; /* not of this machine */
            lutra_session *s = open_session(m, 64, n % 2 ? 7 : 0, 1 + n % 2);
            bytes = 50 * (size_t)m->net->config.n_embd * sizeof *rows;
            for (int k = 0; k < 50; k++) ids[k] = (k * 7 + 3) % m->net->config.n_vocab;
            CHECK_EQ(embed(s, 0, 50, LUTRA_POOLING_NONE, LUTRA_NORMALIZE_L2, n ? got : rows), LUTRA_OK);
            if (n++) CHECK_MEM(got, rows, bytes, 'f');
            lutra_session_free(s);
            lutra_model_free(m);
        }
        CHECK(n >= 2);
    }
}

/* ---- memory ---- */

/* What is planned from the header alone is what is taken, and one layer's keys and values are all that is kept. */
static void check_plan(const char *name)
{
    char path[512];
    lutra_plan plan = {.size = sizeof plan};
    lutra_stats st = {.size = sizeof st};
    lutra_session_options so = {.size = sizeof so, .n_ctx = 1000, .n_threads = 2};
    lutra_model_options mo = {.size = sizeof mo, .cpu = check_cpu()};
    snprintf(path, sizeof path, "%s/%s.gguf", dir, name);
    CHECK_EQ(lutra_plan_file(&plan, path, &mo, &so, &err), LUTRA_OK);
    lutra_model *m = open_model(name, LUTRA_PRECISION_DEFAULT, LUTRA_KERNELS_AUTO);
    lutra_session *s = open_session(m, 1000, 0, 2);
    if (s == NULL) return;
    const struct lutra_config *c = &m->net->config;
    CHECK_EQ(lutra_session_n_ctx(s), c->learned_positions ? c->n_ctx_train : 1000);
    CHECK_EQ(plan.n_ctx, lutra_session_n_ctx(s));
    CHECK_EQ(lutra_session_stats(s, &st), LUTRA_OK);
    CHECK_EQ(plan.weights, m->net->arena.used);
    CHECK_EQ(s->eval->kv.bytes, (uint64_t)plan.n_ctx * 2 * (uint64_t)c->max_k * sizeof(float));
    CHECK(st.kv_bytes >= plan.kv && st.kv_bytes < plan.kv + (2 << 20));                                /* whole pages, */
    CHECK(plan.scratch + (4 << 20) > st.scratch_bytes && plan.scratch < st.scratch_bytes + (4 << 20)); /* large ones */
    lutra_session_free(s);
    lutra_model_free(m);
}

/* ---- errors ---- */

static int stop_at(void *user, int done, int total)
{
    (void)done;
    (void)total;
    return ++*(int *)user == 2;
}

static void check_errors(const char *name, bool encoder)
{
    lutra_model *m = open_model(name, LUTRA_PRECISION_DEFAULT, LUTRA_KERNELS_AUTO);
    lutra_session *s = open_session(m, 32, 8, 1);
    if (s == NULL) return;
    size_t n = (size_t)m->net->config.n_embd;
    int two[2] = {4, 5}, calls = 0;
    lutra_embed_options o = {.size = sizeof o};
    if (!encoder) CHECK_EQ(lutra_session_feed(s, ids, 5, &err), LUTRA_OK);
    if (encoder) {
        lutra_generate_options g = {.size = sizeof g};
        CHECK_EQ(lutra_session_feed(s, ids, 5, &err), LUTRA_EUNSUPPORTED);
        CHECK(strstr(err.msg, "encoder") != NULL);
        CHECK_EQ(lutra_session_sync(s, ids, 5, NULL, &err), LUTRA_EUNSUPPORTED);
        CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_EUNSUPPORTED);
        CHECK(lutra_session_logits(s) == NULL);
    }
    /* nothing changes */
    CHECK_EQ(lutra_embed(NULL, ids, 5, NULL, rows, MOST, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_embed(s, NULL, 5, NULL, rows, MOST, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_embed(s, ids, 5, NULL, NULL, MOST, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_embed(s, ids, 0, NULL, rows, MOST, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_embed(s, ids, -1, NULL, rows, MOST, NULL), LUTRA_EINVAL);
    CHECK_EQ(lutra_embed(s, ids, 5, NULL, rows, n - 1, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_embed(s, ids, 33, NULL, rows, MOST * MAX_EMBD, &err), LUTRA_EFULL);
    CHECK(strstr(err.msg, "33 tokens") && strstr(err.msg, "32"));
    o.pooling = LUTRA_POOLING_NONE;
    CHECK_EQ(lutra_embed(s, ids, 5, &o, rows, 5 * n - 1, &err), LUTRA_EINVAL);
    o.pooling = LUTRA_POOLING_RANK;
    CHECK_EQ(lutra_embed(s, ids, 5, &o, rows, MOST, &err), LUTRA_EINVAL);
    o.pooling = (lutra_pooling)-1;
    CHECK_EQ(lutra_embed(s, ids, 5, &o, rows, MOST, &err), LUTRA_EINVAL);
    o = (lutra_embed_options){.size = 1};
    CHECK_EQ(lutra_embed(s, ids, 5, &o, rows, MOST, &err), LUTRA_EINVAL);
    o = (lutra_embed_options){.size = sizeof o, .normalize = (lutra_normalize)2};
    CHECK_EQ(lutra_embed(s, ids, 5, &o, rows, MOST, &err), LUTRA_EINVAL);
    o = (lutra_embed_options){.size = sizeof o, .lengths = two};
    CHECK_EQ(lutra_embed(s, ids, 9, &o, rows, MOST, &err), LUTRA_EINVAL);
    o.n_texts = 2;
    CHECK_EQ(lutra_embed(s, ids, 10, &o, rows, MOST, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_embed(s, ids, 8, &o, rows, MOST, &err), LUTRA_EINVAL);
    two[1] = 0;
    CHECK_EQ(lutra_embed(s, ids, 4, &o, rows, MOST, &err), LUTRA_EINVAL);
    two[1] = 5;
    ids[8] = m->net->config.n_vocab;
    CHECK_EQ(lutra_embed(s, ids, 9, &o, rows, MOST, &err), LUTRA_EINVAL);
    ids[8] = 1;
    CHECK_EQ(lutra_session_length(s), encoder ? 0 : 5);
    CHECK(encoder || lutra_session_logits(s) != NULL);
    /* the session is empty afterwards, and of use */
    CHECK_EQ(lutra_embed(s, ids, 9, &o, rows, MOST, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_length(s), 0);
    CHECK(lutra_session_logits(s) == NULL);
    lutra_session_cancel(s);
    CHECK_EQ(lutra_embed(s, ids, 9, &o, got, MOST * MAX_EMBD, &err), LUTRA_ECANCEL);
    CHECK_EQ(lutra_session_length(s), 0);
    lutra_session_on_progress(s, stop_at, &calls);
    int many[] = {30, 31, 32, 20};
    o = (lutra_embed_options){.size = sizeof o, .lengths = many, .n_texts = 4};
    CHECK_EQ(lutra_embed(s, ids, 113, &o, got, MOST * MAX_EMBD, &err), LUTRA_ECANCEL);
    CHECK_EQ(calls, 2);
    lutra_session_on_progress(s, NULL, NULL);
    o = (lutra_embed_options){.size = sizeof o, .lengths = two, .n_texts = 2};
    CHECK_EQ(lutra_embed(s, ids, 9, &o, got, MOST * MAX_EMBD, &err), LUTRA_OK);
    CHECK_MEM(got, rows, 2 * n * sizeof *rows, 'f');
    lutra_stats st = {.size = sizeof st};
    CHECK_EQ(lutra_session_stats(s, &st), LUTRA_OK);
    CHECK(st.prompt_tokens >= 18);
    lutra_session_free(s);
    lutra_model_free(m);
}

int main(int argc, char **argv)
{
    static const char *const referenced[] = {"llama-F32", "gemma3-Q4_0", "lfm2-Q4_K", "bert-F32", "bert-Q4_0", "bert-Q4_K",
                                             "nomic-bert-F32", "nomic-bert-Q4_0", "nomic-bert-Q4_K"};
    static const char *const ways[] = {"bert-F32", "bert-Q4_0", "nomic-bert-Q4_K", "llama-Q4_K", "gemma3-Q4_0", "lfm2-Q4_K", "mamba2-F32", "bitnet-TQ1_0"};
    if (argc > 1 && argv[1][0] != '-') dir = argv[1];
    check_init(argc, argv, "test_embed");
    for (size_t i = 0; i < sizeof referenced / sizeof referenced[0]; i++) CHECK_CASE(referenced[i])
        check_reference(referenced[i]);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        CHECK_CASE("ways") check_ways(ways[i]);
        CHECK_CASE("levels") check_levels(ways[i]);
    }
    CHECK_CASE("pooling") check_pooling("llama-Q4_K", LUTRA_POOLING_LAST);
    CHECK_CASE("pooling of bert") check_pooling("bert-Q4_0", LUTRA_POOLING_MEAN);
    CHECK_CASE("pooling of nomic-bert") check_pooling("nomic-bert-Q4_0", LUTRA_POOLING_CLS);
    CHECK_CASE("plan of bert") check_plan("bert-Q4_K");
    CHECK_CASE("plan of nomic-bert") check_plan("nomic-bert-Q4_0");
    CHECK_CASE("errors") check_errors("llama-Q4_K", false);
    CHECK_CASE("errors of an encoder") check_errors("bert-Q4_0", true);
    return check_done();
}
