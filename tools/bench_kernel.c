/* SPDX-License-Identifier: MIT */
/* Packing a random matrix, and timing its products. */
#include "tools/bench_kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "kernels/ram.h"
#include "tools/bench_sensors.h"
#include "tools/cmd.h"
#include "tools/synth_fill.h"

enum { SAMPLES = 11, LEAST_SAMPLES = 3, MOST_SIDE = 1 << 20 };
static const double sample_seconds = 2e-3; /* short products are repeated within a sample */
static const double most_seconds = 0.3;    /* then fewer samples must do */

int lutra_kernel_settings(struct lutra_kernel_settings *s, const struct lutra_bench_options *o)
{
    uint32_t have = lutra_cpu_detect();
    const char *cpu = o->cpu ? o->cpu : "auto";
    const struct lutra_cpu_level *level = lutra_cpu_at_most(cpu, have);
    struct lutra_bench_list threads = {.n = 0};
    char shown[80];
    *s = (struct lutra_kernel_settings){.n_threads = 1};
    if (level == NULL) {
        lutra_cli_say("--cpu %s: there is no such level; `lutra doctor --levels` lists them",
                      lutra_escape(shown, sizeof shown, cpu, strlen(cpu)));
        return LUTRA_EXIT_USAGE;
    }
    if (strcmp(cpu, "auto") != 0 && strcmp(cpu, level->name) != 0)
        lutra_cli_say("--cpu %s: does not run on this machine, %s is used", cpu, level->name);
    s->features = level->features;
    if (o->threads.n > 1 ||
        (o->threads.n &&
         (!lutra_bench_range(&threads, o->threads.v[0], 0, 1 << 24) || threads.n != 1))) {
        lutra_cli_say("--kernels takes one -t");
        return LUTRA_EXIT_USAGE;
    }
    int n = threads.n ? lutra_cli_threads("-t", threads.v[0]) : 0;
    if (n) s->n_threads = n;
    s->mode = (enum lutra_mode)o->way; /* the same words in the same order */
    uint64_t cache = lutra_sensor_cache("");
    if (o->cold) s->cold_bytes = 4 * (cache ? cache : 64u << 20);
    return -1;
}

bool lutra_kernel_shape(const char *text, int *rows, int *cols)
{
    char *end;
    if (*text < '0' || *text > '9') return false;
    long r = strtol(text, &end, 10);
    if (*end != 'x' || end[1] < '0' || end[1] > '9') return false;
    long c = strtol(end + 1, &end, 10);
    *rows = (int)r;
    *cols = (int)c;
    return *end == '\0' && r >= 1 && r <= MOST_SIDE && c >= 1 && c <= MOST_SIDE;
}

/* ---- operands ---- */

/* The plan of a case. Base-3 codes are padded to whole units, not to the blocks of the type that
 * the file has them in: a row of any length can be held. */
static lutra_status plan_case(struct lutra_mat *m, const struct lutra_kernel_case *c,
                              const struct lutra_kernel_settings *s, const struct lutra_ops *ops,
                              lutra_error *err)
{
    if (c->bits > 0) return lutra_pack_plan_bits(m, c->bits, c->group, c->rows, c->cols, err);
    if (c->quint) return lutra_pack_plan_as(m, c->type, c->rows, c->cols, LUTRA_PACK_QUINT, err);
    int block = lutra_type_info((uint32_t)c->type)->block;
    int whole = (c->cols + block - 1) / block * block;
    enum lutra_packing how =
        c->ternary ? lutra_tern_packing(ops, false)
                   : lutra_codes_packing(ops, c->type, c->cols, s->mode == LUTRA_MODE_LUT);
    lutra_status st =
        lutra_pack_plan_as(m, c->type, c->rows, c->ternary ? whole : c->cols, how, err);
    if (st != LUTRA_OK || m->n_cols == c->cols) return st;
    int units = (whole + m->unit_k - 1) / m->unit_k, left = (c->cols + m->unit_k - 1) / m->unit_k;
    m->tile_bytes -= (size_t)(units - left) * m->unit_bytes;
    m->bytes = m->tile_bytes * (size_t)lutra_mat_tiles(m);
    m->n_cols = m->group = c->cols;
    return LUTRA_OK;
}

/* A tile of rows that fill their blocks, or of which the last block goes on with zeros. */
static bool pack_tile(const struct lutra_mat *m, int t, uint8_t *rows, int n)
{
    int block = lutra_type_info((uint32_t)m->type)->block;
    int whole = (m->n_cols + block - 1) / block * block;
    size_t row_bytes = (size_t)(whole / block * lutra_type_info((uint32_t)m->type)->bytes);
    struct lutra_mat padded = *m;
    if (whole == m->n_cols) {
        lutra_pack_tile(m, t, rows, n);
        return true;
    }
    enum lutra_packing how = lutra_tern_trio(m) ? LUTRA_PACK_TRIO : LUTRA_PACK_TERN;
    if (lutra_pack_plan_as(&padded, m->type, m->tile_rows, whole, how, NULL)) return false;
    float *w = calloc((size_t)whole, sizeof *w);
    padded.data = malloc(padded.bytes);
    for (int r = 0; w && padded.data && r < n; r++) {
        lutra_decode_row(m->type, w, rows + (size_t)r * row_bytes, whole);
        memset(w + m->n_cols, 0, (size_t)(whole - m->n_cols) * sizeof *w);
        lutra_encode_row(m->type, rows + (size_t)r * row_bytes, w, whole);
    }
    bool ok = w && padded.data;
    if (ok) {
        lutra_pack_tile(&padded, 0, rows, n);
        memcpy(m->data + (size_t)t * m->tile_bytes, padded.data, m->tile_bytes);
    }
    free(w);
    free(padded.data);
    return ok;
}

static uint32_t next_random(uint32_t r)
{
    r ^= r << 13;
    r ^= r >> 17;
    return r ^ r << 5;
}

/* Random codes of no type. */
static bool pack_bits(struct lutra_mat *m)
{
    size_t n = (size_t)m->n_cols * (size_t)m->tile_rows;
    uint8_t *q = malloc(n);
    float *scales = malloc(n * sizeof *scales);
    uint32_t r = 2463534242u;
    bool ok = q && scales;
    for (int t = 0; ok && t < lutra_mat_tiles(m); t++) {
        int left = m->n_rows - t * m->tile_rows;
        for (size_t i = 0; i < n; i++) {
            r = next_random(r);
            q[i] = (uint8_t)(r >> (32 - m->bits));
            scales[i] = 0.01f + (float)(r & 255) * 1e-4f;
        }
        lutra_pack_bits(m, t, q, scales, left < m->tile_rows ? left : m->tile_rows);
    }
    free(q);
    free(scales);
    return ok;
}

static bool pack_random(struct lutra_kernel_bench *b, struct lutra_mat *m)
{
    if (m->kind == LUTRA_MAT_BITS) {
        m->data = lutra_arena_take(&b->arena, m->bytes);
        return m->data != NULL && pack_bits(m);
    }
    const struct lutra_type_info *info = lutra_type_info((uint32_t)m->type);
    size_t blocks = (size_t)((m->n_cols + info->block - 1) / info->block);
    struct lutra_synth_fill fill = {.type = m->type,
                                    .size = 1.0f / sqrtf((float)m->n_cols),
                                    .equal_scales = m->kind == LUTRA_MAT_TERN,
                                    .state = 1};
    uint8_t *rows = malloc(blocks * (size_t)info->bytes * (size_t)m->tile_rows);
    m->data = lutra_arena_take(&b->arena, m->bytes);
    if (m->kind == LUTRA_MAT_TERN) m->scale = fill.size;
    if (rows == NULL || m->data == NULL) {
        free(rows);
        return false;
    }
    for (int t = 0; t < lutra_mat_tiles(m); t++) {
        int left = m->n_rows - t * m->tile_rows;
        int n = left < m->tile_rows ? left : m->tile_rows;
        lutra_synth_blocks(&fill, rows, blocks * (size_t)n);
        if (pack_tile(m, t, rows, n)) continue;
        free(rows);
        return false;
    }
    free(rows);
    return true;
}

/* Further copies, so that walking over all of them leaves none in a cache. */
static bool copy_mats(struct lutra_kernel_bench *b, int n)
{
    for (b->n_mats = 1; b->n_mats < n; b->n_mats++) {
        struct lutra_mat *m = &b->mats[b->n_mats];
        *m = b->mats[0];
        m->data = lutra_arena_take(&b->arena, m->bytes);
        if (m->data == NULL) return false;
        memcpy(m->data, b->mats[0].data, m->bytes);
    }
    return true;
}

static int copies_for(const struct lutra_mat *m, uint64_t cold_bytes)
{
    uint64_t n = cold_bytes / m->bytes + 1;
    return n > LUTRA_KERNEL_COPIES ? LUTRA_KERNEL_COPIES : (int)n;
}

/* Normally distributed, as what comes out of a normed sum is: how many codes need two bytes depends
 * on it. */
static void fill_normal(float *x, size_t n)
{
    uint32_t r = 2463534242u;
    double u[2];
    for (size_t i = 0; i < n; i++) {
        for (int j = 0; j < 2; j++) {
            r = next_random(r);
            u[j] = ((double)r + 0.5) / 4294967296.0;
        }
        x[i] = (float)(sqrt(-2 * log(u[0])) * cos(6.283185307179586 * u[1]));
    }
}

static lutra_status take_operands(struct lutra_kernel_bench *b, int copies, int threads)
{
    const struct lutra_mat *m = &b->mats[0];
    const unsigned all = LUTRA_ACT_ALL;
    size_t n = (size_t)b->most_vectors, each = lutra_engine_scratch(&b->ops);
    size_t x = n * (size_t)m->n_cols * sizeof(float), y = n * (size_t)m->n_rows * sizeof(float);
    size_t act = lutra_act_bytes(&b->ops, b->most_vectors, m->n_cols, all);
    size_t scratch = each * (size_t)threads;
    size_t cap =
        (m->bytes + LUTRA_ALIGN) * (size_t)copies + x + y + act + scratch + 4 * LUTRA_ALIGN;
    uint64_t room = lutra_ram_available();
    if (room && cap > room) return LUTRA_ENOMEM;
    if (lutra_arena_open(&b->arena, cap, NULL)) return LUTRA_ENOMEM;
    b->x = lutra_arena_take(&b->arena, x);
    b->y = lutra_arena_take(&b->arena, y);
    b->act_mem = lutra_arena_take(&b->arena, act);
    b->engine.scratch = lutra_arena_take(&b->arena, scratch);
    b->engine.scratch_each = each;
    if (!b->x || !b->y || !b->act_mem || !b->engine.scratch) return LUTRA_ENOMEM;
    fill_normal(b->x, n * (size_t)m->n_cols);
    return pack_random(b, &b->mats[0]) && copy_mats(b, copies) ? LUTRA_OK : LUTRA_ENOMEM;
}

lutra_status lutra_kernel_open(struct lutra_kernel_bench *b, const struct lutra_kernel_case *c,
                               const struct lutra_kernel_settings *s, int most_vectors,
                               lutra_error *err)
{
    memset(b, 0, sizeof *b);
    lutra_ops_init(&b->ops, s->features);
    b->most_vectors = most_vectors;
    lutra_status st = plan_case(&b->mats[0], c, s, &b->ops, err);
    if (st == LUTRA_OK) st = lutra_pool_open(&b->pool, s->n_threads, NULL, err);
    if (st != LUTRA_OK) return st;
    b->engine.ops = &b->ops;
    b->engine.pool = b->pool;
    b->engine.precision = LUTRA_PREC_DEFAULT;
    b->engine.mode = s->mode;
    b->engine.code_max = c->ternary ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX;
    if (take_operands(b, copies_for(&b->mats[0], s->cold_bytes), s->n_threads) == LUTRA_OK)
        return LUTRA_OK;
    lutra_kernel_close(b);
    return lutra_fail(err, LUTRA_ENOMEM, "no memory for a matrix of %d x %d", c->rows, c->cols);
}

void lutra_kernel_close(struct lutra_kernel_bench *b)
{
    lutra_pool_close(b->pool);
    lutra_arena_close(&b->arena);
    b->pool = NULL;
}

/* ---- timing ---- */

static void fill_tables(struct lutra_kernel_bench *b, int n)
{
    const struct lutra_mat *m = &b->mats[0];
    unsigned parts = lutra_act_parts(&b->engine, &m, 1, n);
    lutra_act_bind(&b->act, &b->ops, b->act_mem, n, m->n_cols, parts);
    b->act.x = b->x;
    b->act.x_stride = (size_t)m->n_cols;
    lutra_act_fill(&b->engine, &b->act, parts);
}

static void multiply(struct lutra_kernel_bench *b, int n)
{
    const struct lutra_mat *m = &b->mats[b->turn];
    (void)n;
    b->turn = (b->turn + 1) % b->n_mats;
    lutra_matmul(&b->engine, b->y, (size_t)m->n_rows, m, &b->act);
}

/* Seconds of one call: `count` of them are timed together. */
static double seconds_of(struct lutra_kernel_bench *b, int n, int count,
                         void (*work)(struct lutra_kernel_bench *, int))
{
    double start = lutra_cli_now();
    for (int i = 0; i < count; i++) work(b, n);
    return (lutra_cli_now() - start) / count;
}

int lutra_kernel_begin(struct lutra_kernel_bench *b, int n, double *table_ns)
{
    *table_ns = INFINITY;
    for (int i = 0; i < 5; i++) {
        double ns = seconds_of(b, n, 1, fill_tables) * 1e9;
        if (ns < *table_ns) *table_ns = ns;
    }
    seconds_of(b, n, 1, multiply); /* warms caches and clock */
    double one = seconds_of(b, n, b->n_mats, multiply);
    return one < sample_seconds ? (int)(sample_seconds / (one > 1e-8 ? one : 1e-8)) + 1 : 1;
}

double lutra_kernel_sample(struct lutra_kernel_bench *b, int n, int repeat)
{
    return seconds_of(b, n, repeat, multiply) * 1e9;
}

/* As models do it: in pieces, tables for one piece at a time. */
static void fill_and_multiply(struct lutra_kernel_bench *b, int n)
{
    const struct lutra_mat *m = &b->mats[b->turn];
    b->turn = (b->turn + 1) % b->n_mats;
    for (int v = 0, some; v < n; v += some) {
        struct lutra_act a = {.x = b->x + (size_t)v * (size_t)m->n_cols,
                              .x_stride = (size_t)m->n_cols};
        some = lutra_matmul_step(&b->engine, &m, 1, n - v);
        unsigned parts = lutra_act_parts(&b->engine, &m, 1, some);
        lutra_act_bind(&a, &b->ops, b->act_mem, some, m->n_cols, parts);
        lutra_act_fill(&b->engine, &a, parts);
        lutra_matmul(&b->engine, b->y + (size_t)v * (size_t)m->n_rows, (size_t)m->n_rows, m, &a);
    }
}

double lutra_kernel_whole(struct lutra_kernel_bench *b, int n)
{
    return seconds_of(b, n, n < 16 ? 16 / n : 1, fill_and_multiply) * 1e9;
}

struct lutra_kernel_time lutra_kernel_measure(struct lutra_kernel_bench *b, int n)
{
    struct lutra_kernel_time t = {.best_ns = INFINITY};
    double ns[SAMPLES], spent = 0;
    int k = 0, repeat = lutra_kernel_begin(b, n, &t.table_ns);
    while (k < SAMPLES && (k < LEAST_SAMPLES || spent < most_seconds)) {
        ns[k] = lutra_kernel_sample(b, n, repeat);
        spent += ns[k] * repeat * 1e-9;
        if (ns[k] < t.best_ns) t.best_ns = ns[k];
        k++;
    }
    t.ns = lutra_bench_iqm(ns, k);
    t.interval = lutra_bench_interval(ns, k);
    return t;
}
