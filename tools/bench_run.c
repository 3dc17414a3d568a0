/* SPDX-License-Identifier: MIT */
/* One test of a model: prompt and generation on random tokens, timed; what it read and what it
 * cost. Neither tokenizing nor sampling is in it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/session.h"
#include "tools/bench.h"
#include "tools/bench_sensors.h"

enum {
    MOST_SAMPLES = 1 << 20,
    CACHE_GUESS = 32 << 20 /* where the system does not tell: larger than that of most machines */
};

/* Tokens evaluated at once. */
static int batch_of(const struct lutra_bench_test *t)
{
    int n = t->n_ubatch < t->n_batch ? t->n_ubatch : t->n_batch;
    return n < LUTRA_BATCH_MAX ? n : LUTRA_BATCH_MAX;
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

/* The prompt of a test: read, or by an encoder made a vector of. */
static lutra_status read_prompt(struct lutra_bench_run *r, lutra_error *err)
{
    int n = r->test.n_prompt;
    if (!r->model->info.encoder || n == 0) return lutra_session_feed(r->session, r->ids, n, err);
    const lutra_embed_options o = {.size = sizeof o, .pooling = LUTRA_POOLING_MEAN};
    return lutra_embed(r->session, r->ids, n, &o, r->vector, (size_t)r->model->info.n_embd, err);
}

lutra_status lutra_bench_prepare(struct lutra_bench_run *r, const struct lutra_bench_model *m,
                                 const struct lutra_bench_test *t, lutra_error *err)
{
    int n = max_int(max_int(t->n_prompt, t->n_depth), 1);
    lutra_session_options so = {.size = sizeof so,
                                .n_ctx = t->n_depth + t->n_prompt + t->n_gen,
                                .n_batch = batch_of(t),
                                .n_threads = t->n_threads};
    *r = (struct lutra_bench_run){.model = m, .test = *t};
    if (so.n_ctx < 2) so.n_ctx = 2;
    lutra_status st = lutra_session_open(&r->session, m->model, &so, err);
    if (st != LUTRA_OK) return st;
    r->ids = malloc((size_t)n * sizeof *r->ids);
    r->vector = malloc((size_t)m->info.n_embd * sizeof *r->vector);
    if (r->ids == NULL || r->vector == NULL) st = lutra_fail(err, LUTRA_ENOMEM, "no memory");
    uint32_t x = 2463534242u;
    for (int i = 0; st == LUTRA_OK && i < n; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        r->ids[i] = (int32_t)(x % (uint32_t)m->info.n_vocab);
    }
    if (st == LUTRA_OK && t->n_depth > 0) st = lutra_session_feed(r->session, r->ids, t->n_depth, err);
    if (st != LUTRA_OK) lutra_bench_finish(r);
    return st;
}

void lutra_bench_finish(struct lutra_bench_run *r)
{
    lutra_session_free(r->session);
    free(r->ids);
    free(r->vector);
    r->session = NULL;
    r->ids = NULL;
    r->vector = NULL;
}

lutra_status lutra_bench_once(struct lutra_bench_run *r, double *seconds, double *prompt_s,
                              lutra_error *err)
{
    lutra_session *s = r->session;
    lutra_status st = lutra_session_truncate(s, r->test.n_depth, err);
    uint32_t n_vocab = (uint32_t)r->model->info.n_vocab;
    double start = lutra_clock();
    if (st == LUTRA_OK) st = read_prompt(r, err);
    *prompt_s = lutra_clock() - start;
    for (int i = 0; st == LUTRA_OK && i < r->test.n_gen; i++) {
        int32_t id = (int32_t)(((uint32_t)i + 1) * 2654435761u % n_vocab);
        st = lutra_session_feed(s, &id, 1, err);
    }
    *seconds = lutra_clock() - start;
    return st;
}

lutra_status lutra_bench_warm(struct lutra_bench_run *r, lutra_error *err)
{
    lutra_session *s = r->session;
    lutra_status st = lutra_session_truncate(s, r->test.n_depth, err);
    if (st == LUTRA_OK) st = read_prompt(r, err);
    if (st == LUTRA_OK && r->test.n_gen > 0) st = lutra_session_feed(s, r->ids, 1, err);
    return st;
}

/* ---- what had to be read and multiplied ---- */

/* Bytes of keys and values that a batch reads which ends at position `end` and has n tokens. */
static double kv_bytes(const struct lutra_bench_run *r, int end, int n)
{
    const struct lutra_config *c = &r->model->model->net->config;
    double sum = 0, elem = r->session->eval->kv.f32 ? 4 : 2;
    for (int il = 0; il < c->n_layer; il++) {
        const struct lutra_shape *l = &c->shape[il];
        int span = end;
        if (l->local && span > c->window + n - 1) span = c->window + n - 1;
        sum += 2.0 * elem * l->n_head_kv * l->head_dim * span;
    }
    return sum;
}

/* With a shortlist: what a token read of the head itself, on average of all runs. */
static double exact_head_bytes(const struct lutra_bench_run *r)
{
    const struct lutra_head_work *w = &r->session->eval->head;
    const struct lutra_mat *m = &r->model->model->net->output;
    double block = (double)m->tile_bytes * LUTRA_HEAD_BLOCK / m->tile_rows;
    return w->runs ? block * (double)w->blocks / (double)w->runs : 0;
}

/* Every batch reads all weights once, and the keys and values it sees once. */
double lutra_bench_token_bytes(const struct lutra_bench_run *r)
{
    const struct lutra_bench_test *t = &r->test;
    double weights = (double)r->model->info.token_bytes + exact_head_bytes(r), sum = 0;
    int batch = batch_of(t), at = t->n_depth;
    for (int left = t->n_prompt; left > 0;) {
        int n = left < batch ? left : batch;
        at += n;
        left -= n;
        sum += weights + kv_bytes(r, at, n);
    }
    for (int i = 0; i < t->n_gen; i++) sum += weights + kv_bytes(r, ++at, 1);
    return sum / (t->n_prompt + t->n_gen);
}

/* Multiply-adds per token; the head runs once per batch. Attention is float work and not counted.
 */
static double macs_per_token(const struct lutra_bench_row *row)
{
    const struct lutra_bench_test *t = &row->test;
    int batch = batch_of(t), tokens = t->n_prompt + t->n_gen;
    double heads = (t->n_prompt + batch - 1) / batch + t->n_gen;
    return (double)row->model->macs_body + (double)row->model->macs_head * heads / tokens;
}

void lutra_bench_shares(struct lutra_bench_row *row)
{
    /* of several runs the mean time counts: tokens over it */
    double per_s = (row->test.n_prompt + row->test.n_gen) * 1e9 / lutra_bench_mean(row->ns, row->n);
    row->bandwidth_share = row->model->cached ? NAN : row->token_bytes * per_s / row->probe;
    row->int8_share = macs_per_token(row) * per_s / row->int8_peak;
}

bool lutra_bench_has_tables(const struct lutra_bench_row *row)
{
    const struct lutra_model *model = row->model->model;
    const struct lutra_net *net = model->net;
    struct lutra_engine e = {.ops = &net->ops, .mode = model->mode};
    int batch = batch_of(&row->test);
    int n = row->test.n_gen || row->test.n_prompt == 0 ? 1 : min_int(row->test.n_prompt, batch);
    for (int i = 0; i < net->config.n_layer * net->arch->n_specs; i++) {
        int count;
        const struct lutra_mat *m =
            lutra_layer_mat(net, i / net->arch->n_specs, i % net->arch->n_specs, &count);
        if (m == NULL) continue;
        e.code_max = m->kind == LUTRA_MAT_TERN ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX;
        enum lutra_path path = lutra_matmul_path(&e, m, n);
        if (path == LUTRA_PATH_LOOKUP || path == LUTRA_PATH_VECTOR) return true;
    }
    return false;
}

/* ---- samples ---- */

struct totals {
    double seconds, prompt_s, cpu, joules;
    int cap;
};

static bool make_room(struct lutra_bench_row *row, int *cap)
{
    if (row->n < *cap) return true;
    int more = *cap ? *cap * 2 : 16;
    double *ns = realloc(row->ns, (size_t)more * sizeof *ns);
    if (ns) row->ns = ns;
    double *ts = realloc(row->ts, (size_t)more * sizeof *ts);
    if (ts) row->ts = ts;
    *cap = more;
    return ns && ts;
}

static lutra_status sample(struct lutra_bench_run *r, struct lutra_bench_row *row, struct totals *t,
                           struct lutra_energy *e, lutra_error *err)
{
    double seconds, prompt_s, cpu = lutra_sensor_cpu_seconds(), joules = lutra_energy_joules(e);
    if (!make_room(row, &t->cap)) return lutra_fail(err, LUTRA_ENOMEM, "no memory for samples");
    lutra_status st = lutra_bench_once(r, &seconds, &prompt_s, err);
    if (st != LUTRA_OK) return st;
    t->joules += lutra_energy_joules(e) - joules;
    t->cpu += lutra_sensor_cpu_seconds() - cpu;
    t->seconds += seconds;
    t->prompt_s += prompt_s;
    row->ns[row->n] = seconds * 1e9;
    row->ts[row->n++] = (row->test.n_prompt + row->test.n_gen) / seconds;
    return LUTRA_OK;
}

/* Tokens per second of the first and of the last minute; of a fifth of a shorter run. */
static void compare_ends(struct lutra_bench_row *row, double total_s)
{
    double window = total_s < 300 ? total_s / 5 : 60;
    double *ends[2] = {&row->first_ts, &row->last_ts};
    for (int side = 0; side < 2; side++) {
        double s = 0;
        int n = 0;
        while (n < row->n && (n == 0 || s < window))
            s += row->ns[side ? row->n - 1 - n++ : n++] * 1e-9;
        *ends[side] = (row->test.n_prompt + row->test.n_gen) * n / s;
    }
}

static void note_time(char dst[24])
{
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm) == NULL || strftime(dst, 24, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        dst[0] = '\0';
}

static void note_ends(struct lutra_bench_row *row, int end)
{
    row->temp_c[end] = lutra_sensor_temperature("");
    row->mhz[end] = lutra_sensor_mhz("");
}

lutra_status lutra_bench_measure(struct lutra_bench_run *r, const struct lutra_bench_options *o,
                                 struct lutra_bench_row *row, lutra_error *err)
{
    struct totals t = {0};
    struct lutra_energy energy;
    lutra_status st = LUTRA_OK;
    *row = (struct lutra_bench_row){.model = r->model,
                                    .test = r->test,
                                    .first_ts = NAN,
                                    .last_ts = NAN,
                                    .ttft_ms = NAN,
                                    .probe = NAN,
                                    .int8_peak = NAN};
    note_time(row->test_time);
    if (!o->no_warmup) st = lutra_bench_warm(r, err);
    lutra_energy_open(&energy, "");
    row->energy = energy.source;
    note_ends(row, 0);
    struct lutra_moment begin = lutra_sensor_moment();
    while (st == LUTRA_OK && row->n < MOST_SAMPLES && (row->n < o->reps || t.seconds < o->sustain))
        st = sample(r, row, &t, &energy, err);
    note_ends(row, 1);
    row->others = lutra_sensor_others(&begin, 0);
    lutra_energy_close(&energy);
    if (st != LUTRA_OK) {
        lutra_bench_row_free(row);
        return st;
    }
    double tokens = (double)row->n * (r->test.n_prompt + r->test.n_gen);
    if (r->test.n_prompt) row->ttft_ms = t.prompt_s * 1e3 / row->n;
    row->iqm_ts = lutra_bench_iqm(row->ts, row->n);
    row->ts_interval = lutra_bench_interval(row->ts, row->n);
    row->cpu_s_per_token = t.cpu / tokens;
    row->j_per_token = t.joules / tokens;
    row->token_bytes = lutra_bench_token_bytes(r);
    row->peak_rss = lutra_sensor_peak_rss();
    if (o->sustain) compare_ends(row, t.seconds);
    return LUTRA_OK;
}

void lutra_bench_row_free(struct lutra_bench_row *row)
{
    free(row->ns);
    free(row->ts);
    row->ns = NULL;
    row->ts = NULL;
}

/* ---- models ---- */

static uint64_t macs_of(const struct lutra_mat *m)
{
    return (uint64_t)m->n_rows * (uint64_t)m->n_cols;
}

static void count_macs(struct lutra_bench_model *m)
{
    const struct lutra_net *net = m->model->net;
    m->macs_head = macs_of(&net->output);
    if (net->fast.ready) m->macs_head = macs_of(&net->fast.low) + macs_of(&net->fast.top);
    for (int il = 0; il < net->config.n_layer; il++) {
        for (int i = 0; i < net->arch->n_specs; i++) {
            int count;
            const struct lutra_mat *w = lutra_layer_mat(net, il, i, &count);
            if (w != NULL) m->macs_body += macs_of(w) * (uint64_t)(count > 1 ? net->config.n_expert_used : 1);
        }
    }
}

static uint64_t tensor_bytes(const char *path, uint64_t fallback)
{
    struct lutra_gguf *g;
    uint64_t sum = 0;
    if (lutra_gguf_open(&g, path, NULL) != LUTRA_OK) return fallback;
    for (int i = 0; i < lutra_gguf_n_tensors(g); i++) sum += lutra_gguf_tensor_at(g, i)->bytes;
    lutra_gguf_close(g);
    return sum;
}

static void name_size(char *dst, size_t cap, uint64_t n_params)
{
    double n = (double)n_params;
    if (n >= 1e9)
        lutra_format(dst, cap, "%.1fB", n / 1e9);
    else
        lutra_format(dst, cap, "%.0fM", n / 1e6);
}

int lutra_bench_open(struct lutra_bench_model *m, const char *path,
                     const struct lutra_bench_options *o)
{
    lutra_error err;
    char size[24];
    lutra_model_options mo = {.size = sizeof mo, .cpu = o->cpu, .head = (lutra_head)o->head,
                              .i2s_layout = (lutra_i2s)o->i2s_layout, .on_log = lutra_cli_log};
    static const char *const modes[] = {"auto", "lut", "dot", "deq"};
    memset(m, 0, sizeof *m);
    if (o->kernels > LUTRA_BENCH_AUTO) mo.kernels = (lutra_kernels)(o->kernels - LUTRA_BENCH_AUTO);
    m->mode = modes[mo.kernels];
    if (lutra_model_open(&m->model, path, &mo, &err)) return lutra_cli_fail(&err, true);
    m->info.size = sizeof m->info;
    lutra_model_describe(m->model, &m->info);
    lutra_format(m->raw_path, sizeof m->raw_path, "%s", path);
    lutra_escape(m->path, sizeof m->path, path, strlen(path));
    name_size(size, sizeof size, m->info.n_params);
    static const char *const heads[] = {"", ", head q8", ", head q6", ", head q4", ", head fast"};
    lutra_format(m->type, sizeof m->type, "%s %s %s%s", m->info.arch, size, m->info.type_name,
                 heads[o->head]);
    m->tensor_bytes = tensor_bytes(path, m->info.file_bytes);
    m->cache_bytes = lutra_sensor_cache("");
    if (m->cache_bytes == 0) m->cache_bytes = CACHE_GUESS;
    m->cached = m->info.token_bytes < 4 * m->cache_bytes;
    count_macs(m);
    return -1;
}

void lutra_bench_close(struct lutra_bench_model *m)
{
    lutra_model_free(m->model);
    m->model = NULL;
}
