/* SPDX-License-Identifier: MIT */
/* Opening a network: configuration, family, plan, load, self-test. */
#include "models/model.h"

#include "kernels/cpu.h"
#include "models/families.h"
#include "models/weights.h"
#include <stdlib.h>
#include <string.h>

static lutra_status configure(const struct lutra_gguf *g, struct lutra_config *c, const struct lutra_arch **arch,
                              lutra_error *err)
{
    lutra_status st = lutra_config_read_arch(c, g, err);
    if (st != LUTRA_OK) return st;
    *arch = lutra_arch_find(c->arch);
    if (*arch == NULL) {
        char shown[64], known[300], near[64] = "";
        const char *nearest = lutra_arch_nearest(c->arch);
        if (nearest) lutra_format(near, sizeof near, " (is \"%s\" meant?)", nearest);
        return lutra_fail(err, LUTRA_EUNSUPPORTED,
                          "%s: key general.architecture at offset %llu: architecture \"%s\" is not supported%s; "
                          "these are: %s", lutra_gguf_path(g),
                          (unsigned long long)lutra_gguf_find(g, "general.architecture")->offset,
                          lutra_escape(shown, sizeof shown, c->arch, strlen(c->arch)), near,
                          lutra_arch_names(known, sizeof known));
    }
    if ((st = lutra_config_read(c, g, (*arch)->headless, err))) return st;
    if ((st = (*arch)->configure(c, g, err))) return st;
    /* whoever writes I2_S trained with int8 inputs, whatever the family: Falcon 3 is a llama */
    for (int i = 0; i < lutra_gguf_n_tensors(g); i++)
        if (lutra_gguf_tensor_at(g, i)->type == LUTRA_TYPE_I2_S) c->ternary_int8 = true;
    return lutra_config_finish(c, g, err);
}

lutra_status lutra_net_plan(const struct lutra_gguf *g, enum lutra_head_bits head, struct lutra_config *config,
                            uint64_t *weight_bytes, lutra_error *err)
{
    const struct lutra_arch *arch;
    struct lutra_weights w;
    lutra_status st = configure(g, config, &arch, err);
    if (st != LUTRA_OK) return st;
    lutra_weights_init(&w, g, config, arch);
    w.head = head;
    st = lutra_weights_walk(&w, NULL, err);
    *weight_bytes = w.bytes;
    config->has_ternary = w.has_ternary;
    return st;
}

/* Bytes one token makes us read: every matrix of every layer, of experts those it takes, the head, and norms. */
static uint64_t bytes_per_token(const struct lutra_net *net)
{
    const struct lutra_config *c = &net->config;
    uint64_t sum = net->pe_model.bytes;
    sum += net->fast.ready ? lutra_head_fast_bytes(&net->fast) : net->output.bytes;
    for (int il = 0; il < c->n_layer; il++) {
        for (int i = 0; i < net->arch->n_specs; i++) {
            int count;
            const struct lutra_mat *m = lutra_layer_mat(net, il, i, &count);
            if (m != NULL) sum += m->bytes * (uint64_t)(count > 1 ? c->n_expert_used : 1);
        }
        sum += 2 * (uint64_t)c->n_embd * sizeof(float);
    }
    return sum;
}

static void name_type(struct lutra_net *net, const struct lutra_weights *w)
{
    uint32_t best = 0;
    uint64_t most = 0;
    for (uint32_t i = 0; i < LUTRA_N_TYPE_IDS; i++)
        if (w->type_params[i] > most) {
            most = w->type_params[i];
            best = i;
        }
    const struct lutra_type_info *info = lutra_type_info(best);
    lutra_format(net->type_name, sizeof net->type_name, "%s", info ? info->name : "?");
}

static lutra_status load_weights(struct lutra_net *net, const struct lutra_gguf *g, const struct lutra_net_options *opt,
                                 uint64_t bytes, lutra_error *err)
{
    struct lutra_weights w;
    lutra_weights_init(&w, g, &net->config, net->arch);
    lutra_status st = lutra_arena_open(&net->arena, (size_t)bytes, err);
    if (st != LUTRA_OK) return st;
    if ((st = lutra_pool_open(&w.pool, opt->n_threads, NULL, err))) return st;
    w.arena = &net->arena;
    w.ops = &net->ops;
    w.planes = opt->planes;
    w.head = opt->head;
    w.on_progress = opt->on_progress;
    w.user = opt->user;
    st = lutra_weights_walk(&w, net, err);
    lutra_pool_close(w.pool);
    if (st != LUTRA_OK) return st;
    net->n_params = w.n_params;
    net->token_bytes = bytes_per_token(net);
    name_type(net, &w);
    return LUTRA_OK;
}

/* A shortlist is made by the net itself, with kernels that are known to be right, and has kernels of its own to test. */
static lutra_status make_shortlist(struct lutra_net *net, int n_threads, lutra_error *err)
{
    char said[sizeof net->self_test];
    memcpy(said, net->self_test, sizeof said);
    lutra_status st = LUTRA_OK;
    if (net->fast.low.data != NULL) st = lutra_head_fast_build(&net->fast, net, n_threads, err);
    if (st == LUTRA_OK && net->fast.ready) st = lutra_net_self_test(net, err);
    if (strcmp(net->self_test, "ok") == 0) memcpy(net->self_test, said, sizeof said);
    net->token_bytes = bytes_per_token(net);
    lutra_head_say_fast(net->head, sizeof net->head, &net->output, &net->fast);
    return st;
}

lutra_status lutra_net_load(struct lutra_net **out, const struct lutra_gguf *g, const struct lutra_net_options *opt,
                            lutra_error *err)
{
    *out = NULL;
    uint64_t bytes;
    struct lutra_net *net = calloc(1, sizeof *net);
    if (net == NULL) return lutra_fail(err, LUTRA_ENOMEM, "%s: no memory", lutra_gguf_path(g));
    lutra_status st = configure(g, &net->config, &net->arch, err);
    if (st != LUTRA_OK) goto fail;
    if ((st = lutra_net_plan(g, opt->head, &net->config, &bytes, err))) goto fail;
    lutra_ops_init(&net->ops, opt->features);
    if ((st = load_weights(net, g, opt, bytes, err))) goto fail;
    if ((st = lutra_net_self_test(net, err))) goto fail;
    if (opt->head == LUTRA_HEAD_SHORTLIST && !net->config.encoder && (st = make_shortlist(net, opt->n_threads, err))) goto fail;
    *out = net;
    return LUTRA_OK;
fail:
    lutra_net_free(net);
    return st;
}

void lutra_net_free(struct lutra_net *net)
{
    if (net == NULL) return;
    lutra_arena_close(&net->arena);
    free(net);
}
