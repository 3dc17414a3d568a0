/* SPDX-License-Identifier: MIT */
/* A broken kernel is never used: one function of a level at a time does nothing, and a model that would have called it
 * runs at another level, says so, and computes what it always does. The program is linked with
 * --wrap=lutra_ops_init (Makefile).
 *   test_self_test [FOLDER of tiny models] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "kernels/matmul.h"
#include "runtime/session.h"
#include "tests/check.h"
#include "tools/doctor.h"

/* ---- breaking ---- */

#define FUNCTION(name)                                                                             \
    {                                                                                              \
#name, offsetof(struct lutra_ops, name)                                                    \
    }
static const struct function {
    const char *name;
    size_t at;
} functions[] = {FUNCTION(quantize),      FUNCTION(quad_tables), FUNCTION(trip_tables),  FUNCTION(quint_tables),
                 FUNCTION(split_codes),   FUNCTION(planes_lookup), FUNCTION(tern_lookup), FUNCTION(quint_lookup),
                 FUNCTION(panel_mul),     FUNCTION(tile_mul),    FUNCTION(book_mul),     FUNCTION(dense_mul),
                 FUNCTION(dense_exact),   FUNCTION(quint_panel), FUNCTION(quint_exact),  FUNCTION(vector_lookup),
                 FUNCTION(float_mul),     FUNCTION(exact_mul),   FUNCTION(book_exact),   FUNCTION(dot),
                 FUNCTION(rmsnorm),       FUNCTION(layernorm),   FUNCTION(add),          FUNCTION(mul),
                 FUNCTION(scale),         FUNCTION(silu_gate),   FUNCTION(gelu_gate),    FUNCTION(relu2_gate),
                 FUNCTION(gelu),          FUNCTION(softmax),     FUNCTION(rope_pairs),   FUNCTION(rope_halves),
                 FUNCTION(f32_to_f16),    FUNCTION(f16_to_f32),  FUNCTION(attend),       FUNCTION(attend_many)};
enum { N_FUNCTIONS = sizeof functions / sizeof *functions };

static const struct function *broken; /* NULL: none */
static uint32_t broken_level;
static int few;   /* a panel does its work for so many vectors */
static long calls; /* of what does nothing */

void __real_lutra_ops_init(struct lutra_ops *ops, uint32_t features);
void __wrap_lutra_ops_init(struct lutra_ops *ops, uint32_t features);

/* Stands for functions of all types: whatever it is called with, it leaves its operands alone. */
static float nothing(void)
{
    calls++;
    return 0;
}

static void panel_of_few(float *y, size_t y_stride, const struct lutra_mat *m, const struct lutra_act *a, int v0, int v1,
                         int tile0, int tile1, void *scratch)
{
    struct lutra_ops ops;
    __real_lutra_ops_init(&ops, broken_level);
    if (v1 - v0 > few) {
        calls++;
        return;
    }
    if (m->kind == LUTRA_MAT_DENSE)
        ops.dense_mul(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
    else
        ops.panel_mul(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
}

void __wrap_lutra_ops_init(struct lutra_ops *ops, uint32_t features)
{
    __real_lutra_ops_init(ops, features);
    if (broken == NULL || features != broken_level) return;
    uint8_t *at = (uint8_t *)ops + broken->at;
    float (*stub)(void) = nothing;
    void *none = NULL;
    if (memcmp(at, &none, sizeof none) == 0) return;
    if (!few)
        memcpy(at, &stub, sizeof stub);
    else if (broken->at == offsetof(struct lutra_ops, panel_mul))
        ops->panel_mul = panel_of_few;
    else
        ops->dense_mul = panel_of_few;
}

static void set_broken(const struct function *f, uint32_t level)
{
    broken = f;
    broken_level = level;
    calls = 0;
}

/* ---- models ---- */

enum { N_IDS = 45, FED = 40, MOST_VOCAB = 2048 };
static int32_t ids[N_IDS];
static lutra_error err;

/* Logits after a prompt and some single tokens. */
static void logits_of(const lutra_model *m, float *out, int n_vocab)
{
    lutra_session *s = NULL;
    lutra_session_options o = {.size = sizeof o, .n_ctx = 64, .n_threads = 1};
    CHECK_EQ(lutra_session_open(&s, m, &o, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_feed(s, ids, FED, &err), LUTRA_OK);
    for (int i = FED; i < N_IDS; i++) CHECK_EQ(lutra_session_feed(s, ids + i, 1, &err), LUTRA_OK);
    memcpy(out, lutra_session_logits(s), (size_t)n_vocab * sizeof *out);
    lutra_session_free(s);
}

/* Opens the model, which may have to run at another level. */
static void run(const char *path, lutra_kernels kernels, const char *level, const float *want, float *out)
{
    lutra_model *m = NULL;
    lutra_model_options o = {.size = sizeof o, .n_threads = 1, .cpu = level, .kernels = kernels};
    lutra_model_info info = {.size = sizeof info};
    CHECK_EQ(lutra_model_open(&m, path, &o, &err), LUTRA_OK);
    if (m == NULL) return;
    CHECK_EQ(lutra_model_describe(m, &info), LUTRA_OK);
    CHECK(info.n_vocab <= MOST_VOCAB);
    const bool dropped = strcmp(info.kernel, level) != 0;
    CHECK_EQ(dropped, strstr(info.self_test, "were switched off") != NULL);
    CHECK_EQ(dropped, strstr(info.self_test, level) == info.self_test);
    calls = 0;
    logits_of(m, out, info.n_vocab);
    if (calls) fprintf(stderr, "%s at %s, %s: the broken %s is used\n", path, level, kernels ? "lut" : "auto", broken->name);
    CHECK_EQ(calls, 0);
    if (want) CHECK_MEM(out, want, (size_t)info.n_vocab * sizeof *out, 'f');
    lutra_model_free(m);
}

static void model_cases(const char *path, lutra_kernels kernels, const struct lutra_cpu_level *level)
{
    static float want[MOST_VOCAB], got[MOST_VOCAB];
    set_broken(NULL, 0);
    run(path, kernels, level->name, NULL, want);
    for (int i = 0; i < N_FUNCTIONS; i++) {
        set_broken(&functions[i], level->features);
        run(path, kernels, level->name, want, got);
    }
    for (int i = 0; i < N_FUNCTIONS; i++) {
        bool panel = strcmp(functions[i].name, "panel_mul") == 0 || strcmp(functions[i].name, "dense_mul") == 0;
        for (few = 1; panel && few < 32; few *= 4) {
            set_broken(&functions[i], level->features);
            run(path, kernels, level->name, want, got);
        }
        few = 0;
    }
    set_broken(NULL, 0);
}

/* ---- doctor ---- */

/* Functions that this level chooses for no type. */
static bool unused(const struct lutra_ops *ops, const char *name)
{
    const struct lutra_mat ternary = {.kind = LUTRA_MAT_TERN};
    if (strcmp(name, "quint_panel") == 0 && ops->panel_quint) return true; /* panel_mul takes these */
    if (strncmp(name, "quint_", 6) == 0) return !ops->packs_quint;
    if (strncmp(name, "dense_", 6) == 0) return ops->dense_bits == 0;
    if (strcmp(name, "split_codes") == 0) return ops->dense_most == 0;
    if (strcmp(name, "tile_mul") == 0) return ops->tile_mul == NULL;
    return strcmp(name, "vector_lookup") == 0 && lutra_vector_from(ops, &ternary, LUTRA_MODE_LUT) == 0;
}

/* Doctor sees every other one. */
static void doctor_cases(const struct lutra_cpu_level *level)
{
    struct lutra_ops ops;
    char verdict[80];
    lutra_ops_init(&ops, level->features);
    for (int i = 0; i < N_FUNCTIONS; i++) {
        if (unused(&ops, functions[i].name)) continue;
        set_broken(&functions[i], level->features);
        bool ok = lutra_doctor_kernels(level->features, verdict, sizeof verdict);
        if (ok) fprintf(stderr, "%s: doctor does not see that %s is broken\n", level->name, functions[i].name);
        CHECK(!ok);
        CHECK(strncmp(verdict, "WRONG", 5) == 0);
    }
    set_broken(NULL, 0);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_self_test");
    const char *folder = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
    static const char *const files[] = {"llama-Q4_K", "llama-TQ2_0", "llama-Q1_0", "llama-IQ4_XS", "gemma2-Q4_0"};
    char name[200], path[300];
    uint32_t have = lutra_cpu_detect();
    for (int i = 0; i < N_IDS; i++) ids[i] = 3 + (i * 37 + i * i) % 200;
    for (const struct lutra_cpu_level *l = lutra_cpu_levels() + 1; l->name; l++) {
        if ((l->features & have) != l->features) continue;
        snprintf(name, sizeof name, "doctor: %s", l->name);
        CHECK_CASE(name) doctor_cases(l);
        for (int lut = 0; lut < 2; lut++) {
            snprintf(name, sizeof name, "ternary, %s: %s", lut ? "lut" : "auto", l->name);
            CHECK_CASE(name) model_cases("tests/data/tiny-verse-ternary.gguf", lut ? LUTRA_KERNELS_LUT : LUTRA_KERNELS_AUTO, l);
        }
        for (size_t i = 0; folder && i < sizeof files / sizeof *files; i++) {
            snprintf(name, sizeof name, "%s: %s", files[i], l->name);
            snprintf(path, sizeof path, "%s/%s.gguf", folder, files[i]);
            CHECK_CASE(name) model_cases(path, LUTRA_KERNELS_AUTO, l);
        }
    }
    return check_done();
}
