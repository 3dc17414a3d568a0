/* SPDX-License-Identifier: MIT */
/* Where the integer codes and tables of a batch of activations live, and how they are filled. */
#include <string.h>

#include "kernels/matmul.h"

enum { K_ALIGN = 96 }; /* 32 (blocks) and 24 (base-3 columns) divide it */

/* Vectors times columns below which starting the pool costs more than it saves. */
enum { FILL_INLINE = 8192 };

/* One vector of at least SPLIT_K columns has its tables built by all of at least SPLIT_THREADS
 * threads, in slices that every table's unit divides (4, 24 and 256 columns). Two threads gain too
 * little: quads of 8448 columns take 2.8 us with AVX2, 2.1 shared by two, 1.8 either way with
 * AVX-512, and a worker that is late costs more. */
enum { SPLIT_K = 8192, SPLIT_THREADS = 4, SLICE_K = 768 };

static size_t part_bytes(size_t n, size_t each)
{
    return lutra_round_up(n * each, LUTRA_ALIGN);
}

static size_t quint_bytes(const struct lutra_ops *ops, int k)
{
    return ((size_t)k + LUTRA_QUINT_K - 1) / LUTRA_QUINT_K * ops->quint_bytes;
}

static size_t bytes_stride(size_t k_pad)
{
    return lutra_round_up(lutra_bytes_size(k_pad), LUTRA_ALIGN) + LUTRA_ALIGN;
}

size_t lutra_act_bytes(const struct lutra_ops *ops, int n, int k, unsigned parts)
{
    size_t count = (size_t)n, k_pad = lutra_round_up((size_t)k, K_ALIGN), bytes = 0;
    if (parts & LUTRA_ACT_CODES)
        bytes += part_bytes(count, k_pad * sizeof(int16_t)) + part_bytes(count, sizeof(float)) +
                 part_bytes(count, k_pad / 16 * sizeof(int32_t));
    if (parts & LUTRA_ACT_QUADS) bytes += part_bytes(count, k_pad / 4 * 32);
    if (parts & LUTRA_ACT_TRIPS) bytes += part_bytes(count, k_pad / 3 * ops->trip_bytes);
    if (parts & LUTRA_ACT_BYTES) bytes += part_bytes(count, bytes_stride(k_pad));
    if (parts & LUTRA_ACT_QUINTS) bytes += part_bytes(count, quint_bytes(ops, k));
    return bytes;
}

static void *carve(uint8_t **mem, size_t bytes)
{
    void *p = *mem;
    *mem += bytes;
    return p;
}

void lutra_act_bind(struct lutra_act *a, const struct lutra_ops *ops, void *mem, int n, int k,
                    unsigned parts)
{
    size_t count = (size_t)n, k_pad = lutra_round_up((size_t)k, K_ALIGN);
    uint8_t *p = mem;
    a->n = n;
    a->k = k;
    a->k_pad = (int)k_pad;
    a->code_max = LUTRA_CODE_MAX;
    a->fetch = ops->fetch;
    a->quad_bytes = k_pad / 4 * 32;
    a->trip_bytes = k_pad / 3 * ops->trip_bytes;
    a->codes = NULL;
    a->scale = NULL;
    a->sums = NULL;
    a->quads = NULL;
    a->trips = NULL;
    a->quints = NULL;
    a->bytes = NULL;
    a->bytes_stride = bytes_stride(k_pad);
    a->quint_bytes = quint_bytes(ops, k);
    if (parts & LUTRA_ACT_CODES) {
        a->codes = carve(&p, part_bytes(count, k_pad * sizeof(int16_t)));
        a->scale = carve(&p, part_bytes(count, sizeof(float)));
        a->sums = carve(&p, part_bytes(count, k_pad / 16 * sizeof(int32_t)));
    }
    if (parts & LUTRA_ACT_QUADS) a->quads = carve(&p, part_bytes(count, a->quad_bytes));
    if (parts & LUTRA_ACT_TRIPS) a->trips = carve(&p, part_bytes(count, a->trip_bytes));
    if (parts & LUTRA_ACT_QUINTS) a->quints = carve(&p, part_bytes(count, a->quint_bytes));
    if (parts & LUTRA_ACT_BYTES) a->bytes = carve(&p, part_bytes(count, bytes_stride(k_pad)));
}

unsigned lutra_act_parts(const struct lutra_engine *e, const struct lutra_mat *const *mats,
                         int n_mats, int n)
{
    unsigned parts = 0;
    for (int i = 0; i < n_mats; i++) {
        switch (lutra_matmul_path(e, mats[i], n)) {
        case LUTRA_PATH_LOOKUP:
            parts |= LUTRA_ACT_CODES;
            parts |= mats[i]->kind == LUTRA_MAT_TERN    ? LUTRA_ACT_TRIPS
                     : mats[i]->kind == LUTRA_MAT_QUINT ? LUTRA_ACT_QUINTS
                                                        : LUTRA_ACT_QUADS;
            break;
        case LUTRA_PATH_PANEL:
            parts |= LUTRA_ACT_CODES;
            if (n <= lutra_bytes_most(e->ops, mats[i])) parts |= LUTRA_ACT_BYTES;
            break;
        case LUTRA_PATH_VECTOR:
            parts |= LUTRA_ACT_CODES;
            break;
        default:
            break;
        }
    }
    return parts;
}

struct fill_job {
    const struct lutra_engine *e;
    struct lutra_act *a;
    unsigned parts;
};

static void quantize(const struct fill_job *job, int v)
{
    struct lutra_act *a = job->a;
    size_t i = (size_t)v;
    a->scale[v] = job->e->ops->quantize(a->codes + i * (size_t)a->k_pad,
                                        a->sums + i * (size_t)(a->k_pad / 16),
                                        a->x + i * a->x_stride, a->k, a->k_pad, job->e->code_max);
}

/* Tables of columns [k0, k1) of vector v; k0 is a multiple of SLICE_K. */
static void build_tables(const struct fill_job *job, int v, int k0, int k1)
{
    const struct lutra_ops *ops = job->e->ops;
    const struct lutra_act *a = job->a;
    const int16_t *codes = a->codes + (size_t)v * (size_t)a->k_pad + k0;
    size_t i = (size_t)v, k = (size_t)k0;
    if (job->parts & LUTRA_ACT_QUADS)
        ops->quad_tables(a->quads + i * a->quad_bytes + k / 4 * 32, codes, k1 - k0);
    if (job->parts & LUTRA_ACT_TRIPS)
        ops->trip_tables(a->trips + i * a->trip_bytes + k / 3 * ops->trip_bytes, codes, k1 - k0);
    if (job->parts & LUTRA_ACT_BYTES)
        ops->split_codes(a, v, k0, k1);
    if ((job->parts & LUTRA_ACT_QUINTS) && k0 < a->k)
        ops->quint_tables(a->quints + i * a->quint_bytes + k / LUTRA_QUINT_K * ops->quint_bytes,
                          codes, (k1 < a->k ? k1 : a->k) - k0);
}

static void fill_some(void *arg, int begin, int end, int thread)
{
    const struct fill_job *job = arg;
    (void)thread;
    for (int v = begin; v < end; v++) {
        quantize(job, v);
        build_tables(job, v, 0, job->a->k_pad);
    }
}

/* Slices of the only vector. */
static void build_slices(void *arg, int begin, int end, int thread)
{
    const struct fill_job *job = arg;
    int k1 = end * SLICE_K;
    (void)thread;
    build_tables(job, 0, begin * SLICE_K, k1 < job->a->k_pad ? k1 : job->a->k_pad);
}

static void fill_one(struct fill_job *job)
{
    int threads = job->e->pool ? lutra_pool_size(job->e->pool) : 1;
    int slices = (job->a->k_pad + SLICE_K - 1) / SLICE_K;
    bool tables = job->parts & ~(unsigned)LUTRA_ACT_CODES;
    if (threads < SPLIT_THREADS || job->a->k < SPLIT_K || !tables) {
        fill_some(job, 0, 1, 0);
        return;
    }
    quantize(job, 0);
    lutra_pool_run(job->e->pool, slices, (slices + threads - 1) / threads, build_slices, job);
}

void lutra_act_fill(const struct lutra_engine *e, struct lutra_act *a, unsigned parts)
{
    struct fill_job job = {e, a, parts};
    if (!(parts & LUTRA_ACT_CODES)) return;
    a->code_max = e->code_max;
    if (a->n == 1)
        fill_one(&job);
    else if (!e->pool || (size_t)a->n * (size_t)a->k < FILL_INLINE)
        fill_some(&job, 0, a->n, 0);
    else
        lutra_pool_run(e->pool, a->n, a->n / (8 * lutra_pool_size(e->pool)) + 1, fill_some, &job);
}
