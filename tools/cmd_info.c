/* SPDX-License-Identifier: MIT */
/* lutra info: every key and tensor of a GGUF file, and what they weigh. Loads no weights. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/qtypes.h"
#include "models/gguf.h"
#include "models/head.h"
#include "models/model.h"
#include "runtime/lutra.h"
#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/find.h"
#include "tools/kept_speed.h"

struct options {
    const char *model, *positional;
    int i2s_layout, no_forecast, measure, head, kernels;
};

static const struct lutra_opt opts[] = {
    {"-m, --model", "FILE", LUTRA_OPT_STR, offsetof(struct options, model), 0, 0, "the file", NULL},
    {"--i2s-layout", "128|64|rows4", LUTRA_OPT_CHOICE, offsetof(struct options, i2s_layout), 0, 0,
     "layout of I2_S tensors (128)", NULL},
    {"--head", "file|q8|q6|q4|fast", LUTRA_OPT_CHOICE, offsetof(struct options, head), 0, 0,
     "the output matrix in fewer bits, or by shortlist: what that would take (file: as it is)", NULL},
    {"--kernels", "auto|lut|dot|deq", LUTRA_OPT_CHOICE, offsetof(struct options, kernels), 0, 0,
     "how it would be multiplied: what memory that takes (auto)", NULL},
    {"--no-forecast", NULL, LUTRA_OPT_FLAG, offsetof(struct options, no_forecast), 1, 0,
     "do not say how fast it would run here; memory is not measured for it", NULL},
    {"--measure", NULL, LUTRA_OPT_FLAG, offsetof(struct options, measure), 1, 0,
     "measure memory (0.3 s) even if a figure of the last 30 days is kept", NULL},
};
static const struct lutra_opt_group group = {"Options", opts, sizeof opts / sizeof *opts};
static const struct lutra_cli_spec spec = {"info",
                                           "FILE",
                                           "Show every key and tensor of a GGUF file, the bytes of "
                                           "each type, the bytes read for each\ntoken, the memory it takes to "
                                           "run and how fast this machine would.",
                                           &group,
                                           1,
                                           offsetof(struct options, positional)};

static const char *const value_type[LUTRA_GGUF_N_TYPES] = {
    "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "str", "array", "u64", "i64", "f64"};

static const char *value_type_name(uint32_t type)
{
    return type < LUTRA_GGUF_N_TYPES ? value_type[type] : "?";
}

static void print_keys(const struct lutra_gguf *g)
{
    int n = lutra_gguf_n_kv(g);
    printf("\n%d keys\n", n);
    for (int i = 0; i < n; i++) {
        const struct lutra_gguf_kv *kv = lutra_gguf_kv_at(g, i);
        char key[300], value[400], type[64];
        lutra_escape(key, sizeof key, kv->key, kv->key_len);
        lutra_gguf_show(g, kv, value, sizeof value);
        if (kv->type == LUTRA_GGUF_ARRAY)
            snprintf(type, sizeof type, "%s[%" PRIu64 "]", value_type_name(kv->elem_type),
                     kv->count);
        else
            snprintf(type, sizeof type, "%s", value_type_name(kv->type));
        printf("  %-44s %-12s %s\n", key, type, value);
    }
}

static const char *type_name(uint32_t id, char dst[16])
{
    const struct lutra_type_info *t = lutra_type_info(id);
    if (t && t->name) return t->name;
    snprintf(dst, 16, "type %" PRIu32, id);
    return dst;
}

static void print_tensors(const struct lutra_gguf *g)
{
    int n = lutra_gguf_n_tensors(g);
    printf("\n%d tensors\n", n);
    for (int i = 0; i < n; i++) {
        const struct lutra_gguf_tensor *t = lutra_gguf_tensor_at(g, i);
        char name[260], shape[100], unknown[16];
        int at = 0;
        lutra_escape(name, sizeof name, t->name, strlen(t->name));
        for (int d = 0; d < t->n_dims && d < 4; d++)
            at += snprintf(shape + at, sizeof shape - (size_t)at, "%s%" PRIu64, d ? " x " : "",
                           t->ne[d]);
        printf("  %-44s %-8s %-24s %12" PRIu64 " bytes\n", name, type_name(t->type, unknown), shape,
               t->bytes);
    }
}

/* What an id leaves open. */
static const char *type_detail(const struct lutra_gguf *g, uint32_t id)
{
    static const char *const i2s[] = {
        "  I2_S, ternary, layout 128 (x86 builds, Microsoft's converter); others: --i2s-layout",
        "  I2_S, ternary, layout 64 (ARM builds)",
        "  I2_S, ternary, layout rows4 (x86 builds with ACT_PARALLEL off)"};
    if (id == LUTRA_TYPE_Q2_0) return "  Q2_0, 64 weights per block, llama.cpp's layout";
    if (id == LUTRA_TYPE_Q2_0_G128) return "  Q2_0, 128 weights per block, Prism layout";
    if (id == LUTRA_TYPE_MXFP4) return "  MXFP4, 32 weights per block; by its size not TL2";
    if (id == LUTRA_TYPE_I2_S) return i2s[lutra_gguf_i2s(g)];
    return "";
}

struct sum {
    uint32_t type;
    uint64_t bytes, weights;
    int tensors;
};

enum { SUMS_MAX = 64 };

static int add_up(const struct lutra_gguf *g, struct sum *sums, struct sum *total)
{
    int n = 0;
    for (int i = 0; i < lutra_gguf_n_tensors(g); i++) {
        const struct lutra_gguf_tensor *t = lutra_gguf_tensor_at(g, i);
        uint64_t weights =
            t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3]; /* checked when the file was opened */
        int at = 0;
        while (at < n && sums[at].type != t->type) at++;
        if (at == n && n < SUMS_MAX) sums[n++] = (struct sum){t->type, 0, 0, 0};
        if (at < SUMS_MAX) {
            sums[at].bytes += t->bytes;
            sums[at].weights += weights;
            sums[at].tensors++;
        }
        total->bytes += t->bytes;
        total->weights += weights;
        total->tensors++;
    }
    return n;
}

static void print_types(const struct lutra_gguf *g, struct sum *total)
{
    struct sum sums[SUMS_MAX];
    char size[24], unknown[16];
    int n = add_up(g, sums, total);
    printf("\nbytes per type\n");
    for (int i = 0; i < n; i++) {
        const struct lutra_type_info *info = lutra_type_info(sums[i].type);
        double share =
            total->weights ? 100.0 * (double)sums[i].weights / (double)total->weights : 0;
        printf("  %-8s %5d tensors %14" PRIu64 " weights (%5.1f %%) %14" PRIu64 " bytes%s%s\n",
               type_name(sums[i].type, unknown), sums[i].tensors, sums[i].weights, share,
               sums[i].bytes, lutra_type_runs(sums[i].type) ? "" : "  not run: ",
               lutra_type_runs(sums[i].type) ? type_detail(g, sums[i].type)
               : info && info->note          ? info->note
                                             : "unknown type");
    }
    printf("  %-8s %5d tensors %14" PRIu64 " weights           %14" PRIu64 " bytes (%s)\n", "total",
           total->tensors, total->weights, total->bytes,
           lutra_cli_bytes(size, sizeof size, total->bytes));
}

/* What a token reads of the head: stored in fewer bits, or of a shortlist the rows that it always reads. */
static uint64_t head_bytes(const struct lutra_gguf_tensor *t, int head)
{
    static const enum lutra_head_bits bits[] = {LUTRA_HEAD_AS_FILE, LUTRA_HEAD_8, LUTRA_HEAD_6,
                                                LUTRA_HEAD_4, LUTRA_HEAD_SHORTLIST};
    struct lutra_mat m = {.data = NULL};
    struct lutra_head_fast fast;
    if (head == 0 || t->ne[0] > INT32_MAX || t->ne[1] > INT32_MAX || !lutra_type_runs(t->type))
        return t->bytes;
    int rows = (int)t->ne[1], cols = (int)t->ne[0];
    int type = lutra_head_type(bits[head], (int)t->type, rows, cols);
    if (lutra_pack_plan(&m, type, rows, cols, false, NULL)) return t->bytes;
    if (bits[head] != LUTRA_HEAD_SHORTLIST) return type == (int)t->type ? t->bytes : m.bytes;
    return lutra_head_fast_plan(&fast, &m) ? lutra_head_fast_bytes(&fast) : t->bytes;
}

/* Experts of a layer that a token takes, of those there are. */
static int64_t experts_used(const struct lutra_gguf *g)
{
    char key[160];
    const char *arch;
    size_t n;
    int64_t used = 0;
    bool found;
    if (lutra_gguf_str(g, "general.architecture", &arch, &n, &found, NULL) || !found || n > 100)
        return 0;
    snprintf(key, sizeof key, "%.*s.expert_used_count", (int)n, arch);
    if (lutra_gguf_int(g, key, 1, INT32_MAX, &used, &found, NULL)) return 0;
    return used;
}

/* Vectors of texts are all it makes. */
static bool is_encoder(const struct lutra_gguf *g)
{
    struct lutra_config *c = malloc(sizeof *c); /* large for a stack */
    uint64_t bytes;
    bool yes = c && lutra_net_plan(g, LUTRA_HEAD_AS_FILE, c, &bytes, NULL) == LUTRA_OK && c->encoder;
    free(c);
    return yes;
}

/* All matrices, of experts those it takes; but no embedding that is only looked up in, a row per token. */
static uint64_t bytes_per_token(const struct lutra_gguf *g, int head, bool encoder, bool *tied)
{
    uint64_t sum = 0;
    int64_t used = experts_used(g);
    const struct lutra_gguf_tensor *embd = lutra_gguf_tensor(g, "token_embd.weight"),
                                   *out = lutra_gguf_tensor(g, "output.weight");
    *tied = !out && embd && !encoder;
    if (*tied) out = embd;
    for (int i = 0; i < lutra_gguf_n_tensors(g); i++) {
        const struct lutra_gguf_tensor *t = lutra_gguf_tensor_at(g, i);
        bool some = t->n_dims == 3 && strstr(t->name, "_exps.") && used > 0 &&
                    (uint64_t)used < t->ne[2];
        if (t == out)
            sum += head_bytes(t, head);
        else if (t->n_dims >= 2 && t != embd && !(encoder && strncmp(t->name, "blk.", 4) != 0))
            sum += some ? t->bytes / t->ne[2] * (uint64_t)used : t->bytes;
    }
    return sum;
}

/* What running it takes: memory by the plan, and the speed that memory allows (read = 0: that is not asked). */
static void print_forecast(const char *path, uint64_t read, const struct options *o)
{
    char total[24], weights[24], kv[24], scratch[24], available[24], why[400];
    lutra_plan plan = {.size = sizeof plan};
    lutra_model_options mo = {.size = sizeof mo,
                              .head = (lutra_head)o->head,
                              .kernels = (lutra_kernels)o->kernels,
                              .i2s_layout = (lutra_i2s)o->i2s_layout};
    lutra_error err;
    bool disturbed;
    if (lutra_plan_file(&plan, path, &mo, NULL, &err)) {
        printf("to run it: %s\n", err.msg);
        return;
    }
    printf("memory to run it: %s = weights %s + KV %s (ctx %d) + scratch %s, vocabulary",
           lutra_cli_bytes(total, sizeof total, plan.total),
           lutra_cli_bytes(weights, sizeof weights, plan.weights),
           lutra_cli_bytes(kv, sizeof kv, plan.kv), plan.n_ctx,
           lutra_cli_bytes(scratch, sizeof scratch, plan.scratch));
    if (plan.available)
        printf("; %s are free%s", lutra_cli_bytes(available, sizeof available, plan.available),
               plan.total > plan.available ? ": too little" : "");
    if (read == 0) {
        putchar('\n');
        return;
    }
    int threads = lutra_threads_default(why, sizeof why);
    double speed = lutra_memory_speed(threads, o->measure != 0, &disturbed);
    if (speed > 0)
        printf("\nexpected here: about %.1f tokens/s (memory reads %.1f GB/s with %d thread%s%s; a "
               "cache that holds it reads faster)\n",
               speed / (double)read, speed * 1e-9, threads, threads == 1 ? "" : "s",
               disturbed ? " while other programs run" : "");
    else
        printf("\nexpected here: not known, memory speed could not be measured\n");
}

static void print_info(const struct lutra_gguf *g, const char *path, const struct options *o)
{
    char size[24], shown[24];
    struct sum total = {0};
    bool tied;
    printf("%s: GGUF v%" PRIu32 ", %s (%" PRIu64 " bytes), header %" PRIu64 " bytes\n",
           lutra_gguf_path(g), lutra_gguf_version(g),
           lutra_cli_bytes(size, sizeof size, lutra_gguf_file_bytes(g)), lutra_gguf_file_bytes(g),
           lutra_gguf_header_bytes(g));
    print_keys(g);
    print_tensors(g);
    print_types(g, &total);
    bool encoder = is_encoder(g);
    uint64_t read = bytes_per_token(g, o->head, encoder, &tied);
    if (encoder) printf("\nan encoder: 'lutra embed' makes vectors of texts with it, it generates nothing");
    printf("\nbytes read per %s: %" PRIu64 " (%s)%s\n", encoder ? "batch of tokens" : "generated token", read,
           lutra_cli_bytes(shown, sizeof shown, read),
           tied ? "; the embedding is the output matrix too" : "");
    if (total.weights)
        printf("bits per weight: %.2f\n", 8.0 * (double)total.bytes / (double)total.weights);
    if (!o->no_forecast && total.weights) print_forecast(path, encoder ? 0 : read, o);
}

int lutra_cmd_info(int argc, char **argv)
{
    struct options o = {0};
    char found[LUTRA_FIND_PATH];
    struct lutra_gguf *g = NULL;
    lutra_error err = {0};
    int code = lutra_cli_parse(&spec, &o, argc, argv);
    if (code >= 0) return code;
    if (!o.model) o.model = o.positional;
    if (!o.model) {
        lutra_cli_say("no model: lutra info FILE");
        return LUTRA_EXIT_USAGE;
    }
    const char *path = lutra_find_path(o.model, found);
    if (lutra_gguf_open(&g, path, &err)) return lutra_cli_fail(&err, true);
    lutra_gguf_set_i2s(g, (enum lutra_i2s_layout)o.i2s_layout);
    print_info(g, path, &o);
    lutra_gguf_close(g);
    return lutra_cli_flush(LUTRA_EXIT_OK);
}
