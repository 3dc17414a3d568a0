/* SPDX-License-Identifier: MIT */
/* The table of families. */
#include "models/families.h"

#include <string.h>

static const struct lutra_arch *const archs[] = {
    &lutra_arch_llama,  &lutra_arch_qwen2,    &lutra_arch_qwen3, &lutra_arch_gemma, &lutra_arch_gemma2,
    &lutra_arch_gemma3, &lutra_arch_bitnet,   &lutra_arch_bitnet25, &lutra_arch_phi3,
    &lutra_arch_smollm3, &lutra_arch_granite, &lutra_arch_mistral3,
    &lutra_arch_qwen3moe, &lutra_arch_olmoe, &lutra_arch_gptoss,
    &lutra_arch_lfm2,   &lutra_arch_qwen35,   &lutra_arch_mamba2,
    &lutra_arch_gemma4, &lutra_arch_bert,     &lutra_arch_nomic_bert};

enum { N_ARCHS = sizeof archs / sizeof archs[0] };

const struct lutra_arch *lutra_arch_find(const char *name)
{
    for (int i = 0; i < N_ARCHS; i++)
        for (const char *const *n = archs[i]->names; *n; n++)
            if (strcmp(*n, name) == 0) return archs[i];
    return NULL;
}

const char *lutra_arch_names(char *dst, size_t cap)
{
    size_t at = 0;
    dst[0] = 0;
    for (int i = 0; i < N_ARCHS; i++)
        for (const char *const *n = archs[i]->names; *n && at < cap; n++)
            at += (size_t)lutra_format(dst + at, cap - at, "%s%s", at ? " " : "", *n);
    return dst;
}

/* How far a name is from one that is known, in insertions, deletions and changes of letters; a known name with more
 * behind it ("gemma3_text") is one step away. */
static int distance(const char *name, const char *known)
{
    int row[64], n = (int)strlen(known);
    if (strncmp(name, known, (size_t)n) == 0) return 1;
    if (n > 63) return 99;
    for (int k = 0; k <= n; k++) row[k] = k;
    for (int i = 1; name[i - 1]; i++) {
        int corner = row[0];
        row[0] = i;
        for (int k = 1; k <= n; k++) {
            int change = corner + (name[i - 1] != known[k - 1]);
            corner = row[k];
            if (row[k - 1] + 1 < change) change = row[k - 1] + 1;
            row[k] = row[k] + 1 < change ? row[k] + 1 : change;
        }
    }
    return row[n];
}

const char *lutra_arch_nearest(const char *name)
{
    const char *best = NULL;
    int least = 4; /* farther is no slip of the pen */
    for (int i = 0; i < N_ARCHS; i++)
        for (const char *const *n = archs[i]->names; *n; n++) {
            int d = distance(name, *n);
            /* of names that the given one begins with, the longest */
            if (d < least || (d == least && best && d == 1 && strlen(*n) > strlen(best))) {
                least = d;
                best = *n;
            }
        }
    return best;
}

unsigned lutra_layer_is(const struct lutra_config *c, int il)
{
    static const unsigned mixers[] = {
        [LUTRA_MIX_ATTENTION] = LUTRA_ON_ATTENTION,
        [LUTRA_MIX_SHORTCONV] = LUTRA_ON_SHORTCONV,
        [LUTRA_MIX_DELTA] = LUTRA_ON_DELTA,
        [LUTRA_MIX_MAMBA2] = LUTRA_ON_MAMBA2,
    };
    const struct lutra_shape *s = &c->shape[il];
    unsigned is = mixers[s->mixer] | (s->experts ? LUTRA_ON_EXPERTS : LUTRA_ON_DENSE);
    if (s->experts && c->n_ff_shared > 0) is |= LUTRA_ON_SHARED;
    if (s->kv_from == il) is |= LUTRA_ON_OWN_KV;
    if (c->n_embd_layer > 0) is |= LUTRA_ON_PER_LAYER;
    is |= c->fused_qkv ? LUTRA_ON_FUSED : LUTRA_ON_PARTED;
    return is;
}

const struct lutra_mat *lutra_layer_mat(const struct lutra_net *net, int il, int spec, int *count)
{
    const struct lutra_tensor_spec *s = &net->arch->specs[spec];
    if (s->kind != LUTRA_SPEC_MAT && s->kind != LUTRA_SPEC_MATS) return NULL;
    if (s->on & LUTRA_ON_FUSED_EXPERTS) return NULL; /* the rows for two tensors name the same fields */
    const void *field = (const char *)&net->layers[il] + s->field; /* a lutra_mats begins with its first matrix */
    const struct lutra_mat *m = field;
    *count = s->kind == LUTRA_SPEC_MATS ? ((const struct lutra_mats *)field)->n : 1;
    return m->data ? m : NULL;
}
