/* SPDX-License-Identifier: MIT */
/* From tensor names to packed matrices. Every known tensor's shape and type is checked before its bytes are read,
 * and bytes are read in slices that are packed at once: two copies of the weights never exist. */
#include "models/weights.h"

#include "kernels/qcheck.h"
#include "models/frequency.h"
#include "models/head.h"
#include "models/outer_scale.h"
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void lutra_weights_init(struct lutra_weights *w, const struct lutra_gguf *g, const struct lutra_config *c,
                        const struct lutra_arch *arch)
{
    memset(w, 0, sizeof *w);
    w->g = g;
    w->config = c;
    w->arch = arch;
    for (int i = 0; i < lutra_gguf_n_tensors(g); i++) w->total_read += lutra_gguf_tensor_at(g, i)->bytes;
}

/* The sizes of layer il; of the net's own tensors in layer 0. */
static struct lutra_dims dims_of(const struct lutra_config *c, int il)
{
    const struct lutra_shape *s = &c->shape[il];
    struct lutra_dims d = {.one = 1,
                           .n_embd = c->n_embd,
                           .n_ff = s->n_ff,
                           .q = s->n_head * s->head_dim,
                           .k = s->n_head_kv * s->head_dim,
                           .v = s->n_head_kv * s->head_dim,
                           .o = s->n_head * s->head_dim,
                           .head = s->head_dim,
                           .n_head = s->n_head,
                           .vocab = c->n_vocab,
                           .n_expert = c->n_expert,
                           .ff_expert = c->n_ff_expert,
                           .ff_shared = c->n_ff_shared,
                           .taps = c->conv_taps,
                           .conv = c->conv_width,
                           .inner = c->ssm_inner,
                           .heads = c->ssm_heads,
                           .state = c->ssm_state,
                           .groups = c->ssm_groups,
                           .pe = c->n_embd_layer,
                           .pe_all = c->n_embd_layer * c->n_layer};
    d.q2 = 2 * d.q;
    d.qk = d.q + d.k;
    d.qkv = d.qk + d.v;
    d.ff2 = 2 * d.n_ff;
    d.ff_expert2 = 2 * d.ff_expert;
    d.embd3 = 3 * d.n_embd;
    d.in_proj = d.inner + d.conv + d.heads;
    d.group = d.groups > 0 ? d.inner / d.groups : 0;
    return d;
}

static int dim(const struct lutra_weights *w, size_t field)
{
    int v;
    memcpy(&v, (const char *)&w->dims + field, sizeof v);
    return v;
}

static lutra_status wrong_shape(const struct lutra_weights *w, const struct lutra_gguf_tensor *t, int cols, int rows,
                                int count, lutra_error *err)
{
    char more[16] = "";
    if (count > 1) lutra_format(more, sizeof more, ",%d", count);
    return lutra_fail(err, LUTRA_EFORMAT,
                      "%s: tensor %s at offset %llu: shape [%llu,%llu,%llu,%llu], expected [%d,%d%s]; "
                      "the file is damaged or not of the architecture it names",
                      lutra_gguf_tensor_path(w->g, t), t->name, (unsigned long long)t->info_offset,
                      (unsigned long long)t->ne[0], (unsigned long long)t->ne[1], (unsigned long long)t->ne[2],
                      (unsigned long long)t->ne[3], cols, rows, more);
}

/* The tensor if it has the shape [cols, rows, count] (rows == 0: a vector of cols). */
static lutra_status find_all(const struct lutra_weights *w, const char *name, int cols, int rows, int count, bool required,
                             const struct lutra_gguf_tensor **out, lutra_error *err)
{
    const struct lutra_gguf_tensor *t = lutra_gguf_tensor(w->g, name);
    *out = t;
    if (t == NULL && !required) return LUTRA_OK;
    if (t == NULL)
        return lutra_gguf_missing(w->g, "tensor", name,
                                  "the file is incomplete or not of the architecture it names", err);
    uint64_t want1 = rows == 0 ? 1 : (uint64_t)rows;
    if (t->ne[0] == (uint64_t)cols && t->ne[1] == want1 && t->ne[2] == (uint64_t)count && t->ne[3] == 1) return LUTRA_OK;
    /* small vectors are written as rows of one element, too */
    if (rows == 0 && t->ne[0] * t->ne[1] == (uint64_t)cols && t->ne[0] == 1 && t->ne[2] == 1 && t->ne[3] == 1)
        return LUTRA_OK;
    return wrong_shape(w, t, cols, rows ? rows : 1, count, err);
}

static lutra_status find(const struct lutra_weights *w, const char *name, int cols, int rows, bool required,
                         const struct lutra_gguf_tensor **out, lutra_error *err)
{
    return find_all(w, name, cols, rows, 1, required, out, err);
}

static lutra_status wrong_type(const struct lutra_weights *w, const struct lutra_gguf_tensor *t, const char *want,
                               lutra_error *err)
{
    const struct lutra_type_info *info = lutra_type_info(t->type);
    return lutra_fail(err, LUTRA_EUNSUPPORTED, "%s: tensor %s at offset %llu: type %s (%u) cannot be used here (%s)%s%s",
                      lutra_gguf_tensor_path(w->g, t), t->name, (unsigned long long)t->info_offset, info ? info->name : "?",
                      t->type, want, info && info->note ? ": " : "", info && info->note ? info->note : "");
}

static void *take(struct lutra_weights *w, uint64_t bytes, bool *ok)
{
    uint64_t cost;
    *ok = lutra_align_ok(&cost, bytes, LUTRA_ALIGN) && lutra_add_ok(&w->bytes, w->bytes, cost);
    if (!*ok || w->arena == NULL) return NULL;
    void *p = lutra_arena_take(w->arena, (size_t)bytes);
    *ok = p != NULL;
    return p;
}

static lutra_status no_memory(const struct lutra_weights *w, const char *name, lutra_error *err)
{
    return lutra_fail(err, LUTRA_ENOMEM, "%s: tensor %s does not fit in memory", lutra_gguf_path(w->g), name);
}

/* ---- small float vectors: norms, biases, scales ---- */

static lutra_status load_vec(struct lutra_weights *w, const struct lutra_gguf_tensor *t, const float **out,
                             lutra_error *err)
{
    if (t->type != LUTRA_TYPE_F32 && t->type != LUTRA_TYPE_F16 && t->type != LUTRA_TYPE_BF16)
        return wrong_type(w, t, "F32, F16 or BF16", err);
    bool ok;
    size_t n = (size_t)(t->ne[0] * t->ne[1]);
    float *dst = take(w, (uint64_t)n * sizeof(float), &ok);
    if (!ok) return no_memory(w, t->name, err);
    w->n_params += n;
    if (w->arena == NULL) return LUTRA_OK;
    if (t->type == LUTRA_TYPE_F32) {
        lutra_status st = lutra_gguf_read(w->g, t, 0, dst, n * sizeof(float), err);
        if (st != LUTRA_OK) return st;
    } else {
        uint16_t *raw = malloc(n * sizeof *raw);
        if (raw == NULL) return no_memory(w, t->name, err);
        lutra_status st = lutra_gguf_read(w->g, t, 0, raw, n * sizeof *raw, err);
        if (st == LUTRA_OK) lutra_decode_row((int)t->type, dst, raw, (int)n);
        free(raw);
        if (st != LUTRA_OK) return st;
    }
    w->read_bytes += t->bytes;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(dst[i]))
            return lutra_fail(err, LUTRA_EFORMAT, "%s: tensor %s at offset %llu: element %zu is not a finite number; "
                              "the file is damaged, download it again", lutra_gguf_tensor_path(w->g, t), t->name,
                              (unsigned long long)t->offset, i);
    *out = dst;
    return LUTRA_OK;
}

/* ---- matrices ---- */

struct pack_job {
    struct lutra_weights *w;
    const struct lutra_gguf_tensor *t;
    const struct lutra_mat *m;
    int first;       /* row of the tensor that is row 0 of the matrix */
    size_t row_bytes;
    atomic_int failed;
    lutra_error err; /* of the first failure */
};

/* Tiles are read in runs of about this many bytes: large enough for fast pread, small enough to stay in L2. */
enum { SLICE_BYTES = 256 << 10 };

static void job_fail(struct pack_job *j, const lutra_error *err)
{
    int expected = 0;
    if (atomic_compare_exchange_strong(&j->failed, &expected, 1)) j->err = *err;
}

/* Rows of I2_S as the file has them, to rows of blocks of 64. Code 3 means nothing there. */
static bool settle_i2s(struct pack_job *j, const uint8_t *rows, uint8_t *to, int n, int row0)
{
    size_t all = (size_t)n * j->row_bytes, bad = lutra_i2s_bad(rows, all);
    lutra_error err;
    if (bad == all) {
        lutra_i2s_rows(lutra_gguf_i2s(j->w->g), to, rows, n, j->m->n_cols);
        return true;
    }
    lutra_fail(&err, LUTRA_EFORMAT,
               "%s: tensor %s at offset %llu: code 3, which I2_S does not have; the file is damaged, "
               "download it again",
               lutra_gguf_path(j->w->g), j->t->name,
               (unsigned long long)(j->t->offset + (uint64_t)row0 * j->row_bytes + bad));
    job_fail(j, &err);
    return false;
}

/* A block whose scale is NaN or infinite would poison every sum it enters: refuse it by name and place. */
static bool scales_finite(struct pack_job *j, const uint8_t *rows, int n, int row0)
{
    const struct lutra_type_info *info = lutra_type_info(j->t->type);
    size_t n_blocks = (size_t)n * j->row_bytes / (size_t)info->bytes;
    size_t bad = lutra_blocks_finite((int)j->t->type, rows, n_blocks);
    if (bad == n_blocks) return true;
    size_t at = bad * (size_t)info->bytes;
    lutra_error err;
    lutra_fail(&err, LUTRA_EFORMAT,
               "%s: tensor %s at offset %llu: row %d holds a %s that is not a finite number; "
               "the file is damaged, download it again",
               lutra_gguf_tensor_path(j->w->g, j->t), j->t->name,
               (unsigned long long)(j->t->offset + (uint64_t)row0 * j->row_bytes + at),
               row0 + (int)(at / j->row_bytes), info->block > 1 ? "scale" : "weight");
    job_fail(j, &err);
    return false;
}

static void pack_tiles(void *arg, int begin, int end, int thread)
{
    (void)thread;
    struct pack_job *j = arg;
    lutra_error err;
    struct lutra_recode recode = {0};
    bool other = j->m->type != (int)j->t->type, i2s = j->t->type == LUTRA_TYPE_I2_S;
    size_t room = (size_t)j->m->tile_rows * j->row_bytes;
    uint8_t *buf = malloc(i2s ? 2 * room : room);
    if (buf == NULL || (other && lutra_recode_open(&recode, (int)j->t->type, j->m->type, j->m->tile_rows,
                                                   j->m->n_cols) != LUTRA_OK)) {
        free(buf);
        no_memory(j->w, j->t->name, &err);
        job_fail(j, &err);
        return;
    }
    for (int tile = begin; tile < end && !atomic_load_explicit(&j->failed, memory_order_relaxed); tile++) {
        int row0 = tile * j->m->tile_rows;
        int n = j->m->n_rows - row0 < j->m->tile_rows ? j->m->n_rows - row0 : j->m->tile_rows;
        if (lutra_gguf_read(j->w->g, j->t, ((uint64_t)j->first + (uint64_t)row0) * j->row_bytes, buf,
                            (size_t)n * j->row_bytes, &err)) {
            job_fail(j, &err);
            break;
        }
        if (!scales_finite(j, buf, n, j->first + row0)) break;
        uint8_t *rows = i2s ? buf + room : buf;
        if (i2s && !settle_i2s(j, buf, rows, n, j->first + row0)) break;
        lutra_pack_tile(j->m, tile, other ? lutra_recode_rows(&recode, rows, n) : rows, n);
    }
    lutra_recode_close(&recode);
    free(buf);
}

/* Codes that may be ternary; whether they are is in the bytes. */
static bool may_be_ternary(uint32_t type)
{
    return type == LUTRA_TYPE_TQ1_0 || type == LUTRA_TYPE_TQ2_0 || type == LUTRA_TYPE_Q2_0 ||
           type == LUTRA_TYPE_Q2_0_G128;
}

/* What packings the codes and scales of rows [first, first + n_rows) allow. Reads them once, in slices. */
static lutra_status probe_ternary(struct lutra_weights *w, const struct lutra_gguf_tensor *t, int first, int n_rows,
                                  size_t row_bytes, struct lutra_ternary *found, lutra_error *err)
{
    int n_cols = (int)t->ne[0];
    int step = row_bytes < SLICE_BYTES ? (int)(SLICE_BYTES / row_bytes) : 1;
    lutra_status st = LUTRA_OK;
    *found = (struct lutra_ternary){.ternary = true, .per_row = true, .equal = true};
    uint8_t *buf = malloc((size_t)step * row_bytes);
    if (buf == NULL) return no_memory(w, t->name, err);
    for (int row = 0; row < n_rows && found->ternary && st == LUTRA_OK; row += step) {
        int n = n_rows - row < step ? n_rows - row : step;
        st = lutra_gguf_read(w->g, t, ((uint64_t)first + (uint64_t)row) * row_bytes, buf, (size_t)n * row_bytes, err);
        if (st == LUTRA_OK) lutra_ternary_probe(found, (int)t->type, buf, n, n_cols);
    }
    free(buf);
    return st;
}

/* Base 3 where inputs are int8 and a row has one scale, as in BitNet's own files: its tables hold sums of int8. Other
 * ternary tensors are five trits a byte if this level looks those up faster than planes: AVX-512 from memory, weights
 * per ns: 168 (1.69 bits) against 135 (2.06 bits). AVX2 and below would lose more by taking bytes apart than
 * they save, by the count of their operations (not measured). */
static enum lutra_packing packing_of(const struct lutra_weights *w, const struct lutra_gguf_tensor *t,
                                     const struct lutra_ternary *found)
{
    bool int8 = w->config->ternary_int8 && (t->type == LUTRA_TYPE_TQ1_0 || t->type == LUTRA_TYPE_TQ2_0);
    enum lutra_packing codes = lutra_codes_packing(w->ops, (int)t->type, (int)t->ne[0], w->planes);
    if (t->type == LUTRA_TYPE_I2_S) return lutra_tern_packing(w->ops, false);
    if (!found->ternary) return codes;
    if (int8 && found->per_row) return lutra_tern_packing(w->ops, !found->equal);
    if (!w->ops->packs_quint) return codes;
    return LUTRA_PACK_QUINT; /* not QUINT_ROWS: levels with planes add group by group, and bits must not differ */
}

/* Rows [first, first + m->n_rows) of tensor t. */
static lutra_status pack_matrix(struct lutra_weights *w, const struct lutra_gguf_tensor *t, int first,
                                const struct lutra_mat *m, size_t row_bytes, lutra_error *err)
{
    struct pack_job job = {.w = w, .t = t, .m = m, .first = first, .row_bytes = row_bytes};
    int tiles = lutra_mat_tiles(m);
    size_t tile_read = (size_t)m->tile_rows * row_bytes;
    int grain = tile_read < SLICE_BYTES ? (int)(SLICE_BYTES / tile_read) : 1;
    lutra_pool_run(w->pool, tiles, grain, pack_tiles, &job);
    if (atomic_load(&job.failed)) {
        if (err) *err = job.err;
        return job.err.code;
    }
    w->read_bytes += (uint64_t)m->n_rows * row_bytes;
    if (w->on_progress && !w->on_progress(w->user, (double)w->read_bytes / (double)w->total_read))
        return lutra_fail(err, LUTRA_ECANCEL, "%s: loading was stopped", lutra_gguf_path(w->g));
    return LUTRA_OK;
}

/* Layout of a matrix. How a ternary one is packed is known only once it is read, and with few rows any way may be the
 * largest: a plan counts that. */
static lutra_status plan_mat(const struct lutra_weights *w, const struct lutra_gguf_tensor *t, int n_rows,
                             bool may_ternary, enum lutra_packing how, struct lutra_mat *m, lutra_error *err)
{
    lutra_status st = lutra_pack_plan_as(m, (int)t->type, n_rows, (int)t->ne[0], how, NULL);
    if (st != LUTRA_OK) /* too many columns for a sum per row */
        st = lutra_pack_plan_as(m, (int)t->type, n_rows, (int)t->ne[0], LUTRA_PACK_CODES, err);
    if (w->arena != NULL || (!may_ternary && t->type != LUTRA_TYPE_I2_S)) return st;
    for (int i = LUTRA_PACK_TERN; i <= LUTRA_PACK_QUINT_ROWS && st == LUTRA_OK; i++) {
        struct lutra_mat other = {0};
        if (lutra_pack_plan_as(&other, (int)t->type, n_rows, (int)t->ne[0], (enum lutra_packing)i, NULL)) continue;
        if (other.bytes > m->bytes) *m = other;
    }
    return st;
}

/* Can the tensor's shape have the layout that the caller says I2_S has? */
static lutra_status check_i2s(const struct lutra_weights *w, const struct lutra_gguf_tensor *t, int n_rows,
                              lutra_error *err)
{
    enum lutra_i2s_layout l = lutra_gguf_i2s(w->g);
    const char *why = lutra_i2s_refuse(l, (int)t->ne[0], n_rows);
    if (why == NULL) return LUTRA_OK;
    return lutra_fail(err, LUTRA_EUNSUPPORTED, "%s: tensor %s at offset %llu: I2_S of layout %s, but %s",
                      lutra_gguf_path(w->g), t->name, (unsigned long long)t->info_offset, lutra_i2s_name(l), why);
}

/* `count` matrices of n_rows rows, one behind the other; in the tensor they begin at row `first` and are `stride` rows
 * apart. *m is the first of them. */
static lutra_status load_mats(struct lutra_weights *w, const struct lutra_gguf_tensor *t, int first, int n_rows,
                              int stride, int count, struct lutra_mat *m, lutra_error *err)
{
    struct lutra_mat local;
    if (m == NULL) m = &local;
    if (!lutra_type_runs(t->type)) return wrong_type(w, t, "types that run are listed by `lutra --help`", err);
    const struct lutra_type_info *info = lutra_type_info(t->type);
    size_t row_bytes = (size_t)t->ne[0] / (size_t)info->block * (size_t)info->bytes;
    bool may_ternary = may_be_ternary(t->type) && count == 1;
    if ((int64_t)stride * count > INT32_MAX) return no_memory(w, t->name, err); /* rows are counted in int */
    struct lutra_ternary found = {0};
    enum lutra_packing how = LUTRA_PACK_CODES;
    lutra_status st;
    if (t->type == LUTRA_TYPE_I2_S && (st = check_i2s(w, t, n_rows, err))) return st;
    if (may_ternary) w->has_ternary = true;
    if (w->arena != NULL && may_ternary) {
        if ((st = probe_ternary(w, t, first, n_rows, row_bytes, &found, err))) return st;
    }
    if (w->arena != NULL) how = packing_of(w, t, &found);
    if ((st = plan_mat(w, t, n_rows, may_ternary, how, m, err))) return st;
    if (m->kind == LUTRA_MAT_TERN && m->scales != LUTRA_SCALE_ROW) m->scale = found.scale;
    if (w->arena != NULL && (m->kind == LUTRA_MAT_BOOK || t->type == LUTRA_TYPE_I2_S)) {
        float scale;
        if ((st = lutra_outer_scale(w->g, t, count, &scale, err))) return st;
        m->scale = m->kind == LUTRA_MAT_BOOK ? m->scale * scale : scale;
    }
    bool ok;
    uint64_t bytes, weights = (uint64_t)n_rows * (uint64_t)count * t->ne[0]; /* within the file: no overflow */
    if (!lutra_mul_ok(&bytes, m->bytes, (uint64_t)count)) return no_memory(w, t->name, err);
    m->data = take(w, bytes, &ok);
    if (!ok) return no_memory(w, t->name, err);
    w->n_params += weights;
    if (t->type < LUTRA_N_TYPE_IDS) w->type_params[t->type] += weights;
    if (w->arena == NULL) return LUTRA_OK;
    struct lutra_mats all = {*m, count};
    for (int i = 0; i < count && st == LUTRA_OK; i++) {
        struct lutra_mat one = lutra_mats_at(&all, i);
        st = pack_matrix(w, t, first + i * stride, &one, row_bytes, err);
    }
    return st;
}

static lutra_status load_mat(struct lutra_weights *w, const struct lutra_gguf_tensor *t, struct lutra_mat *m,
                             lutra_error *err)
{
    return load_mats(w, t, 0, (int)t->ne[1], 0, 1, m, err);
}

/* ---- the head ---- */

/* The output matrix from tensor t, in the type that was asked for. A tied one is read a second time, and only if that
 * makes it smaller; else *m stays as it is. */
static lutra_status load_head(struct lutra_weights *w, const struct lutra_gguf_tensor *t, struct lutra_mat *m, bool tied,
                              lutra_error *err)
{
    struct lutra_mat local;
    if (m == NULL) m = &local;
    int n_rows = (int)t->ne[1], n_cols = (int)t->ne[0];
    int type = lutra_type_runs(t->type) ? lutra_head_type(w->head, (int)t->type, n_rows, n_cols) : (int)t->type;
    if (type == (int)t->type) return tied ? LUTRA_OK : load_mat(w, t, m, err);
    lutra_status st = lutra_pack_plan(m, type, n_rows, n_cols, false, err);
    if (st != LUTRA_OK) return st;
    bool ok;
    m->data = take(w, m->bytes, &ok);
    if (!ok) return no_memory(w, t->name, err);
    if (!tied) w->n_params += t->ne[0] * t->ne[1];
    if (w->arena == NULL) return LUTRA_OK;
    size_t row_bytes = (size_t)(t->bytes / (uint64_t)n_rows);
    if (tied) w->total_read += t->bytes;
    return pack_matrix(w, t, 0, m, row_bytes, err);
}

/* ---- the walk ---- */

/* The tensor of one row of the table, into its field of the layer (NULL: plan only). */
static lutra_status walk_spec(struct lutra_weights *w, const struct lutra_tensor_spec *s, struct lutra_layer *layer,
                              int il, lutra_error *err)
{
    char name[96];
    lutra_format(name, sizeof name, "blk.%d.%s", il, s->suffix);
    bool mat = s->kind == LUTRA_SPEC_MAT || s->kind == LUTRA_SPEC_MATS, flat = s->kind == LUTRA_SPEC_VEC;
    int rows = dim(w, s->rows), all = dim(w, s->all), count = s->kind == LUTRA_SPEC_MATS ? w->config->n_expert : 1;
    const struct lutra_gguf_tensor *t;
    lutra_status st = flat ? find(w, name, all, 0, s->required, &t, err)
                           : find_all(w, name, dim(w, s->cols), all, count, s->required, &t, err);
    if (st != LUTRA_OK || t == NULL) return st;
    void *field = layer ? (char *)layer + s->field : NULL;
    const float *vec = NULL;
    if (s->kind == LUTRA_SPEC_MATS && field) ((struct lutra_mats *)field)->n = count; /* its `one` comes first */
    st = mat ? load_mats(w, t, dim(w, s->first), rows, all, count, field, err) : load_vec(w, t, &vec, err);
    if (flat && vec) vec += dim(w, s->first);
    if (st == LUTRA_OK && !mat && field) memcpy(field, &vec, sizeof vec);
    return st;
}

static lutra_status walk_layer(struct lutra_weights *w, struct lutra_layer *layer, int il, lutra_error *err)
{
    unsigned is = lutra_layer_is(w->config, il);
    char fused[64];
    lutra_format(fused, sizeof fused, "blk.%d." LUTRA_FUSED_EXPERTS, il);
    if (is & LUTRA_ON_EXPERTS) is |= lutra_gguf_tensor(w->g, fused) ? LUTRA_ON_FUSED_EXPERTS : LUTRA_ON_PARTED_EXPERTS;
    w->dims = dims_of(w->config, il);
    for (int i = 0; i < w->arch->n_specs; i++) {
        const struct lutra_tensor_spec *s = &w->arch->specs[i];
        if ((s->on & ~is) != 0) continue;
        lutra_status st = walk_spec(w, s, layer, il, err);
        if (st != LUTRA_OK) return st;
    }
    return LUTRA_OK;
}

/* Divisors of frequencies by name; NULL if the file has none. */
static lutra_status load_divisors(struct lutra_weights *w, const char *name, const float **out, lutra_error *err)
{
    const struct lutra_gguf_tensor *t;
    *out = NULL;
    int half = w->config->n_rot / 2;
    lutra_status st = half > 0 ? find(w, name, half, 0, false, &t, err) : LUTRA_OK;
    if (st != LUTRA_OK || half == 0 || t == NULL) return st;
    if ((st = load_vec(w, t, out, err)) || w->arena == NULL) return st;
    for (int i = 0; i < half; i++)
        if (!((*out)[i] > 0.0f))
            return lutra_fail(err, LUTRA_EFORMAT, "%s: tensor %s at offset %llu: element %d is not positive; "
                              "the file is damaged, download it again",
                              lutra_gguf_path(w->g), name, (unsigned long long)t->offset, i);
    return LUTRA_OK;
}

/* Radians per position of each rotated pair. Llama 3's long contexts come as divisors in rope_freqs.weight, Phi's as
 * one list for short and one for long contexts. */
static lutra_status walk_rope(struct lutra_weights *w, struct lutra_net *net, lutra_error *err)
{
    const struct lutra_config *c = w->config;
    const float *any, *brief, *lengthy;
    lutra_status st;
    if ((st = load_divisors(w, "rope_freqs.weight", &any, err))) return st;
    if ((st = load_divisors(w, "rope_factors_short.weight", &brief, err))) return st;
    if ((st = load_divisors(w, "rope_factors_long.weight", &lengthy, err))) return st;
    bool ok;
    size_t half = (size_t)c->n_rot / 2, half_local = (size_t)c->n_rot_local / 2;
    double *freq = take(w, (2 * half + half_local) * sizeof(double), &ok);
    if (!ok) return no_memory(w, "rope tables", err);
    if (w->arena == NULL) return LUTRA_OK;
    double *lasting = freq + half, *local = lasting + half;
    net->rope_size = lutra_frequencies(freq, c, any ? any : brief, false);
    lutra_frequencies(lasting, c, any ? any : lengthy, false);
    net->rope_size_local = lutra_frequencies(local, c, NULL, true);
    net->freq = freq;
    net->freq_long = lasting;
    net->freq_local = local;
    return LUTRA_OK;
}

/* One line on what became of the head; "for" counts the bytes of the file's type as packed here. */
static void note_head(const struct lutra_weights *w, const struct lutra_gguf_tensor *t, struct lutra_net *net)
{
    struct lutra_mat file = {0};
    lutra_pack_plan(&file, (int)t->type, (int)t->ne[1], (int)t->ne[0], false, NULL);
    lutra_head_say(net->head, sizeof net->head, w->head, (int)t->type, file.bytes, &net->output, net->tied);
}

/* Room for a shortlist beside a head from tensor t; what it holds is made once all weights are there. */
static lutra_status take_shortlist(struct lutra_weights *w, const struct lutra_gguf_tensor *t, struct lutra_net *net,
                                   lutra_error *err)
{
    struct lutra_mat head = {0};
    struct lutra_head_fast f;
    bool ok[3];
    lutra_status st = lutra_pack_plan(&head, (int)t->type, (int)t->ne[1], (int)t->ne[0], false, err);
    if (st != LUTRA_OK || !lutra_head_fast_plan(&f, &head)) return st;
    f.low.data = take(w, f.low.bytes, &ok[0]);
    f.top.data = take(w, f.top.bytes, &ok[1]);
    f.rows = take(w, (uint64_t)head.n_rows * sizeof *f.rows, &ok[2]);
    if (!ok[0] || !ok[1] || !ok[2]) return no_memory(w, t->name, err);
    if (net) net->fast = f;
    return LUTRA_OK;
}

static lutra_status walk_output(struct lutra_weights *w, struct lutra_net *net, lutra_error *err)
{
    const struct lutra_gguf_tensor *t, *embd;
    const float *norm = NULL;
    lutra_status st;
    if ((st = find(w, "token_embd.weight", w->dims.n_embd, w->dims.vocab, true, &embd, err))) return st;
    if ((st = load_mat(w, embd, net ? &net->token_embd : NULL, err))) return st;
    const char *norm_name = "output_norm.weight"; /* LFM2's converter names it differently */
    if (lutra_gguf_tensor(w->g, norm_name) == NULL && lutra_gguf_tensor(w->g, "token_embd_norm.weight") != NULL)
        norm_name = "token_embd_norm.weight";
    if ((st = find(w, norm_name, w->dims.n_embd, 0, true, &t, err))) return st;
    if ((st = load_vec(w, t, &norm, err))) return st;
    if (net) net->output_norm = norm;
    if ((st = find(w, "output.weight", w->dims.n_embd, w->dims.vocab, false, &t, err))) return st;
    bool tied = t == NULL;
    if (tied && net) net->output = net->token_embd;
    if (net) net->tied = tied;
    if (tied) t = embd;
    if ((st = load_head(w, t, net ? &net->output : NULL, tied, err))) return st;
    if (net) note_head(w, t, net);
    return w->head == LUTRA_HEAD_SHORTLIST ? take_shortlist(w, t, net, err) : LUTRA_OK;
}

static lutra_status walk_vec(struct lutra_weights *w, const char *name, const float **field, lutra_error *err)
{
    const struct lutra_gguf_tensor *t;
    const float *vec = NULL;
    lutra_status st = find(w, name, w->dims.n_embd, 0, true, &t, err);
    if (st == LUTRA_OK) st = load_vec(w, t, &vec, err);
    if (field) *field = vec;
    return st;
}

/* An encoder has no head, and more in front of its layers. Of the kinds of text (sentence A, B) all tokens are the
 * first: that row alone is kept. */
static lutra_status walk_input(struct lutra_weights *w, struct lutra_net *net, lutra_error *err)
{
    const struct lutra_gguf_tensor *t;
    const float *types = NULL;
    int64_t n_types = 0;
    lutra_status st;
    if ((st = lutra_gguf_int(w->g, "tokenizer.ggml.token_type_count", 1, 1024, &n_types, NULL, err))) return st;
    if (n_types == 0)
        return lutra_gguf_missing(w->g, "key", "tokenizer.ggml.token_type_count", "convert or download the file again", err);
    if ((st = find(w, "token_embd.weight", w->dims.n_embd, w->dims.vocab, true, &t, err))) return st;
    if ((st = load_mat(w, t, net ? &net->token_embd : NULL, err))) return st;
    if (w->config->learned_positions) {
        if ((st = find(w, "position_embd.weight", w->dims.n_embd, w->config->n_ctx_train, true, &t, err))) return st;
        if ((st = load_mat(w, t, net ? &net->pos_embd : NULL, err))) return st;
    }
    if ((st = find(w, "token_types.weight", w->dims.n_embd, (int)n_types, false, &t, err))) return st;
    if (t && (st = load_vec(w, t, &types, err))) return st;
    if (net) net->type_embd = types;
    if ((st = walk_vec(w, "token_embd_norm.weight", net ? &net->embd_norm : NULL, err))) return st;
    if ((st = walk_vec(w, "token_embd_norm.bias", net ? &net->embd_shift : NULL, err))) return st;
    if (net) lutra_format(net->head, sizeof net->head, "none: an encoder");
    return LUTRA_OK;
}

/* Gemma 4's embeddings of each layer. */
static lutra_status walk_per_layer(struct lutra_weights *w, struct lutra_net *net, lutra_error *err)
{
    const struct lutra_gguf_tensor *t;
    const float *norm = NULL;
    lutra_status st;
    if (w->config->n_embd_layer == 0) return LUTRA_OK;
    if ((st = find(w, "per_layer_token_embd.weight", w->dims.pe_all, w->dims.vocab, true, &t, err))) return st;
    if ((st = load_mat(w, t, net ? &net->pe_embd : NULL, err))) return st;
    if ((st = find(w, "per_layer_model_proj.weight", w->dims.n_embd, w->dims.pe_all, true, &t, err))) return st;
    if ((st = load_mat(w, t, net ? &net->pe_model : NULL, err))) return st;
    if ((st = find(w, "per_layer_proj_norm.weight", w->dims.pe, 0, true, &t, err))) return st;
    if ((st = load_vec(w, t, &norm, err))) return st;
    if (net) net->pe_model_norm = norm;
    return LUTRA_OK;
}

lutra_status lutra_weights_walk(struct lutra_weights *w, struct lutra_net *net, lutra_error *err)
{
    bool ok;
    lutra_status st;
    struct lutra_layer *layers = take(w, (uint64_t)w->config->n_layer * sizeof *layers, &ok);
    if (!ok) return no_memory(w, "layers", err);
    w->dims = dims_of(w->config, 0);
    if ((st = (w->config->encoder ? walk_input : walk_output)(w, net, err))) return st;
    if ((st = walk_per_layer(w, net, err))) return st;
    if ((st = walk_rope(w, net, err))) return st;
    for (int il = 0; il < w->config->n_layer; il++)
        if ((st = walk_layer(w, layers ? &layers[il] : NULL, il, err))) return st;
    if (net) net->layers = layers;
    return LUTRA_OK;
}
