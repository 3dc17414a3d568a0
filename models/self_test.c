/* SPDX-License-Identifier: MIT */
/* Never garbage: before a model is used, every kernel it will use runs on its own real rows and must give the bits of
 * the scalar reference. A level that does not is dropped for the next lower one, and said so. */
#include "models/model.h"

#include "kernels/agree.h"
#include "kernels/cpu.h"
#include "kernels/matmul.h"
#include <string.h>

enum { MAX_SEEN = 48 };

/* Short rows have other kernels than long ones: all their codes may be large. */
static bool same_kernels(const struct lutra_mat *a, const struct lutra_mat *b)
{
    return a->kind == b->kind && a->type == b->type && a->scales == b->scales &&
           (a->n_cols < LUTRA_NEAR_COLS) == (b->n_cols < LUTRA_NEAR_COLS);
}

static int add(const struct lutra_mat **out, int n, const struct lutra_mat *m)
{
    bool seen = m == NULL || m->data == NULL;
    for (int k = 0; k < n && !seen; k++) seen = same_kernels(out[k], m);
    if (!seen && n < MAX_SEEN) out[n++] = m;
    return n;
}

/* One matrix in the net for all that kernels are specialised by. */
static int collect(const struct lutra_net *net, const struct lutra_mat **out)
{
    int count, n = add(out, 0, &net->output);
    n = add(out, n, &net->token_embd);
    n = add(out, n, &net->pe_model);
    n = add(out, n, &net->pe_embd);
    if (net->fast.ready) n = add(out, n, &net->fast.low);
    if (net->fast.ready) n = add(out, n, &net->fast.top);
    for (int il = 0; il < net->config.n_layer; il++)
        for (int i = 0; i < net->arch->n_specs; i++) n = add(out, n, lutra_layer_mat(net, il, i, &count));
    return n;
}

static bool reads(const struct lutra_ops *ops, const struct lutra_mat *m)
{
    return m->kind != LUTRA_MAT_TERN || lutra_tern_reads(ops, lutra_tern_trio(m));
}

/* What `ops` cannot read, or gets wrong; NULL: nothing. */
static const char *first_wrong(const struct lutra_ops *ops, const struct lutra_mat **mats, int n, bool *ran)
{
    *ran = true;
    if (!lutra_agree_vectors(ops)) return "vectors of floats";
    for (int i = 0; i < n; i++) {
        int code_max = mats[i]->kind == LUTRA_MAT_TERN ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX;
        *ran = reads(ops, mats[i]);
        if (!*ran || !lutra_agree_product(ops, mats[i], code_max)) return lutra_type_info((uint32_t)mats[i]->type)->name;
    }
    return NULL;
}

lutra_status lutra_net_self_test(struct lutra_net *net, lutra_error *err)
{
    const struct lutra_mat *mats[MAX_SEEN];
    int n = collect(net, mats);
    lutra_format(net->self_test, sizeof net->self_test, "ok");
    const struct lutra_cpu_level *levels = lutra_cpu_levels();
    int level = 0;
    while (levels[level].name) level++;
    for (uint32_t features = net->ops.features;;) {
        bool ran;
        lutra_ops_init(&net->ops, features);
        const char *wrong = first_wrong(&net->ops, mats, n, &ran), *failed = net->ops.name;
        if (wrong == NULL) return LUTRA_OK;
        do level--;
        while (level > 0 && (levels[level].features & features) == features);
        if (level <= 0 && features == 0)
            return lutra_fail(err, LUTRA_ESELFTEST,
                              "the self-test failed even without vector instructions: memory is short or faulty");
        features = level <= 0 ? 0 : levels[level].features & features;
        if (ran)
            lutra_format(net->self_test, sizeof net->self_test, "%s kernels for %s gave wrong sums and were switched off",
                         failed, wrong);
    }
}
