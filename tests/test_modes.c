/* SPDX-License-Identifier: MIT */
/* Ways to compute the same model: kernels auto, lut, dot (same bits) and deq (close), heads in fewer
 * bits, and an idle session that takes no CPU time. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/session.h"
#include "tests/check.h"

static const char tiny[] = "tests/data/tiny-verse-ternary.gguf";
enum { N_IDS = 45 };
static int32_t ids[N_IDS];
static lutra_error err;

static lutra_model *open_model(lutra_kernels kernels, lutra_head head)
{
    lutra_model *m = NULL;
    lutra_model_options o = {.size = sizeof o, .cpu = check_cpu(), .kernels = kernels, .head = head};
    CHECK_EQ(lutra_model_open(&m, tiny, &o, &err), LUTRA_OK);
    return m;
}

static lutra_session *open_session(const lutra_model *m, int n_batch, int n_threads)
{
    lutra_session *s = NULL;
    lutra_session_options o = {.size = sizeof o, .n_ctx = 64, .n_batch = n_batch,
                               .n_threads = n_threads};
    CHECK_EQ(lutra_session_open(&s, m, &o, &err), LUTRA_OK);
    return s;
}

static int n_vocab_of(const lutra_model *m)
{
    lutra_model_info info = {.size = sizeof info};
    CHECK_EQ(lutra_model_describe(m, &info), LUTRA_OK);
    return info.n_vocab;
}

/* Logits after all ids, copied. */
static void logits_of(const lutra_model *m, int n_batch, int n_threads, float *out)
{
    lutra_session *s = open_session(m, n_batch, n_threads);
    CHECK_EQ(lutra_session_feed(s, ids, N_IDS, &err), LUTRA_OK);
    memcpy(out, lutra_session_logits(s), (size_t)n_vocab_of(m) * sizeof *out);
    lutra_session_free(s);
}

/* ---- kernels ---- */

static float base[1024], other[1024]; /* the tiny model has 1024 tokens */

static void same_bits(void)
{
    static const lutra_kernels kinds[] = {LUTRA_KERNELS_AUTO, LUTRA_KERNELS_LUT, LUTRA_KERNELS_DOT};
    static const int batches[] = {1, 2, 3, 5, 17, 0};
    lutra_model *m = open_model(LUTRA_KERNELS_AUTO, LUTRA_HEAD_FILE);
    CHECK_EQ(n_vocab_of(m), 1024);
    logits_of(m, 1, 1, base);
    lutra_model_free(m);
    for (size_t k = 0; k < 3; k++) {
        m = open_model(kinds[k], LUTRA_HEAD_FILE);
        for (size_t b = 0; b < 6; b++) {
            logits_of(m, batches[b], 1 + (int)b % 3, other);
            CHECK_MEM(other, base, sizeof base, 'f');
        }
        lutra_model_free(m);
    }
}

/* deq multiplies float activations, the model is made for int8: near, and not the same. It does not
 * depend on batches and threads either. */
static void deq_is_near(void)
{
    double worst = 0, largest = 0;
    static float again[1024];
    lutra_model *m = open_model(LUTRA_KERNELS_AUTO, LUTRA_HEAD_FILE);
    logits_of(m, 0, 1, base);
    lutra_model_free(m);
    m = open_model(LUTRA_KERNELS_DEQ, LUTRA_HEAD_FILE);
    logits_of(m, 0, 2, other);
    logits_of(m, 3, 1, again);
    CHECK_MEM(again, other, sizeof other, 'f');
    lutra_model_free(m);
    for (int i = 0; i < 1024; i++) {
        if (fabs(other[i] - base[i]) > worst) worst = fabs(other[i] - base[i]);
        if (fabsf(base[i]) > largest) largest = fabsf(base[i]);
    }
    CHECK(worst > 0);
    CHECK(worst < 0.1 * largest);
}

static void refused(void)
{
    lutra_model *m;
    lutra_model_options o = {.size = sizeof o, .kernels = (lutra_kernels)4};
    CHECK_EQ(lutra_model_open(&m, tiny, &o, &err), LUTRA_EINVAL);
    o = (lutra_model_options){.size = sizeof o, .head = (lutra_head)5};
    CHECK_EQ(lutra_model_open(&m, tiny, &o, &err), LUTRA_EINVAL);
    for (int k = LUTRA_KERNELS_AUTO; k <= LUTRA_KERNELS_DEQ; k++) {
        bool ok = k == LUTRA_KERNELS_AUTO || k == LUTRA_KERNELS_DEQ;
        o = (lutra_model_options){.size = sizeof o, .precision = LUTRA_PRECISION_HIGH,
                                  .kernels = (lutra_kernels)k};
        CHECK_EQ(lutra_model_open(&m, tiny, &o, &err), ok ? LUTRA_OK : LUTRA_EINVAL);
        lutra_model_free(m);
    }
}

/* ---- heads ---- */

static void head(lutra_head how, const char *says, bool smaller)
{
    lutra_model_options o = {.size = sizeof o, .head = how};
    lutra_model *file = open_model(LUTRA_KERNELS_AUTO, LUTRA_HEAD_FILE);
    lutra_model *m = open_model(LUTRA_KERNELS_AUTO, how);
    lutra_model_info a = {.size = sizeof a}, b = {.size = sizeof b};
    lutra_plan plan = {.size = sizeof plan};
    double worst = 0, largest = 0;
    CHECK_EQ(lutra_model_describe(file, &a), LUTRA_OK);
    CHECK_EQ(lutra_model_describe(m, &b), LUTRA_OK);
    CHECK_EQ(lutra_plan_file(&plan, tiny, &o, NULL, &err), LUTRA_OK);
    CHECK(strncmp(b.head, says, strlen(says)) == 0);
    CHECK_EQ(b.n_params, a.n_params);
    CHECK(b.weight_bytes <= plan.weights);
    CHECK(smaller ? b.token_bytes < a.token_bytes : b.token_bytes == a.token_bytes);
    /* tied: the embedding stays as it is, the head comes on top of it */
    CHECK_EQ(b.weight_bytes, a.weight_bytes + (smaller ? m->net->output.bytes : 0));
    CHECK_MEM(m->net->token_embd.data, file->net->token_embd.data, file->net->token_embd.bytes, 'b');
    logits_of(file, 0, 1, base);
    logits_of(m, 0, 2, other);
    for (int i = 0; i < 1024; i++) {
        if (fabs(other[i] - base[i]) > worst) worst = fabs(other[i] - base[i]);
        if (fabsf(base[i]) > largest) largest = fabsf(base[i]);
    }
    CHECK((worst > 0) == smaller);
    CHECK(worst < 0.2 * largest);
    lutra_model_free(m);
    lutra_model_free(file);
}

static void head_types(void)
{
    /* [wanted bits] of rows that 256 divides, that 32 divides, that neither does */
    static const int want[4][3] = {{LUTRA_TYPE_F16, LUTRA_TYPE_F16, LUTRA_TYPE_F16},
                                   {LUTRA_TYPE_Q8_0, LUTRA_TYPE_Q8_0, LUTRA_TYPE_F16},
                                   {LUTRA_TYPE_Q6_K, LUTRA_TYPE_Q5_1, LUTRA_TYPE_F16},
                                   {LUTRA_TYPE_Q4_K, LUTRA_TYPE_Q4_1, LUTRA_TYPE_F16}};
    static const int cols[3] = {512, 576, 100};
    for (int h = 0; h < 4; h++)
        for (int c = 0; c < 3; c++)
            CHECK_EQ(lutra_head_type((enum lutra_head_bits)h, LUTRA_TYPE_F16, 1000, cols[c]),
                     want[h][c]);
    /* never a larger one */
    CHECK_EQ(lutra_head_type(LUTRA_HEAD_8, LUTRA_TYPE_Q6_K, 1000, 512), LUTRA_TYPE_Q6_K);
    CHECK_EQ(lutra_head_type(LUTRA_HEAD_6, LUTRA_TYPE_Q4_0, 1000, 512), LUTRA_TYPE_Q4_0);
}

/* ---- idle ---- */

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void idle(void)
{
    lutra_model *m = open_model(LUTRA_KERNELS_AUTO, LUTRA_HEAD_FILE);
    lutra_session *s = open_session(m, 0, 4);
    struct timespec second = {1, 0};
    CHECK_EQ(lutra_session_feed(s, ids, N_IDS, &err), LUTRA_OK);
    double before = cpu_seconds();
    nanosleep(&second, NULL);
    double used = cpu_seconds() - before;
    printf("  idle for 1 s: %.3f ms of CPU time\n", used * 1e3);
    CHECK(used < 0.020);
    lutra_session_free(s);
    lutra_model_free(m);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_modes");
    for (int i = 0; i < N_IDS; i++) ids[i] = 3 + i * 7 % 900;
    CHECK_CASE("auto, lut, dot: the same bits") same_bits();
    CHECK_CASE("deq is near") deq_is_near();
    CHECK_CASE("refused") refused();
    CHECK_CASE("head types") head_types();
    CHECK_CASE("head q8") head(LUTRA_HEAD_Q8, "Q8_0, as in the file", false);
    CHECK_CASE("head q6") head(LUTRA_HEAD_Q6, "Q6_K for Q8_0", true);
    CHECK_CASE("head q4") head(LUTRA_HEAD_Q4, "Q4_K for Q8_0", true);
    CHECK_CASE("idle") idle();
    return check_done();
}
